/* path: see the header (RFC 9000 sections 8 and 9). */
#include "transport/path.h"

#include <assert.h>

void path_init(struct path *path, const struct address *peer, bool validated) {
  *path =
      (struct path){.peer = *peer, .validated = validated, .is_first = true, .challenge_at_ns = TIME_NEVER};
}

void path_on_received(struct path *path, size_t size) {
  if (!path->validated) path->bytes_received += size;
}

void path_on_sent(struct path *path, size_t size) {
  if (!path->validated) path->bytes_sent += size;
}

uint64_t path_allowance(const struct path *path) {
  if (path->validated) return UINT64_MAX;
  uint64_t limit = PATH_AMPLIFICATION * path->bytes_received;
  return limit > path->bytes_sent ? limit - path->bytes_sent : 0;
}

void path_on_validated(struct path *path) {
  path->validated = true;
  path->previous.size = 0;
  path->challenge_at_ns = TIME_NEVER;
}

void path_on_new_address(struct path *path, uint64_t now_ns, const struct address *from, uint64_t challenge) {
  assert(!address_equal(from, &path->peer));
  if (path->previous.size > 0 && address_equal(from, &path->previous)) {
    /* Back at an address that is known to be the peer's: the newcomer was a copy of its packets. */
    path->peer = path->previous;
    path_on_validated(path);
    return;
  }
  struct address previous = path->validated ? path->peer : path->previous;
  path_init(path, from, false);
  path->is_first = false; /* it may know our id from elsewhere */
  path->previous = previous;
  path->challenge = challenge;
  path->challenge_at_ns = now_ns;
}

void path_on_response(struct path *path, uint64_t response) {
  if (path->challenges_sent > 0 && response == path->challenge) path_on_validated(path);
}

bool path_challenge_is_due(const struct path *path, uint64_t now_ns) {
  return now_ns >= path->challenge_at_ns;
}

bool path_on_challenge_sent(struct path *path, uint64_t now_ns, uint64_t interval_ns) {
  path->challenge_at_ns = now_ns + interval_ns;
  if (++path->challenges_sent <= PATH_CHALLENGES_MAX || path->previous.size == 0) return false;
  path->peer = path->previous;
  path_on_validated(path);
  return true;
}
