/* off_path: what the attackers of off_path.sh share - sockets anywhere in 127.0.0.0/8, datagrams thrown no
 * faster than the receiver reads them (so that it sees each one, and its socket drops none), and first
 * packets that are right in every bit, or in all but the one that an attack changes. */
#ifndef OFF_PATH_H
#define OFF_PATH_H

#include "udpcp/crypto.h"
#include "udpcp/io.h"
#include "udpcp/wire.h"

#include <arpa/inet.h>
#include <poll.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { BATCH = 64, QUEUE_BYTES_MAX = 200 * 1024, HELLO_BYTES_MAX = 1024 };

__attribute__((format(printf, 1, 2), noreturn)) static inline void fail(const char *format, ...) {
  va_list arguments;
  va_start(arguments, format);
  vfprintf(stderr, format, arguments);
  va_end(arguments);
  fputc('\n', stderr);
  exit(1);
}

/* ---- sockets ---- */
static inline struct sockaddr_in host_at(uint32_t ip, uint16_t port) {
  return (struct sockaddr_in){.sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = htonl(ip)};
}

/* Speaks from ip:own (own 0: any port) to 127.0.0.1:port, and hears only that. */
static inline int open_at(uint32_t ip, uint16_t own, uint16_t port) {
  struct sockaddr_in from = host_at(ip, own), to = host_at(INADDR_LOOPBACK, port);
  int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0), on = 1;
  if (fd >= 0 && own) setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  if (fd < 0 || bind(fd, (struct sockaddr *)&from, sizeof from) != 0 ||
      connect(fd, (struct sockaddr *)&to, sizeof to) != 0)
    fail("no socket at %08x:%u", ip, own);
  return fd;
}

static inline uint16_t port_of(int fd) {
  struct sockaddr_in own = {0};
  socklen_t size = sizeof own;
  getsockname(fd, (struct sockaddr *)&own, &size);
  return ntohs(own.sin_port);
}

static inline void sleep_ms(long ms) {
  nanosleep(&(struct timespec){.tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000}, NULL);
}

/* The next answer within that time; 0 when there is none. */
static inline size_t answer_within(int fd, int ms, uint8_t *bytes, size_t capacity) {
  struct pollfd wait = {.fd = fd, .events = POLLIN};
  if (poll(&wait, 1, ms) <= 0) return 0;
  ssize_t size = recv(fd, bytes, capacity, 0);
  return size > 0 ? (size_t)size : 0;
}

/* ---- the receiver's queue ---- */
static inline long queued_in(const char *table, uint16_t port) {
  char line[512];
  long found = -1;
  FILE *file = fopen(table, "re");
  while (file && fgets(line, sizeof line, file)) {
    unsigned local, queued;
    if (sscanf(line, " %*d: %*[0-9A-Fa-f]:%x %*[0-9A-Fa-f]:%*x %*x %*x:%x", &local, &queued) == 2 &&
        local == port)
      found = (found < 0 ? 0 : found) + (long)queued;
  }
  if (file) fclose(file);
  return found;
}

/* Until the receiver has read nearly all there was. */
static inline void wait_for_room(uint16_t port) {
  for (int tries = 0; tries < 100000; tries++) {
    long queued = queued_in("/proc/net/udp6", port);
    if (queued < 0) queued = queued_in("/proc/net/udp", port);
    if (queued < 0) fail("nobody receives at port %u any more", port);
    if (queued <= QUEUE_BYTES_MAX) return;
    nanosleep(&(struct timespec){.tv_nsec = 20000}, NULL);
  }
  fail("the receiver reads nothing for 5 s");
}

/* ---- many datagrams ---- */
struct batch {
  int fd;
  uint16_t port;
  int filled;
  struct iovec at[BATCH];
  uint8_t bytes[BATCH][DATAGRAM_BYTES_IPV4];
};

static inline void batch_flush(struct batch *batch) {
  struct mmsghdr heads[BATCH] = {0};
  for (int i = 0; i < batch->filled; i++)
    heads[i].msg_hdr = (struct msghdr){.msg_iov = &batch->at[i], .msg_iovlen = 1};
  wait_for_room(batch->port);
  for (int sent = 0; sent < batch->filled;) {
    int count = sendmmsg(batch->fd, heads + sent, (unsigned)(batch->filled - sent), 0);
    sent += count > 0 ? count : 1; /* an ICMP error of before, told now */
  }
  batch->filled = 0;
}

