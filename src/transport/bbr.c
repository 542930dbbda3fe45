/* bbr: the order of things at each event, and what comes of the model: pacing rate, quantum, window (draft:
 * "Algorithm Organization", "Updating Control Parameters"). */
#include "transport/bbr.h"

#include "transport/bbr_parts.h"

#include <assert.h>

enum {
  QUANTUM_BYTES_MAX = 65507,
  QUANTUM_DATAGRAMS_MIN = 2,
  QUANTUM_LEAST_PART = 16, /* of what the rate gives: what timers can still keep up with */
  QUANTUM_HALVINGS_MAX = 4,
  QUEUE_TRAINS = 8 /* that fit into the queue */
};
#define TRAIN_NS_MIN NS_PER_MS
#define TRAIN_NS_MAX (4 * NS_PER_MS)
#define PACING_MARGIN 0.99 /* a little below the path's rate, so that no queue can stand */
#define RATE_BYTES_PER_S_MAX 1e12
#define RTT_NS_GUESS NS_PER_MS

static const struct {
  const char *name;
  double pacing_gain, window_gain;
  unsigned next; /* states it may go to */
} states[BBR_STATES] = {
#define TO(state) (1u << BBR_##state)
    /* 4 ln 2: the least gain that doubles what is delivered in each round */
    [BBR_STARTUP] = {"startup", 2.77, 2, TO(DRAIN) | TO(PROBE_RTT)},
    [BBR_DRAIN] = {"drain", 0.5, 2, TO(PROBE_DOWN) | TO(PROBE_RTT) | TO(STARTUP)},
    [BBR_PROBE_DOWN] = {"down", 0.9, 2, TO(PROBE_CRUISE) | TO(PROBE_REFILL) | TO(PROBE_RTT) | TO(STARTUP)},
    [BBR_PROBE_CRUISE] = {"cruise", 1, 2, TO(PROBE_REFILL) | TO(PROBE_RTT) | TO(STARTUP)},
    [BBR_PROBE_REFILL] = {"refill", 1, 2, TO(PROBE_UP) | TO(PROBE_REFILL) | TO(PROBE_RTT) | TO(STARTUP)},
    [BBR_PROBE_UP] = {"up", 1.25, 1.75, TO(PROBE_DOWN) | TO(PROBE_RTT) | TO(STARTUP)},
    [BBR_PROBE_RTT] = {"probe_rtt", 1, 0.5, TO(PROBE_DOWN) | TO(STARTUP)},
#undef TO
};

const char *bbr_state_name(enum bbr_state state) { return state < BBR_STATES ? states[state].name : "none"; }

void bbr_set_state(struct bbr *bbr, uint64_t now_ns, enum bbr_state state) {
  assert(state < BBR_STATES && states[bbr->state].next & 1u << state && "no such transition");
  if (bbr_is_probing(bbr)) bbr->probed_to_ns = now_ns;
  if (bbr->pacing_gain < 1) {
    bbr->slowed_to_ns = now_ns;
    bbr->slowed_gain = bbr->pacing_gain;
  }
  bbr->state = state;
  bbr->pacing_gain = states[state].pacing_gain;
  bbr->window_gain = states[state].window_gain;
  bbr_background_on_gain(bbr, now_ns, bbr->pacing_gain);
}

bool bbr_is_in_probe_bw(const struct bbr *bbr) {
  return bbr->state == BBR_PROBE_DOWN || bbr->state == BBR_PROBE_CRUISE || bbr->state == BBR_PROBE_REFILL ||
         bbr->state == BBR_PROBE_UP;
}

bool bbr_is_probing(const struct bbr *bbr) {
  return bbr->state == BBR_STARTUP || bbr->state == BBR_PROBE_REFILL || bbr->state == BBR_PROBE_UP;
}

/* ---- volumes ---- */

uint64_t bbr_window_min(const struct bbr *bbr) { return BBR_WINDOW_DATAGRAMS_MIN * bbr->datagram_bytes; }

