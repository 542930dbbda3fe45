/* check: the properties that are asked of a whole run. Those of a single step stand where the step is taken.
 */
#ifndef SIM_CHECK_H
#define SIM_CHECK_H

#include "world.h"

/* After every step. */
void check_step(struct world *world);
/* After the last one, while everything still stands. */
void check_end(struct world *world);
/* The last words of the other end got lost on the way, every one of them. */
bool check_missed_the_end(const struct world *world, const struct end *end, const struct end *other);
/* After all connections are freed. */
void check_memory(struct world *world);
void check_free_pools(struct world *world);

#endif
