/* receiver_blocks: the way of a block from the connection to the job that writes it.
 *
 * A block can come before its ENTRY and before its part file is there; it then waits with its object, and so
 * keeps the sender's credit, which bounds what can wait. Blocks of objects whose fate is known already are
 * given back unread: they were on their way when the RESULT was told. */
#include "receiver.h"

#include <assert.h>

static void push(struct block_queue *queue, struct recv_block *block) {
  block->next = NULL;
  if (queue->first)
    queue->last->next = block;
  else
    queue->first = block;
  queue->last = block;
}

static struct recv_block *pop(struct block_queue *queue) {
  struct recv_block *block = queue->first;
  if (block) queue->first = block->next;
  return block;
}

static struct block_queue take_all(struct block_queue *queue) {
  struct block_queue taken = *queue;
  queue->first = NULL;
  return taken;
}

/* ---- places ---- */

static struct recv_block *new_block(struct receiver *receiver) {
  struct recv_block *block = receiver->free_blocks;
  if (block)
    receiver->free_blocks = block->next;
  else if (receiver->blocks_used < RECV_BLOCKS_MAX)
    block = &receiver->blocks[receiver->blocks_used++];
  return block;
}

void receiver_free_block(struct receiver *receiver, struct recv_block *block) {
  conn_release_block(receiver->session.conn, block->bytes, block->size_class);
  block->next = receiver->free_blocks;
  receiver->free_blocks = block;
}

static void free_all(struct receiver *receiver, struct block_queue *queue) {
  struct recv_block *block;
  while ((block = pop(queue)) != NULL)
    receiver_free_block(receiver, block);
}

void receiver_drop_held(struct receiver *receiver, struct recv_object *object) {
  free_all(receiver, &object->held);
  free_all(receiver, &object->overflow);
}

void receiver_drop_blocks(struct receiver *receiver) {
  free_all(receiver, &receiver->small);
  free_all(receiver, &receiver->large);
  for (uint32_t i = 0; i < OBJECTS_AHEAD_MAX; i++)
    receiver_drop_held(receiver, &receiver->objects[i]);
}

/* ---- admission ---- */

/* Notes that the block has come. 0, ERR_AGAIN: no place to note it, ERR_EXISTS: it came before. */
static int note_arrival(struct recv_object *object, uint64_t number) {
  if (ranges_contains(&object->have, number, number + 1)) return ERR_EXISTS;
  return ranges_add(&object->have, number, number + 1) < 0 ? ERR_AGAIN : 0;
}

static void blame_twice(struct receiver *receiver, const struct block_trailer *trailer) {
  session_blame(&receiver->session, "block %llu of object %u twice", (unsigned long long)trailer->number,
                trailer->object);
}

/* Sends a block whose arrival was noted where its object's state wants it. */
static void pass_on(struct receiver *receiver, struct recv_object *object, struct recv_block *block) {
  if (object->blocks == 1) {
    push(&receiver->small, block);
  } else if (object->state == RECV_RECEIVING) {
    push(&receiver->large, block);
  } else {
    push(&object->held, block);
  }
}

/* A block of an announced object that still wants it. */
static void admit(struct receiver *receiver, struct recv_object *object, struct recv_block *block) {
  int error = note_arrival(object, block->trailer.number);
  if (error == 0) {
    pass_on(receiver, object, block);
  } else if (error == ERR_AGAIN) {
    push(&object->overflow, block);
  } else {
    blame_twice(receiver, &block->trailer);
    receiver_free_block(receiver, block);
  }
}

/* Blocks that found no place may find one when a gap has closed. */
static void retry_overflow(struct receiver *receiver, struct recv_object *object) {
  uint32_t count;
  do {
    count = object->have.count;
    struct block_queue queue = take_all(&object->overflow);
    struct recv_block *block;
    while ((block = pop(&queue)) != NULL)
      admit(receiver, object, block);
  } while (object->overflow.first && object->have.count < count);
}

/* What is wrong with a block, NULL when nothing is. */
static const char *fault_of(const struct recv_object *object, const struct block_trailer *trailer) {
  if (trailer->number >= object->blocks) return "beyond the end";
  if (trailer->raw_size != block_raw_size(object->entry.size, trailer->number)) return "of the wrong size";
  if (trailer->number >= BLOCKS_UNASKED && !object->is_want_told) return "not asked for";
  return NULL;
}

