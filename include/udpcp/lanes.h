/* lanes: packets of a batch sealed, or opened, on several threads at once (proto/performance.md section 6).
 *
 * A connection belongs to one thread. But what costs most about a packet wants nothing of its connection but
 * keys, so it can be put off or done ahead: packets are written, with their numbers, and sealed together
 * before they leave; or they are opened together as they came, and then taken one after the other. Who calls
 * brings the threads: seals_run and openings_run do one packet each, on any thread, `lane` being the thread's
 * own number below the `lanes` the keys were made for (udpcp/crypto.h). While they run nothing else may be
 * done with the connections concerned. What goes out, and what is made of what comes in, is the same to the
 * bit as without. */
#ifndef UDPCP_LANES_H
#define UDPCP_LANES_H

#include "udpcp/transport.h"

/* ---- out ---- */
enum { SEALS_MAX = 256 };
/* A packet that has all but its protection. */
struct seal {
  const struct crypto *crypto;
  uint64_t number;
  uint8_t *header; /* what is sealed goes behind it */
  const uint8_t *payload;
  size_t header_size, payload_size;
};
struct seals {
  size_t count, bytes; /* bytes: of payload, in all */
  struct seal packets[SEALS_MAX];
};

/* From now on DATA packets of conn_next_datagram are put into `seals` unsealed, as long as there is room;
 * NULL: sealed at once again, and by then `seals` must be empty. Between a packet put off and its sealing
 * only conn_next_datagram may be called; only one connection may use a `seals` at a time. */
void conn_seal_later(struct conn *conn, struct seals *seals);
/* Seals one: each index below count once. */
void seals_run(void *seals, size_t index, unsigned lane);
/* All of them, in lane 0, and empties it. */
void seals_finish(struct seals *seals);

/* ---- in ---- */
enum { OPENINGS_MAX = 512 };
struct opening {
  struct conn *conn; /* NULL: this datagram is to be opened when it is taken */
  uint64_t number;
  uint8_t *bytes;
  size_t header_size, payload_size;
  int error; /* of open_lane */
};
struct openings {
  size_t count, bytes;         /* bytes: to be opened, in all */
  const struct opening *taken; /* of the datagram that is taken just now */
  struct opening packets[OPENINGS_MAX];
};

/* The next datagram of a batch, of which at most OPENINGS_MAX can be noted; `openings` is borrowed by its
 * connection for good. `find` tells the connection that an id names, NULL for none. What is not plainly a
 * DATA packet of keys in use is left for when it is taken. */
void openings_add(struct openings *openings, const struct address *from, uint8_t *bytes, size_t size,
                  struct conn *(*find)(void *context, const struct cid *id), void *context);
/* Opens one, in place: each index below count once. */
void openings_run(void *openings, size_t index, unsigned lane);
/* To be called before a datagram of the batch goes to conn_on_datagram or listener_on_datagram, with its
 * index; from count on: one that was not noted. */
void openings_take(struct openings *openings, size_t index);
/* The batch is over. */
void openings_clear(struct openings *openings);

/* The finder of a listener's connections: `listener` is a struct listener. */
struct conn *listener_find(void *listener, const struct cid *id);

#endif
