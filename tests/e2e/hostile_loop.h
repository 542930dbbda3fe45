/* hostile_loop: the socket, the keys and the loop of a struct peer; see hostile_peer.h, which includes it. */
#ifndef HOSTILE_LOOP_H
#define HOSTILE_LOOP_H

#include "transport/conn.h"
#include "udpcp/io.h"

#include <assert.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum { PEER_HEARD_MAX = 1 << 20, PEER_BATCH = 64 };
#define PEER_CONNECT_NS (10 * NS_PER_S)

struct peer {
  int fd;
  struct identity *identity;
  struct tls_config tls;
  struct pool *pool;
  struct listener *listener; /* of a receiver: owns `conn` */
  struct conn *conn;
  uint64_t now_ns;
  bool is_established, is_closed;
  struct conn_event closed;
  uint64_t blocks_acked, blocks_received, datagrams_received;
  bool keeps_credit; /* of a receiver: what blocks took is not given back */
  bool is_mute;      /* nothing that the transport itself wants to send leaves */
  uint8_t *heard;    /* PEER_HEARD_MAX bytes at most: the rest is dropped */
  size_t heard_size;
};

static inline void peer_die(const char *why) {
  fprintf(stderr, "hostile peer: %s\n", why);
  exit(2);
}

static inline struct crypto peer_new_crypto(void *context) {
  struct peer *peer = context;
  return crypto_tls_new(peer->listener ? ROLE_SERVER : ROLE_CLIENT, &peer->tls);
}

/* A socket on a free port of 127.0.0.1, and an identity of its own: $XDG_CONFIG_HOME/hostile_identity. */
static inline void peer_open(struct peer *peer) {
  struct sockaddr_in any = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
  const char *folder = getenv("XDG_CONFIG_HOME");
  char path[4096];
  int error, buffer = 4 << 20;
  bool is_new;
  memset(peer, 0, sizeof(*peer));
  if (!folder || snprintf(path, sizeof(path), "%s/hostile_identity", folder) >= (int)sizeof(path))
    peer_die("XDG_CONFIG_HOME is to name a folder of the test");
  peer->identity = identity_open(path, &is_new, &error);
  if (!peer->identity) peer_die(error_text(error));
  peer->tls.identity = peer->identity;
  peer->pool = pool_new(64 << 20);
  peer->heard = malloc(PEER_HEARD_MAX);
  peer->fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  if (peer->fd < 0 || bind(peer->fd, (struct sockaddr *)&any, sizeof(any)) != 0) peer_die("no socket");
  setsockopt(peer->fd, SOL_SOCKET, SO_RCVBUF, &buffer, sizeof(buffer));
  peer->now_ns = clock_now_ns();
}

static inline uint16_t peer_port(const struct peer *peer) {
  struct sockaddr_in own;
  socklen_t size = sizeof(own);
  getsockname(peer->fd, (struct sockaddr *)&own, &size);
  return ntohs(own.sin_port);
}

static inline void peer_put(struct peer *peer, const struct address *to, const uint8_t *bytes, size_t size) {
  struct pollfd room = {.fd = peer->fd, .events = POLLOUT};
  while (sendto(peer->fd, bytes, size, 0, (const struct sockaddr *)to->bytes, to->size) < 0)
    if (poll(&room, 1, 1000) <= 0) return;
}

static inline struct conn_config peer_pattern(struct peer *peer) {
  return (struct conn_config){.pool = peer->pool,
                              .window_bytes = 32 << 20,
                              .datagram_bytes_max = DATAGRAM_BYTES_IPV4,
                              .idle_timeout_ns = 60 * NS_PER_S,
                              .handshake_timeout_ns = PEER_CONNECT_NS,
                              .protection = PROTECT_AEAD};
}

/* ---- time passes ---- */
static inline void peer_take(struct peer *peer) {
  uint8_t bytes[DATAGRAM_BYTES_MAX], reply[DATAGRAM_BYTES_MIN];
  for (int i = 0; i < PEER_BATCH; i++) {
    struct address from = {.size = sizeof(struct sockaddr_in)};
    socklen_t from_size = from.size;
    ssize_t size = recvfrom(peer->fd, bytes, sizeof(bytes), 0, (struct sockaddr *)from.bytes, &from_size);
    if (size < 0) return;
    peer->datagrams_received++;
    if (!peer->listener) {
      conn_on_datagram(peer->conn, peer->now_ns, &from, bytes, (size_t)size);
      continue;
    }
    size_t reply_size = 0;
    bool is_new = false;
    struct conn *conn = listener_on_datagram(peer->listener, peer->now_ns, &from, bytes, (size_t)size,
                                             &is_new, reply, &reply_size);
    if (reply_size > 0) peer_put(peer, &from, reply, reply_size);
    if (is_new && !peer->conn) peer->conn = conn;
  }
}

static inline void peer_take_events(struct peer *peer) {
  struct conn_event event;
  while (peer->conn && conn_next_event(peer->conn, &event)) {
    size_t size, room;
    uint8_t rest[4096];
    if (event.type == CONN_EVENT_ESTABLISHED) peer->is_established = true;
    if (event.type == CONN_EVENT_CONTROL)
      while ((room = PEER_HEARD_MAX - peer->heard_size, true) &&
             (size = conn_read(peer->conn, room ? peer->heard + peer->heard_size : rest,
                               room ? room : sizeof(rest))) > 0)
        if (room > 0) peer->heard_size += size;
    if (event.type == CONN_EVENT_BLOCK_ACKED) {
      peer->blocks_acked++;
      free(event.cookie);
    }
    if (event.type == CONN_EVENT_BLOCK_RECEIVED) {
      peer->blocks_received++;
      if (!peer->keeps_credit) conn_release_block(peer->conn, event.block.bytes, event.block.size_class);
    }
    if (event.type != CONN_EVENT_CLOSED) continue;
    peer->is_closed = true;
    peer->closed = event;
  }
}

/* One turn of the loop: waits at most until `deadline_ns`. */
static inline void peer_turn(struct peer *peer, uint64_t deadline_ns) {
  uint8_t bytes[DATAGRAM_BYTES_MAX];
  struct address to;
  size_t size;
  for (int i = 0; i < PEER_BATCH && peer->conn && !peer->is_mute; i++) {
    if ((size = conn_next_datagram(peer->conn, peer->now_ns, bytes, sizeof(bytes), &to)) == 0) break;
    peer_put(peer, &to, bytes, size);
  }
  uint64_t next_ns = peer->conn ? conn_next_timeout(peer->conn) : TIME_NEVER;
  if (next_ns > deadline_ns) next_ns = deadline_ns;
  struct pollfd in = {.fd = peer->fd, .events = POLLIN};
  uint64_t wait_ns = next_ns > peer->now_ns ? next_ns - peer->now_ns : 0;
  ppoll(&in, 1, &(struct timespec){(time_t)(wait_ns / NS_PER_S), (long)(wait_ns % NS_PER_S)}, NULL);
  peer->now_ns = clock_now_ns();
  peer_take(peer);
  if (peer->conn && peer->now_ns >= conn_next_timeout(peer->conn)) conn_on_timeout(peer->conn, peer->now_ns);
  peer_take_events(peer);
}

/* For so long, or until it is closed. */
static inline void peer_run(struct peer *peer, uint64_t duration_ns) {
  uint64_t end_ns = clock_now_ns() + duration_ns;
  while (peer->now_ns < end_ns && !peer->is_closed)
    peer_turn(peer, end_ns);
}

#endif
