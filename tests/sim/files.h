/* files: a tree of files in memory, its source at the sender and its sink at the receiver, and what is known of each
 * file: what it is, what will go wrong with it, and what either side said about it. */
#ifndef SIM_FILES_H
#define SIM_FILES_H

#include "scenario.h"
#include "udpcp/transfer.h"
#include "verdict.h"

struct tree;
struct world;

struct tree *tree_new(const struct scenario *scenario, unsigned client);
void tree_free(struct tree *tree);
/* Datagrams that a careful sender would need, about. */
uint64_t tree_pieces(const struct tree *tree);

/* What both sides reported and what the sink holds. */
void tree_check(const struct tree *tree, struct verdict *verdict, const struct world *world, unsigned number);

#endif
