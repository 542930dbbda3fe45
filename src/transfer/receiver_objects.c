/* receiver_objects: the states of the objects being received (proto/transfer.md section 5.2).
 *
 * Objects stand in a ring by their number, from their ENTRY until their RESULT was told; the window announced
 * in WELCOME keeps the sender within it. A result is told only after it was reported, so a caller that takes
 * no reports slows the sender down instead of making anything grow. */
#include "receiver.h"

#include <assert.h>
#include <string.h>

static const bool transitions[RECV_STATES][RECV_STATES] = {
    [RECV_FREE] = {[RECV_WAITING] = true},
    [RECV_WAITING] = {[RECV_BEGINNING] = true, [RECV_COMMITTING] = true, [RECV_FAILING] = true},
    [RECV_BEGINNING] = {[RECV_RECALLING] = true,
                        [RECV_RECEIVING] = true,
                        [RECV_COMPLETE] = true,
                        [RECV_FAILING] = true,
                        [RECV_DONE] = true},
    [RECV_RECALLING] = {[RECV_RECEIVING] = true, [RECV_FAILING] = true},
    [RECV_RECEIVING] = {[RECV_COMPLETE] = true, [RECV_FAILING] = true},
    [RECV_FAILING] = {[RECV_DONE] = true, [RECV_TOLD] = true},
    [RECV_COMPLETE] = {[RECV_COMMITTING] = true, [RECV_FAILING] = true},
    [RECV_COMMITTING] = {[RECV_DONE] = true},
    [RECV_DONE] = {[RECV_REPORTED] = true},
    [RECV_REPORTED] = {[RECV_TOLD] = true},
    [RECV_TOLD] = {[RECV_FREE] = true},
};

static bool is_busy(enum recv_state state) { return state >= RECV_WAITING && state <= RECV_FAILING; }

/* A file of several blocks occupies one of the LARGE_MAX places while its blocks come in. In a dry run none
 * come, and nothing bounds how many files are looked for at once. */
static bool is_large(const struct receiver *receiver, const struct recv_object *object) {
  return !receiver->dry_run && object->blocks > 1 && object->state >= RECV_BEGINNING &&
         object->state <= RECV_RECEIVING;
}

static void take_large(struct receiver *receiver, struct recv_object *object) {
  receiver->larges++;
  if (object->blocks <= BLOCKS_UNASKED) return;
  assert(receiver->free_ranges_count > 0 && "there are as many as larges");
  struct range *storage = receiver->free_ranges[--receiver->free_ranges_count];
  uint32_t count = object->have.count;
  memcpy(storage, object->few, count * sizeof(*storage));
  ranges_init(&object->have, storage, BLOCK_RANGES_MAX);
  object->have.count = count;
  object->large_ranges = storage;
}

static void give_large(struct receiver *receiver, struct recv_object *object) {
  receiver->larges--;
  if (!object->large_ranges) return;
  receiver->free_ranges[receiver->free_ranges_count++] = object->large_ranges;
  object->large_ranges = NULL;
  ranges_init(&object->have, object->few, BLOCK_RANGES_FEW);
}

void receiver_set_state(struct receiver *receiver, struct recv_object *object, enum recv_state state) {
  assert(transitions[object->state][state] && "proto/transfer.md section 5.2 has the diagram");
  bool was_busy = is_busy(object->state), was_large = is_large(receiver, object);
  object->state = state;
  if (object->entry.kind == ENTRY_FILE) receiver->busy_files += (uint32_t)is_busy(state) - (uint32_t)was_busy;
  if (is_large(receiver, object) && !was_large) take_large(receiver, object);
  if (!is_large(receiver, object) && was_large) give_large(receiver, object);
}

struct recv_object *receiver_object(struct receiver *receiver, uint32_t number) {
  assert(number - receiver->low < OBJECTS_AHEAD_MAX);
  return &receiver->objects[number % OBJECTS_AHEAD_MAX];
}

/* Folders that a name runs through or is, behind its first `counted` bytes; *size: up to where. */
static uint64_t count_folders(const struct entry *entry, uint32_t counted, uint32_t *size) {
  uint64_t count = 0;
  *size = counted;
  for (uint32_t i = counted > 0 ? counted + 1 : 0; i < entry->name_size; i++) {
    if (entry->name[i] != '/') continue;
    count++;
    *size = i;
  }
  if (entry->kind == ENTRY_FILE || counted == entry->name_size) return count;
  *size = entry->name_size;
  return count + 1;
}

/* The user's limit of files holds for folders as well, each kind by itself. Folders that a name runs through
 * would be made, so they count like those announced: once, as long as the names stay in them. */
static bool is_one_too_many(struct receiver *receiver, const struct entry *entry) {
  uint64_t max = receiver->config.files_max;
  if (max == 0) return false;
  uint32_t counted = receiver->manifest.shared_folders, size;
  if (counted > receiver->folders_taken_size) counted = receiver->folders_taken_size;
  uint64_t folders = count_folders(entry, counted, &size), files = entry->kind == ENTRY_FILE;
  bool is_too_much = files > max - receiver->files_taken || folders > max - receiver->folders_taken;
  receiver->folders_taken_size = is_too_much ? counted : size;
  if (is_too_much) return true;
  receiver->files_taken += files;
  receiver->folders_taken += folders;
  return false;
}

