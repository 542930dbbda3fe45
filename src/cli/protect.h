/* protect: packets of a batch sealed and opened on several threads. */
#ifndef CLI_PROTECT_H
#define CLI_PROTECT_H

#include "udpcp/io.h"
#include "udpcp/lanes.h"

struct protect;

/* How many threads are worth it beside so many that work on files. */
unsigned protect_lanes(unsigned file_threads);
/* NULL when one lane is asked for, or memory is short: then a packet is sealed when it is written, and opened
 * when it is taken. The functions below want one. */
struct protect *protect_new(unsigned lanes);
void protect_free(struct protect *protect); /* takes NULL */

/* For conn_seal_later. */
struct seals *protect_seals(struct protect *protect);
/* Seals what was put off. */
void protect_seal(struct protect *protect);

/* Opens the datagrams of these trains as far as that can be done ahead. */
void protect_open(struct protect *protect, const struct train *trains, int count, conn_finder *find,
                  void *context);
/* The next datagram of them, in order, is about to be taken. */
void protect_take_next(struct protect *protect);
/* All have been. */
void protect_end(struct protect *protect);

#endif
