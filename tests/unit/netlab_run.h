/*
 * Packets through the model of a link direction, in simulated time: what came out, and when. Include after
 * unit.h.
 */
#ifndef NETLAB_RUN_H
#define NETLAB_RUN_H

#include "netlab/link.h"

#include <stdlib.h>

#define MS UINT64_C(1000000)
#define SECOND UINT64_C(1000000000)

enum { PACKETS_MAX = 400000, BUFFER = 2048 };

/* What came out: number and time of each packet, in order of leaving. */
struct outcome {
  uint32_t tag[PACKETS_MAX + 1000];
  uint64_t at_ns[PACKETS_MAX + 1000];
  size_t count;
  struct link_stats stats;
};

static struct outcome outcome;

static inline struct link_config plain(void) {
  return (struct link_config){
      .framing = LINK_IP_PACKETS, .queue_bytes = LINK_QUEUE_BYTES_MAX, .packet_bytes_max = BUFFER};
}

/* Takes everything out that leaves until then, each at its own time. */
static inline void drain(struct link *l, uint64_t until_ns, struct outcome *out) {
  const struct link_packet *p;

  while (link_next_time(l) <= until_ns) {
    uint64_t at_ns = link_next_time(l);

    p = link_pop(l, at_ns);
    assert(p != NULL && "there is one at its time");
    out->tag[out->count] = p->tag;
    out->at_ns[out->count++] = at_ns;
  }
}

/* `count` packets of `bytes`, one every `gap_ns`, the first at `from_ns`. */
static inline void run(const struct link_config *c, uint64_t seed, size_t count, size_t bytes,
                       uint64_t gap_ns, struct outcome *out) {
  struct link *l = link_new(c, seed);
  uint64_t from_ns = 77 * SECOND;
  size_t i;

  assert(l != NULL && count <= PACKETS_MAX);
  out->count = 0;
  for (i = 0; i < count; i++) {
    drain(l, from_ns + i * gap_ns, out);
    memset(link_buffer(l), 0, bytes);
    link_push(l, from_ns + i * gap_ns, bytes, (uint32_t)i);
  }
  drain(l, LINK_NEVER - 1, out);
  out->stats = *link_stats(l);
  for (i = 0; i < out->count; i++)
    out->at_ns[i] -= from_ns;
  link_free(l);
}

#endif
