/* protection vectors: proto/vectors/protection.hex against the code in both directions; what it says must be
 * refused is. */
#include "unit.h"

#include "crypto/identity.h"
#include "crypto/key_phases.h"
#include "crypto/proof.h"
#include "vector_file.h"

enum { VECTORS_MIN = 60 };

static size_t bytes_of(const struct vector_line *line, const char *key, uint8_t *out) {
  const char *value = vector_value(line->meaning, key);
  return value ? vector_from_hex(value, out) : 0;
}

static bool is_refused(const struct vector_line *line) { return strstr(line->meaning, "refuse: ") != NULL; }
static bool is_named(const struct vector_line *line, const char *word) {
  return strncmp(line->name, word, strlen(word)) == 0;
}

static bool is_bytes(const struct vector_line *line, const uint8_t *bytes, size_t size) {
  return line->size == size && memcmp(line->bytes, bytes, size) == 0;
}

/* ---- derived values ---- */

static bool derived_holds(const struct vector_line *line) {
  static const struct {
    const char *name, *label;
    size_t size;
  } kinds[] = {
      {"key_16", "udpcp key", 16}, {"key_32", "udpcp key", 32}, {"iv_", "udpcp iv", 12},
      {"mac_", "udpcp mac", 32},   {"sum_", "udpcp sum", 8},    {"next_", "udpcp ku", 32},
  };
  uint8_t secret[VECTOR_BYTES_MAX], derived[SECRET_BYTES];
  CU_ASSERT_EQUAL_FATAL(bytes_of(line, "secret", secret), SECRET_BYTES);
  for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++) {
    if (!is_named(line, kinds[i].name)) continue;
    hkdf_expand_label(secret, kinds[i].label, derived, kinds[i].size);
    bool holds = is_bytes(line, derived, kinds[i].size);
    if (is_named(line, "next_")) {
      packet_keys_next_secret(secret);
      holds = holds && memcmp(secret, line->bytes, SECRET_BYTES) == 0;
    }
    return holds;
  }
  return false;
}

static void configure(const struct vector_line *line, struct tls_config *config, struct shared_key *shared,
                      struct believed *public) {
  static struct identity *identity;
  uint8_t bytes[VECTOR_BYTES_MAX];
  if (!identity) identity = identity_new();
  CU_ASSERT_PTR_NOT_NULL_FATAL(identity);
  *config = (struct tls_config){.identity = identity};
  if (bytes_of(line, "shared", bytes) == KEY_BYTES) {
    memcpy(shared->bytes, bytes, KEY_BYTES);
    config->shared = shared;
  } else if (bytes_of(line, "public", bytes) == KEY_BYTES) {
    struct public_key key;
    memcpy(key.bytes, bytes, KEY_BYTES);
    believed_init(public, &key);
    config->believed = public;
    config->believed_count = 1;
  }
}

static bool psk_holds(const struct vector_line *line) {
  uint8_t shared[VECTOR_BYTES_MAX], derived[SECRET_BYTES];
  CU_ASSERT_EQUAL_FATAL(bytes_of(line, "shared", shared), KEY_BYTES);
  hkdf_of_shared_key(shared, "tls psk", derived);
  return is_bytes(line, derived, sizeof derived);
}

static bool proof_holds(const struct vector_line *line) {
  struct tls_config config;
  struct shared_key shared;
  struct believed public;
  uint8_t bytes[VECTOR_BYTES_MAX], made[PROOF_BYTES];
  size_t size = bytes_of(line, "bytes", bytes);
  enum crypto_role from = is_named(line, "proof_client") ? ROLE_CLIENT : ROLE_SERVER;
  configure(line, &config, &shared, &public);
  CU_ASSERT_EQUAL_FATAL(line->size, PROOF_BYTES);
  if (proof_check(from, &config, bytes, size, line->bytes) == is_refused(line)) return false;
  if (!config.shared) return true; /* to make one takes the other half of the key */
  proof_make(from, &config, bytes, size, made);
  return is_bytes(line, made, sizeof made) != is_refused(line);
}

