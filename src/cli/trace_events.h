/* trace_events: an observation as the name and the data of a qlog event. */
#ifndef CLI_TRACE_EVENTS_H
#define CLI_TRACE_EVENTS_H

#include <jansson.h>

#include "udpcp/observe.h"

/* What was written last of one connection: only changes are written. Begins zeroed, the metrics as values
 * that they never have. */
struct trace_memory {
  struct observed_metrics metrics;
  enum observed_state state;
  const char *congestion; /* the controller's state */
  size_t mtu;
};

const char *trace_event_name(const struct observation *what);
/* Its data, the caller's; NULL when memory is out. `now_ns` is the event's time. */
json_t *trace_event_data(const struct observation *what, uint64_t now_ns, enum crypto_role role,
                         struct trace_memory *memory);
json_t *trace_started_data(const struct observed_start *start);
json_t *trace_recovery_data(const struct observed_start *start);
json_t *trace_totals_data(const struct conn_stats *stats);
/* `text`: 2 * size + 1 bytes. */
void trace_hex(const uint8_t *bytes, size_t size, char *text);

#endif
