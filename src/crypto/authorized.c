/* authorized: the public keys of those who may send, one a line, edited by hand (proto/security.md).
 *
 * One bad line spoils the file: whoever mistyped a key shall hear of it, with its line, at once and not when
 * a sender is refused. A file without any key authorizes nobody, and never everybody: *list is not NULL
 * then. */
#include "key_files.h"
#include "key_text.h"
#include "private_file.h"

#include <stdlib.h>

static int read_lines(struct piece rest, struct believed *list, size_t *count, unsigned *line) {
  struct public_key key;
  struct piece text;
  for (*line = 1; piece_next_line(&rest, &text); ++*line) {
    if (piece_is_remark(text)) continue;
    if (*count == AUTHORIZED_MAX) return ERR_TOO_MUCH;
    if (public_key_read(&text, &key) < 0) return ERR_MALFORMED;
    believed_init(&list[(*count)++], &key);
  }
  *line = 0;
  return 0;
}

int authorized_parse(const char *text, size_t size, struct believed **list, size_t *count, unsigned *line) {
  *line = 0;
  *count = 0;
  *list = calloc(AUTHORIZED_MAX, sizeof(**list));
  if (!*list) return ERR_NO_MEMORY;
  int error = read_lines((struct piece){text, size}, *list, count, line);
  if (error) {
    free(*list);
    *list = NULL;
    *count = 0;
  }
  return error;
}

int authorized_read(const char *path, struct believed **list, size_t *count, unsigned *line) {
  char *text;
  size_t size;
  *list = NULL;
  *count = 0;
  *line = 0;
  int error = private_file_read(path, PRIVATE_LIST, &text, &size);
  if (error) return error;
  error = authorized_parse(text, size, list, count, line);
  private_free(text, size);
  return error;
}
