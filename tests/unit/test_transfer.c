/* transfer: a sender and a receiver over real connections, with files in memory and file work that is run
 * late and in any order. What must hold at the end of every run is checked by `check_run`; the cases vary
 * what happens. */
#include "unit.h"

#include "memory_files.h"
#include "pair.h"

enum { JOBS_OUT_MAX = 6, FILES_MAX = 6000, STEPS_MAX = 2000000 };

struct outstanding {
  struct job *job;
  uint64_t at_ns;
};

struct end_state {
  struct outstanding jobs[JOBS_OUT_MAX];
  unsigned jobs_count;
  bool is_closed;
  unsigned reports[4], at_source;
  struct progress progress;
};

struct run {
  struct pair pair;
  struct memory source, sink;
  struct sender *sender;
  struct receiver *receiver;
  struct end_state ends[2];
  uint64_t job_ns;     /* how long file work takes at most */
  uint64_t stop_at_ns; /* the sender's user ends it; the link is cut when is_silent */
  bool is_silent, sender_dry, receiver_dry;
  unsigned reports_every; /* 1: always */
};

static void run_init(struct run *run, uint64_t seed, unsigned loss_percent) {
  *run = (struct run){.job_ns = 2 * NS_PER_MS, .stop_at_ns = TIME_NEVER, .reports_every = 1};
  pair_init(&run->pair, seed, loss_percent);
  memory_init(&run->source, FILES_MAX);
  memory_init(&run->sink, FILES_MAX);
}

static struct memory_file *add(struct run *run, enum entry_kind kind, const char *name, uint64_t size,
                               enum fault fault) {
  bool is_at_source = fault <= FAULT_BROKEN;
  struct memory_file *file = memory_add(&run->source, kind, name, size);
  struct memory_file *target = memory_add(&run->sink, kind, name, size);
  (is_at_source ? file : target)->fault = fault;
  return file;
}

static void add_many(struct run *run, const char *folder, unsigned count, uint64_t size_max) {
  char name[96];
  for (unsigned i = 0; i < count; i++) {
    snprintf(name, sizeof(name), "%s/file-%u", folder, i);
    add(run, ENTRY_FILE, name, prng_below(&run->pair.prng, size_max + 1), FAULT_NONE);
  }
  add(run, ENTRY_FOLDER, folder, 0, FAULT_NONE);
}

static struct job *next_job(struct run *run, int end) {
  return end == CLIENT ? sender_next_job(run->sender) : receiver_next_job(run->receiver);
}

static void give_back(struct run *run, int end, struct job *job) {
  if (end == CLIENT)
    sender_on_job(run->sender, run->pair.now_ns, job);
  else
    receiver_on_job(run->receiver, run->pair.now_ns, job);
}

/* Takes jobs while there is room, and gives back what is due, in whatever order. False when nothing was. */
static bool work(struct run *run, int end) {
  struct end_state *state = &run->ends[end];
  bool has_moved = false;
  struct job *job;
  while (state->jobs_count < JOBS_OUT_MAX && (job = next_job(run, end)) != NULL) {
    job_run(job);
    uint64_t at_ns = run->pair.now_ns + prng_below(&run->pair.prng, run->job_ns + 1);
    state->jobs[state->jobs_count++] = (struct outstanding){job, at_ns};
  }
  for (unsigned i = 0; i < state->jobs_count;) {
    struct outstanding *at = &state->jobs[i];
    if (at->at_ns > run->pair.now_ns) {
      i++;
      continue;
    }
    job = at->job;
    *at = state->jobs[--state->jobs_count];
    give_back(run, end, job);
    has_moved = true;
  }
  return has_moved;
}

static void take_events(struct run *run, int end) {
  struct conn_event event;
  while (conn_next_event(run->pair.conns[end], &event)) {
    run->ends[end].is_closed |= event.type == CONN_EVENT_CLOSED;
    if (end == CLIENT)
      sender_on_event(run->sender, run->pair.now_ns, &event);
    else
      receiver_on_event(run->receiver, run->pair.now_ns, &event);
  }
}

static void take_reports(struct run *run, int end) {
  struct report report;
  while (end == CLIENT ? sender_next_report(run->sender, &report)
                       : receiver_next_report(run->receiver, &report)) {
    const struct memory_file *file = memory_find(&run->source, &report.entry);
    const struct memory_file *target = memory_find(&run->sink, &report.entry);
    CU_ASSERT_FATAL(file && target);
    run->ends[end].reports[report.kind]++;
    run->ends[end].at_source += report.at_source;
    CU_ASSERT_EQUAL(report.kind == REPORT_FAILED, report.error < 0);
    if (report.kind == REPORT_COMMITTED && report.entry.kind == ENTRY_FILE)
      CU_ASSERT_PTR_NOT_NULL(target->final);
  }
}

