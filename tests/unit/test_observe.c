/* observe: what an observer is told agrees with what the connection counts, in order, and once. */
#include "unit.h"

#include "conn_world.h"

#include "udpcp/observe.h"

/* One observed connection, counted. */
static struct seen {
  unsigned begun, ended, told[OBSERVATION_TYPES], lost[3], lost_probes;
  enum observed_state states[16];
  unsigned state_count;
  uint64_t last_ns, went_back, bytes_sent, packets_acked, control_bytes, block_bytes;
  uint64_t next_number; /* of DATA packets sent */
  unsigned gaps;
  enum observed_path paths[8];
  uint64_t mtu, phase[2];
  struct observed_metrics metrics;
  enum closed_by closed_by;
  char dropped[32], congestion[64];
  struct conn_stats totals;
} seen[2]; /* client, server */

static bool refuses;

static void *begin(void *context, uint64_t now_ns, const struct observed_start *start) {
  struct seen *one = &seen[start->role == ROLE_CLIENT ? 0 : 1];
  CU_ASSERT_PTR_EQUAL(context, seen);
  CU_ASSERT_EQUAL(start->original_cid.bytes[0], 0x1);
  one->begun++;
  one->last_ns = now_ns;
  return refuses ? NULL : one;
}

static void see_packet(struct seen *one, const struct observed_packet *packet) {
  struct reader reader;
  struct frame frame;
  one->bytes_sent += packet->datagram_size;
  if (packet->packet->type == PACKET_BLOCK) {
    one->block_bytes += packet->payload_size;
  } else {
    reader_init(&reader, packet->payload, packet->payload_size);
    while (reader_left(&reader) > 0) {
      CU_ASSERT_FATAL(frame_read(&frame, &reader) == 0);
      if (frame.type == FRAME_CONTROL) one->control_bytes += frame.stream.size;
    }
  }
  if (packet->packet->type < PACKET_FRAMES) return;
  one->gaps += packet->packet->number != one->next_number;
  one->next_number = packet->packet->number + 1;
}

static void observe(void *trace, uint64_t now_ns, const struct observation *what) {
  struct seen *one = trace;
  one->told[what->type]++;
  one->went_back += now_ns < one->last_ns;
  one->last_ns = now_ns;
  if (what->type == OBSERVED_SENT) see_packet(one, &what->packet);
  if (what->type == OBSERVED_STATE && one->state_count < 16) one->states[one->state_count++] = what->state;
  if (what->type == OBSERVED_ACKED) one->packets_acked += what->acked.end - what->acked.first;
  if (what->type == OBSERVED_LOST && what->lost.is_mtu_probe) one->lost_probes++;
  if (what->type == OBSERVED_LOST && !what->lost.is_mtu_probe) one->lost[what->lost.trigger]++;
  if (what->type == OBSERVED_PATH) one->paths[(one->told[OBSERVED_PATH] - 1) % 8] = what->path.what;
  if (what->type == OBSERVED_MTU) one->mtu = what->mtu;
  if (what->type == OBSERVED_KEYS) one->phase[what->keys.whose] = what->keys.phase;
  if (what->type == OBSERVED_CLOSED) one->closed_by = what->closed.by;
  if (what->type == OBSERVED_DROPPED) snprintf(one->dropped, sizeof(one->dropped), "%s", what->dropped.why);
  if (what->type == OBSERVED_CONGESTION)
    snprintf(one->congestion, sizeof(one->congestion), "%s %s", what->congestion.name,
             what->congestion.state);
  if (what->type == OBSERVED_METRICS) one->metrics = what->metrics;
}

static void end(void *trace, uint64_t now_ns, const struct conn_stats *stats) {
  struct seen *one = trace;
  (void)now_ns;
  one->ended++;
  one->totals = *stats;
}

static const struct conn_observer observer = {.begin = begin, .observe = observe, .end = end};

static void connect_observed(enum congestion_kind congestion) {
  memset(seen, 0, sizeof(seen));
  refuses = false;
  struct conn_config client = config_of(ROLE_CLIENT), server = config_of(ROLE_SERVER);
  client.observer = server.observer = &observer;
  client.observer_context = server.observer_context = seen;
  client.congestion = congestion;
  connect_with(&client, &server);
}

