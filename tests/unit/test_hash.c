/* hash: published values of XXH3, and two pieces against one whole at every length where its method changes.
 */
#include "unit.h"

#include "udpcp/base.h"

static void published_values(void) {
  CU_ASSERT_EQUAL(hash_64("", 0), 0x2d06800538d394c2ull);
  CU_ASSERT_EQUAL(hash_64(NULL, 0), 0x2d06800538d394c2ull);
  static const uint8_t of_nothing[16] = {0x99, 0xaa, 0x06, 0xd3, 0x01, 0x47, 0x98, 0xd8,
                                         0x60, 0x01, 0xc3, 0x24, 0x46, 0x8d, 0x49, 0x7f};
  struct hash128 hash = hash_128("", 0);
  CU_ASSERT_EQUAL(memcmp(hash.bytes, of_nothing, 16), 0);
}

static void fill(uint8_t *bytes, size_t size) {
  for (size_t i = 0; i < size; i++)
    bytes[i] = (uint8_t)(i * 31 + (i >> 8));
}

static void two_pieces_are_one(void) {
  static const size_t sizes[] = {0, 1, 3, 4, 8, 9, 16, 17, 128, 129, 240, 241, 256, 1024, 1440, 2000};
  static const size_t heads[] = {0, 1, 13, 16, 21, 255};
  uint8_t whole[2300], apart[2300], head[2600];
  fill(whole, sizeof whole);
  unsigned wrong = 0;
  for (size_t h = 0; h < sizeof heads / sizeof heads[0]; h++) {
    for (size_t s = 0; s < sizeof sizes / sizeof sizes[0]; s++) {
      uint64_t expected = hash_64(whole, heads[h] + sizes[s]);
      memset(head, 0xee, sizeof head); /* what stands behind the head is not the body */
      memcpy(head, whole, heads[h]);
      memcpy(apart, whole + heads[h], sizes[s]);
      wrong += hash_64_of_two(whole, heads[h], whole + heads[h], sizes[s]) != expected;
      wrong += hash_64_of_two(head, heads[h], apart, sizes[s]) != expected;
    }
  }
  CU_ASSERT_EQUAL(wrong, 0);
}

static void every_bit_counts(void) {
  uint8_t bytes[300];
  fill(bytes, sizeof bytes);
  uint64_t hash = hash_64(bytes, sizeof bytes);
  struct hash128 wide = hash_128(bytes, sizeof bytes);
  unsigned same = 0;
  for (size_t i = 0; i < sizeof bytes; i++) {
    for (unsigned bit = 0; bit < 8; bit++) {
      bytes[i] ^= (uint8_t)(1u << bit);
      struct hash128 other = hash_128(bytes, sizeof bytes);
      same += hash_64(bytes, sizeof bytes) == hash || memcmp(&other, &wide, sizeof wide) == 0;
      bytes[i] ^= (uint8_t)(1u << bit);
    }
  }
  CU_ASSERT_EQUAL(same, 0);
  CU_ASSERT_EQUAL(hash_64(bytes, sizeof bytes), hash);
}

UNIT_MAIN(UNIT_CASE(published_values), UNIT_CASE(two_pieces_are_one), UNIT_CASE(every_bit_counts))
