/* ecn: the validation of a path as a table of what is sent, acknowledged, lost and counted, step by step. */
#include "transport/ecn.h"
#include "unit.h"

enum op {
  END,
  SENT,     /* `count` packets from `first` on, as they should be marked now */
  PLAIN,    /* acknowledged: `count` packets from `first` on that had no mark */
  ACKED,    /* the same of marked ones */
  LOST,     /* marked ones */
  TOLD,     /* an ACK frame that raises the largest number: its counts */
  TOLD_OLD, /* one that does not */
  MOVED,    /* the path changed; `first`: the next number */
};

struct step {
  enum op op;
  uint64_t first;
  unsigned count;
  uint64_t counts[ACK_ECN_COUNTS]; /* ECT(0), ECT(1), CE */
  enum ecn_state then;
  uint64_t marks; /* CE that the frame is believed */
};

enum { STEPS_MAX = 14 };
#define W ECN_WAITING
#define T ECN_TESTING
#define U ECN_UNKNOWN
#define C ECN_CAPABLE
#define F ECN_FAILED
/* A fresh path with its ten test packets 10..19 out, and one that has passed with all ten told. */
#define ASKED                                                                                                \
  {PLAIN, 0, 1, {0}, T, 0}, { SENT, 10, 10, {0}, U, 0 }
#define PASSED                                                                                               \
  ASKED, {ACKED, 10, 10, {0}, U, 0}, { TOLD, 0, 0, {10, 0, 0}, C, 0 }

