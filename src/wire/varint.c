/* varint: numbers in 1, 2, 4 or 8 bytes, the two highest bits telling which (RFC 9000 section 16). Written as
 * short as possible, read in any length. */
#include "udpcp/wire.h"

#include <assert.h>

uint64_t read_varint(struct reader *reader) {
  uint8_t first = read_u8(reader);
  uint64_t value = first & 0x3f;
  unsigned more = (1u << (first >> 6)) - 1;
  const uint8_t *bytes = read_bytes(reader, more);
  if (!bytes) return 0;
  for (unsigned i = 0; i < more; i++)
    value = value << 8 | bytes[i];
  return value;
}

void write_varint(struct writer *writer, uint64_t value) {
  assert(value <= VARINT_MAX);
  uint8_t bytes[8];
  size_t size = varint_size(value);
  for (size_t i = size; i-- > 0; value >>= 8)
    bytes[i] = (uint8_t)value;
  bytes[0] |= (uint8_t)(size == 1 ? 0x00 : size == 2 ? 0x40 : size == 4 ? 0x80 : 0xc0);
  write_bytes(writer, bytes, size);
}

size_t varint_size(uint64_t value) {
  assert(value <= VARINT_MAX);
  return value < 1u << 6 ? 1 : value < 1u << 14 ? 2 : value < 1u << 30 ? 4 : 8;
}
