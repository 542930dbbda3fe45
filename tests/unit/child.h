/*
 * Cases that need a process of their own: one whose kernel refuses a call, or one with a network or mounts of
 * its own. The case forks; in the child CHILD_CHECK replaces CU_ASSERT, and its failures fail the case.
 *
 *   static void body(void) { child_refuse_call(SYS_openat2, ENOSYS); CHILD_CHECK(open_it() >= 0); }
 *   static void works_without_openat2(void) { CU_ASSERT(child_passes(body)); }
 */
#ifndef CHILD_H
#define CHILD_H

#include <errno.h>
#include <fcntl.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <net/if.h>
#include <netinet/in.h>
#include <sched.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#define CHILD_CHECK(condition)                                                                               \
  do {                                                                                                       \
    if (!(condition)) {                                                                                      \
      printf("%s:%d: in a child: %s (errno %d)\n", __FILE__, __LINE__, #condition, errno);                   \
      _exit(1);                                                                                              \
    }                                                                                                        \
  } while (0)

static inline bool child_passes(void (*body)(void)) {
  int status = -1;
  fflush(stdout);
  pid_t pid = fork();
  if (pid == 0) {
    body();
    _exit(0);
  }
  return pid > 0 && waitpid(pid, &status, 0) == pid && WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

/* From now on `call` fails with `errno_value`; when `with_first` is not negative, only with that first
 * argument. */
static inline void child_refuse_call_with(long call, int64_t with_first, int errno_value) {
  struct sock_filter all[] = {
      BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
      BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, (uint32_t)call, 0, 1),
      BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | (uint32_t)errno_value),
      BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
  };
  /* The low half of the argument comes first on the little-endian machines that this is for. */
  struct sock_filter some[] = {
      all[0],
      BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, (uint32_t)call, 0, 3),
      BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, args[0])),
      BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, (uint32_t)with_first, 0, 1),
      all[2],
      all[3],
  };
  struct sock_fprog program = {sizeof(all) / sizeof(all[0]), all};
  if (with_first >= 0) program = (struct sock_fprog){sizeof(some) / sizeof(some[0]), some};
  CHILD_CHECK(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0);
  CHILD_CHECK(prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) == 0);
}

static inline void child_refuse_call(long call, int errno_value) {
  child_refuse_call_with(call, -1, errno_value);
}

/* From now on setsockopt fails for that option. */
static inline void child_refuse_option(int level, int name, int errno_value) {
#define ARGUMENT(n) BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, args[n]))
#define UNLESS(value, skip) BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, (uint32_t)(value), 0, skip)
  struct sock_filter filter[] = {
      BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
      UNLESS(SYS_setsockopt, 5),
      ARGUMENT(1),
      UNLESS(level, 3),
      ARGUMENT(2),
      UNLESS(name, 1),
      BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | (uint32_t)errno_value),
      BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
  };
#undef ARGUMENT
#undef UNLESS
  struct sock_fprog program = {sizeof(filter) / sizeof(filter[0]), filter};
  CHILD_CHECK(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0);
  CHILD_CHECK(prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) == 0);
}

static inline void child_write_map(const char *path, const char *text) {
  int fd = open(path, O_WRONLY | O_CLOEXEC);
  CHILD_CHECK(fd >= 0 && write(fd, text, strlen(text)) == (ssize_t)strlen(text));
  close(fd);
}

/* Namespaces of its own: as root directly, else as the root of a user namespace. */
static inline void child_unshare(int namespaces) {
  char users[32], groups[32];
  snprintf(users, sizeof(users), "0 %u 1", (unsigned)geteuid());
  snprintf(groups, sizeof(groups), "0 %u 1", (unsigned)getegid());
  if (unshare(namespaces) == 0) return;
  CHILD_CHECK(unshare(CLONE_NEWUSER | namespaces) == 0);
  child_write_map("/proc/self/setgroups", "deny");
  child_write_map("/proc/self/uid_map", users);
  child_write_map("/proc/self/gid_map", groups);
}

/* A network with nothing but a loopback of that MTU. */
static inline void child_own_network(int mtu) {
  struct ifreq request = {.ifr_name = "lo"};
  child_unshare(CLONE_NEWNET);
  int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  CHILD_CHECK(fd >= 0);
  request.ifr_flags = IFF_UP;
  CHILD_CHECK(ioctl(fd, SIOCSIFFLAGS, &request) == 0);
  request.ifr_mtu = mtu;
  CHILD_CHECK(ioctl(fd, SIOCSIFMTU, &request) == 0);
  close(fd);
}

#endif
