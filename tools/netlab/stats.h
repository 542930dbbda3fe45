/* What happened, one line a direction, on standard error. */
#ifndef NETLAB_STATS_H
#define NETLAB_STATS_H

#include "flows.h"
#include "link.h"
#include "options.h"

void stats_print(struct link *const link[DIRECTIONS]);

/* One line a flow; times count from the first packet of all. */
void stats_print_flows(const struct flows flows[DIRECTIONS]);

#endif
