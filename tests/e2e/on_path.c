/* on_path: stands between a sender and a receiver on this machine, carries their datagrams, and attacks.
 *
 *   on_path MODE PORT [HERE THERE]
 *                        relays a free port (printed as `listening N`) of HERE to THERE:PORT, both ways,
 * until it is ended by SIGTERM; then prints how many datagrams came from each end, how many of the sender's
 * were data, and how many the attacker made: `sender N receiver N data N made N`
 *
 * MODE: none; flip (a bit of one datagram of every 50); replay (each at once again, and 64 datagrams later);
 * cut (a shorter copy goes ahead of each); phase (a copy with the other key phase goes ahead of each data
 * packet); garbage (noise behind the header of each); reflect (each also goes back to where it came from);
 * retry, retry-damaged (a RETRY in answer to the first hello, its tag right or wrong); close-CODE,
 * hang-up-CODE (a CLOSE goes to the sender, or to the receiver, in a first packet of the other end's). The
 * last three attack the first sender only. */
#include "udpcp/transport.h"

#include <arpa/inet.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum {
  DATAGRAM_ROOM = 65536,
  FLIP_EVERY = 50,
  KEPT = 64,
  PHASE_BIT = 0x20,
  LONG_BIT = 0x80,
  SENDER = 0,
  RECEIVER = 1
};

struct datagram {
  size_t size;
  uint8_t bytes[DATAGRAM_ROOM];
};

/* One end as the relay sees it: where it sends to is the socket here. */
struct end {
  int fd;
  struct sockaddr_in address;
  unsigned long heard;
  struct datagram kept[KEPT]; /* what was sent to it lately */
  unsigned kept_at;
};

static struct end ends[2];
static unsigned long data_packets, made;
static bool has_attacked; /* for attacks that happen once */
static struct prng prng;
static volatile sig_atomic_t is_over;

static void end_now(int signal) {
  (void)signal;
  is_over = 1;
}

static void send_to(int to, const uint8_t *bytes, size_t size) {
  const struct end *end = &ends[to];
  if (end->address.sin_port == 0) return;
  (void)sendto(end->fd, bytes, size, 0, (const struct sockaddr *)&end->address, sizeof end->address);
}

static void make(int to, const uint8_t *bytes, size_t size) {
  made++;
  send_to(to, bytes, size);
}

static bool is_short(const struct datagram *datagram) { return !(datagram->bytes[0] & LONG_BIT); }

/* ---- attacks on every datagram, before it goes on ---- */

static void flip(struct datagram *datagram, int to) {
  static unsigned seen;
  (void)to;
  if (++seen % FLIP_EVERY != 0) return;
  datagram->bytes[prng_below(&prng, datagram->size)] ^= (uint8_t)(1u << prng_below(&prng, 8));
  made++;
}

static void replay(struct datagram *datagram, int to) {
  struct end *end = &ends[to];
  struct datagram *oldest = &end->kept[end->kept_at++ % KEPT];
  if (oldest->size > 0) make(to, oldest->bytes, oldest->size);
  memcpy(oldest->bytes, datagram->bytes, datagram->size);
  oldest->size = datagram->size;
  make(to, datagram->bytes, datagram->size); /* and it goes on itself */
}

static void cut(struct datagram *datagram, int to) {
  make(to, datagram->bytes, prng_below(&prng, datagram->size));
}

static void phase(struct datagram *datagram, int to) {
  if (!is_short(datagram)) return;
  datagram->bytes[0] ^= PHASE_BIT;
  make(to, datagram->bytes, datagram->size);
  datagram->bytes[0] ^= PHASE_BIT;
}

static void garbage(struct datagram *datagram, int to) {
  static uint8_t noise[DATAGRAM_ROOM];
  size_t header_size = is_short(datagram) ? SHORT_HEADER_BYTES : 1 + 4 + 2 * CID_BYTES;
  if (datagram->size < header_size) return;
  memcpy(noise, datagram->bytes, header_size);
  for (size_t i = header_size; i < datagram->size; i++)
    noise[i] = (uint8_t)prng_next(&prng);
  if (is_short(datagram)) noise[9] = noise[10] = 0; /* a packet number not far off */
  make(to, noise, datagram->size);
}

static void reflect(struct datagram *datagram, int to) { make(!to, datagram->bytes, datagram->size); }

/* ---- forged answers to the first hello ---- */

static void answer_retry(const struct packet *hello, bool is_damaged) {
  uint8_t bytes[200], token[40];
  struct writer writer;
  memset(token, 7, sizeof token);
  struct packet packet = {.type = PACKET_RETRY,
                          .version = WIRE_VERSION,
                          .destination = hello->source,
                          .source = {{6, 6, 6}},
                          .token = token,
                          .token_size = sizeof token};
  writer_init(&writer, bytes, sizeof bytes);
  packet_write(&packet, &writer);
  uint64_t tag = hash_64_of_two(hello->destination.bytes, CID_BYTES, bytes, writer_used(&writer));
  write_u64(&writer, is_damaged ? ~tag : tag);
  make(SENDER, bytes, writer_used(&writer));
}

