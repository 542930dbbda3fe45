/* test_worker: every piece runs once and comes back once, whatever the number of threads; the fd tells. */
#include "udpcp/io.h"
#include "unit.h"

#include <poll.h>
#include <sched.h>
#include <semaphore.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <unistd.h>

struct piece {
  struct work work;
  unsigned number;
  atomic_uint runs;
  sem_t *gate; /* waits here when set */
};

static atomic_uint next_turn;
static unsigned turns[4096];

static void run_piece(struct work *work) {
  struct piece *piece = (struct piece *)work;
  if (piece->gate) sem_wait(piece->gate);
  turns[piece->number] = atomic_fetch_add(&next_turn, 1);
  atomic_fetch_add(&piece->runs, 1);
}

static bool is_readable(const struct worker *worker, int timeout_ms) {
  struct pollfd waiting = {.fd = worker_fd(worker), .events = POLLIN};
  return poll(&waiting, 1, timeout_ms) == 1;
}

static struct work *take_waiting(struct worker *worker) {
  struct work *work = worker_take_done(worker);
  while (!work && is_readable(worker, 5000))
    work = worker_take_done(worker);
  return work;
}

static void runs_each_piece_once(void) {
  static const unsigned thread_counts[] = {1, 2, 7};
  for (size_t t = 0; t < sizeof(thread_counts) / sizeof(thread_counts[0]); t++) {
    enum { COUNT = 4000, OUT_MAX = 100 };
    struct worker *worker = worker_new(thread_counts[t], OUT_MAX);
    struct piece *pieces = calloc(COUNT, sizeof(*pieces));
    unsigned submitted = 0, taken = 0, wrong = 0;
    CU_ASSERT_FATAL(worker && pieces);
    while (taken < COUNT) {
      while (submitted < COUNT && worker_room(worker) > 0) {
        pieces[submitted] = (struct piece){.work = {.run = run_piece}, .number = submitted};
        worker_submit(worker, &pieces[submitted++].work);
      }
      struct piece *piece = (struct piece *)take_waiting(worker);
      CU_ASSERT_FATAL(piece != NULL);
      wrong += atomic_load(&piece->runs) != 1;
      atomic_store(&piece->runs, 100); /* one that came back twice would show */
      taken++;
    }
    CU_ASSERT_EQUAL(wrong, 0);
    CU_ASSERT_EQUAL(worker_room(worker), OUT_MAX);
    CU_ASSERT_PTR_NULL(worker_take_done(worker));
    worker_free(worker);
    free(pieces);
  }
}

static void one_thread_keeps_the_order(void) {
  struct piece pieces[50] = {0};
  struct worker *worker = worker_new(1, 50);
  atomic_store(&next_turn, 0);
  for (unsigned i = 0; i < 50; i++) {
    pieces[i].work.run = run_piece;
    pieces[i].number = i;
    worker_submit(worker, &pieces[i].work);
  }
  CU_ASSERT_EQUAL(worker_room(worker), 0);
  for (unsigned i = 0; i < 50; i++) {
    CU_ASSERT_PTR_EQUAL(take_waiting(worker), &pieces[i].work);
    CU_ASSERT_EQUAL(turns[i], i);
  }
  worker_free(worker);
}

static void the_fd_is_readable_while_done_pieces_wait(void) {
  struct piece pieces[20] = {0};
  struct worker *worker = worker_new(2, 20);
  CU_ASSERT_FALSE(is_readable(worker, 0));
  for (unsigned i = 0; i < 20; i++) {
    pieces[i].work.run = run_piece;
    pieces[i].number = i;
    worker_submit(worker, &pieces[i].work);
  }
  for (unsigned i = 0; i < 20; i++) {
    CU_ASSERT_TRUE(is_readable(worker, 5000));
    CU_ASSERT_PTR_NOT_NULL(take_waiting(worker));
  }
  CU_ASSERT_PTR_NULL(worker_take_done(worker));
  CU_ASSERT_FALSE(is_readable(worker, 0));
  worker_free(worker);
}

/* What waits for a slow piece is only the thread that runs it. */
static void a_slow_piece_holds_up_nothing_else(void) {
  struct piece pieces[30] = {0};
  struct worker *worker = worker_new(2, 30);
  sem_t gate;
  sem_init(&gate, 0, 0);
  pieces[0].gate = &gate;
  for (unsigned i = 0; i < 30; i++) {
    pieces[i].work.run = run_piece;
    pieces[i].number = i;
    worker_submit(worker, &pieces[i].work);
  }
  for (unsigned i = 1; i < 30; i++) {
    struct work *work = take_waiting(worker);
    CU_ASSERT_PTR_NOT_NULL_FATAL(work);
    CU_ASSERT_PTR_NOT_EQUAL(work, &pieces[0].work);
  }
  sem_post(&gate);
  CU_ASSERT_PTR_EQUAL(take_waiting(worker), &pieces[0].work);
  worker_free(worker);
  sem_destroy(&gate);
}

static void run_slowly(struct work *work) {
  usleep(300 * 1000);
  run_piece(work);
}

/* Also when the only thread is busy with the next piece, and no other waits. */
static void a_finished_piece_is_announced_before_a_slow_one(void) {
  struct piece pieces[2] = {{.number = 0}, {.number = 1}};
  struct worker *worker = worker_new(1, 2);
  sem_t gate;
  sem_init(&gate, 0, 0);
  pieces[0].gate = &gate; /* until both are there */
  pieces[0].work.run = run_piece;
  pieces[1].work.run = run_slowly;
  worker_submit(worker, &pieces[0].work);
  worker_submit(worker, &pieces[1].work);
  sem_post(&gate);
  CU_ASSERT_TRUE(is_readable(worker, 150));
  CU_ASSERT_EQUAL(atomic_load(&pieces[1].runs), 0);
  CU_ASSERT_PTR_EQUAL(take_waiting(worker), &pieces[0].work);
  CU_ASSERT_PTR_EQUAL(take_waiting(worker), &pieces[1].work);
  worker_free(worker);
  sem_destroy(&gate);
}