/* ---- INITIAL packets ---- */

static struct crypto end_of(enum crypto_role role, const struct tls_config *config, const uint8_t *id,
                            size_t size) {
  struct crypto crypto = crypto_tls_new(role, config);
  CU_ASSERT_PTR_NOT_NULL_FATAL(crypto.ops);
  CU_ASSERT_EQUAL_FATAL(crypto.ops->set_initial_id(crypto.state, id, size), 0);
  return crypto;
}

static bool initial_holds(const struct vector_line *line) {
  struct tls_config config;
  struct shared_key shared;
  struct believed public;
  uint8_t id[VECTOR_BYTES_MAX], header[VECTOR_BYTES_MAX], payload[VECTOR_BYTES_MAX], out[VECTOR_BYTES_MAX];
  size_t id_size = bytes_of(line, "id", id), header_size = bytes_of(line, "header", header);
  size_t size = bytes_of(line, "payload", payload), sealed = line->size - PROOF_BYTES - header_size;
  uint64_t number = vector_number(line->meaning, "number");
  enum crypto_role from = is_named(line, "initial_client") ? ROLE_CLIENT : ROLE_SERVER;
  configure(line, &config, &shared, &public);
  struct crypto sender = end_of(from, &config, id, id_size);
  struct crypto receiver = end_of(from == ROLE_CLIENT ? ROLE_SERVER : ROLE_CLIENT, &config, id, id_size);
  const uint8_t *proof = line->bytes + line->size - PROOF_BYTES;
  bool is_proven = receiver.ops->is_proven(receiver.state, line->bytes, line->size - PROOF_BYTES, proof);
  int error = receiver.ops->open(receiver.state, LEVEL_INITIAL, 0, number, line->bytes, header_size,
                                 line->bytes + header_size, sealed, out);
  bool holds = !(is_proven && error == 0);
  if (!is_refused(line)) {
    holds = is_proven && error == 0 && sealed == size + 16 && memcmp(out, payload, size) == 0 &&
            memcmp(header, line->bytes, header_size) == 0;
    error = sender.ops->seal(sender.state, LEVEL_INITIAL, number, header, header_size, payload, size, out);
    holds = holds && error == 0 && memcmp(out, line->bytes + header_size, sealed) == 0;
    sender.ops->prove(sender.state, line->bytes, line->size - PROOF_BYTES, out);
    if (!config.believed) holds = holds && memcmp(out, proof, PROOF_BYTES) == 0;
  }
  sender.ops->free(sender.state);
  receiver.ops->free(receiver.state);
  return holds;
}

/* The secrets themselves are nobody's to see: what is sealed with them must open. */
static bool secret_holds(const struct vector_line *line) {
  static const struct protection how = {PROTECT_AEAD, GNUTLS_CIPHER_AES_128_GCM};
  static const struct shared_key shared = {{1}};
  const struct tls_config config = {.shared = &shared};
  uint8_t id[VECTOR_BYTES_MAX], packet[36] = {0xc0};
  size_t id_size = bytes_of(line, "id", id);
  enum crypto_role from = is_named(line, "secret_client") ? ROLE_CLIENT : ROLE_SERVER;
  struct packet_keys keys = {0};
  CU_ASSERT_EQUAL_FATAL(line->size, SECRET_BYTES);
  CU_ASSERT_EQUAL_FATAL(packet_keys_init(&keys, &how, line->bytes), 0);
  packet_keys_seal(&keys, 3, packet, 10, packet + 10, 10, packet + 10);
  packet_keys_clear(&keys);
  struct crypto receiver = end_of(from == ROLE_CLIENT ? ROLE_SERVER : ROLE_CLIENT, &config, id, id_size);
  int error =
      receiver.ops->open(receiver.state, LEVEL_INITIAL, 0, 3, packet, 10, packet + 10, 26, packet + 10);
  receiver.ops->free(receiver.state);
  return error == 0;
}

