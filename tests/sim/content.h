/* content: bytes that anyone can make or compare at any offset, so that a simulation of gigabytes needs no
 * copy. */
#ifndef SIM_CONTENT_H
#define SIM_CONTENT_H

#include "udpcp/base.h"

void content_fill(uint64_t seed, uint64_t offset, uint8_t *bytes, size_t size);
bool content_equals(uint64_t seed, uint64_t offset, const uint8_t *bytes, size_t size);
/* A name for some bytes. Not the library's hash: a fault in that one must not hide itself. */
uint64_t content_id(const uint8_t *bytes, size_t size);
/* A seed for one of many things that share a seed. */
uint64_t content_seed(uint64_t seed, uint64_t kind, uint64_t index);

#endif
