/* `udpcp recv`: opens the folder and the port, then lets any number of receivers run on the pump, a session
 * each. A connection becomes a session when its handshake is done and the client has been heard from again;
 * what ends before was none, and is not spoken of. All share one pool of memory for blocks, so that together
 * they stay bounded. */
#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "command.h"
#include "crowd.h"
#include "options.h"
#include "progress.h"
#include "pump.h"
#include "say.h"
#include "text.h"
#include "trace.h"
#include "trust.h"
#include "udpcp/fs.h"

enum {
  POOL_BYTES = 64 << 20,   /* blocks in work, of all sessions */
  WINDOW_BYTES = 32 << 20, /* of one session, as far as the pool allows */
  FILE_THREADS = 2,
  HALF_OPEN_MAX = 16,       /* more must come with a token */
  TABLE_BYTES = 512 * 1024, /* allocations from this size on are tables, not buffers of the pool */
  CONNECT_S_MAX = 10,
};
#define TOKEN_LIFETIME_NS (15 * NS_PER_S)
#define LINGER_NS (1 * NS_PER_S) /* for the answer to a close */
#define LOOK_NS (1 * NS_PER_S)   /* between looks at who is too slow */

struct receiving {
  struct options options;
  struct trust trust;
  struct trace *trace; /* NULL: none */
  struct sink *sink;
  struct pool *pool;
  struct pump *pump;
  struct listener *listener;
  struct progress_meter meter;
  uint64_t draw_ns, look_ns, leave_ns; /* leave_ns 0: not leaving */
  uint64_t return_ns; /* until when the one session's sender may come back; 0: none is missed */
  bool draws, has_told_stranger, has_told_keyless;
  enum exit_status status;
};

/* "192.0.2.1:4117: ", in front of what is said about a session. */
static const char *who(const struct session *session) {
  static char text[ADDRESS_TEXT_BYTES + 2];
  address_text(&session->peer, text);
  size_t size = strlen(text);
  memcpy(text + size, ": ", 3);
  return text;
}

/* ---- the listener's hooks ---- */
static struct crypto new_crypto(void *context) {
  struct receiving *receiving = context;
  return crypto_tls_new(ROLE_SERVER, &receiving->trust.tls);
}

static bool admits(void *context, const struct address *from) {
  struct receiving *receiving = context;
  if (trust_admits(&receiving->trust, from)) return true;
  if (receiving->options.verbose && !receiving->has_told_stranger) {
    char text[ADDRESS_TEXT_BYTES];
    address_text(from, text);
    say("ignored %s: not an address that may send (said once)", text);
    receiving->has_told_stranger = true;
  }
  return false;
}

static bool is_proven(void *context, const uint8_t *bytes, size_t size, const uint8_t proof[PROOF_BYTES]) {
  struct receiving *receiving = context;
  if (crypto_tls_is_proven(&receiving->trust.tls, bytes, size, proof)) return true;
  if (receiving->options.verbose && !receiving->has_told_keyless) {
    say("ignored a sender that lacks the key (said once)");
    receiving->has_told_keyless = true;
  }
  return false;
}

/* ---- the pump's hooks ---- */
static struct session *on_route(void *context, uint64_t now_ns, const struct address *from, uint8_t *bytes,
                                size_t size) {
  struct receiving *receiving = context;
  uint8_t reply[DATAGRAM_BYTES_MIN];
  size_t reply_size = 0;
  bool is_new = false;
  if (receiving->leave_ns != 0 && pump_count(receiving->pump) == 0) return NULL;
  struct conn *conn =
      listener_on_datagram(receiving->listener, now_ns, from, bytes, size, &is_new, reply, &reply_size);
  if (reply_size > 0) pump_reply(receiving->pump, from, reply, reply_size);
  if (!conn) return NULL;
  if (!is_new) return pump_find(receiving->pump, conn);
  struct session *session = pump_add(receiving->pump, conn, &bind_receiver, from);
  if (!session) listener_remove(receiving->listener, conn);
  return session;
}

static bool has_session(const struct receiving *receiving) {
  for (size_t i = 0; i < pump_count(receiving->pump); i++)
    if (pump_session(receiving->pump, i)->state) return true;
  return false;
}

/* Who has come, and how it is protected. */
static void greet(const struct receiving *receiving, const struct session *session) {
  char fingerprint[FINGERPRINT_TEXT_BYTES];
  struct public_key key;
  struct conn_stats stats;
  conn_get_stats(session->conn, &stats);
  trust_say_protection(&receiving->options, stats.protection, who(session));
  if (!receiving->options.verbose || !crypto_tls_peer(conn_crypto(session->conn), &key)) return;
  public_key_fingerprint(&key, fingerprint);
  say("%sthe sender's key is %s", who(session), fingerprint);
}

