/* hosts: the machines of a run: clients that begin, a server that listens, and what each does with a
 * datagram. */
#ifndef SIM_HOSTS_H
#define SIM_HOSTS_H

#include "world.h"

void hosts_open(struct world *world);
/* When any machine has something to do. */
uint64_t hosts_next_time(const struct world *world);
/* Lets every machine do what is due. */
void hosts_step(struct world *world);
/* Every connection of every living machine has ended. */
bool hosts_are_over(const struct world *world);
/* Ends what is left without a word, as when a machine is switched off, and frees everything. */
void hosts_close(struct world *world);

#endif
