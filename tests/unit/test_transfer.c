/* transfer: a sender and a receiver over real connections. What must hold at the end of every run is checked
 * by `check_run`; the cases vary what happens. */
#include "unit.h"

#include "transfer_check.h"

/* Everything of a folder was there before the folder got its time. */
static void check_folders(const struct run *run) {
  for (unsigned i = 0; i < run->sink.count; i++) {
    const struct memory_file *folder = &run->sink.files[i];
    if (folder->entry.kind != ENTRY_FOLDER) continue;
    CU_ASSERT(folder->order > 0);
    for (unsigned j = 0; j < i; j++)
      CU_ASSERT(run->sink.files[j].order < folder->order);
  }
}

static void sends_nothing_at_all(void) {
  struct run run;
  run_init(&run, 1, 0);
  run_all(&run);
  check_complete(&run);
  run_free(&run);
}

static void sends_files_of_every_boundary(void) {
  static const uint64_t sizes[] = {
      0,      1,      1023,       1024,           1025,           262143,
      262144, 262145, 4 * 262144, 4 * 262144 + 1, 4 * 262144 - 1, 9 * 262144 + 7};
  for (uint64_t seed = 1; seed <= 4; seed++) {
    struct run run;
    run_init(&run, seed, seed % 2 ? 0 : 3);
    char name[64];
    for (unsigned i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
      snprintf(name, sizeof(name), "size-%llu", (unsigned long long)sizes[i]);
      add(&run, ENTRY_FILE, name, sizes[i], FAULT_NONE);
    }
    run_all(&run);
    check_complete(&run);
    CU_ASSERT_EQUAL(run.ends[CLIENT].reports[REPORT_COMMITTED], 12);
    CU_ASSERT_EQUAL(run.ends[SERVER].reports[REPORT_COMMITTED], 12);
    CU_ASSERT_EQUAL(run.ends[CLIENT].progress.bytes_done, run.ends[CLIENT].progress.bytes_seen);
    CU_ASSERT_EQUAL(run.ends[CLIENT].progress.bytes_moved, run.ends[CLIENT].progress.bytes_seen);
    CU_ASSERT_EQUAL(run.ends[SERVER].progress.bytes_moved, run.ends[CLIENT].progress.bytes_seen);
    run_free(&run);
  }
}

static void sends_a_tree_beyond_every_window(void) {
  struct run run;
  run_init(&run, 11, 1);
  char name[64];
  for (unsigned i = 0; i < 25; i++) {
    snprintf(name, sizeof(name), "tree/folder-%u", i);
    add_many(&run, name, 200, 3000);
  }
  add(&run, ENTRY_FOLDER, "tree", 0, FAULT_NONE);
  run.reports_every = 3;
  run_all(&run);
  check_complete(&run);
  check_folders(&run);
  CU_ASSERT_EQUAL(run.ends[CLIENT].progress.files_done, 5000);
  CU_ASSERT_EQUAL(run.ends[SERVER].progress.folders_done, 26);
  CU_ASSERT(run.sink.commits < 500); /* in groups */
  run_free(&run);
}

static void a_lone_file_is_committed_at_once(void) {
  struct run run;
  run_init(&run, 1, 0);
  run.job_ns = 0;
  add(&run, ENTRY_FILE, "alone", 1000, FAULT_NONE);
  uint64_t started_ns = run.pair.now_ns;
  run_all(&run);
  check_complete(&run);
  /* Of 4 ms each: a round trip to begin, one for data and result, one for the close. */
  CU_ASSERT(run.pair.now_ns - started_ns < 13 * NS_PER_MS);
  run_free(&run);
}

static void tells_each_fault_from_the_others(void) {
  static const struct {
    enum fault fault;
    enum report_kind kind;
    int error;
    bool at_source;
  } truth[] = {
      {FAULT_NONE, REPORT_COMMITTED, 0, false},          {FAULT_VANISHED, REPORT_FAILED, ERR_NOT_FOUND, true},
      {FAULT_CHANGED, REPORT_FAILED, ERR_CHANGED, true}, {FAULT_UNREADABLE, REPORT_FAILED, ERR_IO, true},
      {FAULT_UNSEEN, REPORT_FAILED, ERR_DENIED, true},   {FAULT_THERE, REPORT_HAVE, 0, false},
      {FAULT_TAKEN, REPORT_FAILED, ERR_EXISTS, false},   {FAULT_LOST, REPORT_FAILED, ERR_IO, false},
      {FAULT_FULL, REPORT_FAILED, ERR_DISK_FULL, false},
  };
  static const uint64_t sizes[] = {0, 5000, 600000, 3000000};
  for (unsigned i = 0; i < sizeof(truth) / sizeof(truth[0]); i++)
    for (unsigned j = 0; j < 4; j++) {
      if (sizes[j] == 0 && (truth[i].fault == FAULT_UNREADABLE || truth[i].fault == FAULT_FULL)) continue;
      struct run run;
      run_init(&run, i * 4 + j, 2);
      add(&run, ENTRY_FILE, "before", 300000, FAULT_NONE);
      add(&run, ENTRY_FILE, "faulty", sizes[j], truth[i].fault);
      add(&run, ENTRY_FILE, "after", 10, FAULT_NONE);
      run_all(&run);
      check_complete(&run);
      for (int end = 0; end < 2; end++) {
        if (truth[i].fault == FAULT_UNSEEN && end == SERVER) continue;
        unsigned others = truth[i].kind == REPORT_COMMITTED ? 2 : 0;
        CU_ASSERT_EQUAL(run.ends[end].reports[truth[i].kind], 1 + others);
        CU_ASSERT_EQUAL(run.ends[end].at_source, truth[i].at_source);
        bool is_gone = truth[i].error == ERR_CHANGED || truth[i].error == ERR_NOT_FOUND;
        CU_ASSERT_EQUAL(run.ends[end].progress.objects_changed, is_gone);
      }
      CU_ASSERT_EQUAL(run.sink.files[1].final != NULL, truth[i].kind == REPORT_COMMITTED);
      CU_ASSERT(run.sink.files[0].final && run.sink.files[2].final);
      run_free(&run);
    }
}

