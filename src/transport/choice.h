/* choice: which congestion controller a connection takes when it may choose (`auto`), and why
 * (proto/transport.md section 6.1).
 *
 * What is known at first is the round trip of the handshake. Later, losses tell: behind a full queue they
 * come with a round trip well above the least; where they come without, several times in a row, the path
 * loses what is sent at any rate, and CUBIC would slow down for nothing. A handshake may be slow for want of
 * CPU at either end: a round trip of data that is short shows that the path is. */
#ifndef TRANSPORT_CHOICE_H
#define TRANSPORT_CHOICE_H

#include "transport/congestion.h"
#include "udpcp/transport.h"

#define LONG_PATH_RTT_NS (4 * NS_PER_MS) /* from here on `auto` does without CUBIC */

struct choice {
  const char *why;     /* an English phrase for the user */
  bool is_open;        /* it may still change for losses */
  uint32_t looks_left; /* at round trips, where a long handshake was all there was to go by */
  uint32_t lone_losses;
  uint64_t event_end; /* losses of packets below this number belong to the event already counted */
};

/* The controller to begin with. `rtt` as the handshake left it. */
const struct congestion_ops *choice_begin(struct choice *choice, enum congestion_kind asked,
                                          const struct rtt *rtt);
/* Losses of one batch while the window held the sender back; the controller to change to, or NULL. */
const struct congestion_ops *choice_on_loss(struct choice *choice, const struct rtt *rtt,
                                            uint64_t largest_lost, uint64_t next_number);
/* A round trip was measured; the controller to change to, or NULL. */
const struct congestion_ops *choice_on_rtt(struct choice *choice, const struct rtt *rtt);
/* They were none. */
void choice_on_spurious_loss(struct choice *choice);

#endif
