/*
 * Namespace mode, see bridge.h. This process makes namespace A, forks the first command into it, does the
 * same with B, and then stands between the two TUN devices: what it reads from one goes through the model of
 * the link and is written to the other. Packets are read into the model's own buffers and written from there.
 */
#include "bridge.h"

#include "clock.h"
#include "crew.h"
#include "flows.h"
#include "loop.h"
#include "netns.h"
#include "pcap.h"
#include "stats.h"

#include <assert.h>
#include <errno.h>
#include <string.h>
#include <unistd.h>

enum { BATCH_PACKETS = 32 };

static const struct netns_side sides[DIRECTIONS] = {{"10.77.0.1", "fd77::1"}, {"10.77.0.2", "fd77::2"}};

struct bridge {
  const struct options *options;
  struct netns ns[DIRECTIONS]; /* where the direction comes from: A, B */
  struct link *link[DIRECTIONS];
  struct flows flows[DIRECTIONS];
  struct pcap *pcap;
  struct crew crew;
};

static void start_traffic(struct bridge *b, uint64_t now_ns) {
  link_start(b->link[DIRECTION_AB], now_ns);
  link_start(b->link[DIRECTION_BA], now_ns);
}

static void read_packets(struct bridge *b, enum direction d) {
  uint64_t now_ns = clock_now_ns();
  size_t room = b->options->link[d].packet_bytes_max;
  int i;

  start_traffic(b, now_ns);
  for (i = 0; i < BATCH_PACKETS; i++) {
    uint8_t *buffer = link_buffer(b->link[d]);
    ssize_t got = read(b->ns[d].tun_fd, buffer, room);

    if (got <= 0) return;
    if (b->pcap != NULL) pcap_write(b->pcap, now_ns, buffer, (size_t)got);
    link_push(b->link[d], now_ns, (size_t)got, 0);
  }
}

static void write_packets(struct bridge *b, enum direction d) {
  int out_fd = b->ns[DIRECTIONS - 1 - d].tun_fd;
  uint64_t now_ns = clock_now_ns();
  const struct link_packet *p;
  int i;

  for (i = 0; i < 2 * BATCH_PACKETS && (p = link_pop(b->link[d], now_ns)) != NULL; i++) {
    if (write(out_fd, p->data, p->bytes) != (ssize_t)p->bytes)
      link_stats(b->link[d])->output_drops++;
    else if (b->options->has_flows)
      flows_count(&b->flows[d], p->data, p->bytes, now_ns);
  }
}

static size_t bridge_watch(void *self, struct pollfd *fds, size_t max) {
  struct bridge *b = self;
  size_t d;

  assert(max >= DIRECTIONS);
  for (d = 0; d < DIRECTIONS; d++)
    fds[d] = (struct pollfd){.fd = b->ns[d].tun_fd, .events = POLLIN};
  return DIRECTIONS;
}

static void bridge_serve(void *self, const struct pollfd *fds, size_t count) {
  struct bridge *b = self;
  size_t d;

  for (d = 0; d < count; d++)
    if (fds[d].revents & POLLIN) read_packets(b, (enum direction)d);
  for (d = 0; d < count; d++)
    write_packets(b, (enum direction)d);
}

static uint64_t bridge_next_time(const void *self) {
  const struct bridge *b = self;
  uint64_t ab_ns = link_next_time(b->link[DIRECTION_AB]), ba_ns = link_next_time(b->link[DIRECTION_BA]);

  return ab_ns < ba_ns ? ab_ns : ba_ns;
}

/* Makes the namespace of a side and forks its command into it. */
static int open_side(struct bridge *b, enum direction d, const sigset_t *signal_mask, struct failure *f) {
  struct child_variable variables[] = {{"NETLAB_A", sides[DIRECTION_AB].ipv4},
                                       {"NETLAB_B", sides[DIRECTION_BA].ipv4},
                                       {"NETLAB_SELF", sides[d].ipv4},
                                       {"NETLAB_PEER", sides[DIRECTIONS - 1 - d].ipv4},
                                       {"NETLAB_SIDE", d == DIRECTION_AB ? "A" : "B"},
                                       {"NETLAB_A6", sides[DIRECTION_AB].ipv6},
                                       {"NETLAB_B6", sides[DIRECTION_BA].ipv6},
                                       {NULL, NULL}};
  struct child_plan plan = {.command = d == DIRECTION_AB ? b->options->command_a : b->options->command_b,
                            .variables = variables,
                            .input = d == DIRECTION_AB ? CHILD_INPUT_NONE : CHILD_INPUT_INHERITED,
                            .signal_mask = signal_mask};

  if (netns_enter(&b->ns[d], &sides[d], b->options->device_mtu, f) != 0) return -1;
  if (!b->ns[d].has_ipv6) variables[5].name = NULL;
  return child_prepare(&b->crew.member[d == DIRECTION_AB ? CREW_A : CREW_B], &plan, f);
}

static int bridge_open(struct bridge *b, const sigset_t *signal_mask, struct failure *f) {
  const struct options *o = b->options;
  size_t d;

  if (o->pcap_path != NULL && (b->pcap = pcap_open(o->pcap_path, o->snap_bytes, f)) == NULL) return -1;
  for (d = 0; d < DIRECTIONS; d++) {
    b->link[d] = link_new(&o->link[d], o->seed * DIRECTIONS + d);
    if (b->link[d] == NULL) return failure_set(f, FAILURE_OWN, "not enough memory");
    if (open_side(b, (enum direction)d, signal_mask, f) != 0) return -1;
  }
  return 0;
}

static int is_heard(const void *self) {
  const struct bridge *b = self;

  return link_next_time(b->link[DIRECTION_BA]) == LINK_NEVER;
}

int bridge_run(const struct options *o, struct failure *f) {
  struct bridge b = {.options = o,
                     .crew = {.delay_b_ns = o->delay_b_ns, .stops_a_after_b = o->stops_a_after_b}};
  b.crew.is_heard = is_heard;
  b.crew.link = &b;
  struct loop_service service = {&b, bridge_watch, bridge_serve, bridge_next_time};
  sigset_t signal_mask;
  int signal_fd = loop_open_signals(&signal_mask);
  int status = -1;

  b.ns[DIRECTION_AB].tun_fd = b.ns[DIRECTION_BA].tun_fd = -1;
  if (signal_fd < 0) return failure_set(f, FAILURE_OWN, "cannot watch signals: %s", strerror(errno));
  if (bridge_open(&b, &signal_mask, f) != 0) goto out;
  if (loop_run(&service, &b.crew, signal_fd) != 0) {
    failure_set(f, FAILURE_OWN, "cannot wait for packets: %s", strerror(errno));
    goto out;
  }
  status = crew_exit_status(&b.crew);
  if (o->has_stats) stats_print(b.link);
  if (o->has_flows) stats_print_flows(b.flows);
out:
  crew_clear(&b.crew);
  if (pcap_close(b.pcap, f) != 0) status = -1;
  close(b.ns[DIRECTION_AB].tun_fd);
  close(b.ns[DIRECTION_BA].tun_fd);
  link_free(b.link[DIRECTION_AB]);
  link_free(b.link[DIRECTION_BA]);
  close(signal_fd);
  return status;
}

int bridge_try(const struct options *o, struct failure *f) {
  struct netns a, b;

  if (netns_enter(&a, &sides[DIRECTION_AB], o->device_mtu, f) != 0) return -1;
  return netns_enter(&b, &sides[DIRECTION_BA], o->device_mtu, f);
}
