/* hkdf: RFC 5869 with SHA-256, and the labelled form that TLS 1.3 and QUIC derive their keys with. A label
 * says what a key is for, so that no two purposes ever share one. */
#include "crypto/hkdf.h"

#include "udpcp/base.h"

#include <assert.h>
#include <gnutls/crypto.h>
#include <gnutls/gnutls.h>
#include <string.h>

enum { LABEL_BYTES_MAX = 32, INFO_BYTES_MAX = 2 + 1 + LABEL_BYTES_MAX + 1 };
static const char label_prefix[] = "tls13 ";

void hkdf_extract(const void *salt, size_t salt_size, const void *bytes, size_t size,
                  uint8_t secret[SECRET_BYTES]) {
  gnutls_datum_t key = {(unsigned char *)bytes, (unsigned)size};
  gnutls_datum_t salted = {(unsigned char *)salt, (unsigned)salt_size};
  int error = gnutls_hkdf_extract(GNUTLS_MAC_SHA256, &key, &salted, secret);
  assert(error == 0 && "the algorithm is built in, takes any size and allocates nothing");
}

void hkdf_expand_label(const uint8_t secret[SECRET_BYTES], const char *label, uint8_t *out, size_t size) {
  size_t label_size = strlen(label), prefix_size = sizeof(label_prefix) - 1;
  assert(prefix_size + label_size <= LABEL_BYTES_MAX && size <= SECRET_BYTES);
  uint8_t info[INFO_BYTES_MAX], expanded[SECRET_BYTES];
  struct writer writer;
  writer_init(&writer, info, sizeof(info));
  write_u8(&writer, 0);
  write_u8(&writer, (uint8_t)size);
  write_u8(&writer, (uint8_t)(prefix_size + label_size));
  write_bytes(&writer, label_prefix, prefix_size);
  write_bytes(&writer, label, label_size);
  write_u8(&writer, 0);
  assert(!writer.failed);
  gnutls_datum_t key = {(unsigned char *)secret, SECRET_BYTES};
  gnutls_datum_t context = {info, (unsigned)writer_used(&writer)};
  int error = gnutls_hkdf_expand(GNUTLS_MAC_SHA256, &key, &context, expanded, size);
  assert(error == 0 && "the algorithm is built in, and less than 255 digests are asked for");
  memcpy(out, expanded, size);
  gnutls_memset(expanded, 0, sizeof(expanded));
}

void hkdf_of_shared_key(const uint8_t key[SECRET_BYTES], const char *label, uint8_t out[SECRET_BYTES]) {
  static const char salt[] = "udpcp/1 shared key";
  uint8_t secret[SECRET_BYTES];
  hkdf_extract(salt, sizeof(salt) - 1, key, SECRET_BYTES, secret);
  hkdf_expand_label(secret, label, out, SECRET_BYTES);
  gnutls_memset(secret, 0, sizeof(secret));
}
