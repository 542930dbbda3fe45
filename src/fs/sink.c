/* sink: what arrives, from the first look at the place where it will stand until its last byte is written.
 *
 * DIR is held open, every name is resolved below it, and nothing but a regular file is ever replaced. Part
 * files are made with O_EXCL under names nobody can foresee; those of small files, where that can be, without
 * a name: unnamed.c; those of large files that may be kept: kept.c.
 * Room on the disk: space.c. Durability and names: commit.c. */
#include "beneath.h"
#include "descriptors.h"
#include "kept.h"
#include "space.h"
#include "unnamed.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <time.h>
#include <unistd.h>

enum {
  FLUSH_BYTES = 8 << 20,
  NAME_TRIES = 8,
  GROUP_MAX = 256,
  FOLDER_TRIES = 1000, /* for a folder that others remove each time, as nothing is in it yet */
};

/* ---- the sink ---- */
static uint64_t seed(void) {
  uint64_t value;
  if (getrandom(&value, sizeof(value), GRND_NONBLOCK) == (ssize_t)sizeof(value)) return value;
  struct timespec now; /* O_EXCL makes a name that was foreseen harmless; it only has to be new */
  clock_gettime(CLOCK_REALTIME, &now);
  return ((uint64_t)now.tv_sec << 30 ^ (uint64_t)now.tv_nsec) * (uint64_t)getpid();
}

