/* mtu_probe: datagram path MTU discovery (RFC 8899, proto/transport.md section 7).
 *
 * What passes lies in [current, too_big). The ceiling is tried first because it nearly always passes; then
 * the middle of the interval, until at most MTU_PROBE_PRECISION bytes are left to win. A search that ended
 * below the ceiling starts again after 10 s, later after up to 60 s. */
#include "transport/mtu_probe.h"

#include <assert.h>

void mtu_probe_init(struct mtu_probe *mtu, size_t base, size_t ceiling) {
  if (ceiling < base) ceiling = base;
  *mtu = (struct mtu_probe){.base = base,
                            .current = base,
                            .ceiling = ceiling,
                            .too_big = ceiling + 1,
                            .raise_ns = MTU_RAISE_NS_MIN};
}

void mtu_probe_enable(struct mtu_probe *mtu, uint64_t now_ns) {
  mtu->enabled = true;
  mtu->next_at_ns = now_ns;
}

static void check(const struct mtu_probe *mtu) {
  assert(mtu->base <= mtu->current && mtu->current <= mtu->ceiling);
  assert(mtu->current < mtu->too_big && mtu->too_big <= mtu->ceiling + 1);
  assert(mtu->attempts < MTU_PROBE_TRIES);
}

/* Whether the interval is as narrow as it needs to be. The largest size in it is too_big - 1. */
static bool is_narrow(const struct mtu_probe *mtu) {
  return mtu->too_big - 1 - mtu->current <= MTU_PROBE_PRECISION;
}

uint64_t mtu_probe_deadline(const struct mtu_probe *mtu) {
  return mtu->enabled && mtu->probe == 0 && mtu->current < mtu->ceiling ? mtu->next_at_ns : TIME_NEVER;
}

size_t mtu_probe_next(const struct mtu_probe *mtu, uint64_t now_ns) {
  if (now_ns < mtu_probe_deadline(mtu)) return 0;
  if (is_narrow(mtu) || mtu->too_big > mtu->ceiling) return mtu->ceiling; /* a search begins */
  return mtu->current + (mtu->too_big - mtu->current) / 2;
}

void mtu_probe_on_sent(struct mtu_probe *mtu, size_t size) {
  assert(mtu->probe == 0 && size > mtu->current && size <= mtu->ceiling);
  if (size >= mtu->too_big) mtu->too_big = mtu->ceiling + 1; /* an old verdict is put to the test again */
  mtu->probe = size;
}

/* The interval changed; when the search is over, says when the next may begin. */
static void settle(struct mtu_probe *mtu, uint64_t now_ns) {
  mtu->probe = 0;
  mtu->attempts = 0;
  if (is_narrow(mtu) && mtu->current < mtu->ceiling) {
    mtu->next_at_ns = now_ns + mtu->raise_ns;
    mtu->raise_ns = 2 * mtu->raise_ns < MTU_RAISE_NS_MAX ? 2 * mtu->raise_ns : MTU_RAISE_NS_MAX;
  }
  check(mtu);
}

bool mtu_probe_on_acked(struct mtu_probe *mtu, uint64_t now_ns, size_t size) {
  if (size <= mtu->current || size > mtu->ceiling)
    return false; /* overtaken by a larger one that also passed */
  mtu->current = size;
  if (mtu->too_big <= size) mtu->too_big = mtu->ceiling + 1; /* it was only late: what was believed is void */
  mtu->signs = 0;
  mtu->passed = 0;
  mtu->raise_ns = MTU_RAISE_NS_MIN;
  mtu->attempts = 0;
  if (mtu->probe > size) return true; /* a larger one is still under way */
  settle(mtu, now_ns);
  return true;
}

/* Sizes from this one on are believed not to pass. */
static void refuse(struct mtu_probe *mtu, uint64_t now_ns, size_t size) {
  mtu->too_big = size > mtu->current ? size : mtu->current + 1;
  settle(mtu, now_ns);
}

bool mtu_probe_on_lost(struct mtu_probe *mtu, uint64_t now_ns, size_t size) {
  if (mtu->probe == 0 || size != mtu->probe) return false; /* decided meanwhile */
  mtu->probe = 0;
  if (++mtu->attempts == MTU_PROBE_TRIES) refuse(mtu, now_ns, size);
  return false;
}

/* Back to the base; the search goes on at once below the size that failed. */
static void fall_back(struct mtu_probe *mtu, uint64_t now_ns, size_t size) {
  mtu->current = mtu->base;
  mtu->signs = 0;
  mtu->passed = 0;
  mtu->raise_ns = MTU_RAISE_NS_MIN;
  mtu->next_at_ns = now_ns;
  refuse(mtu, now_ns, size);
}

bool mtu_probe_on_too_big(struct mtu_probe *mtu, uint64_t now_ns, size_t size) {
  if (size > mtu->ceiling) return false;
  if (size > mtu->current) {
    if (size < mtu->too_big) refuse(mtu, now_ns, size);
    return false;
  }
  if (mtu->current == mtu->base) return false; /* nothing smaller to fall back to */
  fall_back(mtu, now_ns, size);
  return true;
}

void mtu_probe_on_packet_acked(struct mtu_probe *mtu, size_t size) {
  if (mtu->signs > 0 && size >= mtu->suspect) mtu->signs = 0;
  mtu->passed = size;
}

bool mtu_probe_on_black_hole(struct mtu_probe *mtu, uint64_t now_ns, size_t size) {
  assert(size > mtu->base);
  if (size > mtu->current) return false;
  fall_back(mtu, now_ns, size);
  return true;
}

/* Congestion loses large packets too, dozens at once, but then others of that size come through. So a loss is
 * a sign only when the newest packet that arrived since the last sign was a smaller one. */
bool mtu_probe_on_packet_lost(struct mtu_probe *mtu, uint64_t now_ns, size_t size) {
  if (size <= mtu->base || size > mtu->current) return false; /* must pass; was sent before the last fall */
  if (mtu->passed == 0 || mtu->passed >= size) return false;
  mtu->passed = 0;
  if (mtu->signs == 0 || size < mtu->suspect) mtu->suspect = size;
  if (++mtu->signs < MTU_BLACK_HOLE_SIGNS) return false;
  fall_back(mtu, now_ns, mtu->suspect);
  return true;
}
