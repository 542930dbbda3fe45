/* bbr: the cases of the draft's appendix "BBR Example Test Cases" about the phases of ProbeBW. */
#include "unit.h"

#include "bbr_draft.h"

/* A queue of 20 packets: the first probe finds the long-term bound. */
static void begin_shallow(void) {
  begin(20 * MBIT, 40 * MS, 30000);
  path_run(&path, 5 * NS_PER_S);
}

/* Without a hand in between the bound is only touched after a probe that lost. */
static bool reaches_up_without_caution(void) {
  for (int i = 0; i < 20; i++) {
    if (!reaches(BBR_PROBE_UP, 10 * NS_PER_S)) return false;
    if (!bbr->prev_too_high) return true;
    leaves(BBR_PROBE_UP, NS_PER_S);
  }
  return false;
}

static void exiting_probe_up_on_bandwidth_plateau(void) {
  begin_usual();
  CU_ASSERT(reaches(BBR_PROBE_UP, 10 * NS_PER_S)); /* 1 */
  CU_ASSERT(is_near(bbr->pacing_gain, 1.25, 0.001) &&
            is_near(bbr->window_gain, 1.75, 0.001) /* the draft: 2.25, see bbr_states.c */);
  CU_ASSERT(!bbr->full_now && bbr->full_bandwidth > 0);
  uint64_t rounds[4] = {0};
  while (bbr->state == BBR_PROBE_UP && path.now_ns < 1020 * NS_PER_S) {
    path_run(&path, STEP_NS);
    CU_ASSERT_FATAL(bbr->full_count < 4);
    if (rounds[bbr->full_count] == 0) rounds[bbr->full_count] = bbr->round_count; /* 3 */
    CU_ASSERT((bbr->state == BBR_PROBE_UP) == !bbr->full_now);
  }
  /* 4: three rounds one after the other; going down begins a round */
  CU_ASSERT(bbr->full_now && bbr->full_count == 3 && rounds[3] == rounds[1] + 2);
  CU_ASSERT(bbr->state == BBR_PROBE_DOWN && !bbr->prev_too_high && flow->lost == 0); /* 2, 5 */
  path_clear(&path);
}

static void exiting_probe_up_on_loss_when_application_limited(void) {
  begin_usual();
  CU_ASSERT(reaches(BBR_PROBE_UP, 10 * NS_PER_S)); /* 1 */
  limit_application(10 * MBIT);                    /* 2 */
  path_run(&path, 300 * MS);
  CU_ASSERT(bbr->state == BBR_PROBE_UP && flow->sample.stamp.is_app_limited);
  uint64_t lost = flow->lost;
  path.drop_every = 20; /* 3: 5% */
  CU_ASSERT(leaves(BBR_PROBE_UP, NS_PER_S));
  CU_ASSERT(flow->lost - lost >= 1 && flow->lost - lost <= 4);                     /* 4: at once */
  CU_ASSERT(bbr->state == BBR_PROBE_DOWN && bbr->prev_too_high && !bbr->full_now); /* 5 */
  /* The draft's "appropriately": what an application-limited flow had in flight is no bound of the path. */
  CU_ASSERT_EQUAL(bbr->inflight_long, NO_BOUND);
  path_clear(&path);
}

static void exiting_probe_down_on_inflight(void) {
  for (int shallow = 0; shallow < 2; shallow++) { /* without and with a long-term bound */
    if (shallow)
      begin_shallow();
    else
      begin_usual();
    if (shallow) CU_ASSERT(reaches_up_without_caution());
    CU_ASSERT(reaches(BBR_PROBE_UP, 10 * NS_PER_S) && reaches(BBR_PROBE_DOWN, 10 * NS_PER_S)); /* 1 */
    CU_ASSERT((bbr->inflight_long != NO_BOUND) == shallow);
    if (!shallow) CU_ASSERT(is_near(bbr->pacing_gain, 0.9, 0.001)); /* 2 */
    if (shallow) CU_ASSERT(bbr->pacing_gain < 0.91);
    double model = (double)bbr->bandwidth_max * (double)bbr->min_rtt_ns / 1e9 + FLOW_PACKET;
    CU_ASSERT((double)flow->in_flight > model);
    CU_ASSERT(leaves(BBR_PROBE_DOWN, 2 * NS_PER_S)); /* 3, 4 */
    double most = model + 4 * FLOW_PACKET;           /* what it sent meanwhile */
    CU_ASSERT((double)flow->in_flight <= most);
    CU_ASSERT_EQUAL(bbr->state, BBR_PROBE_CRUISE); /* 5 */
    path_clear(&path);
  }
}

