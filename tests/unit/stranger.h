/* stranger: a TLS end made straight from GnuTLS, which can be set up in all the ways udpcp never would be: to
 * see that udpcp refuses it. Include after unit.h. */
#ifndef STRANGER_H
#define STRANGER_H

#include "stranger_keys.h"

#define STRANGER_BASE                                                                                        \
  "NONE:+VERS-TLS1.3:+AES-128-GCM:+CHACHA20-POLY1305:+AEAD:+SHA256:+SIGN-ALL:+GROUP-X25519:"                 \
  "%DISABLE_TLS13_COMPAT_MODE"
#define STRANGER_PUBLIC STRANGER_BASE ":+ECDHE-ECDSA:+ECDHE-RSA:+CTYPE-SRV-RAWPK:+CTYPE-CLI-RAWPK"
#define STRANGER_SHARED STRANGER_BASE ":+ECDHE-PSK:+CTYPE-ALL"

#define STRANGER_BOTH STRANGER_BASE ":+ECDHE-PSK:+ECDHE-ECDSA:+ECDHE-RSA:+CTYPE-ALL"

static inline int stranger_on_message(gnutls_session_t tls, gnutls_record_encryption_level_t level,
                                      gnutls_handshake_description_t type, const void *bytes, size_t size) {
  struct stranger *stranger = gnutls_session_get_ptr(tls);
  if (type == GNUTLS_HANDSHAKE_CHANGE_CIPHER_SPEC) return 0;
  enum crypto_level to = level == GNUTLS_ENCRYPTION_LEVEL_INITIAL     ? LEVEL_INITIAL
                         : level == GNUTLS_ENCRYPTION_LEVEL_HANDSHAKE ? LEVEL_HANDSHAKE
                                                                      : LEVEL_DATA;
  if (size > FLIGHT_LEVEL_BYTES - stranger->said.size[to]) return -1;
  memcpy(stranger->said.bytes[to] + stranger->said.size[to], bytes, size);
  stranger->said.size[to] += size;
  return 0;
}

static inline int stranger_on_secret(gnutls_session_t tls, gnutls_record_encryption_level_t level,
                                     const void *recv, const void *send, size_t size) {
  (void)tls, (void)level, (void)recv, (void)send, (void)size;
  return 0;
}

static inline int stranger_on_alert(gnutls_session_t tls, gnutls_record_encryption_level_t level,
                                    gnutls_alert_level_t severity, gnutls_alert_description_t alert) {
  (void)tls, (void)level, (void)severity, (void)alert;
  return 0;
}

static inline int stranger_on_params(gnutls_session_t tls, const unsigned char *bytes, size_t size) {
  (void)tls, (void)bytes, (void)size;
  return 0;
}

static inline int stranger_add_params(gnutls_session_t tls, gnutls_buffer_t out) {
  static const uint8_t params[FLIGHT_LEVEL_BYTES];
  const struct stranger *stranger = gnutls_session_get_ptr(tls);
  return gnutls_buffer_append_data(out, params, stranger->config.params_size)
             ? -1
             : (int)stranger->config.params_size;
}

static inline void stranger_start(struct stranger *stranger, const struct stranger_config *config) {
  memset(stranger, 0, sizeof(*stranger));
  stranger->config = *config;
  stranger->result = GNUTLS_E_AGAIN;
  unsigned flags = config->role == ROLE_CLIENT ? GNUTLS_CLIENT : GNUTLS_SERVER;
  flags |= GNUTLS_ENABLE_RAWPK | config->flags | (config->tickets ? 0 : GNUTLS_NO_TICKETS);
  CU_ASSERT_EQUAL_FATAL(gnutls_init(&stranger->tls, flags), 0);
  CU_ASSERT_EQUAL_FATAL(gnutls_priority_set_direct(stranger->tls, config->priorities, NULL), 0);
  gnutls_session_set_ptr(stranger->tls, stranger);
  gnutls_handshake_set_read_function(stranger->tls, stranger_on_message);
  gnutls_handshake_set_secret_function(stranger->tls, stranger_on_secret);
  gnutls_alert_set_read_function(stranger->tls, stranger_on_alert);
  if (config->params_size > 0)
    gnutls_session_ext_register(stranger->tls, "udpcp parameters", 0xff5d, GNUTLS_EXT_TLS, stranger_on_params,
                                stranger_add_params, NULL, NULL, NULL,
                                GNUTLS_EXT_FLAG_TLS | GNUTLS_EXT_FLAG_CLIENT_HELLO | GNUTLS_EXT_FLAG_EE);
  if (config->alpn)
    gnutls_alpn_set_protocols(
        stranger->tls, &(gnutls_datum_t){(unsigned char *)config->alpn, (unsigned)strlen(config->alpn)}, 1,
        0);
  if (config->shared) stranger_use_shared(stranger);
  stranger_make_key(stranger);
  gnutls_credentials_set(stranger->tls, GNUTLS_CRD_CERTIFICATE, stranger->credentials);
  if (config->role == ROLE_SERVER && !config->asks_no_key && !config->shared)
    gnutls_certificate_server_set_request(stranger->tls, GNUTLS_CERT_REQUEST);
  if (config->tickets) {
    gnutls_datum_t key;
    gnutls_session_ticket_key_generate(&key);
    gnutls_session_ticket_enable_server(stranger->tls, &key);
    gnutls_memset(key.data, 0, key.size);
    gnutls_free(key.data);
  }
  if (config->role == ROLE_CLIENT) stranger->result = gnutls_handshake(stranger->tls);
}

static inline void stranger_free(struct stranger *stranger) {
  gnutls_deinit(stranger->tls);
  gnutls_certificate_free_credentials(stranger->credentials);
  if (stranger->client_key) gnutls_psk_free_client_credentials(stranger->client_key);
  if (stranger->server_key) gnutls_psk_free_server_credentials(stranger->server_key);
}

static inline void stranger_hears(struct stranger *stranger, const struct flight *flight) {
  static const gnutls_record_encryption_level_t levels[] = {GNUTLS_ENCRYPTION_LEVEL_INITIAL,
                                                            GNUTLS_ENCRYPTION_LEVEL_HANDSHAKE,
                                                            GNUTLS_ENCRYPTION_LEVEL_APPLICATION};
  for (int level = 0; level < CRYPTO_LEVELS; level++) {
    if (flight->size[level] == 0 || stranger->result == 0) continue;
    (void)gnutls_handshake_write(stranger->tls, levels[level], flight->bytes[level], flight->size[level]);
    stranger->result = gnutls_handshake(stranger->tls);
  }
}

/* Lets both talk until neither has more to say. The end's first error, 0 when it has none. */
static inline int stranger_talks(struct stranger *stranger, const struct end *end) {
  static struct flight said, heard;
  int error = 0;
  for (unsigned turn = 0; turn < 6 && !error; turn++) {
    said = stranger->said;
    memset(stranger->said.size, 0, sizeof(stranger->said.size));
    error = end_hears(end, &said);
    end_says(end, &heard);
    stranger_hears(stranger, &heard);
  }
  return error;
}

#endif
