/* attack: every way to change one byte or the length of one packet of each kind, in each suite, tried on the
 * end that waits for it just before the packet itself arrives: it is refused and nothing moves, the untouched
 * packet is still good, and the transfer ends equal (proto/security.md). */
#include "unit.h"

#include "tls_pair.h"
#include "tls_shot.h"
#include "tls_talk.h"

enum { KINDS = 16, PHASE_BIT = 0x20, FIRST_WITH_TOKEN = 7 };

static unsigned seen[KINDS];    /* how often a kind was attacked */
static unsigned tried, counted; /* changed packets handed over, and counted as refused by a connection */
static enum trust trust;
static bool asks_all_values, asks_token;

/* Direction and type; a first packet that brings a token is a kind of its own. */
static unsigned kind_of(const struct kept *kept) {
  struct packet packet;
  CU_ASSERT_EQUAL_FATAL(packet_read(&packet, kept->bytes, kept->size), 0);
  if (packet.type == PACKET_INITIAL && packet.token_size > 0) return FIRST_WITH_TOKEN;
  return 8u * (kept->to == CLIENT) + packet.type;
}

/* Where nobody is to be proven to, the 16 bytes behind a first packet are not looked at. */
static bool has_idle_proof(const struct kept *kept) {
  unsigned kind = kind_of(kept) % 8;
  if (kind != PACKET_INITIAL && kind != FIRST_WITH_TOKEN) return false;
  return kept->to == SERVER ? trust == TRUST_ANYONE : trust != TRUST_SHARED;
}

/* Without state, a first packet of another version is answered by the list of those that are spoken, and
 * where everyone must come with a token, any first packet by one, unless it lacks the proof. Neither gets
 * through. */
static void hand_changed(struct tls_pair *pair, const struct kept *kept, const uint8_t *bytes, size_t size) {
  struct packet packet, answer;
  tried++;
  size_t answer_size = tls_pair_hand(pair, kept->to, &kept->other, bytes, size);
  if (answer_size == 0) return;
  const struct kept *answered = &pair->kept[--pair->kept_count];
  CU_ASSERT_EQUAL(packet_read(&answer, answered->bytes, answered->size), 0);
  CU_ASSERT_EQUAL(packet_read(&packet, bytes, size), 0);
  bool is_spoken = packet.version == WIRE_VERSION;
  CU_ASSERT_EQUAL(answer.type, is_spoken ? PACKET_RETRY : PACKET_VERSIONS);
  CU_ASSERT_TRUE(trust == TRUST_ANYONE && (!is_spoken || asks_token) && answer_size <= size / 3);
}

static void flip(struct tls_pair *pair, const struct kept *kept) {
  bool is_data = kept->bytes[0] < 0x80;
  size_t size = kept->size - (has_idle_proof(kept) ? PROOF_BYTES : 0);
  static struct shot before, after;
  uint8_t bytes[DATAGRAM_BYTES_IPV4];
  memcpy(bytes, kept->bytes, kept->size);
  shot_take(&before, pair, kept->to);
  for (size_t at = 0; at < size; at++) {
    for (unsigned mask = 1; mask < 256; mask++) {
      bool is_one_bit = (mask & (mask - 1)) == 0;
      if (!is_one_bit && mask != 0xff && !(asks_all_values && is_data)) continue;
      bytes[at] = (uint8_t)(kept->bytes[at] ^ mask);
      hand_changed(pair, kept, bytes, kept->size);
    }
    bytes[at] = kept->bytes[at];
    shot_take(&after, pair, kept->to);
    if (shot_equal(&before, &after)) continue;
    printf("kind %u: byte %zu of %u may be changed\n", kind_of(kept), at, kept->size);
    CU_FAIL("a changed byte changed the state");
    return;
  }
  counted += (unsigned)(after.dropped - before.dropped);
}

static void cut(struct tls_pair *pair, const struct kept *kept) {
  static struct shot before, after;
  shot_take(&before, pair, kept->to);
  for (size_t size = 0; size < kept->size; size++) {
    hand_changed(pair, kept, kept->bytes, size);
    shot_take(&after, pair, kept->to);
    if (shot_equal(&before, &after)) continue;
    printf("kind %u: %zu of %u bytes\n", kind_of(kept), size, kept->size);
    CU_FAIL("a cut packet changed the state");
    return;
  }
  counted += (unsigned)(after.dropped - before.dropped);
}

static void (*harm)(struct tls_pair *pair, const struct kept *kept);

static bool is_taken(const struct tls_pair *pair, const struct kept *kept, const struct shot *before) {
  const struct conn *conn = pair->conns[kept->to];
  unsigned kind = kind_of(kept);
  if (kind == 8 + PACKET_RETRY) return conn->token_size > 0 && before->conn.token_size == 0;
  return conn && conn->stats.packets_received == before->conn.stats.packets_received + 1;
}

/* The first of each kind is attacked, then handed over as it is. */
static void attack_each_kind(struct tls_pair *pair, struct kept *kept) {
  static struct shot before;
  if (seen[kind_of(kept)]++ > 0) return;
  harm(pair, kept);
  shot_take(&before, pair, kept->to);
  bool is_first = kept->to == SERVER && !pair->conns[SERVER];
  size_t answer = tls_pair_hand(pair, kept->to, &kept->other, kept->bytes, kept->size);
  CU_ASSERT_TRUE(is_taken(pair, kept, &before) || (is_first && answer > 0));
  kept->is_lost = true; /* it is there already */
}

