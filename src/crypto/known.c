/* known: the keys of receivers met before, so that a receiver who is suddenly another is noticed
 * (proto/security.md).
 *
 * The first line with a receiver's name decides. A line that cannot be read ends the search with an error,
 * since it may be the one that would have said that a key has changed. Empty lines and those that begin with
 * # count for nothing.
 *
 * A host that could not stand in a line by itself - with spaces, control characters, brackets or # - has the
 * empty name, which is refused with ERR_BAD_NAME: no such host can be reached either. Bytes beyond ASCII stay
 * as they are, and so does the zone of an IPv6 address, where upper and lower case are different networks. */
#include "key_files.h"
#include "key_text.h"
#include "private_file.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

enum { READ_TRIES_MAX = 100, LINE_BYTES_MAX = KNOWN_NAME_BYTES + PUBLIC_KEY_TEXT_BYTES + 4 };

static char lower(char c) { return c >= 'A' && c <= 'Z' ? (char)(c - 'A' + 'a') : c; }

static bool is_control(char c) { return (unsigned char)c <= ' ' || c == 0x7f; }

void known_name(const char *host, uint16_t port, uint16_t usual_port, char name[KNOWN_NAME_BYTES]) {
  char written[KNOWN_NAME_BYTES];
  size_t size = 0;
  bool in_zone = false, fits = true;
  for (; host[size] != '\0' && fits; size++) {
    char c = host[size];
    in_zone = in_zone || c == '%';
    fits = size + 1 < sizeof(written) && !is_control(c) && c != '[' && c != ']' && c != '#';
    if (fits) written[size] = in_zone ? c : lower(c);
  }
  name[0] = '\0';
  if (size == 0 || !fits) return;
  int length = port == usual_port
                   ? snprintf(name, KNOWN_NAME_BYTES, "%.*s", (int)size, written)
                   : snprintf(name, KNOWN_NAME_BYTES, "[%.*s]:%u", (int)size, written, (unsigned)port);
  if (length >= KNOWN_NAME_BYTES) name[0] = '\0';
}

/* As known_name may have written it; what a list can hold in one field. */
static bool is_name(struct piece name) {
  if (name.size == 0 || name.size >= KNOWN_NAME_BYTES || *name.at == '#') return false;
  for (size_t i = 0; i < name.size; i++)
    if (is_control(name.at[i])) return false;
  return true;
}

static bool same_name(struct piece found, struct piece name) {
  bool in_zone = false;
  if (found.size != name.size) return false;
  for (size_t i = 0; i < name.size; i++) {
    in_zone = in_zone || name.at[i] == '%';
    if (found.at[i] != name.at[i] && (in_zone || lower(found.at[i]) != lower(name.at[i]))) return false;
  }
  return true;
}

int known_find(const char *text, size_t size, const char *name, const struct public_key *key,
               unsigned *line) {
  struct piece rest = {text, size}, one, found, more;
  struct piece wanted = {name, strlen(name)};
  for (*line = 1; piece_next_line(&rest, &one); ++*line) {
    struct public_key there;
    if (piece_is_remark(one)) continue;
    if (!piece_next_field(&one, &found) || !is_name(found)) return ERR_MALFORMED;
    if (public_key_read(&one, &there) < 0 || piece_next_field(&one, &more)) return ERR_MALFORMED;
    if (same_name(found, wanted)) return public_key_equal(&there, key) ? KNOWN_SAME : KNOWN_CHANGED;
  }
  *line = 0;
  return KNOWN_NEW;
}

/* Another process may add a line between the look at the size and the read. */
static int read_list(const char *path, char **text, size_t *size) {
  int error;
  for (unsigned tries = 0; (error = private_file_read(path, PRIVATE_LIST, text, size)) == ERR_CHANGED;)
    if (++tries == READ_TRIES_MAX) break;
  return error;
}

int known_check(const char *path, const char *name, const struct public_key *key, unsigned *line) {
  char *text;
  size_t size;
  *line = 0;
  if (!is_name((struct piece){name, strlen(name)})) return ERR_BAD_NAME;
  int error = read_list(path, &text, &size);
  if (error == ERR_NOT_FOUND) return KNOWN_NEW;
  if (error) return error;
  int answer = known_find(text, size, name, key, line);
  private_free(text, size);
  return answer;
}

int known_key(const char *path, unsigned line, struct public_key *key) {
  char *text;
  size_t size;
  int error = read_list(path, &text, &size);
  if (error) return error;
  struct piece rest = {text, size}, one, name;
  error = ERR_NOT_FOUND;
  for (unsigned number = 1; piece_next_line(&rest, &one); number++) {
    if (number != line) continue;
    error = piece_next_field(&one, &name) ? public_key_read(&one, key) : ERR_MALFORMED;
    break;
  }
  private_free(text, size);
  return error;
}

/* Nothing is added twice: another process may have met the same receiver meanwhile. */
static int add_unless_there(int fd, const char *path, const char *name, const struct public_key *key) {
  char *text, key_text[PUBLIC_KEY_TEXT_BYTES], added[LINE_BYTES_MAX];
  size_t size;
  unsigned line;
  int error = private_list_read(fd, &text, &size);
  if (error) return error;
  int answer = known_find(text, size, name, key, &line);
  bool is_cut = size > 0 && text[size - 1] != '\n';
  private_free(text, size);
  if (answer == KNOWN_CHANGED) return ERR_UNTRUSTED;
  if (answer != KNOWN_NEW) return answer < 0 ? answer : 0;
  public_key_text(key, key_text);
  int length = snprintf(added, sizeof(added), "%s%s %s\n", is_cut ? "\n" : "", name, key_text);
  return private_list_append(fd, path, size, added, (size_t)length);
}

int known_add(const char *path, const char *name, const struct public_key *key) {
  if (!is_name((struct piece){name, strlen(name)})) return ERR_BAD_NAME;
  int fd = private_list_open(path);
  if (fd < 0) return fd;
  int error = add_unless_there(fd, path, name, key);
  close(fd);
  return error;
}
