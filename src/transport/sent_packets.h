/* sent_packets: what was sent and not yet settled (proto/transport.md section 5).
 *
 * A power-of-two ring indexed by packet number, about 48 bytes a packet and no payload: what is lost is sent
 * again from its block or stream. Which numbers the peer has acknowledged so far is kept as an interval set,
 * so that an ACK frame that repeats old ranges costs only what is new in it. */
#ifndef TRANSPORT_SENT_PACKETS_H
#define TRANSPORT_SENT_PACKETS_H

#include "transport/delivery_rate.h"
#include "udpcp/wire.h"

enum { SENT_ACKED_RANGES_MAX = 256 };

enum sent_state {
  SENT_NOTHING,   /* never sent, or nothing of it matters any more */
  SENT_IN_FLIGHT, /* counts in bytes_in_flight, its content is its own */
  SENT_MOVING,    /* counts in bytes_in_flight; its fragment also waits in the queue, for a probe to carry */
  SENT_MOVED,     /* counts in bytes_in_flight; its content travels elsewhere */
  SENT_LOST,      /* declared lost, its fragment waits in the queue */
  SENT_RESENT,    /* declared lost, its content travels elsewhere; kept to notice that it was not lost */
  SENT_ACKED,
};

enum sent_flags {
  SENT_ELICITING = 1,
  SENT_MTU_PROBE = 2, /* its loss says nothing about congestion */
  SENT_HAS_ACK = 4,   /* ack_largest is valid */
  SENT_STREAM = 8,    /* stream_offset and stream_size are valid */
  SENT_FRAGMENT = 16, /* slot, offset, length: one fragment of a block */
  SENT_CHAIN = 32,    /* slot: first of several whole small blocks, linked by their slots */
  SENT_MAX_DATA = 64,
  SENT_READY = 128,
  SENT_ACK_FREQUENCY = 256,
  SENT_ECT = 512, /* left with ECT(0) */
};

struct sent_packet {
  uint64_t sent_ns;
  uint64_t ack_largest;
  union {
    uint64_t stream_offset;
    uint64_t lost_at; /* of a fragment: its place in the queue, once it is there */
  };
  uint32_t slot, offset, length;
  uint16_t stream_size;
  uint16_t size; /* UDP payload */
  uint16_t state, flags;
};

struct lost_fragment {
  uint64_t number; /* of the packet that was lost */
  uint32_t slot, offset, length;
};

struct sent_packets {
  struct sent_packet *ring;
  struct delivery_stamp *stamps; /* beside the ring, for controllers that sample rates */
  uint32_t mask, lost_mask;
  uint64_t tail;  /* lowest number still in the ring */
  uint64_t first; /* no packet below this is in flight */
  uint64_t next;  /* number the next packet gets */
  uint64_t bytes_in_flight;
  uint64_t largest_acked; /* valid when has_acked */
  bool has_acked;
  struct range acked_storage[SENT_ACKED_RANGES_MAX];
  struct ranges acked;
  uint32_t acked_near; /* index in it where the last search ended: the next one is near */
  struct lost_fragment
      *lost; /* a queue in a ring: what was in flight at once, perhaps cut into smaller pieces */
  uint64_t lost_head, lost_tail;
  uint64_t last_eliciting_ns; /* when the newest ack-eliciting packet was sent */
  uint32_t eliciting_in_flight;
};

/* `capacity`: a power of two. `pieces_max`: how many a lost fragment may have to be cut into when the
 * datagrams have become smaller. ERR_NO_MEMORY. */
int sent_packets_init(struct sent_packets *sent, uint32_t capacity, uint32_t pieces_max);
void sent_packets_clear(struct sent_packets *sent);
/* Whether one more packet can be recorded. */
bool sent_packets_have_room(struct sent_packets *sent);
/* The same question without making room. */
bool sent_packets_is_full(const struct sent_packets *sent);
/* Records packet number sent->next; ack-eliciting ones are in flight from now on. */
void sent_packets_add(struct sent_packets *sent, const struct sent_packet *packet);
/* NULL when the number was never sent or has left the ring. */
struct sent_packet *sent_packets_find(const struct sent_packets *sent, uint64_t number);
/* What the packet remembers of the delivery before it; its number must be in the ring. */
struct delivery_stamp *sent_packets_stamp(const struct sent_packets *sent, uint64_t number);
/* Takes a packet out of flight and gives it its last state. */
void sent_packets_settle(struct sent_packets *sent, struct sent_packet *packet, enum sent_state state);
/* The lowest packet in flight, NULL when there is none. */
struct sent_packet *sent_packets_lowest(struct sent_packets *sent, uint64_t *number);
/* Of [first, end), the lowest run not acknowledged before. False when all of it was. */
bool sent_packets_new_run(struct sent_packets *sent, uint64_t first, uint64_t end, struct range *run);
/* Remembers [first, end) as acknowledged. */
void sent_packets_remember(struct sent_packets *sent, uint64_t first, uint64_t end);

/* Queues the fragment of a packet to be sent again. */
void sent_packets_queue_lost(struct sent_packets *sent, uint64_t number, struct sent_packet *packet);
/* The next lost fragment that was not acknowledged late; stays in the queue. NULL when there is none. */
struct lost_fragment *sent_packets_next_lost(struct sent_packets *sent);
/* The first `length` bytes of that fragment have been sent again. */
void sent_packets_resent(struct sent_packets *sent, uint32_t length);
void sent_packets_check(const struct sent_packets *sent);

#endif
