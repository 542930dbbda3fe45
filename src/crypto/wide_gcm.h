/* wide_gcm: AES-128-GCM by the wide AES instructions of newer x86-64 CPUs; nonces of 12 bytes, tags of 16. */
#ifndef CRYPTO_WIDE_GCM_H
#define CRYPTO_WIDE_GCM_H

#include "udpcp/base.h"

struct wide_gcm;

/* The machine can, and the program was built to: decided once, by the first who asks. */
bool wide_gcm_is_here(void);
/* Copies the key, of 16 bytes. NULL where it is not here, or when out of memory. */
struct wide_gcm *wide_gcm_new(const uint8_t *key);
void wide_gcm_free(struct wide_gcm *gcm); /* wipes; takes NULL */

/* Both may be called by any number of threads. `out` may equal `payload`; the tag stands behind `size` bytes
 * of it, sealed. Opening: 0 or ERR_UNAUTHENTIC, and then what is at `out` is of no use. */
void wide_gcm_seal(const struct wide_gcm *gcm, const uint8_t *nonce, const uint8_t *header,
                   size_t header_size, const uint8_t *payload, size_t size, uint8_t *out);
int wide_gcm_open(const struct wide_gcm *gcm, const uint8_t *nonce, const uint8_t *header, size_t header_size,
                  const uint8_t *payload, size_t size, uint8_t *out);

#endif
