/* kept: which part files are taken over, by whom, and what happens to what else stands under their names. */
#include "sink_case.h"
#include "unit.h"

#include <sys/file.h>
#include <sys/types.h>

enum { SIZE = SINK_KEEP_BYTES_MIN + 1000, HALF = SIZE / 2 };

static struct entry large_named(const char *name) {
  struct entry entry = file_named(name, "");
  entry.size = SIZE;
  return entry;
}

static uint8_t contents[SIZE];

static struct sink_file *begin(struct sink *sink, const char *name) {
  struct entry entry = large_named(name);
  struct sink_file *file = NULL;
  CU_ASSERT_EQUAL_FATAL(sink_begin(sink, &entry, false, &file), 0);
  memset(contents, 'x', sizeof(contents));
  return file;
}

/* The name in folder `path` that begins like ours and ends so; "" when there is none. */
static const char *name_of(const char *path, const char *suffix) {
  static char names[2][128];
  static int next;
  char *name = names[next++ % 2];
  name[0] = 0;
  DIR *stream = opendir(path);
  const struct dirent *found;
  assert(stream);
  while ((found = readdir(stream))) {
    size_t size = strlen(found->d_name), end = strlen(suffix);
    if (strncmp(found->d_name, ".udpcp-", 7) == 0 && size > end &&
        strcmp(found->d_name + size - end, suffix) == 0)
      snprintf(name, 128, "%s/%.100s", path, found->d_name);
  }
  closedir(stream);
  return name;
}

static void keep_half(struct sink *sink, const char *name) {
  struct sink_file *file = begin(sink, name);
  CU_ASSERT_EQUAL(sink_write(sink, file, 0, contents, HALF), 0);
  CU_ASSERT_EQUAL(sink_note(sink, file, 32, (const uint8_t *)"noted", 5), 0);
  sink_keep(sink, file, HALF);
}

/* How many bytes the part just begun has of the kept one: all, or none. */
static size_t taken_over(struct sink *sink, struct sink_file *file) {
  uint8_t note[8] = {0}, byte = 0;
  int noted = sink_recall(sink, file, 32, note, sizeof(note));
  int is_read = sink_read(sink, file, HALF - 1, &byte, 1);
  CU_ASSERT_EQUAL(is_read == 0, noted > 0);
  return noted == 5 && memcmp(note, "noted", 5) == 0 && byte == 'x' ? HALF : 0;
}

static void finish(struct sink *sink, struct sink_file *file) {
  int result = -1;
  CU_ASSERT_EQUAL(sink_write(sink, file, 0, contents, SIZE), 0);
  sink_commit(sink, &file, 1, &result);
  CU_ASSERT_EQUAL(result, 0);
}

static void a_part_is_taken_over_by_its_entry_only(void) {
  struct sink *sink = start(OVERWRITE_NEVER);
  keep_half(sink, "d/f");
  CU_ASSERT_EQUAL(parts_in("in/d"), 2);
  CU_ASSERT_TRUE(has_mode(name_of("in/d", ".part"), 0600) && has_mode(name_of("in/d", ".journal"), 0600));
  struct entry others[4];
  for (int i = 0; i < 4; i++)
    others[i] = large_named(i == 3 ? "d/g" : "d/f");
  others[0].size++;
  others[1].mtime_s++;
  others[2].mtime_ns++;
  for (int i = 0; i < 4; i++) {
    struct sink_file *other = NULL;
    CU_ASSERT_EQUAL_FATAL(sink_begin(sink, &others[i], false, &other), 0);
    CU_ASSERT_EQUAL(taken_over(sink, other), 0);
    sink_abort(sink, other);
    CU_ASSERT_EQUAL(parts_in("in/d"), 2);
  }
  sink_free(sink);
  sink = open_sink(OVERWRITE_NEVER); /* another process could as well */
  struct sink_file *file = begin(sink, "d/f");
  CU_ASSERT_EQUAL(taken_over(sink, file), HALF);
  finish(sink, file);
  CU_ASSERT_EQUAL(parts_in("in/d"), 0);
  CU_ASSERT_TRUE(has_mode("in/d/f", 0644) && has_mtime("in/d/f", 1500000000, 987654321));
  stop(sink);
}