static void on_established(void *context, struct session *session, uint64_t now_ns) {
  struct receiving *receiving = context;
  if (receiving->leave_ns != 0) {
    conn_close(session->conn, now_ns, CLOSE_INTERRUPTED, "the receiver is leaving");
    return;
  }
  if (receiving->options.once && has_session(receiving)) {
    conn_close(session->conn, now_ns, CLOSE_BUSY,
               "a transfer is running and the receiver takes only one (--once)");
    return;
  }
  struct receiver_config config = {.ops = &bind_sink_ops,
                                   .sink = receiving->sink,
                                   .dry_run = receiving->options.dry_run,
                                   .bytes_max = receiving->options.bytes_max,
                                   .files_max = receiving->options.files_max};
  greet(receiving, session);
  session->state = receiver_new(&config, session->conn);
  if (!session->state) conn_close(session->conn, now_ns, CLOSE_LOCAL, error_text(ERR_NO_MEMORY));
}

static void on_moved(void *context, struct session *session, uint64_t now_ns) {
  struct receiving *receiving = context;
  struct report report;
  (void)now_ns;
  if (!session->state) return;
  while (session->role->next_report(session->state, &report))
    report_take(&session->tally, &report, &receiving->options, who(session));
}

/* With --once a stranger who only shakes hands must not use up the one session. What came to nothing, and not
 * by a wish or a failure of either end, was none: the receiver goes on waiting. */
static bool counts(const struct progress *progress) {
  bool is_broken = progress->outcome == OUTCOME_PROTOCOL || progress->outcome == OUTCOME_TIMEOUT ||
                   progress->outcome == OUTCOME_REFUSED;
  return !is_broken || progress->objects_done + progress->objects_had + progress->bytes_moved > 0;
}

/* The end of a session with --once. A sender that fell silent may be asleep, and comes back by itself. */
static void end_once(struct receiving *receiving, const struct session *session,
                     const struct progress *progress, uint64_t now_ns) {
  const struct options *options = &receiving->options;
  bool is_silent = progress->outcome == OUTCOME_TIMEOUT && !progress->by_peer && !session->is_too_slow;
  if (!counts(progress)) {
    say("%snothing was received, so this was not the one session: still waiting", who(session));
    return;
  }
  receiving->status = report_status(progress);
  if (!is_silent) {
    pump_stop(receiving->pump);
    return;
  }
  receiving->return_ns = now_ns + options->timeout_s * NS_PER_S;
  say("%swhat it sent is kept: still waiting, %llu s, for it to come back", who(session),
      (unsigned long long)options->timeout_s);
}

/* The last line about a session, and its status where that counts. */
static void conclude(struct receiving *receiving, struct session *session, uint64_t now_ns) {
  const struct options *options = &receiving->options;
  struct progress progress;
  struct conn_stats stats;
  char text[REPORT_TEXT_BYTES];
  session->role->get_progress(session->state, &progress);
  if (receiving->leave_ns != 0 && progress.outcome == OUTCOME_RUNNING) progress.outcome = OUTCOME_INTERRUPTED;
  conn_get_stats(session->conn, &stats);
  const char *end = report_outcome(&progress, COMMAND_RECV, stats.idle_timeout_ns / NS_PER_S, text);
  if (end && !session->is_too_slow) say("%s%s", who(session), end);
  report_summary(&session->tally, &progress, &stats, options, now_ns - session->established_ns, text);
  if (!options->quiet && report_has_summary(&session->tally, &progress)) {
    struct held_up held;
    say("%s%s", who(session), text);
    session->role->get_held_up(session->state, &held);
    report_limits(&session->tally, &held, &stats, options, now_ns - session->established_ns, who(session));
  }
  if (!options->once || receiving->leave_ns != 0) return;
  end_once(receiving, session, &progress, now_ns);
}

static void on_ended(void *context, struct session *session, uint64_t now_ns) {
  struct receiving *receiving = context;
  struct conn *conn = session->conn;
  on_moved(receiving, session, now_ns);
  if (session->state) conclude(receiving, session, now_ns);
  pump_remove(receiving->pump, session);
  listener_remove(receiving->listener, conn);
  if (receiving->leave_ns != 0 && pump_count(receiving->pump) == 0) pump_stop(receiving->pump);
  if (!has_session(receiving)) say_status(NULL);
}

