/* tls_pair: a client and a listener with real TLS, joined by a simulated link whose every datagram a case
 * sees before it arrives: it may be changed, lost, kept, handed over again or first. Both ends send blocks
 * and control bytes, and what arrives is compared. All that ever was on the link stays in `kept`. Include
 * after unit.h. */
#ifndef TLS_PAIR_H
#define TLS_PAIR_H

#include "scratch.h"
#include "transport/conn.h"

enum {
  CLIENT,
  SERVER,
  KEPT_MAX = 8192,
  BLOCKS_EACH = 10,
  BLOCK_BYTES = 20000,
  TALK_BYTES = 4000,
  TLS_PAIR_POOL_BYTES = 24 << 20,
  ACCEPTED_MAX = 16
};
enum trust { TRUST_ANYONE, TRUST_LISTED, TRUST_SHARED, TRUSTS };

/* A datagram on the link. */
struct kept {
  uint64_t at_ns;
  uint32_t size;
  uint8_t to;
  bool is_lost;         /* set by a case: does not arrive */
  struct address other; /* the client's address: where it comes from, or goes to */
  uint8_t bytes[DATAGRAM_BYTES_IPV4];
};

struct traffic {
  unsigned sent, acked, received[BLOCKS_EACH]; /* blocks */
  size_t said, heard;                          /* control bytes */
  unsigned established, wrong;                 /* wrong: what arrived and was never sent */
  uint64_t next_block_ns;
  bool is_closed;
  struct conn_event closed;
};

struct tls_pair {
  uint64_t now_ns, key_packets, pause_ns; /* pause_ns: from one block to the next */
  uint64_t delay_ns;                      /* one way; 0: 2 ms */
  enum protection_suite suite;
  struct tls_config tls[2];
  struct address client_address;
  struct pool *pools[2];
  struct listener *listener;
  struct conn *conns[2]; /* the server's: the first one accepted, then the one that heard its client again */
  struct conn *accepted[ACCEPTED_MAX];
  unsigned accepted_count;
  struct traffic traffic[2];
  struct kept *kept;
  unsigned kept_count, arrived;
  uint8_t clients; /* made so far */
  const uint8_t *machines[2];
  /* Called right before a datagram arrives. */
  void (*attack)(struct tls_pair *pair, struct kept *kept);
};

static const struct address tls_pair_home = {.size = 4, .bytes = {1}},
                            tls_pair_away = {.size = 4, .bytes = {9}},
                            tls_pair_server = {.size = 4, .bytes = {2}};
static const struct shared_key tls_pair_shared = {{7, 7, 7}}, tls_pair_other_shared = {{8, 7, 7}};
static struct prng tls_pair_prng;

/* The first is the client's, the second the server's, the third somebody else's. Made once, never freed. */
static inline const struct identity *tls_pair_identity(unsigned which) {
  static struct identity *made[3];
  static const char *const names[] = {"client", "server", "other"};
  int error = 0;
  bool is_new;
  if (made[which]) return made[which];
  scratch_enter();
  made[which] = identity_open(names[which], &is_new, &error);
  scratch_leave();
  CU_ASSERT_PTR_NOT_NULL_FATAL(made[which]);
  return made[which];
}

static inline void tls_pair_random(void *bytes, size_t size) {
  for (size_t i = 0; i < size; i++)
    ((uint8_t *)bytes)[i] = (uint8_t)prng_next(&tls_pair_prng);
}

static inline struct crypto tls_pair_crypto(void *context) {
  return crypto_tls_new(ROLE_SERVER, &((struct tls_pair *)context)->tls[SERVER]);
}

static inline bool tls_pair_is_proven(void *context, const uint8_t *bytes, size_t size,
                                      const uint8_t proof[PROOF_BYTES]) {
  return crypto_tls_is_proven(&((struct tls_pair *)context)->tls[SERVER], bytes, size, proof);
}

