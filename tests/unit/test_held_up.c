/* held_up: transfers that each have one thing that holds them up; both ends are to name it, and to account
 * for all of the time. */
#include "unit.h"

#include "transfer_check.h"

/* What each end is told of a turn, and what it says in the end. */
static struct side {
  struct turn turn;
  uint64_t told_ns; /* the last turn before its end */
  struct held_up held;
} sides[2];
static bool is_socket_full; /* what is lost on the way to the receiver is lost in its socket */

static void wake(struct run *run) {
  struct conn_stats stats;
  struct progress progress;
  uint64_t now_ns = run->pair.now_ns;
  conn_get_stats(run->pair.conns[CLIENT], &stats);
  if (is_socket_full) sides[SERVER].turn.drops = 1000 + stats.packets_lost;
  sender_on_wake(run->sender, now_ns, &sides[CLIENT].turn);
  receiver_on_wake(run->receiver, now_ns, &sides[SERVER].turn);
  sender_get_progress(run->sender, &progress);
  if (progress.outcome == OUTCOME_RUNNING) sides[CLIENT].told_ns = now_ns;
  receiver_get_progress(run->receiver, &progress);
  if (progress.outcome == OUTCOME_RUNNING) sides[SERVER].told_ns = now_ns;
}

static void rest(struct run *run) {
  sender_on_rest(run->sender);
  receiver_on_rest(run->receiver);
}

static uint64_t sum_of(const struct held_up *held) {
  uint64_t sum = 0;
  for (int i = 0; i < LIMITS; i++)
    sum += held->ns[i];
  return sum;
}

/* Runs it, and checks that no time is missing at either end. */
static void run_measured(struct run *run) {
  uint64_t began_ns = run->pair.now_ns;
  run->on_wake = wake;
  run->on_rest = rest;
  run_all(run);
  check_complete(run);
  sender_get_held_up(run->sender, &sides[CLIENT].held);
  receiver_get_held_up(run->receiver, &sides[SERVER].held);
  uint64_t sent_ns = sum_of(&sides[CLIENT].held), received_ns = sum_of(&sides[SERVER].held);
  /* The sender's ends when it has heard the last word, the receiver's when it said it; then they close. */
  CU_ASSERT(sent_ns + 4 * run->pair.delay_ns >= sides[CLIENT].told_ns - began_ns);
  CU_ASSERT(sent_ns <= run->pair.now_ns - began_ns);
  CU_ASSERT(received_ns > 0 && received_ns <= sides[SERVER].told_ns - began_ns);
}

static unsigned percent(int end, enum limit limit) {
  const struct held_up *held = &sides[end].held;
  unsigned share = (unsigned)(held->ns[limit] * 100 / sum_of(held));
  return share;
}

static void begin(struct run *run, uint64_t size) {
  memset(sides, 0, sizeof sides);
  sides[CLIENT].turn.has_slept = sides[SERVER].turn.has_slept = true;
  run_init(run, 5, 0);
  run->job_ns = 0;
  add(run, ENTRY_FILE, "file", size, FAULT_NONE);
}

/* With other conns than run_init makes. */
static void begin_with(struct run *run, uint64_t size, uint64_t rate_max, uint64_t window_bytes) {
  begin(run, size);
  pair_free(&run->pair);
  pair_init_with(&run->pair, 5, 0, rate_max, window_bytes);
}

static void a_window_that_is_full_is_the_network(void) {
  struct run run;
  begin(&run, 3 << 20);
  run.pair.delay_ns = 50 * NS_PER_MS;
  run_measured(&run);
  CU_ASSERT(percent(CLIENT, LIMIT_NETWORK) >= 60);
  CU_ASSERT(percent(CLIENT, LIMIT_NETWORK) + percent(CLIENT, LIMIT_ANSWERS) >= 99);
  CU_ASSERT(sides[CLIENT].held.ns[LIMIT_ANSWERS] >= 200 * NS_PER_MS); /* handshake, result */
  CU_ASSERT(percent(SERVER, LIMIT_PEER) >= 99);
  run_free(&run);
}

