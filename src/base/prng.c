/* prng: numbers that look random and come out the same for the same seed, so that a simulation replays
 * exactly.
 *
 * xoshiro256** (Blackman and Vigna), its state filled from the seed by splitmix64 as its authors advise: a
 * seed of few bits must not give a state of few bits. */
#include "udpcp/base.h"

#include <assert.h>

static uint64_t splitmix64(uint64_t *state) {
  uint64_t mixed = *state += 0x9e3779b97f4a7c15ull;
  mixed = (mixed ^ mixed >> 30) * 0xbf58476d1ce4e5b9ull;
  mixed = (mixed ^ mixed >> 27) * 0x94d049bb133111ebull;
  return mixed ^ mixed >> 31;
}

static uint64_t rotate_left(uint64_t value, unsigned bits) { return value << bits | value >> (64 - bits); }

void prng_seed(struct prng *prng, uint64_t seed) {
  for (unsigned i = 0; i < 4; i++)
    prng->state[i] = splitmix64(&seed);
}

uint64_t prng_next(struct prng *prng) {
  uint64_t *state = prng->state;
  uint64_t result = rotate_left(state[1] * 5, 7) * 9;
  uint64_t shifted = state[1] << 17;
  state[2] ^= state[0];
  state[3] ^= state[1];
  state[1] ^= state[2];
  state[0] ^= state[3];
  state[2] ^= shifted;
  state[3] = rotate_left(state[3], 45);
  return result;
}

uint64_t prng_below(struct prng *prng, uint64_t bound) {
  assert(bound > 0);
  /* The lowest 2^64 mod bound values would make some remainders likelier than others. */
  uint64_t skipped = (0 - bound) % bound;
  uint64_t value;
  do
    value = prng_next(prng);
  while (value < skipped);
  return value % bound;
}
