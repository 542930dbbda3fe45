/* test_udp_rules: what udp_send and udp_receive make of every answer a system can give, one scripted call
 * after another. The functions of udp_socket.h stand here, so those of the real system are not linked. */
#include "io/udp_socket.h"
#include "unit.h"

#include <errno.h>
#include <stdlib.h>

/* One answer of the system: how many messages it takes (or trains it gives), or a negative errno. */
static const int *answers;
static int answers_left;
static unsigned calls;
static bool has_gso;
static struct udp_message offered[16]; /* the first message of each call */
static int offered_count[16];

int udp_system_open(struct udp *udp) {
  udp->stats.gso = has_gso;
  return 0;
}

void udp_system_close(struct udp *udp) { (void)udp; }

static int next_answer(int count) {
  assert(answers_left > 0 && "more calls than the case foresees");
  int answer = *answers++;
  answers_left--;
  return answer > count ? count : answer;
}

int udp_system_send(struct udp *udp, const struct udp_message *messages, int count) {
  (void)udp;
  offered[calls] = messages[0];
  offered_count[calls++] = count;
  return next_answer(count);
}

int udp_system_receive(struct udp *udp, struct train *trains, int max) {
  (void)udp;
  int count = next_answer(max);
  for (int i = 0; i < count; i++)
    trains[i] = (struct train){.bytes = NULL, .size = 2500, .segment = 1000};
  return count;
}

static uint8_t bytes[1 << 17];
enum { ALL = 1000 };

struct outcome {
  int taken;
  size_t sizes_left, refused_size; /* of the train after the taken ones */
  uint64_t datagrams_sent, send_refused, unreachable;
  bool gso;
};

#define ANSWERS(...) (const int[]){__VA_ARGS__}, sizeof((const int[]){__VA_ARGS__}) / sizeof(int)

/* Sends two trains of 10 x 1000 bytes. */
static struct outcome send_two(bool gso, const int *script, size_t script_size) {
  struct udp_config config = {.family = FAMILY_IPV4};
  struct train trains[2] = {{.bytes = bytes, .size = 10000, .segment = 1000},
                            {.bytes = bytes + 10000, .size = 10000, .segment = 1000}};
  int error = 0;
  has_gso = gso;
  answers = script;
  answers_left = (int)script_size;
  calls = 0;
  struct udp *udp = udp_open(&config, &error);
  assert(udp);
  struct outcome outcome = {.refused_size = 0};
  outcome.taken = udp_send(udp, trains, 2, &outcome.refused_size);
  if (outcome.taken < 2) {
    outcome.sizes_left = trains[outcome.taken].size;
    CU_ASSERT_PTR_EQUAL(trains[outcome.taken].bytes + outcome.sizes_left,
                        bytes + 10000 * (outcome.taken + 1));
  }
  for (int i = 0; i < outcome.taken; i++)
    CU_ASSERT_EQUAL(trains[i].size, 10000);
  struct udp_stats stats;
  udp_get_stats(udp, &stats);
  CU_ASSERT_EQUAL(stats.send_calls, calls);
  CU_ASSERT_EQUAL(answers_left, 0);
  outcome.datagrams_sent = stats.datagrams_sent;
  outcome.send_refused = stats.send_refused;
  outcome.unreachable = stats.unreachable;
  outcome.gso = stats.gso;
  udp_close(udp);
  return outcome;
}

static void check(struct outcome is, struct outcome expected) {
  CU_ASSERT_EQUAL(is.taken, expected.taken);
  CU_ASSERT_EQUAL(is.sizes_left, expected.sizes_left);
  CU_ASSERT_EQUAL(is.refused_size, expected.refused_size);
  CU_ASSERT_EQUAL(is.datagrams_sent, expected.datagrams_sent);
  CU_ASSERT_EQUAL(is.send_refused, expected.send_refused);
  CU_ASSERT_EQUAL(is.unreachable, expected.unreachable);
  CU_ASSERT_EQUAL(is.gso, expected.gso);
}

