/* test_sandbox: who sits in it gets nowhere, and receiving works. Each try runs in a child of its own, since
 * there is no way back; the outcome is what the kernel says: an errno, or SIGSYS where a try ends the
 * process. Where the kernel has no Landlock or no seccomp, the functions have to say so and the tries are
 * left out. */
#include "child.h"
#include "sink_case.h"
#include "unit.h"

#include <linux/fs.h>
#include <linux/openat2.h>
#include <malloc.h>
#include <net/if.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/statfs.h>
#include <sys/syscall.h>
#include <sys/un.h>

/* Only with a sanitizer: its search for leaks needs a few calls that are fatal otherwise. */
__attribute__((weak)) void __lsan_do_leak_check(void);

static char outside_path[300]; /* of out/secret, absolute */
static int landlock_version;
enum { VERSION_TCP = 4, VERSION_SCOPE = 6 };

/* The folder is "in"; what must not be reached is in "out". */
static void scene(void) {
  scratch_enter();
  scratch_folder("in");
  scratch_folder("in/sub");
  scratch_folder("out");
  scratch_write("in/file", "inside");
  scratch_write("out/secret", "outside");
  assert(chmod("in/file", 0755) == 0 && symlink("../out/secret", "in/way_out") == 0);
  int size = snprintf(outside_path, sizeof(outside_path), "%s/out/secret", scratch_path);
  assert(size < (int)sizeof(outside_path));
  landlock_version = (int)syscall(444, NULL, (size_t)0, 1);
}

static bool nothing_outside_changed(void) {
  struct stat status;
  return scratch_holds("out/secret", "outside") && has_mode("out/secret", 0644) &&
         stat("out", &status) == 0 && status.st_nlink == 2 && access("out/new", F_OK) != 0;
}

/* ---- files: an errno ---- */
static int error_of(long result) { return result < 0 ? errno : 0; }

