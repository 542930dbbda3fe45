/* The options of both commands in one table: a row names an option, says whose it is, how it is explained,
 * and which function takes its value. From the rows come getopt_long's tables, the help texts, and the
 * environment: --foo-bar may be given as UDPCP_FOO_BAR, read first so that the command line wins. Every
 * complaint is one line that names where the value came from. */
#include "options.h"

#include <getopt.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "say.h"
#include "text.h"
#include "units.h"

enum {
  BOTH = COMMAND_SEND | COMMAND_RECV,
  MTU_MIN = 1280, /* RFC 8200 section 5; a datagram of DATAGRAM_BYTES_MIN fits either family then */
  MTU_MAX = 65535,
  TIMEOUT_S_MAX = 86400,
  IPV4_UDP_HEADERS = 28,
  IPV6_UDP_HEADERS = 48,
  OPTION_NAME_BYTES = 32,
};

struct row {
  const char *name;
  char letter;
  int commands;         /* whose: bits of enum command */
  const char *argument; /* NULL: none */
  const char *help;
  /* NULL, or a complaint to be read after the quoted value. Without argument, `value` is NULL. */
  const char *(*take)(struct options *options, const char *value);
  size_t flag; /* when there is no `take`: the offset of the bool to set */
};

static const char *take_port(struct options *options, const char *value) {
  uint64_t port;
  if (!number_parse(value, 0, 65535, &port)) return "is not a port, a number from 1 to 65535";
  options->port = (uint16_t)port;
  return NULL;
}

static const char *take_listen(struct options *options, const char *value) {
  options->listen = value;
  return NULL;
}

static const char *take_overwrite(struct options *options, const char *value) {
  static const char *const names[] = {
      [OVERWRITE_NEVER] = "never", [OVERWRITE_CHANGED] = "changed", [OVERWRITE_ALWAYS] = "always"};
  for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
    if (strcmp(names[i], value) != 0) continue;
    options->overwrite = (enum overwrite)i;
    return NULL;
  }
  return "is not never, changed or always";
}

static const char *take_rate(struct options *options, const char *value) {
  return rate_parse(value, &options->rate_bytes_per_s_max);
}

static const char *take_congestion(struct options *options, const char *value) {
  if (strcmp(value, "bbr") == 0) return "is not built in yet: use auto or cubic";
  if (strcmp(value, "auto") != 0 && strcmp(value, "cubic") != 0) return "is not auto or cubic";
  options->congestion = *value == 'a' ? CONGESTION_AUTO : CONGESTION_CUBIC;
  return NULL;
}

static const char *take_timeout(struct options *options, const char *value) {
  return number_parse(value, 1, TIMEOUT_S_MAX, &options->timeout_s)
             ? NULL
             : "is not a time: whole seconds from 1 to 86400";
}

static const char *take_mtu(struct options *options, const char *value) {
  return number_parse(value, MTU_MIN, MTU_MAX, &options->mtu) ? NULL : "is not a number from 1280 to 65535";
}

static const char *take_protect(struct options *options, const char *value) {
  (void)options; /* checksum is what there is */
  if (strcmp(value, "checksum") == 0) return NULL;
  if (strcmp(value, "aead") == 0 || strcmp(value, "mac") == 0) return "is not built in yet: only checksum is";
  return "is not a kind of protection: only checksum is built in";
}

static const char *take_ipv4(struct options *options, const char *value) {
  (void)value;
  options->family = FAMILY_IPV4;
  return NULL;
}

static const char *take_ipv6(struct options *options, const char *value) {
  (void)value;
  options->family = FAMILY_IPV6;
  return NULL;
}

#define FLAG(member) NULL, offsetof(struct options, member)

static const struct row rows[] = {
    {"port", 'p', BOTH, "N", "UDP port of the receiver (4117)", take_port, 0},
    {"listen", 0, COMMAND_RECV, "ADDR", "receive on this address only (all)", take_listen, 0},
    {"once", 0, COMMAND_RECV, NULL, "leave after the first session, with its exit status", FLAG(once)},
    {"overwrite", 0, COMMAND_RECV, "WHEN",
     "replace a different file that is already there: never,\n"
     "changed (its size or time differs), always (never)",
     take_overwrite, 0},
    {"no-fsync", 0, COMMAND_RECV, NULL,
     "report files before the disk has them: faster, but a\n"
     "power cut may lose them",
     FLAG(no_fsync)},
    {"bwlimit", 0, COMMAND_SEND, "RATE",
     "send at most this much a second: 800Mbit, 10MB, 100MiB;\n"
     "k, M or G with bit or B, or KiB, MiB, GiB (no limit)",
     take_rate, 0},
    {"cc", 0, COMMAND_SEND, "NAME", "congestion control: auto or cubic (auto)", take_congestion, 0},
    {"timeout", 0, BOTH, "SEC",
     "silence after which the other side counts as gone (30);\n"
     "connecting gives up after 10 at the latest",
     take_timeout, 0},
    {"mtu", 0, BOTH, "N",
     "the largest IP packet of the path, 1280 to 65535 bytes\n"
     "(1500); a datagram carries 28 less on IPv4, 48 on IPv6",
     take_mtu, 0},
    {"protect", 0, BOTH, "KIND",
     "how what is sent is protected: checksum, which finds\n"
     "damage, hides nothing and stops no attacker (checksum)",
     take_protect, 0},
    {"ipv4", '4', BOTH, NULL, "IPv4 only", take_ipv4, 0},
    {"ipv6", '6', BOTH, NULL, "IPv6 only", take_ipv6, 0},
    {"dry-run", 'n', BOTH, NULL, "tell what would be done, change nothing", FLAG(dry_run)},
    {"quiet", 'q', BOTH, NULL, "say errors only", FLAG(quiet)},
    {"verbose", 'v', BOTH, NULL, "name each file as it is done", FLAG(verbose)},
    {"help", 'h', BOTH, NULL, "print this text", FLAG(help)},
    {"version", 0, BOTH, NULL, "print the version", FLAG(version)},
};
enum { ROWS = sizeof rows / sizeof rows[0], NAMED_ONLY = 256 };

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

