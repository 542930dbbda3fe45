/* choice: what `auto` takes, and when it changes its mind. */
#include "transport/choice.h"
#include "unit.h"

#include <string.h>

#define US NS_PER_US

static struct choice choice;

static struct rtt rtt_of(uint64_t min_us, uint64_t smoothed_us) {
  return (struct rtt){.min_ns = min_us * US, .smoothed_ns = smoothed_us * US, .sampled = true};
}

static const char *taken(enum congestion_kind asked, uint64_t rtt_us) {
  struct rtt rtt = rtt_of(rtt_us, rtt_us);
  return choice_begin(&choice, asked, &rtt)->name;
}

static void begins_by_the_round_trip(void) {
  static const struct {
    enum congestion_kind asked;
    uint64_t rtt_us;
    const char *name;
    bool is_open;
  } rows[] = {
      {CONGESTION_AUTO, 50, "cubic", true},
      {CONGESTION_AUTO, 3999, "cubic", true},
      {CONGESTION_AUTO, 4000, "bbr", false},
      {CONGESTION_AUTO, 300000, "bbr", false},
      {CONGESTION_CUBIC, 300000, "cubic", false},
      {CONGESTION_BBR, 50, "bbr", false},
      {CONGESTION_BACKGROUND, 50, "background", false},
  };
  for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
    CU_ASSERT_STRING_EQUAL(taken(rows[i].asked, rows[i].rtt_us), rows[i].name);
    CU_ASSERT_EQUAL(choice.is_open, rows[i].is_open);
    CU_ASSERT(strlen(choice.why) > 5);
  }
  struct rtt unknown = {.min_ns = NS_PER_S, .smoothed_ns = NS_PER_S};
  CU_ASSERT_STRING_EQUAL(choice_begin(&choice, CONGESTION_AUTO, &unknown)->name, "cubic");
}

/* One congestion event: the loss of `number`, found when 100 more were sent. */
static bool changes(uint64_t number, uint64_t min_us, uint64_t smoothed_us) {
  struct rtt rtt = rtt_of(min_us, smoothed_us);
  const struct congestion_ops *ops = choice_on_loss(&choice, &rtt, number, number + 100);
  CU_ASSERT(!ops || ops == &congestion_bbr);
  return ops != NULL;
}

static void four_events_without_a_queue_change_it(void) {
  taken(CONGESTION_AUTO, 200);
  const char *why = choice.why;
  for (uint64_t number = 0; number < 300; number += 100)
    CU_ASSERT(!changes(number, 200, 300));
  CU_ASSERT(!changes(250, 200, 300)); /* of the third event */
  CU_ASSERT(changes(300, 200, 300));
  CU_ASSERT(choice.why != why && !choice.is_open);
  CU_ASSERT(!changes(1000, 200, 300)); /* once */
}

static void a_queue_means_congestion(void) {
  taken(CONGESTION_AUTO, 200);
  for (uint64_t number = 0; number < 10000; number += 100)
    CU_ASSERT(!changes(number, 200, number % 400 == 300 ? 401 : 200)); /* each fourth with a queue */
  choice_on_spurious_loss(&choice);
  for (uint64_t number = 10000; number < 10300; number += 100)
    CU_ASSERT(!changes(number, 200, 400));
  choice_on_spurious_loss(&choice); /* reordering is no loss */
  CU_ASSERT(!changes(10300, 200, 400));
}

/* The CPU, not the path, made the handshake slow. */
static void a_short_round_trip_after_a_slow_handshake_changes_it(void) {
  struct rtt rtt = rtt_of(50000, 50000), least_long = rtt_of(4000, 9000), shorter = rtt_of(3999, 9000);
  CU_ASSERT_STRING_EQUAL(taken(CONGESTION_AUTO, 50000), "bbr");
  CU_ASSERT_PTR_NULL(choice_on_rtt(&choice, &rtt));
  CU_ASSERT_PTR_NULL(choice_on_rtt(&choice, &least_long));
  CU_ASSERT_PTR_EQUAL(choice_on_rtt(&choice, &shorter), &congestion_cubic);
  CU_ASSERT(strstr(choice.why, "short") != NULL);
  CU_ASSERT_PTR_NULL(choice_on_rtt(&choice, &shorter));
  for (uint64_t number = 0; number < 300; number += 100)
    CU_ASSERT(!changes(number, 200, 300));
  CU_ASSERT(changes(300, 200, 300)); /* losses may still tell otherwise, and then for good */
  CU_ASSERT_PTR_NULL(choice_on_rtt(&choice, &shorter));
  taken(CONGESTION_BBR, 50000);
  CU_ASSERT_PTR_NULL(choice_on_rtt(&choice, &shorter));
}

/* A path of nearly that length may have a lucky moment, later. */
static void a_short_round_trip_much_later_changes_nothing(void) {
  struct rtt rtt = rtt_of(5000, 5000), shorter = rtt_of(3999, 5000);
  taken(CONGESTION_AUTO, 5000);
  for (int i = 0; i < 64; i++)
    CU_ASSERT_PTR_NULL(choice_on_rtt(&choice, &rtt));
  CU_ASSERT_PTR_NULL(choice_on_rtt(&choice, &shorter));
}

static void what_was_asked_for_stays(void) {
  taken(CONGESTION_CUBIC, 200);
  for (uint64_t number = 0; number < 1000; number += 100)
    CU_ASSERT(!changes(number, 200, 200));
}

UNIT_MAIN(UNIT_CASE(begins_by_the_round_trip),
          UNIT_CASE(a_short_round_trip_after_a_slow_handshake_changes_it),
          UNIT_CASE(four_events_without_a_queue_change_it), UNIT_CASE(a_queue_means_congestion),
          UNIT_CASE(a_short_round_trip_much_later_changes_nothing), UNIT_CASE(what_was_asked_for_stays))
