/* A handshake that somebody stands in the middle of. The first byte chooses how the ends know each other, and
 * which of two scenes is played; the rest is its program.
 *
 * Two ends of TLS: what each says is passed on whole, in parts, harmed, left out, said twice, sent back where
 * it came from, or is no TLS at all. An end may be complete only when every byte that either has heard is one
 * that the other has said; whoever refuses says so in plain words, says no more, and hands nothing out.
 *
 * A listener, and first datagrams: honest ones, harmed ones, any frames sealed as a client seals them, noise.
 * No answer is larger than its question, none comes to a small one or to one that lacks the proof, and never
 * are there more connections than allowed. */
#include "transport/conn.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);
/* crypto/identity.h has it, but not beside the transport: a struct of gnutls.h has the name of one of ours.
 */
struct identity *identity_from_pem(const char *pem, size_t size, int *error);

enum {
  STEPS_MAX = 48,
  STREAM_MAX = 16384, /* of one level, heard or said */
  CONNS_MAX = 3,
  HALF_OPEN_MAX = 2,
  CLIENTS_MAX = 3,
  FRAMES_MAX = 900,
  POOL_BYTES = 8 << 20,
};

/* Test keys: the seeds are 0x10, 0x11 ... and 0x20, 0x21 ... */
static const char *const pems[2] = {
    "-----BEGIN PRIVATE KEY-----\n"
    "MC4CAQAwBQYDK2VwBCIEIBAREhMUFRYXGBkaGxwdHh8gISIjJCUmJygpKissLS4v\n"
    "-----END PRIVATE KEY-----\n",
    "-----BEGIN PRIVATE KEY-----\n"
    "MC4CAQAwBQYDK2VwBCIEICAhIiMkJSYnKCkqKywtLi8wMTIzNDU2Nzg5Ojs8PT4/\n"
    "-----END PRIVATE KEY-----\n",
};
static const struct shared_key shared = {{7, 7, 7}}, other_shared = {{7, 7, 8}};
static const uint8_t first_id[CID_BYTES] = {0xc0, 1, 2, 3, 4, 5, 6, 7};

/* Flags of the first byte. */
enum { BY_SHARED_KEY = 1, KEYS_DIFFER = 2, WITH_LISTENER = 4 };

static struct identity *identities[2];
static struct believed believed[2];

static void make_identities(void) {
  for (int role = 0; role < 2 && !identities[role]; role++) {
    int error;
    identities[role] = identity_from_pem(pems[role], strlen(pems[role]), &error);
    assert(identities[role]);
    struct public_key key;
    identity_public_key(identities[role], &key);
    believed_init(&believed[role], &key);
  }
}

/* A server believes the client's key, or with KEYS_DIFFER only its own. */
static struct tls_config config_of(enum crypto_role role, unsigned flags) {
  bool is_client = role == ROLE_CLIENT;
  struct tls_config config = {.identity = identities[role]};
  if (flags & BY_SHARED_KEY) config.shared = is_client && flags & KEYS_DIFFER ? &other_shared : &shared;
  if (!is_client && !(flags & BY_SHARED_KEY)) {
    config.believed = &believed[flags & KEYS_DIFFER ? ROLE_SERVER : ROLE_CLIENT];
    config.believed_count = 1;
  }
  return config;
}

/* ---- two ends of TLS ---- */

struct stream {
  size_t size, passed; /* passed: to the other end, of what was said */
  uint8_t bytes[STREAM_MAX];
};

struct end {
  struct tls_config config;
  struct crypto crypto;
  struct stream said[CRYPTO_LEVELS], heard[CRYPTO_LEVELS];
  int error;
};

static struct end ends[2];
static const char *const params[2] = {"the client's parameters", "the server's"};

static bool is_complete(const struct end *end) { return end->crypto.ops->is_complete(end->crypto.state); }

static void collect(struct end *end) {
  for (int level = 0; level < CRYPTO_LEVELS; level++) {
    struct stream *said = &end->said[level];
    size_t got;
    while ((got = end->crypto.ops->next_handshake(end->crypto.state, (enum crypto_level)level,
                                                  said->bytes + said->size, STREAM_MAX - said->size)) > 0) {
      assert(!end->error && "whoever has refused says no more");
      said->size += got;
    }
  }
}

