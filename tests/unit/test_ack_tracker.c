/* ack_tracker: when an ACK is due as a truth table, what it says, and duplicates against a model. */
#include "unit.h"

#include "transport/ack_tracker.h"

#include <stdlib.h>

#define MS NS_PER_MS
#define START (1000 * MS)

static struct ack_tracker tracker;

/* Past the first packets, all told: numbers 0 .. ACK_FIRST_PACKETS - 1 came. */
static void warm_up(enum ack_memory memory) {
  CU_ASSERT_FATAL(ack_tracker_init(&tracker, memory) == 0);
  for (uint64_t number = 0; number < ACK_FIRST_PACKETS; number++)
    ack_tracker_on_packet(&tracker, START, number, true, ECN_NONE);
  ack_tracker_on_sent(&tracker);
}

static void nothing_came(void) {
  CU_ASSERT_FATAL(ack_tracker_init(&tracker, ACK_LONG) == 0);
  CU_ASSERT(!ack_tracker_is_due(&tracker, START));
  CU_ASSERT(!ack_tracker_has_news(&tracker));
  CU_ASSERT(!ack_tracker_is_duplicate(&tracker, 0));
  CU_ASSERT_EQUAL(tracker.deadline_ns, TIME_NEVER);
  ack_tracker_on_acked(&tracker, 5); /* of no packet at all: ignored */
  CU_ASSERT_EQUAL(tracker.received.count, 0);
  ack_tracker_clear(&tracker);
}

static void the_first_packets_at_once(void) {
  CU_ASSERT_FATAL(ack_tracker_init(&tracker, ACK_LONG) == 0);
  for (uint64_t number = 0; number < ACK_FIRST_PACKETS + 1; number++) {
    ack_tracker_on_packet(&tracker, START, number, true, ECN_NONE);
    CU_ASSERT_EQUAL(ack_tracker_is_due(&tracker, START), number < ACK_FIRST_PACKETS);
    ack_tracker_on_sent(&tracker);
  }
  ack_tracker_clear(&tracker);
}

struct arrival {
  uint64_t number;
  bool eliciting;
  enum ecn_mark mark;
};

struct row {
  const char *why;
  struct arrival arrivals[4];
  uint32_t count;
  bool due_now, due_at_deadline, news;
};

#define FIRST ACK_FIRST_PACKETS

static const struct row rows[] = {
    {"none", {{0}}, 0, false, false, false},
    {"one, in order", {{FIRST, true, ECN_NONE}}, 1, false, true, true},
    {"the second", {{FIRST, true, ECN_NONE}, {FIRST + 1, true, ECN_NONE}}, 2, true, true, true},
    {"not eliciting", {{FIRST, false, ECN_NONE}}, 1, false, false, true},
    {"many not eliciting",
     {{FIRST, false, ECN_NONE}, {FIRST + 1, false, ECN_NONE}, {FIRST + 2, false, ECN_NONE}},
     3,
     false,
     false,
     true},
    {"a gap", {{FIRST + 1, true, ECN_NONE}}, 1, true, true, true},
    {"a gap before one not eliciting", {{FIRST + 1, false, ECN_NONE}}, 1, false, false, true},
    {"in order after such a gap",
     {{FIRST + 1, false, ECN_NONE}, {FIRST + 2, true, ECN_NONE}},
     2,
     true,
     true,
     true},
    {"an old one fills the gap",
     {{FIRST + 1, false, ECN_NONE}, {FIRST, true, ECN_NONE}},
     2,
     true,
     true,
     true},
    {"congestion experienced", {{FIRST, true, ECN_CE}}, 1, true, true, true},
    {"other marks wait", {{FIRST, true, ECN_ECT0}}, 1, false, true, true},
    {"CE on what asks for nothing", {{FIRST, false, ECN_CE}}, 1, false, false, true},
};

static void when_it_is_due(void) {
  for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
    const struct row *row = &rows[i];
    warm_up(ACK_LONG);
    uint64_t now_ns = START + 7 * MS;
    for (uint32_t a = 0; a < row->count; a++)
      ack_tracker_on_packet(&tracker, now_ns + a, row->arrivals[a].number, row->arrivals[a].eliciting,
                            row->arrivals[a].mark);
    uint64_t deadline_ns = now_ns + ACK_DELAY_NS_DEFAULT; /* counted from the first that asks for it */
    bool elicited = row->due_at_deadline;
    while (elicited && !row->arrivals[deadline_ns - now_ns - ACK_DELAY_NS_DEFAULT].eliciting)
      deadline_ns++;
    bool fits = ack_tracker_is_due(&tracker, deadline_ns - 1) == row->due_now &&
                ack_tracker_is_due(&tracker, deadline_ns) == row->due_at_deadline &&
                ack_tracker_has_news(&tracker) == row->news &&
                tracker.deadline_ns == (elicited ? deadline_ns : TIME_NEVER);
    if (!fits) printf("%s\n", row->why);
    CU_ASSERT(fits);
    ack_tracker_on_sent(&tracker);
    CU_ASSERT(!ack_tracker_is_due(&tracker, TIME_NEVER - 1) && !ack_tracker_has_news(&tracker));
    CU_ASSERT_EQUAL(tracker.deadline_ns, TIME_NEVER);
    ack_tracker_clear(&tracker);
  }
}

