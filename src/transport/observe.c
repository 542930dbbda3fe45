/* observe: see the header. */
#include "transport/observe.h"

#include <assert.h>

#include "transport/conn.h"

static void tell(struct conn *conn, uint64_t now_ns, const struct observation *what) {
  conn->observed.now_ns = now_ns;
  conn->config.observer->observe(conn->observed.trace, now_ns, what);
}

/* ---- what happens ---- */

void observe_sent(struct conn *conn, uint64_t now_ns, const struct observed_packet *packet) {
  tell(conn, now_ns, &(struct observation){.type = OBSERVED_SENT, .packet = *packet});
}

void observe_received(struct conn *conn, uint64_t now_ns, const struct packet *packet, const uint8_t *payload,
                      size_t payload_size) {
  size_t proof_size = packet->proof ? PACKET_PROOF_BYTES : 0;
  tell(conn, now_ns,
       &(struct observation){
           .type = OBSERVED_RECEIVED,
           .packet = {.packet = packet,
                      .payload = payload,
                      .payload_size = payload_size,
                      .datagram_size = packet->header_size + packet->payload_size + proof_size}});
}

void observe_dropped(struct conn *conn, uint64_t now_ns, size_t size, const char *why) {
  tell(conn, now_ns, &(struct observation){.type = OBSERVED_DROPPED, .dropped = {.size = size, .why = why}});
}

void observe_acked(struct conn *conn, uint64_t now_ns, enum crypto_level level, const struct range *run) {
  const struct sent_packets *sent = &conn->spaces[level].sent;
  struct range known = *run; /* of older ones nothing is known any more */
  if (known.first < sent->tail) known.first = sent->tail;
  if (known.first >= known.end) return;
  tell(conn, now_ns, &(struct observation){.type = OBSERVED_ACKED, .level = level, .acked = known});
}

void observe_lost(struct conn *conn, uint64_t now_ns, enum crypto_level level,
                  const struct sent_packet *packet, uint64_t number, bool by_probes) {
  const struct space *space = &conn->spaces[level];
  bool by_number =
      space->sent.has_acked && space->sent.largest_acked >= number + space->loss.packet_threshold;
  tell(conn, now_ns,
       &(struct observation){.type = OBSERVED_LOST,
                             .level = level,
                             .lost = {.number = number,
                                      .size = packet->size,
                                      .trigger = by_probes   ? LOST_BY_PROBES
                                                 : by_number ? LOST_BY_REORDERING
                                                             : LOST_BY_TIME,
                                      .is_mtu_probe = packet->flags & SENT_MTU_PROBE}});
}

void observe_found(struct conn *conn, uint64_t now_ns, enum crypto_level level,
                   const struct sent_packet *packet, uint64_t number) {
  tell(conn, now_ns,
       &(struct observation){
           .type = OBSERVED_FOUND, .level = level, .lost = {.number = number, .size = packet->size}});
}

void observe_expired(struct conn *conn, uint64_t now_ns, enum crypto_level level) {
  bool is_probe = conn->spaces[level].loss.time_deadline_ns == TIME_NEVER;
  conn->observed.timer_ns = TIME_NEVER;
  tell(conn, now_ns,
       &(struct observation){
           .type = OBSERVED_TIMER, .level = level, .timer = {.expired = true, .is_probe = is_probe}});
}

/* ---- what is ---- */

static enum observed_state state_of(const struct conn *conn) {
  switch (conn->state) {
  case CONN_HANDSHAKE:
    return conn->stats.packets_received > 0 ? OBSERVED_HANDSHAKE : OBSERVED_ATTEMPTED;
  case CONN_ESTABLISHED:
    return conn->confirmed ? OBSERVED_CONFIRMED : OBSERVED_COMPLETE;
  case CONN_CLOSING:
    return OBSERVED_CLOSING;
  default:
    return OBSERVED_DRAINING;
  }
}

static void look_at_life(struct conn *conn, uint64_t now_ns) {
  struct observed *seen = &conn->observed;
  if (conn->has_peer_params && !seen->has_remote_params) {
    seen->has_remote_params = true;
    tell(conn, now_ns,
         &(struct observation){.type = OBSERVED_PARAMETERS,
                               .parameters = {.whose = OBSERVED_REMOTE, .params = &conn->peer_params}});
  }
  enum observed_state state = state_of(conn);
  if (state != seen->state) {
    seen->state = state;
    tell(conn, now_ns, &(struct observation){.type = OBSERVED_STATE, .state = state});
  }
  if (state < OBSERVED_CLOSING || seen->is_closed) return;
  seen->is_closed = true;
  tell(conn, now_ns,
       &(struct observation){
           .type = OBSERVED_CLOSED,
           .closed = {.by = conn->closed_by, .code = conn->close_code, .reason = conn->close_reason}});
}

static void look_at_path(struct conn *conn, uint64_t now_ns) {
  struct observed *seen = &conn->observed;
  const struct path *path = &conn->path;
  bool is_same = address_equal(&path->peer, &seen->peer);
  if (is_same && path->validated == seen->is_validated) return;
  enum observed_path what = is_same ? PATH_VALIDATED : path->validated ? PATH_TAKEN_BACK : PATH_CHANGED;
  seen->peer = path->peer;
  seen->is_validated = path->validated;
  tell(conn, now_ns,
       &(struct observation){.type = OBSERVED_PATH, .path = {.what = what, .peer = &seen->peer}});
}

