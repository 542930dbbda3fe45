/* udp_socket (private): what the rules of udp.c ask of the system below them.
 *
 * udp.c decides (families, retries, what counts as sent, when offload is given up); udp_linux.c speaks to the
 * kernel in batches. Another system brings one file with these functions, by sendto and recvfrom, and those
 * of wait_linux.c, by poll. */
#ifndef UDPCP_IO_UDP_SOCKET_H
#define UDPCP_IO_UDP_SOCKET_H

#include "address.h"

enum { UDP_MESSAGES_MAX = 64 }; /* in one send: trains with offload, single datagrams without */

struct udp_system; /* buffers and tables of the system's file */
struct udp {
  int fd;
  int family;          /* of the socket: AF_INET, or AF_INET6 (which may carry IPv4 too) */
  bool is_connected;   /* the kernel knows the peer */
  bool is_any_address; /* a reply must be told to leave from the address that was asked */
  bool no_offload;     /* asked to do without */
  bool is_direct;      /* connected for a while (udp_direct.c) */
  uint8_t default_ecn; /* what the kernel sets where no control message says otherwise */
  uint32_t odd_ecn;    /* messages in a row for which it did not fit */
  uint16_t port;
  struct udp_stats stats;
  struct udp_system *system;
};

/* One message: equal datagrams of `segment` bytes for one peer, the last may be shorter. More than one
 * datagram only while stats.gso. */
struct udp_message {
  const struct address *peer;
  const uint8_t *bytes;
  size_t size, segment;
};

/* Before bind: buffers, DF, offload (stats.gso, stats.gro), counting of drops. 0 or an errno. */
int udp_system_open(struct udp *udp);
void udp_system_close(struct udp *udp); /* also after a failed open */
/* How many messages, from the first, the kernel took; or a negative errno that concerns the first. */
int udp_system_send(struct udp *udp, const struct udp_message *messages, int count);
/* From now on the kernel marks what goes to this peer so by itself, as far as it can. */
void udp_system_mark(struct udp *udp, const struct address *peer, uint8_t ecn);
/* How many trains were kept (0: some came and none was whole), or a negative errno. */
int udp_system_receive(struct udp *udp, struct train *trains, int max);

/* Back to an unconnected socket with the same port (udp_direct.c). */
void udp_direct_end(struct udp *udp);

#endif
