/* listener_scene: one listener and clients whose every datagram a case hands over itself. Include after
 * unit.h. */
#ifndef LISTENER_SCENE_H
#define LISTENER_SCENE_H

#include "plain/plain.h"
#include "transport/conn.h"

#include <stdlib.h>

enum { CONNS_MAX = 8 };

static const struct address here = {.size = 4, .bytes = {1}}, there = {.size = 4, .bytes = {2}},
                            server_address = {.size = 4, .bytes = {3}};

static uint64_t now_ns, next_random;
static const uint8_t *client_machine, *server_machine;
static bool admitted, asks_proof, proves, one_host_only;
static struct pool *pool, *client_pool;
static struct listener *listener;

/* What the listener answered last. */
static uint8_t reply[DATAGRAM_BYTES_MIN];
static size_t reply_size;
static bool is_new;

/* Connection ids are 0x00ff...: the first four bytes, which say where in the table, are a case's choice. */
static uint8_t random_first[64];

static inline void draw(void *bytes, size_t size) {
  memset(bytes, 0, size);
  memcpy(bytes, &random_first[next_random % 64], 1);
  next_random++;
  memcpy((uint8_t *)bytes + size - sizeof(uint32_t), &next_random, sizeof(uint32_t));
}

static inline struct crypto server_crypto(void *context) {
  (void)context;
  return crypto_plain_new(ROLE_SERVER);
}

static inline bool admits(void *context, const struct address *from) {
  (void)context, (void)from;
  return admitted;
}

static inline bool is_proven(void *context, const uint8_t *bytes, size_t size,
                             const uint8_t proof[PROOF_BYTES]) {
  (void)context;
  CU_ASSERT_EQUAL(proof - bytes, (ptrdiff_t)size);
  CU_ASSERT_EQUAL(size + PROOF_BYTES, DATAGRAM_BYTES_MIN);
  return proves;
}

static uint64_t host_of(const struct address *from) { return one_host_only ? 1 : from->bytes[0]; }

static inline void begin(uint32_t half_open_max) {
  now_ns = NS_PER_S;
  next_random = 0;
  memset(random_first, 0, sizeof(random_first));
  admitted = proves = true;
  pool = pool_new(64 << 20);
  client_pool = pool_new(1 << 20);
  struct listener_config config = {.conns_max = CONNS_MAX,
                                   .half_open_max = half_open_max,
                                   .token_lifetime_ns = 5 * NS_PER_S,
                                   .random = draw,
                                   .new_crypto = server_crypto,
                                   .is_proven = asks_proof ? is_proven : NULL,
                                   .host_of = host_of,
                                   .admits = admits,
                                   .conn = {.pool = pool,
                                            .machine = server_machine,
                                            .window_bytes = 32 << 20,
                                            .protection = PROTECT_CHECKSUM,
                                            .datagram_bytes_max = DATAGRAM_BYTES_IPV4,
                                            .idle_timeout_ns = 30 * NS_PER_S,
                                            .handshake_timeout_ns = 10 * NS_PER_S}};
  listener = listener_new(&config, now_ns);
}

static inline void end(void) {
  listener_free(listener);
  CU_ASSERT_EQUAL(pool_bytes_promised(pool), 0);
  pool_free(pool);
  pool_free(client_pool);
}

static inline struct conn *new_client(uint8_t id) {
  struct conn_config config = {.role = ROLE_CLIENT,
                               .crypto = crypto_plain_new(ROLE_CLIENT),
                               .pool = client_pool,
                               .protection = PROTECT_CHECKSUM,
                               .local_cid = {{0xc0, id}},
                               .peer_cid = {{0xd0, id}},
                               .peer = server_address,
                               .datagram_bytes_max = DATAGRAM_BYTES_IPV4,
                               .idle_timeout_ns = 30 * NS_PER_S,
                               .handshake_timeout_ns = 10 * NS_PER_S,
                               .machine = client_machine,
                               .seed = id};
  return conn_new(&config, now_ns);
}

static inline size_t speak(struct conn *conn, uint8_t *bytes) {
  struct address to;
  return conn_next_datagram(conn, now_ns, bytes, DATAGRAM_BYTES_IPV4, &to);
}

/* Opened in place: what may be needed again is copied. */
static inline struct conn *hand(const uint8_t *bytes, size_t size, const struct address *from) {
  uint8_t copy[DATAGRAM_BYTES_IPV4];
  memcpy(copy, bytes, size);
  return listener_on_datagram(listener, now_ns, from, copy, size, &is_new, reply, &reply_size);
}

/* The client's next datagram goes to the listener. */
static inline struct conn *send_one(struct conn *client, const struct address *from) {
  uint8_t bytes[DATAGRAM_BYTES_IPV4];
  size_t size = speak(client, bytes);
  assert(size > 0);
  return hand(bytes, size, from);
}

static inline void hear(struct conn *conn, const struct address *from, const uint8_t *bytes, size_t size) {
  uint8_t copy[DATAGRAM_BYTES_IPV4];
  memcpy(copy, bytes, size);
  conn_on_datagram(conn, now_ns, from, copy, size);
}

/* All that both ends have to say, until neither says more. */
static inline void talk(struct conn *client, struct conn *server, const struct address *from) {
  uint8_t bytes[DATAGRAM_BYTES_IPV4];
  size_t size;
  for (bool any = true; any; now_ns += NS_PER_MS) {
    any = false;
    for (; (size = speak(server, bytes)) > 0; any = true)
      hear(client, &server_address, bytes, size);
    for (; (size = speak(client, bytes)) > 0; any = true)
      hand(bytes, size, from);
  }
}

static inline bool next_event_is(struct conn *conn, enum conn_event_type type, struct conn_event *event) {
  return conn_next_event(conn, event) && event->type == type;
}

#endif
