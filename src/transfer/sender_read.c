/* sender_read: what is read when, and the way of blocks to the connection.
 *
 * Objects are begun in the order of their numbers and the ones begun come first, so that few files are open
 * and their blocks arrive about in order. Reading runs ahead of sending by no more than keeps the path full:
 * what lies longer in memory falls out of the cache before it is sent. Once it is ahead it waits for room for
 * a few blocks: each hand-over to a thread wakes two. */
#include "sender.h"

#include <assert.h>

unsigned sender_next_steps(const struct send_object *object) {
  bool is_idle_open = object->is_open && object->jobs == 0;
  switch (object->state) {
  case SEND_ANNOUNCED:
    return STEP_OPEN | (object->blocks > 0 ? STEP_READ : 0) |
           (object->blocks > 1 ? 0 : STEP_CHECK | STEP_CLOSE);
  case SEND_READING:
    if (object->error != 0) return is_idle_open ? STEP_CLOSE : 0;
    if (!object->is_open) return 0;
    if (object->next_block == object->blocks) return is_idle_open ? STEP_CHECK | STEP_CLOSE : 0;
    return object->is_wanted || object->blocks <= BLOCKS_UNASKED || object->next_block < BLOCKS_UNASKED
               ? STEP_READ
               : 0;
  case SEND_CLOSING:
    return is_idle_open ? STEP_CLOSE : 0;
  default:
    return 0;
  }
}

/* ---- blocks ---- */

/* Room to read into: what the path carries twice, and no more beyond the receiver's credit than bridges the
 * time until there is more of it. */
static size_t read_ahead_room(const struct sender *sender) {
  struct conn_stats stats;
  conn_get_stats(sender->session.conn, &stats);
  size_t held_max = READ_AHEAD_BYTES + 2 * (size_t)stats.window_bytes;
  size_t waiting_max = READ_AHEAD_BYTES + (size_t)stats.credit_bytes;
  size_t held = sender->bytes_held, waiting = sender->bytes_waiting;
  if (held >= held_max || waiting >= waiting_max) return 0;
  return held_max - held < waiting_max - waiting ? held_max - held : waiting_max - waiting;
}

/* NULL when memory or the places are used up for now. */
static struct out_block *new_block(struct sender *sender, uint32_t object, uint32_t raw_size) {
  struct out_block *block = sender->free_blocks;
  if (!block && sender->blocks_used == OUT_BLOCKS_MAX) return NULL;
  unsigned size_class = pool_class_of(raw_size + BLOCK_TRAILER_BYTES);
  uint8_t *bytes = pool_get(sender->config.pool, size_class);
  if (!bytes) return NULL;
  if (block)
    sender->free_blocks = block->next;
  else
    block = &sender->blocks[sender->blocks_used++];
  *block =
      (struct out_block){.bytes = bytes, .object = object, .raw_size = raw_size, .size_class = size_class};
  sender->bytes_held += pool_class_bytes(size_class);
  sender->bytes_waiting += pool_class_bytes(size_class);
  return block;
}

void sender_free_block(struct sender *sender, struct out_block *block) {
  assert(block->bytes);
  pool_put(sender->config.pool, block->bytes, block->size_class);
  sender->bytes_held -= pool_class_bytes(block->size_class);
  block->bytes = NULL;
  block->next = sender->free_blocks;
  sender->free_blocks = block;
}

/* One that the connection did not get. */
static void drop_block(struct sender *sender, struct out_block *block) {
  sender->bytes_waiting -= pool_class_bytes(block->size_class);
  sender_free_block(sender, block);
}

static void push_ready(struct sender *sender, struct out_block *block) {
  block->next = NULL;
  if (sender->ready_first)
    sender->ready_last->next = block;
  else
    sender->ready_first = block;
  sender->ready_last = block;
}

static struct out_block *pop_ready(struct sender *sender) {
  struct out_block *block = sender->ready_first;
  sender->ready_first = block->next;
  return block;
}

/* Whether the receiver still has a use for what belongs to this object. */
static bool is_needed(struct sender *sender, uint32_t number) {
  if (number < sender->low) return false;
  const struct send_object *object = sender_object(sender, number);
  return object->state <= SEND_AWAITING && object->error == 0;
}

