/* bbr_bounds: what losses do to the bounds (draft: "Updating the Model Upon Packet Loss").
 *
 * While probing, the volume in flight at which too much is lost becomes the long-term bound. At other times a
 * round with losses pulls the short-term bounds towards what the path still delivers, until the next probe
 * forgets them.
 *
 * Beyond the draft: (1) A queue that stands through a whole round of cruising, or keeps standing while we go
 * down, means that those who share it believe in more than there is, each in its share. Then the rate follows
 * what was delivered, down to 0.8 of the estimate and until the next probe. Flows of different size meet
 * sooner, and what others (CUBIC) fill the queue with costs at most that. (2) Losses of packets sent to probe
 * come back when the probe is over and answered; they are no sign that the path became narrower since. (3)
 * What is delivered while we hold ourselves back is our own rate: it counts divided by our gain.
 *
 * A mark (CE) is congestion, and never the path's own noise: a round with one is a round with too much loss.
 * The draft leaves the response open. */
#include "transport/bbr_parts.h"

void bbr_reset_signals(struct bbr *bbr) {
  bbr->is_loss_in_round = bbr->is_loss_unprobed = bbr->is_marked_in_round = false;
  bbr->round_lost = bbr->round_loss_ranges = 0;
  bbr->bandwidth_latest = 0;
  bbr->inflight_latest = 0;
}

void bbr_reset_short_term(struct bbr *bbr) { bbr->bandwidth_short = bbr->inflight_short = BBR_NONE; }

#define STANDING_NS_MIN (500 * NS_PER_US) /* less is trains and timers */
#define YIELD_MOST 0.8
enum { LONG_DOWN_ROUNDS = 2 };
#define SHARED_MOST 0.95 /* of the estimate is delivered: else others are there */

/* ---- not probing ---- */

static uint64_t max_u64(uint64_t a, uint64_t b) { return a > b ? a : b; }

/* By what gain the round was sent that is acknowledged now. */
static double sent_gain(const struct bbr *bbr, const struct bbr_ack *ack) {
  if (bbr->pacing_gain < 1) return bbr->pacing_gain;
  return ack->sample->stamp.first_sent_ns <= bbr->slowed_to_ns ? bbr->slowed_gain : 1;
}

/* What the path delivers: a flow that holds itself back is not to take its own rate for the path's. */
static uint64_t delivered_rate(const struct bbr *bbr, const struct bbr_ack *ack) {
  double rate = (double)bbr->bandwidth_latest / sent_gain(bbr, ack);
  return rate < (double)bbr->bandwidth_max ? (uint64_t)rate : bbr->bandwidth_max;
}

static void yield_to_queue(struct bbr *bbr, const struct bbr_ack *ack) {
  uint64_t standing_ns = max_u64(bbr->min_rtt_ns / 8, STANDING_NS_MIN);
  bool has_rtts = bbr->min_rtt_ns != BBR_NONE && bbr->round_rtt_ns != BBR_NONE;
  bbr->is_queue_standing = has_rtts && bbr->round_rtt_ns > bbr->min_rtt_ns + standing_ns;
  if (ack->sample->stamp.is_app_limited || !bbr->is_queue_standing) return;
  bool is_long_down = bbr->state == BBR_PROBE_DOWN && bbr->round_count > bbr->down_round + LONG_DOWN_ROUNDS;
  bool is_cruise = bbr->state == BBR_PROBE_CRUISE && sent_gain(bbr, ack) == 1;
  if (!is_long_down && !is_cruise) return;
  uint64_t least = (uint64_t)(YIELD_MOST * (double)bbr->bandwidth_max);
  if (is_long_down && (double)delivered_rate(bbr, ack) > SHARED_MOST * (double)bbr->bandwidth_max) return;
  uint64_t bandwidth = max_u64(bbr->bandwidth_latest, least);
  if (bbr->bandwidth_short > bandwidth) bbr->bandwidth_short = bandwidth;
}

void bbr_adapt_short_term(struct bbr *bbr, const struct bbr_ack *ack) {
  yield_to_queue(bbr, ack);
  if (bbr_is_probing(bbr) || !bbr->is_loss_unprobed) return;
  uint64_t total = ack->delivery->delivered - bbr->loss_round_from + bbr->round_lost;
  bool is_high = bbr_is_loss_high(bbr, bbr->round_lost, total);
  if (is_high) bbr_halve_quantum(bbr);
  if (bbr->background.rate > 0 && !is_high && !bbr->is_marked_in_round) return;
  if (bbr->bandwidth_short == BBR_NONE) bbr->bandwidth_short = bbr->bandwidth_max;
  if (bbr->inflight_short == BBR_NONE) bbr->inflight_short = bbr->window;
  bbr->bandwidth_short =
      max_u64(delivered_rate(bbr, ack), (uint64_t)(BBR_BETA * (double)bbr->bandwidth_short));
  bbr->inflight_short = max_u64(bbr->inflight_latest, (uint64_t)(BBR_BETA * (double)bbr->inflight_short));
}

void bbr_end_loss_round(struct bbr *bbr, const struct bbr_ack *ack) {
  bbr->loss_rounds = bbr->is_loss_in_round ? bbr->loss_rounds + 1 : 0;
  bbr->is_loss_in_round = bbr->is_loss_unprobed = bbr->is_marked_in_round = false;
  bbr->round_lost = bbr->round_loss_ranges = 0;
  bbr->loss_round_from = ack->delivery->delivered;
}

