/* delivery_rate: how fast the path delivers, measured at each acknowledgement (draft-ietf-ccwg-bbr, "Delivery
 * Rate Samples").
 *
 * A packet remembers how much had been delivered when it left. When it is acknowledged, what was delivered
 * meanwhile over the time that took is a sample of the rate. That memory is struct delivery_stamp, 32 bytes a
 * packet: the time it was sent is in the packet's record already, bytes lost before it matter only as a
 * difference (32 bits of the counter do), and what is in flight stays below 2 GB by the size of the ring. */
#ifndef TRANSPORT_DELIVERY_RATE_H
#define TRANSPORT_DELIVERY_RATE_H

#include "udpcp/base.h"

#define DELIVERY_IN_FLIGHT_MAX 0x7fffffffull

/* The connection's counters as they stood when a packet was sent. */
struct delivery_stamp {
  uint64_t delivered;          /* bytes acknowledged by then */
  uint64_t delivered_ns;       /* when the last of them was */
  uint64_t first_sent_ns;      /* when the packet was sent whose acknowledgement that was */
  uint32_t lost;               /* low half of the bytes declared lost by then */
  uint32_t in_flight : 31;     /* bytes, this packet included */
  uint32_t is_app_limited : 1; /* the sender had too little to send */
};

struct delivery {
  uint64_t delivered, lost; /* bytes over the connection's life */
  uint64_t delivered_ns;    /* the last acknowledgement */
  uint64_t first_sent_ns;   /* when the newest packet acknowledged by then was sent */
  uint64_t app_limited_end; /* samples are application-limited until more than this is delivered; 0: they are
                               not */
};

/* What one acknowledgement says. begin, on_acked for each packet, losses, finish: in this order. */
struct rate_sample {
  uint64_t newly_acked;        /* bytes */
  uint64_t rate_bytes_per_s;   /* 0: nothing reliable */
  uint64_t delivered;          /* bytes, since the newest acknowledged packet was sent */
  uint64_t interval_ns;        /* in which they were */
  uint64_t rtt_ns;             /* of that packet; 0: nothing was acknowledged */
  uint64_t lost;               /* bytes declared lost since it was sent */
  uint64_t sent_ns;            /* when that was */
  struct delivery_stamp stamp; /* its memory */
  bool has_data;
};

void delivery_init(struct delivery *delivery, uint64_t now_ns);
/* Before the packet counts in flight: `in_flight` without it. */
void delivery_on_sent(struct delivery *delivery, uint64_t now_ns, uint64_t in_flight, size_t size,
                      struct delivery_stamp *stamp);
void delivery_begin(struct rate_sample *sample);
/* A packet in flight was acknowledged; in any order. */
void delivery_on_acked(struct delivery *delivery, struct rate_sample *sample, uint64_t now_ns,
                       const struct delivery_stamp *stamp, uint64_t sent_ns, size_t size);
void delivery_on_lost(struct delivery *delivery, size_t size);
/* Bytes declared lost since the packet was sent. */
uint64_t delivery_lost_since(const struct delivery *delivery, const struct delivery_stamp *stamp);
/* No rate comes of an interval below `min_rtt_ns` (UINT64_MAX: unknown). */
void delivery_finish(struct delivery *delivery, struct rate_sample *sample, uint64_t min_rtt_ns);
/* Nothing is left to send although window and pacer would permit it. */
void delivery_on_app_limited(struct delivery *delivery, uint64_t in_flight);

#endif
