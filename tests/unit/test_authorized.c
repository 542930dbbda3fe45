/* authorized: what a line may look like, that one bad line spoils the file and is named, and that a file
 * without keys is not the same as no file. */
#include "unit.h"

#include "scratch.h"

#include "crypto/key_files.h"

#define ASCENDING "ed25519 AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8="
#define ONES "ed25519 //////////////////////////////////////////8="

static struct believed *keys;
static size_t count;
static unsigned line;

static int parse(const char *text) {
  free(keys);
  return authorized_parse(text, strlen(text), &keys, &count, &line);
}

static bool is(int first, int second) {
  size_t expected = second >= 0 ? 2 : 1;
  return line == 0 && keys && count == expected && keys[0].key.bytes[1] == first &&
         (second < 0 || keys[1].key.bytes[1] == second);
}

static void good_lines(void) {
  CU_ASSERT(parse(ASCENDING "\n") == 0 && is(1, -1));
  CU_ASSERT(parse(ASCENDING) == 0 && is(1, -1));
  CU_ASSERT(parse(ASCENDING "\r\n" ONES "\r\n") == 0 && is(1, 255));
  CU_ASSERT(parse(ONES "\n" ASCENDING) == 0 && is(255, 1));
  CU_ASSERT(parse(" \t ed25519\t "
                  "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=  \n") == 0 &&
            is(1, -1));
  CU_ASSERT(parse(ASCENDING " laptop of K\xc3\xa4the # 2\n" ONES "\tx\n") == 0 && is(1, 255));
  CU_ASSERT(parse("# " ONES "\n\n  \r\n\t# x\n" ASCENDING "\n#\n" ONES "\n\n") == 0 && is(1, 255));
  CU_ASSERT(parse(ASCENDING "\n" ASCENDING "\n") == 0 && is(1, 1));
  for (unsigned i = 0; i < KEY_BYTES; i++)
    CU_ASSERT_EQUAL(keys[0].key.bytes[i], i);
  free(keys);
  keys = NULL;
}

static void bad_lines(void) {
  static const char *const bad[] = {
      "ed25519",
      "ed25519 ",
      "ed25519 AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8",
      "ed25519 AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh9=",
      "ED25519 AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=",
      "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=",
      "ssh-ed25519 AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=",
      "ed25519AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=",
      "laptop " ASCENDING,
      "ed25519 AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=#x",
      "\xef\xbb\xbf" ASCENDING,
      "x",
      "\v",
  };
  char text[512];
  for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
    snprintf(text, sizeof(text), "%s\n", bad[i]);
    CU_ASSERT(parse(text) == ERR_MALFORMED && line == 1 && !keys && count == 0);
    snprintf(text, sizeof(text), "%s\n# x\n\n%s\n%s\n", ASCENDING, bad[i], ONES);
    CU_ASSERT(parse(text) == ERR_MALFORMED && line == 4 && !keys && count == 0);
    snprintf(text, sizeof(text), "%s\n%s", ASCENDING, bad[i]);
    CU_ASSERT(parse(text) == ERR_MALFORMED && line == 2 && !keys && count == 0);
  }
  static const char with_nul[] = ASCENDING "\n" ONES "\0\n";
  CU_ASSERT_EQUAL(authorized_parse(with_nul, sizeof(with_nul) - 1, &keys, &count, &line), ERR_MALFORMED);
  CU_ASSERT_EQUAL(line, 2);
}

static void as_many_as_allowed(void) {
  enum { LINE_CHARS = sizeof(ASCENDING) };
  size_t size = (AUTHORIZED_MAX + 1) * LINE_CHARS;
  char *text = malloc(size);
  assert(text);
  for (size_t i = 0; i <= AUTHORIZED_MAX; i++)
    memcpy(text + i * LINE_CHARS, ASCENDING "\n", LINE_CHARS);
  CU_ASSERT_EQUAL(authorized_parse(text, size - LINE_CHARS, &keys, &count, &line), 0);
  CU_ASSERT(count == AUTHORIZED_MAX && line == 0);
  free(keys);
  CU_ASSERT_EQUAL(authorized_parse(text, size, &keys, &count, &line), ERR_TOO_MUCH);
  CU_ASSERT(!keys && count == 0 && line == AUTHORIZED_MAX + 1);
  free(text);
}

/* NULL would mean everybody. */
static void nobody_is_not_everybody(void) {
  CU_ASSERT(parse("") == 0 && keys && count == 0);
  CU_ASSERT(parse("# nobody yet\n") == 0 && keys && count == 0);
  scratch_enter();
  scratch_write("empty", "");
  free(keys);
  CU_ASSERT(authorized_read("empty", &keys, &count, &line) == 0 && keys && count == 0 && line == 0);
  free(keys);
  CU_ASSERT(authorized_read("none", &keys, &count, &line) == ERR_NOT_FOUND && !keys && count == 0);
  scratch_leave();
}

static void files(void) {
  scratch_enter();
  scratch_write("list", ONES "\nx\n");
  CU_ASSERT(authorized_read("list", &keys, &count, &line) == ERR_MALFORMED && line == 2 && !keys);
  scratch_write("list", ONES "\n");
  CU_ASSERT(authorized_read("list", &keys, &count, &line) == 0 && is(255, -1)); /* 0644 */
  free(keys);
  assert(chmod("list", 0664) == 0);
  CU_ASSERT(authorized_read("list", &keys, &count, &line) == ERR_EXPOSED && !keys && line == 0);
  assert(chmod("list", 0646) == 0);
  CU_ASSERT(authorized_read("list", &keys, &count, &line) == ERR_EXPOSED && !keys && line == 0);
  assert(chmod("list", 0644) == 0 && symlink("list", "link") == 0);
  CU_ASSERT(authorized_read("link", &keys, &count, &line) == ERR_BAD_NAME && !keys);
  CU_ASSERT(authorized_read(".", &keys, &count, &line) == ERR_IS_FOLDER && !keys);
  scratch_leave();
}

UNIT_MAIN(UNIT_CASE(good_lines), UNIT_CASE(bad_lines), UNIT_CASE(as_many_as_allowed),
          UNIT_CASE(nobody_is_not_everybody), UNIT_CASE(files))
