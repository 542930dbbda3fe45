/* commit: from a complete part file to a durable one under its final name.
 *
 * Order is everything: attributes, fsync of the bytes, rename, fsync of the folders, and only then success; a
 * power cut at any point leaves either nothing or the whole file under the name. Each step is done for a
 * whole group before the next begins, so that a sync, the only slow one, serves many files. What fails is
 * taken away again, part and name; but a name that replaced an older file stays, since that one is gone: it
 * is reported as failed, and whole. */
#include "beneath.h"
#include "kept.h"
#include "unnamed.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

enum {
  SYNC_WHOLE_MIN = 8, /* from here on one syncfs() is cheaper than an fsync() each */
  COMPARE_BYTES = 64 * 1024,
};

enum stage {
  STAGE_PART,  /* stands under the name of its part */
  STAGE_NAMED, /* stands under its final name */
  STAGE_GONE,  /* an equal file stands there already */
};

struct landing {
  struct sink_file *file;
  struct folder *folder; /* NULL: could not be opened */
  int fd;
  enum stage stage;
  bool has_replaced; /* perhaps an older file, when it got its name */
  int result;        /* 0, 1: an equal file stood there, or negative */
  char last[256];
};

/* ---- attributes ---- */
/* A group mostly stays in one folder: then it is the one of the file before. */
static int find_folder(struct sink *sink, struct landing *landing, struct folder *before) {
  const struct sink_file *file = landing->file;
  size_t size = beneath_parent_size(file->name, file->name_size);
  if (!before || before->name_size != size || memcmp(before->name, file->name, size) != 0)
    return part_folder(sink, file->name, file->name_size, FOLDERS_LOOK, &landing->folder);
  folders_share(&sink->folders, before);
  landing->folder = before;
  return 0;
}

static bool is_same_folder(const struct folder *one, const struct folder *other) {
  return one->device == other->device && one->inode == other->inode;
}

static int prepare(struct sink *sink, struct landing *landing, struct folder *before) {
  struct sink_file *file = landing->file;
  struct stat status;
  beneath_last(file->name, file->name_size, landing->last);
  int result = find_folder(sink, landing, before);
  if (result < 0) return result;
  if (file->is_unnamed && !is_same_folder(file->folder, landing->folder)) return ERR_CHANGED;
  landing->fd = part_open(sink, file, landing->folder);
  if (landing->fd < 0) return landing->fd;
  if (fstat(landing->fd, &status) != 0) return error_from_errno(errno);
  file->device = status.st_dev;
  file->inode = status.st_ino;
  if ((uint64_t)status.st_size != file->size) return ERR_MISMATCH;
  return part_set_attributes(landing->fd, &status, file->mode, file->mtime);
}

/* ---- bytes ---- */
static void sync_files(struct sink *sink, struct landing *landings, size_t count) {
  size_t on_root = 0;
  for (size_t i = 0; i < count; i++)
    on_root += landings[i].result == 0 && landings[i].folder->device == sink->folders.device;
  bool is_whole = on_root >= SYNC_WHOLE_MIN && folders_sync_all(&sink->folders) == 0;
  for (size_t i = 0; i < count; i++) {
    struct landing *one = &landings[i];
    if (one->result == 0 && !(is_whole && one->folder->device == sink->folders.device))
      one->result = folders_sync_one(one->fd);
  }
  if (!is_whole) folders_sync_made(&sink->folders);
  for (size_t i = 0; i < count; i++)
    if (landings[i].result == 0) landings[i].result = folders_failure(&sink->folders, landings[i].folder);
}

/* ---- names ---- */
/* 0 when both have the same bytes, ERR_EXISTS when not. */
static int compare_bytes(int one, int other, uint64_t size) {
  uint8_t *buffer = malloc(2 * COMPARE_BYTES);
  int result = buffer ? 0 : ERR_NO_MEMORY;
  for (uint64_t at = 0; at < size && result == 0;) {
    ssize_t got = pread(one, buffer, COMPARE_BYTES, (off_t)at);
    ssize_t same = got > 0 ? pread(other, buffer + COMPARE_BYTES, (size_t)got, (off_t)at) : got;
    if (got < 0 || same < 0)
      result = error_from_errno(errno);
    else if (got == 0 || same != got || memcmp(buffer, buffer + COMPARE_BYTES, (size_t)got) != 0)
      result = ERR_EXISTS;
    at += got > 0 ? (uint64_t)got : 0;
  }
  free(buffer);
  return result;
}

