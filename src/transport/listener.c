/* listener: one port, many peers (proto/transport.md sections 2 and 3).
 *
 * Connections are found by the id we gave them, in a table of twice as many places. Before a client is known
 * it costs nothing: one datagram in, at most one smaller or equal datagram out. Few half-open handshakes are
 * kept; beyond them a client must first come back with a token. Nothing is ever said in answer to anything
 * but a first packet of full size, so errors do not answer errors and nobody is amplified. */
#include "udpcp/transport.h"

#include "transport/conn.h"
#include "transport/token.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

struct listener {
  struct listener_config config;
  struct conn **table; /* by local id, open addressing */
  uint32_t mask, count;
  struct conn **half_open; /* not yet confirmed: also found by the client's first id */
  uint32_t half_open_count;
  struct listener_stats stats;
};

struct listener *listener_new(const struct listener_config *config, uint64_t now_ns) {
  (void)now_ns;
  struct listener *listener = calloc(1, sizeof(*listener));
  if (!listener) return NULL;
  listener->config = *config;
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
    if (!listener->half_open[i]->confirmed && listener->half_open[i]->state <= CONN_ESTABLISHED)
      listener->half_open[kept++] = listener->half_open[i];
  listener->half_open_count = kept;
}

/* A first flight that comes again from elsewhere (the client moved in the middle of its handshake) makes a
 * connection of its own: the client goes on with whichever answer it hears, the other one is forgotten. */
static struct conn *find_half_open(struct listener *listener, const struct packet *packet,
                                   const struct address *from) {
  for (uint32_t i = 0; i < listener->half_open_count; i++) {
    struct conn *conn = listener->half_open[i];
    if (cid_equal(&conn->config.initial_cid, &packet->destination) &&
        cid_equal(&conn->peer_cid, &packet->source) && address_equal(&conn->path.peer, from))
      return conn;
  }
  return NULL;
}

void listener_remove(struct listener *listener, struct conn *conn) {
  uint32_t kept = 0;
  for (uint32_t i = 0; i < listener->half_open_count; i++)
    if (listener->half_open[i] != conn) listener->half_open[kept++] = listener->half_open[i];
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
  token_make(listener->config.token_key, now_ns, from, &packet->destination, &answer.source, token);
  struct writer writer;
  writer_init(&writer, reply, DATAGRAM_BYTES_MIN);
  packet_write(&answer, &writer);
  uint64_t tag = hash_64_of_two(packet->destination.bytes, CID_BYTES, reply, writer_used(&writer));
  write_u64(&writer, tag);
  listener->stats.retries++;
  return writer_used(&writer);
}

/* Whoever is turned away hears it once: a connection that lives for one CLOSE. */
static size_t answer_busy(struct listener *listener, uint64_t now_ns, const struct conn_config *config,
                          uint8_t *bytes, size_t size, uint8_t *reply) {
  struct conn *conn = conn_new(config, now_ns);
  if (!conn) return 0;
  conn_on_datagram(conn, now_ns, &config->peer, bytes, size);
  conn_close(conn, now_ns, CLOSE_BUSY, "too many senders just now");
  struct address to;
  uint8_t datagram[DATAGRAM_BYTES_MAX];
  size_t reply_size = conn_next_datagram(conn, now_ns, datagram, sizeof(datagram), &to);
  if (reply_size > DATAGRAM_BYTES_MIN) reply_size = 0;
  memcpy(reply, datagram, reply_size);
  conn_free(conn);
  listener->stats.refused++;
  return reply_size;
}

/* ---- a first packet ---- */

/* Looked at before anything large is made for it: most of what is no first packet ends here. */
static bool is_authentic(const struct crypto *crypto, const struct packet *packet, const uint8_t *bytes) {
  uint8_t opened[DATAGRAM_BYTES_MAX]; /* not in place: the connection opens it again */
  return crypto->ops->open(crypto->state, LEVEL_INITIAL, 0, (uint32_t)packet->number, bytes,
                           packet->header_size, bytes + packet->header_size, packet->payload_size,
                           opened) == 0;
}

static void configure(struct listener *listener, const struct packet *packet, const struct address *from,
                      const struct cid *original, struct conn_config *config) {
  *config = listener->config.conn;
  config->role = ROLE_SERVER;
  config->crypto = listener->config.new_crypto(listener->config.context);
  config->peer = *from;
  config->peer_cid = packet->source;
  config->original_cid = *original;
  config->initial_cid = packet->destination;
  listener->config.random(&config->local_cid, sizeof(config->local_cid));
  listener->config.random(&config->seed, sizeof(config->seed));
}

static struct conn *accept_new(struct listener *listener, uint64_t now_ns, const struct packet *packet,
                               const struct address *from, uint8_t *bytes, size_t size, uint8_t *reply,
                               size_t *reply_size) {
  struct cid original = packet->destination;
  bool validated = token_check(listener->config.token_key, now_ns, listener->config.token_lifetime_ns, from,
                               &packet->destination, packet->token, packet->token_size, &original);
  if (packet->token_size > 0 && !validated) return NULL; /* too old, or not ours */
  sweep_half_open(listener);
  if (!validated && listener->half_open_count >= listener->config.half_open_max) {
    *reply_size = answer_retry(listener, now_ns, packet, from, reply);
    return NULL;
  }
  struct conn_config config;
  configure(listener, packet, from, &original, &config);
  config.address_validated = validated;
  if (!config.crypto.ops) return NULL;
  if (!is_authentic(&config.crypto, packet, bytes)) {
    config.crypto.ops->free(config.crypto.state);
    listener->stats.datagrams_malformed++;
    return NULL;
  }
  if (listener->count >= listener->config.conns_max) {
    *reply_size = answer_busy(listener, now_ns, &config, bytes, size, reply);
    return NULL;
  }
  struct conn *conn = conn_new(&config, now_ns);
  if (!conn) return NULL;
  conn_on_datagram(conn, now_ns, from, bytes, size);
  if (conn->stats.packets_received == 0) { /* not what it claims to be */
    conn_free(conn);
    listener->stats.datagrams_malformed++;
    return NULL;
  }
  *find_place(listener, &conn->local_cid) = conn;
  listener->half_open[listener->half_open_count++] = conn;
  listener->count++;
  listener->stats.accepted++;
  return conn;
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
    conn_on_datagram(conn, now_ns, from, bytes, size);
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
  if (packet.header_size == 0) {
    *reply_size = answer_versions(listener, &packet, reply);
    return NULL;
  }
  conn = accept_new(listener, now_ns, &packet, from, bytes, size, reply, reply_size);
  *is_new = conn != NULL;
  return conn;
}

uint32_t listener_count(const struct listener *listener) { return listener->count; }

void listener_get_stats(const struct listener *listener, struct listener_stats *stats) {
  *stats = listener->stats;
}
