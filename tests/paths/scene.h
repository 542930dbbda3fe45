/* scene: flows that share one path in simulated time: a bottleneck each way, made of the emulator's link, and
 * between them real connections (flow.h) or a model of TCP (tcp.h).
 *
 * The clock jumps from event to event; nothing depends on anything but the configuration and its seed. What
 * is judged are counters: totals since scene_mark(), and a series of every flow's delivered bytes. */
#ifndef PATHS_SCENE_H
#define PATHS_SCENE_H

#include "flow.h"
#include "netlab/link.h"

enum {
  SCENE_FLOWS_MAX = 8,
  SCENE_TICKS_MAX = 8192,
  SCENE_DATAGRAM_MAX = 9000, /* what the links carry: jumbo frames too */
};
#define SCENE_TICK_NS (50 * NS_PER_MS)
#define SCENE_START_NS (1000 * NS_PER_S) /* no test shall lean on a clock that begins at zero */

enum way { WAY_OUT, WAY_BACK, WAYS };

/* For a while a further share of what goes out is lost. */
struct scene_storm {
  double from_s, until_s, share;
};

struct scene {
  struct link_config config[WAYS];
  struct link *link[WAYS];
  struct scene_storm storm;
  struct prng prng;
  uint64_t now_ns;
  struct flow flows[SCENE_FLOWS_MAX];
  unsigned flow_count;
  uint64_t series[SCENE_FLOWS_MAX][SCENE_TICKS_MAX]; /* delivered by the end of each tick */
  unsigned ticks;

  /* as they stood at scene_mark() */
  double mark_s;
  struct link_stats mark[WAYS];
  uint64_t storm_drops;
};

/* A path of `mbit` both ways and a round trip of `rtt_ms`; its queue holds `queue_ms` of the rate. Change
 * scene->config before the first run. */
struct scene *scene_new(double mbit, double rtt_ms, double queue_ms, uint64_t seed);
void scene_free(struct scene *scene);
/* Begins at `start_s`; datagrams of at most `datagram_bytes`. */
struct flow *scene_add(struct scene *scene, enum flow_kind kind, double start_s);
/* It has nothing more to send from then on. */
void scene_stop(struct flow *flow, double at_s);
/* The rate of a way changes. */
void scene_rate_at(struct scene *scene, enum way way, double at_s, double mbit);

/* Runs until that time, in seconds since the beginning. */
void scene_run(struct scene *scene, double until_s);
double scene_now_s(const struct scene *scene);
/* Runs until then, or until the first flow has had all of its bytes acknowledged. False: not by then. */
bool scene_run_to_end(struct scene *scene, double limit_s);

/* Figures count from here on. */
void scene_mark(struct scene *scene);
/* Runs until `from_s`, marks, and runs until `until_s`. */
void scene_measure(struct scene *scene, double from_s, double until_s);
double scene_mean_queue_ms(const struct scene *scene);
/* Of what entered the way out. */
double scene_loss(const struct scene *scene);
/* Bytes of IP packets that entered a way. */
double scene_bytes(const struct scene *scene, enum way way);

/* What a flow delivered between two times, in bytes of whole IP packets a second. */
double scene_rate(const struct scene *scene, unsigned flow, double from_s, double until_s);
/* The same as a share of a rate. */
double scene_share(const struct scene *scene, unsigned flow, double from_s, double until_s, double mbit);
/* Jain's index over the first `count` flows. */
double scene_jain(const struct scene *scene, unsigned count, double from_s, double until_s);
/* The first time from `from_s` on at which a flow's rate over a window of `window_s` is at least `mbit`;
 * infinity when never. */
double scene_time_at_rate(const struct scene *scene, unsigned flow, double from_s, double window_s,
                          double mbit);

#endif
