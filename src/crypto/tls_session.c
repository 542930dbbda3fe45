/* tls_session: TLS 1.3 (RFC 8446) by GnuTLS, without its record layer, as RFC 9001 section 4 does it: bytes
 * of messages go in and out, secrets come out (proto/wire.md section 8.3).
 *
 * The library is given one whole message at a time, cut out here. So what a peer can make it hold is bounded,
 * each message is known to have come at the level it belongs to, and whatever is out of place fails before
 * the library sees it. Nothing leaves this end while it is not agreed on: an end that refuses its peer drops
 * what it would have said. When all is agreed the library's session ends, and with it everything TLS could
 * still do after a handshake. */
#include "crypto/tls_session.h"

#include "crypto/identity.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#if defined(__aarch64__)
#include <sys/auxv.h>
#endif

enum { PARAMS_EXTENSION = 0xff5d, MESSAGE_HEAD_BYTES = 4 };
static const gnutls_datum_t protocol = {(unsigned char *)"udpcp/1", 7};
static const gnutls_datum_t key_name = {(unsigned char *)"udpcp", 5};

#define WITH_AES "+AES-128-GCM:+CHACHA20-POLY1305"
#define WITHOUT_AES "+CHACHA20-POLY1305:+AES-128-GCM"
#define PRIORITIES(ciphers, keys)                                                                            \
  "NONE:+VERS-TLS1.3:" ciphers ":+AEAD:+SHA256:+SIGN-EDDSA-ED25519:+GROUP-X25519:"                           \
  "%DISABLE_TLS13_COMPAT_MODE:" keys
#define SHARED_KEY "+ECDHE-PSK:+CTYPE-ALL"
#define PUBLIC_KEYS "+ECDHE-ECDSA:+ECDHE-RSA:+CTYPE-SRV-RAWPK:+CTYPE-CLI-RAWPK"

/* Without instructions for it AES is slow, and leaks its key through the cache. */
static bool has_fast_aes(void) {
#if defined(__x86_64__) || defined(__i386__)
  return __builtin_cpu_supports("aes") && __builtin_cpu_supports("pclmul");
#elif defined(__aarch64__)
  return getauxval(AT_HWCAP) & HWCAP_AES;
#else
  return false;
#endif
}

/* The first failure is the one to tell. */
static void set_failure(struct tls_session *session, int error, const char *text) {
  assert(error < 0);
  if (session->error) return;
  session->error = error;
  snprintf(session->failure, sizeof(session->failure), "%s", text);
}

/* ---- what the library calls ---- */

static int on_message(gnutls_session_t tls, gnutls_record_encryption_level_t level,
                      gnutls_handshake_description_t type, const void *bytes, size_t size) {
  struct tls_session *session = gnutls_session_get_ptr(tls);
  if (type == GNUTLS_HANDSHAKE_CHANGE_CIPHER_SPEC) return 0; /* of the record layer, which there is not */
  if (level != GNUTLS_ENCRYPTION_LEVEL_INITIAL && level != GNUTLS_ENCRYPTION_LEVEL_HANDSHAKE)
    return GNUTLS_E_INTERNAL_ERROR;
  struct tls_flight *out =
      &session->out[level == GNUTLS_ENCRYPTION_LEVEL_INITIAL ? LEVEL_INITIAL : LEVEL_HANDSHAKE];
  if (size > sizeof(out->bytes) - out->size) return GNUTLS_E_INTERNAL_ERROR;
  memcpy(out->bytes + out->size, bytes, size);
  out->size += size;
  return 0;
}

