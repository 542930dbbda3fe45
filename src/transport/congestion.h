/* congestion: the one interface the connection knows of any congestion controller (proto/transport.md section
 * 6).
 *
 * A controller gets one batched event per acknowledgement, never one a packet, and answers with a window and,
 * when it has one, a pacing rate. All counts are bytes of UDP payload. */
#ifndef TRANSPORT_CONGESTION_H
#define TRANSPORT_CONGESTION_H

#include "transport/bbr.h"
#include "transport/hystart.h"
#include "transport/ledbat.h"
#include "transport/rtt.h"

enum { CONGESTION_DATAGRAMS_MIN = 2 }; /* the window never falls below: RFC 9002 section 7.2 */

struct congestion_ack {
  uint64_t now_ns;
  uint64_t bytes_acked;             /* newly acknowledged by this frame */
  uint64_t bytes_in_flight;         /* before this frame took effect */
  uint64_t largest_acked;           /* packet number */
  uint64_t largest_sent_ns;         /* when that packet was sent */
  uint64_t next_number;             /* the packet number that will be sent next: rounds are counted by it */
  const struct rtt *rtt;            /* after this frame's sample */
  const struct rate_sample *sample; /* finished; only for controllers that ask for it */
  uint64_t bytes_in_flight_after;   /* what is left of it, losses taken off too */
  uint64_t ack_delay_ns;            /* how long the peer kept this sample's acknowledgement back */
  uint64_t held_bytes;              /* what the peer was asked to let arrive before it acknowledges */
  bool has_sample;                  /* this frame gave an RTT sample */
  bool is_late;                     /* waited for us, or in a silence: its round trip says nothing */
  bool app_limited;                 /* the window was not what held the sender back */
};

struct congestion_loss {
  uint64_t now_ns;
  uint64_t bytes_lost;
  uint64_t bytes_in_flight;
  uint64_t largest_lost; /* packet number */
  uint64_t largest_lost_sent_ns;
  uint64_t next_number;
  bool persistent; /* RFC 9002 section 7.6 */
};

/* Bytes where RFC 9438 counts segments: W_max, W_est, cwnd_prior, K and t_epoch of its section 4.1. */
struct cubic_state {
  uint64_t window, threshold;
  double window_max, window_estimate, window_prior, k_s;
  uint64_t epoch_start_ns; /* 0: no congestion avoidance epoch runs */
};

struct cubic {
  struct cubic_state now;  /* window and threshold stand in struct congestion and are unused here */
  struct cubic_state undo; /* what the last reduction replaced; window 0: nothing to restore */
  struct hystart hystart;
  double growth;         /* not yet worth a byte */
  uint64_t recovery_end; /* losses of packets below this number belong to the event already answered */
  uint64_t accounted_ns; /* the epoch's time is right up to here */
  uint64_t smoothed_ns;  /* 0: no sample yet */
  bool idle;             /* everything is acknowledged, nothing sent since */
};

struct congestion {
  const struct congestion_ops *ops;
  uint64_t window;           /* bytes that may be in flight */
  uint64_t threshold;        /* slow start ends here; UINT64_MAX at first */
  uint64_t rate_bytes_per_s; /* pacing rate; 0 before the first RTT sample: the first window is one burst */
  uint64_t quantum;          /* bytes in one train; 0: as the pacer has it by the rate */
  uint64_t rate_max;         /* --bwlimit, which paces besides; 0: none */
  uint64_t datagram_bytes;   /* current size of a full datagram */
  struct delivery delivery;  /* what was delivered and lost so far; kept where the controller samples rates */
  union {
    struct cubic cubic;
    struct bbr bbr;
    struct ledbat ledbat;
  };
};

struct congestion_ops {
  const char *name;
  bool samples_rate; /* wants struct delivery kept, and a sample with each acknowledgement */
  void (*init)(struct congestion *cc);
  /* Takes over, with the window there is, before any data was sent or amid it; `smoothed_ns`: 0 where no
   * round trip is known. NULL: no need. */
  void (*start)(struct congestion *cc, uint64_t now_ns, uint64_t smoothed_ns, uint64_t seed);
  /* cc->datagram_bytes has changed. NULL: no need. */
  void (*on_datagram_bytes)(struct congestion *cc);
  /* A packet that counts in flight; `bytes_in_flight` with it. */
  void (*on_sent)(struct congestion *cc, uint64_t now_ns, uint64_t bytes_in_flight, size_t size);
  void (*on_ack)(struct congestion *cc, const struct congestion_ack *ack);
  /* Each packet declared lost, before the batch of on_loss; cc->delivery counts it already. NULL: no need. */
  void (*on_packet_lost)(struct congestion *cc, const struct bbr_lost *lost);
  /* Losses found by one event, or a rise of the peer's CE count (bytes_lost 0, largest_lost the largest
   * acked). */
  void (*on_loss)(struct congestion *cc, const struct congestion_loss *loss);
  /* Every packet of the last loss event has been acknowledged after all: RFC 9438 section 4.9, RFC 4015. */
  void (*on_spurious_loss)(struct congestion *cc, uint64_t now_ns);
  /* Since `since_ns` the path carried nothing, and now it does as before: its losses were not told, and that
   * time is to count as if it had not been. NULL: no need. */
  void (*on_dark)(struct congestion *cc, uint64_t now_ns, uint64_t since_ns);
  /* What it is doing, in a word: one pointer a state. Packets below `acked_end` may be acknowledged, no other
   * is. */
  const char *(*state)(const struct congestion *cc, uint64_t acked_end);
};

extern const struct congestion_ops congestion_cubic, congestion_bbr, congestion_background;

/* The window at the start: RFC 9002 section 7.2. */
void congestion_init(struct congestion *cc, const struct congestion_ops *ops, size_t datagram_bytes);
/* Takes another controller, at the start of the sending or amid it; it begins with the window there is.
 * `seed`: for whatever is to differ between flows. */
void congestion_start(struct congestion *cc, const struct congestion_ops *ops, uint64_t now_ns,
                      uint64_t smoothed_ns, uint64_t seed);
/* The path's size changed: a window still at its start follows it, any other only keeps its minimum. */
void congestion_set_datagram_bytes(struct congestion *cc, size_t datagram_bytes);

#endif
