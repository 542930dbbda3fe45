/* cubic: windows worked out by hand from RFC 9438 and RFC 9002, all with a controller of 1000-byte
 * datagrams unless said otherwise. */
#include "unit.h"

#include "transport/congestion.h"

#define MS NS_PER_MS
#define RTT_LONG (100 * MS)
enum { DATAGRAM = 1000 };

static struct congestion cc;
static struct rtt rtt;
static uint64_t now_ns, next_number;

static void begin(uint64_t rtt_ns) {
  now_ns = 1000 * NS_PER_S;
  next_number = 0;
  congestion_init(&cc, &congestion_cubic, DATAGRAM);
  rtt_init(&rtt, 100 * MS);
  rtt_on_sample(&rtt, rtt_ns, 0);
}

enum flight { WINDOW_FULL, APP_LIMITED };

/* One datagram number stands for whatever was sent; the acknowledged one is always the newest. */
static void ack(uint64_t bytes, enum flight flight) {
  struct congestion_ack event = {.now_ns = now_ns,
                                 .bytes_acked = bytes,
                                 .bytes_in_flight = flight == WINDOW_FULL ? cc.window + bytes : bytes,
                                 .largest_acked = next_number,
                                 .largest_sent_ns = now_ns - rtt.latest_ns,
                                 .next_number = next_number + 1,
                                 .rtt = &rtt,
                                 .has_sample = true,
                                 .app_limited = flight == APP_LIMITED};
  next_number++;
  cc.ops->on_ack(&cc, &event);
}

static void lose(uint64_t number, bool persistent) {
  struct congestion_loss event = {.now_ns = now_ns,
                                  .bytes_lost = DATAGRAM,
                                  .bytes_in_flight = cc.window,
                                  .largest_lost = number,
                                  .next_number = next_number,
                                  .persistent = persistent};
  cc.ops->on_loss(&cc, &event);
}

/* The state after a loss at `window`, with the recovery episode over. */
static void begin_after_loss(uint64_t window, uint64_t rtt_ns) {
  begin(rtt_ns);
  cc.window = window;
  lose(next_number++, false);
  next_number++;
}

/* A round trip of acknowledgements, `acks` of them, for a whole window. */
static void round_trip(uint64_t rtt_ns, uint32_t acks) {
  uint64_t share = cc.window / acks;
  for (uint32_t i = 0; i < acks; i++) {
    now_ns += rtt_ns / acks;
    ack(share, WINDOW_FULL);
  }
}

static bool is_near(double value, double expected, double tolerance) {
  bool near = value > expected * (1 - tolerance) && value < expected * (1 + tolerance);
  if (!near) printf("%f, not %f\n", value, expected);
  return near;
}

/* ---- windows that need no formula ---- */

static void starts_by_rfc_9002(void) {
  static const struct {
    size_t datagram;
    uint64_t window;
  } rows[] = {{1000, 10000}, {1200, 12000}, {1452, 14520}, {1472, 14720},  {1473, 14720},
              {7360, 14720}, {7361, 14722}, {9000, 18000}, {65507, 131014}};
  for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
    congestion_init(&cc, &congestion_cubic, rows[i].datagram);
    CU_ASSERT_EQUAL(cc.window, rows[i].window);
    CU_ASSERT(cc.threshold == UINT64_MAX && cc.rate_bytes_per_s == 0);
    congestion_init(&cc, &congestion_cubic, 1200);
    congestion_set_datagram_bytes(&cc, rows[i].datagram);
    CU_ASSERT_EQUAL(cc.window,
                    rows[i].window); /* the same when the path is probed before anything was sent */
  }
}

static void a_window_in_use_keeps_its_bytes(void) {
  begin(RTT_LONG);
  ack(5000, WINDOW_FULL);
  congestion_set_datagram_bytes(&cc, 1400);
  CU_ASSERT_EQUAL(cc.window, 15000);
  congestion_set_datagram_bytes(&cc, 9000);
  CU_ASSERT_EQUAL(cc.window, 18000); /* but always holds two */
  begin(RTT_LONG);
  cc.window = 14286;
  lose(next_number++, false);
  CU_ASSERT_EQUAL(cc.window, 10000); /* looks like the start, but is not */
  congestion_set_datagram_bytes(&cc, 1400);
  CU_ASSERT_EQUAL(cc.window, 10000);
}

static void slow_start_doubles(void) {
  begin(RTT_LONG);
  for (uint64_t window = 10000; window < 1 << 30; window *= 2) {
    CU_ASSERT_EQUAL(cc.window, window);
    round_trip(RTT_LONG, 10);
  }
}

