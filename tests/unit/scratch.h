/*
 * A folder of their own for tests with files: made by scratch_enter, which makes it the working folder, and
 * removed with all that is in it by scratch_leave, however deep. Paths in tests are relative to it.
 */
#ifndef SCRATCH_H
#define SCRATCH_H

#include <assert.h>
#include <dirent.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static char scratch_path[256];

static inline void scratch_enter(void) {
  const char *where = getenv("TMPDIR");
  int size = snprintf(scratch_path, sizeof(scratch_path), "%s/udpcp-test-XXXXXX", where ? where : "/tmp");
  assert(size < (int)sizeof(scratch_path) && mkdtemp(scratch_path) && chdir(scratch_path) == 0);
  assert(chmod(scratch_path, 0755) == 0);
}

/* Empties the folder `fd` and closes it. */
static inline void scratch_empty(int fd) {
  assert(fd >= 0);
  DIR *stream = fdopendir(fd);
  const struct dirent *found;
  assert(stream);
  while ((found = readdir(stream))) {
    const char *name = found->d_name;
    if (strcmp(name, ".") == 0 || strcmp(name, "..") == 0 || unlinkat(fd, name, 0) == 0) continue;
    assert(fchmodat(fd, name, 0700, 0) == 0);
    scratch_empty(openat(fd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
    assert(unlinkat(fd, name, AT_REMOVEDIR) == 0);
  }
  closedir(stream);
}

static inline void scratch_leave(void) {
  assert(chdir("/") == 0);
  scratch_empty(open(scratch_path, O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  assert(rmdir(scratch_path) == 0);
}

static inline void scratch_write(const char *path, const char *text) {
  int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
  assert(fd >= 0 && write(fd, text, strlen(text)) == (ssize_t)strlen(text));
  close(fd);
}

static inline void scratch_folder(const char *path) { assert(mkdir(path, 0755) == 0); }

/* A file with that text, and nothing else, stands there. */
static inline bool scratch_holds(const char *path, const char *text) {
  char found[4096];
  int fd = open(path, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
  if (fd < 0) return false;
  ssize_t size = read(fd, found, sizeof(found));
  close(fd);
  return size == (ssize_t)strlen(text) && memcmp(found, text, (size_t)size) == 0;
}

static inline void scratch_stamp(const char *path, long seconds, long ns) {
  struct timespec times[2] = {{seconds, ns}, {seconds, ns}};
  assert(utimensat(AT_FDCWD, path, times, AT_SYMLINK_NOFOLLOW) == 0);
}

#endif
