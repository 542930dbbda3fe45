/* The options of both commands in one table: a row names an option, says whose it is, how it is explained,
 * and which function takes its value. A complaint is the end of one line, to be read after the option and the
 * quoted value. */
#include "option_rows.h"

#include <string.h>

#include "slow.h"
#include "units.h"

enum {
  BOTH = COMMAND_SEND | COMMAND_RECV,
  MTU_MIN = 1280, /* RFC 8200 section 5; a datagram of DATAGRAM_BYTES_MIN fits either family then */
  MTU_MAX = 65535,
  TIMEOUT_S_MAX = 86400,
  RATE_BYTES_PER_S_MIN = 1000,
};

static const char *take_port(struct options *options, const char *value) {
  uint64_t port;
  if (!number_parse(value, 0, 65535, &port))
    return options->command == COMMAND_RECV ? "is not a port, a number from 0 (any free one) to 65535"
                                            : "is not a port, a number from 1 to 65535";
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
  options->rate_bytes_per_s_max = UINT64_MAX; /* stays when it is no rate */
  const char *complaint = rate_parse(value, &options->rate_bytes_per_s_max);
  return options->rate_bytes_per_s_max < RATE_BYTES_PER_S_MIN ? "is too little: at least 1kB" : complaint;
}

static const char *take_min_rate(struct options *options, const char *value) {
  options->min_rate_bytes_per_s = 0;
  return strcmp(value, "0") == 0 ? NULL : rate_parse(value, &options->min_rate_bytes_per_s);
}

static const char *take_max_size(struct options *options, const char *value) {
  return size_parse(value, &options->bytes_max);
}

static const char *take_max_files(struct options *options, const char *value) {
  return number_parse(value, 1, UINT32_MAX, &options->files_max) ? NULL
                                                                 : "is not a number from 1 to 4294967295";
}

static const char *take_congestion(struct options *options, const char *value) {
  static const char *const names[] = {[CONGESTION_AUTO] = "auto",
                                      [CONGESTION_CUBIC] = "cubic",
                                      [CONGESTION_BBR] = "bbr",
                                      [CONGESTION_BACKGROUND] = "background"};
  for (int i = 0; i < 4; i++)
    if (strcmp(value, names[i]) == 0) {
      options->congestion = (enum congestion_kind)i;
      return NULL;
    }
  return "is not auto, cubic, bbr or background";
}

static const char *take_timeout(struct options *options, const char *value) {
  return number_parse(value, 1, TIMEOUT_S_MAX, &options->timeout_s)
             ? NULL
             : "is not a time: whole seconds from 1 to 86400";
}

static const char *take_mtu(struct options *options, const char *value) {
  return number_parse(value, MTU_MIN, MTU_MAX, &options->mtu) ? NULL : "is not a number from 1280 to 65535";
}

static const char *take_threads(struct options *options, const char *value) {
  uint64_t lanes = 0;
  bool is_auto = strcmp(value, "auto") == 0;
  if (!is_auto && !number_parse(value, 1, CREW_LANES_MAX, &lanes))
    return "is not auto or a number from 1 to 8";
  options->lanes = (unsigned)lanes;
  return NULL;
}

static const char *take_protect(struct options *options, const char *value) {
  static const struct {
    const char *name;
    uint64_t offered; /* a weaker one is used only when both ends offer it */
  } kinds[] = {{"aead", PROTECT_AEAD},
               {"mac", PROTECT_AEAD | PROTECT_MAC},
               {"checksum", PROTECT_AEAD | PROTECT_MAC | PROTECT_CHECKSUM}};
  for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++) {
    if (strcmp(kinds[i].name, value) != 0) continue;
    options->protection = kinds[i].offered;
    return NULL;
  }
  return "is not aead, mac or checksum";
}

static const char *take_psk_file(struct options *options, const char *value) {
  options->psk_file = value;
  return *value ? NULL : "names no file";
}

static const char *take_authorized(struct options *options, const char *value) {
  options->authorized = value;
  return *value ? NULL : "names no file";
}

