/* folders: those made on the way to a file that was then not received go again, and no others; and what
 * happens when folders and files are exchanged in between. */
#include "fs/folders.h"
#include "fs/seen.h"
#include "sink_case.h"
#include "unit.h"

#include <linux/fs.h>
#include <pthread.h>
#include <stdatomic.h>
#include <sys/syscall.h>

static bool is_there(const char *path) { return access(path, F_OK) == 0; }

static struct sink_file *begin(struct sink *sink, const char *name) {
  struct entry entry = file_named(name, "hello");
  struct sink_file *file = NULL;
  CU_ASSERT_EQUAL(sink_begin(sink, &entry, false, &file), 0);
  CU_ASSERT_PTR_NOT_NULL_FATAL(file);
  return file;
}

/* ---- the set ---- */
static void a_set_forgets_what_is_removed(void) {
  enum { NAMES = 3000, STEPS = 60000 };
  static bool is_in[NAMES];
  struct seen seen = {0};
  struct prng prng;
  prng_seed(&prng, 7);
  memset(is_in, 0, sizeof(is_in));
  for (int i = 0; i < STEPS; i++) {
    uint32_t name = (uint32_t)prng_below(&prng, NAMES);
    const uint8_t *bytes = (const uint8_t *)&name;
    if (prng_below(&prng, 2)) {
      CU_ASSERT_EQUAL(seen_remove(&seen, bytes, sizeof(name)), is_in[name]);
      is_in[name] = false;
    } else {
      CU_ASSERT_EQUAL(seen_add(&seen, bytes, sizeof(name), ENTRY_FOLDER), 0);
      is_in[name] = true;
    }
  }
  size_t count = 0;
  for (uint32_t name = 0; name < NAMES; name++) {
    count += is_in[name];
    CU_ASSERT_EQUAL(seen_has(&seen, (const uint8_t *)&name, sizeof(name)), is_in[name]);
  }
  CU_ASSERT_EQUAL(seen.count, count);
  seen_clear(&seen);
  CU_ASSERT_FALSE(seen_remove(&seen, (const uint8_t *)"a", 1));
}

/* ---- what goes, and what stays ---- */
static void folders_of_what_was_given_up_go(void) {
  struct sink *sink = start(OVERWRITE_NEVER);
  scratch_folder("in/old");
  struct sink_file *file = begin(sink, "old/a/b/c/f"), *other = begin(sink, "old/a/b/g"),
                   *third = begin(sink, "z/f");
  CU_ASSERT_TRUE(is_there("in/old/a/b/c"));
  sink_abort(sink, file);
  CU_ASSERT_FALSE(is_there("in/old/a/b/c"));
  CU_ASSERT_TRUE(is_there("in/old/a/b"));
  sink_abort(sink, other);
  CU_ASSERT_FALSE(is_there("in/old/a"));
  CU_ASSERT_TRUE(is_there("in/old")); /* it was there before */
  sink_abort(sink, third);
  CU_ASSERT_FALSE(is_there("in/z"));
  CU_ASSERT_EQUAL(put(sink, "old/a/b/c/f", "hello"), 0); /* they can be made again */
  CU_ASSERT_TRUE(scratch_holds("in/old/a/b/c/f", "hello"));
  stop(sink);
}

static void folders_of_what_could_not_be_begun_go(void) {
  struct sink *sink = start(OVERWRITE_NEVER);
  struct sink_file *file;
  struct entry huge = file_named("a/b/f", ""), named = file_named("a/b/a-name", "");
  char name[NAME_BYTES_MAX];
  huge.size = INT64_MAX;
  CU_ASSERT_EQUAL(sink_begin(sink, &huge, false, &file), ERR_DISK_FULL);
  CU_ASSERT_FALSE(is_there("in/a"));
  memset(name, 'x', sizeof(name)); /* one component that no file system takes */
  memcpy(name, "a/b/", 4);
  named.name = (const uint8_t *)name;
  named.name_size = 4 + 300;
  CU_ASSERT(sink_begin(sink, &named, false, &file) < 0);
  CU_ASSERT_FALSE(is_there("in/a"));
  scratch_write("in/file", "x");
  struct entry below = file_named("file/a/f", "hello");
  CU_ASSERT_EQUAL(sink_begin(sink, &below, false, &file), ERR_EXISTS);
  CU_ASSERT_TRUE(scratch_holds("in/file", "x"));
  stop(sink);
}

