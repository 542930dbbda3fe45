/* worker: threads that run file work, so that the network loop never waits for a disk.
 *
 * A lock taken twice a piece costs next to nothing; waking a thread that sleeps costs as much as a small
 * piece of work. So every finished piece can be taken at once by a loop that is awake, but a sleeping one is
 * woken for several together: when the queue is empty, when WAKE_COUNT are done or when the first has waited
 * WAKE_NS. A piece that has to wait for another (`alone`) wakes nobody: whoever runs the other goes on with
 * it. The submitting side (room, submit, take_done) belongs to one thread.
 *
 * Where processors are few, a thread that wakes up takes the one of the network loop in the middle of a turn,
 * although the loop would not miss it for another millisecond. So these threads are of the kernel's batch
 * class: as much time as others, but nobody is interrupted for them (proto/performance.md section 3). */
#include "udpcp/io.h"

#include <assert.h>
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <unistd.h>

enum {
  WAKE_COUNT = 8,
  WAKE_NS = 100 * 1000,
  STACK_BYTES = 256 * 1024,
};

/* A chain of work, first in first out. */
struct chain {
  struct work *first, *last;
  size_t count;
};

struct worker {
  pthread_mutex_t lock;
  pthread_cond_t has_work;
  int done_pipe[2]; /* holds one byte or none */
  unsigned thread_count;
  /* under the lock */
  struct chain queued, done;
  struct work *running;   /* a list, of at most one a thread */
  uint64_t done_since_ns; /* when the first of `done` came */
  bool is_signalled;      /* done_pipe is readable */
  bool is_stopping;
  /* of the submitting side */
  struct chain taken;        /* done, not yet asked for */
  size_t out_count, out_max; /* pieces submitted and not taken back */
  pthread_t threads[];
};

static void chain_push(struct chain *chain, struct work *work) {
  work->next = NULL;
  if (chain->last)
    chain->last->next = work;
  else
    chain->first = work;
  chain->last = work;
  chain->count++;
}

static void chain_remove(struct chain *chain, struct work *work, struct work *before) {
  if (before)
    before->next = work->next;
  else
    chain->first = work->next;
  if (!work->next) chain->last = before;
  chain->count--;
  work->next = NULL;
}

/* Moves all of `from` behind the end of `to`. */
static void chain_append(struct chain *to, struct chain *from) {
  if (from->count == 0) return;
  if (to->last)
    to->last->next = from->first;
  else
    to->first = from->first;
  to->last = from->last;
  to->count += from->count;
  *from = (struct chain){NULL, NULL, 0};
}

/* ---- the threads' side, all under the lock ---- */
static void signal_done(struct worker *worker) {
  if (worker->is_signalled) return;
  worker->is_signalled = true;
  ssize_t written = write(worker->done_pipe[1], "", 1);
  assert(written == 1 && "an empty pipe takes one byte");
}

static bool has_to_wait(const struct worker *worker, const struct work *work) {
  if (!work->alone) return false;
  for (const struct work *other = worker->running; other; other = other->next)
    if (other->alone == work->alone) return true;
  return false;
}

/* The first piece that may run now; it counts as running. */
static struct work *begin(struct worker *worker) {
  struct work *before = NULL, *work = worker->queued.first;
  for (; work && has_to_wait(worker, work); work = work->next)
    before = work;
  if (!work) return NULL;
  chain_remove(&worker->queued, work, before);
  work->next = worker->running;
  worker->running = work;
  return work;
}

static void finish(struct worker *worker, struct work *work) {
  struct work **at = &worker->running;
  while (*at != work)
    at = &(*at)->next;
  *at = work->next;
  if (worker->done.count == 0) worker->done_since_ns = clock_now_ns();
  chain_push(&worker->done, work);
}

/* Asked before a thread sleeps (`next` is NULL) or runs the next piece, which may take long. */
static void announce(struct worker *worker, const struct work *next) {
  if (worker->done.count == 0 || worker->is_signalled) return;
  if (!next || worker->queued.count == 0 || worker->done.count >= WAKE_COUNT ||
      clock_now_ns() - worker->done_since_ns >= WAKE_NS)
    signal_done(worker);
}

static void run(struct work *work) {
  uint64_t began_ns = clock_now_ns(), cpu_ns = clock_thread_ns();
  work->run(work);
  cpu_ns = clock_thread_ns() - cpu_ns;
  work->has_computed = cpu_ns * 2 >= clock_now_ns() - began_ns;
}

