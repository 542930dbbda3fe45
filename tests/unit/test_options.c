/* options: the command line, the environment under it, and a complaint that names the culprit. */
#include "cli/options.h"
#include "unit.h"

#include <stdlib.h>

enum { WORDS_MAX = 16 };

/* Parses up to WORDS_MAX words, NULL-terminated, as the arguments of a command. */
static int parse(struct options *options, enum command command, const char *const *words) {
  static char copies[WORDS_MAX][64];
  static char *argv[WORDS_MAX + 2];
  int argc = 0;
  argv[argc++] = (char[]){"udpcp"};
  for (; words[argc - 1]; argc++) {
    snprintf(copies[argc], sizeof copies[argc], "%s", words[argc - 1]);
    argv[argc] = copies[argc];
  }
  argv[argc] = NULL;
  return options_parse(options, command, argc, argv);
}
#define SEND(...) parse(&options, COMMAND_SEND, (const char *const[]){__VA_ARGS__, NULL})
#define RECV(...) parse(&options, COMMAND_RECV, (const char *const[]){__VA_ARGS__, NULL})

static void defaults_are_as_documented(void) {
  struct options options;
  CU_ASSERT_EQUAL(RECV("dir"), 0);
  CU_ASSERT_EQUAL(options.port, 4117);
  CU_ASSERT_EQUAL(options.timeout_s, 30);
  CU_ASSERT_EQUAL(options.mtu, 1500);
  CU_ASSERT_EQUAL(options.overwrite, OVERWRITE_NEVER);
  CU_ASSERT_EQUAL(options.family, FAMILY_ANY);
  CU_ASSERT_EQUAL(options.rate_bytes_per_s_max, 0);
  CU_ASSERT_FALSE(options.once || options.no_fsync || options.dry_run || options.quiet || options.verbose);
  CU_ASSERT_FALSE(options.strict || options.no_sandbox);
  CU_ASSERT_PTR_NULL(options.listen);
  CU_ASSERT_PTR_NULL(options.psk_file);
  CU_ASSERT_PTR_NULL(options.authorized);
  CU_ASSERT_EQUAL(options.allowed.count, 0);
  CU_ASSERT_EQUAL(options.protection, PROTECT_AEAD);
  CU_ASSERT_EQUAL(options.bytes_max, 0);
  CU_ASSERT_EQUAL(options.files_max, 0);
  CU_ASSERT_EQUAL(options.min_rate_bytes_per_s, 100);
  CU_ASSERT_EQUAL(options.argument_count, 1);
  CU_ASSERT_STRING_EQUAL(options.arguments[0], "dir");
}

static void options_stand_anywhere_before_two_dashes(void) {
  struct options options;
  CU_ASSERT_EQUAL(SEND("a", "-p", "99", "b", "--mtu=9000", "host", "-nv"), 0);
  CU_ASSERT_EQUAL(options.port, 99);
  CU_ASSERT_EQUAL(options.mtu, 9000);
  CU_ASSERT_TRUE(options.dry_run && options.verbose);
  CU_ASSERT_EQUAL(options.argument_count, 3);
  CU_ASSERT_STRING_EQUAL(options.arguments[0], "a");
  CU_ASSERT_STRING_EQUAL(options.arguments[2], "host");
  CU_ASSERT_EQUAL(SEND("-q", "--", "-v", "--once", "host"), 0);
  CU_ASSERT_TRUE(options.quiet);
  CU_ASSERT_FALSE(options.verbose);
  CU_ASSERT_EQUAL(options.argument_count, 3);
  CU_ASSERT_STRING_EQUAL(options.arguments[0], "-v");
}

static void every_value_lands_in_its_place(void) {
  struct options options;
  CU_ASSERT_EQUAL(RECV("--listen", "::1", "--once", "--overwrite", "changed", "--no-fsync", "--timeout", "7",
                       "-6", "--protect", "checksum", "d"),
                  0);
  CU_ASSERT_STRING_EQUAL(options.listen, "::1");
  CU_ASSERT_TRUE(options.once && options.no_fsync);
  CU_ASSERT_EQUAL(options.overwrite, OVERWRITE_CHANGED);
  CU_ASSERT_EQUAL(options.timeout_s, 7);
  CU_ASSERT_EQUAL(options.family, FAMILY_IPV6);
  CU_ASSERT_EQUAL(RECV("--overwrite=always", "-p0", "d"), 0);
  CU_ASSERT_EQUAL(options.overwrite, OVERWRITE_ALWAYS);
  CU_ASSERT_EQUAL(options.port, 0);
  CU_ASSERT_EQUAL(SEND("--bwlimit", "800Mbit", "--cc", "cubic", "-4", "f", "h"), 0);
  CU_ASSERT_EQUAL(options.rate_bytes_per_s_max, 100000000);
  CU_ASSERT_EQUAL(options.congestion, CONGESTION_CUBIC);
  CU_ASSERT_EQUAL(options.family, FAMILY_IPV4);
  CU_ASSERT_EQUAL(options.lanes, 0);
  CU_ASSERT_EQUAL(SEND("--threads", "8", "f", "h"), 0);
  CU_ASSERT_EQUAL(options.lanes, 8);
  CU_ASSERT_EQUAL(RECV("--threads=4", "--threads", "auto", "d"), 0);
  CU_ASSERT_EQUAL(options.lanes, 0);
}

