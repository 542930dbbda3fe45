/* cursor: exact at the last byte, failed one beyond it, and failed for good. */
#include "unit.h"

#include "udpcp/base.h"

static const uint8_t bytes[15] = {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15};

static void numbers_are_big_endian(void) {
  struct reader reader;
  reader_init(&reader, bytes, 13);
  CU_ASSERT_EQUAL(read_u8(&reader), 1);
  CU_ASSERT_EQUAL(read_u32(&reader), 0x02030405);
  CU_ASSERT_EQUAL(read_u64(&reader), 0x060708090a0b0c0dull);
  CU_ASSERT_EQUAL(reader_left(&reader), 0);
  CU_ASSERT_FALSE(reader.failed);
}

static void written_numbers_are_the_same_bytes(void) {
  uint8_t out[15];
  struct writer writer;
  writer_init(&writer, out, sizeof out);
  write_u8(&writer, 1);
  write_u32(&writer, 0x02030405);
  write_u64(&writer, 0x060708090a0b0c0dull);
  CU_ASSERT_EQUAL(writer_used(&writer), 13);
  CU_ASSERT_EQUAL(writer_left(&writer), 2);
  write_bytes(&writer, bytes + 13, 2);
  CU_ASSERT_FALSE(writer.failed);
  CU_ASSERT_EQUAL(memcmp(out, bytes, sizeof out), 0);
}

/* Each kind of read succeeds with exactly its size left and fails with one byte less. */
static void a_read_fails_one_byte_short(void) {
  static const size_t sizes[] = {1, 4, 8, 5};
  for (unsigned kind = 0; kind < 4; kind++) {
    for (size_t left = 0; left <= sizes[kind]; left++) {
      struct reader reader;
      reader_init(&reader, bytes, left);
      uint64_t value = kind == 0   ? read_u8(&reader)
                       : kind == 1 ? read_u32(&reader)
                       : kind == 2 ? read_u64(&reader)
                                   : read_bytes(&reader, 5) != NULL;
      bool fits = left == sizes[kind];
      CU_ASSERT_EQUAL(reader.failed, !fits);
      CU_ASSERT_EQUAL(value != 0, fits);
    }
  }
}

static void a_failed_reader_stays_failed(void) {
  struct reader reader;
  reader_init(&reader, bytes, 3);
  CU_ASSERT_EQUAL(read_u32(&reader), 0);
  CU_ASSERT_TRUE(reader.failed);
  CU_ASSERT_EQUAL(reader_left(&reader), 0);
  CU_ASSERT_EQUAL(read_u8(&reader), 0);
  CU_ASSERT_PTR_NULL(read_bytes(&reader, 0));
  CU_ASSERT_TRUE(reader.failed);
}

static void a_huge_size_does_not_wrap(void) {
  struct reader reader;
  reader_init(&reader, bytes + 1, 3);
  CU_ASSERT_PTR_NULL(read_bytes(&reader, SIZE_MAX));
  CU_ASSERT_TRUE(reader.failed);
}

static void nothing_can_be_read_of_nothing(void) {
  struct reader reader;
  reader_init(&reader, NULL, 0);
  CU_ASSERT_EQUAL(reader_left(&reader), 0);
  CU_ASSERT_PTR_NOT_NULL(read_bytes(&reader, 0));
  CU_ASSERT_FALSE(reader.failed);
  CU_ASSERT_EQUAL(read_u8(&reader), 0);
  CU_ASSERT_TRUE(reader.failed);
}

static void a_failed_writer_writes_nothing_more(void) {
  uint8_t out[6] = {0xee, 0xee, 0xee, 0xee, 0xee, 0xee};
  struct writer writer;
  writer_init(&writer, out, 5);
  write_u8(&writer, 7);
  write_u64(&writer, 1);
  CU_ASSERT_TRUE(writer.failed);
  CU_ASSERT_EQUAL(writer_left(&writer), 0);
  write_u8(&writer, 8);
  write_bytes(&writer, bytes, 2);
  CU_ASSERT_TRUE(writer.failed);
  static const uint8_t expected[6] = {7, 0xee, 0xee, 0xee, 0xee, 0xee};
  CU_ASSERT_EQUAL(memcmp(out, expected, sizeof out), 0);
}

UNIT_MAIN(UNIT_CASE(numbers_are_big_endian), UNIT_CASE(written_numbers_are_the_same_bytes),
          UNIT_CASE(a_read_fails_one_byte_short), UNIT_CASE(a_failed_reader_stays_failed),
          UNIT_CASE(a_huge_size_does_not_wrap), UNIT_CASE(nothing_can_be_read_of_nothing),
          UNIT_CASE(a_failed_writer_writes_nothing_more))
