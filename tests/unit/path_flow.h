/* path_flow: a sender for the path model of bottleneck.h: it has always something to send unless told
 * otherwise, obeys its controller's window and its pacing rate, and finds losses by three later packets or by
 * silence; when all that an episode declared lost arrives after all, it says so, as the connection does. Lost
 * bytes are not sent again: what counts is what arrives. */
#ifndef PATH_FLOW_H
#define PATH_FLOW_H

#include "transport/bbr.h"
#include "transport/congestion.h"
#include "transport/ledbat.h"
#include "transport/pacer.h"

#include <stdlib.h>

enum { FLOW_RING = 1 << 16, FLOW_PACKET = 1472, FLOW_REORDER = 3 };
enum flow_kind { FLOW_BBR, FLOW_LEDBAT, FLOW_CUBIC, FLOW_CONSTANT };

struct flow_packet {
  struct delivery_stamp stamp;
  uint64_t sent_ns;
  enum { FLOW_SENT = 1, FLOW_LOST, FLOW_SETTLED } state;
};

struct flow {
  enum flow_kind kind;
  struct bbr bbr;
  struct ledbat ledbat;
  struct congestion cubic;
  struct rtt rtt;
  struct delivery delivery;
  struct rate_sample sample; /* the last one */
  struct pacer pacer;
  struct flow_packet *ring;
  uint64_t next, lowest, largest; /* packet numbers: to be sent; below it all is settled; acknowledged */
  uint64_t in_flight, progress_ns;
  uint64_t app_rate, app_from_ns, app_sent; /* bytes a second, 0: all there is; counted from app_from_ns */
  bool paused;
  uint64_t sent, lost;                                                         /* packets */
  uint64_t episode_first, episode_end, episode_lost, episode_spurious, undone; /* losses found false */
};

static inline void flow_init(struct flow *flow, enum flow_kind kind, uint64_t now_ns, uint64_t seed) {
  *flow = (struct flow){.kind = kind, .progress_ns = now_ns, .app_from_ns = now_ns};
  flow->ring = calloc(FLOW_RING, sizeof *flow->ring);
  assert(flow->ring);
  rtt_init(&flow->rtt, 100 * NS_PER_MS);
  delivery_init(&flow->delivery, now_ns);
  congestion_init(&flow->cubic, &congestion_cubic, FLOW_PACKET);
  bbr_init(&flow->bbr, now_ns, FLOW_PACKET, flow->cubic.window, 0, seed);
  ledbat_init(&flow->ledbat, now_ns, FLOW_PACKET);
  pacer_init(&flow->pacer, now_ns, 0, FLOW_PACKET);
}

static inline uint64_t flow_window(const struct flow *flow) {
  return flow->kind == FLOW_BBR      ? flow->bbr.window
         : flow->kind == FLOW_LEDBAT ? flow->ledbat.window
         : flow->kind == FLOW_CUBIC  ? flow->cubic.window
                                     : UINT64_MAX;
}

static inline void flow_pace(struct flow *flow, uint64_t now_ns) {
  uint64_t rate = flow->kind == FLOW_BBR      ? flow->bbr.rate_bytes_per_s
                  : flow->kind == FLOW_LEDBAT ? flow->ledbat.rate_bytes_per_s
                  : flow->kind == FLOW_CUBIC  ? flow->cubic.rate_bytes_per_s
                                              : 0;
  pacer_want_quantum(&flow->pacer, flow->kind == FLOW_BBR ? flow->bbr.quantum : 0);
  pacer_set_rate(&flow->pacer, now_ns, rate, FLOW_PACKET);
}

