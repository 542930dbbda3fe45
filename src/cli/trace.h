/* trace: --trace FILE, what each connection does as qlog in a JSON text sequence (proto/trace.md). */
#ifndef CLI_TRACE_H
#define CLI_TRACE_H

#include "options.h"
#include "udpcp/observe.h"

struct trace;

/* Begins the file that options->trace names, and must be called before anything is confined: nothing is
 * opened later. NULL and *error 0: no trace is wanted; NULL and *error negative: it cannot be written, and
 * that was said. */
struct trace *trace_open(const struct options *options, int *error);
/* Makes the connections of this configuration write to the trace, if there is one. */
void trace_attach(struct trace *trace, struct conn_config *config);
/* Takes NULL. Every connection must have been freed. */
void trace_close(struct trace *trace);

#endif
