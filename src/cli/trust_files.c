/* What can be wrong with a file of keys, each in one line with the remedy. A secret that others can read is
 * refused even though it would work, as is a list that others can write: whoever relies on either has lost
 * more than this command. */
#include "trust_files.h"

#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "say.h"

const char *trust_shown(const char *path, struct shown *shown) {
  text_escape((const uint8_t *)path, strlen(path), shown->text, sizeof shown->text);
  return shown->text;
}

static bool is_of_another(const char *path) {
  struct stat status;
  return stat(path, &status) == 0 && status.st_uid != geteuid() && status.st_uid != 0;
}

static void say_exposed(enum trust_file kind, const char *path, const char *shown) {
  bool is_secret = kind == FILE_SHARED_KEY || kind == FILE_IDENTITY;
  if (is_of_another(path))
    say("%s: belongs to another user, so it is not used: make a copy of your own", shown);
  else if (is_secret)
    say("%s: others can get at this secret key, so it is not used: chmod 600 %s (and think of making a new "
        "one)",
        shown, shown);
  else
    say("%s: others can write to it, so it is not used: chmod 600 %s (and look through what stands in it)",
        shown, shown);
}

static void say_malformed(enum trust_file kind, const char *shown, unsigned line) {
  static const char *const expected[] = {
      [FILE_SHARED_KEY] = "holds no key as `udpcp keygen` makes it",
      [FILE_IDENTITY] = "holds no identity as udpcp makes it (move it away, and a new one is made)",
      [FILE_AUTHORIZED] = "holds no key as `udpcp id` prints it",
      [FILE_KNOWN] = "cannot be understood: mend or remove it",
  };
  if (line > 0)
    say("%s: line %u %s", shown, line, expected[kind]);
  else
    say("%s: %s", shown, expected[kind]);
}

enum exit_status trust_file_failed(enum trust_file kind, const char *path, unsigned line, int error) {
  struct shown buffer;
  const char *shown = trust_shown(path, &buffer);
  if (error == ERR_EXPOSED)
    say_exposed(kind, path, shown);
  else if (error == ERR_MALFORMED)
    say_malformed(kind, shown, line);
  else if (error == ERR_NOT_FOUND && kind == FILE_SHARED_KEY)
    say("%s: there is no such file (`udpcp keygen` makes a key; both sides need the same)", shown);
  else if (error == ERR_BAD_NAME)
    say("%s: is a symbolic link, or no name for a file: name the file itself", shown);
  else if (error == ERR_UNSUPPORTED)
    say("%s: is no regular file", shown);
  else if (error == ERR_TOO_MUCH)
    say("%s: holds more than %d keys", shown, AUTHORIZED_MAX);
  else if (error == ERR_NOT_FOUND && kind == FILE_AUTHORIZED)
    say("%s: there is no such file (its lines are what `udpcp id` prints at the senders)", shown);
  else if (kind == FILE_IDENTITY)
    say("%s: this machine's identity can be neither read nor made: %s (set XDG_CONFIG_HOME to a folder of "
        "yours, or use --psk-file)",
        shown, error_text(error));
  else
    say("%s: %s", shown, error_text(error));
  return EXIT_USAGE;
}

enum exit_status trust_find(const char *name, char path[CONFIG_PATH_BYTES]) {
  char folder[CONFIG_PATH_BYTES];
  struct shown shown;
  int error = config_check(folder);
  if (error == ERR_EXPOSED) {
    trust_shown(folder, &shown);
    if (is_of_another(folder))
      say("%s: belongs to another user, so nothing in it is used", shown.text);
    else
      say("%s: others can put files there and remove them, so nothing in it is used: chmod 700 %s (and look "
          "through what stands in it)",
          shown.text, shown.text);
  } else if (error || config_path(name, path) < 0) {
    say("there is no folder for keys: set HOME or XDG_CONFIG_HOME, or use --psk-file");
  } else {
    return EXIT_DONE;
  }
  return EXIT_USAGE;
}

enum exit_status trust_open_identity(struct identity **identity, char path[CONFIG_PATH_BYTES], bool *is_new) {
  int error = 0;
  enum exit_status status = trust_find(CONFIG_IDENTITY, path);
  if (status != EXIT_DONE) return status;
  *identity = identity_open(path, is_new, &error);
  return *identity ? EXIT_DONE : trust_file_failed(FILE_IDENTITY, path, 0, error);
}
