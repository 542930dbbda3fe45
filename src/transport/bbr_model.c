/* bbr_model: the filters (draft: "Updating Network Path Model Parameters").
 *
 * Beyond the draft: (1) A path that delivers less than half of the estimate, while packets wait, in two
 * rounds in a row or in every sample of a few least round trips (rounds are long behind a long queue), has
 * become slower. The estimate follows at once: its filter would remember the old rate for two cycles, each of
 * them many times longer now, with ever more packets waiting. (2) A round trip within a sixteenth of the
 * minimum proves that the path has been empty as well as a lower one would, so no ProbeRTT is due; the
 * minimum itself is kept. On real paths no two round trips are equal to the nanosecond. */
#include "transport/bbr_parts.h"

#define MIN_RTT_WINDOW_NS (10 * NS_PER_S)
#define PROBE_RTT_INTERVAL_NS (5 * NS_PER_S)
#define MIN_RTT_NOISE_NS (20 * NS_PER_US)
#define SLOW_NS_MIN (100 * NS_PER_MS)
enum { EXTRA_ACKED_ROUNDS = 10, SLOW_ROUNDS = 2, SLOW_RTTS = 4 };

/* ---- rounds ---- */

void bbr_start_round(struct bbr *bbr, const struct delivery *delivery) {
  bbr->next_round_delivered = delivery->delivered;
}

static void update_round(struct bbr *bbr, const struct bbr_ack *ack) {
  bbr->round_start = ack->sample->stamp.delivered >= bbr->next_round_delivered;
  if (!bbr->round_start) return;
  bbr_start_round(bbr, ack->delivery);
  bbr->round_count++;
  bbr->rounds_since_probe++;
  bbr->was_limited = bbr->is_limited;
  bbr->is_limited = false;
}

/* ---- what the last round delivered ---- */

void bbr_update_latest(struct bbr *bbr, const struct bbr_ack *ack) {
  const struct rate_sample *sample = ack->sample;
  if (bbr->bandwidth_latest < sample->rate_bytes_per_s) bbr->bandwidth_latest = sample->rate_bytes_per_s;
  if (bbr->inflight_latest < sample->delivered) bbr->inflight_latest = sample->delivered;
  if (bbr->round_rtt_ns > sample->rtt_ns && !ack->is_late) bbr->round_rtt_ns = sample->rtt_ns;
  bbr->loss_round_start = sample->stamp.delivered >= bbr->loss_round_delivered;
  if (bbr->loss_round_start) bbr->loss_round_delivered = ack->delivery->delivered;
}

void bbr_advance_latest(struct bbr *bbr, const struct bbr_ack *ack) {
  if (!bbr->loss_round_start) return;
  bbr->bandwidth_latest = ack->sample->rate_bytes_per_s;
  bbr->inflight_latest = ack->sample->delivered;
  bbr->round_rtt_ns = ack->is_late ? BBR_NONE : ack->sample->rtt_ns;
}

/* ---- bandwidth ---- */

static void take_bandwidth(struct bbr *bbr) {
  const uint64_t *slots = bbr->bandwidth_slots;
  bbr->bandwidth_max = slots[0] > slots[1] ? slots[0] : slots[1];
}

void bbr_update_bandwidth(struct bbr *bbr, const struct bbr_ack *ack) {
  update_round(bbr, ack);
  uint64_t rate = ack->sample->rate_bytes_per_s;
  if (rate == 0 || (rate < bbr->bandwidth_max && ack->sample->stamp.is_app_limited)) return;
  if (ack->sample->stamp.delivered_ns < bbr->slower_since_ns) return; /* reaches back to a faster path */
  if (bbr->bandwidth_slots[1] < rate) bbr->bandwidth_slots[1] = rate;
  take_bandwidth(bbr);
}

void bbr_advance_bandwidth_filter(struct bbr *bbr) {
  if (bbr->bandwidth_slots[1] == 0) return; /* nothing was learned in this cycle */
  bbr->bandwidth_slots[0] = bbr->bandwidth_slots[1];
  bbr->bandwidth_slots[1] = 0;
  take_bandwidth(bbr);
}

static bool is_slow(const struct bbr *bbr, const struct bbr_ack *ack, uint64_t rtt_ns, uint64_t rate) {
  bool is_waiting = bbr->min_rtt_ns != BBR_NONE && rtt_ns / 3 * 2 > bbr->min_rtt_ns;
  return bbr_is_in_probe_bw(bbr) && !ack->sample->stamp.is_app_limited && is_waiting &&
         rate < bbr->bandwidth_max / 2;
}