static void everything_taken(void) {
  check(send_two(true, ANSWERS(ALL)), (struct outcome){.taken = 2, .datagrams_sent = 20, .gso = true});
  CU_ASSERT_EQUAL(offered_count[0], 2);
  check(send_two(false, ANSWERS(ALL)), (struct outcome){.taken = 2, .datagrams_sent = 20});
  CU_ASSERT_EQUAL(offered_count[0], 20);
  check(send_two(true, ANSWERS(1, 1)), (struct outcome){.taken = 2, .datagrams_sent = 20, .gso = true});
  check(send_two(false, ANSWERS(3, 9, -EINTR, ALL)), (struct outcome){.taken = 2, .datagrams_sent = 20});
}

static void a_full_kernel_stops_and_counts_nothing(void) {
  static const int full[] = {EAGAIN, ENOBUFS, ENOMEM};
  for (int i = 0; i < 3; i++) {
    check(send_two(true, ANSWERS(-full[i])),
          (struct outcome){.taken = 0, .sizes_left = 10000, .send_refused = 1, .gso = true});
    check(send_two(true, ANSWERS(1, -full[i])),
          (struct outcome){
              .taken = 1, .sizes_left = 10000, .send_refused = 1, .datagrams_sent = 10, .gso = true});
    check(send_two(false, ANSWERS(13, -full[i])),
          (struct outcome){.taken = 1, .sizes_left = 7000, .send_refused = 1, .datagrams_sent = 13});
    check(send_two(false, ANSWERS(4, -full[i])),
          (struct outcome){.taken = 0, .sizes_left = 6000, .send_refused = 1, .datagrams_sent = 4});
  }
}

/* An error of an earlier datagram is told once; the message itself goes the second time. */
static void an_icmp_error_costs_nothing(void) {
  check(send_two(true, ANSWERS(-ECONNREFUSED, ALL)),
        (struct outcome){.taken = 2, .datagrams_sent = 20, .unreachable = 1, .gso = true});
  check(send_two(true, ANSWERS(-EHOSTUNREACH, 1, -ECONNREFUSED, ALL)),
        (struct outcome){.taken = 2, .datagrams_sent = 20, .unreachable = 2, .gso = true});
  check(send_two(true, ANSWERS(-EMSGSIZE, ALL)),
        (struct outcome){.taken = 2, .datagrams_sent = 20, .gso = true});
  check(send_two(true, ANSWERS(-EPROTO, -EAGAIN)),
        (struct outcome){.taken = 0, .sizes_left = 10000, .send_refused = 1, .gso = true});
}

static void what_fails_twice_is_lost(void) {
  check(send_two(true, ANSWERS(-ENETUNREACH, -ENETUNREACH, -EPERM, -EPERM)),
        (struct outcome){.taken = 2, .unreachable = 2, .gso = true});
  check(send_two(true, ANSWERS(-EPERM, -EPERM, ALL)),
        (struct outcome){.taken = 2, .datagrams_sent = 10, .gso = true});
  check(send_two(false, ANSWERS(5, -EPERM, -EPERM, ALL)), (struct outcome){.taken = 2, .datagrams_sent = 19});
}

static void gso_is_given_up_only_for_its_own_fault(void) {
  static const int faults[] = {EIO, EINVAL, EOPNOTSUPP, ENOPROTOOPT, EMSGSIZE};
  for (int i = 0; i < 5; i++) {
    const int f = -faults[i];
    /* The single datagram goes: GSO is to blame. The rest follows one by one. */
    check(send_two(true, ANSWERS(f, f, 1, ALL)), (struct outcome){.taken = 2, .datagrams_sent = 20});
    CU_ASSERT_EQUAL(offered[2].size, 1000);
    CU_ASSERT_EQUAL(offered_count[2], 1);
    CU_ASSERT_EQUAL(offered_count[3], 19);
    check(send_two(true, ANSWERS(1, f, f, 1, 4, -EAGAIN)),
          (struct outcome){.taken = 1, .sizes_left = 5000, .datagrams_sent = 15, .send_refused = 1});
    /* The single one fails in its own way. */
    check(send_two(true, ANSWERS(f, f, -EAGAIN)),
          (struct outcome){.taken = 0, .sizes_left = 10000, .send_refused = 1, .gso = true});
    check(send_two(true, ANSWERS(f, f, -EPERM, ALL)),
          (struct outcome){.taken = 2, .datagrams_sent = 10, .gso = true});
    check(send_two(true, ANSWERS(f, f, -EINTR, ALL)),
          (struct outcome){.taken = 2, .datagrams_sent = 20, .gso = true});
    check(send_two(true, ANSWERS(f, f, -EMSGSIZE, ALL)),
          (struct outcome){.taken = 2, .datagrams_sent = 10, .refused_size = 1000, .gso = true});
  }
}

