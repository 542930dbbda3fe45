/* conn: a connection's life, from conn_new to its CLOSED event (proto/transport.md section 1).
 *
 * All state lives in struct conn; nothing is allocated after conn_new but what the pool hands out. Deadlines
 * are not stored but derived from the state when asked for, so that they cannot go stale. */
#include "transport/conn.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

static const bool transitions[CONN_STATES][CONN_STATES] = {
    [CONN_HANDSHAKE] = {[CONN_ESTABLISHED] = true, [CONN_CLOSING] = true, [CONN_DRAINING] = true},
    [CONN_ESTABLISHED] = {[CONN_CLOSING] = true, [CONN_DRAINING] = true},
    [CONN_CLOSING] = {[CONN_DRAINING] = true},
};

void conn_set_state(struct conn *conn, enum conn_state state) {
  assert(transitions[conn->state][state] && "proto/transport.md section 1 has the diagram");
  conn->state = state;
}

static int space_init(struct space *space, uint32_t ring, uint32_t pieces_max, enum ack_memory memory) {
  space->live = true;
  loss_init(&space->loss);
  int error = sent_packets_init(&space->sent, ring, pieces_max);
  if (!error) error = ack_tracker_init(&space->acks, memory);
  if (!error) error = stream_send_init(&space->crypto_out, CRYPTO_BYTES_MAX);
  if (!error) error = stream_recv_init(&space->crypto_in, CRYPTO_BYTES_MAX);
  return error;
}

static void space_clear(struct space *space) {
  sent_packets_clear(&space->sent);
  ack_tracker_clear(&space->acks);
  stream_send_clear(&space->crypto_out);
  stream_recv_clear(&space->crypto_in);
  memset(space, 0, sizeof(*space));
}

void conn_drop_space(struct conn *conn, enum crypto_level level) {
  if (!conn->spaces[level].live) return;
  space_clear(&conn->spaces[level]);
}

/* A client not heard from again gets no more memory than its first round trip can use. */
static uint64_t first_window(const struct conn *conn) {
  uint64_t window = conn->config.window_bytes, least = pool_class_bytes(POOL_CLASSES - 1);
  return conn->role == ROLE_SERVER && window > least ? least : window;
}

static int init_parts(struct conn *conn) {
  uint32_t ring = conn->role == ROLE_CLIENT ? SENT_RING_CLIENT : SENT_RING_SERVER;
  /* A datagram of the least size carries a little less than that of a fragment. */
  uint32_t pieces_max = (uint32_t)(conn->config.datagram_bytes_max / FRAGMENT_BYTES_MIN + 1);
  int error = space_init(&conn->spaces[LEVEL_INITIAL], SENT_RING_HANDSHAKE, 1, ACK_SHORT);
  if (!error) error = space_init(&conn->spaces[LEVEL_HANDSHAKE], SENT_RING_HANDSHAKE, 1, ACK_SHORT);
  if (!error) error = space_init(&conn->spaces[LEVEL_DATA], ring, pieces_max, ACK_LONG);
  if (!error) error = stream_send_init(&conn->control_out, CONTROL_BYTES_MAX);
  if (!error) error = stream_recv_init(&conn->control_in, CONTROL_BYTES_MAX);
  if (!error) error = blocks_out_init(&conn->blocks_out);
  if (!error) error = blocks_in_init(&conn->blocks_in, conn->config.pool, first_window(conn));
  return error;
}

/* Which machine made the client's first packet, in a number that differs from one connection to the next; 0
 * when it is not said (proto/wire.md section 6). */
static uint64_t origin_of(const struct conn *conn) {
  uint8_t mac[MAC_BYTES];
  struct reader reader;
  if (!conn->config.machine) return 0;
  crypto_mac(conn->config.machine, conn->original_cid.bytes, CID_BYTES, mac);
  reader_init(&reader, mac, sizeof(mac));
  return read_u64(&reader) >> 2 | 1;
}

struct params conn_own_params(const struct conn *conn) {
  struct params params = {
      .source_cid = conn->local_cid,
      .max_data = conn->blocks_in.granted,
      .idle_timeout_ms = conn->idle_timeout_ns / NS_PER_MS,
      .datagram_bytes_max = conn->config.datagram_bytes_max,
      .protection = conn->config.protection,
      .origin = conn->role == ROLE_CLIENT ? origin_of(conn) : 0,
  };
  if (conn->role == ROLE_SERVER) params.original_cid = conn->original_cid;
  return params;
}

