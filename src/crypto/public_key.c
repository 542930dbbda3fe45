/* public_key: an Ed25519 public key (RFC 8032) as files hold it and as people compare it. */
#include "key_text.h"

#include <assert.h>
#include <gnutls/crypto.h>
#include <gnutls/gnutls.h>
#include <stdio.h>
#include <string.h>

bool public_key_equal(const struct public_key *a, const struct public_key *b) {
  return memcmp(a->bytes, b->bytes, KEY_BYTES) == 0;
}

void public_key_text(const struct public_key *key, char text[PUBLIC_KEY_TEXT_BYTES]) {
  char base64[KEY_TEXT_CHARS];
  key_text_write(key->bytes, base64);
  snprintf(text, PUBLIC_KEY_TEXT_BYTES, "ed25519 %.*s", KEY_TEXT_CHARS, base64);
}

void public_key_fingerprint(const struct public_key *key, char text[FINGERPRINT_TEXT_BYTES]) {
  uint8_t hash[KEY_BYTES]; /* SHA-256 yields as many */
  char base64[KEY_TEXT_CHARS];
  int error = gnutls_hash_fast(GNUTLS_DIG_SHA256, key->bytes, KEY_BYTES, hash);
  assert(error == 0 && "the algorithm is built in, and its input has no forbidden size");
  key_text_write(hash, base64);
  snprintf(text, FINGERPRINT_TEXT_BYTES, "SHA256:%.*s", KEY_TEXT_CHARS - 1, base64);
}
