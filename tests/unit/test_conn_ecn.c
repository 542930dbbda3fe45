/* conn: ECN from end to end in virtual time - paths that mark, bleach or swallow, one that changes, and a
 * peer whose counts lie. */
#include "unit.h"

#include "conn_world.h"

enum { BLOCK = 100000 };

/* So many more blocks, as far as the peer grants them by now. Returns how many were taken. */
static unsigned send_blocks(unsigned count) {
  for (unsigned i = 0; i < count; i++) {
    uint8_t *bytes = malloc(BLOCK);
    for (size_t at = 0; at < BLOCK; at++)
      bytes[at] = (uint8_t)(at * 7 + BLOCK);
    world.blocks[world.blocks_made++] = bytes;
    if (conn_send_block(world.client.conn, bytes, BLOCK, bytes) != 0) return i;
  }
  return count;
}

/* Sends `count` blocks, at most a few at once, until they are through. How long that took. */
static uint64_t transfer(unsigned count, uint64_t limit_ns) {
  uint64_t from_ns = world.now_ns;
  unsigned sent = 0, acked = world.client.blocks_acked, due = acked + count;
  while (world.client.blocks_acked < due && world.now_ns < from_ns + limit_ns) {
    if (sent < count && sent + acked < world.client.blocks_acked + 20) sent += send_blocks(1);
    run(NS_PER_MS / 2);
  }
  CU_ASSERT_EQUAL(world.client.blocks_acked, due);
  return world.now_ns - from_ns;
}

static struct conn_stats stats_of(const struct end *end) {
  struct conn_stats stats;
  conn_get_stats(end->conn, &stats);
  return stats;
}

static enum ecn_state state_of(const struct end *end) { return end->conn->ecn.state; }

static void connect_kind(enum congestion_kind kind) {
  struct conn_config config = config_of(ROLE_CLIENT);
  config.congestion = kind;
  connect_with(&config, NULL);
}

static const enum congestion_kind kinds[] = {CONGESTION_CUBIC, CONGESTION_BBR, CONGESTION_BACKGROUND};
enum { KINDS = sizeof(kinds) / sizeof(kinds[0]) };

static void a_path_that_carries_marks_is_found(void) {
  connect_ends();
  transfer(8, NS_PER_S);
  for (int i = 0; i < 5; i++) {
    conn_write(world.server.conn, "x", 1);
    run(20 * DELAY_NS);
  }
  CU_ASSERT_EQUAL(state_of(&world.client), ECN_CAPABLE);
  CU_ASSERT_EQUAL(state_of(&world.server), ECN_CAPABLE);
  CU_ASSERT_STRING_EQUAL(stats_of(&world.client).ecn, "capable");
  CU_ASSERT(world.client.out.marks.marked > 8 * BLOCK / DATAGRAM_BYTES_IPV4 / 2);
  CU_ASSERT_EQUAL(stats_of(&world.client).packets_lost, 0);
  CU_ASSERT_EQUAL(stats_of(&world.client).ce_told, 0);
  world_free();
}

/* What an end says only to acknowledge, and what it says before anything came through, has no mark. */
static void acknowledgements_alone_are_not_marked(void) {
  world_init(NULL, NULL);
  run(3 * DELAY_NS - 1);
  CU_ASSERT_EQUAL(world.client.out.marks.marked + world.server.out.marks.marked, 0);
  run(20 * DELAY_NS);
  transfer(20, NS_PER_S);
  struct conn_stats stats = stats_of(&world.server);
  CU_ASSERT(stats.acks_sent > 20);
  CU_ASSERT(world.server.out.marks.marked < stats.packets_sent / 2);
  world_free();
}

/* Amid a transfer, with a window of 40 datagrams, in the background of half of that. */
static void get_under_way(enum congestion_kind kind) {
  uint64_t least = kind == CONGESTION_BACKGROUND ? 30000 : 60000;
  send_blocks(60);
  for (int i = 0;
       i < 4000 && (state_of(&world.client) != ECN_CAPABLE || world.client.conn->congestion.window < least);
       i++)
    run(NS_PER_MS / 4);
  CU_ASSERT_EQUAL(state_of(&world.client), ECN_CAPABLE);
  CU_ASSERT(stats_of(&world.client).in_flight_bytes >= least / 2);
}