static bool begins_with(const struct stream *stream, const struct stream *head) {
  return head->size <= stream->size && memcmp(stream->bytes, head->bytes, head->size) == 0;
}

/* Whether the whole handshake, as far as `end` has to be sure of it, was the same at both ends. */
static bool is_agreed(const struct end *end, const struct end *other) {
  for (int level = 0; level < CRYPTO_LEVELS; level++)
    if (!begins_with(&other->said[level], &end->heard[level])) return false;
  /* What the client says last answers all that the server has said; harm that comes to it is the server's. */
  bool is_server = end == &ends[ROLE_SERVER];
  return begins_with(&other->heard[LEVEL_INITIAL], &end->said[LEVEL_INITIAL]) &&
         (!is_server || begins_with(&other->heard[LEVEL_HANDSHAKE], &end->said[LEVEL_HANDSHAKE]));
}

static void check_end(const struct end *end, unsigned flags) {
  const struct end *other = &ends[end == &ends[0]];
  const struct crypto_ops *ops = end->crypto.ops;
  size_t size;
  const uint8_t *heard = ops->peer_params(end->crypto.state, &size);
  const char *failure = ops->failure(end->crypto.state);
  assert(!end->error == !*failure && "a failure has words");
  for (const char *at = failure; *at; at++)
    assert(*at >= ' ' && *at != 0x7f && "which go to the other end's terminal");
  assert(ops->send_level(end->crypto.state) <= LEVEL_HANDSHAKE);
  assert(!heard == !is_complete(end) && "nothing is handed out that was not authenticated");
  if (!is_complete(end)) return;
  const char *expected = params[end == &ends[0]];
  assert(!end->error && !(flags & KEYS_DIFFER && (end == &ends[ROLE_SERVER] || flags & BY_SHARED_KEY)));
  assert(size == strlen(expected) && memcmp(heard, expected, size) == 0);
  assert(is_agreed(end, other) && "whoever is complete was not deceived");
}

static void hear(struct end *end, enum crypto_level level, const uint8_t *bytes, size_t size,
                 unsigned flags) {
  struct stream *heard = &end->heard[level];
  if (size == 0 || size > STREAM_MAX - heard->size) return;
  uint8_t *copy = malloc(size); /* of the exact size, so that a read past its end is seen */
  assert(copy);
  memcpy(copy, bytes, size);
  memcpy(heard->bytes + heard->size, bytes, size);
  heard->size += size;
  int error = end->crypto.ops->on_handshake(end->crypto.state, level, copy, size);
  free(copy);
  assert((!end->error || error == end->error) && "a refusal is final");
  assert(error == 0 || error == ERR_UNTRUSTED || error == ERR_MALFORMED);
  end->error = error;
  collect(end);
  for (int i = 0; i < 2; i++)
    check_end(&ends[i], flags);
}

enum tls_step { PASS_ALL, PASS_SOME, PASS_HARMED, PASS_NOT, PASS_AGAIN, SEND_BACK, MAKE_UP, TLS_STEPS };

static void run_tls_step(struct reader *reader, unsigned flags) {
  uint8_t first = read_u8(reader);
  struct end *to = &ends[first / TLS_STEPS % 2], *from = &ends[to == &ends[0]];
  enum crypto_level level = (enum crypto_level)(first / TLS_STEPS / 2 % CRYPTO_LEVELS);
  struct stream *said = &from->said[level];
  uint8_t harmed[STREAM_MAX];
  size_t waiting = said->size - said->passed, size = waiting;
  const uint8_t *bytes = said->bytes + said->passed;
  switch ((enum tls_step)(first % TLS_STEPS)) {
  case PASS_ALL:
    break;
  case PASS_SOME:
    size = read_u8(reader);
    if (size > waiting) size = waiting;
    break;
  case PASS_HARMED:
    memcpy(harmed, bytes, size);
    if (size > 0) {
      size_t at = (size_t)read_u8(reader) << 8;
      at |= read_u8(reader);
      harmed[at % size] ^= read_u8(reader);
    }
    bytes = harmed;
    break;
  case PASS_NOT:
    size = read_u8(reader);
    said->passed += size < waiting ? size : waiting;
    return;
  case PASS_AGAIN:
    hear(to, level, said->bytes, said->passed, flags);
    return;
  case SEND_BACK:
    hear(to, level, to->said[level].bytes, to->said[level].size, flags);
    return;
  default:
    size = read_u8(reader);
    if (size > reader_left(reader)) size = reader_left(reader);
    hear(to, level, read_bytes(reader, size), size, flags);
    return;
  }
  said->passed += size;
  hear(to, level, bytes, size, flags);
}

