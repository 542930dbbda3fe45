/* limits: time goes to the state it was spent in; a loop that has no time to sleep is short of CPU, but two
 * things that happen one after the other are no shortage. */
#include "udpcp/base.h"
#include "unit.h"

enum { STEPS_MAX = 8 };

struct step {
  unsigned passed_us; /* 0: the end */
  bool has_slept;
  enum limit next;
};

static void each_time_has_its_state(void) {
  static const struct {
    struct step steps[STEPS_MAX];
    unsigned answers_us, network_us, source_us, cpu_us; /* of 8 ms and more, what was seen as what */
  } truth[] = {
      /* as told at the end of the turn before */
      {{{1000, true, LIMIT_NETWORK}, {7000, true, LIMIT_SOURCE}, {2000, true, LIMIT_NETWORK}},
       1000,
       7000,
       2000,
       0},
      /* short rows without sleep are no shortage, each by itself */
      {{{4000, false, LIMIT_NETWORK},
        {900, false, LIMIT_NETWORK},
        {10, true, LIMIT_NETWORK},
        {4900, false, LIMIT_NETWORK},
        {10, true, LIMIT_SOURCE}},
       4000,
       5820,
       0,
       0},
      /* a long one is, from its beginning */
      {{{1000, true, LIMIT_NETWORK},
        {2000, false, LIMIT_SOURCE},
        {2000, false, LIMIT_NETWORK},
        {1000, false, LIMIT_NETWORK},
        {3000, false, LIMIT_NETWORK},
        {500, true, LIMIT_NETWORK}},
       1000,
       500,
       0,
       8000},
      /* and what came before its last sleep is not */
      {{{4000, false, LIMIT_NETWORK}, {4000, true, LIMIT_NETWORK}, {6000, false, LIMIT_NETWORK}},
       4000,
       4000,
       0,
       6000},
  };
  for (size_t i = 0; i < sizeof truth / sizeof truth[0]; i++) {
    struct limits limits;
    uint64_t now_ns = 7 * NS_PER_S;
    limits_init(&limits, now_ns, LIMIT_ANSWERS, LIMIT_SENDER_CPU);
    for (int k = 0; k < STEPS_MAX && truth[i].steps[k].passed_us > 0; k++) {
      now_ns += truth[i].steps[k].passed_us * NS_PER_US;
      limits_pass(&limits, now_ns, truth[i].steps[k].has_slept);
      limits.now = truth[i].steps[k].next;
    }
    CU_ASSERT_EQUAL(limits.ns[LIMIT_ANSWERS], truth[i].answers_us * NS_PER_US);
    CU_ASSERT_EQUAL(limits.ns[LIMIT_NETWORK], truth[i].network_us * NS_PER_US);
    CU_ASSERT_EQUAL(limits.ns[LIMIT_SOURCE], truth[i].source_us * NS_PER_US);
    CU_ASSERT_EQUAL(limits.ns[LIMIT_SENDER_CPU], truth[i].cpu_us * NS_PER_US);
    CU_ASSERT_EQUAL(limits.since_ns, now_ns);
  }
}

static void time_does_not_go_back(void) {
  struct limits limits;
  limits_init(&limits, 1000, LIMIT_NETWORK, LIMIT_SENDER_CPU);
  limits_pass(&limits, 400, true);
  limits_pass(&limits, 1500, true);
  limits_pass(&limits, 1500, false);
  CU_ASSERT_EQUAL(limits.ns[LIMIT_NETWORK], 500);
}

static void sleep_has_a_share_of_its_own(void) {
  struct limits limits;
  limits_init(&limits, 1000, LIMIT_NETWORK, LIMIT_SENDER_CPU);
  limits_on_absence(&limits, 9000, 7000);
  limits_pass(&limits, 9500, true);
  CU_ASSERT_EQUAL(limits.ns[LIMIT_NETWORK], 1500);
  CU_ASSERT_EQUAL(limits.ns[LIMIT_ASLEEP], 7000);
  limits_on_absence(&limits, 9600, 7000); /* never more than has passed */
  CU_ASSERT_EQUAL(limits.ns[LIMIT_NETWORK], 1500);
  CU_ASSERT_EQUAL(limits.ns[LIMIT_ASLEEP], 7100);
}

static void moves_no_more_than_there_is(void) {
  static const struct {
    uint64_t from, most, moved;
  } truth[] = {{10, 4, 4}, {10, 10, 10}, {10, UINT64_MAX, 10}, {0, 5, 0}, {10, 0, 0}};
  for (size_t i = 0; i < sizeof truth / sizeof truth[0]; i++) {
    uint64_t ns[LIMITS] = {[LIMIT_CREDIT] = truth[i].from, [LIMIT_SINK] = 1};
    CU_ASSERT_EQUAL(limits_move(ns, LIMIT_CREDIT, LIMIT_SINK, truth[i].most), truth[i].moved);
    CU_ASSERT_EQUAL(ns[LIMIT_CREDIT], truth[i].from - truth[i].moved);
    CU_ASSERT_EQUAL(ns[LIMIT_SINK], 1 + truth[i].moved);
  }
}

UNIT_MAIN(UNIT_CASE(each_time_has_its_state), UNIT_CASE(time_does_not_go_back),
          UNIT_CASE(sleep_has_a_share_of_its_own), UNIT_CASE(moves_no_more_than_there_is))
