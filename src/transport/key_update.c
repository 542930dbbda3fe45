/* key_update: see the header.
 *
 * Whoever has sealed many packets renews, but only when the peer has shown by an acknowledgement that it
 * follows, when its own old keys are gone, and not soon after the last time: a peer keeps the old keys for
 * three of its probe timeouts and takes no further phase until then. So a peer that renews with every packet
 * stalls itself and costs us nothing. */
#include "transport/key_update.h"

#include <assert.h>

void key_update_init(struct key_update *update, uint64_t packets_renew) {
  bool is_default = packets_renew == 0 || packets_renew > KEY_PACKETS_RENEW;
  *update = (struct key_update){.packets_renew = is_default ? KEY_PACKETS_RENEW : packets_renew,
                                .forget_at_ns = TIME_NEVER};
}

bool key_update_is_due(const struct key_update *update, uint64_t next, uint64_t now_ns) {
  return next - update->first_sent >= update->packets_renew && update->is_acked &&
         update->forget_at_ns == TIME_NEVER && now_ns >= update->renew_after_ns;
}

void key_update_on_renewed(struct key_update *update, uint64_t next, uint64_t now_ns,
                           uint64_t probe_timeout_ns) {
  assert(next >= update->first_sent);
  uint64_t pause_ns = KEY_RENEW_PROBE_TIMEOUTS * probe_timeout_ns;
  update->send_phase++;
  update->first_sent = next;
  update->is_acked = false;
  update->renew_after_ns = now_ns + (pause_ns > KEY_RENEW_NS_MIN ? pause_ns : KEY_RENEW_NS_MIN);
}

void key_update_on_acked(struct key_update *update, uint64_t number) {
  if (number >= update->first_sent) update->is_acked = true;
}

bool key_update_on_peer_phase(struct key_update *update, uint64_t phase, uint64_t now_ns,
                              uint64_t probe_timeout_ns) {
  if (phase == update->recv_phase) return false;
  assert(phase == update->recv_phase + 1 && "the next keys are taken only when the old ones are forgotten");
  update->recv_phase = phase;
  update->forget_at_ns = now_ns + KEY_OLD_PROBE_TIMEOUTS * probe_timeout_ns;
  return true;
}

void key_update_on_forgotten(struct key_update *update) { update->forget_at_ns = TIME_NEVER; }

void key_update_on_refused(struct key_update *update) { update->refused++; }

bool key_update_is_spent(const struct key_update *update, uint64_t next) {
  return next - update->first_sent >= KEY_PACKETS_MAX || update->refused >= KEY_REFUSED_MAX;
}
