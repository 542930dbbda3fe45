/* bbr_probe: the cycle that keeps the model true (draft: "ProbeBW"): down - drain what the last probe left
 * behind; cruise - as fast as the path delivers; refill - the same without the short-term bounds, for a
 * round; up - faster, until the path is full.
 *
 * Beyond the draft: when something was lost in the last cycle, down lasts a round at least and is slower, for
 * what is lost in it to be measured (bbr_loss.c). The estimate can be too high by a policer's bucket; at 0.9
 * of it the policer's drops would look like the path's own. And a probe that fills the window up to the
 * long-term bound goes on only while that bound is below what the probe's gain asks for: else it is the path
 * that holds the rate, and the probe would but fill the queue, to the harm of all who share it. */
#include "transport/bbr_parts.h"

enum {
  COEXISTENCE_ROUNDS_MAX = 63,
  UP_ROUNDS_MAX = 30,
  MEASURING_ROUNDS_FEW = 4, /* the first time, in rounds of few packets */
  MEASURING_PACKETS = 200,
};
#define PROBE_WAIT_NS (2 * NS_PER_S)
#define PROBE_WAIT_SPREAD_NS NS_PER_S
#define BELIEVED_PART 0.95
#define MEASURING_GAIN 0.75
#define PROBE_GAIN 1.25

uint64_t bbr_target_inflight(const struct bbr *bbr) {
  uint64_t bdp = bbr_bdp(bbr, bbr->bandwidth, 1);
  return bdp < bbr->window ? bdp : bbr->window;
}

/* ---- into each state ---- */

void bbr_start_down(struct bbr *bbr, uint64_t now_ns, const struct delivery *delivery) {
  bbr_reset_signals(bbr);
  bbr->up_acked_per_step = BBR_NONE;
  bbr->rounds_since_probe = prng_below(&bbr->prng, 2); /* flows must not probe in step */
  bbr->probe_wait_ns = PROBE_WAIT_NS + prng_below(&bbr->prng, PROBE_WAIT_SPREAD_NS);
  bbr->cycle_at_ns = now_ns;
  bbr->ack_phase = BBR_ACKS_PROBE_STOPPING;
  bbr_start_round(bbr, delivery);
  bbr->down_round = bbr->round_count;
  bbr_set_state(bbr, now_ns, BBR_PROBE_DOWN);
  if (bbr->cycle_lost > 0) bbr->pacing_gain = MEASURING_GAIN;
}

void bbr_start_cruise(struct bbr *bbr, uint64_t now_ns) {
  bbr->cycle_lost = 0;
  bbr_set_state(bbr, now_ns, BBR_PROBE_CRUISE);
}

void bbr_start_refill(struct bbr *bbr, uint64_t now_ns, const struct delivery *delivery) {
  if (bbr->cycle_lost == 0 && bbr->quantum_halvings > 0) bbr->quantum_halvings--;
  bbr_reset_short_term(bbr);
  bbr->up_rounds = 0;
  bbr->up_acked = 0;
  bbr->prev_precautionary = false;
  bbr->ack_phase = BBR_ACKS_REFILLING;
  bbr_start_round(bbr, delivery);
  bbr_set_state(bbr, now_ns, BBR_PROBE_REFILL);
}

/* The long-term bound grows by 1, 2, 4, ... datagrams a round. */
static void raise_slope(struct bbr *bbr) {
  uint64_t steps = 1ull << bbr->up_rounds;
  if (bbr->up_rounds < UP_ROUNDS_MAX) bbr->up_rounds++;
  uint64_t bytes = bbr->window / steps;
  bbr->up_acked_per_step = bytes > bbr->datagram_bytes ? bytes : bbr->datagram_bytes;
}

static void start_up(struct bbr *bbr, const struct bbr_ack *ack) {
  bbr->is_probe_sample = true;
  bbr->ack_phase = BBR_ACKS_PROBE_STARTING;
  bbr_start_round(bbr, ack->delivery);
  bbr_reset_full(bbr);
  /* A sample that is low by chance would make the next one look like a faster path. */
  uint64_t believed = (uint64_t)(BELIEVED_PART * (double)bbr->bandwidth);
  bbr->full_bandwidth = ack->sample->rate_bytes_per_s > believed ? ack->sample->rate_bytes_per_s : believed;
  bbr_set_state(bbr, ack->now_ns, BBR_PROBE_UP);
  raise_slope(bbr);
}

/* ---- out of each state ---- */

/* As often as a Reno flow of the same rate would lose a packet, but every two to three seconds at least. */
static bool is_time_to_probe(const struct bbr *bbr, uint64_t now_ns) {
  if (now_ns > bbr->cycle_at_ns + bbr->probe_wait_ns) return true;
  uint64_t rounds = bbr_target_inflight(bbr) / bbr->datagram_bytes;
  if (rounds > COEXISTENCE_ROUNDS_MAX) rounds = COEXISTENCE_ROUNDS_MAX;
  return bbr->rounds_since_probe >= rounds;
}