/* Our transport parameters open the handshake. */
static int start_handshake(struct conn *conn) {
  struct params params = conn_own_params(conn);
  const struct cid *initial = conn->role == ROLE_CLIENT ? &conn->peer_cid : &conn->config.initial_cid;
  int error = conn->crypto.ops->set_initial_id(conn->crypto.state, initial->bytes, CID_BYTES);
  if (error) return error;
  uint8_t bytes[256];
  struct writer writer;
  writer_init(&writer, bytes, sizeof(bytes));
  params_write(&params, &writer);
  assert(!writer.failed && "parameters are a few dozen bytes");
  return conn->crypto.ops->start(conn->crypto.state, bytes, writer_used(&writer));
}

struct conn *conn_new(const struct conn_config *config, uint64_t now_ns) {
  struct conn *conn = calloc(1, sizeof(*conn));
  if (!conn) {
    config->crypto.ops->free(config->crypto.state);
    return NULL;
  }
  conn->config = *config;
  conn->role = config->role;
  conn->crypto = config->crypto;
  conn->local_cid = config->local_cid;
  conn->peer_cid = config->peer_cid;
  conn->original_cid = config->role == ROLE_CLIENT ? config->peer_cid : config->original_cid;
  conn->started_ns = conn->last_received_ns = now_ns;
  conn->grant_at_ns = now_ns + GRANT_INTERVAL_NS;
  conn->idle_timeout_ns = config->idle_timeout_ns < NS_PER_MS          ? NS_PER_MS
                          : config->idle_timeout_ns > IDLE_TIMEOUT_MAX ? IDLE_TIMEOUT_MAX
                                                                       : config->idle_timeout_ns;
  conn->paced_until_ns = conn->versions_at_ns = TIME_NEVER;
  key_update_init(&conn->keys, config->key_packets);
  conn->ack_packets_told = ACK_PACKETS_DEFAULT;
  conn->ack_delay_told_ns = ACK_DELAY_NS_DEFAULT;
  prng_seed(&conn->prng, config->seed);
  size_t base =
      config->datagram_bytes_max < DATAGRAM_BYTES_MIN ? config->datagram_bytes_max : DATAGRAM_BYTES_MIN;
  path_init(&conn->path, &config->peer, config->role == ROLE_CLIENT || config->address_validated);
  rtt_init(&conn->rtt, INITIAL_RTT_NS);
  mtu_probe_init(&conn->mtu, base, config->datagram_bytes_max);
  congestion_init(&conn->congestion, &congestion_cubic, base);
  conn->congestion.rate_max = config->rate_bytes_per_s_max;
  pacer_init(&conn->pacer, now_ns, config->rate_bytes_per_s_max, base);
  int error = init_parts(conn);
  if (!error) {
    blocks_in_grant(&conn->blocks_in);
    observe_begin(conn, now_ns);
    error = start_handshake(conn);
  }
  if (error) {
    conn_free(conn);
    return NULL;
  }
  conn_drive_handshake(conn, now_ns);
  return conn;
}

void conn_free(struct conn *conn) {
  if (!conn) return;
  observe_end(conn);
  for (int level = 0; level < CRYPTO_LEVELS; level++)
    if (conn->spaces[level].live) space_clear(&conn->spaces[level]);
  stream_send_clear(&conn->control_out);
  stream_recv_clear(&conn->control_in);
  blocks_out_clear(&conn->blocks_out);
  blocks_in_clear(&conn->blocks_in);
  conn->crypto.ops->free(conn->crypto.state);
  free(conn);
}

/* What the peer's parameters must say (proto/wire.md section 6). */
static const char *check_params(const struct conn *conn) {
  const struct params *params = &conn->peer_params;
  if (!cid_equal(&params->source_cid, &conn->peer_cid)) return "connection id differs from the packets'";
  if (conn->role == ROLE_CLIENT && !cid_equal(&params->original_cid, &conn->original_cid))
    return "original connection id differs";
  if (!(params->protection & conn->config.protection)) return "no common packet protection";
  return NULL;
}

