/* admit: the borders of every network that may send without keys, and lists of networks as people type them.
 */
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
    CU_ASSERT_EQUAL(admit_contains(&admit_near, &address), examples[i].is_near);
  }
}

static void what_is_no_address_is_not_near(void) {
  struct address address = {0};
  CU_ASSERT_FALSE(admit_contains(&admit_near, &address));
  address = address_of("::1");
  address.size = sizeof(struct sockaddr_in); /* cut short */
  CU_ASSERT_FALSE(admit_contains(&admit_near, &address));
}

static bool contains(const char *list, const char *text) {
  struct admit admit = {0};
  char complaint[ADMIT_COMPLAINT_BYTES];
  struct address address = address_of(text);
  CU_ASSERT_PTR_NULL(admit_add(&admit, list, complaint));
  return admit_contains(&admit, &address);
}

static void lists_hold_what_they_say(void) {
  static const struct {
    const char *list, *address;
    bool is_in;
  } examples[] = {
      {"192.0.2.7", "192.0.2.7", true},
      {"192.0.2.7", "192.0.2.6", false},
      {"192.0.2.7/32", "192.0.2.7", true},
      {"203.0.113.0/25", "203.0.113.127", true},
      {"203.0.113.0/25", "203.0.113.128", false},
      {"203.0.113.0/25", "::ffff:203.0.113.5", true},
      {"0.0.0.0/0", "8.8.8.8", true},
      {"0.0.0.0/0", "2001:db8::1", false},
      {"::/0", "2001:db8::1", true},
      {"::/0", "8.8.8.8", false},
      {"::/0", "::ffff:8.8.8.8", false},
      {"2001:db8::/33", "2001:db8:7fff::1", true},
      {"2001:db8::/33", "2001:db8:8000::1", false},
      {"2001:db8::5", "2001:db8::5", true},
      {"2001:db8::5", "2001:db8::4", false},
      {"::ffff:10.0.0.0/104", "10.9.8.7", true},
      {"::ffff:10.0.0.0/104", "11.0.0.1", false},
      {"::ffff:0:0/96", "8.8.8.8", true},
      {"192.0.2.1, 2001:db8::/32,10.0.0.0/8", "10.1.1.1", true},
      {"192.0.2.1, 2001:db8::/32,10.0.0.0/8", "2001:db8::9", true},
      {"192.0.2.1, 2001:db8::/32,10.0.0.0/8", "127.0.0.1", false},
  };
  for (size_t i = 0; i < sizeof examples / sizeof examples[0]; i++)
    CU_ASSERT_EQUAL(contains(examples[i].list, examples[i].address), examples[i].is_in);
}

/* Nothing is guessed: a list that is not plain is refused whole. */
static void what_is_no_network_is_refused(void) {
  static const struct {
    const char *list, *complaint;
  } examples[] = {
      {"", "is no network in numbers"},
      {"any", "is no network in numbers"},
      {"example.org", "is no network in numbers"},
      {"localhost/8", "is no network in numbers"},
      {"10.0.0", "is no network in numbers"},
      {"010.0.0.1", "is no network in numbers"},
      {"10.0.0.0.0/8", "is no network in numbers"},
      {"fe80::1%eth0", "is no network in numbers"},
      {"[::1]", "is no network in numbers"},
      {"/8", "is no network in numbers"},
      {"10.0.0.0/", "lacks a prefix length from 0 to 32"},
      {"10.0.0.0/33", "lacks a prefix length from 0 to 32"},
      {"10.0.0.0/-1", "lacks a prefix length from 0 to 32"},
      {"10.0.0.0/8/8", "lacks a prefix length from 0 to 32"},
      {"10.0.0.0/255.0.0.0", "lacks a prefix length from 0 to 32"},
      {"fd00::/129", "lacks a prefix length from 0 to 128"},
      {"10.1.2.3/8", "has bits set behind its prefix: the network is 10.0.0.0/8"},
      {"192.168.1.129/25", "the network is 192.168.1.128/25"},
      {"1.2.3.4/0", "the network is 0.0.0.0/0"},
      {"2001:db8::1/32", "the network is 2001:db8::/32"},
      {"10.0.0.0/8,", "holds '', which is no network"},
      {"10.0.0.0/8,here", "holds 'here', which is no network"},
      {"10.0.0.0/8,\x1b[2J", "holds '\\x1b[2J', which is no network"},
      {"10.0.0.0/8 192.0.2.1", "lacks a prefix length"},
  };
  char complaint[ADMIT_COMPLAINT_BYTES];
  for (size_t i = 0; i < sizeof examples / sizeof examples[0]; i++) {
    struct admit admit = {0};
    const char *said = admit_add(&admit, examples[i].list, complaint);
    CU_ASSERT_PTR_NOT_NULL(strstr(said ? said : "", examples[i].complaint));
    CU_ASSERT_EQUAL(admit.count, 0);
  }
}

static void a_list_is_bounded_and_can_be_shown(void) {
  struct admit admit = {0};
  char complaint[ADMIT_COMPLAINT_BYTES], text[ADMIT_TEXT_BYTES], item[64];
  for (int i = 0; i < ADMIT_NETWORKS_MAX; i++) {
    snprintf(item, sizeof item, "2001:db8:1111:2222:3333:4444:5555:%x", 0x6660 + i);
    CU_ASSERT_PTR_NULL(admit_add(&admit, item, complaint));
  }
  CU_ASSERT(strlen(admit_text(&admit, text)) + 1 < ADMIT_TEXT_BYTES);
  const char *said = admit_add(&admit, "10.0.0.0/8", complaint);
  CU_ASSERT_PTR_NOT_NULL(strstr(said ? said : "", "one too many"));
  CU_ASSERT_EQUAL(admit.count, ADMIT_NETWORKS_MAX);
  admit.count = 0;
  CU_ASSERT_STRING_EQUAL(admit_text(&admit, text), "");
  CU_ASSERT_PTR_NULL(admit_add(&admit, "10.0.0.0/8,::1", complaint));
  CU_ASSERT_STRING_EQUAL(admit_text(&admit, text), "10.0.0.0/8, ::1/128");
}

UNIT_MAIN(UNIT_CASE(near_and_far), UNIT_CASE(what_is_no_address_is_not_near),
          UNIT_CASE(lists_hold_what_they_say), UNIT_CASE(what_is_no_network_is_refused),
          UNIT_CASE(a_list_is_bounded_and_can_be_shown))
