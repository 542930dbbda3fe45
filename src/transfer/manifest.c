/* manifest: see the header. Entries come and go in the order of their numbers, so their names live in a ring
 * and need no allocation. A name is never broken at the ring's end: the rest of the turn is left unused
 * instead, which the spare bytes make up for. */
#include "manifest.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

enum { RING_BYTES = NAME_BYTES_AHEAD_MAX + NAME_BYTES_MAX };

int manifest_init(struct manifest *manifest) {
  manifest->first = manifest->end = 0;
  manifest->names_bytes = 0;
  manifest->last_size = manifest->shared_folders = 0;
  manifest->bytes = malloc(RING_BYTES);
  return manifest->bytes ? 0 : ERR_NO_MEMORY;
}

void manifest_clear(struct manifest *manifest) {
  free(manifest->bytes);
  manifest->bytes = NULL;
}

size_t manifest_room(const struct manifest *manifest) { return NAME_BYTES_AHEAD_MAX - manifest->names_bytes; }

uint64_t manifest_add(struct manifest *manifest, struct entry *entry) {
  assert(entry->name_size > 0 && entry->name_size <= manifest_room(manifest));
  size_t at = manifest->end % RING_BYTES;
  if (entry->name_size > RING_BYTES - at) {
    manifest->end += RING_BYTES - at;
    at = 0;
  }
  memcpy(manifest->bytes + at, entry->name, entry->name_size);
  entry->name = manifest->bytes + at;
  manifest->end += entry->name_size;
  manifest->names_bytes += entry->name_size;
  assert(manifest->end - manifest->first <= RING_BYTES && "at most one turn's end is unused at a time");
  return manifest->end;
}

void manifest_drop(struct manifest *manifest, const struct entry *entry, uint64_t end) {
  assert(end > manifest->first && end <= manifest->end && entry->name_size <= manifest->names_bytes);
  manifest->first = end;
  manifest->names_bytes -= entry->name_size;
}

void manifest_describe(const struct manifest *manifest, const struct entry *entry, struct message *message) {
  uint32_t shared = 0, limit = entry->name_size;
  if (limit > manifest->last_size) limit = manifest->last_size;
  while (shared < limit && entry->name[shared] == manifest->last[shared])
    shared++;
  *message = (struct message){.type = MESSAGE_ENTRY,
                              .entry = {.kind = entry->kind,
                                        .mode = entry->mode & MODE_MAX,
                                        .size = entry->size,
                                        .mtime_s = entry->mtime_s,
                                        .mtime_ns = entry->mtime_ns,
                                        .shared = shared,
                                        .rest_size = entry->name_size - shared,
                                        .rest = entry->name + shared}};
}

void manifest_set_last(struct manifest *manifest, const struct entry *entry) {
  memcpy(manifest->last, entry->name, entry->name_size);
  manifest->last_size = entry->name_size;
}

/* Up to where the last name and the next one run through the same folders, or are one. What the sender says
 * they share may be less than they do. */
static uint32_t shared_folders(const struct manifest *manifest, const struct message *message) {
  const uint8_t *last = manifest->last, *rest = message->entry.rest;
  uint32_t shared = message->entry.shared, size = shared + message->entry.rest_size, common = shared;
  while (common < size && common < manifest->last_size && rest[common - shared] == last[common])
    common++;
  bool ends_last = common == manifest->last_size || last[common] == '/';
  bool ends_next = common == size || rest[common - shared] == '/';
  if (ends_last && ends_next) return common;
  const uint8_t *slash = memrchr(last, '/', common);
  return slash ? (uint32_t)(slash - last) : 0;
}

int manifest_read(struct manifest *manifest, const struct message *message, struct entry *entry) {
  if (message->entry.shared > manifest->last_size) return ERR_MALFORMED;
  manifest->shared_folders = shared_folders(manifest, message);
  manifest->last_size = message->entry.shared + message->entry.rest_size;
  assert(manifest->last_size <= sizeof(manifest->last) && "message_read checked the sum");
  memcpy(manifest->last + message->entry.shared, message->entry.rest, message->entry.rest_size);
  *entry = (struct entry){.kind = message->entry.kind,
                          .mode = message->entry.mode,
                          .size = message->entry.size,
                          .mtime_s = message->entry.mtime_s,
                          .mtime_ns = message->entry.mtime_ns,
                          .name_size = (uint16_t)manifest->last_size,
                          .name = manifest->last};
  return 0;
}
