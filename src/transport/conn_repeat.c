/* conn_repeat: the few bytes that the other end waits for (proto/transport.md section 5.2).
 *
 * On a long path the loss of one small packet - the end of the handshake, what the receiver wants, its last
 * word - costs more than a round trip until a probe timeout notices it, and the first one is three round
 * trips long. Such words weigh nothing beside what a round trip carries. So as long as they are not
 * acknowledged they are said again within the round trip, at growing distances: a burst of losses that took
 * one spares the next. RFC 9002 section 6.2 leaves it open what a sender repeats before it knows of a loss.
 */
#include "transport/conn.h"

enum {
  REPEATS = 4,
  REPEAT_BYTES_MAX = 1000, /* not acknowledged: more is no mere word, and fits no packet */
  FIRST_PART = 16,         /* of the round trip, then twice as long each: 1, 3, 7 and 15 parts */
};
#define REPEAT_RTT_NS_MIN (20 * NS_PER_MS) /* below, the probe timeout is soon enough */

static struct stream_send *stream_of(struct conn *conn, enum crypto_level level) {
  return level == LEVEL_DATA ? &conn->control_out : &conn->spaces[level].crypto_out;
}

void conn_note_words(struct conn *conn, uint64_t now_ns, enum crypto_level level) {
  struct repeat *repeat = &conn->spaces[level].repeat;
  const struct stream_send *stream = stream_of(conn, level);
  bool is_far = conn->rtt.sampled && conn->rtt.smoothed_ns >= REPEAT_RTT_NS_MIN;
  /* Before its client is there, a server may not send much. */
  bool is_free = level == LEVEL_DATA || (level == LEVEL_HANDSHAKE && conn->role == ROLE_CLIENT);
  if (!is_far || !is_free || stream->next <= repeat->said) return;
  repeat->said = stream->next;
  repeat->wait_ns = conn->rtt.smoothed_ns / FIRST_PART;
  repeat->at_ns = now_ns + repeat->wait_ns;
  repeat->left = REPEATS;
}

static uint64_t deadline(const struct conn *conn, enum crypto_level level) {
  const struct space *space = &conn->spaces[level];
  const struct stream_send *stream = level == LEVEL_DATA ? &conn->control_out : &space->crypto_out;
  uint64_t open = stream->next - stream->acked;
  bool is_due = space->live && space->repeat.left > 0 && open > 0 && open <= REPEAT_BYTES_MAX;
  return is_due ? space->repeat.at_ns : TIME_NEVER;
}

uint64_t conn_repeat_deadline(const struct conn *conn) {
  uint64_t handshake_ns = deadline(conn, LEVEL_HANDSHAKE), data_ns = deadline(conn, LEVEL_DATA);
  return handshake_ns < data_ns ? handshake_ns : data_ns;
}

void conn_on_repeat_timeout(struct conn *conn, uint64_t now_ns) {
  for (enum crypto_level level = LEVEL_HANDSHAKE; level < CRYPTO_LEVELS; level++) {
    if (now_ns < deadline(conn, level)) continue;
    struct repeat *repeat = &conn->spaces[level].repeat;
    struct stream_send *stream = stream_of(conn, level);
    stream_send_on_lost(stream, stream->acked, (size_t)(stream->next - stream->acked));
    repeat->left--;
    repeat->wait_ns *= 2;
    repeat->at_ns = now_ns + repeat->wait_ns;
  }
}
