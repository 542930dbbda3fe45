/*
 * The main loop, see loop.h. Timers must be exact on an idle link and cheap on a busy one. So the kernel's
 * timer slack is taken away, and as a processor that has slept for long wakes late (0.1 to 0.2 ms in a
 * virtual machine), a long sleep ends EARLY_NS before its time and a short one follows. On the other hand a
 * wake-up that would come within QUANTUM_NS of the last one is put off to then, so that packets which leave
 * microseconds apart are sent together.
 */
#include "loop.h"

#include "clock.h"

#include <errno.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <unistd.h>

#define QUANTUM_NS UINT64_C(50000)
#define LONG_SLEEP_NS UINT64_C(600000)
#define EARLY_NS UINT64_C(250000)

int loop_open_signals(sigset_t *previous) {
  sigset_t ours;

  sigemptyset(&ours);
  sigaddset(&ours, SIGCHLD);
  sigaddset(&ours, SIGINT);
  sigaddset(&ours, SIGTERM);
  sigaddset(&ours, SIGHUP);
  if (sigprocmask(SIG_BLOCK, &ours, previous) != 0) return -1;
  return signalfd(-1, &ours, SFD_NONBLOCK | SFD_CLOEXEC);
}

static void take_signals(struct crew *crew, int signal_fd, uint64_t now_ns) {
  struct signalfd_siginfo info;

  while (read(signal_fd, &info, sizeof(info)) == (ssize_t)sizeof(info))
    crew_on_signal(crew, (int)info.ssi_signo, now_ns);
}

static int wait_until(struct pollfd *fds, size_t count, uint64_t wake_ns, uint64_t now_ns) {
  uint64_t wait_ns = wake_ns > now_ns ? wake_ns - now_ns : 0;
  struct timespec timeout;

  if (wait_ns > LONG_SLEEP_NS) wait_ns -= EARLY_NS;
  timeout.tv_sec = (time_t)(wait_ns / CLOCK_NS_PER_SECOND);
  timeout.tv_nsec = (long)(wait_ns % CLOCK_NS_PER_SECOND);
  if (ppoll(fds, count, wake_ns == UINT64_MAX ? NULL : &timeout, NULL) < 0 && errno != EINTR) return -1;
  return 0;
}

int loop_run(const struct loop_service *service, struct crew *crew, int signal_fd) {
  struct pollfd fds[LOOP_FDS_MAX];
  uint64_t last_ns = 0;

  prctl(PR_SET_TIMERSLACK, 1UL);
  crew_start(crew, clock_now_ns());
  while (!crew_is_finished(crew)) {
    size_t count = service->watch(service->self, fds + 1, LOOP_FDS_MAX - 1);
    uint64_t wake_ns = service->next_time(service->self);

    if (wake_ns < last_ns + QUANTUM_NS) wake_ns = last_ns + QUANTUM_NS;
    if (crew_next_time(crew) < wake_ns) wake_ns = crew_next_time(crew);
    fds[0] = (struct pollfd){.fd = signal_fd, .events = POLLIN};
    if (wait_until(fds, count + 1, wake_ns, clock_now_ns()) != 0) return -1;
    last_ns = clock_now_ns();
    service->serve(service->self, fds + 1, count);
    if (fds[0].revents != 0) take_signals(crew, signal_fd, last_ns);
    crew_on_time(crew, last_ns);
  }
  return 0;
}
