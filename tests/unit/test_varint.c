/* varint: the examples of RFC 9000 appendix A.1, both sides of every change of length, and every short input.
 */
#include "unit.h"

#include "udpcp/wire.h"

static void examples_of_the_rfc(void) {
  static const struct {
    uint8_t bytes[8];
    size_t size;
    uint64_t value;
  } rows[] = {
      {{0xc2, 0x19, 0x7c, 0x5e, 0xff, 0x14, 0xe8, 0x8c}, 8, 151288809941952652ull},
      {{0x9d, 0x7f, 0x3e, 0x7d}, 4, 494878333},
      {{0x7b, 0xbd}, 2, 15293},
      {{0x25}, 1, 37},
      {{0x40, 0x25}, 2, 37},
  };
  for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
    struct reader reader;
    reader_init(&reader, rows[i].bytes, rows[i].size);
    CU_ASSERT_EQUAL(read_varint(&reader), rows[i].value);
    CU_ASSERT_EQUAL(reader_left(&reader), 0);
    CU_ASSERT_FALSE(reader.failed);
  }
}

static void written_in_the_shortest_way(void) {
  static const struct {
    uint64_t value;
    size_t size;
  } rows[] = {{0, 1},     {63, 1},         {64, 2},         {16383, 2},
              {16384, 4}, {1073741823, 4}, {1073741824, 8}, {VARINT_MAX, 8}};
  for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
    uint8_t bytes[8];
    struct writer writer;
    writer_init(&writer, bytes, sizeof bytes);
    write_varint(&writer, rows[i].value);
    CU_ASSERT_EQUAL(varint_size(rows[i].value), rows[i].size);
    CU_ASSERT_EQUAL(writer_used(&writer), rows[i].size);
    /* Cut short by any number of bytes it fails, whole it is the number again. */
    for (size_t size = 0; size <= rows[i].size; size++) {
      struct reader reader;
      reader_init(&reader, bytes, size);
      uint64_t value = read_varint(&reader);
      CU_ASSERT_EQUAL(reader.failed, size < rows[i].size);
      CU_ASSERT_EQUAL(value, size < rows[i].size ? 0 : rows[i].value);
    }
    writer_init(&writer, bytes, rows[i].size - 1);
    write_varint(&writer, rows[i].value);
    CU_ASSERT_TRUE(writer.failed);
  }
}

UNIT_MAIN(UNIT_CASE(examples_of_the_rfc), UNIT_CASE(written_in_the_shortest_way))