static void a_mark_reduces_the_window_without_a_loss(void) {
  for (int k = 0; k < KINDS; k++) {
    connect_kind(kinds[k]);
    get_under_way(kinds[k]);
    struct congestion *cc = &world.client.conn->congestion;
    uint64_t before = 0, least = UINT64_MAX;
    bool bbr_knows = false;
    world.client.out.marks.mark_next = 5; /* of one round trip: one event */
    for (int i = 0; i < 100; i++) {
      run(NS_PER_MS / 4);
      if (kinds[k] == CONGESTION_BBR) bbr_knows |= cc->bbr.is_marked_in_round;
      if (stats_of(&world.client).ce_told == 0)
        before = cc->window;
      else if (cc->window < least)
        least = cc->window;
    }
    CU_ASSERT_EQUAL(stats_of(&world.client).ce_told, 5);
    CU_ASSERT_EQUAL(stats_of(&world.server).ce_received, 5);
    if (kinds[k] == CONGESTION_CUBIC) {
      CU_ASSERT(least <= before * 10 / 7 && least >= before * 6 / 10);
      CU_ASSERT(cc->threshold < UINT64_MAX); /* slow start is over */
    }
    if (kinds[k] == CONGESTION_BACKGROUND) CU_ASSERT(least < before);
    CU_ASSERT_EQUAL(bbr_knows, kinds[k] == CONGESTION_BBR); /* what it does then: test_marks.c */
    run(20 * NS_PER_S);
    CU_ASSERT_EQUAL(world.client.blocks_acked, 60);
    CU_ASSERT_EQUAL(stats_of(&world.client).packets_lost, 0);
    world_free();
  }
}

/* The receiver says a mark at once, not when its acknowledgement is due. */
static void a_mark_is_told_at_once(void) {
  connect_ends();
  transfer(8, NS_PER_S);
  run(NS_PER_S);
  CU_ASSERT_EQUAL(state_of(&world.client), ECN_CAPABLE);
  uint64_t told = stats_of(&world.client).acks_received;
  world.client.out.marks.mark_next = 1;
  conn_write(world.client.conn, "x", 1);
  run(2 * DELAY_NS + NS_PER_MS / 10);
  CU_ASSERT_EQUAL(stats_of(&world.client).ce_told, 1);
  CU_ASSERT_EQUAL(stats_of(&world.client).acks_received, told + 1);
  world_free();
}

static void a_path_that_bleaches_is_not_slower(void) {
  uint64_t took_ns[2];
  for (int bleaches = 0; bleaches < 2; bleaches++) {
    connect_ends();
    world.client.out.marks.bleaches = world.server.out.marks.bleaches = bleaches;
    took_ns[bleaches] = transfer(60, 20 * NS_PER_S);
    CU_ASSERT_EQUAL(state_of(&world.client), bleaches ? ECN_FAILED : ECN_CAPABLE);
    CU_ASSERT_EQUAL(stats_of(&world.client).packets_lost, 0);
    if (bleaches) CU_ASSERT(world.client.out.marks.marked <= 2 * ECN_TEST_PACKETS);
    world_free();
  }
  CU_ASSERT(took_ns[1] <= took_ns[0] + 2 * NS_PER_MS);
}

/* Ten packets are lost to the question: a few round trips more, and no smaller window. */
static void a_path_that_swallows_marks_costs_little(void) {
  for (int k = 0; k < KINDS; k++) {
    uint64_t took_ns[2];
    for (int swallows = 0; swallows < 2; swallows++) {
      struct conn_config config = config_of(ROLE_CLIENT);
      config.congestion = kinds[k];
      world_init(&config, NULL);
      world.client.out.marks.swallows = world.server.out.marks.swallows = swallows;
      run(4 * DELAY_NS);
      took_ns[swallows] = transfer(60, 30 * NS_PER_S);
      CU_ASSERT_EQUAL(state_of(&world.client), swallows ? ECN_FAILED : ECN_CAPABLE);
      if (swallows) CU_ASSERT(world.client.out.marks.marked <= ECN_TEST_PACKETS);
      if (swallows) CU_ASSERT(stats_of(&world.client).packets_lost <= ECN_TEST_PACKETS);
      world_free();
    }
    /* A window of two datagrams has nothing else in it to get through: that start is over. */
    if (kinds[k] != CONGESTION_BACKGROUND) CU_ASSERT(took_ns[1] <= took_ns[0] + 4 * DELAY_NS);
  }
}

