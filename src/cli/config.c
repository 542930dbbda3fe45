/* Where keys are kept, by the XDG base directory rules: a relative XDG_CONFIG_HOME counts as none. Whoever
 * runs without a home, as services do, is looked up among the users. */
#include "config.h"

#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
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

int config_check(char folder[CONFIG_PATH_BYTES]) {
  struct stat found;
  int error = config_path("", folder);
  if (error) return error;
  folder[strlen(folder) - 1] = 0;         /* the slash */
  if (stat(folder, &found) < 0) return 0; /* whoever opens a file in it hears why */
  bool is_ours = found.st_uid == geteuid() || found.st_uid == 0;
  bool is_open = found.st_mode & (S_IWGRP | S_IWOTH) && !(found.st_mode & S_ISVTX);
  return is_ours && !is_open ? 0 : ERR_EXPOSED;
}
