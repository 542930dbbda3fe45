/* limits_text: what held a transfer up, in one line. */
#ifndef CLI_LIMITS_TEXT_H
#define CLI_LIMITS_TEXT_H

#include "udpcp/transfer.h"

enum { LIMITS_TEXT_BYTES = 512 };
/* Below this nobody asks, unless with -v. */
#define LIMITS_TEXT_NS_MIN (1 * NS_PER_S)

enum limits_detail { LIMITS_SHARES, LIMITS_NUMBERS };

/* "limited by the network 91% (bbr), the receiver's disk 6%, the rest 3%": the largest share first, small
 * ones together at the end, 100% in all. With LIMITS_NUMBERS also what the controller saw of the network.
 * NULL when no time has passed. */
const char *limits_text(const struct held_up *held, const struct conn_stats *stats, enum limits_detail detail,
                        char text[LIMITS_TEXT_BYTES]);

#endif
