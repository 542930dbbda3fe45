/* sandbox: of all file systems nothing is left but what lies beneath one folder (Landlock).
 *
 * What a receiver has to touch is known before the first datagram comes. A flaw in what reads datagrams or
 * names must give a sender no more than that, so here the kernel is told: beneath the folder regular files
 * and folders may be read, written, made and removed; nothing is run, no device, socket, FIFO or symbolic
 * link is made, nothing moves from one folder to another (a part file stands where it will get its name), and
 * elsewhere nothing is opened at all. TCP, abstract sockets and signals to others go with it where the kernel
 * can refuse them. What was open before stays so. The other half, the system calls: sandbox_calls.c. */
#include "udpcp/fs.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

/* The kernel's interface, whose numbers never change; the headers of most systems are years behind it. */
enum {
  CALL_CREATE_RULESET = 444, /* on every machine, like all calls from 424 on */
  CALL_ADD_RULE = 445,
  CALL_RESTRICT_SELF = 446,
  CREATE_RULESET_VERSION = 1,
  RULE_PATH_BENEATH = 1,
};

enum file_right {
  EXECUTE = 1 << 0,
  WRITE_FILE = 1 << 1,
  READ_FILE = 1 << 2,
  READ_FOLDER = 1 << 3,
  REMOVE_FOLDER = 1 << 4,
  REMOVE_FILE = 1 << 5,
  MAKE_CHARACTER_DEVICE = 1 << 6,
  MAKE_FOLDER = 1 << 7,
  MAKE_FILE = 1 << 8,
  MAKE_SOCKET = 1 << 9,
  MAKE_FIFO = 1 << 10,
  MAKE_BLOCK_DEVICE = 1 << 11,
  MAKE_LINK = 1 << 12,
  REFER = 1 << 13,          /* from version 2 of the interface on */
  TRUNCATE = 1 << 14,       /* 3 */
  CONTROL_DEVICE = 1 << 15, /* 5 */
  ALL_OF_VERSION_1 = REFER - 1,
  NEEDED_BENEATH =
      WRITE_FILE | READ_FILE | READ_FOLDER | REMOVE_FOLDER | REMOVE_FILE | MAKE_FOLDER | MAKE_FILE | TRUNCATE,
};
enum network_right { BIND_TCP = 1 << 0, CONNECT_TCP = 1 << 1 };         /* 4 */
enum scope { SCOPE_ABSTRACT_SOCKETS = 1 << 0, SCOPE_SIGNALS = 1 << 1 }; /* 6 */

/* What is refused unless a rule allows it. Older kernels take the longer struct when its end is zero. */
struct ruleset {
  uint64_t files, network, scope;
};

struct beneath_rule {
  uint64_t allowed;
  int32_t folder;
} __attribute__((packed));

static struct ruleset everything(int version) {
  struct ruleset all = {.files = ALL_OF_VERSION_1};
  if (version >= 2) all.files |= REFER;
  if (version >= 3) all.files |= TRUNCATE;
  if (version >= 4) all.network = BIND_TCP | CONNECT_TCP;
  if (version >= 5) all.files |= CONTROL_DEVICE;
  if (version >= 6) all.scope = SCOPE_ABSTRACT_SOCKETS | SCOPE_SIGNALS;
  return all;
}

static int allow_beneath(int rules, const char *path, uint64_t rights) {
  struct beneath_rule rule = {.allowed = rights, .folder = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC)};
  if (rule.folder < 0) return error_from_errno(errno);
  int result = 0;
  if (syscall(CALL_ADD_RULE, rules, RULE_PATH_BENEATH, &rule, 0) != 0) result = error_from_errno(errno);
  close(rule.folder);
  return result;
}

/* Linked in only with a sanitizer, in builds for tests: it reads /proc at the exit. */
__attribute__((weak)) void __lsan_do_leak_check(void);

int sandbox_limit_files(const char *folder) {
  int version = (int)syscall(CALL_CREATE_RULESET, NULL, (size_t)0, CREATE_RULESET_VERSION);
  if (version < 1) return ERR_UNSUPPORTED; /* not built, not switched on, or hidden by another sandbox */
  struct ruleset all = everything(version);
  int rules = (int)syscall(CALL_CREATE_RULESET, &all, sizeof(all), 0);
  if (rules < 0) return error_from_errno(errno);
  int result = allow_beneath(rules, folder, NEEDED_BENEATH & all.files);
  if (result == 0 && __lsan_do_leak_check) result = allow_beneath(rules, "/proc", READ_FILE | READ_FOLDER);
  if (result == 0 &&
      (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0 || syscall(CALL_RESTRICT_SELF, rules, 0) != 0))
    result = error_from_errno(errno);
  close(rules);
  return result;
}
