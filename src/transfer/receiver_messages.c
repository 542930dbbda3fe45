/* receiver_messages: the receiving end of the control stream (proto/transfer.md section 2): hearing what
 * comes and telling what became of it. */
#include "receiver.h"

#include "failure.h"

#include <assert.h>
#include <string.h>

/* ---- what the sender says ---- */

static void on_hello(struct receiver *receiver, const struct message *message) {
  if (message->hello.version != FORMAT_VERSION) {
    session_blame(&receiver->session, "format version %llu is not known here",
                  (unsigned long long)message->hello.version);
    return;
  }
  if (message->hello.flags & ~(uint64_t)FLAGS_KNOWN) {
    session_blame(&receiver->session, "HELLO has unknown flags");
    return;
  }
  if (message->hello.flags & FLAG_DRY_RUN) receiver->dry_run = true;
  const struct message welcome = {.type = MESSAGE_WELCOME,
                                  .welcome = {.version = FORMAT_VERSION,
                                              .flags = receiver->dry_run ? FLAG_DRY_RUN : 0,
                                              .objects_ahead = OBJECTS_AHEAD_MAX,
                                              .name_bytes_ahead = NAME_BYTES_AHEAD_MAX}};
  bool sent = channel_send(&receiver->session.channel, &welcome);
  assert(sent && "it is the first message");
  (void)sent;
  receiver->is_greeted = true;
}

/* What is wrong with an entry at this moment, NULL when nothing is. */
static const char *fault_of(const struct receiver *receiver, const struct entry *entry) {
  if (receiver->end_seen) return "after END";
  if (receiver->next - receiver->low == OBJECTS_AHEAD_MAX) return "beyond objects_ahead";
  if (receiver->next > OBJECT_NUMBER_MAX) return "one too many";
  if (entry->name_size > manifest_room(&receiver->manifest)) return "beyond name_bytes_ahead";
  if (name_check(entry->name, entry->name_size) < 0) return "of a name that is not allowed";
  if (entry->size > VARINT_MAX - receiver->session.progress.bytes_seen) return "too large for the sum";
  return NULL;
}

static void on_entry(struct receiver *receiver, const struct message *message) {
  struct entry entry;
  if (manifest_read(&receiver->manifest, message, &entry) < 0) {
    session_blame(&receiver->session, "ENTRY %u leans on a name that is not there", receiver->next);
    return;
  }
  const char *fault = fault_of(receiver, &entry);
  if (fault)
    session_blame(&receiver->session, "ENTRY %u is %s", receiver->next, fault);
  else
    receiver_add(receiver, &entry);
}

static bool is_sum_of_nothing(const struct hash128 *digest) {
  const struct digest none = {0};
  struct hash128 expected = digest_bytes(&none);
  return memcmp(digest->bytes, expected.bytes, sizeof(expected.bytes)) == 0;
}

static void on_digest(struct receiver *receiver, const struct message *message) {
  uint32_t number = message->digest.object;
  if (number >= receiver->next) {
    session_blame(&receiver->session, "DIGEST of object %u, which was not announced", number);
    return;
  }
  if (number < receiver->low) return; /* its RESULT is on the way */
  struct recv_object *object = receiver_object(receiver, number);
  bool has_failed = message->digest.failure != FAILURE_NONE;
  bool is_due = object->entry.kind == ENTRY_FILE && !object->is_digest_told &&
                (has_failed ? object->blocks != 1 || object->have.count == 0 : object->blocks != 1);
  if (!is_due) {
    session_blame(&receiver->session, "DIGEST of object %u, which needs none", number);
    return;
  }
  object->is_digest_told = true;
  object->digest_told = message->digest.digest;
  if (object->state < RECV_WAITING || object->state > RECV_RECEIVING || receiver->dry_run) return;
  if (has_failed) {
    object->at_source = true;
    receiver_fail(receiver, object, failure_to_error(message->digest.failure));
  } else if (object->blocks > 0) {
    receiver_settle(receiver, object);
  } else if (!is_sum_of_nothing(&message->digest.digest)) {
    receiver_fail(receiver, object, ERR_MISMATCH);
  } else if (object->state == RECV_WAITING) {
    link_move(&object->link, &receiver->begin);
  }
}

