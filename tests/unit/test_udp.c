/* test_udp: real sockets on loopback - trains in every mixture of GSO and GRO, both families on one socket,
 * what the kernel refuses, and what stands on the wire. */
#include "child.h"
#include "udpcp/io.h"
#include "unit.h"

#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <netinet/ip.h>
#include <poll.h>
#include <stdlib.h>

enum { PAYLOAD_MAX = 1 << 18 };
static uint8_t sent_bytes[PAYLOAD_MAX], received_bytes[PAYLOAD_MAX];

static struct address literal(const char *host, uint16_t port) {
  struct address address;
  const char *why;
  if (address_resolve(host, port, FAMILY_ANY, &address, 1, &why) != 1) address.size = 0;
  return address;
}

static struct udp *open_at(const char *host, bool no_offload) {
  struct udp_config config = {.bind_to = literal(host, 0), .no_offload = no_offload};
  int error = 0;
  return udp_open(&config, &error);
}

static struct udp *open_to(const char *host, uint16_t port, bool no_offload) {
  struct udp_config config = {.connect_to = literal(host, port), .no_offload = no_offload};
  int error = 0;
  return udp_open(&config, &error);
}

static bool is_readable(const struct udp *udp, int timeout_ms) {
  struct pollfd waiting = {.fd = udp_fd(udp), .events = POLLIN};
  return poll(&waiting, 1, timeout_ms) == 1;
}

static int receive_waiting(struct udp *udp, struct train *trains, int max) {
  int count = udp_receive(udp, trains, max);
  while (count == 0 && is_readable(udp, 2000))
    count = udp_receive(udp, trains, max);
  return count;
}

/* How many datagrams of exactly these sizes, in this order, came; stops at the first that differs. */
static size_t receive_datagrams(struct udp *udp, size_t total, size_t segment) {
  size_t got = 0, datagrams = 0;
  struct train trains[UDP_BATCH];
  while (got < total) {
    int count = receive_waiting(udp, trains, UDP_BATCH);
    if (count <= 0) break;
    for (int i = 0; i < count; i++) {
      size_t expected = total - got < segment ? total - got : segment;
      if (trains[i].segment != expected || got + trains[i].size > total) return datagrams;
      memcpy(received_bytes + got, trains[i].bytes, trains[i].size);
      got += trains[i].size;
      datagrams += (trains[i].size + trains[i].segment - 1) / trains[i].segment;
    }
  }
  return datagrams;
}

/* Sends `size` bytes as one train and asserts that they arrive whole, cut the same way. */
static void pass_train(struct udp *from, struct udp *to, struct address peer, size_t size, size_t segment) {
  struct train train = {.peer = peer, .bytes = sent_bytes, .size = size, .segment = segment};
  struct udp_stats before, after;
  size_t refused_size = 0, datagrams = (size + segment - 1) / segment;
  udp_get_stats(from, &before);
  memset(received_bytes, 0, size);
  CU_ASSERT_EQUAL(udp_send(from, &train, 1, &refused_size), 1);
  CU_ASSERT_EQUAL(refused_size, 0);
  CU_ASSERT_EQUAL(receive_datagrams(to, size, segment), datagrams);
  CU_ASSERT_EQUAL(memcmp(sent_bytes, received_bytes, size), 0);
  udp_get_stats(from, &after);
  CU_ASSERT_EQUAL(after.datagrams_sent - before.datagrams_sent, datagrams);
  if (after.gso && size <= UDP_TRAIN_BYTES_MAX && datagrams <= UDP_TRAIN_SEGMENTS_MAX)
    CU_ASSERT_EQUAL(after.send_calls - before.send_calls, 1);
}

