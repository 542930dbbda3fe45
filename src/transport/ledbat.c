/* ledbat: window and slowdowns (draft-irtf-iccrg-ledbat-plus-plus sections "Reduced Gain", "Multiplicative
 * Decrease", "Modified Slow Start", "Initial and Periodic Slowdown"). Bytes where the draft counts packets.
 */
#include "transport/ledbat.h"

#include <assert.h>

enum { GAIN_DIVISOR_MAX = 16, SLOWDOWN_ROUNDS = 2, SLOWDOWN_PARTS = 9 };
#define DECREASE 1.0 /* the draft's Constant */
#define PACING_GAIN_START 2.0
#define PACING_GAIN 1.25
#define RATE_BYTES_PER_S_MAX 1e12

static uint64_t window_min(const struct ledbat *ledbat) {
  return LEDBAT_DATAGRAMS_MIN * ledbat->datagram_bytes;
}

/* The shorter the path, the gentler: a queue of 60 ms is many windows there. */
static double gain(const struct ledbat *ledbat) {
  uint64_t base_ns = ledbat_delay_base_ns(&ledbat->delay);
  uint64_t divisor = base_ns == 0 ? GAIN_DIVISOR_MAX : 2 * LEDBAT_TARGET_NS / base_ns;
  if (base_ns > 0 && 2 * LEDBAT_TARGET_NS % base_ns > 0) divisor++;
  return 1.0 / (double)(divisor < GAIN_DIVISOR_MAX ? divisor : GAIN_DIVISOR_MAX);
}

static void set_rate(struct ledbat *ledbat) {
  if (ledbat->smoothed_ns == 0) return;
  bool is_start = ledbat->state == LEDBAT_START || ledbat->state == LEDBAT_RAMP;
  double pace = is_start ? PACING_GAIN_START : PACING_GAIN;
  double rate = pace * (double)ledbat->window * 1e9 / (double)ledbat->smoothed_ns;
  ledbat->rate_bytes_per_s = (uint64_t)(rate < RATE_BYTES_PER_S_MAX ? rate : RATE_BYTES_PER_S_MAX);
}

static void change_window(struct ledbat *ledbat, double bytes) {
  double window = (double)ledbat->window + ledbat->growth + bytes;
  double least = (double)window_min(ledbat);
  if (window < least) window = least;
  ledbat->window = (uint64_t)window;
  ledbat->growth = window - (double)ledbat->window;
}

static void enter_steady(struct ledbat *ledbat, uint64_t slowdown_at_ns) {
  ledbat->state = LEDBAT_STEADY;
  ledbat->slowdown_at_ns = slowdown_at_ns;
}

static void start_slowdown(struct ledbat *ledbat, uint64_t now_ns) {
  if (!ledbat->lost_since_slowdown)
    ledbat->target_ns = 2 * ledbat->target_ns < LEDBAT_TARGET_NS ? 2 * ledbat->target_ns : LEDBAT_TARGET_NS;
  ledbat->lost_since_slowdown = false;
  ledbat->state = LEDBAT_SLOWDOWN;
  ledbat->threshold = ledbat->window;
  ledbat->window = window_min(ledbat);
  ledbat->growth = 0;
  ledbat->slowdown_from_ns = now_ns;
  ledbat->hold_to_ns = now_ns + SLOWDOWN_ROUNDS * ledbat->smoothed_ns;
}

/* Nine times as long as this slowdown took, none: together a tenth of the time. */
static void end_ramp(struct ledbat *ledbat, uint64_t now_ns) {
  enter_steady(ledbat, now_ns + SLOWDOWN_PARTS * (now_ns - ledbat->slowdown_from_ns));
}

static void steer_by_queue(struct ledbat *ledbat, uint64_t queue_ns, const struct ledbat_ack *ack) {
  double window = (double)ledbat->window;
  double in_a_round = gain(ledbat) * (double)ledbat->datagram_bytes;
  if (queue_ns > ledbat->target_ns) {
    if (ack->sent_ns <= ledbat->reduced_ns) return; /* the queue of before: a loss has answered it */
    double excess = (double)queue_ns / (double)ledbat->target_ns - 1;
    in_a_round -= DECREASE * window * excess;
    if (in_a_round < -window / 2) in_a_round = -window / 2;
  } else if (ack->app_limited) {
    return;
  }
  double share = (double)ack->bytes_acked / window;
  change_window(ledbat, in_a_round * (share < 1 ? share : 1));
}

static void run(struct ledbat *ledbat, const struct ledbat_ack *ack) {
  uint64_t now_ns = ack->now_ns, queue_ns = ledbat_delay_queue_ns(&ledbat->delay);
  double slow_start = ack->app_limited ? 0 : gain(ledbat) * (double)ack->bytes_acked;
  switch (ledbat->state) {
  case LEDBAT_START:
    change_window(ledbat, slow_start);
    if (queue_ns > ledbat->target_ns / 4 * 3)
      enter_steady(ledbat, now_ns + SLOWDOWN_ROUNDS * ledbat->smoothed_ns);
    break;
  case LEDBAT_STEADY:
    steer_by_queue(ledbat, queue_ns, ack);
    if (now_ns >= ledbat->slowdown_at_ns) start_slowdown(ledbat, now_ns);
    break;
  case LEDBAT_SLOWDOWN:
    if (now_ns >= ledbat->hold_to_ns) ledbat->state = LEDBAT_RAMP;
    break;
  case LEDBAT_RAMP:
    change_window(ledbat, slow_start);
    if (ledbat->window < ledbat->threshold) break;
    ledbat->window = ledbat->threshold;
    end_ramp(ledbat, now_ns);
    break;
  }
}

