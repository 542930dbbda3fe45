/* unnamed: small files on their way without a name (O_TMPFILE), until they get their final one.
 *
 * What has no name can neither be exchanged nor left behind by a crash, and needs no looks at what its name
 * leads to; and making a name once costs less than making and changing it. What cannot be had everywhere is
 * to give it a name later: not on every file system, and from Linux 6.10 on without privileges. So the first
 * small file of all is made without a name and at once given that of a part file, which shows it. Every file
 * stays open and holds its folder: where descriptors are short it gets a name. */
#include "unnamed.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

enum { NAME_TRIES = 8 };

void part_invent_name(struct sink *sink, struct sink_file *file) {
  pthread_mutex_lock(&sink->lock);
  uint64_t number = prng_next(&sink->names);
  pthread_mutex_unlock(&sink->lock);
  snprintf(file->part, sizeof(file->part), ".udpcp-%016llx.part", (unsigned long long)number);
}

static bool is_fit(const struct sink *sink, const struct sink_file *file, const struct folder *folder) {
  return file->size <= UNNAMED_BYTES_MAX && folder->device == sink->folders.device;
}

static int open_unnamed(const struct folder *folder, mode_t mode) {
  return openat(folder->fd, ".", O_TMPFILE | O_RDWR | O_CLOEXEC, mode);
}

int unnamed_link(int fd, const struct folder *folder, const char *name) {
  return linkat(fd, "", folder->fd, name, AT_EMPTY_PATH) == 0 ? 0 : errno;
}

/* Room for its descriptor and its folder's. */
static bool reserve(struct sink *sink) {
  pthread_mutex_lock(&sink->lock);
  bool has_room = sink->unnamed == UNNAMED_POSSIBLE && sink->open_count + 2 <= sink->open_max;
  if (has_room) sink->open_count += 2;
  pthread_mutex_unlock(&sink->lock);
  return has_room;
}

static void give_back(struct sink *sink) {
  pthread_mutex_lock(&sink->lock);
  sink->open_count -= 2;
  pthread_mutex_unlock(&sink->lock);
}

/* In a folder that was removed file systems refuse it for various reasons. */
static int open_error(const struct folder *folder, int failure) {
  struct stat status;
  if (fstat(folder->fd, &status) == 0 && status.st_nlink == 0) return ERR_NOT_FOUND;
  return failure == EOPNOTSUPP ? ERR_AGAIN : error_from_errno(failure);
}

int unnamed_begin(struct sink *sink, struct sink_file *file, struct folder *folder) {
  if (!is_fit(sink, file, folder) || !reserve(sink)) return ERR_AGAIN;
  int result = folders_begin_part(&sink->folders, folder);
  if (result == 0) {
    file->fd = open_unnamed(folder, file->mode & 0777);
    if (file->fd < 0) {
      result = open_error(folder, errno);
      folders_end_part(&sink->folders, folder);
    }
  }
  if (result < 0) {
    give_back(sink);
    return result;
  }
  folders_share(&sink->folders, folder);
  file->folder = folder;
  file->device = folder->device;
  file->is_unnamed = file->is_in_folder = true;
  return 0;
}

/* What it says of all files that one could not be made, or not be linked: no room, or a folder that may not
 * be written, says nothing. */
static enum unnamed learn(int open_failure, int link_failure) {
  switch (open_failure) {
  case 0:
    break;
  case EOPNOTSUPP:
  case ENOSYS:
  case EINVAL:
  case EISDIR: /* Linux before 3.11 */
    return UNNAMED_IMPOSSIBLE;
  default:
    return UNNAMED_UNKNOWN;
  }
  if (link_failure == 0 || link_failure == EEXIST) return UNNAMED_POSSIBLE;
  bool is_full = link_failure == ENOSPC || link_failure == EDQUOT || link_failure == EIO;
  return is_full ? UNNAMED_UNKNOWN : UNNAMED_IMPOSSIBLE;
}

int unnamed_try(struct sink *sink, const struct sink_file *file, const struct folder *folder) {
  pthread_mutex_lock(&sink->lock);
  bool is_known = sink->unnamed != UNNAMED_UNKNOWN;
  pthread_mutex_unlock(&sink->lock);
  if (is_known || !is_fit(sink, file, folder)) return ERR_AGAIN;
  int fd = open_unnamed(folder, 0600);
  int open_failure = fd < 0 ? errno : 0;
  int link_failure = fd < 0 ? 0 : unnamed_link(fd, folder, file->part);
  if (fd >= 0 && link_failure != 0) close(fd);
  pthread_mutex_lock(&sink->lock);
  sink->unnamed = learn(open_failure, link_failure);
  pthread_mutex_unlock(&sink->lock);
  return fd >= 0 && link_failure == 0 ? fd : ERR_AGAIN;
}

int unnamed_name(struct sink *sink, struct sink_file *file, const struct folder *folder) {
  int failure = EEXIST;
  for (int i = 0; i < NAME_TRIES && failure == EEXIST; i++) {
    part_invent_name(sink, file);
    failure = unnamed_link(file->fd, folder, file->part);
  }
  if (failure != 0) return error_from_errno(failure);
  file->is_unnamed = false;
  return 0;
}

void unnamed_leave(struct sink *sink, struct sink_file *file) {
  if (!file->is_in_folder) return;
  file->is_in_folder = false;
  folders_end_part(&sink->folders, file->folder);
}
