/* target: HOST[:SUBDIR], with all the colons an IPv6 address brings. */
#include "cli/target.h"
#include "unit.h"

static void hosts_and_folders_are_told_apart(void) {
  static const struct {
    const char *text, *host, *subfolder;
  } examples[] = {
      {"box", "box", NULL},
      {"box:", "box", NULL},
      {"box:photos", "box", "photos"},
      {"box:a/b c/d", "box", "a/b c/d"},
      {"box:a:b", "box", "a:b"},
      {"box:./a/", "box", "a"},
      {"box:.", "box", NULL},
      {"box:.//a", "box", "a"},
      {"192.0.2.1:x", "192.0.2.1", "x"},
      {"::1", "::1", NULL},
      {"2001:db8::5", "2001:db8::5", NULL},
      {"fe80::1%eth0", "fe80::1%eth0", NULL},
      {"[::1]", "::1", NULL},
      {"[::1]:", "::1", NULL},
      {"[::1]:x/y", "::1", "x/y"},
      {"[fe80::1%eth0]:x", "fe80::1%eth0", "x"},
      {"fe80::1:dead", "fe80::1:dead", NULL}, /* an address, not a folder named dead */
  };
  for (size_t i = 0; i < sizeof examples / sizeof examples[0]; i++) {
    char text[64];
    struct target target;
    snprintf(text, sizeof text, "%s", examples[i].text);
    CU_ASSERT_PTR_NULL(target_parse(text, &target));
    CU_ASSERT_STRING_EQUAL(target.host, examples[i].host);
    CU_ASSERT_EQUAL(target.subfolder == NULL, examples[i].subfolder == NULL);
    if (target.subfolder && examples[i].subfolder)
      CU_ASSERT_STRING_EQUAL(target.subfolder, examples[i].subfolder);
  }
}

static void what_leads_elsewhere_is_refused(void) {
  static const char *const examples[] = {
      "",   ":x",       "::1:x/y", "[::1",          "[::1]x",   "[box]:x",
      "[]", "box:/etc", "box:..",  "box:a/../../b", "box:a//b", "box:.udpcp-x",
  };
  for (size_t i = 0; i < sizeof examples / sizeof examples[0]; i++) {
    char text[64];
    struct target target;
    snprintf(text, sizeof text, "%s", examples[i]);
    CU_ASSERT_PTR_NOT_NULL(target_parse(text, &target));
  }
}

UNIT_MAIN(UNIT_CASE(hosts_and_folders_are_told_apart), UNIT_CASE(what_leads_elsewhere_is_refused))
