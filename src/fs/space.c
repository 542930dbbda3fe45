/* space: a disk that is too small says so before the network has carried the file.
 *
 * Where the file system can, the room is taken at once (fallocate). Where it cannot, or where that would
 * touch every page once more (tmpfs), the room is pledged: every later file is measured against what is free
 * minus all that the pledged ones have still to write. Files are measured one after another, because what one
 * has just been given is not free for the next. */
#include "space.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <sys/vfs.h>
#include <unistd.h>

enum {
  RESERVE_BYTES_MIN = 1 << 20, /* smaller files are not worth the calls */
  STAT_BLOCK_BYTES = 512,
};

static uint64_t pledged_on(struct sink *sink, dev_t device) {
  uint64_t sum = 0;
  pthread_mutex_lock(&sink->lock);
  for (const struct sink_file *file = sink->pledges; file; file = file->next_pledge)
    if (file->device == device && __builtin_add_overflow(sum, file->pledged, &sum)) sum = UINT64_MAX;
  pthread_mutex_unlock(&sink->lock);
  return sum;
}

static void pledge(struct sink *sink, struct sink_file *file, uint64_t size) {
  pthread_mutex_lock(&sink->lock);
  file->pledged = size;
  file->next_pledge = sink->pledges;
  sink->pledges = file;
  pthread_mutex_unlock(&sink->lock);
}

static bool has_room(struct sink *sink, dev_t device, const struct statfs *system, uint64_t needed) {
  if (system->f_blocks == 0) return true; /* a file system that does not say */
  uint64_t block_size = (uint64_t)(system->f_frsize > 0 ? system->f_frsize : system->f_bsize);
  uint64_t free_blocks = (uint64_t)(geteuid() == 0 ? system->f_bfree : system->f_bavail), free_bytes;
  if (__builtin_mul_overflow(free_blocks, block_size, &free_bytes)) free_bytes = UINT64_MAX;
  return needed <= free_bytes && pledged_on(sink, device) <= free_bytes - needed;
}

/* 0: the room is the file's; 1: this file system does not give it in advance. */
static int preallocate(int fd, uint64_t size) {
  while (fallocate(fd, FALLOC_FL_KEEP_SIZE, 0, (off_t)size) != 0) {
    if (errno == ENOSPC || errno == EDQUOT || errno == EFBIG || errno == EIO) return error_from_errno(errno);
    if (errno != EINTR) return 1;
  }
  return 0;
}

int space_take(struct sink *sink, struct sink_file *file, int fd, const struct stat *status) {
  struct statfs system;
  uint64_t has = (uint64_t)status->st_blocks * STAT_BLOCK_BYTES;
  uint64_t needed = file->size > has ? file->size - has : 0;
  if (file->size < RESERVE_BYTES_MIN) return 0;
  if (file->size > INT64_MAX) return ERR_DISK_FULL;
  pthread_mutex_lock(&sink->space_lock);
  int result = fstatfs(fd, &system) == 0 ? 0 : error_from_errno(errno);
  if (result == 0 && !has_room(sink, status->st_dev, &system, needed)) result = ERR_DISK_FULL;
  if (result == 0) result = system.f_type == TMPFS_MAGIC ? 1 : preallocate(fd, file->size);
  if (result == 1) pledge(sink, file, needed);
  pthread_mutex_unlock(&sink->space_lock);
  return result < 0 ? result : 0;
}

void space_use(struct sink_file *file, uint64_t size) {
  file->pledged -= size < file->pledged ? size : file->pledged;
}

void space_give_back(struct sink *sink, struct sink_file *file) {
  pthread_mutex_lock(&sink->lock);
  for (struct sink_file **at = &sink->pledges; *at; at = &(*at)->next_pledge) {
    if (*at != file) continue;
    *at = file->next_pledge;
    break;
  }
  pthread_mutex_unlock(&sink->lock);
}
