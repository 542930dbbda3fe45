/* visitors: a host's allowance of handshakes. */
#include "unit.h"

#include "transport/visitors.h"

static unsigned admitted(struct visitors *visitors, uint64_t now_ns, uint64_t host, unsigned tries) {
  unsigned count = 0;
  for (unsigned i = 0; i < tries; i++)
    count += visitors_admit(visitors, now_ns, host);
  return count;
}

static void a_burst_then_a_steady_rate(void) {
  struct visitors visitors;
  visitors_init(&visitors, 7);
  CU_ASSERT_EQUAL(admitted(&visitors, 1000, 1, 1000), VISITOR_BURST);
  CU_ASSERT_EQUAL(admitted(&visitors, 1000 + VISITOR_INTERVAL_NS - 1, 1, 5), 0);
  CU_ASSERT_EQUAL(admitted(&visitors, 1000 + VISITOR_INTERVAL_NS, 1, 5), 1);
  CU_ASSERT_EQUAL(admitted(&visitors, 1000 + 11 * VISITOR_INTERVAL_NS, 1, 50), 10);
  CU_ASSERT_EQUAL(admitted(&visitors, 1000 + 10000 * VISITOR_INTERVAL_NS, 1, 1000), VISITOR_BURST);
}

/* At worst a few of them share a place with the one that overdoes it. */
static void others_are_not_charged(void) {
  struct visitors visitors;
  visitors_init(&visitors, 7);
  (void)admitted(&visitors, 0, 1, 1000);
  CU_ASSERT(admitted(&visitors, 0, 2, 1) + admitted(&visitors, 0, 3, 1) + admitted(&visitors, 0, 4, 1) >= 2);
}

static void who_shares_a_place_depends_on_the_seed(void) {
  unsigned differing = 0;
  for (uint64_t host = 0; host < 64; host++) {
    struct visitors visitors;
    unsigned shared[2];
    for (unsigned seed = 0; seed < 2; seed++) {
      visitors_init(&visitors, seed);
      for (uint64_t other = 100; other < 100 + VISITOR_PLACES; other++)
        (void)admitted(&visitors, 0, other, VISITOR_BURST);
      shared[seed] = admitted(&visitors, 0, host, 1) == 0;
    }
    differing += shared[0] != shared[1];
  }
  CU_ASSERT(differing > 0);
}

UNIT_MAIN(UNIT_CASE(a_burst_then_a_steady_rate), UNIT_CASE(others_are_not_charged),
          UNIT_CASE(who_shares_a_place_depends_on_the_seed))
