/* loss: the two thresholds, how they adapt, and the probe timer's backoff (RFC 9002 section 6). */
#include "unit.h"

#include "transport/loss.h"

#define MS NS_PER_MS

static struct loss loss;
static struct sent_packets sent;
static struct rtt rtt;

/* `count` packets, one a millisecond, over a path of 40 ms. */
static void start(int count) {
  loss_init(&loss);
  CU_ASSERT_EQUAL_FATAL(sent_packets_init(&sent, 64, 1), 0);
  rtt = (struct rtt){.latest_ns = 40 * MS,
                     .smoothed_ns = 40 * MS,
                     .variation_ns = 5 * MS,
                     .min_ns = 40 * MS,
                     .sampled = true};
  for (int i = 0; i < count; i++)
    sent_packets_add(
        &sent, &(struct sent_packet){.sent_ns = (uint64_t)i * MS, .size = 100, .flags = SENT_ELICITING});
}

static void ack(uint64_t number) {
  sent_packets_settle(&sent, sent_packets_find(&sent, number), SENT_ACKED);
  sent_packets_remember(&sent, number, number + 1);
}

static int count_lost(uint64_t now_ns) {
  uint64_t number;
  struct sent_packet *packet;
  int count = 0;
  while ((packet = loss_next(&loss, &sent, &rtt, now_ns, &number))) {
    sent_packets_settle(&sent, packet, SENT_LOST);
    count++;
  }
  return count;
}

static void packet_threshold(void) {
  static const struct {
    uint64_t acked;
    int lost;
  } table[] = {{0, 0}, {1, 0}, {2, 0}, {3, 1}, {4, 2}, {9, 7}};
  for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
    start(10);
    ack(table[i].acked);
    CU_ASSERT_EQUAL(count_lost(41 * MS), table[i].lost);
    sent_packets_clear(&sent);
  }
}

static void time_threshold_is_nine_eighths_of_a_round_trip(void) {
  start(3);
  ack(1);
  CU_ASSERT_EQUAL(count_lost(45 * MS - 1), 0);
  CU_ASSERT_EQUAL(loss.time_deadline_ns, 45 * MS);
  CU_ASSERT_EQUAL(count_lost(45 * MS), 1);
  CU_ASSERT_EQUAL(loss.time_deadline_ns, TIME_NEVER);
  sent_packets_clear(&sent);
}

static void nothing_is_lost_before_anything_later_was_acknowledged(void) {
  start(10);
  CU_ASSERT_EQUAL(count_lost(100 * NS_PER_S), 0);
  CU_ASSERT_EQUAL(loss.time_deadline_ns, TIME_NEVER);
  sent_packets_clear(&sent);
}

static void reordering_is_learnt(void) {
  start(20);
  ack(9);
  loss_on_spurious(&loss, &sent, 2);
  CU_ASSERT_EQUAL(loss.packet_threshold, 8);
  CU_ASSERT_EQUAL(loss.time_eighths, LOSS_TIME_EIGHTHS + 1);
  for (int i = 0; i < 100; i++)
    loss_on_spurious(&loss, &sent, 8);
  CU_ASSERT_EQUAL(loss.packet_threshold, 8);
  CU_ASSERT_EQUAL(loss.time_eighths, LOSS_TIME_EIGHTHS_MAX);
  sent_packets_clear(&sent);
}

static void probes_back_off_to_a_limit(void) {
  /* round trip, variation; the longest interval: twice that of an empty path, within 10 ms and 1 s */
  static const struct {
    uint64_t min_ns, smoothed_ns, variation_ns, delay_ns, limit_ns;
  } rows[] = {{MS, MS, 0, 0, 10 * MS},
              {50 * NS_PER_US, 90 * NS_PER_US, 10 * NS_PER_US, 10 * NS_PER_US, 10 * MS},
              {100 * MS, 100 * MS, 5 * MS, 25 * MS, 290 * MS},
              {100 * MS, 200 * MS, 5 * MS, 25 * MS, 290 * MS}, /* what stood in queues will be gone */
              {100 * MS, 500 * MS, 5 * MS, 25 * MS, 545 * MS},
              {600 * MS, 600 * MS, 5 * MS, 25 * MS, NS_PER_S},
              {1500 * MS, 1500 * MS, 5 * MS, 25 * MS, 1545 * MS}};
  start(5);
  for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
    rtt.min_ns = rows[i].min_ns;
    rtt.smoothed_ns = rows[i].smoothed_ns;
    rtt.variation_ns = rows[i].variation_ns;
    uint64_t interval_ns = rtt_probe_timeout_ns(&rtt, rows[i].delay_ns);
    for (uint32_t count = 0; count < 40; count++) {
      loss.probe_count = count;
      uint64_t expected_ns = count < 10 ? interval_ns << count : rows[i].limit_ns;
      if (expected_ns > rows[i].limit_ns) expected_ns = rows[i].limit_ns;
      CU_ASSERT_EQUAL(loss_probe_deadline(&loss, &sent, &rtt, rows[i].delay_ns), 4 * MS + expected_ns);
    }
  }
  rtt.sampled = false; /* a handshake: nothing is known of the path */
  CU_ASSERT_EQUAL(loss_probe_deadline(&loss, &sent, &rtt, 0), 4 * MS + 1500 * MS + 20 * MS);
  rtt.sampled = true;
  for (uint64_t number = 0; number < 5; number++)
    ack(number);
  CU_ASSERT_EQUAL(loss_probe_deadline(&loss, &sent, &rtt, 10 * MS), TIME_NEVER);
  sent_packets_clear(&sent);
}

static void persistence_takes_three_probe_timeouts(void) {
  start(1);
  uint64_t span_ns = 3 * rtt_probe_timeout_ns(&rtt, 0);
  CU_ASSERT_FALSE(loss_is_persistent(MS, MS + span_ns, &rtt, 0));
  CU_ASSERT_TRUE(loss_is_persistent(MS, MS + span_ns + 1, &rtt, 0));
  rtt.sampled = false;
  CU_ASSERT_FALSE(loss_is_persistent(MS, MS + span_ns + 1, &rtt, 0));
  sent_packets_clear(&sent);
}

UNIT_MAIN(UNIT_CASE(packet_threshold), UNIT_CASE(time_threshold_is_nine_eighths_of_a_round_trip),
          UNIT_CASE(nothing_is_lost_before_anything_later_was_acknowledged), UNIT_CASE(reordering_is_learnt),
          UNIT_CASE(probes_back_off_to_a_limit), UNIT_CASE(persistence_takes_three_probe_timeouts))
