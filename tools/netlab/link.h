/*
 * One direction of an emulated link, as a pure model: packets go in at a time, and come out at a time,
 * damaged, late or not at all. It makes no system call and reads no clock; equal seeds and equal inputs give
 * equal outputs.
 *
 *   link_buffer() -> fill it -> link_push(bytes, tag, now)          a packet enters
 *   link_next_time() -> sleep -> while ((p = link_pop(now))) ...    packets leave
 *
 * All times are nanoseconds of one monotonic clock and must not run backwards; rate and MTU changes and
 * blackouts count from link_start(), the beginning of the traffic.
 */
#ifndef NETLAB_LINK_H
#define NETLAB_LINK_H

#include <stddef.h>
#include <stdint.h>

enum {
  LINK_RATES_MAX = 16,
  LINK_BLACKOUTS_MAX = 16,
  LINK_MTUS_MAX = 16,
  LINK_PACKETS_MAX =
      1 << 17, /* packets stored in one direction; more are dropped like those of a full queue */
  LINK_DATAGRAM_OVERHEAD = 28,    /* IPv4 and UDP header, counted for LINK_DATAGRAMS */
  LINK_QUEUE_BYTES_MAX = 1 << 30, /* keeps backlog arithmetic within 64 bits */
};
#define LINK_NEVER UINT64_MAX

enum link_framing {
  LINK_IP_PACKETS, /* whole IP packets: corruption hits only payload, and mends the checksum */
  LINK_DATAGRAMS,  /* bare UDP payloads */
};

enum link_jitter {
  LINK_JITTER_SMOOTH,  /* the delay wanders within +-jitter, and packets keep their order */
  LINK_JITTER_SCATTER, /* every packet has its own delay, so that packets overtake each other */
};

struct link_rate {
  uint64_t from_ns;
  uint64_t bits_per_second; /* 0: without limit */
};

struct link_blackout {
  uint64_t from_ns;
  uint64_t until_ns; /* not included */
};

struct link_mtu {
  uint64_t from_ns;
  uint32_t bytes; /* larger IP packets vanish; 0: none do */
};

struct link_config {
  enum link_framing framing;
  enum link_jitter jitter;
  struct link_rate rates[LINK_RATES_MAX]; /* ascending in time, the first from 0 */
  size_t rate_count;                      /* 0: without limit, always */
  struct link_blackout blackouts[LINK_BLACKOUTS_MAX];
  size_t blackout_count;
  uint64_t delay_ns;
  uint64_t jitter_ns;
  uint64_t reorder_hold_ns;         /* the further delay of a packet chosen by `reorder` */
  uint64_t queue_bytes;             /* what may wait for a limited rate */
  uint64_t policer_bits_per_second; /* what exceeds it is dropped, nothing is delayed; 0: no policer */
  uint64_t policer_bytes;           /* its bucket, full at first */
  /* LINK_IP_PACKETS only */
  uint64_t ce_above_bytes;             /* ECT becomes CE when more waits before it; 0: never */
  uint64_t ce_above_ns;                /* ... when it will wait longer; 0: never */
  int ecn_bleach;                      /* ECT and CE are cleared on entering */
  int ecn_drop;                        /* they vanish instead */
  uint32_t mtu;                        /* larger IP packets vanish; 0: none do */
  struct link_mtu mtus[LINK_MTUS_MAX]; /* later ones, ascending in time */
  size_t mtu_count;
  uint32_t packet_bytes_max; /* size of the buffers */
  /* Shares of packets, 0 to 1. */
  double loss;
  double burst_loss;    /* mean loss of the bursts */
  double burst_packets; /* mean length of a burst, at least 1 */
  double reorder;
  double duplicate;
  double corrupt;
  double truncate; /* LINK_DATAGRAMS only */
};

struct link_stats {
  uint64_t packets; /* that entered, as IP packets; the next line too */
  uint64_t bytes;
  uint64_t delivered; /* copies included */
  uint64_t delivered_bytes;
  uint64_t lost; /* by loss and burst loss */
  uint64_t blackout_drops;
  uint64_t mtu_drops;
  uint64_t policer_drops;
  uint64_t queue_drops;
  uint64_t ecn_drops;
  uint64_t ect;          /* packets that entered as ECT(0), ECT(1) or CE */
  uint64_t ce_marked;    /* by this link */
  uint64_t output_drops; /* not taken by the far end; counted by the caller */
  uint64_t duplicated;
  uint64_t reordered; /* left after a packet that had entered later */
  uint64_t corrupted;
  uint64_t truncated;
  uint64_t fragments;
  uint64_t queued; /* packets that passed the queue, the divisor of the mean */
  uint64_t queue_delay_sum_ns;
  uint64_t queue_delay_max_ns;
  uint32_t ip_bytes_max;
  uint32_t udp_payload_bytes_max;
};

struct link_packet {
  uint32_t bytes;
  uint32_t tag;   /* as given to link_push */
  uint64_t index; /* how many packets entered before it */
  uint64_t release_ns;
  struct link_packet *next;
  uint8_t data[];
};

struct link;

/* NULL when memory is short. The config must make sense: it is asserted, so check what users say before. */
struct link *link_new(const struct link_config *config, uint64_t seed);
void link_free(struct link *l);

/* The beginning of the traffic; without it, the first packet is the beginning. A second call changes nothing.
 */
void link_start(struct link *l, uint64_t now_ns);

/* Where the next packet is to be written: packet_bytes_max bytes, the same place until link_push. */
uint8_t *link_buffer(struct link *l);

/* The packet in link_buffer() enters. `tag` comes out again with it. */
void link_push(struct link *l, uint64_t now_ns, size_t bytes, uint32_t tag);

/* When the next packet leaves; LINK_NEVER when the link is empty. */
uint64_t link_next_time(const struct link *l);

/* The next packet that has left by now, or NULL. Valid until the next call of link_pop. */
const struct link_packet *link_pop(struct link *l, uint64_t now_ns);

/* For reading, and for the caller's own counts. */
struct link_stats *link_stats(struct link *l);

#endif