static const struct {
  const char *name;
  struct step steps[STEPS_MAX];
} rows[] = {
    {"nothing is marked before something came through", {{SENT, 0, 5, {0}, W, 0}}},
    {"ten packets ask, then none is marked", {ASKED, {SENT, 20, 5, {0}, U, 0}}},
    {"the first answer is enough", {ASKED, {ACKED, 10, 1, {0}, U, 0}, {TOLD, 0, 0, {1, 0, 0}, C, 0}}},
    {"an answer amid the test",
     {{PLAIN, 0, 1, {0}, T, 0},
      {SENT, 10, 4, {0}, T, 0},
      {ACKED, 10, 4, {0}, T, 0},
      {TOLD, 0, 0, {4, 0, 0}, C, 0},
      {SENT, 14, 100, {0}, C, 0}}},
    {"marks of the test itself are congestion",
     {ASKED, {ACKED, 10, 10, {0}, U, 0}, {TOLD, 0, 0, {7, 0, 3}, C, 3}}},
    {"bleached", {ASKED, {ACKED, 10, 10, {0}, U, 0}, {TOLD, 0, 0, {0, 0, 0}, F, 0}}},
    {"bleached in part", {ASKED, {ACKED, 10, 10, {0}, U, 0}, {TOLD, 0, 0, {9, 0, 0}, F, 0}}},
    {"more counted than acknowledged: others of ours arrived",
     {ASKED, {ACKED, 10, 3, {0}, U, 0}, {TOLD, 0, 0, {9, 0, 0}, C, 0}}},
    {"more counted than was marked", {ASKED, {ACKED, 10, 3, {0}, U, 0}, {TOLD, 0, 0, {11, 0, 0}, F, 0}}},
    {"more CE than was marked", {ASKED, {ACKED, 10, 3, {0}, U, 0}, {TOLD, 0, 0, {3, 0, 8}, F, 0}}},
    {"ECT(1) was never sent", {ASKED, {ACKED, 10, 3, {0}, U, 0}, {TOLD, 0, 0, {3, 1, 0}, F, 0}}},
    {"CE of a failed path is not believed",
     {ASKED,
      {ACKED, 10, 1, {0}, U, 0},
      {TOLD, 0, 0, {0, 0, 0}, F, 0},
      {ACKED, 11, 1, {0}, F, 0},
      {TOLD, 0, 0, {0, 0, 1}, F, 0}}},
    {"no marked packet newly acknowledged: no need to rise",
     {ASKED, {PLAIN, 1, 5, {0}, U, 0}, {TOLD, 0, 0, {0, 0, 0}, U, 0}}},
    {"the first five lost",
     {ASKED, {LOST, 10, 4, {0}, U, 0}, {LOST, 14, 1, {0}, F, 0}, {LOST, 15, 5, {0}, F, 0}}},
    {"nine lost, but for the first",
     {ASKED, {ACKED, 10, 1, {0}, U, 0}, {LOST, 11, 9, {0}, U, 0}, {TOLD, 0, 0, {1, 0, 0}, C, 0}}},
    {"one by one",
     {{PLAIN, 0, 1, {0}, T, 0},
      {SENT, 10, 2, {0}, T, 0},
      {LOST, 10, 2, {0}, T, 0},
      {SENT, 12, 2, {0}, T, 0},
      {LOST, 12, 2, {0}, T, 0},
      {SENT, 14, 1, {0}, T, 0},
      {LOST, 14, 1, {0}, F, 0}}},
    {"the path marks",
     {PASSED, {SENT, 20, 9, {0}, C, 0}, {ACKED, 20, 9, {0}, C, 0}, {TOLD, 0, 0, {17, 0, 2}, C, 2}}},
    {"marks are counted once",
     {PASSED,
      {SENT, 20, 9, {0}, C, 0},
      {ACKED, 20, 4, {0}, C, 0},
      {TOLD, 0, 0, {12, 0, 2}, C, 2},
      {ACKED, 24, 5, {0}, C, 0},
      {TOLD, 0, 0, {16, 0, 3}, C, 1}}},
    {"a count that falls",
     {PASSED, {SENT, 20, 9, {0}, C, 0}, {ACKED, 20, 9, {0}, C, 0}, {TOLD, 0, 0, {9, 0, 10}, F, 0}}},
    {"CE that falls",
     {PASSED,
      {SENT, 20, 9, {0}, C, 0},
      {ACKED, 20, 4, {0}, C, 0},
      {TOLD, 0, 0, {10, 0, 4}, C, 4},
      {ACKED, 24, 5, {0}, C, 0},
      {TOLD, 0, 0, {16, 0, 3}, F, 0}}},
    {"bleached later",
     {PASSED, {SENT, 20, 9, {0}, C, 0}, {ACKED, 20, 9, {0}, C, 0}, {TOLD, 0, 0, {10, 0, 0}, F, 0}}},
    {"a frame that was overtaken proves nothing",
     {PASSED,
      {SENT, 20, 9, {0}, C, 0},
      {ACKED, 22, 7, {0}, C, 0},
      {TOLD, 0, 0, {19, 0, 0}, C, 0},
      {ACKED, 20, 2, {0}, C, 0},
      {TOLD_OLD, 0, 0, {11, 0, 0}, C, 0},
      {TOLD, 0, 0, {19, 0, 0}, C, 0}}},
    {"lost in congestion: the next marked one came",
     {PASSED,
      {SENT, 20, 60, {0}, C, 0},
      {LOST, 20, 50, {0}, C, 0},
      {ACKED, 70, 1, {0}, C, 0},
      {PLAIN, 80, 1, {0}, C, 0}}},
    {"swallowed later: asked again, and then no more",
     {PASSED,
      {SENT, 20, 60, {0}, C, 0},
      {LOST, 20, 3, {0}, C, 0},
      {PLAIN, 80, 1, {0}, T, 0},
      {SENT, 81, 10, {0}, U, 0},
      {LOST, 23, 57, {0}, U, 0},
      {LOST, 81, 4, {0}, U, 0},
      {LOST, 85, 1, {0}, F, 0}}},
    {"dark for a while: asked again, and on",
     {PASSED,
      {SENT, 20, 3, {0}, C, 0},
      {LOST, 20, 3, {0}, C, 0},
      {PLAIN, 23, 1, {0}, T, 0},
      {SENT, 24, 10, {0}, U, 0},
      {ACKED, 24, 10, {0}, U, 0},
      {TOLD, 0, 0, {20, 0, 0}, C, 0}}},
    {"another path: asked again, by its own packets",
     {PASSED,
      {SENT, 20, 5, {0}, C, 0},
      {MOVED, 25, 0, {0}, W, 0},
      {SENT, 25, 5, {0}, W, 0},
      {ACKED, 20, 5, {0}, W, 0},
      {PLAIN, 24, 1, {0}, W, 0},
      {PLAIN, 25, 1, {0}, T, 0},
      {SENT, 30, 10, {0}, U, 0},
      {TOLD, 0, 0, {15, 0, 0}, U, 0},
      {ACKED, 30, 10, {0}, U, 0},
      {TOLD, 0, 0, {25, 0, 0}, C, 0}}},
    {"another path that bleaches",
     {PASSED,
      {MOVED, 20, 0, {0}, W, 0},
      {PLAIN, 20, 1, {0}, T, 0},
      {SENT, 30, 10, {0}, U, 0},
      {ACKED, 30, 10, {0}, U, 0},
      {TOLD, 0, 0, {10, 0, 0}, F, 0}}},
    {"a path that swallowed: what is lost of its test says nothing about another",
     {ASKED,
      {LOST, 10, 5, {0}, F, 0},
      {MOVED, 20, 0, {0}, W, 0},
      {LOST, 15, 5, {0}, W, 0},
      {PLAIN, 20, 1, {0}, T, 0}}},
    {"another path may be better",
     {ASKED,
      {ACKED, 10, 10, {0}, U, 0},
      {TOLD, 0, 0, {0, 0, 0}, F, 0},
      {MOVED, 20, 0, {0}, W, 0},
      {PLAIN, 20, 1, {0}, T, 0},
      {SENT, 30, 10, {0}, U, 0},
      {ACKED, 30, 10, {0}, U, 0},
      {TOLD, 0, 0, {10, 0, 0}, C, 0}}},
};

