/* end: see end.h. The order is that of the facade: inputs, then datagrams, timeout, events; again while
 * anything moves, because what an event sets off may be sent at once. */
#include "end.h"

#include "trace.h"
#include "world.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

enum {
  PUMP_ROUNDS_MAX = 20000,
  PUMP_DATAGRAMS_MAX = 100000,
  CHECK_EVERY = 16, /* steps; the first ones are all checked */
  CHECK_ALL_BELOW = 256,
  IDLE_TIMEOUTS_MAX = 64, /* in a row that moved nothing */
};

struct end *end_new(struct world *world, enum side side, unsigned client, struct conn *conn,
                    struct pool *pool) {
  const struct scenario *scenario = world->scenario;
  struct end *end = calloc(1, sizeof(*end));
  assert(end && conn && "out of memory");
  end->world = world;
  end->side = side;
  end->client = client;
  end->conn = conn;
  end->pool = pool;
  end->datagram_bytes_max = scenario->host[side].datagram_bytes_max;
  end->created_ns = end->heard_ns = world->now_ns;
  end->timeout_ns = TIME_NEVER;
  end->ops = scenario->layer == LAYER_CONN ? &talk_ops : &carry_ops;
  end->scratch = malloc(end->datagram_bytes_max);
  assert(end->scratch && "out of memory");
  end->work = end->ops->begin(end);
  return end;
}

/* ---- datagrams ---- */

static void check_datagram(struct end *end, size_t size) {
  struct verdict *verdict = &end->world->verdict;
  require(verdict, size <= end->datagram_bytes_max, "no datagram above the cap", "%zu bytes, cap %zu", size,
          end->datagram_bytes_max);
  require(verdict, !end->is_closed, "nothing is sent after the end", "%zu bytes", size);
  bool is_first = !end->has_first_sent && end->side == CLIENT;
  require(verdict, !is_first || size >= DATAGRAM_BYTES_MIN, "a first flight is padded", "%zu bytes", size);
  end->has_first_sent = true;
}

static size_t next_datagram(struct end *end, struct address *to) {
  const struct scenario *scenario = end->world->scenario;
  size_t size = conn_next_datagram(end->conn, end->world->now_ns, end->scratch, end->datagram_bytes_max, to);
  if (size == 0) return 0;
  if (scenario->fault == FAULT_LARGE_DATAGRAM && end->datagrams_sent == 20)
    size = end->datagram_bytes_max + 1;
  if (scenario->fault == FAULT_SMALL_FIRST && end->datagrams_sent == 0) size = DATAGRAM_BYTES_MIN - 1;
  return size;
}

static bool drain_datagrams(struct end *end) {
  struct world *world = end->world;
  size_t interface_max = world->scenario->host[end->side].interface_bytes_max;
  struct address to;
  size_t size, count = 0;
  while (!world->verdict.failed && (size = next_datagram(end, &to)) > 0) {
    check_datagram(end, size);
    if (world->verdict.failed) break;
    end->datagrams_sent++;
    end->sent_after_close += end->has_called_close;
    end->bytes_sent += size;
    if (interface_max > 0 && size > interface_max)
      conn_on_send_failed(end->conn, world->now_ns, size);
    else
      world_send(world, end, end->scratch, size, &to);
    count++;
    require(&world->verdict, count < PUMP_DATAGRAMS_MAX, "a pump comes to rest", "%zu datagrams", count);
  }
  return count > 0;
}

/* ---- events ---- */

static void note_closed(struct end *end, const struct conn_event *event) {
  struct verdict *verdict = &end->world->verdict;
  require(verdict, !end->is_closed, "one CLOSED event", "a second one");
  end->is_closed = true;
  end->closed_ns = end->world->now_ns;
  end->closed_by = event->closed.by;
  end->close_code = event->closed.code;
  memcpy(end->close_reason, event->closed.reason, sizeof(end->close_reason));
  require(verdict, memchr(event->closed.reason, 0, sizeof(event->closed.reason)) != NULL,
          "a reason is terminated", "it is not");
  if (end->world->scenario->fault == FAULT_OTHER_CODE && end->side == SERVER) end->close_code++;
  conn_get_stats(end->conn, &end->stats);
}

static void note_event(struct end *end, const struct conn_event *event) {
  struct world *world = end->world;
  trace_event(end, event);
  require(&world->verdict, !end->is_closed, "CLOSED is the last event", "event %d after it",
          (int)event->type);
  if (event->type == CONN_EVENT_ESTABLISHED) {
    require(&world->verdict, !end->is_established, "one ESTABLISHED event", "a second one");
    end->is_established = true;
    end->established_ns = world->now_ns;
    struct client *client = &world->client[end->client];
    if (end->side == SERVER) {
      require(&world->verdict, client->partner == NULL, "a client is established once",
              "two connections of the server with client %u", end->client);
      client->partner = end;
    }
  } else if (event->type == CONN_EVENT_CLOSED) {
    note_closed(end, event);
  } else {
    require(&world->verdict, end->is_established, "ESTABLISHED comes first", "event %d before it",
            (int)event->type);
  }
}

static bool drain_events(struct end *end) {
  struct conn_event event;
  size_t count = 0;
  while (!end->world->verdict.failed && conn_next_event(end->conn, &event)) {
    note_event(end, &event);
    end->ops->on_event(end->work, &event);
    count++;
  }
  return count > 0;
}

/* ---- the pump ---- */

