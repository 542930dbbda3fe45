/* test_commit: many files made durable together, when syncing fails, when the disk is full, with few
 * descriptors, and by many threads at once. */
#include "child.h"
#include "fs/folders.h"
#include "sink_case.h"
#include "unit.h"

#include <pthread.h>
#include <signal.h>
#include <sys/mount.h>
#include <sys/resource.h>

/* ---- groups ---- */
enum { GROUP = 600 };
static struct sink_file *group[GROUP];
static int group_results[GROUP];
static char group_names[GROUP][32];

static void begin_group(struct sink *sink, int per_folder) {
  for (int i = 0; i < GROUP; i++) {
    snprintf(group_names[i], sizeof(group_names[i]), "d%d/e%d/f%d", i / per_folder / 10, i / per_folder, i);
    struct entry entry = file_named(group_names[i], "hello");
    CHILD_CHECK(sink_begin(sink, &entry, false, &group[i]) == 0);
  }
  for (int i = 0; i < GROUP; i++)
    CHILD_CHECK(sink_write(sink, group[i], 0, (const uint8_t *)"hello", i == 77 ? 4 : 5) == 0);
}

static void check_group(void) {
  char path[64];
  for (int i = 0; i < GROUP; i++) {
    snprintf(path, sizeof(path), "in/%.31s", group_names[i]);
    CHILD_CHECK(group_results[i] == (i == 77 ? ERR_MISMATCH : 0));
    CHILD_CHECK(scratch_holds(path, "hello") == (i != 77));
    *strrchr(path, '/') = '\0';
    CHILD_CHECK(parts_in(path) == 0);
  }
}

static void commit_groups(void) {
  static const int per_folder[] = {GROUP, 20, 1};
  for (int i = 0; i < 3; i++) {
    struct sink *sink = start(OVERWRITE_NEVER);
    begin_group(sink, per_folder[i]);
    sink_commit(sink, group, GROUP, group_results);
    check_group();
    stop(sink);
  }
}

static void commit_with_few_descriptors(void) {
  struct rlimit few = {.rlim_cur = 256, .rlim_max = 256};
  CHILD_CHECK(setrlimit(RLIMIT_NOFILE, &few) == 0);
  struct sink *sink = start(OVERWRITE_NEVER);
  begin_group(sink, 3);
  sink_commit(sink, group, GROUP, group_results);
  check_group();
  stop(sink);
}

/* One error of syncfs() need not be about our files; each is asked for itself. */
static void commit_with_failing_syncfs(void) {
  child_refuse_call(SYS_syncfs, EIO);
  commit_groups();
}

static void commit_with_failing_fsync(void) {
  child_refuse_call(SYS_syncfs, EIO);
  child_refuse_call(SYS_fsync, EIO);
  struct sink *sink = start_unused(OVERWRITE_NEVER);
  CHILD_CHECK(put(sink, "f", "hello") == ERR_IO && access("in/f", F_OK) != 0 && parts_in("in") == 0);
  begin_group(sink, GROUP);
  sink_commit(sink, group, GROUP, group_results);
  for (int i = 0; i < GROUP; i++)
    CHILD_CHECK(group_results[i] == (i == 77 ? ERR_MISMATCH : ERR_IO));
  CHILD_CHECK(parts_in("in/d0/e0") == 0 && access("in/d0/e0/f0", F_OK) != 0);
  stop(sink);
}

/* The descriptor that the next open() will give. */
static int next_descriptor(void) {
  int fd = dup(0);
  close(fd);
  return fd;
}

static void commit_with_one_failing_part(void) {
  struct sink *sink = start(OVERWRITE_NEVER);
  CHILD_CHECK(put(sink, "first", "hello") == 0); /* from now on the folder is held */
  child_refuse_call_with(SYS_fsync, next_descriptor(), EIO);
  CHILD_CHECK(put(sink, "f", "hello") == ERR_IO);
  CHILD_CHECK(access("in/f", F_OK) != 0 && parts_in("in") == 0);
  stop(sink);
}

/* Its name may be lost in a crash, so it is not reported, and taken back. */
static void commit_with_failing_folder(void) {
  struct sink *sink = start_unused(OVERWRITE_NEVER);
  child_refuse_call_with(SYS_fsync, next_descriptor(), EIO);
  CHILD_CHECK(put(sink, "f", "hello") == ERR_IO);
  CHILD_CHECK(access("in/f", F_OK) != 0 && parts_in("in") == 0);
  stop(sink);
}

