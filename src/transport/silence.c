/* silence: see the header. The bound on the round trip allows for its variation; a queue that swallowed
 * everything for two probe timeouts would show in it. */
#include "transport/silence.h"

#include <assert.h>

void silence_on_probe_timeout(struct silence *silence, uint32_t probe_count, uint64_t heard_ns) {
  if (probe_count < SILENCE_PROBES || silence->is_open) return;
  *silence = (struct silence){
      .is_open = true, .since_ns = heard_ns, .resumed = UINT64_MAX, .void_below = silence->void_below};
}

bool silence_is_void(const struct silence *silence, uint64_t number) {
  return silence->is_open || number < silence->void_below;
}

void silence_on_lost(struct silence *silence, uint64_t number, size_t size) {
  if (!silence->is_open) return;
  silence->bytes_lost += size;
  silence->largest_lost = number;
}

static bool is_without_queue(const struct rtt *rtt, uint64_t sample_ns) {
  uint64_t spread_ns = 4 * rtt->variation_ns > rtt->min_ns / 4 ? 4 * rtt->variation_ns : rtt->min_ns / 4;
  return sample_ns <= rtt->min_ns + spread_ns;
}

enum silence_verdict silence_on_sample(struct silence *silence, const struct rtt *rtt, uint64_t sample_ns,
                                       uint64_t number, uint64_t next) {
  if (!silence->is_open) return SILENCE_NONE;
  assert(number < next);
  if (silence->resumed == UINT64_MAX) silence->resumed = next;
  bool is_dark = rtt->sampled && is_without_queue(rtt, sample_ns);
  if (!is_dark && rtt->sampled && number < silence->resumed) return SILENCE_UNKNOWN;
  silence->is_open = false;
  if (!is_dark) return SILENCE_CONGESTED;
  silence->void_below = number;
  return SILENCE_DARK;
}