/* When the next packet can leave; TIME_NEVER when only an acknowledgement can bring it about. */
static inline uint64_t flow_next_ns(const struct flow *flow, uint64_t now_ns) {
  bool is_full = flow->in_flight + FLOW_PACKET > flow_window(flow) || flow->next - flow->lowest >= FLOW_RING;
  if (flow->paused || is_full) return TIME_NEVER;
  uint64_t at_ns = pacer_next_ns(&flow->pacer, now_ns);
  if (flow->app_rate == 0) return at_ns;
  uint64_t app_ns = flow->app_from_ns + flow->app_sent * NS_PER_S / flow->app_rate;
  return app_ns > at_ns ? app_ns : at_ns;
}

/* The window and the pacer would let a packet go, but there is none. */
static inline void flow_check_app_limited(struct flow *flow, uint64_t now_ns) {
  bool has_room = flow->in_flight + FLOW_PACKET <= flow_window(flow);
  bool is_out = flow->paused || flow->app_rate > 0;
  if (is_out && has_room && flow_next_ns(flow, now_ns) > pacer_next_ns(&flow->pacer, now_ns))
    delivery_on_app_limited(&flow->delivery, flow->in_flight);
}

static inline uint64_t flow_send(struct flow *flow, uint64_t now_ns) {
  struct flow_packet *packet = &flow->ring[flow->next % FLOW_RING];
  if (flow->in_flight == 0) flow->progress_ns = now_ns;
  uint64_t with_it = flow->in_flight + FLOW_PACKET;
  if (flow->kind == FLOW_BBR) bbr_on_sent(&flow->bbr, now_ns, &flow->delivery, with_it, FLOW_PACKET);
  if (flow->kind == FLOW_CUBIC) flow->cubic.ops->on_sent(&flow->cubic, now_ns, with_it, FLOW_PACKET);
  delivery_on_sent(&flow->delivery, now_ns, flow->in_flight, FLOW_PACKET, &packet->stamp);
  flow_pace(flow, now_ns); /* a restart from idle sets the rate */
  pacer_on_sent(&flow->pacer, now_ns, FLOW_PACKET);
  packet->sent_ns = now_ns;
  packet->state = FLOW_SENT;
  flow->in_flight = with_it;
  flow->app_sent += FLOW_PACKET;
  flow->sent++;
  return flow->next++;
}

static inline void flow_on_spurious(struct flow *flow, uint64_t now_ns, uint64_t number) {
  flow->ring[number % FLOW_RING].state = FLOW_SETTLED;
  if (number < flow->episode_first || number >= flow->episode_end) return;
  if (++flow->episode_spurious < flow->episode_lost) return;
  flow->undone++;
  if (flow->kind == FLOW_BBR) bbr_on_spurious_loss(&flow->bbr, now_ns, &flow->delivery);
  if (flow->kind == FLOW_LEDBAT) ledbat_on_spurious_loss(&flow->ledbat);
  if (flow->kind == FLOW_CUBIC) flow->cubic.ops->on_spurious_loss(&flow->cubic, now_ns);
}

/* One packet arrived, as the acknowledgement under way says. */
static inline void flow_take(struct flow *flow, uint64_t now_ns, uint64_t number) {
  struct flow_packet *packet = &flow->ring[number % FLOW_RING];
  if (number + FLOW_RING < flow->next) return; /* forgotten */
  if (packet->state == FLOW_LOST) flow_on_spurious(flow, now_ns, number);
  if (packet->state != FLOW_SENT) return;
  packet->state = FLOW_SETTLED;
  flow->in_flight -= FLOW_PACKET;
  delivery_on_acked(&flow->delivery, &flow->sample, now_ns, &packet->stamp, packet->sent_ns, FLOW_PACKET);
  if (number > flow->largest) flow->largest = number;
}

