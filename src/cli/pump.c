/* One thread moves everything: it never waits for a disk (file work goes to worker threads) and never for a
 * peer. A turn of the loop: sleep until a datagram, a finished piece of file work, a signal or a deadline;
 * feed each to its session, which is thereby touched; then serve the touched sessions only, in the order they
 * were touched - events, finished steps, new file work, datagrams out - each with a bound, so that nobody
 * starves; what hit its bound is touched for the next turn. Datagrams leave in trains, a system call a turn.
 */
#include "pump.h"

#include <assert.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "nap.h"
#include "outbox.h"
#include "protect.h"

enum {
  TASKS_MAX = 128,          /* pieces of file work out at once */
  TASKS_A_TURN = 16,        /* of one session */
  TRAINS_A_RECEIVE = 8,     /* half a megabyte: stays in the L2 cache, and single datagrams in the first */
  RECEIVES_A_TURN = 4,      /* before anything is answered */
  BYTES_A_TURN = 4 * 65536, /* sent by one session before the next has its turn */
};
#define SLEEP_NS_MIN (5 * NS_PER_US)   /* the call alone takes less */
#define ABSENCE_NS NS_PER_S            /* a turn so much later than it was to be: stopped, not only slow */
#define RAN_NS (100 * NS_PER_MS)       /* what the thread has used is looked at this often */
#define FULL_KERNEL_NS (5 * NS_PER_MS) /* deadlines are looked at this often while nothing can be sent */

/* A job on its way through the worker, and whose it is. */
struct task {
  struct work work; /* first: it is what the worker gives back */
  struct job *job;
  struct session *session;
  struct task *next_free;
};

struct pump {
  struct pump_hooks hooks;
  struct udp *udp;
  struct wait *wait;
  struct worker *worker;
  struct protect *protect; /* NULL: packets are sealed and opened by this thread alone */
  struct task tasks[TASKS_MAX];
  struct task *free_tasks;
  struct session *sessions[SESSIONS_MAX];
  size_t session_count;
  struct session *last_found;
  struct session *first_touched, **touched_end;
  uint64_t now_ns, tick_ns, slept_ns; /* slept_ns: when it last woke up from a sleep worth the name */
  uint64_t asleep_ns;                 /* of all sleeps */
  uint64_t ran_at_ns, ran_ns;         /* when it was looked at last what this thread has used, and that */
  bool kernel_is_full, is_stopped;
  bool is_drained; /* the last look at the socket left nothing there */
  struct nap nap;
  struct outbox outbox;
};

struct pump *pump_new(const struct pump_hooks *hooks, const struct udp_config *socket, unsigned threads,
                      int *error) {
  struct pump *pump = calloc(1, sizeof *pump);
  *error = ERR_NO_MEMORY;
  if (!pump) return NULL;
  pump->hooks = *hooks;
  pump->touched_end = &pump->first_touched;
  for (int i = 0; i < TASKS_MAX; i++) {
    pump->tasks[i].next_free = pump->free_tasks;
    pump->free_tasks = &pump->tasks[i];
  }
  pump->udp = udp_open(socket, error);
  if (!pump->udp) goto out;
  *error = ERR_NO_MEMORY;
  pump->wait = wait_new();
  if (!pump->wait) goto out;
  /* Before the threads are made: they are to inherit the mask, so that signals come here. */
  if ((*error = wait_watch_signals(pump->wait)) < 0) goto out;
  pump->worker = worker_new(threads, TASKS_MAX);
  if (!pump->worker) {
    *error = ERR_NO_MEMORY;
    goto out;
  }
  pump->protect = protect_new(hooks->lanes);
  if ((*error = wait_watch(pump->wait, udp_fd(pump->udp), WAIT_READ)) < 0) goto out;
  if ((*error = wait_watch(pump->wait, worker_fd(pump->worker), WAIT_READ)) < 0) goto out;
  *error = ERR_NONE;
  return pump;
out:
  pump_free(pump);
  return NULL;
}

struct udp *pump_udp(const struct pump *pump) {
  return pump->udp;
}
uint64_t pump_asleep_ns(const struct pump *pump) { return pump->asleep_ns; }
size_t pump_count(const struct pump *pump) { return pump->session_count; }
void pump_stop(struct pump *pump) { pump->is_stopped = true; }

struct session *pump_session(const struct pump *pump, size_t index) {
  assert(index < pump->session_count);
  return pump->sessions[index];
}

