/* frame: the units of a payload (proto/wire.md section 5). Read, size and write of one frame agree by
 * standing in the same order of types; whatever a reader yields satisfies every limit of the format, so that
 * nobody above checks it again. */
#include "udpcp/wire.h"

#include <assert.h>
#include <string.h>

#include "wire/block_header.h"

/* A run of padding: its first byte has been read as the type. */
static void read_padding(struct frame *frame, struct reader *reader) {
  const uint8_t *at = reader->at;
  while (at < reader->end && *at == FRAME_PADDING)
    at++;
  size_t more = (size_t)(at - reader->at);
  (void)read_bytes(reader, more);
  frame->padding_size = 1 + more;
}

/* RFC 9000 section 19.3: each number is a distance down from the one before; going below zero is an error. */
static int read_ack(struct frame_ack *ack, struct reader *reader) {
  uint64_t largest = read_varint(reader);
  ack->delay_us = read_varint(reader);
  uint64_t more = read_varint(reader);
  if (reader->failed || more >= ACK_RANGES_MAX) return ERR_MALFORMED;
  ack->range_count = (uint32_t)more + 1;
  for (uint32_t i = 0; i < ack->range_count; i++) {
    if (i > 0) {
      uint64_t gap = read_varint(reader), above = ack->ranges[i - 1].first;
      if (above < gap + 2) return ERR_MALFORMED;
      largest = above - gap - 2;
    }
    uint64_t length_less_one = read_varint(reader);
    if (reader->failed || length_less_one > largest) return ERR_MALFORMED;
    ack->ranges[i] = (struct range){largest - length_less_one, largest + 1};
  }
  for (unsigned i = 0; i < 3; i++)
    ack->ecn[i] = read_varint(reader);
  return 0;
}

static int read_stream(struct frame *frame, struct reader *reader) {
  frame->stream.offset = read_varint(reader);
  uint64_t size = read_varint(reader);
  if (size > reader_left(reader) || size > VARINT_MAX - frame->stream.offset) return ERR_MALFORMED;
  frame->stream.bytes = read_bytes(reader, size);
  frame->stream.size = size;
  return 0;
}

static int read_block(struct frame *frame, struct reader *reader) {
  struct block_header *header = &frame->block.header;
  header->size_class = read_u8(reader);
  if (block_header_read(header, reader) < 0) return ERR_MALFORMED;
  uint64_t size = read_varint(reader);
  if (size == 0 || size > reader_left(reader) || size > pool_class_bytes(header->size_class) - header->offset)
    return ERR_MALFORMED;
  frame->block.bytes = read_bytes(reader, size);
  frame->block.size = size;
  return 0;
}

static int read_close(struct frame *frame, struct reader *reader) {
  frame->close.code = read_varint(reader);
  uint64_t size = read_varint(reader);
  if (size > REASON_BYTES_MAX) return ERR_MALFORMED;
  frame->close.reason = read_bytes(reader, size);
  frame->close.reason_size = size;
  return 0;
}

int frame_read(struct frame *frame, struct reader *reader) {
  uint8_t type = read_u8(reader);
  int error = 0;
  if (reader->failed || type >= FRAME_TYPES) return ERR_MALFORMED;
  frame->type = (enum frame_type)type;
  switch (frame->type) {
  case FRAME_PADDING:
    read_padding(frame, reader);
    break;
  case FRAME_ACK:
    error = read_ack(&frame->ack, reader);
    break;
  case FRAME_CRYPTO:
  case FRAME_CONTROL:
    error = read_stream(frame, reader);
    break;
  case FRAME_BLOCK:
    error = read_block(frame, reader);
    break;
  case FRAME_MAX_DATA:
    frame->max_data = read_varint(reader);
    break;
  case FRAME_PATH_CHALLENGE:
  case FRAME_PATH_RESPONSE:
    frame->path = read_u64(reader);
    break;
  case FRAME_ACK_FREQUENCY:
    frame->ack_frequency.packets = read_varint(reader);
    frame->ack_frequency.delay_us = read_varint(reader);
    break;
  case FRAME_CLOSE:
    error = read_close(frame, reader);
    break;
  case FRAME_PING:
  case FRAME_READY:
  case FRAME_TYPES:
    break;
  }
  return reader->failed ? ERR_MALFORMED : error;
}

