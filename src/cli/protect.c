/* Sealing and opening are most of what a packet costs, and the only part of it that can be divided: a batch
 * is what one turn sends, or what came by one call. One that a thread is done with before another has woken
 * up is not divided; nor are any while it does not pay, for then a packet had better be sealed or opened
 * while it is in the cache for the rest that is done with it. */
#include "protect.h"

#include <stdlib.h>

#include "gain.h"

enum {
  LANES_MAX = 4,           /* unless more are asked for */
  BATCH_BYTES_MIN = 32768, /* some 10 us of one thread's work */
  GRAIN_BYTES = 8192,      /* taken at once by a thread */
};

struct protect {
  struct crew *crew;
  struct gain sealing, opening;
  uint64_t began_ns; /* the batch in work */
  size_t incoming;   /* bytes of it */
  size_t taken;      /* datagrams, of those that came */
  struct seals seals;
  struct openings openings;
};

unsigned protect_lanes(unsigned file_threads) {
  unsigned processors = machine_processors();
  unsigned lanes = processors > file_threads ? processors - file_threads : 1;
  return lanes < LANES_MAX ? lanes : LANES_MAX;
}

struct protect *protect_new(unsigned lanes) {
  if (lanes <= 1) return NULL;
  struct protect *protect = calloc(1, sizeof(*protect));
  if (!protect) return NULL;
  protect->crew = crew_new(lanes);
  if (protect->crew && crew_lanes(protect->crew) > 1) return protect;
  protect_free(protect);
  return NULL;
}

void protect_free(struct protect *protect) {
  if (!protect) return;
  crew_free(protect->crew);
  free(protect);
}

static void run(struct protect *protect, size_t count, size_t bytes, crew_job *job, void *context) {
  size_t grain = bytes < BATCH_BYTES_MIN ? count : (count * GRAIN_BYTES + bytes - 1) / bytes;
  if (count > 0) crew_run(protect->crew, count, grain, job, context);
}

/* Small batches tell nothing: they are done the same way whichever it is. */
static void note(const struct protect *protect, struct gain *gain, size_t bytes) {
  if (bytes >= BATCH_BYTES_MIN) gain_note(gain, bytes, clock_now_ns() - protect->began_ns);
}

/* ---- out ---- */

struct seals *protect_begin(struct protect *protect) {
  protect->began_ns = clock_now_ns();
  return gain_wants(&protect->sealing) ? &protect->seals : NULL;
}

void protect_seal(struct protect *protect) {
  run(protect, protect->seals.count, protect->seals.bytes, seals_run, &protect->seals);
  protect->seals.count = protect->seals.bytes = 0;
}

void protect_end(struct protect *protect, size_t bytes) {
  protect_seal(protect);
  note(protect, &protect->sealing, bytes);
}

/* ---- in ---- */

static void add_train(struct openings *openings, const struct train *train,
                      struct conn *(*find)(void *context, const struct cid *id), void *context) {
  for (size_t at = 0; at < train->size && openings->count < OPENINGS_MAX; at += train->segment) {
    size_t left = train->size - at;
    openings_add(openings, &train->peer, train->bytes + at, left < train->segment ? left : train->segment,
                 find, context);
  }
}

void protect_open(struct protect *protect, const struct train *trains, int count,
                  struct conn *(*find)(void *context, const struct cid *id), void *context) {
  struct openings *openings = &protect->openings;
  protect->began_ns = clock_now_ns();
  protect->incoming = protect->taken = 0;
  for (int t = 0; t < count; t++)
    protect->incoming += trains[t].size;
  if (protect->incoming < BATCH_BYTES_MIN || !gain_wants(&protect->opening)) return;
  for (int t = 0; t < count; t++)
    add_train(openings, &trains[t], find, context);
  run(protect, openings->count, openings->bytes, openings_run, openings);
}

void protect_take_next(struct protect *protect) { openings_take(&protect->openings, protect->taken++); }

void protect_taken(struct protect *protect) {
  openings_clear(&protect->openings);
  note(protect, &protect->opening, protect->incoming);
}