/* What it replaced is gone already, so it stays; where it replaced nothing, it does not. */
static void commit_over_a_file_with_failing_folder(void) {
  struct sink *sink = start_unused(OVERWRITE_ALWAYS);
  scratch_write("in/f", "old");
  child_refuse_call_with(SYS_fsync, next_descriptor(), EIO);
  CHILD_CHECK(put(sink, "f", "hello") == ERR_IO);
  CHILD_CHECK(scratch_holds("in/f", "hello") && parts_in("in") == 0);
  CHILD_CHECK(put(sink, "new", "hello") == ERR_IO);
  CHILD_CHECK(access("in/new", F_OK) != 0 && parts_in("in") == 0);
  stop(sink);
}

static void link_without_unlink(void) {
  struct sink *sink = start_unused(OVERWRITE_NEVER);
  child_refuse_call(SYS_renameat2, EINVAL);
  int folder = next_descriptor();
  child_refuse_call_with(SYS_unlinkat, folder, EIO);
  CHILD_CHECK(put(sink, "f", "hello") == ERR_IO);
  sink_free(sink);
  CHILD_CHECK(dup2(0, folder) == folder); /* not the one to clean up with */
  scratch_leave();
}

static void commit_without_fsync(void) {
  struct sink_config config = {.folder = "in", .no_fsync = true};
  int error = 0;
  scratch_enter();
  scratch_folder("in");
  struct sink *sink = sink_new(&config, &error);
  child_refuse_call(SYS_syncfs, EIO);
  child_refuse_call(SYS_fsync, EIO);
  CHILD_CHECK(put(sink, "f", "hello") == 0);
  begin_group(sink, 1);
  sink_commit(sink, group, GROUP, group_results);
  check_group();
  stop(sink);
}

static void groups(void) { CU_ASSERT(child_passes(commit_groups)); }
static void few_descriptors(void) { CU_ASSERT(child_passes(commit_with_few_descriptors)); }
static void failing_syncfs(void) { CU_ASSERT(child_passes(commit_with_failing_syncfs)); }
static void failing_fsync(void) { CU_ASSERT(child_passes(commit_with_failing_fsync)); }
/* The next call might return 0 and mean that somebody else was told. */
static void syncfs_fails_once(void) {
  struct folders folders;
  scratch_enter();
  CHILD_CHECK(folders_init(&folders, open(".", O_RDONLY | O_DIRECTORY), 8) == 0);
  CHILD_CHECK(folders.has_sync_errors && folders_sync_all(&folders) == 0);
  child_refuse_call(SYS_syncfs, EIO);
  CHILD_CHECK(folders_sync_all(&folders) == ERR_IO);
  CHILD_CHECK(folders_sync_all(&folders) == ERR_UNSUPPORTED);
  folders_clear(&folders);
  scratch_leave();
}

static void a_syncfs_error_is_remembered(void) { CU_ASSERT(child_passes(syncfs_fails_once)); }
static void one_failing_part(void) { CU_ASSERT(child_passes(commit_with_one_failing_part)); }
static void a_failing_folder(void) { CU_ASSERT(child_passes(commit_with_failing_folder)); }
static void a_failing_folder_after_replacing(void) {
  CU_ASSERT(child_passes(commit_over_a_file_with_failing_folder));
}
static void a_failing_unlink(void) { CU_ASSERT(child_passes(link_without_unlink)); }
static void no_fsync_means_none(void) { CU_ASSERT(child_passes(commit_without_fsync)); }

/* ---- full ---- */
static void fill_a_small_disk(void) {
  enum { LARGE = 3 << 20 };
  struct entry large = file_named("large", ""), medium = file_named("medium", "");
  static uint8_t bytes[1 << 20];
  struct sink_file *file = NULL;
  scratch_enter();
  scratch_folder("in");
  child_unshare(CLONE_NEWNS);
  CHILD_CHECK(mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL) == 0);
  CHILD_CHECK(mount("udpcp", "in", "tmpfs", 0, "size=2m,mode=0700") == 0);
  struct sink *sink = open_sink(OVERWRITE_NEVER);
  large.size = LARGE;
  CHILD_CHECK(sink_begin(sink, &large, false, &file) == ERR_DISK_FULL &&
              file == NULL); /* before a byte came */
  CHILD_CHECK(parts_in("in") == 0);

  medium.size = sizeof(bytes) - 1; /* too small to be asked for in advance: found out by writing */
  struct sink_file *files[3];
  int results[3], i, result = 0;
  for (i = 0; i < 3 && result == 0; i++) {
    char name[] = {(char)('a' + i), '\0'};
    medium.name = (const uint8_t *)name;
    medium.name_size = 1;
    CHILD_CHECK(sink_begin(sink, &medium, false, &files[i]) == 0);
    result = sink_write(sink, files[i], 0, bytes, sizeof(bytes) - 1);
  }
  CHILD_CHECK(i == 3 && result == ERR_DISK_FULL);
  sink_commit(sink, files, 3, results);
  CHILD_CHECK(results[0] == 0 && results[1] == 0 && results[2] == ERR_MISMATCH);
  CHILD_CHECK(parts_in("in") == 0 && access("in/a", F_OK) == 0 && access("in/c", F_OK) != 0);
  sink_free(sink);
  CHILD_CHECK(umount("in") == 0);
  scratch_leave();
}

