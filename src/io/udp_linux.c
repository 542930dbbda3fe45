/* udp_linux: batches of trains through sendmmsg and recvmmsg, with UDP_SEGMENT (GSO) and UDP_GRO.
 *
 * One pass through the network stack serves up to 64 datagrams: that is worth a factor of ten. Receive
 * buffers have 64 KiB each because a smaller one silently loses the tail of a train. DF is set by the PROBE
 * mode: the kernel neither fragments nor believes the path MTU that somebody may have told it by ICMP (RFC
 * 8899 section 4). */
#include "reply_from.h"
#include "udp_socket.h"

#include <assert.h>
#include <errno.h>
#include <netinet/udp.h>
#include <stdlib.h>
#include <string.h>

enum {
  BUFFER_BYTES = 65536,
  /* Buffers a power of two apart would all fall into the same few sets of the cache when datagrams come
     singly. */
  BUFFER_STRIDE = BUFFER_BYTES + 1536 + 64,
  CONTROL_BYTES = 128,
  ODD_ECN_MAX = 4, /* calls in a row that begin with a datagram marked otherwise than the socket does */
};

union control {
  struct cmsghdr align;
  uint8_t bytes[CONTROL_BYTES];
};

struct udp_system {
  struct mmsghdr heads[UDP_MESSAGES_MAX];
  struct iovec vectors[UDP_MESSAGES_MAX];
  union socket_address names[UDP_MESSAGES_MAX];
  union control controls[UDP_MESSAGES_MAX];
  struct reply_from reply_from;
  uint32_t drops_seen; /* the kernel's counter has 32 bits and may wrap */
  uint8_t *buffers;
};
_Static_assert((int)UDP_BATCH <= (int)UDP_MESSAGES_MAX, "one set of heads serves both directions");

/* ---- opening ---- */
static bool set(int fd, int level, int name, int value) {
  return setsockopt(fd, level, name, &value, sizeof(value)) == 0;
}

static int get(int fd, int level, int name) {
  int value = -1;
  socklen_t size = sizeof(value);
  return getsockopt(fd, level, name, &value, &size) == 0 ? value : -1;
}

/* The FORCE options pass the administrator's limit where we may; the plain ones take what it leaves. */
static int size_buffer(int fd, int force_name, int name) {
  if (!set(fd, SOL_SOCKET, force_name, UDP_BUFFER_BYTES)) set(fd, SOL_SOCKET, name, UDP_BUFFER_BYTES);
  return get(fd, SOL_SOCKET, name);
}

/* An IPv6 socket may carry IPv4 too, so it gets the options of both. */
static int forbid_fragments(const struct udp *udp) {
  if (!set(udp->fd, IPPROTO_IP, IP_MTU_DISCOVER, IP_PMTUDISC_PROBE)) return errno;
  if (udp->family != AF_INET6) return 0;
  if (!set(udp->fd, IPPROTO_IPV6, IPV6_MTU_DISCOVER, IPV6_PMTUDISC_PROBE)) return errno;
  return set(udp->fd, IPPROTO_IPV6, IPV6_DONTFRAG, 1) ? 0 : errno;
}

/* Whether the kernel tells the ECN field of what comes, in the options of both families again. */
static bool hear_ecn(const struct udp *udp) {
  bool is_heard = set(udp->fd, IPPROTO_IP, IP_RECVTOS, 1);
  return udp->family == AF_INET6 ? set(udp->fd, IPPROTO_IPV6, IPV6_RECVTCLASS, 1) && is_heard : is_heard;
}

int udp_system_open(struct udp *udp) {
  struct udp_system *system = udp->system = calloc(1, sizeof(*system));
  if (!system) return ENOMEM;
  system->buffers = malloc((size_t)UDP_BATCH * BUFFER_STRIDE);
  if (!system->buffers) return ENOMEM;

  int failure = forbid_fragments(udp);
  if (failure != 0) return failure;
  udp->stats.receive_buffer = size_buffer(udp->fd, SO_RCVBUFFORCE, SO_RCVBUF);
  udp->stats.send_buffer = size_buffer(udp->fd, SO_SNDBUFFORCE, SO_SNDBUF);
  set(udp->fd, SOL_SOCKET, SO_RXQ_OVFL, 1);
  udp->stats.gso = !udp->no_offload && get(udp->fd, SOL_UDP, UDP_SEGMENT) >= 0;
  udp->stats.gro = !udp->no_offload && set(udp->fd, SOL_UDP, UDP_GRO, 1);
  udp->stats.ecn = hear_ecn(udp);
  if (!udp->is_any_address) return 0;
  if (udp->family == AF_INET6)
    set(udp->fd, IPPROTO_IPV6, IPV6_RECVPKTINFO, 1);
  else
    set(udp->fd, IPPROTO_IP, IP_PKTINFO, 1);
  return 0;
}

