/* conn_acks: how often the peer is to acknowledge, and how much leaves at once (proto/transport.md sections 4
 * and 6.2).
 *
 * An acknowledgement costs both ends a wake-up: at some hundred Mbit/s more than the sealing of what it
 * acknowledges. So it is to come no oftener than somebody needs it: slow start and models of the path want
 * many samples a round; a window that is found out wants to go out in steps, not at once; and where the
 * user's limit holds the sender back, with most of the window free, nobody waits for one at all. There trains
 * are longer too: each costs a sleep, and no queue fills that drains faster than the limit. */
#include "transport/conn.h"

/* ACKs a window. HyStart++ wants 8 samples early in a round; and a window that goes out in few large steps
 * meets the full queue more often than its neighbour's does. Within a LAN there is an answer each few
 * microseconds even so. */
enum { STARTING = 32, STARTING_ON_LAN = 16, STEADY_LEAST = 8 };
enum { FREE_WINDOW_PARTS = 2 }; /* this part of the window may be on its way before its ACK comes */
enum { ACK_PACKETS_MAX = 128, LIMITED_PACKETS_MAX = 512 }; /* asked of the peer by ACK_FREQUENCY */
#define SHORT_PATH_RTT_NS NS_PER_MS
#define STEADY_INTERVAL_NS (2 * NS_PER_MS)
#define LIMITED_INTERVAL_NS ACK_DELAY_NS_DEFAULT
#define DELAY_NS_MIN (10 * NS_PER_US)

static uint64_t less(uint64_t a, uint64_t b) { return a < b ? a : b; }
static uint64_t more(uint64_t a, uint64_t b) { return a > b ? a : b; }

/* The loss that ended slow start has shown where the window ends: one ACK each 2 ms will do, but not less
 * than eight a window. */
static uint64_t acks_per_window(const struct conn *conn) {
  const struct congestion *cc = &conn->congestion;
  uint64_t rtt_ns = conn->rtt.smoothed_ns;
  uint64_t starting = rtt_ns < SHORT_PATH_RTT_NS ? STARTING_ON_LAN : STARTING;
  if (cc->window < cc->threshold) return starting;
  return less(starting, more(STEADY_LEAST, rtt_ns / STEADY_INTERVAL_NS));
}

/* For how long that part of the window lasts at the user's limit; 0: the limit is not what holds the sender
 * back, or the controller lives by what is acknowledged. */
static uint64_t part_lasts_ns(const struct conn *conn, uint64_t parts) {
  const struct congestion *cc = &conn->congestion;
  bool is_limited = cc->rate_max > 0 && cc->rate_bytes_per_s >= cc->rate_max && !cc->ops->samples_rate;
  return is_limited ? cc->window / parts * NS_PER_S / cc->rate_max : 0;
}

bool conn_window_is_ample(const struct conn *conn) {
  return part_lasts_ns(conn, 2 * FREE_WINDOW_PARTS) >= conn->rtt.smoothed_ns + LIMITED_INTERVAL_NS;
}

/* A train that is too much for some queue costs losses, and those the window: it is ample no more. */
uint64_t conn_train_bytes(const struct conn *conn) {
  uint64_t quantum = conn->congestion.quantum;
  if (conn_window_is_ample(conn)) return PACER_WANTED_BYTES_MAX;
  return less(quantum, PACER_QUANTUM_BYTES_MAX);
}

/* Told anew when it has changed by a factor of two. */
void conn_tune_acks(struct conn *conn) {
  if (conn->role != ROLE_CLIENT || !conn->rtt.sampled) return;
  const struct congestion *cc = &conn->congestion;
  uint64_t packets = less(cc->window / cc->datagram_bytes / acks_per_window(conn), ACK_PACKETS_MAX);
  uint64_t delay_ns = conn->rtt.smoothed_ns / 4;
  uint64_t lasts_ns = part_lasts_ns(conn, FREE_WINDOW_PARTS);
  uint64_t limited_ns = lasts_ns > conn->rtt.smoothed_ns ? lasts_ns - conn->rtt.smoothed_ns : 0;
  if (limited_ns > delay_ns) {
    delay_ns = less(limited_ns, LIMITED_INTERVAL_NS);
    packets = less(cc->rate_max * delay_ns / NS_PER_S / cc->datagram_bytes, LIMITED_PACKETS_MAX);
  }
  packets = more(packets, ACK_PACKETS_DEFAULT);
  delay_ns = less(more(delay_ns, DELAY_NS_MIN), ACK_DELAY_NS_DEFAULT);
  bool same = packets < 2 * conn->ack_packets_told && 2 * packets > conn->ack_packets_told &&
              delay_ns < 2 * conn->ack_delay_told_ns && 2 * delay_ns > conn->ack_delay_told_ns;
  if (same) return;
  conn->ack_packets_told = packets;
  conn->ack_delay_told_ns = delay_ns;
  conn->ack_frequency_pending = true;
}
