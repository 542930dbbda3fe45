/* address: where a datagram came from, as bytes to compare; only the io layer knows what they mean. */
#include "udpcp/base.h"

#include <assert.h>
#include <string.h>

bool address_equal(const struct address *a, const struct address *b) {
  assert(a->size <= sizeof(a->bytes) && b->size <= sizeof(b->bytes));
  return a->size == b->size && memcmp(a->bytes, b->bytes, a->size) == 0;
}