static void nothing_grows_unused(void) {
  begin(RTT_LONG);
  for (int i = 0; i < 50; i++)
    ack(10000, APP_LIMITED);
  CU_ASSERT_EQUAL(cc.window, 10000);
  begin_after_loss(100000, RTT_LONG);
  for (int i = 0; i < 50; i++) {
    now_ns += NS_PER_S;
    ack(70000, APP_LIMITED);
  }
  CU_ASSERT_EQUAL(cc.window, 70000);
}

static void paces_by_window_and_round_trip(void) {
  begin(10 * MS);
  CU_ASSERT_EQUAL(cc.rate_bytes_per_s, 0);
  cc.window = 90000;
  ack(10000, WINDOW_FULL);
  CU_ASSERT_EQUAL(cc.rate_bytes_per_s, 20000000); /* 2 x 100000 / 10 ms */
  lose(next_number++, false);
  CU_ASSERT_EQUAL(cc.rate_bytes_per_s, 8750000); /* 1.25 x 70000 / 10 ms */
}

static void large_windows_overflow_nothing(void) {
  begin(50000);
  cc.window = 4ull << 30;
  ack(1000, APP_LIMITED);
  CU_ASSERT_EQUAL(cc.rate_bytes_per_s, 1000000000000ull); /* 172 TB/s: the cap */
  begin_after_loss(8ull << 30, RTT_LONG);
  CU_ASSERT(is_near((double)cc.window, 0.7 * 8 * (1 << 30), 1e-9));
  round_trip(RTT_LONG, 1);
  CU_ASSERT(is_near((double)cc.rate_bytes_per_s, 1.25 * 0.7 * 8 * (1 << 30) / 0.1, 0.01));
  CU_ASSERT(cc.rate_bytes_per_s > 50000000000ull); /* beyond 400 Gbit/s */
}

/* ---- reductions ---- */

static void reduces_once_an_episode(void) {
  begin(RTT_LONG);
  cc.window = 1000000;
  next_number = 500;
  lose(400, false);
  CU_ASSERT(cc.window == 700000 && cc.threshold == 700000);
  CU_ASSERT_EQUAL(cc.cubic.now.window_max, 1000000);
  lose(499, false); /* sent before the reduction */
  CU_ASSERT_EQUAL(cc.window, 700000);
  next_number = 400;
  now_ns += RTT_LONG;
  ack(100000, WINDOW_FULL); /* so was this: it grows nothing */
  CU_ASSERT_EQUAL(cc.window, 700000);
  next_number = 600;
  lose(500, false); /* the first one sent after it */
  CU_ASSERT_EQUAL(cc.window, 490000);
  /* Fast convergence: 700000 < 1000000, so W_max = 700000 x 0.85. */
  CU_ASSERT(is_near(cc.cubic.now.window_max, 595000, 1e-9));
  CU_ASSERT_EQUAL(cc.cubic.now.window_prior, 700000);
}

static void a_window_beyond_w_max_does_not_yield(void) {
  begin_after_loss(100000, RTT_LONG);
  cc.window = 120000;
  lose(next_number++, false);
  CU_ASSERT_EQUAL(cc.cubic.now.window_max, 120000);
  CU_ASSERT_EQUAL(cc.window, 84000);
}

static void never_below_two_datagrams(void) {
  begin(RTT_LONG);
  for (int i = 0; i < 20; i++)
    lose(next_number++, false);
  CU_ASSERT(cc.window == 2 * DATAGRAM && cc.threshold == 2 * DATAGRAM);
  for (int i = 0; i < 20; i++)
    round_trip(RTT_LONG, 2);
  CU_ASSERT(cc.window > 5 * DATAGRAM); /* and gets out of there */
}

static void a_ce_mark_is_a_loss_of_nothing(void) {
  begin(RTT_LONG);
  cc.window = 100000;
  struct congestion_loss event = {.now_ns = now_ns, .largest_lost = 7, .next_number = 9};
  cc.ops->on_loss(&cc, &event);
  CU_ASSERT_EQUAL(cc.window, 70000);
}

static void persistent_congestion_starts_over(void) {
  begin(RTT_LONG);
  cc.window = 100000;
  next_number = 50;
  lose(40, true);
  CU_ASSERT(cc.window == 2 * DATAGRAM && cc.threshold == 70000);
  lose(45, false); /* the same event */
  CU_ASSERT_EQUAL(cc.threshold, 70000);
  ack(2000, WINDOW_FULL);
  CU_ASSERT_EQUAL(cc.window, 4000); /* slow start, without HyStart */
  for (int i = 0; i < 4; i++)
    round_trip(RTT_LONG, 1);
  CU_ASSERT_EQUAL(cc.window, 64000);
  round_trip(RTT_LONG, 1);
  CU_ASSERT(cc.window >= 70000 && cc.window < 72000); /* up to the threshold, the rest by cubic */
  CU_ASSERT(cc.cubic.now.epoch_start_ns == now_ns && is_near(cc.cubic.now.window_max, 100000, 1e-9));
}

