/* turns: few send at a time, each as much as the others, and nobody is kept waiting by who sends nothing. */
#include "unit.h"

#include "transport/blocks_in.h"

enum { MANY = 100, BLOCK = (256 << 10) + POOL_TRAILER_BYTES };
static const uint64_t SOCKET_BYTES = 16 << 20;

static struct turns turns;
static struct turns_member members[MANY];
static uint64_t now_ns, drops, asleep_ns;

static void tell(void) { turns_on_clock(&turns, now_ns, SOCKET_BYTES, drops, asleep_ns); }

static void begin(int count) {
  turns_init(&turns, 64 << 20);
  now_ns = NS_PER_S;
  drops = asleep_ns = 0;
  for (int i = 0; i < count; i++)
    turns_join(&turns, &members[i]);
  tell();
}

static void end(int count) {
  for (int i = 0; i < count; i++)
    turns_leave(&turns, &members[i]);
  CU_ASSERT_EQUAL(turns.members, 0);
  CU_ASSERT_EQUAL(turns.air[0] + turns.air[1], 0);
  CU_ASSERT_PTR_NULL(turns.first);
}

static uint64_t ask(int i, uint64_t want) {
  uint64_t may = turns_ask(&turns, &members[i], want, BLOCK);
  turns_on_granted(&turns, &members[i], may);
  return may;
}

static uint64_t air(void) { return turns.air[0] + turns.air[1]; }

static void pass_epochs(int count) {
  for (int i = 0; i < count; i++) {
    now_ns += TURNS_EPOCH_NS;
    tell();
  }
}

static void who_is_alone_gets_all(void) {
  begin(1);
  CU_ASSERT_EQUAL(ask(0, 32 << 20), 32 << 20);
  end(1);
}

static void without_a_word_of_the_socket_there_is_no_bound(void) {
  turns_init(&turns, 64 << 20);
  turns_join(&turns, &members[0]);
  turns_join(&turns, &members[1]);
  CU_ASSERT_EQUAL(ask(0, 32 << 20), 32 << 20);
  CU_ASSERT_EQUAL(ask(1, 32 << 20), 32 << 20);
  CU_ASSERT_PTR_NULL(turns.first);
  end(2);
}

/* What many may have under way never overflows the socket, whoever asks for how much. */
static void the_air_is_bounded(void) {
  begin(MANY);
  int served = 0;
  for (int i = 0; i < MANY; i++)
    served += ask(i, 1 << 20) > 0;
  CU_ASSERT(air() <= SOCKET_BYTES / 8);
  CU_ASSERT(served >= 2 && served < MANY / 4);
  int waiting = 0;
  for (const struct turns_member *turn = turns.first; turn; turn = turn->next)
    waiting++;
  CU_ASSERT_EQUAL(served + waiting, MANY);
  CU_ASSERT_EQUAL(ask(MANY - 1, 1 << 20), 0); /* once in line is enough */
  end(MANY);
}

/* Everybody uses what it is granted at once and asks for all there is: after any number of rounds no two are
 * further apart than a piece. */
static void turns_are_equal(void) {
  uint64_t got[MANY] = {0};
  begin(MANY);
  for (int i = 0; i < MANY; i++)
    ask(i, 64 << 20), ask(i, 64 << 20); /* whoever gets something stands in line behind the others */
  for (int round = 0; round < 5000; round++) {
    struct turns_member *turn = turns_next(&turns, BLOCK);
    if (!turn) {
      for (int i = 0; i < MANY; i++) /* they send what they may */
        turns_on_used(&turns, &members[i], members[i].fresh);
      continue;
    }
    int who = (int)(turn - members);
    uint64_t may = ask(who, 64 << 20);
    CU_ASSERT(may >= BLOCK && may < SOCKET_BYTES / 4);
    got[who] += may;
    CU_ASSERT_EQUAL(ask(who, 64 << 20), 0); /* and stands in line again, at its end */
  }
  uint64_t least = UINT64_MAX, most = 0;
  for (int i = 0; i < MANY; i++) {
    least = got[i] < least ? got[i] : least;
    most = got[i] > most ? got[i] : most;
  }
  CU_ASSERT(least > 20ull * BLOCK);
  CU_ASSERT(most - least <= SOCKET_BYTES / 32);
  end(MANY);
}

/* Who leaves its credit unused holds nobody up for longer than two epochs. */
static void unused_credit_grows_old(void) {
  begin(MANY);
  for (int i = 0; i < MANY; i++)
    ask(i, 1 << 20);
  CU_ASSERT_PTR_NULL(turns_next(&turns, BLOCK));
  pass_epochs(2);
  CU_ASSERT_EQUAL(air(), 0);
  struct turns_member *turn = turns_next(&turns, BLOCK);
  CU_ASSERT_PTR_NOT_NULL_FATAL(turn);
  CU_ASSERT(ask((int)(turn - members), 1 << 20) > 0);
  turns_on_used(&turns, &members[0], 1 << 20); /* late, and counted no more */
  CU_ASSERT(air() >= BLOCK);
  end(MANY);
}

