/* sweep: see sweep.h. */
#include "sweep.h"

enum { SWEEP_DATAGRAMS_MAX = 64 };
#define ONE_LOSS_NS (5 * NS_PER_S) /* far above any probe timeout, far below any patience */
#define TWO_LOSSES_NS (10 * NS_PER_S)

/* The datagrams of both ways in one row. */
static struct drop drop_of(uint64_t place, const uint64_t sent[WAYS]) {
  if (place < sent[UP]) return (struct drop){UP, place};
  return (struct drop){DOWN, place - sent[UP]};
}

unsigned sweep_run(struct scenario *scenario, struct verdict *verdict,
                   void (*run)(const struct scenario *scenario, struct verdict *verdict,
                               uint64_t sent[WAYS])) {
  uint64_t sent[WAYS], now[WAYS];
  unsigned runs = 1;
  scenario->drop_count = 0;
  run(scenario, verdict, sent);
  uint64_t count = sent[UP] + sent[DOWN];
  require(verdict, count <= SWEEP_DATAGRAMS_MAX, "a sweep is small", "%llu datagrams",
          (unsigned long long)count);
  for (uint64_t i = 0; i < count && !verdict->failed; i++) {
    scenario->drops[0] = drop_of(i, sent);
    scenario->drop_count = 1;
    scenario->time_limit_ns = ONE_LOSS_NS;
    run(scenario, verdict, now);
    runs++;
    /* With one lost there can be more of them, so the second loss goes a little further. */
    for (uint64_t j = i + 1; j < count + 4 && !verdict->failed; j++) {
      scenario->drops[1] = drop_of(j, sent);
      scenario->drop_count = 2;
      scenario->time_limit_ns = TWO_LOSSES_NS;
      run(scenario, verdict, now);
      runs++;
    }
  }
  return runs;
}
