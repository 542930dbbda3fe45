/* test_sink: what may stand where, what is left behind by failure, and that nothing outside the folder is
 * touched; on kernels without the newer calls as well. */
#include "child.h"
#include "sink_case.h"
#include "unit.h"

/* ---- arriving ---- */
static void a_file_arrives_with_all_it_has(void) {
  static const mode_t modes[] = {0644, 0777, 0, 0400, 0600, 07755, 0111, 06777};
  mode_t mask = umask(027);
  struct sink *sink = start(OVERWRITE_NEVER);
  umask(0); /* what counts is what it was at the start */
  for (size_t i = 0; i < sizeof(modes) / sizeof(modes[0]); i++) {
    char name[32], path[64];
    snprintf(name, sizeof(name), "new/deeper/f%zu", i);
    snprintf(path, sizeof(path), "in/%s", name);
    struct entry entry = file_named(name, "hello");
    entry.mode = modes[i];
    CU_ASSERT_EQUAL(put_entry(sink, &entry, "hello"), 0);
    CU_ASSERT_TRUE(has_mode(path, modes[i] & 0750)); /* never set-user-id */
    CU_ASSERT_TRUE(has_mtime(path, 1500000000, 987654321));
  }
  CU_ASSERT_TRUE(scratch_holds("in/new/deeper/f0", "hello"));
  CU_ASSERT_EQUAL(parts_in("in/new/deeper"), 0);
  CU_ASSERT_TRUE(has_mode("in/new", 0700) && has_mode("in/new/deeper", 0700)); /* not yet announced */
  CU_ASSERT_EQUAL(put(sink, "empty", ""), 0);
  CU_ASSERT_TRUE(scratch_holds("in/empty", ""));
  umask(mask);
  stop(sink);
}

static void pieces_in_any_order(void) {
  struct sink *sink = start(OVERWRITE_NEVER);
  struct entry entry = file_named("f", "0123456789");
  struct sink_file *file;
  int result = -1;
  CU_ASSERT_EQUAL_FATAL(sink_begin(sink, &entry, false, &file), 0);
  CU_ASSERT_EQUAL(parts_in("in"), seen_of(1));
  CU_ASSERT_EQUAL(sink_write(sink, file, 7, (const uint8_t *)"789", 3), 0);
  CU_ASSERT_EQUAL(sink_write(sink, file, 0, (const uint8_t *)"0123456", 7), 0);
  CU_ASSERT_EQUAL(sink_write(sink, file, 10, (const uint8_t *)"", 0), 0);
  CU_ASSERT_EQUAL(sink_write(sink, file, 8, (const uint8_t *)"xyz", 3), ERR_MALFORMED);
  CU_ASSERT_EQUAL(sink_write(sink, file, UINT64_MAX, (const uint8_t *)"xyz", 3), ERR_MALFORMED);
  sink_commit(sink, &file, 1, &result);
  CU_ASSERT_EQUAL(result, 0);
  CU_ASSERT_TRUE(scratch_holds("in/f", "0123456789"));
  stop(sink);
}

static void an_incomplete_or_aborted_file_leaves_nothing(void) {
  struct sink *sink = start(OVERWRITE_NEVER);
  struct entry entry = file_named("d/f", "0123456789");
  struct sink_file *file;
  int result = 0;
  CU_ASSERT_EQUAL_FATAL(sink_begin(sink, &entry, false, &file), 0);
  CU_ASSERT_EQUAL(sink_write(sink, file, 0, (const uint8_t *)"01234", 5), 0);
  sink_commit(sink, &file, 1, &result);
  CU_ASSERT_EQUAL(result, ERR_MISMATCH);
  CU_ASSERT_EQUAL_FATAL(sink_begin(sink, &entry, false, &file), 0);
  CU_ASSERT_EQUAL(parts_in("in/d"), seen_of(1));
  sink_abort(sink, file);
  CU_ASSERT_EQUAL(parts_in("in/d"), 0);
  CU_ASSERT_EQUAL(access("in/d/f", F_OK), -1);
  stop(sink);
}

/* On a file system that has files without names, but does not let them have one later. */
static void link_nothing(void) {
  struct sink *sink = start_unused(OVERWRITE_NEVER);
  child_refuse_call(SYS_linkat, ENOENT);
  CHILD_CHECK(put(sink, "f", "x") == 0 && put(sink, "d/g", "x") == 0);
  CHILD_CHECK(scratch_holds("in/f", "x") && scratch_holds("in/d/g", "x"));
  CHILD_CHECK(parts_in("in") == 0 && parts_in("in/d") == 0);
  stop(sink);
}
static void without_names_for_the_nameless(void) { CU_ASSERT(child_passes(link_nothing)); }

