/* sender_messages: the sending end of the control stream (proto/transfer.md section 2): announcing objects
 * and hearing what became of them. */
#include "sender.h"

#include "failure.h"

#include <assert.h>

void sender_greet(struct sender *sender) {
  const struct message hello = {
      .type = MESSAGE_HELLO,
      .hello = {.version = FORMAT_VERSION, .flags = sender->config.dry_run ? FLAG_DRY_RUN : 0}};
  bool sent = channel_send(&sender->session.channel, &hello);
  assert(sent && "the channel is empty");
  (void)sent;
}

/* ---- what the receiver says ---- */

static void on_welcome(struct sender *sender, const struct message *message) {
  struct session *session = &sender->session;
  if (sender->is_welcome) {
    session_blame(session, "a second WELCOME");
  } else if (message->welcome.version != FORMAT_VERSION) {
    session_blame(session, "format version %llu is not known here",
                  (unsigned long long)message->welcome.version);
  } else if (message->welcome.flags & ~(uint64_t)FLAGS_KNOWN) {
    session_blame(session, "WELCOME has unknown flags");
  } else if (message->welcome.objects_ahead < OBJECTS_AHEAD_MIN ||
             message->welcome.name_bytes_ahead < NAME_BYTES_AHEAD_MIN) {
    session_blame(session, "WELCOME grants less than the least");
  } else {
    uint64_t objects = message->welcome.objects_ahead, names = message->welcome.name_bytes_ahead;
    sender->objects_ahead = objects < OBJECTS_AHEAD_MAX ? (uint32_t)objects : OBJECTS_AHEAD_MAX;
    sender->name_bytes_ahead = names < NAME_BYTES_AHEAD_MAX ? (size_t)names : NAME_BYTES_AHEAD_MAX;
    if (message->welcome.flags & FLAG_DRY_RUN) sender->dry_run = true;
    sender->is_welcome = true;
  }
}

static bool is_unanswered(const struct sender *sender, uint32_t number) {
  if (number < sender->low || number >= sender->announced) return false;
  enum send_state state = sender->objects[number % OBJECTS_AHEAD_MAX].state;
  return state >= SEND_ANNOUNCED && state <= SEND_AWAITING;
}

static void on_want(struct sender *sender, const struct message *message) {
  uint32_t number = message->want.object;
  if (!is_unanswered(sender, number)) {
    session_blame(&sender->session, "WANT of object %u, which is not open", number);
    return;
  }
  struct send_object *object = sender_object(sender, number);
  if (object->is_wanted || object->blocks <= BLOCKS_UNASKED) {
    session_blame(&sender->session, "WANT of object %u, which needs none", number);
    return;
  }
  const struct range *held = message->want.held;
  if (message->want.count > 0 && held[message->want.count - 1].end > object->blocks) {
    session_blame(&sender->session, "WANT of object %u speaks of blocks beyond its end", number);
    return;
  }
  for (uint32_t i = 0; i < message->want.count; i++) {
    int error = ranges_add(&object->held, held[i].first, held[i].end);
    assert(error == 0 && "a WANT has no more of them");
    (void)error;
  }
  object->is_wanted = true;
  sender_settle(sender, object);
}

/* Whether a RESULT can be true at this point of the object's life. */
static bool result_fits(const struct sender *sender, const struct send_object *object,
                        enum result_status status) {
  switch (status) {
  case RESULT_COMMITTED:
    if (sender->dry_run) return false;
    if (object->entry.kind == ENTRY_FOLDER) return object->state == SEND_ANNOUNCED;
    return object->state == SEND_AWAITING && object->error == 0 && object->blocks_past == object->blocks;
  case RESULT_WOULD:
    return sender->dry_run;
  default:
    return true;
  }
}

