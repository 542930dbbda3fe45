/* One file for the whole run, one record an event: RS, a JSON object, newline (RFC 7464). Events of different
 * connections are told apart by their group_id, the id that names the connection at both ends, so a receiver
 * that can open no file any more needs none. Records gather in a large buffer; a file that cannot be written
 * any longer ends the trace, never the transfer. */
#include "trace.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "say.h"
#include "text.h"
#include "trace_events.h"

enum {
  BUFFER_BYTES = 256 * 1024,
  SHOWN_BYTES = 512,
  RECORD_SEPARATOR = 0x1e,
  REAL_DIGITS = 15, /* of a time in milliseconds: nanoseconds over 11 days */
};

struct trace {
  FILE *file;
  uint64_t begun_ns, last_ns, events;
  bool is_broken, is_verbose;
  char shown[SHOWN_BYTES];
  char buffer[BUFFER_BYTES];
};

/* One connection in the trace. */
struct traced {
  struct trace *trace;
  enum crypto_role role;
  char group[2 * CID_BYTES + 1];
  struct trace_memory memory;
};

/* ---- records ---- */
static void give_up(struct trace *trace, const char *why) {
  if (trace->is_broken) return;
  trace->is_broken = true;
  say("--trace: writing %s failed: %s; the transfer goes on without", trace->shown, why);
}

/* Takes the record; NULL: there was no memory for it. */
static void write_record(struct trace *trace, json_t *record) {
  if (!record) {
    give_up(trace, error_text(ERR_NO_MEMORY));
    return;
  }
  if (!trace->is_broken) {
    errno = 0;
    putc(RECORD_SEPARATOR, trace->file);
    int error = json_dumpf(record, trace->file, JSON_COMPACT | JSON_REAL_PRECISION(REAL_DIGITS));
    putc('\n', trace->file);
    if (error || ferror(trace->file)) give_up(trace, error_text(error_from_errno(errno ? errno : ENOMEM)));
    trace->events++;
  }
  json_decref(record);
}

/* Takes the data. Times of one file never go back: what happened while a turn of the loop used an older time
 * is told at the newer one. */
static void write_event(struct traced *traced, uint64_t now_ns, const char *name, json_t *data) {
  struct trace *trace = traced->trace;
  if (now_ns < trace->last_ns) now_ns = trace->last_ns;
  trace->last_ns = now_ns;
  double time_ms = (double)(now_ns - trace->begun_ns) / (double)NS_PER_MS;
  write_record(trace, json_pack("{s:f,s:s,s:s,s:o}", "time", time_ms, "name", name, "group_id", traced->group,
                                "data", data));
}

static json_t *header_record(enum command command) {
  struct timespec now;
  clock_gettime(CLOCK_REALTIME, &now);
  double since_epoch_ms = (double)now.tv_sec * 1e3 + (double)(now.tv_nsec / (long)NS_PER_MS);
  bool is_send = command == COMMAND_SEND;
  return json_pack("{s:s,s:s,s:{s:s,s:{s:s,s:s},s:{s:[s],s:s,s:f}}}", "qlog_version", "0.3", "qlog_format",
                   "JSON-SEQ", "trace", "title", is_send ? "udpcp send" : "udpcp recv", "vantage_point",
                   "name", "udpcp " UDPCP_VERSION, "type", is_send ? "client" : "server", "common_fields",
                   "protocol_type", "udpcp/1", "time_format", "relative", "reference_time", since_epoch_ms);
}

/* ---- the observer ---- */
static void *begin(void *context, uint64_t now_ns, const struct observed_start *start) {
  struct trace *trace = context;
  struct traced *traced = trace->is_broken ? NULL : calloc(1, sizeof *traced);
  if (!traced) return NULL;
  traced->trace = trace;
  traced->role = start->role;
  traced->memory.mtu = start->datagram_bytes;
  memset(&traced->memory.metrics, 0xff, sizeof traced->memory.metrics); /* the first time all are news */
  trace_hex(start->original_cid.bytes, CID_BYTES, traced->group);
  write_event(traced, now_ns, "connectivity:connection_started", trace_started_data(start));
  write_event(traced, now_ns, "recovery:parameters_set", trace_recovery_data(start));
  return traced;
}

