/* bbr: the cases of the draft's appendix "BBR Example Test Cases", on the path model of bottleneck.h, one
 * test each and in its order. What it brings over many kinds of paths: test_bbr_paths.c. */
#include "unit.h"

#include "bottleneck.h"

#define MS NS_PER_MS
#define MBIT 125000ull /* bytes a second */
#define NO_BOUND UINT64_MAX

static struct path path;
static struct flow *flow;
static struct bbr *bbr;

static void begin(uint64_t rate, uint64_t rtt_ns, uint64_t queue_bytes) {
  path_init(&path, rate, rtt_ns, queue_bytes);
  flow = path_add(&path, FLOW_BBR);
  bbr = &flow->bbr;
}

/* 20 Mbit/s, 40 ms: 68 packets; room for three times as much. */
static void begin_usual(void) { begin(20 * MBIT, 40 * MS, 300000); }

/* Runs until the state is reached; false when it is not within `limit_ns`. */
static bool reaches(enum bbr_state state, uint64_t limit_ns) {
  for (uint64_t end_ns = path.now_ns + limit_ns; path.now_ns < end_ns;) {
    if (bbr->state == state) return true;
    path_run(&path, MS / 4);
  }
  printf("in %s, not %s\n", bbr_state_name(bbr->state), bbr_state_name(state));
  return false;
}

static bool leaves(enum bbr_state state, uint64_t limit_ns) {
  for (uint64_t end_ns = path.now_ns + limit_ns; path.now_ns < end_ns && bbr->state == state;)
    path_run(&path, MS / 4);
  return bbr->state != state;
}

static bool is_in(const char *name) { return strcmp(bbr_state_name(bbr->state), name) == 0; }

static bool is_near(double value, double expected, double tolerance) {
  bool near = value >= expected * (1 - tolerance) && value <= expected * (1 + tolerance);
  if (!near) printf("%f, not %f\n", value, expected);
  return near;
}

static void startup_ends_on_a_plateau(void) {
  begin_usual();
  CU_ASSERT(bbr->state == BBR_STARTUP && bbr->pacing_gain > 2.76 && bbr->window_gain < 2.01);
  CU_ASSERT(leaves(BBR_STARTUP, 5 * NS_PER_S));
  CU_ASSERT(bbr->state == BBR_DRAIN && bbr->full_now && bbr->full_reached && bbr->full_count == 3);
  CU_ASSERT(is_near((double)bbr->bandwidth_max, 20 * MBIT, 0.02));
  CU_ASSERT_EQUAL(flow->lost, 0);
  path_clear(&path);
}

static void startup_ends_on_loss_when_app_limited(void) {
  begin(100 * MBIT, 100 * MS, 2000000);
  flow->app_rate = 10 * MBIT;
  path_run(&path, 2 * NS_PER_S);
  CU_ASSERT(bbr->state == BBR_STARTUP && !bbr->full_reached);
  path.loss = 0.15;
  CU_ASSERT(leaves(BBR_STARTUP, 3 * NS_PER_S));
  CU_ASSERT(bbr->full_reached && bbr->pacing_gain < 1);
  CU_ASSERT(bbr->inflight_long != NO_BOUND && bbr->undo_state == BBR_STARTUP);
  path_clear(&path);
}

static void startup_goes_on_through_loss_while_it_grows(void) {
  begin(200 * MBIT, 100 * MS, 2500000);
  path.loss = 0.05;
  while (bbr->state == BBR_STARTUP)
    path_run(&path, MS);
  CU_ASSERT(is_near((double)bbr->bandwidth_max, 200 * MBIT, 0.05));
  path_clear(&path);
}

static void drain_ends_when_the_queue_is_gone(void) {
  begin_usual();
  CU_ASSERT(reaches(BBR_DRAIN, 5 * NS_PER_S) && bbr->pacing_gain < 0.51);
  uint64_t before = flow->in_flight;
  CU_ASSERT(leaves(BBR_DRAIN, NS_PER_S) && (is_in("down") || is_in("cruise")));
  CU_ASSERT(bbr->round_count <= bbr->drain_round + 3);
  CU_ASSERT(flow->in_flight < before && flow->in_flight <= 20 * MBIT / 1000 * 41);
  path_clear(&path);
}

