/* The one place where netlab waits: for packets, for the time at which one is to leave, and for its commands.
 */
#ifndef NETLAB_LOOP_H
#define NETLAB_LOOP_H

#include "crew.h"

#include <poll.h>
#include <stddef.h>
#include <stdint.h>

enum { LOOP_FDS_MAX = 80 };

/* What is served: the bridge between namespaces, or the relay. */
struct loop_service {
  void *self;
  size_t (*watch)(void *self, struct pollfd *fds, size_t max); /* returns how many it wants to be watched */
  void (*serve)(void *self, const struct pollfd *fds,
                size_t count);             /* reads what is there, sends what is due */
  uint64_t (*next_time)(const void *self); /* UINT64_MAX: never */
};

/* To be called before any child is prepared: signals wait from then on until loop_run sees them. `previous`
 * is the mask for children. Returns a file descriptor, or -1. */
int loop_open_signals(sigset_t *previous);

/* Until the crew is finished. Returns 0, or -1 with errno set. */
int loop_run(const struct loop_service *service, struct crew *crew, int signal_fd);

#endif
