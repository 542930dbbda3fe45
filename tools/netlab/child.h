/* A command as a child process that waits at a gate until it may run, and never outlives netlab. */
#ifndef NETLAB_CHILD_H
#define NETLAB_CHILD_H

#include "failure.h"

#include <signal.h>
#include <sys/types.h>

enum child_state { CHILD_NONE, CHILD_WAITING, CHILD_RUNNING, CHILD_ENDED };

enum child_input { CHILD_INPUT_NONE, CHILD_INPUT_INHERITED };

struct child_variable {
  const char *name, *value;
};

struct child {
  enum child_state state;
  pid_t pid; /* also its process group */
  int gate_fd;
  int exit_status; /* 128 + signal, if one ended it */
};

struct child_plan {
  char *const *command;
  const struct child_variable *variables; /* for its environment; the last name is NULL */
  enum child_input input;
  const sigset_t *signal_mask; /* to run with */
};

/* Forks into the namespaces of this moment; the command waits. */
int child_prepare(struct child *c, const struct child_plan *plan, struct failure *f);

void child_start(struct child *c);

/* To the whole process group; does nothing when the child has ended. One still waiting is always killed. */
void child_signal(struct child *c, int signal_number);

/* Looks whether it has ended. Its process id stays taken until child_clear. */
void child_poll(struct child *c);

/* Ends what is left of its process group, and buries it. */
void child_clear(struct child *c);

#endif
