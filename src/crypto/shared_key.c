/* shared_key: 256 random bits that both ends hold, as a file of one line "udpcp-key-1 BASE64", short enough
 * to be copied by hand (proto/security.md). */
#include "hkdf.h"
#include "key_files.h"
#include "key_text.h"
#include "private_file.h"

#include <assert.h>
#include <gnutls/crypto.h>
#include <gnutls/gnutls.h>
#include <string.h>

static const char prefix[] = "udpcp-key-1 ";
enum { PREFIX_CHARS = sizeof(prefix) - 1 };
static_assert(PREFIX_CHARS + KEY_TEXT_CHARS + 1 == SHARED_KEY_FILE_BYTES, "a key file is one line");

int shared_key_parse(const char *text, size_t size, struct shared_key *key) {
  struct piece rest = {text, size}, line;
  if (!piece_next_line(&rest, &line) || rest.size > 0) return ERR_MALFORMED;
  if (line.size < PREFIX_CHARS || memcmp(line.at, prefix, PREFIX_CHARS) != 0) return ERR_MALFORMED;
  int error = key_text_read((struct piece){line.at + PREFIX_CHARS, line.size - PREFIX_CHARS}, key->bytes);
  if (error) gnutls_memset(key->bytes, 0, KEY_BYTES);
  return error;
}

void shared_key_format(const struct shared_key *key, char text[SHARED_KEY_FILE_BYTES]) {
  memcpy(text, prefix, PREFIX_CHARS);
  key_text_write(key->bytes, text + PREFIX_CHARS);
  text[SHARED_KEY_FILE_BYTES - 1] = '\n';
}

int shared_key_make(const char *path) {
  struct shared_key key;
  char text[SHARED_KEY_FILE_BYTES];
  if (gnutls_rnd(GNUTLS_RND_KEY, key.bytes, KEY_BYTES) < 0) return ERR_IO;
  shared_key_format(&key, text);
  int error = private_file_make(path, text, sizeof(text));
  gnutls_memset(text, 0, sizeof(text));
  gnutls_memset(&key, 0, sizeof(key));
  return error;
}

int shared_key_read(const char *path, struct shared_key *key) {
  char *text;
  size_t size;
  int error = private_file_read(path, PRIVATE_SECRET, &text, &size);
  if (error) return error;
  error = shared_key_parse(text, size, key);
  private_free(text, size);
  return error;
}

void shared_key_machine(const struct shared_key *key, uint8_t machine[KEY_BYTES]) {
  static_assert((int)KEY_BYTES == (int)SECRET_BYTES, "it is what is derived");
  hkdf_of_shared_key(key->bytes, "machine", machine);
}
