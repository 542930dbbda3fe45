/* From the rows come getopt_long's tables, the help texts, and the environment: --foo-bar may be given as
 * UDPCP_FOO_BAR, read first so that the command line wins. Every complaint is one line that names where the
 * value came from. */
#include "options.h"

#include <getopt.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "option_rows.h"
#include "say.h"
#include "slow.h"
#include "text.h"

enum {
  IPV4_UDP_HEADERS = 28,
  IPV6_UDP_HEADERS = 48,
  OPTION_NAME_BYTES = 32,
  NAMED_ONLY = 256, /* what getopt calls a row: this and its index */
};

static const char *command_name(enum command command) { return command == COMMAND_SEND ? "send" : "recv"; }

/* `where`: "--mtu" or "UDPCP_MTU". */
static int complain(struct options *options, const char *where, const char *value, const char *complaint) {
  char shown[128];
  text_escape((const uint8_t *)value, strlen(value), shown, sizeof shown);
  snprintf(options->problem, sizeof options->problem, "%s: '%s' %s", where, shown, complaint);
  return ERR_MALFORMED;
}

/* "dry-run" becomes "UDPCP_DRY_RUN". */
static void environment_name(const char *name, char out[OPTION_NAME_BYTES]) {
  snprintf(out, OPTION_NAME_BYTES, "UDPCP_%s", name);
  for (char *at = out; *at; at++)
    *at = *at == '-' ? '_' : *at >= 'a' && *at <= 'z' ? (char)(*at - 'a' + 'A') : *at;
}

/* 1 or 0 for yes and no in common spellings, -1 for neither. */
static int yes_or_no(const char *value) {
  static const char *const words[2][4] = {{"0", "no", "false", "off"}, {"1", "yes", "true", "on"}};
  for (int yes = 0; yes < 2; yes++)
    for (size_t i = 0; i < 4; i++)
      if (strcmp(words[yes][i], value) == 0) return yes;
  return -1;
}

/* --help and --version: of no use in an environment. */
static bool is_question(const struct row *row) {
  return !row->take &&
         (row->flag == offsetof(struct options, help) || row->flag == offsetof(struct options, version));
}

static const char *take(struct options *options, const struct row *row, const char *value) {
  if (row->take) return row->take(options, value);
  *(bool *)((char *)options + row->flag) = true;
  return NULL;
}

/* Who is believed hangs on these. Empty, as when another variable was to fill them and is not set, they would
 * quietly let in more than was meant. */
static bool says_who(const char *name) {
  static const char *const names[] = {"psk-file", "authorized", "allow", "strict"};
  for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
    if (strcmp(names[i], name) == 0) return true;
  return false;
}

static int read_environment(struct options *options) {
  for (size_t i = 0; i < OPTION_ROWS; i++) {
    char name[OPTION_NAME_BYTES];
    if (!(option_rows[i].commands & (int)options->command) || is_question(&option_rows[i])) continue;
    environment_name(option_rows[i].name, name);
    const char *value = getenv(name);
    if (!value || (!*value && !says_who(option_rows[i].name))) continue;
    const char *complaint = NULL;
    if (!*value)
      complaint = "is empty: unset it, or give it a value";
    else if (option_rows[i].argument)
      complaint = take(options, &option_rows[i], value);
    else if (yes_or_no(value) < 0)
      complaint = "is not yes or no";
    else if (yes_or_no(value) == 1)
      complaint = take(options, &option_rows[i], NULL);
    if (complaint) return complain(options, name, value, complaint);
  }
  return 0;
}

/* Every row is known to getopt, also the other command's, so that its answer can say whose it is. */
static void build_tables(struct option table[OPTION_ROWS + 1], char letters[2 * OPTION_ROWS + 2]) {
  size_t used = 0;
  letters[used++] = ':'; /* complaints are ours */
  for (size_t i = 0; i < OPTION_ROWS; i++) {
    table[i] = (struct option){option_rows[i].name, option_rows[i].argument ? required_argument : no_argument,
                               NULL, NAMED_ONLY + (int)i};
    if (!option_rows[i].letter) continue;
    letters[used++] = option_rows[i].letter;
    if (option_rows[i].argument) letters[used++] = ':';
  }
  letters[used] = 0;
  table[OPTION_ROWS] = (struct option){NULL, 0, NULL, 0};
}

/* What getopt could not use; the culprit is a letter in optopt, a row in optopt, or the word before optind.
 */
static int complain_about_word(struct options *options, char **argv, bool lacks_argument) {
  char word[128], shown[256];
  if (optopt >= NAMED_ONLY)
    snprintf(word, sizeof word, "--%s", option_rows[optopt - NAMED_ONLY].name);
  else if (optopt)
    snprintf(word, sizeof word, "-%c", optopt);
  else
    snprintf(word, sizeof word, "%s", argv[optind - 1]);
  text_escape((const uint8_t *)word, strlen(word), shown, sizeof shown);
  const char *complaint = lacks_argument         ? "needs a value"
                          : optopt >= NAMED_ONLY ? "takes no value"
                                                 : "is not a known option, or not a clear one";
  snprintf(options->problem, sizeof options->problem, "%s %s", shown, complaint);
  return ERR_MALFORMED;
}

static const struct row *row_of(int found) {
  if (found >= NAMED_ONLY) return &option_rows[found - NAMED_ONLY];
  for (size_t i = 0; i < OPTION_ROWS; i++)
    if (option_rows[i].letter == found) return &option_rows[i];
  return NULL;
}