static void security_options_land_in_their_places(void) {
  struct options options;
  CU_ASSERT_EQUAL(RECV("--psk-file", "k", "--authorized=l", "--max-size", "10GiB", "--max-files", "7",
                       "--min-rate", "1kB", "--no-sandbox", "--protect", "mac", "d"),
                  0);
  CU_ASSERT_STRING_EQUAL(options.psk_file, "k");
  CU_ASSERT_STRING_EQUAL(options.authorized, "l");
  CU_ASSERT_EQUAL(options.bytes_max, 10ull << 30);
  CU_ASSERT_EQUAL(options.files_max, 7);
  CU_ASSERT_EQUAL(options.min_rate_bytes_per_s, 1000);
  CU_ASSERT_TRUE(options.no_sandbox);
  CU_ASSERT_EQUAL(options.protection, PROTECT_AEAD | PROTECT_MAC);
  CU_ASSERT_EQUAL(RECV("--min-rate", "0", "d"), 0);
  CU_ASSERT_EQUAL(options.min_rate_bytes_per_s, 0);
  CU_ASSERT_EQUAL(SEND("--strict", "--protect", "checksum", "f", "h"), 0);
  CU_ASSERT_TRUE(options.strict);
  CU_ASSERT_EQUAL(options.protection, PROTECT_AEAD | PROTECT_MAC | PROTECT_CHECKSUM);
  CU_ASSERT_EQUAL(SEND("--protect", "checksum", "--protect", "aead", "f", "h"), 0);
  CU_ASSERT_EQUAL(options.protection, PROTECT_AEAD);
}

/* Several add up; what was typed replaces what the environment says. */
static void allow_is_a_list(void) {
  struct options options;
  CU_ASSERT_EQUAL(RECV("--allow", "10.0.0.0/8", "--allow", "::1,192.0.2.1", "d"), 0);
  CU_ASSERT_EQUAL(options.allowed.count, 3);
  setenv("UDPCP_ALLOW", "10.0.0.0/8, 192.168.0.0/16", 1);
  CU_ASSERT_EQUAL(RECV("d"), 0);
  CU_ASSERT_EQUAL(options.allowed.count, 2);
  CU_ASSERT_EQUAL(RECV("--allow", "::1", "d"), 0);
  CU_ASSERT_EQUAL(options.allowed.count, 1);
  CU_ASSERT_EQUAL(RECV("--allow", "::1", "--allow", "::2", "d"), 0);
  CU_ASSERT_EQUAL(options.allowed.count, 2);
  setenv("UDPCP_ALLOW", "somewhere", 1);
  CU_ASSERT_EQUAL(RECV("d"), ERR_MALFORMED);
  CU_ASSERT_NSTRING_EQUAL(options.problem, "UDPCP_ALLOW: 'somewhere' is no network in numbers", 49);
  unsetenv("UDPCP_ALLOW");
}