static size_t ack_size(const struct frame_ack *ack) {
  assert(ack->range_count >= 1 && ack->range_count <= ACK_RANGES_MAX);
  const struct range *ranges = ack->ranges;
  size_t size =
      varint_size(ranges[0].end - 1) + varint_size(ack->delay_us) + varint_size(ack->range_count - 1);
  for (uint32_t i = 0; i < ack->range_count; i++) {
    assert(ranges[i].first < ranges[i].end);
    if (i > 0) {
      assert(ranges[i].end < ranges[i - 1].first && "descending and never adjacent");
      size += varint_size(ranges[i - 1].first - ranges[i].end - 1);
    }
    size += varint_size(ranges[i].end - ranges[i].first - 1);
  }
  for (unsigned i = 0; i < 3; i++)
    size += varint_size(ack->ecn[i]);
  return size;
}

size_t frame_size(const struct frame *frame) {
  switch (frame->type) {
  case FRAME_PADDING:
    return frame->padding_size;
  case FRAME_ACK:
    return 1 + ack_size(&frame->ack);
  case FRAME_CRYPTO:
  case FRAME_CONTROL:
    return 1 + varint_size(frame->stream.offset) + varint_size(frame->stream.size) + frame->stream.size;
  case FRAME_BLOCK:
    return 2 + block_header_size(&frame->block.header) + varint_size(frame->block.size) + frame->block.size;
  case FRAME_MAX_DATA:
    return 1 + varint_size(frame->max_data);
  case FRAME_PATH_CHALLENGE:
  case FRAME_PATH_RESPONSE:
    return 1 + 8;
  case FRAME_ACK_FREQUENCY:
    return 1 + varint_size(frame->ack_frequency.packets) + varint_size(frame->ack_frequency.delay_us);
  case FRAME_CLOSE:
    return 1 + varint_size(frame->close.code) + varint_size(frame->close.reason_size) +
           frame->close.reason_size;
  case FRAME_PING:
  case FRAME_READY:
    return 1;
  case FRAME_TYPES:
    break;
  }
  assert(!"a frame type that does not exist");
  return 0;
}

static void write_ack(const struct frame_ack *ack, struct writer *writer) {
  const struct range *ranges = ack->ranges;
  write_varint(writer, ranges[0].end - 1);
  write_varint(writer, ack->delay_us);
  write_varint(writer, ack->range_count - 1);
  for (uint32_t i = 0; i < ack->range_count; i++) {
    if (i > 0) write_varint(writer, ranges[i - 1].first - ranges[i].end - 1);
    write_varint(writer, ranges[i].end - ranges[i].first - 1);
  }
  for (unsigned i = 0; i < 3; i++)
    write_varint(writer, ack->ecn[i]);
}

static void write_block(const struct frame *frame, struct writer *writer) {
  const struct block_header *header = &frame->block.header;
  assert(frame->block.size > 0);
  assert(frame->block.size <= pool_class_bytes(header->size_class) - header->offset);
  write_u8(writer, header->size_class);
  block_header_write(header, writer);
  write_varint(writer, frame->block.size);
  write_bytes(writer, frame->block.bytes, frame->block.size);
}

void frame_write(const struct frame *frame, struct writer *writer) {
  /* The size first: a frame that does not fit leaves nothing half written, and its limits are asserted there.
   */
  size_t size = frame_size(frame);
  if (size > writer_left(writer)) {
    writer->failed = true;
    return;
  }
  size_t used_before = writer_used(writer);
  assert(frame->type != FRAME_PADDING || size > 0);
  write_u8(writer, (uint8_t)frame->type);
  switch (frame->type) {
  case FRAME_PADDING:
    memset(writer->at, FRAME_PADDING, size - 1);
    writer->at += size - 1;
    break;
  case FRAME_ACK:
    write_ack(&frame->ack, writer);
    break;
  case FRAME_CRYPTO:
  case FRAME_CONTROL:
    assert(frame->stream.size <= VARINT_MAX - frame->stream.offset);
    write_varint(writer, frame->stream.offset);
    write_varint(writer, frame->stream.size);
    write_bytes(writer, frame->stream.bytes, frame->stream.size);
    break;
  case FRAME_BLOCK:
    write_block(frame, writer);
    break;
  case FRAME_MAX_DATA:
    write_varint(writer, frame->max_data);
    break;
  case FRAME_PATH_CHALLENGE:
  case FRAME_PATH_RESPONSE:
    write_u64(writer, frame->path);
    break;
  case FRAME_ACK_FREQUENCY:
    write_varint(writer, frame->ack_frequency.packets);
    write_varint(writer, frame->ack_frequency.delay_us);
    break;
  case FRAME_CLOSE:
    assert(frame->close.reason_size <= REASON_BYTES_MAX);
    write_varint(writer, frame->close.code);
    write_varint(writer, frame->close.reason_size);
    write_bytes(writer, frame->close.reason, frame->close.reason_size);
    break;
  case FRAME_PING:
  case FRAME_READY:
  case FRAME_TYPES:
    break;
  }
  assert(!writer->failed && writer_used(writer) - used_before == size);
}
