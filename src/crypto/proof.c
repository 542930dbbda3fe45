/* proof: a keyed hash behind INITIAL packets, checked before anything is made for them, so that whoever
 * lacks the key gets no answer and costs a hash, and one more for each listed key (proto/wire.md
 * section 8.4). The two directions' keys are derived apart: what a server receives it could not have sent, so
 * a packet reflected at its sender fails.
 *
 * Of a public key the proof shows only that its sender knows it. That is no authentication, which the
 * handshake does; it keeps strangers from seeing that anybody listens. */
#include "crypto/proof.h"

#include "crypto/hkdf.h"

#include <assert.h>
#include <gnutls/crypto.h>
#include <gnutls/gnutls.h>
#include <string.h>

static void digest_of(const uint8_t *bytes, size_t size, uint8_t digest[SECRET_BYTES]) {
  int error = gnutls_hash_fast(GNUTLS_DIG_SHA256, bytes, size, digest);
  assert(error == 0 && "the algorithm is built in");
}

static const char *label_of(enum crypto_role role) {
  return role == ROLE_CLIENT ? "client proof" : "server proof";
}

static void keyed_proof(const uint8_t key[SECRET_BYTES], const uint8_t digest[SECRET_BYTES],
                        uint8_t proof[PROOF_BYTES]) {
  static_assert((int)MAC_KEY_BYTES == (int)SECRET_BYTES && (int)MAC_BYTES == (int)PROOF_BYTES,
                "a proof is a MAC as crypto_mac makes it");
  crypto_mac(key, digest, SECRET_BYTES, proof);
}

static void of_shared(const struct tls_config *config, enum crypto_role from,
                      const uint8_t digest[SECRET_BYTES], uint8_t proof[PROOF_BYTES]) {
  uint8_t key[SECRET_BYTES];
  hkdf_of_shared_key(config->shared->bytes, label_of(from), key);
  keyed_proof(key, digest, proof);
  gnutls_memset(key, 0, sizeof(key));
}

void believed_init(struct believed *believed, const struct public_key *key) {
  static const char salt[] = "udpcp/1 public key";
  uint8_t *proof_key = believed->proof_key;
  static_assert(sizeof(believed->proof_key) == SECRET_BYTES, "it is what is derived");
  believed->key = *key;
  hkdf_extract(salt, sizeof(salt) - 1, key->bytes, sizeof(key->bytes), proof_key);
  hkdf_expand_label(proof_key, label_of(ROLE_CLIENT), proof_key, SECRET_BYTES);
}

void proof_make(enum crypto_role role, const struct tls_config *config, const uint8_t *bytes, size_t size,
                uint8_t proof[PROOF_BYTES]) {
  uint8_t digest[SECRET_BYTES];
  memset(proof, 0, PROOF_BYTES);
  if (!config->shared && role == ROLE_SERVER) return;
  digest_of(bytes, size, digest);
  if (config->shared) {
    of_shared(config, role, digest, proof);
  } else {
    struct public_key key;
    struct believed self;
    identity_public_key(config->identity, &key);
    believed_init(&self, &key);
    keyed_proof(self.proof_key, digest, proof);
  }
}

bool proof_check(enum crypto_role from, const struct tls_config *config, const uint8_t *bytes, size_t size,
                 const uint8_t proof[PROOF_BYTES]) {
  uint8_t digest[SECRET_BYTES], expected[PROOF_BYTES];
  bool is_proven = false;
  if (!config->shared && (from == ROLE_SERVER || !config->believed)) return true;
  digest_of(bytes, size, digest);
  if (config->shared) {
    of_shared(config, from, digest, expected);
    return crypto_equal(expected, proof, PROOF_BYTES);
  }
  for (size_t i = 0; i < config->believed_count && !is_proven; i++) {
    keyed_proof(config->believed[i].proof_key, digest, expected);
    is_proven = crypto_equal(expected, proof, PROOF_BYTES);
  }
  return is_proven;
}
