/* Any bytes as the files of keys: the first byte says which, the others are its contents. What can be read is
 * written again and must then be read the same; an error names a line that exists; a name that a host was
 * given leads back to that host. */
#include "crypto/identity.h"
#include "crypto/key_files.h"
#include "crypto/private_file.h"
#include "udpcp/crypto.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);

enum { WRITTEN_BYTES_MAX = 1024 };

static unsigned count_lines(const char *text, size_t size) {
  unsigned lines = size > 0 && text[size - 1] != '\n';
  for (size_t i = 0; i < size; i++)
    lines += text[i] == '\n';
  return lines;
}

static void check_shared_key(const char *text, size_t size) {
  struct shared_key key, again;
  char written[SHARED_KEY_FILE_BYTES];
  if (shared_key_parse(text, size, &key) < 0) return;
  shared_key_format(&key, written);
  assert(size + 2 >= sizeof(written) && memcmp(text, written, sizeof(written) - 1) == 0);
  int error = shared_key_parse(written, sizeof(written), &again);
  assert(!error && memcmp(&key, &again, sizeof(key)) == 0);
}

static void check_authorized(const char *text, size_t size) {
  struct believed *keys, *again;
  size_t count, count_again;
  unsigned line;
  char written[WRITTEN_BYTES_MAX], key_text[PUBLIC_KEY_TEXT_BYTES];
  if (authorized_parse(text, size, &keys, &count, &line) < 0) {
    assert(!keys && count == 0 && line > 0 && line <= count_lines(text, size));
    return;
  }
  assert(keys && count <= AUTHORIZED_MAX && count <= count_lines(text, size) && line == 0);
  if (count > 0) {
    public_key_text(&keys[count - 1].key, key_text);
    int length = snprintf(written, sizeof(written), "%s of the last\n", key_text);
    int error = authorized_parse(written, (size_t)length, &again, &count_again, &line);
    assert(!error && count_again == 1 && public_key_equal(&again->key, &keys[count - 1].key));
    free(again);
  }
  free(keys);
}

static void check_known(const char *text, size_t size) {
  static const struct public_key key;
  unsigned line;
  int answer = known_find(text, size, "nas.lan", &key, &line);
  assert((line == 0) == (answer == KNOWN_NEW) && line <= count_lines(text, size));
  assert(answer == KNOWN_NEW || answer == KNOWN_SAME || answer == KNOWN_CHANGED || answer == ERR_MALFORMED);
}

static void check_identity(const char *text, size_t size) {
  struct public_key key, key_again;
  int error;
  if (size > PRIVATE_FILE_BYTES_MAX) return;
  struct identity *identity = identity_from_pem(text, size, &error);
  assert(!identity == (error < 0));
  if (!identity) return;
  char *pem = identity_to_pem(identity, &size);
  assert(pem);
  struct identity *again = identity_from_pem(pem, size, &error);
  assert(again && "what was written can be read");
  identity_public_key(identity, &key);
  identity_public_key(again, &key_again);
  assert(public_key_equal(&key, &key_again));
  private_free(pem, size);
  identity_free(again);
  identity_free(identity);
}

static void check_name(const char *bytes, size_t size) {
  static const struct public_key key;
  char host[WRITTEN_BYTES_MAX], name[KNOWN_NAME_BYTES], other[KNOWN_NAME_BYTES];
  char written[WRITTEN_BYTES_MAX], key_text[PUBLIC_KEY_TEXT_BYTES];
  unsigned line;
  snprintf(host, sizeof(host), "%.*s", (int)(size < sizeof(host) ? size : sizeof(host) - 1), bytes);
  known_name(host, 1, 4117, name);
  if (!*name) return;
  known_name(host, 4117, 4117, other);
  assert(*other && strcmp(name, other) != 0);
  public_key_text(&key, key_text);
  int length = snprintf(written, sizeof(written), "%s %s\n%s %s\n", other, key_text, name, key_text);
  int answer = known_find(written, (size_t)length, name, &key, &line);
  assert(answer == KNOWN_SAME && line == 2);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size) {
  static void (*const checks[])(const char *, size_t) = {check_shared_key, check_authorized, check_known,
                                                         check_identity, check_name};
  if (size == 0) return 0;
  /* Of the exact size, so that a read past its end is seen. */
  char *text = malloc(size > 1 ? size - 1 : 1);
  assert(text);
  memcpy(text, bytes + 1, size - 1);
  checks[bytes[0] % (sizeof(checks) / sizeof(checks[0]))](text, size - 1);
  free(text);
  return 0;
}
