/* Where keys are kept, by the XDG base directory rules: a relative XDG_CONFIG_HOME counts as none. Whoever
 * runs without a home, as services do, is looked up among the users. */
#include "config.h"

#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static const char *home_folder(void) {
  const char *home = getenv("HOME");
  if (home && *home == '/') return home;
  const struct passwd *user = getpwuid(geteuid());
  return user && user->pw_dir && *user->pw_dir == '/' ? user->pw_dir : NULL;
}

int config_path(const char *name, char path[CONFIG_PATH_BYTES]) {
  const char *base = getenv("XDG_CONFIG_HOME"), *below = "";
  if (!base || *base != '/') {
    base = home_folder();
    below = "/.config";
  }
  if (!base) return ERR_NOT_FOUND;
  int size = snprintf(path, CONFIG_PATH_BYTES, "%s%s/udpcp/%s", base, below, name);
  return size < CONFIG_PATH_BYTES ? 0 : ERR_NO_SPACE;
}
