/* Namespace mode: two namespaces, the commands in them, and the link between. */
#ifndef NETLAB_BRIDGE_H
#define NETLAB_BRIDGE_H

#include "options.h"

/* Returns the exit status, or -1 and a failure described. */
int bridge_run(const struct options *o, struct failure *f);

/* Whether namespaces can be made here: 0, or -1 and why not. Leaves the caller in one of them. */
int bridge_try(const struct options *o, struct failure *f);

#endif
