/* sandbox_calls: the system calls that receiving needs, and no other (seccomp).
 *
 * Once socket, threads and folder are there, what remains is to wait, to move datagrams through the one
 * socket, to work on files and to leave. Three answers: what the code does is allowed; what no receiver ever
 * does, but whoever took it over would, ends the process; anything else fails as if the kernel did not have
 * it, since C libraries try newer calls first and know what to do then. Names that the system's libseccomp
 * does not know fall under the last. Which files may be touched says sandbox.c. */
#include "udpcp/fs.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <seccomp.h>
#include <stddef.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

static const char *const allowed[] = {
    /* datagrams; musl sends a batch one by one */
    "recvmmsg", "sendmmsg", "sendmsg",
    /* waiting, and the clock where it cannot be read without a call */
    "poll", "ppoll", "ppoll_time64", "clock_gettime", "gettimeofday", "clock_nanosleep", "nanosleep",
    "restart_syscall",
    /* names */
    "openat2", "openat", "mkdirat", "linkat", "unlinkat", "renameat", "renameat2", "newfstatat", "statx",
    "faccessat", "faccessat2", "getdents64",
    /* what is open */
    "close", "read", "readv", "pread64", "write", "writev", "pwrite64", "lseek", "fstat", "fstatfs",
    "ftruncate", "fallocate", "fsync", "fdatasync", "syncfs", "sync_file_range", "utimensat", "flock",
    /* memory; what may be mapped: below */
    "brk", "munmap", "mremap", "madvise", "getrandom",
    /* threads that were made before and begin only now; signals to ourselves, the end */
    "rseq", "set_robust_list", "futex", "sched_yield", "sched_getaffinity", "rt_sigaction", "rt_sigprocmask",
    "rt_sigreturn", "sigaltstack", "getpid", "gettid", "geteuid", "getegid", "sysinfo", "umask", "exit",
    "exit_group"};

static const char *const fatal[] = {
    /* another program, another process */
    "execve", "execveat", "fork", "vfork", "ptrace", "process_vm_readv", "process_vm_writev",
    "process_madvise", "kcmp", "kill", "tkill", "rt_sigqueueinfo", "rt_tgsigqueueinfo", "pidfd_open",
    "pidfd_getfd", "pidfd_send_signal",
    /* another machine, or a way out of this one's network rules */
    "connect", "accept", "accept4", "listen", "bind", "socketpair",
    /* code of its own */
    "memfd_create", "memfd_secret", "pkey_mprotect", "shmat", "personality", "userfaultfd", "io_uring_setup",
    "io_uring_enter", "io_uring_register", "bpf", "perf_event_open",
    /* other privileges, other views of the file system */
    "setuid", "setgid", "setreuid", "setregid", "setresuid", "setresgid", "setfsuid", "setfsgid", "setgroups",
    "capset", "unshare", "setns", "chroot", "pivot_root", "mount", "umount", "umount2", "mount_setattr",
    "move_mount", "open_tree", "fsopen", "fsconfig", "fsmount", "fspick", "mknod", "mknodat",
    "open_by_handle_at", "keyctl", "add_key", "request_key",
    /* the machine itself */
    "init_module", "finit_module", "delete_module", "kexec_load", "kexec_file_load", "reboot", "swapon",
    "swapoff", "acct", "quotactl", "iopl", "ioperm", "syslog", "sethostname", "setdomainname", "settimeofday",
    "clock_settime", "adjtimex", "clock_adjtime"};

/* Answers that depend on an argument. Where two of a call fit neither, it is refused as unknown. */
enum { SPECIAL_MODE_BITS = 07000, SOCKET_TYPE_BITS = 0xf };
static const struct rule {
  const char *name;
  enum answer { ALLOW, END } answer;
  struct scmp_arg_cmp when;
} rules[] = {
    {"mmap", ALLOW, {2, SCMP_CMP_MASKED_EQ, PROT_EXEC, 0}},
    {"mmap", END, {2, SCMP_CMP_MASKED_EQ, PROT_EXEC, PROT_EXEC}},
    {"mprotect", ALLOW, {2, SCMP_CMP_MASKED_EQ, PROT_EXEC, 0}},
    {"mprotect", END, {2, SCMP_CMP_MASKED_EQ, PROT_EXEC, PROT_EXEC}},
    {"fchmod", ALLOW, {1, SCMP_CMP_MASKED_EQ, SPECIAL_MODE_BITS, 0}},
    {"ioctl", ALLOW, {1, SCMP_CMP_EQ, TIOCGWINSZ, 0}},
    {"ioctl", ALLOW, {1, SCMP_CMP_EQ, TCGETS, 0}}, /* isatty() */
    {"ioctl", ALLOW, {1, SCMP_CMP_EQ, FIONREAD, 0}},
    {"fcntl", ALLOW, {1, SCMP_CMP_EQ, F_GETFL, 0}},
    {"fcntl", ALLOW, {1, SCMP_CMP_EQ, F_GETFD, 0}},
    {"fcntl", ALLOW, {1, SCMP_CMP_EQ, F_SETFD, 0}},
    {"fcntl", ALLOW, {1, SCMP_CMP_EQ, F_DUPFD_CLOEXEC, 0}},
    {"clone", END, {0, SCMP_CMP_MASKED_EQ, CLONE_THREAD, 0}},
    /* A datagram socket is only refused: the C library wants one to name an interface, fe80::1%eth0. */
    {"socket", END, {0, SCMP_CMP_GT, AF_INET6, 0}},
    {"socket", END, {1, SCMP_CMP_MASKED_EQ, SOCKET_TYPE_BITS, SOCK_STREAM}},
    {"socket", END, {1, SCMP_CMP_MASKED_EQ, SOCKET_TYPE_BITS, SOCK_RAW}},
    {"socket", END, {1, SCMP_CMP_MASKED_EQ, SOCKET_TYPE_BITS, SOCK_SEQPACKET}},
};

