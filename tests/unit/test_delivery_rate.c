/* delivery_rate: samples worked out by hand; 1000-byte packets, times in milliseconds. */
#include "unit.h"

#include "transport/delivery_rate.h"

#define MS NS_PER_MS
enum { SIZE = 1000, PACKETS = 64 };

static struct delivery delivery;
static struct rate_sample sample;
static struct delivery_stamp stamps[PACKETS];
static uint64_t sent_ms[PACKETS], in_flight;

static void begin(void) {
  delivery_init(&delivery, 0);
  in_flight = 0;
}

static void send(uint32_t number, uint64_t at_ms) {
  sent_ms[number] = at_ms;
  delivery_on_sent(&delivery, at_ms * MS, in_flight, SIZE, &stamps[number]);
  in_flight += SIZE;
}

static void take(uint32_t number, uint64_t at_ms) {
  delivery_on_acked(&delivery, &sample, at_ms * MS, &stamps[number], sent_ms[number] * MS, SIZE);
  in_flight -= SIZE;
}

/* Packets [first, end), acknowledged at once. */
static void acknowledge(uint32_t first, uint32_t end, uint64_t at_ms) {
  delivery_begin(&sample);
  for (uint32_t i = first; i < end; i++)
    take(i, at_ms);
  delivery_finish(&delivery, &sample, UINT64_MAX);
}

static void a_packet_remembers_in_32_bytes(void) {
  CU_ASSERT_EQUAL(sizeof(struct delivery_stamp), 32);
  begin();
  send(0, 5);
  send(1, 6);
  CU_ASSERT(stamps[0].in_flight == 1000 && stamps[1].in_flight == 2000);
  CU_ASSERT(stamps[1].first_sent_ns == 5 * MS && stamps[1].delivered_ns == 5 * MS);
  CU_ASSERT(stamps[1].delivered == 0 && !stamps[1].is_app_limited);
}

static void a_steady_path_shows_its_rate(void) {
  begin(); /* one packet a millisecond, 10 ms away: 1 MB/s */
  for (uint32_t i = 0; i < 40; i++) {
    if (i >= 10) acknowledge(i - 10, i - 9, i);
    send(i, i);
    if (i >= 20) CU_ASSERT_EQUAL(sample.rate_bytes_per_s, 1000000);
    if (i >= 20) CU_ASSERT(sample.rtt_ns == 10 * MS && sample.delivered == 10000);
  }
}

static void acknowledgements_in_a_clump_show_the_rate_of_sending(void) {
  begin();
  for (uint32_t i = 0; i < 10; i++)
    send(i, i); /* over 9 ms */
  acknowledge(0, 1, 20);
  acknowledge(1, 10, 21);                       /* nine in one millisecond */
  CU_ASSERT_EQUAL(sample.interval_ns, 21 * MS); /* since the first was sent: nothing had come before */
  CU_ASSERT_EQUAL(sample.rate_bytes_per_s, 10000 * 1000 / 21);
  begin();
  for (uint32_t i = 0; i < 11; i++)
    send(i, i);
  acknowledge(0, 10, 21);
  for (uint32_t i = 11; i < 20; i++)
    send(i, 19 + i);       /* up to 38 */
  acknowledge(10, 20, 39); /* ten, in 18 ms since the last; sent over 29 ms since packet 9 left */
  CU_ASSERT_EQUAL(sample.interval_ns, 29 * MS);
  CU_ASSERT_EQUAL(sample.rate_bytes_per_s, 10000 * 1000 / 29);
}

static void sending_in_a_clump_shows_the_rate_of_acknowledgements(void) {
  begin();
  for (uint32_t i = 0; i < 10; i++)
    send(i, 0);
  for (uint32_t i = 0; i < 10; i++)
    acknowledge(i, i + 1, 10 + i);
  CU_ASSERT_EQUAL(sample.rate_bytes_per_s, 10000 * 1000 / 19);
}

static void an_interval_below_the_round_trip_is_no_sample(void) {
  begin();
  send(0, 0);
  delivery_begin(&sample);
  take(0, 3);
  delivery_finish(&delivery, &sample, 4 * MS);
  CU_ASSERT(sample.rate_bytes_per_s == 0 && sample.newly_acked == 1000 && sample.has_data);
  send(1, 3);
  delivery_begin(&sample);
  take(1, 7);
  delivery_finish(&delivery, &sample, 4 * MS);
  CU_ASSERT_EQUAL(sample.rate_bytes_per_s, 250000);
}

