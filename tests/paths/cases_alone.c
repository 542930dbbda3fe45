/* cases_alone: one flow on a path that stays as it is. Shares are of the bottleneck's rate, whole IP packets
 * counted, so a full path is 1. */
#include "judge.h"

#include <math.h>

static void share_of(struct judge *judge, const struct scene *scene, double from_s, double until_s,
                     double mbit, double bound) {
  at_least(judge, "share", scene_share(scene, 0, from_s, until_s, mbit), bound);
}

/* ---- nothing but the path, and random loss ---- */

/* A queue of one round trip. LEDBAT++ spends a tenth of its time to see the path without one. */
static void alone(struct judge *judge, enum flow_kind kind) {
  struct scene *scene = scene_new(50, 40, 40, 1);
  scene_add(scene, kind, 0);
  scene_measure(scene, 3, 20);
  share_of(judge, scene, 3, 20, 50, kind == FLOW_BACKGROUND ? 0.85 : 0.95);
  at_most(judge, "loss", scene_loss(scene), 0.001);
  scene_free(scene);
}

static double median(const double of[3]) {
  double low = fmin(of[0], of[1]), high = fmax(of[0], of[1]);
  return fmax(low, fmin(high, of[2]));
}

/* The paths and the shares that the program itself is judged by, and what it may send again; medians of 3. */
static void lossy(struct judge *judge, double rtt_ms, double loss, double burst_loss, double bound) {
  const double bytes = 250e6, lost = loss + burst_loss;
  double share[3], resent[3];
  for (unsigned i = 0; i < 3; i++) {
    struct scene *scene = scene_new(200, rtt_ms, rtt_ms, 1 + i);
    scene->config[WAY_OUT].loss = scene->config[WAY_BACK].loss = loss;
    scene->config[WAY_OUT].burst_loss = scene->config[WAY_BACK].burst_loss = burst_loss;
    scene->config[WAY_OUT].burst_packets = scene->config[WAY_BACK].burst_packets = 8;
    struct flow *flow = scene_add(scene, FLOW_AUTO, 0);
    flow->source.bytes = (uint64_t)bytes;
    flow->blocks_max = 4 * FLOW_BLOCKS_OPEN;
    at_least(judge, "done", scene_run_to_end(scene, 60), 1);
    share[i] = bytes * 8 * flow_overhead(flow) / 200e6 / scene_now_s(scene);
    resent[i] = (double)flow_stats(flow).block_bytes_resent / bytes;
    scene_free(scene);
  }
  at_least(judge, "share of 250 MB, all of its time", median(share), bound);
  at_most(judge, "bytes sent again", median(resent), lost > 0 ? 1.3 * lost + 0.005 : 0.001);
}

static void lossy_1(struct judge *judge, enum flow_kind kind) {
  (void)kind;
  lossy(judge, 100, 0.01, 0, 0.88);
}
static void lossy_5(struct judge *judge, enum flow_kind kind) {
  (void)kind;
  lossy(judge, 100, 0.05, 0, 0.8);
}
static void lossy_in_bursts(struct judge *judge, enum flow_kind kind) {
  (void)kind;
  lossy(judge, 300, 0, 0.005, 0.8);
}
static void long_and_clean(struct judge *judge, enum flow_kind kind) {
  (void)kind;
  lossy(judge, 100, 0, 0, 0.9);
}

/* ---- HyStart++ ---- */

/* Runs until slow start is left; its end in seconds. */
static double leave_slow_start(struct scene *scene, const struct flow *flow, double limit_s) {
  while (scene_now_s(scene) < limit_s &&
         (!flow->client.conn || flow->client.conn->congestion.threshold == UINT64_MAX))
    scene_run(scene, scene_now_s(scene) + 0.01);
  return scene_now_s(scene);
}

/* RFC 9406: the queue shows in the round after the window has passed the path's product, by the end of which
 * it may be four of them; conservative slow start makes 1.25^5 = 3.05 times that of it in five rounds. So
 * there is no loss where 14 products find room, and slow start ends between one product and 12.2 of them;
 * doubling would go on until all is overrun. Whether it meets the product early or late in a round is the
 * rate's affair. */
static void hystart_exits(struct judge *judge, enum flow_kind kind) {
  static const double rates[] = {15, 18, 21.5, 26};
  for (unsigned i = 0; i < sizeof(rates) / sizeof(rates[0]); i++) {
    const double product = rates[i] * 1e6 / 8 * 0.2;
    struct scene *scene = scene_new(rates[i], 200, 13 * 200, 1);
    struct flow *flow = scene_add(scene, kind, 0);
    flow->blocks_max = 4 * FLOW_BLOCKS_OPEN;
    double left_s = leave_slow_start(scene, flow, 20);
    struct conn_stats stats = flow_stats(flow);
    at_most(judge, "slow start left after s", left_s, 15);
    at_most(judge, "packets lost until then", (double)stats.packets_lost, 0);
    at_least(judge, "window then, in products", (double)stats.window_bytes / product, 1);
    at_most(judge, "window then, in products", (double)stats.window_bytes / product, 12.2);
    scene_free(scene);
  }
}

