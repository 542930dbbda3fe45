/* beneath: openat2() with RESOLVE_BENEATH where the kernel has it, else one component after another.
 *
 * A name that came over the network must not leave the folder it is meant for, whatever somebody else does to
 * that folder at the same moment. The kernel can promise this for a whole path; the walk promises it because
 * it never resolves more than one component, and none of them as a link. The walk also serves names that are
 * too long for a path. */
#include "beneath.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/openat2.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

enum { COMPONENT_MAX = 255 };

size_t beneath_parent_size(const uint8_t *name, size_t size) {
  const uint8_t *slash = memrchr(name, '/', size);
  return slash ? (size_t)(slash - name) : 0;
}

static size_t component_size(const uint8_t *name, size_t size) {
  const uint8_t *slash = memchr(name, '/', size);
  return slash ? (size_t)(slash - name) : size;
}

/* 0 or an errno. */
static int check_component(const uint8_t *at, size_t size) {
  if (size > COMPONENT_MAX) return ENAMETOOLONG;
  if (size == 0 || (size <= 2 && memcmp(at, "..", size) == 0) || memchr(at, '\0', size)) return EXDEV;
  return 0;
}

int beneath_check(const uint8_t *name, size_t size) {
  size_t at = 0;
  while (at <= size) {
    size_t component = component_size(name + at, size - at);
    int failure = check_component(name + at, component);
    if (failure != 0) return failure;
    at += component + 1;
  }
  return 0;
}

void beneath_last(const uint8_t *name, size_t size, char last[256]) {
  size_t parent = beneath_parent_size(name, size);
  size_t start = parent > 0 ? parent + 1 : 0;
  assert(size > start && size - start <= COMPONENT_MAX);
  memcpy(last, name + start, size - start);
  last[size - start] = '\0';
}

/* ---- both ways ---- */
static int open_whole(int root, const uint8_t *name, size_t size, int flags, mode_t mode) {
  char path[PATH_MAX];
  struct open_how how = {.flags = (uint64_t)flags,
                         .mode = (flags & O_CREAT) ? mode : 0,
                         .resolve = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS};
  if (size >= sizeof(path)) {
    errno = ENOSYS;
    return -1;
  }
  memcpy(path, name, size);
  path[size] = '\0';
  return (int)syscall(SYS_openat2, root, path, &how, sizeof(how));
}

/* Closes `fd` without losing the errno of what failed before. */
static void close_quietly(int fd) {
  int saved = errno;
  close(fd);
  errno = saved;
}

static int open_stepwise(int root, const uint8_t *name, size_t size, int flags, mode_t mode) {
  char component[COMPONENT_MAX + 1];
  int folder = root;
  for (;;) {
    size_t length = component_size(name, size);
    int is_last = length == size;
    memcpy(component, name, length);
    component[length] = '\0';
    int next = is_last ? openat(folder, component, flags, mode)
                       : openat(folder, component, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (folder != root) close_quietly(folder);
    if (next < 0 || is_last) return next;
    folder = next;
    name += length + 1;
    size -= length + 1;
  }
}

int beneath_open(int root, const uint8_t *name, size_t size, int flags, mode_t mode) {
  errno = beneath_check(name, size);
  if (errno != 0) return -1;
  flags |= O_CLOEXEC | O_NOFOLLOW;
  int fd = open_whole(root, name, size, flags, mode);
  if (fd < 0 && errno == EPERM && (flags & O_NOATIME)) {
    flags &= ~O_NOATIME;
    fd = open_whole(root, name, size, flags, mode);
  }
  /* EPERM: a sandbox that does not know the call. EAGAIN: the kernel saw renames and cannot promise. */
  if (fd >= 0 || (errno != ENOSYS && errno != EPERM && errno != EAGAIN)) return fd;
  fd = open_stepwise(root, name, size, flags, mode);
  if (fd < 0 && errno == EPERM && (flags & O_NOATIME))
    fd = open_stepwise(root, name, size, flags & ~O_NOATIME, mode);
  return fd;
}
