/* lane: one direction of a client's link: the emulator's link, and the truth about what it did to each
 * datagram. */
#ifndef SIM_LANE_H
#define SIM_LANE_H

#include "netlab/link.h"
#include "scenario.h"

enum { LANE_GENERATIONS_MAX = 16 };

/* What the sender knew when it sent. */
struct lane_note {
  unsigned generation; /* of the client's address */
  bool has_heard;      /* the client had received something at that address */
  bool is_closing;     /* the sender had called conn_close */
  bool is_partner;     /* the sender is the end that the other one has chosen */
  bool is_ect;         /* it left with the ECN mark ECT(0), and arrives so */
};

enum lane_fate { LANE_PASSED, LANE_LOST, LANE_DARK, LANE_TOO_LARGE, LANE_QUEUE_FULL, LANE_CUT, LANE_DAMAGED };

struct lane {
  struct link *link;
  const struct scenario *scenario;
  enum way way;
  bool is_first; /* of the first client: the scenario's drops apply */
  bool may_damage;
  uint64_t sent, dropped; /* datagrams offered; of them dropped here by the scenario's word */
};

struct arrival {
  uint8_t *bytes; /* malloc'ed in its exact size, so that a sanitizer sees a step too far; the caller's */
  size_t size;
  struct lane_note note;
  bool is_intact;
};

void lane_init(struct lane *lane, const struct scenario *scenario, unsigned client, enum way way,
               uint64_t start_ns);
enum lane_fate lane_send(struct lane *lane, uint64_t now_ns, const uint8_t *bytes, size_t size,
                         const struct lane_note *note);
uint64_t lane_next_time(const struct lane *lane);
/* False when nothing has arrived by now. */
bool lane_receive(struct lane *lane, uint64_t now_ns, struct arrival *arrival);
/* Datagrams that did not arrive, for whatever reason, and those that were damaged. */
uint64_t lane_losses(const struct lane *lane);
const char *lane_fate_text(enum lane_fate fate);
void lane_clear(struct lane *lane);

#endif
