/* address: where a datagram came from, as bytes to compare; only the io layer knows what they mean. */
#include "udpcp/base.h"

#include <assert.h>
#include <string.h>

bool address_equal(const struct address *a, const struct address *b) {
  assert(a->size <= sizeof(a->bytes) && b->size <= sizeof(b->bytes));
  if (a->size != b->size) return false;
  enum { IPV4_BYTES = 16, IPV6_BYTES = 28 }; /* known beforehand, they are compared without a call */
  if (a->size == IPV4_BYTES) return memcmp(a->bytes, b->bytes, IPV4_BYTES) == 0;
  if (a->size == IPV6_BYTES) return memcmp(a->bytes, b->bytes, IPV6_BYTES) == 0;
  return memcmp(a->bytes, b->bytes, a->size) == 0;
}