static void folders_of_what_failed_at_its_end_go(void) {
  struct sink *sink = start(OVERWRITE_NEVER);
  int results[2];
  struct sink_file *files[2] = {begin(sink, "a/b/f"), begin(sink, "a/g")};
  CU_ASSERT_EQUAL(sink_write(sink, files[1], 0, (const uint8_t *)"hello", 5), 0);
  sink_commit(sink, files, 2, results);
  CU_ASSERT_EQUAL(results[0], ERR_MISMATCH); /* nothing was written */
  CU_ASSERT_EQUAL(results[1], 0);
  CU_ASSERT_FALSE(is_there("in/a/b"));
  CU_ASSERT_TRUE(scratch_holds("in/a/g", "hello"));
  stop(sink);
}

/* Into each of these something was received once; that its user took it away changes nothing. */
static void folders_that_were_received_stay(void) {
  struct sink *sink = start(OVERWRITE_NEVER);
  struct entry announced = folder_named("b/announced");
  CU_ASSERT_EQUAL(put(sink, "a/d/f", "hello"), 0);
  CU_ASSERT_EQUAL(unlink("in/a/d/f"), 0);
  sink_abort(sink, begin(sink, "a/d/g"));
  CU_ASSERT_TRUE(is_there("in/a/d"));
  CU_ASSERT_EQUAL(rmdir("in/a/d"), 0);
  sink_abort(sink, begin(sink, "a/d/g")); /* made anew */
  CU_ASSERT_FALSE(is_there("in/a/d"));
  CU_ASSERT_TRUE(is_there("in/a"));
  CU_ASSERT_EQUAL(sink_folder(sink, &announced, false), 0);
  sink_abort(sink, begin(sink, "b/announced/g"));
  CU_ASSERT_TRUE(is_there("in/b/announced"));
  CU_ASSERT_EQUAL(rmdir("in/b/announced"), 0);
  sink_abort(sink, begin(sink, "b/g"));
  CU_ASSERT_TRUE(is_there("in/b"));
  struct sink *other = open_sink(OVERWRITE_NEVER); /* of another process, perhaps */
  struct sink_file *file = begin(sink, "c/f");
  sink_abort(other, begin(other, "c/g"));
  CU_ASSERT_TRUE(is_there("in/c"));
  sink_abort(sink, file);
  CU_ASSERT_FALSE(is_there("in/c"));
  sink_free(other);
  stop(sink);
}

static int finish(struct sink *sink, struct sink_file *file) {
  int result = 0;
  CU_ASSERT_EQUAL(sink_write(sink, file, 0, (const uint8_t *)"hello", 5), 0);
  sink_commit(sink, &file, 1, &result);
  return result;
}

/* A folder looks empty while what is in work in it has no name. */
static void folders_in_work_stay(void) {
  struct sink *sink = start(OVERWRITE_NEVER);
  struct sink_file *file = begin(sink, "a/f");
  sink_abort(sink, begin(sink, "a/g"));
  CU_ASSERT_TRUE(is_there("in/a"));
  for (int i = 0; i < 2 * FOLDERS_RECENT; i++) { /* until another descriptor is held for the same folder */
    char name[16];
    snprintf(name, sizeof(name), "other%d/f", i);
    CU_ASSERT_EQUAL(put(sink, name, "hello"), 0);
  }
  sink_abort(sink, begin(sink, "a/g"));
  CU_ASSERT_TRUE(is_there("in/a"));
  CU_ASSERT_EQUAL(finish(sink, file), 0);
  CU_ASSERT_TRUE(scratch_holds("in/a/f", "hello"));
  stop(sink);
}

/* Files are begun in a folder without another look at its name while others are in work there. What turned up
 * meanwhile is found when they get their names, and the next ones go where the name leads then. */
