/* What the command line says, checked and with all defaults filled in. */
#ifndef NETLAB_OPTIONS_H
#define NETLAB_OPTIONS_H

#include "failure.h"
#include "link.h"

#include <stdio.h>

enum { OPTIONS_REBINDS_MAX = 16 };

/* A direction is named after where it comes from and goes to; the relay's A is the server, B its clients. */
enum direction { DIRECTION_AB, DIRECTION_BA, DIRECTIONS };

enum mode { MODE_NAMESPACES, MODE_RELAY, MODE_CAN_NETNS, MODE_HELP };

struct options {
  enum mode mode;
  struct link_config link[DIRECTIONS];
  uint64_t seed;
  int has_stats;
  int has_flows; /* namespaces only */
  /* Namespaces */
  char **command_a; /* each ends with NULL */
  char **command_b; /* in relay mode the only command, or NULL */
  uint32_t device_mtu;
  uint64_t delay_b_ns;
  int stops_a_after_b;
  const char *pcap_path; /* NULL: none */
  uint32_t snap_bytes;
  /* Relay */
  uint16_t listen_port; /* 0: any */
  char server_host[256];
  char server_port[6];
  uint64_t rebinds_ns[OPTIONS_REBINDS_MAX]; /* ascending */
  size_t rebind_count;
};

/* Returns 0, or -1 with the failure described. Ends one command's argv with NULL in place of a `--`. */
int options_parse(struct options *o, int argc, char **argv, struct failure *f);

void options_print_help(FILE *out);

#endif
