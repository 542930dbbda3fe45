/* sender_objects: the states of the objects being sent (proto/transfer.md section 5.1).
 *
 * Objects stand in a ring by their number, from the walk until they have been reported, so that neither the
 * receiver's window nor a caller that takes no reports can make it grow. */
#include "sender.h"

#include <assert.h>

static const bool transitions[SEND_STATES][SEND_STATES] = {
    [SEND_FREE] = {[SEND_SEEN] = true},
    [SEND_SEEN] = {[SEND_ANNOUNCED] = true},
    [SEND_ANNOUNCED] = {[SEND_READING] = true, [SEND_REPORTING] = true},
    [SEND_READING] = {[SEND_TELLING] = true, [SEND_AWAITING] = true, [SEND_REPORTING] = true},
    [SEND_TELLING] = {[SEND_AWAITING] = true, [SEND_REPORTING] = true},
    [SEND_AWAITING] = {[SEND_REPORTING] = true},
    [SEND_REPORTING] = {[SEND_CLOSING] = true},
    [SEND_CLOSING] = {[SEND_DONE] = true},
    [SEND_DONE] = {[SEND_FREE] = true},
};

void sender_set_state(struct send_object *object, enum send_state state) {
  assert(transitions[object->state][state] && "proto/transfer.md section 5.1 has the diagram");
  object->state = state;
}

struct send_object *sender_object(struct sender *sender, uint32_t number) {
  assert(number >= sender->low && number < sender->next);
  return &sender->objects[number % OBJECTS_AHEAD_MAX];
}

uint32_t sender_object_room(const struct sender *sender) {
  uint32_t used = sender->next - sender->low, left = OBJECT_NUMBER_MAX + 1 - sender->next;
  uint32_t room = sender->objects_ahead - used;
  return room < left ? room : left;
}

size_t sender_name_room(const struct sender *sender) {
  size_t used = sender->manifest.names_bytes;
  return used < sender->name_bytes_ahead ? sender->name_bytes_ahead - used : 0;
}

static void add_object(struct sender *sender, const struct entry *entry) {
  assert(sender_object_room(sender) > 0);
  uint32_t number = sender->next++;
  struct send_object *object = sender_object(sender, number);
  assert(object->state == SEND_FREE);
  *object = (struct send_object){.number = number, .entry = *entry, .blocks = block_count(entry->size)};
  ranges_init(&object->held, sender->held_ranges + (size_t)(number % OBJECTS_AHEAD_MAX) * HELD_RANGES_MAX,
              HELD_RANGES_MAX);
  link_init(&object->link);
  object->name_end = manifest_add(&sender->manifest, &object->entry);
  sender_set_state(object, SEND_SEEN);
}

void sender_skip_found(struct sender *sender) {
  const struct walk_job *walk = sender->walk;
  while (sender->walk_reported < walk->count && walk->errors[sender->walk_reported] == 0)
    sender->walk_reported++;
}

void sender_add_walked(struct sender *sender) {
  struct walk_job *walk = sender->walk;
  struct progress *progress = &sender->session.progress;
  for (uint32_t i = 0; i < walk->count; i++) {
    progress->objects_seen++;
    if (walk->errors[i] == 0 && walk->entries[i].size > VARINT_MAX - progress->bytes_seen)
      walk->errors[i] = ERR_UNSUPPORTED; /* END could not say the sum */
    if (walk->errors[i] == 0) {
      progress->bytes_seen += walk->entries[i].size;
      add_object(sender, &walk->entries[i]);
    } else {
      struct report report = {
          .kind = REPORT_FAILED, .entry = walk->entries[i], .error = walk->errors[i], .at_source = true};
      session_count(&sender->session, &report);
    }
  }
  sender->walk_over = progress->walk_done = walk->is_over;
  sender->walk_reported = 0;
  sender_skip_found(sender);
}

struct report sender_report(const struct send_object *object) {
  return (struct report){.kind = object->result,
                         .entry = object->entry,
                         .error = object->result_error,
                         .at_source = object->error != 0};
}

/* Frees the places of all lowest objects that are done with. */
static void drop_done(struct sender *sender) {
  while (sender->low < sender->next) {
    struct send_object *lowest = sender_object(sender, sender->low);
    if (lowest->state != SEND_DONE) break;
    sender_set_state(lowest, SEND_FREE);
    manifest_drop(&sender->manifest, &lowest->entry, lowest->name_end);
    sender->low++;
  }
  if (sender->to_read < sender->low) sender->to_read = sender->low;
}

/* An object without jobs and open file that is being read or closed is through with that. */
static void settle_idle(struct sender *sender, struct send_object *object) {
  if (object->state == SEND_READING) {
    bool says_itself = object->blocks == 1 && object->error == 0; /* its one block is all there is to say */
    sender_set_state(object, says_itself ? SEND_AWAITING : SEND_TELLING);
    if (!says_itself) link_move(&object->link, &sender->telling);
  } else if (object->state == SEND_CLOSING) {
    sender_set_state(object, SEND_DONE);
    drop_done(sender);
  }
}

void sender_settle(struct sender *sender, struct send_object *object) {
  if (object->jobs == 0 && !object->is_open) settle_idle(sender, object);
  if (object->state != SEND_READING && object->state != SEND_CLOSING) return;
  if (sender_next_steps(object) == 0)
    link_remove(&object->link);
  else if (!link_is_queued(&object->link))
    link_move(&object->link, &sender->work);
}

void sender_note_moved(struct sender *sender, const struct out_block *block) {
  if (block->object < sender->low) return;
  struct send_object *object = sender_object(sender, block->object);
  if (object->state > SEND_AWAITING) return;
  object->bytes_moved += block->raw_size;
  sender->session.progress.bytes_moved += block->raw_size;
}

void sender_answer(struct sender *sender, struct send_object *object, enum report_kind result, int error) {
  assert(sender->unanswered > 0);
  sender->unanswered--;
  /* What is committed has arrived, though the acknowledgement of its last block may still be on the way. */
  if (result == REPORT_COMMITTED)
    sender->session.progress.bytes_moved += object->entry.size - object->bytes_moved - object->bytes_held;
  object->result = result;
  object->result_error = error;
  if (result == REPORT_FAILED && object->error != 0) object->result_error = object->error;
  if (result != REPORT_FAILED) object->error = 0;
  struct report report = sender_report(object);
  session_count(&sender->session, &report);
  sender_set_state(object, SEND_REPORTING);
  link_move(&object->link, &sender->reporting);
}