enum { THINGS = 3, THING_PIECES = 1500 };
struct thing_piece {
  struct work work;
  unsigned thing, number;
};
static const char things[THINGS];
static atomic_uint inside[THINGS], last_number[THINGS], wrongs;

static void run_alone(struct work *work) {
  struct thing_piece *piece = (struct thing_piece *)work;
  unsigned thing = piece->thing;
  if (atomic_fetch_add(&inside[thing], 1) != 0) atomic_fetch_add(&wrongs, 1);
  if (atomic_exchange(&last_number[thing], piece->number) + 1 != piece->number) atomic_fetch_add(&wrongs, 1);
  if (piece->number % 50 == 0) usleep(100); /* so that others come to wait */
  atomic_fetch_sub(&inside[thing], 1);
}

static void pieces_of_one_thing_run_in_order_and_alone(void) {
  enum { COUNT = THINGS * THING_PIECES, OUT_MAX = 100 };
  static struct thing_piece pieces[COUNT];
  struct worker *worker = worker_new(4, OUT_MAX);
  unsigned submitted = 0, taken = 0, numbers[THINGS] = {0};
  for (; taken < COUNT; taken++) {
    for (; submitted < COUNT && worker_room(worker) > 0; submitted++) {
      unsigned thing = submitted / 7 % THINGS; /* some of one thing after the other, then of another */
      pieces[submitted] = (struct thing_piece){
          .work = {.run = run_alone, .alone = &things[thing]}, .thing = thing, .number = ++numbers[thing]};
      worker_submit(worker, &pieces[submitted].work);
    }
    CU_ASSERT_PTR_NOT_NULL_FATAL(take_waiting(worker));
  }
  CU_ASSERT_EQUAL(atomic_load(&wrongs), 0);
  worker_free(worker);
}

/* Pieces of a thing whose first piece takes long hold up no other thing, wherever they stand. */
static void a_slow_thing_holds_up_nothing_else(void) {
  struct piece pieces[40] = {0};
  struct worker *worker = worker_new(2, 40);
  sem_t gate;
  sem_init(&gate, 0, 0);
  pieces[0].gate = &gate;
  for (unsigned i = 0; i < 40; i++) {
    pieces[i].work.run = run_piece;
    pieces[i].work.alone = i < 20 ? &things[0] : i < 30 ? &things[1] : NULL;
    pieces[i].number = i;
    worker_submit(worker, &pieces[i].work);
  }
  for (unsigned i = 20; i < 40; i++)
    CU_ASSERT_PTR_EQUAL(take_waiting(worker), &pieces[i].work);
  CU_ASSERT_EQUAL(atomic_load(&pieces[1].runs), 0);
  sem_post(&gate);
  for (unsigned i = 0; i < 20; i++)
    CU_ASSERT_PTR_EQUAL(take_waiting(worker), &pieces[i].work);
  worker_free(worker);
  sem_destroy(&gate);
}

static void free_runs_what_was_submitted(void) {
  struct piece pieces[200] = {0};
  struct worker *worker = worker_new(2, 200);
  for (unsigned i = 0; i < 200; i++) {
    pieces[i].work.run = run_piece;
    pieces[i].number = i;
    worker_submit(worker, &pieces[i].work);
  }
  worker_free(worker);
  unsigned ran = 0;
  for (unsigned i = 0; i < 200; i++)
    ran += atomic_load(&pieces[i].runs);
  CU_ASSERT_EQUAL(ran, 200);
  worker_free(NULL);
}

struct asked {
  struct work work; /* first */
  int class;
};

static void ask_class(struct work *work) { ((struct asked *)work)->class = sched_getscheduler(0); }

static int class_of_a_thread(void) {
  struct asked asked = {.work.run = ask_class, .class = -1};
  struct worker *worker = worker_new(1, 1);
  worker_submit(worker, &asked.work);
  CU_ASSERT_PTR_EQUAL(take_waiting(worker), &asked.work);
  worker_free(worker);
  return asked.class;
}

/* And the thread that made them is of the class it was of. */
static void nobody_is_interrupted_for_a_piece(void) {
  const struct sched_param none = {.sched_priority = 0};
  if (sched_getscheduler(0) != SCHED_OTHER) return; /* chosen for these tests */
  CU_ASSERT_EQUAL(class_of_a_thread(), SCHED_BATCH);
  CU_ASSERT_EQUAL(sched_getscheduler(0), SCHED_OTHER);
  CU_ASSERT_EQUAL(sched_setscheduler(0, SCHED_BATCH, &none), 0);
  CU_ASSERT_EQUAL(class_of_a_thread(), SCHED_BATCH);
  CU_ASSERT_EQUAL(sched_getscheduler(0), SCHED_BATCH);
  CU_ASSERT_EQUAL(sched_setscheduler(0, SCHED_OTHER, &none), 0);
}

UNIT_MAIN(UNIT_CASE(runs_each_piece_once), UNIT_CASE(one_thread_keeps_the_order),
          UNIT_CASE(the_fd_is_readable_while_done_pieces_wait), UNIT_CASE(a_slow_piece_holds_up_nothing_else),
          UNIT_CASE(a_finished_piece_is_announced_before_a_slow_one),
          UNIT_CASE(pieces_of_one_thing_run_in_order_and_alone),
          UNIT_CASE(a_slow_thing_holds_up_nothing_else), UNIT_CASE(free_runs_what_was_submitted),
          UNIT_CASE(nobody_is_interrupted_for_a_piece))
