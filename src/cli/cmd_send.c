/* `udpcp send`: finds the sources and the receiver, then lets a sender run on the pump. The addresses of a
 * host are tried one after the other, each with a socket, a connection and a pump of its own; what comes
 * after the handshake is final, but for a sleep of this machine: then the same address is tried anew. At the
 * end the close is sent, its answer waited for, for a moment, and the last datagram sent once more: so the
 * receiver, too, knows that all went well, and does not wait for a sender that has left. */
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "command.h"
#include "options.h"
#include "progress.h"
#include "protect.h"
#include "pump.h"
#include "refusal.h"
#include "say.h"
#include "slow.h"
#include "target.h"
#include "text.h"
#include "trace.h"
#include "trust.h"
#include "udpcp/fs.h"
#include "units.h"

enum {
  ADDRESSES_MAX = 8,
  POOL_BYTES = 40 << 20, /* the receiver's widest window, and blocks read ahead */
  FILE_THREADS = 1,
  CONNECT_S_MAX = 10,
  STUCK_S_MIN = 3, /* a busy receiver says so once a second */
};
#define REFUSED_NS (3 * NS_PER_S)             /* a receiver that is just being started may still come */
#define REFUSED_BEFORE_NEXT_NS (NS_PER_S / 4) /* but not while another address may be the right one */
#define LOOK_NS (1 * NS_PER_S)                /* between looks at whether the receiver gets on */
#define LINGER_NS (1 * NS_PER_S)              /* for the answer to a close */
/* When all is safe there the answer changes nothing: a LAN's comes in time, a long path is not waited for. */
#define LINGER_COMPLETE_NS (20 * NS_PER_MS)
#define AGAIN_NS (NS_PER_S / 2) /* between tries to reach a receiver once more */

struct sending {
  struct options options;
  struct trust trust;
  struct trace *trace; /* NULL: none */
  struct target target;
  char host_shown[256];
  struct address addresses[ADDRESSES_MAX];
  int address_count;
  bool some_path_is_missing;
  char **paths;
  size_t path_count;
  struct source *source;
  struct pool *pool;

  /* One attempt. */
  struct pump *pump;
  struct session *session;
  bool is_last_address, has_refusals, was_refused, is_again;
  uint64_t absent_ns, woken_ns; /* this machine slept for so long until then; 0: it did not */
  uint64_t started_ns, leave_ns;
  const char *congestion_why;             /* as last told */
  bool is_stuck, is_interrupted, is_over; /* is_over: `progress` is final */
  struct progress progress;
  struct progress_meter meter;
  struct slow slow;
  uint64_t heard_ns, heard_packets; /* when a look last found more packets come, and how many */
  uint64_t draw_ns, look_ns;
  bool draws;
};

/* ---- before anything is sent ---- */
/* Keeps the paths that are there, says which are not. */
static int check_paths(struct sending *sending, char **paths, int count) {
  int kept = 0;
  for (int i = 0; i < count; i++) {
    struct stat status;
    if (*paths[i] && strcmp(paths[i], "-") != 0 && stat(paths[i], &status) == 0) {
      paths[kept++] = paths[i];
      continue;
    }
    int error = *paths[i] ? error_from_errno(errno) : ERR_NOT_FOUND;
    char shown[TEXT_NAME_BYTES];
    text_escape((const uint8_t *)paths[i], strlen(paths[i]), shown, sizeof shown);
    if (strcmp(paths[i], "-") == 0)
      say("-: standard input cannot be sent yet (./- would be a file of that name)");
    else
      say("%s: %s", shown, error_text(error));
    sending->some_path_is_missing = true;
  }
  return kept;
}

static enum exit_status resolve(struct sending *sending) {
  const char *why = "", *host = sending->target.host;
  text_escape((const uint8_t *)host, strlen(host), sending->host_shown, sizeof sending->host_shown);
  sending->address_count = address_resolve(host, sending->options.port, sending->options.family,
                                           sending->addresses, ADDRESSES_MAX, &why);
  if (sending->address_count > 0) return EXIT_DONE;
  say("cannot find the host '%s': %s%s", sending->host_shown, why,
      access(host, F_OK) == 0 ? " (the last argument says where to send to)" : "");
  return EXIT_UNREACHED;
}

/* ---- while it runs: the pump's hooks ---- */
static struct session *on_route(void *context, uint64_t now_ns, const struct address *from, uint8_t *bytes,
                                size_t size) {
  struct sending *sending = context;
  conn_on_datagram(sending->session->conn, now_ns, from, bytes, size);
  return sending->session;
}

