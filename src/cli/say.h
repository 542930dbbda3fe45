/* say: what a person is told, on stderr: lasting lines, and one status line that is rewritten in place.
 * Nothing here waits for whoever reads it; what was not read by the exit is waited for 2 s there. */
#ifndef CLI_SAY_H
#define CLI_SAY_H

#include <stdbool.h>

/* Prints `udpcp: ` and one line, past the status line if one is shown. */
void say(const char *format, ...) __attribute__((format(printf, 1, 2)));
/* The same without `udpcp: `: for lists of files. */
void say_plain(const char *format, ...) __attribute__((format(printf, 1, 2)));
/* Shows `line` in place of the last status line; NULL takes it away. Cut by the caller to say_columns(). */
void say_status(const char *line);
/* stderr is a terminal that can rewrite a line. */
bool say_has_status(void);
unsigned say_columns(void);

#endif
