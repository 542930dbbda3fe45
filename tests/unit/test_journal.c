/* journal: what counts as a record, and what never does. */
#include "unit.h"

#include "transfer/journal.h"
#include "udpcp/transfer.h"

static const struct entry entry = {.size = 10 << 20,
                                   .mtime_s = 1700000000,
                                   .mtime_ns = 5,
                                   .name_size = 6,
                                   .name = (const uint8_t *)"folder/file"};

static struct hash128 some_hash(void) { return hash_128("contents", 8); }

static bool same(const struct hash128 *a, const struct hash128 *b) {
  return memcmp(a->bytes, b->bytes, sizeof(a->bytes)) == 0;
}

static void each_part_of_an_entry_makes_another_key(void) {
  struct entry others[5];
  struct hash128 key = entry_key(&entry), again = entry_key(&entry);
  CU_ASSERT_TRUE(same(&key, &again));
  for (int i = 0; i < 5; i++)
    others[i] = entry;
  others[0].size++;
  others[1].mtime_s = -others[1].mtime_s;
  others[2].mtime_ns++;
  others[3].name_size++;
  others[4].name = (const uint8_t *)"Folder";
  for (int i = 0; i < 5; i++) {
    struct hash128 other = entry_key(&others[i]);
    CU_ASSERT_FALSE(same(&key, &other));
  }
  others[0] = entry;
  others[0].mode = 0111; /* is set at the end, whatever it was */
  again = entry_key(&others[0]);
  CU_ASSERT_TRUE(same(&key, &again));
}

static void the_longest_name_has_a_key(void) {
  static uint8_t name[NAME_BYTES_MAX];
  memset(name, 'n', sizeof(name));
  struct entry longest = entry;
  longest.name = name;
  longest.name_size = NAME_BYTES_MAX;
  struct hash128 key = entry_key(&longest), other;
  name[NAME_BYTES_MAX - 1] = 'm';
  other = entry_key(&longest);
  CU_ASSERT_FALSE(same(&key, &other));
}

static void records_stand_one_after_another(void) {
  CU_ASSERT_EQUAL(journal_offset(0), JOURNAL_RECORD_BYTES);
  CU_ASSERT_EQUAL(journal_offset(1), 2 * JOURNAL_RECORD_BYTES);
  CU_ASSERT(journal_offset((1ull << 44) - 1) <= INT64_MAX); /* of the largest file */
}

static void what_was_written_is_read(void) {
  static const uint64_t blocks[] = {0, 1, 4, 39, 1ull << 43};
  uint8_t bytes[JOURNAL_RECORD_BYTES];
  struct hash128 key = entry_key(&entry), hash = some_hash(), read;
  journal_write_header(bytes, &key);
  CU_ASSERT_TRUE(journal_is_header(bytes, &key));
  for (unsigned i = 0; i < sizeof(blocks) / sizeof(blocks[0]); i++) {
    journal_write_record(bytes, &key, blocks[i], &hash);
    CU_ASSERT_TRUE(journal_read_record(bytes, &key, blocks[i], &read));
    CU_ASSERT_TRUE(same(&hash, &read));
    CU_ASSERT_FALSE(journal_read_record(bytes, &key, blocks[i] + 1, &read)); /* a record at another's place */
    CU_ASSERT_FALSE(journal_is_header(bytes, &key));
  }
}

static void any_other_bytes_are_none(void) {
  uint8_t header[JOURNAL_RECORD_BYTES], record[JOURNAL_RECORD_BYTES], zeros[JOURNAL_RECORD_BYTES] = {0};
  struct hash128 key = entry_key(&entry), hash = some_hash(), read, other_key = some_hash();
  journal_write_header(header, &key);
  journal_write_record(record, &key, 7, &hash);
  for (unsigned bit = 0; bit < 8 * JOURNAL_RECORD_BYTES; bit++) {
    header[bit / 8] ^= (uint8_t)(1u << bit % 8);
    record[bit / 8] ^= (uint8_t)(1u << bit % 8);
    CU_ASSERT_FALSE(journal_is_header(header, &key));
    CU_ASSERT_FALSE(journal_read_record(record, &key, 7, &read));
    header[bit / 8] ^= (uint8_t)(1u << bit % 8);
    record[bit / 8] ^= (uint8_t)(1u << bit % 8);
  }
  CU_ASSERT_TRUE(journal_is_header(header, &key) && journal_read_record(record, &key, 7, &read));
  CU_ASSERT_FALSE(journal_is_header(header, &other_key));
  CU_ASSERT_FALSE(journal_read_record(record, &other_key, 7, &read)); /* of another entry */
  CU_ASSERT_FALSE(journal_is_header(zeros, &key));
  CU_ASSERT_FALSE(journal_read_record(zeros, &key, 0, &read)); /* a hole */
}

UNIT_MAIN(UNIT_CASE(each_part_of_an_entry_makes_another_key), UNIT_CASE(the_longest_name_has_a_key),
          UNIT_CASE(records_stand_one_after_another), UNIT_CASE(what_was_written_is_read),
          UNIT_CASE(any_other_bytes_are_none))
