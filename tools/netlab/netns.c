/*
 * Network namespaces with a TUN device each, see netns.h. A device without IFF_VNET_HDR has no offloads, so
 * the kernel cuts its GSO packets and completes their checksums before we read them: what we get is what
 * would be on a wire. The file descriptor stays good when the process moves on to the next namespace.
 */
#include "netns.h"

#include "netlink.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/if_tun.h>
#include <net/if.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

enum { TUN_QUEUE_PACKETS = 20000, IPV4_PREFIX_BITS = 24, IPV6_PREFIX_BITS = 64 };

static const char device_name[] = "netlab";

static int refuse(struct failure *f, const char *what, int error) {
  return failure_set(f, FAILURE_NO_NAMESPACE,
                     "no network namespaces here: %s: %s (netlab --relay needs none)", what, strerror(error));
}

static int write_file(const char *path, const char *text) {
  int fd = open(path, O_WRONLY | O_CLOEXEC);
  ssize_t done;

  if (fd < 0) return -1;
  done = write(fd, text, strlen(text));
  close(fd);
  return done == (ssize_t)strlen(text) ? 0 : -1;
}

static int enter_user_namespace(struct failure *f) {
  char user_map[32], group_map[32];

  snprintf(user_map, sizeof(user_map), "0 %u 1", (unsigned)geteuid());
  snprintf(group_map, sizeof(group_map), "0 %u 1", (unsigned)getegid());
  if (unshare(CLONE_NEWUSER | CLONE_NEWNET) != 0) return refuse(f, "unshare(user, net)", errno);
  write_file("/proc/self/setgroups", "deny"); /* absent before Linux 3.19, where it need not be */
  if (write_file("/proc/self/uid_map", user_map) != 0) return refuse(f, "/proc/self/uid_map", errno);
  if (write_file("/proc/self/gid_map", group_map) != 0) return refuse(f, "/proc/self/gid_map", errno);
  return 0;
}

static int open_tun(struct failure *f) {
  struct ifreq argument = {.ifr_flags = IFF_TUN | IFF_NO_PI};
  int fd = open("/dev/net/tun", O_RDWR | O_NONBLOCK | O_CLOEXEC);

  if (fd < 0) return refuse(f, "/dev/net/tun", errno);
  snprintf(argument.ifr_name, sizeof(argument.ifr_name), "%s", device_name);
  if (ioctl(fd, TUNSETIFF, &argument) != 0) {
    int error = errno;

    close(fd);
    return refuse(f, "TUNSETIFF", error);
  }
  return fd;
}

static int configure(struct netns *n, const struct netns_side *side, uint32_t mtu, struct failure *f) {
  unsigned interface = if_nametoindex(device_name);
  struct in_addr ipv4;
  struct in6_addr ipv6;
  int status;

  if (inet_pton(AF_INET, side->ipv4, &ipv4) != 1 || inet_pton(AF_INET6, side->ipv6, &ipv6) != 1)
    return refuse(f, "addresses", EINVAL);
  if ((status = netlink_set_up("lo")) != 0) return refuse(f, "lo up", -status);
  if ((status = netlink_set_size(interface, mtu, TUN_QUEUE_PACKETS)) != 0)
    return refuse(f, "set MTU and queue", -status);
  /* Both fail where the kernel has no IPv6, or the MTU is too small for it: then there is none. */
  netlink_forbid_auto_address(interface);
  if ((status = netlink_add_address(interface, AF_INET, &ipv4, IPV4_PREFIX_BITS)) != 0)
    return refuse(f, "set IPv4 address", -status);
  n->has_ipv6 = netlink_add_address(interface, AF_INET6, &ipv6, IPV6_PREFIX_BITS) == 0;
  if ((status = netlink_set_up(device_name)) != 0) return refuse(f, "device up", -status);
  return 0;
}

int netns_enter(struct netns *n, const struct netns_side *side, uint32_t mtu, struct failure *f) {
  n->tun_fd = -1;
  n->has_ipv6 = 0;
  if (geteuid() != 0 || unshare(CLONE_NEWNET) != 0) {
    /* Root of a container may lack the right, too; then a user namespace may give it. */
    if (enter_user_namespace(f) != 0) return -1;
  }
  n->tun_fd = open_tun(f);
  if (n->tun_fd < 0) return -1;
  return configure(n, side, mtu, f);
}
