/*
 * Random numbers that can be asked for by name: a draw is a hash of (seed, packet number, purpose), so the
 * decision about a packet depends on nothing but the seed and its place in the stream. Switching one
 * impairment on or off leaves the decisions of all others as they were. The hash is the output function of
 * splitmix64 (Steele, Lea, Flood: Fast Splittable Pseudorandom Number Generators, 2014).
 */
#ifndef NETLAB_RANDOM_H
#define NETLAB_RANDOM_H

#include <stdint.h>

static inline uint64_t random_mix(uint64_t x) {
  x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9u;
  x = (x ^ (x >> 27)) * 0x94d049bb133111ebu;
  return x ^ (x >> 31);
}

static inline uint64_t random_draw(uint64_t seed, uint64_t index, uint64_t purpose) {
  uint64_t stream = random_mix(seed + purpose * 0xd1342543de82ef95u);

  return random_mix(stream + (index + 1) * 0x9e3779b97f4a7c15u);
}

/* A draw as a number in [0, 1), with 53 random bits. */
static inline double random_unit(uint64_t draw) { return (double)(draw >> 11) * 0x1p-53; }

#endif