static struct conn *find(void *context, const struct cid *id) {
  (void)id; /* there is but one, and it looks whether it is meant */
  return ((const struct sending *)context)->session->conn;
}

static void on_established(void *context, struct session *session, uint64_t now_ns) {
  struct sending *sending = context;
  struct conn_stats stats;
  refusal_ignore(udp_fd(pump_udp(sending->pump)));
  if (!trust_on_met(&sending->trust)) {
    conn_close(session->conn, now_ns, CLOSE_REFUSED, "not the receiver it must be");
    return;
  }
  conn_get_stats(session->conn, &stats);
  trust_say_protection(&sending->options, stats.protection, "");
  struct sender_config config = {.ops = &bind_source_ops,
                                 .source = sending->source,
                                 .pool = sending->pool,
                                 .dry_run = sending->options.dry_run};
  session->state = sender_new(&config, session->conn);
  if (!session->state) conn_close(session->conn, now_ns, CLOSE_LOCAL, error_text(ERR_NO_MEMORY));
}

/* Which congestion control there is and why, once and whenever it changes. */
static void say_congestion(struct sending *sending, const struct session *session) {
  struct conn_stats stats;
  conn_get_stats(session->conn, &stats);
  if (stats.congestion_why == sending->congestion_why) return;
  sending->congestion_why = stats.congestion_why;
  static const char by_path[] = "round trip: ";
  char least[UNITS_TEXT_BYTES];
  const char *at = stats.congestion_why ? strstr(stats.congestion_why, by_path) : NULL;
  if (at)
    say("congestion control: %s (round trip %s: %s)", stats.congestion, ms_text(stats.rtt_min_ns, least),
        at + strlen(by_path));
  else
    say("congestion control: %s (%s)", stats.congestion, stats.congestion_why);
}

static void on_moved(void *context, struct session *session, uint64_t now_ns) {
  struct sending *sending = context;
  struct report report;
  if (sending->options.verbose && session->established_ns) say_congestion(sending, session);
  if (!session->state || sending->is_over) return;
  while (session->role->next_report(session->state, &report))
    report_take(&session->tally, &report, &sending->options, "");
  session->role->get_progress(session->state, &sending->progress);
  if (sending->progress.outcome == OUTCOME_RUNNING) return;
  sending->is_over = true;
  bool is_complete = sending->progress.outcome == OUTCOME_COMPLETE;
  sending->leave_ns = now_ns + (is_complete ? LINGER_COMPLETE_NS : LINGER_NS);
}

static void on_ended(void *context, struct session *session, uint64_t now_ns) {
  struct sending *sending = context;
  (void)now_ns;
  if (!sending->is_over) report_closed(&session->closed, &sending->progress);
  sending->is_over = true;
  pump_stop(sending->pump);
}

static void on_woken(void *context, uint64_t now_ns, uint64_t absent_ns) {
  struct sending *sending = context;
  sending->slow = (struct slow){.since_ns = 0};
  struct session *session = sending->session;
  if (session->state) session->role->on_absence(session->state, now_ns, absent_ns);
  sending->absent_ns = absent_ns;
  sending->woken_ns = now_ns;
}

/* The receiver gave us up while this machine slept: not a silence that the user has to be told of, but one to
 * mend. Later silences have other causes. */
static bool was_slept_through(const struct sending *sending, uint64_t now_ns) {
  uint64_t span_ns = 2 * sending->options.timeout_s * NS_PER_S;
  return sending->session->established_ns && sending->absent_ns > 0 && !sending->is_interrupted &&
         sending->progress.outcome == OUTCOME_TIMEOUT && !sending->is_stuck &&
         now_ns - sending->woken_ns <= span_ns;
}

static void on_signalled(void *context, uint64_t now_ns) {
  struct sending *sending = context;
  if (sending->is_interrupted) {
    say_status(NULL);
    _exit(EXIT_INTERRUPTED);
  }
  sending->is_interrupted = true;
  sending->leave_ns = now_ns + LINGER_NS;
  conn_close(sending->session->conn, now_ns, CLOSE_INTERRUPTED, "interrupted by the sender's user");
  pump_touch(sending->pump, sending->session);
  if (!sending->session->established_ns) pump_stop(sending->pump);
}