/* The path begins to swallow amid the transfer: it goes on unmarked after two probe timeouts and a test. */
static void a_path_that_begins_to_swallow_marks(void) {
  for (int k = 0; k < KINDS; k++) {
    connect_kind(kinds[k]);
    get_under_way(kinds[k]);
    world.client.out.marks.swallows = true;
    uint64_t from_ns = world.now_ns;
    while (state_of(&world.client) != ECN_FAILED && world.now_ns < from_ns + 5 * NS_PER_S)
      run(NS_PER_MS / 4);
    CU_ASSERT(world.now_ns - from_ns < 30 * 2 * DELAY_NS);
    run(20 * NS_PER_S);
    CU_ASSERT_EQUAL(world.client.blocks_acked, 60);
    world_free();
  }
}

/* It may be one without marks: both ends ask again. */
static void another_path_is_asked_again(void) {
  connect_ends();
  transfer(8, NS_PER_S);
  CU_ASSERT_EQUAL(state_of(&world.client), ECN_CAPABLE);
  world.client_address = away;
  world.client.out.marks.bleaches = true;
  transfer(40, NS_PER_S);
  CU_ASSERT_EQUAL(state_of(&world.client), ECN_FAILED);
  world.client_address = home;
  world.client.out.marks.bleaches = false;
  transfer(100, NS_PER_S);
  CU_ASSERT_EQUAL(state_of(&world.client), ECN_CAPABLE);
  CU_ASSERT_EQUAL(stats_of(&world.client).packets_lost, 0);
  world_free();
}

/* The receiver's counts are anything: never more window than without marks, and the transfer goes on. */
static void counts_that_lie_win_nothing(void) {
  enum { HONEST, NONE, ALL_ECT0, ALL_CE, FALLING, HUGE_COUNT, ECT1, RANDOM, LIES };
  for (int k = 0; k < KINDS; k++) {
    uint64_t most = 0;
    for (int lie = HONEST; lie < LIES; lie++) {
      struct prng prng;
      uint64_t largest = 0;
      prng_seed(&prng, (uint64_t)lie);
      connect_kind(kinds[k]);
      get_under_way(kinds[k]);
      uint64_t *counts = world.server.conn->spaces[LEVEL_DATA].acks.ecn;
      for (int i = 0; i < 200; i++) {
        uint64_t all = counts[ACK_ECT0] + counts[ACK_CE];
        if (lie == NONE) memset(counts, 0, ACK_ECN_COUNTS * sizeof(counts[0]));
        if (lie == ALL_ECT0) counts[ACK_ECT0] = all + 10, counts[ACK_CE] = 0;
        if (lie == ALL_CE) counts[ACK_ECT0] = 0, counts[ACK_CE] = all;
        if (lie == FALLING && counts[ACK_ECT0] > 3) counts[ACK_ECT0] -= 3;
        if (lie == HUGE_COUNT) counts[i % ACK_ECN_COUNTS] = VARINT_MAX / 2 - (uint64_t)i;
        if (lie == ECT1) counts[ACK_ECT1]++;
        for (int c = 0; lie == RANDOM && c < ACK_ECN_COUNTS; c++)
          counts[c] = prng_below(&prng, 2 * (all % 4096) + 2);
        run(NS_PER_MS / 4);
        if (world.client.conn->congestion.window > largest) largest = world.client.conn->congestion.window;
      }
      if (lie == HONEST) most = largest;
      CU_ASSERT(largest <= most + most / 50);
      if (lie != HONEST) CU_ASSERT_EQUAL(state_of(&world.client), ECN_FAILED);
      run(20 * NS_PER_S);
      CU_ASSERT_EQUAL(world.client.blocks_acked, 60);
      CU_ASSERT_EQUAL(world.client.closed, 0);
      world_free();
    }
  }
}

UNIT_MAIN(UNIT_CASE(a_path_that_carries_marks_is_found), UNIT_CASE(acknowledgements_alone_are_not_marked),
          UNIT_CASE(a_mark_reduces_the_window_without_a_loss), UNIT_CASE(a_mark_is_told_at_once),
          UNIT_CASE(a_path_that_bleaches_is_not_slower), UNIT_CASE(a_path_that_swallows_marks_costs_little),
          UNIT_CASE(a_path_that_begins_to_swallow_marks), UNIT_CASE(another_path_is_asked_again),
          UNIT_CASE(counts_that_lie_win_nothing))
