/* test_source: the order and the names of a walk, what it does about everything that is no file, and that a
 * file is read only as long as it is the announced one. */
#include "child.h"
#include "scratch.h"
#include "udpcp/fs.h"
#include "unit.h"

#include <pthread.h>

/* The walk as text: one line an entry, folders end with '/', errors as "name !number". */
static char walked[1 << 16];

static void walk(const char *const *paths, size_t count, const char *prefix) {
  struct source *source = source_new(paths, count, prefix);
  struct entry entry;
  size_t used = 0;
  int result;
  CU_ASSERT_PTR_NOT_NULL_FATAL(source);
  walked[0] = '\0';
  while ((result = source_next(source, &entry)) != 0) {
    int size = snprintf(walked + used, sizeof(walked) - used, "%.*s", (int)entry.name_size, entry.name);
    used += (size_t)size;
    if (result < 0)
      used += (size_t)snprintf(walked + used, sizeof(walked) - used, " !%d", -result);
    else if (entry.kind == ENTRY_FOLDER)
      used += (size_t)snprintf(walked + used, sizeof(walked) - used, "/");
    used += (size_t)snprintf(walked + used, sizeof(walked) - used, "\n");
  }
  CU_ASSERT_EQUAL(source_next(source, &entry), 0);
  source_free(source);
}

static const char *walk_one(const char *path, const char *prefix) {
  walk(&path, 1, prefix);
  return walked;
}

static void folders_come_after_what_they_hold(void) {
  scratch_enter();
  scratch_folder("t");
  scratch_folder("t/b");
  scratch_folder("t/b/empty");
  scratch_write("t/b/z", "1");
  scratch_write("t/b.txt", "2");
  scratch_write("t/B", "3");
  scratch_write("t/a\nb", "4");
  scratch_write("t/\xff\xfe", "5");
  scratch_write("t/ ", "6");
  scratch_write("t/.hidden", "7");
  CU_ASSERT_STRING_EQUAL(walk_one("t", NULL),
                         "t/ \nt/.hidden\nt/B\nt/a\nb\nt/b/empty/\nt/b/z\nt/b/\nt/b.txt\nt/\xff\xfe\nt/\n");
  scratch_leave();
}

static void a_trailing_slash_sends_contents(void) {
  static const struct {
    const char *path, *prefix, *names;
  } rows[] = {
      {"t", NULL, "t/f\nt/\n"},
      {"t/", NULL, "f\n"},
      {"t//", NULL, "f\n"},
      {"t/.", NULL, "f\n"},
      {"./t", NULL, "t/f\nt/\n"},
      {"t/s/..", NULL, "f\ns/\n"},
      {"t", "p/q", "p/q/t/f\np/q/t/\n"},
      {"t/", "p", "p/f\n"},
      {"t/", "p/", "p/f\n"},
      {"t/f", NULL, "f\n"},
      {"t/f", "p", "p/f\n"},
      {"./t/../t/f", NULL, "f\n"},
      {"t", "", "t/f\nt/\n"},
      {"t/f/", NULL, "t/f/ !7\n"},
  };
  scratch_enter();
  scratch_folder("t");
  scratch_write("t/f", "1");
  for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
    bool needs_s = strstr(rows[i].path, "/s/") != NULL;
    if (needs_s) scratch_folder("t/s");
    CU_ASSERT_STRING_EQUAL(walk_one(rows[i].path, rows[i].prefix), rows[i].names);
    if (needs_s) CU_ASSERT_EQUAL(rmdir("t/s"), 0);
  }
  scratch_leave();
}

static void what_is_no_file_is_reported(void) {
  scratch_enter();
  scratch_folder("t");
  scratch_write("t/f", "1");
  CU_ASSERT_EQUAL(symlink("f", "t/to-file"), 0);
  CU_ASSERT_EQUAL(symlink("..", "t/to-folder"), 0);
  CU_ASSERT_EQUAL(symlink("nowhere", "t/to-nothing"), 0);
  CU_ASSERT_EQUAL(mkfifo("t/pipe", 0600), 0);
  CU_ASSERT_STRING_EQUAL(walk_one("t", NULL), "t/f\nt/pipe !16\nt/to-file !16\nt/to-folder !16\n"
                                              "t/to-nothing !16\nt/\n");
  CU_ASSERT_STRING_EQUAL(walk_one("no/such", NULL), "no/such !7\n");
  CU_ASSERT_STRING_EQUAL(walk_one("", NULL), " !7\n");
  CU_ASSERT_STRING_EQUAL(walk_one("t/pipe", NULL), "t/pipe !16\n");
  CU_ASSERT_STRING_EQUAL(walk_one("t/to-nothing", NULL), "t/to-nothing !7\n");
  /* Named by the user a link is followed, and its own name arrives. */
  CU_ASSERT_STRING_EQUAL(walk_one("t/to-file", NULL), "to-file\n");
  CU_ASSERT_EQUAL(symlink("t", "link"), 0);
  unlink("t/pipe"), unlink("t/to-file"), unlink("t/to-folder"), unlink("t/to-nothing");
  CU_ASSERT_STRING_EQUAL(walk_one("link", NULL), "link/f\nlink/\n");
  scratch_leave();
}

