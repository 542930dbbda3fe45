/* `udpcp keygen` and `udpcp id`: the keys that the two other commands use. The only thing ever printed of a
 * secret is the name of its file. */
#include <pwd.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "command.h"
#include "say.h"
#include "text.h"
#include "trust_files.h"

#define KEY_FILE_DEFAULT "udpcp.key"
enum { OWNER_BYTES = 256 };

static const char keygen_help[] =
    "usage: udpcp keygen [FILE]\n\n"
    "Makes a new random key of 256 bits in FILE (udpcp.key), which must not exist. Copy it to the other\n"
    "machine by a safe way; with --psk-file FILE on both sides, only who holds it can send or receive.\n";
static const char id_help[] =
    "usage: udpcp id\n\n"
    "Prints this machine's public key as a line for a file of authorized keys; makes the identity at first\n"
    "use. Its fingerprint and its file are told on stderr.\n";

struct usage {
  const char *help;
  int arguments_max;
};
static const struct usage keygen_usage = {keygen_help, 1}, id_usage = {id_help, 0};

/* Takes the arguments but options apart. True: go on, with `*argument` set or NULL; else leave with *status.
 */
static bool read_arguments(int argc, char **argv, const struct usage *usage, const char **argument,
                           enum exit_status *status) {
  bool has_ended = false; /* the options */
  int count = 0;
  struct shown shown;
  *argument = NULL;
  for (int i = 1; i < argc; i++) {
    const char *word = argv[i];
    if (!has_ended && strcmp(word, "--") == 0) {
      has_ended = true;
    } else if (!has_ended && (strcmp(word, "-h") == 0 || strcmp(word, "--help") == 0)) {
      *status = EXIT_DONE;
      fputs(usage->help, stdout);
      return false;
    } else if ((!has_ended && word[0] == '-') || !*word || ++count > usage->arguments_max) {
      *status = EXIT_USAGE;
      say("%s: '%s' is not understood (`udpcp %s --help` tells more)", argv[0], trust_shown(word, &shown),
          argv[0]);
      return false;
    } else {
      *argument = word;
    }
  }
  return true;
}

int command_keygen(int argc, char **argv) {
  enum exit_status status;
  const char *path;
  struct shown buffer;
  if (!read_arguments(argc, argv, &keygen_usage, &path, &status)) return status;
  if (!path) path = KEY_FILE_DEFAULT;
  int error = shared_key_make(path);
  const char *shown = trust_shown(path, &buffer);
  if (error == ERR_EXISTS)
    say("%s: is there already, and stays as it is (another name: udpcp keygen FILE)", shown);
  else if (error == ERR_EXPOSED)
    say("%s: this file system cannot keep others from reading it: make the key elsewhere", shown);
  else if (error)
    say("%s: the key cannot be made: %s", shown, error_text(error));
  if (error) return EXIT_FILES;
  say("made a new key: %s", shown);
  say("copy it to the other machine by a safe way (scp, a USB stick); whoever has it can send and receive");
  say("then, there:  udpcp recv --psk-file %s DIR", shown);
  say("and here:     udpcp send --psk-file %s PATH... HOST", shown);
  return EXIT_DONE;
}

/* "user@host", so that a list of keys can be read by people. */
static void owner_text(char text[OWNER_BYTES]) {
  char host[OWNER_BYTES / 2] = "", owner[OWNER_BYTES];
  const struct passwd *user = getpwuid(geteuid());
  if (gethostname(host, sizeof host - 1) != 0) *host = 0;
  snprintf(owner, sizeof owner, "%.100s@%.100s", user ? user->pw_name : "somebody", host);
  text_escape((const uint8_t *)owner, strlen(owner), text, OWNER_BYTES);
}

int command_id(int argc, char **argv) {
  char path[CONFIG_PATH_BYTES], text[PUBLIC_KEY_TEXT_BYTES], fingerprint[FINGERPRINT_TEXT_BYTES];
  char owner[OWNER_BYTES];
  struct identity *identity;
  struct public_key key;
  struct shown shown;
  enum exit_status status;
  const char *none;
  bool is_new;
  if (!read_arguments(argc, argv, &id_usage, &none, &status)) return status;
  status = trust_open_identity(&identity, path, &is_new);
  if (status != EXIT_DONE) return status;
  identity_public_key(identity, &key);
  identity_free(identity);
  public_key_text(&key, text);
  public_key_fingerprint(&key, fingerprint);
  owner_text(owner);
  say("%s%s, fingerprint %s", is_new ? "made this machine's identity: " : "", trust_shown(path, &shown),
      fingerprint);
  if (printf("%s %s\n", text, owner) > 0 && fflush(stdout) == 0) return EXIT_DONE;
  say("standard output cannot be written");
  return EXIT_FILES;
}
