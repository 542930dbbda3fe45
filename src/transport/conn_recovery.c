/* conn_recovery: what an acknowledgement, a loss and a probe timeout do to what was sent (RFC 9002,
 * proto/transport.md section 5). The congestion controller hears once of each batch, losses before
 * acknowledgements. */
#include "transport/conn.h"

#include <assert.h>

static uint64_t max_ack_delay_ns(const struct conn *conn, int level) {
  return level == LEVEL_DATA ? conn->ack_delay_told_ns : 0;
}

uint64_t conn_probe_timeout_ns(const struct conn *conn) {
  return rtt_probe_timeout_ns(&conn->rtt, conn->ack_delay_told_ns);
}

void conn_apply_mtu(struct conn *conn, uint64_t now_ns) {
  congestion_set_datagram_bytes(&conn->congestion, conn->mtu.current);
  pacer_set_rate(&conn->pacer, now_ns, conn->congestion.rate_bytes_per_s, conn->mtu.current);
}

static struct stream_send *stream_of(struct conn *conn, enum crypto_level level) {
  return level == LEVEL_DATA ? &conn->control_out : &conn->spaces[level].crypto_out;
}

/* ---- losses ---- */

/* What the packet carried has to travel again. */
static void resend_content(struct conn *conn, enum crypto_level level, struct sent_packet *packet,
                           uint64_t number) {
  struct sent_packets *sent = &conn->spaces[level].sent;
  if (packet->flags & SENT_STREAM)
    stream_send_on_lost(stream_of(conn, level), packet->stream_offset, packet->stream_size);
  if (packet->flags & SENT_MAX_DATA) conn->max_data_pending = true;
  if (packet->flags & SENT_READY) conn->ready_pending = true;
  if (packet->flags & SENT_ACK_FREQUENCY) conn->ack_frequency_pending = true;
  if (packet->flags & SENT_FRAGMENT) sent_packets_queue_lost(sent, number, packet);
  if (packet->flags & SENT_CHAIN) blocks_out_on_chain_lost(&conn->blocks_out, packet->slot);
}

struct lost_batch {
  struct congestion_loss event;
  uint64_t run_first_ns, run_next; /* losses of consecutive numbers: the sign of persistent congestion */
  bool is_swallowed;               /* the path has swallowed all that asked whether it carries ECN marks */
  bool by_probes;                  /* given up by a probe timeout */
};

static void tell_packet_lost(struct conn *conn, uint64_t now_ns, const struct sent_packet *packet,
                             uint64_t number) {
  struct congestion *cc = &conn->congestion;
  if (!cc->ops->samples_rate) return;
  delivery_on_lost(&cc->delivery, packet->size);
  cc->ops->on_packet_lost(
      cc, &(struct bbr_lost){.now_ns = now_ns,
                             .number = number,
                             .size = packet->size,
                             .sent_ns = packet->sent_ns,
                             .stamp = sent_packets_stamp(&conn->spaces[LEVEL_DATA].sent, number),
                             .delivery = &cc->delivery});
}

