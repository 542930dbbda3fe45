/* clock: the one clock of the program, nanoseconds that never go back, and what a thread has used of its CPU.
 *
 * Every deadline of every layer is compared with this value. CLOCK_BOOTTIME goes on while a laptop sleeps, so
 * that the time asleep can be seen when the lid opens, and is not taken for the peers' silence; where a
 * kernel has no such clock, CLOCK_MONOTONIC stands in. */
#include "udpcp/io.h"

#include <stdlib.h>
#include <time.h>

uint64_t clock_thread_ns(void) {
  struct timespec now;
  if (clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now) != 0) return 0;
  return (uint64_t)now.tv_sec * NS_PER_S + (uint64_t)now.tv_nsec;
}

uint64_t clock_now_ns(void) {
  struct timespec now;
#ifdef CLOCK_BOOTTIME
  if (clock_gettime(CLOCK_BOOTTIME, &now) == 0)
    return (uint64_t)now.tv_sec * NS_PER_S + (uint64_t)now.tv_nsec;
#endif
  if (clock_gettime(CLOCK_MONOTONIC, &now) != 0) abort();
  return (uint64_t)now.tv_sec * NS_PER_S + (uint64_t)now.tv_nsec;
}
