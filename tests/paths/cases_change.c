/* cases_change: one flow on a path, or with an appetite, that changes on its way. */
#include "judge.h"

#include <math.h>

/* ---- the rate ---- */

/* 5 to 50 Mbit/s at 10 s, 40 ms round trip, 10 ms of the new rate as queue. CUBIC's window grows by 0.4 t^3
 * packets, and 150 are missing: 7.2 s from the plateau on. BBR probes at least every 3 s, and then raises its
 * rate by a quarter a round trip: ten of them, and two more probes. LEDBAT++ adds a third of a packet a round
 * trip: 50 s for those 150, a tenth of the time for slowdowns. */
static void rate_up(struct judge *judge, enum flow_kind kind) {
  const double wait_s = kind == FLOW_BACKGROUND ? 60 : kind == FLOW_CUBIC ? 9 : 7;
  struct scene *scene = scene_new(5, 40, 100, 1);
  scene_rate_at(scene, WAY_OUT, 10, 50);
  scene_rate_at(scene, WAY_BACK, 10, 50);
  scene_add(scene, kind, 0);
  scene_run(scene, 10 + wait_s + 10);
  at_least(judge, "share before", scene_share(scene, 0, 3, 10, 5), kind == FLOW_BACKGROUND ? 0.8 : 0.9);
  at_most(judge, "90% of the new rate after s", scene_time_at_rate(scene, 0, 10, 0.5, 45) - 10, wait_s);
  at_least(judge, "share then", scene_share(scene, 0, 10 + wait_s, 20 + wait_s, 50),
           kind == FLOW_BACKGROUND ? 0.65 : 0.9);
  scene_free(scene);
}

/* 50 to 5 Mbit/s at 10 s. What was right in flight before is ten times too much now: the queue, 800 ms of the
 * new rate, overflows once. */
static void rate_down(struct judge *judge, enum flow_kind kind) {
  struct scene *scene = scene_new(50, 40, 80, 1);
  scene_rate_at(scene, WAY_OUT, 10, 5);
  scene_add(scene, kind, 0);
  scene_measure(scene, 15, 40);
  at_least(judge, "share at once", scene_share(scene, 0, 10, 15, 5), kind == FLOW_BACKGROUND ? 0.7 : 0.9);
  at_least(judge, "share then", scene_share(scene, 0, 15, 40, 5), kind == FLOW_BACKGROUND ? 0.8 : 0.9);
  at_most(judge, "loss then", scene_loss(scene), 0.02);
  if (kind != FLOW_CUBIC)
    at_most(judge, "mean queue then, ms", scene_mean_queue_ms(scene), kind == FLOW_BBR ? 60 : 70);
  scene_free(scene);
}

/* ---- a storm ---- */

/* Three tenths of all packets are lost for 2 s. CUBIC comes out of it with a window of a few packets, and has
 * to grow by 0.4 t^3: 7.5 s for the 167 that fill this path. BBR's model of the path is two cycles of probes
 * old at most. */
static void storm(struct judge *judge, enum flow_kind kind) {
  const double wait_s = kind == FLOW_BBR ? 2 : kind == FLOW_CUBIC ? 8 : 40;
  struct scene *scene = scene_new(50, 40, 40, 1);
  struct flow *flow = scene_add(scene, kind, 0);
  scene->storm = (struct scene_storm){5, 7, 0.3};
  flow->source.bytes = (uint64_t)(50e6 / 8 * (wait_s + 10));
  bool is_done = scene_run_to_end(scene, 40 + 2 * wait_s);
  at_least(judge, "done", is_done, 1);
  at_most(judge, "80% of the rate after s", scene_time_at_rate(scene, 0, 7, 0.5, 40) - 7, wait_s);
  scene_free(scene);
}

/* ---- an appetite that changes ---- */