/* What was opened is the file that was looked at. */
static bool is_file(int fd, const struct stat *expected) {
  struct stat status;
  return fstat(fd, &status) == 0 && S_ISREG(status.st_mode) && status.st_dev == expected->st_dev &&
         status.st_ino == expected->st_ino;
}

/* The name is taken. An equal file counts as this one, 1: then it has to be as durable. */
static int accept_equal(const struct sink *sink, struct landing *landing) {
  struct stat status;
  bool is_there;
  int result = part_look(landing->folder, landing->last, &status, &is_there);
  if (result < 0) return result;
  if (!is_there || (uint64_t)status.st_size != landing->file->size) return ERR_EXISTS;
  int flags = O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC;
  int fd = openat(landing->folder->fd, landing->last, flags | O_NOATIME);
  if (fd < 0 && errno == EPERM) fd = openat(landing->folder->fd, landing->last, flags);
  if (fd < 0) return ERR_EXISTS;
  result = is_file(fd, &status) ? 0 : ERR_EXISTS;
  if (result == 0) result = compare_bytes(landing->fd, fd, landing->file->size);
  if (result == 0 && !sink->no_fsync) result = folders_sync_one(fd);
  close(fd);
  if (result < 0) return result;
  if (!landing->file->is_unnamed) unlinkat(landing->folder->fd, landing->file->part, 0);
  landing->stage = STAGE_GONE;
  return 1;
}

/* Like rename, but never over anything. 0 or an errno. */
static int rename_to_new(int folder, const char *from, const char *to) {
  /* The system call itself: not every C library has a function for it. */
  if (syscall(SYS_renameat2, folder, from, folder, to, RENAME_NOREPLACE) == 0) return 0;
  if (errno != EINVAL && errno != ENOSYS && errno != EPERM && errno != EOPNOTSUPP) return errno;
  if (linkat(folder, from, folder, to, 0) != 0) return errno;
  if (unlinkat(folder, from, 0) == 0) return 0;
  int failure = errno;
  unlinkat(folder, to, 0);
  return failure;
}

/* Nobody put something else (a link, perhaps) in the place of our file, part or named. */
static bool is_ours(const struct landing *landing, const char *name) {
  struct stat status;
  return fstatat(landing->folder->fd, name, &status, AT_SYMLINK_NOFOLLOW) == 0 &&
         status.st_dev == landing->file->device && status.st_ino == landing->file->inode;
}

/* The first name of a file that has none: of the file that was written, whatever others do meanwhile. Where
 * it replaces another it only gets the name of a part file, from which it goes on like any other. */
static int give_first_name(struct sink *sink, struct landing *landing) {
  int failure = unnamed_link(landing->fd, landing->folder, landing->last);
  if (failure == 0) {
    landing->stage = STAGE_NAMED;
    return 0;
  }
  if (failure != EEXIST) return error_from_errno(failure);
  if (sink->overwrite == OVERWRITE_NEVER) return accept_equal(sink, landing);
  return unnamed_name(sink, landing->file, landing->folder);
}

static int give_name(const struct sink *sink, struct landing *landing) {
  int folder = landing->folder->fd;
  struct stat status;
  bool is_there;
  if (!is_ours(landing, landing->file->part)) return ERR_CHANGED;
  if (sink->overwrite == OVERWRITE_NEVER) {
    int failure = rename_to_new(folder, landing->file->part, landing->last);
    if (failure == EEXIST) return accept_equal(sink, landing);
    if (failure != 0) return error_from_errno(failure);
  } else {
    int result = part_look(landing->folder, landing->last, &status, &is_there);
    if (result < 0) return result;
    /* Whoever cannot be sure that the name was free must never take it away again. */
    landing->has_replaced = is_there || rename_to_new(folder, landing->file->part, landing->last) != 0;
    if (landing->has_replaced && renameat(folder, landing->file->part, folder, landing->last) != 0)
      return error_from_errno(errno);
  }
  landing->stage = STAGE_NAMED;
  /* Between the look and the renaming another could have taken its place. */
  return is_ours(landing, landing->last) ? 0 : ERR_CHANGED;
}

