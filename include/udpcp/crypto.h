/* crypto: how a connection agrees on keys, how packets are protected (proto/wire.md section 8), and who is
 * believed (proto/security.md).
 *
 * The transport knows only `struct crypto_ops`: it carries handshake bytes and packets through it and is free
 * of any TLS library. The files of keys below are small text files that a person can read and edit. */
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
/* How DATA packets are protected; of the suites both ends offer the lowest is used, since whoever offers a
 * weaker one was asked to. */
enum protection_suite { PROTECT_CHECKSUM = 1, PROTECT_MAC = 2, PROTECT_AEAD = 4 };
enum { PROOF_BYTES = 16 };

struct crypto_ops {
  /* The id INITIAL keys come from: the destination of the client's first packet, or the one a RETRY named.
   * To be called before anything else, and again after a RETRY. 0 or ERR_NO_MEMORY. */
  int (*set_initial_id)(void *state, const uint8_t *id, size_t size);
  /* Begins: `params` are ours, encoded, copied. Server: called when the client's first packet has come. */
  int (*start)(void *state, const uint8_t *params, size_t size);
  /* Takes handshake bytes, in order, of one level. 0; ERR_UNTRUSTED: the peer is not who it must be;
   * otherwise negative: the handshake has failed. */
  int (*on_handshake)(void *state, enum crypto_level level, const uint8_t *bytes, size_t size);
  /* Handshake bytes to send: copies up to `capacity` of the next ones of a level, returns how many (0: none).
   */
  size_t (*next_handshake)(void *state, enum crypto_level level, uint8_t *bytes, size_t capacity);
  /* What went wrong, as one phrase for the peer's user; "" when nothing did. */
  const char *(*failure)(void *state);
  /* The level whose keys packets may be sent with by now. */
  enum crypto_level (*send_level)(void *state);
  bool (*is_complete)(void *state);
  /* The peer's parameters once known: sets *size, NULL before. Owned by the state. */
  const uint8_t *(*peer_params)(void *state, size_t *size);
  /* Makes the keys of LEVEL_DATA; once, when the handshake is complete. 0 or ERR_NO_MEMORY. */
  int (*protect)(void *state, enum protection_suite suite);

  /* Bytes that seal adds. */
  size_t (*tag_size)(void *state, enum crypto_level level);
  /* Protects, with the newest keys to send: reads `size` bytes at `payload`, writes size + tag_size bytes at
   * `out` (may equal `payload`). `header` is authenticated. 0, or ERR_AGAIN when there is no key of that
   * level. */
  int (*seal)(void *state, enum crypto_level level, uint64_t number, const uint8_t *header,
              size_t header_size, const uint8_t *payload, size_t size, uint8_t *out);
  /* The opposite: `size` includes the tag; writes size - tag bytes at `out` (may equal `payload`). A key
   * phase that fits the next keys makes them the newest. 0, ERR_UNAUTHENTIC, or ERR_AGAIN when the key of
   * that level is not there yet. What stands at `out` after an error is of no use. */
  int (*open)(void *state, enum crypto_level level, unsigned key_phase, uint64_t number,
              const uint8_t *header, size_t header_size, const uint8_t *payload, size_t size, uint8_t *out);
  /* The same at LEVEL_DATA on several threads at once, each in a lane of its own below the number of lanes
   * the keys were made for, while nothing else is asked of the state. Seals with the newest keys to send,
   * opens with the newest of the peer's, and never goes on to the next. */
  void (*seal_lane)(void *state, unsigned lane, uint64_t number, const uint8_t *header, size_t header_size,
                    const uint8_t *payload, size_t size, uint8_t *out);
  int (*open_lane)(void *state, unsigned lane, uint64_t number, const uint8_t *header, size_t header_size,
                   const uint8_t *payload, size_t size, uint8_t *out);
  /* Key update (RFC 9001 section 6): how often the keys to send with, and those of the peer, were renewed.
   * The lowest bit of the first is the key phase of what seal makes. */
  uint64_t (*send_phase)(void *state);
  uint64_t (*recv_phase)(void *state);
  void (*renew_keys)(void *state); /* those to send with; short of memory the phase stays */
  /* The peer's keys of the phase before are taken no more; until then no further phase is. */
  void (*forget_keys)(void *state);

  /* The proof behind an INITIAL packet: that its sender holds what `bytes` of it are keyed by. All zeros
   * where there is nothing to prove. */
  void (*prove)(void *state, const uint8_t *bytes, size_t size, uint8_t proof[PROOF_BYTES]);
  bool (*is_proven)(void *state, const uint8_t *bytes, size_t size, const uint8_t proof[PROOF_BYTES]);
  void (*free)(void *state); /* wipes; takes NULL */
};

/* A handshake in progress or done: what a connection owns. */
struct crypto {
  const struct crypto_ops *ops;
  void *state;
};

/* ---- keys and identities ---- */
enum {
  KEY_BYTES = 32,
  PUBLIC_KEY_TEXT_BYTES = 64,  /* "ed25519 " and base64, terminated */
  FINGERPRINT_TEXT_BYTES = 64, /* "SHA256:" and base64, terminated */
};
struct shared_key {
  uint8_t bytes[KEY_BYTES];
};
struct public_key {
  uint8_t bytes[KEY_BYTES]; /* Ed25519, RFC 8032 */
};
struct identity; /* an Ed25519 key pair */

