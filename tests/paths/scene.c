/* scene: see scene.h. An end is looked at when a datagram comes for it or its own timer says so, so a step
 * costs what happens in it and not what there is. */
#include "scene.h"

#include <assert.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { PARTS_OF_LOSS = 1 << 30 };

static uint64_t ns_of(double seconds) { return SCENE_START_NS + (uint64_t)(seconds * 1e9); }

struct scene *scene_new(double mbit, double rtt_ms, double queue_ms, uint64_t seed) {
  struct scene *scene = calloc(1, sizeof(*scene));
  assert(scene && "out of memory");
  scene->now_ns = SCENE_START_NS;
  prng_seed(&scene->prng, seed);
  for (enum way way = WAY_OUT; way < WAYS; way++) {
    struct link_config *config = &scene->config[way];
    config->framing = LINK_DATAGRAMS;
    config->packet_bytes_max = 1500;
    config->rate_count = 1;
    config->rates[0].bits_per_second = (uint64_t)(mbit * 1e6);
    config->delay_ns = (uint64_t)(rtt_ms * 1e6 / 2);
    config->queue_bytes = (uint64_t)(mbit * 1e6 / 8 * queue_ms / 1e3);
  }
  return scene;
}

void scene_free(struct scene *scene) {
  for (unsigned i = 0; i < scene->flow_count; i++)
    flow_clear(&scene->flows[i]);
  link_free(scene->link[WAY_OUT]);
  link_free(scene->link[WAY_BACK]);
  free(scene);
}

struct flow *scene_add(struct scene *scene, enum flow_kind kind, double start_s) {
  assert(scene->flow_count < SCENE_FLOWS_MAX);
  struct flow *flow = &scene->flows[scene->flow_count++];
  *flow = (struct flow){.kind = kind,
                        .source = {.bytes = UINT64_MAX, .stop_ns = TIME_NEVER},
                        .blocks_max = FLOW_BLOCKS_OPEN,
                        .start_ns = ns_of(start_s),
                        .datagram_bytes = DATAGRAM_BYTES_IPV4,
                        .seed = prng_next(&scene->prng) >> 1};
  flow->client.wake_ns = flow->start_ns;
  flow->server.wake_ns = TIME_NEVER;
  return flow;
}

void scene_rate_at(struct scene *scene, enum way way, double at_s, double mbit) {
  struct link_config *config = &scene->config[way];
  assert(config->rate_count < LINK_RATES_MAX);
  config->rates[config->rate_count++] = (struct link_rate){(uint64_t)(at_s * 1e9), (uint64_t)(mbit * 1e6)};
}

double scene_now_s(const struct scene *scene) { return (double)(scene->now_ns - SCENE_START_NS) / 1e9; }

void scene_stop(struct flow *flow, double at_s) { flow->source.stop_ns = ns_of(at_s); }

/* ---- the run ---- */

static bool is_drowned(struct scene *scene) {
  const struct scene_storm *storm = &scene->storm;
  double now_s = scene_now_s(scene);
  if (now_s < storm->from_s || now_s >= storm->until_s) return false;
  return (double)prng_below(&scene->prng, PARTS_OF_LOSS) < storm->share * PARTS_OF_LOSS;
}

static void turn(struct scene *scene, unsigned number, bool is_server) {
  struct flow *flow = &scene->flows[number];
  enum way way = is_server ? WAY_BACK : WAY_OUT;
  struct link *link = scene->link[way];
  size_t size;
  if (!flow->tcp && !flow->client.conn) flow_start(flow, scene->now_ns);
  flow_turn(flow, scene->now_ns, is_server);
  while ((size = flow_next(flow, scene->now_ns, is_server, link_buffer(link),
                           scene->config[way].packet_bytes_max)) > 0) {
    flow->data_sent += !is_server;
    if (way == WAY_OUT && is_drowned(scene))
      scene->storm_drops++;
    else
      link_push(link, scene->now_ns, size, number);
  }
  flow_settle(flow, scene->now_ns, is_server);
}

/* The link lends its packets; opening one in place is what a socket's buffer would allow, too. */
static void deliver(struct scene *scene, enum way way) {
  const struct link_packet *packet;
  bool is_server = way == WAY_OUT;
  while (link_next_time(scene->link[way]) <= scene->now_ns &&
         (packet = link_pop(scene->link[way], scene->now_ns))) {
    flow_on_datagram(&scene->flows[packet->tag], scene->now_ns, is_server, (uint8_t *)packet->data,
                     packet->bytes);
    turn(scene, packet->tag, is_server);
  }
}

static uint64_t tick_ns(const struct scene *scene) {
  return SCENE_START_NS + (scene->ticks + 1) * SCENE_TICK_NS;
}

static void tick(struct scene *scene) {
  assert(scene->ticks < SCENE_TICKS_MAX);
  for (unsigned i = 0; i < scene->flow_count; i++)
    scene->series[i][scene->ticks] = flow_delivered(&scene->flows[i]);
  for (unsigned i = 0; i < scene->flow_count; i++)
    if (scene->flows[i].client.conn) conn_check(scene->flows[i].client.conn);
  scene->ticks++;
}

