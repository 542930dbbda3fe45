/* listener: one port, many peers (proto/transport.md sections 2 and 3).
 *
 * Connections are found by the id we gave them, in a table of twice as many places. Before a client is known
 * it costs nothing: one datagram in, at most one smaller or equal datagram out. Few half-open handshakes are
 * kept; beyond them a client must first come back with a token, and then no host may have more than its share
 * of handshakes. Nothing is ever said in answer to anything but a first packet of full size, so errors do not
 * answer errors and nobody is amplified. */
#include "udpcp/transport.h"

#include "transport/conn.h"
#include "transport/token.h"
#include "transport/visitors.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#define UNTOKENED_INTERVAL_NS (NS_PER_S / 20)

struct half_open {
  struct conn *conn;
  uint64_t host;
};

struct listener {
  struct listener_config config;
  struct conn **table; /* by local id, open addressing */
  uint32_t mask, count;
  struct half_open *half_open; /* not yet confirmed: also found by the client's first id */
  uint32_t half_open_count;
  uint8_t token_keys[2][MAC_KEY_BYTES]; /* the newest makes tokens, both are taken */
  uint64_t token_turn_ns;               /* when the next one comes */
  struct visitors visitors;
  struct turns turns;
  uint64_t untokened_paid_ns; /* when the handshakes of those without a token are paid off */
  struct listener_stats stats;
};

struct listener *listener_new(const struct listener_config *config, uint64_t now_ns) {
  struct listener *listener = calloc(1, sizeof(*listener));
  if (!listener) return NULL;
  listener->config = *config;
  uint64_t seed;
  config->random(&seed, sizeof(seed));
  config->random(listener->token_keys, sizeof(listener->token_keys));
  listener->token_turn_ns = now_ns + config->token_lifetime_ns;
  visitors_init(&listener->visitors, seed);
  turns_init(&listener->turns, pool_bytes_max(config->conn.pool));
  uint32_t places = 16;
  while (places < 2 * config->conns_max)
    places *= 2;
  listener->mask = places - 1;
  listener->table = calloc(places, sizeof(*listener->table));
  listener->half_open = calloc(config->conns_max, sizeof(*listener->half_open));
  if (!listener->table || !listener->half_open) {
    listener_free(listener);
    return NULL;
  }
  return listener;
}

void listener_free(struct listener *listener) {
  if (!listener) return;
  for (uint32_t i = 0; listener->table && i <= listener->mask; i++)
    conn_free(listener->table[i]);
  free(listener->table);
  free(listener->half_open);
  free(listener);
}

/* Our own ids are random: any eight bytes of them are a good hash. */
static uint32_t home_of(const struct listener *listener, const struct cid *cid) {
  uint32_t hash;
  memcpy(&hash, cid->bytes, sizeof(hash));
  return hash & listener->mask;
}

static struct conn **find_place(struct listener *listener, const struct cid *cid) {
  uint32_t i = home_of(listener, cid);
  while (listener->table[i] && !cid_equal(&listener->table[i]->local_cid, cid))
    i = (i + 1) & listener->mask;
  return &listener->table[i];
}

/* Once confirmed, a client uses the id we gave it. */
static void sweep_half_open(struct listener *listener) {
  uint32_t kept = 0;
  for (uint32_t i = 0; i < listener->half_open_count; i++)
    if (!listener->half_open[i].conn->confirmed) /* also one that has failed: it still holds a place */
      listener->half_open[kept++] = listener->half_open[i];
  listener->half_open_count = kept;
}

/* A first flight that comes again from elsewhere (the client moved in the middle of its handshake) makes a
 * connection of its own: the client goes on with whichever answer it hears, the other one is forgotten. */
static struct conn *find_half_open(struct listener *listener, const struct packet *packet,
                                   const struct address *from) {
  for (uint32_t i = 0; i < listener->half_open_count; i++) {
    struct conn *conn = listener->half_open[i].conn;
    if (cid_equal(&conn->config.initial_cid, &packet->destination) &&
        cid_equal(&conn->peer_cid, &packet->source) && address_equal(&conn->path.peer, from))
      return conn;
  }
  return NULL;
}

