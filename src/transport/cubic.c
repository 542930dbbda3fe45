/* cubic: RFC 9438 in bytes, with HyStart++ for the first slow start and pacing (proto/transport.md section
 * 6).
 *
 * After a reduction the window follows W(t) = C (t - K)^3 + W_max: fast back towards the window that was too
 * much, flat around it, then fast away from it; never slower than Reno would be (W_est). t counts only the
 * time in which the window was what held the sender back: idle and application-limited time moves the epoch
 * along. */
#include "transport/congestion.h"

#include <assert.h>

#define CUBIC_C 0.4                                          /* segments a cubic second */
#define CUBIC_BETA 0.7                                       /* what a reduction leaves */
#define RENO_ALPHA (3 * (1 - CUBIC_BETA) / (1 + CUBIC_BETA)) /* as fast on average as Reno, which halves */
#define TARGET_GROWTH_MAX 1.5
enum { TRAINS_PER_WINDOW = 16 };
#define PACING_GAIN_SLOW_START 2.0 /* the window doubles in a round, so must the rate */
#define PACING_GAIN 1.25
#define RATE_BYTES_PER_S_MAX 1e12

/* Without the math library, which nothing else needs. `x` >= 0. */
static double cube_root(double x) {
  if (x <= 0) return 0;
  double scale = 1;
  for (; x >= 8; x /= 8)
    scale *= 2;
  for (; x < 1; x *= 8)
    scale /= 2;
  double root = 1.5;
  for (int i = 0; i < 6; i++)
    root -= (root * root * root - x) / (3 * root * root); /* Newton, x in [1, 8) */
  return root * scale;
}

static uint64_t window_min(const struct congestion *cc) {
  return CONGESTION_DATAGRAMS_MIN * cc->datagram_bytes;
}

static void set_rate(struct congestion *cc) {
  if (cc->cubic.smoothed_ns == 0) return;
  double gain = cc->window < cc->threshold ? PACING_GAIN_SLOW_START : PACING_GAIN;
  double rate = gain * (double)cc->window * 1e9 / (double)cc->cubic.smoothed_ns;
  cc->rate_bytes_per_s = (uint64_t)(rate < RATE_BYTES_PER_S_MAX ? rate : RATE_BYTES_PER_S_MAX);
  /* Whenever the queue is full, what is lost is the end of a train: it is a small part of the window. */
  uint64_t part = cc->window / TRAINS_PER_WINDOW, by_rate = cc->rate_bytes_per_s / 1000;
  cc->quantum = part < by_rate ? part : by_rate;
}

static void cubic_init(struct congestion *cc) {
  cc->cubic = (struct cubic){.idle = true};
  hystart_init(&cc->cubic.hystart);
}

/* Time in which the window was not used does not count: RFC 9438 section 5.8. */
static void skip_time(struct cubic *cubic, uint64_t now_ns) {
  if (cubic->now.epoch_start_ns && now_ns > cubic->accounted_ns)
    cubic->now.epoch_start_ns += now_ns - cubic->accounted_ns;
  cubic->accounted_ns = now_ns;
}

static void cubic_on_sent(struct congestion *cc, uint64_t now_ns, uint64_t bytes_in_flight, size_t size) {
  (void)bytes_in_flight, (void)size;
  if (!cc->cubic.idle) return;
  cc->cubic.idle = false;
  skip_time(&cc->cubic, now_ns);
}

/* Takes whole bytes of growth, keeps the rest for later. */
static void grow(struct congestion *cc, double bytes) {
  cc->cubic.growth += bytes;
  uint64_t whole = (uint64_t)cc->cubic.growth;
  cc->cubic.growth -= (double)whole;
  cc->window += whole;
}

/* Returns the acknowledged bytes that are left for congestion avoidance. */
static uint64_t grow_in_slow_start(struct congestion *cc, const struct congestion_ack *ack) {
  if (cc->threshold != UINT64_MAX) { /* HyStart++ is for the first slow start only: RFC 9406 section 4.3 */
    if (ack->app_limited) return 0;
    uint64_t room = cc->threshold - cc->window;
    uint64_t taken = ack->bytes_acked < room ? ack->bytes_acked : room;
    cc->window += taken;
    return ack->bytes_acked - taken;
  }
  enum hystart_verdict verdict = hystart_on_ack(&cc->cubic.hystart, ack);
  if (verdict == HYSTART_LEAVE) cc->threshold = cc->window;
  if (ack->app_limited) return 0;
  if (verdict == HYSTART_LEAVE) return ack->bytes_acked;
  if (verdict == HYSTART_GROW)
    cc->window += ack->bytes_acked;
  else
    grow(cc, (double)ack->bytes_acked / HYSTART_GROWTH_DIVISOR);
  return 0;
}

static void start_epoch(struct congestion *cc, uint64_t now_ns) {
  struct cubic_state *state = &cc->cubic.now;
  double window = (double)cc->window;
  state->epoch_start_ns = now_ns;
  state->window_estimate = window;
  cc->cubic.growth = 0;
  if (state->window_max > window) {
    state->k_s = cube_root((state->window_max - window) / (CUBIC_C * (double)cc->datagram_bytes));
  } else { /* slow start was left without a loss, or ended above: nothing to return to, start at the plateau
            */
    state->k_s = 0;
    state->window_max = window;
  }
}