void receiver_add(struct receiver *receiver, struct entry *entry) {
  uint32_t number = receiver->next;
  struct recv_object *object = receiver_object(receiver, number);
  assert(object->state == RECV_FREE);
  receiver->next++;
  struct block_queue held = object->held;
  memset(object, 0, sizeof(*object));
  object->held = held;
  object->number = number;
  object->entry = *entry;
  object->blocks = block_count(entry->size);
  object->name_end = manifest_add(&receiver->manifest, &object->entry);
  link_init(&object->link);
  ranges_init(&object->have, object->few, BLOCK_RANGES_FEW);
  receiver->session.progress.objects_seen++;
  receiver->session.progress.bytes_seen += entry->size;
  receiver_set_state(receiver, object, RECV_WAITING);
  receiver_admit_held(receiver, object);
  if (is_one_too_many(receiver, entry)) {
    receiver_fail(receiver, object, ERR_TOO_MUCH);
    return;
  }
  if (entry->kind == ENTRY_FILE && !receiver->dry_run && entry->size >= receiver->full_bytes) {
    receiver_fail(receiver, object, ERR_DISK_FULL);
    return;
  }
  if (receiver->dry_run || object->blocks > 1) link_move(&object->link, &receiver->begin);
}

void receiver_complete(struct receiver *receiver, struct recv_object *object) {
  receiver_set_state(receiver, object, RECV_COMPLETE);
  link_move(&object->link, &receiver->complete);
  if (receiver->completes++ == 0) receiver->complete_since_ns = receiver->session.now_ns;
  receiver->complete_bytes += object->entry.size;
}

void receiver_settle(struct receiver *receiver, struct recv_object *object) {
  switch (object->state) {
  case RECV_RECEIVING:
    if (object->blocks_written < object->blocks || !object->is_digest_told) return;
    struct hash128 digest = digest_bytes(&object->digest);
    if (memcmp(digest.bytes, object->digest_told.bytes, sizeof(digest.bytes)) == 0)
      receiver_complete(receiver, object);
    else
      receiver_fail(receiver, object, ERR_MISMATCH);
    break;
  case RECV_FAILING:
    if (object->jobs > 0 || link_is_queued(&object->link)) return;
    if (!object->file) {
      receiver_finish(receiver, object, REPORT_FAILED, object->error);
    } else {
      link_move(&object->link, &receiver->aborting);
      receiver->aborts++;
    }
    break;
  default:
    break;
  }
}

/* Where one file found no room no larger one will: they are refused before anything is written for them. */
static void refuse_larger(struct receiver *receiver, uint64_t size) {
  if (size >= receiver->full_bytes) return;
  receiver->full_bytes = size;
  for (uint32_t number = receiver->low; number < receiver->next; number++) {
    struct recv_object *object = receiver_object(receiver, number);
    bool waits = object->state == RECV_WAITING && object->entry.kind == ENTRY_FILE;
    if (waits && object->entry.size >= size) receiver_fail(receiver, object, ERR_DISK_FULL);
  }
}

void receiver_finish(struct receiver *receiver, struct recv_object *object, enum report_kind result,
                     int error) {
  assert(!object->file && object->jobs == 0);
  receiver_drop_held(receiver, object);
  object->result = result;
  object->error = error;
  if (object->is_abandoned) {
    receiver_set_state(receiver, object, RECV_TOLD);
    return;
  }
  receiver_set_state(receiver, object, RECV_DONE);
  link_move(&object->link, &receiver->reporting);
  struct report report = {
      .kind = result, .entry = object->entry, .error = error, .at_source = object->at_source};
  session_count(&receiver->session, &report);
  if (error == ERR_DISK_FULL && !object->at_source) refuse_larger(receiver, object->entry.size);
}

void receiver_fail(struct receiver *receiver, struct recv_object *object, int error) {
  if (object->state == RECV_FAILING) return;
  if (object->state == RECV_COMPLETE) {
    receiver->completes--;
    receiver->complete_bytes -= object->entry.size;
  }
  link_remove(&object->link);
  object->error = error;
  receiver_set_state(receiver, object, RECV_FAILING);
  receiver_drop_held(receiver, object);
  receiver_settle(receiver, object);
  if (error == ERR_DISK_FULL && !object->at_source) refuse_larger(receiver, object->entry.size);
}

void receiver_abandon(struct receiver *receiver) {
  for (uint32_t number = receiver->low; number < receiver->next; number++) {
    struct recv_object *object = receiver_object(receiver, number);
    bool is_open = is_busy(object->state) || object->state == RECV_COMPLETE;
    if (!is_open) continue;
    object->is_abandoned = true;
    receiver_fail(receiver, object, ERR_CLOSED);
  }
}

struct recv_object *receiver_next_folder(struct receiver *receiver) {
  if (receiver->settled < receiver->low) receiver->settled = receiver->low;
  for (; receiver->settled < receiver->next; receiver->settled++) {
    struct recv_object *object = receiver_object(receiver, receiver->settled);
    if (object->state >= RECV_DONE) continue;
    if (object->entry.kind == ENTRY_FILE || object->state == RECV_FAILING) return NULL;
    if (object->state == RECV_WAITING) return object;
  }
  return NULL;
}

void receiver_drop_told(struct receiver *receiver) {
  while (receiver->low < receiver->next) {
    struct recv_object *object = receiver_object(receiver, receiver->low);
    if (object->state != RECV_TOLD) return;
    receiver_set_state(receiver, object, RECV_FREE);
    manifest_drop(&receiver->manifest, &object->entry, object->name_end);
    receiver->low++;
  }
}
