/* walk: a user's paths as one sequence of entries, depth first, a folder after what it holds.
 *
 * Each folder on the way down is held open and everything in it is reached through its descriptor: a path can
 * be deeper than any path may be long, and nobody can lead the walk elsewhere by renaming. Links are followed
 * only where the user named them. What cannot be looked at becomes an error entry, and the walk goes on. */
#include "beneath.h"
#include "descriptors.h"
#include "origin.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* ---- the user's paths ---- */
/* rsync's rule; "." and ".." name no component under which anything could arrive. */
static void find_last(struct origin *origin) {
  const char *slash = strrchr(origin->path, '/');
  origin->last = slash ? slash + 1 : origin->path;
  origin->last_size = strlen(origin->last);
  if (strcmp(origin->last, ".") == 0 || strcmp(origin->last, "..") == 0) origin->last_size = 0;
}

struct source *source_new(const char *const *paths, size_t count, const char *prefix) {
  struct source *source = calloc(1, sizeof(*source) + count * sizeof(source->origins[0]));
  if (!source) return NULL;
  size_t prefix_size = prefix ? strlen(prefix) : 0;
  while (prefix_size > 0 && prefix[prefix_size - 1] == '/')
    prefix_size--;
  assert(prefix_size <= NAME_BYTES_MAX);
  if (prefix_size > 0) memcpy(source->name, prefix, prefix_size);
  source->prefix_size = prefix_size;
  source->origin_count = count;
  for (size_t i = 0; i < count; i++) {
    source->origins[i].path = paths[i];
    source->origins[i].fd = -1;
    find_last(&source->origins[i]);
    if (source->origins[i].last_size == 0 && count > 1) source->has_overlap = true;
  }
  descriptors_max();
  return source;
}

static void leave(struct source *source) {
  struct level *level = &source->levels[--source->level_count];
  listing_clear(&level->listing);
  if (source->level_count > 0) close(level->fd);
}

void source_free(struct source *source) {
  if (!source) return;
  while (source->level_count > 0)
    leave(source);
  for (size_t i = 0; i < source->origin_count; i++)
    if (source->origins[i].fd >= 0) close(source->origins[i].fd);
  free(source->levels);
  seen_clear(&source->seen);
  free(source);
}

int origin_open(const struct origin *origin, int more_flags) {
  int flags = O_RDONLY | O_NONBLOCK | O_CLOEXEC | more_flags;
  int fd = open(origin->path, flags | O_NOATIME);
  return fd < 0 && errno == EPERM ? open(origin->path, flags) : fd;
}

/* ---- entries ---- */
static void describe(const struct source *source, size_t name_size, const struct stat *status,
                     struct entry *entry) {
  bool is_folder = S_ISDIR(status->st_mode);
  *entry = (struct entry){
      .kind = is_folder ? ENTRY_FOLDER : ENTRY_FILE,
      .mode = status->st_mode & 0777,
      .size = is_folder ? 0 : (uint64_t)status->st_size,
      .mtime_s = status->st_mtim.tv_sec,
      .mtime_ns = (uint32_t)status->st_mtim.tv_nsec,
      .origin = (uint32_t)(source->origin_next - 1),
      .name_size = (uint16_t)name_size,
      .name = source->name,
  };
}

/* An entry that only names what went wrong, by its name at the receiver. */
static int complain(const struct source *source, size_t name_size, int error, struct entry *entry) {
  *entry = (struct entry){
      .origin = (uint32_t)(source->origin_next - 1), .name_size = (uint16_t)name_size, .name = source->name};
  return error;
}

/* Of a path that the user typed, what he typed. */
static int complain_of_path(const struct source *source, const struct origin *origin, int error,
                            struct entry *entry) {
  size_t size = strlen(origin->path);
  complain(source, size < UINT16_MAX ? size : UINT16_MAX, error, entry);
  entry->name = (const uint8_t *)origin->path;
  return error;
}

/* The name grows by a component; its new size, which may exceed NAME_BYTES_MAX by that component. */
static size_t append(struct source *source, size_t name_size, const char *last, size_t last_size) {
  assert(name_size <= NAME_BYTES_MAX && last_size <= NAME_COMPONENT_BYTES_MAX);
  if (name_size > 0) source->name[name_size++] = '/';
  memcpy(source->name + name_size, last, last_size);
  return name_size + last_size;
}

/* ---- down and up ---- */
/* Takes over `fd` on success. */
static int enter(struct source *source, int fd, size_t name_size) {
  if (source->level_count == source->level_capacity) {
    size_t capacity = 2 * source->level_capacity + 16;
    struct level *larger = realloc(source->levels, capacity * sizeof(larger[0]));
    if (!larger) return ERR_NO_MEMORY;
    source->levels = larger;
    source->level_capacity = capacity;
  }
  struct level level = {.fd = fd, .name_size = name_size};
  if (fstat(fd, &level.status) != 0) return error_from_errno(errno);
  int failure = listing_read(&level.listing, fd);
  if (failure < 0) return failure;
  source->levels[source->level_count++] = level;
  return 0;
}