static void a_folder_in_work_is_looked_at_again(void) {
  struct sink *sink = start(OVERWRITE_NEVER);
  struct sink_file *equal = begin(sink, "a/equal"), *other = begin(sink, "a/other");
  scratch_write("in/a/equal", "hello");
  scratch_write("in/a/other", "12345");
  CU_ASSERT_EQUAL(finish(sink, equal), 1);
  CU_ASSERT_EQUAL(finish(sink, other), ERR_EXISTS);
  CU_ASSERT_TRUE(scratch_holds("in/a/other", "12345"));
  CU_ASSERT_EQUAL(put(sink, "a/other", "longer"), ERR_EXISTS);
  struct sink_file *moved = begin(sink, "a/f"), *also = begin(sink, "a/g");
  CU_ASSERT_EQUAL(rename("in/a", "moved"), 0);
  CU_ASSERT(finish(sink, moved) < 0);
  CU_ASSERT_EQUAL(put(sink, "a/h", "hello"), 0);
  CU_ASSERT_TRUE(scratch_holds("in/a/h", "hello"));
  CU_ASSERT(finish(sink, also) < 0);
  CU_ASSERT_FALSE(is_there("moved/f") || is_there("moved/g") || is_there("in/a/f") || is_there("in/a/g"));
  stop(sink);
}

/* What others removed while files without names were in work in it is made anew for the next ones. */
static void a_folder_gone_is_made_anew(void) {
  struct sink *sink = start(OVERWRITE_NEVER);
  struct sink_file *lost = begin(sink, "a/f");
  CU_ASSERT_EQUAL(rmdir("in/a") == 0, !NAMES_PARTS);
  CU_ASSERT_EQUAL(put(sink, "a/g", "hello"), 0);
  CU_ASSERT_TRUE(scratch_holds("in/a/g", "hello"));
  sink_abort(sink, lost);
  stop(sink);
}

/* A folder that somebody put in the place of ours is not removed. */
static void a_folder_exchanged_stays(void) {
  struct sink *sink = start(OVERWRITE_NEVER);
  struct sink_file *file = begin(sink, "a/f");
  CU_ASSERT_EQUAL(rename("in/a", "moved"), 0);
  scratch_folder("in/a");
  sink_abort(sink, file);
  CU_ASSERT_TRUE(is_there("in/a"));
  CU_ASSERT_EQUAL(parts_in("moved"), 0); /* through the folder that was held */
  file = begin(sink, "b/f");
  CU_ASSERT_EQUAL(rename("in/b", "moved-b"), 0);
  int result = 0;
  CU_ASSERT_EQUAL(sink_write(sink, file, 0, (const uint8_t *)"hello", 5), 0);
  sink_commit(sink, &file, 1, &result);
  CU_ASSERT(result < 0);
  CU_ASSERT_EQUAL(parts_in("moved-b"), 0);
  stop(sink);
}

static void a_folder_behind_a_link_is_not_written_to(void) {
  struct sink *sink = start(OVERWRITE_NEVER);
  CU_ASSERT_EQUAL(put(sink, "a/b/f", "hello"), 0);
  CU_ASSERT_EQUAL(rename("in/a", "moved"), 0);
  CU_ASSERT_EQUAL(symlink("../moved", "in/a"), 0);
  CU_ASSERT_EQUAL(put(sink, "a/b/g", "hello"), ERR_EXISTS);
  CU_ASSERT_FALSE(is_there("moved/b/g"));
  stop(sink);
}

/* ---- several at once ---- */
enum { THREADS = 4, ROUNDS = 400 };

static void *give_up_and_commit(void *context) {
  struct sink *sink = context;
  static atomic_uint numbers;
  uintptr_t failures = 0;
  for (int i = 0; i < ROUNDS; i++) {
    char name[32];
    snprintf(name, sizeof(name), "a/b/f%u", atomic_fetch_add(&numbers, 1));
    struct entry entry = file_named(name, "hello");
    struct sink_file *file = NULL;
    if (sink_begin(sink, &entry, false, &file) != 0)
      failures++;
    else
      sink_abort(sink, file);
  }
  return (void *)failures;
}

/* One takes the folder away while another makes its part file in it: that one makes it again. */
static void folders_go_beside_others(void) {
  struct sink *sink = start(OVERWRITE_NEVER);
  pthread_t threads[THREADS];
  uintptr_t failures = 0;
  for (int i = 0; i < THREADS; i++)
    CU_ASSERT_EQUAL_FATAL(pthread_create(&threads[i], NULL, give_up_and_commit, sink), 0);
  for (int i = 0; i < THREADS; i++) {
    void *result;
    pthread_join(threads[i], &result);
    failures += (uintptr_t)result;
  }
  CU_ASSERT_EQUAL(failures, 0);
  CU_ASSERT_FALSE(is_there("in/a"));
  stop(sink);
}

