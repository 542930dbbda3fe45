/* udpcp: the program. A table of commands; everything else is theirs. */
#include <stdio.h>
#include <string.h>

#include "command.h"
#include "options.h"
#include "say.h"
#include "secrets.h"
#include "text.h"

static const struct {
  const char *name;
  int (*run)(int argc, char **argv); /* argv[0] is the command's name; returns the exit status */
  const char *usage, *help;
} commands[] = {
    {"send", command_send, "udpcp send [options] PATH... HOST[:SUBDIR]", "send files and whole trees"},
    {"recv", command_recv, "udpcp recv [options] DIR", "receive them into a folder"},
    {"keygen", command_keygen, "udpcp keygen [FILE]", "make a key for both sides to share"},
    {"id", command_id, "udpcp id", "show this machine's public key"},
};
enum { COMMANDS = sizeof commands / sizeof commands[0] };

static int help(void) {
  puts("udpcp copies files and trees between machines over UDP, fast and whole.\n");
  for (size_t i = 0; i < COMMANDS; i++)
    printf("  %-44s %s\n", commands[i].usage, commands[i].help);
  puts("\n`udpcp COMMAND --help` tells the options of a command.");
  return EXIT_DONE;
}

static int version(void) {
  puts("udpcp " UDPCP_VERSION);
  return EXIT_DONE;
}

int main(int argc, char **argv) {
  secrets_guard();
  if (argc < 2) {
    say("what shall be done? `udpcp send` or `udpcp recv`; `udpcp --help` tells more");
    return EXIT_USAGE;
  }
  for (size_t i = 0; i < COMMANDS; i++)
    if (strcmp(argv[1], commands[i].name) == 0) return commands[i].run(argc - 1, argv + 1);
  if (strcmp(argv[1], "-h") == 0 || strcmp(argv[1], "--help") == 0) return help();
  if (strcmp(argv[1], "--version") == 0) return version();
  char shown[256];
  text_escape((const unsigned char *)argv[1], strlen(argv[1]), shown, sizeof shown);
  say("'%s' is not a command: send, recv, keygen and id are; `udpcp --help` tells more", shown);
  return EXIT_USAGE;
}
