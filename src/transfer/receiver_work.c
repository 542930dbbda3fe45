/* receiver_work: what file work is done when, and what comes of it.
 *
 * Small things are bundled: up to 32 steps in a job, up to 256 files in a commit, because a hand-over between
 * threads and a sync of the disk cost the same for one as for many. How many part files there are at once is
 * bounded, and large ones are begun in the order of their numbers, which is the order in which their data
 * comes. */
#include "receiver.h"

#include <assert.h>

/* ---- building jobs ---- */

static struct store_item *add_item(struct store_job *job, struct recv_object *object, unsigned steps) {
  struct store_item *item = &job->items[job->count++];
  *item =
      (struct store_item){.object = object, .entry = &object->entry, .steps = steps, .file = object->file};
  object->jobs++;
  return item;
}

static bool add_abort(struct receiver *receiver, struct store_job *job) {
  struct recv_object *object = queue_first(&receiver->aborting);
  if (!object) return false;
  link_remove(&object->link);
  receiver->aborts--;
  uint64_t kept = receiver_kept_bytes(receiver, object);
  add_item(job, object, kept > 0 ? STORE_KEEP : STORE_ABORT)->kept_bytes = kept;
  return true;
}

/* How a file is to be begun, 0: not yet. What is there already does not count for the user's limit of bytes,
 * and what that is shows only when it was looked for: so a file that does not fit waits for those that are
 * being looked for, and is then looked for itself without being made. */
static unsigned step_to_begin(const struct receiver *receiver, const struct recv_object *object) {
  uint64_t max = receiver->config.bytes_max;
  if (max == 0 || object->entry.size <= max - receiver->charged_bytes) return STORE_BEGIN;
  return receiver->begins_out > 0 ? 0 : STORE_LOOK;
}

static struct store_item *begin_file(struct receiver *receiver, struct store_job *job,
                                     struct recv_object *object, unsigned steps) {
  receiver->begins_out++;
  if (steps & STORE_BEGIN && !receiver->dry_run) receiver->handles++;
  if (steps & STORE_BEGIN && receiver->config.bytes_max > 0) receiver->charged_bytes += object->entry.size;
  receiver_set_state(receiver, object, RECV_BEGINNING);
  return add_item(job, object, steps);
}

/* Looking for an object and making its part file: files of several blocks, empty ones, all of a dry run. */
static bool add_begin(struct receiver *receiver, struct store_job *job) {
  struct recv_object *object = queue_first(&receiver->begin);
  if (!object) return false;
  if (object->entry.kind == ENTRY_FOLDER) { /* of a dry run */
    link_remove(&object->link);
    receiver_set_state(receiver, object, RECV_COMMITTING);
    add_item(job, object, STORE_FOLDER);
    return true;
  }
  bool has_room = receiver->dry_run ||
                  (receiver->handles < HANDLES_MAX && (object->blocks <= 1 || receiver->larges < LARGE_MAX));
  unsigned step = step_to_begin(receiver, object);
  if (!has_room || step == 0) return false;
  link_remove(&object->link);
  begin_file(receiver, job, object, step);
  return true;
}

static bool add_large(struct receiver *receiver, struct store_job *job) {
  struct recv_block *block = receiver_next_large(receiver);
  if (!block) return false;
  struct store_item *item = add_item(job, receiver_object(receiver, block->trailer.object), STORE_WRITE);
  item->block = block;
  job->bytes += block->trailer.raw_size;
  job->job.alone = item->object; /* a file is locked while it is written: a second thread would only wait */
  return true;
}

static bool add_small(struct receiver *receiver, struct store_job *job) {
  if (receiver->handles >= HANDLES_MAX - LARGE_MAX) return false;
  struct recv_block *block = receiver_next_small(receiver);
  if (!block) return false;
  struct recv_object *object = receiver_object(receiver, block->trailer.object);
  unsigned step = step_to_begin(receiver, object);
  if (step == 0) {
    receiver_return_small(receiver, block);
    return false;
  }
  if (step == STORE_LOOK) {
    receiver_free_block(receiver, block);
    begin_file(receiver, job, object, step);
    return true;
  }
  begin_file(receiver, job, object, STORE_BEGIN | STORE_WRITE)->block = block;
  job->bytes += block->trailer.raw_size;
  return true;
}