static void on_result(struct sender *sender, const struct message *message) {
  static const enum report_kind kinds[] = {[RESULT_COMMITTED] = REPORT_COMMITTED,
                                           [RESULT_HAVE] = REPORT_HAVE,
                                           [RESULT_FAILED] = REPORT_FAILED,
                                           [RESULT_WOULD] = REPORT_WOULD};
  int error = message->result.status == RESULT_FAILED ? failure_to_error(message->result.failure) : 0;
  for (uint32_t i = 0; i < message->result.count; i++) {
    uint32_t number = message->result.first + i;
    if (!is_unanswered(sender, number)) {
      session_blame(&sender->session, "RESULT of object %u, which is not open", number);
      return;
    }
    struct send_object *object = sender_object(sender, number);
    if (!result_fits(sender, object, message->result.status)) {
      session_blame(&sender->session, "RESULT of object %u cannot be true yet", number);
      return;
    }
    sender_answer(sender, object, kinds[message->result.status], error);
  }
}

static void on_finished(struct sender *sender) {
  if (!sender->end_told || sender->unanswered > 0) {
    session_blame(&sender->session, "FINISHED with %u objects unanswered", sender->unanswered);
    return;
  }
  sender->finished = true;
  sender->session.progress.outcome = OUTCOME_COMPLETE; /* the answer to CLOSE can change nothing of it */
  session_close(&sender->session, CLOSE_DONE, "");
}

void sender_read_messages(struct sender *sender) {
  struct message message;
  while (session_next_message(&sender->session, &message) > 0) {
    if (!sender->is_welcome && message.type != MESSAGE_WELCOME) {
      session_blame(&sender->session, "%s before WELCOME", message_name(message.type));
      return;
    }
    switch (message.type) {
    case MESSAGE_WELCOME:
      on_welcome(sender, &message);
      break;
    case MESSAGE_WANT:
      on_want(sender, &message);
      break;
    case MESSAGE_RESULT:
      on_result(sender, &message);
      break;
    case MESSAGE_FINISHED:
      sender->load = message.load;
      on_finished(sender);
      break;
    case MESSAGE_WORKING: /* its file work takes long: whoever watches the bytes sees that it is there */
      sender->load = message.load;
      break;
    default:
      session_blame(&sender->session, "%s is for the other direction", message_name(message.type));
    }
  }
}

/* ---- what the sender says ---- */

static void announce(struct sender *sender) {
  while (sender->announced < sender->next) {
    struct send_object *object = sender_object(sender, sender->announced);
    struct message entry;
    manifest_describe(&sender->manifest, &object->entry, &entry);
    if (!channel_send(&sender->session.channel, &entry)) return;
    manifest_set_last(&sender->manifest, &object->entry);
    sender->bytes_announced += object->entry.size;
    sender->unanswered++;
    sender->announced++;
    sender_set_state(object, SEND_ANNOUNCED);
  }
}

void sender_tell_checking(struct sender *sender, const struct send_object *object) {
  const struct message checking = {.type = MESSAGE_CHECKING,
                                   .checking = {.object = object->number, .blocks = object->next_block}};
  if (session_is_live(&sender->session)) channel_send(&sender->session.channel, &checking);
}

static void tell_digests(struct sender *sender) {
  struct send_object *object;
  while ((object = queue_first(&sender->telling)) != NULL) {
    struct message digest = {.type = MESSAGE_DIGEST, .digest = {.object = object->number}};
    digest.digest.failure = failure_from_error(object->error);
    if (object->error == 0) digest.digest.digest = digest_bytes(&object->digest);
    if (!channel_send(&sender->session.channel, &digest)) return;
    link_remove(&object->link);
    sender_set_state(object, SEND_AWAITING);
  }
}

static void tell_end(struct sender *sender) {
  if (!sender->walk_over || sender->announced < sender->next || sender->end_told) return;
  const struct message end = {.type = MESSAGE_END,
                              .end = {.objects = sender->next, .bytes = sender->bytes_announced}};
  sender->end_told = channel_send(&sender->session.channel, &end);
}

void sender_write_messages(struct sender *sender) {
  announce(sender);
  tell_digests(sender);
  tell_end(sender);
  channel_flush(&sender->session.channel);
}
