/* seen (private): which names of a walk were given out already, or which folders a sink made. Kept as 128-bit
 * hashes: a tree of a million files takes 32 MB, and two names that share one by chance are reported, not
 * lost in silence. */
#ifndef UDPCP_FS_SEEN_H
#define UDPCP_FS_SEEN_H

#include "udpcp/base.h"

struct seen {
  struct hash128 *slots; /* all zeros: free */
  size_t slot_count, count;
};

void seen_clear(struct seen *seen); /* an all-zero struct is an empty set */
/* 0 when the name is new, and now it is known. A folder may come again: trees merge. Anything else:
 * ERR_EXISTS. */
int seen_add(struct seen *seen, const uint8_t *name, size_t size, enum entry_kind kind);
/* False: it was not there. */
bool seen_remove(struct seen *seen, const uint8_t *name, size_t size);
bool seen_has(const struct seen *seen, const uint8_t *name, size_t size);

#endif
