/* sender_jobs: the sending end's file work, run on any thread: walking, and opening, reading, hashing,
 * checking.
 *
 * A job holds all it needs; of the objects it sees only their entries, which nobody changes while it is out.
 */
#include "sender.h"

#include <string.h>

/* Copies what the source found; what could not be looked at, or cannot be named on the wire, keeps an error.
 */
static void keep_found(struct walk_job *walk, const struct entry *found, int error) {
  if (error == 0 && found->name_size > NAME_BYTES_MAX) error = ERR_BAD_NAME;
  if (error == 0) error = name_check(found->name, found->name_size);
  bool too_big = found->size > VARINT_MAX || found->mtime_s > MTIME_S_MAX || found->mtime_s < -MTIME_S_MAX;
  if (error == 0 && (too_big || found->mtime_ns >= NS_PER_S)) error = ERR_UNSUPPORTED;
  struct entry *entry = &walk->entries[walk->count];
  *entry = *found;
  if (entry->kind == ENTRY_FOLDER) entry->size = 0;
  if (entry->name_size > NAME_BYTES_MAX) entry->name_size = NAME_BYTES_MAX;
  memcpy(walk->names + walk->name_bytes, found->name, entry->name_size);
  entry->name = walk->names + walk->name_bytes;
  walk->name_bytes += entry->name_size;
  walk->errors[walk->count++] = error;
}

void sender_run_walk(struct job *job) {
  struct walk_job *walk = (struct walk_job *)(void *)job;
  size_t name_bytes_max = walk->name_bytes_max < WALK_NAME_BYTES ? walk->name_bytes_max : WALK_NAME_BYTES;
  walk->count = 0;
  walk->name_bytes = 0;
  while (walk->count < walk->count_max && name_bytes_max - walk->name_bytes >= NAME_BYTES_MAX) {
    struct entry found = {0};
    int got = walk->ops->next(walk->source, &found);
    if (got == 0) {
      walk->is_over = true;
      return;
    }
    keep_found(walk, &found, got < 0 ? got : 0);
  }
}

static int run_steps(const struct read_job *job, struct read_item *item) {
  int error = 0;
  if (item->steps & STEP_OPEN) error = job->ops->open(job->source, item->entry, &item->file);
  if (!error && item->steps & STEP_READ) {
    uint64_t offset = item->trailer.number * BLOCK_DATA_BYTES;
    error = job->ops->read(job->source, item->file, offset, item->block->bytes, item->trailer.raw_size);
    if (!error) block_seal(item->block->bytes, &item->trailer);
  }
  if (!error && item->steps & STEP_CHECK) error = job->ops->check(job->source, item->file, item->entry);
  return error;
}

void sender_run_read(struct job *run) {
  struct read_job *job = (struct read_job *)(void *)run;
  for (uint32_t i = 0; i < job->count; i++) {
    struct read_item *item = &job->items[i];
    item->error = run_steps(job, item);
    /* A file opened here and failed here is known to nobody else yet. */
    bool is_done = item->steps & STEP_CLOSE || (item->error && item->steps & STEP_OPEN);
    if (!is_done || !item->file) continue;
    job->ops->close(job->source, item->file);
    item->file = NULL;
  }
}
