/* reno: NewReno's window (RFC 5681, RFC 6582) behind the interface of congestion controllers, for the model
 * of TCP: doubling up to the threshold, then one segment a round trip; half the window after a loss. */
#include "tcp.h"

static void reno_init(struct congestion *cc) { cc->cubic = (struct cubic){0}; }

static void reno_on_sent(struct congestion *cc, uint64_t now_ns, uint64_t bytes_in_flight, size_t size) {
  (void)cc, (void)now_ns, (void)bytes_in_flight, (void)size;
}

static void reno_on_ack(struct congestion *cc, const struct congestion_ack *ack) {
  if (ack->largest_acked < cc->cubic.recovery_end) return;
  if (cc->window < cc->threshold) {
    cc->window += ack->bytes_acked;
    return;
  }
  cc->cubic.growth += (double)cc->datagram_bytes * (double)ack->bytes_acked / (double)cc->window;
  uint64_t whole = (uint64_t)cc->cubic.growth;
  cc->cubic.growth -= (double)whole;
  cc->window += whole;
}

static void reno_on_loss(struct congestion *cc, const struct congestion_loss *loss) {
  const uint64_t least = CONGESTION_DATAGRAMS_MIN * cc->datagram_bytes;
  if (loss->largest_lost >= cc->cubic.recovery_end) {
    cc->window = cc->window / 2 > least ? cc->window / 2 : least;
    cc->threshold = cc->window;
    cc->cubic.recovery_end = loss->next_number;
  }
  if (loss->persistent) cc->window = least;
}

const struct congestion_ops congestion_reno = {
    .name = "reno",
    .init = reno_init,
    .on_sent = reno_on_sent,
    .on_ack = reno_on_ack,
    .on_loss = reno_on_loss,
};
