/* delivery_rate: see the header. The interval of a sample is the longer of the time in which its data was
 * sent and the time in which it was acknowledged: acknowledgements that come in a clump would otherwise show
 * a rate that the path does not have. */
#include "transport/delivery_rate.h"

#include <assert.h>

void delivery_init(struct delivery *delivery, uint64_t now_ns) {
  *delivery = (struct delivery){.delivered_ns = now_ns, .first_sent_ns = now_ns};
}

void delivery_on_sent(struct delivery *delivery, uint64_t now_ns, uint64_t in_flight, size_t size,
                      struct delivery_stamp *stamp) {
  /* With nothing in flight the path was silent for our part: the interval begins here. */
  if (in_flight == 0) delivery->first_sent_ns = delivery->delivered_ns = now_ns;
  uint64_t with_it = in_flight + size;
  assert(with_it <= DELIVERY_IN_FLIGHT_MAX && "the ring of sent packets holds less");
  *stamp = (struct delivery_stamp){.delivered = delivery->delivered,
                                   .delivered_ns = delivery->delivered_ns,
                                   .first_sent_ns = delivery->first_sent_ns,
                                   .lost = (uint32_t)delivery->lost,
                                   .in_flight = (uint32_t)with_it & DELIVERY_IN_FLIGHT_MAX,
                                   .is_app_limited = delivery->app_limited_end != 0};
}

void delivery_begin(struct rate_sample *sample) { *sample = (struct rate_sample){.newly_acked = 0}; }

void delivery_on_acked(struct delivery *delivery, struct rate_sample *sample, uint64_t now_ns,
                       const struct delivery_stamp *stamp, uint64_t sent_ns, size_t size) {
  delivery->delivered += size;
  delivery->delivered_ns = now_ns;
  sample->newly_acked += size;
  /* Of packets sent at one instant the later one knows no less, so numbers need not be compared. */
  if (sample->has_data && sent_ns < sample->sent_ns) return;
  sample->has_data = true;
  sample->stamp = *stamp;
  sample->sent_ns = sent_ns;
  sample->rtt_ns = now_ns > sent_ns ? now_ns - sent_ns : 1;
}

void delivery_on_lost(struct delivery *delivery, size_t size) { delivery->lost += size; }

uint64_t delivery_lost_since(const struct delivery *delivery, const struct delivery_stamp *stamp) {
  return (uint32_t)delivery->lost - stamp->lost; /* modulo 2^32: less than a window is lost meanwhile */
}

void delivery_finish(struct delivery *delivery, struct rate_sample *sample, uint64_t min_rtt_ns) {
  if (delivery->delivered > delivery->app_limited_end) delivery->app_limited_end = 0;
  if (!sample->has_data) return;
  const struct delivery_stamp *stamp = &sample->stamp;
  /* A packet older than what was acknowledged before shows nothing new about the sending. */
  uint64_t send_ns = sample->sent_ns > stamp->first_sent_ns ? sample->sent_ns - stamp->first_sent_ns : 0;
  uint64_t ack_ns = delivery->delivered_ns - stamp->delivered_ns;
  if (sample->sent_ns > delivery->first_sent_ns) delivery->first_sent_ns = sample->sent_ns;
  sample->lost = delivery_lost_since(delivery, stamp);
  sample->delivered = delivery->delivered - stamp->delivered;
  sample->interval_ns = send_ns > ack_ns ? send_ns : ack_ns;
  bool is_short = min_rtt_ns != UINT64_MAX && sample->interval_ns < min_rtt_ns;
  if (sample->interval_ns == 0 || is_short) return;
  sample->rate_bytes_per_s = (uint64_t)((double)sample->delivered * 1e9 / (double)sample->interval_ns);
}

void delivery_on_app_limited(struct delivery *delivery, uint64_t in_flight) {
  delivery->app_limited_end = delivery->delivered + in_flight;
  if (delivery->app_limited_end == 0) delivery->app_limited_end = 1;
}
