/* off_path_relay: stands between one sender and the receiver at 127.0.0.1:PORT, at a free port that it prints
 * as `listening N`, and carries what they say, but
 *
 *   off_path_relay versions PORT   before the receiver's answer, and during the transfer, says in its name
 * that it speaks other versions only, under wrong ids and under the right one off_path_relay flip PORT of
 * every packet of data sends first a copy with one bit flipped, each time another one, from the first of the
 * header to the last of the tag
 *
 * Ends by itself when nothing was said for 3 s; `flip` then prints how many copies it made. */
#include "off_path.h"

enum { QUIET_MS = 3000, ANSWER_DELAY_MS = 300, PACKET_MAX = 65536 };

struct relay {
  int client_fd, server_fd;
  struct sockaddr_in client;
  uint64_t first_ns; /* when the client's first packet came */
  struct ids asked;  /* what stood in it */
  size_t flipped;
  bool (*on_client)(struct relay *relay, uint8_t *bytes, size_t size);
};

static void say_versions(const struct relay *relay, const struct cid *destination, const struct cid *source) {
  uint8_t bytes[64];
  struct packet packet = {.type = PACKET_VERSIONS, .destination = *destination, .source = *source};
  struct writer writer;
  writer_init(&writer, bytes, sizeof bytes);
  packet_write(&packet, &writer);
  write_u32(&writer, WIRE_VERSION + 1);
  sendto(relay->client_fd, bytes, writer_used(&writer), 0, (const struct sockaddr *)&relay->client,
         sizeof relay->client);
}

static void forge_versions(const struct relay *relay) {
  struct ids wrong;
  ids_draw(&wrong);
  say_versions(relay, &wrong.destination, &wrong.source);
  say_versions(relay, &relay->asked.source, &wrong.source);
  say_versions(relay, &wrong.destination, &relay->asked.destination);
  say_versions(relay, &relay->asked.source, &relay->asked.destination); /* as a receiver would say it */
}

/* False: the receiver shall not hear it yet, so that ours is the first answer. */
static bool delay_the_answer(struct relay *relay, uint8_t *bytes, size_t size) {
  struct packet packet;
  if (packet_read(&packet, bytes, size) != 0) fail("a packet of the sender's that cannot be read");
  if (relay->first_ns == 0) {
    relay->first_ns = clock_now_ns();
    relay->asked = (struct ids){.destination = packet.destination, .source = packet.source};
  }
  forge_versions(relay);
  return clock_now_ns() > relay->first_ns + ANSWER_DELAY_MS * NS_PER_MS;
}

static bool flip_a_copy(struct relay *relay, uint8_t *bytes, size_t size) {
  if (bytes[0] & 0x80) return true;               /* the handshake's */
  size_t bit = relay->flipped++ * 7 % (8 * size); /* 7: falls on each bit in time, header and tag included */
  bytes[bit / 8] ^= (uint8_t)(0x80u >> bit % 8);
  send(relay->server_fd, bytes, size, 0);
  bytes[bit / 8] ^= (uint8_t)(0x80u >> bit % 8);
  return true;
}

static void carry(struct relay *relay) {
  static uint8_t bytes[PACKET_MAX];
  struct pollfd fds[2] = {{.fd = relay->client_fd, .events = POLLIN},
                          {.fd = relay->server_fd, .events = POLLIN}};
  int limit_ms = 10000;
  while (poll(fds, 2, limit_ms) > 0) {
    limit_ms = QUIET_MS;
    if (fds[0].revents) {
      socklen_t size_of_client = sizeof relay->client;
      ssize_t size = recvfrom(relay->client_fd, bytes, sizeof bytes, 0, (struct sockaddr *)&relay->client,
                              &size_of_client);
      if (size > 0 && relay->on_client(relay, bytes, (size_t)size))
        send(relay->server_fd, bytes, (size_t)size, 0);
    }
    if (fds[1].revents) {
      ssize_t size = recv(relay->server_fd, bytes, sizeof bytes, 0);
      if (size > 0)
        sendto(relay->client_fd, bytes, (size_t)size, 0, (struct sockaddr *)&relay->client,
               sizeof relay->client);
    }
  }
}

int main(int argc, char **argv) {
  struct relay relay = {0};
  struct sockaddr_in any = host_at(INADDR_LOOPBACK, 0);
  if (argc != 3 || (strcmp(argv[1], "versions") && strcmp(argv[1], "flip")))
    fail("usage: off_path_relay versions|flip PORT");
  relay.on_client = argv[1][0] == 'v' ? delay_the_answer : flip_a_copy;
  relay.server_fd = open_at(INADDR_LOOPBACK, 0, (uint16_t)strtoul(argv[2], NULL, 10));
  relay.client_fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  if (relay.client_fd < 0 || bind(relay.client_fd, (struct sockaddr *)&any, sizeof any) != 0)
    fail("cannot listen");
  printf("listening %u\n", port_of(relay.client_fd));
  fflush(stdout);
  carry(&relay);
  printf("flipped %zu\n", relay.flipped);
  return 0;
}
