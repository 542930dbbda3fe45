/* hystart: leaves slow start when the round trip grows, before packets are lost (HyStart++, RFC 9406). */
#ifndef TRANSPORT_HYSTART_H
#define TRANSPORT_HYSTART_H

#include "udpcp/base.h"

enum {
  HYSTART_RTT_THRESHOLD_NS_MIN = 4000000,
  HYSTART_RTT_THRESHOLD_NS_MAX = 16000000,
  HYSTART_NOISE_NS = 500000, /* on a LAN: timers, and the order in which two ends get the CPU */
  HYSTART_LAN_NS = 2000000,
  HYSTART_RTT_DIVISOR = 8,
  HYSTART_SAMPLES_MIN = 8,         /* a round's minimum means something from here on */
  HYSTART_CONSERVATIVE_ROUNDS = 5, /* then slow start is over */
  HYSTART_GROWTH_DIVISOR = 4,      /* growth in conservative slow start */
};

struct hystart {
  uint64_t round_end; /* an acknowledged number at or above this starts the next round */
  uint64_t round_min_rtt_ns, last_round_min_rtt_ns; /* UINT64_MAX: no sample */
  uint64_t baseline_rtt_ns; /* that of the round which led into conservative slow start */
  uint32_t round_samples, conservative_rounds;
  bool conservative;
};

enum hystart_verdict { HYSTART_GROW, HYSTART_GROW_SLOWLY, HYSTART_LEAVE };

struct congestion_ack;

void hystart_init(struct hystart *hystart);
/* For each acknowledgement while the threshold was never set. LEAVE: congestion avoidance begins here. */
enum hystart_verdict hystart_on_ack(struct hystart *hystart, const struct congestion_ack *ack);

#endif
