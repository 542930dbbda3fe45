/* bbr: the cases of the draft's appendix "BBR Example Test Cases" that begin in STARTUP or DRAIN. */
#include "unit.h"

#include "bbr_draft.h"

static void exiting_startup_on_bandwidth_plateau(void) {
  begin_usual();
  CU_ASSERT(bbr->state == BBR_STARTUP && is_near(bbr->pacing_gain, 2.77, 0.001)); /* 1 */
  uint64_t round = 0, rate = 0;
  uint32_t count = 0;
  while (bbr->state == BBR_STARTUP && path.now_ns < 1005 * NS_PER_S) {
    path_run(&path, STEP_NS);
    if (bbr->full_count == count + 1) { /* 4: in one round after the other, none of them a quarter faster */
      CU_ASSERT(count == 0 || bbr->round_count == round + 1);
      CU_ASSERT((double)flow->sample.rate_bytes_per_s < 1.25 * (double)(count ? rate : bbr->full_bandwidth));
      CU_ASSERT(bbr->full_now == (bbr->full_count == 3) && bbr->full_reached == bbr->full_now);
      rate = bbr->full_bandwidth;
      round = bbr->round_count;
    }
    count = bbr->full_count;
  }
  CU_ASSERT(count == 3 && bbr->full_now && bbr->full_reached);
  CU_ASSERT(is_near((double)bbr->bandwidth_max, 20 * MBIT, 0.02)); /* 3 */
  CU_ASSERT_EQUAL(bbr->state, BBR_DRAIN);                          /* 5 */
  CU_ASSERT_EQUAL(flow->lost, 0);
  path_clear(&path);
}

static void exiting_startup_on_loss_when_application_limited(void) {
  begin(100 * MBIT, 100 * MS, 2000000);
  limit_application(10 * MBIT); /* 85 packets a round trip */
  path_run(&path, 2 * NS_PER_S);
  CU_ASSERT(bbr->state == BBR_STARTUP && flow->sample.stamp.is_app_limited); /* 1, 2 */
  for (int i = 0; i < 3; i++) { /* a quarter of each round, but in one range: a burst, no full path */
    path.drop_count = 20;
    path_run(&path, 100 * MS);
  }
  path_run(&path, 200 * MS);
  CU_ASSERT(flow->lost == 60 && bbr->state == BBR_STARTUP && !bbr->full_reached);
  path.drop_every = 25; /* 3: 4%, three or four ranges a round: enough of loss, not of ranges */
  path_run(&path, NS_PER_S);
  CU_ASSERT(bbr->state == BBR_STARTUP && !bbr->full_reached);
  path.drop_every = 11; /* 9%, seven or eight ranges */
  uint64_t from_round = bbr->round_count;
  CU_ASSERT(leaves(BBR_STARTUP, 2 * NS_PER_S));
  CU_ASSERT(bbr->full_now && bbr->full_reached);                           /* 4 */
  CU_ASSERT(bbr->drain_round == bbr->round_count && bbr->drain_round > 0); /* 5: so little is soon drained */
  CU_ASSERT(flow->sample.stamp.is_app_limited && bbr->full_count == 0);    /* no plateau did it */
  CU_ASSERT(bbr->round_count <= from_round + 5);
  CU_ASSERT(bbr->undo_state == BBR_STARTUP);
  uint64_t estimate = bbr->bandwidth / 10; /* of 100 ms */
  CU_ASSERT(bbr->inflight_long >= estimate * 9 / 10 && bbr->inflight_long < 2 * estimate);
  path_clear(&path);
}

static void exiting_drain_based_on_inflight(void) {
  begin_usual();
  CU_ASSERT(reaches(BBR_DRAIN, 5 * NS_PER_S));      /* 1 */
  CU_ASSERT(is_near(bbr->pacing_gain, 0.5, 0.001)); /* 2 */
  CU_ASSERT((double)flow->in_flight > 1.5 * bdp()); /* what Startup left */
  uint64_t before = flow->in_flight, round = bbr->drain_round;
  while (bbr->state == BBR_DRAIN && path.now_ns < 1005 * NS_PER_S) { /* 3 */
    before = flow->in_flight;
    path_run(&path, STEP_NS);
  }
  double model = (double)bbr->bandwidth * (double)bbr->min_rtt_ns / 1e9;
  CU_ASSERT(bbr->state == BBR_PROBE_DOWN || bbr->state == BBR_PROBE_CRUISE); /* 4 */
  CU_ASSERT((double)flow->in_flight <= 1.03 * model && (double)before > 0.97 * model);
  CU_ASSERT(bbr->round_count <= round + 3); /* it was not the time */
  path_clear(&path);
}