static void one_name_is_sent_once(void) {
  static const struct {
    const char *paths[3];
    size_t count;
    const char *names;
  } rows[] = {
      {{"a/f", "b/f"}, 2, "f\nb/f !8\n"},
      {{"a/f", "a/f"}, 2, "f\na/f !8\n"},
      {{"a", "a"}, 2, "a/d/f\na/d/\na/f\na/\na !8\n"},
      {{"a/d", "b/d"}, 2, "d/f\nd/\nb/d !8\n"},
      {{"a", "b"}, 2, "a/d/f\na/d/\na/f\na/\nb/d/g\nb/d/\nb/f\nb/\n"},
      {{"a/", "b/"}, 2, "d/f\nd/\nf\nd/g\nd/\nf !8\n"}, /* trees with trailing slashes merge */
      {{"a/", "a/"}, 2, "d/f\nd/\nf\nd/f !8\nd/\nf !8\n"},
      {{"a/", "b/f"}, 2, "d/f\nd/\nf\nb/f !8\n"},
      {{"b/f", "a/"}, 2, "f\nd/f\nd/\nf !8\n"},
      {{"a/", "c/"}, 2, "d/f\nd/\nf\nd !8\nf !8\n"}, /* a file against a folder, either way */
      {{"c/", "a/"}, 2, "d\nf/\nd !8\nf !8\n"},
      {{"none", "a/f", "b/d/g"}, 3, "none !7\nf\ng\n"},
  };
  scratch_enter();
  scratch_folder("a");
  scratch_folder("a/d");
  scratch_write("a/f", "1");
  scratch_write("a/d/f", "1");
  scratch_folder("b");
  scratch_folder("b/d");
  scratch_write("b/f", "2");
  scratch_write("b/d/g", "2");
  scratch_folder("c");
  scratch_folder("c/f");
  scratch_write("c/d", "3");
  for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
    walk(rows[i].paths, rows[i].count, NULL);
    CU_ASSERT_STRING_EQUAL(walked, rows[i].names);
  }
  scratch_leave();
}

static void many_names_are_told_apart(void) {
  enum { COUNT = 3000 };
  static char texts[COUNT + 1][16];
  static const char *paths[COUNT + 1];
  struct entry entry;
  scratch_enter();
  for (int i = 0; i < COUNT; i++) {
    snprintf(texts[i], sizeof(texts[i]), "f%d", i);
    paths[i] = texts[i];
    scratch_write(texts[i], "");
  }
  paths[COUNT] = texts[COUNT / 2];
  struct source *source = source_new(paths, COUNT + 1, NULL);
  int given = 0, result;
  while ((result = source_next(source, &entry)) == 1)
    CU_ASSERT_EQUAL(entry.origin, (uint32_t)given++);
  CU_ASSERT_EQUAL(given, COUNT);
  CU_ASSERT_EQUAL(result, ERR_EXISTS);
  CU_ASSERT_EQUAL(source_next(source, &entry), 0);
  source_free(source);
  scratch_leave();
}

/* ---- reading ---- */
struct opened {
  struct source *source;
  struct entry entry;
  struct source_file *file;
};

/* Walks "t" up to its file, lets `change` happen, and opens. */
static int walk_and_open(struct opened *opened, void (*change)(void)) {
  static const char *const path = "t";
  opened->source = source_new(&path, 1, "there");
  opened->file = NULL;
  CU_ASSERT_EQUAL(source_next(opened->source, &opened->entry), 1);
  CU_ASSERT_EQUAL(opened->entry.name_size, strlen("there/t/d/f"));
  if (change) change();
  return source_open(opened->source, &opened->entry, &opened->file);
}

static void make_tree(void) {
  scratch_enter();
  scratch_folder("t");
  scratch_folder("t/d");
  scratch_write("t/d/f", "0123456789");
  scratch_stamp("t/d/f", 1000000000, 123456789);
  CU_ASSERT_EQUAL(chmod("t/d/f", 0640), 0);
}

