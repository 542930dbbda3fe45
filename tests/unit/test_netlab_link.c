/*
 * The model of a link direction in simulated time. Random shares are checked with fixed seeds against bounds
 * of about four standard deviations; everything else is exact.
 */
#include "netlab/link.h"
#include "unit.h"

#include <math.h>
#include <stdlib.h>

#include "netlab_run.h"

static struct outcome other;

static int is_in_order(const struct outcome *out) {
  size_t i;

  for (i = 1; i < out->count; i++)
    if (out->tag[i] < out->tag[i - 1]) return 0;
  return 1;
}

static int is_equal(const struct outcome *a, const struct outcome *b) {
  return a->count == b->count && memcmp(a->tag, b->tag, a->count * sizeof(a->tag[0])) == 0 &&
         memcmp(a->at_ns, b->at_ns, a->count * sizeof(a->at_ns[0])) == 0;
}

static int is_in_time(const struct outcome *out) {
  size_t i;

  for (i = 1; i < out->count; i++)
    if (out->at_ns[i] < out->at_ns[i - 1]) return 0;
  return 1;
}

static void delays_exactly(void) {
  struct link_config c = plain();
  size_t i;

  c.delay_ns = 50 * MS;
  run(&c, 1, 100, 1000, MS, &outcome);
  CU_ASSERT_EQUAL(outcome.count, 100);
  for (i = 0; i < outcome.count; i++)
    CU_ASSERT_EQUAL(outcome.at_ns[i], i * MS + 50 * MS);
  CU_ASSERT_TRUE(is_in_order(&outcome));
}

static void lends_nothing_before_its_time(void) {
  struct link_config c = plain();
  struct link *l;

  c.delay_ns = 5 * MS;
  l = link_new(&c, 1);
  assert(l != NULL);
  CU_ASSERT_EQUAL(link_next_time(l), LINK_NEVER);
  CU_ASSERT_PTR_NULL(link_pop(l, SECOND));
  link_push(l, SECOND, 100, 9);
  CU_ASSERT_EQUAL(link_next_time(l), SECOND + 5 * MS);
  CU_ASSERT_PTR_NULL(link_pop(l, SECOND + 5 * MS - 1));
  CU_ASSERT_PTR_NOT_NULL(link_pop(l, SECOND + 5 * MS));
  CU_ASSERT_EQUAL(link_next_time(l), LINK_NEVER);
  link_free(l);
}

static void loses_its_share(void) {
  static const struct {
    double loss;
    uint64_t seed, least, most;
  } rows[] = {
      {0, 1, 0, 0},        {0.01, 1, 874, 1126},   {0.01, 2, 874, 1126},    {0.01, 3, 874, 1126},
      {0.001, 1, 60, 140}, {0.5, 1, 49368, 50632}, {0.2, 99, 19494, 20506}, {1, 1, 100000, 100000},
  };
  size_t i;

  for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
    struct link_config c = plain();

    c.loss = rows[i].loss;
    run(&c, rows[i].seed, 100000, 100, 1000, &outcome);
    CU_ASSERT_TRUE(outcome.stats.lost >= rows[i].least && outcome.stats.lost <= rows[i].most);
    CU_ASSERT_EQUAL(outcome.count, 100000 - outcome.stats.lost);
  }
}

static void loses_in_bursts(void) {
  struct link_config c = plain();
  size_t i, bursts = 0;

  c.burst_loss = 0.02;
  c.burst_packets = 8;
  run(&c, 5, PACKETS_MAX, 100, 1000, &outcome);
  for (i = 1; i < outcome.count; i++)
    bursts += outcome.tag[i] != outcome.tag[i - 1] + 1;
  /* 1000 bursts are expected; the length of one has a deviation of 7.5, that of the sum is about 345. */
  CU_ASSERT_TRUE(outcome.stats.lost > 8000 - 1400 && outcome.stats.lost < 8000 + 1400);
  CU_ASSERT_DOUBLE_EQUAL((double)outcome.stats.lost / (double)bursts, 8, 1);

  /* Independent losses of the same share come in runs of 1 / (1 - p). */
  c.burst_packets = 1 / (1 - 0.02);
  run(&c, 5, PACKETS_MAX, 100, 1000, &outcome);
  for (bursts = 0, i = 1; i < outcome.count; i++)
    bursts += outcome.tag[i] != outcome.tag[i - 1] + 1;
  CU_ASSERT_DOUBLE_EQUAL((double)outcome.stats.lost / (double)bursts, 1.02, 0.01);
}

