/* journal: see the header. A record's place is its block's, so that the journal can neither grow beyond the
 * file nor say two things of one block; each record has a check of its own over the entry's key, because a
 * crash can leave any part of the file as it was before, or as zeros. A record that fits is still no more
 * than a claim: the block is read and hashed before anybody is told that it is there. */
#include "journal.h"

#include "udpcp/transfer.h"

#include <assert.h>
#include <string.h>

enum { VERSION = 1 };
static const uint8_t magic[8] = {'u', 'd', 'p', 'c', 'p', 'j', 'n', 'l'};

uint64_t journal_offset(uint64_t block) { return (block + 1) * JOURNAL_RECORD_BYTES; }

void journal_write_header(uint8_t bytes[JOURNAL_RECORD_BYTES], const struct hash128 *key) {
  struct writer writer;
  writer_init(&writer, bytes, JOURNAL_RECORD_BYTES);
  write_bytes(&writer, magic, sizeof(magic));
  write_u32(&writer, VERSION);
  write_u32(&writer, BLOCK_DATA_BYTES);
  write_bytes(&writer, key->bytes, sizeof(key->bytes));
  assert(!writer.failed && writer_left(&writer) == 0);
}

bool journal_is_header(const uint8_t bytes[JOURNAL_RECORD_BYTES], const struct hash128 *key) {
  uint8_t expected[JOURNAL_RECORD_BYTES];
  journal_write_header(expected, key);
  return memcmp(bytes, expected, sizeof(expected)) == 0;
}

static uint64_t check_of(const struct hash128 *key, uint64_t block, const struct hash128 *hash) {
  uint8_t bytes[40];
  struct writer writer;
  writer_init(&writer, bytes, sizeof(bytes));
  write_bytes(&writer, key->bytes, sizeof(key->bytes));
  write_u64(&writer, block);
  write_bytes(&writer, hash->bytes, sizeof(hash->bytes));
  return hash_64(bytes, sizeof(bytes));
}

void journal_write_record(uint8_t bytes[JOURNAL_RECORD_BYTES], const struct hash128 *key, uint64_t block,
                          const struct hash128 *hash) {
  struct writer writer;
  writer_init(&writer, bytes, JOURNAL_RECORD_BYTES);
  write_u64(&writer, block);
  write_bytes(&writer, hash->bytes, sizeof(hash->bytes));
  write_u64(&writer, check_of(key, block, hash));
  assert(!writer.failed && writer_left(&writer) == 0);
}

bool journal_read_record(const uint8_t bytes[JOURNAL_RECORD_BYTES], const struct hash128 *key, uint64_t block,
                         struct hash128 *hash) {
  struct reader reader;
  reader_init(&reader, bytes, JOURNAL_RECORD_BYTES);
  bool is_here = read_u64(&reader) == block;
  memcpy(hash->bytes, read_bytes(&reader, sizeof(hash->bytes)), sizeof(hash->bytes));
  return read_u64(&reader) == check_of(key, block, hash) && is_here;
}