static void observe(void *context, uint64_t now_ns, const struct observation *what) {
  struct traced *traced = context;
  if (traced->trace->is_broken) return;
  write_event(traced, now_ns, trace_event_name(what),
              trace_event_data(what, now_ns, traced->role, &traced->memory));
}

static void end(void *context, uint64_t now_ns, const struct conn_stats *stats) {
  struct traced *traced = context;
  struct trace *trace = traced->trace;
  if (!trace->is_broken) {
    write_event(traced, now_ns, "connectivity:connection_state_updated", json_pack("{s:s}", "new", "closed"));
    write_event(traced, now_ns, "udpcp:totals", trace_totals_data(stats));
    if (fflush(trace->file) != 0) give_up(trace, error_text(error_from_errno(errno)));
  }
  free(traced);
}

static const struct conn_observer observer = {.begin = begin, .observe = observe, .end = end};

/* ---- the file ---- */
/* A wrong word on the command line must not cost a file that is no trace. NULL, or what is wrong. */
static const char *check_old(int fd) {
  struct stat status;
  char first;
  if (fstat(fd, &status) != 0) return error_text(error_from_errno(errno));
  if (!S_ISREG(status.st_mode)) return "it is not a regular file";
  /* Where a file system knows no locks it goes without. */
  if (flock(fd, LOCK_EX | LOCK_NB) != 0 && errno == EWOULDBLOCK) return "another udpcp is writing it";
  if (status.st_size > 0 && (pread(fd, &first, 1, 0) != 1 || first != RECORD_SEPARATOR))
    return "it is there and holds no trace; it stays";
  return ftruncate(fd, 0) == 0 ? NULL : error_text(error_from_errno(errno));
}

struct trace *trace_open(const struct options *options, int *error) {
  *error = 0;
  if (!options->trace) return NULL;
  struct trace *trace = calloc(1, sizeof *trace);
  const char *why = trace ? NULL : error_text(ERR_NO_MEMORY);
  char shown[SHOWN_BYTES];
  text_escape((const uint8_t *)options->trace, strlen(options->trace), shown, sizeof shown);
  int fd = -1;
  if (!why) fd = open(options->trace, O_RDWR | O_CREAT | O_CLOEXEC | O_NONBLOCK | O_NOCTTY, 0600);
  if (!why && fd < 0)
    why = errno == EROFS ? "the file system is read-only" : error_text(error_from_errno(errno));
  if (!why) why = check_old(fd);
  if (!why && !(trace->file = fdopen(fd, "w"))) why = error_text(error_from_errno(errno));
  if (why) {
    say("--trace: cannot write %s: %s", shown, why);
    if (fd >= 0) close(fd);
    free(trace);
    *error = ERR_IO;
    return NULL;
  }
  setvbuf(trace->file, trace->buffer, _IOFBF, sizeof trace->buffer);
  memcpy(trace->shown, shown, sizeof shown);
  trace->is_verbose = options->verbose;
  trace->begun_ns = trace->last_ns = clock_now_ns();
  write_record(trace, header_record(options->command));
  return trace;
}

void trace_attach(struct trace *trace, struct conn_config *config) {
  if (!trace) return;
  config->observer = &observer;
  config->observer_context = trace;
}

void trace_close(struct trace *trace) {
  if (!trace) return;
  if (fclose(trace->file) != 0) give_up(trace, error_text(error_from_errno(errno)));
  if (trace->is_verbose && !trace->is_broken)
    say("%llu events in %s", (unsigned long long)trace->events, trace->shown);
  free(trace);
}
