/*
 * A policer: drops what exceeds a rate and a bucket, and delays nothing.
 */
#ifndef NETLAB_POLICER_H
#define NETLAB_POLICER_H

#include <stddef.h>
#include <stdint.h>

/* A bucket of tokens, kept as the time at which it is full again. */
struct policer {
  uint64_t full_ns;
};

/* Whether a packet that comes at `at_ns` fits; what does not takes no tokens. A rate of 0: no policer. */
static inline int policer_passes(struct policer *policer, uint64_t bits_per_second, uint64_t bucket_bytes,
                                 uint64_t at_ns, size_t bytes) {
  const uint64_t second_ns = UINT64_C(1000000000);
  uint64_t from_ns = policer->full_ns > at_ns ? policer->full_ns : at_ns;
  uint64_t bits = (uint64_t)bytes * 8, until_ns;

  if (bits_per_second == 0) return 1;
  until_ns = from_ns + (bits * second_ns + bits_per_second / 2) / bits_per_second;
  /* What is missing in the bucket, this packet counted, in bits. */
  if ((double)(until_ns - at_ns) * (double)bits_per_second > (double)bucket_bytes * 8 * (double)second_ns)
    return 0;
  policer->full_ns = until_ns;
  return 1;
}

#endif