static void complaints_name_option_and_value(void) {
  static const struct {
    enum command command;
    const char *words[4];
    const char *problem; /* its beginning */
  } examples[] = {
      {COMMAND_SEND, {"--mtu", "1279"}, "--mtu: '1279' is not a number from 1280 to 65535"},
      {COMMAND_SEND, {"--mtu=65536"}, "--mtu: '65536' is not"},
      {COMMAND_SEND, {"-p", "65536"}, "--port: '65536' is not a port, a number from 1 to"},
      {COMMAND_RECV, {"-p", "65536"}, "--port: '65536' is not a port, a number from 0 (any free one) to"},
      {COMMAND_SEND, {"-pssh"}, "--port: 'ssh' is not a port"},
      {COMMAND_SEND, {"--timeout", "0"}, "--timeout: '0' is not a time"},
      {COMMAND_SEND, {"--bwlimit", "800"}, "--bwlimit: '800' does not say bits or bytes"},
      {COMMAND_SEND, {"--cc", "bbr2"}, "--cc: 'bbr2' is not auto, cubic, bbr or background"},
      {COMMAND_SEND, {"--cc", "reno"}, "--cc: 'reno' is not auto, cubic, bbr or background"},
      {COMMAND_SEND, {"--bwlimit", "999B"}, "--bwlimit: '999B' is too little: at least 1kB"},
      {COMMAND_SEND, {"--bwlimit", "0B"}, "--bwlimit: '0B' is too little: at least 1kB"},
      {COMMAND_SEND, {"--bwlimit", "8001Gbit"}, "--bwlimit: '8001Gbit' is too large"},
      {COMMAND_SEND,
       {"--bwlimit", "99999999999999999999Gbit"},
       "--bwlimit: '99999999999999999999Gbit' is too large"},
      {COMMAND_SEND, {"--protect", "none"}, "--protect: 'none' is not aead, mac or checksum"},
      {COMMAND_SEND, {"--threads", "0"}, "--threads: '0' is not auto or a number from 1 to 8"},
      {COMMAND_RECV, {"--threads", "9"}, "--threads: '9' is not auto or a number from 1 to 8"},
      {COMMAND_RECV, {"--protect", ""}, "--protect: '' is not aead, mac or checksum"},
      {COMMAND_RECV,
       {"--allow", "10.1.2.3/8"},
       "--allow: '10.1.2.3/8' has bits set behind its prefix: the "
       "network is 10.0.0.0/8"},
      {COMMAND_RECV, {"--allow="}, "--allow: '' is no network in numbers"},
      {COMMAND_RECV, {"--psk-file="}, "--psk-file: '' names no file"},
      {COMMAND_RECV, {"--authorized="}, "--authorized: '' names no file"},
      {COMMAND_RECV, {"--max-size", "100"}, "--max-size: '100' does not say its unit"},
      {COMMAND_RECV, {"--max-files", "0"}, "--max-files: '0' is not a number from 1"},
      {COMMAND_RECV, {"--min-rate", "100"}, "--min-rate: '100' does not say bits or bytes"},
      {COMMAND_SEND, {"--allow", "::1"}, "--allow is an option of `udpcp recv`, not of send"},
      {COMMAND_RECV, {"--strict"}, "--strict is an option of `udpcp send`, not of recv"},
      {COMMAND_RECV, {"--overwrite", "yes"}, "--overwrite: 'yes' is not never, changed or always"},
      {COMMAND_RECV, {"--bwlimit", "1MB"}, "--bwlimit is an option of `udpcp send`, not of recv"},
      {COMMAND_SEND, {"--once"}, "--once is an option of `udpcp recv`, not of send"},
      {COMMAND_SEND, {"--mtu"}, "--mtu needs a value"},
      {COMMAND_SEND, {"-p"}, "-p needs a value"},
      {COMMAND_SEND, {"--quiet=1"}, "--quiet takes no value"},
      {COMMAND_SEND, {"--frob"}, "--frob is not a known option"},
      {COMMAND_SEND, {"-vz"}, "-z is not a known option"},
      {COMMAND_SEND, {"--ver"}, "--ver is not a known option, or not a clear one"},
      {COMMAND_RECV, {"--overwrite", "\x1b[2J"}, "--overwrite: '\\x1b[2J' is not"},
  };
  struct options options;
  for (size_t i = 0; i < sizeof examples / sizeof examples[0]; i++) {
    CU_ASSERT_EQUAL(parse(&options, examples[i].command, examples[i].words), ERR_MALFORMED);
    CU_ASSERT_NSTRING_EQUAL(options.problem, examples[i].problem, strlen(examples[i].problem));
  }
}