static void land(struct sink *sink, struct landing *landing) {
  if (landing->file->is_unnamed) landing->result = give_first_name(sink, landing);
  if (landing->stage == STAGE_PART && landing->result == 0 && !landing->file->is_unnamed)
    landing->result = give_name(sink, landing);
}

/* ---- folders ---- */
/* True for the first of the landings whose file has a name in its folder, its own or an equal one's. */
static bool is_first_in_folder(const struct landing *landings, size_t index) {
  if (landings[index].stage == STAGE_PART) return false;
  for (size_t i = 0; i < index; i++)
    if (landings[i].stage != STAGE_PART && landings[i].folder == landings[index].folder) return false;
  return true;
}

static void sync_names(struct sink *sink, struct landing *landings, size_t count) {
  size_t on_root = 0;
  for (size_t i = 0; i < count; i++)
    on_root += is_first_in_folder(landings, i) && landings[i].folder->device == sink->folders.device;
  bool is_whole = on_root >= SYNC_WHOLE_MIN && folders_sync_all(&sink->folders) == 0;
  for (size_t i = 0; i < count; i++) {
    const struct folder *folder = landings[i].folder;
    if (!is_first_in_folder(landings, i) || (is_whole && folder->device == sink->folders.device)) continue;
    int result = folders_sync_one(folder->fd);
    for (size_t k = i; k < count && result < 0; k++)
      if (landings[k].stage != STAGE_PART && landings[k].folder == folder) landings[k].result = result;
  }
}

/* ---- all of it ---- */
static void take_away(const struct landing *landing) {
  if (landing->stage == STAGE_PART && !landing->file->is_unnamed)
    unlinkat(landing->folder->fd, landing->file->part, 0);
  else if (landing->stage == STAGE_NAMED && !landing->has_replaced && is_ours(landing, landing->last))
    unlinkat(landing->folder->fd, landing->last, 0);
}

static void end(struct sink *sink, struct landing *landing) {
  if (landing->folder) {
    if (landing->result < 0)
      take_away(landing);
    else
      folders_settle(&sink->folders, landing->folder);
    kept_forget(landing->file, landing->folder);
    part_close(sink, landing->file, landing->fd);
    folders_put(&sink->folders, landing->folder);
  } else {
    part_remove(sink, landing->file);
  }
  if (landing->result < 0) part_tidy(sink, landing->file);
  part_free(sink, landing->file);
}

static void commit_group(struct sink *sink, struct sink_file *const *files, size_t count, int *results) {
  struct landing *landings = calloc(count, sizeof(*landings));
  if (!landings) {
    for (size_t i = 0; i < count; i++) {
      results[i] = ERR_NO_MEMORY;
      sink_abort(sink, files[i]);
    }
    return;
  }
  for (size_t i = 0; i < count; i++) {
    landings[i].file = files[i];
    landings[i].fd = -1;
    landings[i].result = prepare(sink, &landings[i], i > 0 ? landings[i - 1].folder : NULL);
  }
  if (!sink->no_fsync) sync_files(sink, landings, count);
  for (size_t i = 0; i < count; i++)
    if (landings[i].result == 0) land(sink, &landings[i]);
  if (!sink->no_fsync) sync_names(sink, landings, count);
  for (size_t i = 0; i < count; i++) {
    results[i] = landings[i].result;
    end(sink, &landings[i]);
  }
  free(landings);
}

void sink_commit(struct sink *sink, struct sink_file *const *files, size_t count, int *results) {
  for (size_t at = 0; at < count;) {
    size_t size = count - at < sink->group_max ? count - at : sink->group_max;
    commit_group(sink, files + at, size, results + at);
    at += size;
  }
}