static void exiting_drain_based_on_time(void) {
  begin_usual();
  CU_ASSERT(reaches(BBR_DRAIN, 5 * NS_PER_S)); /* 1 */
  path.rate = path.rate * 9 / 10;              /* 2 */
  /* 3: half of the estimate would still drain, so somebody else takes most of what is left. */
  path_add(&path, FLOW_CONSTANT)->app_rate = path.rate * 3 / 4;
  path.flows[1].app_from_ns = path.now_ns;
  uint64_t round = bbr->drain_round, least = UINT64_MAX;
  CU_ASSERT_EQUAL(round, bbr->round_count);
  while (bbr->state == BBR_DRAIN && path.now_ns < 1010 * NS_PER_S) {
    if (flow->in_flight < least) least = flow->in_flight;
    CU_ASSERT(bbr->round_count <= round + 3); /* 4 */
    path_run(&path, STEP_NS);
  }
  CU_ASSERT((double)least > 1.02 * (double)bbr->bandwidth * (double)bbr->min_rtt_ns / 1e9);
  CU_ASSERT(bbr->state == BBR_PROBE_DOWN && bbr->round_count == round + 4); /* 5 */
  path_clear(&path);
}

static void never_exiting_probe_up_or_startup_when_application_limited_with_no_loss(void) {
  begin_usual();
  limit_application(5 * MBIT);
  path_run(&path, 60 * NS_PER_S); /* 3 */
  CU_ASSERT(bbr->state == BBR_STARTUP && !bbr->full_reached && bbr->round_count > 1000);
  CU_ASSERT(bbr->rate_bytes_per_s > 10 * MBIT); /* ready for more at any time */
  path_clear(&path);
  begin_usual();
  CU_ASSERT(reaches(BBR_PROBE_UP, 10 * NS_PER_S));
  limit_application(5 * MBIT);
  uint64_t round = bbr->round_count;
  for (int second = 0; second < 60; second++) {
    path_run(&path, NS_PER_S);
    CU_ASSERT_EQUAL(bbr->state, BBR_PROBE_UP);
  }
  CU_ASSERT(bbr->round_count > round + 1000 && !bbr->full_now);
  path_clear(&path);
}

static void achieving_expected_startup_bandwidth_on_a_link_with_aggregation(void) {
  begin(20 * MBIT, 40 * MS, 600000);
  path.ack_slot_ns = 30 * MS; /* 1 */
  uint64_t most = 0, window_most = 0;
  double extra_most = 0, delivered = 0;
  while (bbr->state == BBR_STARTUP && path.now_ns < 1005 * NS_PER_S) { /* 2 */
    path_run(&path, STEP_NS);
    double extra =
        (double)(bbr->extra_acked[0] > bbr->extra_acked[1] ? bbr->extra_acked[0] : bbr->extra_acked[1]);
    if (extra > extra_most) extra_most = extra;
    if (bbr->bandwidth_max > most) most = bbr->bandwidth_max;
    if (bbr->window > window_most) window_most = bbr->window;
    delivered = (double)flow->delivery.delivered;
  }
  CU_ASSERT(bbr->full_reached && delivered > 0);
  /* 3: what a slot brings at once: at the path's rate 30 ms of it */
  CU_ASSERT(extra_most > 0.5 * 30e-3 * 20 * (double)MBIT && extra_most < 1.6 * 30e-3 * 20 * (double)MBIT);
  CU_ASSERT((double)window_most > 2 * bdp());
  /* 4: the clumps show no rate beyond the path's, and all of that */
  CU_ASSERT(is_near((double)most, 20 * MBIT, 0.05));
  CU_ASSERT(path.now_ns < 1001 * NS_PER_S);
  path_clear(&path);
}

static void entering_and_exiting_probe_rtt_during_startup(void) {
  begin_usual();
  limit_application(5 * MBIT); /* 1: an extended Startup */
  path_run(&path, NS_PER_S);
  path.rtt_ns = 60 * MS; /* not seen as low for five seconds */
  CU_ASSERT(bbr->state == BBR_STARTUP && reaches(BBR_PROBE_RTT, 6 * NS_PER_S));
  CU_ASSERT(!bbr->full_reached);
  uint64_t from_ns = path.now_ns;
  CU_ASSERT(leaves(BBR_PROBE_RTT, NS_PER_S) && path.now_ns - from_ns >= 200 * MS); /* 2 */
  CU_ASSERT(bbr->state == BBR_STARTUP && is_near(bbr->pacing_gain, 2.77, 0.001));  /* 3 */
  limit_application(0);
  CU_ASSERT(leaves(BBR_STARTUP, 3 * NS_PER_S) && bbr->state == BBR_DRAIN);
  CU_ASSERT(is_near((double)bbr->bandwidth_max, 20 * MBIT, 0.02));
  path_clear(&path);
}

UNIT_MAIN(UNIT_CASE(exiting_startup_on_bandwidth_plateau),
          UNIT_CASE(exiting_startup_on_loss_when_application_limited),
          UNIT_CASE(exiting_drain_based_on_inflight), UNIT_CASE(exiting_drain_based_on_time),
          UNIT_CASE(never_exiting_probe_up_or_startup_when_application_limited_with_no_loss),
          UNIT_CASE(achieving_expected_startup_bandwidth_on_a_link_with_aggregation),
          UNIT_CASE(entering_and_exiting_probe_rtt_during_startup))
