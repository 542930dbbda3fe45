/* Adapters only: each function turns a `void *` of one side into the type of the other and passes on. */
#include "bind.h"

#include "udpcp/fs.h"

#include <assert.h>

static int bound_next(void *source, struct entry *entry) { return source_next(source, entry); }

static int bound_open(void *source, const struct entry *entry, void **file) {
  struct source_file *opened = NULL;
  int error = source_open(source, entry, &opened);
  *file = opened;
  return error;
}

static int bound_read(void *source, void *file, uint64_t offset, uint8_t *bytes, size_t size) {
  (void)source;
  return source_read(file, offset, bytes, size);
}

static int bound_check(void *source, void *file, const struct entry *entry) {
  (void)source;
  return source_check(file, entry);
}

static void bound_close(void *source, void *file) {
  (void)source;
  source_close(file);
}

const struct source_ops bind_source_ops = {
    .next = bound_next, .open = bound_open, .read = bound_read, .check = bound_check, .close = bound_close};

static int bound_begin(void *sink, const struct entry *entry, bool dry, void **file) {
  struct sink_file *begun = NULL;
  int answer = sink_begin(sink, entry, dry, &begun);
  *file = begun;
  return answer;
}

static int bound_write(void *sink, void *file, uint64_t offset, const uint8_t *bytes, size_t size) {
  return sink_write(sink, file, offset, bytes, size);
}

static void bound_commit(void *sink, void *const *files, size_t count, int *results) {
  sink_commit(sink, (struct sink_file *const *)files, count, results);
}

static void bound_abort(void *sink, void *file) { sink_abort(sink, file); }

static int bound_folder(void *sink, const struct entry *entry, bool dry) {
  return sink_folder(sink, entry, dry);
}

static int bound_recall(void *sink, void *file, uint64_t offset, uint8_t *bytes, size_t size) {
  return sink_recall(sink, file, offset, bytes, size);
}

static int bound_note(void *sink, void *file, uint64_t offset, const uint8_t *bytes, size_t size) {
  return sink_note(sink, file, offset, bytes, size);
}

static int bound_read_part(void *sink, void *file, uint64_t offset, uint8_t *bytes, size_t size) {
  return sink_read(sink, file, offset, bytes, size);
}

static void bound_keep(void *sink, void *file, uint64_t bytes) { sink_keep(sink, file, bytes); }

static_assert((int)SINK_KEEP_BYTES_MIN == (int)RESUME_BYTES_MIN,
              "both ends of the table mean the same files");

const struct sink_ops bind_sink_ops = {.begin = bound_begin,
                                       .write = bound_write,
                                       .commit = bound_commit,
                                       .abort = bound_abort,
                                       .recall = bound_recall,
                                       .note = bound_note,
                                       .read = bound_read_part,
                                       .keep = bound_keep,
                                       .folder = bound_folder};

static void sender_event(void *state, uint64_t now_ns, const struct conn_event *event) {
  sender_on_event(state, now_ns, event);
}
static void sender_moves(void *state, uint64_t now_ns) { sender_step(state, now_ns); }
static struct job *sender_job(void *state) { return sender_next_job(state); }
static void sender_job_done(void *state, uint64_t now_ns, struct job *job) {
  sender_on_job(state, now_ns, job);
}
static bool sender_report(void *state, struct report *report) { return sender_next_report(state, report); }
static void sender_progress(const void *state, struct progress *progress) {
  sender_get_progress(state, progress);
}
static size_t sender_jobs(const void *state) { return sender_jobs_out(state); }
static void sender_end(void *state) { sender_free(state); }
static uint64_t sender_timeout(const void *state) {
  (void)state;
  return TIME_NEVER;
}

static void sender_wakes(void *state, uint64_t now_ns, const struct turn *turn) {
  sender_on_wake(state, now_ns, turn);
}
static void sender_rests(void *state) { sender_on_rest(state); }
static void sender_absence(void *state, uint64_t now_ns, uint64_t absent_ns) {
  sender_on_absence(state, now_ns, absent_ns);
}
static void sender_held_up(const void *state, struct held_up *held) { sender_get_held_up(state, held); }

const struct role bind_sender = {
    .on_event = sender_event,
    .step = sender_moves,
    .next_job = sender_job,
    .on_job = sender_job_done,
    .next_report = sender_report,
    .get_progress = sender_progress,
    .on_wake = sender_wakes,
    .on_rest = sender_rests,
    .on_absence = sender_absence,
    .get_held_up = sender_held_up,
    .next_timeout = sender_timeout,
    .jobs_out = sender_jobs,
    .free = sender_end,
};

static void receiver_event(void *state, uint64_t now_ns, const struct conn_event *event) {
  receiver_on_event(state, now_ns, event);
}
static void receiver_moves(void *state, uint64_t now_ns) { receiver_step(state, now_ns); }
static struct job *receiver_job(void *state) { return receiver_next_job(state); }
static void receiver_job_done(void *state, uint64_t now_ns, struct job *job) {
  receiver_on_job(state, now_ns, job);
}
static bool receiver_report(void *state, struct report *report) {
  return receiver_next_report(state, report);
}
static void receiver_progress(const void *state, struct progress *progress) {
  receiver_get_progress(state, progress);
}
static size_t receiver_jobs(const void *state) { return receiver_jobs_out(state); }
static void receiver_end(void *state) { receiver_free(state); }
static uint64_t receiver_timeout(const void *state) { return receiver_next_timeout(state); }

static void receiver_wakes(void *state, uint64_t now_ns, const struct turn *turn) {
  receiver_on_wake(state, now_ns, turn);
}
static void receiver_rests(void *state) { receiver_on_rest(state); }
static void receiver_absence(void *state, uint64_t now_ns, uint64_t absent_ns) {
  receiver_on_absence(state, now_ns, absent_ns);
}
static void receiver_held_up(const void *state, struct held_up *held) { receiver_get_held_up(state, held); }

const struct role bind_receiver = {
    .on_event = receiver_event,
    .step = receiver_moves,
    .next_job = receiver_job,
    .on_job = receiver_job_done,
    .next_report = receiver_report,
    .get_progress = receiver_progress,
    .on_wake = receiver_wakes,
    .on_rest = receiver_rests,
    .on_absence = receiver_absence,
    .get_held_up = receiver_held_up,
    .next_timeout = receiver_timeout,
    .jobs_out = receiver_jobs,
    .free = receiver_end,
};
