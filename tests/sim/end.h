/* end: one end of a connection and the program above it: feeds the inputs, drains the outputs, and looks at
 * what the connection promises at every step. */
#ifndef SIM_END_H
#define SIM_END_H

#include "lane.h"
#include "scenario.h"
#include "udpcp/transport.h"

struct world;
struct end;

/* What a connection is used for; one for each layer that is under test. */
struct work_ops {
  void *(*begin)(struct end *end);
  void (*on_event)(void *work, const struct conn_event *event);
  /* Moves on whatever can move. */
  void (*step)(void *work);
  /* When step is to be called though nothing happens. */
  uint64_t (*next_wake)(const void *work);
  /* After the end of the connection: nothing is left to do. */
  bool (*is_over)(const void *work);
  /* The connection is about to be freed, with or without an end. */
  void (*leave)(void *work);
  void (*free)(void *work);
};
extern const struct work_ops talk_ops;  /* talk.c, LAYER_CONN */
extern const struct work_ops carry_ops; /* carry.c, LAYER_TRANSFER */

struct end {
  struct world *world;
  enum side side;
  unsigned client;   /* whose connection it is */
  struct conn *conn; /* NULL once freed */
  struct cid cid;    /* of a server's end, once it has sent something */
  struct pool *pool;
  size_t datagram_bytes_max;
  const struct work_ops *ops;
  void *work;
  uint64_t created_ns;
  uint64_t heard_ns; /* the last time an intact datagram came; at first when it began */
  uint64_t timeout_ns;
  uint64_t steps, idle_timeouts, idle_since_ns;
  bool is_woken;                           /* something came, it is to be pumped */
  bool is_established, is_closed, is_gone; /* gone: the program has left the connection */
  bool has_called_close;
  bool was_told; /* a datagram that the peer had sent after conn_close came through */
  uint64_t established_ns, closed_ns, called_close_ns;
  uint64_t code_called; /* as given to conn_close */
  char reason_called[REASON_BYTES_MAX + 1];
  enum closed_by closed_by;
  uint64_t close_code;
  char close_reason[REASON_BYTES_MAX + 1];
  bool has_first_sent;
  uint64_t bytes_sent, datagrams_sent, received;
  uint32_t sent_after_close; /* datagrams, once it had called conn_close */
  struct conn_stats stats;   /* as they were at the end */
  uint8_t *scratch;          /* datagram_bytes_max bytes */
};

/* Takes the connection over; begins its work. */
struct end *end_new(struct world *world, enum side side, unsigned client, struct conn *conn,
                    struct pool *pool);
/* Something came for this end: what the world knows of it. Before the connection sees it. */
void end_note_arrival(struct end *end, const struct arrival *arrival);
void end_on_datagram(struct end *end, const struct address *from, const struct arrival *arrival);
void end_on_timeout(struct end *end);
/* Drains all outputs until nothing moves any more. */
void end_pump(struct end *end);
uint64_t end_next_wake(const struct end *end);
/* For the program above: a close that is noted here. */
void end_close(struct end *end, uint64_t code, const char *reason);
/* The program leaves; whoever holds the connection may free it afterwards. */
void end_leave(struct end *end);
void end_free(struct end *end);
const char *closed_by_text(enum closed_by by);

#endif
