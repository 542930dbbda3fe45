/* udp_direct: a socket with one peer is connected while the way to that peer stays as it is.
 *
 * For a connected socket the kernel keeps the route and the source address; for every other it looks both up
 * for each datagram, which is a sixth of its price where it cannot take trains (proto/performance.md). But it
 * keeps the source also when another one would be right by now, and a transfer must live on when this machine
 * gets another address. So the routing is asked again every now and then, and with the first error the socket
 * is as free as before. To let go of a peer is also to let go of a port that was not asked for: it is taken
 * again at once, and if somebody was faster the peer meets a client that moved (proto/transport.md section
 * 3).
 */
#include "udp_socket.h"

#include <sys/socket.h>

static bool bind_again(struct udp *udp, uint16_t port) {
  union socket_address at = {.any.sa_family = AF_UNSPEC};
  socklen_t size = udp->family == AF_INET ? sizeof(at.ipv4) : sizeof(at.ipv6);
  if (udp->family == AF_INET)
    at.ipv4 = (struct sockaddr_in){.sin_family = AF_INET, .sin_port = htons(port)};
  else
    at.ipv6 = (struct sockaddr_in6){.sin6_family = AF_INET6, .sin6_port = htons(port)};
  return bind(udp->fd, &at.any, size) == 0;
}

/* Where the kernel has kept the port, it cannot be bound twice, and that is as well. */
void udp_direct_end(struct udp *udp) {
  union socket_address nobody = {.any.sa_family = AF_UNSPEC}, ours;
  socklen_t size = sizeof(ours);
  udp->is_direct = false;
  connect(udp->fd, &nobody.any, sizeof(nobody.any));
  if (!bind_again(udp, udp->port)) bind_again(udp, 0);
  if (getsockname(udp->fd, &ours.any, &size) == 0)
    udp->port = ntohs(udp->family == AF_INET ? ours.ipv4.sin_port : ours.ipv6.sin6_port);
}

void udp_direct(struct udp *udp, const struct address *peer) {
  union socket_address to, now, routed;
  socklen_t to_size = address_to_socket(peer, udp->family, &to), now_size = sizeof(now);
  if (!udp->is_any_address || to_size == 0) return; /* whoever asked for a source keeps it */
  bool is_known = address_route_source(peer, udp->family, &routed);
  if (udp->is_direct) {
    bool is_same =
        is_known && getsockname(udp->fd, &now.any, &now_size) == 0 && socket_address_same_host(&now, &routed);
    if (is_same) return;
    udp_direct_end(udp);
  }
  if (is_known) udp->is_direct = connect(udp->fd, &to.any, to_size) == 0;
}
