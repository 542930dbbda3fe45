/* stream: both halves against plain arrays, over thousands of lossy rounds with fixed seeds; then the edges.
 */
#include "unit.h"

#include "transport/stream.h"

#include <stdlib.h>

static struct stream_send out;
static struct stream_recv in;

static uint8_t byte_at(uint64_t offset) { return (uint8_t)(offset * 2654435761u >> 13 ^ offset >> 9); }

static size_t write_some(size_t size) {
  uint8_t bytes[4096];
  assert(size <= sizeof(bytes));
  for (size_t i = 0; i < size; i++)
    bytes[i] = byte_at(out.end + i);
  return stream_send_write(&out, bytes, size);
}

/* ---- the sending half ---- */

static void takes_what_fits_and_wraps(void) {
  CU_ASSERT_FATAL(stream_send_init(&out, 16) == 0);
  uint64_t offset = 0;
  const uint8_t *bytes;
  CU_ASSERT(stream_send_is_flushed(&out) && !stream_send_pending(&out));
  CU_ASSERT_EQUAL(stream_send_next(&out, 100, &offset, &bytes), 0);
  CU_ASSERT_EQUAL(write_some(10), 10);
  CU_ASSERT_EQUAL(stream_send_next(&out, 0, &offset, &bytes), 0);
  CU_ASSERT_EQUAL(stream_send_next(&out, 4, &offset, &bytes), 4);
  CU_ASSERT(offset == 0 && bytes == out.ring);
  CU_ASSERT_EQUAL(stream_send_next(&out, 100, &offset, &bytes), 6);
  CU_ASSERT_EQUAL(offset, 4);
  CU_ASSERT(!stream_send_pending(&out) && !stream_send_is_flushed(&out));
  CU_ASSERT_EQUAL(write_some(10), 6);
  CU_ASSERT_EQUAL(stream_send_room(&out), 0);
  stream_send_on_acked(&out, 0, 8);
  CU_ASSERT_EQUAL(stream_send_room(&out), 8);
  CU_ASSERT_EQUAL(write_some(100), 8);
  CU_ASSERT_EQUAL(stream_send_next(&out, 100, &offset, &bytes), 6); /* 10 .. 16: up to the ring's end */
  CU_ASSERT_EQUAL(stream_send_next(&out, 100, &offset, &bytes), 8); /* 16 .. 24 from its start */
  CU_ASSERT(offset == 16 && bytes == out.ring && bytes[0] == byte_at(16));
  stream_send_on_acked(&out, 8, 16);
  CU_ASSERT(stream_send_is_flushed(&out) && stream_send_room(&out) == 16);
  stream_send_clear(&out);
}

enum { SEND = 's', ACK = 'a', LOSE = 'l' };

struct send_row {
  const char *why;
  struct {
    char what;
    uint64_t offset;
    size_t size;
  } steps[6];
  uint64_t acked;
  struct range lost[3]; /* ends with {0, 0} */
};

