/* protect: packets of a batch sealed and opened on several threads, while that pays. */
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

/* Datagrams of a connection are about to be written: where to put those to be sealed, for conn_seal_later;
 * NULL: they are to be sealed at once. */
struct seals *protect_begin(struct protect *protect);
/* Seals what was put off. */
void protect_seal(struct protect *protect);
/* All are written and sealed, so many bytes. */
void protect_end(struct protect *protect, size_t bytes);

/* These trains are about to be taken: opens their datagrams as far as that can be done ahead. */
void protect_open(struct protect *protect, const struct train *trains, int count,
                  struct conn *(*find)(void *context, const struct cid *id), void *context);
/* The next datagram of them, in order, is about to be taken. */
void protect_take_next(struct protect *protect);
/* All have been. */
void protect_taken(struct protect *protect);

#endif