void listener_remove(struct listener *listener, struct conn *conn) {
  uint32_t kept = 0;
  for (uint32_t i = 0; i < listener->half_open_count; i++)
    if (listener->half_open[i].conn != conn) listener->half_open[kept++] = listener->half_open[i];
  listener->half_open_count = kept;
  struct conn **place = find_place(listener, &conn->local_cid);
  assert(*place == conn);
  *place = NULL;
  listener->count--;
  /* Those behind it that were pushed on move up, so that every search still ends at a gap. */
  uint32_t gap = (uint32_t)(place - listener->table);
  for (uint32_t i = (gap + 1) & listener->mask; listener->table[i]; i = (i + 1) & listener->mask) {
    uint32_t home = home_of(listener, &listener->table[i]->local_cid);
    if (((i - home) & listener->mask) < ((i - gap) & listener->mask)) continue;
    listener->table[gap] = listener->table[i];
    listener->table[i] = NULL;
    gap = i;
  }
  conn_free(conn);
}

/* ---- answers without state ---- */

static size_t answer_versions(struct listener *listener, const struct packet *packet, uint8_t *reply) {
  struct packet answer = {
      .type = PACKET_VERSIONS, .destination = packet->source, .source = packet->destination};
  struct writer writer;
  writer_init(&writer, reply, DATAGRAM_BYTES_MIN);
  packet_write(&answer, &writer);
  write_u32(&writer, WIRE_VERSION);
  listener->stats.versions_answered++;
  return writer_used(&writer);
}

static size_t answer_retry(struct listener *listener, uint64_t now_ns, const struct packet *packet,
                           const struct address *from, uint8_t *reply) {
  uint8_t token[TOKEN_BYTES];
  struct packet answer = {.type = PACKET_RETRY,
                          .version = WIRE_VERSION,
                          .destination = packet->source,
                          .token = token,
                          .token_size = sizeof(token)};
  listener->config.random(&answer.source, sizeof(answer.source));
  token_make(listener->token_keys[0], now_ns, from, &packet->destination, &answer.source, token);
  struct writer writer;
  writer_init(&writer, reply, DATAGRAM_BYTES_MIN);
  packet_write(&answer, &writer);
  uint64_t tag = hash_64_of_two(packet->destination.bytes, CID_BYTES, reply, writer_used(&writer));
  write_u64(&writer, tag);
  listener->stats.retries++;
  return writer_used(&writer);
}

/* Whoever is turned away hears it once. */
static size_t answer_busy(const struct conn_config *config, uint8_t *reply) {
  static const char reason[] = "too many senders just now";
  const struct crypto *crypto = &config->crypto;
  size_t tag_size = crypto->ops->tag_size(crypto->state, LEVEL_INITIAL);
  struct frame frame = {
      .type = FRAME_CLOSE,
      .close = {.code = CLOSE_BUSY, .reason = (const uint8_t *)reason, .reason_size = sizeof(reason) - 1}};
  struct packet packet = {.type = PACKET_INITIAL,
                          .version = WIRE_VERSION,
                          .destination = config->peer_cid,
                          .source = config->local_cid,
                          .payload_size = frame_size(&frame) + tag_size};
  struct writer writer;
  writer_init(&writer, reply, DATAGRAM_BYTES_MIN);
  packet_write(&packet, &writer);
  size_t header_size = writer_used(&writer);
  uint8_t *payload = writer.at;
  frame_write(&frame, &writer);
  assert(!writer.failed && writer_left(&writer) >= tag_size + PROOF_BYTES);
  if (crypto->ops->seal(crypto->state, LEVEL_INITIAL, 0, reply, header_size, payload,
                        packet.payload_size - tag_size, payload) != 0)
    return 0;
  size_t size = header_size + packet.payload_size;
  crypto->ops->prove(crypto->state, reply, size, reply + size);
  return size + PROOF_BYTES;
}

/* ---- a first packet ---- */

/* Looked at before anything large is made for it: most of what is no first packet ends here. */
static bool is_authentic(const struct crypto *crypto, const struct packet *packet, const uint8_t *bytes) {
  uint8_t opened[DATAGRAM_BYTES_MAX]; /* not in place: the connection opens it again */
  return crypto->ops->set_initial_id(crypto->state, packet->destination.bytes, CID_BYTES) == 0 &&
         crypto->ops->open(crypto->state, LEVEL_INITIAL, 0, (uint32_t)packet->number, bytes,
                           packet->header_size, bytes + packet->header_size, packet->payload_size,
                           opened) == 0;
}

