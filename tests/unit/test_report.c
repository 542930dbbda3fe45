/* report: outcomes become exit statuses that scripts rely on, and one line that says what to do. */
#include "cli/report.h"
#include "cli/text.h"
#include "unit.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

/* ---- what is said, read back ---- */
static char heard[1 << 20];
static int said_fd, old_stderr;

static void listen_to_stderr(void) {
  FILE *file = tmpfile();
  CU_ASSERT_PTR_NOT_NULL_FATAL(file);
  said_fd = fileno(file);
  fflush(stderr);
  old_stderr = dup(STDERR_FILENO);
  dup2(said_fd, STDERR_FILENO);
}

/* How many lines; they are in `heard`. */
static unsigned lines_said(void) {
  unsigned lines = 0;
  dup2(old_stderr, STDERR_FILENO);
  close(old_stderr);
  ssize_t size = pread(said_fd, heard, sizeof heard - 1, 0);
  close(said_fd);
  heard[size > 0 ? size : 0] = 0;
  for (const char *at = heard; (at = strchr(at, '\n')) != NULL; at++)
    lines++;
  return lines;
}

static struct report failure_of(const char *name) {
  return (struct report){.kind = REPORT_FAILED,
                         .error = ERR_DISK_FULL,
                         .entry = {.kind = ENTRY_FILE,
                                   .size = 10,
                                   .name = (const uint8_t *)name,
                                   .name_size = (uint16_t)strlen(name)}};
}

static void failures_are_told_up_to_a_bound(void) {
  static const struct {
    enum command command;
    bool verbose;
    unsigned failures, lines;
  } truth[] = {
      {COMMAND_RECV, false, 100, 100}, {COMMAND_RECV, false, 101, 101},  {COMMAND_RECV, false, 3000, 101},
      {COMMAND_RECV, true, 3000, 101}, {COMMAND_SEND, false, 3000, 101}, {COMMAND_SEND, true, 3000, 3000},
  };
  for (size_t i = 0; i < sizeof truth / sizeof truth[0]; i++) {
    struct options options = {.command = truth[i].command, .verbose = truth[i].verbose};
    struct tally tally = {0};
    struct progress cut = {.outcome = OUTCOME_PROTOCOL};
    struct report report = failure_of("a/file");
    listen_to_stderr();
    for (unsigned k = 0; k < truth[i].failures; k++)
      report_take(&tally, &report, &options, "who: ");
    CU_ASSERT_EQUAL(lines_said(), truth[i].lines);
    CU_ASSERT_EQUAL(tally.failed, truth[i].failures);
    CU_ASSERT_EQUAL(tally.failed_bytes, 10 * truth[i].failures);
    bool is_said = strstr(heard, "who: further failures are only counted") != NULL;
    CU_ASSERT_EQUAL(is_said, truth[i].lines == 101);
    CU_ASSERT_EQUAL(report_has_summary(&tally, &cut), truth[i].failures > 100); /* it has the number */
  }
}