/* 100 bytes were sent before. */
static const struct send_row send_rows[] = {
    {"a hole", {{LOSE, 10, 10}}, 0, {{10, 20}}},
    {"acknowledged, then lost", {{ACK, 10, 10}, {LOSE, 10, 10}}, 0, {{0, 0}}},
    {"lost, then acknowledged late", {{LOSE, 10, 10}, {ACK, 10, 10}}, 0, {{0, 0}}},
    {"lost around what came", {{ACK, 10, 10}, {LOSE, 5, 20}}, 0, {{5, 10}, {20, 25}}},
    {"the middle of a lost one came", {{LOSE, 5, 20}, {ACK, 10, 10}}, 0, {{5, 10}, {20, 25}}},
    {"lost over two that came",
     {{ACK, 10, 5}, {ACK, 20, 5}, {LOSE, 0, 30}},
     0,
     {{0, 10}, {15, 20}, {25, 30}}},
    {"lost ends inside one that came", {{ACK, 10, 10}, {LOSE, 5, 8}}, 0, {{5, 10}, {0, 0}}},
    {"lost begins inside one that came", {{ACK, 10, 10}, {LOSE, 15, 10}}, 0, {{20, 25}, {0, 0}}},
    {"lost before what came", {{ACK, 10, 10}, {LOSE, 5, 5}}, 0, {{5, 10}, {0, 0}}},
    {"lost after what came", {{ACK, 10, 10}, {LOSE, 20, 5}}, 0, {{20, 25}, {0, 0}}},
    {"lost well after what came", {{ACK, 10, 10}, {LOSE, 25, 5}}, 0, {{25, 30}, {0, 0}}},
    {"lost below the front", {{ACK, 0, 30}, {LOSE, 10, 10}}, 30, {{0, 0}}},
    {"lost across the front", {{ACK, 0, 30}, {LOSE, 10, 30}}, 30, {{30, 40}}},
    {"the front passes a lost one", {{LOSE, 10, 10}, {LOSE, 40, 5}, {ACK, 0, 30}}, 30, {{40, 45}}},
    {"the front jumps", {{ACK, 10, 10}, {ACK, 30, 5}, {ACK, 0, 10}}, 20, {{0, 0}}},
    {"the front jumps twice", {{ACK, 10, 10}, {ACK, 20, 5}, {ACK, 0, 15}}, 25, {{0, 0}}},
    {"acknowledged again", {{ACK, 0, 30}, {ACK, 5, 10}, {ACK, 0, 30}}, 30, {{0, 0}}},
    {"nothing at all", {{ACK, 10, 0}, {LOSE, 20, 0}}, 0, {{0, 0}}},
};

static void knows_what_is_lost(void) {
  for (size_t i = 0; i < sizeof(send_rows) / sizeof(send_rows[0]); i++) {
    const struct send_row *row = &send_rows[i];
    CU_ASSERT_FATAL(stream_send_init(&out, 128) == 0);
    uint64_t offset;
    const uint8_t *bytes;
    write_some(100);
    CU_ASSERT_EQUAL(stream_send_next(&out, 100, &offset, &bytes), 100);
    for (int s = 0; s < 6 && row->steps[s].what; s++)
      if (row->steps[s].what == ACK)
        stream_send_on_acked(&out, row->steps[s].offset, row->steps[s].size);
      else
        stream_send_on_lost(&out, row->steps[s].offset, row->steps[s].size);
    bool fits = out.acked == row->acked;
    for (int r = 0; r < 3 && row->lost[r].end; r++) { /* comes out of next, in order */
      size_t size = stream_send_next(&out, 100, &offset, &bytes);
      fits = fits && offset == row->lost[r].first && size == row->lost[r].end - row->lost[r].first;
      fits = fits && bytes[0] == byte_at(offset) && bytes[size - 1] == byte_at(offset + size - 1);
    }
    if (!fits || stream_send_pending(&out)) printf("%s\n", row->why);
    CU_ASSERT(fits && !stream_send_pending(&out));
    stream_send_clear(&out);
  }
}

static void lost_goes_before_new(void) {
  CU_ASSERT_FATAL(stream_send_init(&out, 128) == 0);
  uint64_t offset;
  const uint8_t *bytes;
  write_some(100);
  stream_send_next(&out, 50, &offset, &bytes);
  stream_send_on_lost(&out, 20, 10);
  CU_ASSERT_EQUAL(stream_send_next(&out, 6, &offset, &bytes), 6);
  CU_ASSERT_EQUAL(offset, 20);
  CU_ASSERT_EQUAL(stream_send_next(&out, 6, &offset, &bytes), 4);
  CU_ASSERT_EQUAL(offset, 26);
  CU_ASSERT_EQUAL(stream_send_next(&out, 6, &offset, &bytes), 6);
  CU_ASSERT_EQUAL(offset, 50);
  stream_send_clear(&out);
}