/* W_cubic(t) of RFC 9438 section 4.2, t in seconds since the epoch began. */
static double window_at(const struct congestion *cc, double t_s) {
  const struct cubic_state *state = &cc->cubic.now;
  double distance = t_s - state->k_s;
  return CUBIC_C * (double)cc->datagram_bytes * distance * distance * distance + state->window_max;
}

static void grow_in_avoidance(struct congestion *cc, uint64_t now_ns, uint64_t smoothed_ns,
                              uint64_t bytes_acked) {
  struct cubic_state *state = &cc->cubic.now;
  if (state->epoch_start_ns == 0) start_epoch(cc, now_ns);
  double window = (double)cc->window, acked = (double)bytes_acked;
  double t_s = now_ns > state->epoch_start_ns ? (double)(now_ns - state->epoch_start_ns) / 1e9 : 0;

  double alpha = state->window_estimate >= state->window_prior ? 1 : RENO_ALPHA;
  state->window_estimate += alpha * (double)cc->datagram_bytes * acked / window;
  if (window_at(cc, t_s) < state->window_estimate) { /* Reno-friendly region: RFC 9438 section 4.3 */
    if (state->window_estimate > window) cc->window = (uint64_t)state->window_estimate;
    return;
  }
  double target = window_at(cc, t_s + (double)smoothed_ns / 1e9);
  if (target > TARGET_GROWTH_MAX * window) target = TARGET_GROWTH_MAX * window;
  if (target <= window) return;
  double share = acked < window ? acked / window : 1; /* one batched event must not step over the target */
  grow(cc, (target - window) * share);
}

static void cubic_on_ack(struct congestion *cc, const struct congestion_ack *ack) {
  struct cubic *cubic = &cc->cubic;
  if (ack->rtt->sampled) cubic->smoothed_ns = ack->rtt->smoothed_ns;
  if (ack->app_limited) skip_time(cubic, ack->now_ns);
  cubic->accounted_ns = ack->now_ns;
  cubic->idle = ack->bytes_acked >= ack->bytes_in_flight;

  /* What was sent before the reduction says nothing about the window after it. */
  if (ack->largest_acked >= cubic->recovery_end) {
    uint64_t left = ack->app_limited ? 0 : ack->bytes_acked;
    if (cc->window < cc->threshold) left = grow_in_slow_start(cc, ack);
    if (left > 0) grow_in_avoidance(cc, ack->now_ns, ack->rtt->smoothed_ns, left);
  }
  assert(cc->window >= window_min(cc));
  set_rate(cc);
}

static void reduce(struct congestion *cc) {
  struct cubic_state *state = &cc->cubic.now;
  cc->cubic.undo = *state;
  cc->cubic.undo.window = cc->window;
  cc->cubic.undo.threshold = cc->threshold;

  double window = (double)cc->window;
  /* Fast convergence (RFC 9438 section 4.7): a window that did not get back to W_max gives way to newcomers.
   */
  state->window_max = window < state->window_max ? window * (1 + CUBIC_BETA) / 2 : window;
  state->window_prior = window;
  state->epoch_start_ns = 0;
  cc->window = (uint64_t)(window * CUBIC_BETA + 0.5);
  if (cc->window < window_min(cc)) cc->window = window_min(cc);
  cc->threshold = cc->window;
  cc->cubic.growth = 0;
}

static void cubic_on_loss(struct congestion *cc, const struct congestion_loss *loss) {
  if (loss->largest_lost >= cc->cubic.recovery_end) {
    reduce(cc);
    cc->cubic.recovery_end = loss->next_number;
  }
  if (loss->bytes_lost == 0) cc->cubic.undo.window = 0; /* a mark cannot turn out to be none */
  if (loss->persistent) { /* slow start from the minimum up to the threshold just set */
    cc->window = window_min(cc);
    cc->cubic.now.epoch_start_ns = 0;
    cc->cubic.growth = 0;
  }
  set_rate(cc);
}

static void cubic_on_spurious_loss(struct congestion *cc, uint64_t now_ns) {
  struct cubic *cubic = &cc->cubic;
  if (cc->window < cubic->undo.window) { /* RFC 9438 section 4.9.2: not when it has grown past it meanwhile */
    cubic->now = cubic->undo;
    cc->window = cubic->undo.window;
    cc->threshold = cubic->undo.threshold;
    cubic->growth = 0;
    cubic->recovery_end = 0; /* the episode never was: packets in flight may grow the window, or shrink it */
    cubic->accounted_ns = now_ns;
    set_rate(cc);
  }
  cubic->undo.window = 0;
}

static void cubic_on_dark(struct congestion *cc, uint64_t now_ns, uint64_t since_ns) {
  (void)since_ns;
  skip_time(&cc->cubic, now_ns);
}

static const char *cubic_state(const struct congestion *cc, uint64_t acked_end) {
  if (acked_end <= cc->cubic.recovery_end && cc->cubic.recovery_end > 0) return "recovery";
  if (cc->window >= cc->threshold) return "congestion_avoidance";
  return cc->cubic.hystart.conservative ? "conservative_slow_start" : "slow_start";
}

const struct congestion_ops congestion_cubic = {
    .name = "cubic",
    .init = cubic_init,
    .on_sent = cubic_on_sent,
    .on_ack = cubic_on_ack,
    .on_loss = cubic_on_loss,
    .on_spurious_loss = cubic_on_spurious_loss,
    .on_dark = cubic_on_dark,
    .state = cubic_state,
};
