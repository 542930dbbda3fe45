/* swap: whoever may write beside a receiver and means it ill. Two names change places (renameat2 with
 * RENAME_EXCHANGE), so that neither is ever missing:
 *
 *   swap A B COUNT        COUNT times, rounded up to an even number: in the end both stand where they stood
 *   swap --parts DIR BAIT KIND   until SIGTERM: whatever part file shows up in DIR becomes a link to BAIT
 * (KIND `symbolic` or `hard`) or a FIFO (`fifo`); the part itself stays beside it
 *
 * Prints how often it swapped. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static volatile sig_atomic_t is_stopped;
static void stop(int number) { is_stopped = number; }

static int swap_places(const char *one, const char *other, long count) {
  long swapped = 0;
  for (count += count % 2; swapped < count; swapped++)
    if (renameat2(AT_FDCWD, one, AT_FDCWD, other, RENAME_EXCHANGE) != 0) {
      perror("swap: renameat2");
      return 1;
    }
  printf("%ld\n", swapped);
  return 0;
}

static int make_trap(int folder, const char *name, const char *bait, const char *kind) {
  if (strcmp(kind, "symbolic") == 0) return symlinkat(bait, folder, name);
  if (strcmp(kind, "hard") == 0) return linkat(AT_FDCWD, bait, folder, name, 0);
  return mkfifoat(folder, name, 0600);
}

/* Only a file that is not a trap already. */
static int spoil(int folder, const char *part, const char *bait, const char *kind, long number) {
  char trap[64];
  struct stat status;
  if (fstatat(folder, part, &status, AT_SYMLINK_NOFOLLOW) != 0 || !S_ISREG(status.st_mode) ||
      status.st_nlink != 1)
    return 0;
  snprintf(trap, sizeof(trap), "trap.%ld", number);
  if (make_trap(folder, trap, bait, kind) != 0) return 0;
  if (renameat2(folder, part, folder, trap, RENAME_EXCHANGE) == 0) return 1;
  unlinkat(folder, trap, 0);
  return 0;
}

static int spoil_parts(const char *path, const char *bait, const char *kind) {
  struct sigaction action = {.sa_handler = stop};
  DIR *stream = opendir(path);
  long swapped = 0;
  if (!stream || sigaction(SIGTERM, &action, NULL) != 0) return 1;
  printf("ready\n");
  fflush(stdout);
  for (const struct dirent *found; !is_stopped; rewinddir(stream))
    while ((found = readdir(stream)))
      if (strncmp(found->d_name, ".udpcp-", 7) == 0)
        swapped += spoil(dirfd(stream), found->d_name, bait, kind, swapped);
  closedir(stream);
  printf("%ld\n", swapped);
  return 0;
}

int main(int argc, char **argv) {
  if (argc == 5 && strcmp(argv[1], "--parts") == 0) return spoil_parts(argv[2], argv[3], argv[4]);
  if (argc == 4) return swap_places(argv[1], argv[2], strtol(argv[3], NULL, 10));
  fprintf(stderr, "usage: swap A B COUNT | swap --parts DIR BAIT symbolic|hard|fifo\n");
  return 2;
}