static void a_dry_run_leaves_nothing(void) {
  struct sink *sink = start(OVERWRITE_NEVER);
  struct entry file = file_named("a/b/f", "x"), folder = folder_named("a/b");
  struct sink_file *begun = NULL;
  folder.mode = 0711;
  CU_ASSERT_EQUAL(sink_begin(sink, &file, true, &begun), 0);
  CU_ASSERT_PTR_NULL(begun);
  CU_ASSERT_EQUAL(sink_folder(sink, &folder, true), 0);
  CU_ASSERT_EQUAL(access("in/a", F_OK), -1);
  CU_ASSERT_EQUAL(put(sink, "a/b/f", "x"), 0);
  CU_ASSERT_EQUAL(sink_begin(sink, &file, true, &begun), 1);
  CU_ASSERT_EQUAL(sink_folder(sink, &folder, true), 0);
  CU_ASSERT_FALSE(has_mode("in/a/b", 0711));
  CU_ASSERT_EQUAL(
      sink_begin(sink, &(struct entry){.name = (const uint8_t *)"a", .name_size = 1}, true, &begun),
      ERR_IS_FOLDER);
  stop(sink);
}

/* ---- what stands there already ---- */
enum standing {
  NOTHING,
  EQUAL,
  SAME_STAMP,
  SAME_BYTES,
  SAME_SIZE,
  OTHER_SIZE,
  FOLDER,
  LINK,
  DEAD_LINK,
  PIPE
};

static void let_stand(enum standing standing) {
  scratch_write("outside", "outside");
  switch (standing) {
  case NOTHING:
    break;
  case EQUAL:
    scratch_write("in/f", "hello");
    scratch_stamp("in/f", 1500000000, 987654321);
    break;
  case SAME_STAMP:
    scratch_write("in/f", "olleh");
    scratch_stamp("in/f", 1500000000, 987654321);
    break;
  case SAME_BYTES:
    scratch_write("in/f", "hello");
    scratch_stamp("in/f", 1500000000, 987654320);
    break;
  case SAME_SIZE:
    scratch_write("in/f", "olleh");
    break;
  case OTHER_SIZE:
    scratch_write("in/f", "a longer one");
    break;
  case FOLDER:
    scratch_folder("in/f");
    break;
  case LINK:
    assert(symlink("../outside", "in/f") == 0);
    break;
  case DEAD_LINK:
    assert(symlink("../nowhere", "in/f") == 0);
    break;
  case PIPE:
    assert(mkfifo("in/f", 0600) == 0);
    break;
  }
}

static bool still_stands(enum standing standing) {
  struct stat status;
  if (lstat("in/f", &status) != 0) return standing == NOTHING;
  switch (standing) {
  case EQUAL:
    return scratch_holds("in/f", "hello") && has_mtime("in/f", 1500000000, 987654321);
  case SAME_BYTES:
    return scratch_holds("in/f", "hello") && has_mtime("in/f", 1500000000, 987654320);
  case SAME_STAMP:
  case SAME_SIZE:
    return scratch_holds("in/f", "olleh");
  case OTHER_SIZE:
    return scratch_holds("in/f", "a longer one");
  case FOLDER:
    return S_ISDIR(status.st_mode);
  case LINK:
  case DEAD_LINK:
    return S_ISLNK(status.st_mode);
  case PIPE:
    return S_ISFIFO(status.st_mode);
  default:
    return false;
  }
}

static const struct {
  enum standing standing;
  int never, changed, always; /* what putting "hello" there comes to */
} decisions[] = {
    {NOTHING, 0, 0, 0},
    {EQUAL, 1, 1, 0},
    {SAME_STAMP, 1, 1, 0},
    {SAME_BYTES, 1, 0, 0},
    {SAME_SIZE, ERR_EXISTS, 0, 0},
    {OTHER_SIZE, ERR_EXISTS, 0, 0},
    {FOLDER, ERR_IS_FOLDER, ERR_IS_FOLDER, ERR_IS_FOLDER},
    {LINK, ERR_EXISTS, ERR_EXISTS, ERR_EXISTS},
    {DEAD_LINK, ERR_EXISTS, ERR_EXISTS, ERR_EXISTS},
    {PIPE, ERR_EXISTS, ERR_EXISTS, ERR_EXISTS},
};
enum { DECISIONS = sizeof(decisions) / sizeof(decisions[0]) };

