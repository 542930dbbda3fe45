/*
 * Links that drop by a rule: a policer, and an MTU that changes. In simulated time, exact.
 */
#include "unit.h"

#include "netlab_run.h"

/* 8 Mbit/s are 1000 bytes a millisecond; a bucket of 5000. */
static void polices(void) {
  struct link_config c = plain();
  size_t i;

  c.policer_bits_per_second = 8000000;
  c.policer_bytes = 5000;
  run(&c, 1, 20, 1000, 0, &outcome); /* at once: as many as the bucket holds, and none is delayed */
  CU_ASSERT_EQUAL(outcome.count, 5);
  CU_ASSERT_EQUAL(outcome.stats.policer_drops, 15);
  CU_ASSERT_EQUAL(outcome.at_ns[4], 0);
  run(&c, 1, 2000, 1000, MS, &outcome); /* just its rate */
  CU_ASSERT_EQUAL(outcome.count, 2000);

  run(&c, 1, 2000, 1000, MS / 2,
      &outcome); /* twice its rate for a second: a second's tokens and the bucket */
  CU_ASSERT_TRUE(outcome.count >= 1004 && outcome.count <= 1005);
  CU_ASSERT_EQUAL(outcome.count + outcome.stats.policer_drops, 2000);
  for (i = 0; i < outcome.count; i++)
    CU_ASSERT_EQUAL(outcome.at_ns[i], outcome.tag[i] * (MS / 2));
}

static void the_mtu_changes(void) {
  struct link_config c = plain();
  size_t i;

  c.mtu_count = 2; /* none at first */
  c.mtus[0] = (struct link_mtu){100 * MS, 1000};
  c.mtus[1] = (struct link_mtu){200 * MS, 1100};
  run(&c, 1, 300, 1001, MS, &outcome);
  CU_ASSERT_EQUAL(outcome.count, 200);
  CU_ASSERT_EQUAL(outcome.stats.mtu_drops, 100);
  for (i = 0; i < outcome.count; i++)
    CU_ASSERT_FALSE(outcome.tag[i] >= 100 && outcome.tag[i] < 200);
}

UNIT_MAIN(UNIT_CASE(polices), UNIT_CASE(the_mtu_changes))