/* Writes a new random key to a file that must not exist, mode 0600, durably. */
int shared_key_make(const char *path);
/* ERR_EXPOSED when others than its owner may read the file or it is not ours; ERR_MALFORMED. */
int shared_key_read(const char *path, struct shared_key *key);
/* A key that only holders of this one can make, for telling machines apart (proto/wire.md section 6). */
void shared_key_machine(const struct shared_key *key, uint8_t machine[KEY_BYTES]);
/* Reads the identity at `path`. Errors as above. NULL and *error. */
struct identity *identity_read(const char *path, int *error);
/* The same, or makes one there, with its folder, at first use; *is_new tells which. */
struct identity *identity_open(const char *path, bool *is_new, int *error);
/* A new identity, in memory alone. NULL when out of memory or randomness. */
struct identity *identity_new(void);
void identity_free(struct identity *identity); /* wipes; takes NULL */
void identity_public_key(const struct identity *identity, struct public_key *key);
bool public_key_equal(const struct public_key *a, const struct public_key *b);
/* "ed25519 BASE64", as it stands in files, and "SHA256:BASE64", as people compare it. */
void public_key_text(const struct public_key *key, char text[PUBLIC_KEY_TEXT_BYTES]);
void public_key_fingerprint(const struct public_key *key, char text[FINGERPRINT_TEXT_BYTES]);

/* A public key that a server believes, and what its owner's proofs are keyed by: that is asked for with every
 * first packet, so it is derived once. */
struct believed {
  struct public_key key;
  uint8_t proof_key[KEY_BYTES];
};
void believed_init(struct believed *believed, const struct public_key *key);

/* The keys in an authorized file: one "ed25519 BASE64 [comment]" a line; empty lines and those that begin
 * with # count for nothing. Allocates *list. ERR_MALFORMED and *line; ERR_EXPOSED when others may write it.
 */
enum { AUTHORIZED_MAX = 1024 };
int authorized_read(const char *path, struct believed **list, size_t *count, unsigned *line);

/* The keys of receivers met before: one "HOST ed25519 BASE64" a line, "[HOST]:PORT" where the port is not
 * the usual one. `host` as known_name has written it. */
enum known_answer { KNOWN_SAME, KNOWN_NEW, KNOWN_CHANGED };
enum { KNOWN_NAME_BYTES = 280 };
void known_name(const char *host, uint16_t port, uint16_t usual_port, char name[KNOWN_NAME_BYTES]);
/* A known_answer; *line is where the name stands. A file that is not there knows nobody. Negative: cannot be
 * read, ERR_MALFORMED and *line, ERR_EXPOSED when others may write it. */
int known_check(const char *path, const char *name, const struct public_key *key, unsigned *line);
/* The key that stands at a line of a file that known_check has read. ERR_NOT_FOUND when there is no such line
 * any more; otherwise as known_check. */
int known_key(const char *path, unsigned line, struct public_key *key);
/* Appends, durably; makes the file, with its folder, if need be. */
int known_add(const char *path, const char *name, const struct public_key *key);

/* ---- TLS 1.3 (RFC 8446) as RFC 9001 carries it ---- */
/* One for a process; what it points to is borrowed and must outlive every connection made with it. */
struct tls_config {
  const struct shared_key *shared; /* who holds it is believed, on both sides; else: */
  const struct identity *identity; /* ours */
  const struct believed *believed; /* server: clients must prove to be one of these; NULL: anyone may be */
  size_t believed_count;
  /* Asked once for the peer's key, when it has been proven; NULL: nobody asks. 0 or ERR_UNTRUSTED. */
  int (*judge)(void *context, const struct public_key *key);
  void *context;
  unsigned lanes; /* threads that seal or open packets of one connection at once; 0: one */
};
/* ops NULL when out of memory. */
struct crypto crypto_tls_new(enum crypto_role role, const struct tls_config *config);
/* What a server asks of a first packet, before anything is kept of it: see crypto_ops.is_proven. */
bool crypto_tls_is_proven(const struct tls_config *config, const uint8_t *bytes, size_t size,
                          const uint8_t proof[PROOF_BYTES]);
/* The peer's public key, when the handshake is complete; false with a shared key. */
bool crypto_tls_peer(const struct crypto *crypto, struct public_key *key);

/* The library beneath writes nothing anywhere, whatever it finds in the environment. To be called first. */
void crypto_guard(void);

/* HMAC-SHA-256 cut to 16 bytes, for address validation tokens (proto/transport.md section 3). */
enum { MAC_KEY_BYTES = 32, MAC_BYTES = 16 };
void crypto_mac(const uint8_t key[MAC_KEY_BYTES], const void *bytes, size_t size, uint8_t mac[MAC_BYTES]);
/* Compares without a data-dependent branch. */
bool crypto_equal(const uint8_t *a, const uint8_t *b, size_t size);

#endif
