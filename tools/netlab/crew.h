/* The commands of a run: when they start, when they are stopped, and what exit status they add up to. */
#ifndef NETLAB_CREW_H
#define NETLAB_CREW_H

#include "child.h"

#include <stdint.h>

enum { CREW_A, CREW_B, CREW_MAX };

struct crew {
  /* Set by the owner, before crew_start. */
  struct child member[CREW_MAX]; /* those prepared take part */
  uint64_t delay_b_ns;
  int stops_a_after_b;
  int (*is_heard)(const void *link); /* nothing of B's is on its way to A any more; NULL: at once */
  const void *link;
  /* Private. */
  int is_empty;
  int end_signal; /* the one that told us to end; 0: none */
  uint64_t b_start_ns;
  uint64_t kill_ns;
  uint64_t stop_ns, stop_latest_ns; /* when A is to be stopped, and not later than */
  int was_heard;
};

void crew_start(struct crew *c, uint64_t now_ns);
void crew_on_signal(struct crew *c, int signal_number, uint64_t now_ns);
void crew_on_time(struct crew *c, uint64_t now_ns);

/* When crew_on_time is wanted next; UINT64_MAX: never. */
uint64_t crew_next_time(const struct crew *c);

/* All have ended; an empty crew ends by signal. */
int crew_is_finished(const struct crew *c);

int crew_exit_status(const struct crew *c);

/* Nobody is left after this. */
void crew_clear(struct crew *c);

#endif
