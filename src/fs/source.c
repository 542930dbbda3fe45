/* source: one announced file, found again by its origin and its name, read without leaving a trace in it.
 *
 * Between the walk and the reading a file may be replaced, by a link even; so it is opened below its origin's
 * folder without following one, and must still be what was announced. A read that comes up short, or a stamp
 * that has moved at the end, says that the file changed: nobody may take such a mixture for the file. */
#include "beneath.h"
#include "origin.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

enum { ADVISE_BYTES_MIN = 1 << 20 }; /* for smaller files the kernel's own read-ahead does */

struct source_file {
  int fd;
};

static bool is_as_announced(int fd, const struct entry *entry) {
  struct stat status;
  return fstat(fd, &status) == 0 && S_ISREG(status.st_mode) && (uint64_t)status.st_size == entry->size &&
         status.st_mtim.tv_sec == entry->mtime_s && (uint32_t)status.st_mtim.tv_nsec == entry->mtime_ns;
}

/* An fd, or -1 and errno. */
static int open_announced(const struct origin *origin, const struct entry *entry) {
  if (origin->fd < 0) return origin_open(origin, 0);
  size_t skip = origin->name_size > 0 ? origin->name_size + 1 : 0;
  assert(entry->name_size > skip && "a file below an origin is named below it");
  return beneath_open(origin->fd, entry->name + skip, entry->name_size - skip,
                      O_RDONLY | O_NONBLOCK | O_NOATIME, 0);
}

int source_open(struct source *source, const struct entry *entry, struct source_file **file) {
  assert(entry->origin < source->origin_count && entry->kind == ENTRY_FILE);
  int fd = open_announced(&source->origins[entry->origin], entry);
  if (fd < 0) return errno == ELOOP || errno == ENXIO ? ERR_CHANGED : error_from_errno(errno);
  *file = malloc(sizeof(**file));
  if (!*file || !is_as_announced(fd, entry)) {
    int failure = *file ? ERR_CHANGED : ERR_NO_MEMORY;
    free(*file);
    *file = NULL;
    close(fd);
    return failure;
  }
  if (entry->size >= ADVISE_BYTES_MIN) posix_fadvise(fd, 0, 0, POSIX_FADV_SEQUENTIAL);
  (*file)->fd = fd;
  return 0;
}

int source_read(struct source_file *file, uint64_t offset, uint8_t *bytes, size_t size) {
  while (size > 0) {
    ssize_t got = pread(file->fd, bytes, size, (off_t)offset);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return error_from_errno(errno);
    if (got == 0) return ERR_CHANGED;
    bytes += got;
    offset += (uint64_t)got;
    size -= (size_t)got;
  }
  return 0;
}

int source_check(struct source_file *file, const struct entry *entry) {
  return is_as_announced(file->fd, entry) ? 0 : ERR_CHANGED;
}

void source_close(struct source_file *file) {
  if (!file) return;
  close(file->fd);
  free(file);
}
