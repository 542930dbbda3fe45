/* folders: see the header.
 *
 * A folder object is shared and counted. The latest few stay open, since a tree arrives folder by folder.
 * What was made is remembered as the set of folders that got a new name inside: fsync() is for those. */
#include "folders.h"

#include "beneath.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/utsname.h>
#include <unistd.h>

enum { FOLDER_FLAGS = O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC };

/* Where a folder should be stands a link or a file: "exists" is what a user can do something about. */
static int folder_error(int errno_value) {
  return errno_value == ENOTDIR || errno_value == ELOOP ? ERR_EXISTS : error_from_errno(errno_value);
}

/* Older kernels flush as well, but return 0 whatever happened. */
static bool has_reporting_syncfs(void) {
  struct utsname system;
  char *rest;
  if (uname(&system) != 0) return false;
  unsigned long major = strtoul(system.release, &rest, 10);
  unsigned long minor = *rest == '.' ? strtoul(rest + 1, NULL, 10) : 0;
  return major > 5 || (major == 5 && minor >= 8);
}

int folders_init(struct folders *folders, int root, size_t open_max) {
  struct stat status;
  memset(folders, 0, sizeof(*folders));
  if (fstat(root, &status) != 0) return error_from_errno(errno);
  folders->root = root;
  folders->device = status.st_dev;
  folders->has_sync_errors = has_reporting_syncfs();
  folders->unsynced_max = open_max < FOLDERS_UNSYNCED_MAX ? (unsigned)open_max : FOLDERS_UNSYNCED_MAX;
  assert(folders->unsynced_max > 0);
  pthread_mutex_init(&folders->lock, NULL);
  pthread_mutex_init(&folders->sync_lock, NULL);
  pthread_mutex_init(&folders->had_lock, NULL);
  return 0;
}

void folders_clear(struct folders *folders) {
  for (unsigned i = 0; i < FOLDERS_RECENT; i++)
    if (folders->recent[i]) folders_put(folders, folders->recent[i]);
  for (unsigned i = 0; i < folders->unsynced_count; i++)
    folders_put(folders, folders->unsynced[i]);
  for (unsigned i = 0; i < folders->failed_count; i++)
    folders_put(folders, folders->failed[i]);
  seen_clear(&folders->made);
  seen_clear(&folders->loose);
  pthread_mutex_destroy(&folders->lock);
  pthread_mutex_destroy(&folders->sync_lock);
  pthread_mutex_destroy(&folders->had_lock);
  close(folders->root);
}

/* ---- the latest ones ---- */
/* Takes over `fd`, also on failure (NULL). */
static struct folder *folder_new(int fd, const uint8_t *name, size_t size) {
  struct stat status;
  struct folder *folder = malloc(sizeof(*folder) + size + 1);
  if (!folder || fstat(fd, &status) != 0) {
    free(folder);
    close(fd);
    return NULL;
  }
  folder->fd = fd;
  folder->device = status.st_dev;
  folder->inode = status.st_ino;
  folder->users = 1;
  folder->is_swept = folder->is_new = false;
  folder->parts = 0;
  folder->name_size = size;
  memcpy(folder->name, name, size);
  folder->name[size] = '\0';
  return folder;
}

void folders_share(struct folders *folders, struct folder *folder) {
  pthread_mutex_lock(&folders->lock);
  assert(folder->users > 0);
  folder->users++;
  pthread_mutex_unlock(&folders->lock);
}

void folders_put(struct folders *folders, struct folder *folder) {
  pthread_mutex_lock(&folders->lock);
  assert(folder->users > 0);
  bool is_last = --folder->users == 0;
  pthread_mutex_unlock(&folders->lock);
  if (!is_last) return;
  close(folder->fd);
  free(folder);
}

/* What stands under that name, found without following a link. */
static bool look_beneath(const struct folders *folders, const uint8_t *name, size_t size,
                         struct stat *status) {
  int fd = beneath_open(folders->root, name, size, O_PATH | O_DIRECTORY, 0);
  if (fd < 0) return false;
  bool is_known = fstat(fd, status) == 0;
  close(fd);
  return is_known;
}

