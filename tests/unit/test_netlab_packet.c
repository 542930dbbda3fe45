/*
 * Reading IP packets, and damage whose checksum is right again: after every flip the checksum is computed
 * from scratch over pseudo header and segment (RFC 768, RFC 9293, RFC 8200 section 8.1).
 */
#include "netlab/packet.h"
#include "unit.h"

#include <stdint.h>
#include <stdlib.h>

enum { UDP = 17, TCP = 6, ROOM = 2048 };

struct made {
  uint8_t data[ROOM];
  size_t bytes;
  size_t segment; /* where the UDP or TCP header begins */
  size_t payload;
  size_t checksum;
  unsigned version, protocol;
};

static void put16(uint8_t *p, size_t value) {
  p[0] = (uint8_t)(value >> 8);
  p[1] = (uint8_t)value;
}

static uint32_t sum16(uint32_t sum, const uint8_t *p, size_t bytes) {
  size_t i;

  for (i = 0; i < bytes; i++)
    sum += i % 2 == 0 ? (uint32_t)p[i] << 8 : p[i];
  return sum;
}

/* The sum over pseudo header and segment; 0xffff when the checksum in it is right. */
static uint32_t total(const struct made *m) {
  size_t address = m->version == 4 ? 12 : 8, segment_bytes = m->bytes - m->segment;
  uint32_t sum = m->protocol + (uint32_t)segment_bytes;

  sum = sum16(sum, m->data + address, m->version == 4 ? 8 : 32);
  sum = sum16(sum, m->data + m->segment, segment_bytes);
  while (sum >> 16)
    sum = (sum & 0xffff) + (sum >> 16);
  return sum;
}

/* A packet with a right checksum; `extension` bytes of options (IPv4) or of a destination header (IPv6). */
static struct made make(unsigned version, unsigned protocol, size_t extension, size_t payload_bytes,
                        unsigned fill) {
  struct made m = {.version = version, .protocol = protocol};
  size_t header = protocol == UDP ? 8 : 32, i;

  m.segment = (version == 4 ? 20 : 40) + extension;
  m.payload = m.segment + header;
  m.bytes = m.payload + payload_bytes;
  assert(m.bytes <= ROOM);
  for (i = 0; i < m.bytes; i++)
    m.data[i] = (uint8_t)(i * fill);
  if (version == 4) {
    m.data[0] = (uint8_t)(0x40 | (20 + extension) / 4);
    put16(m.data + 2, m.bytes);
    put16(m.data + 6, 0x4000);
    m.data[9] = (uint8_t)protocol;
  } else {
    m.data[0] = 0x60;
    put16(m.data + 4, m.bytes - 40);
    m.data[6] = extension ? 60 : (uint8_t)protocol;
    if (extension) {
      m.data[40] = (uint8_t)protocol;
      m.data[41] = (uint8_t)(extension / 8 - 1);
    }
  }
  if (protocol == UDP)
    put16(m.data + m.segment + 4, 8 + payload_bytes);
  else
    m.data[m.segment + 12] = 8 << 4;
  m.checksum = m.segment + (protocol == UDP ? 6 : 16);
  put16(m.data + m.checksum, 0);
  put16(m.data + m.checksum, ~total(&m) & 0xffff);
  if (protocol == UDP && m.data[m.checksum] == 0 && m.data[m.checksum + 1] == 0)
    put16(m.data + m.checksum, 0xffff);
  return m;
}

static const struct {
  unsigned version, protocol;
  size_t extension;
} kinds[] = {{4, UDP, 0}, {4, UDP, 8},  {4, TCP, 0}, {4, TCP, 40},
             {6, UDP, 0}, {6, UDP, 24}, {6, TCP, 0}, {6, TCP, 8}};

enum { KINDS = sizeof(kinds) / sizeof(kinds[0]) };

static void finds_the_payload(void) {
  struct packet_view view;
  size_t i;

  for (i = 0; i < KINDS; i++) {
    struct made m = make(kinds[i].version, kinds[i].protocol, kinds[i].extension, 333, 7);

    packet_parse(&view, m.data, m.bytes + 5); /* what follows the packet is not part of it */
    CU_ASSERT_EQUAL(view.ip_version, kinds[i].version);
    CU_ASSERT_EQUAL(view.protocol, kinds[i].protocol == UDP ? PACKET_UDP : PACKET_TCP);
    CU_ASSERT_EQUAL(view.transport_offset, m.segment);
    CU_ASSERT_EQUAL(view.payload_offset, m.payload);
    CU_ASSERT_EQUAL(view.payload_bytes, 333);
    CU_ASSERT_EQUAL(view.udp_payload_bytes, kinds[i].protocol == UDP ? 333 : 0);
    CU_ASSERT_FALSE(view.is_fragment);
  }
}