static void trains_arrive_as_sent(void) {
  static const struct {
    size_t size, segment;
  } rows[] = {
      {1, 1},
      {1200, 1200},
      {1201, 1200},
      {2400, 1200},
      {44 * 1472, 1472},
      {45 * 1472, 1472},
      {64 * 100, 100},
      {65 * 100, 100},
      {3000 * 10, 10},
      {43 * 1452 + 1, 1452},
      {65488, 65488},
      {100000, 1472},
      {2 * 32753, 32753},
      {UDP_TRAIN_BYTES_MAX, 9000},
  };
  static const char *const hosts[] = {"127.0.0.1", "::1"};
  for (size_t i = 0; i < PAYLOAD_MAX; i++)
    sent_bytes[i] = (uint8_t)(i * 7 + i / 251);
  for (int mix = 0; mix < 8; mix++) {
    const char *host = hosts[mix & 1];
    struct udp *to = open_at(host, (mix & 2) != 0);
    CU_ASSERT_PTR_NOT_NULL_FATAL(to);
    struct address peer = literal(host, udp_port(to));
    struct udp *from = open_to(host, udp_port(to), (mix & 4) != 0);
    struct udp_stats stats;
    CU_ASSERT_PTR_NOT_NULL_FATAL(from);
    udp_get_stats(from, &stats);
    CU_ASSERT_EQUAL(stats.gso, (mix & 4) == 0);
    CU_ASSERT_TRUE(stats.receive_buffer > 0 && stats.send_buffer > 0);
    udp_get_stats(to, &stats);
    CU_ASSERT_EQUAL(stats.gro, (mix & 2) == 0);
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
      pass_train(from, to, peer, rows[i].size, rows[i].segment);
    if (!address_is_ipv6(&peer)) pass_train(from, to, peer, UDP_TRAIN_BYTES_MAX, UDP_TRAIN_BYTES_MAX);
    udp_get_stats(from, &stats);
    CU_ASSERT_EQUAL(stats.gso, (mix & 4) == 0);
    udp_close(from);
    udp_close(to);
  }
  udp_close(NULL);
}

static void many_trains_in_one_call(void) {
  enum { COUNT = 100 };
  struct train trains[COUNT], got[UDP_BATCH];
  struct udp *to = open_at("127.0.0.1", false), *from = open_at("127.0.0.1", false);
  size_t refused_size = 0;
  int received = 0;
  for (int i = 0; i < COUNT; i++) {
    trains[i] = (struct train){literal("127.0.0.1", udp_port(to)), sent_bytes, (size_t)i + 1, (size_t)i + 1};
  }
  CU_ASSERT_EQUAL(udp_send(from, trains, COUNT, &refused_size), COUNT);
  CU_ASSERT_EQUAL(udp_send(from, trains, 0, &refused_size), 0);
  while (received < COUNT) {
    int count = receive_waiting(to, got, UDP_BATCH);
    CU_ASSERT_TRUE_FATAL(count > 0 && count <= UDP_BATCH);
    for (int i = 0; i < count; i++)
      CU_ASSERT_EQUAL(got[i].size, (size_t)received++ + 1);
  }
  CU_ASSERT_EQUAL(udp_receive(to, got, UDP_BATCH), 0);
  struct udp_stats stats;
  udp_get_stats(to, &stats);
  CU_ASSERT_EQUAL(stats.datagrams_received, COUNT);
  udp_close(from);
  udp_close(to);
}

static void one_socket_speaks_both_families(void) {
  struct udp_config any = {.family = FAMILY_ANY};
  int error = 0;
  struct udp *server = udp_open(&any, &error);
  CU_ASSERT_PTR_NOT_NULL_FATAL(server);
  static const char *const hosts[] = {"127.0.0.1", "::1"};
  for (int i = 0; i < 2; i++) {
    struct udp *client = open_to(hosts[i], udp_port(server), false);
    struct train question = {.bytes = sent_bytes, .size = 5000, .segment = 1000}, got;
    size_t refused_size = 0;
    CU_ASSERT_EQUAL(udp_send(client, &question, 1, &refused_size), 1);
    CU_ASSERT_EQUAL_FATAL(receive_waiting(server, &got, 1), 1);
    CU_ASSERT_EQUAL(address_is_ipv6(&got.peer), i == 1);
    struct address expected = literal(hosts[i], udp_port(client));
    CU_ASSERT_TRUE(address_equal(&got.peer, &expected));
    CU_ASSERT_TRUE(got.size == 5000 && got.segment == 1000);
    CU_ASSERT_EQUAL(udp_send(server, &got, 1, &refused_size), 1); /* and back as a train */
    CU_ASSERT_EQUAL(receive_waiting(client, &got, 1), 1);
    CU_ASSERT_TRUE(got.size == 5000 && got.segment == 1000);
    udp_close(client);
  }
  udp_close(server);
}