static void a_second_persistent_loss_in_an_episode_collapses_only(void) {
  begin(RTT_LONG);
  cc.window = 100000;
  next_number = 50;
  lose(40, false);
  next_number = 60;
  round_trip(RTT_LONG, 10);
  CU_ASSERT(cc.cubic.now.epoch_start_ns != 0);
  lose(45, true);
  CU_ASSERT(cc.window == 2 * DATAGRAM && cc.threshold == 70000);
  CU_ASSERT_EQUAL(cc.cubic.now.epoch_start_ns, 0);
}

/* ---- the curve ---- */

/* W_max 1000000, after the loss 700000: K = cbrt(300000 / (0.4 x 1000)) = cbrt(750) = 9.0856 s. */
static void follows_the_cubic(void) {
  begin_after_loss(1000000, RTT_LONG);
  ack(0, WINDOW_FULL);
  ack(1000, WINDOW_FULL);
  CU_ASSERT(is_near(cc.cubic.now.k_s, 9.08560296, 1e-7));
  uint64_t begun_ns = cc.cubic.now.epoch_start_ns;
  static const struct {
    uint64_t at_ms;
    double window; /* 400 x (t - K)^3 + 1000000 */
  } rows[] = {
      {1000, 788555},  {2000, 857705},   {4543, 962505},   {7000, 996371},
      {9086, 1000000}, {11000, 1002806}, {14086, 1050012}, {17000, 1198296},
  };
  for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
    while (now_ns < begun_ns + rows[i].at_ms * MS)
      round_trip(RTT_LONG, 20);
    CU_ASSERT(is_near((double)cc.window, rows[i].window, 0.003));
  }
}

static void the_next_loss_begins_a_new_curve(void) {
  begin_after_loss(1000000, RTT_LONG);
  for (int i = 0; i < 50; i++)
    round_trip(RTT_LONG, 20);
  lose(next_number++, false);
  uint64_t window = cc.window;
  next_number++;
  now_ns += RTT_LONG;
  ack(1000, WINDOW_FULL);
  CU_ASSERT_EQUAL(cc.cubic.now.epoch_start_ns, now_ns);
  double k_s = cc.cubic.now.k_s;
  CU_ASSERT(is_near(400 * k_s * k_s * k_s, cc.cubic.now.window_max - (double)window, 1e-9));
}

static void is_concave_then_convex(void) {
  begin_after_loss(1000000, RTT_LONG);
  uint64_t last = 0;
  for (int second = 1; second <= 18; second++) {
    uint64_t before = cc.window;
    for (int i = 0; i < 10; i++)
      round_trip(RTT_LONG, 20);
    uint64_t growth = cc.window - before;
    if (second > 2 && second <= 8) CU_ASSERT(growth < last);
    if (second > 11) CU_ASSERT(growth > last);
    last = growth;
  }
}

static void the_number_of_acks_does_not_matter(void) {
  uint64_t windows[3];
  static const uint32_t acks[] = {2, 20, 100};
  for (int i = 0; i < 3; i++) {
    begin_after_loss(1000000, RTT_LONG);
    for (int r = 0; r < 60; r++)
      round_trip(RTT_LONG, acks[i]);
    windows[i] = cc.window;
  }
  CU_ASSERT(is_near((double)windows[0], (double)windows[2], 0.01));
  CU_ASSERT(is_near((double)windows[1], (double)windows[2], 0.002));
}

/* W_max 20000, after the loss 14000, 1 ms: K is 2.47 s, in 10 ms the cubic does not move, Reno does: by
 * 3 x 0.3 / 1.7 = 0.5294 datagrams a round, by a whole one once the window is back at 20000. */
static void is_never_slower_than_reno(void) {
  begin_after_loss(20000, MS);
  for (int i = 0; i < 10; i++)
    round_trip(MS, 10);
  CU_ASSERT(is_near((double)cc.window, 14000 + 10 * 529.4, 0.01));
  while (cc.window < 20000)
    round_trip(MS, 10);
  uint64_t before = cc.window;
  for (int i = 0; i < 20; i++)
    round_trip(MS, 10);
  CU_ASSERT(is_near((double)cc.window, (double)before + 20 * 1000, 0.02));
}

