/* What each controller makes of CE marks: less in flight once a round trip, without a loss, for good. */
#include "unit.h"

#include "bottleneck.h"
#include "figures.h"

enum { DATAGRAM = 1472 };

/* ---- CUBIC ---- */

static struct congestion cc;
static struct rtt rtt;

static void ack(uint64_t now_ns, uint64_t largest, uint64_t bytes) {
  struct congestion_ack event = {.now_ns = now_ns,
                                 .bytes_acked = bytes,
                                 .bytes_in_flight = cc.window,
                                 .largest_acked = largest,
                                 .next_number = largest + 100,
                                 .rtt = &rtt};
  cc.ops->on_ack(&cc, &event);
}

static void mark(uint64_t now_ns, uint64_t largest) {
  struct congestion_loss event = {
      .now_ns = now_ns, .largest_lost = largest, .next_number = largest + 100, .bytes_in_flight = cc.window};
  cc.ops->on_loss(&cc, &event);
}

static void lose(uint64_t now_ns, uint64_t largest) {
  struct congestion_loss event = {.now_ns = now_ns,
                                  .bytes_lost = DATAGRAM,
                                  .largest_lost = largest,
                                  .next_number = largest + 100,
                                  .bytes_in_flight = cc.window};
  cc.ops->on_loss(&cc, &event);
}

static void begin_cubic(void) {
  congestion_init(&cc, &congestion_cubic, DATAGRAM);
  rtt_init(&rtt, 100 * MS);
  rtt_on_sample(&rtt, 20 * MS, 0);
  for (uint64_t i = 1; i <= 10; i++)
    ack(i * MS, i, 20000);
}

static void cubic_answers_once_a_round_trip(void) {
  begin_cubic();
  uint64_t window = cc.window;
  CU_ASSERT_EQUAL(cc.threshold, UINT64_MAX);
  mark(20 * MS, 11);
  CU_ASSERT_EQUAL(cc.window, (uint64_t)((double)window * 0.7 + 0.5));
  CU_ASSERT_EQUAL(cc.threshold, cc.window); /* slow start is over */
  uint64_t reduced = cc.window;
  mark(25 * MS, 60);
  mark(30 * MS, 110);
  CU_ASSERT_EQUAL(cc.window, reduced);
  mark(40 * MS, 111);
  CU_ASSERT(cc.window < reduced);
}

static void cubic_does_not_take_a_mark_back(void) {
  begin_cubic();
  mark(20 * MS, 11);
  uint64_t reduced = cc.window;
  lose(21 * MS, 12); /* of the same round trip, and false */
  cc.ops->on_spurious_loss(&cc, 22 * MS);
  CU_ASSERT_EQUAL(cc.window, reduced);

  begin_cubic();
  lose(20 * MS, 11);
  reduced = cc.window;
  mark(21 * MS, 12); /* there was congestion after all */
  cc.ops->on_spurious_loss(&cc, 22 * MS);
  CU_ASSERT_EQUAL(cc.window, reduced);
}

/* ---- LEDBAT++ ---- */

static void background_answers_once_a_round_trip(void) {
  struct ledbat ledbat;
  ledbat_init(&ledbat, 0, DATAGRAM);
  ledbat.window = 100000;
  ledbat_on_marked(&ledbat, 20 * MS, 10 * MS);
  CU_ASSERT_EQUAL(ledbat.window, 50000);
  ledbat_on_marked(&ledbat, 25 * MS, 15 * MS);
  CU_ASSERT_EQUAL(ledbat.window, 50000);
  ledbat_on_spurious_loss(&ledbat);
  CU_ASSERT_EQUAL(ledbat.window, 50000);
  ledbat_on_marked(&ledbat, 45 * MS, 26 * MS);
  CU_ASSERT_EQUAL(ledbat.window, 25000);
}

/* ---- BBR ---- */

static struct path path;
static struct flow *flow;

static void begin_bbr(void) {
  path_init(&path, 50 * MBIT, 40 * MS, 1000000);
  flow = path_add(&path, FLOW_BBR);
}

static uint64_t queued(void) { return (path.queue.tail - path.queue.head) * FLOW_PACKET; }

/* Runs the path for a millisecond; what was marked because more than `limit` bytes waited is told 40 ms
 * later. */
