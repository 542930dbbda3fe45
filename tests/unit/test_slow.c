/* slow: who is ended and when, second by second. */
#include "cli/slow.h"
#include "unit.h"

static void the_window_follows_the_timeout(void) {
  static const struct {
    uint64_t timeout_s, window_s;
  } examples[] = {{1, 5}, {2, 5}, {3, 6}, {29, 58}, {30, 60}, {31, 60}, {86400, 60}, {UINT64_MAX, 60}};
  for (size_t i = 0; i < sizeof examples / sizeof examples[0]; i++)
    CU_ASSERT_EQUAL(slow_window_s(examples[i].timeout_s), examples[i].window_s);
}

/* The second at which a session is found too slow, asked every second for 200; 0: never. `step` bytes come a
 * second; in seconds from `held` to `held_end` it waits for us. */
static uint64_t ends_at(uint64_t step, uint64_t held, uint64_t held_end, uint64_t bytes_per_s) {
  struct slow slow = {0};
  for (uint64_t s = 0; s < 200; s++)
    if (slow_on_look(&slow, (1000 + s) * NS_PER_S, 5000 + s * step, s >= held && s < held_end, bytes_per_s,
                     60))
      return s;
  return 0;
}

static void who_brings_too_little_is_found(void) {
  CU_ASSERT_EQUAL(ends_at(0, 0, 0, 100), 60); /* what came before the first look is of no use */
  CU_ASSERT_EQUAL(ends_at(99, 0, 0, 100), 60);
  CU_ASSERT_EQUAL(ends_at(100, 0, 0, 100), 0);
  CU_ASSERT_EQUAL(ends_at(0, 0, 0, 0), 0);
}

static void time_in_which_we_are_waited_for_does_not_count(void) {
  CU_ASSERT_EQUAL(ends_at(0, 0, 200, 100), 0);
  CU_ASSERT_EQUAL(ends_at(0, 10, 31, 100), 90);
  CU_ASSERT_EQUAL(ends_at(0, 60, 61, 100), 120); /* at the very end of a window */
}

static void a_stall_in_the_middle_is_found(void) {
  struct slow slow = {0};
  uint64_t found = 0;
  for (uint64_t s = 0; s < 300 && !found; s++)
    if (slow_on_look(&slow, (1 + s) * NS_PER_S, s < 70 ? s * 1000000 : 70000000, false, 100, 60)) found = s;
  CU_ASSERT_EQUAL(found, 180);
}

UNIT_MAIN(UNIT_CASE(the_window_follows_the_timeout), UNIT_CASE(who_brings_too_little_is_found),
          UNIT_CASE(time_in_which_we_are_waited_for_does_not_count),
          UNIT_CASE(a_stall_in_the_middle_is_found))