/* It was not removed or renamed since: between two sessions anything may happen. */
static bool still_stands(const struct folders *folders, const struct folder *folder) {
  struct stat status;
  if (folder->name_size == 0) return true;
  return look_beneath(folders, (const uint8_t *)folder->name, folder->name_size, &status) &&
         status.st_ino == folder->inode && status.st_dev == folder->device;
}

/* Under the lock. */
static struct folder **place_of(struct folders *folders, const uint8_t *name, size_t size) {
  for (unsigned i = 0; i < FOLDERS_RECENT; i++) {
    const struct folder *one = folders->recent[i];
    if (one && one->name_size == size && memcmp(one->name, name, size) == 0) return &folders->recent[i];
  }
  return NULL;
}

static struct folder *find_recent(struct folders *folders, const uint8_t *name, size_t size) {
  pthread_mutex_lock(&folders->lock);
  struct folder **place = place_of(folders, name, size);
  struct folder *found = place ? *place : NULL;
  if (found) {
    found->users++;
    found->is_new &= found->parts > 0;
  }
  pthread_mutex_unlock(&folders->lock);
  if (!found || still_stands(folders, found)) return found;

  pthread_mutex_lock(&folders->lock);
  place = place_of(folders, name, size);
  bool is_kept = place && *place == found;
  if (is_kept) *place = NULL;
  pthread_mutex_unlock(&folders->lock);
  if (is_kept) folders_put(folders, found);
  folders_put(folders, found);
  return NULL;
}

struct folder *folders_join(struct folders *folders, const uint8_t *name, size_t size) {
  pthread_mutex_lock(&folders->lock);
  struct folder **place = place_of(folders, name, size);
  struct folder *found = place && (*place)->parts > 0 ? *place : NULL;
  if (found) found->users++;
  pthread_mutex_unlock(&folders->lock);
  return found;
}

static void keep_recent(struct folders *folders, struct folder *folder) {
  pthread_mutex_lock(&folders->lock);
  struct folder *oldest = folders->recent[folders->next_recent];
  folders->recent[folders->next_recent] = folder;
  folders->next_recent = (folders->next_recent + 1) % FOLDERS_RECENT;
  folder->users++;
  pthread_mutex_unlock(&folders->lock);
  if (oldest) folders_put(folders, oldest);
}

/* ---- parts without a name ---- */
int folders_begin_part(struct folders *folders, struct folder *folder) {
  struct stat status;
  pthread_mutex_lock(&folders->lock);
  bool is_first = folder->parts == 0;
  bool is_gone = is_first && (fstat(folder->fd, &status) != 0 || status.st_nlink == 0);
  if (is_first && !is_gone) {
    folder->next_busy = folders->busy;
    folders->busy = folder;
  }
  folder->parts += !is_gone;
  pthread_mutex_unlock(&folders->lock);
  return is_gone ? ERR_NOT_FOUND : 0;
}

void folders_end_part(struct folders *folders, struct folder *folder) {
  pthread_mutex_lock(&folders->lock);
  assert(folder->parts > 0);
  if (--folder->parts == 0) {
    struct folder **at = &folders->busy;
    while (*at != folder)
      at = &(*at)->next_busy;
    *at = folder->next_busy;
  }
  pthread_mutex_unlock(&folders->lock);
}

bool folders_is_new(struct folders *folders, const struct folder *folder) {
  pthread_mutex_lock(&folders->lock);
  bool is_new = folder->is_new;
  pthread_mutex_unlock(&folders->lock);
  return is_new;
}

/* Under the lock. The same folder may be open more than once. */
static bool is_busy(const struct folders *folders, const struct stat *status) {
  for (const struct folder *one = folders->busy; one; one = one->next_busy)
    if (one->device == status->st_dev && one->inode == status->st_ino) return true;
  return false;
}

