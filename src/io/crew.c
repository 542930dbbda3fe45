/* crew: a batch of small jobs shared between the calling thread and a few helpers, which is back when all of
 * it is done.
 *
 * Who has time takes the next few jobs by one atomic step on the ticket: the number of the batch and of the
 * first job nobody has taken. The caller takes part, so a helper that comes late, or never, delays nobody;
 * only jobs that were taken are waited for. A helper without work sleeps: before, where processors are free,
 * it looks out for the next batch for a moment, since a sleeping thread is woken at the price of many jobs.
 */
#include "udpcp/io.h"

#include <assert.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <unistd.h>

enum {
  STACK_BYTES = 256 * 1024,
  CACHE_LINE_BYTES = 64,
  LOOKS_A_CLOCK = 32, /* at a word that another thread changes, before the time is asked again */
};
#define SPIN_NS (30 * NS_PER_US)
#define TICKET_CLOSED UINT32_MAX /* in the place of a job's number: nothing to take */

struct helper {
  struct crew *crew;
  unsigned lane;
  pthread_t thread;
};

struct crew {
  unsigned lanes;
  bool spins; /* there are processors to spare */
  pthread_mutex_t lock;
  pthread_cond_t has_batch, has_finished;
  bool is_stopping; /* under the lock */
  /* The batch. Changed only while the ticket is closed, and a value read is believed only when the ticket
   * could be taken afterwards: then no job of this batch was done in full, so none of the next was begun.
   * Who reads a value of the next batch has, by release and acquire, the closed ticket too. */
  _Atomic(crew_job *) job;
  _Atomic(void *) context;
  _Atomic uint32_t count, grain;
  _Alignas(CACHE_LINE_BYTES) _Atomic uint64_t ticket; /* batch << 32 | the first job not taken */
  _Alignas(CACHE_LINE_BYTES) _Atomic uint32_t done;   /* jobs that have returned */
  _Atomic uint32_t asleep;                            /* helpers */
  atomic_bool is_awaited;                             /* the caller sleeps until all is done */
  struct helper helpers[CREW_LANES_MAX - 1];
};

unsigned machine_processors(void) {
#ifdef CPU_COUNT
  cpu_set_t allowed;
  if (sched_getaffinity(0, sizeof(allowed), &allowed) == 0) return (unsigned)CPU_COUNT(&allowed);
#endif
  long online = sysconf(_SC_NPROCESSORS_ONLN);
  return online > 0 ? (unsigned)online : 1;
}

static void pause_a_moment(void) {
#if defined(__x86_64__) || defined(__i386__)
  __builtin_ia32_pause();
#elif defined(__aarch64__)
  __asm__ volatile("yield");
#endif
}

/* ---- taking jobs ---- */

static bool has_work(const struct crew *crew) {
  uint64_t ticket = atomic_load(&crew->ticket);
  return (uint32_t)ticket < atomic_load_explicit(&crew->count, memory_order_acquire);
}

/* Takes a few jobs and runs them. False: there were none. */
static bool run_some(struct crew *crew, unsigned lane) {
  uint64_t ticket = atomic_load_explicit(&crew->ticket, memory_order_acquire);
  crew_job *job;
  void *context;
  uint32_t first, count, grain;
  do {
    job = atomic_load_explicit(&crew->job, memory_order_acquire);
    context = atomic_load_explicit(&crew->context, memory_order_acquire);
    count = atomic_load_explicit(&crew->count, memory_order_acquire);
    grain = atomic_load_explicit(&crew->grain, memory_order_acquire);
    first = (uint32_t)ticket;
    if (first >= count) return false;
    if (grain > count - first) grain = count - first;
  } while (!atomic_compare_exchange_weak_explicit(&crew->ticket, &ticket, ticket + grain,
                                                  memory_order_acq_rel, memory_order_acquire));
  for (uint32_t i = first; i < first + grain; i++)
    job(context, i, lane);
  if (atomic_fetch_add(&crew->done, grain) + grain == count && atomic_load(&crew->is_awaited)) {
    pthread_mutex_lock(&crew->lock);
    pthread_cond_signal(&crew->has_finished);
    pthread_mutex_unlock(&crew->lock);
  }
  return true;
}

/* ---- the helpers' side ---- */

/* Whether work came within a moment. */
static bool comes_soon(const struct crew *crew) {
  if (!crew->spins) return false;
  uint64_t until_ns = clock_now_ns() + SPIN_NS;
  do {
    for (int i = 0; i < LOOKS_A_CLOCK; i++) {
      if (has_work(crew)) return true;
      pause_a_moment();
    }
  } while (clock_now_ns() < until_ns);
  return false;
}