struct sink *sink_new(const struct sink_config *config, int *error) {
  struct sink *sink = calloc(1, sizeof(*sink));
  size_t descriptors = descriptors_max();
  int root = open(config->folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  *error = 0;
  if (!sink)
    *error = ERR_NO_MEMORY;
  else if (root < 0 || faccessat(root, ".", W_OK | X_OK, AT_EACCESS) != 0)
    *error = error_from_errno(errno);
  else
    *error = folders_init(&sink->folders, root, descriptors / 16 + 1);
  if (*error < 0) {
    if (root >= 0) close(root);
    free(sink);
    return NULL;
  }
  sink->overwrite = config->overwrite;
  sink->unnamed = config->names_parts ? UNNAMED_IMPOSSIBLE : UNNAMED_UNKNOWN;
  sink->no_fsync = sink->folders.is_never_synced = config->no_fsync;
  sink->open_max = descriptors / 2;
  sink->group_max = descriptors / 8 < GROUP_MAX ? descriptors / 8 + 1 : GROUP_MAX;
  pthread_mutex_init(&sink->lock, NULL);
  pthread_mutex_init(&sink->space_lock, NULL);
  sink->mask = umask(077);
  umask(sink->mask);
  prng_seed(&sink->names, seed());
  return sink;
}

void sink_free(struct sink *sink) {
  if (!sink) return;
  assert(sink->open_count == 0 && "every file was committed or aborted");
  folders_clear(&sink->folders);
  pthread_mutex_destroy(&sink->lock);
  pthread_mutex_destroy(&sink->space_lock);
  free(sink);
}

/* ---- part files ---- */
int part_folder(struct sink *sink, const uint8_t *name, size_t size, enum folders_missing missing,
                struct folder **folder) {
  return folders_get(&sink->folders, name, beneath_parent_size(name, size), missing, folder);
}

/* A descriptor that may be kept becomes the file's own. */
static void keep_open(struct sink *sink, struct sink_file *file, int fd) {
  pthread_mutex_lock(&sink->lock);
  if (file->fd < 0 && sink->open_count < sink->open_max) {
    file->fd = fd;
    sink->open_count++;
  }
  pthread_mutex_unlock(&sink->lock);
}

/* A folder may be moved or exchanged while a file is being received into it: what was made there can be
 * removed only through what is held. */
static void hold_folder(struct sink *sink, struct sink_file *file, struct folder *folder) {
  pthread_mutex_lock(&sink->lock);
  bool has_room = file->fd >= 0 && sink->open_count < sink->open_max;
  if (has_room) sink->open_count++;
  pthread_mutex_unlock(&sink->lock);
  if (!has_room) return;
  folders_share(&sink->folders, folder);
  file->folder = folder;
}

int part_open(struct sink *sink, struct sink_file *file, const struct folder *folder) {
  struct stat status;
  pthread_mutex_lock(&sink->lock);
  int fd = file->fd;
  pthread_mutex_unlock(&sink->lock);
  if (fd >= 0) return fd;
  fd = openat(folder->fd, file->part, O_RDWR | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
  if (fd < 0) return error_from_errno(errno);
  if (fstat(fd, &status) != 0 || status.st_dev != file->device || status.st_ino != file->inode) {
    close(fd);
    return ERR_CHANGED; /* somebody put another file in its place */
  }
  keep_open(sink, file, fd);
  return fd;
}

void part_close(struct sink *sink, const struct sink_file *file, int fd) {
  pthread_mutex_lock(&sink->lock);
  bool is_kept = fd == file->fd;
  pthread_mutex_unlock(&sink->lock);
  if (fd >= 0 && !is_kept) close(fd);
}

void part_remove(struct sink *sink, const struct sink_file *file) {
  struct folder *folder = file->folder;
  struct stat status;
  if (file->is_unnamed) return; /* it goes when it is closed */
  if (folder)
    folders_share(&sink->folders, folder);
  else if (part_folder(sink, file->name, file->name_size, FOLDERS_LOOK, &folder) < 0)
    return;
  if (fstatat(folder->fd, file->part, &status, AT_SYMLINK_NOFOLLOW) == 0 && status.st_dev == file->device &&
      status.st_ino == file->inode)
    unlinkat(folder->fd, file->part, 0);
  kept_forget(file, folder);
  folders_put(&sink->folders, folder);
}

void part_tidy(struct sink *sink, struct sink_file *file) {
  unnamed_leave(sink, file); /* or its folder would not be removed */
  folders_tidy(&sink->folders, file->name, beneath_parent_size(file->name, file->name_size));
}

void part_free(struct sink *sink, struct sink_file *file) {
  unnamed_leave(sink, file);
  space_give_back(sink, file);
  if (file->folder) folders_put(&sink->folders, file->folder);
  if (file->fd >= 0) close(file->fd);
  if (file->journal >= 0) close(file->journal);
  pthread_mutex_lock(&sink->lock);
  sink->open_count -= (size_t)(file->fd >= 0) + (size_t)(file->journal >= 0) + (size_t)(file->folder != NULL);
  pthread_mutex_unlock(&sink->lock);
  free(file);
}

int part_look(const struct folder *folder, const char *name, struct stat *status, bool *is_there) {
  *is_there = fstatat(folder->fd, name, status, AT_SYMLINK_NOFOLLOW) == 0;
  if (!*is_there) return errno == ENOENT ? 0 : error_from_errno(errno);
  if (S_ISDIR(status->st_mode)) return ERR_IS_FOLDER;
  return S_ISREG(status->st_mode) ? 0 : ERR_EXISTS;
}

int part_set_attributes(int fd, const struct stat *status, uint32_t mode, struct timespec mtime) {
  struct timespec times[2] = {{.tv_nsec = UTIME_OMIT}, mtime};
  mode &= 0777; /* never set-user-id and its like */
  if ((status->st_mode & 07777) != mode && fchmod(fd, mode) != 0) {
    /* Refused though it is ours: the file system (FAT) has no such bits, and the bytes matter more. */
    bool is_ours = geteuid() == 0 || status->st_uid == geteuid();
    if (!is_ours || (errno != EPERM && errno != EOPNOTSUPP)) return error_from_errno(errno);
  }
  return futimens(fd, times) == 0 ? 0 : error_from_errno(errno);
}

/* ---- begin ---- */
static bool has_same_stamp(const struct stat *status, const struct entry *entry) {
  return (uint64_t)status->st_size == entry->size && status->st_mtim.tv_sec == entry->mtime_s &&
         (uint32_t)status->st_mtim.tv_nsec == entry->mtime_ns;
}

/* What is said to be there has to be as durable as what is sent. What cannot be opened was not ours to sync.
 */
static int sync_had(struct sink *sink, const struct folder *folder, const char *last,
                    const struct stat *status) {
  bool is_on_root = folder->device == sink->folders.device;
  if (is_on_root && folders_sync_since(&sink->folders, &status->st_ctim) == 0) return 1;
  int fd = openat(folder->fd, last, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
  if (fd < 0) return 1;
  int result = folders_sync_one(fd);
  close(fd);
  if (result == 0) result = folders_sync_one(folder->fd);
  return result < 0 ? result : 1;
}

/* 0 wanted, 1 have, or why it may not stand there. */
static int decide(struct sink *sink, const struct folder *folder, const char *last, const struct entry *entry,
                  bool dry) {
  struct stat status;
  bool is_there;
  int failure = part_look(folder, last, &status, &is_there);
  if (failure < 0 || !is_there || sink->overwrite == OVERWRITE_ALWAYS) return failure;
  if (has_same_stamp(&status, entry))
    return dry || sink->no_fsync ? 1 : sync_had(sink, folder, last, &status);
  /* Of the same size but another time: only its contents can tell, at commit. */
  return sink->overwrite == OVERWRITE_NEVER && (uint64_t)status.st_size != entry->size ? ERR_EXISTS : 0;
}

/* An fd or an error; file->part is the name it got, one that the rules for names refuse to everything
 * received. */
static int create_part(struct sink *sink, struct sink_file *file, const struct entry *entry,
                       struct folder *folder) {
  if (entry->size >= SINK_KEEP_BYTES_MIN) {
    int fd = kept_open(sink, file, entry, folder);
    if (fd != ERR_AGAIN) return fd;
  }
  for (int i = 0; i < NAME_TRIES; i++) {
    part_invent_name(sink, file);
    int fd = unnamed_try(sink, file, folder);
    if (fd != ERR_AGAIN) return fd;
    fd = openat(folder->fd, file->part, O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
    if (fd >= 0) return fd;
    if (errno != EEXIST) return error_from_errno(errno);
  }
  return ERR_EXISTS;
}

static struct sink_file *new_file(const struct sink *sink, const struct entry *entry) {
  struct sink_file *file = malloc(sizeof(*file) + entry->name_size);
  if (!file) return NULL;
  *file = (struct sink_file){.fd = -1,
                             .journal = -1,
                             .size = entry->size,
                             .mode = entry->mode & ~(uint32_t)sink->mask,
                             .mtime = {.tv_sec = entry->mtime_s, .tv_nsec = entry->mtime_ns},
                             .name_size = entry->name_size};
  memcpy(file->name, entry->name, entry->name_size);
  return file;
}

static int begin_part(struct sink *sink, const struct entry *entry, struct folder *folder,
                      struct sink_file **begun) {
  struct stat status;
  struct sink_file *file = new_file(sink, entry);
  if (!file) return ERR_NO_MEMORY;
  int result = unnamed_begin(sink, file, folder);
  if (result == 0) {
    *begun = file;
    return 0;
  }
  int fd = result == ERR_AGAIN ? create_part(sink, file, entry, folder) : result;
  if (fd < 0) {
    free(file);
    return fd;
  }
  if (file->fd < 0) keep_open(sink, file, fd);
  result = fstat(fd, &status) == 0 ? 0 : error_from_errno(errno);
  if (result == 0) {
    file->device = status.st_dev;
    file->inode = status.st_ino;
    result = space_take(sink, file, fd, &status);
  }
  part_close(sink, file, fd);
  if (result == 0) {
    hold_folder(sink, file, folder);
    *begun = file;
    return 0;
  }
  bool was_kept = file->journal >= 0 && file->device != 0 && status.st_size > 0;
  if (was_kept && ftruncate(file->fd, status.st_size) == 0) { /* there may be room another time */
    part_free(sink, file);
    return result;
  }
  unlinkat(folder->fd, file->part, 0);
  kept_forget(file, folder);
  part_free(sink, file);
  return result;
}

/* What the file system calls would misread; the protocol's own rules for names are narrower. */
static int check_entry(const struct entry *entry) {
  if (entry->mtime_ns >= NS_PER_S) return ERR_MALFORMED;
  int failure = beneath_check(entry->name, entry->name_size);
  return failure == 0 ? 0 : error_from_errno(failure);
}

/* At the second try others have removed what was joined. */
static int join_folder(struct sink *sink, const struct entry *entry, bool is_again, struct folder **folder) {
  size_t size = beneath_parent_size(entry->name, entry->name_size);
  *folder = is_again ? NULL : folders_join(&sink->folders, entry->name, size);
  return *folder ? 0 : folders_get(&sink->folders, entry->name, size, FOLDERS_MAKE, folder);
}

static int begin(struct sink *sink, const struct entry *entry, bool dry, bool is_again,
                 struct sink_file **file) {
  struct folder *folder;
  char last[256];
  beneath_last(entry->name, entry->name_size, last);
  int result = dry ? part_folder(sink, entry->name, entry->name_size, FOLDERS_LOOK, &folder)
                   : join_folder(sink, entry, is_again, &folder);
  if (result < 0) return dry && result == ERR_NOT_FOUND ? 0 : result;
  /* What stands there after all, and is not to be replaced, shows when the file gets its name. */
  bool is_sure = !dry && sink->overwrite == OVERWRITE_NEVER && entry->size <= UNNAMED_BYTES_MAX &&
                 folders_is_new(&sink->folders, folder);
  if (!is_sure) result = decide(sink, folder, last, entry, dry);
  if (result == 0 && !dry) result = begin_part(sink, entry, folder, file);
  if (result == 1 && !dry) folders_settle(&sink->folders, folder);
  folders_put(&sink->folders, folder);
  return result;
}

int sink_begin(struct sink *sink, const struct entry *entry, bool dry, struct sink_file **file) {
  assert(entry->kind == ENTRY_FILE);
  *file = NULL;
  int result = check_entry(entry);
  if (result < 0) return result;
  result = ERR_NOT_FOUND;
  for (int i = 0; i < FOLDER_TRIES && result == ERR_NOT_FOUND; i++)
    result = begin(sink, entry, dry, i > 0, file);
  if (result < 0 && !dry)
    folders_tidy(&sink->folders, entry->name, beneath_parent_size(entry->name, entry->name_size));
  return result;
}

/* ---- write, abort ---- */
int part_write(int fd, uint64_t offset, const uint8_t *bytes, size_t size) {
  while (size > 0) {
    ssize_t written = pwrite(fd, bytes, size, (off_t)offset);
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) return error_from_errno(errno);
    if (written == 0) return ERR_DISK_FULL;
    bytes += written;
    offset += (uint64_t)written;
    size -= (size_t)written;
  }
  return 0;
}

/* Lets the disk begin now with what would else wait for the fsync() at the end: so it works while the network
 * does. Measured with 1 GiB on ext4: fsync() 0.28 s without, 0.02 s with it, at no cost of CPU. */
static void note_written(struct sink *sink, struct sink_file *file, int fd, size_t size) {
  pthread_mutex_lock(&sink->lock);
  space_use(file, size);
  file->unflushed += size;
  bool is_due = !sink->no_fsync && file->unflushed >= FLUSH_BYTES;
  if (is_due) file->unflushed = 0;
  pthread_mutex_unlock(&sink->lock);
  if (is_due) sync_file_range(fd, 0, 0, SYNC_FILE_RANGE_WRITE);
}

int sink_write(struct sink *sink, struct sink_file *file, uint64_t offset, const uint8_t *bytes,
               size_t size) {
  struct folder *folder = NULL;
  if (offset > file->size || size > file->size - offset) return ERR_MALFORMED;
  pthread_mutex_lock(&sink->lock);
  int fd = file->fd;
  pthread_mutex_unlock(&sink->lock);
  if (fd < 0) {
    int failure = part_folder(sink, file->name, file->name_size, FOLDERS_LOOK, &folder);
    if (failure < 0) return failure;
    fd = part_open(sink, file, folder);
    folders_put(&sink->folders, folder);
    if (fd < 0) return fd;
  }
  int result = part_write(fd, offset, bytes, size);
  if (result == 0) note_written(sink, file, fd, size);
  part_close(sink, file, fd);
  return result;
}

void sink_abort(struct sink *sink, struct sink_file *file) {
  part_remove(sink, file);
  part_tidy(sink, file);
  part_free(sink, file);
}

/* ---- folders ---- */
/* The folder itself, made where it is missing, and not to be removed any more. */
static int get_settled(struct sink *sink, const struct entry *entry, struct folder **folder) {
  struct stat status;
  int result = ERR_NOT_FOUND;
  for (int i = 0; i < FOLDER_TRIES && result == ERR_NOT_FOUND; i++) {
    result = folders_get(&sink->folders, entry->name, entry->name_size, FOLDERS_MAKE, folder);
    if (result < 0) continue;
    folders_settle(&sink->folders, *folder);
    if (fstat((*folder)->fd, &status) == 0 && status.st_nlink > 0) return 0;
    folders_put(&sink->folders, *folder); /* it went just before */
    result = ERR_NOT_FOUND;
  }
  if (result < 0) folders_tidy(&sink->folders, entry->name, entry->name_size);
  return result;
}

int sink_folder(struct sink *sink, const struct entry *entry, bool dry) {
  struct folder *folder;
  struct stat status;
  struct timespec mtime = {.tv_sec = entry->mtime_s, .tv_nsec = entry->mtime_ns};
  assert(entry->kind == ENTRY_FOLDER);
  int result = check_entry(entry);
  if (result < 0) return result;
  result = dry ? folders_get(&sink->folders, entry->name, entry->name_size, FOLDERS_LOOK, &folder)
               : get_settled(sink, entry, &folder);
  if (result < 0) return dry && result == ERR_NOT_FOUND ? 0 : result;
  if (dry) goto out;
  if (sink->overwrite != OVERWRITE_NEVER || folders_has_made(&sink->folders, folder))
    result = fstat(folder->fd, &status) == 0
                 ? part_set_attributes(folder->fd, &status, entry->mode & ~(uint32_t)sink->mask, mtime)
                 : error_from_errno(errno);
  if (result < 0 || sink->no_fsync) goto out;
  result = folders_sync_one(folder->fd);
  folders_sync_made(&sink->folders);
  if (result == 0) result = folders_failure(&sink->folders, folder);
out:
  folders_put(&sink->folders, folder);
  return result;
}
