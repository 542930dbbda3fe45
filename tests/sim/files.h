/* files: a tree of files in memory, its source at the sender and its sink at the receiver, and what is known
 * of each file: what it is, what will go wrong with it, and what either side said about it. Contents are made
 * and compared as they pass, never kept. */
#ifndef SIM_FILES_H
#define SIM_FILES_H

#include "scenario.h"
#include "udpcp/transfer.h"
#include "verdict.h"

struct tree;
struct world;
struct end;

extern const struct source_ops tree_source_ops; /* of a struct tree */
extern const struct sink_ops tree_sink_ops;

/* Breaches are noted in the verdict. */
struct tree *tree_new(const struct scenario *scenario, unsigned client, struct verdict *verdict);
void tree_free(struct tree *tree);
/* For blocks that were read and not yet acknowledged. */
struct pool *tree_pool(struct tree *tree);
/* The receiver's machine is off: nothing is written any more, whatever job still runs. */
void tree_switch_sink_off(struct tree *tree);
/* What one side says. */
void tree_on_report(struct tree *tree, enum side side, const struct report *report);
void tree_on_outcome(struct tree *tree, enum side side, const struct progress *progress);
/* Datagrams that a careful sender would need, about. */
uint64_t tree_pieces(const struct tree *tree);
uint64_t tree_bytes_written(const struct tree *tree);
/* Looks at everything after the end. */
void tree_check(struct tree *tree, const struct world *world, unsigned number);

#endif