static void on_signalled(void *context, uint64_t now_ns) {
  struct receiving *receiving = context;
  if (receiving->leave_ns != 0) {
    say_status(NULL);
    _exit(EXIT_INTERRUPTED);
  }
  receiving->status = EXIT_INTERRUPTED;
  receiving->leave_ns = now_ns + LINGER_NS;
  for (size_t i = 0; i < pump_count(receiving->pump); i++) {
    struct session *session = pump_session(receiving->pump, i);
    conn_close(session->conn, now_ns, CLOSE_INTERRUPTED, "interrupted by the receiver's user");
    pump_touch(receiving->pump, session);
  }
  if (pump_count(receiving->pump) == 0) pump_stop(receiving->pump);
}

static void draw(struct receiving *receiving, uint64_t now_ns) {
  struct progress_view view = {.is_total = true};
  char line[PROGRESS_TEXT_BYTES];
  for (size_t i = 0; i < pump_count(receiving->pump); i++) {
    const struct session *session = pump_session(receiving->pump, i);
    struct progress progress;
    if (!session->state) continue;
    session->role->get_progress(session->state, &progress);
    view.bytes_seen += progress.bytes_seen;
    view.bytes_past += progress.bytes_moved + progress.bytes_held + session->tally.had_bytes;
    view.bytes_moved += progress.bytes_moved;
    view.objects_seen += progress.objects_seen;
    view.objects_past += progress.objects_done + progress.objects_had + progress.objects_failed;
    view.is_total = view.is_total && progress.walk_done;
  }
  progress_measure(&receiving->meter, now_ns, view.bytes_moved);
  progress_line(&receiving->meter, &view, say_columns(), line);
  say_status(line);
}

/* Ends sessions that hold a place and bring next to nothing. */
static void end_slow_ones(struct receiving *receiving, uint64_t now_ns) {
  uint64_t least = receiving->options.min_rate_bytes_per_s;
  uint64_t window_s = slow_window_s(receiving->options.timeout_s);
  for (size_t i = 0; i < pump_count(receiving->pump); i++) {
    struct session *session = pump_session(receiving->pump, i);
    struct progress progress;
    struct conn_stats stats;
    char reason[REASON_BYTES_MAX];
    if (!session->state || session->is_closed || session->is_too_slow) continue;
    conn_get_stats(session->conn, &stats);
    session->role->get_progress(session->state, &progress);
    /* Bytes that need not come count too: to compare them takes both ends as long. */
    uint64_t bytes = stats.block_bytes_received + stats.control_bytes_received + progress.bytes_held;
    bool is_held = session->role->jobs_out(session->state) > 0;
    session->is_too_slow = slow_on_look(&session->slow, now_ns, bytes, is_held, least, window_s);
    if (!session->is_too_slow) continue;
    snprintf(reason, sizeof reason, "too slow: less than %llu bytes a second over %llu s",
             (unsigned long long)least, (unsigned long long)window_s);
    say("%sended, as it was %s (--min-rate)", who(session), reason);
    conn_close(session->conn, now_ns, CLOSE_TIMEOUT, reason);
    pump_touch(receiving->pump, session);
  }
}

static void on_woken(void *context, uint64_t now_ns, uint64_t absent_ns) {
  struct receiving *receiving = context;
  if (receiving->return_ns != 0) receiving->return_ns += absent_ns;
  for (size_t i = 0; i < pump_count(receiving->pump); i++) {
    struct session *session = pump_session(receiving->pump, i);
    if (session->state) session->role->on_absence(session->state, now_ns, absent_ns);
  }
}

static uint64_t on_tick(void *context, uint64_t now_ns) {
  struct receiving *receiving = context;
  uint64_t again_ns = crowd_take_turns(receiving->pump, receiving->listener, now_ns);
  if (receiving->leave_ns != 0) {
    if (now_ns >= receiving->leave_ns) pump_stop(receiving->pump);
    return receiving->leave_ns;
  }
  if (!has_session(receiving)) {
    if (receiving->return_ns == 0) return TIME_NEVER;
    if (now_ns >= receiving->return_ns) pump_stop(receiving->pump);
    return receiving->return_ns;
  }
  if (now_ns >= receiving->look_ns) {
    end_slow_ones(receiving, now_ns);
    receiving->look_ns = now_ns + LOOK_NS;
  }
  if (receiving->draws && now_ns >= receiving->draw_ns) {
    draw(receiving, now_ns);
    receiving->draw_ns = now_ns + PROGRESS_INTERVAL_NS;
  }
  if (again_ns > receiving->look_ns) again_ns = receiving->look_ns;
  return receiving->draws && receiving->draw_ns < again_ns ? receiving->draw_ns : again_ns;
}

