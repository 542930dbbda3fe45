/* stream: an ordered byte stream, half a direction each: CONTROL and the handshake's CRYPTO
 * (proto/transport.md section 8). Both halves hold a fixed ring; the window is the ring's size beyond what
 * the other side has in order, so no window needs announcing: a reader takes bytes as soon as they are in
 * order. */
#ifndef TRANSPORT_STREAM_H
#define TRANSPORT_STREAM_H

#include "udpcp/base.h"

enum { STREAM_RANGES_MAX = 256 };

struct stream_send {
  uint8_t *ring;
  size_t capacity; /* power of two */
  uint64_t acked;  /* every byte below is acknowledged: ring space is free again */
  uint64_t next;   /* first byte never sent */
  uint64_t end;    /* first byte not yet written */
  struct range acked_storage[STREAM_RANGES_MAX], lost_storage[STREAM_RANGES_MAX];
  struct ranges acked_above, lost;
};

/* ERR_NO_MEMORY. */
int stream_send_init(struct stream_send *stream, size_t capacity);
void stream_send_clear(struct stream_send *stream);
size_t stream_send_room(const struct stream_send *stream);
/* Takes what fits, returns how much. */
size_t stream_send_write(struct stream_send *stream, const void *bytes, size_t size);
/* Whether a piece waits, lost or new. */
bool stream_send_pending(const struct stream_send *stream);
/* The next piece to send, lost ones first, at most size_max bytes and never across the ring's end: its offset
 * and place. Returns its size, 0 when there is none. Counts as sent. */
size_t stream_send_next(struct stream_send *stream, size_t size_max, uint64_t *offset, const uint8_t **bytes);
void stream_send_on_acked(struct stream_send *stream, uint64_t offset, size_t size);
/* Lost or to be repeated: parts acknowledged meanwhile are left out. When the set of lost pieces is full,
 * neighbours are joined (resending a little too much is harmless). */
void stream_send_on_lost(struct stream_send *stream, uint64_t offset, size_t size);
bool stream_send_is_flushed(const struct stream_send *stream);

struct stream_recv {
  uint8_t *ring;
  size_t capacity;   /* power of two */
  uint64_t consumed; /* bytes read by the application */
  uint64_t in_order; /* bytes below are all here */
  struct range storage[STREAM_RANGES_MAX];
  struct ranges above; /* received beyond in_order */
};

int stream_recv_init(struct stream_recv *stream, size_t capacity);
void stream_recv_clear(struct stream_recv *stream);
/* A piece: duplicates and overlaps are fine. ERR_NO_SPACE beyond consumed + capacity (the peer's fault),
 * ERR_AGAIN when too many holes are open (treat the packet as lost). */
int stream_recv_on_data(struct stream_recv *stream, uint64_t offset, const uint8_t *bytes, size_t size);
size_t stream_recv_available(const struct stream_recv *stream);
size_t stream_recv_read(struct stream_recv *stream, void *bytes, size_t capacity);

#endif