/* Both are complete: their keys fit each other. */
static void check_keys(void) {
  static const uint8_t header[] = "header", text[] = "what is sealed";
  for (int role = 0; role < 2; role++)
    if (ends[role].crypto.ops->protect(ends[role].crypto.state, PROTECT_AEAD) != 0) return;
  for (int role = 0; role < 2; role++) {
    uint8_t sealed[sizeof(text) + TAG_BYTES_MAX];
    const struct crypto *from = &ends[role].crypto, *to = &ends[!role].crypto;
    int error =
        from->ops->seal(from->state, LEVEL_DATA, 5, header, sizeof(header), text, sizeof(text), sealed);
    assert(!error);
    error =
        to->ops->open(to->state, LEVEL_DATA, 0, 5, header, sizeof(header), sealed, sizeof(sealed), sealed);
    assert(!error && memcmp(sealed, text, sizeof(text)) == 0);
  }
}

static void play_tls(struct reader *reader, unsigned flags) {
  memset(ends, 0, sizeof(ends));
  for (int role = 0; role < 2; role++) {
    struct end *end = &ends[role];
    end->config = config_of((enum crypto_role)role, flags);
    end->crypto = crypto_tls_new((enum crypto_role)role, &end->config);
    assert(end->crypto.ops);
    int error = end->crypto.ops->set_initial_id(end->crypto.state, first_id, sizeof(first_id));
    if (!error)
      error = end->crypto.ops->start(end->crypto.state, (const uint8_t *)params[role], strlen(params[role]));
    assert(!error);
    collect(end);
  }
  for (unsigned steps = 0; steps < STEPS_MAX && reader_left(reader) > 0; steps++)
    run_tls_step(reader, flags);
  if (is_complete(&ends[0]) && is_complete(&ends[1])) check_keys();
  for (int role = 0; role < 2; role++)
    ends[role].crypto.ops->free(ends[role].crypto.state);
}

/* ---- a listener ---- */

struct client {
  struct tls_config tls;
  struct conn *conn;
  struct address address;
  struct conn *server; /* once the listener has made it */
};

static struct scene {
  uint64_t now_ns, drawn;
  unsigned flags;
  struct tls_config tls;
  struct pool *pool;
  struct listener *listener;
  struct client clients[CLIENTS_MAX];
  struct conn *conns[CONNS_MAX];
} scene;

static const struct address server_address = {.size = 4, .bytes = {3}};

static void draw(void *bytes, size_t size) {
  memset(bytes, 0, size);
  scene.drawn++;
  memcpy(bytes, &scene.drawn, size < sizeof(scene.drawn) ? size : sizeof(scene.drawn));
}

static struct crypto new_server_crypto(void *context) {
  (void)context;
  return crypto_tls_new(ROLE_SERVER, &scene.tls);
}

static bool is_proven(void *context, const uint8_t *bytes, size_t size, const uint8_t proof[PROOF_BYTES]) {
  (void)context;
  return crypto_tls_is_proven(&scene.tls, bytes, size, proof);
}

static struct conn_config pattern(void) {
  return (struct conn_config){.pool = scene.pool,
                              .window_bytes = 1 << 20,
                              .protection = PROTECT_AEAD,
                              .datagram_bytes_max = DATAGRAM_BYTES_IPV4,
                              .idle_timeout_ns = 30 * NS_PER_S,
                              .handshake_timeout_ns = 10 * NS_PER_S};
}

