/* session: how each end of a connection is read as the end of a transfer, and how objects are counted. */
#include "unit.h"

#include "transfer/session.h"

#include <stdlib.h>

static void reads_every_end(void) {
  static const struct {
    enum closed_by by;
    uint64_t code;
    bool complete;
    enum outcome outcome;
  } truth[] = {
      {CLOSED_BY_US, CLOSE_DONE, true, OUTCOME_COMPLETE},
      {CLOSED_BY_PEER, CLOSE_DONE, true, OUTCOME_COMPLETE},
      {CLOSED_BY_PEER, CLOSE_DONE, false, OUTCOME_PROTOCOL},
      {CLOSED_BY_SILENCE, CLOSE_TIMEOUT, true, OUTCOME_COMPLETE},
      {CLOSED_BY_SILENCE, CLOSE_TIMEOUT, false, OUTCOME_TIMEOUT},
      {CLOSED_BY_NO_ANSWER, CLOSE_TIMEOUT, false, OUTCOME_NO_ANSWER},
      {CLOSED_BY_US, CLOSE_INTERNAL, false, OUTCOME_LOCAL},
      {CLOSED_BY_PEER, CLOSE_INTERNAL, false, OUTCOME_REMOTE},
      {CLOSED_BY_US, CLOSE_LOCAL, false, OUTCOME_LOCAL},
      {CLOSED_BY_PEER, CLOSE_LOCAL, false, OUTCOME_REMOTE},
      {CLOSED_BY_PEER, CLOSE_PROTOCOL, false, OUTCOME_PROTOCOL},
      {CLOSED_BY_US, CLOSE_FLOW, false, OUTCOME_PROTOCOL},
      {CLOSED_BY_PEER, CLOSE_PARAMETERS, false, OUTCOME_PROTOCOL},
      {CLOSED_BY_PEER, CLOSE_BUSY, false, OUTCOME_REFUSED},
      {CLOSED_BY_PEER, CLOSE_REFUSED, false, OUTCOME_REFUSED},
      {CLOSED_BY_US, CLOSE_INTERRUPTED, false, OUTCOME_INTERRUPTED},
      {CLOSED_BY_PEER, CLOSE_INTERRUPTED, true, OUTCOME_INTERRUPTED},
      {CLOSED_BY_PEER, CLOSE_TRANSFER, false, OUTCOME_PROTOCOL},
      {CLOSED_BY_PEER, CLOSE_VERSION, false, OUTCOME_PROTOCOL},
      {CLOSED_BY_PEER, CLOSE_TIMEOUT, false, OUTCOME_TIMEOUT},
      {CLOSED_BY_PEER, 4711, false, OUTCOME_PROTOCOL},
  };
  struct session *session = malloc(sizeof(*session));
  for (unsigned i = 0; i < sizeof(truth) / sizeof(truth[0]); i++) {
    session_init(session, NULL);
    CU_ASSERT_TRUE(session_is_live(session));
    struct conn_event event = {.type = CONN_EVENT_CLOSED};
    event.closed.by = truth[i].by;
    event.closed.code = truth[i].code;
    memset(event.closed.reason, 'r', REASON_BYTES_MAX);
    event.closed.reason[REASON_BYTES_MAX] = 0;
    session_on_closed(session, &event, truth[i].complete);
    CU_ASSERT_EQUAL(session->progress.outcome, truth[i].outcome);
    CU_ASSERT_EQUAL(session->progress.by_peer, truth[i].by == CLOSED_BY_PEER);
    CU_ASSERT_EQUAL(session->progress.error != 0, truth[i].outcome == OUTCOME_LOCAL);
    CU_ASSERT_STRING_EQUAL(session->progress.reason, event.closed.reason);
    CU_ASSERT_FALSE(session_is_live(session));
  }
  free(session);
}

static void counts_every_report(void) {
  static const struct {
    struct report report;
    struct progress expected;
  } truth[] = {
      {{.kind = REPORT_COMMITTED, .entry = {.size = 5}},
       {.objects_done = 1, .files_done = 1, .bytes_done = 5}},
      {{.kind = REPORT_COMMITTED, .entry = {.kind = ENTRY_FOLDER}}, {.objects_done = 1, .folders_done = 1}},
      {{.kind = REPORT_HAVE, .entry = {.size = 5}}, {.objects_had = 1, .bytes_done = 5}},
      {{.kind = REPORT_WOULD, .entry = {.size = 5}}, {.objects_done = 1}},
      {{.kind = REPORT_FAILED, .entry = {.size = 5}, .error = ERR_IO}, {.objects_failed = 1}},
      {{.kind = REPORT_FAILED, .error = ERR_IO, .at_source = true}, {.objects_failed = 1}},
      {{.kind = REPORT_FAILED, .error = ERR_NOT_FOUND}, {.objects_failed = 1}},
      {{.kind = REPORT_FAILED, .error = ERR_NOT_FOUND, .at_source = true},
       {.objects_failed = 1, .objects_changed = 1}},
      {{.kind = REPORT_FAILED, .error = ERR_CHANGED, .at_source = true},
       {.objects_failed = 1, .objects_changed = 1}},
  };
  struct session *session = malloc(sizeof(*session));
  for (unsigned i = 0; i < sizeof(truth) / sizeof(truth[0]); i++) {
    session_init(session, NULL);
    session_count(session, &truth[i].report);
    const struct progress *got = &session->progress, *expected = &truth[i].expected;
    CU_ASSERT_EQUAL(got->objects_done, expected->objects_done);
    CU_ASSERT_EQUAL(got->objects_had, expected->objects_had);
    CU_ASSERT_EQUAL(got->objects_failed, expected->objects_failed);
    CU_ASSERT_EQUAL(got->objects_changed, expected->objects_changed);
    CU_ASSERT_EQUAL(got->files_done, expected->files_done);
    CU_ASSERT_EQUAL(got->folders_done, expected->folders_done);
    CU_ASSERT_EQUAL(got->bytes_done, expected->bytes_done);
  }
  free(session);
}

UNIT_MAIN(UNIT_CASE(reads_every_end), UNIT_CASE(counts_every_report))
