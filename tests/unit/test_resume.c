/* resume: a transfer that was cut off is taken up again, by what is really in the part file and by nothing
 * that is only said of it. */
#include "unit.h"

#include "transfer_check.h"

#include "transfer/block.h"
#include "transfer/journal.h"

enum { BLOCKS = 32, SIZE = BLOCKS * BLOCK_DATA_BYTES - 1000, LARGE_BYTES = 40 << 20 };

/* Ends what was, and begins anew between the same files. */
static void run_again(struct run *run, uint64_t seed) {
  sender_free(run->sender);
  receiver_free(run->receiver);
  pair_free(&run->pair);
  memset(run->ends, 0, sizeof(run->ends));
  run->stop_at_ns = TIME_NEVER;
  run->is_silent = false;
  run->source.walked = 0;
  pair_init(&run->pair, seed, 0);
}

static void check_whole(struct run *run, uint64_t size) {
  check_complete(run);
  CU_ASSERT_PTR_NOT_NULL(run->sink.files[0].final);
  CU_ASSERT_EQUAL(run->ends[CLIENT].progress.bytes_done, size);
}

static void goes_on_where_it_was_cut_off(void) {
  unsigned kept = 0;
  for (uint64_t seed = 1; seed <= 10; seed++) {
    struct run run;
    run_init(&run, seed, seed % 3 ? 0 : 1);
    run.is_silent = seed % 2;
    run.stop_at_ns = run.pair.now_ns + (30 + seed * 5) * NS_PER_MS;
    add(&run, ENTRY_FILE, "large", LARGE_BYTES, FAULT_NONE);
    run_all(&run);
    check_run(&run);
    bool is_kept = run.sink.files[0].is_kept;
    uint64_t moved = run.ends[SERVER].progress.bytes_moved;
    CU_ASSERT(moved < LARGE_BYTES);
    kept += is_kept;
    uint64_t unasked = BLOCKS_UNASKED * BLOCK_DATA_BYTES; /* are sent again in any case */
    CU_ASSERT(is_kept || moved <= unasked);
    run_again(&run, seed);
    run_all(&run);
    check_whole(&run, LARGE_BYTES);
    for (int end = 0; end < 2; end++) {
      const struct progress *progress = &run.ends[end].progress;
      CU_ASSERT_EQUAL(progress->bytes_moved + progress->bytes_held, LARGE_BYTES);
      CU_ASSERT_EQUAL(progress->bytes_held, is_kept ? moved - unasked : 0);
      CU_ASSERT_EQUAL(progress->bytes_held, run.ends[CLIENT].progress.bytes_held);
    }
    run_free(&run);
  }
  CU_ASSERT(kept > 5);
}

/* Cut off again and again, also while it is looked at what is there: what was moved once stays. */
static void comes_to_its_end_in_small_steps(void) {
  struct run run;
  run_init(&run, 5, 0);
  run.job_ns = 10 * NS_PER_MS;
  add(&run, ENTRY_FILE, "large", LARGE_BYTES, FAULT_NONE);
  unsigned rounds = 0;
  for (; !run.sink.files[0].final && rounds < 100; rounds++) {
    if (rounds > 0) run_again(&run, rounds);
    run.is_silent = rounds % 3 == 0;
    run.stop_at_ns = run.pair.now_ns + (40 + 13 * rounds) * NS_PER_MS;
    run_all(&run);
    check_run(&run);
  }
  CU_ASSERT(rounds > 3 && rounds < 40);
  run_free(&run);
}

/* ---- what a journal and a part may say ---- */

enum claim {
  TRUE_CLAIM,
  NO_HEADER,
  OTHER_HEADER,
  OTHER_KEY,
  MISPLACED,
  WRONG_HASH,
  WRONG_BYTES,
  ZEROS,
  CUT,
  ODD,
  FORGED
};