static void drop(struct opened *opened) {
  source_close(opened->file);
  source_free(opened->source);
  scratch_leave();
}

static void entries_describe_and_files_read(void) {
  struct opened opened;
  uint8_t bytes[16] = {0};
  make_tree();
  CU_ASSERT_EQUAL_FATAL(walk_and_open(&opened, NULL), 0);
  CU_ASSERT_EQUAL(opened.entry.kind, ENTRY_FILE);
  CU_ASSERT_EQUAL(opened.entry.mode, 0640);
  CU_ASSERT_EQUAL(opened.entry.size, 10);
  CU_ASSERT_EQUAL(opened.entry.mtime_s, 1000000000);
  CU_ASSERT_EQUAL(opened.entry.mtime_ns, 123456789);
  CU_ASSERT_EQUAL(source_read(opened.file, 0, bytes, 10), 0);
  CU_ASSERT_EQUAL(memcmp(bytes, "0123456789", 10), 0);
  CU_ASSERT_EQUAL(source_read(opened.file, 7, bytes, 3), 0);
  CU_ASSERT_EQUAL(memcmp(bytes, "789", 3), 0);
  CU_ASSERT_EQUAL(source_read(opened.file, 10, bytes, 0), 0);
  CU_ASSERT_EQUAL(source_read(opened.file, 7, bytes, 4), ERR_CHANGED);
  CU_ASSERT_EQUAL(source_read(opened.file, 10, bytes, 1), ERR_CHANGED);
  CU_ASSERT_EQUAL(source_check(opened.file, &opened.entry), 0);
  struct stat status;
  CU_ASSERT_EQUAL(stat("t/d/f", &status), 0);
  CU_ASSERT_EQUAL(status.st_atim.tv_sec, 1000000000); /* reading left no trace */
  drop(&opened);
}

static void grow(void) {
  scratch_write("t/d/f", "0123456789+");
  scratch_stamp("t/d/f", 1000000000, 123456789);
}
static void touch(void) { scratch_stamp("t/d/f", 1000000000, 123456788); }
static void vanish(void) { unlink("t/d/f"); }
static void become_link(void) {
  scratch_write("same", "0123456789");
  scratch_stamp("same", 1000000000, 123456789);
  unlink("t/d/f");
  CU_ASSERT_EQUAL(symlink("../../same", "t/d/f"), 0);
}
static void become_folder(void) {
  unlink("t/d/f");
  scratch_folder("t/d/f");
}
static void become_pipe(void) {
  unlink("t/d/f");
  CU_ASSERT_EQUAL(mkfifo("t/d/f", 0600), 0);
}
static void parent_becomes_link(void) {
  CU_ASSERT_EQUAL(rename("t/d", "elsewhere"), 0);
  CU_ASSERT_EQUAL(symlink("../elsewhere", "t/d"), 0);
}
static void parent_becomes_file(void) {
  CU_ASSERT_EQUAL(rename("t/d", "elsewhere"), 0);
  scratch_write("t/d", "");
}
static void root_moves(void) { CU_ASSERT_EQUAL(rename("t", "moved"), 0); }

static const struct {
  void (*change)(void);
  int error; /* with openat2 */
} changes[] = {
    {grow, ERR_CHANGED},
    {touch, ERR_CHANGED},
    {vanish, ERR_NOT_FOUND},
    {become_link, ERR_CHANGED},
    {become_folder, ERR_CHANGED},
    {become_pipe, ERR_CHANGED},
    {parent_becomes_link, ERR_CHANGED},
    {parent_becomes_file, ERR_NOT_FOUND},
    {root_moves, 0}, /* it is held */
};

static void only_the_announced_file_is_opened(void) {
  for (size_t i = 0; i < sizeof(changes) / sizeof(changes[0]); i++) {
    struct opened opened;
    make_tree();
    CU_ASSERT_EQUAL(walk_and_open(&opened, changes[i].change), changes[i].error);
    CU_ASSERT_EQUAL(opened.file == NULL, changes[i].error != 0);
    drop(&opened);
  }
}

static void open_without_openat2(void) {
  child_refuse_call(SYS_openat2, ENOSYS);
  for (size_t i = 0; i < sizeof(changes) / sizeof(changes[0]); i++) {
    struct opened opened;
    make_tree();
    int error = walk_and_open(&opened, changes[i].change);
    /* The walk cannot tell a link from a file in the place of a folder. */
    bool is_parent_link = changes[i].change == parent_becomes_link;
    CHILD_CHECK(error == (is_parent_link ? ERR_NOT_FOUND : changes[i].error));
    drop(&opened);
  }
}