static int read_command_line(struct options *options, int argc, char **argv) {
  struct option table[OPTION_ROWS + 1];
  char letters[2 * OPTION_ROWS + 2];
  build_tables(table, letters);
  optind = 0; /* also forgets an earlier parse */
  opterr = 0;
  for (int found; (found = getopt_long(argc, argv, letters, table, NULL)) != -1;) {
    const struct row *row = found == '?' || found == ':' ? NULL : row_of(found);
    if (!row) return complain_about_word(options, argv, found == ':');
    if (!(row->commands & (int)options->command)) {
      snprintf(options->problem, sizeof options->problem, "--%s is an option of `udpcp %s`, not of %s",
               row->name, command_name((enum command)row->commands), command_name(options->command));
      return ERR_MALFORMED;
    }
    const char *complaint = take(options, row, optarg);
    char where[OPTION_NAME_BYTES];
    snprintf(where, sizeof where, "--%s", row->name);
    if (complaint) return complain(options, where, optarg ? optarg : "", complaint);
    if (options->help || options->version) return 0;
  }
  options->arguments = argv + optind;
  options->argument_count = argc - optind;
  return 0;
}

int options_parse(struct options *options, enum command command, int argc, char **argv) {
  *options = (struct options){.command = command,
                              .port = PORT_DEFAULT,
                              .timeout_s = TIMEOUT_S_DEFAULT,
                              .mtu = MTU_DEFAULT,
                              .congestion = CONGESTION_AUTO,
                              .family = FAMILY_ANY,
                              .overwrite = OVERWRITE_NEVER,
                              .protection = PROTECT_AEAD,
                              .min_rate_bytes_per_s = SLOW_BYTES_PER_S_DEFAULT};
  int environment_error = read_environment(options);
  const char *psk_file = options->psk_file, *authorized = options->authorized;
  options->is_typed = true;
  int error = read_command_line(options, argc, argv);
  /* Each excludes the other: one that was typed replaces that of the environment. */
  bool is_psk_typed = options->psk_file != psk_file, is_list_typed = options->authorized != authorized;
  if (is_psk_typed && !is_list_typed) options->authorized = NULL;
  if (is_list_typed && !is_psk_typed) options->psk_file = NULL;
  if (options->help || options->version) return 0;
  return error ? error : environment_error;
}

static void print_help(enum command command) {
  if (command == COMMAND_SEND)
    fputs("usage: udpcp send [options] PATH... HOST[:SUBDIR]\n\n"
          "Sends files and whole trees to a machine where `udpcp recv DIR` runs. A PATH arrives under DIR "
          "(or its\n"
          "SUBDIR) by its last component; with a trailing slash, what it holds does. An IPv6 HOST with a "
          "SUBDIR\n"
          "stands in brackets: [fe80::1%eth0]:photos. What is sent is encrypted; the receiver's key is\n"
          "remembered when it is first met, and must be the same from then on.\n\n",
          stdout);
  else
    fputs("usage: udpcp recv [options] DIR\n\n"
          "Receives into the folder DIR whatever `udpcp send` sends here. A file gets its name only when it "
          "is\n"
          "whole, verified and on the disk. Who may send: with --psk-file, who holds that key; with keys in\n"
          "--authorized, their owners; else this machine and private networks, or the addresses of --allow.\n"
          "What is sent is encrypted.\n\n",
          stdout);
  for (size_t i = 0; i < OPTION_ROWS; i++) {
    char left[OPTION_NAME_BYTES], letter[4] = "";
    if (!(option_rows[i].commands & (int)command)) continue;
    if (option_rows[i].letter) snprintf(letter, sizeof letter, "-%c,", option_rows[i].letter);
    snprintf(left, sizeof left, "%3s --%s%s%s", letter, option_rows[i].name,
             option_rows[i].argument ? " " : "", option_rows[i].argument ? option_rows[i].argument : "");
    const char *help = option_rows[i].help;
    for (const char *name = left; help; name = "") {
      size_t size = strcspn(help, "\n");
      printf("  %-21s %.*s\n", name, (int)size, help);
      help = help[size] ? help + size + 1 : NULL;
    }
  }
  fputs(
      "\nEvery option --foo-bar may be given as UDPCP_FOO_BAR in the environment; the command line wins.\n"
      "Exit status: 0 all is there, 1 usage or a file of keys, 5 refused or not the known key, 10 network,\n"
      "11 files, 12 protocol, 20 interrupted, 23 some files failed, 24 some changed or vanished while being\n"
      "sent, 30 the other side fell silent or did not get on, 35 could not connect.\n",
      stdout);
}

bool options_begin(struct options *options, enum command command, int argc, char **argv) {
  int error = options_parse(options, command, argc, argv);
  options->status = error ? EXIT_USAGE : EXIT_DONE;
  if (error)
    say("%s (`udpcp %s --help` lists the options)", options->problem, command_name(command));
  else if (options->help)
    print_help(command);
  else if (options->version)
    puts("udpcp " UDPCP_VERSION);
  return !error && !options->help && !options->version;
}

size_t options_datagram_bytes(const struct options *options, bool is_ipv6) {
  return (size_t)options->mtu - (is_ipv6 ? IPV6_UDP_HEADERS : IPV4_UDP_HEADERS);
}
