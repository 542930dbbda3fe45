/* receiver_jobs: the receiving end's file work, run on any thread: part files made, verified, written,
 * committed or removed.
 *
 * A job holds all it needs; of the objects it sees only their entries, which nobody changes while it is out.
 */
#include "receiver.h"

static int run_write(const struct store_job *job, struct store_item *item) {
  struct block_trailer *trailer = &item->block->trailer;
  if (!block_is_intact(trailer, item->block->bytes)) return ERR_MISMATCH;
  uint64_t offset = trailer->number * BLOCK_DATA_BYTES;
  int error = job->ops->write(job->sink, item->file, offset, item->block->bytes, trailer->raw_size);
  if (error == 0 && receiver_can_resume(job->ops, item->entry)) receiver_note_block(job, item);
  return error;
}

static void run_item(const struct store_job *job, struct store_item *item) {
  if (item->steps & STORE_FOLDER) item->answer = job->ops->folder(job->sink, item->entry, job->dry_run);
  if (item->steps & (STORE_BEGIN | STORE_LOOK)) {
    bool is_dry = job->dry_run || item->steps & STORE_LOOK;
    item->answer = job->ops->begin(job->sink, item->entry, is_dry, &item->file);
  }
  if (item->answer < 0) item->error = item->answer;
  if (item->steps & STORE_BEGIN && item->file && receiver_can_resume(job->ops, item->entry))
    item->is_resumed = receiver_open_journal(job, item);
  if (item->steps & STORE_WRITE && item->file) item->error = run_write(job, item);
  /* A part file made here and failed here is known to nobody else yet. */
  if (item->steps & STORE_ABORT || (item->error && item->steps & STORE_BEGIN && item->file)) {
    job->ops->abort(job->sink, item->file);
    item->file = NULL;
  } else if (item->steps & STORE_KEEP) {
    job->ops->keep(job->sink, item->file, item->kept_bytes);
    item->file = NULL;
  }
}

void receiver_run_store(struct job *run) {
  struct store_job *job = (struct store_job *)(void *)run;
  for (uint32_t i = 0; i < job->count; i++)
    run_item(job, &job->items[i]);
}

void receiver_run_commit(struct job *run) {
  struct commit_job *job = (struct commit_job *)(void *)run;
  job->ops->commit(job->sink, job->files, job->count, job->results);
}