static void the_same_without_openat2(void) { CU_ASSERT(child_passes(open_without_openat2)); }

static void a_change_while_reading_is_seen(void) {
  struct opened opened;
  uint8_t bytes[16];
  make_tree();
  CU_ASSERT_EQUAL_FATAL(walk_and_open(&opened, NULL), 0);
  CU_ASSERT_EQUAL(truncate("t/d/f", 5), 0);
  CU_ASSERT_EQUAL(source_read(opened.file, 0, bytes, 10), ERR_CHANGED);
  CU_ASSERT_EQUAL(source_check(opened.file, &opened.entry), ERR_CHANGED);
  drop(&opened);

  make_tree();
  CU_ASSERT_EQUAL_FATAL(walk_and_open(&opened, NULL), 0);
  scratch_write("t/d/f", "abcdefghij");
  CU_ASSERT_EQUAL(source_check(opened.file, &opened.entry), ERR_CHANGED);
  drop(&opened);
}

static void a_path_named_alone_is_opened_by_it(void) {
  static const char *const path = "link";
  struct entry entry;
  struct source_file *file = NULL;
  make_tree();
  CU_ASSERT_EQUAL(symlink("t/d/f", "link"), 0);
  struct source *source = source_new(&path, 1, NULL);
  CU_ASSERT_EQUAL(source_next(source, &entry), 1);
  CU_ASSERT_EQUAL(entry.size, 10);
  CU_ASSERT_EQUAL(source_open(source, &entry, &file), 0);
  source_close(file);
  touch();
  CU_ASSERT_EQUAL(source_open(source, &entry, &file), ERR_CHANGED);
  unlink("link");
  CU_ASSERT_EQUAL(source_open(source, &entry, &file), ERR_NOT_FOUND);
  source_free(source);
  scratch_leave();
}

/* ---- deep, wide, not permitted ---- */
/* Makes t/x/x/... with components of 255 bytes until the name of a file in it has exactly `size` bytes. */
static void make_deep(size_t size) {
  char component[256];
  memset(component, 'x', 255);
  component[255] = '\0';
  scratch_enter();
  scratch_folder("t");
  int at = open("t", O_RDONLY | O_DIRECTORY);
  size_t used = 1;
  while (used + 1 + 255 + 2 <= size) {
    CU_ASSERT_EQUAL(mkdirat(at, component, 0755), 0);
    int next = openat(at, component, O_RDONLY | O_DIRECTORY);
    close(at);
    at = next;
    used += 256;
  }
  component[size - used - 1] = '\0';
  int fd = openat(at, component, O_WRONLY | O_CREAT, 0644);
  CU_ASSERT_EQUAL(write(fd, "deep", 4), 4);
  close(fd);
  close(at);
}

static void the_longest_name_is_4096_bytes(void) {
  for (size_t size = NAME_BYTES_MAX - 1; size <= NAME_BYTES_MAX + 1; size++) {
    static const char *const path = "t";
    struct entry entry;
    struct source_file *file = NULL;
    uint8_t bytes[4];
    make_deep(size);
    struct source *source = source_new(&path, 1, NULL);
    int result = source_next(source, &entry);
    CU_ASSERT_EQUAL(result, size <= NAME_BYTES_MAX ? 1 : ERR_BAD_NAME);
    CU_ASSERT_EQUAL(entry.name_size, size);
    if (result == 1) {
      CU_ASSERT_EQUAL_FATAL(source_open(source, &entry, &file), 0);
      CU_ASSERT_EQUAL(source_read(file, 0, bytes, 4), 0);
      CU_ASSERT_EQUAL(memcmp(bytes, "deep", 4), 0);
      source_close(file);
    }
    while (source_next(source, &entry) != 0)
      CU_ASSERT_EQUAL(entry.kind, ENTRY_FOLDER); /* the way up */
    source_free(source);
    scratch_leave();
  }
}

static void forty_levels(void) {
  enum { LEVELS = 40 };
  static char path[2 * LEVELS], expected[8192]; /* t/t/t... */
  size_t used = 0;
  scratch_enter();
  for (size_t level = 0; level < LEVELS; level++) {
    if (level > 0) path[2 * level - 1] = '/';
    path[2 * level] = 't';
    scratch_folder(path);
  }
  for (int size = 2 * LEVELS - 1; size > 0; size -= 2)
    used += (size_t)snprintf(expected + used, sizeof(expected) - used, "%.*s/\n", size, path);
  CU_ASSERT_STRING_EQUAL(walk_one("t", NULL), expected);
  scratch_leave();
}

