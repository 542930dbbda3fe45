/* How a failure travels up to main, see failure.h. */
#include "failure.h"

#include <assert.h>
#include <stdarg.h>
#include <stdio.h>

int failure_set(struct failure *f, int exit_status, const char *format, ...) {
  va_list arguments;

  assert(f != NULL);
  assert(exit_status != 0 && "a failure has a status of its own");
  f->exit_status = exit_status;
  va_start(arguments, format);
  vsnprintf(f->text, sizeof(f->text), format, arguments);
  va_end(arguments);
  return -1;
}
