/* rtt: a sequence of samples worked out by hand from RFC 9002 section 5.3, and the edges of clocks. */
#include "unit.h"

#include "transport/rtt.h"

static void starts_with_the_guess(void) {
  struct rtt rtt;
  rtt_init(&rtt, 100 * NS_PER_MS);
  CU_ASSERT(!rtt.sampled);
  CU_ASSERT_EQUAL(rtt.smoothed_ns, 100 * NS_PER_MS);
  CU_ASSERT_EQUAL(rtt.variation_ns, 50 * NS_PER_MS);
  CU_ASSERT_EQUAL(rtt_probe_timeout_ns(&rtt, 25 * NS_PER_MS), 325 * NS_PER_MS); /* 100 + 4 x 50 + 25 */
}

struct row {
  const char *why;
  uint64_t sample_us, delay_us;
  uint64_t smoothed_ns, variation_ns, min_us;
};

/* In this order, microseconds in, nanoseconds out. */
static const struct row rows[] = {
    {"the first replaces the guess, delay or not", 40000, 5000, 40000000, 20000000, 40000},
    /* adjusted 44: |44 - 40| = 4, (3 x 20 + 4) / 4 = 16, (7 x 40 + 44) / 8 = 40.5 */
    {"the delay is taken off", 48000, 4000, 40500000, 16000000, 40000},
    /* adjusted 40: |40 - 40.5| = 0.5, (48 + 0.5) / 4 = 12.125, (283.5 + 40) / 8 = 40.4375 */
    {"down to the minimum, not below", 44000, 4000, 40437500, 12125000, 40000},
    /* not adjusted, 42: 1.5625, (36.375 + 1.5625) / 4 = 9.484375, (283.0625 + 42) / 8 = 40.6328125 */
    {"a delay that cannot be true is ignored", 42000, 4000, 40632813, 9484375, 40000},
    /* 30: 10.632813, (28.453125 + 10.632813) / 4 = 9.7714845, (284.429691 + 30) / 8 = 39.303711375 */
    {"a new minimum", 30000, 0, 39303711, 9771485, 30000},
};

static void follows_the_rfc(void) {
  struct rtt rtt;
  rtt_init(&rtt, 333 * NS_PER_MS);
  for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
    const struct row *row = &rows[i];
    rtt_on_sample(&rtt, row->sample_us * NS_PER_US, row->delay_us * NS_PER_US);
    bool fits = rtt.smoothed_ns == row->smoothed_ns && rtt.variation_ns == row->variation_ns &&
                rtt.min_ns == row->min_us * NS_PER_US && rtt.latest_ns == row->sample_us * NS_PER_US;
    if (!fits)
      printf("%s: %llu %llu %llu\n", row->why, (unsigned long long)rtt.smoothed_ns,
             (unsigned long long)rtt.variation_ns, (unsigned long long)rtt.min_ns);
    CU_ASSERT(fits && rtt.sampled);
  }
}

static void a_steady_lan_stays_where_it_is(void) {
  struct rtt rtt;
  rtt_init(&rtt, 100 * NS_PER_MS);
  for (int i = 0; i < 1000; i++)
    rtt_on_sample(&rtt, 50001, 0);
  CU_ASSERT_EQUAL(rtt.smoothed_ns, 50001); /* truncating averages would have crept down */
  CU_ASSERT(rtt.variation_ns < 3);
  CU_ASSERT_EQUAL(rtt_probe_timeout_ns(&rtt, 0), 50001 + RTT_GRANULARITY_NS);
  CU_ASSERT_EQUAL(rtt_probe_timeout_ns(&rtt, 1000), 50001 + RTT_GRANULARITY_NS + 1000);
}

static void bounds_broken_clocks(void) {
  struct rtt rtt;
  rtt_init(&rtt, 1);
  rtt_on_sample(&rtt, 0, 0);
  CU_ASSERT_EQUAL(rtt.min_ns, 1);
  CU_ASSERT_EQUAL(rtt.smoothed_ns, 1);
  rtt_on_sample(&rtt, UINT64_MAX, UINT64_MAX);
  CU_ASSERT_EQUAL(rtt.latest_ns, RTT_SAMPLE_NS_MAX);
  for (int i = 0; i < 200; i++)
    rtt_on_sample(&rtt, UINT64_MAX, 0);
  CU_ASSERT(rtt.smoothed_ns <= RTT_SAMPLE_NS_MAX && rtt.smoothed_ns >= RTT_SAMPLE_NS_MAX - 4);
  CU_ASSERT_EQUAL(rtt.min_ns, 1);
}

UNIT_MAIN(UNIT_CASE(starts_with_the_guess), UNIT_CASE(follows_the_rfc),
          UNIT_CASE(a_steady_lan_stays_where_it_is), UNIT_CASE(bounds_broken_clocks))
