/* cursor: bounded reading and writing, so that a decoder is a straight line of reads and one check at its
 * end.
 *
 * A step past the end sets `failed` and leaves nothing, so every later step fails as well and reads yield
 * zeros; no caller can run past its bytes by forgetting a check. Numbers are big-endian (proto/wire.md
 * section 1). */
#include "udpcp/base.h"

#include <assert.h>
#include <string.h>

/* The next `size` bytes, NULL when they are not there. */
static const uint8_t *reader_take(struct reader *reader, size_t size) {
  if (reader->failed || size > (size_t)(reader->end - reader->at)) {
    reader->failed = true;
    reader->at = reader->end;
    return NULL;
  }
  const uint8_t *bytes = reader->at;
  reader->at += size;
  return bytes;
}

static uint8_t *writer_take(struct writer *writer, size_t size) {
  if (writer->failed || size > (size_t)(writer->end - writer->at)) {
    writer->failed = true;
    writer->end = writer->at;
    return NULL;
  }
  uint8_t *bytes = writer->at;
  writer->at += size;
  return bytes;
}

static uint64_t load_big_endian(const uint8_t *bytes, size_t size) {
  uint64_t value = 0;
  for (size_t i = 0; i < size; i++)
    value = value << 8 | bytes[i];
  return value;
}

static void store_big_endian(uint8_t *bytes, size_t size, uint64_t value) {
  for (size_t i = size; i-- > 0; value >>= 8)
    bytes[i] = (uint8_t)value;
}

void reader_init(struct reader *reader, const void *bytes, size_t size) {
  /* Of nothing a reader may be made, but never of NULL: read_bytes tells failure by it. */
  static const uint8_t nothing[1];
  assert(bytes || size == 0);
  reader->at = bytes ? bytes : nothing;
  reader->end = reader->at + size;
  reader->failed = false;
}

size_t reader_left(const struct reader *reader) { return (size_t)(reader->end - reader->at); }

uint8_t read_u8(struct reader *reader) {
  const uint8_t *bytes = reader_take(reader, 1);
  return bytes ? *bytes : 0;
}

uint32_t read_u32(struct reader *reader) {
  const uint8_t *bytes = reader_take(reader, 4);
  return bytes ? (uint32_t)load_big_endian(bytes, 4) : 0;
}

uint64_t read_u64(struct reader *reader) {
  const uint8_t *bytes = reader_take(reader, 8);
  return bytes ? load_big_endian(bytes, 8) : 0;
}

const uint8_t *read_bytes(struct reader *reader, size_t size) { return reader_take(reader, size); }

void writer_init(struct writer *writer, void *bytes, size_t size) {
  static uint8_t nothing[1];
  assert(bytes || size == 0);
  writer->start = bytes ? bytes : nothing;
  writer->at = writer->start;
  writer->end = writer->start + size;
  writer->failed = false;
}

size_t writer_left(const struct writer *writer) { return (size_t)(writer->end - writer->at); }

size_t writer_used(const struct writer *writer) { return (size_t)(writer->at - writer->start); }

void write_u8(struct writer *writer, uint8_t value) {
  uint8_t *bytes = writer_take(writer, 1);
  if (bytes) *bytes = value;
}

void write_u32(struct writer *writer, uint32_t value) {
  uint8_t *bytes = writer_take(writer, 4);
  if (bytes) store_big_endian(bytes, 4, value);
}

void write_u64(struct writer *writer, uint64_t value) {
  uint8_t *bytes = writer_take(writer, 8);
  if (bytes) store_big_endian(bytes, 8, value);
}

void write_bytes(struct writer *writer, const void *bytes, size_t size) {
  assert(bytes || size == 0);
  uint8_t *to = writer_take(writer, size);
  if (to && size > 0) memcpy(to, bytes, size);
}
