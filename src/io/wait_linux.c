/* wait_linux: what one thread waits for, with deadlines in nanoseconds, and the signals that end the program
 * as one more fd.
 *
 * A pacer that sleeps in milliseconds sends in bursts that no queue holds; so ppoll. It is among those who
 * are told of a datagram only while it sleeps. An epoll set always is: the kernel then calls it for each
 * datagram that a socket sends or gets, a twentieth of the price of one that comes alone
 * (proto/performance.md), and for a handful of fds it saves nothing. Signals come through a signalfd: nothing
 * ever runs inside a handler, and no call is interrupted halfway. Another system brings one file with the
 * functions of udp_socket.h and these. */
#include "udpcp/io.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/signalfd.h>
#include <time.h>
#include <unistd.h>

enum { WATCHED_MAX = 16 };

struct wait {
  int signals; /* -1: not watched */
  int count;
  struct pollfd watched[WATCHED_MAX]; /* revents: of the last wait_until, 0 before */
};

struct wait *wait_new(void) {
  struct wait *wait = calloc(1, sizeof(*wait));
  if (wait) wait->signals = -1;
  return wait;
}

void wait_free(struct wait *wait) {
  if (!wait) return;
  if (wait->signals >= 0) close(wait->signals);
  free(wait);
}

/* The place of an fd in the table, or -1. */
static int find(const struct wait *wait, int fd) {
  for (int i = 0; i < wait->count; i++)
    if (wait->watched[i].fd == fd) return i;
  return -1;
}

int wait_watch(struct wait *wait, int fd, int interest) {
  int place = find(wait, fd);
  if (interest == 0) {
    if (place >= 0) wait->watched[place] = wait->watched[--wait->count];
    return 0;
  }
  if (place < 0) {
    if (fcntl(fd, F_GETFD) < 0) return error_from_errno(errno);
    if (wait->count == WATCHED_MAX) return ERR_NO_SPACE;
    place = wait->count++;
    wait->watched[place] = (struct pollfd){.fd = fd};
  }
  wait->watched[place].events =
      (short)((interest & WAIT_READ ? POLLIN : 0) | (interest & WAIT_WRITE ? POLLOUT : 0));
  return 0;
}

void wait_blindly(uint64_t span_ns) {
  struct timespec span = {.tv_sec = (time_t)(span_ns / NS_PER_S), .tv_nsec = (long)(span_ns % NS_PER_S)};
  clock_nanosleep(CLOCK_MONOTONIC, 0, &span, NULL);
}

/* An error or a hang-up is told by the next read or write, whichever the owner waits for. */
int wait_ready(const struct wait *wait, int fd) {
  int place = find(wait, fd);
  if (place < 0) return 0;
  int events = wait->watched[place].revents;
  if (events & (POLLERR | POLLHUP)) events |= POLLIN | POLLOUT;
  events &= wait->watched[place].events;
  return (events & POLLIN ? WAIT_READ : 0) | (events & POLLOUT ? WAIT_WRITE : 0);
}

/* ---- sleeping ---- */
int wait_until(struct wait *wait, uint64_t deadline_ns) {
  struct timespec limit = {.tv_sec = 0};
  uint64_t now_ns = deadline_ns > 0 ? clock_now_ns() : 0;
  if (deadline_ns > now_ns) {
    limit.tv_sec = (time_t)((deadline_ns - now_ns) / NS_PER_S);
    limit.tv_nsec = (long)((deadline_ns - now_ns) % NS_PER_S);
  }
  int count = ppoll(wait->watched, (nfds_t)wait->count, deadline_ns == TIME_NEVER ? NULL : &limit, NULL);
  if (count >= 0) return 0;
  int failure = errno;
  for (int i = 0; i < wait->count; i++)
    wait->watched[i].revents = 0;
  return failure == EINTR ? 0 : error_from_errno(failure);
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