static void too_large_loses_the_train(void) {
  check(send_two(false, ANSWERS(-EMSGSIZE, -EMSGSIZE, ALL)),
        (struct outcome){.taken = 2, .datagrams_sent = 10, .refused_size = 1000});
  check(send_two(false, ANSWERS(10, -EMSGSIZE, -EMSGSIZE)),
        (struct outcome){.taken = 2, .datagrams_sent = 10, .refused_size = 1000});
}

static void long_trains_are_cut_for_the_kernel(void) {
  static const struct {
    size_t size, segment, first; /* bytes of the first message */
    int messages;
  } rows[] = {
      {44 * 1472, 1472, 44 * 1472, 1}, {45 * 1472, 1472, 44 * 1472, 2}, {65 * 10, 10, 640, 2},
      {1000, 1000, 1000, 1},           {65507, 65507, 65507, 1},        {2 * 40000, 40000, 40000, 2},
      {64 * 1023, 1023, 64 * 1023, 1}, {64 * 1024, 1024, 63 * 1024, 2},
  };
  for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
    struct udp_config config = {.family = FAMILY_IPV4};
    struct train train = {.bytes = bytes, .size = rows[i].size, .segment = rows[i].segment};
    size_t refused_size = 0;
    int error = 0;
    has_gso = true;
    calls = 0;
    answers = (const int[]){ALL};
    answers_left = 1;
    struct udp *udp = udp_open(&config, &error);
    assert(udp);
    CU_ASSERT_EQUAL(udp_send(udp, &train, 1, &refused_size), 1);
    CU_ASSERT_EQUAL(offered[0].size, rows[i].first);
    CU_ASSERT_EQUAL(offered_count[0], rows[i].messages);
    udp_close(udp);
  }
}

static void receiving(void) {
  static const int lasting[20] = {-EIO, -EIO, -EIO, -EIO, -EIO, -EIO, -EIO, -EIO, -EIO, -EIO,
                                  -EIO, -EIO, -EIO, -EIO, -EIO, -EIO, -EIO, -EIO, -EIO, -EIO};
  const struct {
    const int *script;
    size_t script_size;
    int result;
    uint64_t datagrams, unreachable;
  } rows[] = {
      {ANSWERS(4), 4, 12, 0},
      {ANSWERS(-EAGAIN), 0, 0, 0},
      {ANSWERS(-ENOMEM), 0, 0, 0},
      {ANSWERS(0, -EAGAIN), 0, 0, 0}, /* none of what came was whole */
      {ANSWERS(0, 2), 2, 6, 0},
      {ANSWERS(-EINTR, -ECONNREFUSED, -EMSGSIZE, -EHOSTUNREACH, 1), 1, 3, 2},
      {ANSWERS(-ECONNREFUSED, -EAGAIN), 0, 0, 1},
      {lasting, 20, ERR_IO, 0, 0},
  };
  for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
    struct udp_config config = {.family = FAMILY_IPV4};
    struct train trains[8];
    struct udp_stats stats;
    int error = 0;
    answers = rows[i].script;
    answers_left = (int)rows[i].script_size;
    struct udp *udp = udp_open(&config, &error);
    assert(udp);
    CU_ASSERT_EQUAL(udp_receive(udp, trains, 8), rows[i].result);
    udp_get_stats(udp, &stats);
    CU_ASSERT_EQUAL(stats.datagrams_received, rows[i].datagrams);
    CU_ASSERT_EQUAL(stats.unreachable, rows[i].unreachable);
    udp_close(udp);
  }
}

UNIT_MAIN(UNIT_CASE(everything_taken), UNIT_CASE(a_full_kernel_stops_and_counts_nothing),
          UNIT_CASE(an_icmp_error_costs_nothing), UNIT_CASE(what_fails_twice_is_lost),
          UNIT_CASE(gso_is_given_up_only_for_its_own_fault), UNIT_CASE(too_large_loses_the_train),
          UNIT_CASE(long_trains_are_cut_for_the_kernel), UNIT_CASE(receiving))