/* ---- making ---- */
/* Under the lock: `folder` will get a new name inside. False when there is no room to remember it. */
static bool remember_unsynced(struct folders *folders, struct folder *folder) {
  for (unsigned i = folders->unsynced_count; i > 0; i--) {
    const struct folder *one = folders->unsynced[i - 1];
    if (one->name_size == folder->name_size && memcmp(one->name, folder->name, one->name_size) == 0)
      return true;
  }
  if (folders->unsynced_count == folders->unsynced_max) return false;
  folder->users++;
  folders->unsynced[folders->unsynced_count++] = folder;
  return true;
}

struct identity {
  uint64_t device, inode;
};

/* Under the lock. A folder that cannot be remembered would keep the attributes it was made with. */
static int make_and_remember(struct folders *folders, const struct folder *parent, const char *last,
                             bool *is_new) {
  struct stat status;
  if (mkdirat(parent->fd, last, 0700) != 0) return errno == EEXIST ? 0 : error_from_errno(errno);
  int result = 0;
  if (fstatat(parent->fd, last, &status, AT_SYMLINK_NOFOLLOW) != 0) {
    result = error_from_errno(errno);
  } else {
    struct identity made = {status.st_dev, status.st_ino};
    result = seen_add(&folders->made, (const uint8_t *)&made, sizeof(made), ENTRY_FOLDER);
    if (result == 0) result = seen_add(&folders->loose, (const uint8_t *)&made, sizeof(made), ENTRY_FOLDER);
  }
  if (result < 0) unlinkat(parent->fd, last, AT_REMOVEDIR);
  *is_new = result == 0;
  return result;
}

bool folders_has_made(struct folders *folders, const struct folder *folder) {
  struct identity identity = {folder->device, folder->inode};
  pthread_mutex_lock(&folders->lock);
  bool has_made = seen_has(&folders->made, (const uint8_t *)&identity, sizeof(identity));
  pthread_mutex_unlock(&folders->lock);
  return has_made;
}

/* Whether it was loose till now. */
static bool fasten(struct folders *folders, dev_t device, ino_t inode) {
  struct identity identity = {device, inode};
  pthread_mutex_lock(&folders->lock);
  bool was_loose = seen_remove(&folders->loose, (const uint8_t *)&identity, sizeof(identity));
  pthread_mutex_unlock(&folders->lock);
  return was_loose;
}

/* What a folder is in was fastened with it, so this goes up no further than to the first that was. */
void folders_settle(struct folders *folders, const struct folder *folder) {
  const uint8_t *name = (const uint8_t *)folder->name;
  struct stat status = {.st_dev = folder->device, .st_ino = folder->inode};
  size_t size = folder->name_size;
  while (size > 0 && fasten(folders, status.st_dev, status.st_ino)) {
    size = beneath_parent_size(name, size);
    if (size > 0 && !look_beneath(folders, name, size, &status)) return;
  }
}

/* True when it is gone, or was never there. Looking and removing are one step for whoever makes or fastens
 * it. */
static bool remove_loose(struct folders *folders, int parent, const char *last) {
  struct stat status;
  pthread_mutex_lock(&folders->lock);
  bool is_there = fstatat(parent, last, &status, AT_SYMLINK_NOFOLLOW) == 0;
  bool is_gone = !is_there && errno == ENOENT;
  if (is_there) {
    struct identity identity = {status.st_dev, status.st_ino};
    const uint8_t *key = (const uint8_t *)&identity;
    is_gone = seen_has(&folders->loose, key, sizeof(identity)) && !is_busy(folders, &status) &&
              unlinkat(parent, last, AT_REMOVEDIR) == 0;
    if (is_gone) {
      seen_remove(&folders->loose, key, sizeof(identity));
      seen_remove(&folders->made, key, sizeof(identity));
    }
  }
  pthread_mutex_unlock(&folders->lock);
  return is_gone;
}

