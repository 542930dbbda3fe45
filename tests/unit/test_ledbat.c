/* ledbat: steps worked out by hand with 1000-byte datagrams, then the path model of bottleneck.h. */
#include "unit.h"

#include "bottleneck.h"
#include "figures.h"

enum { DATAGRAM = 1000 };

static struct ledbat ledbat;
static uint64_t now_ns;

static void ack(uint64_t bytes, uint64_t rtt_ns) {
  now_ns += MS;
  ledbat_on_ack(&ledbat, &(struct ledbat_ack){.now_ns = now_ns,
                                              .bytes_acked = bytes,
                                              .rtt_ns = rtt_ns,
                                              .smoothed_ns = rtt_ns,
                                              .sent_ns = now_ns - rtt_ns});
}

/* In the steady state with this window; `base_ns` was seen once. */
static void begin(uint64_t window, uint64_t base_ns) {
  now_ns = 1000 * NS_PER_S;
  ledbat_init(&ledbat, now_ns, DATAGRAM);
  ack(0, base_ns);
  ledbat.state = LEDBAT_STEADY;
  ledbat.slowdown_at_ns = TIME_NEVER;
  ledbat.window = window;
}

static void settle(uint64_t rtt_ns) { /* fills the filter of the current delay */
  for (int i = 0; i < LEDBAT_CURRENT_SAMPLES; i++)
    ack(0, rtt_ns);
}

static bool is_near(double value, double expected, double tolerance) {
  bool near = value >= expected * (1 - tolerance) && value <= expected * (1 + tolerance);
  if (!near) printf("%f, not %f\n", value, expected);
  return near;
}

static void delays_are_minima(void) {
  struct ledbat_delay delay;
  ledbat_delay_init(&delay, 0);
  CU_ASSERT(ledbat_delay_base_ns(&delay) == UINT64_MAX && ledbat_delay_queue_ns(&delay) == 0);
  ledbat_delay_on_sample(&delay, 1, 30 * MS);
  CU_ASSERT(ledbat_delay_base_ns(&delay) == 30 * MS && ledbat_delay_queue_ns(&delay) == 0);
  for (int i = 0; i < 3; i++)
    ledbat_delay_on_sample(&delay, 2, 50 * MS);
  CU_ASSERT_EQUAL(ledbat_delay_queue_ns(&delay), 0); /* one of four still says: none */
  ledbat_delay_on_sample(&delay, 3, 55 * MS);
  CU_ASSERT_EQUAL(ledbat_delay_queue_ns(&delay), 20 * MS);
}

static void a_longer_path_is_believed_after_ten_minutes(void) {
  struct ledbat_delay delay;
  ledbat_delay_init(&delay, 0);
  ledbat_delay_on_sample(&delay, 1, 30 * MS);
  for (uint64_t minute = 1; minute <= 9; minute++) {
    ledbat_delay_on_sample(&delay, minute * 61 * NS_PER_S, 50 * MS);
    CU_ASSERT_EQUAL(ledbat_delay_base_ns(&delay), 30 * MS);
  }
  ledbat_delay_on_sample(&delay, 10 * 61 * NS_PER_S, 50 * MS);
  CU_ASSERT_EQUAL(ledbat_delay_base_ns(&delay), 50 * MS);
}

/* GAIN = 1 / min(16, ceil(120 ms / base)) datagrams a window. */
static void grows_by_the_gain(void) {
  static const struct {
    uint64_t base_ns, divisor;
  } rows[] = {{300 * MS, 1}, {120 * MS, 1}, {119 * MS, 2}, {60 * MS, 2},
              {40 * MS, 3},  {10 * MS, 12}, {7 * MS, 16},  {50000, 16}};
  for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
    begin(100000, rows[i].base_ns);
    for (int round = 0; round < 16; round++)
      for (int part = 0; part < 10; part++)
        ack(ledbat.window / 10, rows[i].base_ns);
    CU_ASSERT(is_near((double)ledbat.window - 100000, 16000.0 / (double)rows[i].divisor, 0.01));
  }
}

static void shrinks_in_proportion_to_the_excess(void) {
  static const struct {
    uint64_t queue_ms;
    double change; /* of a window of 100 datagrams in a round, gain 1 */
  } rows[] = {{60, 1},   {63, 1 - 100 * 0.05}, {75, 1 - 100 * 0.25}, {90, -49}, {91, -50}, {120, -50},
              {600, -50}};
  for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
    begin(100000, 200 * MS);
    settle(200 * MS + rows[i].queue_ms * MS);
    ack(100000, 200 * MS + rows[i].queue_ms * MS);
    CU_ASSERT(is_near((double)ledbat.window, 100000 + 1000 * rows[i].change, 0.001));
  }
}

