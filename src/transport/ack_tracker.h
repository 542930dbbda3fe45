/* ack_tracker: which packet numbers came, and when to say so (proto/transport.md section 4).
 *
 * At most ACK_RANGES_MAX intervals for the frame and a bitmap of the last ACK_BITMAP_BITS numbers against
 * duplicates and replays; what is older than the bitmap counts as seen. */
#ifndef TRANSPORT_ACK_TRACKER_H
#define TRANSPORT_ACK_TRACKER_H

#include "udpcp/wire.h"

enum {
  ACK_BITMAP_BITS = 1 << 17,
  ACK_PACKETS_DEFAULT = 2,         /* acknowledge every second ack-eliciting packet until told otherwise */
  ACK_DELAY_NS_DEFAULT = 25000000, /* and at the latest after this */
  ACK_FIRST_PACKETS = 10, /* acknowledged at once: the peer's first window still waits for a round trip */
};

struct ack_tracker {
  struct range storage[ACK_RANGES_MAX];
  struct ranges received;
  uint64_t *bitmap; /* ring of ACK_BITMAP_BITS bits, owned; NULL: duplicates are found in `received` alone */
  uint64_t largest; /* valid when received.count > 0 */
  uint64_t largest_at_ns;
  uint64_t ecn[ACK_ECN_COUNTS]; /* as in the frame */
  uint32_t eliciting;           /* ack-eliciting packets not yet acknowledged */
  uint32_t packets_max;         /* from ACK_FREQUENCY */
  uint64_t delay_max_ns;
  bool at_once;           /* a gap, an old packet, or CE: do not wait */
  bool has_gap;           /* a gap or an old packet since the last ACK frame */
  uint64_t deadline_ns;   /* TIME_NEVER: nothing to acknowledge */
  uint64_t floor;         /* without the bitmap: numbers below it count as seen */
  uint32_t first_packets; /* ack-eliciting packets so far, up to ACK_FIRST_PACKETS */
  bool has_news;          /* something came since the last ACK frame */
};

enum ack_memory { ACK_SHORT, ACK_LONG }; /* without the bitmap: handshake; with it: data */

/* ERR_NO_MEMORY. */
int ack_tracker_init(struct ack_tracker *tracker, enum ack_memory memory);
void ack_tracker_clear(struct ack_tracker *tracker);
bool ack_tracker_is_duplicate(const struct ack_tracker *tracker, uint64_t number);
/* A packet that was opened and processed. */
void ack_tracker_on_packet(struct ack_tracker *tracker, uint64_t now_ns, uint64_t number, bool eliciting,
                           enum ecn_mark mark);
/* An ACK frame should be sent now. */
bool ack_tracker_is_due(const struct ack_tracker *tracker, uint64_t now_ns);
/* There is something an ACK frame could say that was not said yet (to ride along with other frames). */
bool ack_tracker_has_news(const struct ack_tracker *tracker);
/* Describes the newest ranges, at most `ranges_max`. */
void ack_tracker_fill(const struct ack_tracker *tracker, uint64_t now_ns, uint32_t ranges_max,
                      struct frame_ack *ack);
/* The ACK frame went out. */
void ack_tracker_on_sent(struct ack_tracker *tracker);
/* The peer has seen an ACK frame of ours whose largest was `largest`: older ranges need no more repeating. */
void ack_tracker_on_acked(struct ack_tracker *tracker, uint64_t largest);

#endif
