/* address (private): between the opaque struct address of the program and the kernel's socket addresses.
 *
 * One socket may speak IPv4 and IPv6; above io an IPv4 peer is always an AF_INET address, never a mapped one,
 * so that the same peer compares equal whatever socket it came through. */
#ifndef UDPCP_IO_ADDRESS_H
#define UDPCP_IO_ADDRESS_H

#include "udpcp/io.h"

#include <netinet/in.h>
#include <sys/socket.h>

union socket_address {
  struct sockaddr any;
  struct sockaddr_in ipv4;
  struct sockaddr_in6 ipv6;
};

int address_family(const struct address *address); /* AF_INET, AF_INET6, or AF_UNSPEC for none */
bool address_is_wildcard(const struct address *address);
/* Mapped IPv4 becomes AF_INET; what is neither IPv4 nor IPv6 becomes an address of size 0. */
void address_from_socket(struct address *address, const union socket_address *from);
/* As a socket of `family` wants it; returns its size, 0 when such a socket cannot reach it. */
socklen_t address_to_socket(const struct address *address, int family, union socket_address *to);
bool socket_address_same_host(const union socket_address *a, const union socket_address *b);
/* From where a socket of `family` would send to it now; false: it cannot. */
bool address_route_source(const struct address *address, int family, union socket_address *from);

#endif