static void drain_ends_after_three_rounds(void) {
  begin_usual();
  CU_ASSERT(reaches(BBR_DRAIN, 5 * NS_PER_S));
  path.rate /= 8; /* far below half of the estimate: nothing drains */
  CU_ASSERT(leaves(BBR_DRAIN, 20 * NS_PER_S) && is_in("down"));
  CU_ASSERT_EQUAL(bbr->round_count, bbr->drain_round + 4);
  path_clear(&path);
}

static void up_ends_on_a_plateau(void) {
  begin_usual();
  CU_ASSERT(reaches(BBR_PROBE_UP, 10 * NS_PER_S) && bbr->pacing_gain > 1.24 && bbr->window_gain > 2.24);
  CU_ASSERT(!bbr->full_now);
  CU_ASSERT(leaves(BBR_PROBE_UP, NS_PER_S) && is_in("down"));
  CU_ASSERT(bbr->full_now && !bbr->prev_too_high && flow->lost == 0);
  path_clear(&path);
}

static void up_ends_on_loss_when_app_limited(void) {
  begin_usual();
  CU_ASSERT(reaches(BBR_PROBE_UP, 10 * NS_PER_S));
  flow->app_rate = 10 * MBIT;
  flow->app_from_ns = path.now_ns;
  flow->app_sent = 0;
  path_run(&path, 200 * MS);
  CU_ASSERT_EQUAL(bbr->state, BBR_PROBE_UP);
  path.loss = 0.2;
  CU_ASSERT(leaves(BBR_PROBE_UP, NS_PER_S) && is_in("down") && bbr->prev_too_high);
  path_clear(&path);
}

static void up_and_startup_last_while_app_limited_without_loss(void) {
  begin_usual();
  flow->app_rate = 5 * MBIT;
  path_run(&path, 30 * NS_PER_S);
  CU_ASSERT(bbr->state == BBR_STARTUP && !bbr->full_reached);
  CU_ASSERT(bbr->rate_bytes_per_s > 10 * MBIT); /* ready for more at any time */
  path_clear(&path);
  begin_usual();
  CU_ASSERT(reaches(BBR_PROBE_UP, 10 * NS_PER_S));
  flow->app_rate = 5 * MBIT;
  flow->app_from_ns = path.now_ns;
  flow->app_sent = 0;
  path_run(&path, 4 * NS_PER_S);
  CU_ASSERT_EQUAL(bbr->state, BBR_PROBE_UP);
  path_clear(&path);
}

static void down_ends_when_in_flight_has_come_down(void) {
  begin_usual();
  CU_ASSERT(reaches(BBR_PROBE_UP, 10 * NS_PER_S) && reaches(BBR_PROBE_DOWN, NS_PER_S));
  CU_ASSERT(is_near(bbr->pacing_gain, 0.9, 0.001) && flow->in_flight > 20 * MBIT / 1000 * 41);
  CU_ASSERT(leaves(BBR_PROBE_DOWN, 3 * NS_PER_S) && is_in("cruise"));
  CU_ASSERT(flow->in_flight <= 20 * MBIT / 1000 * 42);
  path_clear(&path);
}

static void down_ends_at_last_with_the_wait(void) {
  begin_usual();
  CU_ASSERT(reaches(BBR_PROBE_UP, 10 * NS_PER_S) && reaches(BBR_PROBE_DOWN, NS_PER_S));
  path.rate = path.rate * 88 / 100; /* what it sends now is what the path takes: nothing drains */
  CU_ASSERT(leaves(BBR_PROBE_DOWN, 4 * NS_PER_S) && is_in("refill"));
  path_clear(&path);
}

