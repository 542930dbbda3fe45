/* bbr_draft: what the tests of the draft's appendix "BBR Example Test Cases" share (test_bbr_draft_*.c): one
 * BBR flow on the path model of bottleneck.h, driven to the phase a case begins in. The tests bear the
 * draft's headings as names; its numbers for the steps of a case stand beside the lines that do them. */
#ifndef BBR_DRAFT_H
#define BBR_DRAFT_H

#include "bottleneck.h"
#include "figures.h"

#define NO_BOUND UINT64_MAX
#define STEP_NS (MS / 4)

static struct path path;
static struct flow *flow;
static struct bbr *bbr;

static inline void begin(uint64_t rate, uint64_t rtt_ns, uint64_t queue_bytes) {
  path_init(&path, rate, rtt_ns, queue_bytes);
  flow = path_add(&path, FLOW_BBR);
  bbr = &flow->bbr;
}

/* 20 Mbit/s, 40 ms: 68 packets; room for three times as much. */
static inline void begin_usual(void) { begin(20 * MBIT, 40 * MS, 300000); }

/* Runs until the state is reached; false when it is not within `limit_ns`. */
static inline bool reaches(enum bbr_state state, uint64_t limit_ns) {
  for (uint64_t end_ns = path.now_ns + limit_ns; path.now_ns < end_ns;) {
    if (bbr->state == state) return true;
    path_run(&path, STEP_NS);
  }
  printf("in %s, not %s\n", bbr_state_name(bbr->state), bbr_state_name(state));
  return false;
}

static inline bool leaves(enum bbr_state state, uint64_t limit_ns) {
  for (uint64_t end_ns = path.now_ns + limit_ns; path.now_ns < end_ns && bbr->state == state;)
    path_run(&path, STEP_NS);
  return bbr->state != state;
}

static inline bool is_near(double value, double expected, double tolerance) {
  bool near = value >= expected * (1 - tolerance) && value <= expected * (1 + tolerance);
  if (!near) printf("%f, not %f\n", value, expected);
  return near;
}

/* From now on the application has so much a second; 0: more than can be sent. */
static inline void limit_application(uint64_t rate) {
  flow->app_rate = rate;
  flow->app_from_ns = path.now_ns;
  flow->app_sent = 0;
}

/* What fits into the path without a queue, as it is now. */
static inline double bdp(void) { return (double)path.rate * (double)path.rtt_ns / 1e9; }

#endif
