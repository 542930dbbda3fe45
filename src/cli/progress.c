/* What a waiting person wants to know, the most wanted first: how much, of how much, how fast, how long
 * still. Fields that do not fit the terminal's width are left out from the right. The rate is an average that
 * forgets with a time constant of two seconds, so that it neither flickers nor lies long after a stall. */
#include "progress.h"

#include <stdio.h>
#include <string.h>

#include "units.h"

#define FORGET_S 2.0
enum { FIELDS_MAX = 6, SECONDS_LEFT_MAX = 99 * 3600 };

void progress_measure(struct progress_meter *meter, uint64_t now_ns, uint64_t bytes_moved) {
  if (meter->last_ns != 0 && now_ns > meter->last_ns) {
    double passed_s = (double)(now_ns - meter->last_ns) / (double)NS_PER_S;
    uint64_t moved = bytes_moved > meter->last_bytes ? bytes_moved - meter->last_bytes : 0;
    double rate = (double)moved / passed_s;
    double weight = meter->has_rate ? passed_s / (passed_s + FORGET_S) : 1;
    if (meter->has_rate || moved > 0) {
      meter->rate_bytes_per_s += weight * (rate - meter->rate_bytes_per_s);
      meter->has_rate = true;
    }
  }
  meter->last_ns = now_ns;
  meter->last_bytes = bytes_moved;
}

/* Rounded down, and 100 only when all of it is done. */
static unsigned percent(const struct progress_view *view) {
  if (view->bytes_past >= view->bytes_seen) return view->objects_past >= view->objects_seen ? 100 : 99;
  return (unsigned)((double)view->bytes_past * 100.0 / (double)view->bytes_seen);
}

void progress_line(const struct progress_meter *meter, const struct progress_view *view, unsigned columns,
                   char text[PROGRESS_TEXT_BYTES]) {
  char fields[FIELDS_MAX][UNITS_TEXT_BYTES * 2 + 8] = {{0}}, a[UNITS_TEXT_BYTES], b[UNITS_TEXT_BYTES];
  if (view->is_total) snprintf(fields[0], sizeof fields[0], "%3u%%", percent(view));
  snprintf(fields[1], sizeof fields[1], "%s of %s%s", size_text(view->bytes_past, a),
           size_text(view->bytes_seen, b), view->is_total ? "" : " and more");
  if (meter->has_rate) {
    snprintf(fields[2], sizeof fields[2], "%s", rate_text((uint64_t)meter->rate_bytes_per_s, a));
    double left_s = view->bytes_past < view->bytes_seen && meter->rate_bytes_per_s >= 1
                        ? (double)(view->bytes_seen - view->bytes_past) / meter->rate_bytes_per_s
                        : 0;
    if (view->is_total && left_s > 0 && left_s < SECONDS_LEFT_MAX)
      snprintf(fields[3], sizeof fields[3], "%s left", clock_text((uint64_t)(left_s * (double)NS_PER_S), a));
  }
  snprintf(fields[4], sizeof fields[4], "%llu/%llu items", (unsigned long long)view->objects_past,
           (unsigned long long)view->objects_seen);
  if (view->bytes_resent * 1000 >= view->bytes_sent && view->bytes_resent > 0)
    snprintf(fields[5], sizeof fields[5], "%.1f%% sent again",
             100.0 * (double)view->bytes_resent / (double)view->bytes_sent);
  size_t used = 0;
  text[0] = 0;
  for (size_t i = 0; i < FIELDS_MAX; i++) {
    size_t size = strlen(fields[i]), gap = used ? 2 : 0;
    if (size == 0) continue;
    if (used + gap + size >= columns || used + gap + size >= PROGRESS_TEXT_BYTES) break;
    used += (size_t)snprintf(text + used, PROGRESS_TEXT_BYTES - used, "%s%s", gap ? "  " : "", fields[i]);
  }
}
