/* slow: finds senders that hold a place and bring next to nothing. */
#ifndef CLI_SLOW_H
#define CLI_SLOW_H

#include "udpcp/base.h"

enum { SLOW_BYTES_PER_S_DEFAULT = 100, SLOW_WINDOW_S = 60, SLOW_WINDOW_S_MIN = 5 };

/* What one session brought, since when. Begins zeroed. */
struct slow {
  uint64_t since_ns, bytes; /* since_ns 0: not looked at yet */
};

/* Over how many seconds a rate is averaged: a minute, or twice the time that silence is borne if that is
 * less.
 */
uint64_t slow_window_s(uint64_t timeout_s);
/* To be asked about once a second, with all bytes that have come since the beginning. `is_held`: the session
 * waits for us; such time does not count against it. True: in the last `window_s` it brought less than the
 * rate; it will be said again after as long. A rate of 0 is never missed. */
bool slow_on_look(struct slow *slow, uint64_t now_ns, uint64_t bytes, bool is_held, uint64_t bytes_per_s,
                  uint64_t window_s);

#endif
