/* crowd: many senders at one receiver. The transport lets them take turns by what the pump knows of the
 * socket and of itself. */
#ifndef CLI_CROWD_H
#define CLI_CROWD_H

#include "pump.h"

/* Every turn of the loop. Returns when to look again at the latest. */
uint64_t crowd_take_turns(struct pump *pump, struct listener *listener, uint64_t now_ns);

#endif
