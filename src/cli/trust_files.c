/* What can be wrong with a file of keys, each in one line with the remedy. A secret that others can read is
 * refused even though it would work, as is a list that others can write: whoever relies on either has lost
 * more than this command. */
#include "trust_files.h"

#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "say.h"
#include "text.h"

const char *trust_shown(const char *path) {
  static char texts[2][TEXT_NAME_BYTES];
  static unsigned next;
  char *text = texts[next++ % 2];
  text_escape((const uint8_t *)path, strlen(path), text, TEXT_NAME_BYTES);
  return text;
}

static void say_exposed(enum trust_file kind, const char *path) {
  const char *shown = trust_shown(path);
  struct stat status;
  bool is_secret = kind == FILE_SHARED_KEY || kind == FILE_IDENTITY;
  if (stat(path, &status) == 0 && status.st_uid != geteuid() && status.st_uid != 0)
    say("%s: belongs to another user, so it is not used: make a copy of your own", shown);
  else if (is_secret)
    say("%s: others can get at this secret key, so it is not used: chmod 600 %s (and think of making a new "
        "one)",
        shown, shown);
  else
    say("%s: others can write to it, so it is not used: chmod 600 %s (and look through what stands in it)",
        shown, shown);
}

static void say_malformed(enum trust_file kind, const char *path, unsigned line) {
  static const char *const expected[] = {
      [FILE_SHARED_KEY] = "holds no key as `udpcp keygen` makes it",
      [FILE_IDENTITY] = "holds no identity as udpcp makes it (move it away, and a new one is made)",
      [FILE_AUTHORIZED] = "holds no key as `udpcp id` prints it",
      [FILE_KNOWN] = "cannot be understood: mend or remove it",
  };
  if (line > 0)
    say("%s: line %u %s", trust_shown(path), line, expected[kind]);
  else
    say("%s: %s", trust_shown(path), expected[kind]);
}

enum exit_status trust_file_failed(enum trust_file kind, const char *path, unsigned line, int error) {
  if (error == ERR_EXPOSED)
    say_exposed(kind, path);
  else if (error == ERR_MALFORMED)
    say_malformed(kind, path, line);
  else if (error == ERR_NOT_FOUND && kind == FILE_SHARED_KEY)
    say("%s: there is no such file (`udpcp keygen` makes a key; both sides need the same)",
        trust_shown(path));
  else if (error == ERR_BAD_NAME)
    say("%s: is a symbolic link, or no name for a file: name the file itself", trust_shown(path));
  else if (error == ERR_UNSUPPORTED)
    say("%s: is no regular file", trust_shown(path));
  else if (error == ERR_TOO_MUCH)
    say("%s: holds more than %d keys", trust_shown(path), AUTHORIZED_MAX);
  else if (error == ERR_NOT_FOUND && kind == FILE_AUTHORIZED)
    say("%s: there is no such file (its lines are what `udpcp id` prints at the senders)", trust_shown(path));
  else if (kind == FILE_IDENTITY)
    say("%s: this machine's identity can be neither read nor made: %s (set XDG_CONFIG_HOME to a folder of "
        "yours, or use --psk-file)",
        trust_shown(path), error_text(error));
  else
    say("%s: %s", trust_shown(path), error_text(error));
  return EXIT_USAGE;
}

enum exit_status trust_open_identity(struct identity **identity, char path[CONFIG_PATH_BYTES], bool *is_new) {
  int error = 0;
  if (config_path(CONFIG_IDENTITY, path) < 0) {
    say("there is no folder for keys: set HOME or XDG_CONFIG_HOME");
    return EXIT_USAGE;
  }
  *is_new = access(path, F_OK) != 0;
  *identity = identity_open(path, &error);
  return *identity ? EXIT_DONE : trust_file_failed(FILE_IDENTITY, path, 0, error);
}