/* With half_open_max 0 a RETRY comes first. */
static void attack_a_transfer(enum protection_suite suite, enum trust who, uint32_t half_open_max) {
  struct tls_pair pair;
  trust = who;
  asks_token = half_open_max == 0;
  memset(seen, 0, sizeof(seen));
  tried = counted = 0;
  tls_pair_init(&pair, suite, who, half_open_max);
  pair.attack = attack_each_kind;
  talk_to_the_end(&pair, 5 * NS_PER_S);
  CU_ASSERT_EQUAL(pair.conns[CLIENT]->protection, suite);
  CU_ASSERT_EQUAL(pair.conns[SERVER]->protection, suite);
  static const unsigned both[] = {PACKET_INITIAL, PACKET_HANDSHAKE, PACKET_FRAMES, PACKET_BLOCK};
  for (size_t i = 0; i < sizeof both / sizeof both[0]; i++)
    CU_ASSERT_TRUE(seen[both[i]] > 0 && seen[8 + both[i]] > 0);
  CU_ASSERT_EQUAL(seen[8 + PACKET_RETRY] > 0, half_open_max == 0);
  CU_ASSERT_EQUAL(seen[FIRST_WITH_TOKEN] > 0, half_open_max == 0);
  CU_ASSERT_TRUE(tried > 5000 && counted > tried / 2);
  pair.attack = NULL;
  talk_close(&pair);
  tls_pair_free(&pair);
}

static void attack_with_everyone(enum protection_suite suite,
                                 void (*how)(struct tls_pair *, const struct kept *)) {
  harm = how;
  asks_all_values = suite == PROTECT_CHECKSUM;
  for (enum trust who = TRUST_ANYONE; who < TRUSTS; who++)
    for (uint32_t half_open_max = 0; half_open_max <= 4; half_open_max += 4)
      if (suite == PROTECT_AEAD || (half_open_max > 0 && who == TRUST_ANYONE))
        attack_a_transfer(suite, who, half_open_max);
}

static void every_byte_flipped_with_aead(void) { attack_with_everyone(PROTECT_AEAD, flip); }
static void every_byte_flipped_with_mac(void) { attack_with_everyone(PROTECT_MAC, flip); }
/* Here every other value of every byte of a data packet: damage of one byte is always found. */
static void every_byte_changed_with_checksum(void) { attack_with_everyone(PROTECT_CHECKSUM, flip); }
static void every_truncation_with_aead(void) { attack_with_everyone(PROTECT_AEAD, cut); }
static void every_truncation_with_mac(void) { attack_with_everyone(PROTECT_MAC, cut); }
static void every_truncation_with_checksum(void) { attack_with_everyone(PROTECT_CHECKSUM, cut); }

/* ---- key phase ---- */

static unsigned phases_seen[2][2]; /* by receiver: packets with that bit, as sent */
static uint64_t held;              /* attacks while the peer's previous keys were still held */

static void forge_phase(struct tls_pair *pair, struct kept *kept) {
  static struct shot before, after;
  uint8_t bytes[DATAGRAM_BYTES_IPV4];
  struct conn *conn = pair->conns[kept->to];
  if (kept->bytes[0] >= 0x80 || !conn || conn->state != CONN_ESTABLISHED) return;
  memcpy(bytes, kept->bytes, kept->size);
  bytes[0] ^= PHASE_BIT;
  phases_seen[kept->to][(kept->bytes[0] & PHASE_BIT) > 0]++;
  held += conn->keys.forget_at_ns != TIME_NEVER;
  shot_take(&before, pair, kept->to);
  tls_pair_hand(pair, kept->to, &kept->other, bytes, kept->size);
  shot_take(&after, pair, kept->to);
  CU_ASSERT_TRUE(shot_equal(&before, &after));
  CU_ASSERT_EQUAL(after.dropped, before.dropped + 1);
}

/* A copy of every data packet with the other phase, through real key updates of both ends. */
static void forged_key_phase(void) {
  static const enum protection_suite suites[] = {PROTECT_AEAD, PROTECT_MAC, PROTECT_CHECKSUM};
  for (size_t i = 0; i < 3; i++) {
    struct tls_pair pair;
    tls_pair_init(&pair, suites[i], TRUST_ANYONE, 4);
    memset(phases_seen, 0, sizeof(phases_seen));
    held = 0;
    pair.conns[CLIENT]->keys.packets_renew = 4;
    pair.pause_ns = 500 * NS_PER_MS;
    pair.attack = forge_phase;
    talk_to_the_end(&pair, 20 * NS_PER_S);
    for (int end = 0; end < 2; end++) {
      CU_ASSERT_TRUE(phases_seen[end][0] > 10 && phases_seen[end][1] > 10);
      const struct conn *conn = pair.conns[end];
      CU_ASSERT_TRUE(conn->crypto.ops->send_phase(conn->crypto.state) >= 2);
      CU_ASSERT_EQUAL(conn->keys.refused, phases_seen[end][0] + phases_seen[end][1]);
    }
    CU_ASSERT_TRUE(held > 0);
    pair.attack = NULL;
    talk_close(&pair);
    tls_pair_free(&pair);
  }
}

UNIT_MAIN(UNIT_CASE(every_byte_flipped_with_aead), UNIT_CASE(every_byte_flipped_with_mac),
          UNIT_CASE(every_byte_changed_with_checksum), UNIT_CASE(every_truncation_with_aead),
          UNIT_CASE(every_truncation_with_mac), UNIT_CASE(every_truncation_with_checksum),
          UNIT_CASE(forged_key_phase))
