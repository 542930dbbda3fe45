/* What happened, see stats.h: words of the form name=number, so that a test can find one without counting. */
#include "stats.h"

#include <inttypes.h>
#include <stdio.h>

static void print_one(const char *direction, const struct link_stats *s) {
  double queue_mean_us = s->queued > 0 ? (double)s->queue_delay_sum_ns / (double)s->queued / 1000 : 0;
  const struct {
    const char *name;
    uint64_t value;
  } counts[] = {
      {"packets", s->packets},
      {"bytes", s->bytes},
      {"delivered", s->delivered},
      {"delivered_bytes", s->delivered_bytes},
      {"lost", s->lost},
      {"blackout_drops", s->blackout_drops},
      {"mtu_drops", s->mtu_drops},
      {"queue_drops", s->queue_drops},
      {"ecn_drops", s->ecn_drops},
      {"ect", s->ect},
      {"ce_marked", s->ce_marked},
      {"output_drops", s->output_drops},
      {"duplicated", s->duplicated},
      {"reordered", s->reordered},
      {"corrupted", s->corrupted},
      {"truncated", s->truncated},
      {"fragments", s->fragments},
      {"ip_bytes_max", s->ip_bytes_max},
      {"udp_payload_bytes_max", s->udp_payload_bytes_max},
  };
  size_t i;

  fprintf(stderr, "netlab: %s", direction);
  for (i = 0; i < sizeof(counts) / sizeof(counts[0]); i++)
    fprintf(stderr, " %s=%" PRIu64, counts[i].name, counts[i].value);
  fprintf(stderr, " queue_mean_us=%.1f queue_max_us=%.1f\n", queue_mean_us,
          (double)s->queue_delay_max_ns / 1000);
}

void stats_print(struct link *const link[DIRECTIONS]) {
  print_one("a->b", link_stats(link[DIRECTION_AB]));
  print_one("b->a", link_stats(link[DIRECTION_BA]));
}
