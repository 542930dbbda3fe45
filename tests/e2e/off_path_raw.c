/* off_path_raw: packets forged down to their addresses, in a network of the test's own, where this is
 * allowed.
 *
 *   off_path_raw port-0 PORT             first packets that claim to come from port 0
 *   off_path_raw errors PORT OTHER       what looks like answers and errors, from one receiver's port to
 *                                        another's: none may go back and forth
 *   off_path_raw icmp PORT               every ICMP error there is about a transfer, to both of its ends
 *
 * Says on stderr what went wrong and leaves with 0 when the receiver did as it must. */
#include "off_path.h"

#include <errno.h>
#include <linux/if_packet.h>
#include <net/ethernet.h>
#include <netinet/ip.h>
#include <netinet/ip_icmp.h>
#include <netinet/udp.h>

enum { SNIFF_BYTES = 8 << 20, IP_BYTES = 20, UDP_BYTES = 8, ROUTER = 0x7f090909 };

static uint16_t port;

/* ---- seeing ---- */
static int open_sniffer(void) {
  int fd = socket(AF_PACKET, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, htons(ETH_P_IP));
  int bytes = SNIFF_BYTES;
  if (fd < 0) fail("cannot see packets here");
  if (setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &bytes, sizeof bytes) != 0)
    setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &bytes, sizeof bytes);
  return fd;
}

struct seen {
  uint16_t from, to;
  size_t size; /* of the payload */
  uint8_t payload[64];
};

/* The next UDP datagram; false when there is none just now. */
static bool sniff(int fd, struct seen *seen) {
  uint8_t bytes[2048];
  struct sockaddr_ll where;
  socklen_t where_size = sizeof where;
  ssize_t got;
  while ((got = recvfrom(fd, bytes, sizeof bytes, MSG_TRUNC, (struct sockaddr *)&where, &where_size)) > 0) {
    struct udphdr udp;
    where_size = sizeof where;
    if (where.sll_pkttype == PACKET_OUTGOING) continue; /* comes in once more */
    if (got < IP_BYTES + UDP_BYTES || bytes[9] != IPPROTO_UDP) continue;
    memcpy(&udp, bytes + IP_BYTES, sizeof udp);
    *seen = (struct seen){
        .from = ntohs(udp.source), .to = ntohs(udp.dest), .size = (size_t)got - IP_BYTES - UDP_BYTES};
    size_t kept = seen->size < sizeof seen->payload ? seen->size : sizeof seen->payload;
    memcpy(seen->payload, bytes + IP_BYTES + UDP_BYTES, kept);
    return true;
  }
  return false;
}

/* ---- forging ---- */
static uint16_t checksum(const uint8_t *bytes, size_t size) {
  uint32_t sum = 0;
  for (size_t i = 0; i < size; i++)
    sum += i % 2 ? bytes[i] : (uint32_t)bytes[i] << 8;
  while (sum >> 16)
    sum = (sum & 0xffff) + (sum >> 16);
  return (uint16_t)~sum;
}

static size_t put_headers(uint8_t *bytes, uint16_t from, uint16_t to, size_t payload) {
  struct iphdr ip = {.version = 4,
                     .ihl = 5,
                     .ttl = 64,
                     .frag_off = htons(0x4000),
                     .protocol = IPPROTO_UDP,
                     .saddr = htonl(INADDR_LOOPBACK),
                     .daddr = htonl(INADDR_LOOPBACK),
                     .tot_len = htons((uint16_t)(IP_BYTES + UDP_BYTES + payload))};
  struct udphdr udp = {
      .source = htons(from), .dest = htons(to), .len = htons((uint16_t)(UDP_BYTES + payload))};
  memcpy(bytes, &ip, sizeof ip);
  memcpy(bytes + IP_BYTES, &udp, sizeof udp);
  return IP_BYTES + UDP_BYTES;
}

static int open_raw(void) {
  int fd = socket(AF_INET, SOCK_RAW | SOCK_CLOEXEC, IPPROTO_RAW), discover = IP_PMTUDISC_PROBE;
  /* The kernel may believe an ICMP error that was forged before. */
  if (fd < 0 || setsockopt(fd, IPPROTO_IP, IP_MTU_DISCOVER, &discover, sizeof discover) != 0)
    fail("cannot forge packets here");
  return fd;
}

static void send_raw(int fd, const uint8_t *bytes, size_t size) {
  struct sockaddr_in to = host_at(INADDR_LOOPBACK, 0);
  if (sendto(fd, bytes, size, 0, (struct sockaddr *)&to, sizeof to) != (ssize_t)size)
    fail("cannot forge a packet of %zu bytes: %s", size, strerror(errno));
}

static void forge_udp(int fd, uint16_t from, uint16_t to, const uint8_t *payload, size_t size) {
  uint8_t bytes[2048];
  size_t at = put_headers(bytes, from, to, size);
  memcpy(bytes + at, payload, size);
  send_raw(fd, bytes, at + size);
}