static void *thread_main(void *context) {
  struct worker *worker = context;
  pthread_mutex_lock(&worker->lock);
  for (;;) {
    struct work *work = begin(worker);
    announce(worker, work);
    if (!work) {
      if (worker->is_stopping) break;
      pthread_cond_wait(&worker->has_work, &worker->lock);
      continue;
    }
    pthread_mutex_unlock(&worker->lock);
    run(work);
    pthread_mutex_lock(&worker->lock);
    finish(worker, work);
  }
  pthread_mutex_unlock(&worker->lock);
  return NULL;
}

/* ---- the submitting side ---- */
/* From one class to another, for this thread and those it makes. False when it is of another one: whoever
 * chose that for the program meant all of it. */
static bool change_class(int from, int to) {
  const struct sched_param none = {.sched_priority = 0};
  return sched_getscheduler(0) == from && sched_setscheduler(0, to, &none) == 0;
}

/* As many as can be had; signals are for the main thread, whenever it asks for them. They have their class
 * from the beginning: where they start late, they are not allowed to change it any more (fs/sandbox_calls.c).
 */
static void start_threads(struct worker *worker, unsigned count) {
  sigset_t all, before;
  pthread_attr_t attributes;
  int failure = pthread_attr_init(&attributes);
  if (failure != 0) return;
  pthread_attr_setstacksize(&attributes, STACK_BYTES);
  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, &before);
  bool is_changed = change_class(SCHED_OTHER, SCHED_BATCH);
  pthread_mutex_lock(&worker->lock); /* a thread that runs early reads thread_count */
  while (failure == 0 && worker->thread_count < count) {
    failure = pthread_create(&worker->threads[worker->thread_count], &attributes, thread_main, worker);
    if (failure == 0) worker->thread_count++;
  }
  pthread_mutex_unlock(&worker->lock);
  if (is_changed) change_class(SCHED_BATCH, SCHED_OTHER);
  pthread_sigmask(SIG_SETMASK, &before, NULL);
  pthread_attr_destroy(&attributes);
}

struct worker *worker_new(unsigned threads, size_t queued_max) {
  assert(threads >= 1 && queued_max >= 1);
  struct worker *worker = calloc(1, sizeof(*worker) + threads * sizeof(worker->threads[0]));
  if (!worker) return NULL;
  worker->out_max = queued_max;
  if (pipe2(worker->done_pipe, O_NONBLOCK | O_CLOEXEC) != 0) {
    free(worker);
    return NULL;
  }
  pthread_mutex_init(&worker->lock, NULL);
  pthread_cond_init(&worker->has_work, NULL);
  start_threads(worker, threads);
  if (worker->thread_count > 0) return worker;
  worker_free(worker);
  return NULL;
}

void worker_free(struct worker *worker) {
  if (!worker) return;
  pthread_mutex_lock(&worker->lock);
  worker->is_stopping = true;
  pthread_cond_broadcast(&worker->has_work);
  pthread_mutex_unlock(&worker->lock);
  for (unsigned i = 0; i < worker->thread_count; i++)
    pthread_join(worker->threads[i], NULL);
  assert(worker->queued.count == 0);
  pthread_cond_destroy(&worker->has_work);
  pthread_mutex_destroy(&worker->lock);
  close(worker->done_pipe[0]);
  close(worker->done_pipe[1]);
  free(worker);
}

size_t worker_room(const struct worker *worker) { return worker->out_max - worker->out_count; }
int worker_fd(const struct worker *worker) { return worker->done_pipe[0]; }

void worker_submit(struct worker *worker, struct work *work) {
  assert(worker_room(worker) > 0);
  worker->out_count++;
  pthread_mutex_lock(&worker->lock);
  const struct work *last = worker->queued.last;
  bool is_led = work->alone && last && last->alone == work->alone;
  chain_push(&worker->queued, work);
  /* What must wait is not lost: a thread that ends a piece always looks for another before it sleeps. */
  if (!is_led && !has_to_wait(worker, work)) pthread_cond_signal(&worker->has_work);
  pthread_mutex_unlock(&worker->lock);
}

struct work *worker_take_done(struct worker *worker) {
  if (worker->taken.count == 0) {
    pthread_mutex_lock(&worker->lock);
    chain_append(&worker->taken, &worker->done);
    if (worker->taken.count == 0 && worker->is_signalled) {
      uint8_t byte;
      ssize_t got = read(worker->done_pipe[0], &byte, 1);
      assert(got == 1);
      worker->is_signalled = false;
    }
    pthread_mutex_unlock(&worker->lock);
  }
  struct work *work = worker->taken.first;
  if (work) {
    chain_remove(&worker->taken, work, NULL);
    assert(worker->out_count > 0);
    worker->out_count--;
  }
  return work;
}
