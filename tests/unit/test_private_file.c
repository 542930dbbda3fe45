/* private_file: who may own a file and what others may do with it, what is no file at all, and what a write
 * that fails, or that another one forestalls, leaves behind. */
#include "unit.h"

#include "child.h"
#include "scratch.h"

#include "crypto/private_file.h"

#include <sys/file.h>

enum { NOBODY = 65534 };

static int read_as(const char *path, enum private_kind kind) {
  char *text = NULL;
  size_t size = 0;
  int error = private_file_read(path, kind, &text, &size);
  private_free(text, size);
  return error;
}

static unsigned entries_in(const char *path) {
  unsigned count = 0;
  DIR *stream = opendir(path);
  assert(stream);
  for (const struct dirent *found; (found = readdir(stream));)
    count += strcmp(found->d_name, ".") != 0 && strcmp(found->d_name, "..") != 0;
  closedir(stream);
  return count;
}

static unsigned mode_of(const char *path) {
  struct stat found;
  return lstat(path, &found) == 0 ? (unsigned)(found.st_mode & 07777) : 0;
}

/* Every mode: who may do something that endangers a secret, or a list. */
static void modes(void) {
  scratch_enter();
  scratch_write("f", "x");
  for (unsigned mode = 0; mode <= 0777; mode++) {
    if (!(mode & 0400)) continue; /* not even we may read it, unless we are root */
    assert(chmod("f", mode) == 0);
    CU_ASSERT_EQUAL(read_as("f", PRIVATE_SECRET), mode & 077 ? ERR_EXPOSED : 0);
    CU_ASSERT_EQUAL(read_as("f", PRIVATE_LIST), mode & 022 ? ERR_EXPOSED : 0);
  }
  scratch_leave();
}

static void no_regular_file(void) {
  scratch_enter();
  scratch_write("f", "x");
  assert(chmod("f", 0600) == 0);
  assert(symlink("f", "link") == 0 && symlink("nowhere", "dangling") == 0 && mkfifo("fifo", 0600) == 0);
  assert(mkdir("folder", 0700) == 0);
  for (int kind = PRIVATE_SECRET; kind <= PRIVATE_LIST; kind++) {
    CU_ASSERT_EQUAL(read_as("f", (enum private_kind)kind), 0);
    CU_ASSERT_EQUAL(read_as("link", (enum private_kind)kind), ERR_BAD_NAME);
    CU_ASSERT_EQUAL(read_as("dangling", (enum private_kind)kind), ERR_BAD_NAME);
    CU_ASSERT_EQUAL(read_as("fifo", (enum private_kind)kind), ERR_UNSUPPORTED); /* and at once */
    CU_ASSERT_EQUAL(read_as("/dev/null", (enum private_kind)kind), ERR_UNSUPPORTED);
    CU_ASSERT_EQUAL(read_as("folder", (enum private_kind)kind), ERR_IS_FOLDER);
    CU_ASSERT_EQUAL(read_as("nothing", (enum private_kind)kind), ERR_NOT_FOUND);
    CU_ASSERT_EQUAL(read_as("f/below", (enum private_kind)kind), ERR_NOT_FOUND);
    CU_ASSERT_EQUAL(read_as("", (enum private_kind)kind), ERR_NOT_FOUND);
  }
  CU_ASSERT_EQUAL(private_list_open("link"), ERR_BAD_NAME);
  CU_ASSERT_EQUAL(private_list_open("dangling"), ERR_BAD_NAME);
  CU_ASSERT_EQUAL(private_list_open("fifo"), ERR_UNSUPPORTED);
  CU_ASSERT_EQUAL(private_list_open("folder"), ERR_IS_FOLDER);
  CU_ASSERT_EQUAL(access("nowhere", F_OK), -1);
  scratch_leave();
}

static void become_nobody(void) { CHILD_CHECK(setgid(NOBODY) == 0 && setuid(NOBODY) == 0); }

static void root_is_trusted(void) {
  become_nobody();
  CHILD_CHECK(read_as("of_root", PRIVATE_LIST) == 0);
  CHILD_CHECK(read_as("of_other", PRIVATE_LIST) == ERR_EXPOSED);
  CHILD_CHECK(read_as("of_nobody", PRIVATE_SECRET) == 0);
}

