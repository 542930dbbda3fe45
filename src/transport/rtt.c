/* rtt: smoothed round trip, its mean deviation and its minimum (RFC 9002 section 5, proto/transport.md
 * section 5).
 *
 * The deviation is updated against the old smoothed value, as RFC 6298 and RFC 9002 appendix A.7 have it.
 * Averages are rounded to nearest: truncation would pull a 50 us estimate down by nanoseconds at every
 * sample. */
#include "transport/rtt.h"

#include <assert.h>

void rtt_init(struct rtt *rtt, uint64_t initial_ns) {
  assert(initial_ns > 0 && initial_ns <= RTT_SAMPLE_NS_MAX);
  *rtt = (struct rtt){.latest_ns = initial_ns,
                      .smoothed_ns = initial_ns,
                      .variation_ns = initial_ns / 2,
                      .min_ns = initial_ns};
}

void rtt_on_sample(struct rtt *rtt, uint64_t sample_ns, uint64_t ack_delay_ns) {
  /* Others divide by the round trip, so a clock too coarse to see it still yields one nanosecond. */
  if (sample_ns == 0) sample_ns = 1;
  if (sample_ns > RTT_SAMPLE_NS_MAX) sample_ns = RTT_SAMPLE_NS_MAX;
  rtt->latest_ns = sample_ns;
  if (!rtt->sampled) {
    rtt->sampled = true;
    rtt->min_ns = rtt->smoothed_ns = sample_ns;
    rtt->variation_ns = sample_ns / 2;
    return;
  }
  if (sample_ns < rtt->min_ns) rtt->min_ns = sample_ns;

  /* A delay that would explain more than what lies above the minimum cannot be true. */
  uint64_t adjusted = sample_ns;
  if (ack_delay_ns <= sample_ns - rtt->min_ns) adjusted -= ack_delay_ns;
  uint64_t deviation =
      adjusted > rtt->smoothed_ns ? adjusted - rtt->smoothed_ns : rtt->smoothed_ns - adjusted;
  rtt->variation_ns = (3 * rtt->variation_ns + deviation + 2) / 4;
  rtt->smoothed_ns = (7 * rtt->smoothed_ns + adjusted + 4) / 8;
}

uint64_t rtt_probe_timeout_ns(const struct rtt *rtt, uint64_t max_ack_delay_ns) {
  uint64_t spread = 4 * rtt->variation_ns;
  if (spread < RTT_GRANULARITY_NS) spread = RTT_GRANULARITY_NS;
  return rtt->smoothed_ns + spread + max_ack_delay_ns;
}