static int decision(size_t row, enum overwrite overwrite) {
  if (overwrite == OVERWRITE_NEVER) return decisions[row].never;
  return overwrite == OVERWRITE_CHANGED ? decisions[row].changed : decisions[row].always;
}

static void the_table_of_what_may_be_replaced(void) {
  for (size_t row = 0; row < DECISIONS; row++) {
    for (enum overwrite overwrite = OVERWRITE_NEVER; overwrite <= OVERWRITE_ALWAYS; overwrite++) {
      struct sink *sink = start(overwrite);
      enum standing standing = decisions[row].standing;
      let_stand(standing);
      int result = put(sink, "f", "hello");
      CU_ASSERT_EQUAL(result, decision(row, overwrite));
      CU_ASSERT_EQUAL(still_stands(standing), result != 0 || standing == EQUAL);
      if (result == 0) CU_ASSERT_TRUE(scratch_holds("in/f", "hello"));
      CU_ASSERT_EQUAL(parts_in("in"), 0);
      CU_ASSERT_TRUE(scratch_holds("outside", "outside"));
      stop(sink);
    }
  }
}

/* The same things turn up between the beginning and the commit. */
static void late_arrivals(void) {
  for (size_t row = 1; row < DECISIONS; row++) {
    for (enum overwrite overwrite = OVERWRITE_NEVER; overwrite <= OVERWRITE_ALWAYS; overwrite++) {
      struct sink *sink = start(overwrite);
      enum standing standing = decisions[row].standing;
      struct entry entry = file_named("f", "hello");
      struct sink_file *file;
      int result = sink_begin(sink, &entry, false, &file);
      CHILD_CHECK(result == 0 && sink_write(sink, file, 0, (const uint8_t *)"hello", 5) == 0);
      let_stand(standing);
      sink_commit(sink, &file, 1, &result);
      int expected = decision(row, overwrite);
      if (expected == 1 && overwrite != OVERWRITE_NEVER) expected = 0;    /* the stamp no longer counts */
      if (expected == 1 && standing == SAME_STAMP) expected = ERR_EXISTS; /* and bytes do */
      CHILD_CHECK(result == expected);
      if (overwrite == OVERWRITE_NEVER) CHILD_CHECK(still_stands(standing));
      if (result < 0) CHILD_CHECK(still_stands(standing));
      if (result == 0) CHILD_CHECK(scratch_holds("in/f", "hello"));
      CHILD_CHECK(parts_in("in") == 0 && scratch_holds("outside", "outside"));
      stop(sink);
    }
  }
}

static void late_without_renameat2(void) {
  child_refuse_call(SYS_renameat2, EINVAL); /* as network file systems say it */
  late_arrivals();
}

static void what_turns_up_late(void) { CU_ASSERT(child_passes(late_arrivals)); }
static void what_turns_up_late_without_renameat2(void) { CU_ASSERT(child_passes(late_without_renameat2)); }

static void large_files_are_compared_to_the_last_byte(void) {
  enum { SIZE = 200000 };
  static char text[SIZE + 1];
  memset(text, 'x', SIZE);
  struct sink *sink = start(OVERWRITE_NEVER);
  CU_ASSERT_EQUAL(put(sink, "f", text), 0);
  scratch_stamp("in/f", 1, 0);
  CU_ASSERT_EQUAL(put(sink, "f", text), 1);
  text[SIZE - 1] = 'y';
  CU_ASSERT_EQUAL(put(sink, "f", text), ERR_EXISTS);
  text[SIZE - 1] = 'x';
  text[70000] = 'y';
  CU_ASSERT_EQUAL(put(sink, "f", text), ERR_EXISTS);
  CU_ASSERT_TRUE(has_mtime("in/f", 1, 0));
  CU_ASSERT_EQUAL(parts_in("in"), 0);
  stop(sink);
}

/* ---- names and links ---- */
static void bad_names(void) {
  char component[300];
  memset(component, 'n', sizeof(component));
  component[256] = '\0';
  const char *const names[] = {"",  "/",   "/abs", "..", "../f",  "a/../f", "a/..",
                               ".", "./f", "a//f", "a/", "a/./f", component};
  struct sink *sink = start(OVERWRITE_NEVER);
  for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
    struct entry folder = folder_named(names[i]);
    CU_ASSERT_EQUAL(put(sink, names[i], "x"), ERR_BAD_NAME);
    CU_ASSERT_EQUAL(sink_folder(sink, &folder, false), ERR_BAD_NAME);
  }
  struct entry with_nul = {.name = (const uint8_t *)"a\0b", .name_size = 3};
  CU_ASSERT_EQUAL(put_entry(sink, &with_nul, ""), ERR_BAD_NAME);
  struct entry bad_time = file_named("f", "x");
  bad_time.mtime_ns = 1000000000;
  CU_ASSERT_EQUAL(put_entry(sink, &bad_time, "x"), ERR_MALFORMED);
  CU_ASSERT_EQUAL(access("in/a", F_OK), -1);
  stop(sink);
}

