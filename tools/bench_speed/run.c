/* Runs one command and says exactly what it took: bench_run [-n NETNS] [-w] RESULT COMMAND [ARGUMENT...]
 *
 * What is measured is the command and all that descends from it, also what a daemon left behind: this process
 * is their reaper, so the kernel adds up their CPU time and knows the largest of them. It is small itself,
 * because a child's peak memory is never told as less than that of whoever forked it. Begin and end are taken
 * around the command alone, by a clock that all namespaces share.
 *
 * With -w it begins when its standard input ends: so many can begin in the same moment.
 * SIGTERM ends it: the sessions of a daemon may finish for a moment, then the command is asked to leave, then
 * all that is left is killed. RESULT gets one line: status (128 + N for signal N), begin ns, end ns, CPU us,
 * largest process KiB. */
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { USAGE = 1, CANNOT_RUN = 127, LOOK_MS = 10, LINGER_MS = 1000, LEAVE_MS = 3000 };

static long long now_ns(void) {
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return now.tv_sec * 1000000000LL + now.tv_nsec;
}

/* The first child of a process; 0 when it has none, or the kernel does not tell. */
static pid_t child_of(pid_t pid) {
  char path[64];
  int child = 0;
  snprintf(path, sizeof path, "/proc/%d/task/%d/children", (int)pid, (int)pid);
  FILE *list = fopen(path, "r");
  if (!list) return 0;
  if (fscanf(list, "%d", &child) != 1) child = 0;
  fclose(list);
  return child;
}

static void start(char **argv, const sigset_t *mask) {
  sigprocmask(SIG_SETMASK, mask, NULL);
  execvp(argv[0], argv);
  fprintf(stderr, "%s: %s\n", argv[0], strerror(errno));
  _exit(CANNOT_RUN);
}

/* Reaps until the command has ended, or `limit_ms` (0: no limit). Whether it has ended. */
static int wait_for(pid_t command, const sigset_t *signals, int limit_ms, int *status, int *is_asked) {
  long long deadline_ns = now_ns() + limit_ms * 1000000LL;
  for (;;) {
    int one;
    for (pid_t ended; (ended = waitpid(-1, &one, WNOHANG)) > 0;)
      if (ended == command) return *status = one, 1;
    if (*is_asked && now_ns() >= deadline_ns) return 0;
    struct timespec pause = {.tv_nsec = LOOK_MS * 1000000L};
    int signal_number = *is_asked ? sigtimedwait(signals, NULL, &pause) : sigwaitinfo(signals, NULL);
    if (signal_number == SIGTERM && !*is_asked) return *is_asked = 1, 0;
  }
}

static int run(pid_t command, const sigset_t *signals) {
  int status = 0, is_asked = 0;
  if (wait_for(command, signals, 0, &status, &is_asked)) return status;
  for (int ms = 0; ms < LINGER_MS && child_of(command); ms += LOOK_MS)
    if (wait_for(command, signals, LOOK_MS, &status, &is_asked)) return status;
  kill(command, SIGTERM);
  if (wait_for(command, signals, LEAVE_MS, &status, &is_asked)) return status;
  kill(command, SIGKILL);
  wait_for(command, signals, LEAVE_MS, &status, &is_asked);
  return status;
}

/* What outlived the command: first those that leave by themselves in a moment, then all. */
static void reap_rest(void) {
  long long deadline_ns = now_ns() + LINGER_MS * 1000000LL;
  for (pid_t ended; (ended = waitpid(-1, NULL, WNOHANG)) >= 0;) {
    pid_t left = ended == 0 && now_ns() >= deadline_ns ? child_of(getpid()) : 0;
    if (left) kill(left, SIGKILL);
    if (ended == 0) usleep(LOOK_MS * 1000);
  }
}

static int enter(const char *path) {
  int fd = open(path, O_RDONLY | O_CLOEXEC);
  int error = fd < 0 || setns(fd, CLONE_NEWNET) != 0;
  if (error) perror(path);
  if (fd >= 0) close(fd);
  return error;
}

int main(int argc, char **argv) {
  sigset_t signals, before;
  bool waits = false;
  for (int option; (option = getopt(argc, argv, "+n:w")) != -1;) {
    if (option == '?' || (option == 'n' && enter(optarg))) return USAGE;
    waits = waits || option == 'w';
  }
  argv += optind, argc -= optind;
  if (argc < 2) {
    fprintf(stderr, "usage: bench_run [-n NETNS] [-w] RESULT COMMAND [ARGUMENT...]\n");
    return USAGE;
  }
  sigemptyset(&signals);
  sigaddset(&signals, SIGTERM);
  sigaddset(&signals, SIGCHLD);
  sigprocmask(SIG_BLOCK, &signals, &before);
  prctl(PR_SET_CHILD_SUBREAPER, 1);
  for (char byte; waits && read(STDIN_FILENO, &byte, 1) > 0;)
    ;
  long long begin_ns = now_ns();
  pid_t command = fork();
  if (command == 0) start(argv + 1, &before);
  if (command < 0) return perror("fork"), USAGE;
  int status = run(command, &signals);
  long long end_ns = now_ns();
  reap_rest();
  struct rusage all;
  getrusage(RUSAGE_CHILDREN, &all);
  long long cpu_us =
      (all.ru_utime.tv_sec + all.ru_stime.tv_sec) * 1000000LL + all.ru_utime.tv_usec + all.ru_stime.tv_usec;
  FILE *result = fopen(argv[0], "w");
  if (!result) return perror(argv[0]), USAGE;
  fprintf(result, "%d %lld %lld %lld %ld\n", WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status),
          begin_ns, end_ns, cpu_us, all.ru_maxrss);
  return fclose(result) != 0;
}