/* Every second byte lost and every second one acknowledged: more pieces than either set holds. */
static void full_sets_cost_only_repeats(void) {
  enum { SIZE = 4096 };
  CU_ASSERT_FATAL(stream_send_init(&out, SIZE) == 0);
  uint64_t offset;
  const uint8_t *bytes;
  CU_ASSERT_EQUAL(write_some(SIZE), SIZE);
  CU_ASSERT_EQUAL(stream_send_next(&out, SIZE, &offset, &bytes), SIZE);
  for (uint64_t i = 1; i < SIZE; i += 4)
    stream_send_on_lost(&out, i, 1);
  CU_ASSERT_EQUAL(out.lost.count, STREAM_RANGES_MAX);
  for (uint64_t i = 1; i < SIZE; i += 4)
    CU_ASSERT(ranges_contains(&out.lost, i, i + 1));
  for (uint64_t i = 3; i < SIZE; i += 4)
    stream_send_on_acked(&out, i, 1);
  CU_ASSERT(out.acked_above.count == STREAM_RANGES_MAX && out.acked == 0);
  for (uint64_t i = 3; i < SIZE; i += 4) /* noted, or to be sent again */
    CU_ASSERT(ranges_contains(&out.acked_above, i, i + 1) || ranges_contains(&out.lost, i, i + 1));
  uint32_t pieces = 0;
  for (size_t size; (size = stream_send_next(&out, SIZE, &offset, &bytes)) > 0; pieces++)
    for (size_t i = 0; i < size; i++)
      CU_ASSERT_FATAL(bytes[i] == byte_at(offset + i));
  CU_ASSERT(pieces > 0 && pieces <= STREAM_RANGES_MAX);
  stream_send_on_acked(&out, 0, SIZE);
  CU_ASSERT(stream_send_is_flushed(&out) && out.acked_above.count == 0);
  stream_send_clear(&out);
}

static void a_full_set_joins_the_nearest(void) {
  CU_ASSERT_FATAL(stream_send_init(&out, 4096) == 0);
  uint64_t offset;
  const uint8_t *bytes;
  write_some(4096);
  stream_send_next(&out, 4096, &offset, &bytes);
  for (uint64_t i = 0; i < STREAM_RANGES_MAX; i++)
    stream_send_on_lost(&out, 100 + 10 * i, 2);
  stream_send_on_lost(&out, 107, 1); /* 102 .. 107 below, 108 .. 110 above */
  CU_ASSERT(out.lost.at[1].first == 107 && out.lost.at[1].end == 112);
  stream_send_on_lost(&out, 114, 1);
  CU_ASSERT(out.lost.at[1].first == 107 && out.lost.at[1].end == 115);
  stream_send_on_lost(&out, 50, 10); /* below all */
  CU_ASSERT(out.lost.at[0].first == 50 && out.lost.at[0].end == 102);
  stream_send_on_lost(&out, 4000, 96); /* above all: the last was 2650 .. 2652 */
  CU_ASSERT(out.lost.at[255].first == 2650 && out.lost.at[255].end == 4096);
  CU_ASSERT_EQUAL(out.lost.count, STREAM_RANGES_MAX);
  stream_send_clear(&out);
}

static void nothing_lost_stays_below_the_front(void) {
  CU_ASSERT_FATAL(stream_send_init(&out, 4096) == 0);
  uint64_t offset;
  const uint8_t *bytes;
  write_some(4096);
  stream_send_next(&out, 4096, &offset, &bytes);
  for (uint64_t i = 0; i < STREAM_RANGES_MAX; i++)
    stream_send_on_lost(&out, 100 + 10 * i, 3);
  stream_send_on_acked(&out, 101, 1); /* would split the first one, and there is no room */
  CU_ASSERT(out.lost.at[0].first == 100 && out.lost.at[0].end == 103);
  stream_send_on_acked(&out, 0, 101); /* from here on the ring's place of 101 belongs to newer bytes */
  CU_ASSERT(out.acked == 102 && out.lost.at[0].first == 102);
  stream_send_clear(&out);
}

/* ---- the receiving half ---- */

static int put(uint64_t offset, size_t size) {
  uint8_t bytes[4096];
  assert(size <= sizeof(bytes));
  for (size_t i = 0; i < size; i++)
    bytes[i] = byte_at(offset + i);
  return stream_recv_on_data(&in, offset, bytes, size);
}

struct recv_row {
  const char *why;
  struct {
    uint64_t offset;
    size_t size;
  } pieces[4];
  int error; /* of the last piece */
  uint64_t in_order;
  uint32_t above;
};