/* ---- DATA packets ---- */

static struct protection protection_of(const struct vector_line *line) {
  if (is_named(line, "aead_")) return (struct protection){PROTECT_AEAD, GNUTLS_CIPHER_AES_128_GCM};
  if (is_named(line, "chacha_")) return (struct protection){PROTECT_AEAD, GNUTLS_CIPHER_CHACHA20_POLY1305};
  if (is_named(line, "tagged_")) return (struct protection){PROTECT_MAC, GNUTLS_CIPHER_UNKNOWN};
  CU_ASSERT_FATAL(is_named(line, "checksum_"));
  return (struct protection){PROTECT_CHECKSUM, GNUTLS_CIPHER_UNKNOWN};
}

/* The receiver is where it is just before the packet's phase, and must come to it by the packet. */
static int open_in_phase(const struct vector_line *line, const struct protection *how, uint8_t *secret,
                         uint64_t phase, size_t header_size, uint8_t *out) {
  struct recv_keys keys = {0};
  for (uint64_t i = 1; i < phase; i++)
    packet_keys_next_secret(secret);
  CU_ASSERT_EQUAL_FATAL(recv_keys_init(&keys, how, secret), 0);
  keys.phase = phase > 0 ? phase - 1 : 0;
  int error =
      recv_keys_open(&keys, line->bytes[0] >> 5 & 1, vector_number(line->meaning, "number"), line->bytes,
                     header_size, line->bytes + header_size, line->size - header_size, out);
  if (error == 0) CU_ASSERT_EQUAL(keys.phase, phase);
  recv_keys_clear(&keys);
  return error;
}

static bool data_holds(const struct vector_line *line) {
  const struct protection how = protection_of(line);
  uint8_t secret[VECTOR_BYTES_MAX], again[SECRET_BYTES];
  uint8_t header[VECTOR_BYTES_MAX], payload[VECTOR_BYTES_MAX], out[VECTOR_BYTES_MAX];
  uint64_t number = vector_number(line->meaning, "number"), phase = vector_number(line->meaning, "phase");
  size_t header_size = bytes_of(line, "header", header), size = bytes_of(line, "payload", payload);
  CU_ASSERT_EQUAL_FATAL(bytes_of(line, "secret", secret), SECRET_BYTES);
  memcpy(again, secret, sizeof again);
  int error = open_in_phase(line, &how, secret, phase, header_size, out);
  if (is_refused(line)) return error == ERR_UNAUTHENTIC;
  size_t sealed = size + protection_tag_size(how.suite);
  if (error || line->size != header_size + sealed || memcmp(out, payload, size) != 0) return false;
  struct send_keys keys = {0};
  CU_ASSERT_EQUAL_FATAL(send_keys_init(&keys, &how, again), 0);
  while (keys.phase < phase)
    send_keys_renew(&keys);
  packet_keys_seal(&keys.current, number, header, header_size, payload, size, out);
  send_keys_clear(&keys);
  return memcmp(header, line->bytes, header_size) == 0 && memcmp(out, line->bytes + header_size, sealed) == 0;
}

static bool line_holds(const struct vector_line *line) {
  return is_named(line, "secret_")               ? secret_holds(line)
         : is_named(line, "initial_")            ? initial_holds(line)
         : is_named(line, "proof_")              ? proof_holds(line)
         : is_named(line, "psk")                 ? psk_holds(line)
         : vector_value(line->meaning, "number") ? data_holds(line)
                                                 : derived_holds(line);
}

static void every_line_holds(void) { CU_ASSERT(vector_file("protection.hex", line_holds) >= VECTORS_MIN); }

UNIT_MAIN(UNIT_CASE(every_line_holds))
