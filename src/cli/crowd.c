/* crowd: see the header. Whose turn has come has credit to tell of, so its session is served next. */
#include "crowd.h"

uint64_t crowd_take_turns(struct pump *pump, struct listener *listener, uint64_t now_ns) {
  struct udp_stats stats;
  udp_get_stats(pump_udp(pump), &stats);
  uint64_t socket_bytes = stats.receive_buffer > 0 ? (uint64_t)stats.receive_buffer : 0;
  uint64_t again_ns =
      listener_on_turn(listener, now_ns, socket_bytes, stats.kernel_drops, pump_asleep_ns(pump));
  for (struct conn *conn; (conn = listener_next_granted(listener));) {
    struct session *session = pump_find(pump, conn);
    if (session) pump_touch(pump, session);
  }
  return again_ns;
}