/* Blocks [first, end) stand in the part file and are noted, each as `claim` says. */
static void prepare(struct run *run, enum claim claim, uint64_t first, uint64_t end, uint64_t step) {
  struct memory_file *file = &run->sink.files[0];
  struct entry entry = run->source.files[0].entry, other;
  entry.name = (const uint8_t *)run->source.files[0].name;
  other = entry;
  other.size++;
  struct hash128 key = entry_key(&entry), other_key = entry_key(&other);
  uint8_t bytes[JOURNAL_RECORD_BYTES];
  file->part = calloc(1, SIZE + 1);
  file->is_kept = true;
  journal_write_header(bytes, claim == OTHER_HEADER ? &other_key : &key);
  if (claim == NO_HEADER) bytes[0] ^= 1;
  memory_note(NULL, file, 0, bytes, sizeof(bytes));
  for (uint64_t block = first; block < end; block += step) {
    uint32_t raw_size = block_raw_size(SIZE, block);
    uint8_t *data = file->part + block * BLOCK_DATA_BYTES;
    for (uint32_t i = 0; i < raw_size; i++)
      data[i] = memory_byte(&run->source.files[0], block * BLOCK_DATA_BYTES + i);
    if (claim == FORGED) data[77] ^= 1;
    struct hash128 hash = hash_128(data, raw_size);
    if (claim == WRONG_HASH) hash.bytes[9] ^= 1;
    if (claim == WRONG_BYTES) data[77] ^= 1;
    journal_write_record(bytes, claim == OTHER_KEY ? &other_key : &key, block + (claim == MISPLACED), &hash);
    if (claim == ZEROS) memset(bytes, 0, sizeof(bytes));
    memory_note(NULL, file, journal_offset(block), bytes, sizeof(bytes));
  }
  if (claim == CUT) file->notes_size = journal_offset((first + end) / 2);
  if (claim == ODD) file->notes_size -= 5;
}

static void believes_only_what_it_read(void) {
  static const struct {
    enum claim claim;
    uint64_t first, end, step, held; /* blocks */
  } truth[] = {
      {TRUE_CLAIM, 4, 30, 1, 26},
      {TRUE_CLAIM, 0, 30, 1, 26},
      {TRUE_CLAIM, 20, BLOCKS, 1, 12},
      {TRUE_CLAIM, 0, BLOCKS, 1, 28},
      {TRUE_CLAIM, 5, BLOCKS, 2, 14},
      {TRUE_CLAIM, 0, 4, 1, 0},
      {NO_HEADER, 4, 30, 1, 0},
      {OTHER_HEADER, 4, 30, 1, 0},
      {OTHER_KEY, 4, 30, 1, 0},
      {MISPLACED, 4, 30, 1, 0},
      {WRONG_HASH, 4, 30, 1, 0},
      {WRONG_BYTES, 4, 30, 1, 0},
      {ZEROS, 4, 30, 1, 0},
      {CUT, 4, 30, 1, 13},
      {ODD, 4, 30, 1, 25},
  };
  for (unsigned i = 0; i < sizeof(truth) / sizeof(truth[0]); i++) {
    struct run run;
    run_init(&run, i + 1, 0);
    add(&run, ENTRY_FILE, "large", SIZE, FAULT_NONE);
    prepare(&run, truth[i].claim, truth[i].first, truth[i].end, truth[i].step);
    run_all(&run);
    check_whole(&run, SIZE);
    uint64_t held = truth[i].held * BLOCK_DATA_BYTES;
    if (truth[i].end == BLOCKS && truth[i].step == 1) held -= 1000;
    if (truth[i].end == BLOCKS && truth[i].step == 2) held -= 1000;
    for (int end = 0; end < 2; end++) {
      CU_ASSERT_EQUAL(run.ends[end].progress.bytes_held, held);
      CU_ASSERT_EQUAL(run.ends[end].progress.bytes_moved, SIZE - held);
    }
    run_free(&run);
  }
}

