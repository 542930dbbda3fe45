/* udp: one socket of trains, and the rules for everything that can go wrong with it.
 *
 * A train is cut into messages: with GSO as many datagrams as the kernel cuts itself, without it one. A place
 * (train, offset) moves over them as the kernel takes them, so that nothing is counted as sent that was not.
 * An error left behind by ICMP is reported once, by whatever call comes next, and is gone: therefore an error
 * is a message's own only when the same message meets one twice in a row. */
#include "udp_socket.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { RECEIVE_TRIES = 16 }; /* errors and damaged datagrams passed over by one call */

/* ---- opening ---- */
static int bind_socket(struct udp *udp, const struct udp_config *config) {
  union socket_address to = {.any.sa_family = AF_UNSPEC};
  socklen_t size = sizeof(to.ipv4);
  if (config->bind_to.size > 0) {
    size = address_to_socket(&config->bind_to, udp->family, &to);
    if (size == 0) return EAFNOSUPPORT;
  } else if (udp->family == AF_INET6) {
    to.ipv6 = (struct sockaddr_in6){.sin6_family = AF_INET6, .sin6_port = htons(config->port)};
    size = sizeof(to.ipv6);
  } else {
    to.ipv4 = (struct sockaddr_in){.sin_family = AF_INET, .sin_port = htons(config->port)};
  }
  if (bind(udp->fd, &to.any, size) != 0) return errno;

  size = sizeof(to);
  if (getsockname(udp->fd, &to.any, &size) != 0) return errno;
  udp->port = ntohs(udp->family == AF_INET ? to.ipv4.sin_port : to.ipv6.sin6_port);
  return 0;
}

static int connect_socket(struct udp *udp, const struct address *peer) {
  union socket_address to;
  socklen_t size = address_to_socket(peer, udp->family, &to);
  if (size == 0) return EAFNOSUPPORT;
  return connect(udp->fd, &to.any, size) == 0 ? 0 : errno;
}

/* 0 or an errno; then nothing is left open. */
static int open_socket(struct udp *udp, const struct udp_config *config, int family) {
  udp->family = family;
  udp->no_offload = config->no_offload;
  udp->is_connected = config->connect_to.size > 0;
  udp->is_any_address =
      !udp->is_connected && (config->bind_to.size == 0 || address_is_wildcard(&config->bind_to));
  udp->fd = socket(family, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, IPPROTO_UDP);
  if (udp->fd < 0) return errno;

  int failure = 0, ipv6_only = config->family == FAMILY_IPV6;
  if (family == AF_INET6 &&
      setsockopt(udp->fd, IPPROTO_IPV6, IPV6_V6ONLY, &ipv6_only, sizeof(ipv6_only)) != 0)
    failure = errno;
  if (failure == 0) failure = udp_system_open(udp);
  if (failure == 0) failure = bind_socket(udp, config);
  if (failure == 0 && udp->is_connected) failure = connect_socket(udp, &config->connect_to);
  if (failure != 0) {
    udp_system_close(udp);
    close(udp->fd);
  }
  return failure;
}

struct udp *udp_open(const struct udp_config *config, int *error) {
  struct udp *udp = calloc(1, sizeof(*udp));
  if (!udp) {
    *error = ERR_NO_MEMORY;
    return NULL;
  }
  int family = AF_INET6, failure;
  if (config->bind_to.size > 0)
    family = address_family(&config->bind_to);
  else if (config->connect_to.size > 0)
    family = address_family(&config->connect_to);
  else if (config->family == FAMILY_IPV4)
    family = AF_INET;

  failure = open_socket(udp, config, family);
  bool is_our_choice = config->bind_to.size == 0 && config->connect_to.size == 0;
  if (failure != 0 && failure != EADDRINUSE && config->family == FAMILY_ANY && is_our_choice)
    failure = open_socket(udp, config, AF_INET); /* a machine without IPv6 */
  if (failure != 0) {
    *error = error_from_errno(failure);
    free(udp);
    return NULL;
  }
  return udp;
}

void udp_close(struct udp *udp) {
  if (!udp) return;
  udp_system_close(udp);
  close(udp->fd);
  free(udp);
}

int udp_fd(const struct udp *udp) { return udp->fd; }
uint16_t udp_port(const struct udp *udp) { return udp->port; }
void udp_get_stats(const struct udp *udp, struct udp_stats *stats) { *stats = udp->stats; }

/* ---- errors ---- */
/* The kernel has no room just now; the datagram was not sent. */
static bool is_full(int failure) {
  return failure == EAGAIN || failure == EWOULDBLOCK || failure == ENOBUFS || failure == ENOMEM;
}

static bool is_unreachable(int failure) { return error_from_errno(failure) == ERR_UNREACHABLE; }

/* How drivers and kernels say that they cannot cut this train. */
static bool may_be_offload(int failure) {
  return failure == EIO || failure == EINVAL || failure == EOPNOTSUPP || failure == ENOPROTOOPT ||
         failure == EMSGSIZE;
}

/* Errors that only a bug of this program can cause. */
static bool is_our_bug(int failure) {
  return failure == EBADF || failure == ENOTSOCK || failure == EFAULT || failure == EDESTADDRREQ;
}

