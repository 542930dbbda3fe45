/* session: see the header. */
#include "session.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

void session_init(struct session *session, struct conn *conn) {
  *session = (struct session){.conn = conn};
  channel_init(&session->channel, conn);
}

void job_run(struct job *job) { job->run(job); }

bool session_is_live(const struct session *session) { return !session->ending && !session->over; }

void session_close(struct session *session, uint64_t code, const char *reason) {
  if (!session_is_live(session)) return;
  session->ending = true;
  conn_close(session->conn, session->now_ns, code, reason);
}

void session_blame(struct session *session, const char *format, ...) {
  char reason[REASON_BYTES_MAX + 1];
  va_list arguments;
  va_start(arguments, format);
  vsnprintf(reason, sizeof(reason), format, arguments);
  va_end(arguments);
  session->has_blamed |= session_is_live(session);
  session_close(session, CLOSE_TRANSFER, reason);
}

int session_next_message(struct session *session, struct message *message) {
  if (!session_is_live(session)) return 0;
  int got = channel_next(&session->channel, message);
  if (got >= 0) return got;
  if (got == ERR_UNSUPPORTED)
    session_blame(session, "message %llu is mandatory and not known here", (unsigned long long)message->type);
  else
    session_blame(session, "malformed message (%s)", message_name(message->type));
  return 0;
}

static enum outcome outcome_of(const struct conn_event *event, bool complete) {
  if (event->closed.by == CLOSED_BY_NO_ANSWER) return OUTCOME_NO_ANSWER;
  if (event->closed.by == CLOSED_BY_SILENCE) return complete ? OUTCOME_COMPLETE : OUTCOME_TIMEOUT;
  switch (event->closed.code) {
  case CLOSE_DONE:
    return complete ? OUTCOME_COMPLETE : OUTCOME_PROTOCOL;
  case CLOSE_INTERNAL:
  case CLOSE_LOCAL:
    return event->closed.by == CLOSED_BY_US ? OUTCOME_LOCAL : OUTCOME_REMOTE;
  case CLOSE_BUSY:
  case CLOSE_REFUSED:
    return OUTCOME_REFUSED;
  case CLOSE_INTERRUPTED:
    return OUTCOME_INTERRUPTED;
  case CLOSE_TIMEOUT:
    return OUTCOME_TIMEOUT;
  default:
    return OUTCOME_PROTOCOL;
  }
}

void session_on_closed(struct session *session, const struct conn_event *event, bool complete) {
  struct progress *progress = &session->progress;
  session->over = true;
  progress->outcome = outcome_of(event, complete);
  progress->by_peer = event->closed.by == CLOSED_BY_PEER;
  if (progress->outcome == OUTCOME_LOCAL && progress->error == 0) progress->error = ERR_CLOSED;
  snprintf(progress->reason, sizeof(progress->reason), "%s", event->closed.reason);
}

void session_count(struct session *session, const struct report *report) {
  struct progress *progress = &session->progress;
  bool is_file = report->entry.kind == ENTRY_FILE;
  if (report->kind == REPORT_FAILED) {
    progress->objects_failed++;
    bool gone = report->error == ERR_CHANGED || report->error == ERR_NOT_FOUND;
    if (report->at_source && gone) progress->objects_changed++;
    return;
  }
  if (report->kind == REPORT_HAVE)
    progress->objects_had++;
  else
    progress->objects_done++;
  if (report->kind == REPORT_COMMITTED) *(is_file ? &progress->files_done : &progress->folders_done) += 1;
  if (report->kind != REPORT_WOULD) progress->bytes_done += report->entry.size;
}