void udp_system_close(struct udp *udp) {
  if (udp->system) free(udp->system->buffers);
  free(udp->system);
  udp->system = NULL;
}

/* ---- control messages ---- */
static void add_control(struct msghdr *head, int level, int type, const void *data, size_t size) {
  uint8_t *at = (uint8_t *)head->msg_control + head->msg_controllen;
  struct cmsghdr control = {.cmsg_len = CMSG_LEN(size), .cmsg_level = level, .cmsg_type = type};
  assert(head->msg_controllen + CMSG_SPACE(size) <= CONTROL_BYTES);
  memset(at, 0, CMSG_SPACE(size));
  memcpy(at, &control, sizeof(control));
  memcpy(at + CMSG_LEN(0), data, size);
  head->msg_controllen += CMSG_SPACE(size);
}

static void add_source(struct msghdr *head, int family, const struct in6_addr *local) {
  if (family == AF_INET6) {
    struct in6_pktinfo info = {.ipi6_addr = *local};
    add_control(head, IPPROTO_IPV6, IPV6_PKTINFO, &info, sizeof(info));
  } else {
    struct in_pktinfo info = {.ipi_ifindex = 0};
    memcpy(&info.ipi_spec_dst, local->s6_addr + 12, sizeof(info.ipi_spec_dst));
    add_control(head, IPPROTO_IP, IP_PKTINFO, &info, sizeof(info));
  }
}

/* For this train alone: what the next one wants may differ. Each family reads its own option, and an IPv4
 * address behind an IPv6 socket that of IPv4. */
static void add_ecn(struct msghdr *head, const struct address *peer) {
  int field = peer->ecn;
  if (address_is_ipv6(peer))
    add_control(head, IPPROTO_IPV6, IPV6_TCLASS, &field, sizeof(field));
  else
    add_control(head, IPPROTO_IP, IP_TOS, &field, sizeof(field));
}

void udp_system_mark(struct udp *udp, const struct address *peer, uint8_t ecn) {
  bool is_ipv6 = address_is_ipv6(peer);
  udp->odd_ecn = 0;
  if (udp->default_ecn == ecn || !udp->stats.ecn) return;
  if (set(udp->fd, is_ipv6 ? IPPROTO_IPV6 : IPPROTO_IP, is_ipv6 ? IPV6_TCLASS : IP_TOS, ecn))
    udp->default_ecn = ecn;
}

/* What the kernel says of one received message beside its bytes. */
struct remarks {
  size_t segment; /* 0: not a train */
  uint8_t ecn;
  bool has_local;
  struct in6_addr local;
};

/* The kernel tells a byte (IPv4) or an int (IPv6). */
static uint8_t ecn_of(const uint8_t *data, size_t size) {
  int field = 0;
  if (size >= sizeof(field))
    memcpy(&field, data, sizeof(field));
  else if (size > 0)
    field = data[0];
  return field & ECN_CE;
}

static void read_one_control(struct udp *udp, const struct cmsghdr *control, struct remarks *remarks) {
  const uint8_t *data = CMSG_DATA(control);
  size_t size = control->cmsg_len - CMSG_LEN(0);
  int level = control->cmsg_level, type = control->cmsg_type;
  if (level == SOL_UDP && type == UDP_GRO && size >= sizeof(int)) {
    int segment;
    memcpy(&segment, data, sizeof(segment));
    remarks->segment = segment > 0 ? (size_t)segment : 0;
  } else if (level == SOL_SOCKET && type == SO_RXQ_OVFL && size >= sizeof(uint32_t)) {
    uint32_t drops;
    memcpy(&drops, data, sizeof(drops));
    udp->stats.kernel_drops += (uint32_t)(drops - udp->system->drops_seen);
    udp->system->drops_seen = drops;
  } else if ((level == IPPROTO_IP && type == IP_TOS) || (level == IPPROTO_IPV6 && type == IPV6_TCLASS)) {
    remarks->ecn = ecn_of(data, size);
  } else if (level == IPPROTO_IPV6 && type == IPV6_PKTINFO && size >= sizeof(struct in6_pktinfo)) {
    memcpy(&remarks->local, data + offsetof(struct in6_pktinfo, ipi6_addr), sizeof(remarks->local));
    remarks->has_local = !IN6_IS_ADDR_MULTICAST(&remarks->local);
  } else if (level == IPPROTO_IP && type == IP_PKTINFO && size >= sizeof(struct in_pktinfo)) {
    remarks->local = (struct in6_addr){.s6_addr = {[10] = 0xff, [11] = 0xff}};
    memcpy(remarks->local.s6_addr + 12, data + offsetof(struct in_pktinfo, ipi_spec_dst), 4);
    remarks->has_local = true;
  }
}

