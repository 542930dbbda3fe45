/* path: where the peer is, and whether it is really there (proto/transport.md section 3).
 *
 * Until an address has shown that it receives what we send to it, it gets at most three times what it sent
 * us. When authenticated packets come from a new address (NAT rebinding), the new one is used at once under
 * that limit and challenged; if it does not answer, the old one is taken back. */
#ifndef TRANSPORT_PATH_H
#define TRANSPORT_PATH_H

#include "udpcp/base.h"

enum { PATH_AMPLIFICATION = 3, PATH_CHALLENGES_MAX = 5 };

struct path {
  struct address peer, previous; /* previous: the last validated one while `peer` is not; size 0: none */
  bool validated;
  bool is_first; /* where the answer with our connection id went: that id in a packet from there proves the
                    address */
  uint64_t bytes_received, bytes_sent; /* counted while not validated */
  uint64_t challenge;                  /* what we wait for */
  uint32_t challenges_sent;
  uint64_t challenge_at_ns; /* when the next challenge is due; TIME_NEVER */
  uint64_t response;        /* what the peer asked for */
  bool response_pending;
};

void path_init(struct path *path, const struct address *peer, bool validated);
void path_on_received(struct path *path, size_t size);
void path_on_sent(struct path *path, size_t size);
/* Bytes that may be sent now. */
uint64_t path_allowance(const struct path *path);
void path_on_validated(struct path *path);
/* An authenticated packet, the newest so far, came from another address than path->peer. */
void path_on_new_address(struct path *path, uint64_t now_ns, const struct address *from, uint64_t challenge);
void path_on_response(struct path *path, uint64_t response);
bool path_challenge_is_due(const struct path *path, uint64_t now_ns);
/* Counts a challenge sent; when PATH_CHALLENGES_MAX before it had no answer, the new address is given up:
 * true.
 */
bool path_on_challenge_sent(struct path *path, uint64_t now_ns, uint64_t interval_ns);

#endif
