/* carry: the work of LAYER_TRANSFER: a sender at the client, a receiver at the server, and file threads that
 * take their time and finish in any order. */
#include "content.h"
#include "files.h"
#include "world.h"

#include <assert.h>
#include <stdlib.h>

struct carry;

/* A job on one of the file threads. */
struct running {
  struct running *next;
  struct carry *carry;
  struct job *job; /* NULL once it was handed back */
  bool is_done;    /* its work is; it waits for its time to be handed back */
};

struct carry {
  struct end *end;
  struct tree *tree;
  struct prng prng;
  struct sender *sender;     /* at the client */
  struct receiver *receiver; /* at the server, once the client has shown that it is there */
  struct running *running;   /* all there ever were, kept until the end of the run */
  uint32_t jobs;             /* out now */
};

static void *carry_begin(struct end *end) {
  struct world *world = end->world;
  struct carry *carry = calloc(1, sizeof(*carry));
  assert(carry && "out of memory");
  carry->end = end;
  carry->tree = world->client[end->client].tree;
  prng_seed(&carry->prng, content_seed(world->scenario->seed, 'j', end->client * SIDES + end->side));
  const struct sender_config sender = {.ops = &tree_source_ops,
                                       .source = carry->tree,
                                       .pool = tree_pool(carry->tree),
                                       .dry_run = world->scenario->tree.dry_run};
  if (end->side == SERVER) return carry;
  carry->sender = sender_new(&sender, end->conn);
  assert(carry->sender && "out of memory");
  return carry;
}

static void begin_to_receive(struct carry *carry) {
  const struct receiver_config receiver = {.ops = &tree_sink_ops, .sink = carry->tree};
  carry->receiver = receiver_new(&receiver, carry->end->conn);
  assert(carry->receiver && "out of memory");
}

static bool is_idle(const struct carry *carry) { return !carry->sender && !carry->receiver; }

/* ---- jobs ---- */

static struct job *next_job(struct carry *carry) {
  return carry->sender ? sender_next_job(carry->sender) : receiver_next_job(carry->receiver);
}

static void hand_back(struct carry *carry, struct running *running) {
  struct job *job = running->job;
  if (!running->is_done) job_run(job);
  running->job = NULL;
  carry->jobs--;
  if (carry->sender)
    sender_on_job(carry->sender, carry->end->world->now_ns, job);
  else
    receiver_on_job(carry->receiver, carry->end->world->now_ns, job);
}

static void on_job_time(void *subject, void *detail) {
  struct carry *carry = subject;
  struct running *running = detail;
  if (!running->job || carry->end->world->is_dead[carry->end->side]) return;
  hand_back(carry, running);
  end_pump(carry->end);
}

static struct running *new_running(struct carry *carry) {
  for (struct running *running = carry->running; running; running = running->next)
    if (!running->job) return running;
  struct running *running = calloc(1, sizeof(*running));
  assert(running && "out of memory");
  running->carry = carry;
  running->next = carry->running;
  carry->running = running;
  return running;
}

static void start_jobs(struct carry *carry) {
  struct world *world = carry->end->world;
  const struct tree_plan *plan = &world->scenario->tree;
  struct job *job;
  while (carry->jobs < plan->jobs_max[carry->end->side] && (job = next_job(carry)) != NULL) {
    struct running *running = new_running(carry);
    running->job = job;
    /* The work is done at either end of its time: others come before or after it. */
    running->is_done = prng_below(&carry->prng, 2) == 0;
    if (running->is_done) job_run(job);
    carry->jobs++;
    uint64_t ns_max = plan->job_ns_max[carry->end->side];
    world_plan(world, ns_max > 0 ? prng_below(&carry->prng, ns_max) : 0, on_job_time, carry, running);
  }
}

/* ---- steps ---- */

static void take_reports(struct carry *carry) {
  struct report report;
  while (carry->sender ? sender_next_report(carry->sender, &report)
                       : receiver_next_report(carry->receiver, &report))
    tree_on_report(carry->tree, carry->end->side, &report);
}

static size_t jobs_out(const struct carry *carry) {
  return carry->sender ? sender_jobs_out(carry->sender) : receiver_jobs_out(carry->receiver);
}

static void carry_step(void *work) {
  struct carry *carry = work;
  uint64_t now_ns = carry->end->world->now_ns;
  if (is_idle(carry)) return;
  if (carry->sender)
    sender_step(carry->sender, now_ns);
  else
    receiver_step(carry->receiver, now_ns);
  take_reports(carry);
  start_jobs(carry);
}

static void carry_on_event(void *work, const struct conn_event *event) {
  struct carry *carry = work;
  uint64_t now_ns = carry->end->world->now_ns;
  if (carry->end->side == SERVER && event->type == CONN_EVENT_ESTABLISHED) begin_to_receive(carry);
  if (is_idle(carry)) return;
  if (carry->sender)
    sender_on_event(carry->sender, now_ns, event);
  else
    receiver_on_event(carry->receiver, now_ns, event);
}

static uint64_t carry_next_wake(const void *work) {
  const struct carry *carry = work;
  /* While every thread is busy nothing can be begun: the next one that is done wakes this end. */
  bool is_full = carry->jobs >= carry->end->world->scenario->tree.jobs_max[SERVER];
  return carry->receiver && !is_full ? receiver_next_timeout(carry->receiver) : TIME_NEVER;
}

static bool carry_is_over(const void *work) {
  const struct carry *carry = work;
  return is_idle(carry) || (carry->jobs == 0 && jobs_out(carry) == 0);
}

/* ---- the end ---- */

static void tell_outcome(struct carry *carry) {
  struct progress progress;
  if (carry->sender)
    sender_get_progress(carry->sender, &progress);
  else
    receiver_get_progress(carry->receiver, &progress);
  tree_on_outcome(carry->tree, carry->end->side, &progress);
}

/* A machine that is switched off leaves its memory to nobody; here it is tidied up. */
static void switch_off(struct carry *carry) {
  const struct conn_event event = {.type = CONN_EVENT_CLOSED, .closed = {.by = CLOSED_BY_SILENCE}};
  if (carry->end->side == SERVER) tree_switch_sink_off(carry->tree);
  if (!carry->end->is_closed) carry_on_event(carry, &event);
  for (struct running *running = carry->running; running; running = running->next)
    if (running->job) hand_back(carry, running);
}

static void carry_leave(void *work) {
  struct carry *carry = work;
  if (is_idle(carry)) return;
  if (carry->end->is_closed && carry_is_over(carry)) {
    take_reports(carry);
    tell_outcome(carry);
  } else {
    switch_off(carry);
  }
  sender_free(carry->sender);
  receiver_free(carry->receiver);
  carry->sender = NULL;
  carry->receiver = NULL;
}

static void carry_free(void *work) {
  struct carry *carry = work;
  for (struct running *running = carry->running, *next; running; running = next) {
    next = running->next;
    free(running);
  }
  free(carry);
}

const struct work_ops carry_ops = {
    .begin = carry_begin,
    .on_event = carry_on_event,
    .step = carry_step,
    .next_wake = carry_next_wake,
    .is_over = carry_is_over,
    .leave = carry_leave,
    .free = carry_free,
};