static bool is_over(const struct run *run) {
  return run->ends[CLIENT].is_closed && run->ends[SERVER].is_closed && sender_jobs_out(run->sender) == 0 &&
         receiver_jobs_out(run->receiver) == 0;
}

static uint64_t next_ns(const struct run *run) {
  uint64_t next = pair_next_ns(&run->pair), timeout = receiver_next_timeout(run->receiver);
  if (timeout < next) next = timeout;
  for (int end = 0; end < 2; end++)
    for (unsigned i = 0; i < run->ends[end].jobs_count; i++)
      if (run->ends[end].jobs[i].at_ns < next) next = run->ends[end].jobs[i].at_ns;
  if (run->stop_at_ns > run->pair.now_ns && run->stop_at_ns < next) next = run->stop_at_ns;
  return next;
}

static void step(struct run *run, int end) {
  if (end == CLIENT)
    sender_step(run->sender, run->pair.now_ns);
  else
    receiver_step(run->receiver, run->pair.now_ns);
}

static void stop(struct run *run) {
  run->pair.is_cut |= run->is_silent;
  if (!run->is_silent) conn_close(run->pair.conns[CLIENT], run->pair.now_ns, CLOSE_INTERRUPTED, "by hand");
}

static void run_all(struct run *run) {
  struct sender_config sending = {&memory_source, &run->source, run->pair.pools[CLIENT], run->sender_dry};
  struct receiver_config receiving = {&memory_sink, &run->sink, run->receiver_dry};
  run->sender = sender_new(&sending, run->pair.conns[CLIENT]);
  run->receiver = receiver_new(&receiving, run->pair.conns[SERVER]);
  unsigned steps = 0;
  for (; !is_over(run) && steps < STEPS_MAX; steps++) {
    if (run->pair.now_ns >= run->stop_at_ns) stop(run);
    pair_receive(&run->pair);
    for (int end = 0; end < 2; end++) {
      take_events(run, end);
      step(run, end);
      while (work(run, end))
        step(run, end);
      if (prng_below(&run->pair.prng, run->reports_every) == 0) take_reports(run, end);
    }
    pair_send(&run->pair);
    pair_advance(&run->pair, next_ns(run));
  }
  CU_ASSERT_FATAL(steps < STEPS_MAX);
  for (int end = 0; end < 2; end++)
    take_reports(run, end);
  sender_get_progress(run->sender, &run->ends[CLIENT].progress);
  receiver_get_progress(run->receiver, &run->ends[SERVER].progress);
}

/* What holds however a run ended. */
static void check_run(struct run *run) {
  CU_ASSERT_EQUAL(run->sink.part_count, 0);
  for (unsigned i = 0; i < run->sink.count; i++) {
    const struct memory_file *file = &run->sink.files[i];
    bool same = true;
    for (uint64_t at = 0; file->final && at < file->entry.size; at++)
      same = same && file->final[at] == memory_byte(&run->source.files[i], at);
    CU_ASSERT_TRUE(same);
    if (file->entry.kind == ENTRY_FILE && file->order > 0) CU_ASSERT_EQUAL(file->entry.mtime_ns, 123456789);
  }
  for (int end = 0; end < 2; end++) {
    const struct end_state *state = &run->ends[end];
    const struct progress *progress = &state->progress;
    CU_ASSERT_EQUAL(progress->objects_done, state->reports[REPORT_COMMITTED] + state->reports[REPORT_WOULD]);
    CU_ASSERT_EQUAL(progress->objects_had, state->reports[REPORT_HAVE]);
    CU_ASSERT_EQUAL(progress->objects_failed, state->reports[REPORT_FAILED]);
  }
}

/* What holds of a run that came to its end. */
static void check_complete(struct run *run) {
  check_run(run);
  for (int end = 0; end < 2; end++) {
    const struct progress *progress = &run->ends[end].progress;
    CU_ASSERT_EQUAL(progress->outcome, OUTCOME_COMPLETE);
    if (progress->outcome != OUTCOME_COMPLETE)
      printf("outcome %d: %s\n", progress->outcome, progress->reason);
    CU_ASSERT_TRUE(progress->walk_done);
    CU_ASSERT_EQUAL(progress->objects_seen,
                    progress->objects_done + progress->objects_had + progress->objects_failed);
  }
}

static void run_free(struct run *run) {
  sender_free(run->sender);
  receiver_free(run->receiver);
  CU_ASSERT_EQUAL(run->source.open_count, 0);
  pair_free(&run->pair);
  memory_clear(&run->source);
  memory_clear(&run->sink);
}

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