/* The keys of first packets come from the hello's destination id; a proof the attacker cannot make. */
static void forge_close(const struct packet *hello, int to, uint64_t code) {
  static const struct shared_key no_key;
  static const struct tls_config config = {.shared = &no_key};
  uint8_t bytes[DATAGRAM_BYTES_MIN], payload[DATAGRAM_BYTES_MIN] = {0};
  struct crypto crypto = crypto_tls_new(to == SENDER ? ROLE_SERVER : ROLE_CLIENT, &config);
  if (!crypto.ops || crypto.ops->set_initial_id(crypto.state, hello->destination.bytes, CID_BYTES) != 0)
    exit(2);
  struct frame frame = {.type = FRAME_CLOSE,
                        .close = {.code = code, .reason = (const uint8_t *)"forged", .reason_size = 6}};
  struct packet packet = {.type = PACKET_INITIAL,
                          .version = WIRE_VERSION,
                          .destination = to == SENDER ? hello->source : hello->destination,
                          .source = to == SENDER ? (struct cid){{9, 9}} : hello->source,
                          .number = to == SENDER ? 0 : 1000};
  size_t header_size = packet_header_size(&packet);
  packet.payload_size = DATAGRAM_BYTES_MIN - header_size - PROOF_BYTES;
  struct writer writer;
  writer_init(&writer, payload, sizeof payload);
  frame_write(&frame, &writer);
  writer_init(&writer, bytes, header_size);
  packet_write(&packet, &writer);
  crypto.ops->seal(crypto.state, LEVEL_INITIAL, packet.number, bytes, header_size, payload,
                   packet.payload_size - TAG_BYTES_MAX, bytes + header_size);
  size_t size = header_size + packet.payload_size;
  crypto.ops->prove(crypto.state, bytes, size, bytes + size);
  make(to, bytes, sizeof bytes);
  crypto.ops->free(crypto.state);
}

/* ---- the relay ---- */

static void attack_each(const char *mode, struct datagram *datagram, int to) {
  static const struct {
    const char *mode;
    void (*run)(struct datagram *datagram, int to);
  } attacks[] = {{"flip", flip},   {"replay", replay},   {"cut", cut},
                 {"phase", phase}, {"garbage", garbage}, {"reflect", reflect}};
  for (size_t i = 0; i < sizeof attacks / sizeof attacks[0]; i++)
    if (strcmp(mode, attacks[i].mode) == 0 && datagram->size > 0) attacks[i].run(datagram, to);
}

static void relay(const char *mode, struct datagram *datagram, int to) {
  struct packet packet;
  bool is_hello = to == RECEIVER && packet_read(&packet, datagram->bytes, datagram->size) == 0 &&
                  packet.type == PACKET_INITIAL && !has_attacked;
  if (is_hello) {
    has_attacked = true;
    if (strncmp(mode, "retry", 5) == 0) answer_retry(&packet, strcmp(mode, "retry-damaged") == 0);
    if (strncmp(mode, "close-", 6) == 0) forge_close(&packet, SENDER, strtoull(mode + 6, NULL, 10));
  }
  attack_each(mode, datagram, to);
  send_to(to, datagram->bytes, datagram->size);
  if (is_hello && strncmp(mode, "hang-up-", 8) == 0)
    forge_close(&packet, RECEIVER, strtoull(mode + 8, NULL, 10));
}

static struct sockaddr_in address_of(const char *text, uint16_t port) {
  struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(port)};
  if (inet_pton(AF_INET, text, &address.sin_addr) != 1) exit(2);
  return address;
}

static void open_sockets(const struct sockaddr_in *here) {
  struct sockaddr_in own;
  socklen_t size = sizeof own;
  int room = 4 << 20;
  for (int i = 0; i < 2; i++) {
    ends[i].fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (ends[i].fd < 0 || bind(ends[i].fd, (const struct sockaddr *)here, sizeof *here) != 0) exit(2);
    (void)setsockopt(ends[i].fd, SOL_SOCKET, SO_RCVBUF, &room, sizeof room);
  }
  if (getsockname(ends[SENDER].fd, (struct sockaddr *)&own, &size) != 0) exit(2);
  printf("listening %u\n", ntohs(own.sin_port));
  fflush(stdout);
}

static void take(const char *mode, int from) {
  static struct datagram datagram;
  struct sockaddr_in source;
  socklen_t source_size = sizeof source;
  ssize_t size = recvfrom(ends[from].fd, datagram.bytes, DATAGRAM_ROOM, MSG_DONTWAIT,
                          (struct sockaddr *)&source, &source_size);
  if (size < 0) return;
  datagram.size = (size_t)size;
  ends[from].heard++;
  if (from == SENDER) {
    ends[SENDER].address = source; /* the newest sender */
    data_packets += size > 0 && is_short(&datagram);
  }
  relay(mode, &datagram, !from);
}

int main(int argc, char **argv) {
  if (argc != 3 && argc != 5) {
    fputs("usage: on_path MODE PORT [HERE THERE]\n", stderr);
    return 2;
  }
  struct sigaction action = {.sa_handler = end_now};
  sigaction(SIGTERM, &action, NULL);
  prng_seed(&prng, 11);
  struct sockaddr_in here = address_of(argc == 5 ? argv[3] : "127.0.0.1", 0);
  ends[RECEIVER].address =
      address_of(argc == 5 ? argv[4] : "127.0.0.1", (uint16_t)strtoul(argv[2], NULL, 10));
  open_sockets(&here);
  struct pollfd fds[2] = {{.fd = ends[0].fd, .events = POLLIN}, {.fd = ends[1].fd, .events = POLLIN}};
  while (!is_over) {
    if (poll(fds, 2, 60000) <= 0) break; /* nobody is there any more, or the signal came */
    for (int from = 0; from < 2; from++)
      if (fds[from].revents) take(argv[1], from);
  }
  printf("sender %lu receiver %lu data %lu made %lu\n", ends[SENDER].heard, ends[RECEIVER].heard,
         data_packets, made);
  return 0;
}
