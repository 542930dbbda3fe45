/* pacer: a token bucket that spreads a window over the round trip in trains (proto/transport.md section 6).
 *
 * The quantum is clamp(1 ms of rate, 2 datagrams, 64 KiB) in whole datagrams: large enough for one
 * segmentation-offload train, small enough not to flood a queue; less where the controller knows the queue to
 * be shallow, up to 4 ms of rate, and two such trains, where it is known to do no harm. Credit lost to late
 * timers is carried, up to one more quantum. */
#ifndef TRANSPORT_PACER_H
#define TRANSPORT_PACER_H

#include "udpcp/base.h"

enum {
  PACER_QUANTUM_BYTES_MAX = 65507, /* what one segmentation-offload train can hold: 64 KiB less headers */
  PACER_WANTED_BYTES_MAX = 2 * PACER_QUANTUM_BYTES_MAX, /* where somebody asks for it */
};

struct pacer {
  uint64_t rate_bytes_per_s; /* 0: not paced */
  uint64_t rate_max;         /* --bwlimit; 0: none */
  uint64_t quantum;          /* bytes */
  uint64_t quantum_wanted;   /* by the controller; 0: by the rate alone */
  int64_t credit; /* the bucket in billionths of a byte: rate times nanoseconds, so nothing is rounded */
  uint64_t updated_ns;
  size_t datagram_bytes;
  bool in_train; /* a train began and credit for one more datagram is left */
};

void pacer_init(struct pacer *pacer, uint64_t now_ns, uint64_t rate_max, size_t datagram_bytes);
/* The effective rate is the smaller of `rate_bytes_per_s` (0: none) and rate_max. */
void pacer_set_rate(struct pacer *pacer, uint64_t now_ns, uint64_t rate_bytes_per_s, size_t datagram_bytes);
/* Trains of `bytes` (0: as the rate has it), from the next pacer_set_rate on. */
void pacer_want_quantum(struct pacer *pacer, uint64_t bytes);
/* When a datagram may leave: a time <= now means at once. While a train is under way the answer stays `now`
 * until its quantum is spent; then it is the time when the next whole quantum (not only one datagram) is
 * there. */
uint64_t pacer_next_ns(const struct pacer *pacer, uint64_t now_ns);
void pacer_on_sent(struct pacer *pacer, uint64_t now_ns, size_t size);

#endif
