/* receiver_jobs: the receiving end's file work, run on any thread: part files made, verified, written,
 * committed or removed.
 *
 * A job holds all it needs; of the objects it sees only their entries, which nobody changes while it is out.
 */
#include "receiver.h"

static int run_write(const struct store_job *job, struct store_item *item) {
  const struct block_trailer *trailer = &item->block->trailer;
  if (!block_is_intact(trailer, item->block->bytes)) return ERR_MISMATCH;
  uint64_t offset = trailer->number * BLOCK_DATA_BYTES;
  return job->ops->write(job->sink, item->file, offset, item->block->bytes, trailer->raw_size);
}

static void run_item(const struct store_job *job, struct store_item *item) {
  if (item->steps & (STORE_BEGIN | STORE_FOLDER)) {
    item->answer = item->steps & STORE_FOLDER
                       ? job->ops->folder(job->sink, item->entry, job->dry_run)
                       : job->ops->begin(job->sink, item->entry, job->dry_run, &item->file);
    item->error = item->answer < 0 ? item->answer : 0;
  }
  if (item->steps & STORE_WRITE && item->file) item->error = run_write(job, item);
  /* A part file made here and failed here is known to nobody else yet. */
  if (item->steps & STORE_ABORT || (item->error && item->steps & STORE_BEGIN && item->file)) {
    job->ops->abort(job->sink, item->file);
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