/* ---- events ---- */

void ledbat_init(struct ledbat *ledbat, uint64_t now_ns, uint64_t datagram_bytes) {
  assert(datagram_bytes > 0);
  *ledbat = (struct ledbat){.window = LEDBAT_DATAGRAMS_MIN * datagram_bytes,
                            .threshold = UINT64_MAX,
                            .target_ns = LEDBAT_TARGET_NS,
                            .datagram_bytes = datagram_bytes};
  ledbat_delay_init(&ledbat->delay, now_ns);
}

void ledbat_set_datagram_bytes(struct ledbat *ledbat, uint64_t datagram_bytes) {
  assert(datagram_bytes > 0);
  ledbat->datagram_bytes = datagram_bytes;
  if (ledbat->window < window_min(ledbat)) ledbat->window = window_min(ledbat);
  if (ledbat->threshold < window_min(ledbat)) ledbat->threshold = window_min(ledbat);
}

void ledbat_on_ack(struct ledbat *ledbat, const struct ledbat_ack *ack) {
  ledbat->smoothed_ns = ack->smoothed_ns;
  if (ack->rtt_ns > 0) ledbat_delay_on_sample(&ledbat->delay, ack->now_ns, ack->rtt_ns);
  ledbat_loss_on_acked(ledbat, ack->now_ns, ack->bytes_acked);
  run(ledbat, ack);
  assert(ledbat->window >= window_min(ledbat));
  set_rate(ledbat);
}

static void reduce(struct ledbat *ledbat, uint64_t now_ns, uint64_t sent_ns) {
  if (ledbat->reduced_ns > 0 && sent_ns <= ledbat->reduced_ns) return;
  ledbat->reduced_ns = now_ns;
  ledbat->undo_window = ledbat->window;
  ledbat->undo_threshold = ledbat->threshold;
  uint64_t target_ns = ledbat_delay_queue_ns(&ledbat->delay) / 2;
  if (target_ns < LEDBAT_TARGET_NS_MIN) target_ns = LEDBAT_TARGET_NS_MIN;
  if (target_ns < ledbat->target_ns) ledbat->target_ns = target_ns;
  ledbat->lost_since_slowdown = true;
  /* The window is at its least already, or on its way up from there; what it returns to was too much. */
  bool is_of_before = ledbat->state == LEDBAT_RAMP && sent_ns <= ledbat->slowdown_from_ns;
  if (ledbat->state == LEDBAT_SLOWDOWN || is_of_before) {
    ledbat->threshold =
        ledbat->threshold / 2 > window_min(ledbat) ? ledbat->threshold / 2 : window_min(ledbat);
    return;
  }
  ledbat->window = ledbat->window / 2 > window_min(ledbat) ? ledbat->window / 2 : window_min(ledbat);
  ledbat->threshold = ledbat->window;
  ledbat->growth = 0;
  if (ledbat->state == LEDBAT_START) enter_steady(ledbat, now_ns + SLOWDOWN_ROUNDS * ledbat->smoothed_ns);
  if (ledbat->state == LEDBAT_RAMP) end_ramp(ledbat, now_ns);
  set_rate(ledbat);
}

void ledbat_on_lost(struct ledbat *ledbat, uint64_t now_ns, uint64_t sent_ns) {
  if (ledbat_loss_is_answered(ledbat)) reduce(ledbat, now_ns, sent_ns);
}

void ledbat_on_marked(struct ledbat *ledbat, uint64_t now_ns, uint64_t sent_ns) {
  reduce(ledbat, now_ns, sent_ns);
  ledbat->undo_window = 0;
}

/* As far down as a slowdown goes, and slow start from there to half of what it was. */
void ledbat_on_persistent_congestion(struct ledbat *ledbat, uint64_t now_ns) {
  ledbat->window = window_min(ledbat);
  ledbat->growth = 0;
  if (ledbat->threshold == UINT64_MAX) ledbat->threshold = ledbat->window;
  ledbat->state = LEDBAT_RAMP;
  ledbat->slowdown_from_ns = now_ns;
  ledbat->undo_window = 0;
  set_rate(ledbat);
}

void ledbat_on_dark(struct ledbat *ledbat, uint64_t lasted_ns) {
  ledbat->slowdown_at_ns += lasted_ns;
  ledbat->slowdown_from_ns += lasted_ns;
  ledbat->hold_to_ns += lasted_ns;
}

void ledbat_on_spurious_loss(struct ledbat *ledbat) {
  if (ledbat->undo_window > ledbat->window && ledbat->state == LEDBAT_STEADY)
    ledbat->window = ledbat->undo_window;
  if (ledbat->undo_window > 0 && ledbat->threshold < ledbat->undo_threshold)
    ledbat->threshold = ledbat->undo_threshold;
  ledbat->undo_window = 0;
  ledbat->reduced_ns = 0;
  set_rate(ledbat);
}