static bool is_time_to_cruise(const struct bbr *bbr, const struct bbr_ack *ack) {
  bool is_enough =
      bbr->background.count > 0 || bbr_target_inflight(bbr) >= MEASURING_PACKETS * bbr->datagram_bytes;
  uint64_t rounds = is_enough ? 1 : MEASURING_ROUNDS_FEW;
  if (bbr->cycle_lost > 0 && bbr->round_count < bbr->down_round + rounds) return false;
  return ack->bytes_in_flight <= bbr_inflight_with_headroom(bbr) &&
         ack->bytes_in_flight <= bbr_inflight(bbr, bbr->bandwidth_max, 1);
}

static bool is_time_to_go_down(struct bbr *bbr, const struct bbr_ack *ack) {
  /* The last probe lost too much: this one only touches that bound, and tells whether it holds. */
  uint64_t before = ack->bytes_in_flight + ack->sample->newly_acked; /* what was in flight at most */
  if (bbr->prev_too_high && before >= bbr->inflight_long) {
    bbr->prev_precautionary = true;
    return true;
  }
  bool is_bound = bbr->inflight_long < bbr_inflight(bbr, bbr->bandwidth_max, PROBE_GAIN);
  if (bbr_is_window_limited(bbr) && bbr->window >= bbr->inflight_long && is_bound) {
    bbr_reset_full(bbr); /* the bound, not the path, holds the rate */
    bbr->full_bandwidth = ack->sample->rate_bytes_per_s;
    return false;
  }
  return bbr->full_now;
}

/* ---- the long-term model ---- */

static void raise_long_term(struct bbr *bbr, const struct bbr_ack *ack) {
  if (!bbr_is_window_limited(bbr) || bbr->window < bbr->inflight_long) return;
  bbr->up_acked += ack->sample->newly_acked;
  uint64_t steps = bbr->up_acked / bbr->up_acked_per_step;
  bbr->up_acked -= steps * bbr->up_acked_per_step;
  bbr->inflight_long += steps * bbr->datagram_bytes;
  if (bbr->round_start) raise_slope(bbr);
}

/* Returns whether a new probe began. */
static bool adapt_long_term(struct bbr *bbr, const struct bbr_ack *ack) {
  const struct rate_sample *sample = ack->sample;
  if (bbr->ack_phase == BBR_ACKS_PROBE_STARTING && bbr->round_start) bbr->ack_phase = BBR_ACKS_PROBE_FEEDBACK;
  if (bbr->ack_phase == BBR_ACKS_PROBE_STOPPING && bbr->round_start) {
    bbr->is_probe_sample = false;
    bbr->ack_phase = BBR_ACKS_INIT;
    if (bbr_is_in_probe_bw(bbr) && !sample->stamp.is_app_limited) bbr_advance_bandwidth_filter(bbr);
    if (bbr_is_in_probe_bw(bbr) && bbr->prev_precautionary && !bbr->prev_too_high) {
      bbr_start_refill(bbr, ack->now_ns, ack->delivery);
      return true;
    }
  }
  if (bbr->inflight_long == BBR_NONE || bbr_is_loss_high(bbr, sample->lost, sample->stamp.in_flight))
    return false;
  if (bbr->inflight_long < sample->stamp.in_flight) bbr->inflight_long = sample->stamp.in_flight;
  if (bbr->state == BBR_PROBE_UP) raise_long_term(bbr, ack);
  return false;
}

void bbr_update_cycle(struct bbr *bbr, const struct bbr_ack *ack) {
  if (!bbr->full_reached || adapt_long_term(bbr, ack)) return;
  switch (bbr->state) {
  case BBR_PROBE_DOWN:
    if (is_time_to_probe(bbr, ack->now_ns))
      bbr_start_refill(bbr, ack->now_ns, ack->delivery);
    else if (is_time_to_cruise(bbr, ack))
      bbr_start_cruise(bbr, ack->now_ns);
    break;
  case BBR_PROBE_CRUISE:
    if (is_time_to_probe(bbr, ack->now_ns)) bbr_start_refill(bbr, ack->now_ns, ack->delivery);
    break;
  case BBR_PROBE_REFILL:
    if (bbr->round_start) start_up(bbr, ack);
    break;
  case BBR_PROBE_UP:
    if (is_time_to_go_down(bbr, ack)) {
      bbr->prev_too_high = false; /* as far as known now */
      bbr_start_down(bbr, ack->now_ns, ack->delivery);
    }
    break;
  default:
    break;
  }
}