/* Only odd numbers ask, so the table's are odd ones. */
static uint64_t odd(uint64_t number) { return 2 * number + 1; }

static uint64_t take(struct ecn *ecn, const struct step *step) {
  for (uint64_t i = step->first; i < step->first + step->count; i++) {
    uint64_t number = odd(i);
    if (step->op == SENT && ecn_next_mark(ecn, number) != ECN_NONE) ecn_on_sent(ecn, number);
    if (step->op == PLAIN) ecn_on_packet_acked(ecn, number, ECN_NONE);
    if (step->op == ACKED) ecn_on_packet_acked(ecn, number, ECN_ECT0);
    /* True exactly where it ends in failure. */
    if (step->op == LOST) {
      bool is_swallowed = ecn_on_packet_lost(ecn, number);
      CU_ASSERT_EQUAL(is_swallowed, ecn->state == ECN_FAILED && ecn->is_swallowed);
    }
  }
  if (step->op == MOVED) ecn_restart(ecn, odd(step->first));
  if (step->op == TOLD) return ecn_on_ack(ecn, ACK_NEWEST, step->counts);
  return step->op == TOLD_OLD ? ecn_on_ack(ecn, ACK_OUTDATED, step->counts) : 0;
}

static void a_path_is_asked_and_believed(void) {
  for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
    struct ecn ecn = {.state = ECN_WAITING};
    for (const struct step *step = rows[i].steps; step < rows[i].steps + STEPS_MAX && step->op; step++) {
      uint64_t marks = take(&ecn, step);
      bool is_right = marks == step->marks && ecn.state == step->then;
      if (!is_right)
        printf("%s, step %zu: %s, %llu marks\n", rows[i].name, (size_t)(step - rows[i].steps),
               ecn_state_name(ecn.state), (unsigned long long)marks);
      CU_ASSERT(is_right);
    }
  }
}

/* Whatever is counted: no assertion fails, and no test believes in more marks than there were packets. */
static void no_count_is_believed_beyond_what_was_sent(void) {
  struct prng prng;
  prng_seed(&prng, 3);
  for (int round = 0; round < 2000; round++) {
    struct ecn ecn = {.state = ECN_WAITING};
    uint64_t number = 0, marks = 0, sent = 0, tests = 0;
    for (int i = 0; i < 40; i++) {
      uint64_t counts[ACK_ECN_COUNTS] = {prng_below(&prng, 40), prng_below(&prng, 8) == 0,
                                         prng_below(&prng, 9)};
      bool is_marked = ecn_next_mark(&ecn, number) != ECN_NONE;
      if (prng_below(&prng, 20) == 0) counts[prng_below(&prng, 3)] = prng_next(&prng) & VARINT_MAX;
      if (is_marked) ecn_on_sent(&ecn, number);
      sent += is_marked;
      enum ecn_state before = ecn.state;
      if (prng_below(&prng, 3) > 0)
        ecn_on_packet_acked(&ecn, number, is_marked ? ECN_ECT0 : ECN_NONE);
      else if (is_marked)
        ecn_on_packet_lost(&ecn, number);
      tests += ecn.state == ECN_TESTING && before != ECN_TESTING;
      if (prng_below(&prng, 50) == 0) ecn_restart(&ecn, number + 1);
      number++;
      marks += ecn_on_ack(&ecn, prng_below(&prng, 4) ? ACK_NEWEST : ACK_OUTDATED, counts);
      CU_ASSERT(ecn.state <= ECN_FAILED && ecn_next_mark(&ecn, number) <= ECN_ECT0);
    }
    CU_ASSERT(marks <= sent * tests);
  }
}

static void a_test_marks_every_other_packet(void) {
  struct ecn ecn = {.state = ECN_TESTING};
  CU_ASSERT(ecn_next_mark(&ecn, 7) == ECN_ECT0 && ecn_next_mark(&ecn, 8) == ECN_NONE);
  ecn.state = ECN_CAPABLE;
  CU_ASSERT(ecn_next_mark(&ecn, 7) == ECN_ECT0 && ecn_next_mark(&ecn, 8) == ECN_ECT0);
}

UNIT_MAIN(UNIT_CASE(a_test_marks_every_other_packet), UNIT_CASE(a_path_is_asked_and_believed),
          UNIT_CASE(no_count_is_believed_beyond_what_was_sent))