static void check_state(struct end *end) {
  struct verdict *verdict = &end->world->verdict;
  end->steps++;
  if (end->steps < CHECK_ALL_BELOW || end->steps % CHECK_EVERY == 0) conn_check(end->conn);
  end->timeout_ns = conn_next_timeout(end->conn);
  if (end->is_closed)
    require(verdict, end->timeout_ns == TIME_NEVER && conn_is_closed(end->conn),
            "after the end nothing is due", "a timer is set or conn_is_closed says no");
  else
    require(verdict, end->timeout_ns != TIME_NEVER, "a living connection has a timer", "it has none");
  switch (end->world->scenario->fault) {
  case FAULT_DEAF:
    end->timeout_ns = TIME_NEVER;
    break;
  case FAULT_SPIN:
    if (end->steps > 20 && !end->is_closed) end->timeout_ns = end->world->now_ns;
    break;
  case FAULT_LATE_DATAGRAM:
    if (end->is_closed) check_datagram(end, DATAGRAM_BYTES_MIN);
    break;
  default:
    break;
  }
}

static void leave_if_over(struct end *end) {
  if (end->is_closed && !end->is_gone && end->ops->is_over(end->work)) end_leave(end);
}

void end_pump(struct end *end) {
  struct world *world = end->world;
  if (!end->conn || world->is_dead[end->side]) return;
  for (unsigned round = 0;; round++) {
    bool moved = drain_datagrams(end);
    moved |= drain_events(end);
    if (world->verdict.failed) return;
    if (!end->is_gone) end->ops->step(end->work);
    moved |= drain_datagrams(end);
    moved |= drain_events(end);
    if (world->verdict.failed || !moved) break;
    if (!require(&world->verdict, round < PUMP_ROUNDS_MAX, "a pump comes to rest", "%u rounds", round))
      return;
  }
  if (world->verdict.failed) return;
  check_state(end);
  leave_if_over(end);
}

void end_note_arrival(struct end *end, const struct arrival *arrival) {
  /* Once established, an end listens to packets of data only, and to its partner only. */
  bool is_data = arrival->size > 0 && !(arrival->bytes[0] & 0x80) && arrival->note.is_partner;
  bool counts = arrival->is_intact && (!end->is_established || is_data);
  if (counts && !end->is_closed) {
    end->heard_ns = end->world->now_ns;
    end->was_told |= arrival->note.is_closing && end->is_established;
  }
  end->received++;
  end->idle_timeouts = 0;
}

void end_on_datagram(struct end *end, const struct address *from, const struct arrival *arrival) {
  end_note_arrival(end, arrival);
  conn_on_datagram(end->conn, end->world->now_ns, from, arrival->bytes, arrival->size);
}

/* A timer that is due again and again, and moves nothing, would burn a processor. Asking for something now
 * and then, as a connection does that waits for memory, is fine. */
static void check_timer(struct end *end, bool moved) {
  struct world *world = end->world;
  uint64_t nap_ns = world->scenario->host[end->side].nap_ns;
  if (moved || end->idle_timeouts == 0) end->idle_since_ns = world->now_ns;
  end->idle_timeouts = moved ? 0 : end->idle_timeouts + 1;
  if (end->idle_timeouts < IDLE_TIMEOUTS_MAX || nap_ns > NS_PER_MS) return;
  require(&world->verdict, world->now_ns - end->idle_since_ns > IDLE_TIMEOUTS_MAX * (nap_ns + NS_PER_MS),
          "timers do not fire in vain", "%u timeouts in a row at the %s that moved nothing",
          IDLE_TIMEOUTS_MAX, end->side == CLIENT ? "client" : "server");
  end->idle_timeouts = 0;
}

void end_on_timeout(struct end *end) {
  struct world *world = end->world;
  uint64_t before = end->datagrams_sent;
  bool was_closed = end->is_closed;
  bool was_due = end->timeout_ns <= world->now_ns;
  if (was_due) conn_on_timeout(end->conn, world->now_ns);
  end_pump(end);
  if (was_due) check_timer(end, end->datagrams_sent != before || end->is_closed != was_closed);
}

uint64_t end_next_wake(const struct end *end) {
  if (!end->conn || end->world->is_dead[end->side]) return TIME_NEVER;
  if (end->is_woken) return end->world->now_ns;
  uint64_t work_ns = end->is_gone ? TIME_NEVER : end->ops->next_wake(end->work);
  return work_ns < end->timeout_ns ? work_ns : end->timeout_ns;
}

void end_close(struct end *end, uint64_t code, const char *reason) {
  if (!end->has_called_close && !end->is_closed) {
    end->has_called_close = true;
    end->called_close_ns = end->world->now_ns;
    end->code_called = code;
    strncpy(end->reason_called, reason, REASON_BYTES_MAX);
  }
  conn_close(end->conn, end->world->now_ns, code, reason);
}

void end_leave(struct end *end) {
  if (end->is_gone) return;
  if (!end->is_closed) conn_get_stats(end->conn, &end->stats);
  end->ops->leave(end->work);
  end->is_gone = true;
}

void end_free(struct end *end) {
  if (!end) return;
  assert(!end->conn && "its holder frees it first");
  end->ops->free(end->work);
  free(end->scratch);
  free(end);
}

const char *closed_by_text(enum closed_by by) {
  static const char *const texts[] = {"us", "the peer", "silence", "no answer"};
  return texts[by];
}