static atomic_bool is_over;

static void exchange(const char *one, const char *other) {
  syscall(SYS_renameat2, AT_FDCWD, one, AT_FDCWD, other, RENAME_EXCHANGE);
}

static void *exchange_parts(void *context) {
  while (!atomic_load(&is_over)) {
    DIR *stream = opendir("in");
    const struct dirent *found;
    char path[300];
    while (stream && (found = readdir(stream)))
      if (strncmp(found->d_name, ".udpcp-", 7) == 0) {
        snprintf(path, sizeof(path), "in/%s", found->d_name);
        exchange("evil", path);
      }
    if (stream) closedir(stream);
  }
  return context;
}

/* What is reported as received is what was sent, whoever exchanged its part file. */
static void a_part_exchanged_never_counts(void) {
  struct sink *sink = start(OVERWRITE_ALWAYS);
  pthread_t thread;
  unsigned lies = 0;
  atomic_store(&is_over, false);
  scratch_write("evil", "EVIL!");
  CU_ASSERT_EQUAL_FATAL(pthread_create(&thread, NULL, exchange_parts, NULL), 0);
  for (int i = 0; i < 4000; i++) {
    char name[16], path[32];
    snprintf(name, sizeof(name), "f%d", i);
    snprintf(path, sizeof(path), "in/%s", name);
    lies += put(sink, name, "hello") == 0 && !scratch_holds(path, "hello");
    unlink(path);
  }
  atomic_store(&is_over, true);
  pthread_join(thread, NULL);
  CU_ASSERT_EQUAL(lies, 0);
  stop(sink);
}

static void *exchange_final(void *context) {
  while (!atomic_load(&is_over))
    exchange("pipe", "in/f");
  return context;
}

/* An equal file that turns up is compared by what was opened, and that is a file. */
static void a_pipe_is_never_compared(void) {
  struct sink *sink = start(OVERWRITE_NEVER);
  pthread_t thread;
  unsigned others = 0;
  atomic_store(&is_over, false);
  scratch_write("in/f", "hello");
  CU_ASSERT_EQUAL(mkfifo("pipe", 0600), 0);
  struct sink_file *files[1000];
  for (int i = 0; i < 1000; i++) {
    CU_ASSERT_EQUAL(rename("in/f", "aside"), 0);
    files[i] = begin(sink, "f");
    CU_ASSERT_EQUAL(sink_write(sink, files[i], 0, (const uint8_t *)"hello", 5), 0);
    CU_ASSERT_EQUAL(rename("aside", "in/f"), 0);
  }
  CU_ASSERT_EQUAL_FATAL(pthread_create(&thread, NULL, exchange_final, NULL), 0);
  for (int i = 0; i < 1000; i++) {
    int result;
    sink_commit(sink, &files[i], 1, &result);
    others += result != 1 && result != ERR_EXISTS;
  }
  atomic_store(&is_over, true);
  pthread_join(thread, NULL);
  CU_ASSERT_EQUAL(others, 0);
  CU_ASSERT_EQUAL(parts_in("in"), 0);
  stop(sink);
}

UNIT_MAIN(UNIT_CASE(a_set_forgets_what_is_removed), UNIT_CASE(folders_of_what_was_given_up_go),
          UNIT_CASE(folders_of_what_could_not_be_begun_go), UNIT_CASE(folders_of_what_failed_at_its_end_go),
          UNIT_CASE(folders_that_were_received_stay), UNIT_CASE(folders_in_work_stay),
          UNIT_CASE(a_folder_in_work_is_looked_at_again), UNIT_CASE(a_folder_gone_is_made_anew),
          UNIT_CASE(a_folder_exchanged_stays), UNIT_CASE(a_folder_behind_a_link_is_not_written_to),
          UNIT_CASE(folders_go_beside_others), UNIT_CASE(a_part_exchanged_never_counts),
          UNIT_CASE(a_pipe_is_never_compared))