static void grows_by_half_a_window_at_most(void) {
  begin_after_loss(1000000, RTT_LONG);
  round_trip(RTT_LONG, 10);
  uint64_t before = cc.window;
  now_ns += 1000 * NS_PER_S; /* used all the time, as far as it knows */
  ack(cc.window, WINDOW_FULL);
  CU_ASSERT(is_near((double)cc.window, 1.5 * (double)before, 0.001));
  before = cc.window;
  ack(5 * cc.window, WINDOW_FULL); /* a batch larger than a window */
  CU_ASSERT(is_near((double)cc.window, 1.5 * (double)before, 0.001));
}

static void growth_below_a_byte_is_kept(void) {
  begin_after_loss(1000000, RTT_LONG);
  for (int i = 0; i < 90; i++)
    round_trip(RTT_LONG, 10);
  uint64_t before = cc.window; /* on the plateau: almost no growth */
  double total = 0, last = cc.cubic.growth;
  for (int i = 0; i < 200; i++) {
    now_ns += 10000;
    ack(100, WINDOW_FULL);
    CU_ASSERT(cc.cubic.growth >= 0 && cc.cubic.growth < 1);
    total += cc.cubic.growth - last;
    last = cc.cubic.growth;
  }
  CU_ASSERT(cc.window > before || total > 0);
}

/* ---- time that does not count ---- */

static void idle_time_moves_the_epoch(void) {
  begin_after_loss(1000000, RTT_LONG);
  for (int i = 0; i < 20; i++)
    round_trip(RTT_LONG, 10);
  struct congestion copy = cc;
  uint64_t at_ns = now_ns, number = next_number;
  for (int i = 0; i < 20; i++)
    round_trip(RTT_LONG, 10);
  uint64_t expected = cc.window;

  cc = copy; /* the same, with a minute's rest in the middle */
  now_ns = at_ns, next_number = number;
  cc.cubic.idle = true; /* as the last acknowledgement of everything leaves it */
  now_ns += 60 * NS_PER_S;
  cc.ops->on_sent(&cc, now_ns, 1000, 1000);
  for (int i = 0; i < 20; i++)
    round_trip(RTT_LONG, 10);
  CU_ASSERT(is_near((double)cc.window, (double)expected, 1e-6));

  cc = copy; /* with a minute of trickling */
  now_ns = at_ns, next_number = number;
  for (int i = 0; i < 600; i++) {
    now_ns += RTT_LONG;
    ack(1000, APP_LIMITED);
    cc.ops->on_sent(&cc, now_ns, 1000, 1000);
  }
  for (int i = 0; i < 20; i++)
    round_trip(RTT_LONG, 10);
  CU_ASSERT(is_near((double)cc.window, (double)expected, 1e-6));
}

static void everything_acknowledged_is_idle(void) {
  begin_after_loss(1000000, RTT_LONG);
  round_trip(RTT_LONG, 10);
  CU_ASSERT(!cc.cubic.idle);
  uint64_t epoch_ns = cc.cubic.now.epoch_start_ns;
  cc.ops->on_sent(&cc, now_ns + NS_PER_S, 1000, 1000);
  CU_ASSERT_EQUAL(cc.cubic.now.epoch_start_ns, epoch_ns);
  now_ns += RTT_LONG;
  struct congestion_ack event = {.now_ns = now_ns,
                                 .bytes_acked = 5000,
                                 .bytes_in_flight = 5000,
                                 .largest_acked = next_number,
                                 .rtt = &rtt};
  cc.ops->on_ack(&cc, &event);
  CU_ASSERT(cc.cubic.idle);
  cc.ops->on_sent(&cc, now_ns + NS_PER_S, 1000, 1000);
  CU_ASSERT_EQUAL(cc.cubic.now.epoch_start_ns, epoch_ns + NS_PER_S);
  cc.ops->on_sent(&cc, now_ns + 2 * NS_PER_S, 2000, 1000);
  CU_ASSERT_EQUAL(cc.cubic.now.epoch_start_ns, epoch_ns + NS_PER_S);
}

/* ---- undo ---- */