static void a_family_alone_refuses_the_other(void) {
  static const struct {
    enum family family;
    const char *other;
  } rows[] = {{FAMILY_IPV4, "::1"}, {FAMILY_IPV6, "127.0.0.1"}};
  for (int i = 0; i < 2; i++) {
    struct udp_config config = {.family = rows[i].family};
    int error = 0;
    struct udp *server = udp_open(&config, &error);
    CU_ASSERT_PTR_NOT_NULL_FATAL(server);
    struct udp *client = open_to(rows[i].other, udp_port(server), false);
    struct train train = {literal(rows[i].other, 9), sent_bytes, 10, 10}, got;
    struct udp_stats stats;
    size_t refused_size = 0;
    CU_ASSERT_EQUAL(udp_send(client, &train, 1, &refused_size), 1);
    CU_ASSERT_EQUAL(udp_receive(server, &got, 1), 0);
    CU_ASSERT_EQUAL(udp_send(server, &train, 1, &refused_size), 1); /* lost, as any datagram may be */
    udp_get_stats(server, &stats);
    CU_ASSERT_EQUAL(stats.datagrams_sent, 0);
    CU_ASSERT_TRUE(stats.unreachable > 0);
    udp_close(client);
    udp_close(server);
  }
}

/* A connected peer hears only the address it spoke to. */
static void replies_leave_from_the_address_asked(void) {
  static const enum family families[] = {FAMILY_ANY, FAMILY_IPV4};
  for (int i = 0; i < 2; i++) {
    struct udp_config any = {.family = families[i]};
    int error = 0;
    struct udp *server = udp_open(&any, &error);
    struct udp *client = open_to("127.0.0.77", udp_port(server), false);
    struct train train = {.bytes = sent_bytes, .size = 100, .segment = 100}, got;
    size_t refused_size = 0;
    CU_ASSERT_EQUAL(udp_send(client, &train, 1, &refused_size), 1);
    CU_ASSERT_EQUAL_FATAL(receive_waiting(server, &got, 1), 1);
    CU_ASSERT_EQUAL(udp_send(server, &got, 1, &refused_size), 1);
    CU_ASSERT_EQUAL(receive_waiting(client, &got, 1), 1);
    CU_ASSERT_EQUAL(got.size, 100);
    udp_close(client);
    udp_close(server);
  }
}

static void nobody_there_is_only_a_hint(void) {
  struct udp *server = open_at("127.0.0.1", false);
  struct address bound = literal("127.0.0.1", udp_port(server));
  struct udp *client = open_to("127.0.0.1", udp_port(server), false);
  struct train train = {.bytes = sent_bytes, .size = 100, .segment = 100}, got;
  struct udp_stats stats;
  size_t refused_size = 0;
  udp_close(server);
  for (int i = 0; i < 5; i++) {
    CU_ASSERT_EQUAL(udp_send(client, &train, 1, &refused_size), 1);
    CU_ASSERT_EQUAL(udp_receive(client, &got, 1), 0);
  }
  udp_get_stats(client, &stats);
  CU_ASSERT_TRUE(stats.unreachable >= 4);

  struct udp_config again = {.bind_to = bound};
  int error = 0;
  server = udp_open(&again, &error);
  CU_ASSERT_PTR_NOT_NULL_FATAL(server);
  CU_ASSERT_EQUAL(udp_send(client, &train, 1, &refused_size), 1);
  CU_ASSERT_EQUAL(receive_waiting(server, &got, 1), 1);
  udp_close(client);
  udp_close(server);
}

