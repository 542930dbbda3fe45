/* packet_keys: one direction's keys and the three ways to protect a packet with them (proto/wire.md section
 * 8).
 *
 * All that costs is done when keys are made: the cipher or the HMAC is keyed once and kept so, so
 * that a packet costs no allocation and no key schedule. Where a tag can be checked without touching the
 * payload (mac, checksum) nothing is written before it fits; AEAD deciphers on the way and says afterwards
 * whether it was authentic. */
#include "crypto/packet_keys.h"

#include "udpcp/base.h"

#include <assert.h>
#include <string.h>

enum { MAC_TAG_BYTES = 16, CHECKSUM_BYTES = 8, DIGEST_BYTES = 32 };
#define PACKET_NUMBER_MAX ((1ull << 62) - 1)

static int init_aead(struct packet_keys *keys, gnutls_cipher_algorithm_t cipher,
                     const uint8_t secret[SECRET_BYTES]) {
  size_t size = aead_key_size(cipher);
  uint8_t key[SECRET_BYTES];
  assert(size > 0 && size <= sizeof(key));
  hkdf_expand_label(secret, "udpcp key", key, size);
  hkdf_expand_label(secret, "udpcp iv", keys->iv, sizeof(keys->iv));
  int error = aead_init(&keys->aead, cipher, key);
  gnutls_memset(key, 0, sizeof(key));
  return error;
}

static int init_mac(struct packet_keys *keys, const uint8_t secret[SECRET_BYTES]) {
  uint8_t key[SECRET_BYTES];
  hkdf_expand_label(secret, "udpcp mac", key, sizeof(key));
  int error = gnutls_hmac_init(&keys->mac, GNUTLS_MAC_SHA256, key, sizeof(key));
  gnutls_memset(key, 0, sizeof(key));
  return error ? ERR_NO_MEMORY : 0;
}

static void init_checksum(struct packet_keys *keys, const uint8_t secret[SECRET_BYTES]) {
  uint8_t salt[sizeof(keys->salt)];
  hkdf_expand_label(secret, "udpcp sum", salt, sizeof(salt));
  struct reader reader;
  reader_init(&reader, salt, sizeof(salt));
  keys->salt = read_u64(&reader);
  gnutls_memset(salt, 0, sizeof(salt));
}

int packet_keys_init(struct packet_keys *keys, const struct protection *how,
                     const uint8_t secret[SECRET_BYTES]) {
  struct packet_keys made = {.suite = how->suite};
  int error = 0;
  assert(keys->suite == 0 && "whoever has keys clears them first");
  switch (how->suite) {
  case PROTECT_AEAD:
    error = init_aead(&made, how->cipher, secret);
    break;
  case PROTECT_MAC:
    error = init_mac(&made, secret);
    break;
  case PROTECT_CHECKSUM:
    init_checksum(&made, secret);
    break;
  }
  if (error == 0) *keys = made;
  gnutls_memset(&made, 0, sizeof(made));
  return error;
}

void packet_keys_clear(struct packet_keys *keys) {
  if (keys->suite == PROTECT_AEAD) aead_clear(&keys->aead);
  if (keys->suite == PROTECT_MAC) gnutls_hmac_deinit(keys->mac, NULL);
  gnutls_memset(keys, 0, sizeof(*keys));
}

void packet_keys_move(struct packet_keys *to, struct packet_keys *from) {
  assert(to != from);
  packet_keys_clear(to);
  *to = *from;
  gnutls_memset(from, 0, sizeof(*from));
}

void packet_keys_next_secret(uint8_t secret[SECRET_BYTES]) {
  hkdf_expand_label(secret, "udpcp ku", secret, SECRET_BYTES);
}

size_t protection_tag_size(enum protection_suite suite) {
  return suite == PROTECT_AEAD ? AEAD_TAG_BYTES : suite == PROTECT_MAC ? MAC_TAG_BYTES : CHECKSUM_BYTES;
}

/* ---- tags and nonces ---- */