static void a_pace_that_the_user_set_is_bwlimit(void) {
  struct run run;
  begin_with(&run, 3 << 20, 1000000, 4 << 20);
  run_measured(&run);
  CU_ASSERT(percent(CLIENT, LIMIT_RATE_MAX) >= 95);
  CU_ASSERT(percent(SERVER, LIMIT_PEER) >= 99);
  run_free(&run);
}

static void a_limit_above_the_path_is_not_named(void) {
  struct run run;
  begin_with(&run, 3 << 20, 1000000000, 4 << 20);
  run.pair.delay_ns = 50 * NS_PER_MS;
  run_measured(&run);
  CU_ASSERT(percent(CLIENT, LIMIT_NETWORK) >= 60);
  CU_ASSERT_EQUAL(percent(CLIENT, LIMIT_RATE_MAX), 0);
  run_free(&run);
}

static void no_credit_is_the_receivers_disk_where_that_is_slow(void) {
  struct run run;
  begin_with(&run, 8 << 20, 0, 1 << 20);
  run.ends[SERVER].slow_ns = 100 * NS_PER_MS;
  run_measured(&run);
  for (int end = 0; end < 2; end++) {
    CU_ASSERT(percent(end, LIMIT_SINK) >= 90);
    CU_ASSERT(percent(end, LIMIT_RECEIVER_CPU) == 0);
  }
  run_free(&run);
  /* The same, but that work used the CPU. */
  begin_with(&run, 8 << 20, 0, 1 << 20);
  run.ends[SERVER].slow_ns = 100 * NS_PER_MS;
  sides[SERVER].turn.has_computed = true;
  run_measured(&run);
  for (int end = 0; end < 2; end++)
    CU_ASSERT(percent(end, LIMIT_RECEIVER_CPU) >= 90);
  run_free(&run);
}

static void no_credit_is_the_receivers_window_where_its_disk_is_fast(void) {
  struct run run;
  begin_with(&run, 8 << 20, 0, 300000);
  run.pair.delay_ns = 50 * NS_PER_MS;
  run_measured(&run);
  CU_ASSERT(percent(CLIENT, LIMIT_CREDIT) >= 50);
  CU_ASSERT_EQUAL(percent(CLIENT, LIMIT_SINK), 0);
  CU_ASSERT_EQUAL(percent(SERVER, LIMIT_SINK), 0);
  CU_ASSERT(percent(SERVER, LIMIT_CREDIT) > 0);
  run_free(&run);
}

static void a_slow_commit_is_the_receivers_disk(void) {
  struct run run;
  begin(&run, 1000);
  run.ends[SERVER].slow_ns = 400 * NS_PER_MS;
  run_measured(&run);
  for (int end = 0; end < 2; end++)
    CU_ASSERT(percent(end, LIMIT_SINK) >= 90);
  run_free(&run);
}

static void a_fast_disk_is_not_named_beside_a_slow_network(void) {
  struct run run;
  begin(&run, 3 << 20);
  run.pair.delay_ns = 50 * NS_PER_MS;
  run.ends[SERVER].slow_ns = 10 * NS_PER_MS;
  run_measured(&run);
  CU_ASSERT(percent(CLIENT, LIMIT_NETWORK) >= 60);
  CU_ASSERT(percent(CLIENT, LIMIT_SINK) <= 4);
  CU_ASSERT(percent(SERVER, LIMIT_SINK) <= 4);
  run_free(&run);
}

