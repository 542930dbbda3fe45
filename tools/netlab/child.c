/*
 * A command as a child process, see child.h. The gate is a pipe: a byte lets the child go, end of file
 * (netlab is gone) ends it. It leads a process group, so that a signal also reaches what it started; it is
 * reaped only at the end, so that the number of the group cannot come to mean another one before.
 */
#include "child.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

enum { STATUS_CANNOT_RUN = 126, STATUS_NOT_FOUND = 127 };

static _Noreturn void run(const struct child_plan *plan, int gate_fd, pid_t parent) {
  const struct child_variable *v;
  int error;
  char go;

  setpgid(0, 0);
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  if (getppid() != parent) /* it died before we asked to be told */
    _exit(FAILURE_OWN);
  if (read(gate_fd, &go, 1) != 1) _exit(FAILURE_OWN);
  for (v = plan->variables; v->name != NULL; v++)
    setenv(v->name, v->value, 1);
  if (plan->input == CHILD_INPUT_NONE) {
    int fd = open("/dev/null", O_RDONLY);

    if (fd > 0) {
      dup2(fd, 0);
      close(fd);
    }
  }
  sigprocmask(SIG_SETMASK, plan->signal_mask, NULL);
  execvp(plan->command[0], plan->command);
  error = errno;
  fprintf(stderr, "netlab: cannot run %s: %s\n", plan->command[0], strerror(error));
  _exit(error == ENOENT ? STATUS_NOT_FOUND : STATUS_CANNOT_RUN);
}

int child_prepare(struct child *c, const struct child_plan *plan, struct failure *f) {
  pid_t parent = getpid();
  int gate[2];

  assert(c->state == CHILD_NONE);
  if (pipe2(gate, O_CLOEXEC) != 0)
    return failure_set(f, FAILURE_OWN, "cannot make a pipe: %s", strerror(errno));
  c->pid = fork();
  if (c->pid < 0) {
    int error = errno;

    close(gate[0]);
    close(gate[1]);
    return failure_set(f, FAILURE_OWN, "cannot start %s: %s", plan->command[0], strerror(error));
  }
  if (c->pid == 0) {
    close(gate[1]);
    run(plan, gate[0], parent);
  }
  setpgid(c->pid, c->pid); /* both do it: neither may depend on who comes first */
  close(gate[0]);
  c->gate_fd = gate[1];
  c->state = CHILD_WAITING;
  return 0;
}

void child_start(struct child *c) {
  assert(c->state == CHILD_WAITING);
  if (write(c->gate_fd, "", 1) != 1) kill(c->pid, SIGKILL); /* it has been killed already, or is of no use */
  close(c->gate_fd);
  c->state = CHILD_RUNNING;
}

void child_signal(struct child *c, int signal_number) {
  if (c->state == CHILD_WAITING) {
    close(c->gate_fd);
    c->state = CHILD_RUNNING;
    kill(c->pid, SIGKILL);
  } else if (c->state == CHILD_RUNNING) {
    kill(-c->pid, signal_number);
  }
}

void child_poll(struct child *c) {
  siginfo_t info = {0};

  if (c->state != CHILD_WAITING && c->state != CHILD_RUNNING) return;
  if (waitid(P_PID, (id_t)c->pid, &info, WEXITED | WNOHANG | WNOWAIT) != 0 || info.si_pid != c->pid) return;
  if (c->state == CHILD_WAITING) close(c->gate_fd);
  c->exit_status = info.si_code == CLD_EXITED ? info.si_status : 128 + info.si_status;
  c->state = CHILD_ENDED;
}

void child_clear(struct child *c) {
  if (c->state == CHILD_NONE) return;
  if (c->state == CHILD_WAITING) close(c->gate_fd);
  kill(-c->pid, SIGKILL);
  while (waitpid(c->pid, NULL, 0) < 0 && errno == EINTR)
    continue;
  c->state = CHILD_NONE;
}
