/* receiver: the receiving end of a transfer (proto/transfer.md): part files, verification, commits in groups.
 *
 * Nothing here waits: each call moves on whatever can move. What the peer says is checked before it is used,
 * and what it can make this end hold is bounded by the tables allocated here and by the transport's window.
 */
#include "receiver.h"

#include <assert.h>
#include <stdlib.h>

static int allocate(struct receiver *receiver) {
  receiver->objects = calloc(OBJECTS_AHEAD_MAX, sizeof(*receiver->objects));
  receiver->blocks = calloc(RECV_BLOCKS_MAX, sizeof(*receiver->blocks));
  receiver->ranges = calloc(LARGE_MAX * BLOCK_RANGES_MAX, sizeof(*receiver->ranges));
  receiver->store_jobs = calloc(STORE_JOBS_MAX, sizeof(*receiver->store_jobs));
  receiver->commit_jobs = calloc(COMMITS_OUT_MAX, sizeof(*receiver->commit_jobs));
  receiver->recall_jobs = calloc(RECALL_JOBS_MAX, sizeof(*receiver->recall_jobs));
  bool got = receiver->objects && receiver->blocks && receiver->ranges && receiver->store_jobs &&
             receiver->commit_jobs && receiver->recall_jobs;
  return got ? manifest_init(&receiver->manifest) : ERR_NO_MEMORY;
}

static void init_jobs(struct receiver *receiver) {
  for (int i = 0; i < STORE_JOBS_MAX; i++) {
    struct store_job *job = &receiver->store_jobs[i];
    job->job.run = receiver_run_store;
    job->ops = receiver->config.ops;
    job->sink = receiver->config.sink;
    job->next_free = receiver->free_stores;
    receiver->free_stores = job;
  }
  for (int i = 0; i < COMMITS_OUT_MAX; i++) {
    struct commit_job *job = &receiver->commit_jobs[i];
    job->job.run = receiver_run_commit;
    job->ops = receiver->config.ops;
    job->sink = receiver->config.sink;
    job->next_free = receiver->free_commits;
    receiver->free_commits = job;
  }
  for (int i = 0; i < RECALL_JOBS_MAX; i++) {
    struct recall_job *job = &receiver->recall_jobs[i];
    job->job.run = receiver_run_recall;
    job->ops = receiver->config.ops;
    job->sink = receiver->config.sink;
    job->next_free = receiver->free_recalls;
    receiver->free_recalls = job;
  }
}

struct receiver *receiver_new(const struct receiver_config *config, struct conn *conn) {
  struct receiver *receiver = calloc(1, sizeof(*receiver));
  if (!receiver) return NULL;
  receiver->config = *config;
  receiver->dry_run = config->dry_run;
  receiver->full_bytes = UINT64_MAX;
  receiver->close_at_ns = receiver->working_at_ns = TIME_NEVER;
  session_init(&receiver->session, conn);
  struct link *queues[] = {&receiver->begin,    &receiver->recalling, &receiver->wanting, &receiver->complete,
                           &receiver->aborting, &receiver->reporting, &receiver->telling};
  for (size_t i = 0; i < sizeof(queues) / sizeof(queues[0]); i++)
    link_init(queues[i]);
  if (allocate(receiver) < 0) {
    receiver_free(receiver);
    return NULL;
  }
  init_jobs(receiver);
  for (int i = 0; i < LARGE_MAX; i++)
    receiver->free_ranges[receiver->free_ranges_count++] = &receiver->ranges[i * BLOCK_RANGES_MAX];
  return receiver;
}

void receiver_free(struct receiver *receiver) {
  if (!receiver) return;
  assert(receiver->jobs_out == 0 && "jobs point into the receiver");
  if (!receiver->session.over && receiver->objects && receiver->blocks) receiver_drop_blocks(receiver);
  for (uint32_t number = receiver->low; number < receiver->next; number++) {
    struct recv_object *object = receiver_object(receiver, number);
    if (!object->file) continue;
    uint64_t kept = receiver_kept_bytes(receiver, object);
    if (kept > 0)
      receiver->config.ops->keep(receiver->config.sink, object->file, kept);
    else
      receiver->config.ops->abort(receiver->config.sink, object->file);
  }
  manifest_clear(&receiver->manifest);
  free(receiver->objects);
  free(receiver->blocks);
  free(receiver->ranges);
  free(receiver->store_jobs);
  free(receiver->commit_jobs);
  free(receiver->recall_jobs);
  free(receiver);
}