/* ---- beginning and end ---- */
/* A connection's tables are large and for the most part never touched, and whoever sends first packets makes
 * us allocate and free them. Mapped each for itself they cost only the pages that are used, and go back when
 * freed; without this, the C library would after the first ones keep them in its heap and clear them to the
 * last byte. */
static void tame_memory(void) {
#ifdef M_MMAP_THRESHOLD
  mallopt(M_MMAP_THRESHOLD, TABLE_BYTES);
#endif
}

static struct listener *new_listener(struct receiving *receiving) {
  const struct options *options = &receiving->options;
  uint64_t connect_s = options->timeout_s < CONNECT_S_MAX ? options->timeout_s : CONNECT_S_MAX;
  struct listener_config config = {
      .conns_max = SESSIONS_MAX,
      .half_open_max = HALF_OPEN_MAX,
      .token_lifetime_ns = TOKEN_LIFETIME_NS,
      .random = random_fill,
      .new_crypto = new_crypto,
      .host_of = address_host,
      .admits = admits,
      .is_proven = trust_wants_proof(&receiving->trust) ? is_proven : NULL,
      .context = receiving,
      .conn = {.pool = receiving->pool,
               .window_bytes = WINDOW_BYTES,
               .datagram_bytes_max = options_datagram_bytes(options, options->family == FAMILY_IPV6),
               .idle_timeout_ns = options->timeout_s * NS_PER_S,
               .handshake_timeout_ns = connect_s * NS_PER_S,
               .protection = options->protection,
               .machine = trust_machine(&receiving->trust),
               .congestion = options->congestion},
  };
  trace_attach(receiving->trace, &config.conn);
  return listener_new(&config, clock_now_ns());
}

/* Says why the folder cannot be received into. */
static struct sink *open_folder(const struct options *options, const char *shown) {
  struct sink_config config = {
      .folder = options->arguments[0], .overwrite = options->overwrite, .no_fsync = options->no_fsync};
  int error = 0;
  struct sink *sink = sink_new(&config, &error);
  if (sink) return sink;
  struct stat status;
  struct statvfs system;
  if (error == ERR_NOT_FOUND && stat(config.folder, &status) == 0)
    say("%s: is a file, not a folder", shown);
  else if (error == ERR_NOT_FOUND)
    say("%s: there is no such folder (make it: mkdir -p %s)", shown, shown);
  else if (error == ERR_DENIED && statvfs(config.folder, &system) == 0 && system.f_flag & ST_RDONLY)
    say("%s: the file system is read-only", shown);
  else if (error == ERR_DENIED)
    say("%s: no permission to write there", shown);
  else
    say("%s: %s", shown, error_text(error));
  return NULL;
}

static enum exit_status choose_address(struct options *options, struct udp_config *socket) {
  const char *why = "";
  *socket = (struct udp_config){.family = options->family, .port = options->port};
  if (!options->listen) return EXIT_DONE;
  char shown[256];
  text_escape((const uint8_t *)options->listen, strlen(options->listen), shown, sizeof shown);
  if (address_resolve(options->listen, options->port, options->family, &socket->bind_to, 1, &why) < 1) {
    say("--listen: cannot find '%s': %s", shown, why);
    return EXIT_NETWORK;
  }
  options->family = socket->family = address_is_ipv6(&socket->bind_to) ? FAMILY_IPV6 : FAMILY_IPV4;
  return EXIT_DONE;
}

static void say_what_begins(const struct receiving *receiving, const char *shown) {
  const struct options *options = &receiving->options;
  char senders[TRUST_TEXT_BYTES];
  struct udp_stats stats;
  udp_get_stats(pump_udp(receiving->pump), &stats);
  say("receiving into %s on UDP port %u%s%s; may send: %s", shown, udp_port(pump_udp(receiving->pump)),
      options->listen ? " of " : "", options->listen ? options->listen : "",
      trust_senders_text(&receiving->trust, senders));
  trust_say_own_key(&receiving->trust);
  if (options->verbose && stats.receive_buffer < UDP_BUFFER_BYTES)
    say("the kernel grants a receive buffer of %d KiB; `sysctl net.core.rmem_max=%d` would allow more",
        stats.receive_buffer / 1024, UDP_BUFFER_BYTES);
}

