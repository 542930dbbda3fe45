/* limits_text: the largest share first, small ones together, 100% in all, whatever the times. */
#include "cli/limits_text.h"
#include "unit.h"

#include <stdlib.h>

static const struct conn_stats stats = {.congestion = "bbr",
                                        .rtt_smoothed_ns = 40120 * NS_PER_US,
                                        .rtt_min_ns = 9996 * NS_PER_US,
                                        .packets_sent = 10000,
                                        .packets_lost = 12,
                                        .window_bytes = 3 << 20,
                                        .rate_bytes_per_s = 12000000};

static void says_who_had_which_share(void) {
  static const struct {
    struct held_up held;
    enum limits_detail detail;
    const char *text;
  } truth[] = {
      {{.ns = {[LIMIT_NETWORK] = 91, [LIMIT_SINK] = 6, [LIMIT_ANSWERS] = 3}},
       LIMITS_SHARES,
       "limited by the network 91% (bbr), the receiver's disk 6%, round trips 3%"},
      {{.ns = {[LIMIT_RATE_MAX] = 5 * NS_PER_S}}, LIMITS_SHARES, "limited by --bwlimit 100%"},
      {{.ns = {[LIMIT_SOURCE] = 960, [LIMIT_SENDER_CPU] = 20, [LIMIT_ANSWERS] = 20}},
       LIMITS_SHARES,
       "limited by the sender's disk 96%, the rest 4%"},
      /* thirds: the percent that is left over goes to one of them */
      {{.ns = {[LIMIT_NETWORK] = 10, [LIMIT_CREDIT] = 10, [LIMIT_RECEIVER_CPU] = 10}},
       LIMITS_SHARES,
       "limited by the network 34% (bbr), the receiver's window 33%, the receiver's CPU 33%"},
      {{.ns = {[LIMIT_DROPS] = 3, [LIMIT_SENDER_CPU] = 1}, .drops = 1},
       LIMITS_SHARES,
       "limited by the receiver's socket buffer 75%, the sender's CPU 25%; the receiver's socket "
       "overflowed 1 time (net.core.rmem_max)"},
      {{.ns = {[LIMIT_PEER] = 1}, .drops = 655},
       LIMITS_SHARES,
       "limited by the network or the sender 100%; the receiver's socket overflowed 655 times "
       "(net.core.rmem_max)"},
      {{.ns = {[LIMIT_RATE_MAX] = 1}, .drops = 2, .sender_drops = 3},
       LIMITS_NUMBERS,
       "limited by --bwlimit 100%; the receiver's socket overflowed 2 times (net.core.rmem_max); "
       "the sender's socket overflowed 3 times (net.core.rmem_max)"},
      {{.ns = {[LIMIT_RATE_MAX] = 1}, .sender_drops = 3}, LIMITS_SHARES, "limited by --bwlimit 100%"},
      {{.ns = {[LIMIT_NETWORK] = 3, [LIMIT_ANSWERS] = 1}},
       LIMITS_NUMBERS,
       "limited by the network 75% (bbr: round trip 40.1 ms, at least 10.00 ms; 0.12% lost; window 3.00 MiB, "
       "pace 96.0 Mbit/s), round trips 25%"},
      {{.ns = {[LIMIT_RATE_MAX] = 1}}, LIMITS_NUMBERS, "limited by --bwlimit 100%"},
  };
  char text[LIMITS_TEXT_BYTES];
  for (size_t i = 0; i < sizeof truth / sizeof truth[0]; i++) {
    const char *said = limits_text(&truth[i].held, &stats, truth[i].detail, text);
    CU_ASSERT_PTR_NOT_NULL_FATAL(said);
    CU_ASSERT_STRING_EQUAL(said, truth[i].text);
    if (strcmp(said, truth[i].text) != 0) printf("%s\n", said);
  }
  CU_ASSERT_PTR_NULL(limits_text(&(struct held_up){0}, &stats, LIMITS_SHARES, text));
}

/* Whatever is said adds up, is sorted, and fits. */
static void any_times_make_100_percent(void) {
  struct prng prng;
  prng_seed(&prng, 22);
  for (int round = 0; round < 2000; round++) {
    struct held_up held = {.drops = prng_below(&prng, 2) ? prng_next(&prng) : 0};
    char text[LIMITS_TEXT_BYTES];
    for (int i = 0; i < LIMITS; i++)
      held.ns[i] = prng_below(&prng, 3) ? prng_next(&prng) >> prng_below(&prng, 64) : 0;
    held.ns[round % LIMITS]++;
    const char *said = limits_text(&held, &stats, LIMITS_SHARES, text);
    CU_ASSERT_PTR_NOT_NULL_FATAL(said);
    unsigned sum = 0, last = 100;
    for (const char *at = said; (at = strchr(at, '%')) != NULL; at++) {
      const char *number = at;
      while (number[-1] != ' ')
        number--;
      unsigned percent = (unsigned)strtoul(number, NULL, 10);
      bool is_rest = number - said > 11 && strncmp(number - 11, ", the rest ", 11) == 0;
      CU_ASSERT(is_rest || (percent <= last && percent >= 3));
      sum += percent;
      if (!is_rest) last = percent;
    }
    CU_ASSERT_EQUAL(sum, 100);
  }
}

UNIT_MAIN(UNIT_CASE(says_who_had_which_share), UNIT_CASE(any_times_make_100_percent))
