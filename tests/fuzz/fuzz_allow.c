/* Any text as the networks of --allow. What is taken is written again and must then be read the same, has no
 * bits behind its prefix, and lets in exactly the addresses that a slower comparison, bit by bit, lets in;
 * what is refused adds nothing, and the complaint can be shown. The first 16 bytes are an address to ask
 * about, the rest is the text. */
#include "cli/admit.h"

#include <assert.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);

enum { IPV4_BYTES = 4, IPV6_BYTES = 16, MAPPED_BYTES = 12 };

static struct address make_address(const uint8_t *bytes, bool is_ipv4) {
  struct sockaddr_in ipv4 = {.sin_family = AF_INET};
  struct sockaddr_in6 ipv6 = {.sin6_family = AF_INET6};
  struct address address = {.size = is_ipv4 ? sizeof(ipv4) : sizeof(ipv6)};
  memcpy(&ipv4.sin_addr, bytes, IPV4_BYTES);
  memcpy(&ipv6.sin6_addr, bytes, is_ipv4 ? 0 : IPV6_BYTES);
  memcpy(address.bytes, is_ipv4 ? (const void *)&ipv4 : (const void *)&ipv6, address.size);
  return address;
}

static bool bit_of(const uint8_t *bytes, unsigned bit) { return bytes[bit / 8] >> (7 - bit % 8) & 1; }

/* The same question as admit_contains, for an address that is not mapped. */
static bool is_in_any(const struct admit *admit, const uint8_t *bytes, bool is_ipv4) {
  for (size_t i = 0; i < admit->count; i++) {
    const struct network *network = &admit->networks[i];
    unsigned same = 0;
    if (network->is_ipv4 != is_ipv4) continue;
    while (same < network->bits && bit_of(network->prefix, same) == bit_of(bytes, same))
      same++;
    if (same == network->bits) return true;
  }
  return false;
}

static bool is_mapped(const uint8_t bytes[IPV6_BYTES]) {
  static const uint8_t prefix[MAPPED_BYTES] = {[10] = 0xff, [11] = 0xff};
  return memcmp(bytes, prefix, sizeof(prefix)) == 0;
}

static void ask(const struct admit *admit, const uint8_t *bytes, bool is_ipv4) {
  struct address address = make_address(bytes, is_ipv4);
  bool expected = !is_ipv4 && is_mapped(bytes) ? is_in_any(admit, bytes + MAPPED_BYTES, true)
                                               : is_in_any(admit, bytes, is_ipv4);
  assert(admit_contains(admit, &address) == expected);
  if (!is_ipv4) return;
  uint8_t mapped[IPV6_BYTES] = {[10] = 0xff, [11] = 0xff};
  memcpy(mapped + MAPPED_BYTES, bytes, IPV4_BYTES);
  address = make_address(mapped, false);
  assert(admit_contains(admit, &address) == expected && "it is the same host in another spelling");
}

/* The network's own lowest and highest address, and those that differ from it by one bit of the prefix. */
static void ask_at_edges(const struct admit *admit, const struct network *network) {
  unsigned bits = network->is_ipv4 ? IPV4_BYTES * 8 : IPV6_BYTES * 8;
  uint8_t bytes[IPV6_BYTES];
  memcpy(bytes, network->prefix, sizeof(bytes));
  for (unsigned bit = network->bits; bit < bits; bit++) {
    assert(!bit_of(bytes, bit) && "a network has no bits behind its prefix");
    bytes[bit / 8] |= (uint8_t)(0x80 >> bit % 8);
  }
  ask(admit, network->prefix, network->is_ipv4);
  ask(admit, bytes, network->is_ipv4);
  struct address last = make_address(bytes, network->is_ipv4);
  /* Wide IPv6 networks hold the range that IPv4 is mapped into; IPv4 has to be let in by its own name. */
  if (network->is_ipv4 || !is_mapped(bytes)) assert(admit_contains(admit, &last) && "all of it is in it");
  for (unsigned bit = 0; bit < network->bits; bit++) {
    bytes[bit / 8] ^= (uint8_t)(0x80 >> bit % 8);
    ask(admit, bytes, network->is_ipv4);
    bytes[bit / 8] ^= (uint8_t)(0x80 >> bit % 8);
  }
}

static void check_taken(const struct admit *admit) {
  struct admit again = {0};
  char text[ADMIT_TEXT_BYTES], complaint[ADMIT_COMPLAINT_BYTES];
  assert(admit->count > 0 && admit->count <= ADMIT_NETWORKS_MAX);
  const char *wrong = admit_add(&again, admit_text(admit, text), complaint);
  assert(!wrong && again.count == admit->count && "what was written can be read");
  for (size_t i = 0; i < admit->count; i++) {
    const struct network *network = &admit->networks[i], *read = &again.networks[i];
    assert(network->bits <= (network->is_ipv4 ? 32 : 128));
    assert(read->bits == network->bits && read->is_ipv4 == network->is_ipv4);
    assert(memcmp(read->prefix, network->prefix, sizeof(network->prefix)) == 0);
    ask_at_edges(admit, network);
  }
}

static void check_complaint(const char *complaint) {
  size_t size = strnlen(complaint, ADMIT_COMPLAINT_BYTES);
  assert(size > 0 && size < ADMIT_COMPLAINT_BYTES);
  for (size_t i = 0; i < size; i++)
    assert((uint8_t)complaint[i] >= ' ' && complaint[i] != 0x7f && "it goes to a terminal");
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size) {
  struct admit admit = {0};
  char complaint[ADMIT_COMPLAINT_BYTES];
  if (size < IPV6_BYTES) return 0;
  size_t text_size = size - IPV6_BYTES;
  /* Of the exact size, so that a read past its end is seen. */
  char *text = malloc(text_size + 1);
  assert(text);
  memcpy(text, bytes + IPV6_BYTES, text_size);
  text[text_size] = 0;
  const char *wrong = admit_add(&admit, text, complaint);
  if (wrong) {
    check_complaint(wrong);
    assert(admit.count == 0);
  } else {
    check_taken(&admit);
  }
  ask(&admit, bytes, true);
  ask(&admit, bytes, false);
  ask(&admit_near, bytes, true);
  ask(&admit_near, bytes, false);
  free(text);
  return 0;
}