/* An error about a datagram that went from one port to the other; the kernel gives it to the first. */
static void forge_icmp(int fd, unsigned type, unsigned code, unsigned mtu, uint16_t from, uint16_t to) {
  uint8_t bytes[IP_BYTES + 8 + IP_BYTES + UDP_BYTES] = {0}, *icmp = bytes + IP_BYTES;
  struct iphdr ip = {.version = 4,
                     .ihl = 5,
                     .ttl = 64,
                     .protocol = IPPROTO_ICMP,
                     .saddr = htonl(ROUTER),
                     .daddr = htonl(INADDR_LOOPBACK),
                     .tot_len = htons(sizeof bytes)};
  memcpy(bytes, &ip, sizeof ip);
  icmp[0] = (uint8_t)type, icmp[1] = (uint8_t)code;
  icmp[6] = (uint8_t)(mtu >> 8), icmp[7] = (uint8_t)mtu;
  put_headers(icmp + 8, from, to, 1444);
  uint16_t sum = htons(checksum(icmp, sizeof bytes - IP_BYTES));
  memcpy(icmp + 2, &sum, sizeof sum);
  send_raw(fd, bytes, sizeof bytes);
}

/* ---- port 0 ---- */
static void come_from_port_0(void) {
  struct hello hello;
  uint8_t bytes[DATAGRAM_BYTES_IPV4];
  struct seen seen;
  struct ids ids;
  int raw = open_raw(), sniffer = open_sniffer();
  bool arrived = false;
  hello_init(&hello);
  for (int i = 0; i < 100; i++) {
    ids_draw(&ids);
    hello_datagram(&hello, &ids, DATAGRAM_BYTES_MIN, bytes);
    forge_udp(raw, 0, port, bytes, DATAGRAM_BYTES_MIN);
    bytes[4] ^= 1; /* another version: an answer without state */
    forge_udp(raw, 0, port, bytes, DATAGRAM_BYTES_MIN);
    sleep_ms(5);
    while (sniff(sniffer, &seen)) {
      arrived |= seen.from == 0 && seen.to == port;
      if (seen.to == 0) fail("%zu bytes were sent to port 0", seen.size);
    }
  }
  if (!arrived) fail("nothing could be sent from port 0");
}

/* ---- answers that look like questions ---- */
enum kind { VERSIONS, RETRY, CLOSE, HELLO, FOREIGN, LONG_NOISE, SHORT_NOISE, KINDS };

static size_t write_kind(const struct hello *hello, enum kind kind, uint8_t *bytes) {
  static const uint8_t reason[] = "because";
  struct frame close = {.type = FRAME_CLOSE,
                        .close = {.code = CLOSE_BUSY, .reason = reason, .reason_size = sizeof reason - 1}};
  struct packet packet = {.type = kind == RETRY ? PACKET_RETRY : PACKET_VERSIONS,
                          .version = kind == RETRY ? WIRE_VERSION : 0};
  struct ids ids;
  uint32_t number;
  ids_draw(&ids);
  random_fill(bytes, DATAGRAM_BYTES_IPV4);
  memcpy(&number, bytes, sizeof number);
  size_t size = number % 2 ? DATAGRAM_BYTES_MIN : 1 + number / 2 % DATAGRAM_BYTES_IPV4;
  switch (kind) {
  case HELLO:
    return hello_datagram(hello, &ids, DATAGRAM_BYTES_MIN, bytes);
  case CLOSE:
    return frame_datagram(hello, &ids, &close, number % 2 ? DATAGRAM_BYTES_MIN : 100, bytes);
  case FOREIGN:
    hello_datagram(hello, &ids, DATAGRAM_BYTES_MIN, bytes);
    bytes[4] ^= 1;
    return DATAGRAM_BYTES_MIN;
  case LONG_NOISE:
    bytes[0] |= 0xc0;
    return size;
  case SHORT_NOISE:
    bytes[0] = (uint8_t)(0x40 | (bytes[0] & 0x3f));
    return size;
  default:
    break;
  }
  packet.destination = ids.destination, packet.source = ids.source;
  packet.token = bytes + 100, packet.token_size = kind == RETRY ? 32 : 0;
  struct writer writer;
  writer_init(&writer, bytes, 100);
  packet_write(&packet, &writer);
  size = kind == RETRY ? writer_used(&writer) + 8 : number % 2 ? DATAGRAM_BYTES_MIN : 29;
  return kind == RETRY ? size : size - (size - writer_used(&writer)) % 4;
}

