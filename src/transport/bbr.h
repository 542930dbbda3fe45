/* bbr: BBRv3 (draft-ietf-ccwg-bbr): a model of the path - how fast it delivers, how long it takes at least,
 * how much it holds without loss - and a cycle of probes that keeps the model true.
 *
 *   bbr.c         events, pacing rate, quantum and window (draft: "Updating Control Parameters")
 *   bbr_model.c   filters: rounds, bandwidth, round trip, aggregation
 *   bbr_bounds.c  what losses do to the bounds, and their undoing
 *   bbr_loss.c    which losses are not of our making
 *   bbr_states.c  Startup, Drain, ProbeRTT
 *   bbr_ramp.c    Startup of a long path
 *   bbr_probe.c   ProbeBW: down, cruise, refill, up
 *
 * Where it goes beyond the draft, and why: loss that goes on while it sends slower than the path delivers
 * (bbr_loss.c); a queue that stands, what losses and slowness of its own making do not mean (bbr_bounds.c); a
 * long path's start-up measures by bursts (bbr_ramp.c); a start-up that still accelerates is not stopped by
 * loss (bbr_states.c); a path that became slower by half without losing is believed soon, and a round trip
 * near the minimum counts as a fresh minimum (bbr_model.c); a probe at the loss bound can end on a plateau
 * (bbr_probe.c); trains shrink in front of a shallow queue, and the headroom is taken of the queue, not of
 * the path: else 20 packets of queue cost most of 1 Gbit/s; where none was too much, they are up to 4 ms of
 * the rate long (bbr.c). */
#ifndef TRANSPORT_BBR_H
#define TRANSPORT_BBR_H

#include "transport/delivery_rate.h"

enum bbr_state {
  BBR_STARTUP,
  BBR_DRAIN,
  BBR_PROBE_DOWN,
  BBR_PROBE_CRUISE,
  BBR_PROBE_REFILL,
  BBR_PROBE_UP,
  BBR_PROBE_RTT,
  BBR_STATES
};

/* What the acknowledgements arriving now tell about the last probe for bandwidth. */
enum bbr_ack_phase {
  BBR_ACKS_INIT,
  BBR_ACKS_REFILLING,
  BBR_ACKS_PROBE_STARTING,
  BBR_ACKS_PROBE_FEEDBACK,
  BBR_ACKS_PROBE_STOPPING
};

enum { BBR_EXTRA_ACKED_SLOTS = 2, BBR_BACKGROUND_SAMPLES = 3 };

struct bbr_ack {
  uint64_t now_ns;
  uint64_t bytes_in_flight;         /* after this acknowledgement and the losses it showed */
  uint64_t smoothed_ns;             /* smoothed round trip; 0: none */
  uint64_t held_bytes;              /* what the peer was asked to let arrive before it acknowledges */
  bool is_late;                     /* the sample's round trip says nothing about the path */
  const struct rate_sample *sample; /* finished */
  struct delivery *delivery;        /* ProbeRTT marks its own samples as application-limited */
};

struct bbr_lost {
  uint64_t now_ns;
  uint64_t number, size, sent_ns;     /* of the packet */
  const struct delivery_stamp *stamp; /* its own */
  const struct delivery *delivery;    /* this packet's loss counted already */
};

/* Loss that is not of our making: see bbr_loss.c. Packets, not bytes. */
struct bbr_background {
  uint64_t from_ns, to_ns; /* what was sent in this time is judged; to_ns TIME_NEVER: it goes on */
  double delivered, lost;  /* of that, packets so far */
  double samples[BBR_BACKGROUND_SAMPLES];
  uint32_t count, next;
  double rate; /* share of packets lost anyway */
};

/* The start-up of a long path: see bbr_ramp.c. */
struct bbr_ramp {
  enum { BBR_RAMP_OFF, BBR_RAMP_BURSTS, BBR_RAMP_LANDING } phase;
  uint64_t first_sent_ns, last_sent_ns, first_acked_ns, acked; /* of the burst */
  uint64_t slow_from_ns;               /* since when it has been dispersed; BBR_NONE: it is not */
  uint64_t round_rtt_ns, least_rtt_ns; /* the least of this round so far, and of the one before */
  uint64_t capacity;                   /* bytes a second, as the burst came through */
  uint64_t landing_round;
};

struct bbr {
  /* what the connection obeys */
  uint64_t window;           /* bytes in flight */
  uint64_t rate_bytes_per_s; /* pacing; 0: none before the first round trip is known */
  uint64_t quantum;          /* bytes in one train */
  uint32_t quantum_halvings; /* trains were too much for the queue so many times */