uint64_t bbr_bdp(const struct bbr *bbr, uint64_t bandwidth, double gain) {
  if (bbr->min_rtt_ns == BBR_NONE) return bbr->initial_window;
  return (uint64_t)(gain * (double)bandwidth * (double)bbr->min_rtt_ns / 1e9);
}

/* A train that leaves at once and another that waits to be acknowledged are in flight without being in the
 * path; so is what the receiver holds back before it acknowledges. */
static uint64_t with_budgets(const struct bbr *bbr, uint64_t inflight) {
  uint64_t budget = bbr->quantum + bbr->held_bytes;
  if (inflight < budget) inflight = budget;
  if (inflight < bbr_window_min(bbr)) inflight = bbr_window_min(bbr);
  return bbr->state == BBR_PROBE_UP ? inflight + 2 * bbr->datagram_bytes : inflight;
}

uint64_t bbr_inflight(const struct bbr *bbr, uint64_t bandwidth, double gain) {
  return with_budgets(bbr, bbr_bdp(bbr, bandwidth, gain));
}

uint64_t bbr_inflight_with_headroom(const struct bbr *bbr) {
  if (bbr->inflight_long == BBR_NONE) return BBR_NONE;
  uint64_t headroom = (uint64_t)(BBR_HEADROOM * (double)bbr->inflight_long);
  if (headroom < bbr->datagram_bytes) headroom = bbr->datagram_bytes;
  uint64_t left = bbr->inflight_long > headroom ? bbr->inflight_long - headroom : 0;
  uint64_t bdp = bbr_bdp(bbr, bbr->bandwidth, 1) + bbr_extra_acked(bbr);
  if (bdp > bbr->inflight_long) bdp = bbr->inflight_long;
  if (left < bdp && !bbr->is_queue_standing) left = bdp;
  return left > bbr_window_min(bbr) ? left : bbr_window_min(bbr);
}

bool bbr_is_window_limited(const struct bbr *bbr) { return bbr->is_limited || bbr->was_limited; }

/* The window as it was before ProbeRTT or a recovery modulated it. */
void bbr_save_window(struct bbr *bbr) {
  bool is_plain = !bbr->in_recovery && bbr->state != BBR_PROBE_RTT;
  if (is_plain || bbr->prior_window < bbr->window) bbr->prior_window = bbr->window;
}

void bbr_restore_window(struct bbr *bbr) {
  if (bbr->window < bbr->prior_window) bbr->window = bbr->prior_window;
}

/* ---- what the connection obeys ---- */

void bbr_set_rate(struct bbr *bbr, double gain) {
  double rate = gain * (double)bbr->bandwidth * PACING_MARGIN;
  /* What is lost anyway has to be sent besides for `bandwidth` to arrive; not while that is being measured.
   */
  if (gain >= 1) rate /= 1 - bbr->background.rate;
  if (rate > RATE_BYTES_PER_S_MAX) rate = RATE_BYTES_PER_S_MAX;
  if (bbr->full_reached || rate > (double)bbr->rate_bytes_per_s) bbr->rate_bytes_per_s = (uint64_t)rate;
  if (bbr->rate_bytes_per_s == 0) bbr->rate_bytes_per_s = 1; /* 0 would mean: not paced */
}

void bbr_halve_quantum(struct bbr *bbr) {
  if (bbr->quantum_halvings < QUANTUM_HALVINGS_MAX) bbr->quantum_halvings++;
}

/* Each train costs a wake-up of the machine, so on a long path they are longer as long as none has been too
 * much: what leaves at once is a thirty-second of the round trip at most. */
static uint64_t train_ns(const struct bbr *bbr) {
  bool is_harmless = bbr->full_reached && bbr->inflight_long == BBR_NONE && bbr->quantum_halvings == 0;
  uint64_t part_ns = is_harmless ? bbr->min_rtt_ns / 32 : 0;
  return part_ns < TRAIN_NS_MIN ? TRAIN_NS_MIN : part_ns > TRAIN_NS_MAX ? TRAIN_NS_MAX : part_ns;
}

/* Where losses have shown what the path holds besides what is under way in it, a train is a small part of
 * that: a queue of 20 packets loses half of a train of 40. */
