/* random: bytes for keys, connection ids and names, from the kernel's generator and from nothing else.
 *
 * There is no fallback to anything weaker: a program that cannot make keys must not go on, so it aborts. */
#include "udpcp/io.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/random.h>
#include <unistd.h>

/* For kernels and sandboxes without getrandom(). */
static void fill_from_device(uint8_t *at, size_t size) {
  int fd = open("/dev/urandom", O_RDONLY | O_CLOEXEC | O_NOCTTY);
  if (fd < 0) abort();
  while (size > 0) {
    ssize_t got = read(fd, at, size);
    if (got < 0 && errno == EINTR) continue;
    if (got <= 0) abort();
    at += got;
    size -= (size_t)got;
  }
  close(fd);
}

void random_fill(void *bytes, size_t size) {
  uint8_t *at = bytes;
  while (size > 0) {
    ssize_t got = getrandom(at, size, 0);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) {
      fill_from_device(at, size);
      return;
    }
    at += got;
    size -= (size_t)got;
  }
}