void receiver_on_event(struct receiver *receiver, uint64_t now_ns, const struct conn_event *event) {
  receiver->session.now_ns = now_ns;
  switch (event->type) {
  case CONN_EVENT_ESTABLISHED:
    break; /* the sender speaks first */
  case CONN_EVENT_CONTROL:
    receiver_read_messages(receiver);
    break;
  case CONN_EVENT_BLOCK_RECEIVED:
    receiver_on_block(receiver, event);
    break;
  case CONN_EVENT_BLOCK_ACKED:
    assert(!"a receiver sends no blocks");
    break;
  case CONN_EVENT_CLOSED:
    session_on_closed(&receiver->session, event, receiver->finished_told);
    receiver_abandon(receiver);
    receiver_drop_blocks(receiver);
    break;
  }
}

/* The sender closes when FINISHED has come to it. Its CLOSE can be lost, so once it acknowledged FINISHED
 * this end does not depend on it. */
static void step_to_close(struct receiver *receiver) {
  struct session *session = &receiver->session;
  if (!receiver->finished_told || !session_is_live(session)) return;
  if (!receiver->is_flushed && channel_flush(&session->channel) && conn_is_flushed(session->conn)) {
    receiver->is_flushed = true;
    receiver->close_at_ns = session->now_ns + CLOSE_GRACE_NS;
  }
  if (session->now_ns >= receiver->close_at_ns) session_close(session, CLOSE_DONE, "");
}

/* A slow disk must not look like a receiver that has stopped. */
static void tell_working(struct receiver *receiver, uint64_t now_ns) {
  const struct message working = {.type = MESSAGE_WORKING, .load = receiver_load(receiver)};
  bool is_due = now_ns >= receiver->working_at_ns;
  if (receiver->jobs_out == 0)
    receiver->working_at_ns = TIME_NEVER;
  else if (is_due || receiver->working_at_ns == TIME_NEVER)
    receiver->working_at_ns = now_ns + WORKING_NS;
  if (is_due && receiver->jobs_out > 0 && session_is_live(&receiver->session))
    channel_send(&receiver->session.channel, &working);
}

void receiver_step(struct receiver *receiver, uint64_t now_ns) {
  receiver->session.now_ns = now_ns;
  receiver_write_messages(receiver);
  tell_working(receiver, now_ns);
  step_to_close(receiver);
}

struct job *receiver_next_job(struct receiver *receiver) {
  struct commit_job *commit = receiver_build_commit(receiver);
  struct recall_job *recall = commit ? NULL : receiver_build_recall(receiver);
  struct store_job *store = commit || recall ? NULL : receiver_build_store(receiver);
  if (!commit && !recall && !store) return NULL;
  receiver->jobs_out++;
  return commit ? &commit->job : recall ? &recall->job : &store->job;
}

void receiver_on_job(struct receiver *receiver, uint64_t now_ns, struct job *job) {
  assert(receiver->jobs_out > 0);
  receiver->session.now_ns = now_ns;
  receiver->jobs_out--;
  if (job->run == receiver_run_commit)
    receiver_take_commit(receiver, (struct commit_job *)(void *)job);
  else if (job->run == receiver_run_recall)
    receiver_take_recall(receiver, (struct recall_job *)(void *)job);
  else
    receiver_take_store(receiver, (struct store_job *)(void *)job);
}

bool receiver_next_report(struct receiver *receiver, struct report *report) {
  struct recv_object *object = queue_first(&receiver->reporting);
  if (!object) { /* all taken: now their results can be told, without waiting for the next step */
    receiver_write_messages(receiver);
    return false;
  }
  *report = (struct report){
      .kind = object->result, .entry = object->entry, .error = object->error, .at_source = object->at_source};
  receiver_set_state(receiver, object, RECV_REPORTED);
  link_move(&object->link, &receiver->telling);
  return true;
}

void receiver_get_progress(const struct receiver *receiver, struct progress *progress) {
  *progress = receiver->session.progress;
}

uint64_t receiver_next_timeout(const struct receiver *receiver) {
  if (!session_is_live(&receiver->session)) return TIME_NEVER;
  uint64_t at_ns = receiver_commit_at(receiver);
  if (receiver->close_at_ns < at_ns) at_ns = receiver->close_at_ns;
  return receiver->working_at_ns < at_ns ? receiver->working_at_ns : at_ns;
}

size_t receiver_jobs_out(const struct receiver *receiver) { return receiver->jobs_out + receiver->aborts; }
