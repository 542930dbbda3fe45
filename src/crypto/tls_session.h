/* tls_session: one TLS 1.3 handshake, from our parameters to both ends' secrets (proto/wire.md section 8.3).
 */
#ifndef CRYPTO_TLS_SESSION_H
#define CRYPTO_TLS_SESSION_H

#include "crypto/hkdf.h"
#include "crypto/tls_failure.h"
#include "udpcp/crypto.h"

#include <gnutls/gnutls.h>

enum {
  PARAMS_BYTES_MAX = 4096,
  MESSAGE_BYTES_MAX = PARAMS_BYTES_MAX + 1024, /* one handshake message, with its head */
  FLIGHT_BYTES_MAX = MESSAGE_BYTES_MAX + 1024, /* all that an end says at one level */
};

/* Traffic secrets of one level; zeros where there is none yet. */
struct tls_secrets {
  bool has_recv, has_send;
  uint8_t recv[SECRET_BYTES], send[SECRET_BYTES];
};

struct tls_flight {
  size_t size, given;
  uint8_t bytes[FLIGHT_BYTES_MAX];
};

struct tls_session {
  enum crypto_role role;
  const struct tls_config *config;
  gnutls_session_t tls; /* NULL when complete or failed */
  gnutls_psk_client_credentials_t client_key;
  gnutls_psk_server_credentials_t server_key;
  enum crypto_level peer_level; /* of the peer's next message */
  int error;                    /* sticky; 0 while all is well */
  char failure[FAILURE_BYTES];
  bool is_complete;
  bool has_peer_key, has_peer_params;
  struct public_key peer_key;
  gnutls_cipher_algorithm_t cipher; /* valid once there are secrets */
  struct tls_secrets handshake, data;
  size_t in_size, params_size, peer_params_size;
  uint8_t in[MESSAGE_BYTES_MAX]; /* a message that has not come in full */
  uint8_t params[PARAMS_BYTES_MAX], peer_params[PARAMS_BYTES_MAX];
  struct tls_flight out[LEVEL_DATA]; /* INITIAL and HANDSHAKE */
};

/* A client has its first message ready. `config` is borrowed. NULL and *error. */
struct tls_session *tls_session_new(enum crypto_role role, const struct tls_config *config,
                                    const uint8_t *params, size_t size, int *error);
/* Wipes; takes NULL. */
void tls_session_free(struct tls_session *session);
/* As on_handshake and next_handshake of crypto_ops. */
int tls_session_take(struct tls_session *session, enum crypto_level level, const uint8_t *bytes, size_t size);
size_t tls_session_give(struct tls_session *session, enum crypto_level level, uint8_t *bytes,
                        size_t capacity);

#endif