static void exiting_probe_down_after_max_time(void) {
  begin(20 * MBIT, 200 * MS, 1500000); /* a long path: 1% a round trip does not drain it in three seconds */
  CU_ASSERT(reaches(BBR_PROBE_UP, 20 * NS_PER_S) && reaches(BBR_PROBE_DOWN, 5 * NS_PER_S)); /* 1 */
  path.rate = path.rate * 9 / 10;                                                           /* 2 */
  uint64_t from_ns = bbr->cycle_at_ns;
  while (bbr->state == BBR_PROBE_DOWN && path.now_ns < 1040 * NS_PER_S) {
    CU_ASSERT(path.now_ns <= from_ns + bbr->probe_wait_ns + 5 * MS);
    path_run(&path, STEP_NS);
  }
  CU_ASSERT(path.now_ns > from_ns + bbr->probe_wait_ns && bbr->probe_wait_ns >= 2 * NS_PER_S); /* 3 */
  CU_ASSERT_EQUAL(bbr->state, BBR_PROBE_REFILL);                                               /* 4 */
  path_clear(&path);
}

/* What the long-term bound grew by in each round of a probe. */
static uint32_t grown_in_rounds(double *grown, uint32_t count) {
  uint64_t round = bbr->round_count, long_at = bbr->inflight_long;
  uint32_t rounds = 0;
  while (bbr->state == BBR_PROBE_UP && rounds < count) {
    path_run(&path, STEP_NS);
    if (bbr->round_count == round) continue;
    grown[rounds++] = (double)(bbr->inflight_long - long_at) / FLOW_PACKET;
    round = bbr->round_count;
    long_at = bbr->inflight_long;
  }
  return rounds;
}

static void increasing_bandwidth_10x_and_ensuring_full_bandwidth_is_reached(void) {
  begin(10 * MBIT, 40 * MS, 20000); /* the shallow queue lets it find a long-term bound */
  path_run(&path, 8 * NS_PER_S);    /* 1 */
  CU_ASSERT(reaches(BBR_PROBE_CRUISE, 5 * NS_PER_S) && bbr->inflight_long != NO_BOUND);
  path.rate = 100 * MBIT; /* 2 */
  path.queue_bytes = 500000;
  uint64_t from_ns = path.now_ns;
  bbr->prev_too_high = false; /* no caution: the last probe counts as one that lost nothing */
  CU_ASSERT(reaches(BBR_PROBE_UP, 5 * NS_PER_S));
  uint64_t from_round = bbr->round_count;
  double grown[12] = {0};
  uint32_t rounds = grown_in_rounds(grown, 12); /* 3 */
  CU_ASSERT_FATAL(rounds >= 8);
  for (uint32_t i = 3; i < 7;
       i++) /* once it is the window that holds the rate; it falls behind once doubled */
    CU_ASSERT(grown[i] > 1.4 * grown[i - 1]);
  CU_ASSERT(grown[6] >= 16);
  while (bbr->bandwidth_max < 95 * MBIT && path.now_ns < from_ns + 10 * NS_PER_S)
    path_run(&path, STEP_NS);
  CU_ASSERT(bbr->round_count <= from_round + 16); /* 4 */
  CU_ASSERT(path.now_ns < from_ns + 4 * NS_PER_S);
  CU_ASSERT(reaches(BBR_PROBE_CRUISE, 10 * NS_PER_S));
  CU_ASSERT(is_near((double)bbr->bandwidth_max, 100 * MBIT, 0.02));
  path_clear(&path);
}

