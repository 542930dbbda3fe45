/* private_file: the small files that trust rests on - secrets, and lists of who is believed
 * (proto/security.md).
 *
 * A file is judged by its descriptor, never by its name, so nobody can change it between the look and the
 * read; links are not followed and nothing but a regular file is read, without waiting for it. A new file
 * is written under a passing name and gets its own by a step that never replaces, so that of two processes
 * making the same one the second is told, and nobody ever sees a half. */
#include "private_file.h"

#include <errno.h>
#include <fcntl.h>
#include <gnutls/crypto.h>
#include <gnutls/gnutls.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

enum {
  PATH_BYTES_MAX = 4096,
  TEMPORARY_NAME_BYTES = 32,
  LOCK_TRIES_MAX = 200,
  LOCK_PAUSE_NS = 10 * 1000 * 1000,
  /* Without O_NONBLOCK the open of a FIFO would wait for its other end. */
  OPEN_FLAGS = O_NOFOLLOW | O_CLOEXEC | O_NOCTTY | O_NONBLOCK,
};

static int check(int fd, enum private_kind kind, size_t *size) {
  struct stat found;
  mode_t forbidden = kind == PRIVATE_SECRET ? S_IRWXG | S_IRWXO : S_IWGRP | S_IWOTH;
  if (fstat(fd, &found) < 0) return error_from_errno(errno);
  if (S_ISDIR(found.st_mode)) return ERR_IS_FOLDER;
  if (!S_ISREG(found.st_mode)) return ERR_UNSUPPORTED;
  if (found.st_uid != geteuid() && found.st_uid != 0) return ERR_EXPOSED;
  if (found.st_mode & forbidden) return ERR_EXPOSED;
  if (found.st_size > PRIVATE_FILE_BYTES_MAX) return ERR_MALFORMED;
  *size = (size_t)found.st_size;
  return 0;
}

/* Up to `size` bytes from the start: how many there were, or negative. */
static ssize_t read_whole(int fd, char *to, size_t size) {
  size_t done = 0;
  while (done < size) {
    ssize_t got = pread(fd, to + done, size - done, (off_t)done);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return error_from_errno(errno);
    if (got == 0) break;
    done += (size_t)got;
  }
  return (ssize_t)done;
}

static int read_checked(int fd, enum private_kind kind, char **text, size_t *size) {
  size_t expected;
  int error = check(fd, kind, &expected);
  if (error) return error;
  /* One byte more tells a file that grew since. */
  char *whole = malloc(expected + 1);
  if (!whole) return ERR_NO_MEMORY;
  ssize_t got = read_whole(fd, whole, expected + 1);
  if (got < 0 || (size_t)got > expected) {
    private_free(whole, expected + 1);
    return got < 0 ? (int)got : ERR_CHANGED;
  }
  *text = whole;
  *size = (size_t)got;
  return 0;
}

int private_file_read(const char *path, enum private_kind kind, char **text, size_t *size) {
  int fd = open(path, O_RDONLY | OPEN_FLAGS);
  if (fd < 0) return error_from_errno(errno);
  int error = read_checked(fd, kind, text, size);
  close(fd);
  return error;
}

void private_free(char *text, size_t size) {
  if (!text) return;
  gnutls_memset(text, 0, size);
  free(text);
}