static bool add_folder(struct receiver *receiver, struct store_job *job) {
  struct recv_object *object = receiver_next_folder(receiver);
  if (!object) return false;
  receiver_set_state(receiver, object, RECV_COMMITTING);
  add_item(job, object, STORE_FOLDER);
  return true;
}

struct store_job *receiver_build_store(struct receiver *receiver) {
  struct store_job *job = receiver->free_stores;
  if (!job) return NULL;
  job->count = 0;
  job->bytes = 0;
  job->job.alone = NULL;
  job->dry_run = receiver->dry_run;
  bool is_live = session_is_live(&receiver->session);
  bool may_folders = receiver->folders_out == 0 && !receiver->dry_run; /* one job of them, for their order */
  while (job->count < STORE_ITEMS_MAX && job->bytes < STORE_JOB_BYTES) {
    if (add_abort(receiver, job)) continue;
    if (!is_live) break;
    if (add_begin(receiver, job) || add_large(receiver, job) || add_small(receiver, job)) continue;
    if (!may_folders || !add_folder(receiver, job)) break;
    receiver->folders_out++;
  }
  if (job->count == 0) return NULL;
  receiver->free_stores = job->next_free;
  return job;
}

/* ---- taking jobs back ---- */

/* Nothing of it is taken in: it does not count. */
static void uncharge(struct receiver *receiver, const struct recv_object *object) {
  if (receiver->config.bytes_max > 0) receiver->charged_bytes -= object->entry.size;
}

static void take_look(struct receiver *receiver, struct recv_object *object, const struct store_item *item) {
  receiver->begins_out--;
  if (object->state == RECV_FAILING)
    receiver_settle(receiver, object);
  else if (item->answer == SINK_HAVE)
    receiver_finish(receiver, object, REPORT_HAVE, 0);
  else
    receiver_fail(receiver, object, item->error ? item->error : ERR_TOO_MUCH);
}

void receiver_start(struct receiver *receiver, struct recv_object *object) {
  object->is_started = true;
  receiver_set_state(receiver, object, RECV_RECEIVING);
  if (object->blocks > BLOCKS_UNASKED) link_move(&object->link, &receiver->wanting);
  receiver_ready_held(receiver, object);
}

/* A part file was made, or the file was found, or neither. */
static void take_begin(struct receiver *receiver, struct recv_object *object, const struct store_item *item) {
  receiver->begins_out--;
  if (item->answer != SINK_WANTED) uncharge(receiver, object);
  object->file = item->file;
  if (!object->file && !receiver->dry_run) receiver->handles--;
  if (object->state == RECV_FAILING) {
    receiver_settle(receiver, object);
  } else if (item->error) {
    receiver_fail(receiver, object, item->error);
  } else if (item->answer == SINK_HAVE) {
    receiver_finish(receiver, object, REPORT_HAVE, 0);
  } else if (receiver->dry_run) {
    receiver_finish(receiver, object, REPORT_WOULD, 0);
  } else if (object->blocks > 1) {
    object->is_resumed = item->is_resumed;
    if (object->is_resumed) {
      object->recalled = BLOCKS_UNASKED; /* those before come in any case */
      receiver_set_state(receiver, object, RECV_RECALLING);
      link_move(&object->link, &receiver->recalling);
    } else {
      receiver_start(receiver, object);
    }
  } else {
    receiver_complete(receiver, object);
  }
}

static void take_folder(struct receiver *receiver, struct recv_object *object,
                        const struct store_item *item) {
  if (receiver->folders_out > 0) receiver->folders_out--;
  enum report_kind kind = receiver->dry_run ? REPORT_WOULD : REPORT_COMMITTED;
  if (item->answer == SINK_HAVE) kind = REPORT_HAVE;
  receiver_finish(receiver, object, item->error ? REPORT_FAILED : kind, item->error);
}

/* To which file it belongs, and which place of it would stay empty, cannot be known: it says so itself. */
static void blame_damage(struct receiver *receiver, const struct block_trailer *trailer) {
  session_blame(&receiver->session, "block %llu of object %u does not fit its check",
                (unsigned long long)trailer->number, trailer->object);
}

