/* kept: see the header.
 *
 * The names follow from the entry, so that it is found again, and can be foreseen by anybody: so whatever
 * stands there is looked at before it is trusted with a byte (a regular file, ours, under this one name,
 * writable by nobody else), and goes when it does not fit. What the journal and the part say is not trusted
 * at all: the receiver reads and hashes every block that it claims. A lock on the part file (flock) keeps two
 * sessions from filling it at the same time; it ends with whoever holds it, however that ends. */
#include "kept.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <time.h>
#include <unistd.h>

enum {
  TRIES = 4,
  FORGOTTEN_S = 7 * 24 * 3600, /* what nobody asked for in so long goes */
  OPEN_FLAGS = O_RDWR | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC,
};

static const char journal_suffix[] = ".journal", part_suffix[] = ".part";

/* ---- names ---- */
static void name_kept(struct sink_file *file, const struct entry *entry) {
  struct hash128 hash = entry_key(entry);
  size_t used = (size_t)snprintf(file->part, sizeof(file->part), ".udpcp-");
  for (size_t i = 0; i < sizeof(hash.bytes); i++)
    used += (size_t)snprintf(file->part + used, sizeof(file->part) - used, "%02x", hash.bytes[i]);
  snprintf(file->part + used, sizeof(file->part) - used, "%s", part_suffix);
}

static void name_journal(const struct sink_file *file, char name[PART_NAME_BYTES]) {
  size_t stem = strlen(file->part) - strlen(part_suffix);
  snprintf(name, PART_NAME_BYTES, "%.*s%s", (int)stem, file->part, journal_suffix);
}

/* ---- what stands there ---- */
static bool is_fit(const struct stat *status, uint64_t size_max) {
  return S_ISREG(status->st_mode) && status->st_uid == geteuid() && status->st_nlink == 1 &&
         (status->st_mode & (S_IWGRP | S_IWOTH)) == 0 && (uint64_t)status->st_size <= size_max;
}

/* Opens what fits, and removes what does not. An fd; ERR_NOT_FOUND: nothing is there now; ERR_AGAIN: it does
 * not go away. */
static int open_fit(int folder, const char *name, uint64_t size_max) {
  struct stat status, named;
  if (fstatat(folder, name, &named, AT_SYMLINK_NOFOLLOW) != 0)
    return errno == ENOENT ? ERR_NOT_FOUND : ERR_AGAIN;
  /* Looked at first: to open a device can be to use it. */
  int fd = is_fit(&named, size_max) ? openat(folder, name, OPEN_FLAGS) : -1;
  if (fd >= 0) {
    if (fstat(fd, &status) == 0 && is_fit(&status, size_max)) return fd;
    close(fd);
  }
  return unlinkat(folder, name, 0) == 0 ? ERR_NOT_FOUND : ERR_AGAIN;
}

static int create(int folder, const char *name) {
  int fd = openat(folder, name, OPEN_FLAGS | O_CREAT | O_EXCL, 0600);
  if (fd >= 0) return fd;
  return errno == EEXIST ? ERR_AGAIN : error_from_errno(errno);
}

/* Between opening and locking it may have got its final name, or have been removed. */
static bool still_stands(int folder, const char *name, int fd) {
  struct stat status, named;
  return fstat(fd, &status) == 0 && fstatat(folder, name, &named, AT_SYMLINK_NOFOLLOW) == 0 &&
         status.st_ino == named.st_ino && status.st_dev == named.st_dev;
}

static int open_part(int folder, const char *name, uint64_t size, bool *is_new) {
  for (int i = 0; i < TRIES; i++) {
    int fd = open_fit(folder, name, size);
    *is_new = fd == ERR_NOT_FOUND;
    if (*is_new) fd = create(folder, name);
    if (fd == ERR_AGAIN && *is_new) continue; /* somebody was quicker */
    if (fd < 0) return fd;
    bool is_locked = flock(fd, LOCK_EX | LOCK_NB) == 0;
    if (is_locked && still_stands(folder, name, fd)) return fd;
    close(fd);
    if (!is_locked) break;
  }
  return ERR_AGAIN;
}

/* An fd; negative when there can be none, which costs nothing but what it is for. */
static int open_journal(int folder, const char *name, bool is_new) {
  if (is_new) unlinkat(folder, name, 0);
  int fd = open_fit(folder, name, UINT64_MAX);
  return fd == ERR_NOT_FOUND ? create(folder, name) : fd;
}

/* ---- what was forgotten ---- */
static bool is_part_or_journal(const char *name) {
  size_t size = strlen(name);
  const char *const suffixes[] = {part_suffix, journal_suffix};
  if (strncmp(name, ".udpcp-", 7) != 0) return false;
  for (size_t i = 0; i < 2; i++)
    if (size > strlen(suffixes[i]) && strcmp(name + size - strlen(suffixes[i]), suffixes[i]) == 0)
      return true;
  return false;
}

