/* loss: when a packet counts as lost and when to probe (RFC 9002 section 6, proto/transport.md section 5).
 *
 * Both thresholds adapt: a packet that is acknowledged after it was declared lost shows how much the path
 * reorders, and from then on that much reordering is waited for. */
#ifndef TRANSPORT_LOSS_H
#define TRANSPORT_LOSS_H

#include "transport/rtt.h"
#include "transport/sent_packets.h"

enum {
  LOSS_PACKET_THRESHOLD = 3, /* lost when this many later packets were acknowledged ... */
  LOSS_PACKET_THRESHOLD_MAX = 4096,
  LOSS_TIME_EIGHTHS = 9, /* ... or when older by 9/8 of a round trip */
  LOSS_TIME_EIGHTHS_MAX = 16,
  LOSS_PROBES = 2, /* datagrams a probe timeout releases */
};
/* Backoff ends at twice the first interval on an empty path, within these: a path that comes back is noticed
 * within a few of its round trips, and what is sent into the dark is less than the least window would send.
 */
#define LOSS_PROBE_INTERVAL_LEAST (10 * NS_PER_MS)
#define LOSS_PROBE_INTERVAL_MAX NS_PER_S

struct loss {
  uint64_t packet_threshold;
  uint32_t time_eighths;
  uint32_t probe_count;      /* probe timeouts since the last acknowledgement */
  uint64_t time_deadline_ns; /* when the lowest packet in flight will be lost by time; TIME_NEVER */
};

void loss_init(struct loss *loss);
/* After an acknowledgement and when the deadline has passed: the next packet that counts as lost, to be
 * settled by the caller before the next call. NULL when there is none; then the deadline is set anew. */
struct sent_packet *loss_next(struct loss *loss, struct sent_packets *sent, const struct rtt *rtt,
                              uint64_t now_ns, uint64_t *number);
/* Packet `number`, declared lost, was acknowledged after all. */
void loss_on_spurious(struct loss *loss, const struct sent_packets *sent, uint64_t number);
/* When a probe is due: absolute, TIME_NEVER when nothing is in flight. */
uint64_t loss_probe_deadline(const struct loss *loss, const struct sent_packets *sent, const struct rtt *rtt,
                             uint64_t max_ack_delay_ns);
/* The same, whether or not anything is in flight. */
uint64_t loss_next_probe_ns(const struct loss *loss, const struct sent_packets *sent, const struct rtt *rtt,
                            uint64_t max_ack_delay_ns);
/* RFC 9002 section 7.6: nothing sent in a span of three probe timeouts came through. */
bool loss_is_persistent(uint64_t first_lost_ns, uint64_t last_lost_ns, const struct rtt *rtt,
                        uint64_t max_ack_delay_ns);

#endif