/* Whoever offers a weaker suite was asked to, so the weakest that both offer is what both users want. */
static enum protection_suite weakest_of(uint64_t offers) {
  assert(offers);
  return (enum protection_suite)(offers & ~(offers - 1));
}

void conn_take_congestion(struct conn *conn, uint64_t now_ns, const struct congestion_ops *ops) {
  if (conn->congestion.ops == ops) return;
  congestion_start(&conn->congestion, ops, now_ns, conn->rtt.sampled ? conn->rtt.smoothed_ns : 0,
                   prng_next(&conn->prng));
  pacer_set_rate(&conn->pacer, now_ns, conn->congestion.rate_bytes_per_s, conn->mtu.current);
}

static void establish(struct conn *conn, uint64_t now_ns) {
  size_t size;
  const uint8_t *bytes = conn->crypto.ops->peer_params(conn->crypto.state, &size);
  if (!bytes || params_read(&conn->peer_params, bytes, size) != 0) {
    conn_fail(conn, now_ns, CLOSE_PARAMETERS, "malformed transport parameters");
    return;
  }
  if (conn->role == ROLE_SERVER && conn->peer_params.origin > 0 &&
      conn->peer_params.origin == origin_of(conn)) {
    conn_fail(conn, now_ns, CLOSE_REFUSED, "this very machine sent it to another one: it was sent back");
    return;
  }
  const char *fault = check_params(conn);
  if (fault) {
    conn_fail(conn, now_ns, CLOSE_PARAMETERS, fault);
    return;
  }
  conn->protection = weakest_of(conn->peer_params.protection & conn->config.protection);
  if (conn->crypto.ops->protect(conn->crypto.state, conn->protection) != 0) {
    conn_fail(conn, now_ns, CLOSE_LOCAL, error_text(ERR_NO_MEMORY));
    return;
  }
  conn->has_peer_params = true;
  conn->blocks_out.granted = conn->peer_params.max_data;
  uint64_t idle_ns = conn->peer_params.idle_timeout_ms < UINT64_MAX / NS_PER_MS
                         ? conn->peer_params.idle_timeout_ms * NS_PER_MS
                         : UINT64_MAX;
  if (idle_ns < conn->idle_timeout_ns) conn->idle_timeout_ns = idle_ns;
  if (conn->peer_params.datagram_bytes_max < conn->mtu.ceiling)
    mtu_probe_init(&conn->mtu, conn->mtu.current, conn->peer_params.datagram_bytes_max);
  conn_set_state(conn, CONN_ESTABLISHED);
  /* By now the handshake has shown the path's round trip. Who only answers needs no choice. */
  enum congestion_kind kind = conn->role == ROLE_CLIENT ? conn->config.congestion : CONGESTION_CUBIC;
  conn_take_congestion(conn, now_ns, choice_begin(&conn->choice, kind, &conn->rtt));
  if (conn->role == ROLE_CLIENT) {
    conn->established_event = true;
    conn->ping_pending = true; /* the server waits for a sign that its answer came */
    /* The server's flight is complete: nothing more is owed at this level by either side. */
    conn_drop_space(conn, LEVEL_INITIAL);
    mtu_probe_enable(&conn->mtu, now_ns);
  }
}

void conn_drive_handshake(struct conn *conn, uint64_t now_ns) {
  const struct crypto_ops *ops = conn->crypto.ops;
  for (int level = 0; level < CRYPTO_LEVELS; level++) {
    struct space *space = &conn->spaces[level];
    if (!space->live) continue;
    uint8_t bytes[2048];
    size_t size;
    while ((size = stream_recv_read(&space->crypto_in, bytes, sizeof(bytes))) > 0) {
      int error = ops->on_handshake(conn->crypto.state, (enum crypto_level)level, bytes, size);
      if (!error) continue;
      conn_fail(conn, now_ns, error == ERR_UNTRUSTED ? CLOSE_REFUSED : CLOSE_PARAMETERS,
                ops->failure(conn->crypto.state));
      return;
    }
  }
  for (int level = 0; level < CRYPTO_LEVELS; level++) {
    struct space *space = &conn->spaces[level];
    uint8_t bytes[2048];
    size_t room, size;
    while (space->live && (room = stream_send_room(&space->crypto_out)) > 0 &&
           (size = ops->next_handshake(conn->crypto.state, (enum crypto_level)level, bytes,
                                       room < sizeof(bytes) ? room : sizeof(bytes))) > 0)
      stream_send_write(&space->crypto_out, bytes, size);
  }
  if (conn->state == CONN_HANDSHAKE && ops->is_complete(conn->crypto.state)) establish(conn, now_ns);
}

