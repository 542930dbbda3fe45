/* outbox: datagrams on their way to the socket, gathered into trains. */
#ifndef CLI_OUTBOX_H
#define CLI_OUTBOX_H

#include "udpcp/io.h"
#include "udpcp/wire.h"

enum {
  OUTBOX_TRAINS_MAX = UDP_BATCH,
  OUTBOX_BYTES =
      256 * 1024 + DATAGRAM_BYTES_MAX, /* four full trains: they and their blocks stay in the L2 cache */
};

struct outbox {
  struct train trains[OUTBOX_TRAINS_MAX];
  void *owners[OUTBOX_TRAINS_MAX]; /* whose connection a train came from, NULL for nobody's */
  size_t segments[OUTBOX_TRAINS_MAX];
  int count, sent; /* trains; sent ones are done with once all are */
  size_t used;
  bool ends_short; /* the last train has its shorter datagram: it is over */
  uint8_t bytes[OUTBOX_BYTES];
};

/* Where the next datagram may be written, DATAGRAM_BYTES_MAX bytes; NULL: full, send first. */
uint8_t *outbox_room(struct outbox *outbox);
/* The datagram just written there, `size` > 0 bytes: joins the last train if it can. */
void outbox_add(struct outbox *outbox, void *owner, const struct address *to, size_t size);
bool outbox_is_empty(const struct outbox *outbox);
/* Hands the trains to the kernel. True when all are gone; false: it is full, go on when the socket is
 * writable. `refused` is called for owners of trains too big for the interface, with the datagrams' size. */
bool outbox_send(struct outbox *outbox, struct udp *udp, void (*refused)(void *owner, size_t size));
/* The owner is about to go. */
void outbox_forget(struct outbox *outbox, const void *owner);

#endif