static void moves_nothing_that_is_there(void) {
  struct run run;
  run_init(&run, 3, 0);
  add(&run, ENTRY_FILE, "large", 16 << 20, FAULT_THERE);
  run_all(&run);
  check_complete(&run);
  CU_ASSERT_EQUAL(run.ends[SERVER].progress.objects_had, 1);
  CU_ASSERT_EQUAL(run.ends[SERVER].progress.bytes_moved, 0);
  CU_ASSERT(run.ends[CLIENT].progress.bytes_moved <= 1 << 20); /* what is sent unasked */
  run_free(&run);
}

static void larger_files_are_refused_once_the_disk_is_full(void) {
  struct run run;
  run_init(&run, 3, 0);
  char name[64];
  add(&run, ENTRY_FILE, "first", 300000, FAULT_FULL);
  for (unsigned i = 0; i < 150; i++) {
    snprintf(name, sizeof(name), "larger-%u", i);
    add(&run, ENTRY_FILE, name, 300000 + i, FAULT_NONE);
  }
  add(&run, ENTRY_FILE, "smaller", 299999, FAULT_NONE);
  run_all(&run);
  check_complete(&run);
  CU_ASSERT_PTR_NOT_NULL(run.sink.files[151].final);
  CU_ASSERT(run.ends[SERVER].reports[REPORT_FAILED] >
            50); /* all but those whose part files were there already */
  run_free(&run);
}

static void a_dry_run_touches_nothing(void) {
  for (int end = 0; end < 2; end++) {
    struct run run;
    run_init(&run, (uint64_t)end, 2);
    run.sender_dry = end == CLIENT;
    run.receiver_dry = end == SERVER;
    add_many(&run, "folder", 700, 3000);
    add(&run, ENTRY_FILE, "there", 5 << 20, FAULT_THERE);
    add(&run, ENTRY_FILE, "taken", 10, FAULT_TAKEN);
    add(&run, ENTRY_FILE, "large", 5 << 20, FAULT_NONE);
    run_all(&run);
    check_complete(&run);
    CU_ASSERT_EQUAL(run.sink.order, 0);
    for (int i = 0; i < 2; i++) {
      CU_ASSERT_EQUAL(run.ends[i].reports[REPORT_WOULD], 702);
      CU_ASSERT_EQUAL(run.ends[i].reports[REPORT_HAVE], 1);
      CU_ASSERT_EQUAL(run.ends[i].reports[REPORT_FAILED], 1);
    }
    if (end == CLIENT) CU_ASSERT_EQUAL(run.ends[CLIENT].progress.bytes_moved, 0);
    run_free(&run);
  }
}

static void mixes_everything_by_seed(void) {
  for (uint64_t seed = 1; seed <= 12; seed++) {
    struct run run;
    run_init(&run, seed, (unsigned)(seed % 4) * 4);
    run.reports_every = 1 + seed % 3;
    char name[64];
    for (unsigned i = 0; i < 120; i++) {
      uint64_t size = prng_below(&run.pair.prng, 10) == 0  ? 1500000
                      : prng_below(&run.pair.prng, 3) == 0 ? 400000
                                                           : 2000;
      enum fault fault = (enum fault)prng_below(&run.pair.prng, 40);
      if (fault > FAULT_LOST || fault == FAULT_FULL) fault = FAULT_NONE;
      snprintf(name, sizeof(name), "f/%u", i);
      add(&run, ENTRY_FILE, name, prng_below(&run.pair.prng, size), fault);
    }
    add(&run, ENTRY_FOLDER, "f", 0, FAULT_NONE);
    run_all(&run);
    check_complete(&run);
    run_free(&run);
  }
}

static void leaves_no_part_files_however_it_ends(void) {
  for (uint64_t seed = 1; seed <= 16; seed++) {
    struct run run;
    run_init(&run, seed, 2);
    run.is_silent = seed % 2;
    run.stop_at_ns = run.pair.now_ns + seed * 12 * NS_PER_MS;
    add(&run, ENTRY_FILE, "huge", 100 << 20, FAULT_NONE);
    add_many(&run, "folder", 500, 3000);
    add(&run, ENTRY_FILE, "huge too", 100 << 20, FAULT_NONE);
    run_all(&run);
    check_run(&run);
    enum outcome expected = run.is_silent ? OUTCOME_TIMEOUT : OUTCOME_INTERRUPTED;
    for (int end = 0; end < 2; end++)
      CU_ASSERT_EQUAL(run.ends[end].progress.outcome, expected);
    CU_ASSERT_EQUAL(run.ends[SERVER].progress.by_peer, !run.is_silent);
    run_free(&run);
  }
}

UNIT_MAIN(UNIT_CASE(sends_nothing_at_all), UNIT_CASE(sends_files_of_every_boundary),
          UNIT_CASE(sends_a_tree_beyond_every_window), UNIT_CASE(a_lone_file_is_committed_at_once),
          UNIT_CASE(tells_each_fault_from_the_others), UNIT_CASE(moves_nothing_that_is_there),
          UNIT_CASE(larger_files_are_refused_once_the_disk_is_full), UNIT_CASE(a_dry_run_touches_nothing),
          UNIT_CASE(mixes_everything_by_seed), UNIT_CASE(leaves_no_part_files_however_it_ends))
