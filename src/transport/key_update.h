/* key_update: when the keys of DATA packets are renewed, and when the peer's old ones are forgotten
 * (RFC 9001 section 6, proto/transport.md section 3). The keys themselves are the crypto layer's. */
#ifndef TRANSPORT_KEY_UPDATE_H
#define TRANSPORT_KEY_UPDATE_H

#include "udpcp/base.h"

#define KEY_PACKETS_RENEW (1ull << 22) /* sealed with one key: time for the next */
#define KEY_PACKETS_MAX (1ull << 23)   /* AES-GCM's confidentiality limit (RFC 9001 section 6.6) */
#define KEY_REFUSED_MAX (1ull << 36)   /* forgeries: ChaCha20-Poly1305's integrity limit, the lower one */
enum { KEY_OLD_PROBE_TIMEOUTS = 3, KEY_RENEW_PROBE_TIMEOUTS = 6 };
#define KEY_RENEW_NS_MIN NS_PER_S

struct key_update {
  uint64_t packets_renew; /* KEY_PACKETS_RENEW, or less */
  uint64_t first_sent;    /* number of the first packet sealed with the keys we send with */
  bool is_acked;          /* one of those was acknowledged: the peer has followed */
  uint64_t renew_after_ns;
  uint64_t send_phase;   /* of ours */
  uint64_t recv_phase;   /* of the peer's keys, as last seen */
  uint64_t forget_at_ns; /* when its keys before those go; TIME_NEVER: there are none */
  uint64_t refused;      /* packets whose tag did not fit */
};

void key_update_init(struct key_update *update, uint64_t packets_renew);
/* Whether there may be something to do before packet `next` is sealed: cheap enough for each of them. */
static inline bool key_update_is_near(const struct key_update *update, uint64_t next) {
  return next - update->first_sent >= update->packets_renew || update->refused >= KEY_REFUSED_MAX ||
         update->send_phase < update->recv_phase;
}
/* Whether to renew now, before packet `next` is sealed. */
bool key_update_is_due(const struct key_update *update, uint64_t next, uint64_t now_ns);
/* The keys to send with were renewed; `next` is the first packet sealed with them. */
void key_update_on_renewed(struct key_update *update, uint64_t next, uint64_t now_ns,
                           uint64_t probe_timeout_ns);
void key_update_on_acked(struct key_update *update, uint64_t number);
/* A packet of the peer's phase `phase` was authentic. True: that phase is new. */
bool key_update_on_peer_phase(struct key_update *update, uint64_t phase, uint64_t now_ns,
                              uint64_t probe_timeout_ns);
void key_update_on_forgotten(struct key_update *update);
void key_update_on_refused(struct key_update *update);
/* The keys have done all they may and were not renewed: the connection must end. */
bool key_update_is_spent(const struct key_update *update, uint64_t next);

#endif