static int on_secret(gnutls_session_t tls, gnutls_record_encryption_level_t level, const void *recv,
                     const void *send, size_t size) {
  struct tls_session *session = gnutls_session_get_ptr(tls);
  bool is_handshake = level == GNUTLS_ENCRYPTION_LEVEL_HANDSHAKE;
  if (!is_handshake && level != GNUTLS_ENCRYPTION_LEVEL_APPLICATION) return GNUTLS_E_INTERNAL_ERROR;
  if (size != SECRET_BYTES) return GNUTLS_E_INTERNAL_ERROR;
  struct tls_secrets *secrets = is_handshake ? &session->handshake : &session->data;
  session->cipher = gnutls_cipher_get(tls);
  if (recv) {
    memcpy(secrets->recv, recv, size);
    secrets->has_recv = true;
    session->peer_level = is_handshake ? LEVEL_HANDSHAKE : LEVEL_DATA;
  }
  if (send) {
    memcpy(secrets->send, send, size);
    secrets->has_send = true;
  }
  return 0;
}

/* The peer is told by a CLOSE frame instead. */
static int on_alert(gnutls_session_t tls, gnutls_record_encryption_level_t level,
                    gnutls_alert_level_t severity, gnutls_alert_description_t alert) {
  (void)tls, (void)level, (void)severity, (void)alert;
  return 0;
}

static int on_params(gnutls_session_t tls, const unsigned char *bytes, size_t size) {
  struct tls_session *session = gnutls_session_get_ptr(tls);
  if (session->has_peer_params || size > sizeof(session->peer_params))
    return GNUTLS_E_RECEIVED_ILLEGAL_PARAMETER;
  if (size > 0) memcpy(session->peer_params, bytes, size);
  session->peer_params_size = size;
  session->has_peer_params = true;
  return 0;
}

static int add_params(gnutls_session_t tls, gnutls_buffer_t out) {
  const struct tls_session *session = gnutls_session_get_ptr(tls);
  int error = gnutls_buffer_append_data(out, session->params, session->params_size);
  return error < 0 ? error : (int)session->params_size;
}

static int copy_datum(gnutls_datum_t *to, const void *bytes, size_t size) {
  to->data = gnutls_malloc(size);
  to->size = to->data ? (unsigned)size : 0;
  if (to->data) memcpy(to->data, bytes, size);
  return to->data ? 0 : GNUTLS_E_MEMORY_ERROR;
}

/* The library wipes and frees what it is given. */
static int give_shared_key(const struct tls_session *session, gnutls_datum_t *key) {
  uint8_t secret[SECRET_BYTES];
  hkdf_of_shared_key(session->config->shared->bytes, "tls psk", secret);
  int error = copy_datum(key, secret, sizeof(secret));
  gnutls_memset(secret, 0, sizeof(secret));
  return error;
}

static int name_shared_key(gnutls_session_t tls, gnutls_datum_t *name, gnutls_datum_t *key) {
  int error = copy_datum(name, key_name.data, key_name.size);
  return error ? error : give_shared_key(gnutls_session_get_ptr(tls), key);
}

static int find_shared_key(gnutls_session_t tls, const gnutls_datum_t *name, gnutls_datum_t *key) {
  if (name->size != key_name.size || memcmp(name->data, key_name.data, key_name.size) != 0) return -1;
  return give_shared_key(gnutls_session_get_ptr(tls), key);
}

static bool is_believed(const struct tls_session *session) {
  const struct tls_config *config = session->config;
  if (session->role == ROLE_CLIENT || !config->believed) return true;
  for (size_t i = 0; i < config->believed_count; i++)
    if (public_key_equal(&config->believed[i].key, &session->peer_key)) return true;
  return false;
}

/* Called when the peer's CertificateVerify has been checked with the key it showed. Takes Ed25519 keys only:
 * the SubjectPublicKeyInfo of RFC 8410 has one form, this head and 32 bytes. */
