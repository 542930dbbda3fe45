/* hkdf: every key of the protocol is derived by these two steps (proto/wire.md section 8.1). */
#ifndef CRYPTO_HKDF_H
#define CRYPTO_HKDF_H

#include <stddef.h>
#include <stdint.h>

enum { SECRET_BYTES = 32 };

/* HKDF-Extract of RFC 5869 with SHA-256. */
void hkdf_extract(const void *salt, size_t salt_size, const void *bytes, size_t size,
                  uint8_t secret[SECRET_BYTES]);
/* HKDF-Expand-Label of RFC 8446 section 7.1 with SHA-256 and an empty context; `out` may be `secret`. */
void hkdf_expand_label(const uint8_t secret[SECRET_BYTES], const char *label, uint8_t *out, size_t size);
/* What is derived from a key that two ends share; each purpose has a label of its own. */
void hkdf_of_shared_key(const uint8_t key[SECRET_BYTES], const char *label, uint8_t out[SECRET_BYTES]);

#endif