static inline uint8_t *batch_room(struct batch *batch) {
  if (batch->filled == BATCH) batch_flush(batch);
  return batch->bytes[batch->filled];
}

static inline void batch_add(struct batch *batch, size_t size) {
  batch->at[batch->filled] = (struct iovec){batch->bytes[batch->filled], size};
  batch->filled++;
}

/* ---- first packets ---- */
/* As crypto/identity.h has it, whose GnuTLS has a union params that cannot stand beside our struct. */
struct identity *identity_new(void);

struct hello {
  struct crypto crypto;
  uint8_t
      bytes[HELLO_BYTES_MAX]; /* a whole ClientHello; no id stands in it that a server would look at early */
  size_t size;
};

static inline void hello_init(struct hello *hello) {
  static struct tls_config config;
  static const struct params params = {
      .max_data = 1 << 20, .idle_timeout_ms = 30000, .datagram_bytes_max = 1472, .protection = PROTECT_AEAD};
  uint8_t encoded[256];
  struct writer writer;
  writer_init(&writer, encoded, sizeof encoded);
  params_write(&params, &writer);
  config.identity = identity_new();
  hello->crypto = config.identity ? crypto_tls_new(ROLE_CLIENT, &config) : (struct crypto){0};
  if (!hello->crypto.ops) fail("no identity");
  const struct crypto_ops *ops = hello->crypto.ops;
  if (ops->set_initial_id(hello->crypto.state, (const uint8_t *)"8 bytes!", CID_BYTES) != 0 ||
      ops->start(hello->crypto.state, encoded, writer_used(&writer)) != 0)
    fail("no handshake");
  hello->size = ops->next_handshake(hello->crypto.state, LEVEL_INITIAL, hello->bytes, sizeof hello->bytes);
  if (hello->size == 0) fail("no hello");
}

/* What stands in the clear of a first packet. */
struct ids {
  struct cid destination, source;
  uint8_t token[TOKEN_BYTES_MAX];
  size_t token_size;
};

static inline void ids_draw(struct ids *ids) {
  random_fill(&ids->destination, sizeof ids->destination);
  random_fill(&ids->source, sizeof ids->source);
  ids->token_size = 0;
}

/* A datagram of `size` bytes with that frame, padded and well sealed; 0 when it does not fit. */
static inline size_t frame_datagram(const struct hello *hello, const struct ids *ids,
                                    const struct frame *frame, size_t size, uint8_t *out) {
  const struct crypto_ops *ops = hello->crypto.ops;
  struct packet packet = {.type = PACKET_INITIAL,
                          .version = WIRE_VERSION,
                          .destination = ids->destination,
                          .source = ids->source,
                          .token = ids->token,
                          .token_size = ids->token_size};
  uint8_t payload[DATAGRAM_BYTES_IPV4] = {0};
  size_t header_size = packet_header_size(&packet), around = header_size + TAG_BYTES_MAX + PROOF_BYTES;
  if (size < around + frame_size(frame)) return 0;
  packet.payload_size = size - header_size - PROOF_BYTES;
  struct writer writer;
  writer_init(&writer, payload, sizeof payload);
  frame_write(frame, &writer);
  writer_init(&writer, out, header_size);
  packet_write(&packet, &writer);
  ops->set_initial_id(hello->crypto.state, ids->destination.bytes, CID_BYTES);
  ops->seal(hello->crypto.state, LEVEL_INITIAL, 0, out, header_size, payload,
            packet.payload_size - TAG_BYTES_MAX, out + header_size);
  ops->prove(hello->crypto.state, out, size - PROOF_BYTES, out + size - PROOF_BYTES);
  return size;
}

static inline size_t hello_datagram(const struct hello *hello, const struct ids *ids, size_t size,
                                    uint8_t *out) {
  struct frame frame = {.type = FRAME_CRYPTO, .stream = {.bytes = hello->bytes, .size = hello->size}};
  return frame_datagram(hello, ids, &frame, size, out);
}

#endif
