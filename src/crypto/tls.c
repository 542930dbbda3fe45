/* tls: what a connection owns of cryptography - a TLS 1.3 handshake and the keys that come out of it - behind
 * the function table of the transport (proto/wire.md section 8).
 *
 * Until start it is cheap: the keys of INITIAL packets, which come from an id in the clear, and no TLS. So a
 * server can look whether a first packet is whole before it makes anything for its sender. */
#include "crypto/hkdf.h"
#include "crypto/key_phases.h"
#include "crypto/proof.h"
#include "crypto/tls_session.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

struct tls {
  enum crypto_role role;
  struct tls_config config;
  struct tls_session *session; /* NULL before start */
  struct packet_keys send[LEVEL_DATA], recv[LEVEL_DATA];
  struct send_keys data_send; /* none before protect */
  struct recv_keys data_recv;
};

/* ---- keys ---- */

/* Both directions or none. */
static int make_keys(struct tls *tls, enum crypto_level level, gnutls_cipher_algorithm_t cipher,
                     const uint8_t send[SECRET_BYTES], const uint8_t recv[SECRET_BYTES]) {
  const struct protection how = {PROTECT_AEAD, cipher};
  packet_keys_clear(&tls->send[level]);
  packet_keys_clear(&tls->recv[level]);
  int error = packet_keys_init(&tls->send[level], &how, send);
  if (!error) error = packet_keys_init(&tls->recv[level], &how, recv);
  if (error) packet_keys_clear(&tls->send[level]);
  return error;
}

static int tls_set_initial_id(void *state, const uint8_t *id, size_t size) {
  static const uint8_t salt[] = {
      0xd4, 0x79, 0x08, 0x0f, 0x0c, 0x71, 0x94, 0xdb, 0xf8, 0xed, 0x0e,
      0x1b, 0x0a, 0x32, 0x46, 0x28, 0x81, 0x9e, 0xee, 0x36}; /* SHA-256 of "udpcp/1 initial salt", cut */
  struct tls *tls = state;
  uint8_t client[SECRET_BYTES], server[SECRET_BYTES];
  hkdf_extract(salt, sizeof(salt), id, size, client);
  hkdf_expand_label(client, "server in", server, sizeof(server));
  hkdf_expand_label(client, "client in", client, sizeof(client));
  bool is_client = tls->role == ROLE_CLIENT;
  int error = make_keys(tls, LEVEL_INITIAL, GNUTLS_CIPHER_AES_128_GCM, is_client ? client : server,
                        is_client ? server : client);
  gnutls_memset(client, 0, sizeof(client));
  gnutls_memset(server, 0, sizeof(server));
  return error;
}

static int make_handshake_keys(struct tls *tls) {
  struct tls_secrets *secrets = &tls->session->handshake;
  if (!secrets->has_send || !secrets->has_recv) return 0;
  int error = make_keys(tls, LEVEL_HANDSHAKE, tls->session->cipher, secrets->send, secrets->recv);
  gnutls_memset(secrets, 0, sizeof(*secrets));
  return error;
}

/* ---- the handshake ---- */

static int tls_start(void *state, const uint8_t *params, size_t size) {
  struct tls *tls = state;
  int error;
  assert(!tls->session && "a handshake starts once");
  tls->session = tls_session_new(tls->role, &tls->config, params, size, &error);
  return tls->session ? 0 : error;
}

static int tls_on_handshake(void *state, enum crypto_level level, const uint8_t *bytes, size_t size) {
  struct tls *tls = state;
  assert(tls->session && "a server starts when the first packet has come");
  int error = tls_session_take(tls->session, level, bytes, size);
  int keys_error = make_handshake_keys(tls);
  return error ? error : keys_error;
}

static size_t tls_next_handshake(void *state, enum crypto_level level, uint8_t *bytes, size_t capacity) {
  struct tls *tls = state;
  return tls->session ? tls_session_give(tls->session, level, bytes, capacity) : 0;
}

