/* listing: a folder read whole and sorted, so that the same tree is always walked in the same order, and that
 * no directory stream stays open while the walk is somewhere below. */
#include "listing.h"

#include "udpcp/base.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

void listing_clear(struct listing *listing) {
  free(listing->bytes);
  free(listing->names);
  *listing = (struct listing){NULL, NULL, 0};
}

static int compare_names(const void *one, const void *other) {
  return strcmp(*(const char *const *)one, *(const char *const *)other);
}

/* All names of the stream, behind one another. */
static int collect(struct listing *listing, DIR *stream, size_t *used) {
  size_t capacity = 0;
  for (;;) {
    errno = 0;
    const struct dirent *found = readdir(stream);
    if (!found) return errno == 0 ? 0 : error_from_errno(errno);
    if (strcmp(found->d_name, ".") == 0 || strcmp(found->d_name, "..") == 0) continue;
    size_t size = strlen(found->d_name) + 1;
    if (*used + size > capacity) {
      capacity = 2 * capacity + 1024 + size;
      char *larger = realloc(listing->bytes, capacity);
      if (!larger) return ERR_NO_MEMORY;
      listing->bytes = larger;
    }
    memcpy(listing->bytes + *used, found->d_name, size);
    *used += size;
    listing->count++;
  }
}

static int sort(struct listing *listing) {
  if (listing->count == 0) return 0;
  listing->names = malloc(listing->count * sizeof(listing->names[0]));
  if (!listing->names) return ERR_NO_MEMORY;
  const char *at = listing->bytes;
  for (size_t i = 0; i < listing->count; i++) {
    listing->names[i] = at;
    at += strlen(at) + 1;
  }
  qsort(listing->names, listing->count, sizeof(listing->names[0]), compare_names);
  return 0;
}

int listing_read(struct listing *listing, int fd) {
  *listing = (struct listing){NULL, NULL, 0};
  int own = fcntl(fd, F_DUPFD_CLOEXEC, 0);
  if (own < 0) return error_from_errno(errno);
  DIR *stream = fdopendir(own);
  if (!stream) {
    int failure = error_from_errno(errno);
    close(own);
    return failure;
  }
  size_t used = 0;
  int result = collect(listing, stream, &used);
  closedir(stream);
  if (result == 0) result = sort(listing);
  if (result < 0) listing_clear(listing);
  return result;
}