static void decides_by_seed(void) {
  struct link_config c = plain();

  c.loss = c.duplicate = c.reorder = 0.05;
  c.reorder_hold_ns = 3 * MS;
  c.jitter_ns = MS;
  c.delay_ns = 10 * MS;
  run(&c, 42, 20000, 500, 10000, &outcome);
  run(&c, 42, 20000, 500, 10000, &other);
  CU_ASSERT_TRUE(is_equal(&outcome, &other));
  run(&c, 43, 20000, 500, 10000, &other);
  CU_ASSERT_FALSE(is_equal(&outcome, &other));
}

static void decides_each_matter_alone(void) {
  struct link_config c = plain();

  c.loss = 0.05;
  run(&c, 7, 20000, 500, 10000, &outcome);
  /* Neither other impairments nor another pace change which packets are lost. */
  c.jitter_ns = c.delay_ns = MS;
  c.corrupt = 0.5;
  run(&c, 7, 20000, 400, 33333, &other);
  CU_ASSERT_EQUAL(outcome.count, other.count);
  CU_ASSERT_EQUAL(memcmp(outcome.tag, other.tag, outcome.count * sizeof(outcome.tag[0])), 0);
}

static void keeps_the_rate(void) {
  static const struct {
    uint64_t bits_per_second;
    size_t bytes;
  } rows[] = {{200000000, 1500}, {1000000000, 1500}, {20000000, 1500}, {200000000, 40}, {123456789, 777}};
  size_t i, k;

  for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
    struct link_config c = plain();
    uint64_t bits = 0, gap_ns = rows[i].bytes * 8 * SECOND / rows[i].bits_per_second * 4 / 5;
    size_t count = (size_t)(SECOND / gap_ns + 1000);

    if (count > 100000) count = 100000; /* they must all find room, too */
    c.rate_count = 1;
    c.rates[0].bits_per_second = rows[i].bits_per_second;
    run(&c, 1, count, rows[i].bytes, gap_ns, &outcome);
    CU_ASSERT_EQUAL(outcome.count, count);
    for (k = 0; k < count; k++)
      bits += rows[i].bytes * 8;
    /* It was offered more than the rate, so it never paused: all bits over all time is the rate. */
    CU_ASSERT_DOUBLE_EQUAL(
        (double)bits / ((double)outcome.at_ns[count - 1] / 1e9) / (double)rows[i].bits_per_second, 1, 0.001);
  }
}

static void changes_the_rate_within_a_packet(void) {
  struct link_config c = plain();

  c.rates[0].bits_per_second = 1000000;
  c.rates[1] = (struct link_rate){5 * MS, 10000000};
  c.rates[2] = (struct link_rate){100 * MS, 0};
  c.rate_count = 3;
  /* 10,000 bits: half of them at 1 Mbit/s take 5 ms, the others at 10 Mbit/s 0.5 ms. */
  run(&c, 1, 3, 1250, 0, &outcome);
  CU_ASSERT_EQUAL(outcome.at_ns[0], 5 * MS + MS / 2);
  CU_ASSERT_EQUAL(outcome.at_ns[1], 6 * MS + MS / 2);
  CU_ASSERT_EQUAL(outcome.at_ns[2], 7 * MS + MS / 2);
  /* 94.5 ms at 10 Mbit/s are 94.5 packets; from 100 ms on, everything leaves at once. */
  run(&c, 1, 200, 1250, 0, &outcome);
  CU_ASSERT_EQUAL(outcome.at_ns[94], 99 * MS + MS / 2);
  CU_ASSERT_EQUAL(outcome.at_ns[95], 100 * MS);
  CU_ASSERT_EQUAL(outcome.at_ns[199], 100 * MS);
}

