/* transfer_run: a sender and a receiver over real connections, with files in memory and file work that is run
 * late and in any order. Include after unit.h. */
#ifndef TRANSFER_RUN_H
#define TRANSFER_RUN_H

#include "memory_sink.h"
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
  uint64_t slow_ns; /* what its file work takes at least */
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
  unsigned reports_every;                                        /* 1: always */
  void (*on_wake)(struct run *run), (*on_rest)(struct run *run); /* around each turn; NULL: nothing */
};

static inline void run_init(struct run *run, uint64_t seed, unsigned loss_percent) {
  *run = (struct run){.job_ns = 2 * NS_PER_MS, .stop_at_ns = TIME_NEVER, .reports_every = 1};
  pair_init(&run->pair, seed, loss_percent);
  memory_init(&run->source, FILES_MAX);
  memory_init(&run->sink, FILES_MAX);
}

static inline struct memory_file *add(struct run *run, enum entry_kind kind, const char *name, uint64_t size,
                                      enum fault fault) {
  bool is_at_source = fault <= FAULT_BROKEN;
  struct memory_file *file = memory_add(&run->source, kind, name, size);
  struct memory_file *target = memory_add(&run->sink, kind, name, size);
  (is_at_source ? file : target)->fault = fault;
  return file;
}

static inline void add_many(struct run *run, const char *folder, unsigned count, uint64_t size_max) {
  char name[96];
  for (unsigned i = 0; i < count; i++) {
    snprintf(name, sizeof(name), "%s/file-%u", folder, i);
    add(run, ENTRY_FILE, name, prng_below(&run->pair.prng, size_max + 1), FAULT_NONE);
  }
  add(run, ENTRY_FOLDER, folder, 0, FAULT_NONE);
}

static inline struct job *next_job(struct run *run, int end) {
  return end == CLIENT ? sender_next_job(run->sender) : receiver_next_job(run->receiver);
}

static inline void give_back(struct run *run, int end, struct job *job) {
  if (end == CLIENT)
    sender_on_job(run->sender, run->pair.now_ns, job);
  else
    receiver_on_job(run->receiver, run->pair.now_ns, job);
}

/* Takes jobs while there is room, and gives back what is due, in whatever order. False when nothing was. */
static inline bool work(struct run *run, int end) {
  struct end_state *state = &run->ends[end];
  bool has_moved = false;
  struct job *job;
  while (state->jobs_count < JOBS_OUT_MAX && (job = next_job(run, end)) != NULL) {
    job_run(job);
    uint64_t at_ns = run->pair.now_ns + state->slow_ns + prng_below(&run->pair.prng, run->job_ns + 1);
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

static inline void take_events(struct run *run, int end) {
  struct conn_event event;
  while (conn_next_event(run->pair.conns[end], &event)) {
    run->ends[end].is_closed |= event.type == CONN_EVENT_CLOSED;
    if (end == CLIENT)
      sender_on_event(run->sender, run->pair.now_ns, &event);
    else
      receiver_on_event(run->receiver, run->pair.now_ns, &event);
  }
}

static inline void take_reports(struct run *run, int end) {
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

static inline bool is_over(const struct run *run) {
  return run->ends[CLIENT].is_closed && run->ends[SERVER].is_closed && sender_jobs_out(run->sender) == 0 &&
         receiver_jobs_out(run->receiver) == 0;
}

static inline uint64_t next_ns(const struct run *run) {
  uint64_t next = pair_next_ns(&run->pair), timeout = receiver_next_timeout(run->receiver);
  if (timeout < next) next = timeout;
  for (int end = 0; end < 2; end++)
    for (unsigned i = 0; i < run->ends[end].jobs_count; i++)
      if (run->ends[end].jobs[i].at_ns < next) next = run->ends[end].jobs[i].at_ns;
  if (run->stop_at_ns > run->pair.now_ns && run->stop_at_ns < next) next = run->stop_at_ns;
  return next;
}

static inline void step(struct run *run, int end) {
  if (end == CLIENT)
    sender_step(run->sender, run->pair.now_ns);
  else
    receiver_step(run->receiver, run->pair.now_ns);
}

static inline void stop(struct run *run) {
  run->pair.is_cut |= run->is_silent;
  if (!run->is_silent) conn_close(run->pair.conns[CLIENT], run->pair.now_ns, CLOSE_INTERRUPTED, "by hand");
}

static inline void run_all(struct run *run) {
  struct sender_config sending = {&memory_source, &run->source, run->pair.pools[CLIENT], run->sender_dry};
  struct receiver_config receiving = {.ops = &memory_sink, .sink = &run->sink, .dry_run = run->receiver_dry};
  run->sender = sender_new(&sending, run->pair.conns[CLIENT]);
  run->receiver = receiver_new(&receiving, run->pair.conns[SERVER]);
  unsigned steps = 0;
  for (; !is_over(run) && steps < STEPS_MAX; steps++) {
    if (run->pair.now_ns >= run->stop_at_ns) stop(run);
    pair_receive(&run->pair);
    if (run->on_wake) run->on_wake(run);
    for (int end = 0; end < 2; end++) {
      take_events(run, end);
      step(run, end);
      while (work(run, end))
        step(run, end);
      if (prng_below(&run->pair.prng, run->reports_every) == 0) take_reports(run, end);
    }
    pair_send(&run->pair);
    if (run->on_rest) run->on_rest(run);
    pair_advance(&run->pair, next_ns(run));
  }
  CU_ASSERT_FATAL(steps < STEPS_MAX);
  for (int end = 0; end < 2; end++)
    take_reports(run, end);
  sender_get_progress(run->sender, &run->ends[CLIENT].progress);
  receiver_get_progress(run->receiver, &run->ends[SERVER].progress);
}

static inline void run_free(struct run *run) {
  sender_free(run->sender);
  receiver_free(run->receiver);
  CU_ASSERT_EQUAL(run->source.open_count, 0);
  pair_free(&run->pair);
  memory_clear(&run->source);
  memory_clear(&run->sink);
}

#endif
