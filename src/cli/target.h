/* target: where `send` sends to, HOST[:SUBDIR]. */
#ifndef CLI_TARGET_H
#define CLI_TARGET_H

struct target {
  const char *host, *subfolder; /* subfolder NULL: none */
};

/* Cuts up `text` and points into it. NULL, or a complaint to be read after the quoted text. */
const char *target_parse(char *text, struct target *target);

#endif
