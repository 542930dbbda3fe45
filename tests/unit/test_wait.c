/* test_wait: deadlines to the microsecond, readiness of each fd, signals, that nobody is told while awake;
 * and what else io reads from the machine: the clock and randomness. */
#include "child.h"
#include "udpcp/io.h"
#include "unit.h"

#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <unistd.h>

static uint64_t slept_ns(struct wait *wait, uint64_t ahead_ns) {
  uint64_t start_ns = clock_now_ns();
  CHILD_CHECK(wait_until(wait, start_ns + ahead_ns) == 0);
  return clock_now_ns() - start_ns;
}

static void keeps_deadlines(void) {
  struct wait *wait = wait_new();
  CHILD_CHECK(wait != NULL);
  uint64_t shortest_ns = UINT64_MAX;
  for (int i = 0; i < 20; i++) {
    uint64_t ns = slept_ns(wait, 200 * NS_PER_US);
    CHILD_CHECK(ns >= 200 * NS_PER_US);
    if (ns < shortest_ns) shortest_ns = ns;
  }
  CHILD_CHECK(shortest_ns < 900 * NS_PER_US); /* one rounded up to a millisecond would be 1 ms or more */

  uint64_t start_ns = clock_now_ns();
  CHILD_CHECK(wait_until(wait, 0) == 0); /* long past: polls */
  CHILD_CHECK(wait_until(wait, start_ns) == 0);
  CHILD_CHECK(clock_now_ns() - start_ns < 500 * NS_PER_MS);
  wait_free(wait);
}

static void tells_what_is_ready(void) {
  int first[2], second[2];
  struct wait *wait = wait_new();
  CHILD_CHECK(pipe(first) == 0 && pipe(second) == 0);
  CHILD_CHECK(wait_watch(wait, first[0], WAIT_READ) == 0 && wait_watch(wait, second[0], WAIT_READ) == 0);
  CHILD_CHECK(wait_until(wait, 0) == 0);
  CHILD_CHECK(wait_ready(wait, first[0]) == 0 && wait_ready(wait, second[0]) == 0);

  CHILD_CHECK(write(second[1], "x", 1) == 1);
  CHILD_CHECK(wait_until(wait, TIME_NEVER) == 0);
  CHILD_CHECK(wait_ready(wait, first[0]) == 0 && wait_ready(wait, second[0]) == WAIT_READ);
  CHILD_CHECK(wait_until(wait, clock_now_ns() + 60 * NS_PER_S) == 0); /* still there: level-triggered */
  CHILD_CHECK(wait_ready(wait, second[0]) == WAIT_READ);

  CHILD_CHECK(wait_watch(wait, first[1], WAIT_WRITE) == 0);
  CHILD_CHECK(wait_watch(wait, second[0], 0) == 0 && wait_watch(wait, second[0], 0) == 0);
  CHILD_CHECK(wait_until(wait, TIME_NEVER) == 0);
  CHILD_CHECK(wait_ready(wait, first[1]) == WAIT_WRITE && wait_ready(wait, second[0]) == 0);

  CHILD_CHECK(wait_watch(wait, first[1], WAIT_READ) == 0); /* changed: a pipe's writing end never reads */
  CHILD_CHECK(wait_until(wait, clock_now_ns() + NS_PER_MS) == 0);
  CHILD_CHECK(wait_ready(wait, first[1]) == 0);

  close(second[1]);
  CHILD_CHECK(wait_watch(wait, second[0], WAIT_READ) == 0);
  CHILD_CHECK(read(second[0], first, 1) == 1); /* empty and hung up: reading says so at once */
  CHILD_CHECK(wait_until(wait, TIME_NEVER) == 0 && wait_ready(wait, second[0]) == WAIT_READ);
  CHILD_CHECK(wait_watch(wait, -1, WAIT_READ) < 0 && wait_ready(wait, 12345) == 0);
  wait_free(wait);
}

