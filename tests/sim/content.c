/* content: see content.h. The word at place j of a content is a hash of its seed and j (the output function
 * of splitmix64), so any part of it can be made without the rest. */
#include "content.h"

#include <string.h>

enum { WORD_BYTES = 8 };

static uint64_t mix(uint64_t x) {
  x = (x ^ x >> 30) * 0xbf58476d1ce4e5b9ull;
  x = (x ^ x >> 27) * 0x94d049bb133111ebull;
  return x ^ x >> 31;
}

static uint64_t word_at(uint64_t seed, uint64_t place) {
  return mix(seed + (place + 1) * 0x9e3779b97f4a7c15ull);
}

uint64_t content_seed(uint64_t seed, uint64_t kind, uint64_t index) {
  return mix(mix(seed + kind * 0xd1342543de82ef95ull) + index);
}

/* The part of a word that begins at `offset`, and how many bytes of it are wanted. */
static size_t part_at(uint64_t seed, uint64_t offset, size_t size, uint8_t part[WORD_BYTES]) {
  uint64_t word = word_at(seed, offset / WORD_BYTES);
  size_t skipped = offset % WORD_BYTES;
  size_t length = WORD_BYTES - skipped < size ? WORD_BYTES - skipped : size;
  memcpy(part, (const uint8_t *)&word + skipped, length);
  return length;
}

void content_fill(uint64_t seed, uint64_t offset, uint8_t *bytes, size_t size) {
  uint8_t part[WORD_BYTES];
  while (size > 0) {
    size_t length = part_at(seed, offset, size, part);
    if (length == WORD_BYTES)
      memcpy(bytes, part, WORD_BYTES);
    else
      memcpy(bytes, part, length);
    bytes += length;
    offset += length;
    size -= length;
  }
}

bool content_equals(uint64_t seed, uint64_t offset, const uint8_t *bytes, size_t size) {
  uint8_t part[WORD_BYTES];
  while (size > 0) {
    size_t length = part_at(seed, offset, size, part);
    if (memcmp(bytes, part, length) != 0) return false;
    bytes += length;
    offset += length;
    size -= length;
  }
  return true;
}

uint64_t content_id(const uint8_t *bytes, size_t size) {
  uint64_t id = mix(size + 1);
  for (; size >= WORD_BYTES; bytes += WORD_BYTES, size -= WORD_BYTES) {
    uint64_t word;
    memcpy(&word, bytes, WORD_BYTES);
    id = (id ^ word) * 0xff51afd7ed558ccdull;
    id ^= id >> 32;
  }
  uint64_t rest = 0;
  if (size > 0) memcpy(&rest, bytes, size);
  return mix(id ^ rest);
}
