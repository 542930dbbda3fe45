/* ranges: a truth table of additions and subtractions, and a model of bits against thousands of random ones.
 */
#include "unit.h"

#include "udpcp/base.h"

enum { ADD = '+', SUBTRACT = '-' };

struct step {
  char what;
  uint64_t first, end;
};

struct row {
  const char *why;
  struct step steps[4];
  int error; /* of the last step */
  uint32_t count;
  struct range expected[4];
};

/* Capacity is 3 in all of them. */
static const struct row rows[] = {
    {"nothing added", {{ADD, 5, 5}}, 0, 0, {{0}}},
    {"one", {{ADD, 5, 9}}, 0, 1, {{5, 9}}},
    {"apart above", {{ADD, 5, 9}, {ADD, 10, 12}}, 0, 2, {{5, 9}, {10, 12}}},
    {"apart below", {{ADD, 10, 12}, {ADD, 5, 9}}, 0, 2, {{5, 9}, {10, 12}}},
    {"touching above", {{ADD, 5, 9}, {ADD, 9, 12}}, 0, 1, {{5, 12}}},
    {"touching below", {{ADD, 9, 12}, {ADD, 5, 9}}, 0, 1, {{5, 12}}},
    {"inside the last", {{ADD, 5, 9}, {ADD, 6, 8}}, 0, 1, {{5, 9}}},
    {"over both edges", {{ADD, 5, 9}, {ADD, 4, 10}}, 0, 1, {{4, 10}}},
    {"inside the first", {{ADD, 1, 5}, {ADD, 8, 9}, {ADD, 2, 3}}, 0, 2, {{1, 5}, {8, 9}}},
    {"fills the gap", {{ADD, 1, 3}, {ADD, 5, 7}, {ADD, 3, 5}}, 0, 1, {{1, 7}}},
    {"joins below only", {{ADD, 1, 3}, {ADD, 6, 7}, {ADD, 3, 5}}, 0, 2, {{1, 5}, {6, 7}}},
    {"joins above only", {{ADD, 1, 3}, {ADD, 6, 7}, {ADD, 4, 6}}, 0, 2, {{1, 3}, {4, 7}}},
    {"swallows all", {{ADD, 2, 3}, {ADD, 5, 6}, {ADD, 8, 9}, {ADD, 0, 20}}, 0, 1, {{0, 20}}},
    {"full, apart at the end",
     {{ADD, 1, 2}, {ADD, 3, 4}, {ADD, 5, 6}, {ADD, 7, 8}},
     ERR_NO_SPACE,
     3,
     {{1, 2}, {3, 4}, {5, 6}}},
    {"full, apart between",
     {{ADD, 1, 2}, {ADD, 3, 4}, {ADD, 9, 10}, {ADD, 6, 7}},
     ERR_NO_SPACE,
     3,
     {{1, 2}, {3, 4}, {9, 10}}},
    {"full, yet it joins",
     {{ADD, 1, 2}, {ADD, 4, 5}, {ADD, 7, 8}, {ADD, 2, 3}},
     0,
     3,
     {{1, 3}, {4, 5}, {7, 8}}},
    {"to the highest number", {{ADD, 0, 1}, {ADD, 7, UINT64_MAX}}, 0, 2, {{0, 1}, {7, UINT64_MAX}}},
    {"nothing taken out", {{ADD, 1, 9}, {SUBTRACT, 4, 4}}, 0, 1, {{1, 9}}},
    {"taken out of nothing", {{SUBTRACT, 4, 8}}, 0, 0, {{0}}},
    {"all", {{ADD, 1, 9}, {SUBTRACT, 1, 9}}, 0, 0, {{0}}},
    {"the beginning", {{ADD, 1, 9}, {SUBTRACT, 0, 3}}, 0, 1, {{3, 9}}},
    {"the end", {{ADD, 1, 9}, {SUBTRACT, 7, 12}}, 0, 1, {{1, 7}}},
    {"the middle", {{ADD, 1, 9}, {SUBTRACT, 4, 5}}, 0, 2, {{1, 4}, {5, 9}}},
    {"only touched", {{ADD, 3, 6}, {SUBTRACT, 0, 3}, {SUBTRACT, 6, 9}}, 0, 1, {{3, 6}}},
    {"across two", {{ADD, 1, 4}, {ADD, 6, 9}, {SUBTRACT, 3, 7}}, 0, 2, {{1, 3}, {7, 9}}},
    {"one between", {{ADD, 1, 2}, {ADD, 3, 4}, {ADD, 5, 6}, {SUBTRACT, 2, 5}}, 0, 2, {{1, 2}, {5, 6}}},
    {"full, a split",
     {{ADD, 1, 9}, {ADD, 11, 12}, {ADD, 14, 15}, {SUBTRACT, 4, 5}},
     ERR_NO_SPACE,
     3,
     {{1, 9}, {11, 12}, {14, 15}}},
    {"the highest numbers", {{ADD, 7, UINT64_MAX}, {SUBTRACT, 9, UINT64_MAX}}, 0, 1, {{7, 9}}},
};

