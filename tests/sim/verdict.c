/* verdict: see verdict.h. */
#include "verdict.h"

#include <stdarg.h>
#include <stdio.h>

bool require(struct verdict *verdict, bool holds, const char *property, const char *format, ...) {
  if (holds || verdict->failed) return holds;
  verdict->failed = true;
  int size = snprintf(verdict->text, sizeof(verdict->text), "%s: ", property);
  if (size < 0 || (size_t)size >= sizeof(verdict->text)) return holds;
  va_list arguments;
  va_start(arguments, format);
  vsnprintf(verdict->text + size, sizeof(verdict->text) - (size_t)size, format, arguments);
  va_end(arguments);
  return holds;
}
