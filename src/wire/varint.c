/* varint: numbers in 1, 2, 4 or 8 bytes, the two highest bits telling which (RFC 9000 section 16). Written as
 * short as possible, read in any length. */
#include "udpcp/wire.h"

#include <assert.h>

uint64_t read_varint(struct reader *reader) {
  if (reader_left(reader) == 0) return read_u8(reader);
  size_t size = (size_t)1 << (*reader->at >> 6);
  const uint8_t *bytes = read_bytes(reader, size);
  if (!bytes) return 0;
  switch (size) {
  case 1:
    return bytes[0];
  case 2:
    return load_u16(bytes) & 0x3fff;
  case 4:
    return load_u32(bytes) & 0x3fffffff;
  default:
    return load_u64(bytes) & VARINT_MAX;
  }
}

void write_varint(struct writer *writer, uint64_t value) {
  size_t size = varint_size(value);
  uint8_t *bytes = write_room(writer, size);
  if (!bytes) return;
  switch (size) {
  case 1:
    bytes[0] = (uint8_t)value;
    break;
  case 2:
    store_u16(bytes, (uint16_t)(0x4000 | value));
    break;
  case 4:
    store_u32(bytes, (uint32_t)(0x80000000 | value));
    break;
  default:
    store_u64(bytes, 0xc000000000000000 | value);
  }
}