static uint64_t next_ns(const struct scene *scene) {
  uint64_t out_ns = link_next_time(scene->link[WAY_OUT]), back_ns = link_next_time(scene->link[WAY_BACK]);
  uint64_t at_ns = out_ns < back_ns ? out_ns : back_ns;
  for (unsigned i = 0; i < scene->flow_count; i++) {
    const struct flow *flow = &scene->flows[i];
    if (flow->client.wake_ns < at_ns) at_ns = flow->client.wake_ns;
    if (flow->server.wake_ns < at_ns) at_ns = flow->server.wake_ns;
  }
  return at_ns;
}

static void open_links(struct scene *scene) {
  for (enum way way = WAY_OUT; way < WAYS && !scene->link[way]; way++) {
    scene->link[way] = link_new(&scene->config[way], prng_next(&scene->prng));
    assert(scene->link[way] && "out of memory");
    link_start(scene->link[way], SCENE_START_NS);
  }
}

static void run(struct scene *scene, uint64_t until_ns, const struct flow *awaited) {
  open_links(scene);
  while (!awaited || awaited->acked < awaited->source.bytes) {
    uint64_t at_ns = next_ns(scene);
    while (tick_ns(scene) <= until_ns && tick_ns(scene) <= at_ns)
      tick(scene);
    if (at_ns >= until_ns) {
      scene->now_ns = until_ns;
      return;
    }
    if (at_ns > scene->now_ns) scene->now_ns = at_ns;
    deliver(scene, WAY_OUT);
    deliver(scene, WAY_BACK);
    for (unsigned i = 0; i < scene->flow_count; i++) {
      if (scene->flows[i].client.wake_ns <= scene->now_ns) turn(scene, i, false);
      if (scene->flows[i].server.wake_ns <= scene->now_ns) turn(scene, i, true);
    }
  }
}

void scene_run(struct scene *scene, double until_s) { run(scene, ns_of(until_s), NULL); }

bool scene_run_to_end(struct scene *scene, double limit_s) {
  run(scene, ns_of(limit_s), &scene->flows[0]);
  return scene->flows[0].acked == scene->flows[0].source.bytes;
}

/* ---- figures ---- */

void scene_mark(struct scene *scene) {
  scene->mark_s = scene_now_s(scene);
  for (enum way way = WAY_OUT; way < WAYS; way++)
    scene->mark[way] = *link_stats(scene->link[way]);
}

void scene_measure(struct scene *scene, double from_s, double until_s) {
  scene_run(scene, from_s);
  scene_mark(scene);
  scene_run(scene, until_s);
}

double scene_mean_queue_ms(const struct scene *scene) {
  const struct link_stats *now = link_stats(scene->link[WAY_OUT]), *then = &scene->mark[WAY_OUT];
  uint64_t count = now->queued - then->queued;
  return count ? (double)(now->queue_delay_sum_ns - then->queue_delay_sum_ns) / (double)count / 1e6 : 0;
}

double scene_loss(const struct scene *scene) {
  const struct link_stats *now = link_stats(scene->link[WAY_OUT]), *then = &scene->mark[WAY_OUT];
  uint64_t lost = now->lost + now->queue_drops + now->policer_drops + now->blackout_drops;
  lost -= then->lost + then->queue_drops + then->policer_drops + then->blackout_drops;
  return now->packets > then->packets ? (double)lost / (double)(now->packets - then->packets) : 0;
}

double scene_bytes(const struct scene *scene, enum way way) {
  return (double)(link_stats(scene->link[way])->bytes - scene->mark[way].bytes);
}

static double delivered_at(const struct scene *scene, unsigned flow, double at_s) {
  double ticks = at_s * 1e9 / (double)SCENE_TICK_NS;
  long index = lround(ticks);
  if (index <= 0) return 0;
  if (index > (long)scene->ticks) index = scene->ticks;
  return (double)scene->series[flow][index - 1];
}

double scene_rate(const struct scene *scene, unsigned flow, double from_s, double until_s) {
  double bytes = delivered_at(scene, flow, until_s) - delivered_at(scene, flow, from_s);
  return bytes * flow_overhead(&scene->flows[flow]) / (until_s - from_s);
}

double scene_share(const struct scene *scene, unsigned flow, double from_s, double until_s, double mbit) {
  return scene_rate(scene, flow, from_s, until_s) * 8 / (mbit * 1e6);
}

double scene_jain(const struct scene *scene, unsigned count, double from_s, double until_s) {
  double sum = 0, squares = 0;
  for (unsigned i = 0; i < count; i++) {
    double rate = scene_rate(scene, i, from_s, until_s);
    sum += rate;
    squares += rate * rate;
  }
  return squares > 0 ? sum * sum / (count * squares) : 0;
}

double scene_time_at_rate(const struct scene *scene, unsigned flow, double from_s, double window_s,
                          double mbit) {
  double step_s = (double)SCENE_TICK_NS / 1e9;
  for (double at_s = from_s + window_s; at_s <= (double)scene->ticks * step_s; at_s += step_s)
    if (scene_share(scene, flow, at_s - window_s, at_s, mbit) >= 1) return at_s;
  return INFINITY;
}
