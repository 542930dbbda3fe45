/* name: which names may travel (proto/transfer.md section 3), as a pure rule over bytes.
 *
 * A name that passes can only mean something below the folder it is applied to: it is relative, has no way up
 * and no component that the file system reads as "here". Both ends apply the rule; the receiver's answer is
 * the one that protects it. */
#include "udpcp/transfer.h"

#include <string.h>

/* What stands between two slashes. */
static bool component_is_fine(const uint8_t *bytes, size_t size) {
  static const char prefix[] = PART_NAME_PREFIX;
  const size_t prefix_size = sizeof(prefix) - 1;
  if (size == 0 || size > NAME_COMPONENT_BYTES_MAX) return false;
  if (bytes[0] == '.' && (size == 1 || (size == 2 && bytes[1] == '.'))) return false;
  return size < prefix_size || memcmp(bytes, prefix, prefix_size) != 0;
}

int name_check(const uint8_t *name, size_t size) {
  if (size == 0 || size > NAME_BYTES_MAX || memchr(name, 0, size)) return ERR_BAD_NAME;
  const uint8_t *end = name + size;
  for (;;) {
    const uint8_t *slash = memchr(name, '/', (size_t)(end - name));
    if (!component_is_fine(name, (size_t)((slash ? slash : end) - name))) return ERR_BAD_NAME;
    if (!slash) return 0;
    name = slash + 1; /* a slash at the end leaves an empty component, which is not fine */
  }
}
