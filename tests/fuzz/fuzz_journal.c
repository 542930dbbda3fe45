/* Any bytes as the journal beside a part file of zeros. The search ends, reads within the file, and finds
 * only blocks that were noted as what is really there, each once. */
#include "transfer/journal.h"
#include "transfer/receiver.h"

#include <assert.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);

enum { BLOCKS = 300, LAST_BYTES = 1000, FILE_BYTES = (BLOCKS - 1) * BLOCK_DATA_BYTES + LAST_BYTES };

struct notes {
  const uint8_t *bytes;
  size_t size;
};

static int recall(void *sink, void *file, uint64_t offset, uint8_t *bytes, size_t size) {
  const struct notes *notes = file;
  (void)sink;
  if (offset >= notes->size) return 0;
  if (size > notes->size - offset) size = notes->size - (size_t)offset;
  memcpy(bytes, notes->bytes + offset, size);
  return (int)size;
}

static int read_zeros(void *sink, void *file, uint64_t offset, uint8_t *bytes, size_t size) {
  (void)sink, (void)file;
  assert(offset < FILE_BYTES && size <= FILE_BYTES - offset && size <= BLOCK_DATA_BYTES);
  memset(bytes, 0, size);
  return 0;
}

static void check_held(const struct held_block *held) {
  static const uint8_t zeros[BLOCK_DATA_BYTES];
  assert(held->number >= BLOCKS_UNASKED && held->number < BLOCKS);
  struct hash128 hash = hash_128(zeros, held->number == BLOCKS - 1 ? LAST_BYTES : BLOCK_DATA_BYTES);
  assert(memcmp(hash.bytes, held->hash.bytes, sizeof(hash.bytes)) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size) {
  static const struct sink_ops ops = {.recall = recall, .read = read_zeros};
  const struct entry entry = {.size = FILE_BYTES, .name_size = 1, .name = (const uint8_t *)"f"};
  struct notes notes = {bytes, size};
  struct recall_job job = {.ops = &ops, .entry = &entry, .file = &notes, .next = BLOCKS_UNASKED};
  uint64_t found = BLOCKS_UNASKED;
  for (unsigned rounds = 0; !job.is_over; rounds++) {
    uint64_t before = job.next;
    receiver_run_recall(&job.job);
    assert((job.next > before || job.is_over) && job.next <= BLOCKS && rounds < BLOCKS);
    for (uint32_t i = 0; i < job.count; i++) {
      check_held(&job.held[i]);
      assert(job.held[i].number >= found && "ascending, each once");
      found = job.held[i].number + 1;
    }
  }
  struct hash128 key = entry_key(&entry);
  if (size >= JOURNAL_RECORD_BYTES && journal_is_header(bytes, &key)) assert(bytes[0] == 'u');
  return 0;
}