static void draw(struct sending *sending, uint64_t now_ns) {
  struct session *session = sending->session;
  struct progress progress;
  struct conn_stats stats;
  char line[PROGRESS_TEXT_BYTES];
  session->role->get_progress(session->state, &progress);
  conn_get_stats(session->conn, &stats);
  struct progress_view view = {
      .bytes_seen = progress.bytes_seen,
      .bytes_past = progress.bytes_moved + progress.bytes_held + session->tally.had_bytes,
      .bytes_moved = progress.bytes_moved,
      .objects_seen = progress.objects_seen,
      .objects_past = progress.objects_done + progress.objects_had + progress.objects_failed,
      .bytes_sent = stats.block_bytes_sent,
      .bytes_resent = stats.block_bytes_resent,
      .is_total = progress.walk_done};
  progress_measure(&sending->meter, now_ns, view.bytes_moved);
  progress_line(&sending->meter, &view, say_columns(), line);
  say_status(line);
}

/* Nobody listens there, and nobody has come to do so. */
static bool is_refused(struct sending *sending, uint64_t now_ns) {
  struct conn_stats stats;
  sending->has_refusals = refusal_take(udp_fd(pump_udp(sending->pump))) || sending->has_refusals;
  conn_get_stats(sending->session->conn, &stats);
  if (!sending->has_refusals || stats.packets_received > 0) return false;
  return now_ns >= sending->started_ns + (sending->is_last_address ? REFUSED_NS : REFUSED_BEFORE_NEXT_NS);
}

/* A receiver that answers every probe and never gets on is not silent, so the transport would wait for ever.
 * An honest one that is busy with its disk says so once a second (proto/transfer.md section 2). */
static void end_if_stuck(struct sending *sending, uint64_t now_ns) {
  struct session *session = sending->session;
  uint64_t timeout_s = sending->options.timeout_s;
  uint64_t window_s = timeout_s > STUCK_S_MIN ? timeout_s : STUCK_S_MIN;
  struct conn_stats stats;
  char reason[REASON_BYTES_MAX];
  conn_get_stats(session->conn, &stats);
  uint64_t bytes =
      sending->progress.bytes_moved + sending->progress.bytes_held + stats.control_bytes_received;
  bool is_held = session->role->jobs_out(session->state) > 0;
  uint64_t begun_ns = sending->slow.since_ns;
  if (stats.packets_received != sending->heard_packets) sending->heard_ns = now_ns;
  sending->heard_packets = stats.packets_received;
  if (session->is_closed || !slow_on_look(&sending->slow, now_ns, bytes, is_held, 1, window_s)) return;
  /* One that is silent is the idle timeout's. What is heard first after a sleep was sent during it. */
  if (sending->heard_ns < begun_ns + window_s * NS_PER_S / 2) return;
  snprintf(reason, sizeof reason, "no progress for %llu s", (unsigned long long)window_s);
  conn_close(session->conn, now_ns, CLOSE_TIMEOUT, reason);
  pump_touch(sending->pump, session);
  sending->is_stuck = true;
  say("the receiver answers, but nothing has moved for %llu s; send again to go on",
      (unsigned long long)window_s);
}

static uint64_t on_tick(void *context, uint64_t now_ns) {
  struct sending *sending = context;
  struct session *session = sending->session;
  bool is_leaving = sending->is_over || sending->is_interrupted;
  if (is_leaving) {
    if (now_ns >= sending->leave_ns) pump_stop(sending->pump);
    return sending->leave_ns;
  }
  if (!session->established_ns) {
    sending->was_refused = is_refused(sending, now_ns);
    if (sending->was_refused) pump_stop(sending->pump);
    return now_ns + NS_PER_S / 10;
  }
  if (!session->state) return TIME_NEVER;
  if (now_ns >= sending->look_ns) {
    end_if_stuck(sending, now_ns);
    udp_direct(pump_udp(sending->pump), &session->peer);
    sending->look_ns = now_ns + LOOK_NS;
  }
  if (!sending->draws) return sending->look_ns;
  if (now_ns >= sending->draw_ns) {
    draw(sending, now_ns);
    sending->draw_ns = now_ns + PROGRESS_INTERVAL_NS;
  }
  return sending->draw_ns < sending->look_ns ? sending->draw_ns : sending->look_ns;
}

