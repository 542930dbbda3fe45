/* hystart: rounds and round trips of RFC 9406 section 4.2, driven through cubic with 1000-byte datagrams. */
#include "unit.h"

#include "transport/congestion.h"

#define MS NS_PER_MS
enum { DATAGRAM = 1000 };

static struct congestion cc;
static struct rtt rtt;
static uint64_t now_ns, next_number;

enum flight { WINDOW_FULL, APP_LIMITED };

static void begin(uint64_t rtt_ns) {
  now_ns = 1000 * NS_PER_S;
  next_number = 0;
  congestion_init(&cc, &congestion_cubic, DATAGRAM);
  rtt_init(&rtt, 100 * MS);
  rtt_on_sample(&rtt, rtt_ns, 0);
}

/* 1000 bytes acknowledged, with a sample; no packet sent by now would end the round. */
static void ack(uint64_t rtt_ns, enum flight flight) {
  now_ns += MS;
  rtt.latest_ns = rtt_ns;
  struct congestion_ack event = {.now_ns = now_ns,
                                 .bytes_acked = 1000,
                                 .bytes_in_flight = cc.window,
                                 .largest_acked = next_number,
                                 .next_number = next_number + 1000,
                                 .rtt = &rtt,
                                 .has_sample = true,
                                 .app_limited = flight == APP_LIMITED};
  next_number++;
  cc.ops->on_ack(&cc, &event);
}

/* A round of so many acknowledgements; the first of them starts it. */
static void hystart_round(uint64_t rtt_ns, uint32_t acks, enum flight flight) {
  next_number += 1000; /* everything of the round before is acknowledged */
  for (uint32_t i = 0; i < acks; i++)
    ack(rtt_ns, flight);
}

/* A round is what was in flight when it began. */
static void rounds_are_counted_by_packet_numbers(void) {
  begin(20 * MS);
  ack(20 * MS, WINDOW_FULL); /* number 0 begins a round up to 1000 */
  CU_ASSERT(cc.cubic.hystart.round_end == 1000 && cc.cubic.hystart.round_samples == 1);
  next_number = 999;
  ack(19 * MS, WINDOW_FULL);
  CU_ASSERT(cc.cubic.hystart.round_samples == 2 && cc.cubic.hystart.round_min_rtt_ns == 19 * MS);
  ack(25 * MS, WINDOW_FULL); /* 1000: its sample belongs to the new round */
  CU_ASSERT(cc.cubic.hystart.round_end == 2000 && cc.cubic.hystart.round_samples == 1);
  CU_ASSERT(cc.cubic.hystart.last_round_min_rtt_ns == 19 * MS &&
            cc.cubic.hystart.round_min_rtt_ns == 25 * MS);
}

static void a_growing_round_trip_slows_the_start(void) {
  static const struct {
    uint64_t last_us, threshold_us;
  } rows[] = {{50, 525},     {1000, 1000},   {7000, 4000},    {20000, 4000},
              {32000, 4000}, {80000, 10000}, {128000, 16000}, {200000, 16000}};
  for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
    uint64_t last_ns = rows[i].last_us * NS_PER_US, threshold_ns = rows[i].threshold_us * NS_PER_US;
    begin(last_ns);
    hystart_round(last_ns, 8, WINDOW_FULL);
    hystart_round(last_ns + threshold_ns - 1, 8, WINDOW_FULL);
    CU_ASSERT(!cc.cubic.hystart.conservative);
    begin(last_ns);
    hystart_round(last_ns, 8, WINDOW_FULL);
    hystart_round(last_ns + threshold_ns, 7, WINDOW_FULL);
    CU_ASSERT(!cc.cubic.hystart.conservative); /* seven samples are not enough */
    uint64_t before = cc.window;
    ack(last_ns + threshold_ns, WINDOW_FULL);
    CU_ASSERT(cc.cubic.hystart.conservative);
    CU_ASSERT_EQUAL(cc.window, before + 250);
    CU_ASSERT_EQUAL(cc.threshold, UINT64_MAX);
  }
}

