/* manifest: the names of the objects that are announced and not yet done with (proto/transfer.md sections 2,
 * 8). */
#ifndef TRANSFER_MANIFEST_H
#define TRANSFER_MANIFEST_H

#include "message.h"

enum { NAME_BYTES_AHEAD_MAX = 1024 * 1024 }; /* of all names together */

struct manifest {
  uint8_t *bytes;               /* names, a ring; each in one piece */
  uint64_t first, end;          /* positions in use, counted without wrapping */
  size_t names_bytes;           /* sum of the names' sizes */
  uint8_t last[NAME_BYTES_MAX]; /* the name that the next one is compared with */
  uint32_t last_size;
  uint32_t shared_folders; /* bytes of it up to which its folders are those of the one before it */
};

/* ERR_NO_MEMORY. */
int manifest_init(struct manifest *manifest);
void manifest_clear(struct manifest *manifest);
/* How many bytes of names may be added. */
size_t manifest_room(const struct manifest *manifest);
/* Takes a copy of entry->name, which must fit, and points the entry to it. Returns where the name ends. */
uint64_t manifest_add(struct manifest *manifest, struct entry *entry);
/* Forgets the oldest entry's name; `end` as manifest_add returned it. */
void manifest_drop(struct manifest *manifest, const struct entry *entry, uint64_t end);
/* The message that announces an entry, with its name against the last one's. Points into the entry. */
void manifest_describe(const struct manifest *manifest, const struct entry *entry, struct message *message);
/* From now on this entry's name is the last one. */
void manifest_set_last(struct manifest *manifest, const struct entry *entry);
/* The entry that a message announces, its name put together in manifest->last, valid until the next one.
 * ERR_MALFORMED when it leans on more of the last name than there is. */
int manifest_read(struct manifest *manifest, const struct message *message, struct entry *entry);

#endif