static void a_dry_run_leaves_it_alone(void) {
  struct sink *sink = start(OVERWRITE_NEVER);
  struct entry entry = large_named("f");
  struct sink_file *file = NULL;
  CU_ASSERT_EQUAL(sink_begin(sink, &entry, true, &file), 0);
  CU_ASSERT_EQUAL(parts_in("in"), 0);
  keep_half(sink, "f");
  CU_ASSERT_EQUAL(sink_begin(sink, &entry, true, &file), 0);
  CU_ASSERT_PTR_NULL(file);
  CU_ASSERT_EQUAL(parts_in("in"), 2);
  stop(sink);
}

static void only_one_has_it_at_a_time(void) {
  struct sink *sink = start(OVERWRITE_NEVER);
  keep_half(sink, "f");
  struct sink *other_sink = open_sink(OVERWRITE_NEVER);
  struct sink_file *first = begin(sink, "f"), *second = begin(other_sink, "f"), *third = begin(sink, "f");
  CU_ASSERT_EQUAL(taken_over(sink, first), HALF);
  CU_ASSERT_EQUAL(sink_recall(other_sink, second, 0, contents, 5), 0);
  CU_ASSERT_EQUAL(sink_note(other_sink, second, 0, contents, 5), ERR_UNSUPPORTED);
  CU_ASSERT_EQUAL(sink_read(other_sink, second, 0, contents, 5), ERR_UNSUPPORTED);
  CU_ASSERT_EQUAL(parts_in("in"), 4);
  sink_keep(other_sink, second, SIZE); /* is none that is found again */
  sink_abort(sink, third);
  CU_ASSERT_EQUAL(parts_in("in"), 2);
  memset(contents, 'x', sizeof(contents));
  finish(sink, first);
  CU_ASSERT_EQUAL(parts_in("in"), 0);
  sink_free(other_sink);
  stop(sink);
}

static void what_holds_nothing_good_is_not_kept(void) {
  struct sink *sink = start(OVERWRITE_NEVER);
  struct sink_file *file = begin(sink, "f");
  sink_keep(sink, file, 0);
  CU_ASSERT_EQUAL(parts_in("in"), 0);
  file = begin(sink, "f");
  CU_ASSERT_EQUAL(sink_write(sink, file, 0, contents, SIZE), 0);
  sink_keep(sink, file, 1000); /* as when the last block of a huge file came, and the room was taken */
  CU_ASSERT_EQUAL(parts_in("in"), 0);
  keep_half(sink, "f");
  file = begin(sink, "f");
  sink_abort(sink, file);
  CU_ASSERT_EQUAL(parts_in("in"), 0);
  stop(sink);
}

/* ---- what else may stand there ---- */

enum trap {
  A_LINK,
  A_DEAD_LINK,
  A_FIFO,
  A_HARD_LINK,
  OPEN_TO_GROUP,
  OPEN_TO_ALL,
  LONGER,
  A_FOLDER,
  A_STRANGERS,
  TRAPS
};

static bool set_trap(const char *path, enum trap trap) {
  scratch_write("outside", "outside");
  if (trap != LONGER && trap != OPEN_TO_GROUP && trap != OPEN_TO_ALL && trap != A_STRANGERS)
    assert(unlink(path) == 0);
  switch (trap) {
  case A_LINK:
    return symlink("../outside", path) == 0;
  case A_DEAD_LINK:
    return symlink("../nowhere", path) == 0;
  case A_FIFO:
    return mkfifo(path, 0600) == 0;
  case A_HARD_LINK:
    return link("outside", path) == 0;
  case OPEN_TO_GROUP:
    return chmod(path, 0620) == 0;
  case OPEN_TO_ALL:
    return chmod(path, 0602) == 0;
  case LONGER:
    return truncate(path, SIZE + 1) == 0;
  case A_FOLDER:
    return mkdir(path, 0700) == 0;
  default:
    return chown(path, 65534, 65534) == 0; /* by root only */
  }
}

