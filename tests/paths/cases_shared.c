/* cases_shared: several flows in one bottleneck: of one kind, and beside TCP. */
#include "judge.h"

#include <math.h>

static double total_share(const struct scene *scene, double from_s, double until_s, double mbit) {
  double sum = 0;
  for (unsigned i = 0; i < scene->flow_count; i++)
    sum += scene_share(scene, i, from_s, until_s, mbit);
  return sum;
}

/* Without any chance, which of two flows finds the queue full is a matter of phase, and stays so. */
static void disturb(struct scene *scene) {
  scene->config[WAY_OUT].jitter_ns = scene->config[WAY_BACK].jitter_ns = 300 * NS_PER_US;
}

/* ---- of one kind ---- */

/* Jain's index and the least of the shares over some runs that differ in when the flows begin, because in a
 * model without chance every run by itself is an anecdote. */
struct fairness {
  double jain_mean, jain_least, share_least, total;
};

static void add_run(struct fairness *sum, struct scene *scene, double from_s, double until_s, double mbit,
                    unsigned runs) {
  scene_run(scene, until_s);
  unsigned count = scene->flow_count;
  double jain = scene_jain(scene, count, from_s, until_s);
  sum->jain_mean += jain / runs;
  sum->jain_least = fmin(sum->jain_least, jain);
  for (unsigned i = 0; i < count; i++)
    sum->share_least = fmin(sum->share_least, count * scene_share(scene, i, from_s, until_s, mbit));
  sum->total += total_share(scene, from_s, until_s, mbit) / runs;
  scene_free(scene);
}

/* The second comes when the first has filled the path; judged from 25 s later on. LEDBAT++ closes a
 * difference by a third of a packet a round trip, so its flows get a
 * narrower path and more time. */
static void two(struct judge *judge, enum flow_kind kind) {
  const double mbit = kind == FLOW_BACKGROUND ? 10 : 25, from_s = kind == FLOW_BACKGROUND ? 60 : 30;
  static const double starts_s[] = {3, 4.3, 6};
  enum { RUNS = sizeof(starts_s) / sizeof(starts_s[0]) };
  struct fairness fairness = {.jain_least = 1, .share_least = 1};
  for (unsigned i = 0; i < RUNS; i++) {
    struct scene *scene = scene_new(mbit, 40, 40, 1 + i);
    disturb(scene);
    scene_add(scene, kind, 0);
    scene_add(scene, kind, starts_s[i]);
    add_run(&fairness, scene, from_s, 3 * from_s, mbit, RUNS);
  }
  at_least(judge, "Jain's index in the mean", fairness.jain_mean, 0.95);
  at_least(judge, "Jain's index at the least", fairness.jain_least, 0.9);
  at_least(judge, "share of both", fairness.total, kind == FLOW_BACKGROUND ? 0.85 : 0.95);
}

/* Eight that begin one after another. With 21 packets of window each, one loss more or less is a good part of
 * a flow's share, so less than between two. */
static void eight(struct judge *judge, enum flow_kind kind) {
  enum { RUNS = 2 };
  struct fairness fairness = {.jain_least = 1, .share_least = 1};
  for (unsigned i = 0; i < RUNS; i++) {
    struct scene *scene = scene_new(50, 40, 40, 1 + i);
    for (unsigned k = 0; k < 8; k++)
      scene_add(scene, kind, (0.25 + 0.01 * i) * k);
    add_run(&fairness, scene, 20, 70, 50, RUNS);
  }
  at_least(judge, "Jain's index in the mean", fairness.jain_mean, 0.9);
  at_least(judge, "the least of them, of its eighth", fairness.share_least, 0.4);
  at_least(judge, "share of all", fairness.total, 0.95);
}

/* The model of TCP itself must be a fair measure: alone it fills the path, two of it share it. */
static void tcp_alone(struct judge *judge, enum flow_kind kind) {
  struct scene *scene = scene_new(50, 40, 40, 1);
  scene_add(scene, kind, 0);
  scene_add(scene, kind, 30);
  scene_run(scene, 120);
  at_least(judge, "share alone", scene_share(scene, 0, 10, 30, 50), 0.9);
  at_least(judge, "Jain's index", scene_jain(scene, 2, 60, 120), 0.9);
  at_least(judge, "share of both", total_share(scene, 60, 120, 50), 0.9);
  scene_free(scene);
}

/* ---- beside TCP, 100 Mbit/s and 20 ms with a queue of one round trip, for 60 s ---- */

/* Who comes first has an advantage, and a queue without any chance in it favours whoever's packets come at
 * the right moment: so each in turn is first, the delay wanders a little, and the means are judged. */
struct mean {
  double own, theirs, own_least, theirs_least;
};

enum { BESIDE_RUNS = 4 };

