/* nap: who is let gather, and how many times the loop then wakes for so many datagrams, in virtual time. */
#include "cli/nap.h"
#include "udpcp/base.h"
#include "unit.h"

enum { PIECES = 20000, WAKE_NS = 1000 };

struct flow {
  uint64_t between_ns; /* from one piece to the next */
  size_t datagrams;    /* in a piece: a train, or one alone */
  size_t bytes;        /* of a datagram */
};

/* How often the loop wakes until it has taken PIECES; the deadline is always so far ahead. */
static unsigned wakes_for(struct flow flow, uint64_t deadline_ns) {
  struct nap nap = {0};
  uint64_t now_ns = NS_PER_S, taken = 0;
  unsigned wakes = 0;
  while (taken < PIECES) {
    uint64_t next_ns = NS_PER_S + (taken + 1) * flow.between_ns;
    now_ns += nap_ns(&nap, now_ns, now_ns + deadline_ns);
    if (now_ns < next_ns) now_ns = next_ns;
    uint64_t came = (now_ns - NS_PER_S) / flow.between_ns - taken;
    nap_on_received(&nap, came * flow.datagrams * flow.bytes, came * flow.datagrams, came);
    taken += came;
    wakes++;
    now_ns += WAKE_NS;
  }
  return wakes;
}

static void single_datagrams_gather_when_there_are_many(void) {
  unsigned wakes = wakes_for((struct flow){.between_ns = 3000, .datagrams = 1, .bytes = 1472}, NS_PER_S);
  CU_ASSERT(wakes < PIECES / 12); /* 3 Gbit/s: 17 at a time but for the first millisecond */
  CU_ASSERT(wakes > PIECES / 20);
}

static void few_datagrams_wake_at_once(void) {
  struct flow rows[] = {{60000, 1, 1472}, {26000, 1, 1472}}; /* 200 and 450 Mbit/s */
  for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
    CU_ASSERT_EQUAL(wakes_for(rows[i], NS_PER_S), PIECES);
}

static void trains_wake_at_once(void) {
  CU_ASSERT_EQUAL(wakes_for((struct flow){.between_ns = 15000, .datagrams = 44, .bytes = 1472}, NS_PER_S),
                  PIECES);
}

static void acknowledgements_wake_at_once(void) {
  CU_ASSERT_EQUAL(wakes_for((struct flow){.between_ns = 3000, .datagrams = 1, .bytes = 50}, NS_PER_S),
                  PIECES);
}

static void deadlines_are_kept(void) {
  struct nap nap = {.since_ns = NS_PER_S, .is_on = true};
  CU_ASSERT_EQUAL(nap_ns(&nap, NS_PER_S, TIME_NEVER), 50 * NS_PER_US);
  CU_ASSERT_EQUAL(nap_ns(&nap, NS_PER_S, NS_PER_S + 30 * NS_PER_US), 30 * NS_PER_US);
  CU_ASSERT_EQUAL(nap_ns(&nap, NS_PER_S, NS_PER_S + 9 * NS_PER_US), 0);
  CU_ASSERT_EQUAL(nap_ns(&nap, NS_PER_S, NS_PER_S - 1), 0);
}

/* After a pause the first datagrams are taken at once, however fast it was before. */
static void a_pause_ends_it(void) {
  struct nap nap = {.since_ns = NS_PER_S, .is_on = true};
  nap_on_received(&nap, 1000000000, 1000000, 1000000);
  CU_ASSERT_EQUAL(nap_ns(&nap, NS_PER_S + NS_PER_S / 10, TIME_NEVER), 0);
}

UNIT_MAIN(UNIT_CASE(single_datagrams_gather_when_there_are_many), UNIT_CASE(few_datagrams_wake_at_once),
          UNIT_CASE(trains_wake_at_once), UNIT_CASE(acknowledgements_wake_at_once),
          UNIT_CASE(deadlines_are_kept), UNIT_CASE(a_pause_ends_it))
