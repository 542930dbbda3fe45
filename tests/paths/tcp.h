/* tcp: a competitor for the connections: bulk data over a model of TCP.
 *
 * The sender has selective acknowledgements, finds losses by three later transmissions that arrived
 * (retransmissions included, as RACK does: RFC 8985), and a retransmission timer (RFC 6298); it is clocked by
 * acknowledgements and does not pace. Window by CUBIC (RFC 9438) or NewReno (RFC 5681). The receiver
 * acknowledges every second segment or after 40 ms, at once while there are gaps (RFC 5681 section 4.2),
 * with up to three blocks of what came out of order (RFC 2018). No handshake, no receive window, no bytes:
 * segments are numbered. */
#ifndef PATHS_TCP_H
#define PATHS_TCP_H

#include "transport/congestion.h"

enum {
  TCP_PAYLOAD = 1448,
  TCP_SEGMENT = 1472, /* what a link counts 28 bytes upon: an IP packet of 1500 */
  TCP_ACK = 64 - 28,  /* with one block of selective acknowledgement, more or less */
  TCP_RING = 1 << 15,
  TCP_BLOCKS = 3,
};

enum tcp_state { TCP_SENT, TCP_LOST, TCP_ARRIVED };

struct tcp_segment {
  uint64_t transmission; /* the number of its last one */
  uint64_t sent_ns;
  enum tcp_state state;
  bool is_repeated;
};

struct tcp {
  /* sender: una <= lost_from <= next */
  struct congestion cc;
  struct rtt rtt;
  struct tcp_segment *ring;
  uint64_t una, next, lost_from;
  uint64_t transmissions, largest; /* made; the largest that arrived */
  uint64_t in_flight;              /* segments */
  uint64_t lost;                   /* segments found lost and not sent again */
  uint64_t timer_ns;
  uint32_t timeouts; /* in a row */
  bool is_stopped;
  uint64_t segments_sent, segments_lost;

  /* receiver */
  uint8_t *have; /* ring */
  uint64_t in_order, highest;
  uint64_t block_recent; /* the segment that came last */
  uint32_t unacknowledged;
  uint64_t ack_at_ns;
  bool ack_now;
};

extern const struct congestion_ops congestion_reno;

struct tcp *tcp_new(const struct congestion_ops *ops, uint64_t now_ns);
void tcp_free(struct tcp *tcp);
/* The sender's side. */
void tcp_on_ack(struct tcp *tcp, uint64_t now_ns, const uint8_t *bytes);
void tcp_on_timer(struct tcp *tcp, uint64_t now_ns);
size_t tcp_next_segment(struct tcp *tcp, uint64_t now_ns, uint8_t *bytes);
/* The receiver's side. */
void tcp_on_segment(struct tcp *tcp, uint64_t now_ns, const uint8_t *bytes);
size_t tcp_next_ack(struct tcp *tcp, uint64_t now_ns, uint8_t *bytes);

#endif