static void long_and_deep_names(void) {
  static char name[NAME_BYTES_MAX + 1];
  for (size_t component = 1; component <= 255; component += 254) {
    struct sink *sink = start(OVERWRITE_NEVER);
    size_t step = component + 1, levels = component == 1 ? 60 : NAME_BYTES_MAX / step;
    memset(name, 'n', sizeof(name));
    for (size_t level = 1; level < levels; level++)
      name[level * step - 1] = '/';
    name[levels * step - 1] = '\0';
    CU_ASSERT_EQUAL(put(sink, name, "deep"), 0);
    CU_ASSERT_EQUAL(put(sink, name, "deep"), 1);
    name[(levels - 1) * step - 1] = '\0';
    struct entry folder = folder_named(name);
    CU_ASSERT_EQUAL(sink_folder(sink, &folder, false), 0);
    CU_ASSERT_EQUAL(put(sink, name, "deep"), ERR_IS_FOLDER);
    stop(sink);
  }
}

static void a_name_of_4096_bytes(void) {
  static char name[NAME_BYTES_MAX + 1];
  struct sink *sink = start(OVERWRITE_NEVER);
  memset(name, 'n', NAME_BYTES_MAX);
  for (size_t at = 200; at < NAME_BYTES_MAX - 1; at += 201)
    name[at] = '/';
  CU_ASSERT_EQUAL(put(sink, name, "deep"), 0);
  CU_ASSERT_EQUAL(put(sink, name, "deep"), 1);
  stop(sink);
}

static void links_are_never_followed(void) {
  struct sink *sink = start(OVERWRITE_ALWAYS);
  struct entry entry = file_named("f", "hello"), folder = folder_named("to-folder");
  struct sink_file *file;
  int result = 0;
  scratch_folder("outside");
  CHILD_CHECK(chmod("outside", 0711) == 0);
  CHILD_CHECK(symlink("../outside", "in/to-folder") == 0 && symlink("/", "in/to-root") == 0);
  CHILD_CHECK(put(sink, "to-folder/f", "x") == ERR_EXISTS);
  CHILD_CHECK(put(sink, "to-folder/new/f", "x") == ERR_EXISTS);
  CHILD_CHECK(put(sink, "to-root/tmp/f", "x") == ERR_EXISTS);
  CHILD_CHECK(sink_folder(sink, &folder, false) == ERR_EXISTS);
  CHILD_CHECK(access("outside/f", F_OK) != 0 && has_mode("outside", 0711));

  /* The part file itself is exchanged for a link. */
  scratch_write("outside/f", "keep");
  CHILD_CHECK(sink_begin(sink, &entry, false, &file) == 0);
  CHILD_CHECK(sink_write(sink, file, 0, (const uint8_t *)"hello", 5) == 0);
  DIR *stream = opendir("in");
  const struct dirent *found;
  char path[300] = "";
  while ((found = readdir(stream)))
    if (strncmp(found->d_name, ".udpcp-", 7) == 0) snprintf(path, sizeof(path), "in/%s", found->d_name);
  closedir(stream);
  CHILD_CHECK(strlen(path) == (NAMES_PARTS ? strlen("in/.udpcp-0123456789abcdef.part") : 0));
  if (NAMES_PARTS) {
    CHILD_CHECK(has_mode(path, 0600));
    CHILD_CHECK(unlink(path) == 0 && symlink("../outside/f", path) == 0);
  }
  sink_commit(sink, &file, 1, &result);
  CHILD_CHECK(result == (NAMES_PARTS ? ERR_CHANGED : 0) && (access("in/f", F_OK) != 0) == NAMES_PARTS);
  CHILD_CHECK(scratch_holds("outside/f", "keep") && has_mode("outside/f", 0644));

  /* The parent is exchanged for a link while the file is on its way: what is held stays inside. */
  entry = file_named("d/f", "hello");
  CHILD_CHECK(sink_begin(sink, &entry, false, &file) == 0);
  CHILD_CHECK(sink_write(sink, file, 0, (const uint8_t *)"hello", 5) == 0);
  CHILD_CHECK(rename("in/d", "in/moved") == 0 && symlink("../outside", "in/d") == 0);
  sink_commit(sink, &file, 1, &result);
  CHILD_CHECK(scratch_holds("outside/f", "keep"));
  stop(sink);
}