/* Where no room is given in advance, what others have still to write is not free. */
static void promise_a_small_disk(void) {
  enum { PIECE = 1 << 20 };
  static uint8_t bytes[3 * PIECE];
  struct entry entries[3] = {file_named("a", ""), file_named("b", ""), file_named("c", "")};
  struct sink_file *files[3];
  int result = -1;
  scratch_enter();
  scratch_folder("in");
  child_unshare(CLONE_NEWNS);
  CHILD_CHECK(mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL) == 0);
  CHILD_CHECK(mount("udpcp", "in", "tmpfs", 0, "size=4m,mode=0700") == 0);
  struct sink *sink = open_sink(OVERWRITE_NEVER);
  for (int i = 0; i < 3; i++)
    entries[i].size = i == 1 ? 2 * PIECE : sizeof(bytes);
  CHILD_CHECK(sink_begin(sink, &entries[0], false, &files[0]) == 0);
  CHILD_CHECK(sink_begin(sink, &entries[1], false, &files[1]) == ERR_DISK_FULL); /* 3 of 4 are promised */
  entries[1].size = PIECE;
  CHILD_CHECK(sink_write(sink, files[0], 0, bytes, 2 * PIECE) == 0);
  CHILD_CHECK(sink_begin(sink, &entries[1], false, &files[1]) == 0); /* written is not promised as well */
  CHILD_CHECK(sink_begin(sink, &entries[2], false, &files[2]) == ERR_DISK_FULL);
  sink_abort(sink, files[0]);
  CHILD_CHECK(sink_begin(sink, &entries[2], false, &files[2]) == 0);
  CHILD_CHECK(sink_write(sink, files[2], 0, bytes, sizeof(bytes)) == 0);
  sink_commit(sink, &files[2], 1, &result);
  CHILD_CHECK(result == 0);
  sink_abort(sink, files[1]);
  entries[1].name = (const uint8_t *)"d";
  CHILD_CHECK(sink_begin(sink, &entries[1], false, &files[1]) == 0); /* nothing is promised to what is done */
  sink_abort(sink, files[1]);
  sink_free(sink);
  CHILD_CHECK(umount("in") == 0);
  scratch_leave();
}

static void meet_a_size_limit(void) {
  struct rlimit small = {.rlim_cur = 100000, .rlim_max = 100000};
  static uint8_t bytes[100001];
  struct entry entry = file_named("f", ""), large = file_named("large", "");
  struct sink_file *file;
  signal(SIGXFSZ, SIG_IGN);
  struct sink *sink = start(OVERWRITE_NEVER);
  CHILD_CHECK(setrlimit(RLIMIT_FSIZE, &small) == 0);
  entry.size = sizeof(bytes);
  CHILD_CHECK(sink_begin(sink, &entry, false, &file) == 0);
  CHILD_CHECK(sink_write(sink, file, 0, bytes, sizeof(bytes)) == ERR_DISK_FULL);
  sink_abort(sink, file);
  large.size = (uint64_t)1 << 50;
  CHILD_CHECK(sink_begin(sink, &large, false, &file) == ERR_DISK_FULL);
  large.size = UINT64_MAX;
  CHILD_CHECK(sink_begin(sink, &large, false, &file) == ERR_DISK_FULL);
  CHILD_CHECK(parts_in("in") == 0);
  stop(sink);
}

static void a_full_disk(void) { CU_ASSERT(child_passes(fill_a_small_disk)); }
static void a_disk_that_is_promised(void) { CU_ASSERT(child_passes(promise_a_small_disk)); }
static void a_limit_of_file_size(void) { CU_ASSERT(child_passes(meet_a_size_limit)); }