static const char *tls_failure_text(void *state) {
  const struct tls *tls = state;
  return tls->session ? tls->session->failure : "";
}

static enum crypto_level tls_send_level(void *state) {
  const struct tls *tls = state;
  return tls->data_send.current.suite != 0       ? LEVEL_DATA
         : tls->send[LEVEL_HANDSHAKE].suite != 0 ? LEVEL_HANDSHAKE
                                                 : LEVEL_INITIAL;
}

static bool tls_is_complete(void *state) {
  const struct tls *tls = state;
  return tls->session && tls->session->is_complete && !tls->session->error;
}

/* What is not yet authenticated is not handed out. */
static const uint8_t *tls_peer_params(void *state, size_t *size) {
  const struct tls *tls = state;
  bool is_known = tls_is_complete(state);
  *size = is_known ? tls->session->peer_params_size : 0;
  return is_known ? tls->session->peer_params : NULL;
}

static int tls_protect(void *state, enum protection_suite suite) {
  struct tls *tls = state;
  assert(tls_is_complete(state) && tls->data_send.current.suite == 0 && "once, when complete");
  assert(suite == PROTECT_AEAD || suite == PROTECT_MAC || suite == PROTECT_CHECKSUM);
  const struct protection how = {suite, tls->session->cipher};
  struct tls_secrets *secrets = &tls->session->data;
  tls->data_recv.lanes = tls->data_send.lanes = tls->config.lanes;
  int error = recv_keys_init(&tls->data_recv, &how, secrets->recv);
  if (!error) error = send_keys_init(&tls->data_send, &how, secrets->send);
  gnutls_memset(secrets, 0, sizeof(*secrets));
  return error;
}

/* ---- packets ---- */

static size_t tls_tag_size(void *state, enum crypto_level level) {
  const struct tls *tls = state;
  enum protection_suite suite = level == LEVEL_DATA ? tls->data_send.current.suite : PROTECT_AEAD;
  return protection_tag_size(suite != 0 ? suite : PROTECT_AEAD);
}

static int tls_seal(void *state, enum crypto_level level, uint64_t number, const uint8_t *header,
                    size_t header_size, const uint8_t *payload, size_t size, uint8_t *out) {
  const struct tls *tls = state;
  assert(level < CRYPTO_LEVELS);
  const struct packet_keys *keys = level == LEVEL_DATA ? &tls->data_send.current : &tls->send[level];
  if (keys->suite == 0) return ERR_AGAIN;
  packet_keys_seal(keys, number, header, header_size, payload, size, out);
  return 0;
}

static int tls_open(void *state, enum crypto_level level, unsigned key_phase, uint64_t number,
                    const uint8_t *header, size_t header_size, const uint8_t *payload, size_t size,
                    uint8_t *out) {
  struct tls *tls = state;
  assert(level < CRYPTO_LEVELS);
  if ((level == LEVEL_DATA ? &tls->data_recv.current : &tls->recv[level])->suite == 0) return ERR_AGAIN;
  if (level == LEVEL_DATA)
    return recv_keys_open(&tls->data_recv, key_phase, number, header, header_size, payload, size, out);
  return packet_keys_open(&tls->recv[level], number, header, header_size, payload, size, out);
}

static void tls_seal_lane(void *state, unsigned lane, uint64_t number, const uint8_t *header,
                          size_t header_size, const uint8_t *payload, size_t size, uint8_t *out) {
  const struct send_keys *keys = &((const struct tls *)state)->data_send;
  packet_keys_seal(lane_keys_of(&keys->current_lanes, &keys->current, lane), number, header, header_size,
                   payload, size, out);
}

static int tls_open_lane(void *state, unsigned lane, uint64_t number, const uint8_t *header,
                         size_t header_size, const uint8_t *payload, size_t size, uint8_t *out) {
  const struct recv_keys *keys = &((const struct tls *)state)->data_recv;
  return packet_keys_open(lane_keys_of(&keys->current_lanes, &keys->current, lane), number, header,
                          header_size, payload, size, out);
}

