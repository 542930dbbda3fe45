/* options: what may stand on the command line of each command, from one table. */
#ifndef CLI_OPTIONS_H
#define CLI_OPTIONS_H

#include "admit.h"
#include "command.h"
#include "udpcp/fs.h"
#include "udpcp/io.h"
#include "udpcp/transport.h"

#define UDPCP_VERSION "0.1"

enum command { COMMAND_SEND = 1, COMMAND_RECV = 2 };

enum { PORT_DEFAULT = 4117, TIMEOUT_S_DEFAULT = 30, MTU_DEFAULT = 1500, PROBLEM_BYTES = 512 };

struct options {
  enum command command;
  uint16_t port;
  const char *listen; /* NULL: all addresses */
  bool once, no_fsync, dry_run, quiet, verbose, help, version;
  enum overwrite overwrite;
  uint64_t timeout_s;
  uint64_t rate_bytes_per_s_max; /* 0: no limit */
  unsigned lanes;                /* --threads; 0: as many as the machine has for it */
  uint64_t mtu;                  /* of the path, IP header included */
  enum congestion_kind congestion;
  enum family family;
  const char *psk_file, *authorized, *trace; /* NULL: not given */
  struct admit allowed;                      /* none: not given */
  uint64_t protection;                       /* suites offered, bits of enum protection_suite */
  uint64_t bytes_max, files_max;             /* of one session, 0: no limit */
  uint64_t min_rate_bytes_per_s;             /* 0: none */
  bool strict, no_sandbox;
  bool is_typed, is_allow_typed; /* while parsing: past the environment; so was --allow */
  char **arguments;              /* what is no option, in order */
  int argument_count;
  char problem[PROBLEM_BYTES]; /* one line, when parsing failed */
  enum exit_status status;     /* when there is nothing more to do */
};

/* Reads the environment, then the command line (argv[0] is the command's name; argv is put in another order).
 * 0, or ERR_MALFORMED with options->problem. With help or version asked for, the rest is not judged. */
int options_parse(struct options *options, enum command command, int argc, char **argv);
/* The same, and does what is to be done at once: prints help, version or the problem. False: leave with
 * ->status. */
bool options_begin(struct options *options, enum command command, int argc, char **argv);
/* The largest UDP payload for one family (RFC 791, RFC 8200: headers of 20 and 40 bytes, and 8 of UDP). */
size_t options_datagram_bytes(const struct options *options, bool is_ipv6);

#endif
