/* crew: every job runs once, in the lane it says, whatever the number of threads and the size of the batch;
 * what jobs did is seen when the call returns; helpers sleep between batches and leave at the end. */
#include "udpcp/io.h"
#include "unit.h"

#include <pthread.h>
#include <sched.h>
#include <stdlib.h>
#include <time.h>

enum { JOBS_MAX = 3000 };

struct batch {
  unsigned runs[JOBS_MAX], lanes[JOBS_MAX]; /* not atomic: only one thread may touch each */
  uint64_t sums[CREW_LANES_MAX];            /* each of one lane */
  uint64_t sum;
  pthread_t caller;
  unsigned strangers; /* jobs of lane 0 on another thread */
  size_t grain;
};

static void note_job(void *context, size_t index, unsigned lane) {
  struct batch *batch = context;
  batch->runs[index]++;
  batch->lanes[index] = lane;
  batch->sums[lane] += index;
  if ((lane == 0) != (pthread_equal(pthread_self(), batch->caller) != 0)) batch->strangers++;
}

static void check_batch(struct crew *crew, struct batch *batch, size_t count, size_t grain) {
  memset(batch, 0, sizeof(*batch));
  batch->caller = pthread_self();
  crew_run(crew, count, grain, note_job, batch);
  unsigned wrong = 0;
  uint64_t sum = 0;
  for (size_t i = 0; i < JOBS_MAX; i++)
    wrong += batch->runs[i] != (i < count) || batch->lanes[i] >= crew_lanes(crew) ||
             (i % grain > 0 && i < count && batch->lanes[i] != batch->lanes[i - 1]);
  for (unsigned lane = 0; lane < CREW_LANES_MAX; lane++)
    sum += batch->sums[lane];
  CU_ASSERT_EQUAL(wrong, 0);
  CU_ASSERT_EQUAL(batch->strangers, 0);
  CU_ASSERT_EQUAL(sum, count * (count > 0 ? count - 1 : 0) / 2);
}

static void runs_each_job_once(void) {
  static const size_t counts[] = {0, 1, 2, 7, 8, 9, 178, JOBS_MAX}, grains[] = {1, 5, 8, 1000, JOBS_MAX};
  static struct batch batch;
  for (unsigned lanes = 1; lanes <= CREW_LANES_MAX; lanes += lanes < 4 ? 1 : 4) {
    struct crew *crew = crew_new(lanes);
    CU_ASSERT_PTR_NOT_NULL_FATAL(crew);
    CU_ASSERT_EQUAL(crew_lanes(crew), lanes);
    for (int again = 0; again < 5; again++)
      for (size_t i = 0; i < sizeof(counts) / sizeof(counts[0]); i++)
        for (size_t k = 0; k < sizeof(grains) / sizeof(grains[0]); k++)
          check_batch(crew, &batch, counts[i], grains[k]);
    crew_free(crew);
  }
}

/* Batches of changing size, one right after the other: no helper runs a job of one that is over. */
static void batches_do_not_mix(void) {
  static struct batch batch;
  struct crew *crew = crew_new(4);
  CU_ASSERT_PTR_NOT_NULL_FATAL(crew);
  for (size_t round = 0; round < 1500; round++)
    check_batch(crew, &batch, round * 7 % 61, 1 + round % 3);
  crew_free(crew);
}

/* Every job waits until as many threads are at work as there are lanes: so all of them take part. */
struct meeting {
  pthread_mutex_t lock;
  pthread_cond_t changed;
  unsigned present, wanted;
};

static void meet(void *context, size_t index, unsigned lane) {
  struct meeting *meeting = context;
  (void)index, (void)lane;
  pthread_mutex_lock(&meeting->lock);
  meeting->present++;
  pthread_cond_broadcast(&meeting->changed);
  while (meeting->present < meeting->wanted)
    pthread_cond_wait(&meeting->changed, &meeting->lock);
  pthread_mutex_unlock(&meeting->lock);
}

static void all_lanes_take_part(void) {
  struct crew *crew = crew_new(4);
  CU_ASSERT_PTR_NOT_NULL_FATAL(crew);
  for (int again = 0; again < 20; again++) {
    struct meeting meeting = {
        .lock = PTHREAD_MUTEX_INITIALIZER, .changed = PTHREAD_COND_INITIALIZER, .wanted = 4};
    crew_run(crew, 4, 1, meet, &meeting);
    CU_ASSERT_EQUAL(meeting.present, 4);
    /* Long enough for them to fall asleep, every other time. */
    if (again % 2) nanosleep(&(struct timespec){.tv_nsec = 2000000}, NULL);
  }
  crew_free(crew);
}

/* The caller outlasts its patience while a helper works, and is woken. */
static void nap(void *context, size_t index, unsigned lane) {
  (void)index;
  if (lane > 0) nanosleep(&(struct timespec){.tv_nsec = 1000000}, NULL);
  meet(context, index, lane);
}

static void waits_for_slow_helpers(void) {
  struct crew *crew = crew_new(3);
  CU_ASSERT_PTR_NOT_NULL_FATAL(crew);
  for (int again = 0; again < 10; again++) {
    struct meeting meeting = {
        .lock = PTHREAD_MUTEX_INITIALIZER, .changed = PTHREAD_COND_INITIALIZER, .wanted = 1};
    crew_run(crew, 12, 1, nap, &meeting);
    CU_ASSERT_EQUAL(meeting.present, 12);
  }
  crew_free(crew);
}

static void ends_at_once(void) {
  for (int again = 0; again < 50; again++) {
    struct crew *crew = crew_new(CREW_LANES_MAX);
    CU_ASSERT_PTR_NOT_NULL_FATAL(crew);
    crew_free(crew);
  }
  crew_free(NULL);
}

/* 200 ms without work cost next to no processor time. */
static void sleeps_without_work(void) {
  static struct batch batch;
  struct timespec before, after;
  struct crew *crew = crew_new(4);
  CU_ASSERT_PTR_NOT_NULL_FATAL(crew);
  check_batch(crew, &batch, 100, 1);
  clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &before);
  nanosleep(&(struct timespec){.tv_nsec = 200000000}, NULL);
  clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &after);
  int64_t used_ns = (after.tv_sec - before.tv_sec) * 1000000000ll + after.tv_nsec - before.tv_nsec;
  CU_ASSERT(used_ns < 100000000); /* one that never slept would take 200 ms, three of them up to 600 */
  crew_free(crew);
}

UNIT_MAIN(UNIT_CASE(runs_each_job_once), UNIT_CASE(batches_do_not_mix), UNIT_CASE(all_lanes_take_part),
          UNIT_CASE(waits_for_slow_helpers), UNIT_CASE(ends_at_once), UNIT_CASE(sleeps_without_work))
