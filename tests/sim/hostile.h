/* hostile: what the network does beyond losing things: strangers' datagrams, replays, damage that no checksum
 * shows, and a server of another version. */
#ifndef SIM_HOSTILE_H
#define SIM_HOSTILE_H

#include "world.h"

/* Begins to send strangers' datagrams. */
void hostile_begin(struct world *world);
void hostile_end(struct world *world);
/* Remembers one datagram of each side, to be replayed. */
void hostile_overhear(struct world *world, enum side side, const uint8_t *bytes, size_t size);
/* A damaged copy whose checksum fits, when the scenario wants this datagram to be one; else NULL. The
 * caller's. */
uint8_t *hostile_mend(struct world *world, const uint8_t *bytes, size_t size);
/* What a server of another version answers to a client's first packet; its size, 0 for none. */
size_t hostile_foreign_answer(const uint8_t *bytes, size_t size, uint8_t *reply);

#endif