static struct client *client_of(unsigned number) {
  struct client *client = &scene.clients[number % CLIENTS_MAX];
  if (client->conn) return client;
  struct conn_config config = pattern();
  client->tls = config_of(ROLE_CLIENT, scene.flags);
  client->address = (struct address){.size = 4, .bytes = {(uint8_t)(10 + number % CLIENTS_MAX)}};
  config.role = ROLE_CLIENT;
  config.crypto = crypto_tls_new(ROLE_CLIENT, &client->tls);
  config.peer = server_address;
  draw(&config.local_cid, sizeof(config.local_cid));
  draw(&config.peer_cid, sizeof(config.peer_cid));
  client->conn = conn_new(&config, scene.now_ns);
  assert(client->conn);
  return client;
}

static void keep(struct conn *conn, struct client *client) {
  client->server = conn;
  for (unsigned i = 0; i < CONNS_MAX; i++)
    if (!scene.conns[i]) {
      scene.conns[i] = conn;
      return;
    }
  assert(false && "more connections than allowed");
}

/* `is_honest`: exactly as a client has made it. */
static void hand(struct client *client, uint8_t *bytes, size_t size, bool is_honest) {
  uint8_t reply[DATAGRAM_BYTES_MIN];
  size_t reply_size;
  bool is_new;
  bool proves = is_honest && !(scene.flags & KEYS_DIFFER);
  struct conn *conn = listener_on_datagram(scene.listener, scene.now_ns, &client->address, bytes, size,
                                           &is_new, reply, &reply_size);
  assert(reply_size <= size && (reply_size == 0 || (size >= DATAGRAM_BYTES_MIN && proves)));
  assert(!is_new || (conn && proves));
  assert(listener_count(scene.listener) <= CONNS_MAX);
  if (is_new) keep(conn, client);
  if (conn) conn_check(conn);
  if (reply_size > 0) conn_on_datagram(client->conn, scene.now_ns, &server_address, reply, reply_size);
  conn_check(client->conn);
}

/* All that the server's ends have to say, each to the client it was made for. */
static void answer(void) {
  uint8_t bytes[DATAGRAM_BYTES_IPV4];
  struct conn_event event;
  struct address to;
  size_t size;
  for (unsigned i = 0; i < CONNS_MAX; i++) {
    struct conn *conn = scene.conns[i];
    if (!conn) continue;
    struct client *client = NULL;
    for (unsigned c = 0; c < CLIENTS_MAX; c++)
      if (scene.clients[c].server == conn) client = &scene.clients[c];
    if (scene.now_ns >= conn_next_timeout(conn)) conn_on_timeout(conn, scene.now_ns);
    while ((size = conn_next_datagram(conn, scene.now_ns, bytes, sizeof(bytes), &to)) > 0)
      if (client) conn_on_datagram(client->conn, scene.now_ns, &server_address, bytes, size);
    while (conn_next_event(conn, &event))
      if (event.type == CONN_EVENT_BLOCK_RECEIVED)
        conn_release_block(conn, event.block.bytes, event.block.size_class);
    conn_check(conn);
    if (!conn_is_closed(conn)) continue;
    if (client) client->server = NULL;
    listener_remove(scene.listener, conn);
    scene.conns[i] = NULL;
  }
}

static void pass_time(uint64_t span_ns) {
  scene.now_ns += span_ns;
  for (unsigned i = 0; i < CLIENTS_MAX; i++) {
    struct conn *conn = scene.clients[i].conn;
    if (conn && scene.now_ns >= conn_next_timeout(conn)) conn_on_timeout(conn, scene.now_ns);
  }
  answer();
}

/* The next bytes of the input, harmed into a datagram of the client's or as its frames. */
static void hand_forged(struct client *client, struct reader *reader) {
  uint8_t bytes[DATAGRAM_BYTES_MIN] = {0}, payload[DATAGRAM_BYTES_MIN] = {0};
  const struct crypto *crypto = &client->conn->crypto;
  struct packet packet = {.type = PACKET_INITIAL,
                          .version = WIRE_VERSION,
                          .destination = client->conn->peer_cid,
                          .source = client->conn->local_cid,
                          .number = read_u8(reader)};
  packet.destination.bytes[0] ^= read_u8(reader) & 1;
  size_t size = read_u8(reader) * 4u;
  if (size > reader_left(reader)) size = reader_left(reader);
  if (size > FRAMES_MAX) size = FRAMES_MAX;
  if (size > 0) memcpy(payload, read_bytes(reader, size), size);
  size_t header_size = packet_header_size(&packet);
  packet.payload_size = sizeof(bytes) - header_size - PROOF_BYTES;
  struct writer writer;
  writer_init(&writer, bytes, header_size);
  packet_write(&packet, &writer);
  if (crypto->ops->seal(crypto->state, LEVEL_INITIAL, packet.number, bytes, header_size, payload,
                        packet.payload_size - TAG_BYTES_MAX, bytes + header_size) != 0)
    return;
  crypto->ops->prove(crypto->state, bytes, sizeof(bytes) - PROOF_BYTES, bytes + sizeof(bytes) - PROOF_BYTES);
  hand(client, bytes, sizeof(bytes), true);
}

