/* describe: packets and frames as one line of text each, for traces and for what a failing test prints.
 *
 * Contents are never shown, only where they belong and how long they are: a trace must not leak a file. */
#include "udpcp/wire.h"

#include <assert.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>

struct text {
  char *at;
  size_t left; /* with the terminating zero */
};

static void text_init(struct text *text, char *bytes, size_t size) {
  assert(bytes && size > 0);
  *bytes = 0;
  *text = (struct text){bytes, size};
}

__attribute__((format(printf, 2, 3))) static void say(struct text *text, const char *format, ...) {
  va_list arguments;
  va_start(arguments, format);
  int written = vsnprintf(text->at, text->left, format, arguments);
  va_end(arguments);
  assert(written >= 0);
  size_t step = (size_t)written < text->left ? (size_t)written : text->left - 1;
  text->at += step;
  text->left -= step;
}

static void say_cid(struct text *text, const char *name, const struct cid *cid) {
  say(text, " %s=", name);
  for (unsigned i = 0; i < CID_BYTES; i++)
    say(text, "%02x", cid->bytes[i]);
}

static void say_block(struct text *text, const struct block_header *header) {
  say(text, " block=%" PRIu64 " offset=%" PRIu32 " class=%u%s", header->number, header->offset,
      header->size_class, header->fin ? " fin" : "");
}

void packet_describe(const struct packet *packet, char *bytes, size_t size) {
  static const char *const names[] = {"INITIAL", "HANDSHAKE", "RETRY", "VERSIONS", "FRAMES", "BLOCK"};
  struct text text;
  text_init(&text, bytes, size);
  assert((unsigned)packet->type < sizeof(names) / sizeof(names[0]));
  bool is_short = packet->type == PACKET_FRAMES || packet->type == PACKET_BLOCK;
  say(&text, "%s", names[packet->type]);
  if (is_short || packet->type == PACKET_INITIAL || packet->type == PACKET_HANDSHAKE)
    say(&text, " number=%" PRIu64, packet->number);
  if (is_short)
    say(&text, " phase=%u", packet->key_phase);
  else
    say(&text, " version=%08" PRIx32, packet->version);
  say_cid(&text, "to", &packet->destination);
  if (!is_short) say_cid(&text, "from", &packet->source);
  if (packet->token_size > 0) say(&text, " token=%zu", packet->token_size);
  if (packet->type == PACKET_BLOCK) say_block(&text, &packet->block);
  say(&text, " payload=%zu", packet->payload_size);
}

static void say_ack(struct text *text, const struct frame_ack *ack) {
  for (uint32_t i = 0; i < ack->range_count; i++)
    say(text, "%s%" PRIu64 "-%" PRIu64, i == 0 ? " " : ",", ack->ranges[i].first, ack->ranges[i].end - 1);
  say(text, " delay=%" PRIu64 "us ecn=%" PRIu64 "/%" PRIu64 "/%" PRIu64, ack->delay_us, ack->ecn[0],
      ack->ecn[1], ack->ecn[2]);
}

/* The peer's words, made safe for a terminal. */
static void say_reason(struct text *text, const uint8_t *reason, size_t size) {
  say(text, " \"");
  for (size_t i = 0; i < size; i++)
    say(text, "%c", reason[i] >= 0x20 && reason[i] < 0x7f ? reason[i] : '?');
  say(text, "\"");
}

void frame_describe(const struct frame *frame, char *bytes, size_t size) {
  static const char *const names[FRAME_TYPES] = {
      "PADDING",  "PING",           "ACK",           "CRYPTO",        "CONTROL", "BLOCK",
      "MAX_DATA", "PATH_CHALLENGE", "PATH_RESPONSE", "ACK_FREQUENCY", "READY",   "CLOSE",
  };
  struct text text;
  text_init(&text, bytes, size);
  assert((unsigned)frame->type < FRAME_TYPES);
  say(&text, "%s", names[frame->type]);
  switch (frame->type) {
  case FRAME_PADDING:
    say(&text, " size=%zu", frame->padding_size);
    break;
  case FRAME_ACK:
    say_ack(&text, &frame->ack);
    break;
  case FRAME_CRYPTO:
  case FRAME_CONTROL:
    say(&text, " offset=%" PRIu64 " size=%zu", frame->stream.offset, frame->stream.size);
    break;
  case FRAME_BLOCK:
    say_block(&text, &frame->block.header);
    say(&text, " size=%zu", frame->block.size);
    break;
  case FRAME_MAX_DATA:
    say(&text, " %" PRIu64, frame->max_data);
    break;
  case FRAME_PATH_CHALLENGE:
  case FRAME_PATH_RESPONSE:
    say(&text, " %016" PRIx64, frame->path);
    break;
  case FRAME_ACK_FREQUENCY:
    say(&text, " packets=%" PRIu64 " delay=%" PRIu64 "us", frame->ack_frequency.packets,
        frame->ack_frequency.delay_us);
    break;
  case FRAME_CLOSE:
    say(&text, " code=%" PRIu64, frame->close.code);
    say_reason(&text, frame->close.reason, frame->close.reason_size);
    break;
  case FRAME_PING:
  case FRAME_READY:
  case FRAME_TYPES:
    break;
  }
}
