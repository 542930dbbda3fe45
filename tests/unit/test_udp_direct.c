/* udp_direct: a socket that is connected while the way stays as it is, and free again when it does not. */
#include "child.h"
#include "udpcp/io.h"
#include "unit.h"

#include <arpa/inet.h>
#include <netinet/ip.h>
#include <poll.h>

static uint8_t bytes[100];

static struct address literal(const char *host, uint16_t port) {
  struct address address;
  const char *why;
  if (address_resolve(host, port, FAMILY_ANY, &address, 1, &why) != 1) address.size = 0;
  return address;
}

static struct udp *open_any(const char *host) {
  struct udp_config config = {.family = strchr(host, ':') ? FAMILY_IPV6 : FAMILY_IPV4};
  int error;
  return udp_open(&config, &error);
}

/* True when it went, whole. */
static bool send_one(struct udp *from, const struct address *to) {
  struct train train = {.peer = *to, .bytes = bytes, .size = sizeof bytes, .segment = sizeof bytes};
  struct udp_stats before, after;
  size_t refused_size = 0;
  udp_get_stats(from, &before);
  int taken = udp_send(from, &train, 1, &refused_size);
  udp_get_stats(from, &after);
  return taken == 1 && after.datagrams_sent == before.datagrams_sent + 1;
}

/* The mark of the next datagram, -1 when none comes. */
static int next_mark(struct udp *udp, int timeout_ms) {
  struct train train;
  struct pollfd waiting = {.fd = udp_fd(udp), .events = POLLIN};
  if (poll(&waiting, 1, timeout_ms) != 1 || udp_receive(udp, &train, 1) != 1) return -1;
  return train.peer.ecn;
}

/* As text; empty when it is not connected. */
static const char *source_of(const struct udp *udp) {
  static char text[INET_ADDRSTRLEN];
  struct sockaddr_in ours, theirs;
  socklen_t ours_size = sizeof ours, theirs_size = sizeof theirs;
  if (getpeername(udp_fd(udp), (struct sockaddr *)&theirs, &theirs_size) != 0) return "";
  getsockname(udp_fd(udp), (struct sockaddr *)&ours, &ours_size);
  inet_ntop(AF_INET, &ours.sin_addr, text, sizeof text);
  return text;
}

static int own_tos(const struct udp *udp) {
  int value = -1;
  socklen_t size = sizeof value;
  getsockopt(udp_fd(udp), IPPROTO_IP, IP_TOS, &value, &size);
  return value;
}

static void only_the_peer_is_heard(void) {
  static const char *const hosts[] = {"127.0.0.1", "::1"};
  for (int i = 0; i < 2; i++) {
    struct udp *ours = open_any(hosts[i]), *theirs = open_any(hosts[i]), *other = open_any(hosts[i]);
    CU_ASSERT_FATAL(ours && theirs && other);
    struct address to = literal(hosts[i], udp_port(theirs)), back = literal(hosts[i], udp_port(ours));
    uint16_t port = udp_port(ours);
    udp_direct(ours, &to);
    CU_ASSERT(send_one(ours, &to) && next_mark(theirs, 2000) >= 0);
    CU_ASSERT(send_one(other, &back));
    CU_ASSERT_EQUAL(next_mark(ours, 50), -1);
    CU_ASSERT(send_one(theirs, &back));
    CU_ASSERT_EQUAL(next_mark(ours, 2000), ECN_NONE);
    udp_direct(ours, &to); /* nothing has changed */
    CU_ASSERT_EQUAL(udp_port(ours), port);
    udp_close(ours), udp_close(theirs), udp_close(other);
  }
}

/* A control message would make the kernel look the way up for each datagram: what is usual is the socket's.
 */
static void marks_become_the_sockets_own(void) {
  static const uint8_t marks[] = {ECN_ECT0, ECN_ECT0, ECN_NONE, ECN_ECT0, ECN_ECT0, ECN_ECT0,
                                  ECN_ECT0, ECN_ECT0, ECN_NONE, ECN_ECT0, ECN_NONE, ECN_NONE,
                                  ECN_NONE, ECN_NONE, ECN_NONE, ECN_CE};
  struct udp *ours = open_any("127.0.0.1"), *theirs = open_any("127.0.0.1");
  CU_ASSERT_FATAL(ours && theirs);
  struct address to = literal("127.0.0.1", udp_port(theirs));
  udp_direct(ours, &to);
  for (size_t i = 0; i < sizeof marks; i++) {
    to.ecn = marks[i];
    CU_ASSERT(send_one(ours, &to));
    CU_ASSERT_EQUAL(next_mark(theirs, 2000), marks[i]);
    if (i == 2) CU_ASSERT_EQUAL(own_tos(ours), ECN_NONE);
    if (i >= 7 && i <= 9) CU_ASSERT_EQUAL(own_tos(ours), ECN_ECT0);
  }
  CU_ASSERT_EQUAL(own_tos(ours), ECN_NONE);
  udp_close(ours), udp_close(theirs);
}

