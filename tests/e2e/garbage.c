/* garbage: throws datagrams at a receiver that no sender would send, and stands between an honest sender and
 * it.
 *
 *   garbage --first FILE          keeps the first datagram that arrives at a free port, printed as `listening
 * N` garbage PORT COUNT SEED FILE  COUNT datagrams to 127.0.0.1:PORT garbage --between PORT SEED   relays a
 * free port (`listening N`) to PORT for one client, and adds to each of its datagrams two damaged copies from
 * the same address
 *
 * A third of the garbage is noise, a third looks like our packets from the first byte on (each type, right
 * version, random rest), a third are real first packets with a few bytes changed: those the receiver looks at
 * longest. */
#include <arpa/inet.h>
#include <poll.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { DATAGRAM_BYTES = 1472, PAUSE_EVERY = 64 };

static uint64_t state;

/* splitmix64 */
static uint64_t next_random(void) {
  uint64_t z = state += 0x9e3779b97f4a7c15u;
  z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
  z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
  return z ^ (z >> 31);
}

static uint64_t below(uint64_t bound) { return next_random() % bound; }

static void fill(uint8_t *bytes, size_t size) {
  for (size_t i = 0; i < size; i++)
    bytes[i] = (uint8_t)next_random();
}

static int open_socket(void) {
  struct sockaddr_in any = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
  int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  if (fd < 0 || bind(fd, (struct sockaddr *)&any, sizeof any) != 0) {
    perror("garbage: socket");
    exit(2);
  }
  return fd;
}

static size_t damage(uint8_t *bytes, size_t size) {
  for (uint64_t changes = 1 + below(4); changes > 0; changes--)
    bytes[below(size)] = (uint8_t)next_random();
  return below(4) == 0 ? 1 + below(size) : size;
}

/* A long or short header of any type, the version right as often as not. */
static size_t imitate(uint8_t *bytes) {
  static const uint8_t version[4] = {0x75, 0x63, 0x70, 0x31};
  size_t size = below(3) ? 1200 + below(DATAGRAM_BYTES - 1200) : 1 + below(1200);
  fill(bytes, DATAGRAM_BYTES);
  bytes[0] = (uint8_t)below(256);
  if (below(2)) memcpy(bytes + 1, version, sizeof version);
  if (below(2)) memset(bytes + size / 2, 0, size - size / 2);
  return size;
}

static size_t read_first(const char *path, uint8_t *bytes) {
  FILE *file = fopen(path, "rb");
  size_t size = file ? fread(bytes, 1, DATAGRAM_BYTES, file) : 0;
  if (size == 0) exit(2);
  fclose(file);
  return size;
}

static void throw_at(uint16_t port, long count, const char *first_path) {
  struct sockaddr_in to = {
      .sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
  struct timespec pause = {.tv_nsec = 1000000};
  uint8_t first[DATAGRAM_BYTES], bytes[DATAGRAM_BYTES];
  size_t first_size = read_first(first_path, first);
  int fd = open_socket();
  for (long i = 0; i < count; i++) {
    size_t size;
    uint64_t kind = below(3);
    if (kind == 2) {
      memcpy(bytes, first, first_size);
      size = damage(bytes, first_size);
    } else if (kind == 1) {
      size = imitate(bytes);
    } else {
      size = below(DATAGRAM_BYTES + 1);
      fill(bytes, size);
    }
    sendto(fd, bytes, size, 0, (struct sockaddr *)&to, sizeof to);
    if (i % PAUSE_EVERY == 0)
      nanosleep(&pause, NULL); /* the receiver shall see them, not its socket drop them */
    if (i % 20000 == 19999) {
      close(fd);
      fd = open_socket(); /* someone else */
    }
  }
  close(fd);
}

static void stand_between(uint16_t port) {
  struct sockaddr_in to = {
      .sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
  struct sockaddr_in client = {0}, own = {0};
  socklen_t size_of_own = sizeof own;
  struct pollfd fds[2] = {{.fd = open_socket(), .events = POLLIN}, {.fd = open_socket(), .events = POLLIN}};
  getsockname(fds[0].fd, (struct sockaddr *)&own, &size_of_own);
  printf("listening %u\n", ntohs(own.sin_port));
  fflush(stdout);
  for (;;) {
    static uint8_t bytes[65536];
    if (poll(fds, 2, 60000) <= 0) return;
    if (fds[0].revents) {
      socklen_t size_of_client = sizeof client;
      ssize_t size = recvfrom(fds[0].fd, bytes, sizeof bytes, 0, (struct sockaddr *)&client, &size_of_client);
      if (size <= 0) continue;
      sendto(fds[1].fd, bytes, (size_t)size, 0, (struct sockaddr *)&to, sizeof to);
      for (int copy = 0; copy < 2; copy++) {
        size_t damaged = damage(bytes, (size_t)size);
        sendto(fds[1].fd, bytes, damaged, 0, (struct sockaddr *)&to, sizeof to);
      }
    }
    if (fds[1].revents) {
      ssize_t size = recv(fds[1].fd, bytes, sizeof bytes, 0);
      if (size > 0) sendto(fds[0].fd, bytes, (size_t)size, 0, (struct sockaddr *)&client, sizeof client);
    }
  }
}

static void keep_first(const char *path) {
  struct sockaddr_in own = {0};
  socklen_t size_of_own = sizeof own;
  uint8_t bytes[DATAGRAM_BYTES];
  int fd = open_socket();
  getsockname(fd, (struct sockaddr *)&own, &size_of_own);
  printf("listening %u\n", ntohs(own.sin_port));
  fflush(stdout);
  ssize_t size = recv(fd, bytes, sizeof bytes, 0);
  FILE *file = fopen(path, "wb");
  if (!file || size <= 0 || fwrite(bytes, 1, (size_t)size, file) != (size_t)size) exit(2);
  fclose(file);
}

int main(int argc, char **argv) {
  if (argc == 3 && strcmp(argv[1], "--first") == 0) {
    keep_first(argv[2]);
    return 0;
  }
  if (argc < 4) {
    fputs("usage: garbage --first FILE | PORT COUNT SEED FILE | --between PORT SEED\n", stderr);
    return 2;
  }
  state = strtoull(argv[3], NULL, 10);
  if (strcmp(argv[1], "--between") == 0)
    stand_between((uint16_t)strtoul(argv[2], NULL, 10));
  else if (argc == 5)
    throw_at((uint16_t)strtoul(argv[1], NULL, 10), strtol(argv[2], NULL, 10), argv[4]);
  return 0;
}
