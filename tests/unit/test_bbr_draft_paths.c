/* bbr: the cases of the draft's appendix "BBR Example Test Cases" about ProbeRTT, idleness, aggregation,
 * small and changing paths, policers and false recoveries. */
#include "unit.h"

#include "bbr_draft.h"

static double extra_acked(void) {
  return (double)(bbr->extra_acked[0] > bbr->extra_acked[1] ? bbr->extra_acked[0] : bbr->extra_acked[1]);
}

static void entering_and_exiting_probe_rtt(void) {
  begin_usual();
  CU_ASSERT(reaches(BBR_PROBE_CRUISE, 5 * NS_PER_S)); /* 1 */
  uint64_t seen_ns = 0;
  path.rtt_ns = 80 * MS; /* 2: the low round trip is not seen again */
  path_run(&path, 100 * MS);
  seen_ns = bbr->probe_rtt_min_at_ns;
  CU_ASSERT(reaches(BBR_PROBE_RTT, 6 * NS_PER_S));
  CU_ASSERT(path.now_ns >= seen_ns + 5 * NS_PER_S && path.now_ns < seen_ns + 5100 * MS);
  CU_ASSERT(is_near(bbr->window_gain, 0.5, 0.001) && bbr->pacing_gain == 1); /* 3 */
  uint64_t from_ns = path.now_ns, round = bbr->round_count;
  path_run(&path, 170 * MS);
  double half = 0.5 * (double)bbr->bandwidth * (double)bbr->min_rtt_ns / 1e9;
  CU_ASSERT(bbr->state == BBR_PROBE_RTT && is_near((double)flow->in_flight, half, 0.1));
  CU_ASSERT(leaves(BBR_PROBE_RTT, NS_PER_S)); /* 4 */
  CU_ASSERT(path.now_ns >= from_ns + 200 * MS && path.now_ns < from_ns + 600 * MS &&
            bbr->round_count > round);
  CU_ASSERT(bbr->state == BBR_PROBE_CRUISE && bbr->full_reached); /* 5 */
  path_run(&path, 12 * NS_PER_S);
  CU_ASSERT(is_near((double)bbr->min_rtt_ns, 80 * MS, 0.06));
  path_measure(&path);
  path_run(&path, 5 * NS_PER_S);
  CU_ASSERT(path_share(&path, 0) > 0.93);
  path_clear(&path);
}

static void skipping_probe_rtt_due_to_application_limited_sending(void) {
  begin_usual();
  CU_ASSERT(reaches(BBR_PROBE_CRUISE, 5 * NS_PER_S)); /* 1 */
  flow->paused = true;                                /* 2 */
  path_run(&path, 7 * NS_PER_S);                      /* 3 */
  CU_ASSERT(flow->in_flight == 0 && !bbr->idle_restart);
  CU_ASSERT(path.now_ns > bbr->probe_rtt_min_at_ns + 5 * NS_PER_S);
  flow->paused = false;
  path_measure(&path);
  path_run(&path, 30 * MS);
  CU_ASSERT(bbr->idle_restart); /* 4 */
  CU_ASSERT(is_near((double)bbr->rate_bytes_per_s, 0.99 * (double)bbr->bandwidth, 0.01));
  for (int i = 0; i < 280; i++) { /* 5: the expiry is seen with the first acknowledgement */
    path_run(&path, STEP_NS);
    CU_ASSERT(bbr->state != BBR_PROBE_RTT);
  }
  CU_ASSERT(!bbr->idle_restart && path.now_ns < bbr->probe_rtt_min_at_ns + 100 * MS);
  CU_ASSERT(path.wait_max_s < 0.005); /* nothing bursts: two trains may stand in the queue */
  path_run(&path, 900 * MS);
  CU_ASSERT(path_share(&path, 0) > 0.9 && path_lost_share(&path) == 0);
  path_clear(&path);
}

static void achieving_expected_cruise_bandwidth_on_a_link_with_aggregation(void) {
  begin(20 * MBIT, 40 * MS, 600000);
  path_run(&path, 2 * NS_PER_S);
  CU_ASSERT(reaches(BBR_PROBE_CRUISE, 5 * NS_PER_S)); /* 1 */
  path_run(&path, 500 * MS);
  double before = extra_acked(), slot = 30e-3 * 20 * (double)MBIT;
  path.ack_slot_ns = 30 * MS; /* 2 */
  path_run(&path, 500 * MS);
  CU_ASSERT(before < 0.2 * slot && extra_acked() > 0.5 * slot && extra_acked() < 1.6 * slot); /* 3 */
  CU_ASSERT((double)bbr->window > 2 * bdp() + 0.4 * slot);                                    /* 4 */
  path_measure(&path);
  path_run(&path, 5 * NS_PER_S);
  CU_ASSERT(path_share(&path, 0) > 0.95);
  path.ack_slot_ns = MS; /* 3: forgotten ten rounds after the surplus has been worked off */
  uint64_t round = bbr->round_count;
  while (bbr->round_count < round + 60)
    path_run(&path, STEP_NS);
  CU_ASSERT(extra_acked() < 0.3 * slot);
  path_clear(&path);
}

