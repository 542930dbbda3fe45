/* admit: the borders of every network that may send without keys. */
#include "cli/admit.h"
#include "unit.h"

#include <arpa/inet.h>

static struct address address_of(const char *text) {
  struct address address = {0};
  struct sockaddr_in ipv4 = {.sin_family = AF_INET};
  struct sockaddr_in6 ipv6 = {.sin6_family = AF_INET6};
  if (inet_pton(AF_INET, text, &ipv4.sin_addr) == 1) {
    address.size = sizeof ipv4;
    memcpy(address.bytes, &ipv4, sizeof ipv4);
  } else if (inet_pton(AF_INET6, text, &ipv6.sin6_addr) == 1) {
    address.size = sizeof ipv6;
    memcpy(address.bytes, &ipv6, sizeof ipv6);
  }
  return address;
}

static void near_and_far(void) {
  static const struct {
    const char *text;
    bool is_near;
  } examples[] = {
      {"127.0.0.1", true},
      {"127.255.255.255", true},
      {"126.255.255.255", false},
      {"128.0.0.0", false},
      {"10.0.0.0", true},
      {"10.255.255.255", true},
      {"9.255.255.255", false},
      {"11.0.0.0", false},
      {"172.16.0.0", true},
      {"172.31.255.255", true},
      {"172.15.255.255", false},
      {"172.32.0.0", false},
      {"192.168.0.0", true},
      {"192.168.255.255", true},
      {"192.167.255.255", false},
      {"192.169.0.0", false},
      {"169.254.1.1", true},
      {"169.253.1.1", false},
      {"169.255.1.1", false},
      {"100.64.0.1", false},
      {"8.8.8.8", false},
      {"0.0.0.0", false},
      {"::1", true},
      {"::2", false},
      {"::", false},
      {"fe80::1", true},
      {"febf::1", true},
      {"fec0::1", false},
      {"fe7f::1", false},
      {"fc00::1", true},
      {"fdff::1", true},
      {"fe00::1", false},
      {"fbff::1", false},
      {"2001:db8::1", false},
      {"::ffff:10.1.2.3", true},
      {"::ffff:8.8.8.8", false},
      {"::10.1.2.3", false},
  };
  for (size_t i = 0; i < sizeof examples / sizeof examples[0]; i++) {
    struct address address = address_of(examples[i].text);
    CU_ASSERT(address.size > 0);
    CU_ASSERT_EQUAL(admit_is_near(&address), examples[i].is_near);
  }
}

static void what_is_no_address_is_not_near(void) {
  struct address address = {0};
  CU_ASSERT_FALSE(admit_is_near(&address));
  address = address_of("::1");
  address.size = sizeof(struct sockaddr_in); /* cut short */
  CU_ASSERT_FALSE(admit_is_near(&address));
}

UNIT_MAIN(UNIT_CASE(near_and_far), UNIT_CASE(what_is_no_address_is_not_near))