/* The round trip of 100 ms wanders by 20 ms each way without any queue: what looks like one for a round must
 * be taken back by a round below it. */
static void hystart_keeps_on(struct judge *judge, enum flow_kind kind) {
  const double product = 50e6 / 8 * 0.1;
  for (uint64_t seed = 1; seed <= 3; seed++) {
    struct scene *scene = scene_new(50, 100, 200, seed);
    scene->config[WAY_OUT].jitter_ns = scene->config[WAY_BACK].jitter_ns = 10 * NS_PER_MS;
    struct flow *flow = scene_add(scene, kind, 0);
    leave_slow_start(scene, flow, 10);
    at_least(judge, "window at the end of slow start, in products",
             (double)flow_stats(flow).window_bytes / product, 0.8);
    scene_free(scene);
  }
}

/* ---- policer ---- */

/* 20 Mbit/s of tokens, 200 KB of bucket, on a path that could carry 100. */
static void policer(struct judge *judge, enum flow_kind kind) {
  struct scene *scene = scene_new(100, 40, 100, 1);
  scene->config[WAY_OUT].policer_bits_per_second = 20000000;
  scene->config[WAY_OUT].policer_bytes = 200000;
  scene_add(scene, kind, 0);
  scene_measure(scene, 5, 25);
  share_of(judge, scene, 5, 25, 20, kind == FLOW_BBR ? 0.9 : 0.75);
  at_most(judge, "loss", scene_loss(scene), kind == FLOW_BBR ? 0.03 : 0.01);
  scene_free(scene);
}

/* ---- queues ---- */

/* A queue of a whole second. CUBIC and TCP fill it, that is their nature. */
static void bufferbloat(struct judge *judge, enum flow_kind kind) {
  struct scene *scene = scene_new(50, 30, 1000, 1);
  scene_add(scene, kind, 0);
  scene_measure(scene, 0.5, 20);
  share_of(judge, scene, 2, 20, 50, kind == FLOW_BACKGROUND ? 0.85 : kind == FLOW_BBR ? 0.93 : 0.97);
  if (kind == FLOW_BBR || kind == FLOW_BACKGROUND)
    at_most(judge, "mean queue ms", scene_mean_queue_ms(scene), kind == FLOW_BBR ? 100 : 60);
  scene_free(scene);
}

/* 20 packets of queue in front of 50 Mbit/s and 40 ms, an eighth of the product. CUBIC's window then swings
 * between 0.7 and 1.1 products, of which what is above 1 is queue; mean at least 0.85. */
static void shallow(struct judge *judge, enum flow_kind kind) {
  struct scene *scene = scene_new(50, 40, 20 * 1500 * 8 / 50e3, 1);
  scene_add(scene, kind, 0);
  scene_measure(scene, 5, 25);
  share_of(judge, scene, 5, 25, 50, 0.85);
  at_most(judge, "loss", scene_loss(scene), kind == FLOW_BBR ? 0.02 : 0.005);
  scene_free(scene);
}

/* ---- long and lopsided paths ---- */

/* LEDBAT++ is in no hurry: one packet a round trip back to where the queue began. */
static void satellite(struct judge *judge, enum flow_kind kind) {
  struct scene *scene = scene_new(20, 600, 600, 1);
  scene_add(scene, kind, 0);
  scene_run(scene, 100);
  at_most(judge, "half of the rate after s", scene_time_at_rate(scene, 0, 0, 1.2, 10), 10);
  share_of(judge, scene, kind == FLOW_BACKGROUND ? 25 : 12, 100, 20, kind == FLOW_BACKGROUND ? 0.6 : 0.9);
  scene_free(scene);
}

/* The way back carries a hundredth of the way out. An acknowledgement of 70 bytes for every second packet of
 * 1500 would be 2.3 times that. */
static void asymmetric(struct judge *judge, enum flow_kind kind) {
  struct scene *scene = scene_new(100, 40, 40, 1);
  scene->config[WAY_BACK].rates[0].bits_per_second = 1000000;
  scene->config[WAY_BACK].queue_bytes = 20000;
  scene_add(scene, kind, 0);
  scene_measure(scene, 3, 10);
  share_of(judge, scene, 3, 10, 100, 0.9);
  at_most(judge, "bytes back, of what the way carries", scene_bytes(scene, WAY_BACK) * 8 / 7e6, 0.5);
  scene_free(scene);
}

/* ---- jitter and reordering ---- */