static void look_at_keys(struct conn *conn, uint64_t now_ns) {
  struct observed *seen = &conn->observed;
  uint64_t phases[2] = {conn->crypto.ops->send_phase(conn->crypto.state), conn->keys.recv_phase};
  uint64_t *known[2] = {&seen->send_phase, &seen->recv_phase};
  for (int whose = OBSERVED_LOCAL; whose <= OBSERVED_REMOTE; whose++) {
    if (phases[whose] == *known[whose]) continue;
    *known[whose] = phases[whose];
    tell(conn, now_ns,
         &(struct observation){.type = OBSERVED_KEYS,
                               .keys = {.whose = (enum observed_end)whose, .phase = phases[whose]}});
  }
}

static void look_at_congestion(struct conn *conn, uint64_t now_ns) {
  struct observed *seen = &conn->observed;
  const struct congestion *cc = &conn->congestion;
  const struct sent_packets *sent = &conn->spaces[LEVEL_DATA].sent;
  const char *state = cc->ops->state(cc, sent->has_acked ? sent->largest_acked + 1 : 0);
  if (cc->ops->name == seen->congestion_name && state == seen->congestion_state) return;
  seen->congestion_name = cc->ops->name;
  seen->congestion_state = state;
  tell(conn, now_ns,
       &(struct observation){.type = OBSERVED_CONGESTION,
                             .congestion = {cc->ops->name, state, conn->choice.why}});
}

static void look_at_metrics(struct conn *conn, uint64_t now_ns) {
  struct observed *seen = &conn->observed;
  const struct conn_stats *stats = &conn->stats;
  if (stats->acks_received == seen->acks_seen && stats->packets_lost == seen->losses_seen &&
      stats->probe_timeouts == seen->probes_seen)
    return;
  seen->acks_seen = stats->acks_received;
  seen->losses_seen = stats->packets_lost;
  seen->probes_seen = stats->probe_timeouts;
  const struct space *data = &conn->spaces[LEVEL_DATA];
  struct observed_metrics metrics = {.window = conn->congestion.window,
                                     .in_flight = data->sent.bytes_in_flight,
                                     .threshold = conn->congestion.threshold,
                                     .packets_in_flight = data->sent.eliciting_in_flight,
                                     .rate_bytes_per_s = conn->congestion.rate_bytes_per_s,
                                     .credit = conn->blocks_out.granted - conn->blocks_out.opened,
                                     .probe_count = data->loss.probe_count};
  if (conn->rtt.sampled) {
    metrics.min_ns = conn->rtt.min_ns;
    metrics.smoothed_ns = conn->rtt.smoothed_ns;
    metrics.latest_ns = conn->rtt.latest_ns;
    metrics.variation_ns = conn->rtt.variation_ns;
  }
  tell(conn, now_ns, &(struct observation){.type = OBSERVED_METRICS, .metrics = metrics});
  uint64_t timer_ns = conn_recovery_deadline(conn);
  if (timer_ns == seen->timer_ns) return;
  seen->timer_ns = timer_ns;
  tell(conn, now_ns,
       &(struct observation){
           .type = OBSERVED_TIMER,
           .level = LEVEL_DATA,
           .timer = {.is_probe = data->loss.time_deadline_ns == TIME_NEVER, .deadline_ns = timer_ns}});
}

void observe_changes(struct conn *conn, uint64_t now_ns) {
  struct observed *seen = &conn->observed;
  assert(seen->trace);
  look_at_life(conn, now_ns);
  look_at_path(conn, now_ns);
  look_at_keys(conn, now_ns);
  if (conn->mtu.current != seen->mtu) {
    seen->mtu = conn->mtu.current;
    tell(conn, now_ns, &(struct observation){.type = OBSERVED_MTU, .mtu = seen->mtu});
  }
  look_at_congestion(conn, now_ns);
  look_at_metrics(conn, now_ns);
}

/* ---- beginning and end ---- */

void observe_begin(struct conn *conn, uint64_t now_ns) {
  if (!conn->config.observer) return;
  struct observed_start start = {.role = conn->role,
                                 .peer = &conn->path.peer,
                                 .local_cid = conn->local_cid,
                                 .peer_cid = conn->peer_cid,
                                 .original_cid = conn->original_cid,
                                 .initial_rtt_ns = INITIAL_RTT_NS,
                                 .granularity_ns = RTT_GRANULARITY_NS,
                                 .window = conn->congestion.window,
                                 .datagram_bytes = conn->mtu.current,
                                 .packet_threshold = LOSS_PACKET_THRESHOLD,
                                 .time_eighths = LOSS_TIME_EIGHTHS};
  conn->observed =
      (struct observed){.trace = conn->config.observer->begin(conn->config.observer_context, now_ns, &start),
                        .now_ns = now_ns,
                        .state = OBSERVED_ATTEMPTED,
                        .peer = conn->path.peer,
                        .is_validated = conn->path.validated,
                        .mtu = conn->mtu.current,
                        .timer_ns = TIME_NEVER};
  if (!conn->observed.trace) return;
  struct params params = conn_own_params(conn);
  tell(conn, now_ns,
       &(struct observation){.type = OBSERVED_PARAMETERS,
                             .parameters = {.whose = OBSERVED_LOCAL, .params = &params}});
  tell(conn, now_ns, &(struct observation){.type = OBSERVED_STATE, .state = OBSERVED_ATTEMPTED});
}

void observe_end(struct conn *conn) {
  if (!conn->observed.trace) return;
  struct conn_stats stats;
  observe_changes(conn, conn->observed.now_ns);
  conn_get_stats(conn, &stats);
  conn->config.observer->end(conn->observed.trace, conn->observed.now_ns, &stats);
  conn->observed.trace = NULL;
}