static void probe_rtt_finds_a_longer_path(void) {
  begin_usual();
  path_run(&path, 3 * NS_PER_S);
  CU_ASSERT(is_near((double)bbr->min_rtt_ns, 40 * MS, 0.03));
  path.rtt_ns = 80 * MS;
  CU_ASSERT(reaches(BBR_PROBE_RTT, 6 * NS_PER_S) && is_near(bbr->window_gain, 0.5, 0.001));
  uint64_t from_ns = path.now_ns;
  path_run(&path, 170 * MS);
  uint64_t half = bbr->bandwidth / 2 * (bbr->min_rtt_ns / 1000) / 1000000;
  CU_ASSERT(bbr->state == BBR_PROBE_RTT && is_near((double)flow->in_flight, (double)half, 0.1));
  CU_ASSERT(leaves(BBR_PROBE_RTT, NS_PER_S) && is_in("cruise"));
  CU_ASSERT(path.now_ns - from_ns >= 200 * MS && path.now_ns - from_ns < 600 * MS);
  path_run(&path, 12 * NS_PER_S);
  CU_ASSERT(is_near((double)bbr->min_rtt_ns, 80 * MS, 0.06));
  path_measure(&path);
  path_run(&path, 5 * NS_PER_S);
  CU_ASSERT(path_share(&path, 0) > 0.93);
  path_clear(&path);
}

static void probe_rtt_is_skipped_after_idleness_and_nothing_bursts(void) {
  begin_usual();
  path_run(&path, 5 * NS_PER_S);
  flow->paused = true;
  path_run(&path, 7 * NS_PER_S);
  CU_ASSERT_EQUAL(flow->in_flight, 0);
  flow->paused = false;
  path_measure(&path);
  path_run(&path, 30 * MS);
  CU_ASSERT(bbr->idle_restart && bbr->state != BBR_PROBE_RTT);
  path_run(&path, 70 * MS);
  CU_ASSERT(!bbr->idle_restart && bbr->state != BBR_PROBE_RTT);
  CU_ASSERT(path.wait_max_s < 0.005); /* at the path's rate: two trains may stand in the queue */
  path_run(&path, 900 * MS);
  CU_ASSERT(path_share(&path, 0) > 0.9 && path_lost_share(&path) == 0);
  path_clear(&path);
}

static void startup_and_cruise_fill_a_path_that_aggregates(void) {
  begin(20 * MBIT, 40 * MS, 600000);
  path.ack_slot_ns = 30 * MS;
  path_run(&path, 2 * NS_PER_S);
  CU_ASSERT(bbr->full_reached && (double)bbr->bandwidth_max > 0.9 * 20 * (double)MBIT);
  CU_ASSERT(reaches(BBR_PROBE_CRUISE, 5 * NS_PER_S));
  path_measure(&path);
  path_run(&path, 5 * NS_PER_S);
  uint64_t extra = bbr->extra_acked[0] > bbr->extra_acked[1] ? bbr->extra_acked[0] : bbr->extra_acked[1];
  CU_ASSERT(extra > 20 * MBIT / 1000 * 10);                       /* a good part of a slot */
  CU_ASSERT(bbr->window > 2 * 20 * MBIT / 1000 * 40 + extra / 2); /* comes on top */
  CU_ASSERT(path_share(&path, 0) > 0.95);
  path_clear(&path);
}

static void a_path_of_less_than_a_packet(void) {
  begin(32000, 20 * MS, 100000); /* 256 kbit/s: 640 bytes */
  path_run(&path, 20 * NS_PER_S);
  CU_ASSERT(bbr->full_reached && bbr->window >= 4 * FLOW_PACKET && bbr->window <= 6 * FLOW_PACKET);
  path_measure(&path);
  path_run(&path, 20 * NS_PER_S);
  CU_ASSERT(path_share(&path, 0) > 0.95);
  CU_ASSERT(is_near((double)bbr->bandwidth_max, 32000, 0.15));
  path_clear(&path);
}

/* A volume of losses as loss detection would declare them, of packets in flight. */
static void declare_lost(uint32_t packets) {
  for (uint64_t number = flow->lowest; packets > 0 && number < flow->next; number++) {
    struct flow_packet *packet = &flow->ring[number % FLOW_RING];
    if (packet->state != FLOW_SENT) continue;
    delivery_on_lost(&flow->delivery, FLOW_PACKET);
    struct bbr_lost lost = {path.now_ns,     number,         FLOW_PACKET,
                            packet->sent_ns, &packet->stamp, &flow->delivery};
    bbr_on_lost(bbr, &lost);
    packets--;
  }
}

