/* hash: XXH3, for packets' checksums and blocks' hashes (proto/wire.md section 8).
 *
 * The library's plain calls are compiled for the oldest CPU of their architecture; on x86-64 its dispatching
 * calls find out once which vector instructions there are, which makes them up to four times as fast. The
 * header below replaces the XXH3 names by those calls. */
#include "udpcp/base.h"

#include <assert.h>

#define XXH_STATIC_LINKING_ONLY /* for the size of XXH3_state_t, so that it can stand on the stack */
#if defined(__x86_64__)
#include <xxh_x86dispatch.h>
#else
#include <xxhash.h>
#endif

uint64_t hash_64(const void *bytes, size_t size) {
  assert(bytes || size == 0);
  return XXH3_64bits(bytes, size);
}

/* A function of its own, never inlined, so that only who needs the state pays for its place on the stack. */
static __attribute__((noinline)) uint64_t hash_64_apart(const uint8_t *head, size_t head_size,
                                                        const uint8_t *body, size_t body_size) {
  XXH3_state_t state;
  (void)XXH3_64bits_reset(&state);
  (void)XXH3_64bits_update(&state, head, head_size);
  (void)XXH3_64bits_update(&state, body, body_size);
  return XXH3_64bits_digest(&state);
}

uint64_t hash_64_of_two(const uint8_t *head, size_t head_size, const uint8_t *body, size_t body_size) {
  assert((head || head_size == 0) && (body || body_size == 0));
  if (body_size == 0) return hash_64(head, head_size);
  if (head_size == 0 || head + head_size == body)
    return hash_64(head_size > 0 ? head : body, head_size + body_size);
  return hash_64_apart(head, head_size, body, body_size);
}

struct hash128 hash_128(const void *bytes, size_t size) {
  assert(bytes || size == 0);
  XXH128_canonical_t canonical;
  XXH128_canonicalFromHash(&canonical, XXH3_128bits(bytes, size));
  struct hash128 hash;
  static_assert(sizeof(hash.bytes) == sizeof(canonical.digest), "XXH3-128 is 16 bytes");
  for (unsigned i = 0; i < sizeof(hash.bytes); i++)
    hash.bytes[i] = canonical.digest[i];
  return hash;
}
