/* ranges: a set of numbers kept as few intervals, for packet numbers received and bytes of a block present.
 *
 * A sorted array, because sets are small and almost always grow at their end: that case looks at the last
 * interval only. Everything else finds its place by binary search and moves the tail. The capacity is the
 * caller's, so the memory a peer can make us hold is bounded where the set is declared. */
#include "udpcp/base.h"

#include <assert.h>
#include <string.h>

void ranges_init(struct ranges *set, struct range *storage, uint32_t capacity) {
  assert(storage && capacity > 0);
  set->at = storage;
  set->count = 0;
  set->capacity = capacity;
}

/* Index of the lowest interval whose end is at or above `bound`; count when there is none. */
static uint32_t lowest_ending_from(const struct ranges *set, uint64_t bound) {
  uint32_t low = 0, high = set->count;
  while (low < high) {
    uint32_t middle = low + (high - low) / 2;
    if (set->at[middle].end < bound)
      low = middle + 1;
    else
      high = middle;
  }
  return low;
}

/* Index of the lowest interval that begins above `bound`; count when there is none. */
static uint32_t lowest_beginning_above(const struct ranges *set, uint64_t bound) {
  uint32_t low = 0, high = set->count;
  while (low < high) {
    uint32_t middle = low + (high - low) / 2;
    if (set->at[middle].first <= bound)
      low = middle + 1;
    else
      high = middle;
  }
  return low;
}

/* Makes `size` places at `index` where `old_size` were. The caller has checked the capacity. */
static void resize_hole(struct ranges *set, uint32_t index, uint32_t old_size, uint32_t size) {
  assert(index + old_size <= set->count && set->count - old_size + size <= set->capacity);
  if (old_size != size)
    memmove(&set->at[index + size], &set->at[index + old_size],
            (set->count - index - old_size) * sizeof(set->at[0]));
  set->count = set->count - old_size + size;
}

/* What does not grow the last interval. Apart, so that the usual case pays nothing for it. */
static __attribute__((noinline)) int add_elsewhere(struct ranges *set, uint64_t first, uint64_t end) {
  const struct range *last = set->count > 0 ? &set->at[set->count - 1] : NULL;
  /* [low, high) are the intervals that overlap or touch the new one. */
  uint32_t low = set->count, high = set->count;
  if (last && first < last->first) {
    low = lowest_ending_from(set, first);
    high = lowest_beginning_above(set, end);
  }
  assert(low <= high);
  struct range merged = {first, end};
  if (low == high) {
    if (set->count == set->capacity) return ERR_NO_SPACE;
  } else {
    if (set->at[low].first < merged.first) merged.first = set->at[low].first;
    if (set->at[high - 1].end > merged.end) merged.end = set->at[high - 1].end;
  }
  resize_hole(set, low, high - low, 1);
  set->at[low] = merged;
  return 0;
}

int ranges_add(struct ranges *set, uint64_t first, uint64_t end) {
  assert(first <= end);
  if (first == end) return 0;
  struct range *last = set->count > 0 ? &set->at[set->count - 1] : NULL;
  if (!last || first < last->first || first > last->end) return add_elsewhere(set, first, end);
  if (end > last->end) last->end = end;
  return 0;
}

int ranges_subtract(struct ranges *set, uint64_t first, uint64_t end) {
  assert(first <= end);
  if (first == end) return 0;
  /* [low, high) are the intervals that share a number with what goes. */
  uint32_t low = lowest_ending_from(set, first + 1);
  uint32_t high = lowest_beginning_above(set, end - 1);
  if (low >= high) return 0;
  struct range left = {set->at[low].first, first}, right = {end, set->at[high - 1].end};
  bool keep_left = left.first < left.end, keep_right = right.first < right.end;
  uint32_t kept = (uint32_t)keep_left + (uint32_t)keep_right;
  if (set->count - (high - low) + kept > set->capacity) return ERR_NO_SPACE;
  resize_hole(set, low, high - low, kept);
  if (keep_left) set->at[low] = left;
  if (keep_right) set->at[low + kept - 1] = right;
  return 0;
}

bool ranges_contains(const struct ranges *set, uint64_t first, uint64_t end) {
  assert(first <= end);
  if (first == end) return true;
  uint32_t index = lowest_ending_from(set, end);
  return index < set->count && set->at[index].first <= first;
}

void ranges_drop_lowest(struct ranges *set) {
  assert(set->count > 0);
  resize_hole(set, 0, 1, 0);
}
