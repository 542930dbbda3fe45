/* conn_absence: the caller was stopped for a while - its process, or a whole machine that slept - and goes on
 * (proto/transport.md section 1). What is queued for us will be read, what was sent into the sleep is lost;
 * neither says anything about the peer or the path. */
#include "transport/conn.h"

void conn_on_absence(struct conn *conn, uint64_t now_ns, uint64_t absent_ns) {
  const struct congestion *cc = &conn->congestion;
  uint64_t idle_ns = conn->idle_timeout_ns;
  conn->present_ns = now_ns;
  if (conn->state == CONN_HANDSHAKE || !conn->confirmed) conn->started_ns += absent_ns;
  uint64_t silent_ns = now_ns - conn->last_received_ns;
  silent_ns -= absent_ns < silent_ns ? absent_ns : silent_ns;
  /* The peer has not heard of us either, and may have given up. */
  if (absent_ns >= idle_ns) silent_ns = idle_ns > ABSENCE_CHANCE_NS ? idle_ns - ABSENCE_CHANCE_NS : 0;
  conn->last_received_ns = now_ns - silent_ns;
  if (conn->state == CONN_ESTABLISHED && cc->ops->on_dark)
    cc->ops->on_dark(&conn->congestion, now_ns, now_ns - absent_ns);
}
