/* conn_acks: how often the peer is to acknowledge (proto/transport.md section 4).
 *
 * An acknowledgement costs both ends a wake-up: at some hundred Mbit/s more than the sealing of what it
 * acknowledges. So it is to come no oftener than somebody needs it: slow start and models of the path want
 * many samples a round; a window that is found out wants to go out in steps, not at once; and where the
 * user's limit holds the sender back, with most of the window free, nobody waits for one at all. */
#include "transport/conn.h"

/* ACKs a window. HyStart++ wants 8 samples early in a round; and a window that goes out in few large steps
 * meets the full queue more often than its neighbour's does. Within a LAN there is an answer each few
 * microseconds even so. */
enum { STARTING = 32, STARTING_ON_LAN = 16, STEADY_LEAST = 8 };
enum { FREE_WINDOW_PARTS = 4 }; /* this part of the window may be on its way before its ACK comes */
#define SHORT_PATH_RTT_NS NS_PER_MS
#define STEADY_INTERVAL_NS (2 * NS_PER_MS)
#define LIMITED_INTERVAL_NS (8 * NS_PER_MS)
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

static bool is_user_limited(const struct conn *conn) {
  const struct congestion *cc = &conn->congestion;
  return cc->rate_max > 0 && cc->rate_bytes_per_s >= cc->rate_max;
}

/* For how long the user's limit could be sent at and still most of the window be free; 0: that limit is not
 * what holds the sender back. */
static uint64_t unneeded_ns(const struct conn *conn) {
  if (!is_user_limited(conn)) return 0;
  const struct congestion *cc = &conn->congestion;
  uint64_t lasts_ns = cc->window / FREE_WINDOW_PARTS * NS_PER_S / cc->rate_max;
  return lasts_ns > conn->rtt.smoothed_ns ? less(lasts_ns - conn->rtt.smoothed_ns, LIMITED_INTERVAL_NS) : 0;
}

bool conn_window_is_ample(const struct conn *conn) {
  if (!is_user_limited(conn) || !conn->rtt.sampled) return false;
  const struct congestion *cc = &conn->congestion;
  uint64_t used = (conn->rtt.smoothed_ns + LIMITED_INTERVAL_NS) * cc->rate_max / NS_PER_S;
  return cc->window / (2 * FREE_WINDOW_PARTS) >= used;
}

/* Told anew when it has changed by a factor of two. */
void conn_tune_acks(struct conn *conn) {
  if (conn->role != ROLE_CLIENT || !conn->rtt.sampled) return;
  const struct congestion *cc = &conn->congestion;
  uint64_t packets = cc->window / cc->datagram_bytes / acks_per_window(conn);
  uint64_t delay_ns = conn->rtt.smoothed_ns / 4, limited_ns = unneeded_ns(conn);
  if (limited_ns > delay_ns) {
    delay_ns = limited_ns;
    packets = more(packets, cc->rate_max * limited_ns / NS_PER_S / cc->datagram_bytes);
  }
  packets = less(more(packets, ACK_PACKETS_DEFAULT), ACK_PACKETS_MAX);
  delay_ns = less(more(delay_ns, DELAY_NS_MIN), ACK_DELAY_NS_DEFAULT);
  bool same = packets < 2 * conn->ack_packets_told && 2 * packets > conn->ack_packets_told &&
              delay_ns < 2 * conn->ack_delay_told_ns && 2 * delay_ns > conn->ack_delay_told_ns;
  if (same) return;
  conn->ack_packets_told = packets;
  conn->ack_delay_told_ns = delay_ns;
  conn->ack_frequency_pending = true;
}
