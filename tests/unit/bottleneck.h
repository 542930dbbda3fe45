/* bottleneck: a path of one bottleneck in simulated time: rate, base delay, a queue in bytes, losses before
 * it (random or planned), acknowledgements that come in slots or are held back, packets that take a detour;
 * or a policer, which drops what exceeds its rate and delays nothing. Controllers are judged by what they
 * bring through it. A test changes the fields of struct path between runs. */
#ifndef BOTTLENECK_H
#define BOTTLENECK_H

#include "path_flow.h"
#include "path_ring.h"

enum { PATH_FLOWS = 4 };

struct path {
  uint64_t rate; /* bytes a second */
  uint64_t rtt_ns, queue_bytes, ack_slot_ns;
  double loss;
  uint64_t drop_count, drop_every;  /* the next so many packets are lost; each so many-th, 0: none */
  uint64_t detour_count, detour_ns; /* the next so many packets need so much longer than those behind them */
  uint64_t held_to_ns;              /* acknowledgements due before come then, all at once */
  uint64_t policer_bytes;           /* its bucket; 0: a queue */
  struct flow flows[PATH_FLOWS];
  uint32_t flow_count;

  uint64_t now_ns, done_ns; /* when the packet at the queue's head has left */
  struct path_ring queue, on_way, detour;
  uint64_t entered; /* packets, for drop_every */
  double tokens;
  uint64_t tokens_ns;
  struct prng prng;

  /* since path_measure() */
  uint64_t from_ns, delivered[PATH_FLOWS], sent, lost, packets;
  double wait_s, wait_max_s;
};

static inline void path_init(struct path *path, uint64_t rate, uint64_t rtt_ns, uint64_t queue_bytes) {
  *path = (struct path){.rate = rate, .rtt_ns = rtt_ns, .queue_bytes = queue_bytes, .done_ns = TIME_NEVER};
  path->ack_slot_ns = rtt_ns / 16 < NS_PER_MS ? rtt_ns / 16 : NS_PER_MS;
  path->now_ns = path->from_ns = 1000 * NS_PER_S;
  path->queue.at = calloc(PATH_QUEUE, sizeof *path->queue.at);
  path->on_way.at = calloc(PATH_QUEUE, sizeof *path->on_way.at);
  path->detour.at = calloc(PATH_QUEUE, sizeof *path->detour.at);
  assert(path->queue.at && path->on_way.at && path->detour.at);
  prng_seed(&path->prng, 7);
}

static inline void path_clear(struct path *path) {
  for (uint32_t i = 0; i < path->flow_count; i++)
    free(path->flows[i].ring);
  free(path->queue.at);
  free(path->on_way.at);
  free(path->detour.at);
}

static inline struct flow *path_add(struct path *path, enum flow_kind kind) {
  assert(path->flow_count < PATH_FLOWS);
  struct flow *flow = &path->flows[path->flow_count++];
  flow_init(flow, kind, path->now_ns, path->flow_count);
  return flow;
}

static inline void path_return(struct path *path, uint32_t flow, uint64_t number) {
  uint64_t ns = path->now_ns + path->rtt_ns;
  bool is_detour = path->detour_count > 0;
  if (is_detour) ns += path->detour_ns;
  if (path->ack_slot_ns > 0) ns = (ns + path->ack_slot_ns - 1) / path->ack_slot_ns * path->ack_slot_ns;
  path_push(is_detour ? &path->detour : &path->on_way, (struct path_place){ns, number, flow});
  if (is_detour) path->detour_count--;
}

static inline bool path_drops(struct path *path) {
  path->entered++;
  if (path->drop_every > 0 && path->entered % path->drop_every == 0) return true;
  if (path->drop_count > 0) return path->drop_count--, true;
  return path->loss > 0 && (double)prng_below(&path->prng, 1000000) < path->loss * 1e6;
}

static inline void path_enter(struct path *path, uint32_t flow, uint64_t number) {
  if (path_drops(path)) return;
  if (path->policer_bytes > 0) {
    path->tokens += (double)path->rate * (double)(path->now_ns - path->tokens_ns) / 1e9;
    if (path->tokens > (double)path->policer_bytes) path->tokens = (double)path->policer_bytes;
    path->tokens_ns = path->now_ns;
    if (path->tokens < FLOW_PACKET) return;
    path->tokens -= FLOW_PACKET;
    path_return(path, flow, number);
    return;
  }
  if ((path->queue.tail - path->queue.head) * FLOW_PACKET > path->queue_bytes) return;
  path_push(&path->queue, (struct path_place){path->now_ns, number, flow});
  if (path->done_ns == TIME_NEVER) path->done_ns = path->now_ns + FLOW_PACKET * NS_PER_S / path->rate;
}

