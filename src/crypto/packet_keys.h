/* packet_keys: what protects the packets of one direction in one key phase (proto/wire.md section 8). */
#ifndef CRYPTO_PACKET_KEYS_H
#define CRYPTO_PACKET_KEYS_H

#include "crypto/aead.h"
#include "crypto/hkdf.h"
#include "udpcp/crypto.h"

/* How packets are protected: the suite, and with PROTECT_AEAD the cipher. */
struct protection {
  enum protection_suite suite;
  gnutls_cipher_algorithm_t cipher;
};

struct packet_keys {
  enum protection_suite suite; /* 0: there are none */
  struct aead aead;            /* PROTECT_AEAD */
  gnutls_hmac_hd_t mac;        /* PROTECT_MAC */
  uint64_t salt;               /* PROTECT_CHECKSUM */
  uint8_t iv[NONCE_BYTES];     /* PROTECT_AEAD */
};

/* Derives them into `keys`, which holds none. 0 or ERR_NO_MEMORY. */
int packet_keys_init(struct packet_keys *keys, const struct protection *how,
                     const uint8_t secret[SECRET_BYTES]);
/* Wipes. */
void packet_keys_clear(struct packet_keys *keys);
/* Moves them: `from` holds none afterwards; what `to` held is wiped. */
void packet_keys_move(struct packet_keys *to, struct packet_keys *from);

size_t protection_tag_size(enum protection_suite suite);
/* Neither allocates. As seal and open of crypto_ops: 0 or, opening, ERR_UNAUTHENTIC. */
void packet_keys_seal(const struct packet_keys *keys, uint64_t number, const uint8_t *header,
                      size_t header_size, const uint8_t *payload, size_t size, uint8_t *out);
int packet_keys_open(const struct packet_keys *keys, uint64_t number, const uint8_t *header,
                     size_t header_size, const uint8_t *payload, size_t size, uint8_t *out);

/* The secret of the next phase, in place. */
void packet_keys_next_secret(uint8_t secret[SECRET_BYTES]);

#endif