void folders_tidy(struct folders *folders, const uint8_t *name, size_t size) {
  char last[256];
  pthread_mutex_lock(&folders->lock);
  bool goes_on = folders->loose.count > 0;
  pthread_mutex_unlock(&folders->lock);
  while (goes_on && size > 0) {
    size_t parent_size = beneath_parent_size(name, size);
    int parent = parent_size == 0 ? folders->root
                                  : beneath_open(folders->root, name, parent_size, O_PATH | O_DIRECTORY, 0);
    beneath_last(name, size, last);
    goes_on = parent >= 0 ? remove_loose(folders, parent, last) : errno == ENOENT;
    if (parent >= 0 && parent_size > 0) close(parent);
    size = parent_size;
  }
}

/* Making and remembering are one step: another thread that finds the folder and wants to be durable in it
 * takes the same lock. On another file system than the root's, out of reach of syncfs(), it is synced now. */
static int make_inside(struct folders *folders, struct folder *parent, const char *last, bool *is_new) {
  bool is_elsewhere = parent->device != folders->device, is_synced = !folders->is_never_synced;
  for (;;) {
    int result = 0;
    pthread_mutex_lock(&folders->lock);
    bool has_room = is_elsewhere || !is_synced || remember_unsynced(folders, parent);
    if (has_room) result = make_and_remember(folders, parent, last, is_new);
    if (result == 0 && is_elsewhere && is_synced) result = folders_sync_one(parent->fd);
    pthread_mutex_unlock(&folders->lock);
    if (has_room) return result;
    folders_sync_made(folders);
  }
}

/* Opens the folder `name[0..size)` inside `parent`, and makes it when it is missing. An fd or an error. */
static int enter(struct folders *folders, struct folder *parent, const uint8_t *name, size_t size,
                 bool *is_new) {
  char last[256];
  *is_new = false;
  beneath_last(name, size, last);
  int fd = openat(parent->fd, last, FOLDER_FLAGS);
  if (fd >= 0) return fd;
  if (errno != ENOENT) return folder_error(errno);
  int failure = make_inside(folders, parent, last, is_new);
  if (failure < 0) return failure;
  fd = openat(parent->fd, last, FOLDER_FLAGS);
  return fd >= 0 ? fd : folder_error(errno);
}

/* From the root down, because a long name has more components than a thread's stack has room for. */
static int make(struct folders *folders, const uint8_t *name, size_t size, struct folder **made) {
  int fd = openat(folders->root, ".", FOLDER_FLAGS);
  if (fd < 0) return error_from_errno(errno);
  struct folder *at = folder_new(fd, name, 0);
  for (size_t end = 0; at && end < size;) {
    const uint8_t *slash = memchr(name + end + 1, '/', size - end - 1);
    end = slash ? (size_t)(slash - name) : size;
    bool is_new;
    fd = enter(folders, at, name, end, &is_new);
    folders_put(folders, at);
    if (fd < 0) return fd;
    at = folder_new(fd, name, end);
    if (at) at->is_new = is_new;
  }
  *made = at;
  return at ? 0 : ERR_NO_MEMORY;
}

int folders_get(struct folders *folders, const uint8_t *name, size_t size, enum folders_missing missing,
                struct folder **found) {
  *found = find_recent(folders, name, size);
  if (*found) return 0;
  int fd = size == 0 ? openat(folders->root, ".", FOLDER_FLAGS)
                     : beneath_open(folders->root, name, size, FOLDER_FLAGS, 0);
  if (fd < 0 && errno == ENOENT && missing == FOLDERS_MAKE) {
    int failure = make(folders, name, size, found);
    if (failure < 0) return failure;
  } else if (fd < 0) {
    return folder_error(errno);
  } else {
    *found = folder_new(fd, name, size);
    if (!*found) return ERR_NO_MEMORY;
  }
  keep_recent(folders, *found);
  return 0;
}

/* ---- durability ---- */
int folders_sync_one(int fd) {
  while (fsync(fd) != 0) {
    if (errno == EINVAL || errno == EOPNOTSUPP || errno == ENOSYS) return 0;
    if (errno != EINTR) return error_from_errno(errno);
  }
  return 0;
}

