/* block: cutting at every boundary, trailers and digests against proto/vectors/blocks.hex, and tampering. */
#include "unit.h"

#include "vector_file.h"

#include "transfer/block.h"
#include "udpcp/wire.h"

static bool digest_holds(const struct vector_line *line) {
  struct digest digest = {0};
  uint8_t expected[VECTOR_BYTES_MAX];
  for (size_t at = 0; at < line->size; at += sizeof(struct hash128)) {
    struct hash128 hash;
    memcpy(hash.bytes, line->bytes + at, sizeof(hash.bytes));
    digest_add(&digest, at / sizeof(hash.bytes), &hash);
  }
  struct hash128 sum = digest_bytes(&digest);
  return vector_from_hex(vector_value(line->meaning, "digest"), expected) == sizeof(sum.bytes) &&
         memcmp(sum.bytes, expected, sizeof(sum.bytes)) == 0;
}

static bool block_holds(const struct vector_line *line) {
  struct block_trailer read;
  uint8_t hash[VECTOR_BYTES_MAX], out[VECTOR_BYTES_MAX];
  int error = block_read_trailer(&read, line->bytes, line->size);
  if (vector_begins(line, "refuse")) return error < 0;
  bool is_damaged = vector_begins(line, "damaged");
  if (error != 0 || read.object != vector_number(line->meaning, "object") ||
      read.number != vector_number(line->meaning, "number") ||
      read.raw_size != vector_number(line->meaning, "raw_size") || read.encoding != BLOCK_ENCODING_RAW)
    return false;
  if (block_is_intact(&read, line->bytes) == is_damaged) return false;
  if (is_damaged) return true;
  vector_from_hex(vector_value(line->meaning, "hash"), hash);
  if (memcmp(read.hash.bytes, hash, sizeof(read.hash.bytes)) != 0) return false;
  struct block_trailer trailer = {.object = read.object, .number = read.number, .raw_size = read.raw_size};
  memcpy(out, line->bytes, read.raw_size);
  block_seal(out, &trailer);
  return memcmp(out, line->bytes, line->size) == 0;
}

static bool holds(const struct vector_line *line) {
  return strncmp(line->name, "digest", 6) == 0 ? digest_holds(line) : block_holds(line);
}

static void fits_the_vectors(void) { CU_ASSERT(vector_file("blocks.hex", holds) >= 15); }

static void cuts_at_every_boundary(void) {
  static const struct {
    uint64_t size, count;
    uint32_t last;
  } truth[] = {
      {1, 1, 1},
      {262143, 1, 262143},
      {262144, 1, 262144},
      {262145, 2, 1},
      {524288, 2, 262144},
      {1048577, 5, 1},
      {VARINT_MAX, 1ull << 44, 262143},
      {UINT64_MAX, 1ull << 46, 262143},
  };
  CU_ASSERT_EQUAL(block_count(0), 0);
  for (unsigned i = 0; i < sizeof(truth) / sizeof(truth[0]); i++) {
    CU_ASSERT_EQUAL(block_count(truth[i].size), truth[i].count);
    CU_ASSERT_EQUAL(block_raw_size(truth[i].size, truth[i].count - 1), truth[i].last);
    if (truth[i].count > 1) CU_ASSERT_EQUAL(block_raw_size(truth[i].size, 0), BLOCK_DATA_BYTES);
  }
}

static void fits_the_largest_buffer(void) {
  CU_ASSERT_EQUAL(pool_class_of(BLOCK_DATA_BYTES + BLOCK_TRAILER_BYTES), POOL_CLASSES - 1);
  CU_ASSERT_EQUAL(pool_class_bytes(POOL_CLASSES - 1), BLOCK_DATA_BYTES + BLOCK_TRAILER_BYTES);
}

/* Any flipped bit is seen, in data, check and fields. */
static void sees_every_flipped_bit(void) {
  enum { SIZE = 40 };
  uint8_t block[SIZE + BLOCK_TRAILER_BYTES];
  for (unsigned bit = 0; bit < 8 * sizeof(block); bit++) {
    memset(block, 0x5a, SIZE);
    struct block_trailer sealed = {.object = 7, .number = 9, .raw_size = SIZE}, read;
    block_seal(block, &sealed);
    block[bit / 8] ^= (uint8_t)(1u << bit % 8);
    CU_ASSERT_TRUE(block_read_trailer(&read, block, sizeof(block)) < 0 || !block_is_intact(&read, block));
  }
}

static void digests_do_not_mind_the_order(void) {
  enum { BLOCKS = 50 };
  struct hash128 hashes[BLOCKS];
  struct digest up = {0}, down = {0};
  for (unsigned i = 0; i < BLOCKS; i++)
    hashes[i] = hash_128(&i, sizeof(i));
  for (unsigned i = 0; i < BLOCKS; i++) {
    digest_add(&up, i, &hashes[i]);
    digest_add(&down, BLOCKS - 1 - i, &hashes[BLOCKS - 1 - i]);
  }
  CU_ASSERT(up.high == down.high && up.low == down.low);
  struct digest twice = up;
  digest_add(&twice, 0, &hashes[0]);
  CU_ASSERT(twice.high != up.high || twice.low != up.low);
}

UNIT_MAIN(UNIT_CASE(fits_the_vectors), UNIT_CASE(cuts_at_every_boundary), UNIT_CASE(fits_the_largest_buffer),
          UNIT_CASE(sees_every_flipped_bit), UNIT_CASE(digests_do_not_mind_the_order))
