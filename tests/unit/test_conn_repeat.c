/* conn_repeat: small words lost on a long path, with real connections in simulated time (proto/transport.md
 * section 5.2). */
#include "unit.h"

#include "link_world.h"
#include "tls_pair.h"

#include "tls_talk.h"

#define MS NS_PER_MS
#define LONG_RTT_NS (300 * MS)

enum { WORD_BYTES = 5 };

static void begin(uint64_t rtt_ns) {
  link_begin(&(struct link_setup){.rate = 200 * MBIT, .rtt_ns = rtt_ns, .congestion = CONGESTION_BBR});
  link_run(3 * NS_PER_S); /* all of the beginning is acknowledged, no repeats of it are left */
}

static void say(struct conn *conn, size_t size) {
  static uint8_t bytes[4000];
  CU_ASSERT_EQUAL(conn_write(conn, bytes, size), size);
}

/* Either way, and with a burst of 30 ms: the second or third copy is through long before a probe timeout. */
static void a_lost_word_costs_a_part_of_the_round_trip(void) {
  for (int from_server = 0; from_server < 2; from_server++) {
    begin(LONG_RTT_NS);
    struct conn *from = from_server ? link_.server : link_.client;
    struct conn *to = from_server ? link_.client : link_.server;
    uint64_t before = to->control_in.in_order, probes = from->stats.probe_timeouts;
    link_darken(30 * MS);
    say(from, WORD_BYTES);
    link_run(LONG_RTT_NS / 2 + LONG_RTT_NS / 4);
    CU_ASSERT_EQUAL(to->control_in.in_order, before + WORD_BYTES);
    CU_ASSERT_EQUAL(from->stats.probe_timeouts, probes);
    link_end();
  }
}

/* Four times at most, and less when it is heard sooner than that. */
static void it_is_not_repeated_without_end(void) {
  begin(LONG_RTT_NS);
  uint64_t sent = link_.server->stats.packets_sent;
  link_darken(10 * NS_PER_S);
  say(link_.server, WORD_BYTES);
  link_run(LONG_RTT_NS);
  CU_ASSERT_EQUAL(link_.server->stats.packets_sent - sent, 5);
  uint64_t probes = link_.server->stats.probe_timeouts;
  link_run(5 * NS_PER_S);
  probes = link_.server->stats.probe_timeouts - probes;
  CU_ASSERT(probes > 1);
  CU_ASSERT(link_.server->stats.packets_sent - sent <= 5 + LOSS_PROBES * (probes + 1));
  link_end();
}

static void what_is_large_or_near_is_said_once(void) {
  begin(LONG_RTT_NS);
  uint64_t sent = link_.server->stats.packets_sent;
  say(link_.server, 4000);
  link_run(LONG_RTT_NS * 95 / 100);
  CU_ASSERT(link_.server->stats.packets_sent - sent <= 4);
  link_end();
  begin(10 * MS);
  sent = link_.server->stats.packets_sent;
  say(link_.server, WORD_BYTES);
  link_run(10 * MS * 95 / 100);
  CU_ASSERT_EQUAL(link_.server->stats.packets_sent - sent, 1);
  link_end();
}

static unsigned to_lose;

static void lose_last_handshake(struct tls_pair *pair, struct kept *kept) {
  (void)pair;
  struct packet packet;
  bool is_one = packet_read(&packet, kept->bytes, kept->size) == 0 && packet.type == PACKET_HANDSHAKE;
  if (!is_one || kept->to != SERVER || to_lose == 0) return;
  to_lose--;
  kept->is_lost = true;
}

/* What ends the handshake is lost: without it the server can read nothing of what follows. */
static void a_lost_end_of_the_handshake_costs_a_part_of_the_round_trip(void) {
  struct tls_pair pair;
  tls_pair_init(&pair, PROTECT_AEAD, TRUST_ANYONE, ACCEPTED_MAX);
  pair.delay_ns = LONG_RTT_NS / 2;
  pair.attack = lose_last_handshake;
  to_lose = 1;
  talk_for(&pair, LONG_RTT_NS + LONG_RTT_NS / 2 + LONG_RTT_NS / 8);
  CU_ASSERT_EQUAL(to_lose, 0);
  CU_ASSERT_EQUAL(pair.traffic[SERVER].established, 1);
  tls_pair_free(&pair);
}

UNIT_MAIN(UNIT_CASE(a_lost_word_costs_a_part_of_the_round_trip), UNIT_CASE(it_is_not_repeated_without_end),
          UNIT_CASE(what_is_large_or_near_is_said_once),
          UNIT_CASE(a_lost_end_of_the_handshake_costs_a_part_of_the_round_trip))
