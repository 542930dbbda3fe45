/* rtt: the round trip as RFC 9002 section 5 estimates it, in nanoseconds and without a floor of a
 * millisecond. */
#ifndef TRANSPORT_RTT_H
#define TRANSPORT_RTT_H

#include "udpcp/base.h"

enum { RTT_GRANULARITY_NS = 10000 }; /* RFC 9002 says 1 ms, which is twenty round trips of a LAN */
#define RTT_SAMPLE_NS_MAX                                                                                    \
  (100 * NS_PER_S) /* a longer sample is taken for this: bounds every sum and backoff */

struct rtt {
  uint64_t latest_ns, smoothed_ns, variation_ns, min_ns;
  bool sampled; /* false: the values are the initial guess */
};

void rtt_init(struct rtt *rtt, uint64_t initial_ns);
/* A sample and the delay the peer says it held the acknowledgement back (already capped by the caller). */
void rtt_on_sample(struct rtt *rtt, uint64_t sample_ns, uint64_t ack_delay_ns);
/* smoothed + max(4 variation, granularity) + max_ack_delay: RFC 9002 section 6.2.1, without backoff. */
uint64_t rtt_probe_timeout_ns(const struct rtt *rtt, uint64_t max_ack_delay_ns);

#endif