void sender_hand_over(struct sender *sender) {
  while (sender->ready_first) {
    struct out_block *block = sender->ready_first;
    if (!is_needed(sender, block->object)) {
      drop_block(sender, pop_ready(sender));
      continue;
    }
    if (conn_send_block(sender->session.conn, block->bytes, block->raw_size + BLOCK_TRAILER_BYTES, block) < 0)
      return;
    sender->bytes_waiting -= pool_class_bytes(block->size_class);
    sender_object(sender, block->object)->blocks_past++;
    pop_ready(sender);
  }
}

void sender_drop_ready(struct sender *sender) {
  while (sender->ready_first)
    drop_block(sender, pop_ready(sender));
}

/* ---- jobs ---- */

/* The object to work on next: one begun, else the next one to begin; NULL when all wait for something. */
static struct send_object *next_object(struct sender *sender) {
  struct send_object *object = queue_first(&sender->work);
  if (object || sender->dry_run) return object;
  for (; sender->to_read < sender->announced; sender->to_read++) {
    object = sender_object(sender, sender->to_read);
    if (object->state != SEND_ANNOUNCED || object->entry.kind != ENTRY_FILE) continue;
    return object->blocks > 1 && sender->open_files == OPEN_FILES_MAX ? NULL : object;
  }
  return NULL;
}

/* Adds the object's next steps to the job; false when there is no memory to read into. */
static bool add_item(struct sender *sender, struct read_job *job, struct send_object *object) {
  struct read_item *item = &job->items[job->count];
  *item = (struct read_item){.object = object, .entry = &object->entry, .file = object->file};
  item->steps = sender_next_steps(object);
  assert(item->steps != 0);
  if (item->steps & STEP_READ) {
    uint32_t raw_size = block_raw_size(object->entry.size, object->next_block);
    item->block = new_block(sender, object->number, raw_size);
    if (!item->block) return false;
    item->trailer =
        (struct block_trailer){.object = object->number, .number = object->next_block, .raw_size = raw_size};
    object->next_block++;
    job->bytes += raw_size;
  }
  if (item->steps & STEP_OPEN) {
    if (object->blocks > 1) sender->open_files++;
    sender_set_state(object, SEND_READING);
  }
  object->jobs++;
  job->count++;
  sender_settle(sender, object);
  return true;
}

struct read_job *sender_build_read(struct sender *sender) {
  struct read_job *job = sender->free_jobs;
  if (!job) return NULL;
  job->count = 0;
  job->bytes = 0;
  size_t room = read_ahead_room(sender);
  if (sender->is_ahead && room < READ_RESUME_BYTES) room = 0;
  sender->is_ahead = false;
  while (job->count < READ_ITEMS_MAX && job->bytes < READ_JOB_BYTES) {
    struct send_object *object = next_object(sender);
    if (!object) break;
    sender->is_ahead = sender_next_steps(object) & STEP_READ && job->bytes >= room;
    if (sender->is_ahead) break;
    if (!add_item(sender, job, object)) break;
  }
  if (job->count == 0) return NULL;
  sender->free_jobs = job->next_free;
  return job;
}

/* A block was read: for the digest in any case. */
static void take_block(struct sender *sender, struct send_object *object, const struct read_item *item) {
  uint64_t number = item->trailer.number;
  digest_add(&object->digest, number, &item->trailer.hash);
  if (!ranges_contains(&object->held, number, number + 1)) {
    push_ready(sender, item->block);
    return;
  }
  object->blocks_past++;
  object->bytes_held += item->trailer.raw_size;
  sender->session.progress.bytes_held += item->trailer.raw_size;
  drop_block(sender, item->block);
  if (++sender->checked % CHECKING_EVERY == 0) sender_tell_checking(sender, object);
}

static void take_item(struct sender *sender, const struct read_item *item) {
  struct send_object *object = item->object;
  assert(object->jobs > 0);
  object->jobs--;
  if (item->steps & (STEP_OPEN | STEP_CLOSE)) {
    object->file = item->file;
    object->is_open = item->file != NULL;
    if (!object->is_open && object->blocks > 1) sender->open_files--;
  }
  if (item->error && object->error == 0 && object->state == SEND_READING) object->error = item->error;
  if (item->block && item->error) {
    drop_block(sender, item->block);
  } else if (item->block) {
    take_block(sender, object, item);
  }
  sender_settle(sender, object);
}

void sender_take_read(struct sender *sender, struct read_job *job) {
  for (uint32_t i = 0; i < job->count; i++)
    take_item(sender, &job->items[i]);
  job->next_free = sender->free_jobs;
  sender->free_jobs = job;
}
