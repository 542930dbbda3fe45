/*
 * netlab: an emulated network link in user space, for kernels without netem and for users without rights.
 *
 * Packets come from TUN devices in two namespaces (bridge) or from UDP sockets (relay), pass a pure model of
 * each direction (link), and leave on the other side when the model says so. See --help.
 */
#include "bridge.h"
#include "options.h"
#include "relay.h"

#include <stdio.h>

static int run(const struct options *o, struct failure *f) {
  switch (o->mode) {
  case MODE_HELP:
    options_print_help(stdout);
    return 0;
  case MODE_CAN_NETNS:
    return bridge_try(o, f);
  case MODE_RELAY:
    return relay_run(o, f);
  case MODE_NAMESPACES:
    break;
  }
  return bridge_run(o, f);
}

int main(int argc, char **argv) {
  struct failure failure = {0};
  struct options options;
  int status = options_parse(&options, argc, argv, &failure);

  if (status == 0) status = run(&options, &failure);
  if (status >= 0) return status;
  fprintf(stderr, "netlab: %s\n", failure.text);
  return failure.exit_status;
}