static void what_cannot_be_opened(void) {
  struct udp *taken = open_at("127.0.0.1", false);
  const struct {
    struct address bind_to, connect_to;
    int error;
  } rows[] = {
      {literal("127.0.0.1", udp_port(taken)), {0}, ERR_ADDRESS},
      {literal("192.0.2.1", 0), {0}, ERR_ADDRESS},
      {literal("2001:db8::1", 0), {0}, ERR_ADDRESS},
      {literal("127.0.0.1", 0), literal("::1", 9), ERR_UNSUPPORTED},
  };
  for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
    struct udp_config config = {.bind_to = rows[i].bind_to, .connect_to = rows[i].connect_to};
    int error = 0;
    CU_ASSERT_PTR_NULL(udp_open(&config, &error));
    CU_ASSERT_EQUAL(error, rows[i].error);
  }
  udp_close(taken);

  struct udp_config first = {.family = FAMILY_IPV6}, second = {.family = FAMILY_ANY};
  int error = 0;
  taken = udp_open(&first, &error);
  second.port = udp_port(taken);
  error = 0;
  CU_ASSERT_PTR_NULL(udp_open(&second, &error)); /* no quiet retreat to the half of the port that is free */
  CU_ASSERT_EQUAL(error, ERR_ADDRESS);
  udp_close(taken);
}

/* A driver that cannot cut trains looks like a socket without checksums: only GSO fails. */
static void offload_that_fails_is_given_up(void) {
  struct udp *to = open_at("127.0.0.1", false);
  struct udp *from = open_to("127.0.0.1", udp_port(to), false);
  struct udp_stats stats;
  int on = 1;
  CU_ASSERT_EQUAL_FATAL(setsockopt(udp_fd(from), SOL_SOCKET, SO_NO_CHECK, &on, sizeof(on)), 0);
  struct train train = {.bytes = sent_bytes, .size = 10 * 1200 + 7, .segment = 1200};
  size_t refused_size = 0;
  CU_ASSERT_EQUAL(udp_send(from, &train, 1, &refused_size), 1);
  CU_ASSERT_EQUAL(receive_datagrams(to, 10 * 1200 + 7, 1200), 11);
  CU_ASSERT_EQUAL(memcmp(sent_bytes, received_bytes, 10 * 1200 + 7), 0);
  udp_get_stats(from, &stats);
  CU_ASSERT_FALSE(stats.gso);
  CU_ASSERT_EQUAL(stats.datagrams_sent, 11);
  CU_ASSERT_EQUAL(refused_size, 0);
  udp_close(from);
  udp_close(to);
}

static void overflow_is_counted(void) {
  struct udp *to = open_at("127.0.0.1", false);
  struct udp *from = open_to("127.0.0.1", udp_port(to), true);
  struct train train = {.bytes = sent_bytes, .size = 200 * 1000, .segment = 1000}, got[UDP_BATCH];
  struct udp_stats stats;
  size_t refused_size = 0;
  int small = 20000;
  CU_ASSERT_EQUAL(setsockopt(udp_fd(to), SOL_SOCKET, SO_RCVBUF, &small, sizeof(small)), 0);
  CU_ASSERT_EQUAL(udp_send(from, &train, 1, &refused_size), 1);
  while (udp_receive(to, got, UDP_BATCH) > 0) {
  }
  train.size = 1000; /* the next one to be let in tells how many were not */
  CU_ASSERT_EQUAL(udp_send(from, &train, 1, &refused_size), 1);
  CU_ASSERT_EQUAL(receive_waiting(to, got, UDP_BATCH), 1);
  udp_get_stats(to, &stats);
  CU_ASSERT_TRUE(stats.kernel_drops > 0);
  CU_ASSERT_EQUAL(stats.kernel_drops + stats.datagrams_received, 201);
  udp_close(from);
  udp_close(to);
}