/* Whether to go on after a step of the sandbox. A kernel that lacks it is no reason not to; any other failure
 * is. */
static bool is_confined(const struct options *options, int error, const char *what) {
  if (error == ERR_UNSUPPORTED && !options->quiet) say("this kernel cannot confine the receiver to %s", what);
  if (error == 0 || error == ERR_UNSUPPORTED) return true;
  say("the receiver cannot be confined to %s: %s (--no-sandbox does without)", what, error_text(error));
  return false;
}

static enum exit_status receive_all(struct receiving *receiving, const struct udp_config *socket,
                                    const char *shown) {
  struct pump_hooks hooks = {.context = receiving,
                             .route = on_route,
                             .established = on_established,
                             .moved = on_moved,
                             .ended = on_ended,
                             .tick = on_tick,
                             .woken = on_woken,
                             .signalled = on_signalled};
  const struct options *options = &receiving->options;
  int error = 0;
  /* Before the pump makes its threads: they inherit it. */
  if (!options->no_sandbox &&
      !is_confined(options, sandbox_limit_files(options->arguments[0]), "its folder (Landlock)"))
    return EXIT_FILES;
  receiving->pump = pump_new(&hooks, socket, FILE_THREADS, &error);
  if (!receiving->pump) {
    if (error == ERR_ADDRESS && !options->listen)
      say("UDP port %u is in use here (another --port N?)", options->port);
    else if (error == ERR_ADDRESS)
      say("UDP port %u is in use here, or %s is no address of this machine (another --port N?)",
          options->port, options->listen);
    else
      say("cannot open a socket on UDP port %u: %s", options->port, error_text(error));
    return EXIT_NETWORK;
  }
  if (!options->no_sandbox &&
      !is_confined(options, sandbox_limit_calls(), "the system calls it needs (seccomp)"))
    return EXIT_FILES;
  if (!options->quiet) say_what_begins(receiving, shown);
  error = pump_run(receiving->pump);
  say_status(NULL);
  for (size_t i = 0; i < pump_count(receiving->pump); i++) { /* whose peer did not answer the close in time */
    struct session *session = pump_session(receiving->pump, i);
    if (session->state && !session->has_ended) conclude(receiving, session, clock_now_ns());
  }
  if (error < 0) {
    say("the socket failed: %s", error_text(error));
    receiving->status = EXIT_NETWORK;
  }
  return receiving->status;
}

static enum exit_status run(struct receiving *receiving, const struct udp_config *socket, const char *shown) {
  enum exit_status status = EXIT_FILES;
  tame_memory();
  receiving->draws = !receiving->options.quiet && say_has_status();
  receiving->pool = pool_new(POOL_BYTES);
  receiving->listener = receiving->pool ? new_listener(receiving) : NULL;
  if (receiving->listener)
    status = receive_all(receiving, socket, shown);
  else
    say("%s", error_text(ERR_NO_MEMORY));
  pump_free(receiving->pump); /* with it the receivers, while their connections are still there */
  listener_free(receiving->listener);
  pool_free(receiving->pool);
  return status;
}

int command_recv(int argc, char **argv) {
  static struct receiving receiving; /* one a process */
  struct options *options = &receiving.options;
  struct udp_config socket;
  char shown[TEXT_NAME_BYTES];
  if (!options_begin(options, COMMAND_RECV, argc, argv)) return options->status;
  if (options->argument_count != 1) {
    say(options->argument_count == 0
            ? "receive into which folder? udpcp recv DIR (`udpcp recv --help` tells more)"
            : "one folder only: udpcp recv DIR (`udpcp recv --help` tells more)");
    return EXIT_USAGE;
  }
  enum exit_status status = choose_address(options, &socket);
  if (status != EXIT_DONE) return status;
  text_escape((const uint8_t *)options->arguments[0], strlen(options->arguments[0]), shown, sizeof shown);
  receiving.sink = open_folder(options, shown);
  if (!receiving.sink) return EXIT_FILES;
  status = trust_begin_recv(&receiving.trust, options);
  int error = 0;
  if (status == EXIT_DONE) receiving.trace = trace_open(options, &error); /* before the sandbox */
  if (error) status = EXIT_FILES;
  if (status == EXIT_DONE) status = run(&receiving, &socket, shown);
  trace_close(receiving.trace);
  trust_end(&receiving.trust);
  sink_free(receiving.sink);
  return status;
}
