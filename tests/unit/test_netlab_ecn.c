/* What the emulated link does to the ECN field: marks, bleaching, and packets that vanish for it. */
#include "netlab/link.h"
#include "unit.h"

#define MS UINT64_C(1000000)
#define SECOND UINT64_C(1000000000)

static struct link_config at_8_mbit(void) {
  return (struct link_config){.framing = LINK_IP_PACKETS,
                              .rates = {{.bits_per_second = 8000000}},
                              .rate_count = 1,
                              .queue_bytes = LINK_QUEUE_BYTES_MAX,
                              .packet_bytes_max = 2048};
}

/* Sends `count` packets of 1000 bytes at once, marked as said; returns how many came as CE. */
static unsigned come_as(const struct link_config *c, unsigned mark, unsigned count, unsigned ce[2],
                        struct link_stats *stats) {
  static const uint8_t udp[28] = {0x45, 0, 1000 >> 8, 1000 & 255, 0,           0,
                                  0x40, 0, 64,        17,         [24] = 0x03, [25] = 0xd4};
  struct link *l = link_new(c, 1);
  const struct link_packet *p;
  unsigned i, came = 0;

  assert(l != NULL);
  ce[0] = ce[1] = 0;
  for (i = 0; i < count; i++) {
    memset(link_buffer(l), 0, 1000);
    memcpy(link_buffer(l), udp, sizeof(udp));
    link_buffer(l)[1] = (uint8_t)mark;
    link_push(l, SECOND, 1000, i);
  }
  for (; (p = link_pop(l, 100 * SECOND)) != NULL; came++) {
    ce[0] += (p->data[1] & 3) == 3;
    ce[1] += (p->data[1] & 3) == 0;
  }
  *stats = *link_stats(l);
  link_free(l);
  return came;
}

/* 20 packets of 1000 bytes at once at 8 Mbit/s: a millisecond each. */
static void marks_bleaches_and_drops(void) {
  static const struct {
    uint64_t above_bytes, above_ns;
    int bleach, drop;
    unsigned mark, came, ce, none;
  } rows[] = {
      {0, 0, 0, 0, 2, 20, 0, 0},       {5000, 0, 0, 0, 2, 20, 14, 0}, {5000, 0, 0, 0, 1, 20, 14, 0},
      {5000, 0, 0, 0, 0, 20, 0, 20},   {5000, 0, 0, 0, 3, 20, 20, 0}, {0, 5 * MS, 0, 0, 2, 20, 14, 0},
      {0, 4 * MS, 0, 0, 2, 20, 15, 0}, {18999, 0, 0, 0, 2, 20, 1, 0}, {19000, 0, 0, 0, 2, 20, 0, 0},
      {0, 0, 1, 0, 2, 20, 0, 20},      {0, 0, 1, 0, 3, 20, 0, 20},    {5000, 0, 1, 0, 2, 20, 0, 20},
      {0, 0, 0, 1, 2, 0, 0, 0},        {0, 0, 0, 1, 0, 20, 0, 20},    {0, 0, 0, 1, 1, 0, 0, 0},
  };
  size_t i;

  for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
    struct link_config c = at_8_mbit();
    struct link_stats stats;
    unsigned ce[2];

    c.ce_above_bytes = rows[i].above_bytes;
    c.ce_above_ns = rows[i].above_ns;
    c.ecn_bleach = rows[i].bleach;
    c.ecn_drop = rows[i].drop;
    CU_ASSERT_EQUAL(come_as(&c, rows[i].mark, 20, ce, &stats), rows[i].came);
    CU_ASSERT_EQUAL(ce[0], rows[i].ce);
    CU_ASSERT_EQUAL(ce[1], rows[i].none);
    CU_ASSERT_EQUAL(stats.ect, rows[i].mark ? 20 : 0);
    CU_ASSERT_EQUAL(stats.ce_marked, rows[i].mark == 3 ? 0 : rows[i].ce);
    CU_ASSERT_EQUAL(stats.ecn_drops, 20 - rows[i].came);
    CU_ASSERT_EQUAL(stats.queue_drops, 0);
  }
}

/* What does not fit is dropped, whatever its mark. */
static void a_full_queue_drops_marked_packets_too(void) {
  struct link_config c = at_8_mbit();
  struct link_stats stats;
  unsigned ce[2];

  c.queue_bytes = 10000;
  c.ce_above_bytes = 5000;
  CU_ASSERT_EQUAL(come_as(&c, 2, 20, ce, &stats), 10);
  CU_ASSERT_EQUAL(stats.queue_drops, 10);
  CU_ASSERT_EQUAL(ce[0], 4);
}

UNIT_MAIN(UNIT_CASE(marks_bleaches_and_drops), UNIT_CASE(a_full_queue_drops_marked_packets_too))