static void links_without_openat2(void) {
  child_refuse_call(SYS_openat2, ENOSYS);
  links_are_never_followed();
}

static void links(void) { CU_ASSERT(child_passes(links_are_never_followed)); }
static void links_stepwise(void) { CU_ASSERT(child_passes(links_without_openat2)); }

static void long_names_without_openat2(void) {
  child_refuse_call(SYS_openat2, EPERM); /* as some sandboxes say it */
  struct sink *sink = start(OVERWRITE_NEVER);
  CHILD_CHECK(put(sink, "a/b/c/d/f", "x") == 0 && put(sink, "a/b/c/d/f", "x") == 1);
  CHILD_CHECK(put(sink, "a/b/c/d/f/g", "x") == ERR_EXISTS && put(sink, "a/../f", "x") == ERR_BAD_NAME);
  stop(sink);
}

static void names_stepwise(void) { CU_ASSERT(child_passes(long_names_without_openat2)); }

/* ---- folders ---- */
/* A receiver lives long; what it holds open may have gone from where it was. */
static void folders_removed_or_renamed_are_made_anew(void) {
  struct sink *sink = start(OVERWRITE_NEVER);
  CU_ASSERT_EQUAL(put(sink, "a/b/f", "1"), 0);
  CU_ASSERT_EQUAL(rename("in/a/b", "in/a/old"), 0);
  CU_ASSERT_EQUAL(put(sink, "a/b/f", "2"), 0);
  CU_ASSERT_TRUE(scratch_holds("in/a/b/f", "2") && scratch_holds("in/a/old/f", "1"));
  CU_ASSERT_EQUAL(unlink("in/a/b/f") + rmdir("in/a/b"), 0);
  CU_ASSERT_EQUAL(put(sink, "a/b/f", "3"), 0);
  CU_ASSERT_TRUE(scratch_holds("in/a/b/f", "3"));
  CU_ASSERT_EQUAL(rename("in/a", "in/moved"), 0);
  CU_ASSERT_EQUAL(put(sink, "a/b/f", "4"), 0);
  CU_ASSERT_TRUE(scratch_holds("in/a/b/f", "4") && scratch_holds("in/moved/b/f", "3"));
  stop(sink);
}

static void folders_get_their_attributes(void) {
  struct sink *sink = start(OVERWRITE_NEVER);
  struct entry deep = folder_named("a/b"), top = folder_named("a"), file = folder_named("f"),
               below = folder_named("f/d");
  CU_ASSERT_EQUAL(put(sink, "a/b/f", "x"), 0);
  CU_ASSERT_EQUAL(sink_folder(sink, &deep, false), 0);
  top.mode = 02755;
  CU_ASSERT_EQUAL(sink_folder(sink, &top, false), 0);
  CU_ASSERT_TRUE(has_mode("in/a/b", 0750) && has_mode("in/a", 0755));
  CU_ASSERT_TRUE(has_mtime("in/a/b", 1500000000, 987654321) && has_mtime("in/a", 1500000000, 987654321));
  CU_ASSERT_EQUAL(sink_folder(sink, &deep, false), 0); /* again */
  CU_ASSERT_EQUAL(put(sink, "f", "x"), 0);
  CU_ASSERT_EQUAL(sink_folder(sink, &file, false), ERR_EXISTS);
  CU_ASSERT_EQUAL(sink_folder(sink, &file, true), ERR_EXISTS);
  CU_ASSERT_EQUAL(sink_folder(sink, &below, false), ERR_EXISTS);
  CU_ASSERT_EQUAL(put(sink, "f/g", "x"), ERR_EXISTS);
  CU_ASSERT_TRUE(scratch_holds("in/f", "x"));
  stop(sink);
}

