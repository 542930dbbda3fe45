/* Who got how much through the link: what left it, counted by protocol and pair of ports. A pure table. */
#ifndef NETLAB_FLOWS_H
#define NETLAB_FLOWS_H

#include "packet.h"

#include <stddef.h>
#include <stdint.h>

enum { FLOWS_MAX = 32 }; /* of one direction; further ones are not told apart from each other */

struct flow {
  enum packet_protocol protocol; /* PACKET_OTHER: all that had no place of its own */
  uint16_t from_port, to_port;
  uint64_t packets, payload_bytes;
  uint64_t first_ns, last_ns; /* when the first and the last packet left */
};

struct flows {
  struct flow flow[FLOWS_MAX + 1]; /* in order of appearance; the last place is for PACKET_OTHER */
  size_t count;                    /* not counting that place */
};

/* An IP packet left the link. Zero-filled flows are empty ones. */
void flows_count(struct flows *flows, const uint8_t *data, size_t bytes, uint64_t now_ns);

#endif