static void nothing_read_yet_is_the_senders_disk(void) {
  struct run run;
  begin(&run, 8 << 20);
  run.ends[CLIENT].slow_ns = 100 * NS_PER_MS;
  run_measured(&run);
  CU_ASSERT(percent(CLIENT, LIMIT_SOURCE) >= 85);
  CU_ASSERT(percent(SERVER, LIMIT_PEER) >= 99);
  run_free(&run);
  begin(&run, 8 << 20);
  run.ends[CLIENT].slow_ns = 100 * NS_PER_MS;
  sides[CLIENT].turn.has_computed = true;
  run_measured(&run);
  CU_ASSERT(percent(CLIENT, LIMIT_SENDER_CPU) >= 85);
  run_free(&run);
}

static void a_small_file_waits_for_answers(void) {
  struct run run;
  begin(&run, 1000);
  run.pair.delay_ns = 50 * NS_PER_MS;
  run_measured(&run);
  CU_ASSERT(percent(CLIENT, LIMIT_ANSWERS) >= 95);
  run_free(&run);
}

static void who_never_sleeps_lacks_cpu(void) {
  struct run run;
  begin(&run, 3 << 20);
  run.pair.delay_ns = 20 * NS_PER_MS;
  sides[CLIENT].turn.has_slept = false;
  run_measured(&run);
  CU_ASSERT(percent(CLIENT, LIMIT_SENDER_CPU) >= 70); /* all but the handshake */
  CU_ASSERT_EQUAL(percent(CLIENT, LIMIT_NETWORK), 0);
  run_free(&run);
  /* The sender sees a full window, and hears that the other machine is behind. */
  begin(&run, 3 << 20);
  run.pair.delay_ns = 20 * NS_PER_MS;
  sides[SERVER].turn.has_slept = false;
  run_measured(&run);
  CU_ASSERT(percent(SERVER, LIMIT_RECEIVER_CPU) >= 95);
  CU_ASSERT_EQUAL(percent(CLIENT, LIMIT_NETWORK), 0);
  CU_ASSERT(percent(CLIENT, LIMIT_RECEIVER_CPU) >= 40);
  CU_ASSERT(percent(CLIENT, LIMIT_ANSWERS) > 0);
  run_free(&run);
}

static void losses_in_the_receivers_socket_are_not_the_networks(void) {
  for (int round = 0; round < 2; round++) {
    struct run run;
    is_socket_full = round == 1;
    begin(&run, 3 << 20);
    run.pair.loss_percent = 3;
    run.pair.delay_ns = 20 * NS_PER_MS;
    sides[SERVER].turn.drops = 1000; /* before it began: not of this transfer */
    run_measured(&run);
    unsigned named = percent(CLIENT, is_socket_full ? LIMIT_DROPS : LIMIT_NETWORK);
    unsigned other = percent(CLIENT, is_socket_full ? LIMIT_NETWORK : LIMIT_DROPS);
    CU_ASSERT(named >= 50 && other < 10);
    for (int end = 0; end < 2; end++)
      CU_ASSERT_EQUAL(sides[end].held.drops > 0, is_socket_full);
    CU_ASSERT(sides[CLIENT].held.drops < 1000);
    run_free(&run);
  }
  is_socket_full = false;
}

UNIT_MAIN(UNIT_CASE(a_window_that_is_full_is_the_network), UNIT_CASE(a_pace_that_the_user_set_is_bwlimit),
          UNIT_CASE(a_limit_above_the_path_is_not_named),
          UNIT_CASE(no_credit_is_the_receivers_disk_where_that_is_slow),
          UNIT_CASE(no_credit_is_the_receivers_window_where_its_disk_is_fast),
          UNIT_CASE(a_slow_commit_is_the_receivers_disk),
          UNIT_CASE(a_fast_disk_is_not_named_beside_a_slow_network),
          UNIT_CASE(nothing_read_yet_is_the_senders_disk), UNIT_CASE(a_small_file_waits_for_answers),
          UNIT_CASE(who_never_sleeps_lacks_cpu),
          UNIT_CASE(losses_in_the_receivers_socket_are_not_the_networks))
