/* wait_linux: one epoll set with deadlines in nanoseconds, and the signals that end the program as one more
 * fd.
 *
 * A pacer that sleeps in milliseconds sends in bursts that no queue holds; so epoll_pwait2, and on kernels or
 * in sandboxes without it a timerfd in the set. Signals come through a signalfd: nothing ever runs inside a
 * handler, and no call is interrupted halfway. Another system brings one file with the functions of
 * udp_socket.h and these. */
#include "udpcp/io.h"

#include <assert.h>
#include <errno.h>
#include <linux/time_types.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/signalfd.h>
#include <sys/syscall.h>
#include <sys/timerfd.h>
#include <time.h>
#include <unistd.h>

enum { WATCHED_MAX = 16 };

struct wait {
  int epoll;
  int signals; /* -1: not watched */
  int timer;   /* -1: the kernel waits with ns itself */
  int count;
  struct {
    int fd, interest, ready;
  } watched[WATCHED_MAX];
};

struct wait *wait_new(void) {
  struct wait *wait = calloc(1, sizeof(*wait));
  if (!wait) return NULL;
  wait->signals = wait->timer = -1;
  wait->epoll = epoll_create1(EPOLL_CLOEXEC);
  if (wait->epoll >= 0) return wait;
  free(wait);
  return NULL;
}

void wait_free(struct wait *wait) {
  if (!wait) return;
  if (wait->signals >= 0) close(wait->signals);
  if (wait->timer >= 0) close(wait->timer);
  close(wait->epoll);
  free(wait);
}

/* The place of an fd in the table, or -1. */
static int find(const struct wait *wait, int fd) {
  for (int i = 0; i < wait->count; i++)
    if (wait->watched[i].fd == fd) return i;
  return -1;
}

int wait_watch(struct wait *wait, int fd, int interest) {
  struct epoll_event event = {.data.fd = fd};
  if (interest & WAIT_READ) event.events |= EPOLLIN;
  if (interest & WAIT_WRITE) event.events |= EPOLLOUT;
  int place = find(wait, fd);
  if (interest == 0) {
    if (place < 0) return 0;
    wait->watched[place] = wait->watched[--wait->count];
    return epoll_ctl(wait->epoll, EPOLL_CTL_DEL, fd, NULL) == 0 ? 0 : error_from_errno(errno);
  }
  if (place >= 0) {
    if (wait->watched[place].interest == interest) return 0;
    if (epoll_ctl(wait->epoll, EPOLL_CTL_MOD, fd, &event) != 0) return error_from_errno(errno);
    wait->watched[place].interest = interest;
    return 0;
  }
  if (wait->count == WATCHED_MAX) return ERR_NO_SPACE;
  if (epoll_ctl(wait->epoll, EPOLL_CTL_ADD, fd, &event) != 0) return error_from_errno(errno);
  wait->watched[wait->count].fd = fd;
  wait->watched[wait->count].interest = interest;
  wait->watched[wait->count++].ready = 0;
  return 0;
}

void wait_blindly(uint64_t span_ns) {
  struct timespec span = {.tv_sec = (time_t)(span_ns / NS_PER_S), .tv_nsec = (long)(span_ns % NS_PER_S)};
  clock_nanosleep(CLOCK_MONOTONIC, 0, &span, NULL);
}

int wait_ready(const struct wait *wait, int fd) {
  int place = find(wait, fd);
  return place >= 0 ? wait->watched[place].ready : 0;
}

/* ---- sleeping ---- */
static int64_t ns_left(uint64_t deadline_ns) {
  uint64_t now_ns = clock_now_ns();
  return deadline_ns > now_ns ? (int64_t)(deadline_ns - now_ns) : 0;
}

/* The system call itself: the C library may be older than the kernel, and its timespec narrower. */
static int sleep_exactly(const struct wait *wait, struct epoll_event *events, uint64_t deadline_ns) {
  struct __kernel_timespec limit = {.tv_sec = 0};
  if (deadline_ns != TIME_NEVER) {
    int64_t left_ns = ns_left(deadline_ns);
    limit.tv_sec = left_ns / (int64_t)NS_PER_S;
    limit.tv_nsec = left_ns % (int64_t)NS_PER_S;
  }
#ifdef SYS_epoll_pwait2
  return (int)syscall(SYS_epoll_pwait2, wait->epoll, events, WATCHED_MAX,
                      deadline_ns == TIME_NEVER ? NULL : &limit, NULL, (size_t)0);
#else
  (void)wait, (void)events, (void)limit;
  errno = ENOSYS;
  return -1;
#endif
}

