/* The kernel takes a train - many datagrams of one size to one address - for little more than the price of
 * one. So datagrams are written one after the other into one buffer, and a train is only a view of it: equal
 * sizes join, a shorter one joins and ends the train, anything else begins a new one where it stands,
 * uncopied. */
#include "outbox.h"

#include <assert.h>

uint8_t *outbox_room(struct outbox *outbox) {
  if (outbox->count == OUTBOX_TRAINS_MAX || outbox->used + DATAGRAM_BYTES_MAX > OUTBOX_BYTES) return NULL;
  if (outbox->sent > 0) return NULL; /* what is left goes first */
  return outbox->bytes + outbox->used;
}

void outbox_add(struct outbox *outbox, void *owner, const struct address *to, size_t size) {
  assert(size > 0 && size <= DATAGRAM_BYTES_MAX && outbox_room(outbox));
  struct train *last = outbox->count ? &outbox->trains[outbox->count - 1] : NULL;
  bool joins = last && !outbox->ends_short && outbox->owners[outbox->count - 1] == owner &&
               size <= last->segment && last->size + size <= UDP_TRAIN_BYTES_MAX &&
               last->size < UDP_TRAIN_SEGMENTS_MAX * last->segment && address_equal(&last->peer, to) &&
               last->peer.ecn == to->ecn;
  if (joins) {
    last->size += size;
    outbox->ends_short = size < last->segment;
  } else {
    outbox->trains[outbox->count] =
        (struct train){.peer = *to, .bytes = outbox->bytes + outbox->used, .size = size, .segment = size};
    outbox->owners[outbox->count] = owner;
    outbox->segments[outbox->count] = size;
    outbox->count++;
    outbox->ends_short = false;
  }
  outbox->used += size;
}

bool outbox_is_empty(const struct outbox *outbox) { return outbox->count == 0; }

bool outbox_send(struct outbox *outbox, struct udp *udp, void (*refused)(void *owner, size_t size)) {
  while (outbox->sent < outbox->count) {
    size_t refused_size = 0;
    int first = outbox->sent;
    int taken = udp_send(udp, outbox->trains + first, outbox->count - first, &refused_size);
    assert(taken <= outbox->count - first);
    if (taken < 0)
      taken = outbox->count - first; /* lost like any datagram; a lasting fault ends in silence */
    outbox->sent += taken;
    for (int i = first; refused_size && i < outbox->sent; i++)
      if (outbox->segments[i] == refused_size && outbox->owners[i]) refused(outbox->owners[i], refused_size);
    if (taken == 0) return false;
  }
  outbox->count = outbox->sent = 0;
  outbox->used = 0;
  outbox->ends_short = false;
  return true;
}

void outbox_forget(struct outbox *outbox, const void *owner) {
  for (int i = 0; i < outbox->count; i++)
    if (outbox->owners[i] == owner) outbox->owners[i] = NULL;
}
