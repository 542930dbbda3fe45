/* ecn: whether a path carries ECN marks, and how many packets it has marked (RFC 9000 section 13.4,
 * proto/transport.md section 6.4).
 *
 *   WAITING --a packet acknowledged--> TESTING --10 marked--> UNKNOWN
 *      ^                                  |                      |
 *      |                                  +--one of them acknowledged, counts right--> CAPABLE
 *      |                                  +--counts wrong, or the first five lost---> FAILED
 *      +--the path has changed, from any state
 *
 * A path may clear the marks, forge them, or swallow what is marked; the peer may count wrong. So a few
 * packets ask first, once others have come through, and every other one: what is swallowed is never a whole
 * window. Where three marked packets in a row were lost and one without a mark got through, it is asked
 * again. */
#ifndef TRANSPORT_ECN_H
#define TRANSPORT_ECN_H

#include "udpcp/wire.h"

enum {
  ECN_TEST_PACKETS = 10,
  ECN_SWALLOWED_MIN = 5, /* of these lost and none acknowledged, while others come through: no chance */
  ECN_SUSPECT_MIN = 3,   /* marked ones lost in a row, later */
};

enum ecn_state { ECN_WAITING, ECN_TESTING, ECN_UNKNOWN, ECN_CAPABLE, ECN_FAILED };

struct ecn {
  enum ecn_state state;
  uint64_t path_from;              /* packets numbered below it took another path */
  uint64_t marked;                 /* packets sent with ECT(0), on whatever path */
  uint64_t counts[ACK_ECN_COUNTS]; /* as the peer told them last */
  uint32_t newly_acked;            /* marked packets, by the ACK frame being processed */
  uint32_t lost_in_row;            /* marked packets, since one was acknowledged */
  uint32_t tested, tested_lost;    /* packets of this test */
  uint64_t test_from;              /* number of its first one */
  bool test_passed;                /* one of them was acknowledged */
  bool is_swallowed;               /* it failed because none was */
};

/* All zero is a fresh one. The path has changed; `next_number`: what the next packet gets. */
void ecn_restart(struct ecn *ecn, uint64_t next_number);
/* What packet `number`, which asks for an acknowledgement, should carry: ECN_NONE or ECN_ECT0. */
enum ecn_mark ecn_next_mark(const struct ecn *ecn, uint64_t number);
/* A packet was sent with ECT(0). */
void ecn_on_sent(struct ecn *ecn, uint64_t number);
/* Each packet newly acknowledged by a frame, before ecn_on_ack. */
void ecn_on_packet_acked(struct ecn *ecn, uint64_t number, enum ecn_mark mark);
/* A packet sent with ECT(0) is lost. True: it had asked, and the path swallows what is marked. */
bool ecn_on_packet_lost(struct ecn *ecn, uint64_t number);
enum ack_age { ACK_NEWEST, ACK_OUTDATED }; /* raises the largest number acknowledged so far; does not */
/* The counts of an ACK frame. How many packets more were marked CE, as far as the path is to be believed. */
uint64_t ecn_on_ack(struct ecn *ecn, enum ack_age age, const uint64_t counts[ACK_ECN_COUNTS]);
const char *ecn_state_name(enum ecn_state state);

#endif
