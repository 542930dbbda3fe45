/* conn_black_hole: the path has begun to swallow what is larger than some size (proto/transport.md section
 * 7). One small packet that came through tells at once, by what is missing before it; what was lost by size
 * is told to no controller as congestion. */
#include "transport/conn.h"

/* The path swallows what is larger than some size: what was lost by that was no congestion, and a reduction
 * for it is taken back. */
void conn_fell_into_hole(struct conn *conn, uint64_t now_ns) {
  conn->silence.void_below = conn->spaces[LEVEL_DATA].sent.next;
  conn->congestion.ops->on_spurious_loss(&conn->congestion, now_ns);
  choice_on_spurious_loss(&conn->choice);
  conn_apply_mtu(conn, now_ns);
}

/* A small packet arrived. When of all the larger ones right before it none did, it was their size, and no
 * congestion. A probe timeout sends such a pair on purpose; the ends of blocks do it by chance. */
void conn_check_black_hole(struct conn *conn, const struct congestion_ack *event) {
  struct space *space = &conn->spaces[LEVEL_DATA];
  const struct sent_packet *packet = sent_packets_find(&space->sent, event->largest_acked);
  bool has_probed = space->loss.probe_count > 0;
  unsigned count = 0, enough = has_probed ? MTU_MISSING_PROBED : MTU_MISSING;
  uint64_t near_ns = conn->rtt.min_ns / 4, first_ns = 0;
  size_t smallest = SIZE_MAX;
  bool is_hole = false;
  if (conn->mtu.current == conn->mtu.base || !packet || packet->size > conn->mtu.base) return;
  /* A full queue, too, may lose a whole train, but not all for as long as a quarter of a round trip. */
  for (uint64_t number = event->largest_acked; !is_hole && number-- > 0;) {
    packet = sent_packets_find(&space->sent, number);
    /* The first has to be of the same time: others may have been lost when nothing passed. */
    if (!packet || (count == 0 && packet->sent_ns + near_ns < event->largest_sent_ns)) return;
    if (packet->state == SENT_NOTHING || packet->flags & SENT_MTU_PROBE || packet->size <= conn->mtu.base)
      continue;
    if (packet->state == SENT_ACKED) return;
    count++;
    if (packet->size < smallest) smallest = packet->size;
    if (count == 1) first_ns = packet->sent_ns;
    is_hole = count >= enough && (has_probed || packet->sent_ns + near_ns < first_ns);
  }
  if (is_hole && mtu_probe_on_black_hole(&conn->mtu, event->now_ns, smallest))
    conn_fell_into_hole(conn, event->now_ns);
}
