/* Any bytes as a name, judged again by a second reading of the rules (proto/transfer.md section 3): component
 * by component, as a file system would see them. */
#include "udpcp/transfer.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);

static bool is_good_component(const char *component) {
  size_t size = strlen(component);
  return size >= 1 && size <= 255 && strcmp(component, ".") != 0 && strcmp(component, "..") != 0 &&
         strncmp(component, ".udpcp-", 7) != 0;
}

static bool is_good(const uint8_t *bytes, size_t size) {
  if (size < 1 || size > 4096 || strnlen((const char *)bytes, size) != size) return false;
  char *text = calloc(1, size + 1), *at = text;
  assert(text && "out of memory");
  memcpy(text, bytes, size);
  bool good = true;
  for (char *slash; good && (slash = strchr(at, '/')) != NULL; at = slash + 1) {
    *slash = 0;
    good = is_good_component(at);
  }
  good = good && is_good_component(at);
  free(text);
  return good;
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size) {
  int result = name_check(bytes, size);
  assert(result == 0 || result == ERR_BAD_NAME);
  assert((result == 0) == is_good(bytes, size));
  return 0;
}