static void bounds_the_queue(void) {
  struct link_config c = plain();

  c.rate_count = 1;
  c.rates[0].bits_per_second = 12000000; /* 1500 bytes take 1 ms */
  c.queue_bytes = 30000;
  run(&c, 1, 1000, 1500, 0, &outcome);
  CU_ASSERT_EQUAL(outcome.count, 20);
  CU_ASSERT_EQUAL(outcome.stats.queue_drops, 980);
  CU_ASSERT_EQUAL(outcome.stats.queue_delay_max_ns, 19 * MS);
  CU_ASSERT_EQUAL(outcome.stats.queue_delay_sum_ns, 190 * MS);
  /* At half the pace of the rate nothing ever waits. */
  run(&c, 1, 1000, 1500, 2 * MS, &outcome);
  CU_ASSERT_EQUAL(outcome.count, 1000);
  CU_ASSERT_EQUAL(outcome.stats.queue_delay_max_ns, 0);
  /* A packet larger than the queue passes when nothing else waits. */
  c.queue_bytes = 100;
  run(&c, 1, 2, 1500, 0, &outcome);
  CU_ASSERT_EQUAL(outcome.count, 1);
}

static void lost_packets_use_the_wire(void) {
  struct link_config c = plain();

  c.rate_count = 1;
  c.rates[0].bits_per_second = 12000000;
  c.loss = 0.5;
  run(&c, 1, 1000, 1500, 0, &outcome);
  CU_ASSERT_TRUE(outcome.stats.lost > 400 && outcome.stats.lost < 600);
  CU_ASSERT_EQUAL(outcome.at_ns[outcome.count - 1], (outcome.tag[outcome.count - 1] + 1) * MS);
}

static void is_dark_from_to(void) {
  struct link_config c = plain();
  size_t i;

  c.blackouts[0] = (struct link_blackout){100 * MS, 150 * MS};
  c.blackouts[1] = (struct link_blackout){300 * MS, 301 * MS};
  c.blackout_count = 2;
  run(&c, 1, 400, 100, MS, &outcome);
  CU_ASSERT_EQUAL(outcome.stats.blackout_drops, 51);
  CU_ASSERT_EQUAL(outcome.count, 349);
  for (i = 0; i < outcome.count; i++)
    CU_ASSERT_FALSE((outcome.tag[i] >= 100 && outcome.tag[i] < 150) || outcome.tag[i] == 300);
}

static void swallows_what_exceeds_the_mtu(void) {
  struct link_config c = plain();

  c.mtu = 1400;
  run(&c, 1, 10, 1400, MS, &outcome);
  CU_ASSERT_EQUAL(outcome.count, 10);
  run(&c, 1, 10, 1401, MS, &outcome);
  CU_ASSERT_EQUAL(outcome.count, 0);
  CU_ASSERT_EQUAL(outcome.stats.mtu_drops, 10);
  c.framing = LINK_DATAGRAMS; /* with headers that are not there */
  run(&c, 1, 10, 1372, MS, &outcome);
  CU_ASSERT_EQUAL(outcome.count, 10);
  run(&c, 1, 10, 1373, MS, &outcome);
  CU_ASSERT_EQUAL(outcome.count, 0);
}

static void reorders(void) {
  struct link_config c = plain();
  size_t i, held = 0, wrong = 0;

  c.delay_ns = 10 * MS;
  c.reorder = 0.02;
  c.reorder_hold_ns = 3 * MS;
  run(&c, 1, 50000, 1000, MS / 10, &outcome);
  CU_ASSERT_EQUAL(outcome.count, 50000);
  CU_ASSERT_FALSE(is_in_order(&outcome));
  CU_ASSERT_TRUE(is_in_time(&outcome));
  for (i = 0; i < outcome.count; i++) {
    uint64_t delay_ns = outcome.at_ns[i] - outcome.tag[i] * (MS / 10);

    held += delay_ns == 13 * MS;
    wrong += delay_ns != 13 * MS && delay_ns != 10 * MS;
  }
  CU_ASSERT_EQUAL(wrong, 0);
  CU_ASSERT_TRUE(held > 1000 - 126 && held < 1000 + 126);
  /* All that were held are overtaken, save perhaps some of the last few. */
  CU_ASSERT_TRUE(outcome.stats.reordered <= held && outcome.stats.reordered + 30 >= held);
}

