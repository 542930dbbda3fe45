/* report: outcomes become exit statuses that scripts rely on, and one line that says what to do. */
#include "cli/report.h"
#include "unit.h"

static void every_outcome_has_its_status(void) {
  static const struct {
    enum outcome outcome;
    uint64_t failed, changed;
    enum exit_status status;
  } examples[] = {
      {OUTCOME_COMPLETE, 0, 0, EXIT_DONE},       {OUTCOME_COMPLETE, 1, 0, EXIT_PARTIAL},
      {OUTCOME_COMPLETE, 3, 2, EXIT_PARTIAL},    {OUTCOME_COMPLETE, 3, 3, EXIT_VANISHED},
      {OUTCOME_NO_ANSWER, 0, 0, EXIT_UNREACHED}, {OUTCOME_TIMEOUT, 0, 0, EXIT_TIMEOUT},
      {OUTCOME_REFUSED, 0, 0, EXIT_REFUSED},     {OUTCOME_INTERRUPTED, 2, 0, EXIT_INTERRUPTED},
      {OUTCOME_RUNNING, 0, 0, EXIT_INTERRUPTED}, {OUTCOME_PROTOCOL, 0, 0, EXIT_PROTOCOL},
      {OUTCOME_LOCAL, 0, 0, EXIT_FILES},         {OUTCOME_REMOTE, 0, 0, EXIT_FILES},
  };
  for (size_t i = 0; i < sizeof examples / sizeof examples[0]; i++) {
    struct progress progress = {.outcome = examples[i].outcome,
                                .objects_failed = examples[i].failed,
                                .objects_changed = examples[i].changed};
    CU_ASSERT_EQUAL(report_status(&progress), examples[i].status);
  }
}

static void statuses_are_frozen(void) {
  static const enum exit_status named[] = {EXIT_DONE,     EXIT_USAGE,    EXIT_REFUSED,     EXIT_NETWORK,
                                           EXIT_FILES,    EXIT_PROTOCOL, EXIT_INTERRUPTED, EXIT_PARTIAL,
                                           EXIT_VANISHED, EXIT_TIMEOUT,  EXIT_UNREACHED};
  static const int numbers[] = {0, 1, 5, 10, 11, 12, 20, 23, 24, 30, 35};
  for (size_t i = 0; i < sizeof numbers / sizeof numbers[0]; i++)
    CU_ASSERT_EQUAL((int)named[i], numbers[i]);
}

static void an_end_is_told_in_one_line(void) {
  static const struct {
    struct progress progress;
    enum command command;
    const char *text;
  } examples[] = {
      {{.outcome = OUTCOME_INTERRUPTED, .by_peer = true}, COMMAND_SEND, "interrupted by the other side"},
      {{.outcome = OUTCOME_INTERRUPTED}, COMMAND_RECV, "interrupted"},
      {{.outcome = OUTCOME_REFUSED, .reason = "too many"}, COMMAND_SEND, "refused by the receiver: too many"},
      {{.outcome = OUTCOME_REMOTE, .reason = "x\n\x1b[2J"},
       COMMAND_RECV,
       "the sender had to stop: x\\x0a\\x1b[2J"},
      {{.outcome = OUTCOME_TIMEOUT},
       COMMAND_RECV,
       "the sender has been silent for 7 s: it or the network is down"},
      {{.outcome = OUTCOME_TIMEOUT, .by_peer = true, .reason = "too slow"},
       COMMAND_SEND,
       "the receiver did not wait any longer: too slow"},
      {{.outcome = OUTCOME_LOCAL, .error = ERR_DISK_FULL}, COMMAND_RECV, "had to stop: no space left"},
  };
  char text[REPORT_TEXT_BYTES];
  for (size_t i = 0; i < sizeof examples / sizeof examples[0]; i++) {
    const char *said = report_outcome(&examples[i].progress, examples[i].command, 7, text);
    CU_ASSERT_PTR_NOT_NULL(said);
    CU_ASSERT_NSTRING_EQUAL(said ? said : "", examples[i].text, strlen(examples[i].text));
    CU_ASSERT_PTR_NULL(strchr(said ? said : "", '\n'));
  }
  struct progress complete = {.outcome = OUTCOME_COMPLETE};
  CU_ASSERT_PTR_NULL(report_outcome(&complete, COMMAND_SEND, 7, text));
}

