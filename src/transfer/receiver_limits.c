/* receiver_limits: what holds the transfer up, as the receiver sees it.
 *
 * It can tell its own disk, its own CPU and its window from the rest; whether that is the network or the
 * sender only the sender can. File work being out is no limit while data comes meanwhile: it is one when the
 * sender has no credit left, or when nothing has come for longer than a round trip, so that it waits, too. */
#include "receiver.h"

#include <string.h>

#define LULL_NS (1 * NS_PER_MS) /* and one and a half round trips */

static void begin(struct receiver *receiver, uint64_t now_ns, const struct turn *turn) {
  limits_init(&receiver->limits, now_ns, LIMIT_PEER, LIMIT_RECEIVER_CPU);
  receiver->data_ns = now_ns;
  receiver->drops_before = turn->drops;
  receiver->is_measured = true;
}

/* Counts the time that has passed since the last data. */
static void pass_lull(struct receiver *receiver, uint64_t passed_ns, const struct turn *turn) {
  struct conn_stats stats;
  conn_get_stats(receiver->session.conn, &stats);
  bool has_come = stats.block_bytes_received != receiver->data_bytes;
  if (receiver->had_jobs && receiver->limits.now == LIMIT_PEER) receiver->lull_ns += passed_ns;
  if (has_come) {
    receiver->data_bytes = stats.block_bytes_received;
    receiver->data_ns = receiver->limits.since_ns;
    receiver->lull_ns = 0;
  } else if (receiver->limits.since_ns - receiver->data_ns > LULL_NS + stats.rtt_smoothed_ns * 3 / 2) {
    limits_move(receiver->limits.ns, LIMIT_PEER, turn->has_computed ? LIMIT_RECEIVER_CPU : LIMIT_SINK,
                receiver->lull_ns);
    receiver->lull_ns = 0;
  }
}

void receiver_on_wake(struct receiver *receiver, uint64_t now_ns, const struct turn *turn) {
  struct limits *limits = &receiver->limits;
  if (receiver->finished_told) return;
  if (!receiver->is_measured) begin(receiver, now_ns, turn);
  receiver->drops = turn->drops - receiver->drops_before;
  uint64_t passed_ns = now_ns > limits->since_ns ? now_ns - limits->since_ns : 0;
  if (limits->now == LIMIT_SINK && turn->has_computed) limits->now = LIMIT_RECEIVER_CPU;
  limits_pass(limits, now_ns, turn->has_slept);
  pass_lull(receiver, passed_ns, turn);
}

void receiver_on_absence(struct receiver *receiver, uint64_t now_ns, uint64_t absent_ns) {
  if (receiver->finished_told || !receiver->is_measured) return;
  limits_on_absence(&receiver->limits, now_ns, absent_ns);
  receiver->data_ns += absent_ns; /* what did not come meanwhile is no lull */
}

void receiver_on_rest(struct receiver *receiver) {
  struct conn_stats stats;
  conn_get_stats(receiver->session.conn, &stats);
  receiver->had_jobs = receiver->jobs_out > 0;
  if (stats.is_peer_starved)
    receiver->limits.now = receiver->had_jobs ? LIMIT_SINK : LIMIT_CREDIT;
  else
    receiver->limits.now = LIMIT_PEER;
}

struct load receiver_load(const struct receiver *receiver) {
  const uint64_t *ns = receiver->limits.ns;
  return (struct load){.disk_us = ns[LIMIT_SINK] / NS_PER_US,
                       .cpu_us = ns[LIMIT_RECEIVER_CPU] / NS_PER_US,
                       .drops = receiver->drops};
}

void receiver_get_held_up(const struct receiver *receiver, struct held_up *held) {
  *held = (struct held_up){.drops = receiver->drops};
  memcpy(held->ns, receiver->limits.ns, sizeof(held->ns));
}
