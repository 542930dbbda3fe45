/* tls_shot: the state of one end of a tls_pair, to see that an attack has moved nothing. Include after
 * tls_pair.h. */
#ifndef TLS_SHOT_H
#define TLS_SHOT_H

/* A connection as it stands, without the counters of what was dropped. */
struct shot {
  struct conn conn;
  uint64_t accepted, send_phase, recv_phase, dropped;
};

static inline void shot_take(struct shot *shot, const struct tls_pair *pair, int end) {
  struct listener_stats stats;
  struct conn *conn = pair->conns[end];
  memset(shot, 0, sizeof(*shot));
  listener_get_stats(pair->listener, &stats);
  shot->accepted = stats.accepted;
  if (!conn) return;
  memcpy(&shot->conn, conn, sizeof(*conn));
  shot->dropped = conn->stats.packets_refused + conn->stats.packets_duplicate;
  shot->conn.stats.bytes_received = shot->conn.stats.packets_refused = shot->conn.stats.packets_duplicate = 0;
  shot->conn.keys.refused = shot->conn.path.bytes_received = 0;
  shot->send_phase = conn->crypto.ops->send_phase(conn->crypto.state);
  shot->recv_phase = conn->crypto.ops->recv_phase(conn->crypto.state);
}

static inline bool shot_equal(const struct shot *a, const struct shot *b) {
  return memcmp(&a->conn, &b->conn, sizeof(a->conn)) == 0 && a->accepted == b->accepted &&
         a->send_phase == b->send_phase && a->recv_phase == b->recv_phase;
}

#endif
