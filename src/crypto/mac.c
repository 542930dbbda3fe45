/* mac: the one keyed hash outside the packet path, for address validation tokens (proto/transport.md section
 * 3). */
#include "udpcp/crypto.h"

#include <assert.h>
#include <gnutls/crypto.h>
#include <gnutls/gnutls.h>
#include <string.h>

enum { SHA256_BYTES = 32 };

void crypto_mac(const uint8_t key[MAC_KEY_BYTES], const void *bytes, size_t size, uint8_t mac[MAC_BYTES]) {
  uint8_t full[SHA256_BYTES];
  int error = gnutls_hmac_fast(GNUTLS_MAC_SHA256, key, MAC_KEY_BYTES, bytes, size, full);
  assert(error == 0 && "the algorithm is built in, and its key and input have no forbidden size");
  memcpy(mac, full, MAC_BYTES);
  gnutls_memset(full, 0, sizeof(full));
}

bool crypto_equal(const uint8_t *a, const uint8_t *b, size_t size) { return gnutls_memcmp(a, b, size) == 0; }
