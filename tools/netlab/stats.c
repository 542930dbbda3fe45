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
      {"policer_drops", s->policer_drops},
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

static uint64_t first_of_all(const struct flows flows[DIRECTIONS]) {
  uint64_t first_ns = UINT64_MAX;
  size_t d, i;

  for (d = 0; d < DIRECTIONS; d++)
    for (i = 0; i <= FLOWS_MAX; i++)
      if (flows[d].flow[i].packets > 0 && flows[d].flow[i].first_ns < first_ns)
        first_ns = flows[d].flow[i].first_ns;
  return first_ns;
}

void stats_print_flows(const struct flows flows[DIRECTIONS]) {
  static const char *const names[] = {[PACKET_OTHER] = "other", [PACKET_UDP] = "udp", [PACKET_TCP] = "tcp"};
  uint64_t first_ns = first_of_all(flows);
  size_t d, i;

  for (d = 0; d < DIRECTIONS; d++)
    for (i = 0; i <= FLOWS_MAX; i++) {
      const struct flow *flow = &flows[d].flow[i];

      if (flow->packets == 0) continue;
      fprintf(stderr,
              "netlab: flow %s protocol=%s from_port=%u to_port=%u packets=%" PRIu64 " payload_bytes=%" PRIu64
              " first_s=%.3f last_s=%.3f\n",
              d == DIRECTION_AB ? "a->b" : "b->a", names[flow->protocol], (unsigned)flow->from_port,
              (unsigned)flow->to_port, flow->packets, flow->payload_bytes,
              (double)(flow->first_ns - first_ns) / 1e9, (double)(flow->last_ns - first_ns) / 1e9);
    }
}
