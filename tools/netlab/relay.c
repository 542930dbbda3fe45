/*
 * Relay mode, see relay.h. Every client address gets a socket of its own towards the server, as behind a NAT;
 * rebinding replaces these sockets, and what the server still sends to the old ports is lost. A packet in the
 * link carries the number of its client as tag.
 */
#include "relay.h"

#include "clock.h"
#include "crew.h"
#include "loop.h"
#include "stats.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum { CLIENTS_MAX = LOOP_FDS_MAX - 2, BATCH_PACKETS = 32, SOCKET_BUFFER_BYTES = 8 << 20 };

struct client {
  struct sockaddr_in address;
  int fd; /* towards the server */
};

struct relay {
  const struct options *options;
  struct sockaddr_storage server;
  socklen_t server_bytes;
  int listen_fd;
  uint16_t listen_port;
  struct client clients[CLIENTS_MAX];
  size_t client_count;
  struct link *link[DIRECTIONS];
  uint64_t start_ns; /* of the traffic; 0: not yet */
  size_t rebinds_done;
  struct crew crew;
};

/* --- sockets --- */

static int resolve_server(struct relay *r, struct failure *f) {
  struct addrinfo hints = {.ai_socktype = SOCK_DGRAM, .ai_flags = AI_NUMERICSERV}, *found;
  int status = getaddrinfo(r->options->server_host, r->options->server_port, &hints, &found);

  if (status != 0)
    return failure_set(f, FAILURE_OWN, "%s: %s", r->options->server_host, gai_strerror(status));
  assert(found->ai_addrlen <= sizeof(r->server));
  memcpy(&r->server, found->ai_addr, found->ai_addrlen);
  r->server_bytes = found->ai_addrlen;
  freeaddrinfo(found);
  return 0;
}

static int open_socket(int family) {
  int fd = socket(family, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  int bytes = SOCKET_BUFFER_BYTES;

  if (fd < 0) return -1;
  /* By force where that is allowed, else as much as the system grants. */
  if (setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &bytes, sizeof(bytes)) != 0)
    setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &bytes, sizeof(bytes));
  if (setsockopt(fd, SOL_SOCKET, SO_SNDBUFFORCE, &bytes, sizeof(bytes)) != 0)
    setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &bytes, sizeof(bytes));
  return fd;
}

static int open_towards_server(const struct relay *r) {
  int fd = open_socket(r->server.ss_family);

  if (fd >= 0 && connect(fd, (const struct sockaddr *)&r->server, r->server_bytes) != 0) {
    close(fd);
    fd = -1;
  }
  return fd;
}

static int open_listener(struct relay *r, struct failure *f) {
  struct sockaddr_in address = {.sin_family = AF_INET,
                                .sin_port = htons(r->options->listen_port),
                                .sin_addr = {htonl(INADDR_LOOPBACK)}};
  socklen_t address_bytes = sizeof(address);

  r->listen_fd = open_socket(AF_INET);
  if (r->listen_fd < 0 || bind(r->listen_fd, (const struct sockaddr *)&address, sizeof(address)) != 0 ||
      getsockname(r->listen_fd, (struct sockaddr *)&address, &address_bytes) != 0)
    return failure_set(f, FAILURE_OWN, "cannot listen on 127.0.0.1:%u: %s", (unsigned)r->options->listen_port,
                       strerror(errno));
  r->listen_port = ntohs(address.sin_port);
  printf("listening %u\n", (unsigned)r->listen_port);
  fflush(stdout);
  return 0;
}

/* --- clients --- */

/* The number of the client, a new one if need be; -1 when there are too many. */
static int find_client(struct relay *r, const struct sockaddr_in *address) {
  struct client *c;
  size_t i;

  for (i = 0; i < r->client_count; i++)
    if (r->clients[i].address.sin_port == address->sin_port &&
        r->clients[i].address.sin_addr.s_addr == address->sin_addr.s_addr)
      return (int)i;
  if (r->client_count == CLIENTS_MAX) return -1;
  c = &r->clients[r->client_count];
  c->address = *address;
  c->fd = open_towards_server(r);
  if (c->fd < 0) return -1;
  return (int)r->client_count++;
}

static void rebind_clients(struct relay *r) {
  size_t i;

  for (i = 0; i < r->client_count; i++) {
    int fd = open_towards_server(r); /* before the old one is closed, so that the port differs */

    if (fd < 0) continue;
    close(r->clients[i].fd);
    r->clients[i].fd = fd;
  }
}

/* --- packets --- */

static void start_traffic(struct relay *r, uint64_t now_ns) {
  if (r->start_ns == 0) r->start_ns = now_ns;
  link_start(r->link[DIRECTION_AB], now_ns);
  link_start(r->link[DIRECTION_BA], now_ns);
}

static void read_from_clients(struct relay *r) {
  struct link *l = r->link[DIRECTION_BA];
  uint64_t now_ns = clock_now_ns();
  int i;

  for (i = 0; i < BATCH_PACKETS; i++) {
    struct sockaddr_in from;
    socklen_t from_bytes = sizeof(from);
    ssize_t got = recvfrom(r->listen_fd, link_buffer(l), r->options->link[DIRECTION_BA].packet_bytes_max, 0,
                           (struct sockaddr *)&from, &from_bytes);
    int client;

    if (got < 0) return;
    client = find_client(r, &from);
    if (client < 0) continue;
    start_traffic(r, now_ns);
    link_push(l, now_ns, (size_t)got, (uint32_t)client);
  }
}

