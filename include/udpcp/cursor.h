/* cursor: bounded reading and writing, so that a decoder is a straight line of reads and one check at its
 * end.
 *
 * A step past the end sets `failed` and leaves nothing, so every later step fails as well and reads yield
 * zeros; no caller can run past its bytes by forgetting a check. Numbers are big-endian (proto/wire.md
 * section 1). All of it stands here, because every packet takes a dozen of these steps and a call costs more
 * than the step. */
#ifndef UDPCP_CURSOR_H
#define UDPCP_CURSOR_H

#include <assert.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

struct reader {
  const uint8_t *at, *end;
  bool failed;
};
struct writer {
  uint8_t *start, *at, *end;
  bool failed;
};

/* ---- numbers as bytes, highest first ---- */

static inline uint16_t load_u16(const uint8_t *bytes) { return (uint16_t)(bytes[0] << 8 | bytes[1]); }

static inline uint32_t load_u32(const uint8_t *bytes) {
  return (uint32_t)load_u16(bytes) << 16 | load_u16(bytes + 2);
}

static inline uint64_t load_u64(const uint8_t *bytes) {
  return (uint64_t)load_u32(bytes) << 32 | load_u32(bytes + 4);
}

static inline void store_u16(uint8_t *bytes, uint16_t value) {
  bytes[0] = (uint8_t)(value >> 8);
  bytes[1] = (uint8_t)value;
}

static inline void store_u32(uint8_t *bytes, uint32_t value) {
  store_u16(bytes, (uint16_t)(value >> 16));
  store_u16(bytes + 2, (uint16_t)value);
}

static inline void store_u64(uint8_t *bytes, uint64_t value) {
  store_u32(bytes, (uint32_t)(value >> 32));
  store_u32(bytes + 4, (uint32_t)value);
}

/* ---- reader ---- */

static inline void reader_init(struct reader *reader, const void *bytes, size_t size) {
  /* Of nothing a reader may be made, but never of NULL: read_bytes tells failure by it. */
  static const uint8_t nothing[1];
  assert(bytes || size == 0);
  reader->at = bytes ? bytes : nothing;
  reader->end = reader->at + size;
  reader->failed = false;
}

static inline size_t reader_left(const struct reader *reader) { return (size_t)(reader->end - reader->at); }

/* The next `size` bytes in place, NULL (and failed) when fewer are left. */
static inline const uint8_t *read_bytes(struct reader *reader, size_t size) {
  if (reader->failed || size > reader_left(reader)) {
    reader->failed = true;
    reader->at = reader->end;
    return NULL;
  }
  const uint8_t *bytes = reader->at;
  reader->at += size;
  return bytes;
}

static inline uint8_t read_u8(struct reader *reader) {
  const uint8_t *bytes = read_bytes(reader, 1);
  return bytes ? *bytes : 0;
}

static inline uint32_t read_u32(struct reader *reader) {
  const uint8_t *bytes = read_bytes(reader, 4);
  return bytes ? load_u32(bytes) : 0;
}

static inline uint64_t read_u64(struct reader *reader) {
  const uint8_t *bytes = read_bytes(reader, 8);
  return bytes ? load_u64(bytes) : 0;
}

/* ---- writer ---- */

static inline void writer_init(struct writer *writer, void *bytes, size_t size) {
  static uint8_t nothing[1];
  assert(bytes || size == 0);
  writer->start = bytes ? bytes : nothing;
  writer->at = writer->start;
  writer->end = writer->start + size;
  writer->failed = false;
}

static inline size_t writer_left(const struct writer *writer) { return (size_t)(writer->end - writer->at); }

static inline size_t writer_used(const struct writer *writer) { return (size_t)(writer->at - writer->start); }

/* Room for the next `size` bytes, NULL (and failed) when less is left. */
static inline uint8_t *write_room(struct writer *writer, size_t size) {
  if (writer->failed || size > writer_left(writer)) {
    writer->failed = true;
    writer->end = writer->at;
    return NULL;
  }
  uint8_t *bytes = writer->at;
  writer->at += size;
  return bytes;
}

static inline void write_u8(struct writer *writer, uint8_t value) {
  uint8_t *bytes = write_room(writer, 1);
  if (bytes) *bytes = value;
}

static inline void write_u32(struct writer *writer, uint32_t value) {
  uint8_t *bytes = write_room(writer, 4);
  if (bytes) store_u32(bytes, value);
}

static inline void write_u64(struct writer *writer, uint64_t value) {
  uint8_t *bytes = write_room(writer, 8);
  if (bytes) store_u64(bytes, value);
}

static inline void write_bytes(struct writer *writer, const void *bytes, size_t size) {
  assert(bytes || size == 0);
  uint8_t *to = write_room(writer, size);
  if (to && size > 0) memcpy(to, bytes, size);
}

#endif
