/* limits: time, sorted by what a transfer was held up by. It is at each moment in one state, and a turn of
 * the loop closes the time since the last one: two additions, no clock and no call.
 *
 * A loop that has no time to sleep is short of CPU, whatever its state says at the end of each turn. But two
 * things that happen one right after the other are no shortage: so only a row of turns without sleep that is
 * long enough counts. */
#include "udpcp/base.h"

#include <assert.h>
#include <string.h>

#define BUSY_NS_MIN (5 * NS_PER_MS) /* many turns of a loop that is behind */

void limits_init(struct limits *limits, uint64_t now_ns, enum limit now, enum limit cpu) {
  *limits = (struct limits){.now = now, .cpu = cpu, .since_ns = now_ns};
}

/* The row turned out long: all of it was the CPU's. */
static void give_row(struct limits *limits, enum limit cpu) {
  for (int i = 0; i < LIMITS; i++) {
    limits_move(limits->ns, (enum limit)i, cpu, limits->row_ns[i]);
    limits->row_ns[i] = 0;
  }
}

void limits_pass(struct limits *limits, uint64_t now_ns, bool has_slept) {
  uint64_t passed_ns = now_ns > limits->since_ns ? now_ns - limits->since_ns : 0;
  limits->since_ns += passed_ns;
  limits->ns[limits->now] += passed_ns;
  if (has_slept) {
    if (limits->busy_ns > 0) memset(limits->row_ns, 0, sizeof limits->row_ns);
    limits->busy_ns = 0;
    return;
  }
  limits->busy_ns += passed_ns;
  limits->row_ns[limits->now] += passed_ns;
  if (limits->busy_ns >= BUSY_NS_MIN) give_row(limits, limits->cpu);
}

void limits_on_absence(struct limits *limits, uint64_t now_ns, uint64_t absent_ns) {
  uint64_t passed_ns = now_ns > limits->since_ns ? now_ns - limits->since_ns : 0;
  limits_pass(limits, now_ns, true);
  limits_move(limits->ns, limits->now, LIMIT_ASLEEP, absent_ns < passed_ns ? absent_ns : passed_ns);
}

uint64_t limits_move(uint64_t times_ns[LIMITS], enum limit from, enum limit to, uint64_t ns) {
  assert(from < LIMITS && to < LIMITS);
  if (ns > times_ns[from]) ns = times_ns[from];
  times_ns[from] -= ns;
  times_ns[to] += ns;
  return ns;
}
