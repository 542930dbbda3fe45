/* hostile_say: what a hostile sender says in the words of proto/transfer.md, with no rule checked, and what
 * it is answered. */
#ifndef HOSTILE_SAY_H
#define HOSTILE_SAY_H

#include "hostile_draft.h"
#include "transfer/block.h"

enum { ANSWER_BYTES = 512 };
#define PATIENCE_NS (8 * NS_PER_S)
static const uint8_t content[] = "not what it seems\n";
enum { CONTENT_BYTES = sizeof(content) - 1 };

static uint32_t announced;

static inline void add_hello(void) { ADD(MESSAGE_HELLO, FORMAT_VERSION, 0); }

/* The fields in the order they have on the wire, mtime still as zigzag number. */
struct line {
  uint64_t kind, mode, size, mtime, mtime_ns, shared;
};
static const struct line plain_line = {.mode = 0644, .size = CONTENT_BYTES, .mtime = 2000000000};

static inline void add_entry(const struct line *line, const void *rest, size_t rest_size) {
  const uint64_t fields[] = {line->kind,     line->mode,   line->size, line->mtime,
                             line->mtime_ns, line->shared, rest_size};
  add_message(MESSAGE_ENTRY, fields, sizeof(fields) / sizeof(fields[0]), rest, rest_size);
  announced++;
}

static inline void add_file(const char *name, uint64_t size) {
  struct line line = plain_line;
  line.size = size;
  add_entry(&line, name, strlen(name));
}

/* A block as it should be, sealed in `block`; its size. */
static inline size_t seal(uint8_t block[BLOCK_BYTES_MAX], uint32_t object, uint64_t number, uint32_t size) {
  struct block_trailer trailer = {.object = object, .number = number, .raw_size = size};
  for (uint32_t i = 0; i < size; i++)
    block[i] = content[i % CONTENT_BYTES];
  block_seal(block, &trailer);
  return size + BLOCK_TRAILER_BYTES;
}

static inline void give(struct peer *peer, uint32_t object, uint64_t number, uint32_t size) {
  static uint8_t block[BLOCK_BYTES_MAX];
  peer_give_block(peer, block, seal(block, object, number, size));
}

/* ---- what the receiver answers ---- */
static struct answer {
  unsigned committed, had, failed, wants;
  uint64_t failure; /* of the last one */
  bool is_finished;
} answer;

/* Takes in the messages that are there whole; returns how many objects have had their RESULT by now. */
static inline unsigned hear(struct peer *peer) {
  struct message message;
  struct reader reader;
  reader_init(&reader, peer->heard, peer->heard_size);
  while (message_read(&message, &reader) == 0) {
    answer.wants += message.type == MESSAGE_WANT;
    answer.is_finished |= message.type == MESSAGE_FINISHED;
    if (message.type != MESSAGE_RESULT) continue;
    if (message.result.status == RESULT_COMMITTED) answer.committed += message.result.count;
    if (message.result.status == RESULT_HAVE) answer.had += message.result.count;
    if (message.result.status != RESULT_FAILED) continue;
    answer.failed += message.result.count;
    answer.failure = message.result.failure;
  }
  peer->heard_size = reader_left(&reader);
  memmove(peer->heard, reader.at, peer->heard_size);
  return answer.committed + answer.had + answer.failed;
}

/* Until so many objects have their RESULT and so many were asked for. */
static inline void wait_for(struct peer *peer, unsigned results, unsigned wants) {
  uint64_t end_ns = clock_now_ns() + PATIENCE_NS;
  while ((hear(peer) < results || answer.wants < wants) && !peer->is_closed && clock_now_ns() < end_ns)
    peer_turn(peer, end_ns);
}

static inline void wait_for_results(struct peer *peer, unsigned count) { wait_for(peer, count, 0); }
static inline void wait_for_want(struct peer *peer) { wait_for(peer, 0, 1); }
static inline void wait_for_close(struct peer *peer) { peer_run(peer, PATIENCE_NS); }

static inline void write_answer(struct peer *peer, char text[ANSWER_BYTES]) {
  hear(peer);
  int used = snprintf(text, ANSWER_BYTES, "%u committed, %u had, %u failed (%llu)", answer.committed,
                      answer.had, answer.failed, (unsigned long long)answer.failure);
  if (peer->is_closed && peer->closed.closed.by == CLOSED_BY_PEER)
    snprintf(text + used, ANSWER_BYTES - (size_t)used, "; closed %llu: %s",
             (unsigned long long)peer->closed.closed.code, peer->closed.closed.reason);
  else
    snprintf(text + used, ANSWER_BYTES - (size_t)used, answer.is_finished ? "; finished" : "; open");
}

/* ---- one attack ---- */
struct row {
  const char *label;
  void (*attack)(struct peer *peer, const struct row *row);
  const char *expected; /* must stand in the answer */
  const char *bytes;    /* most often a name */
  size_t size;
  uint64_t number;
};

static uint16_t port;
static uint64_t number_given; /* the third argument */

#endif