static struct mean beside(enum flow_kind kind, enum flow_kind other) {
  struct mean mean = {.own_least = 1, .theirs_least = 1};
  for (unsigned i = 0; i < BESIDE_RUNS; i++) {
    struct scene *scene = scene_new(100, 20, 20, 1 + i);
    disturb(scene);
    scene_add(scene, kind, i % 2 == 0 ? 0 : 1 + i / 2.0);
    scene_add(scene, other, i % 2 == 0 ? 2 + i / 2.0 : 0);
    scene_run(scene, 63);
    double own = scene_share(scene, 0, 3, 63, 100), theirs = scene_share(scene, 1, 3, 63, 100);
    mean.own += own / BESIDE_RUNS;
    mean.theirs += theirs / BESIDE_RUNS;
    mean.own_least = fmin(mean.own_least, own);
    mean.theirs_least = fmin(mean.theirs_least, theirs);
    scene_free(scene);
  }
  return mean;
}

/* CUBIC beside CUBIC: either has about half. */
static void either(struct judge *judge, enum flow_kind kind) {
  struct mean mean = beside(kind, FLOW_TCP_CUBIC);
  at_least(judge, "own part", mean.own / (mean.own + mean.theirs), 0.35);
  at_most(judge, "own part", mean.own / (mean.own + mean.theirs), 0.65);
  at_least(judge, "own share, at the least", mean.own_least, 0.3);
  at_least(judge, "TCP's share, at the least", mean.theirs_least, 0.3);
  at_least(judge, "share of both", mean.own + mean.theirs, 0.95);
}

/* What TCP keeps beside us. */
static void tcp_keeps(struct judge *judge, enum flow_kind kind, enum flow_kind other) {
  struct mean mean = beside(kind, other);
  at_least(judge, "TCP's share, at the least", mean.theirs_least, 0.25);
  at_least(judge, "own share, at the least", mean.own_least, 0.25);
  at_least(judge, "share of both", mean.own + mean.theirs, 0.95);
}

static void tcp_cubic_keeps(struct judge *judge, enum flow_kind kind) {
  tcp_keeps(judge, kind, FLOW_TCP_CUBIC);
}
static void tcp_reno_keeps(struct judge *judge, enum flow_kind kind) {
  tcp_keeps(judge, kind, FLOW_TCP_RENO);
}

/* Runs alone, yields while TCP is there, and takes the path again when it has gone. */
static void yields(struct judge *judge, enum flow_kind kind) {
  struct scene *scene = scene_new(50, 40, 100, 1);
  scene_add(scene, kind, 0);
  struct flow *tcp = scene_add(scene, FLOW_TCP_CUBIC, 20);
  scene_stop(tcp, 60);
  scene_run(scene, 120);
  at_least(judge, "share before", scene_share(scene, 0, 5, 20, 50), 0.8);
  at_most(judge, "share beside TCP", scene_share(scene, 0, 25, 60, 50), 0.1);
  at_least(judge, "TCP's share", scene_share(scene, 1, 25, 60, 50), 0.85);
  at_most(judge, "80% of the path again after s", scene_time_at_rate(scene, 0, 60, 1, 40) - 60, 40);
  at_least(judge, "share after", scene_share(scene, 0, 100, 120, 50), 0.8);
  scene_free(scene);
}

/* The whole queue is 2 ms here, less than a sixteenth of the round trip: it is a queue all the same. */
static void yields_at_a_short_queue(struct judge *judge, enum flow_kind kind) {
  struct scene *scene = scene_new(50, 40, 2, 1);
  scene_add(scene, kind, 0);
  scene_add(scene, FLOW_TCP_CUBIC, 20);
  scene_run(scene, 60);
  double own = scene_share(scene, 0, 25, 60, 50), theirs = scene_share(scene, 1, 25, 60, 50);
  at_most(judge, "of TCP's share", own / theirs, 1);
  at_least(judge, "share of both", own + theirs, 0.7);
  scene_free(scene);
}

static const struct path_case cases[] = {
    PATH_CASE("tcp-cubic-alone", tcp_alone, FLOW_TCP_CUBIC),
    PATH_CASE("tcp-reno-alone", tcp_alone, FLOW_TCP_RENO),
    PATH_CASE("two-cubic", two, FLOW_CUBIC),
    PATH_CASE("two-bbr", two, FLOW_BBR),
    PATH_CASE("two-background", two, FLOW_BACKGROUND),
    PATH_CASE("eight-cubic", eight, FLOW_CUBIC),
    PATH_CASE("eight-bbr", eight, FLOW_BBR),
    PATH_CASE("eight-background", eight, FLOW_BACKGROUND),
    PATH_CASE("cubic-beside-tcp-cubic", either, FLOW_CUBIC),
    PATH_CASE("bbr-beside-tcp-cubic", tcp_cubic_keeps, FLOW_BBR),
    PATH_CASE("bbr-beside-tcp-reno", tcp_reno_keeps, FLOW_BBR),
    PATH_CASE("auto-beside-tcp-cubic", tcp_cubic_keeps, FLOW_AUTO),
    PATH_CASE("cubic-beside-tcp-reno", tcp_reno_keeps, FLOW_CUBIC),
    PATH_CASE("background-yields-to-tcp", yields, FLOW_BACKGROUND),
    PATH_CASE("background-yields-at-a-short-queue", yields_at_a_short_queue, FLOW_BACKGROUND),
};

const struct case_list cases_shared = PATH_CASES(cases);
