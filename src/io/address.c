/* address: names to socket addresses and back, and the one form in which the layers above see them. */
#include "address.h"

#include <arpa/inet.h>
#include <assert.h>
#include <errno.h>
#include <net/if.h>
#include <netdb.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static const uint8_t mapped_prefix[12] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};

/* The bytes of an address in a form with fields; an address of size 0 reads as AF_UNSPEC. */
static union socket_address unpack(const struct address *address) {
  union socket_address socket_address = {.any.sa_family = AF_UNSPEC};
  assert(address->size <= sizeof(address->bytes) && address->size <= sizeof(socket_address));
  if (address->size > 0) memcpy(&socket_address, address->bytes, address->size);
  return socket_address;
}

static void pack(struct address *address, const void *from, size_t size) {
  memset(address, 0, sizeof(*address));
  address->size = (uint32_t)size;
  memcpy(address->bytes, from, size);
}

int address_family(const struct address *address) { return unpack(address).any.sa_family; }

bool address_is_ipv6(const struct address *address) {
  union socket_address from = unpack(address);
  return from.any.sa_family == AF_INET6 && !IN6_IS_ADDR_V4MAPPED(&from.ipv6.sin6_addr);
}

bool address_is_wildcard(const struct address *address) {
  union socket_address from = unpack(address);
  if (from.any.sa_family == AF_INET) return from.ipv4.sin_addr.s_addr == htonl(INADDR_ANY);
  return from.any.sa_family == AF_INET6 && IN6_IS_ADDR_UNSPECIFIED(&from.ipv6.sin6_addr);
}

void address_from_socket(struct address *address, const union socket_address *from) {
  if (from->any.sa_family == AF_INET) {
    struct sockaddr_in to = {
        .sin_family = AF_INET, .sin_port = from->ipv4.sin_port, .sin_addr = from->ipv4.sin_addr};
    pack(address, &to, sizeof(to));
  } else if (from->any.sa_family == AF_INET6 && IN6_IS_ADDR_V4MAPPED(&from->ipv6.sin6_addr)) {
    struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = from->ipv6.sin6_port};
    memcpy(&to.sin_addr, from->ipv6.sin6_addr.s6_addr + sizeof(mapped_prefix), sizeof(to.sin_addr));
    pack(address, &to, sizeof(to));
  } else if (from->any.sa_family == AF_INET6) {
    struct sockaddr_in6 to = {.sin6_family = AF_INET6,
                              .sin6_port = from->ipv6.sin6_port,
                              .sin6_addr = from->ipv6.sin6_addr,
                              .sin6_scope_id = from->ipv6.sin6_scope_id};
    pack(address, &to, sizeof(to));
  } else {
    memset(address, 0, sizeof(*address));
  }
}

socklen_t address_to_socket(const struct address *address, int family, union socket_address *to) {
  union socket_address from = unpack(address);
  if (family == AF_INET6 && from.any.sa_family == AF_INET) {
    memset(to, 0, sizeof(*to));
    to->ipv6.sin6_family = AF_INET6;
    to->ipv6.sin6_port = from.ipv4.sin_port;
    memcpy(to->ipv6.sin6_addr.s6_addr, mapped_prefix, sizeof(mapped_prefix));
    memcpy(to->ipv6.sin6_addr.s6_addr + sizeof(mapped_prefix), &from.ipv4.sin_addr, 4);
    return sizeof(to->ipv6);
  }
  if (from.any.sa_family != family) return 0;
  *to = from;
  return family == AF_INET ? sizeof(to->ipv4) : sizeof(to->ipv6);
}

void address_text(const struct address *address, char text[ADDRESS_TEXT_BYTES]) {
  struct address plain;
  union socket_address from = unpack(address);
  address_from_socket(&plain, &from);
  from = unpack(&plain);

  char host[INET6_ADDRSTRLEN] = "", zone[IF_NAMESIZE + 1] = "";
  if (from.any.sa_family == AF_INET) {
    inet_ntop(AF_INET, &from.ipv4.sin_addr, host, sizeof(host));
    snprintf(text, ADDRESS_TEXT_BYTES, "%s:%u", host, ntohs(from.ipv4.sin_port));
  } else if (from.any.sa_family == AF_INET6) {
    inet_ntop(AF_INET6, &from.ipv6.sin6_addr, host, sizeof(host));
    if (from.ipv6.sin6_scope_id != 0) {
      char name[IF_NAMESIZE];
      if (if_indextoname(from.ipv6.sin6_scope_id, name))
        snprintf(zone, sizeof(zone), "%%%s", name);
      else
        snprintf(zone, sizeof(zone), "%%%u", from.ipv6.sin6_scope_id);
    }
    int size = snprintf(text, ADDRESS_TEXT_BYTES, "[%s%s]:%u", host, zone, ntohs(from.ipv6.sin6_port));
    assert(size < ADDRESS_TEXT_BYTES && "8 groups, a zone of 15 characters and a port take 63");
  } else {
    snprintf(text, ADDRESS_TEXT_BYTES, "none");
  }
}

