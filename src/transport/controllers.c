/* controllers: BBRv3 and LEDBAT++ behind the interface that CUBIC was written for. They keep window and rate
 * themselves; after each event the connection's copy is taken from them. */
#include "transport/congestion.h"

#define LIMIT_SHARE 0.95
#define LIMIT_STANDING_NS (2 * NS_PER_MS) /* less is trains and timers */

static void no_init(struct congestion *cc) { (void)cc; }

/* ---- BBRv3 ---- */

/* The path carries all that --bwlimit allows, and nothing waits in it: there is no more to be found by
 * probing, nor a queue of ours to be drained after it, for which BBR would pace below the limit. */
static bool carries_the_limit(const struct congestion *cc) {
  const struct bbr *bbr = &cc->bbr;
  if (cc->rate_max == 0 || bbr->min_rtt_ns == UINT64_MAX || bbr->round_rtt_ns == UINT64_MAX) return false;
  uint64_t standing_ns = bbr->min_rtt_ns / 4 > LIMIT_STANDING_NS ? bbr->min_rtt_ns / 4 : LIMIT_STANDING_NS;
  double arrives = (double)bbr->bandwidth / (1 - bbr->background.rate);
  return bbr->full_reached && arrives >= LIMIT_SHARE * (double)cc->rate_max &&
         bbr->round_rtt_ns <= bbr->min_rtt_ns + standing_ns;
}

static void take_bbr(struct congestion *cc) {
  cc->window = cc->bbr.window;
  cc->rate_bytes_per_s = cc->bbr.rate_bytes_per_s;
  cc->quantum = cc->bbr.quantum;
  if (cc->rate_bytes_per_s < cc->rate_max && carries_the_limit(cc)) cc->rate_bytes_per_s = cc->rate_max;
}

static void start_bbr(struct congestion *cc, uint64_t now_ns, uint64_t smoothed_ns, uint64_t seed) {
  bbr_init(&cc->bbr, now_ns, cc->datagram_bytes, cc->window, smoothed_ns, seed);
  take_bbr(cc);
}

static void bbr_datagram_bytes(struct congestion *cc) {
  bbr_set_datagram_bytes(&cc->bbr, cc->datagram_bytes);
  if (cc->window > cc->bbr.window && cc->bbr.window == cc->bbr.initial_window) /* nothing was sent yet */
    cc->bbr.window = cc->bbr.initial_window = cc->window;
  take_bbr(cc);
}

static void bbr_sent(struct congestion *cc, uint64_t now_ns, uint64_t bytes_in_flight, size_t size) {
  bbr_on_sent(&cc->bbr, now_ns, &cc->delivery, bytes_in_flight, size);
  take_bbr(cc);
}

static void bbr_packet_lost(struct congestion *cc, const struct bbr_lost *lost) {
  bbr_on_lost(&cc->bbr, lost);
}

static void bbr_acked(struct congestion *cc, const struct congestion_ack *ack) {
  const struct bbr_ack event = {.now_ns = ack->now_ns,
                                .bytes_in_flight = ack->bytes_in_flight_after,
                                .smoothed_ns = ack->rtt->sampled ? ack->rtt->smoothed_ns : 0,
                                .held_bytes = ack->held_bytes,
                                .is_late = ack->is_late,
                                .sample = ack->sample,
                                .delivery = &cc->delivery};
  bbr_on_ack(&cc->bbr, &event);
  take_bbr(cc);
}

static void bbr_lost_batch(struct congestion *cc, const struct congestion_loss *loss) {
  if (loss->bytes_lost == 0) bbr_on_marked(&cc->bbr, loss->now_ns, &cc->delivery);
  if (loss->persistent) bbr_on_persistent_congestion(&cc->bbr, loss->now_ns, loss->bytes_in_flight);
  take_bbr(cc);
}

static void bbr_spurious_loss(struct congestion *cc, uint64_t now_ns) {
  bbr_on_spurious_loss(&cc->bbr, now_ns, &cc->delivery);
  take_bbr(cc);
}

/* What was in the path has left it, and the round trip was found to be what it was: no need to probe for it.
 */
static void bbr_dark(struct congestion *cc, uint64_t now_ns, uint64_t since_ns) {
  (void)since_ns;
  cc->bbr.min_rtt_at_ns = cc->bbr.probe_rtt_min_at_ns = now_ns;
  cc->bbr.extra_acked_from_ns = now_ns;
  cc->bbr.extra_acked_delivered = 0;
}