static void traps_cost_a_fresh_start_at_most(void) {
  static const char *const suffixes[] = {".part", ".journal"};
  for (int which = 0; which < 2; which++)
    for (enum trap trap = A_LINK; trap < TRAPS; trap++) {
      if (which == 1 && trap == LONGER) continue;
      struct sink *sink = start(OVERWRITE_NEVER);
      keep_half(sink, "f");
      if (set_trap(name_of("in", suffixes[which]), trap)) {
        struct sink_file *file = begin(sink, "f");
        uint8_t note[8];
        CU_ASSERT_EQUAL(sink_recall(sink, file, 32, note, sizeof(note)), 0);
        finish(sink, file);
        CU_ASSERT_EQUAL(parts_in("in"), trap != A_FOLDER ? 0 : which == 0 ? 2 : 1); /* journal and folder */
        CU_ASSERT_TRUE(has_mode("in/f", 0644));
      }
      CU_ASSERT_TRUE(scratch_holds("outside", "outside"));
      CU_ASSERT_EQUAL(access("nowhere", F_OK), -1);
      stop(sink);
    }
}

/* The name goes to another file while the part is open: neither gets what is not its own. */
static void a_part_that_was_exchanged_is_never_named(void) {
  struct sink *sink = start(OVERWRITE_NEVER);
  struct sink_file *file = begin(sink, "f");
  int result = 0;
  CU_ASSERT_EQUAL(sink_write(sink, file, 0, contents, SIZE), 0);
  scratch_write("in/other", "other");
  CU_ASSERT_EQUAL(rename("in/other", name_of("in", ".part")), 0);
  sink_commit(sink, &file, 1, &result);
  CU_ASSERT_EQUAL(result, ERR_CHANGED);
  CU_ASSERT_EQUAL(access("in/f", F_OK), -1);
  stop(sink);
}

/* What is in work elsewhere, or young, stays; a.s.o. is only seen by its age, which no test can make. */
static void young_leftovers_stay(void) {
  struct sink *sink = start(OVERWRITE_NEVER);
  keep_half(sink, "f");
  scratch_write("in/.udpcp-0123456789abcdef.part", "young");
  scratch_stamp("in/.udpcp-0123456789abcdef.part", 1, 0); /* counts for nothing */
  sink_abort(sink, begin(sink, "g"));
  CU_ASSERT_EQUAL(parts_in("in"), 3);
  stop(sink);
}

/* ---- room ---- */

static void more_than_is_free_is_refused_before_it_comes(void) {
  struct sink *sink = start(OVERWRITE_NEVER);
  static const uint64_t sizes[] = {1ull << 60, INT64_MAX, (uint64_t)INT64_MAX + 1, UINT64_MAX};
  for (unsigned i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
    struct entry entry = large_named("f");
    struct sink_file *file = NULL;
    entry.size = sizes[i];
    CU_ASSERT_EQUAL(sink_begin(sink, &entry, false, &file), ERR_DISK_FULL);
    CU_ASSERT_PTR_NULL(file);
    CU_ASSERT_EQUAL(parts_in("in"), 0);
  }
  stop(sink);
}

static void times_at_both_ends_are_taken(void) {
  static const int64_t times[] = {INT64_MIN, INT64_MIN + 1, -1, 0, INT64_MAX, (1ll << 61) - 1, -(1ll << 61)};
  struct sink *sink = start(OVERWRITE_ALWAYS);
  for (unsigned i = 0; i < sizeof(times) / sizeof(times[0]); i++) {
    struct entry entry = file_named("f", "hello"), folder = folder_named("d");
    entry.mtime_s = folder.mtime_s = times[i];
    CU_ASSERT_EQUAL(put_entry(sink, &entry, "hello"), 0); /* with the nearest time the file system knows */
    CU_ASSERT_EQUAL(sink_folder(sink, &folder, false), 0);
    CU_ASSERT_TRUE(scratch_holds("in/f", "hello"));
  }
  stop(sink);
}

UNIT_MAIN(UNIT_CASE(a_part_is_taken_over_by_its_entry_only), UNIT_CASE(a_dry_run_leaves_it_alone),
          UNIT_CASE(only_one_has_it_at_a_time), UNIT_CASE(what_holds_nothing_good_is_not_kept),
          UNIT_CASE(traps_cost_a_fresh_start_at_most), UNIT_CASE(a_part_that_was_exchanged_is_never_named),
          UNIT_CASE(young_leftovers_stay), UNIT_CASE(more_than_is_free_is_refused_before_it_comes),
          UNIT_CASE(times_at_both_ends_are_taken))