/* ---- one attempt at one address ---- */
static struct conn *new_conn(const struct sending *sending, const struct address *to) {
  uint64_t connect_s =
      sending->options.timeout_s < CONNECT_S_MAX ? sending->options.timeout_s : CONNECT_S_MAX;
  struct conn_config config = {
      .role = ROLE_CLIENT,
      .crypto = crypto_tls_new(ROLE_CLIENT, &sending->trust.tls),
      .pool = sending->pool,
      .peer = *to,
      .datagram_bytes_max = options_datagram_bytes(&sending->options, address_is_ipv6(to)),
      .idle_timeout_ns = sending->options.timeout_s * NS_PER_S,
      .handshake_timeout_ns = connect_s * NS_PER_S,
      .rate_bytes_per_s_max = sending->options.rate_bytes_per_s_max,
      .protection = sending->options.protection,
      .machine = address_is_own(to) ? NULL : trust_machine(&sending->trust),
      .congestion = sending->options.congestion,
  };
  trace_attach(sending->trace, &config);
  random_fill(&config.local_cid, sizeof config.local_cid);
  random_fill(&config.peer_cid, sizeof config.peer_cid);
  random_fill(&config.seed, sizeof config.seed);
  return config.crypto.ops ? conn_new(&config, clock_now_ns()) : NULL;
}

/* The last words, once the session's end is known. */
static enum exit_status conclude(struct sending *sending) {
  const struct options *options = &sending->options;
  struct session *session = sending->session;
  char text[REPORT_TEXT_BYTES];
  struct conn_stats stats;
  if (trust_is_refused(&sending->trust)) {
    say_status(NULL);
    return trust_say_refused(&sending->trust);
  }
  if (sending->is_interrupted) sending->progress.outcome = OUTCOME_INTERRUPTED;
  conn_get_stats(session->conn, &stats);
  const char *end = report_outcome(&sending->progress, COMMAND_SEND, stats.idle_timeout_ns / NS_PER_S, text);
  say_status(NULL);
  if (end && !sending->is_stuck) say("%s", end);
  if (session->state && !options->quiet && report_has_summary(&session->tally, &sending->progress)) {
    struct held_up held;
    uint64_t duration_ns = clock_now_ns() - session->established_ns;
    report_summary(&session->tally, &sending->progress, &stats, options, duration_ns, text);
    say("%s", text);
    session->role->get_held_up(session->state, &held);
    report_limits(&session->tally, &held, &stats, options, duration_ns, "");
  }
  enum exit_status status = report_status(&sending->progress);
  bool is_complete = status == EXIT_DONE || status == EXIT_VANISHED;
  return is_complete && sending->some_path_is_missing ? EXIT_PARTIAL : status;
}

static struct source *new_source(const struct sending *sending) {
  return source_new((const char *const *)sending->paths, sending->path_count, sending->target.subfolder);
}

/* EXIT_UNREACHED, with nothing said: the next address may be tried. With is_again it is to be tried anew. */
static enum exit_status attempt(struct sending *sending, const struct address *to) {
  static const struct pump_hooks hooks = {.find = find,
                                          .route = on_route,
                                          .established = on_established,
                                          .moved = on_moved,
                                          .ended = on_ended,
                                          .tick = on_tick,
                                          .woken = on_woken,
                                          .signalled = on_signalled};
  struct pump_hooks ours = hooks;
  struct udp_config socket = {.family = address_is_ipv6(to) ? FAMILY_IPV6 : FAMILY_IPV4};
  enum exit_status status = EXIT_NETWORK;
  int error;
  ours.context = sending;
  ours.lanes = sending->trust.tls.lanes;
  sending->session = NULL;
  sending->is_over = sending->has_refusals = sending->was_refused = sending->is_again = false;
  sending->progress = (struct progress){.outcome = OUTCOME_RUNNING};
  sending->absent_ns = 0;
  sending->pump = pump_new(&ours, &socket, FILE_THREADS, &error);
  if (!sending->pump) {
    if (!sending->is_last_address) return EXIT_UNREACHED;
    say("cannot open a socket: %s", error_text(error));
    return EXIT_NETWORK;
  }
  struct conn *conn = new_conn(sending, to);
  if (conn) sending->session = pump_add(sending->pump, conn, &bind_sender, to);
  if (!sending->session) {
    say("%s", error_text(ERR_NO_MEMORY));
    goto out;
  }
  refusal_listen(udp_fd(pump_udp(sending->pump)));
  sending->started_ns = clock_now_ns();
  error = pump_run(sending->pump);
  bool has_met = sending->session->established_ns ||
                 (sending->is_over && sending->progress.outcome != OUTCOME_NO_ANSWER);
  if (error < 0) {
    say_status(NULL);
    say("the socket failed: %s", error_text(error));
  } else if (was_slept_through(sending, clock_now_ns())) {
    sending->is_again = true;
  } else if (has_met || sending->is_interrupted) {
    pump_farewell(sending->pump, sending->session);
    status = conclude(sending);
  } else {
    status = EXIT_UNREACHED;
  }
out:
  pump_free(sending->pump);
  conn_free(conn);
  return status;
}

