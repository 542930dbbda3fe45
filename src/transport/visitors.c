/* visitors: see the header. A virtual schedule (GCRA) needs one number a host: each handshake moves the time
 * at which it is paid off by the interval, and may not move it further than the burst ahead of now. */
#include "transport/visitors.h"

#include <string.h>

void visitors_init(struct visitors *visitors, uint64_t seed) {
  memset(visitors, 0, sizeof(*visitors));
  visitors->seed = seed;
}

bool visitors_admit(struct visitors *visitors, uint64_t now_ns, uint64_t host) {
  const uint64_t key[2] = {visitors->seed, host};
  uint64_t *free_at_ns = &visitors->free_at_ns[hash_64(key, sizeof(key)) % VISITOR_PLACES];
  uint64_t from_ns = *free_at_ns > now_ns ? *free_at_ns : now_ns;
  if (from_ns - now_ns > (VISITOR_BURST - 1) * VISITOR_INTERVAL_NS) return false;
  *free_at_ns = from_ns + VISITOR_INTERVAL_NS;
  return true;
}
