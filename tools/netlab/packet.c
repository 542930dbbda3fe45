/*
 * Reading IP packets as far as the emulator must, see packet.h. Extension headers of IPv6 are followed
 * (RFC 8200 section 4); a checksum is mended by difference (RFC 1624), which needs neither the pseudo header
 * nor the rest of a fragmented datagram, and never makes a wrong checksum right.
 */
#include "packet.h"

#include <assert.h>
#include <string.h>

enum {
  IPV4_HEADER_MIN = 20,
  IPV4_CHECKSUM_AT = 10,
  IPV6_HEADER = 40,
  UDP_HEADER = 8,
  TCP_HEADER_MIN = 20,
  UDP_CHECKSUM_AT = 6,
  TCP_CHECKSUM_AT = 16,
  IPV6_EXTENSIONS_MAX = 8,
};

enum {
  NEXT_HOP_BY_HOP = 0,
  NEXT_TCP = 6,
  NEXT_UDP = 17,
  NEXT_ROUTING = 43,
  NEXT_FRAGMENT = 44,
  NEXT_DESTINATION = 60
};

static uint16_t load16(const uint8_t *p) { return (uint16_t)(p[0] << 8 | p[1]); }

static void store16(uint8_t *p, uint16_t value) {
  p[0] = (uint8_t)(value >> 8);
  p[1] = (uint8_t)value;
}

static void parse_transport(struct packet_view *view, const uint8_t *data, size_t end, unsigned protocol) {
  const uint8_t *header = data + view->transport_offset;
  size_t room = end - view->transport_offset;
  size_t header_bytes = 0;

  assert(view->transport_offset <= end);
  if (protocol == NEXT_UDP && room >= UDP_HEADER) {
    size_t datagram_bytes = load16(header + 4);

    header_bytes = UDP_HEADER;
    view->protocol = PACKET_UDP;
    view->udp_payload_bytes = datagram_bytes >= UDP_HEADER ? datagram_bytes - UDP_HEADER : 0;
  } else if (protocol == NEXT_TCP && room >= TCP_HEADER_MIN) {
    header_bytes = (size_t)(header[12] >> 4) * 4;
    if (header_bytes < TCP_HEADER_MIN || header_bytes > room) return;
    view->protocol = PACKET_TCP;
  } else {
    return;
  }
  view->payload_offset = view->transport_offset + header_bytes;
  view->payload_bytes = end - view->payload_offset;
}

static void parse_ipv4(struct packet_view *view, const uint8_t *data, size_t bytes) {
  size_t header_bytes = (size_t)(data[0] & 15) * 4;
  size_t total_bytes;
  uint16_t fragment;

  if (bytes < IPV4_HEADER_MIN) return;
  total_bytes = load16(data + 2);
  if (header_bytes < IPV4_HEADER_MIN || total_bytes < header_bytes || total_bytes > bytes) return;
  view->ip_version = 4;
  fragment = load16(data + 6);
  view->is_fragment = (fragment & 0x3fff) != 0;
  view->transport_offset = header_bytes;
  if ((fragment & 0x1fff) == 0) parse_transport(view, data, total_bytes, data[9]);
}

static void parse_ipv6(struct packet_view *view, const uint8_t *data, size_t bytes) {
  size_t end, at = IPV6_HEADER;
  unsigned next, i;

  if (bytes < IPV6_HEADER) return;
  end = IPV6_HEADER + (size_t)load16(data + 4);
  if (end > bytes) return;
  view->ip_version = 6;
  next = data[6];
  for (i = 0; i < IPV6_EXTENSIONS_MAX; i++) {
    size_t extension_bytes = 8;

    if (next != NEXT_HOP_BY_HOP && next != NEXT_ROUTING && next != NEXT_DESTINATION && next != NEXT_FRAGMENT)
      break;
    if (end - at < extension_bytes) return;
    if (next == NEXT_FRAGMENT) {
      view->is_fragment = 1;
      if (load16(data + at + 2) >> 3 != 0) return;
    } else {
      extension_bytes = ((size_t)data[at + 1] + 1) * 8;
    }
    if (end - at < extension_bytes) return;
    next = data[at];
    at += extension_bytes;
  }
  view->transport_offset = at;
  parse_transport(view, data, end, next);
}

void packet_parse(struct packet_view *view, const uint8_t *data, size_t bytes) {
  memset(view, 0, sizeof(*view));
  if (bytes == 0) return;
  if (data[0] >> 4 == 4)
    parse_ipv4(view, data, bytes);
  else if (data[0] >> 4 == 6)
    parse_ipv6(view, data, bytes);
  assert(view->payload_offset + view->payload_bytes <= bytes);
}

/* RFC 1624, equation 3: HC' = ~(~HC + ~m + m'). */
static uint16_t checksum_updated(uint16_t checksum, uint16_t before, uint16_t after) {
  uint32_t sum = (uint16_t)~checksum + (uint32_t)(uint16_t)~before + after;

  sum = (sum & 0xffff) + (sum >> 16);
  sum = (sum & 0xffff) + (sum >> 16);
  return (uint16_t)~sum;
}

int packet_corrupt(uint8_t *data, size_t bytes, uint64_t random) {
  struct packet_view view;
  uint8_t *checksum_at;
  uint16_t before, after, checksum;
  size_t bit, at;

  packet_parse(&view, data, bytes);
  if (view.protocol == PACKET_OTHER || view.payload_bytes == 0) return 0;
  bit = (size_t)(random % (view.payload_bytes * 8));
  at = view.payload_offset + bit / 8;
  /* The word of the sum that holds the byte; an odd last byte counts as the high half of a word. */
  before = (uint16_t)((at - view.transport_offset) % 2 == 0 ? data[at] << 8 : data[at]);
  data[at] ^= (uint8_t)(1u << (bit % 8));
  after = (uint16_t)((at - view.transport_offset) % 2 == 0 ? data[at] << 8 : data[at]);

  checksum_at =
      data + view.transport_offset + (view.protocol == PACKET_UDP ? UDP_CHECKSUM_AT : TCP_CHECKSUM_AT);
  checksum = load16(checksum_at);
  if (view.protocol == PACKET_UDP && checksum == 0)
    return 1; /* the sender sent none (RFC 768): there is nothing to mend */
  checksum = checksum_updated(checksum, before, after);
  if (view.protocol == PACKET_UDP && checksum == 0) checksum = 0xffff;
  store16(checksum_at, checksum);
  return 1;
}

/* IPv4 keeps the field in the low bits of its second byte, IPv6 in the middle of it. */
static unsigned ecn_shift(const uint8_t *data, size_t bytes, int *has_field) {
  struct packet_view view;

  packet_parse(&view, data, bytes);
  *has_field = view.ip_version != 0;
  return view.ip_version == 6 ? 4 : 0;
}

unsigned packet_ecn(const uint8_t *data, size_t bytes) {
  int has_field;
  unsigned shift = ecn_shift(data, bytes, &has_field);

  return has_field ? (data[1] >> shift) & 3u : ECN_FIELD_NONE;
}

void packet_set_ecn(uint8_t *data, size_t bytes, unsigned ecn) {
  int has_field;
  unsigned shift = ecn_shift(data, bytes, &has_field);
  uint16_t before;

  assert(ecn <= ECN_FIELD_CE);
  if (!has_field) return;
  before = load16(data);
  data[1] = (uint8_t)((data[1] & ~(3u << shift)) | ecn << shift);
  if (shift == 0)
    store16(data + IPV4_CHECKSUM_AT, checksum_updated(load16(data + IPV4_CHECKSUM_AT), before, load16(data)));
}
