/* attack: who sees every datagram and can repeat it, copy it from elsewhere or send it back: nothing is taken
 * twice, nobody is drawn away for good, and a reflected hello opens nothing (proto/security.md). */
#include "unit.h"

#include "tls_pair.h"
#include "tls_shot.h"
#include "tls_talk.h"

static const enum protection_suite suites[] = {PROTECT_AEAD, PROTECT_MAC, PROTECT_CHECKSUM};

/* ---- replay ---- */

static unsigned replayed;

static void expect_no_effect(struct tls_pair *pair, int to, const struct address *from,
                             const struct kept *kept) {
  static struct shot before, after;
  shot_take(&before, pair, to);
  tls_pair_hand(pair, to, from, kept->bytes, kept->size);
  shot_take(&after, pair, to);
  CU_ASSERT_TRUE(shot_equal(&before, &after));
  replayed++;
  /* The keys of a handshake that is done are gone: its packets are dropped without a look. */
  struct packet packet;
  CU_ASSERT_EQUAL(packet_read(&packet, kept->bytes, kept->size), 0);
  bool is_data = packet.type == PACKET_FRAMES || packet.type == PACKET_BLOCK;
  bool has_keys = is_data || (packet.type <= PACKET_HANDSHAKE && before.conn.spaces[packet.type].live);
  if (before.conn.state <= CONN_ESTABLISHED) CU_ASSERT_EQUAL(after.dropped, before.dropped + has_keys);
}

static void replay_at_once(struct tls_pair *pair, struct kept *kept) {
  unsigned count = pair->kept_count;
  tls_pair_hand(pair, kept->to, &kept->other, kept->bytes, kept->size);
  kept->is_lost = true;
  if (pair->conns[kept->to]) {
    expect_no_effect(pair, kept->to, &kept->other, kept);
    return;
  }
  /* Without state: asked for a token once more. */
  CU_ASSERT_EQUAL(pair->kept_count, count + 1);
  tls_pair_hand(pair, kept->to, &kept->other, kept->bytes, kept->size);
  CU_ASSERT_EQUAL(pair->kept_count, count + 2);
  CU_ASSERT_EQUAL(listener_count(pair->listener), 0);
}

static void every_datagram_replayed_at_once(void) {
  for (size_t i = 0; i < 3; i++)
    for (uint32_t half_open_max = 0; half_open_max <= 4; half_open_max += 4) {
      struct tls_pair pair;
      replayed = 0;
      tls_pair_init(&pair, suites[i], i == 0 ? TRUST_SHARED : TRUST_ANYONE, half_open_max);
      pair.attack = replay_at_once;
      talk_to_the_end(&pair, 5 * NS_PER_S);
      CU_ASSERT_TRUE(replayed > 50);
      talk_close(&pair);
      CU_ASSERT_EQUAL(pair.accepted_count, 1);
      tls_pair_free(&pair);
    }
}

/* A hello is as good as new to whoever keeps nothing of those that are done: it is answered as any first
 * packet is, within the limit, and leads nowhere. */
static void expect_a_lost_hello(struct tls_pair *pair, const struct kept *hello) {
  static struct shot before, after;
  unsigned accepted = pair->accepted_count;
  shot_take(&before, pair, SERVER);
  tls_pair_hand(pair, SERVER, &hello->other, hello->bytes, hello->size);
  shot_take(&after, pair, SERVER);
  CU_ASSERT_EQUAL(memcmp(&before.conn, &after.conn, sizeof(before.conn)), 0);
  CU_ASSERT_TRUE(pair->accepted_count <= accepted + 1);
}