static void become_nobody(void) {
  if (geteuid() == 0) CHILD_CHECK(setresgid(65534, 65534, 65534) == 0 && setresuid(65534, 65534, 65534) == 0);
}

static void walk_without_permission(void) {
  become_nobody();
  CHILD_CHECK(strcmp(walk_one("t", NULL), "t/closed !9\nt/open/f\nt/open/\nt/\n") == 0);
  /* Not ours, so not without a time of access; but readable. */
  static const char *const path = "/etc/passwd";
  struct entry entry;
  struct source_file *file = NULL;
  struct source *source = source_new(&path, 1, NULL);
  CHILD_CHECK(source_next(source, &entry) == 1);
  CHILD_CHECK(source_open(source, &entry, &file) == 0);
  source_close(file);
  source_free(source);
}

static void what_may_not_be_read_is_reported(void) {
  scratch_enter();
  scratch_folder("t");
  scratch_folder("t/closed");
  scratch_folder("t/open");
  scratch_write("t/open/f", "");
  CU_ASSERT_EQUAL(chmod("t/closed", 0), 0);
  CU_ASSERT(child_passes(walk_without_permission));
  scratch_leave();
}

/* ---- threads ---- */
enum { FILES = 400 };
static struct entry announced[FILES];
static uint8_t announced_names[FILES][32];
static unsigned announced_count;
static pthread_mutex_t announced_lock = PTHREAD_MUTEX_INITIALIZER;

static void *open_all(void *context) {
  struct source *source = context;
  unsigned opened = 0;
  while (opened < FILES) {
    pthread_mutex_lock(&announced_lock);
    unsigned count = announced_count;
    pthread_mutex_unlock(&announced_lock);
    for (; opened < count; opened++) {
      struct source_file *file;
      uint8_t byte;
      if (source_open(source, &announced[opened], &file) != 0) return "cannot open";
      if (source_read(file, 0, &byte, 1) != 0 || byte != 'x') return "cannot read";
      source_close(file);
    }
  }
  return NULL;
}

static void files_open_while_the_walk_goes_on(void) {
  static const char *const paths[] = {"a", "b"};
  pthread_t threads[2];
  struct entry entry;
  scratch_enter();
  scratch_folder("a");
  scratch_folder("b");
  for (int i = 0; i < FILES; i++) {
    char path[32];
    snprintf(path, sizeof(path), "%c/f%d", i % 2 ? 'a' : 'b', i);
    scratch_write(path, "x");
  }
  struct source *source = source_new(paths, 2, NULL);
  for (int i = 0; i < 2; i++)
    CU_ASSERT_EQUAL_FATAL(pthread_create(&threads[i], NULL, open_all, source), 0);
  while (source_next(source, &entry) == 1) {
    if (entry.kind == ENTRY_FOLDER) continue;
    memcpy(announced_names[announced_count], entry.name, entry.name_size);
    entry.name = announced_names[announced_count];
    pthread_mutex_lock(&announced_lock);
    announced[announced_count++] = entry;
    pthread_mutex_unlock(&announced_lock);
  }
  CU_ASSERT_EQUAL(announced_count, FILES);
  for (int i = 0; i < 2; i++) {
    void *complaint = NULL;
    pthread_join(threads[i], &complaint);
    CU_ASSERT_PTR_NULL(complaint);
  }
  source_free(source);
  source_free(NULL);
  scratch_leave();
}

UNIT_MAIN(UNIT_CASE(folders_come_after_what_they_hold), UNIT_CASE(a_trailing_slash_sends_contents),
          UNIT_CASE(what_is_no_file_is_reported), UNIT_CASE(one_name_is_sent_once),
          UNIT_CASE(many_names_are_told_apart), UNIT_CASE(entries_describe_and_files_read),
          UNIT_CASE(only_the_announced_file_is_opened), UNIT_CASE(the_same_without_openat2),
          UNIT_CASE(a_change_while_reading_is_seen), UNIT_CASE(a_path_named_alone_is_opened_by_it),
          UNIT_CASE(the_longest_name_is_4096_bytes), UNIT_CASE(forty_levels),
          UNIT_CASE(what_may_not_be_read_is_reported), UNIT_CASE(files_open_while_the_walk_goes_on))
