/* known: names of receivers, which line decides, that damage is never taken for a stranger, and lines added
 * by several processes at once. */
#include "unit.h"

#include "child.h"
#include "scratch.h"

#include "crypto/key_files.h"

#define ASCENDING "ed25519 AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8="
#define ZEROS "ed25519 AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA="
#define DAMAGED "ed25519 AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh9="

enum { WRITERS = 8 };

static const struct public_key zeros;
static const struct public_key ascending = {{0,  1,  2,  3,  4,  5,  6,  7,  8,  9,  10, 11, 12, 13, 14, 15,
                                             16, 17, 18, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 29, 30, 31}};
static unsigned line;

static const char *name_of(const char *host, uint16_t port) {
  static char name[KNOWN_NAME_BYTES];
  memset(name, 'x', sizeof(name));
  known_name(host, port, 4117, name);
  return name;
}

static void names(void) {
  CU_ASSERT_STRING_EQUAL(name_of("nas", 4117), "nas");
  CU_ASSERT_STRING_EQUAL(name_of("NAS.Lan", 4117), "nas.lan");
  CU_ASSERT_STRING_EQUAL(name_of("NAS.Lan", 22), "[nas.lan]:22");
  CU_ASSERT_STRING_EQUAL(name_of("nas", 65535), "[nas]:65535");
  CU_ASSERT_STRING_EQUAL(name_of("10.0.0.1", 4117), "10.0.0.1");
  CU_ASSERT_STRING_EQUAL(name_of("FE80::1", 4117), "fe80::1");
  CU_ASSERT_STRING_EQUAL(name_of("FE80::A%Eth0", 4117), "fe80::a%Eth0");
  CU_ASSERT_STRING_EQUAL(name_of("FE80::A%Eth0", 1), "[fe80::a%Eth0]:1");
  CU_ASSERT_STRING_EQUAL(name_of("B\xc3\x9cRO", 4117), "b\xc3\x9cro");
}

/* Hosts that cannot stand in a line. */
static void refused_names(void) {
  static const char *const hosts[] = {"",      " ",  "a b", "a\tb", "a\nb",  "a\r", "a\x1b[2J",
                                      "a\x7f", "#a", "a#",  "[a]",  "a]:22", "[a",  "\x01"};
  char host[KNOWN_NAME_BYTES + 8];
  for (size_t i = 0; i < sizeof(hosts) / sizeof(hosts[0]); i++) {
    CU_ASSERT_STRING_EQUAL(name_of(hosts[i], 4117), "");
    CU_ASSERT_STRING_EQUAL(name_of(hosts[i], 22), "");
  }
  memset(host, 'a', sizeof(host));
  host[KNOWN_NAME_BYTES - 1] = '\0';
  CU_ASSERT_EQUAL(strlen(name_of(host, 4117)), KNOWN_NAME_BYTES - 1);
  CU_ASSERT_STRING_EQUAL(name_of(host, 22), "");
  host[KNOWN_NAME_BYTES - 6] = '\0';
  CU_ASSERT_EQUAL(strlen(name_of(host, 22)), KNOWN_NAME_BYTES - 1);
  host[KNOWN_NAME_BYTES - 6] = 'a';
  host[KNOWN_NAME_BYTES - 1] = 'a';
  host[KNOWN_NAME_BYTES + 7] = '\0';
  CU_ASSERT_STRING_EQUAL(name_of(host, 4117), "");
}

static int find(const char *text, const char *name) {
  line = 99;
  return known_find(text, strlen(text), name, &ascending, &line);
}

static void first_line_decides(void) {
  static const char list[] = "# met so far\n"
                             "nas " ZEROS "\n"
                             "nas.lan " ASCENDING "\r\n"
                             "\n"
                             "nas.lan " ZEROS "\n"
                             "\tNAS.wan\t" ASCENDING " \n"
                             "[nas.lan]:5000 " ZEROS "\n"
                             "fe80::1%Eth0 " ASCENDING;
  CU_ASSERT(find(list, "nas") == KNOWN_CHANGED && line == 2);
  CU_ASSERT(find(list, "nas.lan") == KNOWN_SAME && line == 3);
  CU_ASSERT(find(list, "nas.wan") == KNOWN_SAME && line == 6);
  CU_ASSERT(find(list, "[nas.lan]:5000") == KNOWN_CHANGED && line == 7);
  CU_ASSERT(find(list, "[nas.lan]:500") == KNOWN_NEW && line == 0);
  CU_ASSERT(find(list, "fe80::1%Eth0") == KNOWN_SAME && line == 8);
  CU_ASSERT(find(list, "FE80::1%Eth0") == KNOWN_SAME && line == 8);
  CU_ASSERT(find(list, "fe80::1%eth0") == KNOWN_NEW && line == 0);
  CU_ASSERT(find(list, "na") == KNOWN_NEW && line == 0);
  CU_ASSERT(find(list, "nas.la") == KNOWN_NEW && line == 0);
  CU_ASSERT(find(list, "nas.lan.") == KNOWN_NEW && line == 0);
  CU_ASSERT(find(list, "#") == KNOWN_NEW && line == 0);
  CU_ASSERT(find("", "nas") == KNOWN_NEW && line == 0);
}