/* 40 ms that wander by 10 ms each way: between 20 and 60 in all. In order, so nothing is lost. */
static void jitter(struct judge *judge, enum flow_kind kind) {
  struct scene *scene = scene_new(50, 40, 100, 1);
  scene->config[WAY_OUT].jitter_ns = scene->config[WAY_BACK].jitter_ns = 10 * NS_PER_MS;
  struct flow *flow = scene_add(scene, kind, 0);
  scene_run(scene, 15);
  struct conn_stats stats = flow_stats(flow);
  share_of(judge, scene, 3, 15, 50, 0.85);
  at_most(judge, "false losses a packet", (double)stats.packets_spurious / (double)stats.packets_sent, 0.001);
  at_most(judge, "probe timeouts", (double)stats.probe_timeouts, 1);
  scene_free(scene);
}

/* Every packet has a delay of its own within the same bounds, so that nearly all overtake each other. */
static void scatter(struct judge *judge, enum flow_kind kind) {
  struct scene *scene = scene_new(50, 40, 100, 1);
  scene->config[WAY_OUT].jitter_ns = scene->config[WAY_BACK].jitter_ns = 10 * NS_PER_MS;
  scene->config[WAY_OUT].jitter = scene->config[WAY_BACK].jitter = LINK_JITTER_SCATTER;
  struct flow *flow = scene_add(scene, kind, 0);
  scene_run(scene, 15);
  struct conn_stats stats = flow_stats(flow);
  share_of(judge, scene, 3, 15, 50, 0.85);
  at_most(judge, "false losses a packet", (double)stats.packets_spurious / (double)stats.packets_sent, 0.01);
  scene_free(scene);
}

/* A packet in fifty comes 5 ms late. */
static void reordering(struct judge *judge, enum flow_kind kind) {
  struct scene *scene = scene_new(50, 40, 40, 1);
  scene->config[WAY_OUT].reorder = scene->config[WAY_BACK].reorder = 0.02;
  scene->config[WAY_OUT].reorder_hold_ns = scene->config[WAY_BACK].reorder_hold_ns = 5 * NS_PER_MS;
  struct flow *flow = scene_add(scene, kind, 0);
  scene_run(scene, 15);
  struct conn_stats stats = flow_stats(flow);
  share_of(judge, scene, 3, 15, 50, 0.93);
  at_most(judge, "false losses a packet", (double)stats.packets_spurious / (double)stats.packets_sent, 0.002);
  scene_free(scene);
}

static const struct path_case cases[] = {
    PATH_CASE("alone-cubic", alone, FLOW_CUBIC),
    PATH_CASE("alone-bbr", alone, FLOW_BBR),
    PATH_CASE("alone-background", alone, FLOW_BACKGROUND),
    PATH_CASE("long-and-clean-auto", long_and_clean, FLOW_AUTO),
    PATH_CASE("lossy-1%-auto", lossy_1, FLOW_AUTO),
    PATH_CASE("lossy-5%-auto", lossy_5, FLOW_AUTO),
    PATH_CASE("lossy-in-bursts-auto", lossy_in_bursts, FLOW_AUTO),
    PATH_CASE("hystart-exits-before-loss", hystart_exits, FLOW_CUBIC),
    PATH_CASE("hystart-is-not-fooled-by-jitter", hystart_keeps_on, FLOW_CUBIC),
    PATH_CASE("policer-cubic", policer, FLOW_CUBIC),
    PATH_CASE("policer-bbr", policer, FLOW_BBR),
    PATH_CASE("bufferbloat-cubic", bufferbloat, FLOW_CUBIC),
    PATH_CASE("bufferbloat-bbr", bufferbloat, FLOW_BBR),
    PATH_CASE("bufferbloat-background", bufferbloat, FLOW_BACKGROUND),
    PATH_CASE("shallow-cubic", shallow, FLOW_CUBIC),
    PATH_CASE("shallow-bbr", shallow, FLOW_BBR),
    PATH_CASE("satellite-cubic", satellite, FLOW_CUBIC),
    PATH_CASE("satellite-bbr", satellite, FLOW_BBR),
    PATH_CASE("satellite-background", satellite, FLOW_BACKGROUND),
    PATH_CASE("asymmetric-cubic", asymmetric, FLOW_CUBIC),
    PATH_CASE("asymmetric-bbr", asymmetric, FLOW_BBR),
    PATH_CASE("jitter-cubic", jitter, FLOW_CUBIC),
    PATH_CASE("jitter-bbr", jitter, FLOW_BBR),
    PATH_CASE("scatter-cubic", scatter, FLOW_CUBIC),
    PATH_CASE("scatter-bbr", scatter, FLOW_BBR),
    PATH_CASE("reordering-cubic", reordering, FLOW_CUBIC),
    PATH_CASE("reordering-bbr", reordering, FLOW_BBR),
};

const struct case_list cases_alone = PATH_CASES(cases);