/* Linked in only with a sanitizer, in builds for tests: at the exit it clones a process that stops this one
 * and looks for leaks. */
__attribute__((weak)) void __lsan_do_leak_check(void);
static const char *const leak_search[] = {"clone", "ptrace",   "prctl",    "wait4",
                                          "open",  "getdents", "readlink", "getppid"};

static bool is_of_leak_search(const char *name) {
  for (size_t i = 0; __lsan_do_leak_check && i < sizeof(leak_search) / sizeof(leak_search[0]); i++)
    if (strcmp(name, leak_search[i]) == 0) return true;
  return false;
}

/* A name that this libseccomp or this machine does not have: then no program here makes that call by it. */
static int add(scmp_filter_ctx filter, enum answer answer, const char *name,
               const struct scmp_arg_cmp *when) {
  int call = seccomp_syscall_resolve_name(name);
  if (call < 0 || (answer == END && is_of_leak_search(name))) return 0;
  uint32_t action = answer == ALLOW ? SCMP_ACT_ALLOW : SCMP_ACT_KILL_PROCESS;
  return seccomp_rule_add_array(filter, action, call, when ? 1 : 0, when);
}

static int add_names(scmp_filter_ctx filter, enum answer answer, const char *const *names, size_t count) {
  int failure = 0;
  for (size_t i = 0; failure == 0 && i < count; i++)
    failure = add(filter, answer, names[i], NULL);
  return failure;
}

static int add_all(scmp_filter_ctx filter) {
  struct scmp_arg_cmp to_ourselves = {0, SCMP_CMP_EQ, (scmp_datum_t)getpid(), 0};
  int failure = add(filter, ALLOW, "tgkill", &to_ourselves); /* abort() */
  if (failure == 0) failure = add_names(filter, ALLOW, allowed, sizeof(allowed) / sizeof(allowed[0]));
  if (failure == 0) failure = add_names(filter, END, fatal, sizeof(fatal) / sizeof(fatal[0]));
  if (failure == 0 && __lsan_do_leak_check)
    failure = add_names(filter, ALLOW, leak_search, sizeof(leak_search) / sizeof(leak_search[0]));
  for (size_t i = 0; failure == 0 && i < sizeof(rules) / sizeof(rules[0]); i++)
    failure = add(filter, rules[i].answer, rules[i].name, &rules[i].when);
  return failure;
}

int sandbox_limit_calls(void) {
  if (sizeof(long) < sizeof(uint64_t)) return ERR_UNSUPPORTED; /* 32-bit machines have calls of their own */
  scmp_filter_ctx filter = seccomp_init(SCMP_ACT_ERRNO(ENOSYS));
  if (!filter) return ERR_NO_MEMORY;
  int failure = seccomp_attr_set(filter, SCMP_FLTATR_ACT_BADARCH, SCMP_ACT_KILL_PROCESS);
  if (failure == 0) failure = seccomp_attr_set(filter, SCMP_FLTATR_CTL_TSYNC, 1);
  /* Not every libseccomp has these two: a faster filter, and the kernel's own word on what failed. */
  seccomp_attr_set(filter, SCMP_FLTATR_CTL_OPTIMIZE, 2);
  seccomp_attr_set(filter, SCMP_FLTATR_API_SYSRAWRC, 1);
  if (failure == 0) failure = add_all(filter);
  if (failure == 0) failure = seccomp_load(filter);
  seccomp_release(filter);
  return failure == 0 ? 0 : error_from_errno(-failure);
}