static void damage_is_no_stranger(void) {
  static const char *const bad[] = {
      "nas " DAMAGED,    "nas",          "nas ed25519",    ASCENDING, "nas ssh" ASCENDING, "nas x " ZEROS,
      "nas " ZEROS " x", "nas\r " ZEROS, "na\x1bs " ZEROS, "\xff",    "nas," ZEROS,        "nas " ZEROS ZEROS,
  };
  char text[512];
  for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
    snprintf(text, sizeof(text), "%s\n", bad[i]);
    CU_ASSERT(find(text, "other") == ERR_MALFORMED && line == 1);
    snprintf(text, sizeof(text), "first " ASCENDING "\n\n%s\nlast " ASCENDING "\n", bad[i]);
    CU_ASSERT(find(text, "nas") == ERR_MALFORMED && line == 3);
    CU_ASSERT(find(text, "last") == ERR_MALFORMED && line == 3);
    CU_ASSERT(find(text, "first") == KNOWN_SAME && line == 1);
    snprintf(text, sizeof(text), "first " ASCENDING "\n%s", bad[i]);
    CU_ASSERT(find(text, "nas") == ERR_MALFORMED && line == 2);
  }
}

/* Cut a line short anywhere: the receiver is never new unless nothing is left of it. */
static void no_cut_makes_new(void) {
  static const char list[] = "nas " ZEROS "\n";
  for (size_t size = 1; size < sizeof(list) - 2; size++)
    CU_ASSERT_EQUAL(known_find(list, size, "nas", &ascending, &line), ERR_MALFORMED);
  CU_ASSERT_EQUAL(known_find(list, sizeof(list) - 2, "nas", &ascending, &line), KNOWN_CHANGED);
}

static void added_lines(void) {
  struct stat found;
  scratch_enter();
  CU_ASSERT_EQUAL(known_check("config/known", "nas", &ascending, &line), KNOWN_NEW);
  CU_ASSERT_EQUAL(known_add("config/known", "nas", &ascending), 0);
  CU_ASSERT_EQUAL(known_add("config/known", "[nas]:22", &zeros), 0);
  CU_ASSERT(scratch_holds("config/known", "nas " ASCENDING "\n[nas]:22 " ZEROS "\n"));
  CU_ASSERT(stat("config", &found) == 0 && (found.st_mode & 07777) == 0700);
  CU_ASSERT(stat("config/known", &found) == 0 && (found.st_mode & 07777) == 0600);
  CU_ASSERT(known_check("config/known", "nas", &ascending, &line) == KNOWN_SAME && line == 1);
  CU_ASSERT(known_check("config/known", "nas", &zeros, &line) == KNOWN_CHANGED && line == 1);
  CU_ASSERT(known_check("config/known", "[nas]:22", &zeros, &line) == KNOWN_SAME && line == 2);
  CU_ASSERT(known_check("config/known", "[nas]:23", &zeros, &line) == KNOWN_NEW && line == 0);
  CU_ASSERT(known_check("config/known/below", "nas", &zeros, &line) == KNOWN_NEW && line == 0);
  scratch_leave();
}

static void nothing_is_added_twice(void) {
  scratch_enter();
  scratch_write("known", "nas " ASCENDING "\n");
  CU_ASSERT_EQUAL(known_add("known", "nas", &ascending), 0);
  CU_ASSERT_EQUAL(known_add("known", "nas", &zeros), ERR_UNTRUSTED);
  CU_ASSERT(scratch_holds("known", "nas " ASCENDING "\n"));
  scratch_write("known", "pc " DAMAGED "\n");
  CU_ASSERT_EQUAL(known_add("known", "nas", &zeros), ERR_MALFORMED);
  CU_ASSERT(scratch_holds("known", "pc " DAMAGED "\n"));
  scratch_leave();
}

static void missing_newline_is_mended(void) {
  scratch_enter();
  scratch_write("known", "pc " ASCENDING);
  CU_ASSERT_EQUAL(known_add("known", "nas", &zeros), 0);
  CU_ASSERT(scratch_holds("known", "pc " ASCENDING "\nnas " ZEROS "\n"));
  scratch_write("known", "# mine");
  CU_ASSERT_EQUAL(known_add("known", "nas", &zeros), 0);
  CU_ASSERT(scratch_holds("known", "# mine\nnas " ZEROS "\n"));
  scratch_leave();
}