/* Whatever the first receiver answers, the other one must not answer to that. */
static void forge_errors(uint16_t other) {
  enum { COUNT = 2000, WATCH_MS = 2000 };
  struct hello hello;
  struct seen seen;
  uint8_t bytes[DATAGRAM_BYTES_IPV4];
  int raw = open_raw(), sniffer = open_sniffer();
  size_t questions = 0, answers = 0, late = 0;
  hello_init(&hello);
  for (int i = 0; i < COUNT + WATCH_MS / 10; i++) {
    if (i < COUNT) forge_udp(raw, other, port, bytes, write_kind(&hello, (enum kind)(i % KINDS), bytes));
    if (i % 16 == 0 || i >= COUNT) sleep_ms(i < COUNT ? 1 : 10);
    while (sniff(sniffer, &seen)) {
      questions += seen.from == other && seen.to == port;
      answers += seen.from == port && seen.to == other;
      late += seen.from == port && seen.to == other && i > COUNT + 20;
    }
  }
  if (questions < COUNT) fail("only %zu forged datagrams went their way", questions);
  if (questions > COUNT) fail("the other receiver has answered %zu times", questions - COUNT);
  if (answers == 0) fail("nothing was answered at all");
  if (answers > COUNT || late > 64) fail("%zu answers, %zu of them late", answers, late);
}

/* ---- ICMP ---- */

/* That the kernel takes our errors for true: a socket of ours hears one. */
static void prove_icmp(int raw) {
  int fd = open_at(INADDR_LOOPBACK, 0, port), error = 0;
  socklen_t size = sizeof error;
  for (int tries = 0; tries < 50 && error == 0; tries++) {
    forge_icmp(raw, ICMP_DEST_UNREACH, ICMP_PORT_UNREACH, 0, port_of(fd), port);
    sleep_ms(2);
    getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &size);
  }
  if (error != ECONNREFUSED) fail("the kernel does not believe a forged ICMP error");
  close(fd);
}

/* Every error about both directions of the transfer. */
static void forge_all_icmp(int raw, uint16_t client) {
  static const unsigned mtus[] = {0, 68, 552, 600, 1000, 1228, 1280};
  for (unsigned i = 0; i < sizeof mtus / sizeof *mtus; i++) {
    forge_icmp(raw, ICMP_DEST_UNREACH, ICMP_FRAG_NEEDED, mtus[i], client, port);
    forge_icmp(raw, ICMP_DEST_UNREACH, ICMP_FRAG_NEEDED, mtus[i], port, client);
  }
  for (unsigned code = 0; code <= NR_ICMP_UNREACH; code++) {
    forge_icmp(raw, ICMP_DEST_UNREACH, code, 576, client, port);
    forge_icmp(raw, ICMP_DEST_UNREACH, code, 576, port, client);
  }
  static const unsigned types[] = {ICMP_SOURCE_QUENCH, ICMP_TIME_EXCEEDED, ICMP_PARAMETERPROB};
  for (unsigned i = 0; i < sizeof types / sizeof *types; i++) {
    forge_icmp(raw, types[i], 0, 0, client, port);
    forge_icmp(raw, types[i], 0, 0, port, client);
  }
}

/* From the first packet of a transfer to PORT on until it is over. Its fragments that do not end a block are
 * to be as large as they were, but for a few: none is said to be lost, still one may be sent again in parts.
 */
static void forge_icmp_until_over(void) {
  struct seen seen;
  uint16_t client = 0;
  size_t fragments = 0, small = 0, largest = 0;
  int raw = open_raw(), quiet_ms = 0, sniffer;
  prove_icmp(raw);
  sniffer = open_sniffer();
  printf("ready\n");
  fflush(stdout);
  for (int ms = 0; ms < 8000 && quiet_ms < (client ? 300 : 5000); ms += 2, quiet_ms += 2) {
    while (sniff(sniffer, &seen)) {
      if (seen.to != port) continue;
      if (!client) client = seen.from;
      if (seen.from != client) continue;
      quiet_ms = 0;
      largest = seen.size > largest ? seen.size : largest;
      struct packet packet; /* of a short header all that counts is among the first bytes */
      if (packet_read(&packet, seen.payload, sizeof seen.payload) != 0 || packet.type != PACKET_BLOCK)
        continue;
      fragments += !packet.block.fin;
      small += !packet.block.fin && seen.size < DATAGRAM_BYTES_MIN;
    }
    if (client) forge_all_icmp(raw, client);
    sleep_ms(2);
  }
  if (fragments < 1000) fail("only %zu fragments were seen", fragments);
  if (largest != DATAGRAM_BYTES_IPV4) fail("the largest datagram had %zu bytes", largest);
  if (small * 100 > fragments) fail("%zu of %zu fragments had less than 1200 bytes", small, fragments);
}

int main(int argc, char **argv) {
  const char *mode = argc > 1 ? argv[1] : "";
  port = argc > 2 ? (uint16_t)strtoul(argv[2], NULL, 10) : 0;
  if (!strcmp(mode, "port-0") && port)
    come_from_port_0();
  else if (!strcmp(mode, "errors") && argc > 3)
    forge_errors((uint16_t)strtoul(argv[3], NULL, 10));
  else if (!strcmp(mode, "icmp") && port)
    forge_icmp_until_over();
  else
    fail("usage: off_path_raw port-0 PORT | errors PORT OTHER | icmp PORT");
  return 0;
}
