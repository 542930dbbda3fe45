/* identity: this machine's Ed25519 key pair as TLS wants it (RFC 7250 raw public keys). */
#ifndef CRYPTO_IDENTITY_H
#define CRYPTO_IDENTITY_H

#include "udpcp/crypto.h"

#include <gnutls/gnutls.h>

/* Raw public key credentials, owned by the identity; their verify function is the TLS code's to set. */
gnutls_certificate_credentials_t identity_credentials(const struct identity *identity);

/* PKCS #8 in PEM. ERR_MALFORMED, ERR_NO_MEMORY; NULL and *error. */
struct identity *identity_from_pem(const char *pem, size_t size, int *error);
/* Allocated with malloc, `*size` bytes; wipe before freeing. NULL when out of memory. */
char *identity_to_pem(const struct identity *identity, size_t *size);

#endif
