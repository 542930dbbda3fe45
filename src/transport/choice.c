/* choice: see the header. */
#include "transport/choice.h"

enum { LONE_LOSSES_ENOUGH = 4, LOOKS = 64 /* later a path of nearly that length may have a lucky moment */ };
static const char short_path[] = "a short round trip: losses are told at once";
#define QUEUE_NS_MIN (100 * NS_PER_US) /* less is timers and thinned acknowledgements, not a queue */

const struct congestion_ops *choice_begin(struct choice *choice, enum congestion_kind asked,
                                          const struct rtt *rtt) {
  static const struct congestion_ops *const kinds[] = {[CONGESTION_CUBIC] = &congestion_cubic,
                                                       [CONGESTION_BBR] = &congestion_bbr,
                                                       [CONGESTION_BACKGROUND] = &congestion_background};
  bool is_long = rtt->sampled && rtt->min_ns >= LONG_PATH_RTT_NS;
  *choice = (struct choice){.why = "as asked"};
  if (asked != CONGESTION_AUTO) return kinds[asked];
  choice->is_open = !is_long;
  choice->looks_left = is_long ? LOOKS : 0;
  choice->why = is_long ? "a long round trip: loss need not mean congestion" : short_path;
  return is_long ? &congestion_bbr : &congestion_cubic;
}

const struct congestion_ops *choice_on_rtt(struct choice *choice, const struct rtt *rtt) {
  if (choice->looks_left == 0) return NULL;
  choice->looks_left--;
  if (rtt->min_ns >= LONG_PATH_RTT_NS) return NULL;
  choice->looks_left = 0;
  choice->is_open = true;
  choice->why = short_path;
  return &congestion_cubic;
}

const struct congestion_ops *choice_on_loss(struct choice *choice, const struct rtt *rtt,
                                            uint64_t largest_lost, uint64_t next_number) {
  if (!choice->is_open || largest_lost < choice->event_end) return NULL;
  choice->event_end = next_number;
  bool has_queue = rtt->smoothed_ns > rtt->min_ns + rtt->min_ns / 2 + QUEUE_NS_MIN;
  choice->lone_losses = has_queue ? 0 : choice->lone_losses + 1;
  if (choice->lone_losses < LONE_LOSSES_ENOUGH) return NULL;
  choice->is_open = false;
  choice->why = "losses without a queue: the path loses at any rate";
  return &congestion_bbr;
}

void choice_on_spurious_loss(struct choice *choice) { choice->lone_losses = 0; }
