/* loss: see the header. Packet numbers rise with time, so one walk from the lowest packet in flight finds all
 * losses and stops at the first packet that is neither old enough nor far enough behind. */
#include "transport/loss.h"

void loss_init(struct loss *loss) {
  *loss = (struct loss){.packet_threshold = LOSS_PACKET_THRESHOLD,
                        .time_eighths = LOSS_TIME_EIGHTHS,
                        .time_deadline_ns = TIME_NEVER};
}

static uint64_t time_threshold_ns(const struct loss *loss, const struct rtt *rtt) {
  uint64_t rtt_ns = rtt->latest_ns > rtt->smoothed_ns ? rtt->latest_ns : rtt->smoothed_ns;
  uint64_t threshold_ns = rtt_ns / 8 * loss->time_eighths;
  return threshold_ns > RTT_GRANULARITY_NS ? threshold_ns : RTT_GRANULARITY_NS;
}

struct sent_packet *loss_next(struct loss *loss, struct sent_packets *sent, const struct rtt *rtt,
                              uint64_t now_ns, uint64_t *number) {
  loss->time_deadline_ns = TIME_NEVER;
  if (!sent->has_acked) return NULL;
  struct sent_packet *packet = sent_packets_lowest(sent, number);
  if (!packet || *number >= sent->largest_acked) return NULL;
  uint64_t deadline_ns = packet->sent_ns + time_threshold_ns(loss, rtt);
  if (now_ns >= deadline_ns || sent->largest_acked - *number >= loss->packet_threshold) return packet;
  loss->time_deadline_ns = deadline_ns;
  return NULL;
}

void loss_on_spurious(struct loss *loss, const struct sent_packets *sent, uint64_t number) {
  uint64_t distance = sent->largest_acked > number ? sent->largest_acked - number : 0;
  if (distance >= loss->packet_threshold)
    loss->packet_threshold =
        distance + 1 < LOSS_PACKET_THRESHOLD_MAX ? distance + 1 : LOSS_PACKET_THRESHOLD_MAX;
  if (loss->time_eighths < LOSS_TIME_EIGHTHS_MAX) loss->time_eighths++;
}

uint64_t loss_probe_deadline(const struct loss *loss, const struct sent_packets *sent, const struct rtt *rtt,
                             uint64_t max_ack_delay_ns) {
  return sent->eliciting_in_flight > 0 ? loss_next_probe_ns(loss, sent, rtt, max_ack_delay_ns) : TIME_NEVER;
}

uint64_t loss_next_probe_ns(const struct loss *loss, const struct sent_packets *sent, const struct rtt *rtt,
                            uint64_t max_ack_delay_ns) {
  uint64_t interval_ns = rtt_probe_timeout_ns(rtt, max_ack_delay_ns);
  /* What stood in queues has left them by the second probe. */
  uint64_t limit_ns =
      rtt->sampled ? 2 * (interval_ns - rtt->smoothed_ns + rtt->min_ns) : LOSS_PROBE_INTERVAL_MAX;
  if (limit_ns < LOSS_PROBE_INTERVAL_LEAST) limit_ns = LOSS_PROBE_INTERVAL_LEAST;
  if (limit_ns > LOSS_PROBE_INTERVAL_MAX) limit_ns = LOSS_PROBE_INTERVAL_MAX;
  if (limit_ns < interval_ns) limit_ns = interval_ns;
  for (uint32_t i = 0; i < loss->probe_count && interval_ns < limit_ns; i++)
    interval_ns *= 2;
  return sent->last_eliciting_ns + (interval_ns < limit_ns ? interval_ns : limit_ns);
}

bool loss_is_persistent(uint64_t first_lost_ns, uint64_t last_lost_ns, const struct rtt *rtt,
                        uint64_t max_ack_delay_ns) {
  return rtt->sampled && last_lost_ns - first_lost_ns > 3 * rtt_probe_timeout_ns(rtt, max_ack_delay_ns);
}
