/* admit: networks whose addresses may send. */
#ifndef CLI_ADMIT_H
#define CLI_ADMIT_H

#include "udpcp/base.h"

enum { ADMIT_NETWORKS_MAX = 32, ADMIT_TEXT_BYTES = 2048, ADMIT_COMPLAINT_BYTES = 448 };

struct network {
  uint8_t prefix[16]; /* IPv4: its first four */
  unsigned bits;
  bool is_ipv4;
};
struct admit {
  struct network networks[ADMIT_NETWORKS_MAX];
  size_t count;
};

/* This machine, its links, private networks: 127/8, 169.254/16, 10/8, 172.16/12, 192.168/16 (RFC 1918, RFC
 * 3927), ::1, fe80::/10, fc00::/7 (RFC 4291, RFC 4193). */
extern const struct admit admit_near;

/* Adds the networks of `text`: numeric addresses, each alone or with a prefix length, parted by commas. Names
 * are never looked up. NULL, or a complaint to be read after the quoted text; then nothing was added. */
const char *admit_add(struct admit *admit, const char *text, char complaint[ADMIT_COMPLAINT_BYTES]);
/* IPv4 addresses mapped into IPv6 count as IPv4. */
bool admit_contains(const struct admit *admit, const struct address *address);
/* "10.0.0.0/8, ::1/128". Returns `text`. */
const char *admit_text(const struct admit *admit, char text[ADMIT_TEXT_BYTES]);

#endif
