/* Network namespaces that nobody can see or leave behind, each with one TUN device. */
#ifndef NETLAB_NETNS_H
#define NETLAB_NETNS_H

#include "failure.h"

#include <stdint.h>

struct netns_side {
  const char *ipv4, *ipv6; /* addresses, in 10.77.0.0/24 and fd77::/64 */
};

struct netns {
  int tun_fd; /* non-blocking; -1 when there is none */
  int has_ipv6;
};

/* The calling process moves into a fresh network namespace; the first time, if need be, as root of a fresh
 * user namespace. Children started after that belong to it, and it is gone with the last of them. The device
 * is up when this returns. Returns 0, or -1 with a failure of status FAILURE_NO_NAMESPACE. */
int netns_enter(struct netns *n, const struct netns_side *side, uint32_t mtu, struct failure *f);

#endif
