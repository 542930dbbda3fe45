/* lane_keys: one direction's keys in one phase, once for each thread that seals or opens with them. */
#ifndef CRYPTO_LANE_KEYS_H
#define CRYPTO_LANE_KEYS_H

#include "crypto/packet_keys.h"

struct lane_keys {
  unsigned count;           /* lanes beyond the first */
  struct packet_keys *more; /* theirs; the first lane's are the packet_keys beside this */
};

/* Derives `lanes` - 1 of them (0: none) into a value that holds none. 0 or ERR_NO_MEMORY. */
int lane_keys_init(struct lane_keys *keys, unsigned lanes, const struct protection *how,
                   const uint8_t secret[SECRET_BYTES]);
/* Wipes. */
void lane_keys_clear(struct lane_keys *keys);
/* Moves them: `from` holds none afterwards; what `to` held is wiped. */
void lane_keys_move(struct lane_keys *to, struct lane_keys *from);
/* Those of a lane, where lane 0 has `first`. */
const struct packet_keys *lane_keys_of(const struct lane_keys *keys, const struct packet_keys *first,
                                       unsigned lane);

#endif