/* The middle goes, and never half of an escape or of a character. */
static void a_long_name_is_cut_in_the_middle(void) {
  static const char *const units[] = {"a", "\x01", "\xc3\xa9", "ab\x1b\xe2\x82\xac", "\xff"};
  static const unsigned widths[] = {1, 4, 1, 7, 4};
  static char name[NAME_BYTES_MAX + 1], expected[32 * 1024];
  for (size_t i = 0; i < sizeof units / sizeof units[0]; i++) {
    for (unsigned count = 1; count * strlen(units[i]) + 4 <= NAME_BYTES_MAX;
         count = count < 260 ? count + 1 : count * 2) {
      struct options options = {.command = COMMAND_RECV};
      struct tally tally = {0};
      size_t unit_bytes = strlen(units[i]), columns = 0;
      for (unsigned k = 0; k < count; k++)
        memcpy(name + k * unit_bytes, units[i], unit_bytes);
      memcpy(name + count * unit_bytes, ".end", 5);
      struct report report = failure_of(name);
      listen_to_stderr();
      report_take(&tally, &report, &options, "");
      CU_ASSERT_EQUAL(lines_said(), 1);
      char *end = strstr(heard, ".end: no space left");
      CU_ASSERT_PTR_NOT_NULL_FATAL(end);
      const char *middle = strstr(heard, "...");
      bool is_long = count * widths[i] + 4 > REPORT_NAME_COLUMNS;
      CU_ASSERT_EQUAL(middle != NULL, is_long);
      const char *at = heard + strlen("udpcp: ");
      for (const char *from = at; from < end + 4; from++)
        columns += ((uint8_t)*from & 0xc0) != 0x80;
      CU_ASSERT(columns <= REPORT_NAME_COLUMNS && columns >= (is_long ? 194 : 1));
      text_escape((const uint8_t *)name, strlen(name), expected, sizeof expected);
      size_t head = middle ? (size_t)(middle - at) : (size_t)(end - at);
      CU_ASSERT_EQUAL(memcmp(expected, at, head), 0);
      size_t tail = middle ? (size_t)(end - middle) - 3 : 0;
      CU_ASSERT_EQUAL(memcmp(expected + strlen(expected) - 4 - tail, end - tail, tail), 0);
      char again[32];
      if (middle) { /* the tail begins with something whole */
        size_t first = middle[3] == '\\' ? 4 : 1;
        CU_ASSERT(text_escape((const uint8_t *)middle + 3, 3, again, sizeof again) > 0);
        CU_ASSERT(first == 1 || middle[4] == 'x');
        CU_ASSERT(((uint8_t)middle[3] & 0xc0) != 0x80);
      }
    }
  }
}

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
  struct options in_full = {.command = COMMAND_SEND, .verbose = true};
  struct conn_stats few = {.block_bytes_sent = 100000, .block_bytes_resent = 7};
  report_summary(&tally, &complete, &few, &in_full, 12300 * NS_PER_MS, text);
  CU_ASSERT_STRING_EQUAL(text, "sent 2003 files, 1.20 GiB in 12.3 s (838 Mbit/s), 0.007% sent again");
  report_summary(&tally, &complete, &few, &send, 12300 * NS_PER_MS, text);
  CU_ASSERT_STRING_EQUAL(text, "sent 2003 files, 1.20 GiB in 12.3 s (838 Mbit/s)");
  report_summary(&mixed, &complete, &clean, &recv, NS_PER_S, text);
  CU_ASSERT_STRING_EQUAL(text, "received 1 file, 10 bytes in 1.00 s (80 bit/s), 12 already there, 3 failed");
  report_summary(&tally, &cut, &clean, &recv, NS_PER_S, text);
  CU_ASSERT_STRING_EQUAL(text, "received 2003 files, 1.20 GiB in 1.00 s");
  struct progress resumed = {.outcome = OUTCOME_COMPLETE, .bytes_held = 1288490189 - 1000000};
  report_summary(&tally, &resumed, &clean, &recv, NS_PER_S, text); /* the rate is of what was moved */
  CU_ASSERT_STRING_EQUAL(
      text, "received 2003 files, 1.20 GiB in 1.00 s (8.00 Mbit/s), 1.20 GiB were there from an earlier try");
  struct conn_stats marked = {.ce_told = 7, .ce_received = 3};
  report_summary(&would, &cut, &marked, &send, NS_PER_S, text); /* said with -v only */
  CU_ASSERT_PTR_NULL(strstr(text, "CE"));
  send.verbose = recv.verbose = true;
  report_summary(&tally, &cut, &marked, &send, NS_PER_S, text);
  CU_ASSERT_STRING_EQUAL(text, "sent 2003 files, 1.20 GiB in 1.00 s, 7 marked CE");
  report_summary(&tally, &cut, &marked, &recv, NS_PER_S, text);
  CU_ASSERT_STRING_EQUAL(text, "received 2003 files, 1.20 GiB in 1.00 s, 3 marked CE");
  recv.verbose = false;
  report_summary(&would, &complete, &clean, &dry, NS_PER_S, text);
  CU_ASSERT_STRING_EQUAL(text, "would send 4 files, 2.00 KiB");
  report_summary(&would, &complete, &clean, &recv, NS_PER_S, text); /* the sender runs dry */
  CU_ASSERT_STRING_EQUAL(text, "would receive 4 files, 2.00 KiB");
}

UNIT_MAIN(UNIT_CASE(every_outcome_has_its_status), UNIT_CASE(statuses_are_frozen),
          UNIT_CASE(an_end_is_told_in_one_line), UNIT_CASE(a_connection_that_was_no_session),
          UNIT_CASE(a_summary_counts_what_happened), UNIT_CASE(failures_are_told_up_to_a_bound),
          UNIT_CASE(a_long_name_is_cut_in_the_middle))