static void nonce_of(const struct packet_keys *keys, uint64_t number, uint8_t nonce[NONCE_BYTES]) {
  uint8_t bytes[8];
  assert(number <= PACKET_NUMBER_MAX);
  store_u64(bytes, number);
  memcpy(nonce, keys->iv, NONCE_BYTES);
  for (unsigned i = 0; i < sizeof(bytes); i++)
    nonce[NONCE_BYTES - sizeof(bytes) + i] ^= bytes[i];
}

static void mac_of(const struct packet_keys *keys, uint64_t number, const uint8_t *header, size_t header_size,
                   const uint8_t *payload, size_t size, uint8_t tag[DIGEST_BYTES]) {
  uint8_t bytes[8];
  assert(number <= PACKET_NUMBER_MAX);
  store_u64(bytes, number);
  int error = gnutls_hmac(keys->mac, bytes, sizeof(bytes));
  if (error == 0 && header_size > 0) error = gnutls_hmac(keys->mac, header, header_size);
  if (error == 0 && size > 0) error = gnutls_hmac(keys->mac, payload, size);
  assert(error == 0 && "hashing takes any bytes");
  gnutls_hmac_output(keys->mac, tag); /* and begins anew */
}

static uint64_t checksum_of(const struct packet_keys *keys, const uint8_t *header, size_t header_size,
                            const uint8_t *payload, size_t size) {
  return hash_64_of_two(header, header_size, payload, size) ^ keys->salt;
}

/* ---- packets ---- */

static void seal_aead(const struct packet_keys *keys, uint64_t number, const uint8_t *header,
                      size_t header_size, const uint8_t *payload, size_t size, uint8_t *out) {
  uint8_t nonce[NONCE_BYTES];
  nonce_of(keys, number, nonce);
  aead_seal(&keys->aead, nonce, header, header_size, payload, size, out);
}

static int open_aead(const struct packet_keys *keys, uint64_t number, const uint8_t *header,
                     size_t header_size, const uint8_t *payload, size_t size, uint8_t *out) {
  uint8_t nonce[NONCE_BYTES];
  nonce_of(keys, number, nonce);
  return aead_open(&keys->aead, nonce, header, header_size, payload, size, out);
}

void packet_keys_seal(const struct packet_keys *keys, uint64_t number, const uint8_t *header,
                      size_t header_size, const uint8_t *payload, size_t size, uint8_t *out) {
  assert(keys->suite != 0 && header);
  if (keys->suite == PROTECT_AEAD) {
    seal_aead(keys, number, header, header_size, payload, size, out);
    return;
  }
  /* Copied first, so that the hash reads what the copy has just brought into the cache. */
  if (out != payload && size > 0) memcpy(out, payload, size);
  if (keys->suite == PROTECT_CHECKSUM) {
    store_u64(out + size, checksum_of(keys, header, header_size, out, size));
    return;
  }
  uint8_t tag[DIGEST_BYTES];
  mac_of(keys, number, header, header_size, out, size, tag);
  memcpy(out + size, tag, MAC_TAG_BYTES);
}

static bool is_mac_of(const struct packet_keys *keys, uint64_t number, const uint8_t *header,
                      size_t header_size, const uint8_t *payload, size_t size) {
  uint8_t tag[DIGEST_BYTES];
  mac_of(keys, number, header, header_size, payload, size, tag);
  return crypto_equal(tag, payload + size, MAC_TAG_BYTES);
}

int packet_keys_open(const struct packet_keys *keys, uint64_t number, const uint8_t *header,
                     size_t header_size, const uint8_t *payload, size_t size, uint8_t *out) {
  size_t tag_size = protection_tag_size(keys->suite);
  assert(keys->suite != 0 && header);
  if (size < tag_size) return ERR_UNAUTHENTIC;
  if (keys->suite == PROTECT_AEAD) return open_aead(keys, number, header, header_size, payload, size, out);
  size -= tag_size;
  /* Eight bytes are compared at once, in the same time whatever comes of it. */
  bool fits = keys->suite == PROTECT_CHECKSUM
                  ? checksum_of(keys, header, header_size, payload, size) == load_u64(payload + size)
                  : is_mac_of(keys, number, header, header_size, payload, size);
  if (!fits) return ERR_UNAUTHENTIC;
  if (out != payload && size > 0) memcpy(out, payload, size);
  return 0;
}
