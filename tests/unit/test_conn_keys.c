/* conn: key updates of both ends while data flows, and a peer that overdoes them (RFC 9001 section 6). */
#include "unit.h"

#include "pair.h"
#include "transport/conn.h"

enum { BLOCK_BYTES = 30000 };

/* Lets the client send one block after another for so long. Returns how many arrived. */
static unsigned flow(struct pair *pair, uint64_t for_ns, void (*each)(struct pair *pair)) {
  static uint8_t block[BLOCK_BYTES];
  uint64_t until_ns = pair->now_ns + for_ns;
  unsigned arrived = 0, out = 0;
  while (pair->now_ns < until_ns) {
    struct conn_event event;
    for (int end = 0; end < 2; end++)
      while (conn_next_event(pair->conns[end], &event)) {
        if (event.type == CONN_EVENT_BLOCK_ACKED) out--;
        if (event.type != CONN_EVENT_BLOCK_RECEIVED) continue;
        arrived++;
        conn_release_block(pair->conns[end], event.block.bytes, event.block.size_class);
      }
    if (out == 0 && conn_send_block(pair->conns[CLIENT], block, BLOCK_BYTES, NULL) == 0) out++;
    if (each) each(pair);
    pair_send(pair);
    if (pair_next_ns(pair) == TIME_NEVER) break; /* both ends are closed */
    pair_advance(pair, pair_next_ns(pair));
    pair_receive(pair);
    conn_check(pair->conns[CLIENT]);
    conn_check(pair->conns[SERVER]);
  }
  return arrived;
}

static uint64_t phase_of(struct conn *conn) { return conn->crypto.ops->send_phase(conn->crypto.state); }

static void keys_are_renewed_while_data_flows(void) {
  for (unsigned loss = 0; loss <= 10; loss += 5) {
    struct pair pair;
    pair_init(&pair, 3 + loss, loss);
    pair.conns[CLIENT]->keys.packets_renew = 50;
    CU_ASSERT(flow(&pair, 20 * NS_PER_S, NULL) > (loss == 0 ? 500 : 50));
    uint64_t phase = phase_of(pair.conns[CLIENT]);
    CU_ASSERT(phase >= 5 && phase <= 20); /* no oftener than once a second */
    CU_ASSERT(phase - phase_of(pair.conns[SERVER]) <= 1);
    CU_ASSERT_EQUAL(pair.conns[CLIENT]->stats.packets_refused, 0);
    CU_ASSERT_EQUAL(pair.conns[SERVER]->stats.packets_refused, 0);
    pair_free(&pair);
  }
}

static void both_may_begin_at_once(void) {
  struct pair pair;
  pair_init(&pair, 5, 3);
  pair.conns[CLIENT]->keys.packets_renew = pair.conns[SERVER]->keys.packets_renew = 1;
  CU_ASSERT(flow(&pair, 20 * NS_PER_S, NULL) > 500);
  CU_ASSERT(phase_of(pair.conns[CLIENT]) >= 5);
  pair_free(&pair);
}

static void renew_always(struct pair *pair) {
  struct conn *server = pair->conns[SERVER];
  if (server->state == CONN_ESTABLISHED) server->crypto.ops->renew_keys(server->crypto.state);
}

/* It is not followed further than one phase, so most of what it says is refused; nobody falls. */
static void a_peer_that_renews_always_stalls_itself(void) {
  struct pair pair;
  pair_init(&pair, 7, 0);
  (void)flow(&pair, NS_PER_S, NULL);
  uint64_t before = phase_of(pair.conns[CLIENT]);
  (void)flow(&pair, 20 * NS_PER_S, renew_always);
  CU_ASSERT(phase_of(pair.conns[CLIENT]) - before <= 2);
  CU_ASSERT(pair.conns[CLIENT]->stats.packets_refused > 0);
  CU_ASSERT_NOT_EQUAL(pair.conns[CLIENT]->state, CONN_HANDSHAKE);
  pair_free(&pair);
}

static void spent_keys_end_the_connection(void) {
  struct pair pair;
  pair_init(&pair, 9, 0);
  (void)flow(&pair, NS_PER_S, NULL);
  pair.conns[CLIENT]->keys.refused = KEY_REFUSED_MAX;
  (void)flow(&pair, NS_PER_S, NULL);
  CU_ASSERT(pair.conns[CLIENT]->state >= CONN_CLOSING);
  CU_ASSERT_EQUAL(pair.conns[SERVER]->close_code, CLOSE_KEYS);
  pair_free(&pair);
}

UNIT_MAIN(UNIT_CASE(keys_are_renewed_while_data_flows), UNIT_CASE(both_may_begin_at_once),
          UNIT_CASE(a_peer_that_renews_always_stalls_itself), UNIT_CASE(spent_keys_end_the_connection))
