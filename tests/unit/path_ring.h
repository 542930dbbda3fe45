/* path_ring: packets in the path model of bottleneck.h, in the order in which they come to be due. */
#ifndef PATH_RING_H
#define PATH_RING_H

#include "udpcp/base.h"

#include <assert.h>

enum { PATH_QUEUE = 1 << 17 };

struct path_place {
  uint64_t ns, number; /* when it came to the queue, or when its acknowledgement is due */
  uint32_t flow;
};

struct path_ring {
  struct path_place *at;
  uint64_t head, tail;
};

static inline void path_push(struct path_ring *ring, struct path_place place) {
  assert(ring->tail - ring->head < PATH_QUEUE);
  ring->at[ring->tail++ % PATH_QUEUE] = place;
}

#endif