static int on_peer_key(gnutls_session_t tls) {
  static const uint8_t head[] = {0x30, 0x2a, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x03, 0x21, 0x00};
  struct tls_session *session = gnutls_session_get_ptr(tls);
  unsigned count = 0;
  const gnutls_datum_t *shown = gnutls_certificate_get_peers(tls, &count);
  if (!shown || count != 1 || gnutls_certificate_type_get2(tls, GNUTLS_CTYPE_PEERS) != GNUTLS_CRT_RAWPK ||
      shown->size != sizeof(head) + KEY_BYTES || memcmp(shown->data, head, sizeof(head)) != 0) {
    set_failure(session, ERR_UNTRUSTED, "the other side's key is not an Ed25519 key");
    return GNUTLS_E_CERTIFICATE_ERROR;
  }
  memcpy(session->peer_key.bytes, shown->data + sizeof(head), KEY_BYTES);
  session->has_peer_key = true;
  return is_believed(session) ? 0 : GNUTLS_E_CERTIFICATE_ERROR;
}

/* The library has no file descriptor to touch. */
static ssize_t no_push(gnutls_transport_ptr_t none, const void *bytes, size_t size) {
  (void)none, (void)bytes, (void)size;
  errno = EIO;
  return -1;
}
static ssize_t no_pull(gnutls_transport_ptr_t none, void *bytes, size_t size) {
  (void)none, (void)bytes, (void)size;
  errno = EIO;
  return -1;
}

/* ---- making and ending a session ---- */

static int use_shared_key(struct tls_session *session) {
  int error;
  if (session->role == ROLE_CLIENT) {
    error = gnutls_psk_allocate_client_credentials(&session->client_key);
    if (error) return error;
    gnutls_psk_set_client_credentials_function2(session->client_key, name_shared_key);
    return gnutls_credentials_set(session->tls, GNUTLS_CRD_PSK, session->client_key);
  }
  error = gnutls_psk_allocate_server_credentials(&session->server_key);
  if (error) return error;
  gnutls_psk_set_server_credentials_function2(session->server_key, find_shared_key);
  return gnutls_credentials_set(session->tls, GNUTLS_CRD_PSK, session->server_key);
}

static int use_public_keys(struct tls_session *session) {
  gnutls_session_set_verify_function(session->tls, on_peer_key);
  if (session->role == ROLE_SERVER) gnutls_certificate_server_set_request(session->tls, GNUTLS_CERT_REQUIRE);
  return gnutls_credentials_set(session->tls, GNUTLS_CRD_CERTIFICATE,
                                identity_credentials(session->config->identity));
}

static const char *priorities_of(const struct tls_config *config) {
  if (has_fast_aes())
    return config->shared ? PRIORITIES(WITH_AES, SHARED_KEY) : PRIORITIES(WITH_AES, PUBLIC_KEYS);
  return config->shared ? PRIORITIES(WITHOUT_AES, SHARED_KEY) : PRIORITIES(WITHOUT_AES, PUBLIC_KEYS);
}

/* A GnuTLS error, 0 when all is set. */
static int open_session(struct tls_session *session) {
  unsigned flags = session->role == ROLE_CLIENT ? GNUTLS_CLIENT : GNUTLS_SERVER;
  flags |= GNUTLS_ENABLE_RAWPK | GNUTLS_NO_TICKETS | GNUTLS_NO_EXTENSIONS | GNUTLS_NONBLOCK;
  int error = gnutls_init(&session->tls, flags);
  if (error) return error;
  /* The library would write all traffic secrets to a file that SSLKEYLOGFILE names, and keys to stderr when
   * GNUTLS_DEBUG_LEVEL says so. */
  gnutls_session_set_keylog_function(session->tls, NULL);
  gnutls_global_set_log_level(0);
  gnutls_session_set_ptr(session->tls, session);
  gnutls_transport_set_push_function(session->tls, no_push);
  gnutls_transport_set_pull_function(session->tls, no_pull);
  gnutls_handshake_set_read_function(session->tls, on_message);
  gnutls_handshake_set_secret_function(session->tls, on_secret);
  gnutls_alert_set_read_function(session->tls, on_alert);
  error = gnutls_priority_set_direct(session->tls, priorities_of(session->config), NULL);
  if (!error)
    error = gnutls_session_ext_register(
        session->tls, "udpcp parameters", PARAMS_EXTENSION, GNUTLS_EXT_TLS, on_params, add_params, NULL, NULL,
        NULL, GNUTLS_EXT_FLAG_TLS | GNUTLS_EXT_FLAG_CLIENT_HELLO | GNUTLS_EXT_FLAG_EE);
  if (!error) error = gnutls_alpn_set_protocols(session->tls, &protocol, 1, GNUTLS_ALPN_MANDATORY);
  if (error) return error;
  return session->config->shared ? use_shared_key(session) : use_public_keys(session);
}