static void set_quantum(struct bbr *bbr) {
  uint64_t quantum = (uint64_t)((double)bbr->rate_bytes_per_s * (double)train_ns(bbr) / 1e9);
  uint64_t bdp = bbr_bdp(bbr, bbr->bandwidth_max, 1), most = quantum;
  if (bbr->inflight_long != BBR_NONE)
    most = bbr->inflight_long > bdp ? (bbr->inflight_long - bdp) / QUEUE_TRAINS >> bbr->quantum_halvings : 0;
  else if (!bbr->full_reached && bbr->cycle_lost > 0 && bbr->ramp.phase == BBR_RAMP_OFF)
    most = 0; /* not known yet; the ramp's bursts are meant as such */
  if (most < quantum / QUANTUM_LEAST_PART) most = quantum / QUANTUM_LEAST_PART;
  if (quantum > most) quantum = most;
  if (quantum > QUANTUM_BYTES_MAX) quantum = QUANTUM_BYTES_MAX;
  uint64_t least = QUANTUM_DATAGRAMS_MIN * bbr->datagram_bytes;
  bbr->quantum = quantum > least ? quantum : least;
}

static void bound_window(struct bbr *bbr) {
  if (bbr->state == BBR_PROBE_RTT && bbr->window > bbr_probe_rtt_window(bbr))
    bbr->window = bbr_probe_rtt_window(bbr);
  uint64_t cap = BBR_NONE;
  if (bbr_is_in_probe_bw(bbr) && bbr->state != BBR_PROBE_CRUISE)
    cap = bbr->inflight_long;
  else if (bbr->state == BBR_PROBE_RTT || bbr->state == BBR_PROBE_CRUISE)
    cap = bbr_inflight_with_headroom(bbr);
  if (cap > bbr->inflight_short) cap = bbr->inflight_short;
  if (cap < bbr_window_min(bbr)) cap = bbr_window_min(bbr);
  if (bbr->window > cap) bbr->window = cap;
}

/* A probe's queue serves late acknowledgements as well, so there the two are not added: a queue of one round
 * trip must not overflow by it. */
static uint64_t most_in_flight(const struct bbr *bbr) {
  uint64_t gained = bbr_bdp(bbr, bbr->bandwidth, bbr->window_gain), extra = bbr_extra_acked(bbr);
  if (bbr->state != BBR_PROBE_UP) return gained + extra;
  uint64_t aggregated = bbr_bdp(bbr, bbr->bandwidth, 1) + extra;
  return gained > aggregated ? gained : aggregated;
}

static void set_window(struct bbr *bbr, const struct bbr_ack *ack) {
  uint64_t max = most_in_flight(bbr);
  max = with_budgets(bbr, max);
  uint64_t grown = bbr->window + ack->sample->newly_acked;
  if (bbr->full_reached)
    bbr->window = grown < max ? grown : max;
  else if (bbr->window < max || ack->delivery->delivered < bbr->initial_window)
    bbr->window = grown;
  if (bbr->window < bbr_window_min(bbr)) bbr->window = bbr_window_min(bbr);
  bound_window(bbr);
}

/* ---- events ---- */

static void set_first_rate(struct bbr *bbr, uint64_t smoothed_ns) {
  double nominal = (double)bbr->initial_window * 1e9 / (double)smoothed_ns;
  double rate = states[BBR_STARTUP].pacing_gain * nominal;
  bbr->rate_bytes_per_s = (uint64_t)(rate < RATE_BYTES_PER_S_MAX ? rate : RATE_BYTES_PER_S_MAX);
}

