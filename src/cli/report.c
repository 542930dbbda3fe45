/* The one place where counts, errors and outcomes become words. Each failure is one line: what, why, and
 * where there is something to do about it, what. Names and the peer's words are escaped; nothing foreign
 * reaches a terminal raw. */
#include "report.h"

#include <stdio.h>
#include <string.h>

#include "limits_text.h"
#include "say.h"
#include "text.h"
#include "units.h"

enum { HEAD_COLUMNS = 98, TAIL_COLUMNS = 99 }; /* of a name that is cut, "..." between them */

/* How many bytes of an escaped text are one step: an escape, or a character in UTF-8. */
static size_t step_of(const char *at) {
  size_t bytes = 1;
  if (*at == '\\') return 4;
  while (((uint8_t)at[bytes] & 0xc0) == 0x80)
    bytes++;
  return bytes;
}

static size_t columns_of(const char *at) { return *at == '\\' ? 4 : 1; }

/* Takes the middle out of a text that is too wide, so that a name costs who reads it next to nothing. */
static size_t cut_middle(char *text, size_t size) {
  size_t columns = 0, passed = 0, head = 0, tail = 0;
  for (size_t at = 0; at < size; at += step_of(text + at))
    columns += columns_of(text + at);
  if (columns <= REPORT_NAME_COLUMNS) return size;
  for (; columns - passed > TAIL_COLUMNS; tail += step_of(text + tail)) {
    passed += columns_of(text + tail);
    if (passed <= HEAD_COLUMNS) head = tail + step_of(text + tail);
  }
  memcpy(text + head, "...", 3);
  memmove(text + head + 3, text + tail, size - tail + 1);
  return head + 3 + size - tail;
}

/* What a list of names on the user's wish shows is whole; it is the sender's own. */
enum shown { SHOWN_CUT, SHOWN_WHOLE };

static const char *shown_name(const struct entry *entry, enum shown shown) {
  static char name[TEXT_NAME_BYTES + 1];
  size_t size = text_escape(entry->name, entry->name_size, name, TEXT_NAME_BYTES);
  if (shown == SHOWN_CUT) size = cut_middle(name, size);
  if (entry->kind == ENTRY_FOLDER && (size == 0 || name[size - 1] != '/')) {
    name[size] = '/';
    name[size + 1] = 0;
  }
  return name;
}

/* Why, and what to do; `there`: it happened at the other side. */
static void say_failure(const struct report *report, const char *who, enum command command) {
  bool there = report->at_source == (command == COMMAND_RECV);
  const char *side = !there ? "" : command == COMMAND_SEND ? " at the receiver" : " at the sender";
  const char *name = shown_name(&report->entry, SHOWN_CUT);
  if (report->error == ERR_EXISTS)
    say("%s%s: something different is already there%s; it stays (recv --overwrite changed would replace "
        "files)",
        who, name, side);
  else if (report->error == ERR_TOO_MUCH)
    say("%s%s: more than is taken%s in one session (recv --max-size, --max-files)", who, name, side);
  else if (report->error == ERR_CHANGED)
    say("%s%s: it changed or vanished%s while it was sent; send it again", who, name, side);
  else if (report->error == ERR_UNSUPPORTED && report->at_source)
    say("%s%s: skipped%s: neither file nor folder (links, sockets and devices are not sent)", who, name,
        side);
  else
    say("%s%s: %s%s", who, name, error_text(report->error), side);
}

/* What a peer or a full disk can bring about without end must not fill the disk that holds the log. A
 * sender's user who asked for more words gets all of his own files. */
static void take_failure(struct tally *tally, const struct report *report, const struct options *options,
                         const char *who) {
  bool is_send = options->command == COMMAND_SEND;
  tally->failed++;
  if (tally->failed <= REPORT_FAILURES_MAX || (is_send && options->verbose))
    say_failure(report, who, options->command);
  else if (tally->failed == REPORT_FAILURES_MAX + 1)
    say("%sfurther failures are only counted%s", who, is_send ? " (-v names them all)" : "");
}

