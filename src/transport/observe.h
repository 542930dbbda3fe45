/* observe: tells the observer, if there is one, what a connection does (proto/trace.md).
 *
 * Packets, losses and acknowledgements are told where they happen, one line each behind a look at
 * conn->observed.trace. Everything that is a state - of the connection, its keys, its path, its controller -
 * is told by comparing it with what was told last, so that no place where it changes has to know of this. */
#ifndef TRANSPORT_OBSERVE_H
#define TRANSPORT_OBSERVE_H

#include "udpcp/observe.h"

struct conn;
struct sent_packet;

/* What the observer knows. */
struct observed {
  void *trace; /* NULL: nobody observes */
  uint64_t now_ns;
  enum observed_state state;
  bool is_closed, has_remote_params;
  struct address peer;
  bool is_validated;
  size_t mtu;
  uint64_t send_phase, recv_phase;
  const char *congestion_name, *congestion_state;
  uint64_t acks_seen, losses_seen, probes_seen; /* metrics are due when one of them has changed */
  uint64_t timer_ns;
};

void observe_begin(struct conn *conn, uint64_t now_ns);
/* The last look, when the connection is about to be freed. */
void observe_end(struct conn *conn);

/* The rest asks that conn->observed.trace is there. */
void observe_changes(struct conn *conn, uint64_t now_ns);
void observe_sent(struct conn *conn, uint64_t now_ns, const struct observed_packet *packet);
void observe_received(struct conn *conn, uint64_t now_ns, const struct packet *packet, const uint8_t *payload,
                      size_t payload_size);
void observe_dropped(struct conn *conn, uint64_t now_ns, size_t size, const char *why);
void observe_acked(struct conn *conn, uint64_t now_ns, enum crypto_level level, const struct range *run);
/* Before the packet is settled. */
void observe_lost(struct conn *conn, uint64_t now_ns, enum crypto_level level,
                  const struct sent_packet *packet, uint64_t number, bool by_probes);
void observe_found(struct conn *conn, uint64_t now_ns, enum crypto_level level,
                   const struct sent_packet *packet, uint64_t number);
/* A loss timer has passed and is about to be answered. */
void observe_expired(struct conn *conn, uint64_t now_ns, enum crypto_level level);

#endif
