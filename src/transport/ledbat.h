/* ledbat: LEDBAT++ (draft-irtf-iccrg-ledbat-plus-plus), the `background` mode: fills what others leave free
 * and yields as soon as a queue grows.
 *
 * It aims at 60 ms of waiting above the path's least round trip (ledbat_delay.c): below that the window grows
 * at most as fast as Reno's, above it shrinks in proportion to the excess. Once in a while it lets the queue
 * drain altogether, to see that least round trip again: else a flow that begins into a standing queue would
 * take it for the path. This costs a tenth of the time.
 *
 * Beyond the draft: a queue that overflows before 60 ms would never show a delay to yield to. A loss while
 * packets wait lowers the target to half of that wait; each time between two slowdowns without a loss doubles
 * it again. And loss that does not follow the queue is not answered (ledbat_loss.c). */
#ifndef TRANSPORT_LEDBAT_H
#define TRANSPORT_LEDBAT_H

#include "udpcp/base.h"

enum { LEDBAT_BASE_MINUTES = 10, LEDBAT_CURRENT_SAMPLES = 4, LEDBAT_DATAGRAMS_MIN = 2 };
#define LEDBAT_TARGET_NS (60 * NS_PER_MS)
#define LEDBAT_TARGET_NS_MIN (5 * NS_PER_MS)

enum ledbat_state {
  LEDBAT_START,    /* the first slow start, until the queue is three quarters of the target */
  LEDBAT_STEADY,   /* by the queue */
  LEDBAT_SLOWDOWN, /* two datagrams for two round trips */
  LEDBAT_RAMP,     /* slow start back to where the slowdown began */
};

struct ledbat_delay {
  uint64_t base_ns[LEDBAT_BASE_MINUTES]; /* least of each of the last minutes; UINT64_MAX: none */
  uint64_t current_ns[LEDBAT_CURRENT_SAMPLES];
  uint64_t minute_from_ns;
  uint32_t minute, sample;
};

/* Packets, as shares of a datagram. */
struct ledbat_loss {
  double total, lost; /* since from_ns */
  uint64_t from_ns;
  double clear_total, clear_lost; /* while none waited */
};

struct ledbat {
  uint64_t window, threshold; /* bytes */
  uint64_t rate_bytes_per_s;  /* pacing; 0: none yet */
  uint64_t datagram_bytes;
  enum ledbat_state state;
  struct ledbat_delay delay;
  struct ledbat_loss loss;
  uint64_t target_ns; /* LEDBAT_TARGET_NS, or less in front of a short queue */
  bool lost_since_slowdown;
  double growth;                         /* not yet worth a byte; may be negative */
  uint64_t slowdown_at_ns;               /* the next one */
  uint64_t slowdown_from_ns, hold_to_ns; /* the one under way */
  uint64_t reduced_ns;                   /* losses of packets sent before it are answered already */
  uint64_t smoothed_ns;
  uint64_t undo_window, undo_threshold; /* what the last reduction replaced; window 0: nothing */
};

struct ledbat_ack {
  uint64_t now_ns;
  uint64_t bytes_acked;
  uint64_t rtt_ns;      /* of the newest packet acknowledged; 0: none */
  uint64_t smoothed_ns; /* 0: none yet */
  uint64_t sent_ns;     /* when that packet was sent */
  bool app_limited;     /* the window was not what held the sender back */
};

void ledbat_init(struct ledbat *ledbat, uint64_t now_ns, uint64_t datagram_bytes);
void ledbat_set_datagram_bytes(struct ledbat *ledbat, uint64_t datagram_bytes);
void ledbat_on_ack(struct ledbat *ledbat, const struct ledbat_ack *ack);
/* A packet, sent at `sent_ns`, was declared lost. */
void ledbat_on_lost(struct ledbat *ledbat, uint64_t now_ns, uint64_t sent_ns);
/* It was, or others before it were, marked CE: the same, and nothing of it is ever undone. */
void ledbat_on_marked(struct ledbat *ledbat, uint64_t now_ns, uint64_t sent_ns);
void ledbat_on_persistent_congestion(struct ledbat *ledbat, uint64_t now_ns);
/* For so long the path carried nothing, and it has come back as it was. */
void ledbat_on_dark(struct ledbat *ledbat, uint64_t lasted_ns);
void ledbat_on_spurious_loss(struct ledbat *ledbat);

/* ledbat_loss.c */
void ledbat_loss_on_acked(struct ledbat *ledbat, uint64_t now_ns, uint64_t bytes);
/* Counts a packet as lost; false: the path loses as much anyway. */
bool ledbat_loss_is_answered(struct ledbat *ledbat);

/* ledbat_delay.c */
void ledbat_delay_init(struct ledbat_delay *delay, uint64_t now_ns);
void ledbat_delay_on_sample(struct ledbat_delay *delay, uint64_t now_ns, uint64_t rtt_ns);
/* The path's least round trip; UINT64_MAX before the first sample. */
uint64_t ledbat_delay_base_ns(const struct ledbat_delay *delay);
/* How long packets wait in queues now. */
uint64_t ledbat_delay_queue_ns(const struct ledbat_delay *delay);

#endif