static void the_environment_counts_below_the_command_line(void) {
  struct options options;
  setenv("UDPCP_PORT", "5000", 1);
  setenv("UDPCP_NO_FSYNC", "yes", 1);
  setenv("UDPCP_QUIET", "0", 1);
  setenv("UDPCP_BWLIMIT", "nonsense", 1); /* not of this command */
  setenv("UDPCP_TIMEOUT", "", 1);
  CU_ASSERT_EQUAL(RECV("d"), 0);
  CU_ASSERT_EQUAL(options.port, 5000);
  CU_ASSERT_TRUE(options.no_fsync);
  CU_ASSERT_FALSE(options.quiet);
  CU_ASSERT_EQUAL(options.timeout_s, 30);
  CU_ASSERT_EQUAL(RECV("d", "--port", "6000"), 0);
  CU_ASSERT_EQUAL(options.port, 6000);
  CU_ASSERT_EQUAL(SEND("f", "h"), ERR_MALFORMED);
  CU_ASSERT_STRING_EQUAL(options.problem,
                         "UDPCP_BWLIMIT: 'nonsense' is not a rate: write it like 800Mbit or 100MB");
  setenv("UDPCP_NO_FSYNC", "perhaps", 1);
  CU_ASSERT_EQUAL(RECV("d"), ERR_MALFORMED);
  CU_ASSERT_STRING_EQUAL(options.problem, "UDPCP_NO_FSYNC: 'perhaps' is not yes or no");
  CU_ASSERT_EQUAL(RECV("--help"), 0); /* help comes in any case */
  CU_ASSERT_TRUE(options.help);
  CU_ASSERT_EQUAL(RECV("--frob"), ERR_MALFORMED);
  CU_ASSERT_NSTRING_EQUAL(options.problem, "--frob", 6);
  static const char *const names[] = {"UDPCP_PORT", "UDPCP_NO_FSYNC", "UDPCP_QUIET", "UDPCP_BWLIMIT",
                                      "UDPCP_TIMEOUT"};
  for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
    unsetenv(names[i]);
}

/* Each of the two ways to say who may send excludes the other: what is typed takes its place. */
static void what_is_typed_says_who_may_send(void) {
  struct options options;
  setenv("UDPCP_PSK_FILE", "k", 1);
  CU_ASSERT(RECV("d") == 0 && options.psk_file && !options.authorized);
  CU_ASSERT(RECV("--authorized", "list", "d") == 0 && options.authorized && !options.psk_file);
  CU_ASSERT(RECV("--authorized", "list", "--psk-file", "k", "d") == 0);
  CU_ASSERT(options.authorized && options.psk_file); /* a contradiction, for others to judge */
  unsetenv("UDPCP_PSK_FILE");
  setenv("UDPCP_AUTHORIZED", "list", 1);
  CU_ASSERT(RECV("--psk-file", "k", "d") == 0 && options.psk_file && !options.authorized);
  unsetenv("UDPCP_AUTHORIZED");
}

/* As when another variable was to fill it and is not set. */
static void an_empty_variable_opens_nothing(void) {
  static const char *const names[] = {"UDPCP_PSK_FILE", "UDPCP_AUTHORIZED", "UDPCP_ALLOW"};
  struct options options;
  for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
    setenv(names[i], "", 1);
    CU_ASSERT_EQUAL(RECV("d"), ERR_MALFORMED);
    CU_ASSERT_NSTRING_EQUAL(options.problem, names[i], strlen(names[i]));
    unsetenv(names[i]);
  }
  setenv("UDPCP_STRICT", "", 1);
  CU_ASSERT_EQUAL(SEND("f", "h"), ERR_MALFORMED);
  CU_ASSERT_EQUAL(RECV("d"), 0); /* not of this command */
  unsetenv("UDPCP_STRICT");
}

static void a_datagram_is_the_path_less_its_headers(void) {
  struct options options;
  CU_ASSERT_EQUAL(SEND("f", "h"), 0);
  CU_ASSERT_EQUAL(options_datagram_bytes(&options, false), DATAGRAM_BYTES_IPV4);
  CU_ASSERT_EQUAL(options_datagram_bytes(&options, true), DATAGRAM_BYTES_IPV6);
  CU_ASSERT_EQUAL(SEND("--mtu", "1280", "f", "h"), 0);
  CU_ASSERT(options_datagram_bytes(&options, true) >= DATAGRAM_BYTES_MIN);
  CU_ASSERT_EQUAL(SEND("--mtu", "65535", "f", "h"), 0);
  CU_ASSERT_EQUAL(options_datagram_bytes(&options, false), DATAGRAM_BYTES_MAX);
}

UNIT_MAIN(UNIT_CASE(defaults_are_as_documented), UNIT_CASE(options_stand_anywhere_before_two_dashes),
          UNIT_CASE(every_value_lands_in_its_place), UNIT_CASE(security_options_land_in_their_places),
          UNIT_CASE(allow_is_a_list), UNIT_CASE(complaints_name_option_and_value),
          UNIT_CASE(the_environment_counts_below_the_command_line),
          UNIT_CASE(what_is_typed_says_who_may_send), UNIT_CASE(an_empty_variable_opens_nothing),
          UNIT_CASE(a_datagram_is_the_path_less_its_headers))