static void send_blocks(unsigned count) {
  for (unsigned i = 0; i < count; i++) {
    size_t size = 100000;
    uint8_t *bytes = world.blocks[world.blocks_made++] = malloc(size);
    for (size_t at = 0; at < size; at++)
      bytes[at] = (uint8_t)(at * 7 + size);
    CU_ASSERT_EQUAL(conn_send_block(world.client.conn, bytes, size, bytes), 0);
  }
  run(100 * DELAY_NS);
}

static unsigned lost_in_all(const struct seen *one) { return one->lost[0] + one->lost[1] + one->lost[2]; }

static void agrees_with_the_counts_of_the_connection(void) {
  connect_observed(CONGESTION_CUBIC);
  world.client.out.lose_first = 3;
  send_blocks(6);
  conn_close(world.client.conn, world.now_ns, CLOSE_DONE, "");
  run(20 * DELAY_NS);
  world_free();
  for (int i = 0; i < 2; i++) {
    const struct seen *one = &seen[i];
    CU_ASSERT_EQUAL(one->begun, 1);
    CU_ASSERT_EQUAL(one->ended, 1);
    CU_ASSERT_EQUAL(one->told[OBSERVED_SENT], one->totals.packets_sent);
    CU_ASSERT_EQUAL(one->bytes_sent, one->totals.bytes_sent);
    CU_ASSERT_EQUAL(one->told[OBSERVED_RECEIVED], one->totals.packets_received);
    CU_ASSERT_EQUAL(lost_in_all(one), one->totals.packets_lost);
    CU_ASSERT_EQUAL(one->told[OBSERVED_FOUND], one->totals.packets_spurious);
    CU_ASSERT_EQUAL(one->gaps, 0);
    CU_ASSERT_EQUAL(one->went_back, 0);
    CU_ASSERT_EQUAL(one->told[OBSERVED_PARAMETERS], 2);
    CU_ASSERT_EQUAL(one->told[OBSERVED_CLOSED], 1);
  }
  CU_ASSERT(seen[0].lost[LOST_BY_REORDERING] > 0);
  CU_ASSERT_EQUAL(seen[0].block_bytes, seen[0].totals.block_bytes_sent);
  CU_ASSERT_EQUAL(seen[0].closed_by, CLOSED_BY_US);
  CU_ASSERT_EQUAL(seen[1].closed_by, CLOSED_BY_PEER);
  CU_ASSERT(seen[0].metrics.smoothed_ns >= 2 * DELAY_NS && seen[0].metrics.window > 0);
  CU_ASSERT(seen[0].told[OBSERVED_METRICS] <= seen[0].told[OBSERVED_RECEIVED] + seen[0].told[OBSERVED_TIMER]);
  uint64_t settled = seen[0].packets_acked + seen[0].totals.packets_lost - seen[0].totals.packets_spurious;
  CU_ASSERT(settled <= seen[0].totals.packets_sent);
  CU_ASSERT(settled + 10 >= seen[0].totals.packets_sent); /* but for acknowledgements and the last CLOSE */
}

static void tells_each_state_once_and_in_order(void) {
  static const enum observed_state expected[] = {OBSERVED_ATTEMPTED, OBSERVED_HANDSHAKE, OBSERVED_COMPLETE,
                                                 OBSERVED_CONFIRMED, OBSERVED_CLOSING,   OBSERVED_DRAINING};
  connect_observed(CONGESTION_CUBIC);
  conn_close(world.client.conn, world.now_ns, CLOSE_DONE, "");
  run(20 * DELAY_NS);
  world_free();
  CU_ASSERT(seen[0].state_count >= 5 && seen[0].state_count <= 6);
  unsigned at = 0;
  for (unsigned i = 0; i < seen[0].state_count; i++, at++) {
    while (at < 6 && expected[at] != seen[0].states[i])
      at++;
    CU_ASSERT(at < 6);
  }
  CU_ASSERT_EQUAL(seen[0].states[seen[0].state_count - 1], OBSERVED_DRAINING);
}