static void settle_lost(struct conn *conn, uint64_t now_ns, enum crypto_level level,
                        struct sent_packet *packet, uint64_t number, struct lost_batch *batch) {
  struct sent_packets *sent = &conn->spaces[level].sent;
  if (conn->observed.trace) observe_lost(conn, now_ns, level, packet, number, batch->by_probes);
  if (packet->flags & SENT_MTU_PROBE) {
    sent_packets_settle(sent, packet, SENT_NOTHING);
    if (mtu_probe_on_lost(&conn->mtu, now_ns, packet->size)) conn_apply_mtu(conn, now_ns);
    return;
  }
  bool has_fragment = packet->flags & SENT_FRAGMENT;
  enum sent_state state = has_fragment && packet->state != SENT_MOVED ? SENT_LOST : SENT_RESENT;
  if (packet->state == SENT_IN_FLIGHT) resend_content(conn, level, packet, number);
  sent_packets_settle(sent, packet, state);
  conn->stats.packets_lost++;
  if (level == LEVEL_DATA && packet->flags & SENT_ECT && ecn_on_packet_lost(&conn->ecn, number))
    batch->is_swallowed = true;
  if (level == LEVEL_DATA && silence_is_void(&conn->silence, number)) {
    silence_on_lost(&conn->silence, number, packet->size);
    return;
  }
  if (number != batch->run_next) batch->run_first_ns = packet->sent_ns;
  batch->run_next = number + 1;
  batch->event.bytes_lost += packet->size;
  batch->event.largest_lost = number;
  batch->event.largest_lost_sent_ns = packet->sent_ns;
  if (loss_is_persistent(batch->run_first_ns, packet->sent_ns, &conn->rtt, max_ack_delay_ns(conn, level)))
    batch->event.persistent = true;
  if (level != LEVEL_DATA) return;
  tell_packet_lost(conn, now_ns, packet, number);
  if (number >= conn->episode_end) {
    conn->episode_lost = conn->episode_spurious = 0;
    conn->episode_first = number;
    conn->episode_end = sent->next;
  }
  conn->episode_lost++;
  if (!mtu_probe_on_packet_lost(&conn->mtu, now_ns, packet->size)) return;
  conn_fell_into_hole(conn, now_ns);
  batch->event.bytes_lost = 0;
}

static void tell_losses(struct conn *conn, uint64_t now_ns, enum crypto_level level,
                        struct lost_batch *batch) {
  if (batch->event.bytes_lost == 0) return;
  batch->event.now_ns = now_ns;
  batch->event.bytes_in_flight = conn->spaces[level].sent.bytes_in_flight;
  batch->event.next_number = conn->spaces[level].sent.next;
  if (level != LEVEL_DATA) return;
  conn->congestion.ops->on_loss(&conn->congestion, &batch->event);
  /* No queue was full: where nothing else was lost, nothing needs an answer but to ask no more. */
  bool is_all = conn->episode_first >= conn->ecn.test_from && conn->episode_lost <= conn->ecn.tested_lost;
  if (batch->is_swallowed && is_all) {
    conn->congestion.ops->on_spurious_loss(&conn->congestion, now_ns);
    return;
  }
  const struct congestion_ops *other =
      conn->app_limited
          ? NULL
          : choice_on_loss(&conn->choice, &conn->rtt, batch->event.largest_lost, batch->event.next_number);
  if (other) conn_take_congestion(conn, now_ns, other);
}

static void detect_losses(struct conn *conn, uint64_t now_ns, enum crypto_level level) {
  struct space *space = &conn->spaces[level];
  struct lost_batch batch = {.run_next = UINT64_MAX};
  struct sent_packet *packet;
  uint64_t number;
  while ((packet = loss_next(&space->loss, &space->sent, &conn->rtt, now_ns, &number)))
    settle_lost(conn, now_ns, level, packet, number, &batch);
  tell_losses(conn, now_ns, level, &batch);
}

/* ---- acknowledgements ---- */

static void on_spurious(struct conn *conn, uint64_t now_ns, enum crypto_level level, uint64_t number) {
  conn->stats.packets_spurious++;
  loss_on_spurious(&conn->spaces[level].loss, &conn->spaces[level].sent, number);
  if (level != LEVEL_DATA || number < conn->episode_first || number >= conn->episode_end) return;
  if (++conn->episode_spurious < conn->episode_lost) return;
  conn->congestion.ops->on_spurious_loss(&conn->congestion, now_ns);
  choice_on_spurious_loss(&conn->choice);
}