/* The next origin: 1 and a file, 0 when its folder was entered, or an error and what it is about. */
static int start_origin(struct source *source, struct entry *entry) {
  struct origin *origin = &source->origins[source->origin_next++];
  struct stat status;
  if (origin->last_size > NAME_COMPONENT_BYTES_MAX)
    return complain_of_path(source, origin, ERR_BAD_NAME, entry);
  origin->name_size = source->prefix_size;
  if (origin->last_size > 0)
    origin->name_size = append(source, source->prefix_size, origin->last, origin->last_size);
  if (origin->name_size > NAME_BYTES_MAX) return complain_of_path(source, origin, ERR_BAD_NAME, entry);
  if (stat(origin->path, &status) != 0)
    return complain_of_path(source, origin, error_from_errno(errno), entry);
  if (!S_ISREG(status.st_mode) && !S_ISDIR(status.st_mode))
    return complain_of_path(source, origin, ERR_UNSUPPORTED, entry);
  if (source->origin_count > 1 && origin->last_size > 0) {
    /* Even two folders: what they hold would be mixed by accident, not by a trailing slash. */
    int failure = seen_add(&source->seen, source->name, origin->name_size, ENTRY_FILE);
    if (failure < 0) return complain_of_path(source, origin, failure, entry);
  }
  if (S_ISREG(status.st_mode)) {
    describe(source, origin->name_size, &status, entry);
    return 1;
  }
  origin->fd = origin_open(origin, O_DIRECTORY);
  if (origin->fd < 0) return complain_of_path(source, origin, error_from_errno(errno), entry);
  int failure = enter(source, origin->fd, origin->name_size);
  return failure < 0 ? complain_of_path(source, origin, failure, entry) : 0;
}

static int enter_found(struct source *source, const struct level *level, const char *last, size_t name_size) {
  int fd = beneath_open(level->fd, (const uint8_t *)last, strlen(last),
                        O_RDONLY | O_DIRECTORY | O_NONBLOCK | O_NOATIME, 0);
  if (fd < 0) return error_from_errno(errno);
  int failure = enter(source, fd, name_size);
  if (failure < 0) close(fd);
  return failure;
}

/* The next name in the folder where the walk stands; returns as start_origin. */
static int visit(struct source *source, struct entry *entry) {
  struct level *level = &source->levels[source->level_count - 1];
  const char *last = level->listing.names[level->next++];
  size_t last_size = strlen(last);
  if (last_size > NAME_COMPONENT_BYTES_MAX) return complain(source, level->name_size, ERR_BAD_NAME, entry);
  size_t name_size = append(source, level->name_size, last, last_size);
  struct stat status;
  int result = 0;
  if (name_size > NAME_BYTES_MAX)
    result = ERR_BAD_NAME;
  else if (fstatat(level->fd, last, &status, AT_SYMLINK_NOFOLLOW) != 0)
    result = error_from_errno(errno);
  else if (!S_ISREG(status.st_mode) && !S_ISDIR(status.st_mode))
    result = ERR_UNSUPPORTED;
  else if (source->has_overlap)
    result =
        seen_add(&source->seen, source->name, name_size, S_ISDIR(status.st_mode) ? ENTRY_FOLDER : ENTRY_FILE);
  if (result == 0 && S_ISREG(status.st_mode)) {
    describe(source, name_size, &status, entry);
    return 1;
  }
  if (result == 0) result = enter_found(source, level, last, name_size);
  return result < 0 ? complain(source, name_size, result, entry) : 0;
}

/* Up again: 1 and the folder's own entry, 0 when it has none. */
static int finish(struct source *source, struct entry *entry) {
  const struct level *level = &source->levels[source->level_count - 1];
  const struct origin *origin = &source->origins[source->origin_next - 1];
  bool is_announced = source->level_count > 1 || origin->last_size > 0;
  if (is_announced) describe(source, level->name_size, &level->status, entry);
  leave(source);
  return is_announced;
}

int source_next(struct source *source, struct entry *entry) {
  for (;;) {
    int result;
    if (source->level_count > 0) {
      const struct level *level = &source->levels[source->level_count - 1];
      result = level->next < level->listing.count ? visit(source, entry) : finish(source, entry);
    } else if (source->origin_next < source->origin_count) {
      result = start_origin(source, entry);
    } else {
      return 0;
    }
    if (result != 0) return result;
  }
}
