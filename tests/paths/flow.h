/* flow: one sender and one receiver at the ends of a scene's path: two connections with their controller, or
 * a model of TCP. */
#ifndef PATHS_FLOW_H
#define PATHS_FLOW_H

#include "tcp.h"
#include "transport/conn.h"

enum flow_kind {
  FLOW_CUBIC,
  FLOW_BBR,
  FLOW_BACKGROUND,
  FLOW_AUTO,
  FLOW_TCP_CUBIC,
  FLOW_TCP_RENO,
  FLOW_KINDS,
};

enum { FLOW_BLOCK_BYTES = 256 * 1024, FLOW_BLOCKS_OPEN = 32 };

/* What there is to send. */
struct source {
  uint64_t bytes;     /* in all; UINT64_MAX: without end */
  uint64_t stop_ns;   /* nothing new from then on */
  uint64_t chunk;     /* so much becomes there to send ... */
  uint64_t period_ns; /* ... every so often; 0: all at once */
};

struct flow_end {
  struct conn *conn;
  uint64_t wake_ns;
  bool is_established, is_closed;
};

struct flow {
  enum flow_kind kind;
  struct source source;
  uint64_t start_ns; /* of its connection */
  uint64_t seed;
  /* Before the flow starts: */
  uint64_t key_packets;
  size_t datagram_bytes;
  uint32_t blocks_max; /* given to the connection at once */

  struct flow_end client, server;
  struct pool *pool;
  struct tcp *tcp;
  uint64_t offered, acked; /* bytes of blocks */
  uint32_t blocks_open;
  uint64_t chunk_at_ns;

  double burst_quanta_max; /* most sent at one moment, in quanta of the pacer then */
  uint64_t burst_ns, burst_bytes;
  uint64_t data_sent; /* datagrams of the client */
};

const char *flow_name(enum flow_kind kind);
static inline bool flow_is_tcp(const struct flow *flow) { return flow->kind >= FLOW_TCP_CUBIC; }
void flow_start(struct flow *flow, uint64_t now_ns);
void flow_clear(struct flow *flow);

/* A datagram for the client or the server. */
void flow_on_datagram(struct flow *flow, uint64_t now_ns, bool is_server, uint8_t *bytes, size_t size);
/* Timers and events of one end; to be called after every datagram and when its wake_ns has passed. */
void flow_turn(struct flow *flow, uint64_t now_ns, bool is_server);
/* The next datagram, or 0. */
size_t flow_next(struct flow *flow, uint64_t now_ns, bool is_server, uint8_t *bytes, size_t capacity);
/* When to turn again. */
void flow_settle(struct flow *flow, uint64_t now_ns, bool is_server);
uint64_t flow_wake_ns(const struct flow *flow, bool is_server);

/* Payload that has arrived, once each byte. */
uint64_t flow_delivered(const struct flow *flow);
/* Bytes of IP packets that carry one byte of payload. */
double flow_overhead(const struct flow *flow);
struct conn_stats flow_stats(const struct flow *flow);

#endif
