/* key_update: when keys are renewed and when old ones are forgotten (RFC 9001 section 6). */
#include "unit.h"

#include "transport/key_update.h"

#define PROBE_NS (200 * NS_PER_MS)
#define PAUSE_NS (6 * PROBE_NS)

static void renews_when_all_conditions_hold(void) {
  static const struct {
    uint64_t next, now_ns;
    bool acked, has_old, due;
  } rows[] = {
      {99, PAUSE_NS, true, false, false},  {100, PAUSE_NS, true, false, true},
      {5000, PAUSE_NS, true, false, true}, {100, PAUSE_NS, false, false, false},
      {100, PAUSE_NS, true, true, false},  {100, PAUSE_NS - 1, true, false, false},
  };
  for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
    struct key_update update;
    key_update_init(&update, 100);
    key_update_on_renewed(&update, 0, 0, PROBE_NS);
    if (rows[i].acked) key_update_on_acked(&update, 3);
    if (rows[i].has_old) key_update_on_peer_phase(&update, 1, PAUSE_NS, PROBE_NS);
    CU_ASSERT_EQUAL(key_update_is_due(&update, rows[i].next, rows[i].now_ns), rows[i].due);
  }
}

static void only_packets_of_this_phase_count(void) {
  struct key_update update;
  key_update_init(&update, 100);
  key_update_on_acked(&update, 0);
  CU_ASSERT_TRUE(key_update_is_due(&update, 100, 0));
  key_update_on_renewed(&update, 100, 0, PROBE_NS);
  key_update_on_acked(&update, 99); /* sealed with the keys before */
  CU_ASSERT_FALSE(key_update_is_due(&update, 200, PAUSE_NS));
  key_update_on_acked(&update, 100);
  CU_ASSERT_TRUE(key_update_is_due(&update, 200, PAUSE_NS));
}

static void a_short_probe_timeout_does_not_hurry(void) {
  struct key_update update;
  key_update_init(&update, 1);
  key_update_on_renewed(&update, 0, 0, 1000);
  key_update_on_acked(&update, 0);
  CU_ASSERT_FALSE(key_update_is_due(&update, 1, KEY_RENEW_NS_MIN - 1));
  CU_ASSERT_TRUE(key_update_is_due(&update, 1, KEY_RENEW_NS_MIN));
}

static void old_keys_live_three_probe_timeouts(void) {
  struct key_update update;
  key_update_init(&update, 0);
  CU_ASSERT_EQUAL(update.forget_at_ns, TIME_NEVER);
  CU_ASSERT_FALSE(key_update_on_peer_phase(&update, 0, 50, PROBE_NS));
  CU_ASSERT_EQUAL(update.forget_at_ns, TIME_NEVER);
  CU_ASSERT_TRUE(key_update_on_peer_phase(&update, 1, 50, PROBE_NS));
  CU_ASSERT_EQUAL(update.forget_at_ns, 50 + 3 * PROBE_NS);
  CU_ASSERT_FALSE(key_update_on_peer_phase(&update, 1, 90, PROBE_NS));
  CU_ASSERT_EQUAL(update.forget_at_ns, 50 + 3 * PROBE_NS);
  key_update_on_forgotten(&update);
  CU_ASSERT_EQUAL(update.forget_at_ns, TIME_NEVER);
}

static void keys_have_their_limits(void) {
  struct key_update update;
  key_update_init(&update, UINT64_MAX);
  CU_ASSERT_EQUAL(update.packets_renew, KEY_PACKETS_RENEW);
  key_update_on_renewed(&update, 10, 0, PROBE_NS);
  CU_ASSERT_FALSE(key_update_is_spent(&update, 10 + KEY_PACKETS_MAX - 1));
  CU_ASSERT_TRUE(key_update_is_spent(&update, 10 + KEY_PACKETS_MAX));
  update.refused = KEY_REFUSED_MAX - 1;
  CU_ASSERT_FALSE(key_update_is_spent(&update, 10));
  key_update_on_refused(&update);
  CU_ASSERT_TRUE(key_update_is_spent(&update, 10));
}

UNIT_MAIN(UNIT_CASE(renews_when_all_conditions_hold), UNIT_CASE(only_packets_of_this_phase_count),
          UNIT_CASE(a_short_probe_timeout_does_not_hurry), UNIT_CASE(old_keys_live_three_probe_timeouts),
          UNIT_CASE(keys_have_their_limits))