uint64_t address_host(const struct address *address) {
  union socket_address from = unpack(address);
  if (from.any.sa_family == AF_INET) return hash_64(&from.ipv4.sin_addr, sizeof from.ipv4.sin_addr);
  if (from.any.sa_family == AF_INET6) return hash_64(&from.ipv6.sin6_addr, 8);
  return 0;
}

bool socket_address_same_host(const union socket_address *a, const union socket_address *b) {
  if (a->any.sa_family != b->any.sa_family) return false;
  if (a->any.sa_family == AF_INET) return a->ipv4.sin_addr.s_addr == b->ipv4.sin_addr.s_addr;
  return IN6_ARE_ADDR_EQUAL(&a->ipv6.sin6_addr, &b->ipv6.sin6_addr);
}

static bool is_loopback(const union socket_address *address) {
  if (address->any.sa_family == AF_INET) return ntohl(address->ipv4.sin_addr.s_addr) >> 24 == 127;
  return IN6_IS_ADDR_LOOPBACK(&address->ipv6.sin6_addr);
}

/* Connecting a datagram socket asks the routing and sends nothing. */
bool address_route_source(const struct address *address, int family, union socket_address *from) {
  union socket_address to;
  socklen_t to_size = address_to_socket(address, family, &to), from_size = sizeof(*from);
  int fd = to_size > 0 ? socket(family, SOCK_DGRAM | SOCK_CLOEXEC, 0) : -1;
  if (fd < 0) return false;
  bool is_known = connect(fd, &to.any, to_size) == 0 && getsockname(fd, &from->any, &from_size) == 0;
  close(fd);
  return is_known;
}

/* A machine reaches its own addresses from the very address it sends to, or from a loopback one. */
bool address_is_own(const struct address *address) {
  union socket_address to = unpack(address), from;
  return to.any.sa_family != AF_UNSPEC && address_route_source(address, to.any.sa_family, &from) &&
         (socket_address_same_host(&from, &to) || is_loopback(&from));
}

static bool is_known(const struct address *found, int count, const struct address *address) {
  for (int i = 0; i < count; i++)
    if (address_equal(&found[i], address)) return true;
  return false;
}

int address_resolve(const char *host, uint16_t port, enum family family, struct address *found, int max,
                    const char **why) {
  assert(max > 0);
  /* No AI_ADDRCONFIG: it hides ::1 and 127.0.0.1 from a machine that has only loopback. */
  struct addrinfo hints = {
      .ai_family = family == FAMILY_IPV4 ? AF_INET : (family == FAMILY_IPV6 ? AF_INET6 : AF_UNSPEC),
      .ai_socktype = SOCK_DGRAM,
      .ai_protocol = IPPROTO_UDP,
  };
  struct addrinfo *list = NULL;
  int failure = getaddrinfo(host, NULL, &hints, &list);
  if (failure != 0) {
    *why = failure == EAI_SYSTEM ? error_text(error_from_errno(errno)) : gai_strerror(failure);
    return ERR_NOT_FOUND;
  }

  int count = 0;
  for (const struct addrinfo *one = list; one && count < max; one = one->ai_next) {
    union socket_address from = {.any.sa_family = AF_UNSPEC};
    if (one->ai_addrlen > sizeof(from)) continue;
    memcpy(&from, one->ai_addr, one->ai_addrlen);
    if (from.any.sa_family == AF_INET)
      from.ipv4.sin_port = htons(port);
    else
      from.ipv6.sin6_port = htons(port);
    struct address address;
    address_from_socket(&address, &from);
    if (address.size > 0 && !is_known(found, count, &address)) found[count++] = address;
  }
  freeaddrinfo(list);
  if (count == 0) *why = "no address of this family";
  return count > 0 ? count : ERR_NOT_FOUND;
}