static void read_from_server(struct relay *r, uint32_t client) {
  struct link *l = r->link[DIRECTION_AB];
  uint64_t now_ns = clock_now_ns();
  int i;

  for (i = 0; i < BATCH_PACKETS; i++) {
    ssize_t got =
        recv(r->clients[client].fd, link_buffer(l), r->options->link[DIRECTION_AB].packet_bytes_max, 0);

    if (got < 0 && errno != ECONNREFUSED) return;
    if (got >= 0) link_push(l, now_ns, (size_t)got, client);
  }
}

static void send_due(struct relay *r, enum direction d) {
  uint64_t now_ns = clock_now_ns();
  const struct link_packet *p;
  int i;

  for (i = 0; i < 2 * BATCH_PACKETS && (p = link_pop(r->link[d], now_ns)) != NULL; i++) {
    const struct client *c = &r->clients[p->tag];
    ssize_t sent;

    assert(p->tag < r->client_count);
    if (d == DIRECTION_AB) {
      sent = sendto(r->listen_fd, p->data, p->bytes, 0, (const struct sockaddr *)&c->address,
                    sizeof(c->address));
    } else {
      sent = send(c->fd, p->data, p->bytes, 0);
      if (sent < 0 && errno == ECONNREFUSED) /* an earlier packet was refused; this one was not sent yet */
        sent = send(c->fd, p->data, p->bytes, 0);
    }
    if (sent != (ssize_t)p->bytes) link_stats(r->link[d])->output_drops++;
  }
}

/* --- service --- */

static uint64_t next_rebind(const struct relay *r) {
  if (r->start_ns == 0 || r->rebinds_done == r->options->rebind_count) return LINK_NEVER;
  return r->start_ns + r->options->rebinds_ns[r->rebinds_done];
}

static size_t relay_watch(void *self, struct pollfd *fds, size_t max) {
  struct relay *r = self;
  size_t i;

  assert(max >= r->client_count + 1);
  fds[0] = (struct pollfd){.fd = r->listen_fd, .events = POLLIN};
  for (i = 0; i < r->client_count; i++)
    fds[i + 1] = (struct pollfd){.fd = r->clients[i].fd, .events = POLLIN};
  return r->client_count + 1;
}

static void relay_serve(void *self, const struct pollfd *fds, size_t count) {
  struct relay *r = self;
  size_t i;

  for (i = 1; i < count; i++)
    if (fds[i].revents != 0) read_from_server(r, (uint32_t)(i - 1));
  if (fds[0].revents != 0) read_from_clients(r);
  while (next_rebind(r) <= clock_now_ns()) {
    r->rebinds_done++;
    rebind_clients(r);
  }
  send_due(r, DIRECTION_AB);
  send_due(r, DIRECTION_BA);
}

static uint64_t relay_next_time(const void *self) {
  const struct relay *r = self;
  uint64_t next_ns = next_rebind(r);
  size_t d;

  for (d = 0; d < DIRECTIONS; d++)
    if (link_next_time(r->link[d]) < next_ns) next_ns = link_next_time(r->link[d]);
  return next_ns;
}

static int relay_open(struct relay *r, const sigset_t *signal_mask, struct failure *f) {
  char port[6];
  struct child_variable variables[] = {{"NETLAB_PORT", port}, {NULL, NULL}};
  struct child_plan plan = {.command = r->options->command_b,
                            .variables = variables,
                            .input = CHILD_INPUT_INHERITED,
                            .signal_mask = signal_mask};
  size_t d;

  for (d = 0; d < DIRECTIONS; d++) {
    r->link[d] = link_new(&r->options->link[d], r->options->seed * DIRECTIONS + d);
    if (r->link[d] == NULL) return failure_set(f, FAILURE_OWN, "not enough memory");
  }
  if (resolve_server(r, f) != 0 || open_listener(r, f) != 0) return -1;
  snprintf(port, sizeof(port), "%u", (unsigned)r->listen_port);
  return plan.command != NULL ? child_prepare(&r->crew.member[CREW_B], &plan, f) : 0;
}

int relay_run(const struct options *o, struct failure *f) {
  static struct relay relay; /* zeroed; its table of clients is large for a stack */
  struct relay *r = &relay;
  struct loop_service service = {r, relay_watch, relay_serve, relay_next_time};
  sigset_t signal_mask;
  int signal_fd = loop_open_signals(&signal_mask);
  int status = -1;
  size_t i;

  r->options = o;
  r->listen_fd = -1;
  if (signal_fd < 0) return failure_set(f, FAILURE_OWN, "cannot watch signals: %s", strerror(errno));
  if (relay_open(r, &signal_mask, f) != 0) goto out;
  if (loop_run(&service, &r->crew, signal_fd) != 0) {
    failure_set(f, FAILURE_OWN, "cannot wait for packets: %s", strerror(errno));
    goto out;
  }
  status = crew_exit_status(&r->crew);
  if (o->has_stats) stats_print(r->link);
out:
  crew_clear(&r->crew);
  for (i = 0; i < r->client_count; i++)
    close(r->clients[i].fd);
  close(r->listen_fd);
  link_free(r->link[DIRECTION_AB]);
  link_free(r->link[DIRECTION_BA]);
  close(signal_fd);
  return status;
}