static inline void path_leave(struct path *path) {
  struct path_place place = path->queue.at[path->queue.head++ % PATH_QUEUE];
  double wait_s = (double)(path->now_ns - place.ns) / 1e9 - FLOW_PACKET / (double)path->rate;
  path->wait_s += wait_s;
  path->packets++;
  if (wait_s > path->wait_max_s) path->wait_max_s = wait_s;
  path_return(path, place.flow, place.number);
  bool is_empty = path->queue.head == path->queue.tail;
  path->done_ns = is_empty ? TIME_NEVER : path->now_ns + FLOW_PACKET * NS_PER_S / path->rate;
}

static inline uint64_t path_due_ns(const struct path *path, const struct path_ring *ring) {
  if (ring->head == ring->tail) return TIME_NEVER;
  uint64_t ns = ring->at[ring->head % PATH_QUEUE].ns;
  return ns > path->held_to_ns ? ns : path->held_to_ns;
}

static inline void path_take_due(struct path *path, struct path_ring *ring) {
  while (path_due_ns(path, ring) <= path->now_ns) {
    const struct path_place *place = &ring->at[ring->head++ % PATH_QUEUE];
    flow_take(&path->flows[place->flow], path->now_ns, place->number);
  }
}

/* All acknowledgements due now; those of one flow are one event. */
static inline void path_acknowledge(struct path *path) {
  uint64_t before[PATH_FLOWS];
  for (uint32_t i = 0; i < path->flow_count; i++) {
    before[i] = path->flows[i].in_flight;
    delivery_begin(&path->flows[i].sample);
  }
  path_take_due(path, &path->on_way);
  path_take_due(path, &path->detour);
  for (uint32_t i = 0; i < path->flow_count; i++)
    flow_finish(&path->flows[i], path->now_ns, before[i]);
}

static inline uint64_t path_next_ns(const struct path *path) {
  uint64_t next_ns = path->done_ns;
  uint64_t way_ns = path_due_ns(path, &path->on_way), detour_ns = path_due_ns(path, &path->detour);
  if (way_ns < next_ns) next_ns = way_ns;
  if (detour_ns < next_ns) next_ns = detour_ns;
  for (uint32_t i = 0; i < path->flow_count; i++) {
    uint64_t send_ns = flow_next_ns(&path->flows[i], path->now_ns);
    uint64_t timeout_ns = flow_timeout_ns(&path->flows[i]);
    if (send_ns < next_ns) next_ns = send_ns;
    if (timeout_ns < next_ns) next_ns = timeout_ns;
  }
  return next_ns;
}

static inline void path_run(struct path *path, uint64_t duration_ns) {
  uint64_t end_ns = path->now_ns + duration_ns;
  for (uint64_t next_ns; (next_ns = path_next_ns(path)) < end_ns;) {
    if (next_ns > path->now_ns) path->now_ns = next_ns;
    if (path->done_ns <= path->now_ns) path_leave(path);
    if (path_due_ns(path, &path->on_way) <= path->now_ns || path_due_ns(path, &path->detour) <= path->now_ns)
      path_acknowledge(path);
    for (uint32_t i = 0; i < path->flow_count; i++) {
      struct flow *flow = &path->flows[i];
      if (flow_timeout_ns(flow) <= path->now_ns) flow_on_timeout(flow, path->now_ns);
      while (flow_next_ns(flow, path->now_ns) <= path->now_ns)
        path_enter(path, i, flow_send(flow, path->now_ns));
      flow_check_app_limited(flow, path->now_ns);
    }
  }
  path->now_ns = end_ns;
}

/* Figures count from here on. */
static inline void path_measure(struct path *path) {
  path->from_ns = path->now_ns;
  path->wait_s = path->wait_max_s = 0;
  path->packets = path->sent = path->lost = 0;
  for (uint32_t i = 0; i < path->flow_count; i++) {
    path->delivered[i] = path->flows[i].delivery.delivered;
    path->sent += path->flows[i].sent;
    path->lost += path->flows[i].lost;
  }
}

/* What a flow got, as a share of the bottleneck's rate. */
static inline double path_share(const struct path *path, uint32_t flow) {
  double bytes = (double)(path->flows[flow].delivery.delivered - path->delivered[flow]);
  return bytes / ((double)path->rate * (double)(path->now_ns - path->from_ns) / 1e9);
}

static inline double path_lost_share(const struct path *path) {
  double sent = 0, lost = 0;
  for (uint32_t i = 0; i < path->flow_count; i++) {
    sent += (double)path->flows[i].sent;
    lost += (double)path->flows[i].lost;
  }
  return (lost - (double)path->lost) / (sent - (double)path->sent);
}

static inline double path_wait_s(const struct path *path) {
  return path->packets ? path->wait_s / (double)path->packets : 0;
}

#endif