static void close_session(struct tls_session *session) {
  if (session->tls) gnutls_deinit(session->tls);
  if (session->client_key) gnutls_psk_free_client_credentials(session->client_key);
  if (session->server_key) gnutls_psk_free_server_credentials(session->server_key);
  session->tls = NULL;
  session->client_key = NULL;
  session->server_key = NULL;
}

struct tls_session *tls_session_new(enum crypto_role role, const struct tls_config *config,
                                    const uint8_t *params, size_t size, int *error) {
  assert(params && size > 0 && "parameters are mandatory");
  if (size > PARAMS_BYTES_MAX) {
    *error = ERR_NO_SPACE;
    return NULL;
  }
  struct tls_session *session = calloc(1, sizeof(*session));
  if (!session) {
    *error = ERR_NO_MEMORY;
    return NULL;
  }
  session->role = role;
  session->config = config;
  session->peer_level = LEVEL_INITIAL;
  session->params_size = size;
  memcpy(session->params, params, size);
  int tls_error = open_session(session);
  if (!tls_error && role == ROLE_CLIENT) tls_error = gnutls_handshake(session->tls);
  *error = 0;
  if (tls_error && tls_error != GNUTLS_E_AGAIN) {
    *error = tls_error == GNUTLS_E_MEMORY_ERROR ? ERR_NO_MEMORY : ERR_UNSUPPORTED;
    tls_session_free(session);
    return NULL;
  }
  return session;
}

void tls_session_free(struct tls_session *session) {
  if (!session) return;
  close_session(session);
  gnutls_memset(session, 0, sizeof(*session));
  free(session);
}

/* ---- the peer's messages ---- */

/* Nothing is said any more but, by the transport, that it is over. */
static int give_up(struct tls_session *session) {
  assert(session->error);
  close_session(session);
  gnutls_memset(&session->data, 0, sizeof(session->data));
  for (int level = 0; level < LEVEL_DATA; level++)
    session->out[level].size = session->out[level].given = 0;
  return session->error;
}

static void check_protocol(struct tls_session *session) {
  gnutls_datum_t spoken = {0};
  if (gnutls_alpn_get_selected_protocol(session->tls, &spoken) != 0 || spoken.size != protocol.size ||
      memcmp(spoken.data, protocol.data, protocol.size) != 0)
    set_failure(session, ERR_MALFORMED, "the other side speaks another protocol (ALPN)");
  if (!session->has_peer_params) set_failure(session, ERR_MALFORMED, "the other side sent no parameters");
}

/* The library has all it wants; whether it is what this end wants is not left to it. */
static void on_complete(struct tls_session *session) {
  const struct tls_config *config = session->config;
  check_protocol(session);
  if (gnutls_protocol_get_version(session->tls) != GNUTLS_TLS1_3)
    set_failure(session, ERR_MALFORMED, "the other side does not speak TLS 1.3");
  if (!session->data.has_recv || !session->data.has_send ||
      (session->cipher != GNUTLS_CIPHER_AES_128_GCM && session->cipher != GNUTLS_CIPHER_CHACHA20_POLY1305))
    set_failure(session, ERR_MALFORMED, "the handshake agreed on no cipher");
  if (config->shared && gnutls_kx_get(session->tls) != GNUTLS_KX_ECDHE_PSK)
    set_failure(session, ERR_UNTRUSTED, "no shared key fits");
  if (!config->shared && !session->has_peer_key)
    set_failure(session, ERR_UNTRUSTED, "the other side shows no key");
  if (session->error) return;
  if (!config->shared && config->judge && config->judge(config->context, &session->peer_key) != 0) {
    set_failure(session, ERR_UNTRUSTED, "the other side's key is not believed");
    return;
  }
  session->is_complete = true;
  close_session(session);
}

