/* bbr_ramp: how soon a long path is full, and what it costs, on the model of bottleneck.h. */
#include "unit.h"

#include "bottleneck.h"
#include "figures.h"

static struct path path;
static struct bbr *bbr;

static uint64_t bdp(uint64_t rate, uint64_t rtt_ns) { return rate * rtt_ns / NS_PER_S; }

/* As a connection does it: the handshake has shown the round trip. */
static void begin(uint64_t rate, uint64_t rtt_ns, uint64_t queue_bytes) {
  path_init(&path, rate, rtt_ns, queue_bytes);
  struct flow *flow = path_add(&path, FLOW_BBR);
  bbr = &flow->bbr;
  bbr_init(bbr, path.now_ns, FLOW_PACKET, flow->cubic.window, rtt_ns, 1);
  flow_pace(flow, path.now_ns);
}

static double round_trips_until_full(void) {
  uint64_t from_ns = path.now_ns;
  while (!bbr->full_reached && path.now_ns < from_ns + 60 * path.rtt_ns)
    path_run(&path, path.rtt_ns / 50);
  return (double)(path.now_ns - from_ns) / (double)path.rtt_ns;
}

static bool is_near(double value, double expected, double part) {
  return value > expected * (1 - part) && value < expected * (1 + part);
}

/* From 32 datagrams by fours, then four rounds of landing; nothing overflows a queue of one round trip. */
static void fills_a_long_path_without_loss(void) {
  static const struct {
    uint64_t mbit, rtt_ms;
    double rounds;
  } rows[] = {{200, 100, 9}, {200, 300, 9}, {20, 40, 6}, {1000, 30, 9}, {50, 30, 7}, {10, 600, 8}};
  for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
    uint64_t rate = rows[i].mbit * MBIT, rtt_ns = rows[i].rtt_ms * MS;
    begin(rate, rtt_ns, bdp(rate, rtt_ns));
    double rounds = round_trips_until_full();
    path_run(&path, 4 * rtt_ns);
    FIGURE("%4d Mbit/s %3d ms: full after %.1f round trips, %.3f of the rate, lost %.4f, queue %.0f ms\n",
           (int)rows[i].mbit, (int)rows[i].rtt_ms, rounds, (double)bbr->bandwidth_max / (double)rate,
           path_lost_share(&path), path.wait_max_s * 1e3);
    CU_ASSERT(rounds <= rows[i].rounds);
    CU_ASSERT(is_near((double)bbr->bandwidth_max, (double)rate, 0.05));
    CU_ASSERT(path_lost_share(&path) == 0);
    path_clear(&path);
  }
}

static void random_loss_does_not_stop_it(void) {
  static const double losses[] = {0.001, 0.01, 0.05};
  for (size_t i = 0; i < sizeof losses / sizeof losses[0]; i++) {
    begin(200 * MBIT, 100 * MS, bdp(200 * MBIT, 100 * MS));
    path.loss = losses[i];
    double rounds = round_trips_until_full();
    path_run(&path, 5 * NS_PER_S);
    FIGURE("loss %.3f: full after %.1f round trips, share of 5 s %.3f\n", losses[i], rounds,
           path_share(&path, 0));
    CU_ASSERT(rounds <= 14);
    CU_ASSERT(is_near((double)bbr->bandwidth_max, 200 * (double)MBIT, 0.1));
    path_clear(&path);
  }
}

/* The burst that finds the bottleneck is larger than such a queue. It is one burst, not a state. */
static void a_shallow_queue_costs_one_burst(void) {
  begin(200 * MBIT, 100 * MS, 20 * FLOW_PACKET);
  double rounds = round_trips_until_full();
  path_run(&path, 10 * NS_PER_S);
  FIGURE("queue of 20 packets: full after %.1f round trips, lost %.4f\n", rounds, path_lost_share(&path));
  CU_ASSERT(rounds <= 14);
  CU_ASSERT(path_lost_share(&path) < 0.04);
  path_clear(&path);
}

