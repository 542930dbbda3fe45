/* config: where keys are kept, in every environment. */
#include "cli/config.h"
#include "unit.h"

#include <stdlib.h>

static const char *path_with(const char *config, const char *home) {
  static char path[CONFIG_PATH_BYTES];
  unsetenv("XDG_CONFIG_HOME");
  unsetenv("HOME");
  if (config) setenv("XDG_CONFIG_HOME", config, 1);
  if (home) setenv("HOME", home, 1);
  return config_path("identity", path) == 0 ? path : NULL;
}

static void the_folder_is_found(void) {
  CU_ASSERT_STRING_EQUAL(path_with("/c", "/h"), "/c/udpcp/identity");
  CU_ASSERT_STRING_EQUAL(path_with(NULL, "/h"), "/h/.config/udpcp/identity");
  CU_ASSERT_STRING_EQUAL(path_with("", "/h"), "/h/.config/udpcp/identity");
  CU_ASSERT_STRING_EQUAL(path_with("relative", "/h"), "/h/.config/udpcp/identity");
  CU_ASSERT_STRING_EQUAL(path_with("/c", NULL), "/c/udpcp/identity");
}

static void without_a_home_the_users_are_asked(void) {
  const char *by_user = path_with(NULL, NULL), *by_relative = path_with(NULL, "relative");
  CU_ASSERT(!by_user || *by_user == '/');
  CU_ASSERT_EQUAL(by_user == NULL, by_relative == NULL);
}

static void a_path_that_is_too_long_is_refused(void) {
  char folder[CONFIG_PATH_BYTES + 1];
  memset(folder, 'x', sizeof folder - 1);
  folder[0] = '/';
  folder[sizeof folder - 1] = 0;
  CU_ASSERT_PTR_NULL(path_with(folder, "/h"));
  folder[CONFIG_PATH_BYTES - strlen("/udpcp/identity")] = 0;
  CU_ASSERT_PTR_NULL(path_with(folder, "/h"));
  folder[CONFIG_PATH_BYTES - strlen("/udpcp/identity") - 1] = 0;
  const char *longest = path_with(folder, "/h");
  CU_ASSERT_PTR_NOT_NULL(longest);
  CU_ASSERT_EQUAL(strlen(longest ? longest : ""), CONFIG_PATH_BYTES - 1);
}

UNIT_MAIN(UNIT_CASE(the_folder_is_found), UNIT_CASE(without_a_home_the_users_are_asked),
          UNIT_CASE(a_path_that_is_too_long_is_refused))
