/* aead: seals and opens packets by the library that is fastest on this machine (proto/wire.md section 8).
 *
 * GnuTLS knows every cipher on every machine. Where the CPU can do AES on four blocks at once, wide_gcm takes
 * AES-128-GCM: the same bytes in less than half the time (proto/performance.md section 2). Which one it is
 * stands in the key, so it is decided once. */
#include "crypto/aead.h"

#include "crypto/wide_gcm.h"

#include <assert.h>

size_t aead_key_size(gnutls_cipher_algorithm_t cipher) {
  assert(gnutls_cipher_get_tag_size(cipher) == AEAD_TAG_BYTES &&
         gnutls_cipher_get_iv_size(cipher) == NONCE_BYTES);
  return gnutls_cipher_get_key_size(cipher);
}

int aead_init_plain(struct aead *aead, gnutls_cipher_algorithm_t cipher, const uint8_t *key) {
  gnutls_datum_t datum = {(uint8_t *)key, (unsigned)aead_key_size(cipher)};
  aead->wide = NULL;
  return gnutls_aead_cipher_init(&aead->plain, cipher, &datum) ? ERR_NO_MEMORY : 0;
}

int aead_init(struct aead *aead, gnutls_cipher_algorithm_t cipher, const uint8_t *key) {
  aead->plain = NULL;
  aead->wide = cipher == GNUTLS_CIPHER_AES_128_GCM ? wide_gcm_new(key) : NULL;
  return aead->wide ? 0 : aead_init_plain(aead, cipher, key);
}

void aead_clear(struct aead *aead) {
  wide_gcm_free(aead->wide);
  if (aead->plain) gnutls_aead_cipher_deinit(aead->plain);
  *aead = (struct aead){0};
}

void aead_seal(const struct aead *aead, const uint8_t nonce[NONCE_BYTES], const uint8_t *header,
               size_t header_size, const uint8_t *payload, size_t size, uint8_t *out) {
  if (aead->wide) {
    wide_gcm_seal(aead->wide, nonce, header, header_size, payload, size, out);
    return;
  }
  size_t sealed_size = size + AEAD_TAG_BYTES;
  int error = gnutls_aead_cipher_encrypt(aead->plain, nonce, NONCE_BYTES, header, header_size, AEAD_TAG_BYTES,
                                         payload, size, out, &sealed_size);
  assert(error == 0 && sealed_size == size + AEAD_TAG_BYTES && "all sizes are what the cipher asks for");
}

int aead_open(const struct aead *aead, const uint8_t nonce[NONCE_BYTES], const uint8_t *header,
              size_t header_size, const uint8_t *payload, size_t size, uint8_t *out) {
  assert(size >= AEAD_TAG_BYTES);
  size_t opened_size = size - AEAD_TAG_BYTES;
  if (aead->wide) return wide_gcm_open(aead->wide, nonce, header, header_size, payload, opened_size, out);
  int error = gnutls_aead_cipher_decrypt(aead->plain, nonce, NONCE_BYTES, header, header_size, AEAD_TAG_BYTES,
                                         payload, size, out, &opened_size);
  return error ? ERR_UNAUTHENTIC : 0;
}
