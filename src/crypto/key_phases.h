/* key_phases: the keys of DATA packets, renewed again and again (proto/wire.md section 8.6). */
#ifndef CRYPTO_KEY_PHASES_H
#define CRYPTO_KEY_PHASES_H

#include "crypto/lane_keys.h"

struct send_keys {
  unsigned lanes; /* threads that seal at once; 0: one */
  struct protection how;
  struct packet_keys current;
  struct lane_keys current_lanes;
  uint64_t phase;
  uint8_t secret[SECRET_BYTES]; /* of `current` */
};

struct recv_keys {
  unsigned lanes; /* that open at once; 0: one */
  struct protection how;
  struct packet_keys previous, current, next; /* previous and next: perhaps none, never both */
  struct lane_keys current_lanes, next_lanes; /* what is of the phase before comes seldom */
  uint64_t phase;
  uint8_t secret[SECRET_BYTES]; /* of the newest keys there are */
};

/* Phase 0, into a value that is all zeros but for `lanes`. 0 or ERR_NO_MEMORY; to be cleared in any case. */
int send_keys_init(struct send_keys *keys, const struct protection *how, const uint8_t secret[SECRET_BYTES]);
int recv_keys_init(struct recv_keys *keys, const struct protection *how, const uint8_t secret[SECRET_BYTES]);
/* Wipes. */
void send_keys_clear(struct send_keys *keys);
void recv_keys_clear(struct recv_keys *keys);

/* The next phase. When memory is short the phase stays what it is; try again. */
void send_keys_renew(struct send_keys *keys);
/* As open of crypto_ops. */
int recv_keys_open(struct recv_keys *keys, unsigned key_phase, uint64_t number, const uint8_t *header,
                   size_t header_size, const uint8_t *payload, size_t size, uint8_t *out);
void recv_keys_forget(struct recv_keys *keys);

#endif