/* Smallest, largest and mean delay of the outcome of packets sent every gap_ns. */
static void measure(const struct outcome *out, uint64_t gap_ns, double *least, double *most, double *mean) {
  double sum = 0;
  size_t i;

  *least = INFINITY;
  *most = 0;
  for (i = 0; i < out->count; i++) {
    double delay_ns = (double)(out->at_ns[i] - out->tag[i] * gap_ns);

    if (delay_ns < *least) *least = delay_ns;
    if (delay_ns > *most) *most = delay_ns;
    sum += delay_ns;
  }
  *mean = sum / (double)out->count;
}

static void jitter_keeps_the_order(void) {
  static const uint64_t gaps_ns[] = {1000, 50000, 7 * MS};
  struct link_config c = plain();
  double least, most, mean;
  size_t i;

  c.delay_ns = 20 * MS;
  c.jitter_ns = 5 * MS;
  for (i = 0; i < 3; i++) {
    run(&c, 3, 200000, 100, gaps_ns[i], &outcome);
    CU_ASSERT_TRUE(is_in_order(&outcome));
    CU_ASSERT_EQUAL(outcome.stats.reordered, 0);
    measure(&outcome, gaps_ns[i], &least, &most, &mean);
    CU_ASSERT_TRUE(least >= 15e6 && least < 16.5e6 && most <= 25e6 && most > 23.5e6);
    CU_ASSERT_DOUBLE_EQUAL(mean, 20e6, i == 0 ? 1.6e6 : 0.3e6);
  }
  c.delay_ns = MS; /* less than the jitter: no packet leaves before it came */
  run(&c, 3, 200000, 100, 50000, &outcome);
  CU_ASSERT_TRUE(is_in_order(&outcome));
  measure(&outcome, 50000, &least, &most, &mean);
  CU_ASSERT_TRUE(least >= 0 && most <= 6e6);
}

static void scattering_jitter_reorders(void) {
  struct link_config c = plain();
  double least, most, mean;

  c.delay_ns = 20 * MS;
  c.jitter_ns = 5 * MS;
  c.jitter = LINK_JITTER_SCATTER;
  run(&c, 3, 100000, 100, MS / 10, &outcome);
  CU_ASSERT_EQUAL(outcome.count, 100000);
  CU_ASSERT_TRUE(outcome.stats.reordered > 50000);
  CU_ASSERT_TRUE(is_in_time(&outcome));
  measure(&outcome, MS / 10, &least, &most, &mean);
  CU_ASSERT_TRUE(least >= 15e6 && least < 15.01e6 && most <= 25e6 && most > 24.99e6);
  CU_ASSERT_DOUBLE_EQUAL(mean, 20e6, 4 * 2.89e6 / 316);
}

static void duplicates(void) {
  struct link_config c = plain();
  static uint8_t seen[50000];
  size_t i, twice = 0;

  c.duplicate = 0.02;
  run(&c, 1, 50000, 100, 1000, &outcome);
  CU_ASSERT_EQUAL(outcome.count, 50000 + outcome.stats.duplicated);
  CU_ASSERT_TRUE(outcome.stats.duplicated > 1000 - 126 && outcome.stats.duplicated < 1000 + 126);
  memset(seen, 0, sizeof(seen));
  for (i = 0; i < outcome.count; i++)
    seen[outcome.tag[i]]++;
  for (i = 0; i < 50000; i++) {
    CU_ASSERT_TRUE(seen[i] == 1 || seen[i] == 2);
    twice += seen[i] == 2;
  }
  CU_ASSERT_EQUAL(twice, outcome.stats.duplicated);
}

/* Sends one datagram of `bytes` bytes of 0xa5; returns its size on leaving and how many bits were flipped. */
static size_t send_one(struct link *l, uint64_t now_ns, size_t bytes, unsigned *flipped) {
  const struct link_packet *p;
  size_t i;

  memset(link_buffer(l), 0xa5, bytes);
  link_push(l, now_ns, bytes, 0);
  p = link_pop(l, now_ns);
  assert(p != NULL);
  for (*flipped = 0, i = 0; i < p->bytes; i++)
    *flipped += (unsigned)__builtin_popcount(p->data[i] ^ 0xa5u);
  return p->bytes;
}