/* The receiver keeps what it has, so a new connection goes on with it. For as long as silence is borne
 * anyway. */
static enum exit_status resume(struct sending *sending, const struct address *to) {
  uint64_t timeout_ns = sending->options.timeout_s * NS_PER_S, until_ns = clock_now_ns() + timeout_ns;
  enum exit_status status = EXIT_NETWORK;
  say_status(NULL);
  say("this machine slept for %llu s and the receiver has given the transfer up: sending again what it lacks",
      (unsigned long long)(sending->absent_ns / NS_PER_S));
  sending->is_last_address = true;
  do {
    source_free(sending->source);
    sending->source = new_source(sending);
    sending->meter = (struct progress_meter){0};
    sending->slow = (struct slow){.since_ns = 0};
    if (!sending->source) {
      say("%s", error_text(ERR_NO_MEMORY));
      return EXIT_NETWORK;
    }
    status = attempt(sending, to);
    if (status != EXIT_UNREACHED || sending->is_again) return status;
    poll(NULL, 0, AGAIN_NS / NS_PER_MS);
  } while (clock_now_ns() < until_ns);
  say("the receiver is silent: send again to go on");
  return EXIT_TIMEOUT;
}

static enum exit_status try_addresses(struct sending *sending) {
  bool was_refused = false;
  for (int i = 0; i < sending->address_count; i++) {
    sending->is_last_address = i + 1 == sending->address_count;
    enum exit_status status = attempt(sending, &sending->addresses[i]);
    while (sending->is_again)
      status = resume(sending, &sending->addresses[i]);
    if (status != EXIT_UNREACHED) return status;
    was_refused = was_refused || sending->was_refused;
  }
  if (was_refused) {
    say("nobody is listening on %s port %u (is `udpcp recv DIR` running there?)", sending->host_shown,
        sending->options.port);
    return EXIT_UNREACHED;
  }
  say("no answer from %s port %u (is `udpcp recv DIR` running there, and UDP port %u open in its firewall?)",
      sending->host_shown, sending->options.port, sending->options.port);
  say("a receiver is silent to whoever may not send: %s", trust_silence_hint(&sending->trust));
  return EXIT_UNREACHED;
}

static enum exit_status send_paths(struct sending *sending, char **paths, int count) {
  enum exit_status status = EXIT_FILES;
  sending->paths = paths;
  sending->path_count = (size_t)count;
  sending->source = new_source(sending);
  sending->pool = pool_new(POOL_BYTES);
  if (sending->source && sending->pool)
    status = try_addresses(sending);
  else
    say("%s", error_text(ERR_NO_MEMORY));
  source_free(sending->source);
  pool_free(sending->pool);
  return status;
}

int command_send(int argc, char **argv) {
  static struct sending sending; /* one a process */
  struct options *options = &sending.options;
  if (!options_begin(options, COMMAND_SEND, argc, argv)) return options->status;
  if (options->argument_count < 2) {
    say("send what, and where to? udpcp send PATH... HOST[:SUBDIR] (`udpcp send --help` tells more)");
    return EXIT_USAGE;
  }
  int path_count = options->argument_count - 1;
  char *typed = options->arguments[path_count], shown[256];
  text_escape((const uint8_t *)typed, strlen(typed), shown, sizeof shown);
  const char *complaint = target_parse(typed, &sending.target);
  if (complaint) {
    say("'%s' %s", shown, complaint);
    return EXIT_USAGE;
  }
  if (options->port == 0) {
    say("--port: '0' is no port to send to");
    return EXIT_USAGE;
  }
  path_count = check_paths(&sending, options->arguments, path_count);
  if (path_count == 0) return EXIT_FILES;
  sending.draws = !options->quiet && say_has_status();
  enum exit_status status = trust_begin_send(&sending.trust, options, sending.target.host);
  sending.trust.tls.lanes = options->lanes > 0 ? options->lanes : protect_lanes(FILE_THREADS);
  if (status == EXIT_DONE) status = resolve(&sending);
  int error = 0;
  if (status == EXIT_DONE) sending.trace = trace_open(options, &error);
  if (error) status = EXIT_FILES;
  if (status == EXIT_DONE) status = send_paths(&sending, options->arguments, path_count);
  trace_close(sending.trace);
  trust_end(&sending.trust);
  return status;
}