static void configure(struct listener *listener, const struct packet *packet, const struct address *from,
                      const struct cid *original, struct conn_config *config) {
  *config = listener->config.conn;
  config->role = ROLE_SERVER;
  config->turns = &listener->turns;
  config->crypto = listener->config.new_crypto(listener->config.context);
  config->peer = *from;
  config->peer_cid = packet->source;
  config->original_cid = *original;
  config->initial_cid = packet->destination;
  listener->config.random(&config->local_cid, sizeof(config->local_cid));
  listener->config.random(&config->seed, sizeof(config->seed));
}

/* A secret that turns over: a token is never taken after twice its lifetime, even should a key become known.
 */
static void turn_token_keys(struct listener *listener, uint64_t now_ns) {
  if (now_ns < listener->token_turn_ns) return;
  memcpy(listener->token_keys[1], listener->token_keys[0], MAC_KEY_BYTES);
  listener->config.random(listener->token_keys[0], MAC_KEY_BYTES);
  listener->token_turn_ns = now_ns + listener->config.token_lifetime_ns;
}

static bool has_token(const struct listener *listener, uint64_t now_ns, const struct packet *packet,
                      const struct address *from, struct cid *original) {
  for (int i = 0; i < 2; i++)
    if (token_check(listener->token_keys[i], now_ns, listener->config.token_lifetime_ns, from,
                    &packet->destination, packet->token, packet->token_size, original))
      return true;
  return false;
}

static uint64_t host_of(const struct listener *listener, const struct address *from) {
  if (listener->config.host_of) return listener->config.host_of(from);
  return hash_64(from->bytes, from->size);
}

/* One host must not take all the places, nor all of the CPU. Only who has a token is charged: others may not
 * be where they say they are. */
static bool has_share(struct listener *listener, uint64_t now_ns, uint64_t host) {
  uint32_t held = 0;
  for (uint32_t i = 0; i < listener->half_open_count; i++)
    held += listener->half_open[i].host == host;
  return 2 * held < listener->config.conns_max && visitors_admit(&listener->visitors, now_ns, host);
}

/* Handshakes of those without a token may be anybody's; together they get one small share of the CPU, whether
 * they leave a connection behind or fail at once. */
static bool has_untokened_share(const struct listener *listener, uint64_t now_ns) {
  return listener->untokened_paid_ns < now_ns + listener->config.half_open_max * UNTOKENED_INTERVAL_NS;
}

static void charge_untokened(struct listener *listener, uint64_t now_ns) {
  uint64_t from_ns = listener->untokened_paid_ns > now_ns ? listener->untokened_paid_ns : now_ns;
  listener->untokened_paid_ns = from_ns + UNTOKENED_INTERVAL_NS;
}

/* What may be said or kept of a first packet before it is looked into. False: nothing more. */
static bool may_begin(struct listener *listener, uint64_t now_ns, const struct packet *packet,
                      const struct address *from, struct cid *original, uint8_t *reply, size_t *reply_size) {
  turn_token_keys(listener, now_ns);
  bool validated = has_token(listener, now_ns, packet, from, original);
  if (packet->token_size > 0 && !validated) return false; /* too old, or not ours */
  sweep_half_open(listener);
  bool is_full = listener->half_open_count >= listener->config.half_open_max;
  if (!validated && (is_full || !has_untokened_share(listener, now_ns))) {
    *reply_size = answer_retry(listener, now_ns, packet, from, reply);
    return false;
  }
  return true;
}

/* A handshake that fails over its first packet leaves nothing behind but its one answer; one that is closed
 * by it not even that, for errors never answer errors. */
static size_t answer_failed(struct listener *listener, uint64_t now_ns, struct conn *conn, uint8_t *reply) {
  uint8_t datagram[DATAGRAM_BYTES_MAX];
  struct address to;
  bool is_ours = conn->state == CONN_CLOSING;
  size_t size = is_ours ? conn_next_datagram(conn, now_ns, datagram, sizeof(datagram), &to) : 0;
  assert(size <= DATAGRAM_BYTES_MIN && "a CLOSE before the handshake is a small packet");
  memcpy(reply, datagram, size);
  conn_free(conn);
  listener->stats.refused++;
  return size;
}

