/* test_address: literals and names to addresses and back to text; IPv4 inside IPv6 is IPv4. */
#include "io/address.h"
#include "unit.h"

#include <arpa/inet.h>
#include <net/if.h>

static void literals_come_back_as_text(void) {
  static const struct {
    const char *host;
    enum family family;
    const char *text; /* NULL: refused */
    bool is_ipv6;
  } rows[] = {
      {"127.0.0.1", FAMILY_ANY, "127.0.0.1:4117", false},
      {"192.0.2.255", FAMILY_IPV4, "192.0.2.255:4117", false},
      {"::1", FAMILY_ANY, "[::1]:4117", true},
      {"2001:db8:1:2:3:4:5:6", FAMILY_IPV6, "[2001:db8:1:2:3:4:5:6]:4117", true},
      {"::ffff:192.0.2.1", FAMILY_ANY, "192.0.2.1:4117", false},
      {"fe80::1%lo", FAMILY_ANY, "[fe80::1%lo]:4117", true},
      {"127.0.0.1", FAMILY_IPV6, NULL, false},
      {"::1", FAMILY_IPV4, NULL, false},
      {"256.1.1.1.invalid", FAMILY_ANY, NULL, false},
      {"", FAMILY_ANY, NULL, false},
  };
  for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
    struct address found[4];
    char text[ADDRESS_TEXT_BYTES];
    const char *why = NULL;
    int count = address_resolve(rows[i].host, 4117, rows[i].family, found, 4, &why);
    if (!rows[i].text) {
      CU_ASSERT_EQUAL(count, ERR_NOT_FOUND);
      CU_ASSERT_PTR_NOT_NULL_FATAL(why);
      CU_ASSERT_TRUE(strlen(why) > 0);
      continue;
    }
    CU_ASSERT_EQUAL_FATAL(count, 1);
    address_text(&found[0], text);
    CU_ASSERT_STRING_EQUAL(text, rows[i].text);
    CU_ASSERT_EQUAL(address_is_ipv6(&found[0]), rows[i].is_ipv6);
  }
}

static void localhost_gives_each_address_once(void) {
  struct address found[8];
  const char *why;
  int count = address_resolve("localhost", 1, FAMILY_ANY, found, 8, &why);
  CU_ASSERT_TRUE_FATAL(count >= 1);
  for (int i = 0; i < count; i++)
    for (int k = 0; k < i; k++)
      CU_ASSERT_FALSE(address_equal(&found[i], &found[k]));
  struct address first;
  CU_ASSERT_EQUAL(address_resolve("localhost", 1, FAMILY_ANY, &first, 1, &why), 1);
  CU_ASSERT_TRUE(address_equal(&first, &found[0]));
}

static void sockets_and_addresses_agree(void) {
  union socket_address socket_address = {.any.sa_family = AF_UNSPEC};
  struct address plain, again;
  const char *why;
  CU_ASSERT_EQUAL_FATAL(address_resolve("192.0.2.7", 99, FAMILY_ANY, &plain, 1, &why), 1);

  CU_ASSERT_EQUAL(address_to_socket(&plain, AF_INET, &socket_address), sizeof(struct sockaddr_in));
  address_from_socket(&again, &socket_address);
  CU_ASSERT_TRUE(address_equal(&plain, &again));

  CU_ASSERT_EQUAL(address_to_socket(&plain, AF_INET6, &socket_address), sizeof(struct sockaddr_in6));
  CU_ASSERT_TRUE(IN6_IS_ADDR_V4MAPPED(&socket_address.ipv6.sin6_addr));
  address_from_socket(&again, &socket_address);
  CU_ASSERT_TRUE(address_equal(&plain, &again));

  CU_ASSERT_EQUAL_FATAL(address_resolve("2001:db8::9", 99, FAMILY_ANY, &plain, 1, &why), 1);
  CU_ASSERT_EQUAL(address_to_socket(&plain, AF_INET, &socket_address), 0);
  CU_ASSERT_EQUAL(address_to_socket(&plain, AF_INET6, &socket_address), sizeof(struct sockaddr_in6));
  socket_address.ipv6.sin6_flowinfo = htonl(0x12345); /* says nothing about who the peer is */
  address_from_socket(&again, &socket_address);
  CU_ASSERT_TRUE(address_equal(&plain, &again));

  socket_address.any.sa_family = AF_UNIX;
  address_from_socket(&again, &socket_address);
  CU_ASSERT_EQUAL(again.size, 0);
}

