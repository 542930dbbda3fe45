/* crypto: how a connection agrees on keys and how packets are protected (proto/wire.md section 8).
 *
 * The transport knows only `struct crypto_ops`, so it runs on any handshake; today's member is the plain one:
 * parameters in the clear and XXH3-64 over header and payload, which finds damage and stops no attacker. */
#ifndef UDPCP_CRYPTO_H
#define UDPCP_CRYPTO_H

#include "udpcp/base.h"

/* Keys exist a level at a time; packet types map to levels: INITIAL, HANDSHAKE, and DATA for short headers.
 */
enum crypto_level { LEVEL_INITIAL, LEVEL_HANDSHAKE, LEVEL_DATA, CRYPTO_LEVELS };
enum crypto_role {
  ROLE_CLIENT,
  ROLE_SERVER
}; /* who opens the connection: the client is the one who sends files */
enum protection_suite { PROTECT_CHECKSUM = 1, PROTECT_MAC = 2, PROTECT_AEAD = 4 };

struct crypto_ops {
  /* Begins: `params` are ours, encoded, copied. Server: called when the client's first packet has come. */
  int (*start)(void *state, const uint8_t *params, size_t size);
  /* Takes handshake bytes, in order, of one level. 0, or negative: the handshake has failed. */
  int (*on_handshake)(void *state, enum crypto_level level, const uint8_t *bytes, size_t size);
  /* Handshake bytes to send: copies up to `capacity` of the next ones of a level, returns how many (0: none).
   */
  size_t (*next_handshake)(void *state, enum crypto_level level, uint8_t *bytes, size_t capacity);
  /* The level whose keys packets may be sent with by now. */
  enum crypto_level (*send_level)(void *state);
  bool (*is_complete)(void *state);
  /* The peer's parameters once known: sets *size, NULL before. Owned by the state. */
  const uint8_t *(*peer_params)(void *state, size_t *size);
  /* Bytes that seal adds. */
  size_t (*tag_size)(void *state, enum crypto_level level);
  /* Protects: reads `size` bytes at `payload`, writes size + tag_size bytes at `out` (may equal `payload`).
   * `header` is authenticated. 0, or negative when there is no key of that level. */
  int (*seal)(void *state, enum crypto_level level, unsigned key_phase, uint64_t number,
              const uint8_t *header, size_t header_size, const uint8_t *payload, size_t size, uint8_t *out);
  /* The opposite: `size` includes the tag; writes size - tag bytes at `out` (may equal `payload`).
   * 0, ERR_UNAUTHENTIC, or ERR_AGAIN when the key of that level is not there yet. */
  int (*open)(void *state, enum crypto_level level, unsigned key_phase, uint64_t number,
              const uint8_t *header, size_t header_size, const uint8_t *payload, size_t size, uint8_t *out);
  void (*free)(void *state); /* wipes; takes NULL */
};

/* A handshake in progress or done: what a connection owns. */
struct crypto {
  const struct crypto_ops *ops;
  void *state;
};

/* The plain handshake with checksum protection. ops NULL when out of memory. */
struct crypto crypto_plain_new(enum crypto_role role);

/* HMAC-SHA-256 cut to 16 bytes, for address validation tokens (proto/transport.md section 3). */
enum { MAC_KEY_BYTES = 32, MAC_BYTES = 16 };
void crypto_mac(const uint8_t key[MAC_KEY_BYTES], const void *bytes, size_t size, uint8_t mac[MAC_BYTES]);
/* Compares without a data-dependent branch. */
bool crypto_equal(const uint8_t *a, const uint8_t *b, size_t size);

#endif
