/* turns: which of many senders may send next (proto/transport.md section 9).
 *
 * Many senders that all have credit fill the socket's buffer until it overflows; then each of them sends in
 * crumbs through a small window, and all pay for it. So the credit that is in the air - said and not used,
 * lately - is bounded over all connections by what the socket can hold; who finds no room waits in line and
 * gets credit for a good piece at its turn. Few send at a time, in large trains, and each as much as the
 * others. Credit that somebody leaves unused counts no longer after a while: nobody is kept waiting by it.
 * Where the receiver has time to spare and yet somebody waits, the bound was too narrow and grows. */
#ifndef TRANSPORT_TURNS_H
#define TRANSPORT_TURNS_H

#include "udpcp/base.h"

#define TURNS_EPOCH_NS (50 * NS_PER_MS) /* credit counts as in the air for one to two of these */

/* The place of one connection. */
struct turns_member {
  struct turns_member *next; /* in line */
  bool is_waiting;
  bool is_called; /* at the head of the line, and asked now */
  uint64_t fresh; /* granted in `epoch` or the one before and not used yet */
  uint64_t epoch;
};

struct turns {
  struct turns_member *first, **end; /* the line */
  uint32_t members;
  uint64_t epoch, epoch_end_ns;
  uint64_t air[2];           /* sums of `fresh`, by the epoch's parity: the current and the last one */
  uint64_t air_max;          /* UINT64_MAX: no bound, as nobody tells of the socket */
  uint64_t ceiling;          /* of air_max: all memory there is */
  bool was_short;            /* in this epoch somebody got less than asked for */
  bool has_halved;           /* the bound, at the end of the last epoch */
  uint64_t drops, asleep_ns; /* at the epoch's begin */
};

void turns_init(struct turns *turns, uint64_t ceiling);
void turns_join(struct turns *turns, struct turns_member *turn);
void turns_leave(struct turns *turns, struct turns_member *turn);
/* How much of `want` may be granted now: at least `least`, or 0: it waits in line, if it did not already. */
uint64_t turns_ask(struct turns *turns, struct turns_member *turn, uint64_t want, uint64_t least);
void turns_on_granted(struct turns *turns, struct turns_member *turn, uint64_t bytes);
/* The peer has used that much of what it was granted. */
void turns_on_used(struct turns *turns, struct turns_member *turn, uint64_t bytes);
/* Time goes on; the counters are of the receiver's socket and thread since ever. Returns when it wants to
 * hear of the time again at the latest. */
uint64_t turns_on_clock(struct turns *turns, uint64_t now_ns, uint64_t socket_bytes, uint64_t drops,
                        uint64_t asleep_ns);
/* Takes the head of the line when there is room for `least`: it is to ask again now. NULL: nobody. */
struct turns_member *turns_next(struct turns *turns, uint64_t least);

#endif
