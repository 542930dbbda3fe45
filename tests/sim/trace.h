/* trace: what happens, one line each, for a person who replays a seed. */
#ifndef SIM_TRACE_H
#define SIM_TRACE_H

#include "lane.h"
#include "udpcp/transport.h"

struct world;
struct end;

void trace_datagram(const struct world *world, enum way way, unsigned client, const uint8_t *bytes,
                    size_t size, const char *fate);
void trace_event(const struct end *end, const struct conn_event *event);
void trace_note(const struct world *world, const char *format, ...) __attribute__((format(printf, 2, 3)));

#endif
