/* Without keys an address is all there is to tell friend from stranger, so unless told otherwise only those
 * that the Internet does not route may send. An address can be forged, but the handshake's answer would then
 * not reach the forger. A list that was typed is taken literally or not at all: only numbers, and no bits
 * behind the prefix, since whoever writes 10.1.2.3/8 may mean either of two things. */
#include "admit.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>

#include "text.h"
#include "units.h"

enum { IPV4_BITS = 32, IPV6_BITS = 128, MAPPED_BITS = 96, ITEM_BYTES = 64 };

const struct admit admit_near = {
    .count = 8,
    .networks = {{{127}, 8, true},
                 {{169, 254}, 16, true},
                 {{10}, 8, true},
                 {{172, 16}, 12, true},
                 {{192, 168}, 16, true},
                 {{[15] = 1}, 128, false},
                 {{0xfe, 0x80}, 10, false},
                 {{0xfc}, 7, false}},
};
static const uint8_t mapped_prefix[12] = {[10] = 0xff, [11] = 0xff};

/* ---- asking ---- */
static bool contains(const struct network *network, const uint8_t *bytes) {
  unsigned whole = network->bits / 8, rest = network->bits % 8;
  if (memcmp(network->prefix, bytes, whole) != 0) return false;
  return rest == 0 || ((network->prefix[whole] ^ bytes[whole]) & (0xff00u >> rest) & 0xff) == 0;
}

/* The address's bytes, 4 or 16; false when there is none. */
static bool bytes_of(const struct address *address, uint8_t bytes[16], bool *is_ipv4) {
  struct sockaddr_in ipv4;
  struct sockaddr_in6 ipv6;
  if (address->size < sizeof ipv4) return false;
  memcpy(&ipv4, address->bytes, sizeof ipv4);
  *is_ipv4 = ipv4.sin_family == AF_INET;
  if (*is_ipv4) {
    memcpy(bytes, &ipv4.sin_addr, sizeof ipv4.sin_addr);
    return true;
  }
  if (ipv4.sin_family != AF_INET6 || address->size < sizeof ipv6) return false;
  memcpy(&ipv6, address->bytes, sizeof ipv6);
  memcpy(bytes, &ipv6.sin6_addr, sizeof ipv6.sin6_addr);
  *is_ipv4 = memcmp(bytes, mapped_prefix, sizeof mapped_prefix) == 0;
  if (*is_ipv4) memmove(bytes, bytes + sizeof mapped_prefix, 4);
  return true;
}

bool admit_contains(const struct admit *admit, const struct address *address) {
  uint8_t bytes[16] = {0};
  bool is_ipv4;
  if (!bytes_of(address, bytes, &is_ipv4)) return false;
  for (size_t i = 0; i < admit->count; i++)
    if (admit->networks[i].is_ipv4 == is_ipv4 && contains(&admit->networks[i], bytes)) return true;
  return false;
}

/* ---- reading and writing ---- */
static void clear_behind(struct network *network) {
  unsigned size = network->is_ipv4 ? 4 : 16;
  for (unsigned bit = network->bits; bit < size * 8; bit++)
    network->prefix[bit / 8] &= (uint8_t) ~(0x80u >> bit % 8);
}

static void network_text(const struct network *network, char text[ITEM_BYTES]) {
  char address[INET6_ADDRSTRLEN];
  inet_ntop(network->is_ipv4 ? AF_INET : AF_INET6, network->prefix, address, sizeof address);
  snprintf(text, ITEM_BYTES, "%s/%u", address, network->bits);
}

/* One item. NULL, or a complaint; `mended` has room for ITEM_BYTES and is set where one is better meant. */
static const char *network_parse(char *text, struct network *network, char *mended) {
  uint64_t bits = 0;
  char *slash = strchr(text, '/');
  if (slash) *slash = 0;
  *network = (struct network){.is_ipv4 = inet_pton(AF_INET, text, network->prefix) == 1};
  bool is_number = inet_pton(network->is_ipv4 ? AF_INET : AF_INET6, text, network->prefix) == 1;
  if (slash) *slash = '/';
  if (!is_number) return "is no network in numbers: write it like 192.168.1.0/24, fd00::/8 or 10.0.0.7";
  network->bits = network->is_ipv4 ? IPV4_BITS : IPV6_BITS;
  if (slash && !number_parse(slash + 1, 0, network->bits, &bits))
    return network->is_ipv4 ? "lacks a prefix length from 0 to 32 after the '/'"
                            : "lacks a prefix length from 0 to 128 after the '/'";
  if (slash) network->bits = (unsigned)bits;
  struct network cleared = *network;
  clear_behind(&cleared);
  if (memcmp(cleared.prefix, network->prefix, sizeof cleared.prefix) != 0) {
    network_text(&cleared, mended);
    return "has bits set behind its prefix: the network is";
  }
  if (!network->is_ipv4 && network->bits >= MAPPED_BITS &&
      memcmp(network->prefix, mapped_prefix, sizeof mapped_prefix) == 0) {
    memmove(network->prefix, network->prefix + sizeof mapped_prefix, 4);
    memset(network->prefix + 4, 0, sizeof network->prefix - 4);
    network->bits -= MAPPED_BITS;
    network->is_ipv4 = true;
  }
  return NULL;
}

const char *admit_add(struct admit *admit, const char *text, char complaint[ADMIT_COMPLAINT_BYTES]) {
  struct admit added = *admit;
  bool is_list = strchr(text, ',') != NULL;
  for (const char *at = text;; at++) {
    char item[ITEM_BYTES] = "", mended[ITEM_BYTES] = "", shown[4 * ITEM_BYTES] = "";
    at += strspn(at, " ");
    size_t size = strcspn(at, ",");
    const char *end = at + size;
    while (size > 0 && at[size - 1] == ' ')
      size--;
    if (size < sizeof item) memcpy(item, at, size); /* a longer one stays empty, which is no network */
    struct network network;
    const char *wrong = network_parse(item, &network, mended);
    if (!wrong && added.count == ADMIT_NETWORKS_MAX) wrong = "is one too many: 32 networks at most";
    if (wrong) {
      if (is_list) text_escape((const uint8_t *)at, size, shown, sizeof shown);
      snprintf(complaint, ADMIT_COMPLAINT_BYTES, "%s%s%s%s%s%s", is_list ? "holds '" : "", shown,
               is_list ? "', which " : "", wrong, *mended ? " " : "", mended);
      return complaint;
    }
    added.networks[added.count++] = network;
    at = end;
    if (!*at) break;
  }
  *admit = added;
  return NULL;
}

const char *admit_text(const struct admit *admit, char text[ADMIT_TEXT_BYTES]) {
  size_t used = 0;
  *text = 0;
  for (size_t i = 0; i < admit->count; i++) {
    char network[ITEM_BYTES];
    network_text(&admit->networks[i], network);
    used += (size_t)snprintf(text + used, ADMIT_TEXT_BYTES - used, "%s%s", i ? ", " : "", network);
  }
  return text;
}