/* False: it is over. Who wakes up wakes the next one, so that the caller wakes but one. */
static bool sleep_until_work(struct crew *crew) {
  pthread_mutex_lock(&crew->lock);
  atomic_fetch_add(&crew->asleep, 1);
  while (!crew->is_stopping && !has_work(crew))
    pthread_cond_wait(&crew->has_batch, &crew->lock);
  uint32_t others = atomic_fetch_sub(&crew->asleep, 1) - 1;
  if (others > 0) pthread_cond_signal(&crew->has_batch);
  bool goes_on = !crew->is_stopping;
  pthread_mutex_unlock(&crew->lock);
  return goes_on;
}

static void *helper_main(void *context) {
  struct helper *helper = context;
  do {
    do {
      while (run_some(helper->crew, helper->lane)) {
      }
    } while (comes_soon(helper->crew));
  } while (sleep_until_work(helper->crew));
  return NULL;
}

/* ---- the caller's side ---- */

static void wait_for_all(struct crew *crew, uint32_t count) {
  uint64_t until_ns = 0;
  while (atomic_load_explicit(&crew->done, memory_order_acquire) < count) {
    for (int i = 0; i < LOOKS_A_CLOCK; i++)
      pause_a_moment();
    uint64_t now_ns = clock_now_ns();
    if (until_ns == 0) until_ns = now_ns + SPIN_NS;
    if (now_ns < until_ns) continue;
    pthread_mutex_lock(&crew->lock);
    atomic_store(&crew->is_awaited, true);
    while (atomic_load(&crew->done) < count)
      pthread_cond_wait(&crew->has_finished, &crew->lock);
    atomic_store(&crew->is_awaited, false);
    pthread_mutex_unlock(&crew->lock);
  }
}

void crew_run(struct crew *crew, size_t count, size_t grain, crew_job *job, void *context) {
  assert(grain > 0 && count < TICKET_CLOSED - grain);
  uint64_t ticket = atomic_load_explicit(&crew->ticket, memory_order_relaxed);
  assert((uint32_t)ticket == TICKET_CLOSED && "one batch at a time");
  if (crew->lanes == 1 || count <= grain) {
    for (size_t i = 0; i < count; i++)
      job(context, i, 0);
    return;
  }
  atomic_store_explicit(&crew->job, job, memory_order_release);
  atomic_store_explicit(&crew->context, context, memory_order_release);
  atomic_store_explicit(&crew->count, (uint32_t)count, memory_order_release);
  atomic_store_explicit(&crew->grain, (uint32_t)grain, memory_order_release);
  atomic_store_explicit(&crew->done, 0, memory_order_relaxed);
  atomic_store(&crew->ticket, ((ticket >> 32) + 1) << 32);
  if (atomic_load(&crew->asleep) > 0) {
    pthread_mutex_lock(&crew->lock);
    pthread_cond_signal(&crew->has_batch);
    pthread_mutex_unlock(&crew->lock);
  }
  while (run_some(crew, 0)) {
  }
  wait_for_all(crew, (uint32_t)count);
  atomic_store(&crew->ticket, ((ticket >> 32) + 1) << 32 | TICKET_CLOSED);
}

/* As many as can be had; signals are for the main thread. */
static void start_helpers(struct crew *crew, unsigned lanes) {
  sigset_t all, before;
  pthread_attr_t attributes;
  int failure = pthread_attr_init(&attributes);
  if (failure != 0) return;
  pthread_attr_setstacksize(&attributes, STACK_BYTES);
  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, &before);
  while (failure == 0 && crew->lanes < lanes) {
    struct helper *helper = &crew->helpers[crew->lanes - 1];
    *helper = (struct helper){.crew = crew, .lane = crew->lanes};
    failure = pthread_create(&helper->thread, &attributes, helper_main, helper);
    if (failure == 0) crew->lanes++;
  }
  pthread_sigmask(SIG_SETMASK, &before, NULL);
  pthread_attr_destroy(&attributes);
}

struct crew *crew_new(unsigned lanes) {
  assert(lanes >= 1 && lanes <= CREW_LANES_MAX);
  struct crew *crew = aligned_alloc(CACHE_LINE_BYTES, sizeof(*crew));
  if (!crew) return NULL;
  *crew = (struct crew){.lanes = 1, .spins = machine_processors() > lanes, .ticket = TICKET_CLOSED};
  pthread_mutex_init(&crew->lock, NULL);
  pthread_cond_init(&crew->has_batch, NULL);
  pthread_cond_init(&crew->has_finished, NULL);
  start_helpers(crew, lanes);
  return crew;
}

void crew_free(struct crew *crew) {
  if (!crew) return;
  pthread_mutex_lock(&crew->lock);
  crew->is_stopping = true;
  pthread_cond_broadcast(&crew->has_batch);
  pthread_mutex_unlock(&crew->lock);
  for (unsigned lane = 1; lane < crew->lanes; lane++)
    pthread_join(crew->helpers[lane - 1].thread, NULL);
  pthread_cond_destroy(&crew->has_finished);
  pthread_cond_destroy(&crew->has_batch);
  pthread_mutex_destroy(&crew->lock);
  free(crew);
}

unsigned crew_lanes(const struct crew *crew) { return crew->lanes; }