static const char *bbr_in_words(const struct congestion *cc, uint64_t acked_end) {
  (void)acked_end;
  return bbr_state_name(cc->bbr.state);
}

const struct congestion_ops congestion_bbr = {
    .name = "bbr",
    .samples_rate = true,
    .init = no_init,
    .start = start_bbr,
    .on_datagram_bytes = bbr_datagram_bytes,
    .on_sent = bbr_sent,
    .on_packet_lost = bbr_packet_lost,
    .on_ack = bbr_acked,
    .on_loss = bbr_lost_batch,
    .on_spurious_loss = bbr_spurious_loss,
    .on_dark = bbr_dark,
    .state = bbr_in_words,
};

/* ---- LEDBAT++ ---- */

static void take_ledbat(struct congestion *cc) {
  cc->window = cc->ledbat.window;
  cc->rate_bytes_per_s = cc->ledbat.rate_bytes_per_s;
}

static void start_ledbat(struct congestion *cc, uint64_t now_ns, uint64_t smoothed_ns, uint64_t seed) {
  (void)smoothed_ns, (void)seed;
  ledbat_init(&cc->ledbat, now_ns, cc->datagram_bytes);
  take_ledbat(cc);
}

static void ledbat_datagram_bytes(struct congestion *cc) {
  ledbat_set_datagram_bytes(&cc->ledbat, cc->datagram_bytes);
  take_ledbat(cc);
}

static void ledbat_sent(struct congestion *cc, uint64_t now_ns, uint64_t bytes_in_flight, size_t size) {
  (void)cc, (void)now_ns, (void)bytes_in_flight, (void)size;
}

static void ledbat_packet_lost(struct congestion *cc, const struct bbr_lost *lost) {
  ledbat_on_lost(&cc->ledbat, lost->now_ns, lost->sent_ns);
  take_ledbat(cc);
}

/* Without what the peer waited for before it acknowledged: nobody else's packets make that wait. */
static uint64_t round_trip_ns(const struct congestion_ack *ack) {
  uint64_t rtt_ns = ack->is_late ? 0 : ack->sample->rtt_ns;
  return rtt_ns > ack->ack_delay_ns ? rtt_ns - ack->ack_delay_ns : rtt_ns;
}

static void ledbat_acked(struct congestion *cc, const struct congestion_ack *ack) {
  const struct ledbat_ack event = {.now_ns = ack->now_ns,
                                   .bytes_acked = ack->bytes_acked,
                                   .rtt_ns = round_trip_ns(ack),
                                   .smoothed_ns = ack->rtt->sampled ? ack->rtt->smoothed_ns : 0,
                                   .sent_ns = ack->sample->sent_ns,
                                   .app_limited = ack->app_limited};
  ledbat_on_ack(&cc->ledbat, &event);
  take_ledbat(cc);
}

static void ledbat_lost_batch(struct congestion *cc, const struct congestion_loss *loss) {
  if (loss->bytes_lost == 0) ledbat_on_marked(&cc->ledbat, loss->now_ns, loss->largest_lost_sent_ns);
  if (loss->persistent) ledbat_on_persistent_congestion(&cc->ledbat, loss->now_ns);
  take_ledbat(cc);
}

static void ledbat_spurious_loss(struct congestion *cc, uint64_t now_ns) {
  (void)now_ns;
  ledbat_on_spurious_loss(&cc->ledbat);
  take_ledbat(cc);
}

static void ledbat_dark(struct congestion *cc, uint64_t now_ns, uint64_t since_ns) {
  ledbat_on_dark(&cc->ledbat, now_ns - since_ns);
}

static const char *ledbat_in_words(const struct congestion *cc, uint64_t acked_end) {
  static const char *const names[] = {[LEDBAT_START] = "slow_start",
                                      [LEDBAT_STEADY] = "congestion_avoidance",
                                      [LEDBAT_SLOWDOWN] = "slowdown",
                                      [LEDBAT_RAMP] = "ramp"};
  (void)acked_end;
  return names[cc->ledbat.state];
}

const struct congestion_ops congestion_background = {
    .name = "background",
    .samples_rate = true,
    .init = no_init,
    .start = start_ledbat,
    .on_datagram_bytes = ledbat_datagram_bytes,
    .on_sent = ledbat_sent,
    .on_packet_lost = ledbat_packet_lost,
    .on_ack = ledbat_acked,
    .on_loss = ledbat_lost_batch,
    .on_spurious_loss = ledbat_spurious_loss,
    .on_dark = ledbat_dark,
    .state = ledbat_in_words,
};