static void takes_signals(void) {
  struct wait *wait = wait_new();
  signal(SIGHUP, SIG_IGN); /* as nohup does */
  CHILD_CHECK(wait_take_signal(wait) == 0);
  CHILD_CHECK(wait_watch_signals(wait) == 0);
  CHILD_CHECK(wait_until(wait, 0) == 0 && wait_take_signal(wait) == 0);

  CHILD_CHECK(kill(getpid(), SIGTERM) == 0);
  CHILD_CHECK(wait_until(wait, TIME_NEVER) == 0 && wait_take_signal(wait) == SIGTERM);
  CHILD_CHECK(wait_take_signal(wait) == 0);
  CHILD_CHECK(kill(getpid(), SIGINT) == 0);
  CHILD_CHECK(wait_until(wait, TIME_NEVER) == 0 && wait_take_signal(wait) == SIGINT);
  CHILD_CHECK(kill(getpid(), SIGHUP) == 0);
  CHILD_CHECK(wait_until(wait, clock_now_ns() + NS_PER_MS) == 0 && wait_take_signal(wait) == 0);

  int ends[2];
  CHILD_CHECK(pipe(ends) == 0 && close(ends[0]) == 0);
  CHILD_CHECK(write(ends[1], "x", 1) == -1 && errno == EPIPE);
  wait_free(wait);
}

/* With a set that is told of each datagram also while its owner is awake, every datagram costs more. */
static void is_told_only_while_it_sleeps(void) {
  struct wait *wait = wait_new();
  int ends[2];
  CHILD_CHECK(wait && pipe(ends) == 0);
  CHILD_CHECK(wait_watch(wait, ends[0], WAIT_READ) == 0 && wait_watch_signals(wait) == 0);
  CHILD_CHECK(wait_until(wait, 0) == 0);
  unsigned seen = 0;
  for (int fd = 0; fd < 64; fd++) {
    char link[32], target[64];
    snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
    ssize_t size = readlink(link, target, sizeof(target) - 1);
    if (size < 0) continue;
    target[size] = '\0';
    CHILD_CHECK(!strstr(target, "eventpoll"));
    seen++;
  }
  CHILD_CHECK(seen >= 3); /* else this machine does not tell */
  wait_free(wait);
}

static void deadlines(void) { CU_ASSERT(child_passes(keeps_deadlines)); }
static void readiness(void) { CU_ASSERT(child_passes(tells_what_is_ready)); }
static void signals(void) { CU_ASSERT(child_passes(takes_signals)); }
static void quiet_while_awake(void) { CU_ASSERT(child_passes(is_told_only_while_it_sleeps)); }

static void hangup_is_a_signal_unless_ignored(void) {
  struct wait *wait = wait_new();
  sigset_t before;
  pthread_sigmask(SIG_SETMASK, NULL, &before);
  CU_ASSERT_EQUAL(wait_watch_signals(wait), 0);
  CU_ASSERT_EQUAL(kill(getpid(), SIGHUP), 0);
  CU_ASSERT_EQUAL(wait_until(wait, clock_now_ns() + 5 * NS_PER_S), 0);
  CU_ASSERT_EQUAL(wait_take_signal(wait), SIGHUP);
  wait_free(wait);
  pthread_sigmask(SIG_SETMASK, &before, NULL);
}

static void the_clock_goes_on(void) {
  uint64_t before_ns = clock_now_ns(), wrong = 0;
  for (int i = 0; i < 10000; i++) {
    uint64_t now_ns = clock_now_ns();
    wrong += now_ns < before_ns;
    before_ns = now_ns;
  }
  CU_ASSERT_EQUAL(wrong, 0);
}

static void random_bytes_differ(void) {
  uint8_t bytes[4][1000] = {{0}};
  unsigned set = 0;
  for (int i = 0; i < 4; i++)
    random_fill(bytes[i], sizeof(bytes[i]));
  for (int i = 0; i < 1000; i++)
    set += (unsigned)__builtin_popcount(bytes[0][i]);
  CU_ASSERT_TRUE(set > 3500 && set < 4500); /* half of 8000, by more than ten deviations */
  CU_ASSERT_NOT_EQUAL(memcmp(bytes[0], bytes[1], sizeof(bytes[0])), 0);
}

static void random_without_getrandom(void) {
  uint8_t one[64] = {0}, other[64] = {0};
  child_refuse_call(SYS_getrandom, ENOSYS);
  random_fill(one, sizeof(one));
  random_fill(other, sizeof(other));
  CHILD_CHECK(memcmp(one, other, sizeof(one)) != 0);
}

static void random_from_the_device(void) { CU_ASSERT(child_passes(random_without_getrandom)); }

UNIT_MAIN(UNIT_CASE(deadlines), UNIT_CASE(readiness), UNIT_CASE(signals), UNIT_CASE(quiet_while_awake),
          UNIT_CASE(hangup_is_a_signal_unless_ignored), UNIT_CASE(the_clock_goes_on),
          UNIT_CASE(random_bytes_differ), UNIT_CASE(random_from_the_device))