/* ---- sessions ---- */
struct session *pump_add(struct pump *pump, struct conn *conn, const struct role *role,
                         const struct address *peer) {
  if (pump->session_count == SESSIONS_MAX) return NULL;
  struct session *session = calloc(1, sizeof *session);
  if (!session) return NULL;
  session->conn = conn;
  session->role = role;
  session->peer = *peer;
  session->deadline_ns = TIME_NEVER;
  pump->sessions[pump->session_count++] = session;
  pump_touch(pump, session);
  return session;
}

void pump_touch(struct pump *pump, struct session *session) {
  if (session->is_touched) return;
  session->is_touched = true;
  session->next_touched = NULL;
  *pump->touched_end = session;
  pump->touched_end = &session->next_touched;
}

static struct session *take_touched(struct pump *pump) {
  struct session *session = pump->first_touched;
  pump->first_touched = session->next_touched;
  if (!pump->first_touched) pump->touched_end = &pump->first_touched;
  session->is_touched = false;
  return session;
}

static void untouch(struct pump *pump, struct session *session) {
  for (struct session **at = &pump->first_touched; *at; at = &(*at)->next_touched) {
    if (*at != session) continue;
    *at = session->next_touched;
    if (!*at) pump->touched_end = at;
    session->is_touched = false;
    return;
  }
}

void pump_remove(struct pump *pump, struct session *session) {
  assert(!session->state || session->role->jobs_out(session->state) == 0);
  if (session->state) session->role->free(session->state);
  outbox_forget(&pump->outbox, session->conn);
  untouch(pump, session);
  if (pump->last_found == session) pump->last_found = NULL;
  for (size_t i = 0; i < pump->session_count; i++)
    if (pump->sessions[i] == session) pump->sessions[i--] = pump->sessions[--pump->session_count];
  free(session);
}

struct session *pump_find(struct pump *pump, const struct conn *conn) {
  if (pump->last_found && pump->last_found->conn == conn) return pump->last_found;
  for (size_t i = 0; i < pump->session_count; i++)
    if (pump->sessions[i]->conn == conn) return pump->last_found = pump->sessions[i];
  return NULL;
}

/* ---- file work ---- */
static void task_run(struct work *work) { job_run(((struct task *)work)->job); }

static void submit_jobs(struct pump *pump, struct session *session) {
  session->lacks_tasks = false;
  for (int i = 0; i < TASKS_A_TURN; i++) {
    struct task *task = pump->free_tasks;
    if (!task || worker_room(pump->worker) == 0) {
      session->lacks_tasks = true;
      return;
    }
    struct job *job = session->role->next_job(session->state);
    if (!job) return;
    pump->free_tasks = task->next_free;
    *task = (struct task){.work = {.run = task_run, .alone = job->alone}, .job = job, .session = session};
    worker_submit(pump->worker, &task->work);
  }
  pump_touch(pump, session); /* there may be more */
}

static void take_finished(struct pump *pump) {
  bool has_freed = false;
  for (struct work *work; (work = worker_take_done(pump->worker)); has_freed = true) {
    struct task *task = (struct task *)work;
    struct session *session = task->session;
    session->has_computed = work->has_computed;
    session->role->on_job(session->state, pump->now_ns, task->job);
    pump_touch(pump, session);
    task->next_free = pump->free_tasks;
    pump->free_tasks = task;
  }
  for (size_t i = 0; has_freed && i < pump->session_count; i++)
    if (pump->sessions[i]->lacks_tasks) pump_touch(pump, pump->sessions[i]);
}

/* ---- in ---- */
/* How many datagrams they were. */
static size_t route(struct pump *pump, const struct train *trains, int count) {
  size_t datagrams = 0;
  if (pump->protect) protect_open(pump->protect, trains, count, pump->hooks.find, pump->hooks.context);
  for (int t = 0; t < count; t++) {
    const struct train *train = &trains[t];
    datagrams += (train->size + train->segment - 1) / train->segment;
    for (size_t at = 0; at < train->size; at += train->segment) {
      size_t left = train->size - at;
      if (pump->protect) protect_take_next(pump->protect);
      struct session *session =
          pump->hooks.route(pump->hooks.context, pump->now_ns, &train->peer, train->bytes + at,
                            left < train->segment ? left : train->segment);
      if (session) pump_touch(pump, session);
    }
  }
  if (pump->protect) protect_taken(pump->protect);
  return datagrams;
}

