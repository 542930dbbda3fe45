/* report: what became of each file and of a session, in words, in counts and as an exit status. */
#ifndef CLI_REPORT_H
#define CLI_REPORT_H

#include "command.h"
#include "options.h"
#include "udpcp/transfer.h"

enum {
  REPORT_FAILURES_MAX = 100, /* of a session that are told one by one */
  REPORT_NAME_COLUMNS = 200, /* of a name that is shown; the middle of a longer one is left out */
};

/* Counted from the reports of one session. */
struct tally {
  uint64_t files, bytes;         /* committed in this session */
  uint64_t had_files, had_bytes; /* already there */
  uint64_t would_files, would_bytes;
  uint64_t failed; /* files and folders */
  uint64_t failed_bytes;
};

/* Counts a report and says what is to be said: failures, up to a bound, and the rest as -v and -n ask. `who`
 * stands in front of a failure: "" or "[::1]:4117: ". */
void report_take(struct tally *tally, const struct report *report, const struct options *options,
                 const char *who);
/* The line about a session that ended otherwise than complete: cause, and what to do. NULL when there is no
 * more to say. `text` has room for REPORT_TEXT_BYTES. */
enum { REPORT_TEXT_BYTES = 1024 };
const char *report_outcome(const struct progress *progress, enum command command, uint64_t timeout_s,
                           char *text);
/* Whether there is something to sum up: not after a session that failed before it did anything; always when
 * there were failures that were only counted. */
bool report_has_summary(const struct tally *tally, const struct progress *progress);
/* "sent 2003 files, 1.2 GiB in 12.3 s (812 Mbit/s), 5.2% sent again"; of what was cut short, without a rate.
 */
void report_summary(const struct tally *tally, const struct progress *progress,
                    const struct conn_stats *stats, const struct options *options, uint64_t duration_ns,
                    char text[REPORT_TEXT_BYTES]);
/* Says what held a transfer up, where that is of interest: it took a while, or -v. Nothing of a dry run. */
void report_limits(const struct tally *tally, const struct held_up *held, const struct conn_stats *stats,
                   const struct options *options, uint64_t duration_ns, const char *who);
/* The end of a connection that never was a session, in the words of one. */
void report_closed(const struct conn_event *closed, struct progress *progress);
enum exit_status report_status(const struct progress *progress);

#endif