  enum bbr_state state;
  double pacing_gain, window_gain;
  uint64_t datagram_bytes, initial_window, held_bytes;
  struct prng prng;

  /* rounds */
  uint64_t round_count, next_round_delivered;
  bool round_start, is_limited, was_limited; /* limited: the window was full, in this round or the last */

  /* the model */
  uint64_t bandwidth_max, bandwidth; /* bandwidth: the lower of bandwidth_max and bandwidth_short */
  uint64_t bandwidth_slots[2];       /* best samples of the previous cycle and this one */
  uint64_t bandwidth_short, inflight_short, inflight_long; /* UINT64_MAX: no bound */
  uint64_t min_rtt_ns, min_rtt_at_ns;                      /* UINT64_MAX: no sample */
  uint64_t probe_rtt_min_ns, probe_rtt_min_at_ns;
  bool probe_rtt_expired;
  uint64_t extra_acked_from_ns, extra_acked_delivered;
  uint64_t extra_acked[BBR_EXTRA_ACKED_SLOTS]; /* two halves of a window of rounds */
  uint64_t extra_acked_rounds;

  /* full pipe */
  bool full_reached, full_now;
  uint32_t full_count;
  uint64_t full_bandwidth;
  uint64_t drain_round; /* round in which Drain began */

  /* losses of the round */
  uint64_t loss_round_delivered, loss_round_from; /* ends at; began at, in bytes delivered */
  bool loss_round_start, is_loss_in_round, is_loss_unprobed;
  uint64_t bandwidth_latest, inflight_latest, round_rtt_ns; /* bests of the round */
  uint64_t probed_to_ns;                                    /* what was sent up to then was sent to probe */
  uint64_t slowed_to_ns; /* until then it went slower than the model, by this gain */
  double slowed_gain;
  uint64_t round_lost, round_loss_ranges, last_lost_number;
  bool is_marked_in_round; /* by the path: CE */
  bool is_queue_standing;  /* packets waited all through the last round */
  uint32_t loss_rounds;    /* rounds in a row that lost something */
  uint32_t slow_rounds;    /* rounds in a row that delivered less than half, with a queue */
  uint64_t slow_from_ns;   /* since then every sample says so; UINT64_MAX: not so */
  uint64_t slow_from_delivered;
  uint64_t slower_since_ns; /* as believed last */
  struct bbr_background background;
  struct bbr_ramp ramp;

  /* recovery and undo */
  bool in_recovery;
  uint64_t recovery_from_ns;
  uint64_t prior_window;
  enum bbr_state undo_state; /* BBR_STATES: none */
  uint64_t undo_bandwidth_short, undo_inflight_short, undo_inflight_long;

  /* ProbeBW */
  enum bbr_ack_phase ack_phase;
  uint64_t cycle_at_ns, probe_wait_ns, cycle_lost;
  uint64_t rounds_since_probe, down_round;
  uint64_t up_acked, up_acked_per_step;
  uint32_t up_rounds;
  bool is_probe_sample, prev_too_high, prev_precautionary;

  /* ProbeRTT */
  uint64_t probe_rtt_done_ns; /* 0: not yet down to its window */
  bool probe_rtt_round_done, idle_restart;
};

/* `smoothed_ns`: 0 when no round trip is known. `seed`: spreads the probes of flows that start together. */
void bbr_init(struct bbr *bbr, uint64_t now_ns, uint64_t datagram_bytes, uint64_t initial_window,
              uint64_t smoothed_ns, uint64_t seed);
void bbr_set_datagram_bytes(struct bbr *bbr, uint64_t datagram_bytes);
/* A packet leaves; `bytes_in_flight` with it; before delivery_on_sent. */
void bbr_on_sent(struct bbr *bbr, uint64_t now_ns, const struct delivery *delivery, uint64_t bytes_in_flight,
                 size_t size);
/* Each packet declared lost, before the acknowledgement that showed it. */
void bbr_on_lost(struct bbr *bbr, const struct bbr_lost *lost);
/* The peer counts more packets marked CE, before the acknowledgement that says so. */
void bbr_on_marked(struct bbr *bbr, uint64_t now_ns, const struct delivery *delivery);
/* Nothing sent in a span of three probe timeouts came through: the draft's RTO. */
void bbr_on_persistent_congestion(struct bbr *bbr, uint64_t now_ns, uint64_t bytes_in_flight);
/* Everything lost in the last episode arrived after all. */
void bbr_on_spurious_loss(struct bbr *bbr, uint64_t now_ns, const struct delivery *delivery);
void bbr_on_ack(struct bbr *bbr, const struct bbr_ack *ack);
const char *bbr_state_name(enum bbr_state state);

#endif
