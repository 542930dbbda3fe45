/* progress: the line that is rewritten while a transfer runs. */
#ifndef CLI_PROGRESS_H
#define CLI_PROGRESS_H

#include "udpcp/base.h"

enum { PROGRESS_TEXT_BYTES = 256 };
#define PROGRESS_INTERVAL_NS (100 * NS_PER_MS)

/* How far things are, over all sessions. */
struct progress_view {
  uint64_t bytes_seen, bytes_past; /* announced; of them moved, already there or given up */
  uint64_t bytes_moved;            /* through the network: what the rate is made of */
  uint64_t objects_seen, objects_past;
  uint64_t bytes_sent, bytes_resent; /* as the transport counts */
  bool is_total;                     /* bytes_seen will not grow */
};

/* The rate as of late. Zeroed to begin with. */
struct progress_meter {
  uint64_t last_ns, last_bytes; /* last_ns 0: nothing seen yet */
  double rate_bytes_per_s;
  bool has_rate;
};

void progress_measure(struct progress_meter *meter, uint64_t now_ns, uint64_t bytes_moved);
/* Whole fields only, at most `columns` - 1 of them wide (the last column would make some terminals wrap). */
void progress_line(const struct progress_meter *meter, const struct progress_view *view, unsigned columns,
                   char text[PROGRESS_TEXT_BYTES]);

#endif
