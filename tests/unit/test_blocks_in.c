/* blocks_in: any order, any overlap, never twice, never more memory than granted. */
#include "unit.h"

#include "transport/blocks_in.h"

#include <string.h>

static struct pool *pool;
static struct blocks_in in;
static uint8_t content[BLOCK_BYTES_MAX];

static void start(size_t pool_bytes, uint64_t window) {
  pool = pool_new(pool_bytes);
  CU_ASSERT_EQUAL_FATAL(blocks_in_init(&in, pool, window), 0);
  blocks_in_grant(&in);
  for (size_t i = 0; i < sizeof(content); i++)
    content[i] = (uint8_t)(i * 31 + (i >> 8));
}

static void finish(void) {
  blocks_in_check(&in);
  blocks_in_clear(&in);
  CU_ASSERT_EQUAL(pool_bytes_used(pool), 0);
  CU_ASSERT_EQUAL(pool_bytes_promised(pool), 0);
  pool_free(pool);
}

static int put(uint64_t number, uint32_t block_size, uint32_t offset, uint32_t size) {
  struct block_header header = {.number = number,
                                .offset = offset,
                                .size_class = (uint8_t)pool_class_of(block_size),
                                .fin = offset + size == block_size};
  return blocks_in_on_fragment(&in, &header, content + offset, size);
}

static bool take(size_t expected_size) {
  uint8_t *bytes;
  size_t size;
  unsigned size_class;
  if (!blocks_in_take(&in, &bytes, &size, &size_class)) return false;
  bool equal = size == expected_size && memcmp(bytes, content, size) == 0;
  CU_ASSERT_TRUE(equal);
  blocks_in_release(&in, bytes, size_class);
  return true;
}

static void fragments_in_any_order(void) {
  static const int orders[][4] = {{0, 1, 2, 3}, {3, 2, 1, 0}, {1, 3, 0, 2}, {2, 0, 3, 1}};
  start(1 << 20, 1 << 20);
  for (uint64_t number = 0; number < 4; number++) {
    for (int i = 0; i < 4; i++) {
      CU_ASSERT_FALSE(blocks_in_is_ready(&in));
      CU_ASSERT_EQUAL(put(number, 4000, (uint32_t)orders[number][i] * 1000, 1000), 0);
    }
    CU_ASSERT_TRUE(take(4000));
    CU_ASSERT_FALSE(take(0));
  }
  CU_ASSERT_EQUAL(in.bytes_received, 16000);
  finish();
}

static void duplicates_and_overlaps_count_once(void) {
  start(1 << 20, 1 << 20);
  put(0, 3000, 0, 1000);
  put(0, 3000, 0, 1000);
  put(0, 3000, 500, 1000);
  put(0, 3000, 2000, 1000);
  CU_ASSERT_EQUAL(in.bytes_received, 2500);
  CU_ASSERT_FALSE(blocks_in_is_ready(&in));
  put(0, 3000, 1200, 900);
  CU_ASSERT_TRUE(take(3000));
  CU_ASSERT_EQUAL(in.bytes_received, 3000);
  finish();
}

static void a_finished_block_does_not_come_back(void) {
  start(1 << 20, 1 << 20);
  put(5, 100, 0, 100);
  CU_ASSERT_TRUE(take(100));
  CU_ASSERT_EQUAL(put(5, 100, 0, 100), 0);
  CU_ASSERT_FALSE(blocks_in_is_ready(&in));
  CU_ASSERT_EQUAL(in.partial, 0);
  finish();
}

static void contradictions_are_refused(void) {
  start(1 << 20, 1 << 20);
  put(0, 3000, 2000, 1000); /* says where the block ends */
  struct block_header beyond = {.offset = 3000, .size_class = (uint8_t)pool_class_of(3000)};
  CU_ASSERT_EQUAL(blocks_in_on_fragment(&in, &beyond, content, 10), ERR_MALFORMED);
  struct block_header shorter = {.offset = 1000, .size_class = (uint8_t)pool_class_of(3000), .fin = true};
  CU_ASSERT_EQUAL(blocks_in_on_fragment(&in, &shorter, content, 10), ERR_MALFORMED);
  struct block_header other_class = {.offset = 0, .size_class = 0};
  CU_ASSERT_EQUAL(blocks_in_on_fragment(&in, &other_class, content, 10), ERR_MALFORMED);
  struct block_header empty = {.number = 1};
  CU_ASSERT_EQUAL(blocks_in_on_fragment(&in, &empty, content, 0), ERR_MALFORMED);
  struct block_header too_long = {.number = 1, .offset = 1000, .size_class = 0};
  CU_ASSERT_EQUAL(blocks_in_on_fragment(&in, &too_long, content, 100), ERR_MALFORMED);
  finish();
}

static void the_grant_is_the_limit(void) {
  size_t block = pool_class_bytes(POOL_CLASSES - 1);
  start(8 * block, 2 * block);
  CU_ASSERT_EQUAL(put(0, BLOCK_BYTES_MAX, 0, 1000), 0);
  CU_ASSERT_EQUAL(put(1, BLOCK_BYTES_MAX, 0, 1000), 0);
  CU_ASSERT_EQUAL(put(2, BLOCK_BYTES_MAX, 0, 1000), ERR_NO_SPACE);
  CU_ASSERT_EQUAL(put(0, BLOCK_BYTES_MAX, 1000, BLOCK_BYTES_MAX - 1000), 0);
  CU_ASSERT_TRUE(take(BLOCK_BYTES_MAX));
  CU_ASSERT_TRUE(blocks_in_grant(&in));
  CU_ASSERT_EQUAL(put(2, BLOCK_BYTES_MAX, 0, 1000), 0);
  finish();
}

static void too_many_holes_are_treated_as_loss(void) {
  start(1 << 20, 1 << 20);
  for (uint32_t i = 0; i < BLOCK_FRAGMENT_RANGES; i++)
    CU_ASSERT_EQUAL(put(0, 3000, 2 * i, 1), 0);
  CU_ASSERT_EQUAL(put(0, 3000, 2 * BLOCK_FRAGMENT_RANGES, 1), ERR_AGAIN);
  CU_ASSERT_EQUAL(put(0, 3000, 0, 3000), 0);
  CU_ASSERT_TRUE(take(3000));
  finish();
}

static void connections_share_a_pool_fairly(void) {
  struct blocks_in other;
  start(12 << 20, 64 << 20);
  CU_ASSERT_EQUAL(blocks_in_init(&other, pool, 64 << 20), 0);
  CU_ASSERT_TRUE(blocks_in_grant(&other));
  CU_ASSERT_TRUE(in.granted <= pool_bytes_max(pool));
  CU_ASSERT_TRUE(in.granted + other.granted <= pool_bytes_max(pool));
  blocks_in_clear(&other);
  finish();
}

UNIT_MAIN(UNIT_CASE(fragments_in_any_order), UNIT_CASE(duplicates_and_overlaps_count_once),
          UNIT_CASE(a_finished_block_does_not_come_back), UNIT_CASE(contradictions_are_refused),
          UNIT_CASE(the_grant_is_the_limit), UNIT_CASE(too_many_holes_are_treated_as_loss),
          UNIT_CASE(connections_share_a_pool_fairly))