static void a_round_with_losses_lowers_the_short_term_bounds(void) {
  begin_usual();
  CU_ASSERT(reaches(BBR_PROBE_CRUISE, 5 * NS_PER_S));
  path_run(&path, 200 * MS);
  uint64_t window = bbr->window, bandwidth = bbr->bandwidth_max;
  declare_lost(1);
  CU_ASSERT(bbr->inflight_short == NO_BOUND &&
            bbr->inflight_long == NO_BOUND); /* not before the round ends */
  path_run(&path, 60 * MS);
  CU_ASSERT(is_near((double)bbr->inflight_short, 0.7 * (double)window, 0.01));
  CU_ASSERT(bbr->bandwidth_short <= bandwidth &&
            bbr->bandwidth_short > bandwidth * 9 / 10); /* as delivered */
  CU_ASSERT(bbr->window <= bbr->inflight_short);
  path_run(&path, 100 * MS);
  CU_ASSERT(is_near((double)bbr->inflight_short, 0.7 * (double)window, 0.01)); /* once a round with losses */
  CU_ASSERT(reaches(BBR_PROBE_REFILL, 5 * NS_PER_S) && bbr->inflight_short == NO_BOUND);
  CU_ASSERT_EQUAL(bbr->bandwidth_short, NO_BOUND);
  path_clear(&path);
}

static void a_spurious_recovery_is_undone(void) {
  begin_usual();
  CU_ASSERT(reaches(BBR_PROBE_UP, 10 * NS_PER_S));
  path_run(&path, 60 * MS);
  CU_ASSERT_EQUAL(bbr->state, BBR_PROBE_UP);
  uint64_t window = bbr->window;
  declare_lost(20);
  CU_ASSERT(bbr->state == BBR_PROBE_DOWN && bbr->inflight_long != NO_BOUND && bbr->prev_too_high);
  CU_ASSERT(bbr->undo_state == BBR_PROBE_UP && bbr->undo_inflight_long == NO_BOUND);
  bbr_on_spurious_loss(bbr, path.now_ns, &flow->delivery);
  CU_ASSERT(bbr->state == BBR_PROBE_REFILL && bbr->window >= window);
  CU_ASSERT(bbr->inflight_long == NO_BOUND && bbr->inflight_short == NO_BOUND && !bbr->in_recovery);
  path_clear(&path);
}

static void a_spurious_end_of_startup_is_undone(void) {
  begin(200 * MBIT, 100 * MS, 5000000);
  path_run(&path, 350 * MS);
  CU_ASSERT_EQUAL(bbr->state, BBR_STARTUP);
  bbr->undo_state = BBR_STARTUP; /* as check_startup_loss leaves it */
  bbr->full_reached = true;
  path_run(&path, 20 * MS);
  CU_ASSERT_EQUAL(bbr->state, BBR_DRAIN);
  bbr_on_spurious_loss(bbr, path.now_ns, &flow->delivery);
  CU_ASSERT(bbr->state == BBR_STARTUP && !bbr->full_reached);
  path_run(&path, 2 * NS_PER_S);
  CU_ASSERT(is_near((double)bbr->bandwidth_max, 200 * MBIT, 0.02));
  path_clear(&path);
}

static void a_spurious_timeout_is_undone(void) {
  begin_usual();
  path_run(&path, 5 * NS_PER_S);
  uint64_t window = bbr->window;
  declare_lost(10);
  bbr_on_persistent_congestion(bbr, path.now_ns, 2 * FLOW_PACKET);
  CU_ASSERT_EQUAL(bbr->window, 3 * FLOW_PACKET);
  bbr_on_spurious_loss(bbr, path.now_ns, &flow->delivery);
  CU_ASSERT(bbr->window == window && bbr->inflight_short == NO_BOUND);
  path_clear(&path);
}

static void a_timeout_is_over_with_the_first_new_acknowledgement(void) {
  begin_usual();
  path_run(&path, 5 * NS_PER_S);
  path.loss = 1;
  path_run(&path, 2 * NS_PER_S); /* a blackout */
  CU_ASSERT(bbr->window < 4 * FLOW_PACKET);
  path.loss = 0;
  path_run(&path, NS_PER_S);
  path_measure(&path);
  path_run(&path, NS_PER_S);
  CU_ASSERT(path_share(&path, 0) > 0.9);
  path_clear(&path);
}

