/* text: what may reach a terminal, and what must not. */
#include "cli/text.h"
#include "unit.h"

struct example {
  const char *given;
  size_t size;
  const char *shown;
};
#define GIVEN(literal) literal, sizeof(literal) - 1

static void check(const struct example *examples, size_t count) {
  for (size_t i = 0; i < count; i++) {
    char shown[256];
    size_t size = text_escape((const uint8_t *)examples[i].given, examples[i].size, shown, sizeof shown);
    CU_ASSERT_STRING_EQUAL(shown, examples[i].shown);
    CU_ASSERT_EQUAL(size, strlen(examples[i].shown));
  }
}

static void printable_text_stays(void) {
  static const struct example examples[] = {
      {GIVEN(""), ""},
      {GIVEN("report (final).txt"), "report (final).txt"},
      {GIVEN("~"), "~"},
      {GIVEN("gr\xc3\xbc\xc3\x9f"), "gr\xc3\xbc\xc3\x9f"},
      {GIVEN("\xe6\x97\xa5\xe6\x9c\xac"), "\xe6\x97\xa5\xe6\x9c\xac"},
      {GIVEN("\xf0\x9f\x93\x81"), "\xf0\x9f\x93\x81"},
      {GIVEN("\xf4\x8f\xbf\xbd"), "\xf4\x8f\xbf\xbd"},
  };
  check(examples, sizeof examples / sizeof examples[0]);
}

static void what_moves_a_terminal_is_escaped(void) {
  static const struct example examples[] = {
      {GIVEN("a\nb"), "a\\x0ab"},
      {GIVEN("\r"), "\\x0d"},
      {GIVEN("\t"), "\\x09"},
      {GIVEN("\0"), "\\x00"},
      {GIVEN("\x1b[2J"), "\\x1b[2J"},
      {GIVEN("\x7f"), "\\x7f"},
      {GIVEN("\xc2\x9b"), "\\xc2\\x9b"},                                   /* CSI as one C1 control */
      {GIVEN("\xc2\x80\xc2\x9f\xc2\xa1"), "\\xc2\\x80\\xc2\\x9f\xc2\xa1"}, /* both ends of C1, and the next */
      {GIVEN("\\x41"), "\\x5cx41"},
  };
  check(examples, sizeof examples / sizeof examples[0]);
}

static void what_deceives_the_eye_is_escaped(void) {
  static const struct example examples[] = {
      {GIVEN("\xe2\x80\xae"), "\\xe2\\x80\\xae"}, /* U+202E right-to-left override */
      {GIVEN("\xe2\x81\xa6"), "\\xe2\\x81\\xa6"}, /* U+2066 isolate */
      {GIVEN("\xe2\x80\x8b"), "\\xe2\\x80\\x8b"}, /* U+200B zero width space */
      {GIVEN("\xe2\x80\xa8"), "\\xe2\\x80\\xa8"}, /* U+2028 line separator */
      {GIVEN("\xd8\x9c"), "\\xd8\\x9c"},          /* U+061C Arabic letter mark */
      {GIVEN("\xef\xbb\xbf"), "\\xef\\xbb\\xbf"}, /* U+FEFF byte order mark */
      {GIVEN("\xe2\x80\x90"), "\xe2\x80\x90"},    /* U+2010 hyphen, right behind the marks, is harmless */
  };
  check(examples, sizeof examples / sizeof examples[0]);
}

static void what_is_not_utf8_is_escaped_bytewise(void) {
  static const struct example examples[] = {
      {GIVEN("\xff\xfe"), "\\xff\\xfe"},
      {GIVEN("\x80z"), "\\x80z"},
      {GIVEN("\xc3"), "\\xc3"}, /* cut short */
      {GIVEN("\xe2\x82"), "\\xe2\\x82"},
      {GIVEN("\xc3z"), "\\xc3z"},                          /* the next byte does not continue */
      {GIVEN("\xc0\xaf"), "\\xc0\\xaf"},                   /* overlong '/' */
      {GIVEN("\xe0\x80\x8a"), "\\xe0\\x80\\x8a"},          /* overlong newline */
      {GIVEN("\xed\xa0\x80"), "\\xed\\xa0\\x80"},          /* surrogate */
      {GIVEN("\xf4\x90\x80\x80"), "\\xf4\\x90\\x80\\x80"}, /* above U+10FFFF */
      {GIVEN("\xf8\x88\x80\x80\x80"), "\\xf8\\x88\\x80\\x80\\x80"},
  };
  check(examples, sizeof examples / sizeof examples[0]);
}

static void a_full_buffer_ends_between_characters(void) {
  char shown[8];
  memset(shown, 'z', sizeof shown);
  CU_ASSERT_EQUAL(text_escape((const uint8_t *)"ab\ncd", 5, shown, 6), 2);
  CU_ASSERT_STRING_EQUAL(shown, "ab");
  CU_ASSERT_EQUAL(text_escape((const uint8_t *)"ab\ncd", 5, shown, 7), 6);
  CU_ASSERT_STRING_EQUAL(shown, "ab\\x0a");
  CU_ASSERT_EQUAL(text_escape((const uint8_t *)"a\xc3\xbc", 3, shown, 3), 1);
  CU_ASSERT_STRING_EQUAL(shown, "a");
  CU_ASSERT_EQUAL(text_escape((const uint8_t *)"abc", 3, shown, 1), 0);
  CU_ASSERT_STRING_EQUAL(shown, "");
  CU_ASSERT_EQUAL(shown[7], 'z');
}

UNIT_MAIN(UNIT_CASE(printable_text_stays), UNIT_CASE(what_moves_a_terminal_is_escaped),
          UNIT_CASE(what_deceives_the_eye_is_escaped), UNIT_CASE(what_is_not_utf8_is_escaped_bytewise),
          UNIT_CASE(a_full_buffer_ends_between_characters))