static void settle_acked(struct conn *conn, uint64_t now_ns, enum crypto_level level,
                         struct sent_packet *packet, uint64_t number) {
  struct space *space = &conn->spaces[level];
  if (packet->flags & SENT_HAS_ACK) ack_tracker_on_acked(&space->acks, packet->ack_largest);
  if (packet->state == SENT_LOST || packet->state == SENT_RESENT) {
    if (conn->observed.trace) observe_found(conn, now_ns, level, packet, number);
    on_spurious(conn, now_ns, level, number);
  }
  if (packet->flags & SENT_STREAM)
    stream_send_on_acked(stream_of(conn, level), packet->stream_offset, packet->stream_size);
  /* A fragment counts once: for the packet that still stands for it, in flight or waiting to be sent again.
   */
  bool counts = packet->state == SENT_IN_FLIGHT || packet->state == SENT_MOVING || packet->state == SENT_LOST;
  if (counts && packet->flags & SENT_FRAGMENT)
    blocks_out_on_acked(&conn->blocks_out, packet->slot, packet->length);
  if (counts && packet->flags & SENT_CHAIN) blocks_out_on_chain_acked(&conn->blocks_out, packet->slot);
  if (packet->flags & SENT_MTU_PROBE) {
    if (mtu_probe_on_acked(&conn->mtu, now_ns, packet->size)) conn_apply_mtu(conn, now_ns);
  } else if (level == LEVEL_DATA) {
    mtu_probe_on_packet_acked(&conn->mtu, packet->size);
    ecn_on_packet_acked(&conn->ecn, number, packet->flags & SENT_ECT ? ECN_ECT0 : ECN_NONE);
  }
  sent_packets_settle(&space->sent, packet, SENT_ACKED);
}

/* Settles the packets of one run of numbers never acknowledged before. */
static void ack_run(struct conn *conn, enum crypto_level level, const struct range *run,
                    struct congestion_ack *event, struct rate_sample *sample) {
  struct sent_packets *sent = &conn->spaces[level].sent;
  if (conn->observed.trace) observe_acked(conn, event->now_ns, level, run);
  if (level == LEVEL_DATA) key_update_on_acked(&conn->keys, run->end - 1);
  bool samples = level == LEVEL_DATA && conn->congestion.ops->samples_rate;
  for (uint64_t number = run->first; number < run->end; number++) {
    struct sent_packet *packet = sent_packets_find(sent, number);
    if (!packet || packet->state == SENT_ACKED) continue;
    bool in_flight =
        packet->state == SENT_IN_FLIGHT || packet->state == SENT_MOVING || packet->state == SENT_MOVED;
    bool counts = in_flight && !(packet->flags & SENT_MTU_PROBE);
    if (counts) event->bytes_acked += packet->size;
    if (counts && samples)
      delivery_on_acked(&conn->congestion.delivery, sample, event->now_ns, sent_packets_stamp(sent, number),
                        packet->sent_ns, packet->size);
    if (in_flight && (event->largest_sent_ns == 0 || number > event->largest_acked)) {
      event->largest_acked = number;
      event->largest_sent_ns = packet->sent_ns;
    }
    settle_acked(conn, event->now_ns, level, packet, number);
  }
}

static void sample_rtt(struct conn *conn, enum crypto_level level, const struct frame_ack *ack,
                       struct congestion_ack *event) {
  if (event->largest_sent_ns == 0) return;
  bool is_largest = event->largest_acked == ack->ranges[0].end - 1;
  uint64_t limit_ns = max_ack_delay_ns(conn, level);
  uint64_t delay_ns = ack->delay_us < limit_ns / NS_PER_US ? ack->delay_us * NS_PER_US : limit_ns;
  uint64_t sample_ns = event->now_ns - event->largest_sent_ns;
  uint64_t rtt_ns = is_largest && sample_ns > delay_ns ? sample_ns - delay_ns : sample_ns;
  bool has_waited = event->largest_sent_ns < conn->present_ns; /* for us to go on */
  event->is_late = has_waited || (level == LEVEL_DATA && !conn_judge_silence(conn, event, rtt_ns));
  if (event->is_late) return;
  /* Only the largest acknowledged packet gives a sample, and only when it is new (RFC 9002 section 5.1). */
  if (!is_largest) return;
  rtt_on_sample(&conn->rtt, sample_ns, delay_ns);
  event->ack_delay_ns = delay_ns;
  event->has_sample = true;
}