static void probe_rtt_in_startup_returns_there(void) {
  begin_usual();
  flow->app_rate = 5 * MBIT;
  path_run(&path, NS_PER_S);
  path.rtt_ns = 60 * MS; /* not seen as low for five seconds */
  CU_ASSERT(bbr->state == BBR_STARTUP && reaches(BBR_PROBE_RTT, 6 * NS_PER_S));
  CU_ASSERT(leaves(BBR_PROBE_RTT, NS_PER_S) && is_in("startup"));
  path_clear(&path);
}

static void loss_in_up_lowers_the_long_term_bound(void) {
  begin(20 * MBIT, 40 * MS, 30000); /* 20 packets of queue: the bound is set in the first probe */
  path_run(&path, 5 * NS_PER_S);
  CU_ASSERT(reaches(BBR_PROBE_CRUISE, 5 * NS_PER_S) && bbr->inflight_long != NO_BOUND);
  CU_ASSERT(reaches(BBR_PROBE_UP, 5 * NS_PER_S));
  uint64_t before = bbr->inflight_long;
  uint64_t floor = (uint64_t)(0.69 * (double)bbr->bandwidth * (double)bbr->min_rtt_ns / 1e9);
  bbr->prev_too_high = false;
  path_run(&path, 50 * MS);
  declare_lost(15);
  CU_ASSERT(bbr->state == BBR_PROBE_DOWN && bbr->inflight_long <= before + 30 * FLOW_PACKET);
  CU_ASSERT(bbr->inflight_long >= floor && bbr->prev_too_high && !bbr->is_probe_sample);
  path_clear(&path);
}

static void silence_in_refill_lowers_nothing(void) {
  begin_usual();
  CU_ASSERT(reaches(BBR_PROBE_CRUISE, 10 * NS_PER_S) && reaches(BBR_PROBE_REFILL, 5 * NS_PER_S));
  uint64_t before = bbr->bandwidth_max;
  flow->app_rate = MBIT;
  flow->app_from_ns = path.now_ns;
  flow->app_sent = 0;
  CU_ASSERT(leaves(BBR_PROBE_REFILL, NS_PER_S) && is_in("up"));
  CU_ASSERT(bbr->bandwidth_max >= before);
  path_run(&path, 2 * NS_PER_S);
  CU_ASSERT(bbr->bandwidth_max >= before);
  path_clear(&path);
}

UNIT_MAIN(UNIT_CASE(startup_ends_on_a_plateau), UNIT_CASE(startup_ends_on_loss_when_app_limited),
          UNIT_CASE(startup_goes_on_through_loss_while_it_grows),
          UNIT_CASE(drain_ends_when_the_queue_is_gone), UNIT_CASE(drain_ends_after_three_rounds),
          UNIT_CASE(up_ends_on_a_plateau), UNIT_CASE(up_ends_on_loss_when_app_limited),
          UNIT_CASE(up_and_startup_last_while_app_limited_without_loss),
          UNIT_CASE(down_ends_when_in_flight_has_come_down), UNIT_CASE(down_ends_at_last_with_the_wait),
          UNIT_CASE(probe_rtt_finds_a_longer_path),
          UNIT_CASE(probe_rtt_is_skipped_after_idleness_and_nothing_bursts),
          UNIT_CASE(startup_and_cruise_fill_a_path_that_aggregates), UNIT_CASE(a_path_of_less_than_a_packet),
          UNIT_CASE(a_round_with_losses_lowers_the_short_term_bounds),
          UNIT_CASE(a_spurious_recovery_is_undone), UNIT_CASE(a_spurious_end_of_startup_is_undone),
          UNIT_CASE(a_spurious_timeout_is_undone),
          UNIT_CASE(a_timeout_is_over_with_the_first_new_acknowledgement),
          UNIT_CASE(probe_rtt_in_startup_returns_there), UNIT_CASE(loss_in_up_lowers_the_long_term_bound),
          UNIT_CASE(silence_in_refill_lowers_nothing))