static int open_within(const char *name, int flags) {
  int folder = open("in", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  int error = error_of(openat(folder, name, flags | O_CLOEXEC, 0600));
  close(folder);
  return error;
}

static int reads_passwd(void) { return error_of(open("/etc/passwd", O_RDONLY | O_CLOEXEC)); }
static int reads_absolute(void) { return open_within(outside_path, O_RDONLY); }
static int reads_above(void) { return open_within("../out/secret", O_RDONLY); }
static int reads_by_link(void) { return open_within("way_out", O_RDONLY); }
static int lists_root(void) { return error_of(open("/", O_RDONLY | O_DIRECTORY | O_CLOEXEC)); }
static int writes_above(void) { return open_within("../out/secret", O_WRONLY); }
static int truncates_above(void) { return open_within("../out/secret", O_WRONLY | O_TRUNC); }
static int truncates_path(void) { return error_of(truncate("out/secret", 0)); }
static int makes_outside(void) { return open_within("../out/new", O_WRONLY | O_CREAT | O_EXCL); }
static int makes_folder_outside(void) { return error_of(mkdir("out/new", 0700)); }
static int removes_outside(void) { return error_of(unlink("out/secret")); }
static int links_out(void) { return error_of(link("in/file", "out/new")); }
static int links_in(void) { return error_of(link("out/secret", "in/new")); }
static int renames_out(void) { return error_of(rename("in/file", "out/new")); }
static int renames_in(void) { return error_of(rename("out/secret", "in/new")); }
static int renames_to_other_folder(void) { return error_of(rename("in/file", "in/sub/file")); }
static int makes_link(void) { return error_of(symlink("/etc/passwd", "in/new")); }
static int makes_fifo(void) { return error_of(mkfifo("in/new", 0600)); }
static int makes_device(void) { return error_of(mknod("in/new", S_IFCHR | 0600, (1 << 8) | 3)); }
static int makes_socket(void) {
  struct sockaddr_un name = {.sun_family = AF_UNIX, .sun_path = "in/new"};
  return error_of(bind(socket(AF_UNIX, SOCK_STREAM, 0), (struct sockaddr *)&name, sizeof(name)));
}
static int runs_a_file(void) {
  char *arguments[] = {"file", NULL};
  return error_of(execve("in/file", arguments, NULL));
}
static int runs_the_shell(void) {
  char *arguments[] = {"sh", "-c", "exit 7", NULL};
  return error_of(execve("/bin/sh", arguments, NULL));
}
static int remounts(void) { return error_of(mount("none", "in", "tmpfs", 0, NULL)); }
static int listens_on_tcp(void) {
  struct sockaddr_in name = {.sin_family = AF_INET, .sin_port = htons(1)};
  return error_of(bind(socket(AF_INET, SOCK_STREAM, 0), (struct sockaddr *)&name, sizeof(name)));
}
static int connects_by_tcp(void) {
  struct sockaddr_in name = {.sin_family = AF_INET, .sin_port = htons(1)};
  name.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  return error_of(connect(socket(AF_INET, SOCK_STREAM, 0), (struct sockaddr *)&name, sizeof(name)));
}
static int signals_the_parent(void) { return error_of(kill(getppid(), 0)); }

static const struct attempt {
  const char *name;
  int (*run)(void);
  int errors[2]; /* any of them */
  int version;   /* of Landlock, from which on it is refused */
} attempts[] = {
    {"reads /etc/passwd", reads_passwd, {EACCES}, 1},
    {"reads an absolute path", reads_absolute, {EACCES}, 1},
    {"reads DIR/../out/secret", reads_above, {EACCES}, 1},
    {"reads through a link in DIR", reads_by_link, {EACCES}, 1},
    {"lists /", lists_root, {EACCES}, 1},
    {"writes above", writes_above, {EACCES}, 1},
    {"truncates while opening", truncates_above, {EACCES}, 1},
    {"truncates a path", truncates_path, {EACCES}, 3},
    {"makes a file outside", makes_outside, {EACCES}, 1},
    {"makes a folder outside", makes_folder_outside, {EACCES}, 1},
    {"removes outside", removes_outside, {EACCES}, 1},
    {"links a file out", links_out, {EACCES, EXDEV}, 1},
    {"links a file in", links_in, {EACCES, EXDEV}, 1},
    {"renames out", renames_out, {EACCES, EXDEV}, 1},
    {"renames in", renames_in, {EACCES, EXDEV}, 1},
    {"renames to another folder", renames_to_other_folder, {EXDEV}, 1},
    {"makes a symbolic link", makes_link, {EACCES}, 1},
    {"makes a FIFO", makes_fifo, {EACCES}, 1},
    {"makes a device", makes_device, {EACCES, EPERM}, 1},
    {"makes a socket", makes_socket, {EACCES}, 1},
    {"runs what it received", runs_a_file, {EACCES}, 1},
    {"runs the shell", runs_the_shell, {EACCES}, 1},
    {"mounts", remounts, {EPERM}, 1},
    {"binds a TCP port", listens_on_tcp, {EACCES}, VERSION_TCP},
    {"connects by TCP", connects_by_tcp, {EACCES}, VERSION_TCP},
    {"signals its parent", signals_the_parent, {EPERM}, VERSION_SCOPE},
};
static const struct attempt *attempt;

static void try_attempt(void) {
  CHILD_CHECK(sandbox_limit_files("in") == 0);
  int error = attempt->run();
  if (error == 0 || (error != attempt->errors[0] && error != attempt->errors[1])) {
    printf("%s: errno %d\n", attempt->name, error);
    _exit(1);
  }
}

static void says_what_is_missing(void) { CHILD_CHECK(sandbox_limit_files("in") == ERR_UNSUPPORTED); }

static void files_outside_are_out_of_reach(void) {
  scene();
  if (landlock_version < 1) CU_ASSERT(child_passes(says_what_is_missing));
  for (size_t i = 0; i < sizeof(attempts) / sizeof(attempts[0]); i++) {
    attempt = &attempts[i];
    if (landlock_version < attempt->version) continue;
    CU_ASSERT(child_passes(try_attempt));
    CU_ASSERT(nothing_outside_changed());
    CU_ASSERT(scratch_holds("in/file", "inside"));
  }
  scratch_leave();
}

static void refuse_landlock(void) {
  child_refuse_call(444, ENOSYS);
  CHILD_CHECK(sandbox_limit_files("in") == ERR_UNSUPPORTED);
}

static void miss_the_folder(void) {
  CHILD_CHECK(sandbox_limit_files("nowhere") == (landlock_version < 1 ? ERR_UNSUPPORTED : ERR_NOT_FOUND));
  CHILD_CHECK(scratch_holds("out/secret", "outside")); /* nothing was limited */
}

static void says_when_it_cannot(void) {
  scene();
  CU_ASSERT(child_passes(refuse_landlock));
  CU_ASSERT(child_passes(miss_the_folder));
  scratch_leave();
}

/* ---- what still works ---- */
static void enter(void) {
  int error = sandbox_limit_files("in");
  CHILD_CHECK(error == 0 || (error == ERR_UNSUPPORTED && landlock_version < 1));
  CHILD_CHECK(sandbox_limit_calls() == 0);
}

static void use_the_folder(void) {
  struct open_how how = {.flags = O_RDONLY | O_CLOEXEC, .resolve = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS};
  struct timespec times[2] = {{.tv_nsec = UTIME_OMIT}, {.tv_sec = 1}};
  struct statfs system;
  char byte;
  int old = open("out/secret", O_RDONLY | O_CLOEXEC), folder = open("in", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  enter();
  CHILD_CHECK(fstatfs(folder, &system) == 0);
  CHILD_CHECK(mkdirat(folder, "made", 0700) == 0 && unlinkat(folder, "made", AT_REMOVEDIR) == 0);
  int fd = openat(folder, "a", O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
  CHILD_CHECK(fd >= 0 && pwrite(fd, "xyz", 3, 0) == 3 && ftruncate(fd, 2) == 0);
  CHILD_CHECK(fchmod(fd, 0640) == 0 && futimens(fd, times) == 0);
  CHILD_CHECK(fallocate(fd, FALLOC_FL_KEEP_SIZE, 0, 4096) == 0 || errno == EOPNOTSUPP);
  CHILD_CHECK(sync_file_range(fd, 0, 0, SYNC_FILE_RANGE_WRITE) == 0 && fdatasync(fd) == 0);
  CHILD_CHECK(fsync(fd) == 0 && syncfs(folder) == 0 && pread(fd, &byte, 1, 1) == 1 && byte == 'y');
  CHILD_CHECK(renameat2(folder, "a", folder, "b", RENAME_NOREPLACE) == 0);
  CHILD_CHECK(linkat(folder, "b", folder, "c", 0) == 0 && renameat(folder, "b", folder, "d") == 0);
  CHILD_CHECK(syscall(SYS_openat2, folder, "d", &how, sizeof(how)) >= 0 || errno == ENOSYS);
  CHILD_CHECK(openat(folder, "c", O_WRONLY | O_TRUNC | O_CLOEXEC) >= 0);
  CHILD_CHECK(pread(old, &byte, 1, 0) == 1 && byte == 'o'); /* what was open stays open */
  close(fd);
  DIR *stream = fdopendir(folder);
  CHILD_CHECK(stream && readdir(stream));
  closedir(stream);
}

static void receive_into(enum overwrite overwrite) {
  struct sink *sink = open_sink(overwrite);
  struct sink_file *file = NULL;
  struct entry folder = folder_named("new/folder"), large = file_named("large", "hello");
  enter();
  CHILD_CHECK(put(sink, "new/folder/name", "hello") == 0 && sink_folder(sink, &folder, false) == 0);
  CHILD_CHECK(put(sink, "file", "other") == (overwrite == OVERWRITE_NEVER ? ERR_EXISTS : 0));
  CHILD_CHECK(put(sink, "way_out", "other") == ERR_EXISTS);
  CHILD_CHECK(put(sink, "sub", "other") == ERR_IS_FOLDER);
  large.size = 1ull << 60;
  CHILD_CHECK(sink_begin(sink, &large, false, &file) == ERR_DISK_FULL);
  large.size = 2 << 20;
  CHILD_CHECK(sink_begin(sink, &large, false, &file) == 0);
  sink_abort(sink, file);
  sink_free(sink);
}
static void receive_new(void) { receive_into(OVERWRITE_NEVER); }
static void receive_over(void) { receive_into(OVERWRITE_ALWAYS); }
static void receive_by_links(void) {
  child_refuse_call(SYS_renameat2, EINVAL);
  receive_into(OVERWRITE_NEVER);
}

static void a_sink_works_in_it(void) {
  void (*const ways[])(void) = {use_the_folder, receive_new, receive_over, receive_by_links};
  for (size_t i = 0; i < sizeof(ways) / sizeof(ways[0]); i++) {
    scene();
    CU_ASSERT(child_passes(ways[i]));
    CU_ASSERT_EQUAL(parts_in("in"), 0);
    CU_ASSERT_EQUAL(scratch_holds("in/new/folder/name", "hello"), i > 0);
    CU_ASSERT(nothing_outside_changed());
    scratch_leave();
  }
}

static void *use_memory(void *context) {
  uint8_t *bytes = malloc(3 << 20);
  memset(bytes, 1, 3 << 20);
  bytes = realloc(bytes, 30 << 20);
  free(bytes);
  malloc_trim(0);
  return context;
}

static void use_the_network(void) {
  struct sockaddr_in6 name = {.sin6_family = AF_INET6, .sin6_addr = IN6ADDR_LOOPBACK_INIT};
  socklen_t size = sizeof(name);
  char byte = 1;
  struct iovec part = {&byte, 1};
  struct mmsghdr head = {
      .msg_hdr = {.msg_name = &name, .msg_namelen = size, .msg_iov = &part, .msg_iovlen = 1}};
  struct timespec limit = {.tv_sec = 2};
  pthread_t thread;
  int fd = socket(AF_INET6, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  struct pollfd watched = {.fd = fd, .events = POLLIN};
  bool has_ipv6 = bind(fd, (struct sockaddr *)&name, size) == 0;
  CHILD_CHECK(getsockname(fd, (struct sockaddr *)&name, &size) == 0);
  CHILD_CHECK(pthread_create(&thread, NULL, use_memory, NULL) == 0); /* may begin late */
  enter();
  if (has_ipv6) {
    CHILD_CHECK(sendmmsg(fd, &head, 1, 0) == 1);
    CHILD_CHECK(ppoll(&watched, 1, &limit, NULL) == 1 && recvmmsg(fd, &head, 1, 0, NULL) == 1);
  }
  CHILD_CHECK(pthread_join(thread, NULL) == 0);
  use_memory(NULL);
  /* Refused, but no reason to end the process. */
  char text[IF_NAMESIZE];
  CHILD_CHECK(!if_indextoname(1, text));
  CHILD_CHECK(ioctl(STDERR_FILENO, TIOCSTI, "x") < 0 && errno == ENOSYS);
  CHILD_CHECK(fchmod(fd, 06777) < 0 && errno == ENOSYS);
  CHILD_CHECK(syscall(SYS_fchmodat, AT_FDCWD, "in/file", 04755) < 0 && errno == ENOSYS);
  CHILD_CHECK(symlink("x", "in/new") < 0 && errno == ENOSYS);
  CHILD_CHECK(setsockopt(fd, SOL_SOCKET, SO_BROADCAST, &(int){1}, sizeof(int)) < 0 && errno == ENOSYS);
}

static void network_memory_and_threads_go_on(void) {
  scene();
  for (int i = 0; i < 20; i++)
    CU_ASSERT(child_passes(use_the_network));
  scratch_leave();
}

/* ---- calls: the end ---- */
static void end_execve(void) { runs_a_file(); }
static void end_fork(void) { syscall(SYS_clone, SIGCHLD, NULL, NULL, NULL, NULL); }
static void end_ptrace(void) { ptrace(PTRACE_ATTACH, getppid(), NULL, NULL); }
static void end_kill(void) { kill(getppid(), 0); }
static void end_tcp(void) { socket(AF_INET, SOCK_STREAM, 0); }
static void end_raw(void) { socket(AF_INET, SOCK_RAW | SOCK_CLOEXEC, IPPROTO_ICMP); }
static void end_netlink(void) { socket(AF_NETLINK, SOCK_DGRAM, 0); }
static void end_packet(void) { socket(AF_PACKET, SOCK_DGRAM, 0); }
static void end_connect(void) { connect(0, NULL, 0); }
static void end_accept(void) { accept(0, NULL, NULL); }
static void end_mount(void) { remounts(); }
static void end_setuid(void) { syscall(SYS_setuid, 0); }
static void end_unshare(void) { syscall(SYS_unshare, CLONE_NEWUSER); }
static void end_map_code(void) {
  mmap(NULL, 4096, PROT_READ | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
}
static void end_make_code(void) {
  void *page = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  CHILD_CHECK(page != MAP_FAILED);
  mprotect(page, 4096, PROT_READ | PROT_EXEC);
}
static void end_memfd(void) { syscall(SYS_memfd_create, "x", 0); }
static void end_io_uring(void) { syscall(SYS_io_uring_setup, 1, NULL); }
static void end_bpf(void) { syscall(SYS_bpf, 0, NULL, 0); }
static void end_userfaultfd(void) { syscall(SYS_userfaultfd, 0); }
static void end_process_vm(void) { syscall(SYS_process_vm_readv, getppid(), NULL, 0, NULL, 0, 0); }
static void end_keyctl(void) { syscall(SYS_keyctl, 0, 0, 0, 0, 0); }
static void end_reboot(void) { syscall(SYS_reboot, 0, 0, 0, NULL); }
static void end_mknod(void) { mknod("in/new", S_IFREG | 0600, 0); }
#ifdef __x86_64__
static void end_x32(void) { syscall(0x40000000 | SYS_getpid); }
#endif

static const struct ending {
  const char *name;
  void (*run)(void);
  bool is_of_leak_search;
} endings[] = {
    {"execve", end_execve, false},
    {"fork", end_fork, true},
    {"ptrace", end_ptrace, true},
    {"kill", end_kill, false},
    {"a TCP socket", end_tcp, false},
    {"a raw socket", end_raw, false},
    {"a netlink socket", end_netlink, false},
    {"a packet socket", end_packet, false},
    {"connect", end_connect, false},
    {"accept", end_accept, false},
    {"mount", end_mount, false},
    {"setuid", end_setuid, false},
    {"unshare", end_unshare, false},
    {"mmap PROT_EXEC", end_map_code, false},
    {"mprotect PROT_EXEC", end_make_code, false},
    {"memfd_create", end_memfd, false},
    {"io_uring_setup", end_io_uring, false},
    {"bpf", end_bpf, false},
    {"userfaultfd", end_userfaultfd, false},
    {"process_vm_readv", end_process_vm, false},
    {"keyctl", end_keyctl, false},
    {"reboot", end_reboot, false},
    {"mknod", end_mknod, false},
#ifdef __x86_64__
    {"a call of another ABI", end_x32, false},
#endif
};

/* The signal that ends a child in which `body` runs; 0: none. */
static int signal_of(void (*body)(void)) {
  int status = 0;
  fflush(stdout);
  pid_t pid = fork();
  if (pid == 0) {
    struct rlimit none = {0, 0};
    CHILD_CHECK(setrlimit(RLIMIT_CORE, &none) == 0);
    enter();
    body();
    _exit(0);
  }
  CU_ASSERT(pid > 0 && waitpid(pid, &status, 0) == pid);
  return WIFSIGNALED(status) ? WTERMSIG(status) : 0;
}

static void what_only_an_intruder_calls_ends_it(void) {
  scene();
  for (size_t i = 0; i < sizeof(endings) / sizeof(endings[0]); i++) {
    if (endings[i].is_of_leak_search && __lsan_do_leak_check) continue;
    int number = signal_of(endings[i].run);
    if (number != SIGSYS) printf("%s: ended by signal %d\n", endings[i].name, number);
    CU_ASSERT_EQUAL(number, SIGSYS);
  }
  CU_ASSERT(nothing_outside_changed());
  scratch_leave();
}

static pthread_barrier_t both;
static void *run_the_shell_later(void *context) {
  pthread_barrier_wait(&both);
  runs_the_shell();
  return context;
}

static void limit_with_a_thread(void) {
  pthread_t thread;
  struct rlimit none = {0, 0};
  pthread_barrier_init(&both, NULL, 2);
  CHILD_CHECK(setrlimit(RLIMIT_CORE, &none) == 0);
  CHILD_CHECK(pthread_create(&thread, NULL, run_the_shell_later, NULL) == 0);
  CHILD_CHECK(sandbox_limit_calls() == 0);
  pthread_barrier_wait(&both);
  pthread_join(thread, NULL);
}

static void threads_from_before_are_in_it_too(void) {
  int status = 0;
  fflush(stdout);
  pid_t pid = fork();
  if (pid == 0) {
    limit_with_a_thread();
    _exit(0);
  }
  CU_ASSERT(pid > 0 && waitpid(pid, &status, 0) == pid);
  CU_ASSERT(WIFSIGNALED(status) && WTERMSIG(status) == SIGSYS);
}

static void fail_an_assertion(void) {
  close(STDERR_FILENO);
  volatile int one = 1;
  assert(one == 2);
}
static void call_abort(void) { abort(); }
static void do_nothing(void) {}

static void an_abort_is_one(void) {
  scene();
  CU_ASSERT_EQUAL(signal_of(call_abort), SIGABRT);
  CU_ASSERT_EQUAL(signal_of(fail_an_assertion), SIGABRT);
  CU_ASSERT_EQUAL(signal_of(do_nothing), 0);
  scratch_leave();
}

static void refuse_seccomp(void) {
  child_refuse_call(SYS_seccomp, ENOSYS);
  CHILD_CHECK(sandbox_limit_calls() == ERR_UNSUPPORTED);
  CHILD_CHECK(signals_the_parent() == 0); /* nothing was limited */
}
static void kernel_without_seccomp(void) { CU_ASSERT(child_passes(refuse_seccomp)); }

UNIT_MAIN(UNIT_CASE(files_outside_are_out_of_reach), UNIT_CASE(says_when_it_cannot),
          UNIT_CASE(a_sink_works_in_it), UNIT_CASE(network_memory_and_threads_go_on),
          UNIT_CASE(what_only_an_intruder_calls_ends_it), UNIT_CASE(threads_from_before_are_in_it_too),
          UNIT_CASE(an_abort_is_one), UNIT_CASE(kernel_without_seccomp))
