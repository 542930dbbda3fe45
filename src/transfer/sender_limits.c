/* sender_limits: what holds the transfer up, as the sender sees it, and what the receiver says about its end.
 *
 * The sender knows at each moment why it sends no more: the network, the user's limit, no credit, nothing
 * read yet, or nothing to do before the receiver answers. Why there is no credit and why an answer takes long
 * only the receiver knows. It tells how long its disk and its CPU were what it waited for (proto/transfer.md
 * section 2), and so much of the sender's waiting was for them. The receiver's words can only share out time
 * that the sender waited anyway. */
#include "sender.h"

#include <string.h>

enum { DROPS_WORTH = 1000 }; /* of so many packets one that was dropped is no limit yet */

void sender_begin_limits(struct sender *sender) {
  struct conn_stats stats;
  conn_get_stats(sender->session.conn, &stats);
  limits_init(&sender->limits, stats.began_ns, LIMIT_ANSWERS, LIMIT_SENDER_CPU);
}

void sender_on_wake(struct sender *sender, uint64_t now_ns, const struct turn *turn) {
  if (sender->is_told) return;
  if (sender->limits.now == LIMIT_SOURCE && turn->has_computed) sender->limits.now = LIMIT_SENDER_CPU;
  limits_pass(&sender->limits, now_ns, turn->has_slept);
  sender->drops = turn->drops;
}

void sender_on_absence(struct sender *sender, uint64_t now_ns, uint64_t absent_ns) {
  if (!sender->is_told) limits_on_absence(&sender->limits, now_ns, absent_ns);
}

/* With nothing to send at the moment. */
static enum limit limit_of_idle(const struct sender *sender, const struct conn_stats *stats) {
  const struct out_block *block = sender->ready_first;
  if (!block) return sender->jobs_out > 0 ? LIMIT_SOURCE : LIMIT_ANSWERS;
  /* With credit left, the connection has no place for one more block that is not acknowledged. */
  return stats->credit_bytes < pool_class_bytes(block->size_class) ? LIMIT_CREDIT : LIMIT_ANSWERS;
}

void sender_on_rest(struct sender *sender) {
  struct conn_stats stats;
  conn_get_stats(sender->session.conn, &stats);
  sender->is_told = !session_is_live(&sender->session);
  switch (stats.limited_by) {
  case CONN_LIMIT_NOTHING:
    sender->limits.now = limit_of_idle(sender, &stats);
    break;
  case CONN_LIMIT_RATE_MAX:
    sender->limits.now = LIMIT_RATE_MAX;
    break;
  case CONN_LIMIT_MORE: /* who sleeps with more to send waits for the interface */
  case CONN_LIMIT_WINDOW:
  case CONN_LIMIT_PACE:
    sender->limits.now = LIMIT_NETWORK;
    break;
  }
}

static uint64_t ns_of_us(uint64_t us) { return us < UINT64_MAX / NS_PER_US ? us * NS_PER_US : UINT64_MAX; }

void sender_get_held_up(const struct sender *sender, struct held_up *held) {
  struct conn_stats stats;
  conn_get_stats(sender->session.conn, &stats);
  *held = (struct held_up){.drops = sender->load.drops, .sender_drops = sender->drops};
  memcpy(held->ns, sender->limits.ns, sizeof(held->ns));
  /* Credit first: of the answers a round trip each is the network's in any case. */
  uint64_t disk_ns = ns_of_us(sender->load.disk_us), cpu_ns = ns_of_us(sender->load.cpu_us);
  disk_ns -= limits_move(held->ns, LIMIT_CREDIT, LIMIT_SINK, disk_ns);
  limits_move(held->ns, LIMIT_ANSWERS, LIMIT_SINK, disk_ns);
  /* Where both ends are short of CPU, this one held the other up no less. */
  uint64_t own_ns = held->ns[LIMIT_SENDER_CPU];
  cpu_ns -= cpu_ns < own_ns ? cpu_ns : own_ns;
  cpu_ns -= limits_move(held->ns, LIMIT_CREDIT, LIMIT_RECEIVER_CPU, cpu_ns);
  cpu_ns -= limits_move(held->ns, LIMIT_NETWORK, LIMIT_RECEIVER_CPU, cpu_ns);
  limits_move(held->ns, LIMIT_ANSWERS, LIMIT_RECEIVER_CPU, cpu_ns);
  /* The controller takes each loss for the network's. */
  uint64_t lost = stats.packets_lost, drops = held->drops < lost ? held->drops : lost;
  if (drops == 0 || drops < stats.packets_sent / DROPS_WORTH) return;
  double share = (double)drops / (double)lost;
  limits_move(held->ns, LIMIT_NETWORK, LIMIT_DROPS, (uint64_t)((double)held->ns[LIMIT_NETWORK] * share));
}