static void a_spurious_loss_is_undone(void) {
  begin_after_loss(1000000, RTT_LONG);
  for (int i = 0; i < 20; i++)
    round_trip(RTT_LONG, 10);
  struct congestion before = cc;
  lose(next_number++, false);
  CU_ASSERT(cc.window < before.window);
  cc.ops->on_spurious_loss(&cc, now_ns);
  CU_ASSERT(cc.window == before.window && cc.threshold == before.threshold);
  CU_ASSERT(cc.cubic.now.window_max == before.cubic.now.window_max &&
            cc.cubic.now.k_s == before.cubic.now.k_s);
  CU_ASSERT_EQUAL(cc.cubic.now.epoch_start_ns, before.cubic.now.epoch_start_ns);
  CU_ASSERT_EQUAL(cc.cubic.now.window_prior, before.cubic.now.window_prior);
  CU_ASSERT_EQUAL(cc.rate_bytes_per_s, before.rate_bytes_per_s);
  next_number -= 2;
  ack(100000, WINDOW_FULL); /* sent before: counts, as there was no episode */
  CU_ASSERT(cc.window > before.window);
  cc.window = 500000;
  cc.ops->on_spurious_loss(&cc, now_ns); /* nothing left to undo */
  CU_ASSERT_EQUAL(cc.window, 500000);
}

static void slow_start_goes_on_after_undo(void) {
  begin(RTT_LONG);
  round_trip(RTT_LONG, 1);
  lose(next_number++, true);
  CU_ASSERT_EQUAL(cc.window, 2 * DATAGRAM);
  cc.ops->on_spurious_loss(&cc, now_ns);
  CU_ASSERT(cc.window == 20000 && cc.threshold == UINT64_MAX);
  round_trip(RTT_LONG, 1);
  CU_ASSERT_EQUAL(cc.window, 40000);
}

static void nothing_is_undone_after_it_was_outgrown(void) {
  begin_after_loss(20000, MS);
  while (cc.window <= 20000)
    round_trip(MS, 10);
  struct congestion before = cc;
  cc.ops->on_spurious_loss(&cc, now_ns);
  CU_ASSERT(cc.window == before.window && cc.threshold == before.threshold);
}

/* ---- a whole life: random events, and what must hold after each ---- */

static void keeps_its_bounds(void) {
  struct prng prng;
  prng_seed(&prng, 9438);
  begin(RTT_LONG);
  for (int i = 0; i < 200000; i++) {
    now_ns += prng_below(&prng, 20 * MS);
    uint64_t before = cc.window, what = prng_below(&prng, 1000);
    if (what < 3) lose(next_number - prng_below(&prng, next_number < 50 ? 1 : 50), what == 0);
    if (what < 3) CU_ASSERT_FATAL(cc.window <= before || cc.window == 2 * cc.datagram_bytes);
    if (what == 4) cc.ops->on_spurious_loss(&cc, now_ns);
    if (what == 5) congestion_set_datagram_bytes(&cc, 1000 + prng_below(&prng, 500));
    if (what >= 6) {
      rtt_on_sample(&rtt, 50 * MS + prng_below(&prng, 100 * MS), 0);
      uint64_t bytes = prng_below(&prng, cc.window / 2);
      ack(bytes, prng_below(&prng, 4) ? WINDOW_FULL : APP_LIMITED);
      CU_ASSERT_FATAL(cc.window >= before && cc.window <= before + before / 2 + bytes + 2);
    }
    CU_ASSERT_FATAL(cc.window >= 2 * cc.datagram_bytes && cc.window < 1ull << 50);
    if (cc.window > 1ull << 40) begin(RTT_LONG);
  }
}

UNIT_MAIN(UNIT_CASE(starts_by_rfc_9002), UNIT_CASE(a_window_in_use_keeps_its_bytes),
          UNIT_CASE(slow_start_doubles), UNIT_CASE(nothing_grows_unused),
          UNIT_CASE(paces_by_window_and_round_trip), UNIT_CASE(large_windows_overflow_nothing),
          UNIT_CASE(reduces_once_an_episode), UNIT_CASE(a_window_beyond_w_max_does_not_yield),
          UNIT_CASE(never_below_two_datagrams), UNIT_CASE(a_ce_mark_is_a_loss_of_nothing),
          UNIT_CASE(persistent_congestion_starts_over),
          UNIT_CASE(a_second_persistent_loss_in_an_episode_collapses_only), UNIT_CASE(follows_the_cubic),
          UNIT_CASE(the_next_loss_begins_a_new_curve), UNIT_CASE(is_concave_then_convex),
          UNIT_CASE(the_number_of_acks_does_not_matter), UNIT_CASE(is_never_slower_than_reno),
          UNIT_CASE(grows_by_half_a_window_at_most), UNIT_CASE(growth_below_a_byte_is_kept),
          UNIT_CASE(idle_time_moves_the_epoch), UNIT_CASE(everything_acknowledged_is_idle),
          UNIT_CASE(a_spurious_loss_is_undone), UNIT_CASE(slow_start_goes_on_after_undo),
          UNIT_CASE(nothing_is_undone_after_it_was_outgrown), UNIT_CASE(keeps_its_bounds))