static inline uint64_t flow_lose_below(struct flow *flow, uint64_t now_ns, uint64_t end) {
  uint64_t bytes = 0;
  for (; flow->lowest < end; flow->lowest++) {
    struct flow_packet *packet = &flow->ring[flow->lowest % FLOW_RING];
    if (packet->state != FLOW_SENT) continue;
    packet->state = FLOW_LOST;
    flow->in_flight -= FLOW_PACKET;
    flow->lost++;
    if (flow->lowest >= flow->episode_end) {
      flow->episode_lost = flow->episode_spurious = 0;
      flow->episode_first = flow->lowest;
      flow->episode_end = flow->next;
    }
    flow->episode_lost++;
    bytes += FLOW_PACKET;
    delivery_on_lost(&flow->delivery, FLOW_PACKET);
    struct bbr_lost lost = {now_ns,          flow->lowest,   FLOW_PACKET,
                            packet->sent_ns, &packet->stamp, &flow->delivery};
    if (flow->kind == FLOW_BBR) bbr_on_lost(&flow->bbr, &lost);
    if (flow->kind == FLOW_LEDBAT) ledbat_on_lost(&flow->ledbat, now_ns, packet->sent_ns);
  }
  if (bytes > 0 && flow->kind == FLOW_CUBIC) {
    struct congestion_loss loss = {
        .now_ns = now_ns, .bytes_lost = bytes, .largest_lost = end - 1, .next_number = flow->next};
    flow->cubic.ops->on_loss(&flow->cubic, &loss);
  }
  return bytes;
}

/* Everything the acknowledgement says has been taken. `before`: bytes in flight at its beginning. */
static inline void flow_finish(struct flow *flow, uint64_t now_ns, uint64_t before) {
  if (flow->sample.newly_acked == 0) return;
  flow->progress_ns = now_ns;
  rtt_on_sample(&flow->rtt, flow->sample.rtt_ns, 0);
  if (flow->largest > FLOW_REORDER) flow_lose_below(flow, now_ns, flow->largest - FLOW_REORDER + 1);
  delivery_finish(&flow->delivery, &flow->sample, flow->bbr.min_rtt_ns);
  if (flow->kind == FLOW_BBR)
    bbr_on_ack(&flow->bbr, &(struct bbr_ack){.now_ns = now_ns,
                                             .bytes_in_flight = flow->in_flight,
                                             .smoothed_ns = flow->rtt.smoothed_ns,
                                             .sample = &flow->sample,
                                             .delivery = &flow->delivery});
  if (flow->kind == FLOW_LEDBAT)
    ledbat_on_ack(&flow->ledbat, &(struct ledbat_ack){.now_ns = now_ns,
                                                      .bytes_acked = flow->sample.newly_acked,
                                                      .rtt_ns = flow->sample.rtt_ns,
                                                      .smoothed_ns = flow->rtt.smoothed_ns,
                                                      .sent_ns = flow->sample.sent_ns});
  if (flow->kind == FLOW_CUBIC)
    flow->cubic.ops->on_ack(&flow->cubic, &(struct congestion_ack){.now_ns = now_ns,
                                                                   .bytes_acked = flow->sample.newly_acked,
                                                                   .bytes_in_flight = before,
                                                                   .largest_acked = flow->largest,
                                                                   .largest_sent_ns = flow->sample.sent_ns,
                                                                   .next_number = flow->next,
                                                                   .rtt = &flow->rtt,
                                                                   .has_sample = true});
  flow_pace(flow, now_ns);
}

static inline uint64_t flow_timeout_ns(const struct flow *flow) {
  if (flow->in_flight == 0) return TIME_NEVER;
  return flow->progress_ns + 3 * rtt_probe_timeout_ns(&flow->rtt, 0);
}

/* Silence: all that is in flight is given up. */
static inline void flow_on_timeout(struct flow *flow, uint64_t now_ns) {
  flow_lose_below(flow, now_ns, flow->next);
  if (flow->kind == FLOW_BBR) bbr_on_persistent_congestion(&flow->bbr, now_ns, flow->in_flight);
  if (flow->kind == FLOW_LEDBAT) ledbat_on_persistent_congestion(&flow->ledbat, now_ns);
  flow->progress_ns = now_ns;
}

#endif