/* ECN marks of trains and single datagrams, each way, of both families, on sockets of one and of both. */
static void pass_marks(struct udp *from, struct udp *to, struct address peer, bool may_join) {
  static const enum ecn_mark marks[] = {ECN_ECT0, ECN_ECT0, ECN_NONE, ECN_CE, ECN_ECT1, ECN_ECT0};
  enum { COUNT = sizeof(marks) / sizeof(marks[0]) };
  struct train trains[COUNT], got[UDP_BATCH];
  size_t refused_size = 0, received = 0;
  for (size_t i = 0; i < COUNT; i++) {
    size_t size = i % 2 ? 1000 : 5500;
    trains[i] = (struct train){.peer = peer, .bytes = sent_bytes, .size = size, .segment = 1000};
    trains[i].peer.ecn = marks[i];
  }
  CU_ASSERT_EQUAL(udp_send(from, trains, COUNT, &refused_size), COUNT);
  while (received < COUNT) {
    int count = receive_waiting(to, got, UDP_BATCH);
    CU_ASSERT_TRUE_FATAL(count > 0);
    for (int i = 0; i < count && received < COUNT; i++) {
      size_t expected = received % 2 ? 1000 : 5500;
      CU_ASSERT_EQUAL(got[i].peer.ecn, marks[received]);
      CU_ASSERT(!may_join || got[i].size == expected);
      bool is_last = may_join || expected == 1000 || got[i].size == 500;
      received += is_last;
    }
  }
}

static void marks_arrive_as_sent(void) {
  static const char *const hosts[] = {"127.0.0.1", "::1"};
  for (int mix = 0; mix < 16; mix++) {
    const char *host = hosts[mix & 1];
    struct udp_config any = {.family = FAMILY_ANY, .no_offload = (mix & 2) != 0};
    int error = 0;
    struct udp *to = mix & 4 ? udp_open(&any, &error) : open_at(host, (mix & 2) != 0);
    CU_ASSERT_PTR_NOT_NULL_FATAL(to);
    struct udp *from = mix & 8 ? udp_open(&any, &error) : open_to(host, udp_port(to), (mix & 2) != 0);
    CU_ASSERT_PTR_NOT_NULL_FATAL(from);
    struct udp_stats stats;
    udp_get_stats(from, &stats);
    CU_ASSERT_TRUE(stats.ecn);
    pass_marks(from, to, literal(host, udp_port(to)), (mix & 2) == 0);
    udp_close(from);
    udp_close(to);
  }
}

/* ---- with a kernel or a network of its own ---- */
static void unmarked_without_the_option(void) {
  child_refuse_option(IPPROTO_IP, IP_RECVTOS, ENOPROTOOPT);
  struct udp *to = open_at("127.0.0.1", false), *from = open_to("127.0.0.1", udp_port(to), false);
  struct train train = {.peer = literal("127.0.0.1", udp_port(to)), .bytes = sent_bytes}, got;
  struct udp_stats stats;
  size_t refused_size = 0;
  train.size = train.segment = 100;
  train.peer.ecn = ECN_ECT0;
  CHILD_CHECK(udp_send(from, &train, 1, &refused_size) == 1 && receive_waiting(to, &got, 1) == 1);
  udp_get_stats(to, &stats);
  CHILD_CHECK(got.peer.ecn == ECN_NONE && got.size == 100 && !stats.ecn);
}

static void a_kernel_without_marks(void) { CU_ASSERT(child_passes(unmarked_without_the_option)); }

static void opens_without_ipv6(void) {
  struct udp_config any = {.family = FAMILY_ANY}, ipv6 = {.family = FAMILY_IPV6};
  int error = 0;
  child_refuse_call_with(SYS_socket, AF_INET6, EAFNOSUPPORT);
  struct udp *udp = udp_open(&any, &error);
  CHILD_CHECK(udp != NULL && udp_port(udp) != 0);
  struct train train = {literal("127.0.0.1", udp_port(udp)), sent_bytes, 10, 10}, got;
  size_t refused_size = 0;
  CHILD_CHECK(udp_send(udp, &train, 1, &refused_size) == 1 && receive_waiting(udp, &got, 1) == 1);
  CHILD_CHECK(udp_open(&ipv6, &error) == NULL && error == ERR_UNSUPPORTED);
}

static void a_machine_without_ipv6(void) { CU_ASSERT(child_passes(opens_without_ipv6)); }

