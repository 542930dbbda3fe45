/* tls_ends: two ends of a TLS handshake without a network between them; what each says at one go is a flight
 * that a test can look at, harm, repeat or withhold. Include after unit.h. */
#ifndef TLS_ENDS_H
#define TLS_ENDS_H

#include "crypto/identity.h"
#include "udpcp/crypto.h"

#include <stdlib.h>

enum { FLIGHT_LEVEL_BYTES = 8192 };

struct flight {
  size_t size[CRYPTO_LEVELS];
  uint8_t bytes[CRYPTO_LEVELS][FLIGHT_LEVEL_BYTES];
};

/* One side of a pair; `crypto` is made by ends_start. */
struct end {
  struct tls_config config;
  struct crypto crypto;
  unsigned judged;       /* how often */
  int verdict;           /* what judge answers */
  struct public_key met; /* the last key it was asked about */
};

struct ends {
  struct end client, server;
};

static const uint8_t ends_client_params[] = "the client's parameters";
static const uint8_t ends_server_params[] = "the server's parameters, a few more";
static const uint8_t ends_id[8] = {0xc0, 1, 2, 3, 4, 5, 6, 7};
static const struct shared_key ends_shared = {{7, 7, 7}};

static inline int end_judge(void *context, const struct public_key *key) {
  struct end *end = context;
  end->judged++;
  end->met = *key;
  return end->verdict;
}

/* Identities are made once: it is the slowest part. */
static inline const struct identity *ends_identity(enum crypto_role role) {
  static struct identity *made[2];
  if (!made[role]) made[role] = identity_new();
  CU_ASSERT_PTR_NOT_NULL_FATAL(made[role]);
  return made[role];
}

static inline void end_init(struct end *end, enum crypto_role role, const struct shared_key *shared) {
  memset(end, 0, sizeof(*end));
  end->config.shared = shared;
  end->config.identity = ends_identity(role);
  end->config.judge = end_judge;
  end->config.context = end;
}

static inline void end_start(struct end *end, enum crypto_role role) {
  end->crypto = crypto_tls_new(role, &end->config);
  CU_ASSERT_PTR_NOT_NULL_FATAL(end->crypto.ops);
  CU_ASSERT_EQUAL_FATAL(end->crypto.ops->set_initial_id(end->crypto.state, ends_id, sizeof(ends_id)), 0);
  int error = role == ROLE_CLIENT
                  ? end->crypto.ops->start(end->crypto.state, ends_client_params, sizeof(ends_client_params))
                  : end->crypto.ops->start(end->crypto.state, ends_server_params, sizeof(ends_server_params));
  CU_ASSERT_EQUAL_FATAL(error, 0);
}

/* shared NULL: public keys. */
static inline void ends_init(struct ends *ends, const struct shared_key *shared) {
  end_init(&ends->client, ROLE_CLIENT, shared);
  end_init(&ends->server, ROLE_SERVER, shared);
}

static inline void ends_start(struct ends *ends) {
  end_start(&ends->client, ROLE_CLIENT);
  end_start(&ends->server, ROLE_SERVER);
}

static inline void ends_free(struct ends *ends) {
  ends->client.crypto.ops->free(ends->client.crypto.state);
  ends->server.crypto.ops->free(ends->server.crypto.state);
}

static inline bool end_is_complete(const struct end *end) {
  return end->crypto.ops->is_complete(end->crypto.state);
}

static inline const char *end_failure(const struct end *end) {
  return end->crypto.ops->failure(end->crypto.state);
}

static inline void end_says(const struct end *end, struct flight *flight) {
  memset(flight->size, 0, sizeof(flight->size));
  for (int level = 0; level < CRYPTO_LEVELS; level++) {
    size_t size;
    while ((size = end->crypto.ops->next_handshake(end->crypto.state, (enum crypto_level)level,
                                                   flight->bytes[level] + flight->size[level],
                                                   FLIGHT_LEVEL_BYTES - flight->size[level])) > 0)
      flight->size[level] += size;
  }
}

/* In pieces of `piece` bytes, each of them allocated to the byte. The first error ends it. */
static inline int end_hears_in(const struct end *end, const struct flight *flight, size_t piece) {
  int error = 0;
  for (int level = 0; level < CRYPTO_LEVELS; level++) {
    for (size_t at = 0; at < flight->size[level] && !error; at += piece) {
      size_t size = flight->size[level] - at < piece ? flight->size[level] - at : piece;
      uint8_t *bytes = malloc(size);
      CU_ASSERT_PTR_NOT_NULL_FATAL(bytes);
      memcpy(bytes, flight->bytes[level] + at, size);
      error = end->crypto.ops->on_handshake(end->crypto.state, (enum crypto_level)level, bytes, size);
      free(bytes);
    }
  }
  return error;
}

static inline int end_hears(const struct end *end, const struct flight *flight) {
  return end_hears_in(end, flight, FLIGHT_LEVEL_BYTES);
}

/* The whole handshake. The first error, after which nobody is asked to say more; 0 when both are complete. */
static inline int ends_talk(struct ends *ends, size_t piece) {
  static struct flight flight;
  const struct end *turns[] = {&ends->client, &ends->server, &ends->client, &ends->server};
  int error = 0;
  for (int i = 0; i < 3 && !error; i++) {
    end_says(turns[i], &flight);
    error = end_hears_in(turns[i + 1], &flight, piece);
  }
  return error;
}

#endif
