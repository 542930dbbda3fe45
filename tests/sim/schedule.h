/* schedule: what is to happen at which simulated time; equal times keep the order in which they were planned.
 */
#ifndef SIM_SCHEDULE_H
#define SIM_SCHEDULE_H

#include "udpcp/base.h"

struct plan {
  uint64_t at_ns, sequence;
  void (*run)(void *subject, void *detail);
  void *subject, *detail;
};

struct schedule {
  struct plan *heap; /* binary, the earliest first */
  size_t count, capacity;
  uint64_t sequence;
};

/* Zeroed memory is an empty schedule. */
void schedule_add(struct schedule *schedule, uint64_t at_ns, void (*run)(void *subject, void *detail),
                  void *subject, void *detail);
/* TIME_NEVER when it is empty. */
uint64_t schedule_next_time(const struct schedule *schedule);
struct plan schedule_take(struct schedule *schedule);
void schedule_clear(struct schedule *schedule);

#endif