void report_take(struct tally *tally, const struct report *report, const struct options *options,
                 const char *who) {
  bool is_file = report->entry.kind == ENTRY_FILE;
  uint64_t size = is_file ? report->entry.size : 0;
  const char *verb = NULL;
  switch (report->kind) {
  case REPORT_COMMITTED:
    tally->files += is_file;
    tally->bytes += size;
    verb = options->verbose ? "done" : NULL;
    break;
  case REPORT_HAVE:
    tally->had_files += is_file;
    tally->had_bytes += size;
    verb = options->verbose ? "already there" : NULL;
    break;
  case REPORT_WOULD:
    tally->would_files += is_file;
    tally->would_bytes += size;
    verb = options->quiet ? NULL : options->command == COMMAND_SEND ? "would be sent" : "would be received";
    break;
  case REPORT_FAILED:
    tally->failed_bytes += size;
    take_failure(tally, report, options, who);
    return;
  }
  enum shown shown = options->command == COMMAND_SEND ? SHOWN_WHOLE : SHOWN_CUT;
  if (verb) say_plain("%s%s: %s", who, shown_name(&report->entry, shown), verb);
}

const char *report_outcome(const struct progress *progress, enum command command, uint64_t timeout_s,
                           char *text) {
  const char *peer = command == COMMAND_SEND ? "receiver" : "sender";
  char reason[sizeof progress->reason * 4];
  size_t size = text_escape((const uint8_t *)progress->reason,
                            strnlen(progress->reason, sizeof progress->reason), reason, sizeof reason);
  const char *colon = size ? ": " : "";
  switch (progress->outcome) {
  case OUTCOME_RUNNING:
  case OUTCOME_COMPLETE:
    return NULL;
  case OUTCOME_NO_ANSWER:
    snprintf(text, REPORT_TEXT_BYTES, "no answer from the %s", peer);
    break;
  case OUTCOME_TIMEOUT:
    if (progress->by_peer)
      snprintf(text, REPORT_TEXT_BYTES, "the %s did not wait any longer%s%s", peer, colon, reason);
    else
      snprintf(text, REPORT_TEXT_BYTES, "the %s has been silent for %llu s: it or the network is down%s",
               peer, (unsigned long long)timeout_s, command == COMMAND_SEND ? "; send again to go on" : "");
    break;
  case OUTCOME_REFUSED:
    snprintf(text, REPORT_TEXT_BYTES, "refused by the %s%s%s", peer, colon, reason);
    break;
  case OUTCOME_INTERRUPTED:
    snprintf(text, REPORT_TEXT_BYTES, "%s",
             progress->by_peer ? "interrupted by the other side" : "interrupted");
    break;
  case OUTCOME_PROTOCOL:
    snprintf(text, REPORT_TEXT_BYTES, "%s%s%s: are both of the same version of udpcp?",
             progress->by_peer ? "the other side could not follow us"
                               : "the other side does not follow the protocol",
             colon, reason);
    break;
  case OUTCOME_LOCAL:
    snprintf(text, REPORT_TEXT_BYTES, "had to stop: %s%s%s", error_text(progress->error), colon, reason);
    break;
  case OUTCOME_REMOTE:
    snprintf(text, REPORT_TEXT_BYTES, "the %s had to stop%s%s", peer, colon, reason);
    break;
  }
  return text;
}

bool report_has_summary(const struct tally *tally, const struct progress *progress) {
  return progress->outcome == OUTCOME_COMPLETE || tally->failed > REPORT_FAILURES_MAX ||
         tally->files + tally->had_files + tally->would_files > 0;
}

