/* proof: the bytes behind an INITIAL packet that show what its sender holds (proto/wire.md section 8.4). */
#ifndef CRYPTO_PROOF_H
#define CRYPTO_PROOF_H

#include "udpcp/crypto.h"

/* What the end of this role puts behind its packet; `bytes` are all of the packet before it. */
void proof_make(enum crypto_role role, const struct tls_config *config, const uint8_t *bytes, size_t size,
                uint8_t proof[PROOF_BYTES]);
/* Whether the packet is from an end of the role `from` that this end, configured so, listens to. */
bool proof_check(enum crypto_role from, const struct tls_config *config, const uint8_t *bytes, size_t size,
                 const uint8_t proof[PROOF_BYTES]);

#endif