/* Under sync_lock: what a sync that starts now will cover. */
static unsigned take_unsynced(struct folders *folders, struct folder **taken) {
  pthread_mutex_lock(&folders->lock);
  unsigned count = folders->unsynced_count;
  memcpy(taken, folders->unsynced, count * sizeof(taken[0]));
  folders->unsynced_count = 0;
  pthread_mutex_unlock(&folders->lock);
  return count;
}

enum done { NOT_YET, DONE_BY_SYNCFS };

/* Takes the folder over. Under sync_lock. */
static void remember_failed(struct folders *folders, struct folder *folder, int failure) {
  folders->sync_failure = failure;
  if (folders->failed_count < FOLDERS_FAILED_MAX) {
    folders->failed[folders->failed_count++] = folder;
    return;
  }
  folders->has_failed_more = true;
  folders_put(folders, folder);
}

/* What was made in `above` is a folder that `below` is, or is in. */
static bool is_below(const struct folder *above, const struct folder *below) {
  if (above->name_size >= below->name_size || memcmp(above->name, below->name, above->name_size) != 0)
    return false;
  return above->name_size == 0 || below->name[above->name_size] == '/';
}

int folders_failure(struct folders *folders, const struct folder *folder) {
  pthread_mutex_lock(&folders->sync_lock);
  bool has_failed = folders->has_failed_more;
  for (unsigned i = 0; i < folders->failed_count; i++)
    has_failed |= is_below(folders->failed[i], folder);
  int failure = has_failed ? folders->sync_failure : 0;
  pthread_mutex_unlock(&folders->sync_lock);
  return failure;
}

static void sync_taken(struct folders *folders, struct folder **taken, unsigned count, enum done done) {
  for (unsigned i = 0; i < count; i++) {
    int result = done == DONE_BY_SYNCFS ? 0 : folders_sync_one(taken[i]->fd);
    if (result < 0)
      remember_failed(folders, taken[i], result);
    else
      folders_put(folders, taken[i]);
  }
}

void folders_sync_made(struct folders *folders) {
  struct folder *taken[FOLDERS_UNSYNCED_MAX];
  pthread_mutex_lock(&folders->sync_lock);
  unsigned count = take_unsynced(folders, taken);
  sync_taken(folders, taken, count, NOT_YET);
  pthread_mutex_unlock(&folders->sync_lock);
}

int folders_sync_all(struct folders *folders) {
  struct folder *taken[FOLDERS_UNSYNCED_MAX];
  int result = ERR_UNSUPPORTED;
  pthread_mutex_lock(&folders->sync_lock);
  if (folders->has_sync_errors) {
    unsigned count = take_unsynced(folders, taken);
    result = syncfs(folders->root) == 0 ? 0 : error_from_errno(errno);
    if (result < 0) folders->has_sync_errors = false;
    sync_taken(folders, taken, count, result == 0 ? DONE_BY_SYNCFS : NOT_YET);
  }
  pthread_mutex_unlock(&folders->sync_lock);
  return result;
}

static bool is_before(const struct timespec *one, const struct timespec *other) {
  return one->tv_sec < other->tv_sec || (one->tv_sec == other->tv_sec && one->tv_nsec < other->tv_nsec);
}

/* One sync serves a whole tree that is there already. The coarse clock is the one that files are stamped by.
 */
int folders_sync_since(struct folders *folders, const struct timespec *changed) {
  struct timespec now;
  pthread_mutex_lock(&folders->had_lock);
  int result = is_before(changed, &folders->synced) ? 0 : ERR_AGAIN;
  if (result < 0 && clock_gettime(CLOCK_REALTIME_COARSE, &now) == 0 && is_before(changed, &now) &&
      folders_sync_all(folders) == 0) {
    folders->synced = now;
    result = 0;
  }
  pthread_mutex_unlock(&folders->had_lock);
  return result;
}
