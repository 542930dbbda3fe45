/* authorized: the public keys of those who may send, one a line, edited by hand (proto/security.md).
 *
 * One bad line spoils the file: whoever mistyped a key shall hear of it, with its line, at once and not when
 * a sender is refused. A file without any key authorizes nobody, and never everybody: *keys is not NULL
 * then. */
#include "key_files.h"
#include "key_text.h"
#include "private_file.h"

#include <stdlib.h>

static int read_lines(struct piece rest, struct public_key *keys, size_t *count, unsigned *line) {
  struct piece text;
  for (*line = 1; piece_next_line(&rest, &text); ++*line) {
    if (piece_is_remark(text)) continue;
    if (*count == AUTHORIZED_MAX) return ERR_TOO_MUCH;
    if (public_key_read(&text, &keys[*count]) < 0) return ERR_MALFORMED;
    ++*count;
  }
  *line = 0;
  return 0;
}

int authorized_parse(const char *text, size_t size, struct public_key **keys, size_t *count, unsigned *line) {
  *line = 0;
  *count = 0;
  *keys = calloc(AUTHORIZED_MAX, sizeof(**keys));
  if (!*keys) return ERR_NO_MEMORY;
  int error = read_lines((struct piece){text, size}, *keys, count, line);
  if (error) {
    free(*keys);
    *keys = NULL;
    *count = 0;
  }
  return error;
}

int authorized_read(const char *path, struct public_key **keys, size_t *count, unsigned *line) {
  char *text;
  size_t size;
  *keys = NULL;
  *count = 0;
  *line = 0;
  int error = private_file_read(path, PRIVATE_LIST, &text, &size);
  if (error) return error;
  error = authorized_parse(text, size, keys, count, line);
  private_free(text, size);
  return error;
}