void conn_renew_keys(struct conn *conn, uint64_t now_ns) {
  const struct crypto_ops *ops = conn->crypto.ops;
  uint64_t next = conn->spaces[LEVEL_DATA].sent.next;
  uint64_t phase = ops->send_phase(conn->crypto.state);
  if (key_update_is_spent(&conn->keys, next)) {
    conn_fail(conn, now_ns, CLOSE_KEYS, "the keys are used up");
    return;
  }
  if (phase < conn->keys.recv_phase || key_update_is_due(&conn->keys, next, now_ns)) {
    ops->renew_keys(conn->crypto.state);
    if (ops->send_phase(conn->crypto.state) == phase) return; /* short of memory: tried again */
    key_update_on_renewed(&conn->keys, next, now_ns, conn_probe_timeout_ns(conn));
  }
}

/* ---- the end ---- */

static void keep_verdict(struct conn *conn, enum closed_by by, uint64_t code, const char *reason,
                         size_t size) {
  conn->closed_by = by;
  conn->close_code = code;
  if (size > REASON_BYTES_MAX) size = REASON_BYTES_MAX;
  memcpy(conn->close_reason, reason, size);
  conn->close_reason[size] = 0;
}

void conn_end(struct conn *conn, enum closed_by by, uint64_t code, const char *reason) {
  if (conn->state == CONN_DRAINING) return;
  if (conn->state != CONN_CLOSING) keep_verdict(conn, by, code, reason, strlen(reason));
  conn_set_state(conn, CONN_DRAINING);
  conn->close_pending = by == CLOSED_BY_PEER;
  conn->closed_event = true;
}

void conn_fail(struct conn *conn, uint64_t now_ns, uint64_t code, const char *reason) {
  conn_close(conn, now_ns, code, reason);
}

void conn_close(struct conn *conn, uint64_t now_ns, uint64_t code, const char *reason) {
  if (conn->state == CONN_CLOSING || conn->state == CONN_DRAINING) return;
  keep_verdict(conn, CLOSED_BY_US, code, reason, strlen(reason));
  conn_set_state(conn, CONN_CLOSING);
  conn->close_pending = true;
  conn->close_at_ns = now_ns + conn_probe_timeout_ns(conn);
  if (conn->observed.trace) observe_changes(conn, now_ns);
}

bool conn_is_closed(const struct conn *conn) {
  return conn->state == CONN_DRAINING && !conn->closed_event && !conn->close_pending;
}

/* ---- timers ---- */

static uint64_t earlier(uint64_t a, uint64_t b) { return a < b ? a : b; }

static uint64_t silence_deadline(const struct conn *conn) {
  bool half_open = conn->state == CONN_HANDSHAKE || (conn->role == ROLE_SERVER && !conn->confirmed);
  if (half_open) return earlier(conn->versions_at_ns, conn->started_ns + conn->config.handshake_timeout_ns);
  return conn->last_received_ns + conn->idle_timeout_ns;
}

static uint64_t keepalive_deadline(const struct conn *conn) {
  const struct sent_packets *sent = &conn->spaces[LEVEL_DATA].sent;
  if (conn->state != CONN_ESTABLISHED || conn->ping_pending || sent->eliciting_in_flight > 0)
    return TIME_NEVER;
  uint64_t since_ns =
      sent->last_eliciting_ns > conn->last_received_ns ? sent->last_eliciting_ns : conn->last_received_ns;
  return since_ns + conn->idle_timeout_ns / KEEPALIVE_PARTS;
}