/* Marks are congestion as losses are (RFC 9002 section 7.1), but for what there is to send again. */
static void take_marks(struct conn *conn, const struct congestion_ack *event, enum ack_age age,
                       const struct frame_ack *ack) {
  struct congestion *cc = &conn->congestion;
  uint64_t marks = ecn_on_ack(&conn->ecn, age, ack->ecn);
  if (marks == 0) return;
  uint64_t largest = ack->ranges[0].end - 1;
  const struct sent_packet *packet = sent_packets_find(&conn->spaces[LEVEL_DATA].sent, largest);
  conn->stats.ce_told += marks;
  cc->ops->on_loss(cc, &(struct congestion_loss){.now_ns = event->now_ns,
                                                 .bytes_in_flight = event->bytes_in_flight,
                                                 .largest_lost = largest,
                                                 .largest_lost_sent_ns = packet ? packet->sent_ns : 0,
                                                 .next_number = event->next_number});
}

void conn_on_ack(struct conn *conn, uint64_t now_ns, enum crypto_level level, const struct frame_ack *ack) {
  struct space *space = &conn->spaces[level];
  if (ack->ranges[0].end > space->sent.next) {
    conn_fail(conn, now_ns, CLOSE_PROTOCOL, "acknowledges what was never sent");
    return;
  }
  conn->stats.acks_received++;
  bool is_newest = !space->sent.has_acked || ack->ranges[0].end - 1 > space->sent.largest_acked;
  struct congestion_ack event = {.now_ns = now_ns,
                                 .bytes_in_flight = space->sent.bytes_in_flight,
                                 .next_number = space->sent.next,
                                 .rtt = &conn->rtt,
                                 .app_limited = conn->app_limited || conn_window_is_ample(conn)};
  struct rate_sample sample;
  delivery_begin(&sample);
  for (uint32_t i = 0; i < ack->range_count; i++) {
    uint64_t first = ack->ranges[i].first, end = ack->ranges[i].end;
    struct range run;
    bool is_new = i == 0; /* of the others most were said before */
    for (; sent_packets_new_run(&space->sent, first, end, &run); first = run.end, is_new = true)
      ack_run(conn, level, &run, &event, &sample);
    if (is_new) sent_packets_remember(&space->sent, ack->ranges[i].first, end);
  }
  sample_rtt(conn, level, ack, &event);
  bool is_unanswered = conn->role == ROLE_CLIENT && conn->state == CONN_HANDSHAKE;
  if (level == LEVEL_DATA && event.largest_sent_ns != 0) conn_check_black_hole(conn, &event);
  if (event.largest_sent_ns != 0 && !is_unanswered) space->loss.probe_count = 0;
  detect_losses(conn, now_ns, level);
  if (level == LEVEL_DATA) take_marks(conn, &event, is_newest ? ACK_NEWEST : ACK_OUTDATED, ack);
  if (event.bytes_acked > 0 && level == LEVEL_DATA) {
    event.bytes_in_flight_after = space->sent.bytes_in_flight;
    event.held_bytes = conn->ack_packets_told * conn->mtu.current;
    event.sample = &sample;
    if (conn->congestion.ops->samples_rate)
      delivery_finish(&conn->congestion.delivery, &sample, conn->rtt.sampled ? conn->rtt.min_ns : UINT64_MAX);
    conn->congestion.ops->on_ack(&conn->congestion, &event);
    const struct congestion_ops *other = event.has_sample ? choice_on_rtt(&conn->choice, &conn->rtt) : NULL;
    if (other) conn_take_congestion(conn, now_ns, other);
    pacer_want_quantum(&conn->pacer, conn_train_bytes(conn));
    pacer_set_rate(&conn->pacer, now_ns, conn->congestion.rate_bytes_per_s, conn->mtu.current);
    conn_tune_acks(conn);
  }
}

/* ---- timers ---- */

/* A server that has spent what our address allows is silent until it hears from us (RFC 9002 section
 * 6.2.2.1). */
static bool must_ask(const struct conn *conn) {
  return conn->role == ROLE_CLIENT && conn->state == CONN_HANDSHAKE;
}