/* Exactly one bit of the payload differs, nothing else but the checksum, and that one is right. */
static void check_damage(const struct made *before, const struct made *after) {
  unsigned flipped = 0, others = 0;
  size_t i;

  for (i = 0; i < before->bytes; i++) {
    unsigned difference = (unsigned)__builtin_popcount(before->data[i] ^ after->data[i]);

    if (i >= before->payload)
      flipped += difference;
    else if (i != before->checksum && i != before->checksum + 1)
      others += difference;
  }
  CU_ASSERT_EQUAL(flipped, 1);
  CU_ASSERT_EQUAL(others, 0);
  CU_ASSERT_EQUAL(total(after), 0xffff);
}

static void mends_the_checksum_for_every_bit(void) {
  static const size_t sizes[] = {1, 2, 3, 16, 41};
  size_t i, k, bit;
  unsigned fill;

  for (i = 0; i < KINDS; i++)
    for (k = 0; k < sizeof(sizes) / sizeof(sizes[0]); k++)
      for (fill = 0; fill < 256; fill += 51)
        for (bit = 0; bit < sizes[k] * 8; bit++) {
          struct made before = make(kinds[i].version, kinds[i].protocol, kinds[i].extension, sizes[k], fill);
          struct made after = before;

          CU_ASSERT_EQUAL(total(&before), 0xffff);
          CU_ASSERT_EQUAL(packet_corrupt(after.data, after.bytes, bit + sizes[k] * 8 * 1000), 1);
          check_damage(&before, &after);
        }
}

static void mends_large_packets(void) {
  size_t i;
  unsigned k;

  for (i = 0; i < KINDS; i++)
    for (k = 0; k < 500; k++) {
      struct made before = make(kinds[i].version, kinds[i].protocol, kinds[i].extension, 1200 + k % 2, k);
      struct made after = before;

      CU_ASSERT_EQUAL(packet_corrupt(after.data, after.bytes, (uint64_t)k * 0x9e3779b97f4a7c15u), 1);
      check_damage(&before, &after);
    }
}

/* A UDP checksum that comes out as 0 is sent as 0xffff: 0 would mean there is none (RFC 768). */
static void writes_no_udp_checksum_of_zero(void) {
  unsigned value, seen = 0;

  for (value = 0; value < 65536; value++) {
    struct made m = make(4, UDP, 0, 4, 0);

    put16(m.data + m.payload, value);
    put16(m.data + m.checksum, 0);
    put16(m.data + m.checksum, ~total(&m) & 0xffff);
    if (m.data[m.checksum] == 0 && m.data[m.checksum + 1] == 0) continue;
    packet_corrupt(m.data, m.bytes, 7);
    seen += m.data[m.checksum] == 0xff && m.data[m.checksum + 1] == 0xff;
    if (m.data[m.checksum] == 0 && m.data[m.checksum + 1] == 0) CU_FAIL("a checksum of zero");
    if (total(&m) != 0xffff) CU_FAIL("a wrong checksum");
  }
  CU_ASSERT_TRUE(seen > 0);
}

static void leaves_absent_checksums_absent(void) {
  struct made m = make(4, UDP, 0, 100, 3);

  put16(m.data + m.checksum, 0);
  CU_ASSERT_EQUAL(packet_corrupt(m.data, m.bytes, 12345), 1);
  CU_ASSERT_EQUAL(m.data[m.checksum] | m.data[m.checksum + 1], 0);
}

static void keeps_wrong_checksums_wrong(void) {
  struct made m = make(6, UDP, 0, 100, 3);

  m.data[m.checksum] ^= 0x10;
  CU_ASSERT_EQUAL(packet_corrupt(m.data, m.bytes, 12345), 1);
  CU_ASSERT_NOT_EQUAL(total(&m), 0xffff);
}

static void damages_nothing_without_payload(void) {
  size_t i;

  for (i = 0; i < KINDS; i++) {
    struct made before = make(kinds[i].version, kinds[i].protocol, kinds[i].extension, 0, 5);
    struct made after = before;

    CU_ASSERT_EQUAL(packet_corrupt(after.data, after.bytes, 99), 0);
    CU_ASSERT_EQUAL(memcmp(before.data, after.data, ROOM), 0);
  }
}

