/* schedule: see schedule.h. A binary heap over (time, sequence). */
#include "schedule.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

enum { SCHEDULE_CAPACITY_MIN = 64 };

static bool is_before(const struct plan *a, const struct plan *b) {
  return a->at_ns != b->at_ns ? a->at_ns < b->at_ns : a->sequence < b->sequence;
}

static void grow(struct schedule *schedule) {
  if (schedule->count < schedule->capacity) return;
  schedule->capacity = schedule->capacity ? schedule->capacity * 2 : SCHEDULE_CAPACITY_MIN;
  schedule->heap = realloc(schedule->heap, schedule->capacity * sizeof(*schedule->heap));
  assert(schedule->heap && "out of memory");
}

void schedule_add(struct schedule *schedule, uint64_t at_ns, void (*run)(void *subject, void *detail),
                  void *subject, void *detail) {
  assert(run && at_ns != TIME_NEVER);
  grow(schedule);
  struct plan plan = {at_ns, schedule->sequence++, run, subject, detail};
  size_t i = schedule->count++;
  for (; i > 0 && is_before(&plan, &schedule->heap[(i - 1) / 2]); i = (i - 1) / 2)
    schedule->heap[i] = schedule->heap[(i - 1) / 2];
  schedule->heap[i] = plan;
}

uint64_t schedule_next_time(const struct schedule *schedule) {
  return schedule->count > 0 ? schedule->heap[0].at_ns : TIME_NEVER;
}

struct plan schedule_take(struct schedule *schedule) {
  assert(schedule->count > 0);
  struct plan first = schedule->heap[0], last = schedule->heap[--schedule->count];
  size_t i = 0;
  for (size_t child = 1; child < schedule->count; child = 2 * i + 1) {
    if (child + 1 < schedule->count && is_before(&schedule->heap[child + 1], &schedule->heap[child])) child++;
    if (!is_before(&schedule->heap[child], &last)) break;
    schedule->heap[i] = schedule->heap[child];
    i = child;
  }
  schedule->heap[i] = last;
  return first;
}

void schedule_clear(struct schedule *schedule) {
  free(schedule->heap);
  memset(schedule, 0, sizeof(*schedule));
}