/* Whether a packet of that level could leave now: a deadline that nobody can meet must not wake us. */
static bool may_leave(const struct conn *conn, enum crypto_level level) {
  size_t bytes_min = level == LEVEL_DATA ? PATH_BYTES_MIN : DATAGRAM_BYTES_MIN;
  return conn->spaces[level].live && !sent_packets_is_full(&conn->spaces[level].sent) &&
         path_allowance(&conn->path) >= bytes_min &&
         conn->crypto.ops->send_level(conn->crypto.state) >= level;
}

/* Deadlines of what wants to be sent. */
static uint64_t sending_deadline(const struct conn *conn) {
  uint64_t deadline_ns = TIME_NEVER;
  for (int level = 0; level < CRYPTO_LEVELS; level++)
    if (may_leave(conn, (enum crypto_level)level))
      deadline_ns = earlier(deadline_ns, conn->spaces[level].acks.deadline_ns);
  if (!may_leave(conn, LEVEL_DATA)) return deadline_ns;
  deadline_ns = earlier(deadline_ns, earlier(conn->paced_until_ns, conn->path.challenge_at_ns));
  return conn->path.validated ? earlier(deadline_ns, mtu_probe_deadline(&conn->mtu)) : deadline_ns;
}

uint64_t conn_next_timeout(const struct conn *conn) {
  if (conn->state == CONN_DRAINING) return TIME_NEVER;
  if (conn->state == CONN_CLOSING) return conn->close_at_ns;
  uint64_t deadline_ns = earlier(silence_deadline(conn), keepalive_deadline(conn));
  deadline_ns = earlier(deadline_ns, earlier(conn_recovery_deadline(conn), conn->keys.forget_at_ns));
  deadline_ns = earlier(deadline_ns, conn_repeat_deadline(conn));
  bool has_to_ask = blocks_in_is_starved(&conn->blocks_in) && !conn->blocks_in.turn.is_waiting;
  if (has_to_ask) deadline_ns = earlier(deadline_ns, conn->grant_at_ns);
  /* What the address limit forbids to send waits for the peer, not for a clock. */
  if (path_allowance(&conn->path) >= PATH_BYTES_MIN)
    deadline_ns = earlier(deadline_ns, sending_deadline(conn));
  return deadline_ns;
}

void conn_on_timeout(struct conn *conn, uint64_t now_ns) {
  if (conn->state == CONN_DRAINING) return;
  if (conn->state == CONN_CLOSING) {
    if (now_ns < conn->close_at_ns) return;
    if (conn->closes_sent >= CLOSE_REPEATS_MAX) {
      conn_end(conn, CLOSED_BY_US, conn->close_code, "");
      return;
    }
    conn->close_pending = true;
    conn->close_at_ns = now_ns + conn_probe_timeout_ns(conn);
    return;
  }
  if (now_ns >= silence_deadline(conn)) {
    if (now_ns >= conn->versions_at_ns && conn->state == CONN_HANDSHAKE) {
      conn_end(conn, CLOSED_BY_PEER, CLOSE_VERSION,
               "the other side speaks no common version of the protocol");
      conn->close_pending = false;
      return;
    }
    bool answered = conn->role == ROLE_SERVER || conn->state == CONN_ESTABLISHED;
    conn_end(conn, answered ? CLOSED_BY_SILENCE : CLOSED_BY_NO_ANSWER, CLOSE_TIMEOUT,
             answered ? "the other side fell silent" : "no answer");
    return;
  }
  if (now_ns >= keepalive_deadline(conn)) conn->ping_pending = true;
  if (now_ns >= conn->paced_until_ns) conn->paced_until_ns = TIME_NEVER;
  if (now_ns >= conn->keys.forget_at_ns) {
    conn->crypto.ops->forget_keys(conn->crypto.state);
    key_update_on_forgotten(&conn->keys);
  }
  if (now_ns >= conn->grant_at_ns) {
    conn->grant_at_ns = now_ns + GRANT_INTERVAL_NS;
    if (blocks_in_grant(&conn->blocks_in)) conn->max_data_pending = true;
  }
  conn_on_repeat_timeout(conn, now_ns);
  conn_on_recovery_timeout(conn, now_ns);
  if (conn->observed.trace) observe_changes(conn, now_ns);
}

/* ---- events, streams, blocks ---- */