/* 8 bytes were received and 4 of them read before; capacity 64, so 68 is the first byte beyond. */
static const struct recv_row recv_rows[] = {
    {"the next", {{8, 4}}, 0, 12, 0},
    {"beyond a hole", {{10, 4}}, 0, 8, 1},
    {"the hole is filled", {{10, 4}, {8, 2}}, 0, 14, 0},
    {"filled with overlap", {{10, 4}, {6, 6}}, 0, 14, 0},
    {"swallows what was above", {{10, 4}, {20, 4}, {8, 20}}, 0, 28, 0},
    {"up to the next hole", {{10, 4}, {20, 4}, {8, 3}}, 0, 14, 1},
    {"overlaps above join", {{10, 4}, {12, 6}, {18, 1}}, 0, 8, 1},
    {"old", {{0, 8}}, 0, 8, 0},
    {"read already", {{0, 3}}, 0, 8, 0},
    {"old and new", {{2, 10}}, 0, 12, 0},
    {"twice", {{8, 4}, {8, 4}}, 0, 12, 0},
    {"empty", {{8, 0}}, 0, 8, 0},
    {"empty, beyond a hole", {{20, 0}}, 0, 8, 0},
    {"up to the last byte", {{8, 60}}, 0, 68, 0},
    {"the last byte alone", {{67, 1}}, 0, 8, 1},
    {"one byte too far", {{8, 61}}, ERR_NO_SPACE, 8, 0},
    {"one byte beyond", {{68, 1}}, ERR_NO_SPACE, 8, 0},
    {"empty at the limit", {{68, 0}}, 0, 8, 0},
    {"far beyond", {{UINT64_MAX - 1, 2}}, ERR_NO_SPACE, 8, 0},
    {"an end that wraps", {{UINT64_MAX, 20}}, ERR_NO_SPACE, 8, 0},
};

static void puts_pieces_in_order(void) {
  for (size_t i = 0; i < sizeof(recv_rows) / sizeof(recv_rows[0]); i++) {
    const struct recv_row *row = &recv_rows[i];
    uint8_t bytes[100];
    CU_ASSERT_FATAL(stream_recv_init(&in, 64) == 0);
    put(0, 8);
    CU_ASSERT_EQUAL(stream_recv_read(&in, bytes, 4), 4);
    int error = 0;
    for (int p = 0; p < 4 && (row->pieces[p].size || p == 0); p++)
      error = put(row->pieces[p].offset, row->pieces[p].size);
    bool fits = error == row->error && in.in_order == row->in_order && in.above.count == row->above;
    fits = fits && stream_recv_available(&in) == row->in_order - 4;
    size_t size = stream_recv_read(&in, bytes, sizeof(bytes));
    fits = fits && size == row->in_order - 4 && in.consumed == row->in_order;
    for (size_t b = 0; b < size; b++)
      fits = fits && bytes[b] == byte_at(4 + b);
    if (!fits) printf("%s\n", row->why);
    CU_ASSERT(fits);
    stream_recv_clear(&in);
  }
}

static void what_is_in_order_is_settled(void) {
  uint8_t bytes[8];
  CU_ASSERT_FATAL(stream_recv_init(&in, 64) == 0);
  put(0, 4);
  stream_recv_on_data(&in, 0, (const uint8_t *)"######", 6); /* another version of the first four */
  CU_ASSERT_EQUAL(stream_recv_read(&in, bytes, 8), 6);
  for (uint64_t i = 0; i < 4; i++)
    CU_ASSERT_EQUAL(bytes[i], byte_at(i));
  CU_ASSERT(bytes[4] == '#' && bytes[5] == '#');
  stream_recv_clear(&in);
}

static void too_many_holes_are_not_taken(void) {
  CU_ASSERT_FATAL(stream_recv_init(&in, 4096) == 0);
  for (uint64_t i = 0; i < STREAM_RANGES_MAX; i++)
    CU_ASSERT_EQUAL(put(2 + 2 * i, 1), 0);
  CU_ASSERT_EQUAL(put(1000, 1), ERR_AGAIN);
  CU_ASSERT_EQUAL(put(3, 1), 0);    /* fills a hole: needs no room */
  CU_ASSERT_EQUAL(put(1000, 1), 0); /* and has made some */
  CU_ASSERT_EQUAL(put(0, 2), 0);    /* in order: never needs any */
  CU_ASSERT_EQUAL(in.in_order, 5);
  stream_recv_clear(&in);
}

/* ---- both halves over a network that loses, repeats and reorders ---- */