/* ---- sending ---- */
struct place {
  int train;
  size_t offset;
};

static size_t datagrams_in(size_t size, size_t segment) { return (size + segment - 1) / segment; }

static struct udp_message message_at(const struct udp *udp, const struct train *train, size_t offset) {
  assert(train->segment > 0 && train->segment <= UDP_TRAIN_BYTES_MAX && offset < train->size);
  size_t datagrams = 1;
  if (udp->stats.gso) {
    datagrams = UDP_TRAIN_BYTES_MAX / train->segment;
    if (datagrams > UDP_TRAIN_SEGMENTS_MAX) datagrams = UDP_TRAIN_SEGMENTS_MAX;
  }
  size_t size = datagrams * train->segment;
  if (size > train->size - offset) size = train->size - offset;
  return (struct udp_message){&train->peer, train->bytes + offset, size, train->segment};
}

static void place_advance(struct place *at, const struct train *trains, size_t size) {
  at->offset += size;
  assert(at->offset <= trains[at->train].size);
  if (at->offset < trains[at->train].size) return;
  at->train++;
  at->offset = 0;
}

static int gather(const struct udp *udp, const struct train *trains, int count, struct place at,
                  struct udp_message *messages) {
  int gathered = 0;
  while (at.train < count && gathered < UDP_MESSAGES_MAX) {
    messages[gathered] = message_at(udp, &trains[at.train], at.offset);
    place_advance(&at, trains, messages[gathered].size);
    gathered++;
  }
  return gathered;
}

/* Offers the messages once and moves `at` over what was taken. Returns as udp_system_send. */
static int offer(struct udp *udp, const struct train *trains, struct place *at,
                 const struct udp_message *messages, int count) {
  int sent = udp_system_send(udp, messages, count);
  udp->stats.send_calls++;
  for (int i = 0; i < sent; i++) {
    udp->stats.datagrams_sent += datagrams_in(messages[i].size, messages[i].segment);
    place_advance(at, trains, messages[i].size);
  }
  return sent;
}

/* A message failed for reasons of its own. Tries its first datagram alone: if that goes, offload is to blame
 * and is given up for good. Returns what to do with the message: 0 go on from `at`, or an errno. */
static int blame_offload(struct udp *udp, const struct train *trains, struct place *at,
                         const struct udp_message *message, int failure) {
  if (message->size <= message->segment || !may_be_offload(failure)) return failure;
  struct udp_message single = *message;
  single.size = single.segment;
  int sent = offer(udp, trains, at, &single, 1);
  if (sent < 0) return -sent;
  udp->stats.gso = false;
  return 0;
}

int udp_send(struct udp *udp, struct train *trains, int count, size_t *refused_size) {
  struct udp_message messages[UDP_MESSAGES_MAX];
  struct place at = {0, 0};
  bool has_failed = false; /* the message at this place, just now */
  while (at.train < count) {
    int gathered = gather(udp, trains, count, at, messages);
    int sent = offer(udp, trains, &at, messages, gathered);
    if (sent > 0) {
      has_failed = false;
      continue;
    }
    int failure = -sent;
    assert(!is_our_bug(failure));
    if (failure == EINTR) continue;
    if (is_unreachable(failure)) udp->stats.unreachable++;
    if (!is_full(failure) && udp->is_direct) {
      udp_direct_end(udp); /* the way may be another one; and this tells of ICMP that others do not hear */
      continue;
    }
    if (!is_full(failure) && !has_failed) {
      has_failed = true;
      continue;
    }
    has_failed = false;
    failure = blame_offload(udp, trains, &at, &messages[0], failure);
    if (failure == 0 || failure == EINTR) continue;
    if (is_full(failure)) {
      udp->stats.send_refused++;
      break;
    }
    /* From here on it is lost like any other datagram: a firewall, no route, too large for the interface. */
    size_t lost = messages[0].size;
    if (failure == EMSGSIZE) {
      *refused_size = lost < messages[0].segment ? lost : messages[0].segment;
      lost = trains[at.train].size - at.offset;
    }
    place_advance(&at, trains, lost);
  }
  if (at.train < count) {
    trains[at.train].bytes += at.offset;
    trains[at.train].size -= at.offset;
  }
  return at.train;
}

/* ---- receiving ---- */
int udp_receive(struct udp *udp, struct train *trains, int max) {
  assert(max > 0);
  int failure = 0;
  for (int i = 0; i < RECEIVE_TRIES; i++) {
    int kept = udp_system_receive(udp, trains, max < UDP_BATCH ? max : UDP_BATCH);
    udp->stats.receive_calls++;
    if (kept > 0) {
      for (int t = 0; t < kept; t++)
        udp->stats.datagrams_received += datagrams_in(trains[t].size, trains[t].segment);
      return kept;
    }
    failure = -kept;
    if (is_full(failure)) return 0;
    assert(!is_our_bug(failure));
    if (is_unreachable(failure)) udp->stats.unreachable++;
  }
  /* A connected socket hears what any router says of any datagram, and believes none of it. */
  if (failure != 0 && !is_unreachable(failure) && udp->is_direct) {
    udp_direct_end(udp);
    return 0;
  }
  return failure == 0 || is_unreachable(failure) ? 0 : error_from_errno(failure);
}