static void corrupts_one_bit(void) {
  struct link_config c = plain();
  struct link *l;
  unsigned i, flipped;

  c.framing = LINK_DATAGRAMS;
  c.corrupt = 1;
  l = link_new(&c, 1);
  assert(l != NULL);
  for (i = 0; i < 1000; i++) {
    CU_ASSERT_EQUAL(send_one(l, i, i % 50, &flipped), i % 50);
    CU_ASSERT_EQUAL(flipped, i % 50 > 0);
  }
  CU_ASSERT_EQUAL(link_stats(l)->corrupted, 980);
  link_free(l);
}

static void truncates(void) {
  struct link_config c = plain();
  struct link *l;
  unsigned i, flipped;
  size_t least = 100, most = 0, bytes;

  c.framing = LINK_DATAGRAMS;
  c.truncate = 1;
  l = link_new(&c, 1);
  assert(l != NULL);
  for (i = 0; i < 2000; i++) {
    bytes = send_one(l, i, 100, &flipped);
    CU_ASSERT_EQUAL(flipped, 0);
    if (bytes < least) least = bytes;
    if (bytes > most) most = bytes;
  }
  CU_ASSERT_EQUAL(least, 0);
  CU_ASSERT_EQUAL(most, 99);
  CU_ASSERT_EQUAL(link_stats(l)->truncated, 2000);
  link_free(l);
}

static void bounds_its_memory(void) {
  struct link_config c = plain();

  c.delay_ns = SECOND;
  c.packet_bytes_max = 64;
  c.jitter = LINK_JITTER_SCATTER; /* all of them in the heap */
  c.jitter_ns = MS;
  run(&c, 1, LINK_PACKETS_MAX + 5000, 60, 1, &outcome);
  CU_ASSERT_EQUAL(outcome.stats.queue_drops, 5001); /* one buffer is always kept for the next packet */
  CU_ASSERT_EQUAL(outcome.count, LINK_PACKETS_MAX - 1);
}

static void remembers_the_largest(void) {
  static const uint8_t udp[] = {0x45, 0, 0,  48, 0, 0, 0, 0, 64, 17, 0, 0,  10, 0,
                                0,    1, 10, 0,  0, 2, 0, 1, 0,  2,  0, 28, 0,  0};
  struct link_config c = plain();
  struct link *l = link_new(&c, 1);

  assert(l != NULL);
  memset(link_buffer(l), 0, 48);
  memcpy(link_buffer(l), udp, sizeof(udp));
  link_push(l, 1, 48, 0);
  memset(link_buffer(l), 0, 60); /* no IP packet */
  link_push(l, 2, 60, 0);
  CU_ASSERT_EQUAL(link_stats(l)->udp_payload_bytes_max, 20);
  CU_ASSERT_EQUAL(link_stats(l)->ip_bytes_max, 60);
  CU_ASSERT_EQUAL(link_stats(l)->bytes, 108);
  link_free(l);
}

UNIT_MAIN(UNIT_CASE(delays_exactly), UNIT_CASE(lends_nothing_before_its_time), UNIT_CASE(loses_its_share),
          UNIT_CASE(loses_in_bursts), UNIT_CASE(decides_by_seed), UNIT_CASE(decides_each_matter_alone),
          UNIT_CASE(keeps_the_rate), UNIT_CASE(changes_the_rate_within_a_packet), UNIT_CASE(bounds_the_queue),
          UNIT_CASE(lost_packets_use_the_wire), UNIT_CASE(is_dark_from_to),
          UNIT_CASE(swallows_what_exceeds_the_mtu), UNIT_CASE(reorders), UNIT_CASE(jitter_keeps_the_order),
          UNIT_CASE(scattering_jitter_reorders), UNIT_CASE(duplicates), UNIT_CASE(corrupts_one_bit),
          UNIT_CASE(truncates), UNIT_CASE(bounds_its_memory), UNIT_CASE(remembers_the_largest))