static size_t bytes_in(const struct train *trains, int count) {
  size_t bytes = 0;
  for (int i = 0; i < count; i++)
    bytes += trains[i].size;
  return bytes;
}

static int receive(struct pump *pump) {
  struct train trains[TRAINS_A_RECEIVE];
  pump->is_drained = false;
  for (int i = 0; i < RECEIVES_A_TURN; i++) {
    int count = udp_receive(pump->udp, trains, TRAINS_A_RECEIVE);
    if (count < 0) return count;
    size_t datagrams = route(pump, trains, count);
    nap_on_received(&pump->nap, bytes_in(trains, count), datagrams, (size_t)count);
    pump->is_drained = count < TRAINS_A_RECEIVE;
    if (pump->is_drained) return 0;
  }
  return 0;
}

/* A scan of at most SESSIONS_MAX numbers is cheaper than keeping them in order. */
static void wake_overdue(struct pump *pump) {
  for (size_t i = 0; i < pump->session_count; i++) {
    struct session *session = pump->sessions[i];
    if (session->deadline_ns > pump->now_ns) continue;
    if (!session->is_closed) conn_on_timeout(session->conn, pump->now_ns);
    pump_touch(pump, session);
  }
}

/* ---- out ---- */
static void on_refused(void *owner, size_t size) { conn_on_send_failed(owner, clock_now_ns(), size); }

static bool flush(struct pump *pump) {
  bool was_full = pump->kernel_is_full;
  if (pump->protect) protect_seal(pump->protect);
  pump->kernel_is_full = !outbox_send(&pump->outbox, pump->udp, on_refused);
  if (pump->kernel_is_full != was_full)
    wait_watch(pump->wait, udp_fd(pump->udp), pump->kernel_is_full ? WAIT_READ | WAIT_WRITE : WAIT_READ);
  return !pump->kernel_is_full;
}

/* Takes datagrams off the connection; adds up their bytes. True: it has no more for now. */
static bool take_datagrams(struct pump *pump, struct session *session, size_t *gathered) {
  while (*gathered < BYTES_A_TURN) {
    uint8_t *room = outbox_room(&pump->outbox);
    if (!room && (!flush(pump) || !(room = outbox_room(&pump->outbox)))) return false;
    struct address to;
    size_t size = conn_next_datagram(session->conn, pump->now_ns, room, DATAGRAM_BYTES_MAX, &to);
    if (size == 0) return true;
    outbox_add(&pump->outbox, session->conn, &to, size);
    *gathered += size;
  }
  return false;
}

/* The same; where there are several lanes they may seal what was taken. */
static bool gather(struct pump *pump, struct session *session) {
  size_t gathered = 0;
  if (!pump->protect) return take_datagrams(pump, session, &gathered);
  conn_seal_later(session->conn, protect_begin(pump->protect));
  bool is_all = take_datagrams(pump, session, &gathered);
  protect_end(pump->protect, gathered);
  conn_seal_later(session->conn, NULL);
  return is_all;
}

void pump_reply(struct pump *pump, const struct address *to, const uint8_t *bytes, size_t size) {
  uint8_t *room = outbox_room(&pump->outbox);
  if (!room) return;
  struct address where = *to;
  where.ecn = ECN_NONE; /* the mark, if any, is of what is answered */
  memcpy(room, bytes, size);
  outbox_add(&pump->outbox, NULL, &where, size);
}

void pump_farewell(struct pump *pump, struct session *session) {
  uint8_t last[DATAGRAM_BYTES_MAX];
  struct address to;
  size_t size = 0;
  /* No wait_until: an unread datagram or signal would end each pause at once. */
  for (int tries = 0; tries < 100 && !flush(pump); tries++)
    poll(NULL, 0, 1);
  /* Who leaves is not there when the CLOSE is due again: it leaves again now. */
  conn_on_timeout(session->conn, conn_next_timeout(session->conn));
  for (size_t next;
       (next = conn_next_datagram(session->conn, clock_now_ns(), last, sizeof last, &to)) != 0;) {
    size = next;
    pump_reply(pump, &to, last, size);
  }
  if (size) pump_reply(pump, &to, last, size);
  flush(pump);
}

