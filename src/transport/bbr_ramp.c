/* bbr_ramp: the start-up of a long path (beyond the draft).
 *
 * Doubling takes nine round trips to fill 200 Mbit/s at 300 ms, and at its end goes over by as much as the
 * path holds. But a window that leaves as one burst, within an eighth of the round trip, asks the path for
 * eight times the rate that would carry it. As long as bursts come back as fast as they went out, the next
 * window may be what that rate fills: up to four times as much. When one comes back slower, its rate is that
 * of the bottleneck (the dispersion of a packet train; "paced chirping" uses it likewise): window and rate
 * land there, a quarter above, for four rounds. If a queue stands by then, the path is full; without one the
 * figure was too low - late acknowledgements, another flow's burst - and the draft's start-up goes on from
 * there. The window begins with 32 datagrams: at this pace they are no burst at all. */
#include "transport/bbr_parts.h"

#define RAMP_RTT_NS_MIN (20 * NS_PER_MS) /* below, timers and offloads blur what a burst can tell */
#define RAMP_GROWTH 4
#define BURST_GAIN 8
#define LANDING_GAIN 1.25
#define DISPERSION 1.25
#define NOISE_NS_MIN (2 * NS_PER_MS)
#define RAMP_LOSS 0.1
enum { RAMP_WINDOW_DATAGRAMS = 32, BURST_DATAGRAMS_MIN = 8, LANDING_ROUNDS = 4, LOSS_RANGES_MIN = 2 };

static uint64_t burst_rate(const struct bbr *bbr) {
  return (uint64_t)(BURST_GAIN * (double)bbr->window * 1e9 / (double)bbr->min_rtt_ns);
}

void bbr_ramp_init(struct bbr *bbr, uint64_t smoothed_ns) {
  if (smoothed_ns < RAMP_RTT_NS_MIN) return;
  bbr->ramp.phase = BBR_RAMP_BURSTS;
  bbr->window = bbr->initial_window = RAMP_WINDOW_DATAGRAMS * bbr->datagram_bytes;
  bbr->rate_bytes_per_s = burst_rate(bbr);
}

static uint64_t noise_ns(const struct bbr *bbr) {
  uint64_t part_ns = bbr->min_rtt_ns / 32;
  return part_ns > NOISE_NS_MIN ? part_ns : NOISE_NS_MIN;
}

/* Not one packet of the last round found the path empty. */
static bool has_queue(const struct bbr *bbr) {
  uint64_t least_ns = bbr->ramp.least_rtt_ns;
  return least_ns != BBR_NONE && least_ns > bbr->min_rtt_ns + bbr->min_rtt_ns / 16 + noise_ns(bbr);
}

static void note_rtt(struct bbr *bbr, const struct bbr_ack *ack) {
  struct bbr_ramp *ramp = &bbr->ramp;
  if (bbr->round_start) {
    ramp->least_rtt_ns = ramp->round_rtt_ns;
    ramp->round_rtt_ns = BBR_NONE;
  }
  if (ramp->round_rtt_ns > ack->sample->rtt_ns && !ack->is_late) ramp->round_rtt_ns = ack->sample->rtt_ns;
}

/* The burst whose acknowledgements arrive now. A pause before a packet begins one, and so does too long a
 * time without a pause. */
static void follow_burst(struct bbr *bbr, const struct bbr_ack *ack) {
  struct bbr_ramp *ramp = &bbr->ramp;
  uint64_t at_ns = ack->sample->sent_ns;
  bool has_paused = at_ns > ramp->last_sent_ns + bbr->min_rtt_ns / RAMP_GROWTH;
  if (has_paused || at_ns > ramp->first_sent_ns + bbr->min_rtt_ns / 2) {
    ramp->first_sent_ns = ramp->last_sent_ns = at_ns;
    ramp->first_acked_ns = ack->now_ns;
    ramp->acked = 0;
    ramp->slow_from_ns = BBR_NONE;
    return;
  }
  if (ramp->last_sent_ns < at_ns) ramp->last_sent_ns = at_ns;
  ramp->acked += ack->sample->newly_acked;
}

/* Whether it comes back slower than it went out. One late acknowledgement, or many at once, is a machine that
 * was busy. */
