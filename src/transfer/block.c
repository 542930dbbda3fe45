/* block: see the header. The trailer stands behind the data so that the data begins where the buffer does,
 * aligned for hashing, for direct input and output, and for the page cache. */
#include "block.h"

#include <assert.h>
#include <string.h>

static_assert((int)BLOCK_DATA_BYTES + (int)BLOCK_TRAILER_BYTES <= (int)BLOCK_BYTES_MAX,
              "the transport carries a whole block");
static_assert((int)BLOCK_TRAILER_BYTES <= (int)POOL_TRAILER_BYTES, "a full block fits its class");

uint64_t block_count(uint64_t file_size) {
  return file_size / BLOCK_DATA_BYTES + (file_size % BLOCK_DATA_BYTES > 0 ? 1 : 0);
}

uint32_t block_raw_size(uint64_t file_size, uint64_t number) {
  assert(number < block_count(file_size));
  uint64_t left = file_size - number * BLOCK_DATA_BYTES;
  return left < BLOCK_DATA_BYTES ? (uint32_t)left : BLOCK_DATA_BYTES;
}

static void write_fields(struct writer *writer, const struct block_trailer *trailer) {
  write_u32(writer, trailer->object);
  write_u64(writer, trailer->number);
  write_u32(writer, (uint32_t)trailer->encoding << 24 | trailer->raw_size);
}

/* A trailer that was damaged would make a block count for another place or file than its own, and the right
 * one would be waited for without end: so the fields are part of what is checked. */
static struct hash128 check_of(const struct block_trailer *trailer) {
  uint8_t bytes[BLOCK_TRAILER_BYTES];
  struct writer writer;
  writer_init(&writer, bytes, sizeof(bytes));
  write_bytes(&writer, trailer->hash.bytes, sizeof(trailer->hash.bytes));
  write_fields(&writer, trailer);
  return hash_128(bytes, sizeof(bytes));
}

void block_seal(uint8_t *block, struct block_trailer *trailer) {
  assert(trailer->raw_size > 0 && trailer->raw_size <= BLOCK_DATA_BYTES);
  trailer->encoding = BLOCK_ENCODING_RAW;
  trailer->hash = hash_128(block, trailer->raw_size);
  struct writer writer;
  writer_init(&writer, block + trailer->raw_size, BLOCK_TRAILER_BYTES);
  trailer->check = check_of(trailer);
  write_bytes(&writer, trailer->check.bytes, sizeof(trailer->check.bytes));
  write_fields(&writer, trailer);
  assert(!writer.failed && writer_left(&writer) == 0);
}

int block_read_trailer(struct block_trailer *trailer, const uint8_t *block, size_t size) {
  if (size <= BLOCK_TRAILER_BYTES) return ERR_MALFORMED;
  struct reader reader;
  reader_init(&reader, block + size - BLOCK_TRAILER_BYTES, BLOCK_TRAILER_BYTES);
  memcpy(trailer->check.bytes, read_bytes(&reader, sizeof(trailer->check.bytes)),
         sizeof(trailer->check.bytes));
  trailer->object = read_u32(&reader);
  trailer->number = read_u64(&reader);
  uint32_t word = read_u32(&reader);
  assert(!reader.failed && reader_left(&reader) == 0);
  trailer->encoding = (uint8_t)(word >> 24);
  trailer->raw_size = word & 0xffffff;
  if (trailer->encoding != BLOCK_ENCODING_RAW) return ERR_UNSUPPORTED;
  return trailer->raw_size == size - BLOCK_TRAILER_BYTES ? 0 : ERR_MALFORMED;
}

bool block_is_intact(struct block_trailer *trailer, const uint8_t *block) {
  trailer->hash = hash_128(block, trailer->raw_size);
  struct hash128 check = check_of(trailer);
  return memcmp(check.bytes, trailer->check.bytes, sizeof(check.bytes)) == 0;
}

void digest_add(struct digest *digest, uint64_t number, const struct hash128 *hash) {
  uint8_t bytes[8 + sizeof(hash->bytes)];
  struct writer writer;
  writer_init(&writer, bytes, sizeof(bytes));
  write_u64(&writer, number);
  write_bytes(&writer, hash->bytes, sizeof(hash->bytes));
  struct hash128 term = hash_128(bytes, sizeof(bytes));
  struct reader reader;
  reader_init(&reader, term.bytes, sizeof(term.bytes));
  uint64_t high = read_u64(&reader), low = read_u64(&reader);
  digest->low += low;
  digest->high += high + (digest->low < low ? 1 : 0);
}

struct hash128 digest_bytes(const struct digest *digest) {
  struct hash128 sum;
  struct writer writer;
  writer_init(&writer, sum.bytes, sizeof(sum.bytes));
  write_u64(&writer, digest->high);
  write_u64(&writer, digest->low);
  return sum;
}
