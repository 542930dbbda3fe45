/* path: the limit of three times, rebinding to a new address, and going back. */
#include "unit.h"

#include "transport/path.h"

static const struct address home = {.size = 4, .bytes = {1}}, away = {.size = 4, .bytes = {2}},
                            third = {.size = 4, .bytes = {3}};
static struct path path;

static void an_unknown_address_gets_three_times_its_bytes(void) {
  path_init(&path, &home, false);
  CU_ASSERT_EQUAL(path_allowance(&path), 0);
  path_on_received(&path, 1200);
  CU_ASSERT_EQUAL(path_allowance(&path), 3600);
  path_on_sent(&path, 3500);
  CU_ASSERT_EQUAL(path_allowance(&path), 100);
  path_on_sent(&path, 200);
  CU_ASSERT_EQUAL(path_allowance(&path), 0);
  path_on_validated(&path);
  CU_ASSERT_EQUAL(path_allowance(&path), UINT64_MAX);
}

static void a_new_address_is_used_and_challenged(void) {
  path_init(&path, &home, true);
  CU_ASSERT_FALSE(path_challenge_is_due(&path, 1000));
  path_on_new_address(&path, 1000, &away, 77);
  CU_ASSERT_TRUE(address_equal(&path.peer, &away));
  CU_ASSERT_TRUE(path_challenge_is_due(&path, 1000));
  CU_ASSERT_EQUAL(path_allowance(&path), 0);
  path_on_response(&path, 77); /* nothing was asked yet */
  CU_ASSERT_FALSE(path.validated);
  path_on_challenge_sent(&path, 1000, 50);
  CU_ASSERT_FALSE(path_challenge_is_due(&path, 1049));
  CU_ASSERT_TRUE(path_challenge_is_due(&path, 1050));
  path_on_response(&path, 78);
  CU_ASSERT_FALSE(path.validated);
  path_on_response(&path, 77);
  CU_ASSERT_TRUE(path.validated);
  CU_ASSERT_FALSE(path_challenge_is_due(&path, 1000000));
}

static void only_the_first_address_is_proved_by_our_id(void) {
  path_init(&path, &home, false);
  CU_ASSERT_TRUE(path.is_first);
  path_on_new_address(&path, 0, &away, 77);
  CU_ASSERT_FALSE(path.is_first);
}

static void an_address_that_never_answers_is_given_up(void) {
  path_init(&path, &home, true);
  path_on_new_address(&path, 0, &away, 77);
  for (int i = 0; i <= PATH_CHALLENGES_MAX; i++) {
    CU_ASSERT_TRUE(address_equal(&path.peer, &away));
    path_on_challenge_sent(&path, (uint64_t)i, 1);
  }
  CU_ASSERT_TRUE(address_equal(&path.peer, &home));
  CU_ASSERT_TRUE(path.validated);
}

static void the_peer_at_its_old_address_wins_at_once(void) {
  path_init(&path, &home, true);
  path_on_new_address(&path, 0, &away, 77);
  path_on_new_address(&path, 1, &third, 78);
  CU_ASSERT_TRUE(address_equal(&path.previous, &home));
  path_on_new_address(&path, 2, &home, 79);
  CU_ASSERT_TRUE(address_equal(&path.peer, &home));
  CU_ASSERT_TRUE(path.validated);
}

UNIT_MAIN(UNIT_CASE(an_unknown_address_gets_three_times_its_bytes),
          UNIT_CASE(a_new_address_is_used_and_challenged),
          UNIT_CASE(only_the_first_address_is_proved_by_our_id),
          UNIT_CASE(an_address_that_never_answers_is_given_up),
          UNIT_CASE(the_peer_at_its_old_address_wins_at_once))
