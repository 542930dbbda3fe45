/* flow: see flow.h. Every block is the same constant memory, lent to the connection; the server gives each
 * block back as soon as it is whole. */
#include "flow.h"

#include "plain/plain.h"

#include <assert.h>
#include <string.h>

enum { WINDOW_BYTES = 64 << 20, TURNS_NS_MIN = 1000, IP_AND_UDP_BYTES = 28 };

static const uint8_t block[FLOW_BLOCK_BYTES];
static const struct address client_address = {.size = 4, .bytes = {1}},
                            server_address = {.size = 4, .bytes = {2}};

const char *flow_name(enum flow_kind kind) {
  static const char *const names[FLOW_KINDS] = {"cubic", "bbr",       "background",
                                                "auto",  "tcp-cubic", "tcp-reno"};
  return names[kind];
}

static struct conn *new_conn(const struct flow *flow, enum crypto_role role, uint64_t now_ns) {
  static const enum congestion_kind kinds[FLOW_KINDS] = {
      CONGESTION_CUBIC, CONGESTION_BBR,   CONGESTION_BACKGROUND,
      CONGESTION_AUTO,  CONGESTION_CUBIC, CONGESTION_CUBIC,
  };
  bool is_client = role == ROLE_CLIENT;
  struct conn_config config = {.role = role,
                               .crypto = crypto_plain_new(role),
                               .pool = flow->pool,
                               .local_cid = {{is_client ? 0xc : 0x5, 1}},
                               .peer_cid = {{is_client ? 0x1 : 0xc, 1}},
                               .original_cid = {{0x1, 1}},
                               .initial_cid = {{0x1, 1}},
                               .peer = is_client ? server_address : client_address,
                               .window_bytes = WINDOW_BYTES,
                               .datagram_bytes_max = flow->datagram_bytes,
                               .idle_timeout_ns = 60 * NS_PER_S,
                               .handshake_timeout_ns = 30 * NS_PER_S,
                               .protection = PROTECT_CHECKSUM,
                               .congestion = kinds[flow->kind],
                               .key_packets = flow->key_packets,
                               .seed = flow->seed * 2 + is_client};
  struct conn *conn = conn_new(&config, now_ns);
  assert(conn && "out of memory");
  return conn;
}

void flow_start(struct flow *flow, uint64_t now_ns) {
  flow->client.wake_ns = flow->server.wake_ns = now_ns;
  flow->chunk_at_ns = now_ns;
  if (flow_is_tcp(flow)) {
    flow->tcp = tcp_new(flow->kind == FLOW_TCP_RENO ? &congestion_reno : &congestion_cubic, now_ns);
    return;
  }
  flow->pool = pool_new(3ull * WINDOW_BYTES);
  assert(flow->pool && "out of memory");
  flow->client.conn = new_conn(flow, ROLE_CLIENT, now_ns);
  flow->server.conn = new_conn(flow, ROLE_SERVER, now_ns);
}

void flow_clear(struct flow *flow) {
  tcp_free(flow->tcp);
  conn_free(flow->client.conn);
  conn_free(flow->server.conn);
  pool_free(flow->pool);
}

/* ---- the source ---- */

/* What may be offered by now; says by chunk_at_ns when there will be more. */
static uint64_t offer_now(struct flow *flow, uint64_t now_ns) {
  if (now_ns >= flow->source.stop_ns) return 0;
  uint64_t left = flow->source.bytes - flow->offered;
  if (flow->source.period_ns == 0) return left;
  if (now_ns < flow->chunk_at_ns) return 0;
  flow->chunk_at_ns += flow->source.period_ns;
  return left < flow->source.chunk ? left : flow->source.chunk;
}

static void feed(struct flow *flow, uint64_t now_ns) {
  if (!flow->client.is_established || flow->blocks_open >= flow->blocks_max) return;
  uint64_t left = offer_now(flow, now_ns);
  while (left > 0 && flow->blocks_open < flow->blocks_max) {
    size_t size = left < FLOW_BLOCK_BYTES ? (size_t)left : FLOW_BLOCK_BYTES;
    if (conn_send_block(flow->client.conn, block, size, (void *)(uintptr_t)size) != 0) break;
    flow->blocks_open++;
    flow->offered += size;
    left -= size;
  }
}

/* ---- the ends ---- */

static void take_events(struct flow *flow, struct flow_end *end) {
  struct conn_event event;
  while (conn_next_event(end->conn, &event)) {
    switch (event.type) {
    case CONN_EVENT_ESTABLISHED:
      end->is_established = true;
      break;
    case CONN_EVENT_BLOCK_RECEIVED:
      conn_release_block(end->conn, event.block.bytes, event.block.size_class);
      break;
    case CONN_EVENT_BLOCK_ACKED:
      flow->blocks_open--;
      flow->acked += (uintptr_t)event.cookie;
      break;
    case CONN_EVENT_CLOSED:
      end->is_closed = true;
      break;
    case CONN_EVENT_CONTROL:
      break;
    }
  }
}