bool conn_next_event(struct conn *conn, struct conn_event *event) {
  if (conn->established_event) {
    conn->established_event = false;
    event->type = CONN_EVENT_ESTABLISHED;
    return true;
  }
  if (conn->control_told < conn->control_in.in_order) {
    conn->control_told = conn->control_in.in_order;
    event->type = CONN_EVENT_CONTROL;
    return true;
  }
  if (blocks_in_take(&conn->blocks_in, &event->block.bytes, &event->block.size, &event->block.size_class)) {
    event->type = CONN_EVENT_BLOCK_RECEIVED;
    return true;
  }
  if (blocks_out_take_acked(&conn->blocks_out, &event->cookie)) {
    event->type = CONN_EVENT_BLOCK_ACKED;
    return true;
  }
  if (conn->closed_event) {
    conn->closed_event = false;
    event->type = CONN_EVENT_CLOSED;
    event->closed.by = conn->closed_by;
    event->closed.code = conn->close_code;
    memcpy(event->closed.reason, conn->close_reason, sizeof(conn->close_reason));
    return true;
  }
  return false;
}

size_t conn_write(struct conn *conn, const void *bytes, size_t size) {
  return conn->state == CONN_ESTABLISHED ? stream_send_write(&conn->control_out, bytes, size) : 0;
}

size_t conn_write_room(const struct conn *conn) {
  return conn->state == CONN_ESTABLISHED ? stream_send_room(&conn->control_out) : 0;
}

size_t conn_read(struct conn *conn, void *bytes, size_t capacity) {
  return stream_recv_read(&conn->control_in, bytes, capacity);
}

bool conn_is_flushed(const struct conn *conn) { return stream_send_is_flushed(&conn->control_out); }

int conn_send_block(struct conn *conn, const uint8_t *bytes, size_t size, void *cookie) {
  if (conn->state == CONN_CLOSING || conn->state == CONN_DRAINING) return ERR_CLOSED;
  if (conn->state != CONN_ESTABLISHED) return ERR_AGAIN;
  return blocks_out_add(&conn->blocks_out, bytes, size, cookie);
}

void conn_release_block(struct conn *conn, uint8_t *bytes, unsigned size_class) {
  blocks_in_release(&conn->blocks_in, bytes, size_class);
  if (blocks_in_grant(&conn->blocks_in)) conn->max_data_pending = true;
}

void conn_get_stats(const struct conn *conn, struct conn_stats *stats) {
  *stats = conn->stats;
  stats->block_bytes_received = conn->blocks_in.bytes_received;
  stats->rtt_smoothed_ns = conn->rtt.smoothed_ns;
  stats->rtt_min_ns = conn->rtt.min_ns;
  stats->window_bytes = conn->congestion.window;
  stats->in_flight_bytes = conn->spaces[LEVEL_DATA].sent.bytes_in_flight;
  stats->rate_bytes_per_s = conn->congestion.rate_bytes_per_s;
  stats->congestion = conn->congestion.ops->name;
  stats->congestion_why = conn->choice.why;
  stats->idle_timeout_ns = conn->idle_timeout_ns;
  stats->datagram_bytes = conn->mtu.current;
  stats->control_bytes_received = conn->control_in.in_order;
  stats->protection = conn->protection;
  stats->ecn = ecn_state_name(conn->ecn.state);
  stats->key_updates = conn->crypto.ops->send_phase(conn->crypto.state);
  stats->began_ns = conn->started_ns;
  stats->limited_by = conn->limit;
  stats->credit_bytes = conn->blocks_out.granted - conn->blocks_out.opened;
  stats->is_peer_starved = blocks_in_is_starved(&conn->blocks_in);
}

const struct crypto *conn_crypto(const struct conn *conn) { return &conn->crypto; }

void conn_check(const struct conn *conn) {
  for (int level = 0; level < CRYPTO_LEVELS; level++)
    if (conn->spaces[level].live) sent_packets_check(&conn->spaces[level].sent);
  blocks_in_check(&conn->blocks_in);
  assert(conn->blocks_out.opened <= conn->blocks_out.granted);
  assert(conn->mtu.current <= conn->config.datagram_bytes_max);
  assert(conn->congestion.window >= 2 * conn->congestion.datagram_bytes);
  assert(conn->path.validated || conn->path.bytes_sent <= PATH_AMPLIFICATION * conn->path.bytes_received);
}