/* ---- the loop ---- */
/* Returns whether there were any. */
static bool take_events(struct pump *pump, struct session *session) {
  struct conn_event event;
  bool has_any = false;
  for (; !session->is_closed && conn_next_event(session->conn, &event); has_any = true) {
    if (event.type == CONN_EVENT_ESTABLISHED) {
      session->established_ns = pump->now_ns;
      pump->hooks.established(pump->hooks.context, session, pump->now_ns);
    }
    if (event.type == CONN_EVENT_CLOSED) {
      session->is_closed = true;
      session->closed = event;
    }
    if (session->state)
      session->role->on_event(session->state, pump->now_ns, &event);
    else if (event.type == CONN_EVENT_BLOCK_RECEIVED)
      conn_release_block(session->conn, event.block.bytes, event.block.size_class);
  }
  return has_any;
}

/* What the time since it was last served was spent with. */
static void tell_turn(struct pump *pump, struct session *session) {
  struct udp_stats stats;
  udp_get_stats(pump->udp, &stats);
  struct turn turn = {.has_slept = pump->slept_ns > session->rested_ns,
                      .has_computed = session->has_computed,
                      .drops = stats.kernel_drops};
  session->role->on_wake(session->state, pump->now_ns, &turn);
  session->has_computed = false;
}

static void serve(struct pump *pump, struct session *session) {
  if (session->state) tell_turn(pump, session);
  take_events(pump, session);
  if (session->state) session->role->step(session->state, pump->now_ns);
  /* Reports are taken here: what was told of makes room for new file work. */
  pump->hooks.moved(pump->hooks.context, session, pump->now_ns);
  if (session->state) submit_jobs(pump, session);
  if (!gather(pump, session) && !session->is_closed) pump_touch(pump, session);
  if (take_events(pump, session)) pump_touch(pump, session);
  if (session->state) session->role->on_rest(session->state);
  session->rested_ns = pump->now_ns;
  session->deadline_ns = session->is_closed ? TIME_NEVER : conn_next_timeout(session->conn);
  /* What waits for a place among the workers is woken by the next finished piece, not by a clock. */
  bool has_clock = session->state && !session->lacks_tasks;
  uint64_t role_ns = has_clock ? session->role->next_timeout(session->state) : TIME_NEVER;
  if (role_ns < session->deadline_ns) session->deadline_ns = role_ns;
  bool is_idle = !session->state || session->role->jobs_out(session->state) == 0;
  if (session->is_closed && is_idle && !session->has_ended) {
    session->has_ended = true;
    pump->hooks.ended(pump->hooks.context, session, pump->now_ns);
  }
}

/* When to wake up at the latest. */
static uint64_t next_deadline(const struct pump *pump) {
  if (pump->first_touched && !pump->kernel_is_full) return 0;
  uint64_t deadline_ns = TIME_NEVER;
  for (size_t i = 0; i < pump->session_count; i++)
    if (pump->sessions[i]->deadline_ns < deadline_ns) deadline_ns = pump->sessions[i]->deadline_ns;
  if (pump->kernel_is_full && deadline_ns < pump->now_ns + FULL_KERNEL_NS)
    deadline_ns = pump->now_ns + FULL_KERNEL_NS;
  return pump->tick_ns < deadline_ns ? pump->tick_ns : deadline_ns;
}

/* For how long it did not run although it was due: a turn that took long by its own work is no absence. */
static uint64_t absence_ns(struct pump *pump, uint64_t due_ns) {
  uint64_t absent_ns = due_ns < pump->now_ns ? pump->now_ns - due_ns : 0;
  bool is_long = absent_ns >= ABSENCE_NS;
  if (!is_long && pump->now_ns - pump->ran_at_ns < RAN_NS) return 0;
  uint64_t ran_ns = clock_thread_ns(), used_ns = ran_ns - pump->ran_ns;
  pump->ran_ns = ran_ns;
  pump->ran_at_ns = pump->now_ns;
  return is_long && used_ns + ABSENCE_NS <= absent_ns ? absent_ns - used_ns : 0;
}

/* The clock goes on while the machine sleeps or the process is stopped; what did not come meanwhile says
 * nothing about the peers. */
static void check_absence(struct pump *pump, uint64_t wanted_ns, uint64_t before_ns) {
  uint64_t absent_ns = absence_ns(pump, wanted_ns > before_ns ? wanted_ns : before_ns);
  if (absent_ns == 0) return;
  for (size_t i = 0; i < pump->session_count; i++) {
    struct session *session = pump->sessions[i];
    session->slow = (struct slow){.since_ns = 0};
    if (!session->is_closed) conn_on_absence(session->conn, pump->now_ns, absent_ns);
    pump_touch(pump, session); /* its deadlines have changed */
  }
  if (pump->hooks.woken) pump->hooks.woken(pump->hooks.context, pump->now_ns, absent_ns);
}