/* 500 KB every second: 80 ms of the rate, then idle. After idleness no more than two quanta may leave at
 * once, and the second half of the chunks must come as fast as the path has shown it can: within the time of
 * its bytes, a round trip for the first of them, and one for what pacing spreads. */
static void meals(struct judge *judge, enum flow_kind kind) {
  const double chunk = 500e3, product_s = 0.04;
  struct scene *scene = scene_new(50, 40, 100, 1);
  struct flow *flow = scene_add(scene, kind, 0);
  flow->source.chunk = (uint64_t)chunk;
  flow->source.period_ns = NS_PER_S;
  scene_run(scene, 10);
  flow->burst_quanta_max = 0;
  scene_mark(scene);
  scene_run(scene, 20);
  double needed_s = 0;
  for (int meal = 10; meal < 20; meal++) {
    double from_s = meal, at_s = from_s;
    while (at_s < from_s + 1 && scene_rate(scene, 0, from_s, from_s + 1) >
                                    scene_rate(scene, 0, from_s, at_s + 0.05) * (at_s + 0.05 - from_s) + 1)
      at_s += 0.05;
    needed_s = fmax(needed_s, at_s + 0.05 - from_s);
  }
  at_most(judge, "s for a chunk", needed_s, chunk * 1.04 * 8 / 50e6 + 3 * product_s + 0.05);
  at_most(judge, "burst after idle, quanta", flow->burst_quanta_max, 2);
  at_most(judge, "packets dropped after idle", scene_loss(scene), 0);
  scene_free(scene);
}

/* Half of the rate asked for steadily for 8 s, then everything: a flow that was never full must not have
 * learnt that the path is slow, nor have grown a window it never used. */
static void hunger(struct judge *judge, enum flow_kind kind) {
  struct scene *scene = scene_new(50, 40, 40, 1);
  struct flow *flow = scene_add(scene, kind, 0);
  flow->source.chunk = (uint64_t)(25e6 / 8 / 100);
  flow->source.period_ns = NS_PER_S / 100;
  scene_measure(scene, 4, 8);
  at_most(judge, "mean queue ms at half of the rate", scene_mean_queue_ms(scene),
          5); /* a chunk takes as much */
  at_least(judge, "share of what was asked", scene_share(scene, 0, 4, 8, 25), 0.99);
  at_most(judge, "window, in products", (double)flow_stats(flow).window_bytes / (50e6 / 8 * 0.04), 3);
  flow->source.period_ns = 0;
  scene_run(scene, 20);
  at_most(judge, "90% of the rate after s", scene_time_at_rate(scene, 0, 8, 0.5, 45) - 8, 1);
  at_least(judge, "share then", scene_share(scene, 0, 13, 20, 50), 0.9);
  scene_free(scene);
}

static const struct path_case cases[] = {
    PATH_CASE("rate-up-cubic", rate_up, FLOW_CUBIC),
    PATH_CASE("rate-up-bbr", rate_up, FLOW_BBR),
    PATH_CASE("rate-up-background", rate_up, FLOW_BACKGROUND),
    PATH_CASE("rate-down-cubic", rate_down, FLOW_CUBIC),
    PATH_CASE("rate-down-bbr", rate_down, FLOW_BBR),
    PATH_CASE("rate-down-background", rate_down, FLOW_BACKGROUND),
    PATH_CASE("storm-cubic", storm, FLOW_CUBIC),
    PATH_CASE("storm-bbr", storm, FLOW_BBR),
    PATH_CASE("storm-background", storm, FLOW_BACKGROUND),
    PATH_CASE("meals-cubic", meals, FLOW_CUBIC),
    PATH_CASE("meals-bbr", meals, FLOW_BBR),
    PATH_CASE("meals-background", meals, FLOW_BACKGROUND),
    PATH_CASE("hunger-cubic", hunger, FLOW_CUBIC),
    PATH_CASE("hunger-bbr", hunger, FLOW_BBR),
};

const struct case_list cases_change = PATH_CASES(cases);