static int add_timer(struct wait *wait) {
  wait->timer = timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK | TFD_CLOEXEC);
  if (wait->timer < 0) return error_from_errno(errno);
  int failure = wait_watch(wait, wait->timer, WAIT_READ);
  if (failure == 0) return 0;
  close(wait->timer);
  wait->timer = -1;
  return failure;
}

static int sleep_by_timer(const struct wait *wait, struct epoll_event *events, uint64_t deadline_ns) {
  int64_t left_ns = deadline_ns == TIME_NEVER ? 0 : ns_left(deadline_ns);
  bool is_poll = deadline_ns != TIME_NEVER && left_ns == 0;
  struct itimerspec limit = {.it_value = {.tv_sec = (time_t)(left_ns / (int64_t)NS_PER_S),
                                          .tv_nsec = (long)(left_ns % (int64_t)NS_PER_S)}};
  /* Setting it also clears an expiry that nobody read; all zeros switch it off. */
  if (timerfd_settime(wait->timer, 0, &limit, NULL) != 0) return -1;
  return epoll_wait(wait->epoll, events, WATCHED_MAX, is_poll ? 0 : -1);
}

int wait_until(struct wait *wait, uint64_t deadline_ns) {
  struct epoll_event events[WATCHED_MAX];
  for (int i = 0; i < wait->count; i++)
    wait->watched[i].ready = 0;

  int count = -1;
  if (wait->timer < 0) {
    count = sleep_exactly(wait, events, deadline_ns);
    if (count < 0 && (errno == ENOSYS || errno == EPERM)) {
      int failure = add_timer(wait);
      if (failure < 0) return failure;
    }
  }
  if (wait->timer >= 0) count = sleep_by_timer(wait, events, deadline_ns);
  if (count < 0) return errno == EINTR ? 0 : error_from_errno(errno);

  for (int i = 0; i < count; i++) {
    int place = find(wait, events[i].data.fd);
    assert(place >= 0);
    /* An error or a hang-up is told by the next read or write, whichever the owner waits for. */
    bool has_ended = (events[i].events & (EPOLLERR | EPOLLHUP)) != 0;
    int ready = 0;
    if (has_ended || (events[i].events & EPOLLIN)) ready |= WAIT_READ;
    if (has_ended || (events[i].events & EPOLLOUT)) ready |= WAIT_WRITE;
    wait->watched[place].ready = ready & wait->watched[place].interest;
  }
  return 0;
}

/* ---- signals ---- */
int wait_watch_signals(struct wait *wait) {
  static const int ending[] = {SIGINT, SIGTERM, SIGHUP};
  sigset_t set;
  assert(wait->signals < 0);
  sigemptyset(&set);
  for (size_t i = 0; i < sizeof(ending) / sizeof(ending[0]); i++) {
    struct sigaction present;
    /* Started by nohup or in the background of a script: what is ignored stays ignored. */
    if (sigaction(ending[i], NULL, &present) == 0 && present.sa_handler == SIG_IGN) continue;
    sigaddset(&set, ending[i]);
  }
  /* Both shall be errors of one write, not the end of the program: a closed pipe, a file-size limit. */
  struct sigaction ignore = {.sa_handler = SIG_IGN};
  if (sigaction(SIGPIPE, &ignore, NULL) != 0 || sigaction(SIGXFSZ, &ignore, NULL) != 0)
    return error_from_errno(errno);

  if (pthread_sigmask(SIG_BLOCK, &set, NULL) != 0) return ERR_IO;
  wait->signals = signalfd(-1, &set, SFD_NONBLOCK | SFD_CLOEXEC);
  if (wait->signals < 0) return error_from_errno(errno);
  return wait_watch(wait, wait->signals, WAIT_READ);
}

int wait_take_signal(struct wait *wait) {
  struct signalfd_siginfo info;
  if (wait->signals < 0 || !wait_ready(wait, wait->signals)) return 0;
  ssize_t got = read(wait->signals, &info, sizeof(info));
  return got == (ssize_t)sizeof(info) ? (int)info.ssi_signo : 0;
}