static void believe_slower(struct bbr *bbr, uint64_t rate) {
  bbr->slow_rounds = 0;
  bbr->slow_from_ns = BBR_NONE;
  bbr->bandwidth_slots[0] = bbr->bandwidth_slots[1] = rate;
  take_bandwidth(bbr);
  bbr_reset_short_term(bbr);
}

void bbr_check_slower_path(struct bbr *bbr, const struct bbr_ack *ack) {
  const struct rate_sample *sample = ack->sample;
  if (ack->is_late || bbr->round_rtt_ns == BBR_NONE) {
    bbr->slow_rounds = 0;
    bbr->slow_from_ns = BBR_NONE;
    return;
  }
  if (bbr->loss_round_start) {
    bool slow = is_slow(bbr, ack, bbr->round_rtt_ns, bbr->bandwidth_latest);
    bbr->slow_rounds = slow ? bbr->slow_rounds + 1 : 0;
    if (bbr->slow_rounds >= SLOW_ROUNDS) believe_slower(bbr, bbr->bandwidth_latest);
  }
  if (sample->rate_bytes_per_s == 0) return;
  if (!is_slow(bbr, ack, sample->rtt_ns, sample->rate_bytes_per_s)) {
    bbr->slow_from_ns = BBR_NONE;
    return;
  }
  if (bbr->slow_from_ns == BBR_NONE) {
    bbr->slow_from_ns = ack->now_ns;
    bbr->slow_from_delivered = ack->delivery->delivered;
  }
  uint64_t needed_ns = SLOW_RTTS * bbr->min_rtt_ns > SLOW_NS_MIN ? SLOW_RTTS * bbr->min_rtt_ns : SLOW_NS_MIN;
  uint64_t slow_ns = ack->now_ns - bbr->slow_from_ns;
  if (slow_ns < needed_ns) return;
  double delivered = (double)(ack->delivery->delivered - bbr->slow_from_delivered);
  bbr->slower_since_ns = bbr->slow_from_ns;
  believe_slower(bbr, (uint64_t)(delivered * 1e9 / (double)slow_ns));
}

/* ---- aggregation ---- */

/* The best of two halves of the window; in Startup of one round. */
void bbr_update_aggregation(struct bbr *bbr, const struct bbr_ack *ack) {
  double seconds = (double)(ack->now_ns - bbr->extra_acked_from_ns) / 1e9;
  double expected = (double)bbr->bandwidth * seconds;
  if ((double)bbr->extra_acked_delivered <= expected) {
    bbr->extra_acked_delivered = 0;
    bbr->extra_acked_from_ns = ack->now_ns;
    expected = 0;
  }
  bbr->extra_acked_delivered += ack->sample->newly_acked;
  uint64_t extra = bbr->extra_acked_delivered - (uint64_t)expected;
  if (extra > bbr->window) extra = bbr->window;

  uint64_t rounds = bbr->full_reached ? EXTRA_ACKED_ROUNDS / BBR_EXTRA_ACKED_SLOTS : 1;
  if (bbr->round_start && ++bbr->extra_acked_rounds >= rounds) {
    bbr->extra_acked_rounds = 0;
    bbr->extra_acked[0] = bbr->full_reached ? bbr->extra_acked[1] : 0;
    bbr->extra_acked[1] = 0;
  }
  if (bbr->extra_acked[1] < extra) bbr->extra_acked[1] = extra;
}

uint64_t bbr_extra_acked(const struct bbr *bbr) {
  return bbr->extra_acked[0] > bbr->extra_acked[1] ? bbr->extra_acked[0] : bbr->extra_acked[1];
}

/* ---- round trip ---- */

void bbr_update_min_rtt(struct bbr *bbr, const struct bbr_ack *ack) {
  uint64_t rtt_ns = ack->sample->rtt_ns, now_ns = ack->now_ns;
  bbr->probe_rtt_expired = now_ns > bbr->probe_rtt_min_at_ns + PROBE_RTT_INTERVAL_NS;
  if (ack->is_late) return;
  if (rtt_ns < bbr->probe_rtt_min_ns || bbr->probe_rtt_expired) {
    bbr->probe_rtt_min_ns = rtt_ns;
    bbr->probe_rtt_min_at_ns = now_ns;
  } else if (rtt_ns - bbr->probe_rtt_min_ns <= bbr->probe_rtt_min_ns / 16 + MIN_RTT_NOISE_NS) {
    bbr->probe_rtt_min_at_ns = now_ns;
  }
  bool is_expired = now_ns > bbr->min_rtt_at_ns + MIN_RTT_WINDOW_NS;
  if (bbr->probe_rtt_min_ns < bbr->min_rtt_ns || is_expired) {
    bbr->min_rtt_ns = bbr->probe_rtt_min_ns;
    bbr->min_rtt_at_ns = bbr->probe_rtt_min_at_ns;
  }
}