static void truth_table(void) {
  for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
    const struct row *row = &rows[i];
    struct range storage[3];
    struct ranges set;
    ranges_init(&set, storage, 3);
    int error = 0;
    for (unsigned s = 0; s < 4 && row->steps[s].what; s++) {
      const struct step *step = &row->steps[s];
      CU_ASSERT_EQUAL(error, 0);
      error = step->what == ADD ? ranges_add(&set, step->first, step->end)
                                : ranges_subtract(&set, step->first, step->end);
    }
    bool same = error == row->error && set.count == row->count &&
                memcmp(set.at, row->expected, row->count * sizeof(struct range)) == 0;
    if (!same) printf("row %zu (%s) differs\n", i, row->why);
    CU_ASSERT_TRUE(same);
  }
}

static void contains_means_all_of_it(void) {
  static const struct {
    uint64_t first, end;
    bool expected;
  } asked[] = {{3, 3, true},    {0, 0, true},   {10, 11, true},  {10, 20, true},
               {9, 11, false},  {19, 20, true}, {19, 21, false}, {20, 21, false},
               {10, 31, false}, {25, 30, true}, {24, 26, false}, {40, 41, false}};
  struct range storage[4];
  struct ranges set;
  ranges_init(&set, storage, 4);
  CU_ASSERT_FALSE(ranges_contains(&set, 0, 1));
  CU_ASSERT_EQUAL(ranges_add(&set, 10, 20), 0);
  CU_ASSERT_EQUAL(ranges_add(&set, 25, 30), 0);
  for (size_t i = 0; i < sizeof asked / sizeof asked[0]; i++)
    CU_ASSERT_EQUAL(ranges_contains(&set, asked[i].first, asked[i].end), asked[i].expected);
}

static void the_lowest_is_dropped(void) {
  struct range storage[2];
  struct ranges set;
  ranges_init(&set, storage, 2);
  CU_ASSERT_EQUAL(ranges_add(&set, 1, 2), 0);
  CU_ASSERT_EQUAL(ranges_add(&set, 4, 6), 0);
  ranges_drop_lowest(&set);
  CU_ASSERT_EQUAL(set.count, 1);
  CU_ASSERT(set.at[0].first == 4 && set.at[0].end == 6);
  ranges_drop_lowest(&set);
  CU_ASSERT_EQUAL(set.count, 0);
}

enum { BITS = 64, MODEL_CAPACITY = 8 };

/* The intervals of a mask of bits; more than MODEL_CAPACITY are counted and not stored. */
static uint32_t model_ranges(uint64_t mask, struct range *out) {
  uint32_t count = 0;
  for (unsigned bit = 0; bit < BITS; bit++) {
    if (!(mask >> bit & 1)) continue;
    unsigned first = bit;
    while (bit < BITS && mask >> bit & 1)
      bit++;
    if (count < MODEL_CAPACITY) out[count] = (struct range){first, bit};
    count++;
  }
  return count;
}

static void agrees_with_a_mask_of_bits(void) {
  struct prng prng;
  prng_seed(&prng, 1);
  struct range storage[MODEL_CAPACITY], expected[MODEL_CAPACITY];
  struct ranges set;
  ranges_init(&set, storage, MODEL_CAPACITY);
  uint64_t mask = 0;
  unsigned wrong = 0, full = 0;
  for (unsigned i = 0; i < 20000; i++) {
    uint64_t first = prng_below(&prng, BITS), size = 1 + prng_below(&prng, 6);
    uint64_t end = first + size < BITS ? first + size : BITS;
    uint64_t span = (end == BITS ? 0 : 1ull << end) - (1ull << first);
    bool adds = prng_below(&prng, 2);
    uint64_t next = adds ? mask | span : mask & ~span;
    bool fits = model_ranges(next, expected) <= MODEL_CAPACITY;
    int error = adds ? ranges_add(&set, first, end) : ranges_subtract(&set, first, end);
    wrong += error != (fits ? 0 : ERR_NO_SPACE);
    full += !fits;
    if (fits) mask = next;
    uint32_t count = model_ranges(mask, expected);
    wrong += set.count != count || memcmp(set.at, expected, count * sizeof expected[0]) != 0;
    wrong += ranges_contains(&set, first, end) != ((mask & span) == span);
  }
  CU_ASSERT_EQUAL(wrong, 0);
  CU_ASSERT(full > 100 && "the capacity was met often");
}

UNIT_MAIN(UNIT_CASE(truth_table), UNIT_CASE(contains_means_all_of_it), UNIT_CASE(the_lowest_is_dropped),
          UNIT_CASE(agrees_with_a_mask_of_bits))
