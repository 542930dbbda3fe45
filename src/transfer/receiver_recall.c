/* receiver_recall: taking up what an interrupted session left (proto/transfer.md section 6.1).
 *
 * The journal beside the part file only says where to look: each block it claims is read and hashed, on file
 * threads and a few at a time, and counts as held when it is what was noted. So a journal that is stale,
 * damaged or forged costs a read. What even a forged pair of journal and part gets past this, the digest of
 * the whole file finds. */
#include "receiver.h"

#include "journal.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

bool receiver_can_resume(const struct sink_ops *ops, const struct entry *entry) {
  return ops->recall && entry->kind == ENTRY_FILE && entry->size >= RESUME_BYTES_MIN;
}

/* ---- in jobs ---- */

bool receiver_open_journal(const struct store_job *job, const struct store_item *item) {
  uint8_t header[JOURNAL_RECORD_BYTES];
  struct hash128 key = entry_key(item->entry);
  int got = job->ops->recall(job->sink, item->file, 0, header, sizeof(header));
  if (got == (int)sizeof(header) && journal_is_header(header, &key)) return true;
  journal_write_header(header, &key);
  job->ops->note(job->sink, item->file, 0, header, sizeof(header)); /* failed: it cannot be taken up later */
  return false;
}

void receiver_note_block(const struct store_job *job, const struct store_item *item) {
  uint8_t record[JOURNAL_RECORD_BYTES];
  const struct block_trailer *trailer = &item->block->trailer;
  struct hash128 key = entry_key(item->entry);
  journal_write_record(record, &key, trailer->number, &trailer->hash);
  job->ops->note(job->sink, item->file, journal_offset(trailer->number), record, sizeof(record));
}

/* Whether the part file holds what was noted of this block. */
static bool is_held(const struct recall_job *job, uint64_t number, const struct hash128 *noted,
                    uint8_t *bytes) {
  uint32_t raw_size = block_raw_size(job->entry->size, number);
  if (job->ops->read(job->sink, job->file, number * BLOCK_DATA_BYTES, bytes, raw_size) < 0) return false;
  struct hash128 hash = hash_128(bytes, raw_size);
  return memcmp(hash.bytes, noted->bytes, sizeof(hash.bytes)) == 0;
}

/* Goes through the records, as far as they are `count` of them or the job has enough to do. */
static void look_at(struct recall_job *job, const uint8_t *records, size_t count, uint8_t *bytes) {
  struct hash128 key = entry_key(job->entry);
  for (size_t i = 0; i < count && job->reads < RECALL_BLOCKS_MAX; i++, job->next++) {
    struct held_block *held = &job->held[job->count];
    if (!journal_read_record(records + i * JOURNAL_RECORD_BYTES, &key, job->next, &held->hash)) continue;
    held->number = job->next;
    job->reads++;
    if (is_held(job, job->next, &held->hash, bytes)) job->count++;
  }
}

void receiver_run_recall(struct job *run) {
  struct recall_job *job = (struct recall_job *)(void *)run;
  uint8_t records[RECALL_RECORDS_MAX * JOURNAL_RECORD_BYTES];
  uint64_t blocks = block_count(job->entry->size);
  size_t wanted = blocks - job->next < RECALL_RECORDS_MAX ? (size_t)(blocks - job->next) : RECALL_RECORDS_MAX;
  job->count = job->reads = 0;
  int got = job->ops->recall(job->sink, job->file, journal_offset(job->next), records,
                             wanted * JOURNAL_RECORD_BYTES);
  uint8_t *bytes = got > 0 ? malloc(BLOCK_DATA_BYTES) : NULL;
  if (bytes) look_at(job, records, (size_t)got / JOURNAL_RECORD_BYTES, bytes);
  job->is_over = !bytes || got < JOURNAL_RECORD_BYTES || job->next == blocks;
  free(bytes);
}

/* ---- outside of them ---- */

struct recall_job *receiver_build_recall(struct receiver *receiver) {
  struct recall_job *job = receiver->free_recalls;
  struct recv_object *object = queue_first(&receiver->recalling);
  if (!job || !object || !session_is_live(&receiver->session)) return NULL;
  receiver->free_recalls = job->next_free;
  link_remove(&object->link);
  object->jobs++;
  job->object = object;
  job->entry = &object->entry;
  job->file = object->file;
  job->next = object->recalled;
  return job;
}

/* More ranges than a WANT can say are not counted: what is between them comes again. */
static void add_held(struct receiver *receiver, struct recv_object *object, const struct held_block *held) {
  struct ranges *have = &object->have;
  assert(!ranges_contains(have, held->number, held->number + 1) && "each record is looked at once");
  have->capacity = HELD_RANGES_MAX;
  int error =
      have->count <= HELD_RANGES_MAX ? ranges_add(have, held->number, held->number + 1) : ERR_NO_SPACE;
  have->capacity = BLOCK_RANGES_MAX;
  if (error < 0) return;
  object->blocks_written++;
  digest_add(&object->digest, held->number, &held->hash);
  receiver->session.progress.bytes_held += block_raw_size(object->entry.size, held->number);
}

void receiver_take_recall(struct receiver *receiver, struct recall_job *job) {
  struct recv_object *object = job->object;
  assert(object->jobs > 0);
  object->jobs--;
  object->recalled = job->next;
  if (object->state != RECV_RECALLING) {
    receiver_settle(receiver, object);
  } else {
    for (uint32_t i = 0; i < job->count; i++)
      add_held(receiver, object, &job->held[i]);
    if (job->is_over)
      receiver_start(receiver, object);
    else
      link_move(&object->link, &receiver->recalling);
  }
  job->next_free = receiver->free_recalls;
  receiver->free_recalls = job;
}

uint64_t receiver_kept_bytes(const struct receiver *receiver, const struct recv_object *object) {
  bool was_cut_off = object->error == 0 || (object->is_abandoned && object->error == ERR_CLOSED);
  if (!receiver_can_resume(receiver->config.ops, &object->entry) || !was_cut_off ||
      receiver->session.has_blamed)
    return 0;
  if (object->is_resumed && !object->is_started) return object->entry.size; /* not all was looked at */
  return object->blocks_written > BLOCKS_UNASKED ? object->blocks_written * BLOCK_DATA_BYTES : 0;
}