/* A long sleep of the machine is many epochs in one. */
static void old_credit_is_forgotten_after_a_gap(void) {
  begin(2);
  ask(0, BLOCK);
  now_ns += TURNS_EPOCH_NS;
  tell();
  ask(1, BLOCK);
  now_ns += 10 * TURNS_EPOCH_NS;
  tell();
  CU_ASSERT_EQUAL(air(), 0);
  end(2);
}

static void the_bound_follows_the_receiver(void) {
  begin(MANY);
  uint64_t bound = turns.air_max;
  for (int i = 0; i < MANY; i++)
    ask(i, 1 << 20);
  pass_epochs(10); /* busy, nothing lost */
  CU_ASSERT_EQUAL(turns.air_max, bound);
  drops = 5;
  pass_epochs(1);
  CU_ASSERT_EQUAL(turns.air_max, bound / 2);
  drops = 10; /* of what was under way by then */
  pass_epochs(1);
  CU_ASSERT_EQUAL(turns.air_max, bound / 2);
  for (int i = 0; i < 20; i++) {
    drops++;
    pass_epochs(1);
  }
  CU_ASSERT(turns.air_max >= 2 * BLOCK); /* never so little that nobody could send */
  uint64_t low = turns.air_max;
  for (int i = 0; i < 30; i++) { /* idle, and yet there is a line */
    asleep_ns += TURNS_EPOCH_NS / 2;
    pass_epochs(1);
  }
  CU_ASSERT(turns.air_max > 8 * low);
  CU_ASSERT(turns.air_max <= 64 << 20);
  end(MANY);
}

static void an_idle_receiver_without_a_line_learns_nothing(void) {
  begin(2);
  uint64_t bound = turns.air_max;
  ask(0, BLOCK);
  asleep_ns += TURNS_EPOCH_NS;
  pass_epochs(1);
  CU_ASSERT_EQUAL(turns.air_max, bound);
  end(2);
}

/* ---- with real grants ---- */

static struct pool *pool;
static struct blocks_in in[MANY];

static uint64_t left_of(int i) { return in[i].granted - in[i].opened; }

static void open_one(int i, uint64_t number) {
  const struct block_header header = {.number = number, .size_class = POOL_CLASSES - 1};
  uint8_t byte = 1;
  CU_ASSERT_EQUAL(blocks_in_on_fragment(&in[i], &header, &byte, 1), 0);
}

static void join_all(int count) {
  turns_init(&turns, 64 << 20);
  now_ns = NS_PER_S;
  drops = asleep_ns = 0;
  tell();
  pool = pool_new(64 << 20);
  for (int i = 0; i < count; i++) {
    CU_ASSERT_EQUAL_FATAL(blocks_in_init(&in[i], pool, BLOCK), 0);
    blocks_in_grant(&in[i]);
    in[i].window = 32 << 20;
    blocks_in_join(&in[i], &turns);
    blocks_in_grant(&in[i]);
  }
}

static void clear_all(int count) {
  for (int i = 0; i < count; i++) {
    blocks_in_check(&in[i]);
    blocks_in_clear(&in[i]);
  }
  CU_ASSERT_EQUAL(turns.members, 0);
  CU_ASSERT_EQUAL(turns.air[0] + turns.air[1], 0);
  pool_free(pool);
}

/* The one that comes first is not to have credit for all of its work before the second comes. */
static void the_first_one_gets_a_start(void) {
  join_all(1);
  CU_ASSERT_EQUAL(left_of(0), GRANT_FIRST_BYTES);
  for (uint64_t number = 0; number < 8; number++) {
    open_one(0, number);
    blocks_in_grant(&in[0]);
  }
  CU_ASSERT(left_of(0) > 3 * GRANT_FIRST_BYTES &&
            left_of(0) <= GRANT_GROWTH * GRANT_FIRST_BYTES); /* by use */
  clear_all(1);
}

static void grants_are_of_whole_blocks(void) {
  join_all(MANY);
  for (int i = 0; i < MANY; i++)
    open_one(i, 0); /* all that came with the handshake */
  for (int i = 0; i < MANY; i++)
    blocks_in_grant(&in[i]);
  int called = 0;
  for (struct turns_member *turn; (turn = turns_next(&turns, BLOCK)); called++) {
    int i = 0;
    while (turn != &in[i].turn)
      i++;
    CU_ASSERT_TRUE(blocks_in_grant(&in[i]));
    CU_ASSERT(left_of(i) >= BLOCK && (turns.first == NULL || left_of(i) % BLOCK == 0));
  }
  CU_ASSERT(called > 0 && turns.first != NULL);
  CU_ASSERT(air() <= SOCKET_BYTES / 8);
  clear_all(MANY);
}

UNIT_MAIN(UNIT_CASE(who_is_alone_gets_all), UNIT_CASE(without_a_word_of_the_socket_there_is_no_bound),
          UNIT_CASE(the_air_is_bounded), UNIT_CASE(turns_are_equal), UNIT_CASE(unused_credit_grows_old),
          UNIT_CASE(old_credit_is_forgotten_after_a_gap), UNIT_CASE(the_bound_follows_the_receiver),
          UNIT_CASE(an_idle_receiver_without_a_line_learns_nothing), UNIT_CASE(the_first_one_gets_a_start),
          UNIT_CASE(grants_are_of_whole_blocks))
