/* What happened, one line a direction, on standard error. */
#ifndef NETLAB_STATS_H
#define NETLAB_STATS_H

#include "link.h"
#include "options.h"

void stats_print(struct link *const link[DIRECTIONS]);

#endif
