/* Relay mode: a UDP relay on loopback with the link in it. */
#ifndef NETLAB_RELAY_H
#define NETLAB_RELAY_H

#include "options.h"

/* Returns the exit status, or -1 and a failure described. */
int relay_run(const struct options *o, struct failure *f);

#endif