/* By the time of its last change of any kind, which nobody can set. */
static void remove_forgotten(int folder, const char *name, time_t now) {
  struct stat status;
  if (fstatat(folder, name, &status, AT_SYMLINK_NOFOLLOW) != 0 || !is_fit(&status, UINT64_MAX)) return;
  if (status.st_ctim.tv_sec > now - FORGOTTEN_S) return;
  int fd = openat(folder, name, OPEN_FLAGS);
  if (fd < 0) return;
  if (flock(fd, LOCK_EX | LOCK_NB) == 0 && still_stands(folder, name, fd)) unlinkat(folder, name, 0);
  close(fd);
}

/* Once for as long as the folder stays open, so that many files in it cost one look. */
static void sweep(struct sink *sink, struct folder *folder) {
  pthread_mutex_lock(&sink->lock);
  bool is_due = !folder->is_swept;
  folder->is_swept = true;
  pthread_mutex_unlock(&sink->lock);
  int fd = is_due ? openat(folder->fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC) : -1;
  DIR *stream = fd >= 0 ? fdopendir(fd) : NULL;
  if (fd >= 0 && !stream) close(fd);
  if (!stream) return;
  const struct dirent *found;
  while ((found = readdir(stream)) != NULL)
    if (is_part_or_journal(found->d_name)) remove_forgotten(folder->fd, found->d_name, time(NULL));
  closedir(stream);
}

/* ---- all of it ---- */
int kept_open(struct sink *sink, struct sink_file *file, const struct entry *entry, struct folder *folder) {
  char journal[PART_NAME_BYTES];
  bool is_new;
  pthread_mutex_lock(&sink->lock);
  bool has_room = sink->open_count + 2 <= sink->open_max; /* both stay open: the lock is the descriptor's */
  if (has_room) sink->open_count += 2;
  pthread_mutex_unlock(&sink->lock);
  if (!has_room) return ERR_AGAIN;
  sweep(sink, folder);
  name_kept(file, entry);
  name_journal(file, journal);
  int fd = open_part(folder->fd, file->part, entry->size, &is_new);
  if (fd >= 0) file->journal = open_journal(folder->fd, journal, is_new);
  if (fd >= 0 && file->journal < 0) { /* without it nothing could be taken over: like any other part file */
    file->journal = -1;
    unlinkat(folder->fd, file->part, 0);
    close(fd);
    fd = ERR_AGAIN;
  }
  if (fd >= 0) {
    file->fd = fd;
    return fd;
  }
  pthread_mutex_lock(&sink->lock);
  sink->open_count -= 2;
  pthread_mutex_unlock(&sink->lock);
  return fd;
}

void kept_forget(const struct sink_file *file, const struct folder *folder) {
  char journal[PART_NAME_BYTES];
  if (file->journal < 0) return;
  name_journal(file, journal);
  unlinkat(folder->fd, journal, 0);
}

/* ---- what is in it ---- */
static int read_some(int fd, uint64_t offset, uint8_t *bytes, size_t size) {
  size_t used = 0;
  while (used < size) {
    ssize_t got = pread(fd, bytes + used, size - used, (off_t)(offset + used));
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return error_from_errno(errno);
    if (got == 0) break;
    used += (size_t)got;
  }
  return (int)used;
}

int sink_recall(struct sink *sink, struct sink_file *file, uint64_t offset, uint8_t *bytes, size_t size) {
  (void)sink;
  return file->journal < 0 || offset > INT64_MAX - size ? 0 : read_some(file->journal, offset, bytes, size);
}

int sink_note(struct sink *sink, struct sink_file *file, uint64_t offset, const uint8_t *bytes, size_t size) {
  (void)sink;
  if (file->journal < 0) return ERR_UNSUPPORTED;
  return part_write(file->journal, offset, bytes, size);
}

int sink_read(struct sink *sink, struct sink_file *file, uint64_t offset, uint8_t *bytes, size_t size) {
  (void)sink;
  if (file->journal < 0) return ERR_UNSUPPORTED;
  if (offset > file->size || size > file->size - offset) return ERR_MALFORMED;
  int got = read_some(file->fd, offset, bytes, size);
  if (got < 0) return got;
  return (size_t)got == size ? 0 : ERR_NOT_FOUND;
}

void sink_keep(struct sink *sink, struct sink_file *file, uint64_t bytes) {
  enum { STAT_BLOCK_BYTES = 512, SLACK_BYTES = 1 << 20 };
  struct stat status;
  bool is_worth_it = file->journal >= 0 && bytes > 0 && fstat(file->fd, &status) == 0;
  /* Room that was taken in advance and not used would be lost to others for as long as the part is kept. */
  is_worth_it = is_worth_it && ftruncate(file->fd, status.st_size) == 0 && fstat(file->fd, &status) == 0 &&
                (uint64_t)status.st_blocks * STAT_BLOCK_BYTES <= 2 * bytes + SLACK_BYTES;
  if (is_worth_it)
    part_free(sink, file);
  else
    sink_abort(sink, file);
}