static bool is_dispersed(struct bbr *bbr, const struct bbr_ack *ack) {
  struct bbr_ramp *ramp = &bbr->ramp;
  follow_burst(bbr, ack);
  uint64_t sent_ns = ramp->last_sent_ns - ramp->first_sent_ns, acked_ns = ack->now_ns - ramp->first_acked_ns;
  bool is_slow = ramp->acked >= BURST_DATAGRAMS_MIN * bbr->datagram_bytes &&
                 (double)acked_ns > DISPERSION * (double)sent_ns + (double)noise_ns(bbr);
  if (!is_slow) {
    ramp->slow_from_ns = BBR_NONE;
    return false;
  }
  if (ramp->slow_from_ns == BBR_NONE) ramp->slow_from_ns = ack->now_ns;
  if (ack->now_ns < ramp->slow_from_ns + 2 * noise_ns(bbr)) return false;
  ramp->capacity = (uint64_t)((double)ramp->acked * 1e9 / (double)acked_ns);
  return true;
}

/* A full queue loses here and there of a burst; what was lost in one place says nothing about room.
 */
static bool is_lossy(const struct bbr *bbr, const struct bbr_ack *ack) {
  double lost = (double)bbr->round_lost,
         delivered = (double)(ack->delivery->delivered - bbr->loss_round_from);
  return bbr->round_loss_ranges >= LOSS_RANGES_MIN &&
         lost > BURST_DATAGRAMS_MIN * (double)bbr->datagram_bytes && lost > RAMP_LOSS * (lost + delivered);
}

static void stop(struct bbr *bbr) {
  bbr->ramp.phase = BBR_RAMP_OFF;
  bbr_reset_full(bbr); /* it was held, so what it brought says nothing about a plateau */
  if (has_queue(bbr)) bbr->full_reached = bbr->full_now = true;
}

void bbr_ramp_on_ack(struct bbr *bbr, const struct bbr_ack *ack) {
  struct bbr_ramp *ramp = &bbr->ramp;
  if (ramp->phase == BBR_RAMP_OFF) return;
  note_rtt(bbr, ack);
  bool is_landed =
      ramp->phase == BBR_RAMP_LANDING && bbr->round_count >= ramp->landing_round + LANDING_ROUNDS;
  bool is_short = bbr->min_rtt_ns < RAMP_RTT_NS_MIN / 2; /* the handshake was slow, not the path */
  if (bbr->state != BBR_STARTUP || is_lossy(bbr, ack) || is_landed || is_short) {
    stop(bbr);
  } else if (ramp->phase == BBR_RAMP_LANDING) {
    if (bbr->round_count == ramp->landing_round) is_dispersed(bbr, ack);
    if (ramp->capacity < bbr->bandwidth_max) ramp->capacity = bbr->bandwidth_max;
  } else if (is_dispersed(bbr, ack)) {
    ramp->phase = BBR_RAMP_LANDING;
    ramp->landing_round = bbr->round_count;
  }
}

/* Four times what was acknowledged, but no more than the burst so far has proven the path to carry, and twice
 * in any case, as in the draft. */
static uint64_t grown(const struct bbr *bbr, uint64_t window, uint64_t acked, uint64_t now_ns) {
  const struct bbr_ramp *ramp = &bbr->ramp;
  uint64_t doubled = window + acked, most = window + (RAMP_GROWTH - 1) * acked;
  uint64_t acked_ns = now_ns - ramp->first_acked_ns;
  if (acked_ns == 0 || ramp->acked < BURST_DATAGRAMS_MIN * bbr->datagram_bytes) return most;
  uint64_t proven = (uint64_t)((double)ramp->acked * (double)bbr->min_rtt_ns / (double)acked_ns);
  if (proven < doubled) proven = doubled;
  return proven < most ? proven : most;
}

void bbr_ramp_control(struct bbr *bbr, const struct bbr_ack *ack, uint64_t window_before) {
  const struct bbr_ramp *ramp = &bbr->ramp;
  if (ramp->phase == BBR_RAMP_BURSTS) {
    bbr->window = window_before;
    if (bbr_is_window_limited(bbr))
      bbr->window = grown(bbr, window_before, ack->sample->newly_acked, ack->now_ns);
    bbr->rate_bytes_per_s = burst_rate(bbr);
  } else if (ramp->phase == BBR_RAMP_LANDING) {
    uint64_t target = bbr_inflight(bbr, ramp->capacity, LANDING_GAIN);
    if (bbr->window > target) bbr->window = target;
    bbr->rate_bytes_per_s = (uint64_t)(LANDING_GAIN * (double)ramp->capacity);
  }
  if (bbr->window < bbr_window_min(bbr)) bbr->window = bbr_window_min(bbr);
}