static void every_datagram_replayed_at_the_end(void) {
  for (size_t i = 0; i < 3; i++)
    for (uint32_t half_open_max = 0; half_open_max <= 4; half_open_max += 4) {
      struct tls_pair pair;
      struct packet packet;
      replayed = 0;
      tls_pair_init(&pair, suites[i], i == 0 ? TRUST_LISTED : TRUST_ANYONE, half_open_max);
      talk_to_the_end(&pair, 5 * NS_PER_S);
      talk_for(&pair, 100 * NS_PER_MS);
      unsigned count = pair.kept_count;
      for (unsigned k = 0; k < count; k++) {
        const struct kept *kept = &pair.kept[k];
        CU_ASSERT_EQUAL(packet_read(&packet, kept->bytes, kept->size), 0);
        if (kept->to == SERVER && packet.type == PACKET_INITIAL)
          expect_a_lost_hello(&pair, kept);
        else
          expect_no_effect(&pair, kept->to, &kept->other, kept);
      }
      CU_ASSERT_TRUE(replayed > 50);
      unsigned accepted = pair.accepted_count;
      for (unsigned k = 0; k < count; k++) /* and everything to those that the repeated hellos have made */
        tls_pair_hand(&pair, pair.kept[k].to, &pair.kept[k].other, pair.kept[k].bytes, pair.kept[k].size);
      talk_for(&pair, 20 * NS_PER_S);
      CU_ASSERT_EQUAL(pair.traffic[SERVER].established, 1);
      CU_ASSERT_EQUAL(pair.accepted_count, accepted);
      for (unsigned c = 1; c < pair.accepted_count; c++) {
        CU_ASSERT_TRUE(conn_is_closed(pair.accepted[c]));
        CU_ASSERT_EQUAL(pair.accepted[c]->state, CONN_DRAINING);
      }
      talk_close(&pair);
      tls_pair_free(&pair);
    }
}

/* ---- copies from another address ---- */

static uint64_t race_until_ns, bytes_from_away;
static bool races_hellos;

static void race(struct tls_pair *pair, struct kept *kept) {
  bool is_data = kept->bytes[0] < 0x80;
  if (kept->to == CLIENT || pair->now_ns >= race_until_ns || is_data == races_hellos) return;
  bytes_from_away += kept->size;
  tls_pair_hand(pair, SERVER, &tls_pair_away, kept->bytes, kept->size);
}

static uint64_t bytes_sent_away(const struct tls_pair *pair) {
  uint64_t bytes = 0;
  for (unsigned i = 0; i < pair->kept_count; i++)
    if (pair->kept[i].to == CLIENT && address_equal(&pair->kept[i].other, &tls_pair_away))
      bytes += pair->kept[i].size;
  return bytes;
}

/* For so long every datagram's copy comes first, from elsewhere. */
static void race_for(uint64_t for_ns, enum protection_suite suite) {
  struct tls_pair pair;
  tls_pair_init(&pair, suite, TRUST_ANYONE, 4);
  pair.attack = race;
  pair.pause_ns = 50 * NS_PER_MS;
  bytes_from_away = 0;
  race_until_ns = pair.now_ns + for_ns;
  talk_to_the_end(&pair, 30 * NS_PER_S);
  CU_ASSERT_TRUE(bytes_from_away > 0);
  CU_ASSERT_TRUE(bytes_sent_away(&pair) <= 3 * bytes_from_away);
  CU_ASSERT_TRUE(address_equal(&pair.conns[SERVER]->path.peer, &tls_pair_home));
  CU_ASSERT_TRUE(pair.conns[SERVER]->path.validated);
  talk_close(&pair);
  tls_pair_free(&pair);
}

static void copies_that_come_first_steal_nothing_for_good(void) {
  races_hellos = false;
  for (size_t i = 0; i < 3; i++) {
    race_for(8 * NS_PER_MS, suites[i]); /* the first few: before the address was ever validated */
    race_for(200 * NS_PER_MS, suites[i]);
    race_for(3 * NS_PER_S, suites[i]);
  }
}

/* Who loses nothing on the way must not be able to stop it: the original shows where the sender is. */
static void copies_that_always_come_first(void) {
  races_hellos = false;
  race_for(100 * NS_PER_S, PROTECT_AEAD);
}

static void copies_of_the_handshake_steal_nothing(void) {
  races_hellos = true;
  race_for(NS_PER_S, PROTECT_AEAD);
}

static unsigned copy_every;

static void copy_first(struct tls_pair *pair, struct kept *kept) {
  static unsigned seen;
  if (kept->to == CLIENT || kept->bytes[0] >= 0x80 || ++seen % copy_every != 0) return;
  bytes_from_away += kept->size;
  tls_pair_hand(pair, SERVER, &tls_pair_away, kept->bytes, kept->size);
  CU_ASSERT_TRUE(address_equal(&pair->conns[SERVER]->path.peer, &tls_pair_away));
  CU_ASSERT_FALSE(pair->conns[SERVER]->path.validated);
}

/* The next original packet brings the server back: the transfer takes no longer than a few round trips more.
 */
static void now_and_then_a_copy_comes_first(void) {
  struct tls_pair pair;
  tls_pair_init(&pair, PROTECT_AEAD, TRUST_SHARED, 4);
  pair.attack = copy_first;
  copy_every = 3;
  bytes_from_away = 0;
  talk_to_the_end(&pair, 2 * NS_PER_S);
  CU_ASSERT_TRUE(bytes_from_away > 0 && bytes_sent_away(&pair) <= 3 * bytes_from_away);
  pair.attack = NULL;
  talk_close(&pair);
  tls_pair_free(&pair);
}