static void never_below_two_datagrams(void) {
  begin(5000, 100 * MS);
  settle(400 * MS);
  for (int i = 0; i < 20; i++)
    ack(5000, 400 * MS);
  CU_ASSERT_EQUAL(ledbat.window, 2000);
  for (int i = 0; i < 5; i++) {
    now_ns += NS_PER_S;
    ledbat_on_lost(&ledbat, now_ns, now_ns - 1);
  }
  CU_ASSERT_EQUAL(ledbat.window, 2000);
}

static void slow_start_ends_at_three_quarters(void) {
  now_ns = NS_PER_S;
  ledbat_init(&ledbat, now_ns, DATAGRAM);
  CU_ASSERT(ledbat.window == 2000 && ledbat.state == LEDBAT_START);
  ack(2000, 120 * MS);
  CU_ASSERT_EQUAL(ledbat.window, 4000);
  settle(165 * MS); /* 45 ms of queue: just that */
  CU_ASSERT_EQUAL(ledbat.state, LEDBAT_START);
  settle(166 * MS);
  CU_ASSERT_EQUAL(ledbat.state, LEDBAT_STEADY);
  CU_ASSERT(ledbat.slowdown_at_ns > now_ns + 300 * MS && ledbat.slowdown_at_ns <= now_ns + 332 * MS);
}

static void slows_down_and_comes_back(void) {
  begin(50000, 120 * MS);
  ledbat.slowdown_at_ns = now_ns;
  ack(0, 120 * MS);
  uint64_t from_ns = now_ns;
  CU_ASSERT(ledbat.state == LEDBAT_SLOWDOWN && ledbat.window == 2000 && ledbat.threshold == 50000);
  now_ns += 238 * MS;
  ack(2000, 120 * MS);
  CU_ASSERT(ledbat.state == LEDBAT_SLOWDOWN && ledbat.window == 2000);
  ack(0, 120 * MS);
  CU_ASSERT_EQUAL(ledbat.state, LEDBAT_RAMP);
  for (uint64_t window = 2000; ledbat.state == LEDBAT_RAMP; window *= 2) {
    CU_ASSERT_EQUAL(ledbat.window, window);
    now_ns += 119 * MS;
    ack(ledbat.window, 120 * MS);
  }
  CU_ASSERT(ledbat.state == LEDBAT_STEADY && ledbat.window == 50000);
  CU_ASSERT_EQUAL(ledbat.slowdown_at_ns, now_ns + 9 * (now_ns - from_ns));
}

static void larger_datagrams_raise_what_a_ramp_returns_to(void) {
  begin(2000, 120 * MS);
  ledbat_on_persistent_congestion(&ledbat, now_ns);
  CU_ASSERT(ledbat.state == LEDBAT_RAMP && ledbat.threshold == 2000);
  ledbat_set_datagram_bytes(&ledbat, 1400);
  CU_ASSERT(ledbat.window == 2800 && ledbat.threshold == 2800);
  ack(1400, 120 * MS);
  CU_ASSERT(ledbat.state == LEDBAT_STEADY && ledbat.window == 2800);
}

/* Losses while nothing waits are counted as the path's; up to 5% of 400 packets and three deviations. */
static void loss_without_a_queue_is_borne(void) {
  begin(80000, 100 * MS);
  for (int i = 0; i < 33; i++) {
    now_ns += 200 * MS; /* each of another round trip */
    ledbat_on_lost(&ledbat, now_ns, now_ns - MS);
    CU_ASSERT_EQUAL(ledbat.window, 80000);
  }
  ledbat_on_lost(&ledbat, now_ns, now_ns - MS);
  CU_ASSERT_EQUAL(ledbat.window, 40000);
}

static void halves_once_a_round_trip_and_undoes_it(void) {
  begin(80000, 100 * MS);
  settle(130 * MS);
  ledbat_on_lost(&ledbat, now_ns, now_ns - 50 * MS);
  ledbat_on_lost(&ledbat, now_ns + MS, now_ns - 40 * MS);
  CU_ASSERT(ledbat.window == 40000 && ledbat.threshold == 40000);
  ledbat_on_spurious_loss(&ledbat);
  CU_ASSERT(ledbat.window == 80000 && ledbat.threshold == UINT64_MAX);
  ledbat_on_lost(&ledbat, now_ns, now_ns - 1);
  ledbat_on_lost(&ledbat, now_ns + 100 * MS, now_ns + MS);
  CU_ASSERT_EQUAL(ledbat.window, 20000);
  ledbat_on_persistent_congestion(&ledbat, now_ns);
  CU_ASSERT(ledbat.window == 2000 && ledbat.state == LEDBAT_RAMP && ledbat.threshold == 20000);
}