static void enter_conservative(void) {
  begin(20 * MS);
  hystart_round(20 * MS, 8, WINDOW_FULL);
  hystart_round(30 * MS, 8, WINDOW_FULL);
  CU_ASSERT(cc.cubic.hystart.conservative);
}

static void five_slow_rounds_end_the_start(void) {
  enter_conservative(); /* the first of them */
  for (int i = 0; i < 4; i++) {
    uint64_t before = cc.window;
    hystart_round(30 * MS, 8, WINDOW_FULL);
    CU_ASSERT_EQUAL(cc.window, before + 2000);
    CU_ASSERT_EQUAL(cc.threshold, UINT64_MAX);
  }
  uint64_t window = cc.window;
  hystart_round(30 * MS, 1, WINDOW_FULL);
  CU_ASSERT_EQUAL(cc.threshold, window);
  CU_ASSERT(cc.window >= window && cc.window < window + 100);
  /* No loss was seen: the plateau is here, and K is 0. */
  CU_ASSERT(cc.cubic.now.k_s == 0 && cc.cubic.now.window_max == (double)window);
}

static void jitter_is_forgiven(void) {
  enter_conservative();
  hystart_round(29 * MS, 7, WINDOW_FULL);
  CU_ASSERT(cc.cubic.hystart.conservative);
  uint64_t before = cc.window;
  hystart_round(29 * MS, 8, WINDOW_FULL);
  CU_ASSERT(!cc.cubic.hystart.conservative);
  CU_ASSERT_EQUAL(cc.window, before + 7 * 250 + 1000);
  for (int i = 0; i < 10; i++)
    hystart_round(29 * MS, 8, WINDOW_FULL);
  CU_ASSERT_EQUAL(cc.threshold, UINT64_MAX);
}

static void an_idle_sender_caused_no_queue(void) {
  begin(20 * MS);
  hystart_round(20 * MS, 8, APP_LIMITED);
  hystart_round(30 * MS, 8, APP_LIMITED);
  CU_ASSERT(!cc.cubic.hystart.conservative);
  enter_conservative();
  for (int i = 0; i < 20; i++)
    hystart_round(30 * MS, 8, APP_LIMITED);
  CU_ASSERT_EQUAL(cc.threshold, UINT64_MAX);
}

static void later_slow_starts_do_without(void) {
  begin(20 * MS);
  cc.window = 1000000;
  hystart_round(20 * MS, 8, WINDOW_FULL);
  struct congestion_loss loss = {.now_ns = now_ns, .largest_lost = next_number++, .persistent = true};
  loss.next_number = next_number;
  cc.ops->on_loss(&cc, &loss);
  hystart_round(50 * MS, 8, WINDOW_FULL);
  CU_ASSERT(!cc.cubic.hystart.conservative);
  CU_ASSERT_EQUAL(cc.window, 2 * DATAGRAM + 8000);
}

/* When a connection begins, the first rounds may be late by the machines' own doing; on a LAN that is as much
 * as a queue is. */
static void a_late_beginning_hides_no_queue_of_a_lan(void) {
  static const struct {
    uint64_t least_us;
    bool is_seen;
  } rows[] = {{450, true}, {1600, false}};
  for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
    begin(rows[i].least_us * NS_PER_US);
    hystart_round(1600 * NS_PER_US, 8, WINDOW_FULL);
    hystart_round(1700 * NS_PER_US, 8, WINDOW_FULL);
    CU_ASSERT_EQUAL(cc.cubic.hystart.conservative, rows[i].is_seen);
  }
}

UNIT_MAIN(UNIT_CASE(a_late_beginning_hides_no_queue_of_a_lan),
          UNIT_CASE(rounds_are_counted_by_packet_numbers), UNIT_CASE(a_growing_round_trip_slows_the_start),
          UNIT_CASE(five_slow_rounds_end_the_start), UNIT_CASE(jitter_is_forgiven),
          UNIT_CASE(an_idle_sender_caused_no_queue), UNIT_CASE(later_slow_starts_do_without))