static const char *take_trace(struct options *options, const char *value) {
  options->trace = value;
  if (strcmp(value, "-") == 0) return "is no file: a trace goes to a file only (./- would be one)";
  return *value ? NULL : "names no file";
}

/* A list that was typed replaces one from the environment. */
static const char *take_allow(struct options *options, const char *value) {
  static char complaint[ADMIT_COMPLAINT_BYTES];
  if (options->is_typed && !options->is_allow_typed) options->allowed.count = 0;
  options->is_allow_typed = options->is_typed;
  return admit_add(&options->allowed, value, complaint);
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

const struct row option_rows[] = {
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
    {"cc", 0, COMMAND_SEND, "NAME",
     "congestion control: auto, cubic, bbr, or background, which\n"
     "yields to all other traffic (auto: cubic within a LAN, bbr\n"
     "on longer paths and where losses come without a queue)",
     take_congestion, 0},
    {"timeout", 0, BOTH, "SEC",
     "silence after which the other side counts as gone (30);\n"
     "connecting gives up after 10 at the latest",
     take_timeout, 0},
    {"mtu", 0, BOTH, "N",
     "the largest IP packet of the path, 1280 to 65535 bytes\n"
     "(1500); a datagram carries 28 less on IPv4, 48 on IPv6",
     take_mtu, 0},
    {"psk-file", 0, BOTH, "FILE", "only who holds this key, on both sides (`udpcp keygen`)", take_psk_file,
     0},
    {"authorized", 0, COMMAND_RECV, "FILE",
     "only these senders: a line of `udpcp id` each (authorized\n"
     "in the config folder, where there is one)",
     take_authorized, 0},
    {"allow", 0, COMMAND_RECV, "CIDR",
     "only these addresses, in numbers: 10.0.0.0/8, fd00::/8,\n"
     "192.168.1.7; may be repeated (private networks)",
     take_allow, 0},
    {"strict", 0, COMMAND_SEND, NULL, "refuse a receiver whose key is not known yet", FLAG(strict)},
    {"protect", 0, BOTH, "KIND",
     "aead, or where both sides ask: mac (can be read on the\n"
     "way), checksum (can be read and altered) (aead)",
     take_protect, 0},
    {"threads", 0, BOTH, "N",
     "seal and open packets on so many threads, 1 to 8, or auto:\n"
     "up to 4, if there are processors for them (auto)",
     take_threads, 0},
    {"max-size", 0, COMMAND_RECV, "SIZE",
     "take at most this much in one session: 500MB, 10GiB;\n"
     "k, M, G or T with B or iB (no limit)",
     take_max_size, 0},
    {"max-files", 0, COMMAND_RECV, "N", "take at most so many files in one session (no limit)",
     take_max_files, 0},
    {"min-rate", 0, COMMAND_RECV, "RATE",
     "end a session that brings less than this a second over\n"
     "a minute, or less with a short --timeout; 0: never (100B)",
     take_min_rate, 0},
    {"no-sandbox", 0, COMMAND_RECV, NULL, "do not confine this process to DIR and to what it needs",
     FLAG(no_sandbox)},
    {"trace", 0, BOTH, "FILE",
     "write what the connection does to FILE, as qlog: sizes and\n"
     "times, no contents; an older trace is overwritten",
     take_trace, 0},
    {"ipv4", '4', BOTH, NULL, "IPv4 only", take_ipv4, 0},
    {"ipv6", '6', BOTH, NULL, "IPv6 only", take_ipv6, 0},
    {"dry-run", 'n', BOTH, NULL, "tell what would be done, change nothing", FLAG(dry_run)},
    {"quiet", 'q', BOTH, NULL, "say errors only", FLAG(quiet)},
    {"verbose", 'v', BOTH, NULL, "name each file as it is done; more about what limited it", FLAG(verbose)},
    {"help", 'h', BOTH, NULL, "print this text", FLAG(help)},
    {"version", 0, BOTH, NULL, "print the version", FLAG(version)},
};
_Static_assert(sizeof option_rows / sizeof option_rows[0] == OPTION_ROWS, "as many as are counted");