/* Who is not there any more says so by ICMP, which only connected sockets hear: that ends it. */
static void an_error_ends_it(void) {
  struct udp *ours = open_any("127.0.0.1"), *theirs = open_any("127.0.0.1");
  CU_ASSERT_FATAL(ours && theirs);
  struct address to = literal("127.0.0.1", udp_port(theirs));
  uint16_t port = udp_port(ours);
  udp_direct(ours, &to);
  CU_ASSERT_STRING_EQUAL(source_of(ours), "127.0.0.1");
  udp_close(theirs);
  CU_ASSERT(send_one(ours, &to)); /* brings the ICMP */
  CU_ASSERT(send_one(ours, &to)); /* meets it, and goes all the same */
  CU_ASSERT_STRING_EQUAL(source_of(ours), "");
  CU_ASSERT_EQUAL(udp_port(ours), port);
  struct sockaddr_in now;
  socklen_t size = sizeof now;
  CU_ASSERT_EQUAL(getsockname(udp_fd(ours), (struct sockaddr *)&now, &size), 0);
  CU_ASSERT_EQUAL(ntohs(now.sin_port), port);
  CU_ASSERT_EQUAL(now.sin_addr.s_addr, htonl(INADDR_ANY));
  udp_close(ours);
}

enum { IP_WORDS_MAX = 8 };

static void ip(const char *const words[IP_WORDS_MAX]) {
  char *arguments[IP_WORDS_MAX + 4] = {"ip"};
  int count = 1, status = -1;
  while (words[count - 1]) {
    arguments[count] = (char *)(uintptr_t)words[count - 1];
    count++;
  }
  arguments[count++] = "dev";
  arguments[count] = "lo";
  pid_t pid = fork();
  if (pid == 0) {
    execvp(arguments[0], arguments);
    _exit(127);
  }
  CHILD_CHECK(pid > 0 && waitpid(pid, &status, 0) == pid && status == 0);
}
#define IP(...) ip((const char *const[IP_WORDS_MAX]){__VA_ARGS__})

static void another_source(void) {
  child_own_network(1500);
  IP("addr", "add", "10.9.0.1/32");
  IP("addr", "add", "10.9.0.2/32");
  IP("addr", "add", "10.9.0.3/32");
  IP("route", "add", "10.8.0.0/24", "src", "10.9.0.1");
  struct udp *ours = open_any("127.0.0.1");
  struct address to = literal("10.8.0.1", 9);
  CHILD_CHECK(ours);
  uint16_t port = udp_port(ours);
  udp_direct(ours, &to);
  CHILD_CHECK(strcmp(source_of(ours), "10.9.0.1") == 0 && send_one(ours, &to));
  /* The old one still works, but it is not the one to be used. */
  IP("route", "change", "10.8.0.0/24", "src", "10.9.0.2");
  udp_direct(ours, &to);
  CHILD_CHECK(strcmp(source_of(ours), "10.9.0.2") == 0 && send_one(ours, &to) && udp_port(ours) == port);
  /* The old one is gone, and nobody has looked yet: no datagram is lost by it. */
  IP("route", "change", "10.8.0.0/24", "src", "10.9.0.3");
  IP("addr", "del", "10.9.0.2/32");
  CHILD_CHECK(send_one(ours, &to));
  CHILD_CHECK(strcmp(source_of(ours), "") == 0 && udp_port(ours) == port);
  udp_direct(ours, &to);
  CHILD_CHECK(strcmp(source_of(ours), "10.9.0.3") == 0 && send_one(ours, &to));
  udp_close(ours);
}

static void another_address_of_this_machine(void) { CU_ASSERT(child_passes(another_source)); }

UNIT_MAIN(UNIT_CASE(only_the_peer_is_heard), UNIT_CASE(marks_become_the_sockets_own),
          UNIT_CASE(an_error_ends_it), UNIT_CASE(another_address_of_this_machine))
