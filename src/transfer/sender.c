/* sender: the sending end of a transfer (proto/transfer.md): walks, announces, reads, and hears what became
 * of each object.
 *
 * Nothing here waits: each call moves on whatever can move. The walk runs ahead of reading, reading ahead of
 * sending, each by a bounded amount, and an object keeps its place until its fate was reported. */
#include "sender.h"

#include <assert.h>
#include <stdlib.h>

static int allocate(struct sender *sender) {
  sender->objects = calloc(OBJECTS_AHEAD_MAX, sizeof(*sender->objects));
  sender->walk = calloc(1, sizeof(*sender->walk));
  sender->read_jobs = calloc(READ_JOBS_MAX, sizeof(*sender->read_jobs));
  sender->blocks = calloc(OUT_BLOCKS_MAX, sizeof(*sender->blocks));
  sender->held_ranges = calloc((size_t)OBJECTS_AHEAD_MAX * HELD_RANGES_MAX, sizeof(*sender->held_ranges));
  bool got = sender->objects && sender->walk && sender->read_jobs && sender->blocks && sender->held_ranges;
  return got ? manifest_init(&sender->manifest) : ERR_NO_MEMORY;
}

struct sender *sender_new(const struct sender_config *config, struct conn *conn) {
  struct sender *sender = calloc(1, sizeof(*sender));
  if (!sender) return NULL;
  sender->config = *config;
  sender->dry_run = config->dry_run;
  sender->objects_ahead = OBJECTS_AHEAD_MIN;
  sender->name_bytes_ahead = NAME_BYTES_AHEAD_MIN;
  session_init(&sender->session, conn);
  sender_begin_limits(sender);
  link_init(&sender->work);
  link_init(&sender->telling);
  link_init(&sender->reporting);
  if (allocate(sender) < 0) {
    sender_free(sender);
    return NULL;
  }
  sender->walk->job.run = sender_run_walk;
  sender->walk->ops = config->ops;
  sender->walk->source = config->source;
  for (int i = 0; i < READ_JOBS_MAX; i++) {
    struct read_job *job = &sender->read_jobs[i];
    job->job.run = sender_run_read;
    job->ops = config->ops;
    job->source = config->source;
    job->next_free = sender->free_jobs;
    sender->free_jobs = job;
  }
  sender_greet(sender);
  return sender;
}

void sender_free(struct sender *sender) {
  if (!sender) return;
  assert(sender->jobs_out == 0 && "jobs point into the sender");
  for (uint32_t number = sender->low; number < sender->next; number++) {
    struct send_object *object = sender_object(sender, number);
    if (object->is_open) sender->config.ops->close(sender->config.source, object->file);
  }
  for (uint32_t i = 0; i < sender->blocks_used; i++)
    if (sender->blocks[i].bytes) sender_free_block(sender, &sender->blocks[i]);
  manifest_clear(&sender->manifest);
  free(sender->objects);
  free(sender->walk);
  free(sender->read_jobs);
  free(sender->blocks);
  free(sender->held_ranges);
  free(sender);
}

void sender_on_event(struct sender *sender, uint64_t now_ns, const struct conn_event *event) {
  sender->session.now_ns = now_ns;
  switch (event->type) {
  case CONN_EVENT_ESTABLISHED:
    sender->is_established = true;
    limits_pass(&sender->limits, now_ns, true); /* all of it was the handshake's */
    break;
  case CONN_EVENT_CONTROL:
    sender_read_messages(sender);
    break;
  case CONN_EVENT_BLOCK_ACKED: {
    struct out_block *block = event->cookie;
    sender_note_moved(sender, block);
    sender_free_block(sender, block);
    break;
  }
  case CONN_EVENT_BLOCK_RECEIVED:
    conn_release_block(sender->session.conn, event->block.bytes, event->block.size_class);
    session_blame(&sender->session, "a block from the receiver");
    break;
  case CONN_EVENT_CLOSED:
    session_on_closed(&sender->session, event, sender->finished);
    sender_drop_ready(sender);
    break;
  }
}

void sender_step(struct sender *sender, uint64_t now_ns) {
  sender->session.now_ns = now_ns;
  if (!sender->is_established || !session_is_live(&sender->session)) return;
  sender_write_messages(sender);
  sender_hand_over(sender);
  if (!sender->walk_over && sender->next > OBJECT_NUMBER_MAX)
    session_close(&sender->session, CLOSE_LOCAL, "more objects than a session can number");
}

/* The walk may go on when there is room for all it can find and its last failures were reported. */
static bool can_walk(const struct sender *sender) {
  return !sender->walk_over && !sender->walk_is_out && sender->walk_reported == sender->walk->count &&
         sender_object_room(sender) > 0 && sender_name_room(sender) >= NAME_BYTES_MAX;
}

static struct job *walk_on(struct sender *sender) {
  uint32_t room = sender_object_room(sender);
  sender->walk->count_max = room < WALK_ENTRIES_MAX ? room : WALK_ENTRIES_MAX;
  sender->walk->name_bytes_max = sender_name_room(sender);
  sender->walk_is_out = true;
  sender->jobs_out++;
  return &sender->walk->job;
}

struct job *sender_next_job(struct sender *sender) {
  if (!session_is_live(&sender->session)) return NULL;
  bool may_walk = can_walk(sender);
  if (may_walk && sender->next - sender->to_read < WALK_AHEAD) return walk_on(sender);
  struct read_job *read = sender->is_established ? sender_build_read(sender) : NULL;
  if (read) sender->jobs_out++;
  if (read) return &read->job;
  return may_walk ? walk_on(sender) : NULL;
}

void sender_on_job(struct sender *sender, uint64_t now_ns, struct job *job) {
  assert(sender->jobs_out > 0);
  sender->session.now_ns = now_ns;
  sender->jobs_out--;
  if (job == &sender->walk->job) {
    sender->walk_is_out = false;
    sender_add_walked(sender);
  } else {
    sender_take_read(sender, (struct read_job *)(void *)job);
  }
  if (sender->session.over) sender_drop_ready(sender);
}

/* The next thing of the last walk that could not be looked at. */
static bool next_walk_failure(struct sender *sender, struct report *report) {
  const struct walk_job *walk = sender->walk;
  uint32_t i = sender->walk_reported;
  if (sender->walk_is_out || i == walk->count) return false;
  *report = (struct report){
      .kind = REPORT_FAILED, .entry = walk->entries[i], .error = walk->errors[i], .at_source = true};
  sender->walk_reported++;
  sender_skip_found(sender);
  return true;
}

bool sender_next_report(struct sender *sender, struct report *report) {
  if (next_walk_failure(sender, report)) return true;
  struct send_object *object = queue_first(&sender->reporting);
  if (!object) return false;
  *report = sender_report(object);
  link_remove(&object->link);
  sender_set_state(object, SEND_CLOSING);
  sender_settle(sender, object);
  return true;
}

void sender_get_progress(const struct sender *sender, struct progress *progress) {
  *progress = sender->session.progress;
}

size_t sender_jobs_out(const struct sender *sender) { return sender->jobs_out; }