static void no_address_is_neither_family(void) {
  struct address none = {.size = 0};
  union socket_address socket_address;
  char text[ADDRESS_TEXT_BYTES];
  CU_ASSERT_EQUAL(address_family(&none), AF_UNSPEC);
  CU_ASSERT_FALSE(address_is_ipv6(&none));
  CU_ASSERT_FALSE(address_is_wildcard(&none));
  CU_ASSERT_EQUAL(address_to_socket(&none, AF_INET6, &socket_address), 0);
  address_text(&none, text);
  CU_ASSERT_STRING_EQUAL(text, "none");
}

static void the_longest_text_fits(void) {
  union socket_address longest = {.any.sa_family = AF_INET6};
  struct address address;
  char text[ADDRESS_TEXT_BYTES];
  CU_ASSERT_EQUAL(inet_pton(AF_INET6, "fe80:1111:2222:3333:4444:5555:6666:7777", &longest.ipv6.sin6_addr), 1);
  longest.ipv6.sin6_port = htons(65535);
  longest.ipv6.sin6_scope_id = UINT32_MAX; /* no such interface: stands as a number */
  address_from_socket(&address, &longest);
  address_text(&address, text);
  CU_ASSERT_STRING_EQUAL(text, "[fe80:1111:2222:3333:4444:5555:6666:7777%4294967295]:65535");
}

static void wildcards(void) {
  static const struct {
    const char *host;
    bool is_wildcard;
  } rows[] = {{"0.0.0.0", true}, {"::", true}, {"127.0.0.1", false}, {"::1", false}, {"0.0.0.1", false}};
  for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
    struct address address;
    const char *why;
    CU_ASSERT_EQUAL_FATAL(address_resolve(rows[i].host, 0, FAMILY_ANY, &address, 1, &why), 1);
    CU_ASSERT_EQUAL(address_is_wildcard(&address), rows[i].is_wildcard);
  }
}

static void own_addresses_are_told_from_others(void) {
  static const struct {
    const char *host;
    bool is_own;
  } rows[] = {
      {"127.0.0.1", true}, {"127.8.9.10", true}, {"::1", true}, {"192.0.2.1", false}, {"2001:db8::1", false}};
  for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
    struct address address;
    const char *why;
    CU_ASSERT_EQUAL_FATAL(address_resolve(rows[i].host, 4117, FAMILY_ANY, &address, 1, &why), 1);
    CU_ASSERT_EQUAL(address_is_own(&address), rows[i].is_own);
  }
  CU_ASSERT_FALSE(address_is_own(&(struct address){.size = 0}));
}

static void a_host_is_the_same_at_every_port(void) {
  static const struct {
    const char *a, *b;
    bool is_same;
  } rows[] = {{"192.0.2.1", "192.0.2.1", true},
              {"192.0.2.1", "192.0.2.2", false},
              {"2001:db8::1", "2001:db8::ffff:1", true}, /* one /64 */
              {"2001:db8::1", "2001:db8:0:1::1", false}};
  for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
    struct address a, b;
    const char *why;
    CU_ASSERT_EQUAL_FATAL(address_resolve(rows[i].a, 1, FAMILY_ANY, &a, 1, &why), 1);
    CU_ASSERT_EQUAL_FATAL(address_resolve(rows[i].b, 2, FAMILY_ANY, &b, 1, &why), 1);
    CU_ASSERT_EQUAL(address_host(&a) == address_host(&b), rows[i].is_same);
  }
}

UNIT_MAIN(UNIT_CASE(own_addresses_are_told_from_others), UNIT_CASE(a_host_is_the_same_at_every_port),
          UNIT_CASE(literals_come_back_as_text), UNIT_CASE(localhost_gives_each_address_once),
          UNIT_CASE(sockets_and_addresses_agree), UNIT_CASE(no_address_is_neither_family),
          UNIT_CASE(the_longest_text_fits), UNIT_CASE(wildcards))