static void step_marking(uint64_t limit) {
  enum { LATER = 40 };
  static bool was_above[LATER];
  bool *slot = &was_above[path.now_ns / MS % LATER];
  path_run(&path, MS);
  if (*slot) bbr_on_marked(&flow->bbr, path.now_ns, &flow->delivery);
  *slot = queued() > limit;
}

static void run_marking(uint64_t duration_ns, uint64_t limit) {
  for (uint64_t i = 0; i < duration_ns / MS; i++)
    step_marking(limit);
}

static void bbr_keeps_the_queue_below_the_marks(void) {
  double most_s[2] = {0}, share[2] = {0};
  for (int marks = 0; marks < 2; marks++) {
    begin_bbr();
    uint64_t limit = marks ? 30000 : UINT64_MAX;
    run_marking(2 * NS_PER_S, limit);
    CU_ASSERT(flow->bbr.full_reached);
    path_measure(&path);
    run_marking(10 * NS_PER_S, limit);
    most_s[marks] = path.wait_max_s;
    share[marks] = path_share(&path, 0);
    CU_ASSERT_EQUAL(flow->lost, 0);
    if (marks) CU_ASSERT(flow->bbr.inflight_long != UINT64_MAX);
    if (!marks) CU_ASSERT_EQUAL(flow->bbr.inflight_long, UINT64_MAX);
    path_clear(&path);
  }
  CU_ASSERT(most_s[1] < most_s[0] / 2);
  CU_ASSERT(share[1] > 0.9);
}

static uint64_t startup_ns(uint64_t limit) {
  begin_bbr();
  uint64_t from_ns = path.now_ns;
  while (flow->bbr.state == BBR_STARTUP && path.now_ns < from_ns + 5 * NS_PER_S)
    step_marking(limit);
  uint64_t took_ns = path.now_ns - from_ns;
  CU_ASSERT(flow->bbr.bandwidth_max > 45 * MBIT);
  path_clear(&path);
  return took_ns;
}

/* Not while delivery still grows, but before it has stood still for three rounds. */
static void bbr_leaves_startup_on_marks(void) {
  CU_ASSERT(startup_ns(30000) + 100 * MS < startup_ns(UINT64_MAX));
}

static void bbr_ends_a_probe_on_a_mark(void) {
  begin_bbr();
  for (int i = 0; i < 40000 && flow->bbr.state != BBR_PROBE_UP; i++)
    path_run(&path, MS / 4);
  CU_ASSERT_EQUAL_FATAL(flow->bbr.state, BBR_PROBE_UP);
  bbr_on_marked(&flow->bbr, path.now_ns, &flow->delivery);
  CU_ASSERT_EQUAL(flow->bbr.state, BBR_PROBE_DOWN);
  CU_ASSERT(flow->bbr.inflight_long < flow->bbr.window * 2);
  CU_ASSERT_EQUAL(flow->bbr.undo_state, BBR_STATES);
  path_clear(&path);
}

/* The share that a path loses anyway excuses losses, never marks. */
static void bbr_takes_a_mark_for_no_noise(void) {
  begin_bbr();
  for (int i = 0; i < 40000 && flow->bbr.state != BBR_PROBE_CRUISE; i++)
    path_run(&path, MS / 4);
  CU_ASSERT_EQUAL_FATAL(flow->bbr.state, BBR_PROBE_CRUISE);
  flow->bbr.background.rate = 0.05;
  CU_ASSERT_EQUAL(flow->bbr.inflight_short, UINT64_MAX);
  bbr_on_marked(&flow->bbr, path.now_ns, &flow->delivery);
  path_run(&path, 60 * MS);
  CU_ASSERT(flow->bbr.inflight_short < UINT64_MAX && flow->bbr.bandwidth_short < UINT64_MAX);
  CU_ASSERT_FALSE(flow->bbr.is_marked_in_round);
  path_clear(&path);
}

UNIT_MAIN(UNIT_CASE(cubic_answers_once_a_round_trip), UNIT_CASE(cubic_does_not_take_a_mark_back),
          UNIT_CASE(background_answers_once_a_round_trip), UNIT_CASE(bbr_keeps_the_queue_below_the_marks),
          UNIT_CASE(bbr_leaves_startup_on_marks), UNIT_CASE(bbr_ends_a_probe_on_a_mark),
          UNIT_CASE(bbr_takes_a_mark_for_no_noise))
