/* entry: one number for "the same file again", by which an interrupted transfer finds what it left. */
#include "udpcp/base.h"

#include <assert.h>

struct hash128 entry_key(const struct entry *entry) {
  uint8_t bytes[24 + NAME_BYTES_MAX];
  struct writer writer;
  writer_init(&writer, bytes, sizeof(bytes));
  write_u64(&writer, entry->size);
  write_u64(&writer, (uint64_t)entry->mtime_s);
  write_u64(&writer, entry->mtime_ns);
  write_bytes(&writer, entry->name, entry->name_size);
  assert(!writer.failed && "a name that was announced is not longer");
  return hash_128(bytes, writer_used(&writer));
}