/* A block of an announced object. */
static void receive(struct receiver *receiver, struct recv_object *object, struct recv_block *block) {
  const char *fault = fault_of(object, &block->trailer);
  if (fault)
    session_blame(&receiver->session, "block %llu of object %u is %s",
                  (unsigned long long)block->trailer.number, block->trailer.object, fault);
  bool is_wanted = object->state >= RECV_WAITING && object->state <= RECV_RECEIVING && !receiver->dry_run;
  if (fault || !is_wanted) {
    /* A single block after its object is complete can only be a second one; others the digest has settled. */
    receiver_free_block(receiver, block);
    return;
  }
  admit(receiver, object, block);
  if (object->overflow.first) retry_overflow(receiver, object);
}

/* A block of an object whose ENTRY is still on its way. */
static void hold(struct receiver *receiver, struct recv_object *object, struct recv_block *block) {
  bool is_twice = false;
  for (const struct recv_block *other = object->held.first; other; other = other->next)
    is_twice |= other->trailer.number == block->trailer.number;
  if (block->trailer.number >= BLOCKS_UNASKED || is_twice) {
    session_blame(&receiver->session, "block %llu of object %u is %s",
                  (unsigned long long)block->trailer.number, block->trailer.object,
                  is_twice ? "there twice" : "not asked for");
    receiver_free_block(receiver, block);
    return;
  }
  push(&object->held, block);
}

void receiver_on_block(struct receiver *receiver, const struct conn_event *event) {
  struct session *session = &receiver->session;
  struct block_trailer trailer = {0};
  int error = 0;
  struct recv_block *block = NULL;
  if (session_is_live(session)) {
    error = block_read_trailer(&trailer, event->block.bytes, event->block.size);
    if (error)
      session_blame(session, error == ERR_UNSUPPORTED ? "a block of unknown encoding" : "malformed block");
    else if (trailer.object >= receiver->low && trailer.object - receiver->low >= OBJECTS_AHEAD_MAX)
      session_blame(session, "a block of object %u, which is too far ahead", trailer.object);
    else if (trailer.object >= receiver->low && !(block = new_block(receiver)))
      session_blame(session, "more than %d blocks wait", (int)RECV_BLOCKS_MAX);
  }
  if (!block) { /* refused, or of an object that was answered */
    conn_release_block(session->conn, event->block.bytes, event->block.size_class);
    return;
  }
  *block = (struct recv_block){
      .bytes = event->block.bytes, .size_class = event->block.size_class, .trailer = trailer};
  struct recv_object *object = receiver_object(receiver, trailer.object);
  if (trailer.object < receiver->next)
    receive(receiver, object, block);
  else
    hold(receiver, object, block);
}

void receiver_admit_held(struct receiver *receiver, struct recv_object *object) {
  struct block_queue queue = take_all(&object->held);
  struct recv_block *block;
  while ((block = pop(&queue)) != NULL)
    receive(receiver, object, block);
}

void receiver_ready_held(struct receiver *receiver, struct recv_object *object) {
  struct recv_block *block;
  while ((block = pop(&object->held)) != NULL)
    push(&receiver->large, block);
}

/* ---- to the jobs ---- */

/* Takes blocks off the queue until one is in the state that can use it. */
static struct recv_block *next_in_state(struct receiver *receiver, struct block_queue *queue,
                                        enum recv_state state) {
  struct recv_block *block;
  while ((block = pop(queue)) != NULL) {
    if (block->trailer.object >= receiver->low &&
        receiver_object(receiver, block->trailer.object)->state == state)
      return block;
    receiver_free_block(receiver, block);
  }
  return NULL;
}

struct recv_block *receiver_next_large(struct receiver *receiver) {
  return next_in_state(receiver, &receiver->large, RECV_RECEIVING);
}

struct recv_block *receiver_next_small(struct receiver *receiver) {
  return next_in_state(receiver, &receiver->small, RECV_WAITING);
}

void receiver_return_small(struct receiver *receiver, struct recv_block *block) {
  block->next = receiver->small.first;
  if (!block->next) receiver->small.last = block;
  receiver->small.first = block;
}