static void owners(void) {
  scratch_enter();
  scratch_write("of_root", "x");
  scratch_write("of_other", "x");
  scratch_write("of_nobody", "x");
  assert(chmod("of_nobody", 0600) == 0);
  if (geteuid() == 0) {
    assert(chown("of_other", NOBODY - 1, 0) == 0 && chown("of_nobody", NOBODY, 0) == 0);
    CU_ASSERT_EQUAL(read_as("of_other", PRIVATE_LIST), ERR_EXPOSED);
    CU_ASSERT_EQUAL(read_as("of_nobody", PRIVATE_SECRET), ERR_EXPOSED);
    CU_ASSERT_EQUAL(private_list_open("of_other"), ERR_EXPOSED);
    CU_ASSERT(child_passes(root_is_trusted));
  } else { /* only root can give files away; here another's file is one of root's that all may read */
    CU_ASSERT_EQUAL(read_as("/etc/passwd", PRIVATE_LIST), 0);
    CU_ASSERT_EQUAL(read_as("/etc/passwd", PRIVATE_SECRET), ERR_EXPOSED);
  }
  scratch_leave();
}

static void sizes(void) {
  char *text = NULL;
  size_t size = 1;
  scratch_enter();
  scratch_write("f", "");
  CU_ASSERT_EQUAL(private_file_read("f", PRIVATE_LIST, &text, &size), 0);
  CU_ASSERT_EQUAL(size, 0);
  private_free(text, size);
  assert(truncate("f", PRIVATE_FILE_BYTES_MAX) == 0);
  CU_ASSERT_EQUAL(private_file_read("f", PRIVATE_LIST, &text, &size), 0);
  CU_ASSERT_EQUAL(size, PRIVATE_FILE_BYTES_MAX);
  private_free(text, size);
  assert(truncate("f", PRIVATE_FILE_BYTES_MAX + 1) == 0);
  CU_ASSERT_EQUAL(private_file_read("f", PRIVATE_LIST, &text, &size), ERR_MALFORMED);
  assert(truncate("f", (off_t)1 << 40) == 0);
  CU_ASSERT_EQUAL(private_file_read("f", PRIVATE_LIST, &text, &size), ERR_MALFORMED);
  private_free(NULL, 0);
  scratch_leave();
}

static void makes_whole_and_private(void) {
  scratch_enter();
  mode_t before = umask(0);
  CU_ASSERT_EQUAL(private_file_make("f", "contents\n", 9), 0);
  umask(before);
  CU_ASSERT(scratch_holds("f", "contents\n"));
  CU_ASSERT_EQUAL(mode_of("f"), 0600);
  CU_ASSERT_EQUAL(entries_in("."), 1);
  CU_ASSERT_EQUAL(private_file_make("none/f", "x", 1), ERR_NOT_FOUND);
  CU_ASSERT_EQUAL(private_file_make("f/g", "x", 1), ERR_NOT_FOUND);
  CU_ASSERT_EQUAL(private_file_make("", "x", 1), ERR_BAD_NAME);
  CU_ASSERT_EQUAL(private_file_make("g/", "x", 1), ERR_BAD_NAME);
  scratch_leave();
}

static void check_never_replaces(void) {
  CHILD_CHECK(private_file_make("f", "new", 3) == ERR_EXISTS);
  CHILD_CHECK(private_file_make("dangling", "new", 3) == ERR_EXISTS);
  CHILD_CHECK(private_file_make("folder", "new", 3) == ERR_EXISTS);
  CHILD_CHECK(scratch_holds("f", "old") && access("nowhere", F_OK) < 0 && entries_in(".") == 3);
}

static void check_never_replaces_by_link(void) {
  child_refuse_call(SYS_renameat2, EINVAL);
  check_never_replaces();
  CHILD_CHECK(private_file_make("by_link", "new", 3) == 0);
  CHILD_CHECK(scratch_holds("by_link", "new") && entries_in(".") == 4);
}

static void never_replaces(void) {
  scratch_enter();
  scratch_write("f", "old");
  scratch_folder("folder");
  assert(symlink("nowhere", "dangling") == 0);
  CU_ASSERT(child_passes(check_never_replaces));
  CU_ASSERT(child_passes(check_never_replaces_by_link));
  scratch_leave();
}

static void check_failed_sync(void) {
  child_refuse_call(SYS_fsync, EIO);
  CHILD_CHECK(private_file_make("f", "new", 3) == ERR_IO);
}

static void check_failed_link(void) {
  child_refuse_call(SYS_renameat2, EPERM);
  CHILD_CHECK(private_file_make("f", "new", 3) == ERR_DENIED);
}

static void check_read_only_folder(void) {
  if (geteuid() == 0) become_nobody();
  CHILD_CHECK(private_file_make("closed/f", "new", 3) == ERR_DENIED);
  CHILD_CHECK(private_folder_make("closed/a/f") == ERR_DENIED);
  CHILD_CHECK(private_list_open("closed/f") == ERR_DENIED);
}

