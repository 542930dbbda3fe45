/* listing (private): the names in one folder, in the order of their bytes. */
#ifndef UDPCP_FS_LISTING_H
#define UDPCP_FS_LISTING_H

#include <stddef.h>

struct listing {
  char *bytes;        /* the names, each ended by NUL */
  const char **names; /* sorted, without "." and ".." */
  size_t count;
};

/* Reads the folder; `fd` stays open. 0 or an error; then the listing is empty. */
int listing_read(struct listing *listing, int fd);
void listing_clear(struct listing *listing);

#endif