static void on_end(struct receiver *receiver, const struct message *message) {
  struct progress *progress = &receiver->session.progress;
  if (receiver->end_seen || message->end.objects != receiver->next ||
      message->end.bytes != progress->bytes_seen) {
    session_blame(&receiver->session, "END does not fit what was announced");
    return;
  }
  receiver->end_seen = progress->walk_done = true;
}

void receiver_read_messages(struct receiver *receiver) {
  struct message message;
  while (session_next_message(&receiver->session, &message) > 0) {
    if ((message.type == MESSAGE_HELLO) == receiver->is_greeted) {
      session_blame(&receiver->session, receiver->is_greeted ? "a second HELLO" : "%s before HELLO",
                    message_name(message.type));
      return;
    }
    switch (message.type) {
    case MESSAGE_HELLO:
      on_hello(receiver, &message);
      break;
    case MESSAGE_ENTRY:
      on_entry(receiver, &message);
      break;
    case MESSAGE_DIGEST:
      on_digest(receiver, &message);
      break;
    case MESSAGE_END:
      on_end(receiver, &message);
      break;
    case MESSAGE_CHECKING: /* it is still there, and busy: that is all it says */
      break;
    default:
      session_blame(&receiver->session, "%s is for the other direction", message_name(message.type));
    }
  }
}

/* ---- what the receiver says ---- */

/* A request for all but the blocks that are there: those after the ones that come in any case. */
static struct message want_of(const struct recv_object *object) {
  struct message want = {.type = MESSAGE_WANT, .want = {.object = object->number}};
  for (uint32_t i = 0; i < object->have.count; i++) {
    struct range range = object->have.at[i];
    if (range.first < BLOCKS_UNASKED) range.first = BLOCKS_UNASKED;
    if (range.first >= range.end) continue;
    assert(want.want.count < HELD_RANGES_MAX && "no more are counted as held");
    want.want.held[want.want.count++] = range;
  }
  return want;
}

static void tell_wants(struct receiver *receiver) {
  struct recv_object *object;
  while ((object = queue_first(&receiver->wanting)) != NULL) {
    const struct message want = want_of(object);
    if (!channel_send(&receiver->session.channel, &want)) return;
    object->is_want_told = true;
    link_remove(&object->link);
  }
}

static bool is_same_result(const struct recv_object *a, const struct recv_object *b) {
  return a->result == b->result && failure_from_error(a->error) == failure_from_error(b->error);
}

/* The results that wait, neighbours with the same result in one message. */
static void tell_results(struct receiver *receiver) {
  static const enum result_status statuses[] = {[REPORT_COMMITTED] = RESULT_COMMITTED,
                                                [REPORT_HAVE] = RESULT_HAVE,
                                                [REPORT_FAILED] = RESULT_FAILED,
                                                [REPORT_WOULD] = RESULT_WOULD};
  const struct link *head = &receiver->telling;
  struct recv_object *first;
  while ((first = queue_first(head)) != NULL) {
    uint32_t count = 1;
    for (const struct link *at = first->link.next; at != head; at = at->next, count++) {
      const struct recv_object *object = (const struct recv_object *)(const void *)at;
      if (object->number != first->number + count || !is_same_result(first, object)) break;
    }
    const struct message result = {.type = MESSAGE_RESULT,
                                   .result = {.first = first->number,
                                              .count = count,
                                              .status = statuses[first->result],
                                              .failure = failure_from_error(first->error)}};
    if (!channel_send(&receiver->session.channel, &result)) break;
    for (uint32_t number = first->number; count > 0; count--, number++) {
      struct recv_object *object = receiver_object(receiver, number);
      link_remove(&object->link);
      receiver_set_state(receiver, object, RECV_TOLD);
    }
  }
  receiver_drop_told(receiver);
}

void receiver_write_messages(struct receiver *receiver) {
  if (!session_is_live(&receiver->session)) return;
  tell_wants(receiver);
  tell_results(receiver);
  if (receiver->end_seen && receiver->low == receiver->next && !receiver->finished_told) {
    const struct message finished = {.type = MESSAGE_FINISHED, .load = receiver_load(receiver)};
    receiver->finished_told = channel_send(&receiver->session.channel, &finished);
  }
  channel_flush(&receiver->session.channel);
}