void report_summary(const struct tally *tally, const struct progress *progress,
                    const struct conn_stats *stats, const struct options *options, uint64_t duration_ns,
                    char text[REPORT_TEXT_BYTES]) {
  char size[UNITS_TEXT_BYTES], rate[UNITS_TEXT_BYTES], duration[UNITS_TEXT_BYTES];
  bool is_send = options->command == COMMAND_SEND;
  bool is_dry = options->dry_run || tally->would_files > 0; /* or the other side's */
  size_t used;
#define ADD(...)                                                                                             \
  used += (size_t)snprintf(text + used, used < REPORT_TEXT_BYTES ? REPORT_TEXT_BYTES - used : 0, __VA_ARGS__)
  used = 0;
  uint64_t files = is_dry ? tally->would_files : tally->files;
  uint64_t bytes = is_dry ? tally->would_bytes : tally->bytes;
  ADD("%s %llu file%s, %s",
      is_dry    ? is_send ? "would send" : "would receive"
      : is_send ? "sent"
                : "received",
      (unsigned long long)files, files == 1 ? "" : "s", size_text(bytes, size));
  if (!is_dry) {
    ADD(" in %s", duration_text(duration_ns, duration));
    uint64_t moved = bytes > progress->bytes_held ? bytes - progress->bytes_held : 0;
    if (moved && duration_ns >= NS_PER_MS && progress->outcome == OUTCOME_COMPLETE)
      ADD(" (%s)", rate_text((uint64_t)((double)moved * (double)NS_PER_S / (double)duration_ns), rate));
  }
  bool is_worth_a_word = options->verbose || stats->block_bytes_resent * 1000 >= stats->block_bytes_sent;
  if (stats->block_bytes_sent && is_worth_a_word)
    ADD(", %.*f%% sent again", options->verbose ? 3 : 1,
        100.0 * (double)stats->block_bytes_resent / (double)stats->block_bytes_sent);
  if (progress->bytes_held) ADD(", %s were there from an earlier try", size_text(progress->bytes_held, size));
  if (tally->had_files) ADD(", %llu already there", (unsigned long long)tally->had_files);
  if (tally->failed) ADD(", %llu failed", (unsigned long long)tally->failed);
  uint64_t marked = is_send ? stats->ce_told : stats->ce_received;
  if (options->verbose && marked) ADD(", %llu marked CE", (unsigned long long)marked);
#undef ADD
}

void report_limits(const struct tally *tally, const struct held_up *held, const struct conn_stats *stats,
                   const struct options *options, uint64_t duration_ns, const char *who) {
  char text[LIMITS_TEXT_BYTES];
  bool is_dry = options->dry_run || tally->would_files > 0;
  if (is_dry || options->quiet || (!options->verbose && duration_ns < LIMITS_TEXT_NS_MIN)) return;
  const char *said = limits_text(held, stats, options->verbose ? LIMITS_NUMBERS : LIMITS_SHARES, text);
  if (said) say("%s%s", who, said);
}

static enum outcome outcome_of_code(uint64_t code) {
  switch (code) {
  case CLOSE_BUSY:
  case CLOSE_REFUSED:
    return OUTCOME_REFUSED;
  case CLOSE_INTERRUPTED:
    return OUTCOME_INTERRUPTED;
  case CLOSE_TIMEOUT:
    return OUTCOME_TIMEOUT;
  case CLOSE_LOCAL:
  case CLOSE_INTERNAL:
    return OUTCOME_REMOTE;
  default:
    return OUTCOME_PROTOCOL;
  }
}

void report_closed(const struct conn_event *closed, struct progress *progress) {
  static const enum outcome silent[] = {
      [CLOSED_BY_SILENCE] = OUTCOME_TIMEOUT, [CLOSED_BY_NO_ANSWER] = OUTCOME_NO_ANSWER};
  bool is_silent = closed->closed.by == CLOSED_BY_SILENCE || closed->closed.by == CLOSED_BY_NO_ANSWER;
  *progress = (struct progress){.by_peer = closed->closed.by == CLOSED_BY_PEER};
  progress->outcome = is_silent ? silent[closed->closed.by] : outcome_of_code(closed->closed.code);
  if (progress->outcome == OUTCOME_REMOTE && !progress->by_peer) progress->outcome = OUTCOME_LOCAL;
  memcpy(progress->reason, closed->closed.reason, sizeof progress->reason);
}

enum exit_status report_status(const struct progress *progress) {
  switch (progress->outcome) {
  case OUTCOME_COMPLETE:
    if (progress->objects_failed == 0) return EXIT_DONE;
    return progress->objects_changed == progress->objects_failed ? EXIT_VANISHED : EXIT_PARTIAL;
  case OUTCOME_NO_ANSWER:
    return EXIT_UNREACHED;
  case OUTCOME_TIMEOUT:
    return EXIT_TIMEOUT;
  case OUTCOME_REFUSED:
    return EXIT_REFUSED;
  case OUTCOME_RUNNING: /* cut short by the user */
  case OUTCOME_INTERRUPTED:
    return EXIT_INTERRUPTED;
  case OUTCOME_PROTOCOL:
    return EXIT_PROTOCOL;
  case OUTCOME_LOCAL:
  case OUTCOME_REMOTE:
    return EXIT_FILES;
  }
  return EXIT_PROTOCOL;
}
