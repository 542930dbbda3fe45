/* seen: an open-addressing table, at most half full. One bit of each hash tells folders from files. */
#include "seen.h"

#include <stdlib.h>
#include <string.h>

enum { SLOTS_AT_FIRST = 1024, KIND_BIT = 1 };

void seen_clear(struct seen *seen) {
  free(seen->slots);
  *seen = (struct seen){NULL, 0, 0};
}

static struct hash128 key_of(const uint8_t *name, size_t size) {
  struct hash128 key = hash_128(name, size);
  key.bytes[15] &= (uint8_t)~KIND_BIT;
  key.bytes[14] |= 1; /* never all zeros */
  return key;
}

static bool is_free(const struct hash128 *slot) { return (slot->bytes[14] & 1) == 0; }

/* The slot of that name, or the free one where it belongs. */
static struct hash128 *find(const struct seen *seen, const struct hash128 *key) {
  size_t at;
  memcpy(&at, key->bytes, sizeof(at));
  for (at &= seen->slot_count - 1;; at = (at + 1) & (seen->slot_count - 1)) {
    struct hash128 *slot = &seen->slots[at];
    if (is_free(slot)) return slot;
    uint8_t difference = (slot->bytes[15] ^ key->bytes[15]) & (uint8_t)~KIND_BIT;
    if (difference == 0 && memcmp(slot->bytes, key->bytes, 15) == 0) return slot;
  }
}

static int grow(struct seen *seen) {
  struct seen larger = {.slot_count = seen->slot_count ? 2 * seen->slot_count : SLOTS_AT_FIRST,
                        .count = seen->count};
  larger.slots = calloc(larger.slot_count, sizeof(larger.slots[0]));
  if (!larger.slots) return ERR_NO_MEMORY;
  for (size_t i = 0; i < seen->slot_count; i++)
    if (!is_free(&seen->slots[i])) *find(&larger, &seen->slots[i]) = seen->slots[i];
  free(seen->slots);
  *seen = larger;
  return 0;
}

int seen_add(struct seen *seen, const uint8_t *name, size_t size, enum entry_kind kind) {
  if (2 * seen->count >= seen->slot_count) {
    int failure = grow(seen);
    if (failure < 0) return failure;
  }
  struct hash128 key = key_of(name, size);
  struct hash128 *slot = find(seen, &key);
  if (!is_free(slot)) {
    bool was_folder = (slot->bytes[15] & KIND_BIT) != 0;
    return was_folder && kind == ENTRY_FOLDER ? 0 : ERR_EXISTS;
  }
  *slot = key;
  if (kind == ENTRY_FOLDER) slot->bytes[15] |= KIND_BIT;
  seen->count++;
  return 0;
}

/* What stands behind a freed slot may have been put there because the slot was taken: it is put again. */
bool seen_remove(struct seen *seen, const uint8_t *name, size_t size) {
  struct hash128 key = key_of(name, size);
  struct hash128 *slot = seen->slot_count > 0 ? find(seen, &key) : NULL;
  if (!slot || is_free(slot)) return false;
  memset(slot, 0, sizeof(*slot));
  seen->count--;
  for (size_t at = (size_t)(slot - seen->slots);;) {
    at = (at + 1) & (seen->slot_count - 1);
    struct hash128 moved = seen->slots[at];
    if (is_free(&moved)) return true;
    memset(&seen->slots[at], 0, sizeof(moved));
    *find(seen, &moved) = moved;
  }
}

bool seen_has(const struct seen *seen, const uint8_t *name, size_t size) {
  struct hash128 key = key_of(name, size);
  return seen->slot_count > 0 && !is_free(find(seen, &key));
}
