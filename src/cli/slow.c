/* A peer that answers every probe and sends nothing is not silent, so no timeout of the transport ends it;
 * yet it holds one of a bounded number of places, and memory. What it must bring is measured over windows
 * that follow one another; a window in which our own file work was out begins anew. */
#include "slow.h"

uint64_t slow_window_s(uint64_t timeout_s) {
  uint64_t window_s = timeout_s < SLOW_WINDOW_S / 2 ? timeout_s * 2 : SLOW_WINDOW_S;
  return window_s < SLOW_WINDOW_S_MIN ? SLOW_WINDOW_S_MIN : window_s;
}

bool slow_on_look(struct slow *slow, uint64_t now_ns, uint64_t bytes, bool is_held, uint64_t bytes_per_s,
                  uint64_t window_s) {
  bool is_over = slow->since_ns && now_ns - slow->since_ns >= window_s * NS_PER_S;
  if (slow->since_ns && !is_held && !is_over) return false;
  bool is_too_slow = is_over && !is_held && (bytes - slow->bytes) / window_s < bytes_per_s;
  *slow = (struct slow){.since_ns = now_ns, .bytes = bytes};
  return is_too_slow;
}