enum scene_step { SPEAK, SPEAK_HARMED, FORGE, NOISE, WAIT, WAIT_LONG, FORGET, SCENE_STEPS };

static void speak(struct client *client, struct reader *reader, bool harms) {
  uint8_t bytes[DATAGRAM_BYTES_IPV4];
  struct address to;
  size_t size = conn_next_datagram(client->conn, scene.now_ns, bytes, sizeof(bytes), &to);
  bool is_honest = true;
  if (size == 0) return;
  if (harms) {
    size_t at = (size_t)read_u8(reader) << 8;
    at |= read_u8(reader);
    uint8_t change = read_u8(reader);
    bytes[at % size] ^= change;
    if (at >= 0xc000) size = at % size;
    is_honest = !change && at < 0xc000;
  }
  hand(client, bytes, size, is_honest);
}

static void make_noise(struct client *client, struct reader *reader) {
  uint8_t bytes[DATAGRAM_BYTES_MIN] = {0};
  bool is_full = read_u8(reader) & 1;
  size_t size = read_u8(reader) * 4u;
  if (size > reader_left(reader)) size = reader_left(reader);
  if (size > 0) memcpy(bytes, read_bytes(reader, size), size);
  hand(client, bytes, is_full ? sizeof(bytes) : size, false);
}

static void run_scene_step(struct reader *reader) {
  uint8_t first = read_u8(reader);
  struct client *client = client_of(first / SCENE_STEPS);
  switch ((enum scene_step)(first % SCENE_STEPS)) {
  case SPEAK:
  case SPEAK_HARMED:
    speak(client, reader, first % SCENE_STEPS == SPEAK_HARMED);
    break;
  case FORGE:
    hand_forged(client, reader);
    break;
  case NOISE:
    make_noise(client, reader);
    break;
  case WAIT:
    pass_time(NS_PER_MS);
    break;
  case WAIT_LONG:
    pass_time(NS_PER_S);
    break;
  default: /* somebody else comes from there */
    conn_free(client->conn);
    client->conn = NULL;
    client->server = NULL;
  }
}

static void play_listener(struct reader *reader, unsigned flags) {
  scene = (struct scene){.now_ns = NS_PER_S, .flags = flags, .pool = pool_new(POOL_BYTES)};
  scene.tls = config_of(ROLE_SERVER, flags);
  struct listener_config config = {.conns_max = CONNS_MAX,
                                   .half_open_max = HALF_OPEN_MAX,
                                   .token_lifetime_ns = 5 * NS_PER_S,
                                   .random = draw,
                                   .new_crypto = new_server_crypto,
                                   .is_proven = is_proven,
                                   .conn = pattern()};
  scene.listener = listener_new(&config, scene.now_ns);
  assert(scene.listener);
  for (unsigned steps = 0; steps < STEPS_MAX && reader_left(reader) > 0; steps++)
    run_scene_step(reader);
  listener_free(scene.listener);
  for (unsigned i = 0; i < CLIENTS_MAX; i++)
    conn_free(scene.clients[i].conn);
  assert(pool_bytes_used(scene.pool) == 0 && pool_bytes_promised(scene.pool) == 0);
  pool_free(scene.pool);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size) {
  struct reader reader;
  if (size == 0) return 0;
  make_identities();
  reader_init(&reader, bytes + 1, size - 1);
  if (bytes[0] & WITH_LISTENER)
    play_listener(&reader, bytes[0]);
  else
    play_tls(&reader, bytes[0]);
  return 0;
}