static void correctly_managing_sub_packet_bdps(void) {
  begin(32000, 20 * MS, 100000); /* 1: 256 kbit/s, 640 bytes */
  path_run(&path, 20 * NS_PER_S);
  CU_ASSERT(bbr->full_reached && bdp() < FLOW_PACKET); /* 2 */
  path_measure(&path);
  uint64_t least = UINT64_MAX, most = 0;
  for (int i = 0; i < 4000; i++) {
    path_run(&path, 5 * MS);
    if (bbr->window < least) least = bbr->window;
    if (bbr->window > most) most = bbr->window;
  }
  CU_ASSERT(least == 4 * FLOW_PACKET && most <= 12 * FLOW_PACKET); /* 3 */
  CU_ASSERT(is_near((double)bbr->bandwidth_max, 32000, 0.15));     /* 4 */
  CU_ASSERT(is_near((double)bbr->rate_bytes_per_s / bbr->pacing_gain, 32000, 0.17));
  CU_ASSERT(path_share(&path, 0) > 0.95);
  path.ack_slot_ns = 150 * MS; /* three packets' time */
  path_run(&path, 2 * NS_PER_S);
  path_measure(&path);
  path_run(&path, 20 * NS_PER_S);
  CU_ASSERT(path_share(&path, 0) > 0.7);
  path_clear(&path);
}

static void decreasing_bandwidth_10x_and_ensuring_max_bandwidth_adapts_down(void) {
  begin(100 * MBIT, 40 * MS, 25000); /* what is too much is lost rather than queued */
  path_run(&path, 6 * NS_PER_S);
  CU_ASSERT(reaches(BBR_PROBE_CRUISE, 5 * NS_PER_S)); /* 1 */
  path_run(&path, 300 * MS);
  CU_ASSERT(is_near((double)bbr->bandwidth_max, 100 * MBIT, 0.05));
  path.rate = 10 * MBIT; /* 2 */
  uint64_t from_ns = path.now_ns;
  while (bbr->bandwidth > 20 * MBIT && path.now_ns < from_ns + 5 * NS_PER_S)
    path_run(&path, STEP_NS);
  CU_ASSERT(path.now_ns < from_ns + 600 * MS && bbr->bandwidth_short < 20 * MBIT); /* 3: 0.7 a round */
  uint32_t cycles = 0;
  enum bbr_state last = bbr->state;
  while (cycles < 3 && path.now_ns < from_ns + 20 * NS_PER_S) {
    path_run(&path, STEP_NS);
    if (last != BBR_PROBE_CRUISE && bbr->state == BBR_PROBE_CRUISE) cycles++;
    last = bbr->state;
  }
  CU_ASSERT(cycles == 3 && is_near((double)bbr->bandwidth_max, 10 * MBIT, 0.1)); /* 4 */
  path_measure(&path);
  path_run(&path, 5 * NS_PER_S);
  CU_ASSERT(path_share(&path, 0) > 0.9 && path_lost_share(&path) < 0.03);
  path_clear(&path);
}

static void handling_token_bucket_policers(void) {
  begin(50 * MBIT, 40 * MS, 0);
  path.policer_bytes = 200000; /* 1 */
  bool has_reacted = false;
  double lost_most = 0;
  for (uint64_t end_ns = path.now_ns + 10 * NS_PER_S; path.now_ns < end_ns;) {
    path_run(&path, STEP_NS);
    bool is_holding = bbr->state == BBR_PROBE_CRUISE || bbr->state == BBR_PROBE_DOWN; /* 2 */
    if (is_holding && bbr->bandwidth_short < bbr->bandwidth_max && bbr->inflight_short != NO_BOUND)
      has_reacted = true; /* 3 */
  }
  CU_ASSERT(has_reacted);
  for (int second = 0; second < 15; second++) { /* 4 */
    path_measure(&path);
    path_run(&path, NS_PER_S);
    if (path_lost_share(&path) > lost_most) lost_most = path_lost_share(&path);
    CU_ASSERT(path_share(&path, 0) > 0.8 && path_share(&path, 0) < 1.05);
  }
  CU_ASSERT(lost_most > 0 && lost_most < 0.06);
  path_clear(&path);
}

