/* aead: one key of an AEAD cipher (RFC 5116) and one call to seal or open a packet with it. */
#ifndef CRYPTO_AEAD_H
#define CRYPTO_AEAD_H

#include "udpcp/base.h"

#include <gnutls/crypto.h>
#include <gnutls/gnutls.h>

enum { NONCE_BYTES = 12, AEAD_TAG_BYTES = 16 };

/* Keyed by one library: the other is NULL. */
struct aead {
  struct wide_gcm *wide;
  gnutls_aead_cipher_hd_t plain; /* used by one thread at a time, since the call keeps its nonce there */
};

size_t aead_key_size(gnutls_cipher_algorithm_t cipher);
/* With the library that is fastest for the cipher on this machine. Copies the key. 0 or ERR_NO_MEMORY. */
int aead_init(struct aead *aead, gnutls_cipher_algorithm_t cipher, const uint8_t *key);
/* With GnuTLS, whatever the machine. */
int aead_init_plain(struct aead *aead, gnutls_cipher_algorithm_t cipher, const uint8_t *key);
/* Wipes. */
void aead_clear(struct aead *aead);

/* Writes size + AEAD_TAG_BYTES bytes at `out`, which may equal `payload`. */
void aead_seal(const struct aead *aead, const uint8_t nonce[NONCE_BYTES], const uint8_t *header,
               size_t header_size, const uint8_t *payload, size_t size, uint8_t *out);
/* The opposite: `size` includes the tag and is at least that; what is at `out` after an error is of no use. 0
 * or ERR_UNAUTHENTIC. */
int aead_open(const struct aead *aead, const uint8_t nonce[NONCE_BYTES], const uint8_t *header,
              size_t header_size, const uint8_t *payload, size_t size, uint8_t *out);

#endif
