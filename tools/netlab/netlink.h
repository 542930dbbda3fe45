/* The few requests to the kernel's rtnetlink and interface ioctls that a fresh namespace needs. */
#ifndef NETLAB_NETLINK_H
#define NETLAB_NETLINK_H

#include <stddef.h>
#include <stdint.h>

/* All work in the calling process's namespace and return 0, or a negative errno. */
int netlink_add_address(unsigned interface, int family, const void *address, unsigned prefix_bits);

/* No link-local IPv6 address of its own accord: a device that must say nothing unasked. */
int netlink_forbid_auto_address(unsigned interface);

/* Not by ioctl: that one asks for rights outside the user namespace to change the length of the queue. */
int netlink_set_size(unsigned interface, uint32_t mtu, uint32_t queue_packets);

int netlink_set_up(const char *name);

#endif