/* In the probe: what the undoing must bring back. */
struct saved {
  uint64_t window, bandwidth_short, inflight_short, inflight_long;
};

static struct saved saved_now(void) {
  return (struct saved){bbr->window, bbr->bandwidth_short, bbr->inflight_short, bbr->inflight_long};
}

static void check_saved(const struct saved *saved) {
  CU_ASSERT(bbr->undo_state == BBR_PROBE_UP && bbr->in_recovery);
  CU_ASSERT(bbr->undo_bandwidth_short == saved->bandwidth_short);
  CU_ASSERT(bbr->undo_inflight_short == saved->inflight_short);
  CU_ASSERT(bbr->undo_inflight_long == saved->inflight_long);
  CU_ASSERT(bbr->state == BBR_PROBE_DOWN && bbr->inflight_long != saved->inflight_long);
}

static void check_restored(const struct saved *saved) {
  CU_ASSERT(flow->undone == 1 && bbr->undo_state == BBR_STATES && !bbr->in_recovery);
  CU_ASSERT((double)bbr->window >= 0.85 * (double)saved->window); /* refilling has a lower gain */
  CU_ASSERT(bbr->inflight_long >= saved->inflight_long);
  CU_ASSERT(bbr->bandwidth_short >= saved->bandwidth_short && bbr->inflight_short >= saved->inflight_short);
  CU_ASSERT(bbr->state == BBR_PROBE_REFILL || bbr->state == BBR_PROBE_UP);
  leaves(BBR_PROBE_REFILL, NS_PER_S);
  CU_ASSERT(bbr->state == BBR_PROBE_UP && bbr->is_probe_sample);
}

static void handling_spurious_fast_recovery(void) {
  begin_usual();
  CU_ASSERT(reaches(BBR_PROBE_UP, 10 * NS_PER_S));
  path_run(&path, 30 * MS);
  CU_ASSERT_EQUAL(bbr->state, BBR_PROBE_UP);
  struct saved saved = saved_now();
  path.detour_count = 8; /* 1: late by 15 ms, behind dozens of others */
  path.detour_ns = 15 * MS;
  uint64_t lost = flow->lost;
  CU_ASSERT(leaves(BBR_PROBE_UP, 200 * MS) && flow->lost > lost);
  check_saved(&saved); /* 2 */
  while (flow->undone == 0 && path.now_ns < 1020 * NS_PER_S)
    path_run(&path, STEP_NS);
  check_restored(&saved); /* 3, 4 */
  path_measure(&path);
  path_run(&path, 2 * NS_PER_S);
  CU_ASSERT(path_share(&path, 0) > 0.95);
  path_clear(&path);
}

static void handling_spurious_rto_recovery(void) {
  begin_usual();
  CU_ASSERT(reaches(BBR_PROBE_UP, 10 * NS_PER_S));
  path_run(&path, 30 * MS);
  struct saved saved = saved_now();
  uint64_t lost = flow->lost;
  path.held_to_ns = path.now_ns + NS_PER_S; /* 1: no acknowledgement comes in three probe timeouts */
  while (flow->lost == lost && path.now_ns < 1020 * NS_PER_S)
    path_run(&path, STEP_NS);
  CU_ASSERT(path.now_ns < path.held_to_ns && bbr->window <= 4 * FLOW_PACKET);
  CU_ASSERT(bbr->prior_window >= saved.window);
  check_saved(&saved); /* 2 */
  while (flow->undone == 0 && path.now_ns < 1020 * NS_PER_S)
    path_run(&path, STEP_NS);
  check_restored(&saved); /* 3, 4 */
  path_run(&path, NS_PER_S);
  path_measure(&path);
  path_run(&path, 2 * NS_PER_S);
  CU_ASSERT(path_share(&path, 0) > 0.9);
  path_clear(&path);
}

UNIT_MAIN(UNIT_CASE(entering_and_exiting_probe_rtt),
          UNIT_CASE(skipping_probe_rtt_due_to_application_limited_sending),
          UNIT_CASE(achieving_expected_cruise_bandwidth_on_a_link_with_aggregation),
          UNIT_CASE(correctly_managing_sub_packet_bdps),
          UNIT_CASE(decreasing_bandwidth_10x_and_ensuring_max_bandwidth_adapts_down),
          UNIT_CASE(handling_token_bucket_policers), UNIT_CASE(handling_spurious_fast_recovery),
          UNIT_CASE(handling_spurious_rto_recovery))