static void files_and_names_refused(void) {
  scratch_enter();
  scratch_write("known", "nas " ASCENDING "\n");
  assert(chmod("known", 0620) == 0);
  CU_ASSERT_EQUAL(known_check("known", "nas", &ascending, &line), ERR_EXPOSED);
  CU_ASSERT_EQUAL(known_add("known", "pc", &ascending), ERR_EXPOSED);
  assert(chmod("known", 0600) == 0 && symlink("known", "link") == 0);
  CU_ASSERT_EQUAL(known_check("link", "nas", &ascending, &line), ERR_BAD_NAME);
  CU_ASSERT_EQUAL(known_add("link", "pc", &ascending), ERR_BAD_NAME);
  CU_ASSERT_EQUAL(known_check(".", "nas", &ascending, &line), ERR_IS_FOLDER);
  CU_ASSERT_EQUAL(known_check("known", "", &ascending, &line), ERR_BAD_NAME);
  CU_ASSERT_EQUAL(known_check("known", "a b", &ascending, &line), ERR_BAD_NAME);
  CU_ASSERT_EQUAL(known_add("known", "", &ascending), ERR_BAD_NAME);
  CU_ASSERT_EQUAL(known_add("known", "a\nb", &ascending), ERR_BAD_NAME);
  CU_ASSERT_EQUAL(known_add("known", "#a", &ascending), ERR_BAD_NAME);
  CU_ASSERT(scratch_holds("known", "nas " ASCENDING "\n"));
  scratch_leave();
}

static void keys_of_lines(void) {
  struct public_key key;
  scratch_enter();
  scratch_write("known", "# met\nnas " ASCENDING "\npc " DAMAGED "\n");
  CU_ASSERT_EQUAL(known_key("known", 2, &key), 0);
  CU_ASSERT(public_key_equal(&key, &ascending));
  CU_ASSERT_EQUAL(known_key("known", 0, &key), ERR_NOT_FOUND);
  CU_ASSERT_EQUAL(known_key("known", 1, &key), ERR_MALFORMED);
  CU_ASSERT_EQUAL(known_key("known", 3, &key), ERR_MALFORMED);
  CU_ASSERT_EQUAL(known_key("known", 4, &key), ERR_NOT_FOUND);
  CU_ASSERT_EQUAL(known_key("none", 1, &key), ERR_NOT_FOUND);
  scratch_leave();
}

static void add_as(unsigned writer) {
  char name[KNOWN_NAME_BYTES];
  for (unsigned i = 0; i < WRITERS; i++) {
    CHILD_CHECK(known_add("made/known", "shared", &zeros) == 0);
    snprintf(name, sizeof(name), "host-%u-%u", writer, i);
    CHILD_CHECK(known_add("made/known", name, &zeros) == 0);
  }
}

static void many_writers(void) {
  pid_t writers[WRITERS];
  int status;
  char name[KNOWN_NAME_BYTES];
  scratch_enter();
  fflush(stdout);
  for (unsigned i = 0; i < WRITERS; i++) {
    writers[i] = fork();
    assert(writers[i] >= 0);
    if (writers[i] > 0) continue;
    add_as(i);
    _exit(0);
  }
  for (unsigned i = 0; i < WRITERS; i++)
    CU_ASSERT(waitpid(writers[i], &status, 0) == writers[i] && status == 0);
  for (unsigned i = 0; i < WRITERS * WRITERS; i++) {
    snprintf(name, sizeof(name), "host-%u-%u", i / WRITERS, i % WRITERS);
    CU_ASSERT_EQUAL(known_check("made/known", name, &zeros, &line), KNOWN_SAME);
  }
  CU_ASSERT(known_check("made/known", "shared", &zeros, &line) == KNOWN_SAME && line == 1);
  struct public_key key;
  CU_ASSERT_EQUAL(known_key("made/known", WRITERS * WRITERS + 1, &key), 0);
  CU_ASSERT_EQUAL(known_key("made/known", WRITERS * WRITERS + 2, &key), ERR_NOT_FOUND);
  scratch_leave();
}

/* One who looks while another one adds sees the list before or after, and no error. */
static void a_list_that_grows_can_be_read(void) {
  enum { ADDED = 60 };
  char name[KNOWN_NAME_BYTES];
  unsigned looks = 0, failed = 0;
  int status;
  scratch_enter();
  CU_ASSERT_EQUAL(known_add("known", "box", &ascending), 0);
  fflush(stdout);
  pid_t adder = fork();
  assert(adder >= 0);
  for (unsigned i = 0; adder == 0 && i < ADDED; i++) {
    snprintf(name, sizeof name, "host%u", i);
    if (known_add("known", name, &ascending) != 0) _exit(1);
  }
  if (adder == 0) _exit(0);
  while (waitpid(adder, &status, WNOHANG) == 0) {
    struct public_key key;
    failed +=
        known_check("known", "box", &ascending, &line) != KNOWN_SAME || known_key("known", 1, &key) != 0;
    looks++;
  }
  CU_ASSERT(status == 0 && looks > 0);
  CU_ASSERT_EQUAL(failed, 0);
  scratch_leave();
}

UNIT_MAIN(UNIT_CASE(names), UNIT_CASE(refused_names), UNIT_CASE(first_line_decides),
          UNIT_CASE(damage_is_no_stranger), UNIT_CASE(no_cut_makes_new), UNIT_CASE(added_lines),
          UNIT_CASE(nothing_is_added_twice), UNIT_CASE(missing_newline_is_mended),
          UNIT_CASE(files_and_names_refused), UNIT_CASE(keys_of_lines), UNIT_CASE(many_writers),
          UNIT_CASE(a_list_that_grows_can_be_read))