static uint64_t space_deadline(const struct conn *conn, int level) {
  const struct space *space = &conn->spaces[level];
  if (!space->live) return TIME_NEVER;
  uint64_t time_ns = space->loss.time_deadline_ns;
  if (time_ns != TIME_NEVER) return time_ns;
  /* A probe still owed, or one the address limit forbids, needs no second timer: what unblocks it wakes us.
   */
  size_t bytes_min = level == LEVEL_DATA ? PATH_BYTES_MIN : DATAGRAM_BYTES_MIN;
  if (space->probes_owed > 0 || path_allowance(&conn->path) < bytes_min) return TIME_NEVER;
  bool has_asked = space->sent.next > 0; /* before the first flight there is no silence */
  if (level == LEVEL_INITIAL && must_ask(conn) && has_asked)
    return loss_next_probe_ns(&space->loss, &space->sent, &conn->rtt, max_ack_delay_ns(conn, level));
  return loss_probe_deadline(&space->loss, &space->sent, &conn->rtt, max_ack_delay_ns(conn, level));
}

uint64_t conn_recovery_deadline(const struct conn *conn) {
  uint64_t deadline_ns = TIME_NEVER;
  for (int level = 0; level < CRYPTO_LEVELS; level++) {
    uint64_t space_ns = space_deadline(conn, level);
    if (space_ns < deadline_ns) deadline_ns = space_ns;
  }
  return deadline_ns;
}

/* RFC 9002 section 6.2: the oldest content goes out once more, because the receiver waits for it the longest.
 */
static void on_probe_timeout(struct conn *conn, uint64_t now_ns, enum crypto_level level) {
  struct space *space = &conn->spaces[level];
  space->loss.probe_count++;
  space->probes_owed = LOSS_PROBES;
  conn->stats.probe_timeouts++;
  if (level == LEVEL_DATA)
    silence_on_probe_timeout(&conn->silence, space->loss.probe_count, conn->last_received_ns);
  uint64_t number;
  if (!sent_packets_lowest(&space->sent, &number)) return;
  struct lost_batch batch = {.run_next = UINT64_MAX, .by_probes = true};
  uint32_t moved = 0;
  bool is_full = sent_packets_is_full(&space->sent); /* no place for probes unless the lowest give way */
  for (; number < space->sent.next && moved < LOSS_PROBES; number++) {
    struct sent_packet *packet = sent_packets_find(&space->sent, number);
    bool counts = packet->state == SENT_IN_FLIGHT ||
                  (is_full && (packet->state == SENT_MOVING || packet->state == SENT_MOVED));
    if (!counts) continue;
    if (is_full) {
      settle_lost(conn, now_ns, level, packet, number, &batch);
    } else if (!(packet->flags & SENT_MTU_PROBE)) {
      resend_content(conn, level, packet, number);
      packet->state = packet->flags & SENT_FRAGMENT ? SENT_MOVING : SENT_MOVED;
    }
    moved++;
  }
  tell_losses(conn, now_ns, level, &batch);
}

void conn_on_recovery_timeout(struct conn *conn, uint64_t now_ns) {
  for (int level = 0; level < CRYPTO_LEVELS; level++) {
    struct space *space = &conn->spaces[level];
    if (!space->live || now_ns < space_deadline(conn, level)) continue;
    if (conn->observed.trace) observe_expired(conn, now_ns, (enum crypto_level)level);
    if (space->loss.time_deadline_ns != TIME_NEVER)
      detect_losses(conn, now_ns, (enum crypto_level)level);
    else
      on_probe_timeout(conn, now_ns, (enum crypto_level)level);
  }
}

/* The peer's own probes may pass before ours do: an answer that should be here by now was not lost on the way
 * back, then, and ours need not wait for their time. */
void conn_on_heard(struct conn *conn, uint64_t now_ns) {
  struct space *space = &conn->spaces[LEVEL_DATA];
  bool is_waiting = conn->silence.is_open && conn->silence.resumed == UINT64_MAX && space->live;
  if (!is_waiting || space->probes_owed > 0 || space->sent.eliciting_in_flight == 0) return;
  if (now_ns >= space->sent.last_eliciting_ns + conn->rtt.min_ns) on_probe_timeout(conn, now_ns, LEVEL_DATA);
}