static void a_short_path_starts_as_in_the_draft(void) {
  begin(200 * MBIT, 5 * MS, 200000);
  CU_ASSERT(bbr->ramp.phase == BBR_RAMP_OFF && bbr->window == path.flows[0].cubic.window);
  path_clear(&path);
}

/* Only the handshake was slow: the path is short after all. */
static void a_slow_handshake_is_no_long_path(void) {
  begin(200 * MBIT, 2 * MS, 200000);
  struct flow *slow = &path.flows[0];
  bbr_init(bbr, path.now_ns, FLOW_PACKET, slow->cubic.window, 40 * MS, 1);
  flow_pace(slow, path.now_ns);
  CU_ASSERT(bbr->ramp.phase == BBR_RAMP_BURSTS);
  path_run(&path, 5 * MS);
  CU_ASSERT(bbr->ramp.phase == BBR_RAMP_OFF && bbr->min_rtt_ns < 3 * MS && !bbr->full_reached);
  path_clear(&path);
}

/* Acknowledgements in clumps look like dispersion. A landing that shows no queue is not believed. */
static void clumps_are_not_a_full_path(void) {
  static const uint64_t slots_ms[] = {5, 10, 25};
  for (size_t i = 0; i < sizeof slots_ms / sizeof slots_ms[0]; i++) {
    begin(100 * MBIT, 60 * MS, bdp(100 * MBIT, 60 * MS));
    path.ack_slot_ns = slots_ms[i] * MS;
    double rounds = round_trips_until_full();
    path_run(&path, 2 * NS_PER_S);
    FIGURE("clumps of %d ms: full after %.1f round trips, %.3f of the rate\n", (int)slots_ms[i], rounds,
           (double)bbr->bandwidth_max / (double)(100 * MBIT));
    CU_ASSERT(rounds <= 24);
    CU_ASSERT((double)bbr->bandwidth_max > 0.9 * 100 * (double)MBIT);
    path_clear(&path);
  }
}

/* What is acknowledged while there was nothing to send proves nothing about the path. */
static void an_idle_sender_does_not_grow(void) {
  begin(200 * MBIT, 100 * MS, bdp(200 * MBIT, 100 * MS));
  struct flow *flow = &path.flows[0];
  flow->app_rate = MBIT;
  flow->app_from_ns = path.now_ns;
  path_run(&path, 3 * NS_PER_S);
  CU_ASSERT(bbr->window < bdp(8 * MBIT, 100 * MS));
  path_clear(&path);
}

/* A burst that takes a third of a round's packets in one piece is weather: the next round trip is four times
 * as large all the same. */
static void one_burst_of_losses_does_not_stop_it(void) {
  begin(200 * MBIT, 300 * MS, bdp(200 * MBIT, 300 * MS));
  path_run(&path, 5 * MS);
  path.drop_count = 12;
  double rounds = round_trips_until_full();
  FIGURE("twelve of the first window lost: full after %.1f round trips\n", rounds);
  CU_ASSERT(rounds <= 10);
  path_clear(&path);
}

static void a_policer_is_noticed(void) {
  begin(50 * MBIT, 60 * MS, 1);
  path.policer_bytes = 256 * 1024;
  path.tokens = (double)path.policer_bytes, path.tokens_ns = path.now_ns;
  round_trips_until_full();
  path_run(&path, 10 * NS_PER_S);
  FIGURE("policer: share %.3f, lost %.4f\n", path_share(&path, 0), path_lost_share(&path));
  CU_ASSERT(path_lost_share(&path) < 0.08);
  CU_ASSERT(path_share(&path, 0) > 0.75);
  path_clear(&path);
}

UNIT_MAIN(UNIT_CASE(fills_a_long_path_without_loss), UNIT_CASE(random_loss_does_not_stop_it),
          UNIT_CASE(a_shallow_queue_costs_one_burst), UNIT_CASE(a_short_path_starts_as_in_the_draft),
          UNIT_CASE(a_slow_handshake_is_no_long_path), UNIT_CASE(clumps_are_not_a_full_path),
          UNIT_CASE(an_idle_sender_does_not_grow), UNIT_CASE(one_burst_of_losses_does_not_stop_it),
          UNIT_CASE(a_policer_is_noticed))