/* Copies that come later are duplicates, wherever from. */
static void copy_later(struct tls_pair *pair, struct kept *kept) {
  tls_pair_hand(pair, kept->to, &kept->other, kept->bytes, kept->size);
  kept->is_lost = true;
  if (kept->to == SERVER && kept->bytes[0] < 0x80) expect_no_effect(pair, SERVER, &tls_pair_away, kept);
}

static void copies_that_come_later_move_nobody(void) {
  struct tls_pair pair;
  tls_pair_init(&pair, PROTECT_AEAD, TRUST_ANYONE, 4);
  pair.attack = copy_later;
  talk_to_the_end(&pair, 2 * NS_PER_S);
  CU_ASSERT_EQUAL(bytes_sent_away(&pair), 0);
  talk_close(&pair);
  tls_pair_free(&pair);
}

static unsigned late;

/* Every fourth data packet is held back, and comes from elsewhere behind the fourth that follows. */
static void hold_back(struct tls_pair *pair, struct kept *kept) {
  static struct kept *held;
  static unsigned seen;
  if (kept->to == CLIENT || kept->bytes[0] >= 0x80) return;
  if (pair->traffic[SERVER].established == 0 || seen++ % 4 > 0) return;
  if (held) {
    uint64_t received = pair->conns[SERVER]->stats.packets_received;
    tls_pair_hand(pair, SERVER, &kept->other, kept->bytes, kept->size);
    tls_pair_hand(pair, SERVER, &tls_pair_away, held->bytes, held->size);
    CU_ASSERT_EQUAL(pair->conns[SERVER]->stats.packets_received, received + 2);
    CU_ASSERT_TRUE(address_equal(&pair->conns[SERVER]->path.peer, &tls_pair_home));
    late++;
  }
  kept->is_lost = true;
  held = held ? NULL : kept;
}

/* A packet may be read wherever it comes from, but only the newest says where its sender is. */
static void an_older_packet_moves_nobody(void) {
  struct tls_pair pair;
  tls_pair_init(&pair, PROTECT_AEAD, TRUST_ANYONE, 4);
  pair.attack = hold_back;
  late = 0;
  talk_to_the_end(&pair, 5 * NS_PER_S);
  CU_ASSERT_TRUE(late > 2);
  CU_ASSERT_EQUAL(bytes_sent_away(&pair), 0);
  pair.attack = NULL;
  talk_close(&pair);
  tls_pair_free(&pair);
}

/* The sender really moves; what it sent before, repeated from where it was, does not take it back. */
static void a_move_is_not_undone_by_replays(void) {
  struct tls_pair pair;
  tls_pair_init(&pair, PROTECT_AEAD, TRUST_ANYONE, 4);
  pair.pause_ns = 100 * NS_PER_MS;
  talk_for(&pair, 450 * NS_PER_MS);
  CU_ASSERT_FALSE(talk_is_done(&pair));
  unsigned before = pair.kept_count;
  pair.client_address = tls_pair_away;
  talk_for(&pair, 200 * NS_PER_MS);
  CU_ASSERT_TRUE(address_equal(&pair.conns[SERVER]->path.peer, &tls_pair_away));
  CU_ASSERT_TRUE(pair.conns[SERVER]->path.validated);
  for (unsigned k = 0; k < before; k++)
    if (pair.kept[k].to == SERVER && pair.kept[k].bytes[0] < 0x80)
      expect_no_effect(&pair, SERVER, &tls_pair_home, &pair.kept[k]);
  talk_to_the_end(&pair, 5 * NS_PER_S);
  talk_close(&pair);
  tls_pair_free(&pair);
}

/* A client hears its server's address only. */
static void answers_from_another_address_are_not_heard(void) {
  static struct shot before, after;
  struct tls_pair pair;
  tls_pair_init(&pair, PROTECT_AEAD, TRUST_ANYONE, 4);
  talk_for(&pair, 3 * NS_PER_MS);
  CU_ASSERT_TRUE(pair.arrived < pair.kept_count);
  for (unsigned k = pair.arrived; k < pair.kept_count; k++) {
    uint8_t bytes[DATAGRAM_BYTES_IPV4];
    memcpy(bytes, pair.kept[k].bytes, pair.kept[k].size);
    shot_take(&before, &pair, CLIENT);
    conn_on_datagram(pair.conns[CLIENT], pair.now_ns, &tls_pair_away, bytes, pair.kept[k].size);
    shot_take(&after, &pair, CLIENT);
    CU_ASSERT_TRUE(shot_equal(&before, &after));
  }
  talk_to_the_end(&pair, 2 * NS_PER_S);
  talk_close(&pair);
  tls_pair_free(&pair);
}

