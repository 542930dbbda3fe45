/* Without keys an address is all there is to tell friend from stranger, so only addresses that the Internet
 * does not route may send. An address can be forged, but the handshake's answer would then not reach the
 * forger. */
#include "admit.h"

#include <netinet/in.h>
#include <string.h>

struct network {
  uint8_t prefix[16];
  unsigned bits;
};

static bool contains(const struct network *network, const uint8_t *bytes) {
  unsigned whole = network->bits / 8, rest = network->bits % 8;
  if (memcmp(network->prefix, bytes, whole) != 0) return false;
  return rest == 0 || ((network->prefix[whole] ^ bytes[whole]) & (0xff00u >> rest) & 0xff) == 0;
}

static bool is_near_ipv4(const uint8_t bytes[4]) {
  static const struct network networks[] = {
      {{127}, 8}, {{169, 254}, 16}, {{10}, 8}, {{172, 16}, 12}, {{192, 168}, 16}};
  for (size_t i = 0; i < sizeof networks / sizeof networks[0]; i++)
    if (contains(&networks[i], bytes)) return true;
  return false;
}

static bool is_near_ipv6(const uint8_t bytes[16]) {
  static const struct network loopback = {{[15] = 1}, 128}, link = {{0xfe, 0x80}, 10}, local = {{0xfc}, 7},
                              mapped = {{[10] = 0xff, [11] = 0xff}, 96};
  if (contains(&mapped, bytes)) return is_near_ipv4(bytes + 12);
  return contains(&loopback, bytes) || contains(&link, bytes) || contains(&local, bytes);
}

bool admit_is_near(const struct address *address) {
  struct sockaddr_in ipv4;
  struct sockaddr_in6 ipv6;
  sa_family_t family;
  if (address->size < sizeof ipv4) return false;
  memcpy(&ipv4, address->bytes, sizeof ipv4);
  family = ipv4.sin_family;
  if (family == AF_INET) return is_near_ipv4((const uint8_t *)&ipv4.sin_addr);
  if (family != AF_INET6 || address->size < sizeof ipv6) return false;
  memcpy(&ipv6, address->bytes, sizeof ipv6);
  return is_near_ipv6(ipv6.sin6_addr.s6_addr);
}