static void take_item(struct receiver *receiver, const struct store_item *item) {
  struct recv_object *object = item->object;
  assert(object->jobs > 0);
  object->jobs--;
  bool was_written = item->block && item->file && item->error == 0;
  if (was_written) {
    object->blocks_written++;
    digest_add(&object->digest, item->block->trailer.number, &item->block->trailer.hash);
    receiver->session.progress.bytes_moved += item->block->trailer.raw_size;
  }
  if (item->block && item->error == ERR_MISMATCH) blame_damage(receiver, &item->block->trailer);
  if (item->block) receiver_free_block(receiver, item->block);
  if (item->steps & STORE_FOLDER) {
    take_folder(receiver, object, item);
  } else if (item->steps & STORE_BEGIN) {
    take_begin(receiver, object, item);
  } else if (item->steps & STORE_LOOK) {
    take_look(receiver, object, item);
  } else if (item->steps & (STORE_ABORT | STORE_KEEP)) {
    object->file = NULL;
    receiver->handles--;
    receiver->full_bytes = UINT64_MAX; /* there may be room again */
    receiver_settle(receiver, object);
  } else if (item->error) {
    receiver_fail(receiver, object, item->error);
    receiver_settle(receiver, object); /* failed before: this may have been the last job it waited for */
  } else {
    receiver_settle(receiver, object);
  }
}

void receiver_take_store(struct receiver *receiver, struct store_job *job) {
  for (uint32_t i = 0; i < job->count; i++)
    take_item(receiver, &job->items[i]);
  job->next_free = receiver->free_stores;
  receiver->free_stores = job;
}

/* ---- commits ---- */

static bool commit_is_due(const struct receiver *receiver) {
  if (receiver->completes == 0 || receiver->commits_out == COMMITS_OUT_MAX) return false;
  if (receiver->completes >= COMMIT_FILES_MAX || receiver->complete_bytes >= COMMIT_BYTES) return true;
  if (receiver->commits_out > 0) return false;
  /* Alone there is no company to wait for, and nothing may wait for a part file's place. */
  bool is_short = receiver->handles >= HANDLES_MAX - LARGE_MAX;
  return receiver->busy_files == 0 || is_short ||
         receiver->session.now_ns >= receiver->complete_since_ns + COMMIT_WAIT_NS;
}

uint64_t receiver_commit_at(const struct receiver *receiver) {
  if (receiver->completes == 0 || receiver->commits_out > 0) return TIME_NEVER;
  uint64_t at_ns = receiver->complete_since_ns + COMMIT_WAIT_NS;
  /* A group that is due waits for a thread only, not for the time. */
  return receiver->session.now_ns < at_ns ? at_ns : TIME_NEVER;
}

struct commit_job *receiver_build_commit(struct receiver *receiver) {
  struct commit_job *job = receiver->free_commits;
  if (!job || !session_is_live(&receiver->session) || !commit_is_due(receiver)) return NULL;
  receiver->free_commits = job->next_free;
  receiver->commits_out++;
  job->count = 0;
  struct recv_object *object;
  while (job->count < COMMIT_FILES_MAX && (object = queue_first(&receiver->complete)) != NULL) {
    link_remove(&object->link);
    receiver->completes--;
    receiver->complete_bytes -= object->entry.size;
    receiver_set_state(receiver, object, RECV_COMMITTING);
    job->objects[job->count] = object;
    job->files[job->count] = object->file;
    job->results[job->count++] = ERR_IO;
  }
  receiver->complete_since_ns = receiver->session.now_ns;
  return job;
}

void receiver_take_commit(struct receiver *receiver, struct commit_job *job) {
  receiver->commits_out--;
  for (uint32_t i = 0; i < job->count; i++) {
    struct recv_object *object = job->objects[i];
    receiver->handles--;
    object->file = NULL;
    int result = job->results[i];
    enum report_kind kind = result == SINK_HAVE ? REPORT_HAVE : REPORT_COMMITTED;
    receiver_finish(receiver, object, result < 0 ? REPORT_FAILED : kind, result < 0 ? result : 0);
  }
  job->next_free = receiver->free_commits;
  receiver->free_commits = job;
}