static void a_loss_answers_the_queue_it_came_of(void) {
  begin(80000, 20 * MS);
  settle(40 * MS);
  ledbat_on_lost(&ledbat, now_ns, now_ns - 1);
  CU_ASSERT(ledbat.window == 40000 && ledbat.target_ns == 10 * MS);
  for (int i = 0; i < 39; i++) /* sent before the loss was known: they waited in the queue of then */
    ack(1000, 40 * MS);
  CU_ASSERT_EQUAL(ledbat.window, 40000);
  for (int i = 0; i < 10; i++)
    ack(1000, 40 * MS);
  CU_ASSERT(ledbat.window < 40000);
}

/* With two datagrams in flight a loss takes long to be found: it belongs to what was before the slowdown. */
static void a_loss_of_before_a_slowdown_only_halves_what_the_ramp_returns_to(void) {
  begin(80000, 20 * MS);
  ledbat.slowdown_at_ns = now_ns;
  ack(0, 20 * MS);
  uint64_t from_ns = now_ns;
  now_ns += 60 * MS;
  ack(2000, 20 * MS);
  ack(2000, 20 * MS);
  CU_ASSERT(ledbat.state == LEDBAT_RAMP && ledbat.window < 5000);
  settle(40 * MS); /* with a queue, or it would count as the path's own */
  ledbat_on_lost(&ledbat, now_ns, from_ns - 1);
  CU_ASSERT(ledbat.state == LEDBAT_RAMP && ledbat.threshold == 40000);
  ledbat_on_lost(&ledbat, now_ns + 50 * MS, now_ns + MS); /* its own */
  CU_ASSERT(ledbat.state == LEDBAT_STEADY && ledbat.window == 2000);
}

/* A receiver that waits for more packets before it acknowledges two makes no queue. */
static void the_wait_for_an_acknowledgement_is_no_queue(void) {
  struct congestion cc;
  struct rtt rtt;
  struct rate_sample sample = {.newly_acked = DATAGRAM};
  congestion_init(&cc, &congestion_cubic, DATAGRAM);
  congestion_start(&cc, &congestion_background, NS_PER_S, 20 * MS, 1);
  rtt_init(&rtt, 20 * MS);
  for (uint64_t i = 0; i < 10; i++) {
    uint64_t delay_ns = i == 0 ? 0 : 12 * MS;
    sample.rtt_ns = 20 * MS + delay_ns;
    cc.ops->on_ack(&cc, &(struct congestion_ack){.now_ns = NS_PER_S + i * 30 * MS,
                                                 .bytes_acked = DATAGRAM,
                                                 .rtt = &rtt,
                                                 .sample = &sample,
                                                 .ack_delay_ns = delay_ns});
  }
  CU_ASSERT_EQUAL(ledbat_delay_base_ns(&cc.ledbat.delay), 20 * MS);
  CU_ASSERT_EQUAL(ledbat_delay_queue_ns(&cc.ledbat.delay), 0);
}

static void a_queue_that_overflows_early_lowers_the_target(void) {
  begin(80000, 100 * MS);
  settle(124 * MS);
  ledbat_on_lost(&ledbat, now_ns, now_ns - 1);
  CU_ASSERT_EQUAL(ledbat.target_ns, 12 * MS);
  static const uint64_t targets_ms[] = {12, 24, 48, 60,
                                        60}; /* the first slowdown comes with a loss before it */
  for (size_t i = 0; i < sizeof targets_ms / sizeof targets_ms[0]; i++) {
    ledbat.state = LEDBAT_STEADY;
    ledbat.slowdown_at_ns = now_ns;
    ack(0, 100 * MS);
    CU_ASSERT_EQUAL(ledbat.target_ns, targets_ms[i] * MS);
  }
}

/* ---- over a path ---- */

static struct path path;

static void fills_an_idle_path_to_the_target(void) {
  static const struct {
    uint64_t rate, rtt_ns;
  } rows[] = {{50 * MBIT, 30 * MS}, {20 * MBIT, 100 * MS}, {100 * MBIT, 10 * MS}};
  for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
    path_init(&path, rows[i].rate, rows[i].rtt_ns, rows[i].rate); /* a second of queue */
    path_add(&path, FLOW_LEDBAT);
    path_run(&path, 60 * NS_PER_S);
    path_measure(&path);
    path_run(&path, 120 * NS_PER_S);
    FIGURE("idle %.0f Mbit/s %.0f ms: %.3f, waits %.1f ms, at most %.1f ms\n",
           (double)rows[i].rate / (double)MBIT, (double)rows[i].rtt_ns / 1e6, path_share(&path, 0),
           path_wait_s(&path) * 1e3, path.wait_max_s * 1e3);
    CU_ASSERT(path_share(&path, 0) >= 0.9);
    CU_ASSERT(path_wait_s(&path) > 0.025 && path_wait_s(&path) < 0.065 && path.wait_max_s < 0.080);
    CU_ASSERT(path_lost_share(&path) == 0);
    path_clear(&path);
  }
}