void bbr_init(struct bbr *bbr, uint64_t now_ns, uint64_t datagram_bytes, uint64_t initial_window,
              uint64_t smoothed_ns, uint64_t seed) {
  assert(datagram_bytes > 0 && initial_window > 0);
  *bbr = (struct bbr){
      .window = initial_window,
      .initial_window = initial_window,
      .datagram_bytes = datagram_bytes,
      .state = BBR_STARTUP,
      .pacing_gain = states[BBR_STARTUP].pacing_gain,
      .window_gain = states[BBR_STARTUP].window_gain,
      .bandwidth_short = BBR_NONE,
      .inflight_short = BBR_NONE,
      .inflight_long = BBR_NONE,
      .min_rtt_ns = smoothed_ns ? smoothed_ns : BBR_NONE,
      .min_rtt_at_ns = now_ns,
      .probe_rtt_min_ns = BBR_NONE,
      .probe_rtt_min_at_ns = now_ns,
      .extra_acked_from_ns = now_ns,
      .round_rtt_ns = BBR_NONE,
      .slow_from_ns = BBR_NONE,
      .undo_state = BBR_STATES,
      .up_acked_per_step = BBR_NONE,
      .background = {.from_ns = BBR_NONE, .to_ns = BBR_NONE},
  };
  prng_seed(&bbr->prng, seed);
  if (smoothed_ns) set_first_rate(bbr, smoothed_ns);
  if (smoothed_ns) bbr_ramp_init(bbr, smoothed_ns);
  set_quantum(bbr);
}

void bbr_set_datagram_bytes(struct bbr *bbr, uint64_t datagram_bytes) {
  assert(datagram_bytes > 0);
  bbr->datagram_bytes = datagram_bytes;
  if (bbr->window < bbr_window_min(bbr)) bbr->window = bbr_window_min(bbr);
  set_quantum(bbr);
}

void bbr_on_sent(struct bbr *bbr, uint64_t now_ns, const struct delivery *delivery, uint64_t bytes_in_flight,
                 size_t size) {
  if (bytes_in_flight + bbr->datagram_bytes > bbr->window) bbr->is_limited = true;
  if (bytes_in_flight > size || delivery->app_limited_end == 0) return;
  bbr->idle_restart = true; /* the path had time to drain: go on at its rate, no faster */
  bbr->extra_acked_from_ns = now_ns;
  bbr->extra_acked_delivered = 0;
  if (bbr_is_in_probe_bw(bbr))
    bbr_set_rate(bbr, 1);
  else if (bbr->state == BBR_PROBE_RTT)
    bbr_check_probe_rtt_done(bbr, now_ns, delivery);
}

void bbr_on_persistent_congestion(struct bbr *bbr, uint64_t now_ns, uint64_t bytes_in_flight) {
  bbr_enter_recovery(bbr, now_ns);
  bbr->window = bytes_in_flight + bbr->datagram_bytes;
  if (bbr->window < bbr_window_min(bbr)) bbr->window = bbr_window_min(bbr);
}

void bbr_on_ack(struct bbr *bbr, const struct bbr_ack *ack) {
  if (!ack->sample->has_data) return;
  bbr->held_bytes = ack->held_bytes;
  if (bbr->rate_bytes_per_s == 0) set_first_rate(bbr, ack->smoothed_ns ? ack->smoothed_ns : RTT_NS_GUESS);

  bbr_update_latest(bbr, ack);
  bbr_update_bandwidth(bbr, ack);
  bbr_background_on_ack(bbr, ack->sample);
  bbr_check_slower_path(bbr, ack);
  if (bbr->loss_round_start) bbr_adapt_short_term(bbr, ack);
  bbr_update_aggregation(bbr, ack);
  bbr_check_full(bbr, ack);
  bbr_ramp_on_ack(bbr, ack);
  bbr_check_startup(bbr, ack);
  bbr_check_drain(bbr, ack);
  bbr_update_cycle(bbr, ack);
  bbr_update_min_rtt(bbr, ack);
  bbr_check_probe_rtt(bbr, ack);
  bbr_advance_latest(bbr, ack);
  if (bbr->loss_round_start) bbr_end_loss_round(bbr, ack);
  bbr->bandwidth = bbr->bandwidth_max < bbr->bandwidth_short ? bbr->bandwidth_max : bbr->bandwidth_short;

  if (bbr->in_recovery && ack->sample->sent_ns > bbr->recovery_from_ns) {
    bbr_restore_window(bbr);
    bbr->in_recovery = false;
  }
  uint64_t window_before = bbr->window;
  bbr_set_rate(bbr, bbr->pacing_gain);
  set_window(bbr, ack);
  bbr_ramp_control(bbr, ack, window_before);
  set_quantum(bbr);
}
