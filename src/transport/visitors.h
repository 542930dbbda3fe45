/* visitors: how much handshake work each host has caused lately (proto/transport.md section 3). */
#ifndef TRANSPORT_VISITORS_H
#define TRANSPORT_VISITORS_H

#include "udpcp/base.h"

enum { VISITOR_PLACES = 1024, VISITOR_BURST = 256 };
#define VISITOR_INTERVAL_NS (NS_PER_S / 50) /* a handshake costs about half a millisecond: 2.5% of a CPU */

/* A place is shared by the hosts whose hash falls on it: at worst they share the allowance. */
struct visitors {
  uint64_t seed;                       /* unpredictable, so that nobody can choose whose place to share */
  uint64_t free_at_ns[VISITOR_PLACES]; /* when the work charged so far would be paid off */
};

void visitors_init(struct visitors *visitors, uint64_t seed);
/* Charges one handshake to the host. False: it has had its share, nothing is charged. */
bool visitors_admit(struct visitors *visitors, uint64_t now_ns, uint64_t host);

#endif
