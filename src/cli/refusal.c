/* An unconnected socket hears nothing of ICMP errors unless it asks for them. While a connection is being
 * made they tell at once what silence tells only after a long wait. They can be forged by anyone who sees the
 * datagrams, so they only shorten the wait and never end a connection that has had an answer; then they are
 * switched off. */
#include "refusal.h"

#include <netinet/in.h>
#include <sys/socket.h>

#include <linux/errqueue.h>
#include <string.h>

static void set_all(int fd, int value) {
  /* Of the two the socket's family takes one; without either there are no hints, which does no harm. */
  setsockopt(fd, IPPROTO_IP, IP_RECVERR, &value, sizeof value);
  setsockopt(fd, IPPROTO_IPV6, IPV6_RECVERR, &value, sizeof value);
}

void refusal_listen(int fd) { set_all(fd, 1); }
void refusal_ignore(int fd) { set_all(fd, 0); }

static bool is_refusal(struct msghdr *head) {
  for (struct cmsghdr *at = CMSG_FIRSTHDR(head); at; at = CMSG_NXTHDR(head, at)) {
    struct sock_extended_err error;
    bool is_error = (at->cmsg_level == IPPROTO_IP && at->cmsg_type == IP_RECVERR) ||
                    (at->cmsg_level == IPPROTO_IPV6 && at->cmsg_type == IPV6_RECVERR);
    if (!is_error || at->cmsg_len < CMSG_LEN(sizeof error)) continue;
    memcpy(&error, CMSG_DATA(at), sizeof error);
    bool is_icmp = error.ee_origin == SO_EE_ORIGIN_ICMP || error.ee_origin == SO_EE_ORIGIN_ICMP6;
    if (is_icmp && error_from_errno((int)error.ee_errno) == ERR_UNREACHABLE) return true;
  }
  return false;
}

bool refusal_take(int fd) {
  bool has_come = false;
  for (;;) {
    union {
      struct cmsghdr align;
      uint8_t bytes[512];
    } control;
    struct msghdr head = {.msg_control = control.bytes, .msg_controllen = sizeof control.bytes};
    if (recvmsg(fd, &head, MSG_ERRQUEUE | MSG_DONTWAIT) < 0) return has_come;
    has_come = is_refusal(&head) || has_come;
  }
}