/* A whole message stands in `in`. */
static void on_peer_message(struct tls_session *session) {
  bool is_hello = session->peer_level == LEVEL_INITIAL;
  int error = gnutls_handshake_write(
      session->tls, is_hello ? GNUTLS_ENCRYPTION_LEVEL_INITIAL : GNUTLS_ENCRYPTION_LEVEL_HANDSHAKE,
      session->in, session->in_size);
  session->in_size = 0;
  if (!error) error = gnutls_handshake(session->tls);
  if (error == 0) {
    on_complete(session);
  } else if (error != GNUTLS_E_AGAIN && error != GNUTLS_E_INTERRUPTED) {
    char text[FAILURE_BYTES];
    if (error == GNUTLS_E_NO_CIPHER_SUITES && gnutls_protocol_get_version(session->tls) != GNUTLS_TLS1_3)
      error = GNUTLS_E_UNSUPPORTED_VERSION_PACKET; /* which is why none fits */
    int reason = tls_failure(error, session->config, text);
    set_failure(session, reason, text);
  } else if (is_hello && session->peer_level == LEVEL_INITIAL) {
    set_failure(session, ERR_MALFORMED, "the other side did not take the first hello");
  } else if (is_hello && session->role == ROLE_SERVER) {
    check_protocol(session); /* the client's part of it is known: no answer to those who speak another */
  }
}

/* How many bytes the message in `in` is short of; at first only those of its head can be told. */
static size_t bytes_missing(const struct tls_session *session) {
  const uint8_t *in = session->in;
  if (session->in_size < MESSAGE_HEAD_BYTES) return MESSAGE_HEAD_BYTES - session->in_size;
  size_t body = (size_t)in[1] << 16 | (size_t)in[2] << 8 | in[3];
  return MESSAGE_HEAD_BYTES + body - session->in_size;
}

static void take_part(struct tls_session *session, enum crypto_level level, const uint8_t **bytes,
                      size_t *size) {
  if (session->is_complete || level != session->peer_level) {
    set_failure(session, ERR_MALFORMED, "handshake bytes out of place");
    return;
  }
  size_t part = bytes_missing(session);
  if (part > sizeof(session->in) - session->in_size) {
    set_failure(session, ERR_MALFORMED, "a handshake message is too long");
    return;
  }
  if (part > *size) part = *size;
  memcpy(session->in + session->in_size, *bytes, part);
  session->in_size += part;
  *bytes += part;
  *size -= part;
  if (session->in_size >= MESSAGE_HEAD_BYTES && bytes_missing(session) == 0) on_peer_message(session);
}

int tls_session_take(struct tls_session *session, enum crypto_level level, const uint8_t *bytes,
                     size_t size) {
  while (size > 0 && !session->error)
    take_part(session, level, &bytes, &size);
  return session->error ? give_up(session) : 0;
}

size_t tls_session_give(struct tls_session *session, enum crypto_level level, uint8_t *bytes,
                        size_t capacity) {
  if (level >= LEVEL_DATA) return 0;
  struct tls_flight *out = &session->out[level];
  size_t size = out->size - out->given;
  if (size > capacity) size = capacity;
  if (size > 0) memcpy(bytes, out->bytes + out->given, size);
  out->given += size;
  return size;
}
