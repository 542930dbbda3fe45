/* bbr_states: Startup, Drain and ProbeRTT (draft: "Startup", "Drain", "ProbeRTT").
 *
 * Beyond the draft: Startup is not left for losses while what is delivered still grows by a quarter each
 * round. A path that delivers ever more is not full; random loss would end the start-up of a fast, long path
 * at a tenth of its rate, with a minute of probes to make up for it. And a probe that finds a quarter more
 * than there was goes on at twice the rate, until it finds no more: at 1.25 ten times the rate takes ten
 * rounds. As long as a probe finds nothing its window is 1.75 times the product instead of 2.25: the rounds
 * until it gives up would overflow a queue of one round trip each time. */
#include "transport/bbr_parts.h"

#define FULL_GROWTH 1.25
#define UP_GAIN 1.25
#define UP_WINDOW_GAIN 1.75
#define UP_GAIN_GROWING 2.0
#define UP_WINDOW_GAIN_GROWING 2.25
#define PROBE_RTT_DURATION_NS (200 * NS_PER_MS)
#define PROBE_RTT_WINDOW_GAIN 0.5
enum { FULL_ROUNDS = 3, DRAIN_ROUNDS = 3, STARTUP_LOSS_RANGES = 6, STARTUP_LOSS_ROUNDS = 2 };

/* ---- the full pipe ---- */

void bbr_reset_full(struct bbr *bbr) {
  bbr->full_bandwidth = 0;
  bbr->full_count = 0;
  bbr->full_now = false;
}

static void set_up_gains(struct bbr *bbr, double pacing, double window) {
  bbr->pacing_gain = pacing;
  bbr->window_gain = window;
}

void bbr_check_full(struct bbr *bbr, const struct bbr_ack *ack) {
  const struct rate_sample *sample = ack->sample;
  if (bbr->full_now || !bbr->round_start || sample->stamp.is_app_limited) return;
  if (bbr->ramp.phase != BBR_RAMP_OFF) return; /* it has a judgement of its own */
  if ((double)sample->rate_bytes_per_s >= FULL_GROWTH * (double)bbr->full_bandwidth) {
    bbr_reset_full(bbr);
    bbr->full_bandwidth = sample->rate_bytes_per_s;
    if (bbr->state == BBR_PROBE_UP) set_up_gains(bbr, UP_GAIN_GROWING, UP_WINDOW_GAIN_GROWING);
    return;
  }
  if (bbr->state == BBR_PROBE_UP) set_up_gains(bbr, UP_GAIN, UP_WINDOW_GAIN);
  bbr->full_now = ++bbr->full_count >= FULL_ROUNDS;
  if (bbr->full_now) bbr->full_reached = true;
}

/* ---- Startup ---- */

void bbr_enter_startup(struct bbr *bbr, uint64_t now_ns) { bbr_set_state(bbr, now_ns, BBR_STARTUP); }

static void check_startup_loss(struct bbr *bbr, const struct bbr_ack *ack) {
  if (bbr->full_reached || !bbr->loss_round_start || !bbr->is_loss_in_round) return;
  if (bbr->ramp.phase != BBR_RAMP_OFF) return;
  uint64_t total = ack->delivery->delivered - bbr->loss_round_from + bbr->round_lost;
  bool is_growing = bbr->full_count == 0 && !ack->sample->stamp.is_app_limited;
  bool is_high = bbr->loss_rounds + 1 >= STARTUP_LOSS_ROUNDS &&
                 bbr->round_loss_ranges >= STARTUP_LOSS_RANGES &&
                 bbr_is_loss_high(bbr, bbr->round_lost, total);
  if (is_growing || (!is_high && !bbr->is_marked_in_round)) return;
  if (!bbr->is_marked_in_round) bbr->undo_state = BBR_STARTUP;
  bbr->full_reached = bbr->full_now = true;
  uint64_t bdp = bbr_bdp(bbr, bbr->bandwidth, 1);
  bbr->inflight_long = bdp > bbr->inflight_latest ? bdp : bbr->inflight_latest;
}

void bbr_check_startup(struct bbr *bbr, const struct bbr_ack *ack) {
  if (bbr->state != BBR_STARTUP) return;
  check_startup_loss(bbr, ack);
  if (!bbr->full_reached) return;
  bbr_set_state(bbr, ack->now_ns, BBR_DRAIN);
  bbr->drain_round = bbr->round_count;
}

/* ---- Drain ---- */

void bbr_check_drain(struct bbr *bbr, const struct bbr_ack *ack) {
  if (bbr->state != BBR_DRAIN) return;
  bool is_drained = ack->bytes_in_flight <= bbr_inflight(bbr, bbr->bandwidth, 1);
  if (is_drained || bbr->round_count > bbr->drain_round + DRAIN_ROUNDS)
    bbr_start_down(bbr, ack->now_ns, ack->delivery);
}

/* ---- ProbeRTT ---- */

uint64_t bbr_probe_rtt_window(const struct bbr *bbr) {
  uint64_t window = bbr_bdp(bbr, bbr->bandwidth, PROBE_RTT_WINDOW_GAIN);
  return window > bbr_window_min(bbr) ? window : bbr_window_min(bbr);
}

void bbr_check_probe_rtt_done(struct bbr *bbr, uint64_t now_ns, const struct delivery *delivery) {
  if (bbr->probe_rtt_done_ns == 0 || now_ns <= bbr->probe_rtt_done_ns) return;
  bbr->probe_rtt_min_at_ns = now_ns; /* the next one is due from here on */
  bbr_restore_window(bbr);
  bbr_reset_short_term(bbr);
  if (!bbr->full_reached) {
    bbr_enter_startup(bbr, now_ns);
    return;
  }
  bbr_start_down(bbr, now_ns, delivery); /* begins a cycle; what it is for is done already */
  bbr_start_cruise(bbr, now_ns);
}

static void handle_probe_rtt(struct bbr *bbr, const struct bbr_ack *ack) {
  delivery_on_app_limited(ack->delivery, ack->bytes_in_flight); /* low samples, of our own making */
  if (bbr->probe_rtt_done_ns == 0) {
    if (ack->bytes_in_flight > bbr_probe_rtt_window(bbr)) return;
    bbr->probe_rtt_done_ns = ack->now_ns + PROBE_RTT_DURATION_NS;
    bbr->probe_rtt_round_done = false;
    bbr_start_round(bbr, ack->delivery);
    return;
  }
  if (bbr->round_start) bbr->probe_rtt_round_done = true;
  if (bbr->probe_rtt_round_done) bbr_check_probe_rtt_done(bbr, ack->now_ns, ack->delivery);
}

void bbr_check_probe_rtt(struct bbr *bbr, const struct bbr_ack *ack) {
  if (bbr->state != BBR_PROBE_RTT && bbr->probe_rtt_expired && !bbr->idle_restart) {
    bbr_save_window(bbr);
    bbr_set_state(bbr, ack->now_ns, BBR_PROBE_RTT);
    bbr->probe_rtt_done_ns = 0;
    bbr->ack_phase = BBR_ACKS_PROBE_STOPPING;
    bbr_start_round(bbr, ack->delivery);
  }
  if (bbr->state == BBR_PROBE_RTT) handle_probe_rtt(bbr, ack);
  if (ack->sample->delivered > 0) bbr->idle_restart = false;
}