/* ---- probing ---- */

/* Losses may have become too much amid the packet, which can be a train: at which volume in flight? */
static uint64_t inflight_at_loss(const struct bbr *bbr, const struct bbr_lost *lost, uint64_t lost_since) {
  double threshold = BBR_LOSS_THRESHOLD + bbr->background.rate;
  double before = (double)lost->stamp->in_flight - (double)lost->size;
  double lost_before = (double)lost_since - (double)lost->size;
  double inflight = before + (threshold * before - lost_before) / (1 - threshold);
  return inflight > 0 ? (uint64_t)inflight : 0;
}

static void on_inflight_too_high(struct bbr *bbr, const struct bbr_lost *lost, uint64_t lost_since) {
  bbr->prev_too_high = true;
  bbr->is_probe_sample = false; /* one answer a probe */
  if (!lost->stamp->is_app_limited) {
    uint64_t least = (uint64_t)(BBR_BETA * (double)bbr_target_inflight(bbr));
    bbr->inflight_long = max_u64(inflight_at_loss(bbr, lost, lost_since), least);
  }
  if (bbr->state != BBR_PROBE_UP) return;
  bbr->undo_state = BBR_PROBE_UP;
  bbr_start_down(bbr, lost->now_ns, lost->delivery);
}

/* What was delivered in a round is what the path holds; one mark ends a probe. */
void bbr_on_marked(struct bbr *bbr, uint64_t now_ns, const struct delivery *delivery) {
  if (!bbr->is_loss_in_round) bbr->loss_round_delivered = delivery->delivered;
  bbr->is_loss_in_round = bbr->is_loss_unprobed = bbr->is_marked_in_round = true;
  bbr->undo_state = BBR_STATES; /* losses may turn out to be none, a mark does not */
  bbr->undo_bandwidth_short = bbr->undo_inflight_short = bbr->undo_inflight_long = 0;
  if (!bbr->is_probe_sample) return;
  bbr->prev_too_high = true;
  bbr->is_probe_sample = false;
  uint64_t least = (uint64_t)(BBR_BETA * (double)bbr_target_inflight(bbr));
  bbr->inflight_long = max_u64(bbr->inflight_latest, least);
  if (bbr->state == BBR_PROBE_UP) bbr_start_down(bbr, now_ns, delivery);
}

/* ---- losses and their undoing ---- */

/* The draft saves at the first loss of a round; but a probe that fails begins a round amid the losses. */
void bbr_enter_recovery(struct bbr *bbr, uint64_t now_ns) {
  bbr_save_window(bbr);
  if (bbr->in_recovery) return;
  bbr->in_recovery = true;
  bbr->recovery_from_ns = now_ns;
  bbr->undo_state = BBR_STATES;
  bbr->undo_bandwidth_short = bbr->bandwidth_short;
  bbr->undo_inflight_short = bbr->inflight_short;
  bbr->undo_inflight_long = bbr->inflight_long;
}

void bbr_on_lost(struct bbr *bbr, const struct bbr_lost *lost) {
  if (!bbr->in_recovery) bbr_enter_recovery(bbr, lost->now_ns);
  if (!bbr->is_loss_in_round) bbr->loss_round_delivered = lost->delivery->delivered;
  if (!bbr->is_loss_in_round || lost->number != bbr->last_lost_number + 1) bbr->round_loss_ranges++;
  bbr->is_loss_in_round = true;
  if (bbr_is_probing(bbr) || lost->sent_ns > bbr->probed_to_ns) bbr->is_loss_unprobed = true;
  bbr->last_lost_number = lost->number;
  bbr->round_lost += lost->size;
  bbr->cycle_lost += lost->size;
  bbr_background_on_lost(bbr, lost);
  if (!bbr->is_probe_sample) return;
  uint64_t lost_since = delivery_lost_since(lost->delivery, lost->stamp);
  if (bbr_is_loss_high(bbr, lost_since, lost->stamp->in_flight)) on_inflight_too_high(bbr, lost, lost_since);
}

void bbr_on_spurious_loss(struct bbr *bbr, uint64_t now_ns, const struct delivery *delivery) {
  bbr_restore_window(bbr);
  bbr->in_recovery = false;
  bbr->is_loss_in_round = bbr->is_loss_unprobed = false;
  bbr->round_lost = bbr->round_loss_ranges = 0;
  bbr_reset_full(bbr);
  bbr->bandwidth_short = max_u64(bbr->bandwidth_short, bbr->undo_bandwidth_short);
  bbr->inflight_short = max_u64(bbr->inflight_short, bbr->undo_inflight_short);
  bbr->inflight_long = max_u64(bbr->inflight_long, bbr->undo_inflight_long);
  enum bbr_state undone = bbr->undo_state;
  bbr->undo_state = BBR_STATES;
  if (undone == BBR_STARTUP && bbr->state != BBR_STARTUP) {
    bbr->full_reached = false;
    if (bbr->state != BBR_PROBE_RTT) bbr_enter_startup(bbr, now_ns);
  } else if (undone == BBR_PROBE_UP && bbr_is_in_probe_bw(bbr) && bbr->state != BBR_PROBE_UP) {
    bbr_start_refill(bbr, now_ns, delivery);
  }
}