/* No more ranges than can be said: the rest comes again. */
static void more_ranges_than_can_be_said(void) {
  struct run run;
  const uint64_t size = 140ull * BLOCK_DATA_BYTES;
  run_init(&run, 1, 0);
  add(&run, ENTRY_FILE, "large", size, FAULT_NONE);
  struct memory_file *file = &run.sink.files[0];
  struct entry entry = run.source.files[0].entry;
  entry.name = (const uint8_t *)run.source.files[0].name;
  struct hash128 key = entry_key(&entry);
  uint8_t bytes[JOURNAL_RECORD_BYTES];
  file->part = calloc(1, size + 1);
  file->is_kept = true;
  journal_write_header(bytes, &key);
  memory_note(NULL, file, 0, bytes, sizeof(bytes));
  for (uint64_t block = 5; block < 140; block += 2) { /* 68 ranges */
    for (uint32_t i = 0; i < BLOCK_DATA_BYTES; i++)
      file->part[block * BLOCK_DATA_BYTES + i] =
          memory_byte(&run.source.files[0], block * BLOCK_DATA_BYTES + i);
    struct hash128 hash = hash_128(file->part + block * BLOCK_DATA_BYTES, BLOCK_DATA_BYTES);
    journal_write_record(bytes, &key, block, &hash);
    memory_note(NULL, file, journal_offset(block), bytes, sizeof(bytes));
  }
  run_all(&run);
  check_whole(&run, size);
  uint64_t held = run.ends[CLIENT].progress.bytes_held / BLOCK_DATA_BYTES;
  CU_ASSERT(held >= 62 && held <= 64); /* blocks before those may have taken a place */
  CU_ASSERT_EQUAL(run.ends[CLIENT].progress.bytes_held, run.ends[SERVER].progress.bytes_held);
  run_free(&run);
}

/* Part and journal fit each other and not the source: only the digest can see it, and neither is kept. */
static void what_was_forged_fails_once(void) {
  struct run run;
  run_init(&run, 1, 0);
  add(&run, ENTRY_FILE, "large", SIZE, FAULT_NONE);
  prepare(&run, FORGED, 10, 20, 1);
  run_all(&run);
  check_complete(&run);
  CU_ASSERT_EQUAL(run.ends[CLIENT].reports[REPORT_FAILED], 1);
  CU_ASSERT_PTR_NULL(run.sink.files[0].final);
  CU_ASSERT_PTR_NULL(run.sink.files[0].part);
  run_again(&run, 2);
  run_all(&run);
  check_whole(&run, SIZE);
  CU_ASSERT_EQUAL(run.ends[CLIENT].progress.bytes_held, 0);
  run_free(&run);
}

static void nothing_is_kept_of_what_failed(void) {
  static const enum fault faults[] = {FAULT_CHANGED, FAULT_UNREADABLE, FAULT_FULL, FAULT_LOST};
  for (unsigned i = 0; i < sizeof(faults) / sizeof(faults[0]); i++) {
    struct run run;
    run_init(&run, i + 1, 0);
    add(&run, ENTRY_FILE, "large", SIZE, faults[i]);
    run_all(&run);
    check_complete(&run);
    CU_ASSERT_EQUAL(run.ends[CLIENT].reports[REPORT_FAILED], 1);
    CU_ASSERT_PTR_NULL(run.sink.files[0].part);
    run_free(&run);
  }
}

static void small_files_are_never_kept(void) {
  struct run run;
  run_init(&run, 1, 0);
  run.stop_at_ns = run.pair.now_ns + 60 * NS_PER_MS;
  for (char name[] = "a"; *name <= 'z'; ++*name)
    add(&run, ENTRY_FILE, name, RESUME_BYTES_MIN - 1, FAULT_NONE);
  run_all(&run);
  check_run(&run);
  CU_ASSERT(run.ends[SERVER].progress.bytes_moved > 0);
  for (unsigned i = 0; i < run.sink.count; i++)
    CU_ASSERT_PTR_NULL(run.sink.files[i].part);
  run_free(&run);
}

UNIT_MAIN(UNIT_CASE(goes_on_where_it_was_cut_off), UNIT_CASE(comes_to_its_end_in_small_steps),
          UNIT_CASE(believes_only_what_it_read), UNIT_CASE(more_ranges_than_can_be_said),
          UNIT_CASE(what_was_forged_fails_once), UNIT_CASE(nothing_is_kept_of_what_failed),
          UNIT_CASE(small_files_are_never_kept))