void flow_on_datagram(struct flow *flow, uint64_t now_ns, bool is_server, uint8_t *bytes, size_t size) {
  if (flow->tcp && is_server)
    tcp_on_segment(flow->tcp, now_ns, bytes);
  else if (flow->tcp)
    tcp_on_ack(flow->tcp, now_ns, bytes);
  else if (is_server)
    conn_on_datagram(flow->server.conn, now_ns, &client_address, bytes, size);
  else
    conn_on_datagram(flow->client.conn, now_ns, &server_address, bytes, size);
}

void flow_turn(struct flow *flow, uint64_t now_ns, bool is_server) {
  struct flow_end *end = is_server ? &flow->server : &flow->client;
  if (flow->tcp) {
    flow->tcp->is_stopped = now_ns >= flow->source.stop_ns;
    if (!is_server && now_ns >= flow->tcp->timer_ns) tcp_on_timer(flow->tcp, now_ns);
    return;
  }
  if (now_ns >= conn_next_timeout(end->conn)) conn_on_timeout(end->conn, now_ns);
  take_events(flow, end);
  if (!is_server) feed(flow, now_ns);
}

/* Only what waits for the pacer: its first window leaves as one, and small frames go past it. */
static void note_burst(struct flow *flow, uint64_t now_ns, size_t size) {
  const struct pacer *pacer = &flow->client.conn->pacer;
  if (flow->burst_ns != now_ns) flow->burst_bytes = 0;
  flow->burst_ns = now_ns;
  flow->burst_bytes += size;
  if (pacer->rate_bytes_per_s == 0) return;
  double quanta = (double)flow->burst_bytes / (double)pacer->quantum;
  if (quanta > flow->burst_quanta_max) flow->burst_quanta_max = quanta;
}

size_t flow_next(struct flow *flow, uint64_t now_ns, bool is_server, uint8_t *bytes, size_t capacity) {
  struct address to;
  if (flow->tcp)
    return is_server ? tcp_next_ack(flow->tcp, now_ns, bytes) : tcp_next_segment(flow->tcp, now_ns, bytes);
  struct flow_end *end = is_server ? &flow->server : &flow->client;
  size_t size = conn_next_datagram(end->conn, now_ns, bytes, capacity, &to);
  if (size > 0 && !is_server) note_burst(flow, now_ns, size);
  return size;
}

void flow_settle(struct flow *flow, uint64_t now_ns, bool is_server) {
  struct flow_end *end = is_server ? &flow->server : &flow->client;
  if (flow->tcp)
    end->wake_ns = is_server ? flow->tcp->ack_at_ns : flow->tcp->timer_ns;
  else
    end->wake_ns = conn_next_timeout(end->conn);
  bool has_chunks = !is_server && flow->source.period_ns > 0 && flow->client.is_established &&
                    flow->blocks_open < flow->blocks_max && flow->offered < flow->source.bytes;
  if (has_chunks && flow->chunk_at_ns < end->wake_ns) end->wake_ns = flow->chunk_at_ns;
  if (end->wake_ns < now_ns + TURNS_NS_MIN) end->wake_ns = now_ns + TURNS_NS_MIN;
}

uint64_t flow_wake_ns(const struct flow *flow, bool is_server) {
  return is_server ? flow->server.wake_ns : flow->client.wake_ns;
}

/* ---- figures ---- */

uint64_t flow_delivered(const struct flow *flow) {
  if (flow->tcp) return flow->tcp->in_order * TCP_PAYLOAD;
  return flow->server.conn ? flow->server.conn->blocks_in.bytes_received : 0;
}

double flow_overhead(const struct flow *flow) {
  if (flow_is_tcp(flow)) return 1500.0 / TCP_PAYLOAD;
  const struct packet packet = {.type = PACKET_BLOCK,
                                .block = {.number = 1000, .offset = 100000, .size_class = 8}};
  double around = (double)packet_header_size(&packet) + 8; /* checksum */
  double size = (double)flow->datagram_bytes;
  return (size + IP_AND_UDP_BYTES) / (size - around);
}

struct conn_stats flow_stats(const struct flow *flow) {
  struct conn_stats stats = {0};
  if (flow->client.conn) conn_get_stats(flow->client.conn, &stats);
  if (flow->tcp)
    stats = (struct conn_stats){.packets_sent = flow->tcp->segments_sent,
                                .packets_lost = flow->tcp->segments_lost};
  return stats;
}
