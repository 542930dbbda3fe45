/* config: where keys are kept, in every environment. */
#include "cli/config.h"
#include "scratch.h"
#include "unit.h"

#include <pwd.h>

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
  const struct passwd *user = getpwuid(geteuid());
  char expected[CONFIG_PATH_BYTES] = "";
  bool has_home = user && *user->pw_dir == '/';
  if (has_home) snprintf(expected, sizeof expected, "%s/.config/udpcp/identity", user->pw_dir);
  const char *homes[] = {NULL, "", "relative"};
  for (size_t i = 0; i < 3; i++) {
    const char *path = path_with(NULL, homes[i]);
    CU_ASSERT_EQUAL(path != NULL, has_home);
    CU_ASSERT_STRING_EQUAL(path ? path : "", expected);
  }
}

/* Every mode, and the sticky bit, with which others can take nothing away. */
static void a_folder_that_others_can_write_is_refused(void) {
  char folder[CONFIG_PATH_BYTES], expected[CONFIG_PATH_BYTES];
  scratch_enter();
  path_with(scratch_path, NULL);
  snprintf(expected, sizeof expected, "%s/udpcp", scratch_path);
  CU_ASSERT_EQUAL(config_check(folder), 0); /* none yet */
  CU_ASSERT_STRING_EQUAL(folder, expected);
  scratch_folder("udpcp");
  for (unsigned mode = 0; mode <= 01777; mode++) {
    assert(chmod("udpcp", mode) == 0);
    CU_ASSERT_EQUAL(config_check(folder), mode & 022 && !(mode & 01000) ? ERR_EXPOSED : 0);
  }
  assert(chmod("udpcp", 0700) == 0);
  if (geteuid() == 0) {
    assert(chown("udpcp", 65534, 0) == 0);
    CU_ASSERT_EQUAL(config_check(folder), ERR_EXPOSED); /* another's */
  }
  path_with("/", NULL);
  assert(access("/udpcp", F_OK) < 0);
  CU_ASSERT_EQUAL(config_check(folder), 0);
  scratch_leave();
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
          UNIT_CASE(a_folder_that_others_can_write_is_refused), UNIT_CASE(a_path_that_is_too_long_is_refused))
