/* link_lane: one direction of a link in simulated time: a rate, a delay, a queue, a largest datagram, losses
 * and a dark time. Include after unit.h. */
#ifndef LINK_LANE_H
#define LINK_LANE_H

#include "udpcp/base.h"
#include "udpcp/wire.h"

enum { LANE_MAX = 1 << 15 };

struct lane_datagram {
  uint64_t at_ns;
  struct address from;
  size_t size;
  uint8_t bytes[DATAGRAM_BYTES_MAX];
};

struct lane {
  struct lane_datagram *ring;
  unsigned head, tail;
  uint64_t rate, queue_bytes; /* bytes a second, 0: endless; what waits for the wire */
  uint64_t free_at_ns, delay_ns;
  uint64_t dark_from_ns, dark_until_ns;
  uint64_t loss_every;            /* one of so many is lost, 0: none */
  uint64_t lose_from, lose_until; /* as are these, counted from 1 by `sent` */
  size_t lose_above;              /* datagrams of more bytes do not pass, 0: all do */
  uint64_t sent;                  /* datagrams given to it */
};

static inline bool lane_loses(struct lane *lane, uint64_t now_ns, size_t size) {
  lane->sent++;
  if (now_ns >= lane->dark_from_ns && now_ns < lane->dark_until_ns) return true;
  if (lane->sent >= lane->lose_from && lane->sent < lane->lose_until) return true;
  if (lane->lose_above > 0 && size > lane->lose_above) return true;
  return lane->loss_every > 0 && lane->sent % lane->loss_every == 0;
}

static inline void lane_put(struct lane *lane, uint64_t now_ns, const struct address *from,
                            const uint8_t *bytes, size_t size) {
  if (lane_loses(lane, now_ns, size)) return;
  uint64_t begin_ns = lane->free_at_ns > now_ns ? lane->free_at_ns : now_ns;
  uint64_t waits_ns = begin_ns - now_ns;
  if (lane->rate > 0 && waits_ns > lane->queue_bytes * NS_PER_S / lane->rate) return; /* the queue is full */
  lane->free_at_ns = begin_ns + (lane->rate > 0 ? size * NS_PER_S / lane->rate : 0);
  assert(lane->tail - lane->head < LANE_MAX);
  struct lane_datagram *datagram = &lane->ring[lane->tail++ % LANE_MAX];
  datagram->at_ns = lane->free_at_ns + lane->delay_ns;
  datagram->from = *from;
  datagram->size = size;
  memcpy(datagram->bytes, bytes, size);
}

static inline uint64_t lane_next(const struct lane *lane) {
  return lane->head == lane->tail ? TIME_NEVER : lane->ring[lane->head % LANE_MAX].at_ns;
}

#endif