static void the_order_within_an_acknowledgement_does_not_matter(void) {
  for (int order = 0; order < 2; order++) {
    begin();
    for (uint32_t i = 0; i < 5; i++)
      send(i, i);
    delivery_begin(&sample);
    for (uint32_t i = 0; i < 5; i++)
      take(order ? 4 - i : i, 10);
    delivery_finish(&delivery, &sample, UINT64_MAX);
    CU_ASSERT(sample.sent_ns == 4 * MS && sample.rtt_ns == 6 * MS && sample.newly_acked == 5000);
    CU_ASSERT_EQUAL(delivery.first_sent_ns, 4 * MS);
  }
}

static void an_old_packet_that_comes_late_moves_nothing_back(void) {
  begin();
  for (uint32_t i = 0; i < 5; i++)
    send(i, i);
  acknowledge(1, 5, 10);
  uint64_t first_sent_ns = delivery.first_sent_ns;
  acknowledge(0, 1, 12);
  CU_ASSERT(delivery.first_sent_ns == first_sent_ns && sample.delivered == 5000);
  CU_ASSERT(sample.rate_bytes_per_s <= 5000 * 1000 / 12);
}

static void idleness_does_not_count(void) {
  begin();
  send(0, 0);
  acknowledge(0, 1, 10);
  send(1, 5000);
  acknowledge(1, 2, 5010);
  CU_ASSERT_EQUAL(sample.rate_bytes_per_s, 100000); /* one packet in ten milliseconds, as the first */
}

static void app_limited_until_the_bubble_is_through(void) {
  begin();
  send(0, 0);
  delivery_on_app_limited(&delivery, in_flight); /* nothing more to send behind packet 0 */
  send(1, 5);
  acknowledge(0, 1, 10);
  CU_ASSERT(!sample.stamp.is_app_limited && delivery.app_limited_end != 0);
  send(2, 10);
  acknowledge(1, 2, 15);
  CU_ASSERT(sample.stamp.is_app_limited && delivery.app_limited_end == 0);
  send(3, 15);
  acknowledge(2, 4, 25);
  CU_ASSERT(!sample.stamp.is_app_limited);
  begin();
  delivery_on_app_limited(&delivery, 0); /* before anything was sent */
  send(0, 1);
  CU_ASSERT(stamps[0].is_app_limited);
}

static void losses_count_from_the_sending_on(void) {
  begin();
  delivery.lost = (5ull << 32) - 500; /* the low half is about to turn over */
  send(0, 0);
  send(1, 0);
  send(2, 0);
  delivery_begin(&sample);
  take(2, 10);
  delivery_on_lost(&delivery, SIZE);
  delivery_on_lost(&delivery, SIZE);
  delivery_finish(&delivery, &sample, UINT64_MAX);
  CU_ASSERT(sample.lost == 2000);
  CU_ASSERT_EQUAL(delivery_lost_since(&delivery, &stamps[0]), 2000);
  send(3, 10);
  CU_ASSERT_EQUAL(delivery_lost_since(&delivery, &stamps[3]), 0);
}

static void counters_pass_four_gigabytes(void) {
  begin();
  delivery.delivered = 0xfffffff0ull;
  send(0, 0);
  acknowledge(0, 1, 10);
  CU_ASSERT(delivery.delivered == 0xfffffff0ull + 1000 && sample.delivered == 1000);
  CU_ASSERT_EQUAL(sample.rate_bytes_per_s, 100000);
}

UNIT_MAIN(UNIT_CASE(a_packet_remembers_in_32_bytes), UNIT_CASE(a_steady_path_shows_its_rate),
          UNIT_CASE(acknowledgements_in_a_clump_show_the_rate_of_sending),
          UNIT_CASE(sending_in_a_clump_shows_the_rate_of_acknowledgements),
          UNIT_CASE(an_interval_below_the_round_trip_is_no_sample),
          UNIT_CASE(the_order_within_an_acknowledgement_does_not_matter),
          UNIT_CASE(an_old_packet_that_comes_late_moves_nothing_back), UNIT_CASE(idleness_does_not_count),
          UNIT_CASE(app_limited_until_the_bubble_is_through), UNIT_CASE(losses_count_from_the_sending_on),
          UNIT_CASE(counters_pass_four_gigabytes))
