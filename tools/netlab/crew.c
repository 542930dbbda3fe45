/* The commands of a run, see crew.h. Asked to end, they get SIGTERM, and 3 s later (or when asked twice)
 * SIGKILL. A command A that is stopped because B has ended first hears what B sent last. */
#include "crew.h"

#include <assert.h>

#define NEVER UINT64_MAX
#define MERCY_NS UINT64_C(3000000000)
#define HEARING_NS UINT64_C(20000000) /* for A to take what has come, and between looks at the link */
#define HEARING_NS_MAX UINT64_C(2000000000)

static void signal_all(struct crew *c, int signal_number) {
  child_signal(&c->member[CREW_A], signal_number);
  child_signal(&c->member[CREW_B], signal_number);
}

static int is_over(const struct child *c) { return c->state == CHILD_NONE || c->state == CHILD_ENDED; }

void crew_start(struct crew *c, uint64_t now_ns) {
  c->is_empty = is_over(&c->member[CREW_A]) && is_over(&c->member[CREW_B]);
  c->end_signal = 0;
  c->kill_ns = NEVER;
  c->b_start_ns = NEVER;
  c->stop_ns = c->stop_latest_ns = NEVER;
  if (c->member[CREW_A].state == CHILD_WAITING) child_start(&c->member[CREW_A]);
  if (c->member[CREW_B].state == CHILD_WAITING) c->b_start_ns = now_ns + c->delay_b_ns;
  crew_on_time(c, now_ns);
}

static void on_child_ended(struct crew *c, uint64_t now_ns) {
  child_poll(&c->member[CREW_A]);
  child_poll(&c->member[CREW_B]);
  if (!c->stops_a_after_b || c->member[CREW_B].state != CHILD_ENDED || is_over(&c->member[CREW_A])) return;
  if (c->kill_ns != NEVER || c->stop_latest_ns != NEVER) return;
  c->stop_ns = now_ns + HEARING_NS;
  c->stop_latest_ns = now_ns + HEARING_NS_MAX;
}

/* What has just arrived A still has to take: so the link must have been empty a while ago, too. */
static void stop_a(struct crew *c, uint64_t now_ns) {
  int is_heard = c->is_heard == NULL || c->is_heard(c->link);

  if (is_heard && c->was_heard) c->stop_latest_ns = now_ns;
  c->was_heard = is_heard;
  c->stop_ns = now_ns + HEARING_NS;
  if (now_ns < c->stop_latest_ns) return;
  c->stop_ns = NEVER;
  if (c->kill_ns != NEVER) return;
  child_signal(&c->member[CREW_A], SIGTERM);
  c->kill_ns = now_ns + MERCY_NS;
}

void crew_on_signal(struct crew *c, int signal_number, uint64_t now_ns) {
  if (signal_number == SIGCHLD) {
    on_child_ended(c, now_ns);
    return;
  }
  signal_all(c, c->end_signal == 0 ? SIGTERM : SIGKILL);
  c->end_signal = signal_number;
  c->b_start_ns = NEVER;
  c->kill_ns = now_ns + MERCY_NS;
}

void crew_on_time(struct crew *c, uint64_t now_ns) {
  if (now_ns >= c->b_start_ns) {
    c->b_start_ns = NEVER;
    if (c->member[CREW_B].state == CHILD_WAITING) child_start(&c->member[CREW_B]);
  }
  if (now_ns >= c->stop_ns) stop_a(c, now_ns);
  if (now_ns >= c->kill_ns) {
    c->kill_ns = NEVER;
    signal_all(c, SIGKILL);
  }
}

uint64_t crew_next_time(const struct crew *c) {
  uint64_t next_ns = c->b_start_ns < c->kill_ns ? c->b_start_ns : c->kill_ns;

  return next_ns < c->stop_ns ? next_ns : c->stop_ns;
}

int crew_is_finished(const struct crew *c) {
  if (c->is_empty) return c->end_signal != 0;
  return is_over(&c->member[CREW_A]) && is_over(&c->member[CREW_B]);
}

int crew_exit_status(const struct crew *c) {
  assert(crew_is_finished(c));
  if (c->is_empty) return 0;
  if (c->end_signal != 0) return 128 + c->end_signal;
  if (c->member[CREW_B].exit_status != 0 || c->stops_a_after_b) return c->member[CREW_B].exit_status;
  return c->member[CREW_A].exit_status;
}

void crew_clear(struct crew *c) {
  child_clear(&c->member[CREW_A]);
  child_clear(&c->member[CREW_B]);
}
