/* pacer: trains, their spacing, and the rate that comes out over thousands of late calls. */
#include "unit.h"

#include "transport/pacer.h"

enum { DATAGRAM = 1000 };
#define START (5 * NS_PER_S)

static uint32_t send_burst(struct pacer *pacer, uint64_t now_ns, size_t size) {
  uint32_t sent = 0;
  for (; sent < 10000 && pacer_next_ns(pacer, now_ns) <= now_ns; sent++)
    pacer_on_sent(pacer, now_ns, size);
  return sent;
}

static void without_a_rate_nothing_waits(void) {
  struct pacer pacer;
  pacer_init(&pacer, START, 0, DATAGRAM);
  CU_ASSERT_EQUAL(send_burst(&pacer, START, DATAGRAM), 10000);
  CU_ASSERT_EQUAL(pacer_next_ns(&pacer, START + 7), START + 7);
}

static void the_quantum_is_whole_datagrams(void) {
  static const struct {
    uint64_t rate, datagram, quantum;
  } rows[] = {
      {1, 1472, 2944},                   /* never under two */
      {2943999, 1472, 2944},             /* */
      {4416000, 1472, 3 * 1472},         /* 1 ms of it */
      {5887999, 1472, 3 * 1472},         /* rounded down */
      {50000000, 1472, 33 * 1472},       /* 50000 */
      {125000000, 1472, 44 * 1472},      /* 1 Gbit/s: one whole offload train */
      {50000000000ull, 1452, 45 * 1452}, /* 400 Gbit/s */
      {50000000000ull, 65507, 2 * 65507},
  };
  for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
    struct pacer pacer;
    pacer_init(&pacer, START, 0, rows[i].datagram);
    pacer_set_rate(&pacer, START, rows[i].rate, rows[i].datagram);
    CU_ASSERT_EQUAL(pacer.quantum, rows[i].quantum);
  }
}

/* 10 MB/s: ten datagrams a millisecond. */
static void paced_at_10_mb(struct pacer *pacer) {
  pacer_init(pacer, START, 0, DATAGRAM);
  pacer_set_rate(pacer, START, 10000000, DATAGRAM);
}

static void waits_for_a_whole_train(void) {
  struct pacer pacer;
  paced_at_10_mb(&pacer);
  CU_ASSERT_EQUAL(send_burst(&pacer, START, DATAGRAM), 10);
  CU_ASSERT_EQUAL(pacer_next_ns(&pacer, START), START + NS_PER_MS);
  /* There is credit for nine datagrams, and still none leaves. */
  CU_ASSERT_EQUAL(pacer_next_ns(&pacer, START + 999999), START + NS_PER_MS);
  CU_ASSERT_EQUAL(send_burst(&pacer, START + NS_PER_MS, DATAGRAM), 10);
}

static void a_train_once_begun_goes_on(void) {
  struct pacer pacer;
  paced_at_10_mb(&pacer);
  pacer_on_sent(&pacer, START, DATAGRAM);
  CU_ASSERT_EQUAL(pacer_next_ns(&pacer, START), START);
  CU_ASSERT_EQUAL(pacer_next_ns(&pacer, START + 20), START + 20);
  pacer_set_rate(&pacer, START, 10000000, DATAGRAM);
  CU_ASSERT_EQUAL(send_burst(&pacer, START, DATAGRAM), 9);
  CU_ASSERT_EQUAL(pacer_next_ns(&pacer, START), START + NS_PER_MS);
}

static void idleness_saves_two_trains_at_most(void) {
  struct pacer pacer;
  paced_at_10_mb(&pacer);
  send_burst(&pacer, START, DATAGRAM);
  CU_ASSERT_EQUAL(send_burst(&pacer, START + 3600 * NS_PER_S, DATAGRAM), 20);
  uint64_t later = START + 3600 * NS_PER_S + 1500000; /* 1.5 ms late for one more: 15 */
  CU_ASSERT_EQUAL(send_burst(&pacer, later, DATAGRAM), 15);
  CU_ASSERT_EQUAL(send_burst(&pacer, 1ull << 63, DATAGRAM), 20);
}

static void smaller_datagrams_are_counted_by_bytes(void) {
  struct pacer pacer;
  paced_at_10_mb(&pacer);
  /* 10000 - 19 x 500 = 500 is less than a datagram: the train ends, 500 are left for the next. */
  CU_ASSERT_EQUAL(send_burst(&pacer, START, 500), 19);
  CU_ASSERT_EQUAL(pacer_next_ns(&pacer, START), START + 950000);
}

static void a_larger_datagram_makes_a_debt(void) {
  struct pacer pacer;
  paced_at_10_mb(&pacer);
  for (int i = 0; i < 9; i++)
    pacer_on_sent(&pacer, START, DATAGRAM);
  pacer_on_sent(&pacer, START, 1400); /* a probe: 400 too much */
  CU_ASSERT_EQUAL(pacer_next_ns(&pacer, START), START + 1040000);
}