/* Enough of them for the set of them to grow. */
static void only_folders_made_here_get_attributes(void) {
  enum { MANY = 700 };
  for (enum overwrite overwrite = OVERWRITE_NEVER; overwrite <= OVERWRITE_ALWAYS; overwrite++) {
    struct sink *sink = start(overwrite);
    struct entry old = folder_named("old"), made = folder_named("old/made");
    bool is_kept = overwrite == OVERWRITE_NEVER;
    scratch_folder("in/old");
    CU_ASSERT_EQUAL(chmod("in/old", 0701), 0);
    CU_ASSERT_EQUAL(put(sink, "old/made/f", "x"), 0);
    CU_ASSERT_EQUAL(sink_folder(sink, &made, false), 0);
    CU_ASSERT_EQUAL(sink_folder(sink, &old, false), 0);
    CU_ASSERT_TRUE(has_mode("in/old/made", 0750) && has_mtime("in/old/made", 1500000000, 987654321));
    CU_ASSERT_TRUE(has_mode("in/old", is_kept ? 0701 : 0750));
    CU_ASSERT_EQUAL(has_mtime("in/old", 1500000000, 987654321), !is_kept);
    for (int i = 0; i < 2 * MANY; i++) { /* all are made, then all are announced */
      char name[16], path[32];
      snprintf(name, sizeof(name), "d%d/e", i % MANY);
      snprintf(path, sizeof(path), "in/d%d", i % MANY);
      struct entry entry = folder_named(name);
      if (i >= MANY) entry.name_size -= 2;
      CU_ASSERT_EQUAL(sink_folder(sink, &entry, false), 0);
      if (i >= MANY) CU_ASSERT_TRUE(has_mode(path, 0750));
    }
    stop(sink);
  }
}

static int open_error(const char *path) {
  struct sink_config config = {.folder = path};
  int error = 0;
  struct sink *sink = sink_new(&config, &error);
  sink_free(sink);
  return error;
}

static void become_nobody(void) {
  if (geteuid() == 0) CHILD_CHECK(setresgid(65534, 65534, 65534) == 0 && setresuid(65534, 65534, 65534) == 0);
}

static void write_without_permission(void) {
  bool is_owner = geteuid() != 0;
  become_nobody();
  struct sink *sink = open_sink(OVERWRITE_NEVER);
  struct entry folder = folder_named("closed/new"), closed = folder_named("closed");
  CHILD_CHECK(put(sink, "closed/f", "x") == ERR_DENIED);
  CHILD_CHECK(sink_folder(sink, &folder, false) == ERR_DENIED);
  CHILD_CHECK(sink_folder(sink, &closed, false) == 0); /* it is there, and left alone */
  CHILD_CHECK(put(sink, "f", "x") == 0 && put(sink, "g", "x") == 0);
  sink_free(sink);
  sink = open_sink(OVERWRITE_CHANGED);
  CHILD_CHECK(is_owner || sink_folder(sink, &closed, false) == ERR_DENIED);
  sink_free(sink);
  CHILD_CHECK(open_error("in/closed") == ERR_DENIED);
}

static void what_cannot_be_a_sink(void) {
  scratch_enter();
  scratch_folder("in");
  scratch_folder("in/closed");
  scratch_write("file", "");
  CU_ASSERT_EQUAL(symlink("in", "link"), 0);
  CU_ASSERT_EQUAL(open_error("none"), ERR_NOT_FOUND);
  CU_ASSERT_EQUAL(open_error("file"), ERR_NOT_FOUND);
  CU_ASSERT_EQUAL(open_error("link"), 0); /* the user named it */
  CU_ASSERT_EQUAL(chmod("in", 0777), 0);
  CU_ASSERT_EQUAL(chmod("in/closed", 0555), 0);
  CU_ASSERT(child_passes(write_without_permission));
  scratch_leave();
}

UNIT_MAIN(UNIT_CASE(a_file_arrives_with_all_it_has), UNIT_CASE(pieces_in_any_order),
          UNIT_CASE(an_incomplete_or_aborted_file_leaves_nothing), UNIT_CASE(without_names_for_the_nameless),
          UNIT_CASE(a_dry_run_leaves_nothing), UNIT_CASE(the_table_of_what_may_be_replaced),
          UNIT_CASE(what_turns_up_late), UNIT_CASE(what_turns_up_late_without_renameat2),
          UNIT_CASE(large_files_are_compared_to_the_last_byte), UNIT_CASE(bad_names),
          UNIT_CASE(long_and_deep_names), UNIT_CASE(a_name_of_4096_bytes), UNIT_CASE(links),
          UNIT_CASE(links_stepwise), UNIT_CASE(names_stepwise),
          UNIT_CASE(folders_removed_or_renamed_are_made_anew), UNIT_CASE(folders_get_their_attributes),
          UNIT_CASE(only_folders_made_here_get_attributes), UNIT_CASE(what_cannot_be_a_sink))