static void large_files_are_reserved(void) {
  static uint8_t bytes[3 << 20];
  struct sink *sink = start(OVERWRITE_NEVER);
  struct entry entry = file_named("f", "");
  struct sink_file *file;
  int result = -1;
  entry.size = sizeof(bytes);
  CU_ASSERT_EQUAL_FATAL(sink_begin(sink, &entry, false, &file), 0);
  CU_ASSERT_EQUAL(sink_write(sink, file, 0, bytes, sizeof(bytes)), 0);
  sink_commit(sink, &file, 1, &result);
  struct stat status;
  CU_ASSERT_EQUAL(result, 0);
  CU_ASSERT_EQUAL(stat("in/f", &status), 0);
  CU_ASSERT_EQUAL(status.st_size, (off_t)sizeof(bytes));
  stop(sink);
}

/* ---- threads ---- */
static struct sink *shared_sink;

static void *put_many(void *context) {
  const char *who = context;
  for (int i = 0; i < 60; i++) {
    char name[64];
    snprintf(name, sizeof(name), "shared%d/%s/x/f", i / 4, who);
    if (put(shared_sink, name, "hello") != 0) return "cannot put";
    struct entry folder = folder_named(name);
    folder.name_size -= 2;
    if (sink_folder(shared_sink, &folder, false) != 0) return "cannot make";
    snprintf(name, sizeof(name), "shared%d/%s-f%d", i, who, i);
    if (put(shared_sink, name, "hello") != 0) return "cannot put into a shared folder";
    i += 3;
  }
  return NULL;
}

static void many_threads_use_one_sink(void) {
  pthread_t threads[4];
  static char names[4][2] = {"a", "b", "c", "d"};
  shared_sink = start(OVERWRITE_NEVER);
  for (int i = 0; i < 4; i++)
    CU_ASSERT_EQUAL_FATAL(pthread_create(&threads[i], NULL, put_many, names[i]), 0);
  for (int i = 0; i < 4; i++) {
    void *complaint = NULL;
    pthread_join(threads[i], &complaint);
    CU_ASSERT_PTR_NULL(complaint);
  }
  CU_ASSERT_TRUE(scratch_holds("in/shared14/d/x/f", "hello"));
  stop(shared_sink);
}

struct half {
  struct sink_file *file;
  uint64_t offset;
};

static void *write_half(void *context) {
  const struct half *half = context;
  for (uint64_t i = 0; i < 100; i++)
    if (sink_write(shared_sink, half->file, half->offset + i, (const uint8_t *)"x", 1) != 0) return "no";
  return NULL;
}

static void two_threads_write_one_file(void) {
  struct entry entry = file_named("f", "");
  struct half halves[2] = {{.offset = 0}, {.offset = 100}};
  pthread_t threads[2];
  int result = -1;
  shared_sink = start(OVERWRITE_NEVER);
  entry.size = 200;
  CU_ASSERT_EQUAL_FATAL(sink_begin(shared_sink, &entry, false, &halves[0].file), 0);
  halves[1].file = halves[0].file;
  for (int i = 0; i < 2; i++)
    CU_ASSERT_EQUAL_FATAL(pthread_create(&threads[i], NULL, write_half, &halves[i]), 0);
  for (int i = 0; i < 2; i++) {
    void *complaint = NULL;
    pthread_join(threads[i], &complaint);
    CU_ASSERT_PTR_NULL(complaint);
  }
  sink_commit(shared_sink, &halves[0].file, 1, &result);
  CU_ASSERT_EQUAL(result, 0);
  stop(shared_sink);
}

UNIT_MAIN(UNIT_CASE(groups), UNIT_CASE(few_descriptors), UNIT_CASE(failing_syncfs), UNIT_CASE(failing_fsync),
          UNIT_CASE(a_syncfs_error_is_remembered), UNIT_CASE(one_failing_part), UNIT_CASE(a_failing_folder),
          UNIT_CASE(a_failing_folder_after_replacing), UNIT_CASE(a_failing_unlink),
          UNIT_CASE(no_fsync_means_none), UNIT_CASE(a_full_disk), UNIT_CASE(a_disk_that_is_promised),
          UNIT_CASE(a_limit_of_file_size), UNIT_CASE(large_files_are_reserved),
          UNIT_CASE(many_threads_use_one_sink), UNIT_CASE(two_threads_write_one_file))