static uint64_t tls_send_phase(void *state) { return ((const struct tls *)state)->data_send.phase; }
static uint64_t tls_recv_phase(void *state) { return ((const struct tls *)state)->data_recv.phase; }

static void tls_renew_keys(void *state) {
  struct tls *tls = state;
  assert(tls->data_send.current.suite != 0 && "only what is there can be renewed");
  send_keys_renew(&tls->data_send);
}

static void tls_forget_keys(void *state) {
  struct tls *tls = state;
  assert(tls->data_recv.current.suite != 0);
  recv_keys_forget(&tls->data_recv);
}

/* ---- proofs ---- */

static void tls_prove(void *state, const uint8_t *bytes, size_t size, uint8_t proof[PROOF_BYTES]) {
  const struct tls *tls = state;
  proof_make(tls->role, &tls->config, bytes, size, proof);
}

static bool tls_is_proven(void *state, const uint8_t *bytes, size_t size, const uint8_t proof[PROOF_BYTES]) {
  const struct tls *tls = state;
  enum crypto_role from = tls->role == ROLE_CLIENT ? ROLE_SERVER : ROLE_CLIENT;
  return proof_check(from, &tls->config, bytes, size, proof);
}

bool crypto_tls_is_proven(const struct tls_config *config, const uint8_t *bytes, size_t size,
                          const uint8_t proof[PROOF_BYTES]) {
  return proof_check(ROLE_CLIENT, config, bytes, size, proof);
}

/* ---- making and ending it ---- */

/* Before main it has read GNUTLS_DEBUG_LEVEL, at whose higher levels keys are logged. */
void crypto_guard(void) { gnutls_global_set_log_level(0); }

static void tls_free(void *state) {
  struct tls *tls = state;
  if (!tls) return;
  for (int level = 0; level < LEVEL_DATA; level++) {
    packet_keys_clear(&tls->send[level]);
    packet_keys_clear(&tls->recv[level]);
  }
  send_keys_clear(&tls->data_send);
  recv_keys_clear(&tls->data_recv);
  tls_session_free(tls->session);
  gnutls_memset(tls, 0, sizeof(*tls));
  free(tls);
}

static const struct crypto_ops tls_ops = {
    .set_initial_id = tls_set_initial_id,
    .start = tls_start,
    .on_handshake = tls_on_handshake,
    .next_handshake = tls_next_handshake,
    .failure = tls_failure_text,
    .send_level = tls_send_level,
    .is_complete = tls_is_complete,
    .peer_params = tls_peer_params,
    .protect = tls_protect,
    .tag_size = tls_tag_size,
    .seal = tls_seal,
    .open = tls_open,
    .seal_lane = tls_seal_lane,
    .open_lane = tls_open_lane,
    .send_phase = tls_send_phase,
    .recv_phase = tls_recv_phase,
    .renew_keys = tls_renew_keys,
    .forget_keys = tls_forget_keys,
    .prove = tls_prove,
    .is_proven = tls_is_proven,
    .free = tls_free,
};

struct crypto crypto_tls_new(enum crypto_role role, const struct tls_config *config) {
  assert((role == ROLE_CLIENT || role == ROLE_SERVER) && (config->shared || config->identity));
  struct tls *tls = calloc(1, sizeof(*tls));
  if (!tls) return (struct crypto){0};
  tls->role = role;
  tls->config = *config;
  return (struct crypto){&tls_ops, tls};
}

bool crypto_tls_peer(const struct crypto *crypto, struct public_key *key) {
  if (crypto->ops != &tls_ops || !tls_is_complete(crypto->state)) return false;
  const struct tls *tls = crypto->state;
  if (tls->session->has_peer_key) *key = tls->session->peer_key;
  return tls->session->has_peer_key;
}
