/* prng: the published sequence, and bounds. Addresses are compared here too. */
#include "unit.h"

#include "udpcp/base.h"

static void the_published_sequence(void) {
  static const uint64_t expected[] = {11520ull, 0ull, 1509978240ull, 1215971899390074240ull,
                                      1216172134540287360ull};
  struct prng prng = {{1, 2, 3, 4}};
  for (size_t i = 0; i < sizeof expected / sizeof expected[0]; i++)
    CU_ASSERT_EQUAL(prng_next(&prng), expected[i]);
}

static void the_seed_decides(void) {
  struct prng a, b, c;
  prng_seed(&a, 42);
  prng_seed(&b, 42);
  prng_seed(&c, 43);
  /* The first outputs of splitmix64 from zero are the state of seed zero. */
  struct prng zero;
  prng_seed(&zero, 0);
  CU_ASSERT_EQUAL(zero.state[0], 0xe220a8397b1dcdafull);
  CU_ASSERT_EQUAL(zero.state[1], 0x6e789e6aa1b965f4ull);
  unsigned differ = 0;
  for (unsigned i = 0; i < 100; i++) {
    uint64_t value = prng_next(&a);
    CU_ASSERT_EQUAL(prng_next(&b), value);
    differ += prng_next(&c) != value;
  }
  CU_ASSERT_EQUAL(differ, 100);
}

static void below_stays_below_and_reaches_all(void) {
  struct prng prng;
  prng_seed(&prng, 9);
  for (unsigned i = 0; i < 100; i++)
    CU_ASSERT_EQUAL(prng_below(&prng, 1), 0);
  unsigned counts[7] = {0};
  for (unsigned i = 0; i < 70000; i++) {
    uint64_t value = prng_below(&prng, 7);
    CU_ASSERT_FATAL(value < 7);
    counts[value]++;
  }
  for (unsigned i = 0; i < 7; i++)
    CU_ASSERT(counts[i] > 9500 && counts[i] < 10500);
  /* A bound above half of all numbers: nearly every second draw is thrown away, none comes out too high. */
  for (unsigned i = 0; i < 1000; i++)
    CU_ASSERT(prng_below(&prng, (1ull << 63) + 1) <= 1ull << 63);
}

static void addresses_compare_what_they_hold(void) {
  struct address a = {.size = 16, .bytes = {1, 2, 3}}, b = a, none = {0};
  CU_ASSERT_TRUE(address_equal(&a, &b));
  b.ecn = ECN_CE; /* of a datagram, not of the address */
  CU_ASSERT_TRUE(address_equal(&a, &b));
  b.bytes[20] = 9; /* beyond its size */
  CU_ASSERT_TRUE(address_equal(&a, &b));
  b.bytes[15] = 9;
  CU_ASSERT_FALSE(address_equal(&a, &b));
  struct address longer = {.size = 28, .bytes = {1, 2, 3}};
  CU_ASSERT_FALSE(address_equal(&a, &longer));
  CU_ASSERT_FALSE(address_equal(&a, &none));
  CU_ASSERT_TRUE(address_equal(&none, &none));
}

UNIT_MAIN(UNIT_CASE(the_published_sequence), UNIT_CASE(the_seed_decides),
          UNIT_CASE(below_stays_below_and_reaches_all), UNIT_CASE(addresses_compare_what_they_hold))
