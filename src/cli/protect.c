/* Sealing and opening are most of what a packet costs, and the only part of it that can be divided: a batch
 * is what leaves in one turn, or came by one call. A batch that one thread is done with before another has
 * woken up is not divided at all. */
#include "protect.h"

#include <stdlib.h>

enum {
  LANES_MAX = 4,           /* unless more are asked for */
  BATCH_BYTES_MIN = 32768, /* some 10 us of one thread's work */
  GRAIN_BYTES = 8192,      /* taken at once by a thread */
};

struct protect {
  struct crew *crew;
  size_t taken; /* datagrams, of those opened ahead */
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

struct seals *protect_seals(struct protect *protect) {
  return &protect->seals;
}

void protect_seal(struct protect *protect) {
  run(protect, protect->seals.count, protect->seals.bytes, seals_run, &protect->seals);
  protect->seals.count = protect->seals.bytes = 0;
}

void protect_open(struct protect *protect, const struct train *trains, int count, conn_finder *find,
                  void *context) {
  struct openings *openings = &protect->openings;
  for (int t = 0; t < count; t++) {
    const struct train *train = &trains[t];
    for (size_t at = 0; at < train->size && openings->count < OPENINGS_MAX; at += train->segment) {
      size_t left = train->size - at;
      openings_add(openings, &train->peer, train->bytes + at, left < train->segment ? left : train->segment,
                   find, context);
    }
  }
  run(protect, openings->count, openings->bytes, openings_run, openings);
  protect->taken = 0;
}

void protect_take_next(struct protect *protect) { openings_take(&protect->openings, protect->taken++); }
void protect_end(struct protect *protect) { openings_clear(&protect->openings); }
