/* tls_failure: what to tell people about a handshake that failed. */
#ifndef CRYPTO_TLS_FAILURE_H
#define CRYPTO_TLS_FAILURE_H

#include "udpcp/crypto.h"

enum { FAILURE_BYTES = 96 };

/* One phrase for a GnuTLS error, terminated; `config` is what this end expected. Returns the enum error. */
int tls_failure(int tls_error, const struct tls_config *config, char text[FAILURE_BYTES]);

#endif