static void failure_leaves_nothing(void) {
  scratch_enter();
  CU_ASSERT(child_passes(check_failed_sync));
  CU_ASSERT(child_passes(check_failed_link));
  CU_ASSERT_EQUAL(entries_in("."), 0);
  assert(mkdir("closed", 0555) == 0);
  CU_ASSERT(child_passes(check_read_only_folder));
  CU_ASSERT_EQUAL(entries_in("closed"), 0);
  scratch_leave();
}

static void makes_folders(void) {
  char path[512];
  scratch_enter();
  scratch_folder("there"); /* 0755: what is there stays as it is */
  mode_t before = umask(0);
  CU_ASSERT_EQUAL(private_folder_make("f"), 0);
  CU_ASSERT_EQUAL(private_folder_make("/f"), 0);
  CU_ASSERT_EQUAL(private_folder_make("there/a/b/f"), 0);
  CU_ASSERT_EQUAL(private_folder_make("there/a/b/f"), 0);
  snprintf(path, sizeof(path), "%s//absolute/f", scratch_path);
  CU_ASSERT_EQUAL(private_folder_make(path), 0);
  umask(before);
  CU_ASSERT_EQUAL(mode_of("there"), 0755);
  CU_ASSERT_EQUAL(mode_of("there/a"), 0700);
  CU_ASSERT_EQUAL(mode_of("there/a/b"), 0700);
  CU_ASSERT_EQUAL(mode_of("absolute"), 0700);
  CU_ASSERT_EQUAL(entries_in("."), 2);
  CU_ASSERT_EQUAL(entries_in("there/a/b"), 0);
  scratch_leave();
}

static void appends(void) {
  char *text = NULL;
  size_t size = 0;
  scratch_enter();
  int fd = private_list_open("made/for/it");
  CU_ASSERT(fd >= 0);
  CU_ASSERT_EQUAL(mode_of("made/for/it"), 0600);
  CU_ASSERT_EQUAL(mode_of("made"), 0700);
  CU_ASSERT_EQUAL(private_list_append(fd, "made/for/it", 0, "one\n", 4), 0);
  CU_ASSERT_EQUAL(private_list_append(fd, "made/for/it", 4, "two\n", 4), 0);
  CU_ASSERT_EQUAL(private_list_read(fd, &text, &size), 0);
  CU_ASSERT(size == 8 && memcmp(text, "one\ntwo\n", 8) == 0);
  private_free(text, size);
  CU_ASSERT_EQUAL(private_list_append(fd, "made/for/it", PRIVATE_FILE_BYTES_MAX - 3, "two\n", 4),
                  ERR_TOO_MUCH);
  close(fd);
  CU_ASSERT(scratch_holds("made/for/it", "one\ntwo\n"));
  scratch_leave();
}

static void check_failed_append(void) {
  int fd = private_list_open("f");
  CHILD_CHECK(fd >= 0);
  child_refuse_call(SYS_fsync, EIO);
  CHILD_CHECK(private_list_append(fd, "f", 4, "two\n", 4) == ERR_IO);
}

static void failed_append_is_undone(void) {
  scratch_enter();
  scratch_write("f", "one\n");
  CU_ASSERT(child_passes(check_failed_append));
  CU_ASSERT(scratch_holds("f", "one\n"));
  scratch_leave();
}

/* Whoever may only read a list can lock it: that must not hold us up for ever. */
static void lock_has_an_end(void) {
  scratch_enter();
  scratch_write("f", "");
  int holder = open("f", O_RDONLY | O_CLOEXEC);
  assert(holder >= 0 && flock(holder, LOCK_EX) == 0);
  CU_ASSERT_EQUAL(private_list_open("f"), ERR_AGAIN);
  close(holder);
  int fd = private_list_open("f");
  CU_ASSERT(fd >= 0);
  holder = open("f", O_RDONLY | O_CLOEXEC);
  CU_ASSERT(holder >= 0 && flock(holder, LOCK_EX | LOCK_NB) < 0);
  close(holder);
  close(fd);
  scratch_leave();
}

UNIT_MAIN(UNIT_CASE(modes), UNIT_CASE(no_regular_file), UNIT_CASE(owners), UNIT_CASE(sizes),
          UNIT_CASE(makes_whole_and_private), UNIT_CASE(never_replaces), UNIT_CASE(failure_leaves_nothing),
          UNIT_CASE(makes_folders), UNIT_CASE(appends), UNIT_CASE(failed_append_is_undone),
          UNIT_CASE(lock_has_an_end))