/* ---- reflection ---- */

static void reflect(struct tls_pair *pair, struct kept *kept) {
  static struct shot before, after;
  int back = !kept->to;
  struct conn *conn = pair->conns[back];
  if (!conn) return;
  shot_take(&before, pair, back);
  uint8_t bytes[DATAGRAM_BYTES_IPV4];
  memcpy(bytes, kept->bytes, kept->size);
  conn_on_datagram(conn, pair->now_ns, back == CLIENT ? &tls_pair_server : &kept->other, bytes, kept->size);
  memcpy(bytes, kept->bytes, kept->size);
  /* And under the id that end listens to, as whoever sees its packets can write it. */
  memcpy(bytes + (bytes[0] < 0x80 ? 1 : 5), conn->local_cid.bytes, CID_BYTES);
  conn_on_datagram(conn, pair->now_ns, back == CLIENT ? &tls_pair_server : &kept->other, bytes, kept->size);
  shot_take(&after, pair, back);
  CU_ASSERT_TRUE(shot_equal(&before, &after));
  replayed++;
}

static void every_datagram_reflected(void) {
  for (size_t i = 0; i < 3; i++)
    for (enum trust trust = TRUST_ANYONE; trust < TRUSTS; trust++) {
      struct tls_pair pair;
      replayed = 0;
      tls_pair_init(&pair, suites[i], trust, 4);
      pair.attack = reflect;
      talk_to_the_end(&pair, 5 * NS_PER_S);
      CU_ASSERT_TRUE(replayed > 50);
      pair.attack = NULL;
      talk_close(&pair);
      tls_pair_free(&pair);
    }
}

static void keep_silent(struct tls_pair *pair, struct kept *kept) {
  (void)pair;
  if (kept->bytes[0] < 0x80) replayed++;
}

/* A shared key does not tell its holders apart: the sender's own receiver would answer its hello, carried
 * back by somebody, as well as the one it means. So a hello says in a number which machine made it. */
static void a_hello_brought_to_the_receiver_of_its_own_machine(void) {
  static const uint8_t machine[KEY_BYTES] = {1}, another[KEY_BYTES] = {2};
  static const struct {
    const uint8_t *client, *server;
    bool is_refused;
  } rows[] = {{machine, machine, true}, {machine, another, false}, {NULL, machine, false}};
  for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
    struct tls_pair pair;
    tls_pair_init(&pair, PROTECT_AEAD, TRUST_SHARED, 4);
    tls_pair_set_machines(&pair, rows[i].client, rows[i].server);
    pair.attack = keep_silent;
    if (!rows[i].is_refused) {
      talk_to_the_end(&pair, 5 * NS_PER_S);
    } else {
      talk_for(&pair, 5 * NS_PER_S);
      CU_ASSERT_TRUE(pair.traffic[CLIENT].is_closed);
      CU_ASSERT_EQUAL(pair.traffic[CLIENT].closed.closed.by, CLOSED_BY_PEER);
      CU_ASSERT_EQUAL(pair.traffic[CLIENT].closed.closed.code, CLOSE_REFUSED);
      CU_ASSERT_EQUAL(pair.traffic[SERVER].established, 0);
      CU_ASSERT_EQUAL(pair.traffic[SERVER].heard, 0);
    }
    tls_pair_free(&pair);
  }
}

UNIT_MAIN(UNIT_CASE(every_datagram_replayed_at_once), UNIT_CASE(every_datagram_replayed_at_the_end),
          UNIT_CASE(copies_that_come_first_steal_nothing_for_good), UNIT_CASE(copies_that_always_come_first),
          UNIT_CASE(copies_of_the_handshake_steal_nothing), UNIT_CASE(now_and_then_a_copy_comes_first),
          UNIT_CASE(copies_that_come_later_move_nobody), UNIT_CASE(an_older_packet_moves_nobody),
          UNIT_CASE(a_move_is_not_undone_by_replays), UNIT_CASE(answers_from_another_address_are_not_heard),
          UNIT_CASE(every_datagram_reflected), UNIT_CASE(a_hello_brought_to_the_receiver_of_its_own_machine))