enum { FLIGHT_MAX = 64 };

struct piece {
  uint64_t offset;
  size_t size;
  uint8_t bytes[600];
};

static struct piece flight[FLIGHT_MAX];

/* One piece of the flight meets its fate. Returns its error. */
static int deliver(struct prng *prng, uint32_t *count, uint32_t loss_percent) {
  uint32_t pick = (uint32_t)prng_below(prng, *count);
  struct piece *piece = &flight[pick];
  if (prng_below(prng, 100) < loss_percent) {
    stream_send_on_lost(&out, piece->offset, piece->size);
  } else {
    int error = stream_recv_on_data(&in, piece->offset, piece->bytes, piece->size);
    if (error == ERR_NO_SPACE) return error;
    if (error == ERR_AGAIN || prng_below(prng, 100) < 10) /* its acknowledgement is lost: believed lost */
      stream_send_on_lost(&out, piece->offset, piece->size);
    else
      stream_send_on_acked(&out, piece->offset, piece->size);
    if (prng_below(prng, 100) < 15) return 0; /* stays in the network: comes again */
  }
  *piece = flight[--*count];
  return 0;
}

static bool run_model(uint64_t seed, size_t capacity, uint64_t total) {
  struct prng prng;
  prng_seed(&prng, seed);
  uint32_t count = 0, loss_percent = (uint32_t)prng_below(&prng, 60);
  if (stream_send_init(&out, capacity) != 0 || stream_recv_init(&in, capacity) != 0) return false;
  bool good = true;
  for (uint64_t rounds = 0; good && in.consumed < total; rounds++) {
    if (rounds > 200 * total) good = false; /* it makes no headway */
    if (prng_below(&prng, 3) == 0) {
      size_t size = prng_below(&prng, 1 + (total - out.end < 700 ? total - out.end : 700));
      write_some(size);
    }
    const uint8_t *bytes;
    struct piece *piece = &flight[count];
    if (count < FLIGHT_MAX) {
      size_t size_max =
          prng_below(&prng, 4) ? 1 + prng_below(&prng, 8) : prng_below(&prng, sizeof(piece->bytes));
      piece->size = stream_send_next(&out, size_max, &piece->offset, &bytes);
      if (piece->size > 0) {
        memcpy(piece->bytes, bytes, piece->size);
        count++;
      }
    }
    if (count > 0 && prng_below(&prng, 3)) good = good && deliver(&prng, &count, loss_percent) == 0;
    uint8_t read[300];
    uint64_t offset = in.consumed;
    /* Whole reads, as the contract asks of the application: what is in order is free for the sender. */
    for (size_t size; (size = stream_recv_read(&in, read, sizeof(read))) > 0; offset += size)
      for (size_t i = 0; i < size; i++)
        good = good && read[i] == byte_at(offset + i);
    good = good && in.consumed <= out.next && out.acked <= in.consumed;
  }
  while (good && !stream_send_is_flushed(&out)) { /* the last acknowledgements */
    const uint8_t *bytes;
    uint64_t offset;
    size_t size = stream_send_next(&out, 500, &offset, &bytes);
    if (size > 0)
      stream_send_on_acked(&out, offset, size);
    else if (count > 0)
      good = deliver(&prng, &count, 0) == 0;
    else
      good = false;
  }
  good = good && out.acked == total;
  stream_send_clear(&out);
  stream_recv_clear(&in);
  if (!good) printf("seed %llu\n", (unsigned long long)seed);
  return good;
}

static void survives_any_network(void) {
  for (uint64_t seed = 1; seed <= 400; seed++)
    CU_ASSERT(run_model(seed, 64ull << seed % 8, 3000 + 97 * seed));
}

UNIT_MAIN(UNIT_CASE(takes_what_fits_and_wraps), UNIT_CASE(knows_what_is_lost),
          UNIT_CASE(lost_goes_before_new), UNIT_CASE(full_sets_cost_only_repeats),
          UNIT_CASE(a_full_set_joins_the_nearest), UNIT_CASE(nothing_lost_stays_below_the_front),
          UNIT_CASE(puts_pieces_in_order), UNIT_CASE(what_is_in_order_is_settled),
          UNIT_CASE(too_many_holes_are_not_taken), UNIT_CASE(survives_any_network))