static void as_often_as_told(void) {
  warm_up(ACK_LONG);
  tracker.packets_max = 8;
  tracker.delay_max_ns = 3 * MS;
  for (uint64_t i = 0; i < 8; i++) {
    CU_ASSERT(!ack_tracker_is_due(&tracker, START + 3 * MS - 1));
    ack_tracker_on_packet(&tracker, START, FIRST + i, true, ECN_NONE);
  }
  CU_ASSERT(ack_tracker_is_due(&tracker, START));
  CU_ASSERT_EQUAL(tracker.deadline_ns, START + 3 * MS);
  ack_tracker_clear(&tracker);
}

static void a_handshake_answers_at_once(void) {
  warm_up(ACK_SHORT);
  ack_tracker_on_packet(&tracker, START, FIRST, true, ECN_NONE);
  CU_ASSERT(ack_tracker_is_due(&tracker, START));
  ack_tracker_on_acked(&tracker, FIRST); /* forgets nothing: this set is all it knows duplicates by */
  CU_ASSERT(ack_tracker_is_duplicate(&tracker, 3));
  CU_ASSERT(ack_tracker_is_duplicate(&tracker, FIRST));
  CU_ASSERT(!ack_tracker_is_duplicate(&tracker, FIRST + 1));
  ack_tracker_clear(&tracker);
}

static void the_frame_says_it_newest_first(void) {
  CU_ASSERT_FATAL(ack_tracker_init(&tracker, ACK_LONG) == 0);
  static const uint64_t numbers[] = {4, 5, 9, 7, 1};
  static const enum ecn_mark marks[] = {ECN_ECT0, ECN_CE, ECN_ECT1, ECN_ECT0, ECN_NONE};
  for (int i = 0; i < 5; i++)
    ack_tracker_on_packet(&tracker, START + i * MS, numbers[i], true, marks[i]);
  struct frame_ack ack;
  ack_tracker_fill(&tracker, START + 5 * MS + 900, 8, &ack);
  static const struct range expected[] = {{9, 10}, {7, 8}, {4, 6}, {1, 2}};
  CU_ASSERT_EQUAL(ack.range_count, 4);
  CU_ASSERT_EQUAL(memcmp(ack.ranges, expected, sizeof(expected)), 0);
  CU_ASSERT_EQUAL(ack.delay_us, 3000); /* since 9 came, not since the last packet */
  CU_ASSERT(ack.ecn[0] == 2 && ack.ecn[1] == 1 && ack.ecn[2] == 1);
  ack_tracker_fill(&tracker, START, 2, &ack);
  CU_ASSERT(ack.range_count == 2 && ack.ranges[1].first == 7 && ack.delay_us == 0);
  ack_tracker_clear(&tracker);
}

static void what_the_peer_knows_is_not_repeated(void) {
  CU_ASSERT_FATAL(ack_tracker_init(&tracker, ACK_LONG) == 0);
  for (uint64_t number = 0; number <= 20; number += 2)
    ack_tracker_on_packet(&tracker, START, number, true, ECN_NONE);
  ack_tracker_on_acked(&tracker, 9);
  CU_ASSERT(tracker.received.count == 6 && tracker.received.at[0].first == 10);
  ack_tracker_on_acked(&tracker, 4); /* an older one, late */
  CU_ASSERT_EQUAL(tracker.received.count, 6);
  ack_tracker_on_acked(&tracker, UINT64_MAX); /* the largest stays, whatever is claimed */
  CU_ASSERT(tracker.received.count == 1 && tracker.received.at[0].first == 20);
  CU_ASSERT(ack_tracker_is_duplicate(&tracker, 8)); /* forgotten for the frame, not for the bitmap */
  CU_ASSERT(!ack_tracker_is_duplicate(&tracker, 7));
  ack_tracker_on_packet(&tracker, START, 7, true, ECN_NONE); /* a latecomer is acknowledged even so */
  CU_ASSERT(tracker.received.count == 2 && tracker.received.at[0].first == 7);
  ack_tracker_clear(&tracker);
}