/* ---- sending ---- */
/* False when a socket of this family cannot reach that peer. */
static bool fill_head(struct udp *udp, int i, const struct udp_message *message) {
  struct udp_system *system = udp->system;
  struct msghdr *head = &system->heads[i].msg_hdr;
  system->vectors[i] = (struct iovec){(void *)(uintptr_t)message->bytes, message->size};
  *head = (struct msghdr){.msg_iov = &system->vectors[i], .msg_iovlen = 1};
  if (!udp->is_connected && !udp->is_direct) {
    head->msg_namelen = address_to_socket(message->peer, udp->family, &system->names[i]);
    head->msg_name = &system->names[i];
    if (head->msg_namelen == 0) return false;
  }
  head->msg_control = system->controls[i].bytes;
  if (message->size > message->segment) {
    uint16_t segment = (uint16_t)message->segment;
    add_control(head, SOL_UDP, UDP_SEGMENT, &segment, sizeof(segment));
  }
  if (message->peer->ecn != udp->default_ecn && udp->stats.ecn) add_ecn(head, message->peer);
  if (udp->is_any_address && !udp->is_direct) {
    const struct in6_addr *local = reply_from_find(&system->reply_from, message->peer);
    if (local) add_source(head, udp->family, local);
  }
  if (head->msg_controllen == 0) head->msg_control = NULL;
  return true;
}

/* With a control message of the IP layer the kernel looks the way up although the socket is connected. What
 * is sent now and then (an ACK alone is not marked) is not worth another call, a change for good is. */
static void mark_by_default(struct udp *udp, const struct udp_message *message) {
  bool fits = message->peer->ecn == udp->default_ecn;
  udp->odd_ecn = fits ? 0 : udp->odd_ecn + 1;
  if (udp->odd_ecn >= ODD_ECN_MAX) udp_system_mark(udp, message->peer, message->peer->ecn);
}

int udp_system_send(struct udp *udp, const struct udp_message *messages, int count) {
  int filled = 0;
  assert(count > 0 && count <= UDP_MESSAGES_MAX);
  if (udp->is_direct) mark_by_default(udp, &messages[0]);
  while (filled < count && fill_head(udp, filled, &messages[filled]))
    filled++;
  if (filled == 0) return -ENETUNREACH;
  int sent = sendmmsg(udp->fd, udp->system->heads, (unsigned)filled, MSG_DONTWAIT);
  if (sent > 0) return sent;
  int failure = sent == 0 ? EAGAIN : errno;
  /* The address that the peer spoke to may be gone from this machine: next time the kernel chooses. */
  if (udp->is_any_address && !udp->is_direct && error_from_errno(failure) != ERR_AGAIN)
    reply_from_forget(&udp->system->reply_from, messages[0].peer);
  return -failure;
}

/* ---- receiving ---- */
/* False when the datagram did not arrive whole. */
static bool take_train(struct udp *udp, int i, struct train *train) {
  struct udp_system *system = udp->system;
  struct msghdr *head = &system->heads[i].msg_hdr;
  struct remarks remarks = {.segment = 0};
  for (struct cmsghdr *at = CMSG_FIRSTHDR(head); at; at = CMSG_NXTHDR(head, at))
    read_one_control(udp, at, &remarks);
  size_t size = system->heads[i].msg_len;
  if (size == 0 || (head->msg_flags & (MSG_TRUNC | MSG_CTRUNC)) != 0) return false;

  train->bytes = system->vectors[i].iov_base;
  train->size = size;
  train->segment = remarks.segment > 0 && remarks.segment < size ? remarks.segment : size;
  address_from_socket(&train->peer, &system->names[i]);
  train->peer.ecn = remarks.ecn; /* datagrams that differ in it are not joined (Linux 6.18) */
  if (remarks.has_local) reply_from_learn(&system->reply_from, &train->peer, &remarks.local);
  return train->peer.size > 0;
}

int udp_system_receive(struct udp *udp, struct train *trains, int max) {
  struct udp_system *system = udp->system;
  assert(max > 0 && max <= UDP_BATCH);
  for (int i = 0; i < max; i++) {
    system->vectors[i] = (struct iovec){system->buffers + (size_t)i * BUFFER_STRIDE, BUFFER_BYTES};
    system->heads[i].msg_hdr = (struct msghdr){.msg_name = &system->names[i],
                                               .msg_namelen = sizeof(system->names[i]),
                                               .msg_iov = &system->vectors[i],
                                               .msg_iovlen = 1,
                                               .msg_control = system->controls[i].bytes,
                                               .msg_controllen = CONTROL_BYTES};
  }
  int got = recvmmsg(udp->fd, system->heads, (unsigned)max, MSG_DONTWAIT, NULL);
  if (got < 0) return -errno;
  int kept = 0;
  for (int i = 0; i < got; i++)
    if (take_train(udp, i, &trains[kept])) kept++;
  return kept;
}
