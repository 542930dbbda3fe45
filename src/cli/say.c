/* One place writes to stderr, because two kinds of text share it: lines that stay, and a status line that is
 * rewritten in place. A line that stays first wipes the status; the next status draws it anew. Each is handed
 * to the kernel in one write, so that two programs on one terminal do not mix within a line. */
#include "say.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#define WIPE "\r\033[K"

static bool status_is_shown;

static void write_line(const char *prefix, const char *format, va_list arguments) {
  static char line[32 * 1024]; /* the longest escaped name and what is said about it */
  size_t used = (size_t)snprintf(line, sizeof line, "%s%s", status_is_shown ? WIPE : "", prefix);
  int added = vsnprintf(line + used, sizeof line - used - 1, format, arguments);
  used += added < 0 ? 0 : (size_t)added;
  if (used > sizeof line - 2) used = sizeof line - 2;
  line[used++] = '\n';
  status_is_shown = false;
  fwrite(line, 1, used, stderr);
  fflush(stderr);
}

void say(const char *format, ...) {
  va_list arguments;
  va_start(arguments, format);
  write_line("udpcp: ", format, arguments);
  va_end(arguments);
}

void say_plain(const char *format, ...) {
  va_list arguments;
  va_start(arguments, format);
  write_line("", format, arguments);
  va_end(arguments);
}

void say_status(const char *line) {
  char text[1024];
  if (!line && !status_is_shown) return;
  int size = snprintf(text, sizeof text, WIPE "%s", line ? line : "");
  status_is_shown = line != NULL;
  fwrite(text, 1, size < (int)sizeof text ? (size_t)size : sizeof text - 1, stderr);
  fflush(stderr);
}

bool say_has_status(void) {
  const char *kind = getenv("TERM");
  return isatty(STDERR_FILENO) && kind && *kind && strcmp(kind, "dumb") != 0;
}

unsigned say_columns(void) {
  struct winsize size;
  return ioctl(STDERR_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col ? size.ws_col : 80;
}