/* What is lost whatever is sent costs little; what is lost in a queue is yielded to as before. */
static void loss_of_the_path_does_not_starve_it(void) {
  static const struct {
    uint64_t rate, rtt_ns;
    double loss, share;
  } rows[] = {{50 * MBIT, 30 * MS, 0.01, 0.65},
              {20 * MBIT, 100 * MS, 0.01, 0.55},
              {50 * MBIT, 30 * MS, 0.03, 0.7},
              {100 * MBIT, 10 * MS, 0.001, 0.7}};
  for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
    path_init(&path, rows[i].rate, rows[i].rtt_ns, rows[i].rate);
    path.loss = rows[i].loss;
    path_add(&path, FLOW_LEDBAT);
    path_run(&path, 60 * NS_PER_S);
    path_measure(&path);
    path_run(&path, 120 * NS_PER_S);
    FIGURE("%.0f Mbit/s %.0f ms, loss %.3f: %.3f, waits %.1f ms\n", (double)rows[i].rate / (double)MBIT,
           (double)rows[i].rtt_ns / 1e6, rows[i].loss, path_share(&path, 0), path_wait_s(&path) * 1e3);
    CU_ASSERT(path_share(&path, 0) >= rows[i].share);
    path_clear(&path);
  }
}

static void yields_to_a_greedy_flow(void) {
  static const struct {
    double queue_ms, share;
    enum flow_kind kind;
  } rows[] = {{1000, 0.05, FLOW_CUBIC},
              {120, 0.2, FLOW_CUBIC},
              {30, 0.4, FLOW_CUBIC},
              {5, 0.55, FLOW_CUBIC},
              {1000, 0.5, FLOW_BBR}};
  for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
    path_init(&path, 50 * MBIT, 30 * MS, (uint64_t)(rows[i].queue_ms * 50 * (double)MBIT / 1000));
    path_add(&path, FLOW_LEDBAT);
    path_run(&path, 10 * NS_PER_S); /* it is there first */
    path_add(&path, rows[i].kind);
    path_run(&path, 10 * NS_PER_S);
    path_measure(&path);
    path_run(&path, 40 * NS_PER_S);
    FIGURE("beside %s, queue %.0f ms: %.3f, the other %.3f\n", rows[i].kind == FLOW_BBR ? "bbr" : "cubic",
           rows[i].queue_ms, path_share(&path, 0), path_share(&path, 1));
    CU_ASSERT(path_share(&path, 0) < rows[i].share);
    CU_ASSERT(path_share(&path, 0) + path_share(&path, 1) > 0.9);
    path_clear(&path);
  }
}

static void comes_back_when_the_other_has_gone(void) {
  path_init(&path, 50 * MBIT, 30 * MS, 50 * MBIT / 4);
  path_add(&path, FLOW_LEDBAT);
  struct flow *other = path_add(&path, FLOW_CUBIC);
  path_run(&path, 30 * NS_PER_S);
  other->paused = true;
  path_run(&path, 30 * NS_PER_S);
  path_measure(&path);
  path_run(&path, 30 * NS_PER_S);
  FIGURE("alone again: %.3f\n", path_share(&path, 0));
  CU_ASSERT(path_share(&path, 0) > 0.85);
  path_clear(&path);
}

UNIT_MAIN(UNIT_CASE(delays_are_minima), UNIT_CASE(a_longer_path_is_believed_after_ten_minutes),
          UNIT_CASE(grows_by_the_gain), UNIT_CASE(shrinks_in_proportion_to_the_excess),
          UNIT_CASE(never_below_two_datagrams), UNIT_CASE(slow_start_ends_at_three_quarters),
          UNIT_CASE(slows_down_and_comes_back), UNIT_CASE(larger_datagrams_raise_what_a_ramp_returns_to),
          UNIT_CASE(loss_without_a_queue_is_borne), UNIT_CASE(halves_once_a_round_trip_and_undoes_it),
          UNIT_CASE(a_loss_answers_the_queue_it_came_of),
          UNIT_CASE(a_loss_of_before_a_slowdown_only_halves_what_the_ramp_returns_to),
          UNIT_CASE(the_wait_for_an_acknowledgement_is_no_queue),
          UNIT_CASE(a_queue_that_overflows_early_lowers_the_target),
          UNIT_CASE(fills_an_idle_path_to_the_target), UNIT_CASE(loss_of_the_path_does_not_starve_it),
          UNIT_CASE(yields_to_a_greedy_flow), UNIT_CASE(comes_back_when_the_other_has_gone))
