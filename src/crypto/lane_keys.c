/* A cipher or HMAC that has been keyed keeps state while it works on a packet, so threads cannot share one.
 * They share nothing then: each has its own, keyed from the same secret when the keys are made. */
#include "crypto/lane_keys.h"

#include <assert.h>
#include <stdlib.h>

int lane_keys_init(struct lane_keys *keys, unsigned lanes, const struct protection *how,
                   const uint8_t secret[SECRET_BYTES]) {
  assert(!keys->more && "whoever has keys clears them first");
  if (lanes <= 1) return 0;
  keys->more = calloc(lanes - 1, sizeof(*keys->more));
  if (!keys->more) return ERR_NO_MEMORY;
  for (; keys->count < lanes - 1; keys->count++) {
    if (packet_keys_init(&keys->more[keys->count], how, secret) == 0) continue;
    lane_keys_clear(keys);
    return ERR_NO_MEMORY;
  }
  return 0;
}

void lane_keys_clear(struct lane_keys *keys) {
  for (unsigned i = 0; i < keys->count; i++)
    packet_keys_clear(&keys->more[i]);
  free(keys->more);
  *keys = (struct lane_keys){0};
}

void lane_keys_move(struct lane_keys *to, struct lane_keys *from) {
  assert(to != from);
  lane_keys_clear(to);
  *to = *from;
  *from = (struct lane_keys){0};
}

const struct packet_keys *lane_keys_of(const struct lane_keys *keys, const struct packet_keys *first,
                                       unsigned lane) {
  assert(lane <= keys->count);
  return lane == 0 ? first : &keys->more[lane - 1];
}
