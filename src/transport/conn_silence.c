/* conn_silence: an acknowledgement after a time without any shows what that time was (proto/transport.md
 * section 5.3): the dark, of which nobody hears, or congestion, which the controller is told in one go. */
#include "transport/conn.h"

/* What nobody answered for a while was lost in a queue after all, and all of it in one go. */
static void tell_congested(struct conn *conn, uint64_t now_ns) {
  const struct sent_packets *sent = &conn->spaces[LEVEL_DATA].sent;
  if (conn->silence.bytes_lost == 0) return;
  conn->congestion.ops->on_loss(&conn->congestion,
                                &(struct congestion_loss){.now_ns = now_ns,
                                                          .bytes_lost = conn->silence.bytes_lost,
                                                          .bytes_in_flight = sent->bytes_in_flight,
                                                          .largest_lost = conn->silence.largest_lost,
                                                          .largest_lost_sent_ns = conn->silence.since_ns,
                                                          .next_number = sent->next,
                                                          .persistent = true});
}

bool conn_judge_silence(struct conn *conn, const struct congestion_ack *event, uint64_t rtt_ns) {
  const struct congestion *cc = &conn->congestion;
  switch (silence_on_sample(&conn->silence, &conn->rtt, rtt_ns, event->largest_acked, event->next_number)) {
  case SILENCE_UNKNOWN:
    return false;
  case SILENCE_DARK:
    /* An absence amid it has been told already. */
    if (conn->silence.since_ns < conn->present_ns) conn->silence.since_ns = conn->present_ns;
    if (cc->ops->on_dark) cc->ops->on_dark(&conn->congestion, event->now_ns, conn->silence.since_ns);
    return true;
  case SILENCE_CONGESTED:
    tell_congested(conn, event->now_ns);
    return true;
  case SILENCE_NONE:
    return true;
  }
  return true;
}
