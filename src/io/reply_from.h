/* reply_from (private): which of this machine's addresses each peer speaks to, so that answers leave from it.
 *
 * A machine with several addresses (a second one on a card, IPv6 with temporary ones) would choose the source
 * of a reply by its routes; a peer that connected its socket to the address it was told never sees such a
 * reply. A table without chains, because forgetting costs only that choice: the kernel's own. */
#ifndef UDPCP_IO_REPLY_FROM_H
#define UDPCP_IO_REPLY_FROM_H

#include "udpcp/base.h"

#include <netinet/in.h>

enum { REPLY_FROM_PEERS = 256 };
struct reply_from {
  struct {
    struct address peer;
    struct in6_addr local; /* IPv4 as mapped */
  } at[REPLY_FROM_PEERS];
};

void reply_from_learn(struct reply_from *table, const struct address *peer, const struct in6_addr *local);
/* NULL when the peer is not known. */
const struct in6_addr *reply_from_find(const struct reply_from *table, const struct address *peer);
void reply_from_forget(struct reply_from *table, const struct address *peer);

#endif