static void knows_fragments(void) {
  struct made m = make(4, UDP, 0, 600, 3);
  struct packet_view view;
  uint8_t ipv6[40 + 8 + 8 + 64] = {0x60, 0, 0, 0, 0, 80, 44, 64};

  put16(m.data + m.segment + 4, 8 + 3000); /* of the whole datagram */
  put16(m.data + 6, 0x2000);               /* the first, more follow */
  packet_parse(&view, m.data, m.bytes);
  CU_ASSERT_TRUE(view.is_fragment);
  CU_ASSERT_EQUAL(view.udp_payload_bytes, 3000);
  CU_ASSERT_EQUAL(view.payload_bytes, 600);
  put16(m.data + 6, 0x0020); /* a later one: payload all through, but whose, and with which checksum? */
  packet_parse(&view, m.data, m.bytes);
  CU_ASSERT_TRUE(view.is_fragment);
  CU_ASSERT_EQUAL(view.protocol, PACKET_OTHER);
  CU_ASSERT_EQUAL(packet_corrupt(m.data, m.bytes, 5), 0);

  ipv6[40] = UDP;
  put16(ipv6 + 42, 1); /* offset 0, more follow */
  put16(ipv6 + 52, 8 + 3000);
  packet_parse(&view, ipv6, sizeof(ipv6));
  CU_ASSERT_TRUE(view.is_fragment);
  CU_ASSERT_EQUAL(view.protocol, PACKET_UDP);
  CU_ASSERT_EQUAL(view.udp_payload_bytes, 3000);
  put16(ipv6 + 42, 8 << 3);
  packet_parse(&view, ipv6, sizeof(ipv6));
  CU_ASSERT_TRUE(view.is_fragment);
  CU_ASSERT_EQUAL(view.protocol, PACKET_OTHER);
}

static uint32_t header_total(const struct made *m) {
  uint32_t sum = sum16(0, m->data, m->segment);

  while (sum >> 16)
    sum = (sum & 0xffff) + (sum >> 16);
  return sum;
}

/* From every mark to every other: only those bits change, and the header's checksum, which is right again. */
static void writes_the_ecn_field(void) {
  size_t i, j;
  unsigned from, to;

  for (i = 0; i < KINDS; i++) {
    for (from = ECN_FIELD_NONE; from <= ECN_FIELD_CE; from++) {
      for (to = ECN_FIELD_NONE; to <= ECN_FIELD_CE; to++) {
        struct made m = make(kinds[i].version, kinds[i].protocol, kinds[i].extension, 30, 11), before;

        m.data[1] = (uint8_t)(m.version == 4 ? 0xb8 | from : from << 4 | 0x0c);
        if (m.version == 4) put16(m.data + 10, 0);
        if (m.version == 4) put16(m.data + 10, ~header_total(&m) & 0xffff);
        before = m;
        CU_ASSERT_EQUAL(packet_ecn(m.data, m.bytes), from);
        packet_set_ecn(m.data, m.bytes, to);
        CU_ASSERT_EQUAL(packet_ecn(m.data, m.bytes), to);
        if (m.version == 4) CU_ASSERT_EQUAL(header_total(&m), 0xffff);
        for (j = 0; j < m.bytes; j++)
          CU_ASSERT(m.data[j] == before.data[j] || j == 1 || (m.version == 4 && (j == 10 || j == 11)));
        CU_ASSERT_EQUAL(m.data[1], m.version == 4 ? (0xb8 | to) : (to << 4 | 0x0c));
      }
    }
  }
}

/* Every prefix, from a buffer of exactly its size so that a sanitizer sees a step too far, and every first
 * byte. */
static void survives_malformed_packets(void) {
  struct packet_view view;
  size_t i, bytes;
  unsigned first;

  for (i = 0; i < KINDS; i++) {
    struct made m = make(kinds[i].version, kinds[i].protocol, kinds[i].extension, 20, 11);

    for (bytes = 0; bytes <= m.bytes; bytes++) {
      uint8_t *copy = malloc(bytes ? bytes : 1);

      assert(copy != NULL);
      memcpy(copy, m.data, bytes);
      packet_parse(&view, copy, bytes);
      CU_ASSERT_EQUAL(view.protocol == PACKET_OTHER, bytes < m.bytes);
      for (first = 0; first < 256 && bytes > 0; first++) {
        copy[0] = (uint8_t)first;
        packet_corrupt(copy, bytes, first);
        packet_set_ecn(copy, bytes, packet_ecn(copy, bytes) ^ 1);
      }
      free(copy);
    }
  }
}

UNIT_MAIN(UNIT_CASE(finds_the_payload), UNIT_CASE(mends_the_checksum_for_every_bit),
          UNIT_CASE(mends_large_packets), UNIT_CASE(writes_no_udp_checksum_of_zero),
          UNIT_CASE(leaves_absent_checksums_absent), UNIT_CASE(keeps_wrong_checksums_wrong),
          UNIT_CASE(damages_nothing_without_payload), UNIT_CASE(knows_fragments),
          UNIT_CASE(writes_the_ecn_field), UNIT_CASE(survives_malformed_packets))
