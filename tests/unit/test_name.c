/* name: the truth table of proto/transfer.md section 3. */
#include "unit.h"

#include "udpcp/transfer.h"

static int check(const char *name) { return name_check((const uint8_t *)name, strlen(name)); }

static void tells_good_names_from_bad(void) {
  static const struct {
    const char *name;
    bool is_good;
  } truth[] = {
      {"a", true},
      {"a/b/c", true},
      {"...", true},
      {".hidden", true},
      {"..a/..b/a..", true},
      {"with space/and\nnewline/\x01\x7f", true},
      {"\xc3\xa4/\xff\xfe", true},
      {"back\\slash", true},
      {"C:", true},
      {"-rf", true},
      {"~", true},
      {"udpcp-x", true},
      {".udpcp", true},
      {".udpc-", true},
      {"x.udpcp-", true},
      {"", false},
      {".", false},
      {"..", false},
      {"/", false},
      {"/a", false},
      {"a/", false},
      {"a//b", false},
      {"./a", false},
      {"a/.", false},
      {"a/./b", false},
      {"../a", false},
      {"a/..", false},
      {"a/../b", false},
      {".udpcp-", false},
      {".udpcp-1234.part", false},
      {".udpcp-1234.journal", false},
      {"/etc/passwd", false},
      {"a/../../x", false},
      {"-", true},
      {"a\xe2\x80\xae\x1b[31m", true}, /* what is shown of it is the matter of whoever shows it */
      {"a/.udpcp-x/b", false},
      {"a/b/.udpcp-x", false},
  };
  for (unsigned i = 0; i < sizeof(truth) / sizeof(truth[0]); i++) {
    bool is_good = check(truth[i].name) == 0;
    if (is_good != truth[i].is_good) printf("name '%s'\n", truth[i].name);
    CU_ASSERT_EQUAL(is_good, truth[i].is_good);
  }
  CU_ASSERT_EQUAL(check(".."), ERR_BAD_NAME);
}

static void refuses_zero_bytes_anywhere(void) {
  static const uint8_t names[][4] = {{0, 'b', 'c', 'd'}, {'a', 0, 'c', 'd'}, {'a', 'b', 'c', 0}};
  for (int i = 0; i < 3; i++)
    CU_ASSERT_EQUAL(name_check(names[i], 4), ERR_BAD_NAME);
  CU_ASSERT_EQUAL(name_check(names[1], 1), 0); /* beyond the size nothing counts */
}

static void keeps_to_the_lengths(void) {
  static uint8_t name[NAME_BYTES_MAX + 1];
  memset(name, 'n', sizeof(name));
  CU_ASSERT_EQUAL(name_check(name, 255), 0);
  CU_ASSERT_EQUAL(name_check(name, 256), ERR_BAD_NAME);
  for (unsigned i = 255; i < sizeof(name); i += 256)
    name[i] = '/';
  name[NAME_BYTES_MAX - 1] = 'n';
  name[NAME_BYTES_MAX - 2] = '/';
  CU_ASSERT_EQUAL(name_check(name, NAME_BYTES_MAX), 0);
  name[NAME_BYTES_MAX] = 'n';
  CU_ASSERT_EQUAL(name_check(name, NAME_BYTES_MAX + 1), ERR_BAD_NAME);
}

UNIT_MAIN(UNIT_CASE(tells_good_names_from_bad), UNIT_CASE(refuses_zero_bytes_anywhere),
          UNIT_CASE(keeps_to_the_lengths))