static void a_limit_holds_with_and_without_a_rate(void) {
  struct pacer pacer;
  pacer_init(&pacer, START, 10000000, DATAGRAM);
  CU_ASSERT_EQUAL(send_burst(&pacer, START, DATAGRAM), 10);
  CU_ASSERT_EQUAL(pacer_next_ns(&pacer, START), START + NS_PER_MS);
  pacer_set_rate(&pacer, START, 1000000000, DATAGRAM);
  CU_ASSERT_EQUAL(pacer_next_ns(&pacer, START), START + NS_PER_MS);
  pacer_set_rate(&pacer, START, 5000000, DATAGRAM); /* half: five datagrams of it */
  CU_ASSERT_EQUAL(pacer_next_ns(&pacer, START), START + NS_PER_MS);
  CU_ASSERT_EQUAL(pacer.quantum, 5000);
  pacer_set_rate(&pacer, START, 0, DATAGRAM);
  CU_ASSERT_EQUAL(pacer.rate_bytes_per_s, 10000000);
}

static void a_debt_is_bytes_whatever_the_rate(void) {
  struct pacer pacer;
  pacer_init(&pacer, START, 0, DATAGRAM);
  pacer_set_rate(&pacer, START, 1000, DATAGRAM); /* a byte a millisecond, quantum 2000 */
  pacer_on_sent(&pacer, START, DATAGRAM);
  pacer_on_sent(&pacer, START, 1500);
  CU_ASSERT_EQUAL(pacer_next_ns(&pacer, START), START + 2500 * NS_PER_MS);
  pacer_set_rate(&pacer, START, 2000000, DATAGRAM);
  CU_ASSERT_EQUAL(pacer_next_ns(&pacer, START), START + 2500 * NS_PER_S / 2000000);
}

static void time_before_a_change_counts_at_the_old_rate(void) {
  struct pacer pacer;
  paced_at_10_mb(&pacer);
  send_burst(&pacer, START, DATAGRAM);
  pacer_set_rate(&pacer, START + 500000, 20000000, DATAGRAM); /* 5000 earned, 20000 needed */
  CU_ASSERT_EQUAL(pacer_next_ns(&pacer, START + 500000), START + 500000 + 750000);
}

static void a_clock_that_steps_back_earns_nothing(void) {
  struct pacer pacer;
  paced_at_10_mb(&pacer);
  send_burst(&pacer, START, DATAGRAM);
  CU_ASSERT_EQUAL(pacer_next_ns(&pacer, START - 1000), START + NS_PER_MS);
  pacer_set_rate(&pacer, START - 1000, 10000000, DATAGRAM);
  CU_ASSERT_EQUAL(pacer_next_ns(&pacer, START), START + NS_PER_MS);
}

/* Every call up to half a train's time late; the bytes must come out right to a thousandth. */
static void keeps_the_rate_over_late_calls(void) {
  static const uint64_t rates[] = {10007,     123457,        1250000,        12345679,
                                   125000000, 1250000000ull, 12500000000ull, 50000000000ull};
  struct prng prng;
  prng_seed(&prng, 4711);
  for (size_t i = 0; i < sizeof(rates) / sizeof(rates[0]); i++) {
    struct pacer pacer;
    pacer_init(&pacer, START, 0, 1472);
    pacer_set_rate(&pacer, START, rates[i], 1472);
    uint64_t train_ns = pacer.quantum * NS_PER_S / rates[i], now_ns = START, bytes = 0;
    send_burst(&pacer, now_ns, 1472); /* what was there at the start */
    for (int train = 0; train < 5000; train++) {
      uint64_t next_ns = pacer_next_ns(&pacer, now_ns);
      CU_ASSERT_FATAL(pacer_next_ns(&pacer, next_ns) == next_ns); /* who wakes up then need not wait again */
      CU_ASSERT_FATAL(pacer_next_ns(&pacer, next_ns - 1) == next_ns);
      now_ns = next_ns + prng_below(&prng, train_ns / 2);
      if (train % 3 == 0) pacer_set_rate(&pacer, now_ns, rates[i], 1472);
      uint32_t sent = send_burst(&pacer, now_ns, 1472);
      CU_ASSERT_FATAL(sent > 0 && sent * 1472ull <= 2 * pacer.quantum);
      bytes += sent * 1472ull;
    }
    double expected = (double)(now_ns - START) / 1e9 * (double)rates[i];
    CU_ASSERT((double)bytes > expected * 0.999 && (double)bytes < expected * 1.001);
  }
}

UNIT_MAIN(UNIT_CASE(without_a_rate_nothing_waits), UNIT_CASE(the_quantum_is_whole_datagrams),
          UNIT_CASE(waits_for_a_whole_train), UNIT_CASE(a_train_once_begun_goes_on),
          UNIT_CASE(idleness_saves_two_trains_at_most), UNIT_CASE(smaller_datagrams_are_counted_by_bytes),
          UNIT_CASE(a_larger_datagram_makes_a_debt), UNIT_CASE(a_limit_holds_with_and_without_a_rate),
          UNIT_CASE(a_debt_is_bytes_whatever_the_rate),
          UNIT_CASE(time_before_a_change_counts_at_the_old_rate),
          UNIT_CASE(a_clock_that_steps_back_earns_nothing), UNIT_CASE(keeps_the_rate_over_late_calls))