static struct conn *accept_new(struct listener *listener, uint64_t now_ns, const struct packet *packet,
                               const struct address *from, uint8_t *bytes, size_t size, uint8_t *reply,
                               size_t *reply_size) {
  struct cid original = packet->destination;
  if (!may_begin(listener, now_ns, packet, from, &original, reply, reply_size)) return NULL;
  struct conn_config config;
  configure(listener, packet, from, &original, &config);
  config.address_validated = packet->token_size > 0;
  if (!config.crypto.ops) return NULL;
  bool is_first = is_authentic(&config.crypto, packet, bytes);
  bool is_busy = listener->count >= listener->config.conns_max;
  uint64_t host = host_of(listener, from);
  if (!is_first || is_busy || (config.address_validated && !has_share(listener, now_ns, host))) {
    if (is_first && is_busy) *reply_size = answer_busy(&config, reply);
    listener->stats.refused += is_first;
    listener->stats.datagrams_malformed += !is_first;
    config.crypto.ops->free(config.crypto.state);
    return NULL;
  }
  if (!config.address_validated) charge_untokened(listener, now_ns);
  struct conn *conn = conn_new(&config, now_ns);
  if (!conn) return NULL;
  conn_on_datagram(conn, now_ns, from, bytes, size);
  if (conn->state > CONN_ESTABLISHED) {
    *reply_size = answer_failed(listener, now_ns, conn, reply);
    return NULL;
  }
  assert(conn->stats.packets_received > 0 && "the packet has been opened before");
  *find_place(listener, &conn->local_cid) = conn;
  listener->half_open[listener->half_open_count++] = (struct half_open){.conn = conn, .host = host};
  listener->count++;
  listener->stats.accepted++;
  return conn;
}

/* In a mode that knows its clients, whoever cannot show that it is one of them hears nothing at all. */
static bool is_proven(const struct listener *listener, const struct packet *packet, const uint8_t *bytes) {
  if (!listener->config.is_proven) return true;
  return packet->proof &&
         listener->config.is_proven(listener->config.context, bytes,
                                    packet->header_size + packet->payload_size, packet->proof);
}

struct conn *listener_on_datagram(struct listener *listener, uint64_t now_ns, const struct address *from,
                                  uint8_t *bytes, size_t size, bool *is_new, uint8_t *reply,
                                  size_t *reply_size) {
  struct packet packet;
  *is_new = false;
  *reply_size = 0;
  if (packet_read(&packet, bytes, size) != 0) {
    listener->stats.datagrams_malformed++;
    return NULL;
  }
  struct conn *conn = *find_place(listener, &packet.destination);
  bool is_first =
      packet.type == PACKET_INITIAL || (packet.header_size == 0 && packet.type != PACKET_VERSIONS);
  if (!conn && packet.type == PACKET_INITIAL && packet.header_size > 0)
    conn = find_half_open(listener, &packet, from);
  if (conn) {
    conn_on_packet(conn, now_ns, from, &packet, bytes, size);
    return conn;
  }
  if (!is_first || size < DATAGRAM_BYTES_MIN) {
    listener->stats.datagrams_unknown++;
    return NULL;
  }
  if (listener->config.admits && !listener->config.admits(listener->config.context, from)) {
    listener->stats.refused++;
    return NULL;
  }
  if (!is_proven(listener, &packet, bytes)) {
    listener->stats.unproven++;
    return NULL;
  }
  if (packet.header_size == 0) {
    *reply_size = answer_versions(listener, &packet, reply);
    return NULL;
  }
  conn = accept_new(listener, now_ns, &packet, from, bytes, size, reply, reply_size);
  *is_new = conn != NULL;
  return conn;
}

uint64_t listener_on_turn(struct listener *listener, uint64_t now_ns, uint64_t socket_bytes, uint64_t drops,
                          uint64_t asleep_ns) {
  return turns_on_clock(&listener->turns, now_ns, socket_bytes, drops, asleep_ns);
}

struct conn *listener_next_granted(struct listener *listener) {
  struct turns_member *turn;
  while ((turn = turns_next(&listener->turns, pool_class_bytes(POOL_CLASSES - 1)))) {
    void *at = (char *)turn - offsetof(struct conn, blocks_in.turn);
    struct conn *conn = at;
    if (conn->state != CONN_ESTABLISHED) continue;
    if (blocks_in_grant(&conn->blocks_in)) conn->max_data_pending = true;
    turn->is_called = false;
    return conn; /* also where memory lacks: outside the line it looks again by the clock */
  }
  return NULL;
}

uint32_t listener_count(const struct listener *listener) { return listener->count; }

void listener_get_stats(const struct listener *listener, struct listener_stats *stats) {
  *stats = listener->stats;
}