static void a_connection_that_was_no_session(void) {
  static const struct {
    enum closed_by by;
    uint64_t code;
    enum outcome outcome;
  } examples[] = {
      {CLOSED_BY_NO_ANSWER, CLOSE_TIMEOUT, OUTCOME_NO_ANSWER},
      {CLOSED_BY_SILENCE, CLOSE_TIMEOUT, OUTCOME_TIMEOUT},
      {CLOSED_BY_PEER, CLOSE_BUSY, OUTCOME_REFUSED},
      {CLOSED_BY_PEER, CLOSE_REFUSED, OUTCOME_REFUSED},
      {CLOSED_BY_PEER, CLOSE_INTERRUPTED, OUTCOME_INTERRUPTED},
      {CLOSED_BY_PEER, CLOSE_LOCAL, OUTCOME_REMOTE},
      {CLOSED_BY_US, CLOSE_LOCAL, OUTCOME_LOCAL},
      {CLOSED_BY_US, CLOSE_VERSION, OUTCOME_PROTOCOL},
      {CLOSED_BY_PEER, CLOSE_DONE, OUTCOME_PROTOCOL},
      {CLOSED_BY_PEER, 4711, OUTCOME_PROTOCOL},
  };
  for (size_t i = 0; i < sizeof examples / sizeof examples[0]; i++) {
    struct conn_event closed = {.type = CONN_EVENT_CLOSED,
                                .closed = {.by = examples[i].by, .code = examples[i].code, .reason = "why"}};
    struct progress progress;
    report_closed(&closed, &progress);
    CU_ASSERT_EQUAL(progress.outcome, examples[i].outcome);
    CU_ASSERT_EQUAL(progress.by_peer, examples[i].by == CLOSED_BY_PEER);
    CU_ASSERT_STRING_EQUAL(progress.reason, "why");
  }
}

static void a_summary_counts_what_happened(void) {
  struct options send = {.command = COMMAND_SEND}, recv = {.command = COMMAND_RECV},
                 dry = {.command = COMMAND_SEND, .dry_run = true};
  struct progress complete = {.outcome = OUTCOME_COMPLETE}, cut = {.outcome = OUTCOME_TIMEOUT};
  struct conn_stats clean = {.block_bytes_sent = 100000},
                    lossy = {.block_bytes_sent = 1000, .block_bytes_resent = 52};
  struct tally tally = {.files = 2003, .bytes = 1288490189},
               mixed = {.files = 1, .bytes = 10, .had_files = 12, .failed = 3},
               would = {.would_files = 4, .would_bytes = 2048};
  char text[REPORT_TEXT_BYTES];
  report_summary(&tally, &complete, &lossy, &send, 12300 * NS_PER_MS, text);
  CU_ASSERT_STRING_EQUAL(text, "sent 2003 files, 1.20 GiB in 12.3 s (838 Mbit/s), 5.2% sent again");
  report_summary(&mixed, &complete, &clean, &recv, NS_PER_S, text);
  CU_ASSERT_STRING_EQUAL(text, "received 1 file, 10 bytes in 1.00 s (80 bit/s), 12 already there, 3 failed");
  report_summary(&tally, &cut, &clean, &recv, NS_PER_S, text);
  CU_ASSERT_STRING_EQUAL(text, "received 2003 files, 1.20 GiB in 1.00 s");
  report_summary(&would, &complete, &clean, &dry, NS_PER_S, text);
  CU_ASSERT_STRING_EQUAL(text, "would send 4 files, 2.00 KiB");
  report_summary(&would, &complete, &clean, &recv, NS_PER_S, text); /* the sender runs dry */
  CU_ASSERT_STRING_EQUAL(text, "would receive 4 files, 2.00 KiB");
}

UNIT_MAIN(UNIT_CASE(every_outcome_has_its_status), UNIT_CASE(statuses_are_frozen),
          UNIT_CASE(an_end_is_told_in_one_line), UNIT_CASE(a_connection_that_was_no_session),
          UNIT_CASE(a_summary_counts_what_happened))
