/* key_phases: key update after RFC 9001 section 6 (proto/wire.md section 8.6). A bit in the header names the
 * phase; each phase's secret comes from the one before, and leads back to none.
 *
 * One key is tried a packet, never two, and the keys of the next phase are made before a packet asks for
 * them: forged packets of the other phase cost what any forged packet costs. While the previous keys are
 * held no next ones are, so a peer can renew its keys no faster than this end forgets. */
#include "crypto/key_phases.h"

#include <assert.h>
#include <string.h>

/* Of all lanes or of none. */
static int make_both(struct packet_keys *first, struct lane_keys *more, unsigned lanes,
                     const struct protection *how, const uint8_t secret[SECRET_BYTES]) {
  int error = packet_keys_init(first, how, secret);
  if (!error) error = lane_keys_init(more, lanes, how, secret);
  if (error) packet_keys_clear(first);
  return error;
}

int send_keys_init(struct send_keys *keys, const struct protection *how, const uint8_t secret[SECRET_BYTES]) {
  assert(keys->current.suite == 0);
  keys->how = *how;
  memcpy(keys->secret, secret, SECRET_BYTES);
  return make_both(&keys->current, &keys->current_lanes, keys->lanes, how, secret);
}

void send_keys_clear(struct send_keys *keys) {
  packet_keys_clear(&keys->current);
  lane_keys_clear(&keys->current_lanes);
  gnutls_memset(keys, 0, sizeof(*keys));
}

void send_keys_renew(struct send_keys *keys) {
  struct packet_keys made = {0};
  struct lane_keys made_lanes = {0};
  uint8_t secret[SECRET_BYTES];
  memcpy(secret, keys->secret, SECRET_BYTES);
  packet_keys_next_secret(secret);
  if (make_both(&made, &made_lanes, keys->lanes, &keys->how, secret) == 0) {
    packet_keys_move(&keys->current, &made);
    lane_keys_move(&keys->current_lanes, &made_lanes);
    memcpy(keys->secret, secret, SECRET_BYTES);
    keys->phase++;
  }
  gnutls_memset(secret, 0, sizeof(secret));
}

static int make_next(struct recv_keys *keys) {
  uint8_t secret[SECRET_BYTES];
  memcpy(secret, keys->secret, SECRET_BYTES);
  packet_keys_next_secret(secret);
  int error = make_both(&keys->next, &keys->next_lanes, keys->lanes, &keys->how, secret);
  if (error == 0) memcpy(keys->secret, secret, SECRET_BYTES);
  gnutls_memset(secret, 0, sizeof(secret));
  return error;
}

int recv_keys_init(struct recv_keys *keys, const struct protection *how, const uint8_t secret[SECRET_BYTES]) {
  assert(keys->current.suite == 0);
  keys->how = *how;
  memcpy(keys->secret, secret, SECRET_BYTES);
  int error = make_both(&keys->current, &keys->current_lanes, keys->lanes, how, secret);
  return error ? error : make_next(keys);
}

void recv_keys_clear(struct recv_keys *keys) {
  packet_keys_clear(&keys->previous);
  packet_keys_clear(&keys->current);
  packet_keys_clear(&keys->next);
  lane_keys_clear(&keys->current_lanes);
  lane_keys_clear(&keys->next_lanes);
  gnutls_memset(keys, 0, sizeof(*keys));
}

int recv_keys_open(struct recv_keys *keys, unsigned key_phase, uint64_t number, const uint8_t *header,
                   size_t header_size, const uint8_t *payload, size_t size, uint8_t *out) {
  assert(key_phase <= 1);
  if (key_phase == (keys->phase & 1))
    return packet_keys_open(&keys->current, number, header, header_size, payload, size, out);
  if (keys->previous.suite != 0)
    return packet_keys_open(&keys->previous, number, header, header_size, payload, size, out);
  if (keys->next.suite == 0 && make_next(keys) != 0) return ERR_UNAUTHENTIC;
  int error = packet_keys_open(&keys->next, number, header, header_size, payload, size, out);
  if (error) return error;
  packet_keys_move(&keys->previous, &keys->current);
  packet_keys_move(&keys->current, &keys->next);
  lane_keys_move(&keys->current_lanes, &keys->next_lanes);
  keys->phase++;
  return 0;
}

/* Memory may be short just now; then the next packet of the other phase asks again. */
void recv_keys_forget(struct recv_keys *keys) {
  packet_keys_clear(&keys->previous);
  if (keys->next.suite == 0) (void)make_next(keys);
}
