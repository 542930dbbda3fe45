/* One place writes to stderr, because two kinds of text share it: lines that stay, and a status line that is
 * rewritten in place. A line that stays first wipes the status; the next status draws it anew. Each is handed
 * to the kernel in one write, so that two programs on one terminal do not mix within a line.
 *
 * The event loop must not wait for whoever reads stderr: what cannot be written at once is kept, up to a
 * bound, and goes out with what is said next, or at the exit. */
#include "say.h"

#include <errno.h>
#include <poll.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "udpcp/io.h"

#define WIPE "\r\033[K"
#define LAST_FLUSH_NS (2 * NS_PER_S)

enum {
  PIECE_BYTES = 4096, /* PIPE_BUF: so much a pipe takes at once if it takes anything */
  WAITING_BYTES = 256 * 1024,
};

static bool status_is_shown;
/* Not yet written. What comes after a line that found no room is dropped too, until all of it is out. */
static char waiting[WAITING_BYTES];
static size_t waiting_size;
static unsigned long dropped_lines;

/* ---- what waits ---- */
/* True also for an error: the write then tells. */
static bool is_writable(int timeout_ms) {
  struct pollfd output = {.fd = STDERR_FILENO, .events = POLLOUT};
  return poll(&output, 1, timeout_ms) > 0;
}

static void write_waiting(uint64_t deadline_ns) {
  size_t written = 0;
  while (written < waiting_size) {
    uint64_t now_ns = deadline_ns ? clock_now_ns() : 0;
    if (!is_writable(now_ns < deadline_ns ? (int)((deadline_ns - now_ns) / NS_PER_MS) : 0)) break;
    size_t left = waiting_size - written;
    ssize_t got = write(STDERR_FILENO, waiting + written, left < PIECE_BYTES ? left : PIECE_BYTES);
    if (got < 0 && (errno == EAGAIN || errno == EINTR)) break;
    written = got < 0 ? waiting_size : written + (size_t)got; /* nobody can be told: forget it */
  }
  waiting_size -= written;
  if (written > 0) memmove(waiting, waiting + written, waiting_size);
}

/* Writes what can be written by then; a deadline of 0: at once. */
static void flush(uint64_t deadline_ns) {
  write_waiting(deadline_ns);
  if (waiting_size > 0 || dropped_lines == 0) return;
  waiting_size = (size_t)snprintf(waiting, sizeof waiting, "udpcp: %lu line%s not shown\n", dropped_lines,
                                  dropped_lines == 1 ? " was" : "s were");
  dropped_lines = 0;
  write_waiting(deadline_ns);
}

static void flush_at_exit(void) { flush(clock_now_ns() + LAST_FLUSH_NS); }

/* False: there is no room. */
static bool put(const char *text, size_t size) {
  static bool is_registered;
  if (!is_registered) is_registered = atexit(flush_at_exit) == 0;
  flush(0);
  if (dropped_lines > 0 || size > sizeof waiting - waiting_size) return false;
  memcpy(waiting + waiting_size, text, size);
  waiting_size += size;
  flush(0);
  return true;
}

/* ---- what is said ---- */

static void write_line(const char *prefix, const char *format, va_list arguments) {
  static char line[32 * 1024]; /* the longest escaped name and what is said about it */
  size_t used = (size_t)snprintf(line, sizeof line, "%s%s", status_is_shown ? WIPE : "", prefix);
  int added = vsnprintf(line + used, sizeof line - used - 1, format, arguments);
  used += added < 0 ? 0 : (size_t)added;
  if (used > sizeof line - 2) used = sizeof line - 2;
  line[used++] = '\n';
  status_is_shown = false;
  if (!put(line, used)) dropped_lines++;
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
  flush(0);
  if (line && (waiting_size > 0 || !is_writable(0))) return; /* it would be old when it is seen */
  int size = snprintf(text, sizeof text, WIPE "%s", line ? line : "");
  status_is_shown = line != NULL;
  put(text, size < (int)sizeof text ? (size_t)size : sizeof text - 1);
}

bool say_has_status(void) {
  const char *kind = getenv("TERM");
  return isatty(STDERR_FILENO) && kind && *kind && strcmp(kind, "dumb") != 0;
}

unsigned say_columns(void) {
  struct winsize size;
  return ioctl(STDERR_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col ? size.ws_col : 80;
}
