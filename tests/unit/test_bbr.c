/* bbr: steps beside the draft's own cases, which stand in test_bbr_draft_*.c, on the path model of
 * bottleneck.h. What it brings over many kinds of paths: test_bbr_paths.c. */
#include "unit.h"

#include "bbr_draft.h"

static void startup_goes_on_through_loss_while_it_grows(void) {
  begin(200 * MBIT, 100 * MS, 2500000);
  path.loss = 0.05;
  while (bbr->state == BBR_STARTUP)
    path_run(&path, MS);
  CU_ASSERT(is_near((double)bbr->bandwidth_max, 200 * MBIT, 0.05));
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

static void a_timeout_is_over_with_the_first_new_acknowledgement(void) {
  begin_usual();
  path_run(&path, 5 * NS_PER_S);
  path.loss = 1;
  path_run(&path, 2 * NS_PER_S);                 /* a blackout */
  CU_ASSERT_EQUAL(bbr->window, 4 * FLOW_PACKET); /* the least there is */
  path.loss = 0;
  path_run(&path, NS_PER_S);
  path_measure(&path);
  path_run(&path, NS_PER_S);
  CU_ASSERT(path_share(&path, 0) > 0.9);
  path_clear(&path);
}

UNIT_MAIN(UNIT_CASE(startup_goes_on_through_loss_while_it_grows),
          UNIT_CASE(a_round_with_losses_lowers_the_short_term_bounds),
          UNIT_CASE(a_spurious_end_of_startup_is_undone),
          UNIT_CASE(a_timeout_is_over_with_the_first_new_acknowledgement))