static inline struct conn_config tls_pair_config(const struct tls_pair *pair, int end) {
  return (struct conn_config){.pool = pair->pools[end],
                              .peer = tls_pair_server,
                              .window_bytes = 4 << 20,
                              .datagram_bytes_max = DATAGRAM_BYTES_IPV4,
                              .idle_timeout_ns = 8 * NS_PER_S,
                              .handshake_timeout_ns = 8 * NS_PER_S,
                              .protection = PROTECT_AEAD | (uint64_t)pair->suite,
                              .key_packets = pair->key_packets,
                              .machine = pair->machines[end]};
}

/* A client in the place of the last one: the next try. */
static inline void tls_pair_try_again(struct tls_pair *pair) {
  conn_free(pair->conns[CLIENT]);
  pair->conns[SERVER] = NULL;
  memset(pair->traffic, 0, sizeof(pair->traffic));
  struct conn_config config = tls_pair_config(pair, CLIENT);
  config.role = ROLE_CLIENT;
  config.crypto = crypto_tls_new(ROLE_CLIENT, &pair->tls[CLIENT]);
  config.local_cid = (struct cid){{0xc, ++pair->clients}};
  config.peer_cid = (struct cid){{0xd, pair->clients, 7, 7, 7, 7, 7, 7}};
  config.seed = pair->clients;
  pair->conns[CLIENT] = conn_new(&config, pair->now_ns);
  CU_ASSERT_PTR_NOT_NULL_FATAL(pair->conns[CLIENT]);
}

static inline void tls_pair_listen(struct tls_pair *pair, uint32_t half_open_max) {
  bool asks_proof = pair->tls[SERVER].shared || pair->tls[SERVER].believed;
  struct listener_config config = {.conns_max = ACCEPTED_MAX,
                                   .half_open_max = half_open_max,
                                   .token_lifetime_ns = 5 * NS_PER_S,
                                   .random = tls_pair_random,
                                   .new_crypto = tls_pair_crypto,
                                   .is_proven = asks_proof ? tls_pair_is_proven : NULL,
                                   .context = pair,
                                   .conn = tls_pair_config(pair, SERVER)};
  listener_free(pair->listener);
  pair->accepted_count = 0;
  pair->listener = listener_new(&config, pair->now_ns);
  CU_ASSERT_PTR_NOT_NULL_FATAL(pair->listener);
}

/* `half_open_max` 0: every client must come back with a token. */
static inline void tls_pair_init(struct tls_pair *pair, enum protection_suite suite, enum trust trust,
                                 uint32_t half_open_max) {
  static struct believed listed;
  struct public_key client;
  *pair = (struct tls_pair){.now_ns = NS_PER_S, .suite = suite, .client_address = tls_pair_home};
  prng_seed(&tls_pair_prng, 1);
  for (int end = 0; end < 2; end++) {
    pair->pools[end] = pool_new(TLS_PAIR_POOL_BYTES);
    pair->tls[end].identity = tls_pair_identity((unsigned)end);
    if (trust == TRUST_SHARED) pair->tls[end].shared = &tls_pair_shared;
  }
  identity_public_key(pair->tls[CLIENT].identity, &client);
  believed_init(&listed, &client);
  if (trust == TRUST_LISTED) {
    pair->tls[SERVER].believed = &listed;
    pair->tls[SERVER].believed_count = 1;
  }
  pair->kept = calloc(KEPT_MAX, sizeof(*pair->kept));
  CU_ASSERT_PTR_NOT_NULL_FATAL(pair->kept);
  tls_pair_listen(pair, half_open_max);
  tls_pair_try_again(pair);
}

static inline void tls_pair_set_machines(struct tls_pair *pair, const uint8_t *client,
                                         const uint8_t *server) {
  pair->machines[CLIENT] = client;
  pair->machines[SERVER] = server;
  tls_pair_listen(pair, ACCEPTED_MAX);
  tls_pair_try_again(pair);
}

static inline void tls_pair_free(struct tls_pair *pair) {
  conn_free(pair->conns[CLIENT]);
  listener_free(pair->listener);
  for (int end = 0; end < 2; end++) {
    CU_ASSERT_EQUAL(pool_bytes_used(pair->pools[end]), 0);
    pool_free(pair->pools[end]);
  }
  free(pair->kept);
}

#endif
