/* option_rows: every option there is, a row each. */
#ifndef CLI_OPTION_ROWS_H
#define CLI_OPTION_ROWS_H

#include <stddef.h>

#include "options.h"

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
enum { OPTION_ROWS = 27 };
extern const struct row option_rows[OPTION_ROWS];

#endif
