/* Requests to rtnetlink (RFC 3549) and interface ioctls, see netlink.h; they replace the `ip` command. */
#include "netlink.h"

#include <assert.h>
#include <errno.h>
#include <linux/if_addr.h>
#include <linux/if_link.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

struct request {
  union {
    struct nlmsghdr header;
    uint8_t bytes[512];
  };
};

static void *request_append(struct request *r, const void *data, size_t bytes) {
  void *at = r->bytes + NLMSG_ALIGN(r->header.nlmsg_len);

  assert(NLMSG_ALIGN(r->header.nlmsg_len) + bytes <= sizeof(r->bytes));
  if (data != NULL) memcpy(at, data, bytes);
  r->header.nlmsg_len = (uint32_t)(NLMSG_ALIGN(r->header.nlmsg_len) + bytes);
  return at;
}

/* Appends an attribute, or, with NULL for data, opens one that others are put into. */
static struct rtattr *request_attribute(struct request *r, unsigned short type, const void *data,
                                        size_t bytes) {
  struct rtattr attribute = {.rta_len = (unsigned short)RTA_LENGTH(bytes), .rta_type = type};
  struct rtattr *at = request_append(r, &attribute, sizeof(attribute));

  if (data != NULL) request_append(r, data, bytes);
  return at;
}

static void request_close(struct request *r, struct rtattr *nest) {
  nest->rta_len = (unsigned short)(r->bytes + r->header.nlmsg_len - (uint8_t *)nest);
}

static void request_init(struct request *r, uint16_t type, uint16_t flags) {
  memset(r, 0, sizeof(*r));
  r->header.nlmsg_len = NLMSG_HDRLEN;
  r->header.nlmsg_type = type;
  r->header.nlmsg_flags = (uint16_t)(NLM_F_REQUEST | NLM_F_ACK | flags);
}

/* Sends it and waits for the acknowledgement, which carries the errno. */
static int request_send(const struct request *r) {
  union {
    struct nlmsghdr header;
    uint8_t bytes[4096];
  } reply;
  struct nlmsgerr error;
  ssize_t got;
  int status = 0;
  int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE);

  if (fd < 0) return -errno;
  if (send(fd, r->bytes, r->header.nlmsg_len, 0) < 0 || (got = recv(fd, &reply, sizeof(reply), 0)) < 0) {
    status = -errno;
  } else if ((size_t)got < NLMSG_LENGTH(sizeof(error)) || reply.header.nlmsg_type != NLMSG_ERROR) {
    status = -EPROTO;
  } else {
    memcpy(&error, NLMSG_DATA(&reply.header), sizeof(error));
    status = error.error;
  }
  close(fd);
  return status;
}

int netlink_add_address(unsigned interface, int family, const void *address, unsigned prefix_bits) {
  size_t address_bytes = family == AF_INET ? sizeof(struct in_addr) : sizeof(struct in6_addr);
  struct ifaddrmsg message = {.ifa_family = (unsigned char)family,
                              .ifa_prefixlen = (unsigned char)prefix_bits,
                              .ifa_flags = family == AF_INET6 ? IFA_F_NODAD : 0,
                              .ifa_scope = RT_SCOPE_UNIVERSE,
                              .ifa_index = interface};
  struct request r;

  request_init(&r, RTM_NEWADDR, NLM_F_CREATE | NLM_F_EXCL);
  request_append(&r, &message, sizeof(message));
  request_attribute(&r, IFA_LOCAL, address, address_bytes);
  request_attribute(&r, IFA_ADDRESS, address, address_bytes);
  return request_send(&r);
}

int netlink_forbid_auto_address(unsigned interface) {
  struct ifinfomsg message = {.ifi_family = AF_UNSPEC, .ifi_index = (int)interface};
  uint8_t mode = IN6_ADDR_GEN_MODE_NONE;
  struct rtattr *families, *inet6;
  struct request r;

  request_init(&r, RTM_NEWLINK, 0);
  request_append(&r, &message, sizeof(message));
  families = request_attribute(&r, IFLA_AF_SPEC, NULL, 0);
  inet6 = request_attribute(&r, AF_INET6, NULL, 0);
  request_attribute(&r, IFLA_INET6_ADDR_GEN_MODE, &mode, sizeof(mode));
  request_close(&r, inet6);
  request_close(&r, families);
  return request_send(&r);
}

int netlink_set_size(unsigned interface, uint32_t mtu, uint32_t queue_packets) {
  struct ifinfomsg message = {.ifi_family = AF_UNSPEC, .ifi_index = (int)interface};
  struct request r;

  request_init(&r, RTM_NEWLINK, 0);
  request_append(&r, &message, sizeof(message));
  request_attribute(&r, IFLA_MTU, &mtu, sizeof(mtu));
  request_attribute(&r, IFLA_TXQLEN, &queue_packets, sizeof(queue_packets));
  return request_send(&r);
}

static int interface_ioctl(const char *name, unsigned long command, struct ifreq *argument) {
  int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  int status = 0;

  if (fd < 0) return -errno;
  snprintf(argument->ifr_name, sizeof(argument->ifr_name), "%s", name);
  if (ioctl(fd, command, argument) != 0) status = -errno;
  close(fd);
  return status;
}

int netlink_set_up(const char *name) {
  struct ifreq argument = {0};
  int status = interface_ioctl(name, SIOCGIFFLAGS, &argument);

  if (status != 0) return status;
  argument.ifr_flags |= IFF_UP;
  return interface_ioctl(name, SIOCSIFFLAGS, &argument);
}