static void handling_loss_during_probe_up_after_inflight_longterm_is_set(void) {
  begin_shallow(); /* 1 */
  CU_ASSERT(bbr->inflight_long != NO_BOUND);
  path.queue_bytes = 300000; /* no loss but the planned one */
  CU_ASSERT(reaches_up_without_caution());
  path_run(&path, 50 * MS); /* 2 */
  CU_ASSERT(bbr->state == BBR_PROBE_UP && !bbr->full_now && bbr->inflight_long != NO_BOUND);
  uint64_t before = bbr->inflight_long, target = bbr->bandwidth / 1000 * (bbr->min_rtt_ns / 1000) / 1000;
  path.drop_count = 40; /* 3 */
  CU_ASSERT(leaves(BBR_PROBE_UP, 200 * MS));
  CU_ASSERT(!bbr->full_now && bbr->state == BBR_PROBE_DOWN); /* 5 */
  CU_ASSERT(bbr->prev_too_high && !bbr->is_probe_sample);    /* 4: handled once */
  CU_ASSERT(bbr->inflight_long < before + 16 * FLOW_PACKET);
  CU_ASSERT((double)bbr->inflight_long >= 0.69 * (double)target); /* not below Beta of the target */
  CU_ASSERT_EQUAL(bbr->undo_state, BBR_PROBE_UP);
  path_clear(&path);
}

static void handling_application_limited_sending_during_probe_refill(void) {
  begin_usual();
  CU_ASSERT(reaches(BBR_PROBE_CRUISE, 10 * NS_PER_S) && reaches(BBR_PROBE_REFILL, 5 * NS_PER_S)); /* 1 */
  uint64_t before = bbr->bandwidth_max, slots[2] = {bbr->bandwidth_slots[0], bbr->bandwidth_slots[1]};
  limit_application(MBIT); /* 2: one packet in twelve milliseconds */
  uint64_t round = bbr->round_count, low = 0;
  while (bbr->state == BBR_PROBE_REFILL && path.now_ns < 1020 * NS_PER_S) {
    path_run(&path, STEP_NS);
    CU_ASSERT_EQUAL(bbr->bandwidth_max, before); /* 3 */
  }
  CU_ASSERT(bbr->state == BBR_PROBE_UP && bbr->round_count == round + 1); /* 4 */
  for (uint64_t end_ns = path.now_ns + 2 * NS_PER_S; path.now_ns < end_ns;) {
    path_run(&path, STEP_NS);
    if (flow->sample.stamp.is_app_limited && flow->sample.rate_bytes_per_s < before) low++;
    CU_ASSERT(bbr->bandwidth_max == before && bbr->state == BBR_PROBE_UP);
  }
  CU_ASSERT(low > 100 && bbr->bandwidth_slots[0] == slots[0] && bbr->bandwidth_slots[1] == slots[1]);
  limit_application(0); /* the probe goes on as if nothing had been */
  CU_ASSERT(leaves(BBR_PROBE_UP, NS_PER_S) && bbr->state == BBR_PROBE_DOWN && flow->lost == 0);
  CU_ASSERT(is_near((double)bbr->bandwidth_max, 20 * MBIT, 0.02));
  path_clear(&path);
}

UNIT_MAIN(UNIT_CASE(exiting_probe_up_on_bandwidth_plateau),
          UNIT_CASE(exiting_probe_up_on_loss_when_application_limited),
          UNIT_CASE(exiting_probe_down_on_inflight), UNIT_CASE(exiting_probe_down_after_max_time),
          UNIT_CASE(increasing_bandwidth_10x_and_ensuring_full_bandwidth_is_reached),
          UNIT_CASE(handling_loss_during_probe_up_after_inflight_longterm_is_set),
          UNIT_CASE(handling_application_limited_sending_during_probe_refill))