static void the_lowest_range_gives_way(void) {
  for (int memory = ACK_SHORT; memory <= ACK_LONG; memory++) {
    CU_ASSERT_FATAL(ack_tracker_init(&tracker, (enum ack_memory)memory) == 0);
    for (uint64_t i = 1; i <= ACK_RANGES_MAX; i++)
      ack_tracker_on_packet(&tracker, START, 10 * i, true, ECN_NONE);
    CU_ASSERT(tracker.received.count == ACK_RANGES_MAX && tracker.received.at[0].first == 10);
    ack_tracker_on_packet(&tracker, START, 10 * ACK_RANGES_MAX + 10, true, ECN_NONE);
    CU_ASSERT(tracker.received.count == ACK_RANGES_MAX && tracker.received.at[0].first == 20);
    CU_ASSERT(ack_tracker_is_duplicate(&tracker, 10));
    CU_ASSERT(!ack_tracker_is_duplicate(&tracker, 15));
    CU_ASSERT_EQUAL(ack_tracker_is_duplicate(&tracker, 5), memory == ACK_SHORT); /* below all it knows */
    ack_tracker_on_packet(&tracker, START, 15, true, ECN_NONE); /* lower than all: not worth a better one */
    CU_ASSERT(tracker.received.count == ACK_RANGES_MAX && tracker.received.at[0].first == 20);
    ack_tracker_on_packet(&tracker, START, 25, true, ECN_NONE);
    CU_ASSERT(tracker.received.count == ACK_RANGES_MAX && tracker.received.at[0].first == 25);
    ack_tracker_clear(&tracker);
  }
}

/* A row: the number that comes, and whether it is taken for new. */
static void the_replay_window(void) {
  enum { N = ACK_BITMAP_BITS };
  static const struct {
    uint64_t number;
    bool is_new;
  } steps[] = {
      {0, true},
      {0, false},
      {N - 1, true},
      {1, true},
      {1, false},
      {N, true},
      {0, false},
      {1, false},
      {2, true},
      {N + 1, true},
      {2, false},
      {3, true},
      {N + 1 + 63, true},
      {63, false},
      {64, false},
      {N + 2, true},
      {N + 64, false},
      {64 + 1, true},
      {64, false},
      {3ull * N + 64, true},
      {3ull * N, true},
      {2ull * N + 64, false},
      {2ull * N + 65, true},
      {2ull * N + 65, false},
      {3ull * N + 64, false},
      {1, false},
      {VARINT_MAX, true},
      {VARINT_MAX - N, false},
      {VARINT_MAX - N + 1, true},
      {VARINT_MAX - 64, true},
      {VARINT_MAX - 64, false},
      {3ull * N + 65, false},
  };
  CU_ASSERT_FATAL(ack_tracker_init(&tracker, ACK_LONG) == 0);
  for (size_t i = 0; i < sizeof(steps) / sizeof(steps[0]); i++) {
    bool is_new = !ack_tracker_is_duplicate(&tracker, steps[i].number);
    if (is_new != steps[i].is_new) printf("step %zu\n", i);
    CU_ASSERT_EQUAL(is_new, steps[i].is_new);
    if (is_new) ack_tracker_on_packet(&tracker, START, steps[i].number, true, ECN_NONE);
  }
  ack_tracker_clear(&tracker);
}

/* Random numbers, mostly near the largest, sometimes a jump of about the bitmap's size. */
static void agrees_with_a_plain_array(void) {
  enum { NUMBERS = 16 * ACK_BITMAP_BITS };
  bool *seen = calloc(NUMBERS, sizeof(bool));
  CU_ASSERT_FATAL(seen && ack_tracker_init(&tracker, ACK_LONG) == 0);
  struct prng prng;
  prng_seed(&prng, 20);
  uint64_t largest = 0, wrong = 0;
  for (uint32_t round = 0; round < 300000; round++) {
    uint64_t spread = prng_below(&prng, 1000) == 0 ? 2 * ACK_BITMAP_BITS
                      : prng_below(&prng, 9)       ? 40
                                                   : ACK_BITMAP_BITS;
    uint64_t number = largest + prng_below(&prng, prng_below(&prng, 20000) ? 4 : ACK_BITMAP_BITS + 70);
    if (prng_below(&prng, 2)) number -= number < spread ? 0 : prng_below(&prng, spread);
    if (number >= NUMBERS) break;
    bool is_seen = seen[number] || (number <= largest && largest - number >= ACK_BITMAP_BITS);
    wrong += round > 0 && ack_tracker_is_duplicate(&tracker, number) != is_seen;
    if (is_seen) continue;
    ack_tracker_on_packet(&tracker, START, number, true, ECN_NONE);
    seen[number] = true;
    if (number > largest) largest = number;
  }
  CU_ASSERT(largest > 3 * ACK_BITMAP_BITS);
  CU_ASSERT_EQUAL(wrong, 0);
  for (uint32_t i = 0; i < tracker.received.count; i++)
    for (uint64_t n = tracker.received.at[i].first; n < tracker.received.at[i].end; n++)
      wrong += !seen[n];
  CU_ASSERT_EQUAL(wrong, 0);
  free(seen);
  ack_tracker_clear(&tracker);
}

UNIT_MAIN(UNIT_CASE(nothing_came), UNIT_CASE(the_first_packets_at_once), UNIT_CASE(when_it_is_due),
          UNIT_CASE(as_often_as_told), UNIT_CASE(a_handshake_answers_at_once),
          UNIT_CASE(the_frame_says_it_newest_first), UNIT_CASE(what_the_peer_knows_is_not_repeated),
          UNIT_CASE(the_lowest_range_gives_way), UNIT_CASE(the_replay_window),
          UNIT_CASE(agrees_with_a_plain_array))