/* Who sleeps for less than a quarter of a turn has no time to spare. */
static int sleep_a_turn(struct pump *pump) {
  uint64_t deadline_ns = next_deadline(pump), began_ns = pump->now_ns;
  uint64_t asleep_ns = deadline_ns > 0 ? clock_now_ns() : TIME_NEVER;
  uint64_t away_ns = pump->is_drained && deadline_ns > 0 ? nap_ns(&pump->nap, asleep_ns, deadline_ns) : 0;
  pump->is_drained = false;
  if (away_ns > 0) wait_blindly(away_ns);
  int error = wait_until(pump->wait, deadline_ns);
  pump->now_ns = clock_now_ns();
  check_absence(pump, deadline_ns, began_ns);
  uint64_t slept_ns = asleep_ns < pump->now_ns ? pump->now_ns - asleep_ns : 0;
  pump->asleep_ns += slept_ns;
  if (slept_ns >= SLEEP_NS_MIN && slept_ns * 4 >= pump->now_ns - began_ns) pump->slept_ns = pump->now_ns;
  return error;
}

int pump_run(struct pump *pump) {
  pump->is_stopped = false;
  pump->now_ns = clock_now_ns();
  pump->tick_ns = 0;
  while (!pump->is_stopped) {
    int error = sleep_a_turn(pump);
    if (error < 0) return error;
    if (wait_take_signal(pump->wait)) pump->hooks.signalled(pump->hooks.context, pump->now_ns);
    if (wait_ready(pump->wait, udp_fd(pump->udp)) & WAIT_READ && (error = receive(pump)) < 0) return error;
    if (pump->kernel_is_full && wait_ready(pump->wait, udp_fd(pump->udp)) & WAIT_WRITE) flush(pump);
    take_finished(pump);
    wake_overdue(pump);
    struct session *last = NULL; /* of those touched by now; later ones wait for the next turn */
    for (struct session *session = pump->first_touched; session; session = session->next_touched)
      last = session;
    for (bool is_last = !last; !is_last && !pump->is_stopped;) {
      struct session *session = take_touched(pump);
      is_last = session == last;
      serve(pump, session);
    }
    if (!outbox_is_empty(&pump->outbox)) flush(pump);
    pump->tick_ns = pump->hooks.tick(pump->hooks.context, pump->now_ns);
  }
  return 0;
}

/* Whoever ends its work may have more of it: part files to remove. */
static void finish_jobs(struct pump *pump) {
  wait_watch(pump->wait, udp_fd(pump->udp), 0); /* nobody reads it any more */
  for (bool is_busy = true; is_busy;) {
    is_busy = false;
    pump->now_ns = clock_now_ns();
    take_finished(pump);
    for (size_t i = 0; i < pump->session_count; i++) {
      struct session *session = pump->sessions[i];
      if (!session->state) continue;
      session->role->step(session->state, pump->now_ns);
      submit_jobs(pump, session);
      is_busy = is_busy || session->role->jobs_out(session->state) > 0;
    }
    if (is_busy) wait_until(pump->wait, pump->now_ns + NS_PER_MS);
    if (wait_take_signal(pump->wait)) _exit(EXIT_INTERRUPTED); /* whoever asks here does not want to wait */
  }
}

void pump_free(struct pump *pump) {
  if (!pump) return;
  /* Whose peer never answered the close learns of the end here. */
  struct conn_event end = {.type = CONN_EVENT_CLOSED,
                           .closed = {.by = CLOSED_BY_US, .code = CLOSE_INTERRUPTED}};
  for (size_t i = 0; i < pump->session_count; i++) {
    struct session *session = pump->sessions[i];
    if (session->state && !session->is_closed) session->role->on_event(session->state, clock_now_ns(), &end);
    session->is_closed = true;
  }
  if (pump->worker) finish_jobs(pump);
  while (pump->session_count > 0)
    pump_remove(pump, pump->sessions[0]);
  if (pump->worker) worker_free(pump->worker);
  protect_free(pump->protect);
  if (pump->wait) wait_free(pump->wait);
  udp_close(pump->udp);
  free(pump);
}