static void tells_the_controller_and_the_size_of_datagrams(void) {
  connect_observed(CONGESTION_BBR);
  send_blocks(10);
  CU_ASSERT_EQUAL(strncmp(seen[0].congestion, "bbr ", 4), 0);
  CU_ASSERT(seen[0].told[OBSERVED_CONGESTION] >= 2);
  CU_ASSERT_EQUAL(seen[0].mtu, DATAGRAM_BYTES_IPV4);
  world_free();
  connect_observed(CONGESTION_CUBIC);
  send_blocks(10);
  world.client.out.lose_first = 1;
  send_blocks(10);
  CU_ASSERT_STRING_EQUAL(seen[0].congestion, "cubic congestion_avoidance");
  CU_ASSERT(seen[0].told[OBSERVED_CONGESTION] >= 3); /* slow start, recovery, avoidance */
  world_free();
}

static void tells_of_timers_of_new_addresses_and_of_what_is_dropped(void) {
  uint8_t noise[100] = {0x40, 1, 2, 3};
  connect_observed(CONGESTION_CUBIC);
  world.client_address = away;
  conn_write(world.client.conn, "y", 1);
  run(20 * DELAY_NS);
  CU_ASSERT_EQUAL(seen[1].told[OBSERVED_PATH], 3); /* the first address validated, a new one, validated too */
  CU_ASSERT_EQUAL(seen[1].paths[0], PATH_VALIDATED);
  CU_ASSERT_EQUAL(seen[1].paths[1], PATH_CHANGED);
  CU_ASSERT_EQUAL(seen[1].paths[2], PATH_VALIDATED);
  world.client.out.copies = 1;
  conn_write(world.client.conn, "y", 1);
  run(20 * DELAY_NS);
  CU_ASSERT_STRING_EQUAL(seen[1].dropped, "duplicate");
  CU_ASSERT_EQUAL(seen[1].told[OBSERVED_DROPPED], world.server.conn->stats.packets_duplicate);
  conn_on_datagram(world.server.conn, world.now_ns, &away, noise, sizeof(noise));
  CU_ASSERT_STRING_EQUAL(seen[1].dropped, "malformed");
  unsigned timers = seen[0].told[OBSERVED_TIMER];
  world.client.out.copies = 0;
  world.client.out.dark_until_ns = world.now_ns + 60 * DELAY_NS;
  conn_write(world.client.conn, "z", 1);
  run(100 * DELAY_NS);
  CU_ASSERT(seen[0].told[OBSERVED_TIMER] > timers);
  CU_ASSERT(world.client.conn->stats.probe_timeouts > 0);
  world_free();
}

static void tells_of_new_keys_at_both_ends(void) {
  memset(seen, 0, sizeof(seen));
  refuses = false;
  struct conn_config client = config_of(ROLE_CLIENT), server = config_of(ROLE_SERVER);
  client.observer = server.observer = &observer;
  client.observer_context = server.observer_context = seen;
  client.key_packets = 50;
  connect_with(&client, &server);
  send_blocks(10);
  CU_ASSERT(seen[0].phase[OBSERVED_LOCAL] >= 1);
  CU_ASSERT_EQUAL(seen[0].phase[OBSERVED_LOCAL], seen[1].phase[OBSERVED_REMOTE]);
  CU_ASSERT_EQUAL(seen[1].phase[OBSERVED_LOCAL], seen[0].phase[OBSERVED_REMOTE]);
  world_free();
}

static void an_observer_may_decline(void) {
  memset(seen, 0, sizeof(seen));
  refuses = true;
  struct conn_config client = config_of(ROLE_CLIENT);
  client.observer = &observer;
  client.observer_context = seen;
  connect_with(&client, NULL);
  send_blocks(2);
  world_free();
  CU_ASSERT_EQUAL(seen[0].begun, 1);
  CU_ASSERT_EQUAL(seen[0].ended, 0);
  CU_ASSERT_EQUAL(seen[0].told[OBSERVED_SENT], 0);
}

UNIT_MAIN(UNIT_CASE(agrees_with_the_counts_of_the_connection), UNIT_CASE(tells_each_state_once_and_in_order),
          UNIT_CASE(tells_the_controller_and_the_size_of_datagrams),
          UNIT_CASE(tells_of_timers_of_new_addresses_and_of_what_is_dropped),
          UNIT_CASE(tells_of_new_keys_at_both_ends), UNIT_CASE(an_observer_may_decline))