static int read_environment(struct options *options) {
  for (size_t i = 0; i < ROWS; i++) {
    char name[OPTION_NAME_BYTES];
    if (!(rows[i].commands & (int)options->command) || is_question(&rows[i])) continue;
    environment_name(rows[i].name, name);
    const char *value = getenv(name);
    if (!value || !*value) continue;
    const char *complaint = NULL;
    if (rows[i].argument)
      complaint = take(options, &rows[i], value);
    else if (yes_or_no(value) < 0)
      complaint = "is not yes or no";
    else if (yes_or_no(value) == 1)
      complaint = take(options, &rows[i], NULL);
    if (complaint) return complain(options, name, value, complaint);
  }
  return 0;
}

/* Every row is known to getopt, also the other command's, so that its answer can say whose it is. */
static void build_tables(struct option table[ROWS + 1], char letters[2 * ROWS + 2]) {
  size_t used = 0;
  letters[used++] = ':'; /* complaints are ours */
  for (size_t i = 0; i < ROWS; i++) {
    table[i] = (struct option){rows[i].name, rows[i].argument ? required_argument : no_argument, NULL,
                               NAMED_ONLY + (int)i};
    if (!rows[i].letter) continue;
    letters[used++] = rows[i].letter;
    if (rows[i].argument) letters[used++] = ':';
  }
  letters[used] = 0;
  table[ROWS] = (struct option){NULL, 0, NULL, 0};
}

/* What getopt could not use; the culprit is a letter in optopt, a row in optopt, or the word before optind.
 */
static int complain_about_word(struct options *options, char **argv, bool lacks_argument) {
  char word[128], shown[256];
  if (optopt >= NAMED_ONLY)
    snprintf(word, sizeof word, "--%s", rows[optopt - NAMED_ONLY].name);
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
  if (found >= NAMED_ONLY) return &rows[found - NAMED_ONLY];
  for (size_t i = 0; i < ROWS; i++)
    if (rows[i].letter == found) return &rows[i];
  return NULL;
}

static int read_command_line(struct options *options, int argc, char **argv) {
  struct option table[ROWS + 1];
  char letters[2 * ROWS + 2];
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
                              .overwrite = OVERWRITE_NEVER};
  int environment_error = read_environment(options);
  int error = read_command_line(options, argc, argv);
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
          "stands in brackets: [fe80::1%eth0]:photos.\n\n",
          stdout);
  else
    fputs(
        "usage: udpcp recv [options] DIR\n\n"
        "Receives into the folder DIR whatever `udpcp send` sends here. A file gets its name only when it "
        "is\n"
        "whole, verified and on the disk. May send: this machine, its local links, and private networks.\n\n",
        stdout);
  for (size_t i = 0; i < ROWS; i++) {
    char left[OPTION_NAME_BYTES], letter[4] = "";
    if (!(rows[i].commands & (int)command)) continue;
    if (rows[i].letter) snprintf(letter, sizeof letter, "-%c,", rows[i].letter);
    snprintf(left, sizeof left, "%3s --%s%s%s", letter, rows[i].name, rows[i].argument ? " " : "",
             rows[i].argument ? rows[i].argument : "");
    const char *help = rows[i].help;
    for (const char *name = left; help; name = "") {
      size_t size = strcspn(help, "\n");
      printf("  %-21s %.*s\n", name, (int)size, help);
      help = help[size] ? help + size + 1 : NULL;
    }
  }
  fputs(
      "\nEvery option --foo-bar may be given as UDPCP_FOO_BAR in the environment; the command line wins.\n"
      "Exit status: 0 all is there, 1 usage, 5 refused, 10 network, 11 files, 12 protocol, 20 interrupted,\n"
      "23 some files failed, 24 some changed or vanished while being sent, 30 the other side fell silent,\n"
      "35 could not connect.\n",
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