/* Opens the folder that `path` lies in and sets *name to what follows it. */
static int open_folder(const char *path, const char **name) {
  char folder[PATH_BYTES_MAX];
  const char *slash = strrchr(path, '/');
  *name = slash ? slash + 1 : path;
  size_t size = (size_t)(*name - path);
  if (**name == '\0' || size >= sizeof(folder)) return ERR_BAD_NAME;
  memcpy(folder, path, size);
  folder[size] = '\0';
  int fd = open(size > 0 ? folder : ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  return fd < 0 ? error_from_errno(errno) : fd;
}

static int sync_folder(int folder) {
  /* Some file systems keep names safe by themselves and know no sync of a folder. */
  if (fsync(folder) < 0 && errno != EINVAL) return error_from_errno(errno);
  return 0;
}

static int sync_folder_of(const char *path) {
  const char *name;
  int folder = open_folder(path, &name);
  if (folder < 0) return folder;
  int error = sync_folder(folder);
  close(folder);
  return error;
}

static int write_whole(int fd, const char *text, size_t size) {
  while (size > 0) {
    ssize_t written = write(fd, text, size);
    if (written < 0 && errno == EINTR) continue;
    if (written <= 0) return written < 0 ? error_from_errno(errno) : ERR_IO;
    text += written;
    size -= (size_t)written;
  }
  return fsync(fd) < 0 ? error_from_errno(errno) : 0;
}

/* The last step of a new file; never replaces anything. */
static int give_name(int folder, const char *temporary, const char *name) {
  if (syscall(SYS_renameat2, folder, temporary, folder, name, RENAME_NOREPLACE) == 0) return 0;
  if (errno != EINVAL && errno != ENOSYS) return error_from_errno(errno);
  if (linkat(folder, temporary, folder, name, 0) < 0) return error_from_errno(errno);
  return unlinkat(folder, temporary, 0) < 0 ? error_from_errno(errno) : 0;
}

int private_file_make(const char *path, const char *text, size_t size) {
  const char *name;
  char temporary[TEMPORARY_NAME_BYTES];
  uint64_t random;
  size_t empty;
  if (gnutls_rnd(GNUTLS_RND_NONCE, &random, sizeof(random)) < 0) return ERR_IO;
  snprintf(temporary, sizeof(temporary), ".udpcp-%016" PRIx64, random);
  int folder = open_folder(path, &name);
  if (folder < 0) return folder;
  int error = 0;
  int fd = openat(folder, temporary, O_WRONLY | O_CREAT | O_EXCL | OPEN_FLAGS, 0600);
  if (fd < 0) {
    error = error_from_errno(errno);
  } else {
    error = check(fd, PRIVATE_SECRET, &empty);
    if (!error) error = write_whole(fd, text, size);
    close(fd);
    if (!error) error = give_name(folder, temporary, name);
    if (error) unlinkat(folder, temporary, 0);
    if (!error) error = sync_folder(folder);
  }
  close(folder);
  return error;
}

int private_folder_make(const char *path) {
  char folder[PATH_BYTES_MAX];
  size_t size = strlen(path);
  if (size >= sizeof(folder)) return ERR_BAD_NAME;
  memcpy(folder, path, size + 1);
  for (char *slash = strchr(folder + (size > 0), '/'); slash; slash = strchr(slash + 1, '/')) {
    *slash = '\0';
    if (access(folder, F_OK) < 0) {
      if (mkdir(folder, 0700) == 0) {
        int error = sync_folder_of(folder);
        if (error) return error;
      } else if (errno != EEXIST) {
        return error_from_errno(errno);
      }
    }
    *slash = '/';
  }
  return 0;
}

/* Anyone who may read a list can lock it, so the wait has an end. */
static int lock(int fd) {
  static const struct timespec pause = {.tv_nsec = LOCK_PAUSE_NS};
  for (unsigned tries = 0; tries < LOCK_TRIES_MAX; tries++) {
    if (flock(fd, LOCK_EX | LOCK_NB) == 0) return 0;
    if (errno != EWOULDBLOCK && errno != EINTR) return error_from_errno(errno);
    nanosleep(&pause, NULL);
  }
  return ERR_AGAIN;
}

int private_list_open(const char *path) {
  size_t size;
  int error = private_folder_make(path);
  if (error) return error;
  int fd = open(path, O_RDWR | O_APPEND | O_CREAT | OPEN_FLAGS, 0600);
  if (fd < 0) return error_from_errno(errno);
  error = check(fd, PRIVATE_LIST, &size);
  if (!error) error = lock(fd);
  if (!error) return fd;
  close(fd);
  return error;
}

int private_list_read(int fd, char **text, size_t *size) {
  return read_checked(fd, PRIVATE_LIST, text, size);
}

int private_list_append(int fd, const char *path, size_t size_before, const char *text, size_t size) {
  if (size > PRIVATE_FILE_BYTES_MAX - size_before) return ERR_TOO_MUCH;
  int error = write_whole(fd, text, size);
  /* The file's name is as old as its first line. */
  if (!error && size_before == 0) error = sync_folder_of(path);
  if (error && ftruncate(fd, (off_t)size_before) < 0) return error_from_errno(errno);
  return error;
}
