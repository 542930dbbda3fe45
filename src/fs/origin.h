/* origin (private): what the walk and the opening of files share - the paths a user gave. */
#ifndef UDPCP_FS_ORIGIN_H
#define UDPCP_FS_ORIGIN_H

#include "listing.h"
#include "seen.h"
#include "udpcp/fs.h"

#include <sys/stat.h>

struct origin {
  const char *path; /* as typed */
  const char *last; /* in it: the component under which it arrives */
  size_t last_size; /* 0: its contents arrive, not itself */
  size_t name_size; /* of the name under which it arrives; 0: right in the receiver's folder */
  int fd;           /* of a folder, held while the source lives; -1: a file, opened by its path */
};

/* A folder being walked. */
struct level {
  int fd; /* the first level's belongs to its origin */
  size_t name_size;
  struct stat status;
  struct listing listing;
  size_t next;
};

struct source {
  size_t origin_count, origin_next;
  size_t level_count, level_capacity;
  struct level *levels;
  struct seen seen;
  bool has_overlap; /* of two trees that arrive in one place, each name has to be looked up */
  size_t prefix_size;
  uint8_t name[NAME_BYTES_MAX + 2 + NAME_COMPONENT_BYTES_MAX]; /* where the walk stands, or one too long */
  struct origin origins[];
};

/* The open flags of everything that is only read: the time of access is not ours to change. */
int origin_open(const struct origin *origin, int more_flags);

#endif
