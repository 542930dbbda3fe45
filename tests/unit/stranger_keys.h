/* stranger_keys: what a stranger (stranger.h) is, and all it can hold to show who it is: raw public keys of
 * any kind, a certificate, a shared key. */
#ifndef STRANGER_KEYS_H
#define STRANGER_KEYS_H

#include "crypto/hkdf.h"
#include "tls_ends.h"

#include <gnutls/abstract.h>
#include <gnutls/gnutls.h>
#include <gnutls/x509.h>

struct stranger_config {
  enum crypto_role role;
  const char *priorities;
  const char *alpn;                /* NULL: none */
  size_t params_size;              /* 0: no such extension */
  gnutls_pk_algorithm_t key;       /* GNUTLS_PK_UNKNOWN: shows none */
  const struct shared_key *shared; /* its TLS key is derived as udpcp does */
  unsigned flags;
  bool asks_no_key; /* as a server */
  bool x509;        /* shows a certificate instead of a raw public key */
  bool tickets;     /* as a server: hands them out after the handshake */
};

struct stranger {
  struct stranger_config config;
  gnutls_session_t tls;
  gnutls_certificate_credentials_t credentials;
  gnutls_psk_client_credentials_t client_key;
  gnutls_psk_server_credentials_t server_key;
  struct flight said;
  int result; /* of its handshake: 0 when complete */
};

static inline void stranger_key(const struct stranger *stranger, uint8_t key[KEY_BYTES]) {
  hkdf_of_shared_key(stranger->config.shared->bytes, "tls psk", key);
}

static inline int stranger_find_key(gnutls_session_t tls, const char *name, gnutls_datum_t *key) {
  (void)name;
  key->data = gnutls_malloc(KEY_BYTES);
  key->size = KEY_BYTES;
  stranger_key(gnutls_session_get_ptr(tls), key->data);
  return 0;
}

static inline int stranger_any_key(gnutls_session_t tls) {
  (void)tls;
  return 0;
}

/* A certificate of its own making, as web servers have them. */
static inline void stranger_make_certificate(struct stranger *stranger) {
  gnutls_x509_privkey_t key;
  gnutls_x509_crt_t certificate;
  gnutls_x509_privkey_init(&key);
  gnutls_x509_privkey_generate(key, stranger->config.key, 0, 0);
  gnutls_x509_crt_init(&certificate);
  gnutls_x509_crt_set_key(certificate, key);
  gnutls_x509_crt_set_serial(certificate, "1", 1);
  gnutls_x509_crt_set_version(certificate, 3);
  gnutls_x509_crt_set_dn(certificate, "CN=stranger", NULL);
  gnutls_x509_crt_set_activation_time(certificate, 0);
  gnutls_x509_crt_set_expiration_time(certificate, INT32_MAX);
  CU_ASSERT_EQUAL_FATAL(gnutls_x509_crt_sign2(certificate, certificate, key, GNUTLS_DIG_SHA512, 0), 0);
  CU_ASSERT(gnutls_certificate_set_x509_key(stranger->credentials, &certificate, 1, key) >= 0);
  gnutls_x509_crt_deinit(certificate);
  gnutls_x509_privkey_deinit(key);
}

static inline void stranger_make_key(struct stranger *stranger) {
  gnutls_privkey_t private_half;
  gnutls_pubkey_t public_half;
  gnutls_x509_privkey_t exported;
  gnutls_datum_t spki, pkcs8;
  gnutls_pk_algorithm_t kind = stranger->config.key;
  unsigned bits = kind == GNUTLS_PK_RSA     ? 2048
                  : kind == GNUTLS_PK_ECDSA ? GNUTLS_CURVE_TO_BITS(GNUTLS_ECC_CURVE_SECP256R1)
                                            : 0;
  CU_ASSERT_EQUAL_FATAL(gnutls_certificate_allocate_credentials(&stranger->credentials), 0);
  gnutls_certificate_set_verify_function(stranger->credentials, stranger_any_key);
  if (kind == GNUTLS_PK_UNKNOWN) return;
  if (stranger->config.x509) {
    stranger_make_certificate(stranger);
    return;
  }
  gnutls_privkey_init(&private_half);
  CU_ASSERT_EQUAL_FATAL(gnutls_privkey_generate(private_half, kind, bits, 0), 0);
  gnutls_pubkey_init(&public_half);
  gnutls_pubkey_import_privkey(public_half, private_half, 0, 0);
  gnutls_pubkey_export2(public_half, GNUTLS_X509_FMT_PEM, &spki);
  gnutls_privkey_export_x509(private_half, &exported);
  gnutls_x509_privkey_export2_pkcs8(exported, GNUTLS_X509_FMT_PEM, NULL, GNUTLS_PKCS_PLAIN, &pkcs8);
  int error = gnutls_certificate_set_rawpk_key_mem(stranger->credentials, &spki, &pkcs8, GNUTLS_X509_FMT_PEM,
                                                   NULL, 0, NULL, 0, 0);
  CU_ASSERT_EQUAL_FATAL(error, 0);
  gnutls_free(spki.data);
  gnutls_free(pkcs8.data);
  gnutls_x509_privkey_deinit(exported);
  gnutls_pubkey_deinit(public_half);
  gnutls_privkey_deinit(private_half);
}

static inline void stranger_use_shared(struct stranger *stranger) {
  if (stranger->config.role == ROLE_CLIENT) {
    uint8_t key[KEY_BYTES];
    stranger_key(stranger, key);
    gnutls_psk_allocate_client_credentials(&stranger->client_key);
    gnutls_psk_set_client_credentials(stranger->client_key, "udpcp", &(gnutls_datum_t){key, KEY_BYTES},
                                      GNUTLS_PSK_KEY_RAW);
    gnutls_credentials_set(stranger->tls, GNUTLS_CRD_PSK, stranger->client_key);
  } else {
    gnutls_psk_allocate_server_credentials(&stranger->server_key);
    gnutls_psk_set_server_credentials_function(stranger->server_key, stranger_find_key);
    gnutls_credentials_set(stranger->tls, GNUTLS_CRD_PSK, stranger->server_key);
  }
}

#endif
