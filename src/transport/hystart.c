/* hystart: HyStart++ (RFC 9406): a round's minimum RTT against that of the round before.
 *
 * A rise by an eighth (within 4 to 16 ms, less on a LAN) leads into conservative slow start, which grows at a
 * quarter of the pace for five rounds; a round below the baseline in that time shows that the rise was
 * jitter. A sender that does not fill its window cannot have caused a queue, so then nothing is concluded;
 * samples and rounds go on. */
#include "transport/hystart.h"

#include "transport/congestion.h"

void hystart_init(struct hystart *hystart) {
  *hystart = (struct hystart){.round_min_rtt_ns = UINT64_MAX, .last_round_min_rtt_ns = UINT64_MAX};
}

static void start_round(struct hystart *hystart, uint64_t next_number) {
  hystart->round_end = next_number;
  hystart->last_round_min_rtt_ns = hystart->round_min_rtt_ns;
  hystart->round_min_rtt_ns = UINT64_MAX;
  hystart->round_samples = 0;
}

/* The RFC's 4 ms are forty round trips of a LAN, and all that a switch's queue can hold: there it is half a
 * round trip and half a millisecond. */
static uint64_t rtt_threshold_ns(uint64_t last_round_min_rtt_ns) {
  uint64_t threshold = last_round_min_rtt_ns / HYSTART_RTT_DIVISOR;
  uint64_t least = last_round_min_rtt_ns / 2 + HYSTART_NOISE_NS;
  if (least > HYSTART_RTT_THRESHOLD_NS_MIN) least = HYSTART_RTT_THRESHOLD_NS_MIN;
  if (threshold < least) return least;
  if (threshold > HYSTART_RTT_THRESHOLD_NS_MAX) return HYSTART_RTT_THRESHOLD_NS_MAX;
  return threshold;
}

/* Compares the minima once the round has samples enough. On a LAN the round before may have been late by our
 * own doing, when a connection begins: there the least round trip of all counts. */
static void judge_round(struct hystart *hystart, uint64_t least_ns) {
  if (hystart->round_samples < HYSTART_SAMPLES_MIN) return;
  if (hystart->conservative) {
    if (hystart->round_min_rtt_ns >= hystart->baseline_rtt_ns) return;
    hystart->conservative = false;
    return;
  }
  uint64_t last = hystart->last_round_min_rtt_ns;
  if (last == UINT64_MAX) return;
  if (last < HYSTART_LAN_NS && least_ns < last) last = least_ns;
  if (hystart->round_min_rtt_ns < last + rtt_threshold_ns(last)) return;
  hystart->conservative = true;
  hystart->conservative_rounds = 1; /* a round already begun counts */
  hystart->baseline_rtt_ns = hystart->round_min_rtt_ns;
}

enum hystart_verdict hystart_on_ack(struct hystart *hystart, const struct congestion_ack *ack) {
  if (ack->largest_acked >= hystart->round_end) {
    start_round(hystart, ack->next_number);
    if (hystart->conservative && !ack->app_limited &&
        ++hystart->conservative_rounds > HYSTART_CONSERVATIVE_ROUNDS)
      return HYSTART_LEAVE;
  }
  if (ack->has_sample) {
    if (ack->rtt->latest_ns < hystart->round_min_rtt_ns) hystart->round_min_rtt_ns = ack->rtt->latest_ns;
    hystart->round_samples++;
    if (!ack->app_limited) judge_round(hystart, ack->rtt->min_ns);
  }
  return hystart->conservative ? HYSTART_GROW_SLOWLY : HYSTART_GROW;
}