static void too_large(const char *host, size_t size_max, bool no_offload) {
  struct udp *to = open_at(host, false);
  struct udp *from = open_to(host, udp_port(to), no_offload);
  struct udp_stats stats;
  for (size_t datagrams = 1; datagrams <= 3; datagrams++) {
    size_t size = size_max + 1, refused_size = 0;
    struct train large = {.bytes = sent_bytes, .size = datagrams * size, .segment = size}, got;
    struct train fits = {.bytes = sent_bytes, .size = datagrams * size_max, .segment = size_max};
    CHILD_CHECK(udp_send(from, &large, 1, &refused_size) == 1 && refused_size == size);
    CHILD_CHECK(udp_receive(to, &got, 1) == 0);
    udp_get_stats(from, &stats);
    CHILD_CHECK(stats.gso == !no_offload);
    refused_size = 0;
    CHILD_CHECK(udp_send(from, &fits, 1, &refused_size) == 1 && refused_size == 0);
    CHILD_CHECK(receive_datagrams(to, datagrams * size_max, size_max) == datagrams);
  }
  CHILD_CHECK(stats.datagrams_sent == 0 + 1 + 2);
  udp_close(from);
  udp_close(to);
}

static void interface_refuses_too_large(void) {
  child_own_network(1500);
  too_large("127.0.0.1", 1472, false);
  too_large("127.0.0.1", 1472, true);
  too_large("::1", 1452, false);
  too_large("::1", 1452, true);
}

static void too_large_for_the_interface(void) { CU_ASSERT(child_passes(interface_refuses_too_large)); }

/* The first IPv4 header with UDP inside that the interface carries. */
static bool next_header_has_df(int tap) {
  uint8_t frame[2000];
  struct pollfd waiting = {.fd = tap, .events = POLLIN};
  while (poll(&waiting, 1, 2000) == 1) {
    struct iphdr header;
    if (recv(tap, frame, sizeof(frame), 0) < (ssize_t)(ETH_HLEN + sizeof(header))) continue;
    memcpy(&header, frame + ETH_HLEN, sizeof(header));
    if (header.version == 4 && header.protocol == IPPROTO_UDP) return (ntohs(header.frag_off) & IP_DF) != 0;
  }
  return false;
}

static void every_ipv4_datagram_has_df(void) {
  child_own_network(1500);
  int tap = socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, htons(ETH_P_IP));
  CHILD_CHECK(tap >= 0);
  struct udp_config any = {.family = FAMILY_ANY}, ipv4 = {.family = FAMILY_IPV4};
  int error = 0;
  struct udp *sockets[] = {udp_open(&any, &error), udp_open(&ipv4, &error), NULL};
  CHILD_CHECK(sockets[0] && sockets[1]);
  sockets[2] = open_to("127.0.0.1", udp_port(sockets[0]), true);
  for (int i = 0; i < 3; i++) {
    struct train train = {literal("127.0.0.1", udp_port(sockets[0])), sent_bytes, 100, 100};
    size_t refused_size = 0;
    CHILD_CHECK(udp_send(sockets[i], &train, 1, &refused_size) == 1);
    CHILD_CHECK(next_header_has_df(tap));
  }
}

static void df_on_the_wire(void) { CU_ASSERT(child_passes(every_ipv4_datagram_has_df)); }

UNIT_MAIN(UNIT_CASE(trains_arrive_as_sent), UNIT_CASE(many_trains_in_one_call),
          UNIT_CASE(one_socket_speaks_both_families), UNIT_CASE(a_family_alone_refuses_the_other),
          UNIT_CASE(replies_leave_from_the_address_asked), UNIT_CASE(nobody_there_is_only_a_hint),
          UNIT_CASE(what_cannot_be_opened), UNIT_CASE(offload_that_fails_is_given_up),
          UNIT_CASE(overflow_is_counted), UNIT_CASE(marks_arrive_as_sent), UNIT_CASE(a_kernel_without_marks),
          UNIT_CASE(a_machine_without_ipv6), UNIT_CASE(too_large_for_the_interface),
          UNIT_CASE(df_on_the_wire))
