/* attack: who is on the path while keys are agreed. The keys of first packets come from an id in the clear,
 * so without a shared key anyone who sees them can write some of his own. That ends a try at worst; it never
 * makes a weaker connection, nor one with somebody else, and the next try succeeds (proto/security.md). */
#include "unit.h"

#include "tls_pair.h"
#include "tls_shot.h"
#include "tls_talk.h"

/* ---- the attacker's packets ---- */

static const struct kept *first_hello(const struct tls_pair *pair) { return &pair->kept[0]; }

static struct crypto forger_new(enum crypto_role role, const struct cid *initial_id) {
  static struct tls_config config;
  config = (struct tls_config){.identity = tls_pair_identity(2)};
  struct crypto crypto = crypto_tls_new(role, &config);
  CU_ASSERT_PTR_NOT_NULL_FATAL(crypto.ops);
  CU_ASSERT_EQUAL_FATAL(crypto.ops->set_initial_id(crypto.state, initial_id->bytes, CID_BYTES), 0);
  return crypto;
}

/* Seals a payload in a first packet of full size, and hands it over as if the other end had sent it. */
static void hand_forged(struct tls_pair *pair, int to, uint64_t number, const uint8_t *frames, size_t size) {
  uint8_t bytes[DATAGRAM_BYTES_MIN], payload[DATAGRAM_BYTES_MIN] = {0};
  struct packet hello;
  struct writer writer;
  CU_ASSERT_EQUAL_FATAL(packet_read(&hello, first_hello(pair)->bytes, first_hello(pair)->size), 0);
  struct crypto forger = forger_new(to == CLIENT ? ROLE_SERVER : ROLE_CLIENT, &hello.destination);
  struct packet packet = {.type = PACKET_INITIAL,
                          .version = WIRE_VERSION,
                          .destination = to == CLIENT ? hello.source : hello.destination,
                          .source = to == CLIENT ? (struct cid){{0xbd}} : hello.source,
                          .number = number};
  size_t header_size = packet_header_size(&packet);
  packet.payload_size = DATAGRAM_BYTES_MIN - header_size - PROOF_BYTES;
  CU_ASSERT_FATAL(size <= packet.payload_size - TAG_BYTES_MAX);
  memcpy(payload, frames, size);
  writer_init(&writer, bytes, header_size);
  packet_write(&packet, &writer);
  forger.ops->seal(forger.state, LEVEL_INITIAL, number, bytes, header_size, payload,
                   packet.payload_size - TAG_BYTES_MAX, bytes + header_size);
  size_t proven = header_size + packet.payload_size;
  forger.ops->prove(forger.state, bytes, proven, bytes + proven);
  tls_pair_hand(pair, to, &tls_pair_home, bytes, sizeof(bytes));
  forger.ops->free(forger.state);
}

static void hand_frame(struct tls_pair *pair, int to, uint64_t number, const struct frame *frame) {
  uint8_t bytes[DATAGRAM_BYTES_MIN];
  struct writer writer;
  writer_init(&writer, bytes, sizeof(bytes));
  frame_write(frame, &writer);
  CU_ASSERT_FALSE_FATAL(writer.failed);
  hand_forged(pair, to, number, bytes, writer_used(&writer));
}

/* Whether a first packet sealed by a stranger is looked at. */
static bool is_heard(enum trust trust, int to) {
  return trust == TRUST_ANYONE || (trust == TRUST_LISTED && to == CLIENT);
}

/* The try has an end, and nobody took part in anything. */
static void expect_failed(struct tls_pair *pair) {
  talk_for(pair, 30 * NS_PER_S);
  CU_ASSERT_TRUE(pair->traffic[CLIENT].is_closed);
  CU_ASSERT_EQUAL(pair->traffic[SERVER].established, 0);
  CU_ASSERT_EQUAL(pair->traffic[SERVER].heard, 0);
  CU_ASSERT_EQUAL(pair->traffic[SERVER].received[0], 0);
}

static void expect_the_next_succeeds(struct tls_pair *pair) {
  pair->attack = NULL;
  pair->arrived = pair->kept_count = 0; /* the cable was pulled */
  tls_pair_try_again(pair);
  talk_to_the_end(pair, 5 * NS_PER_S);
  talk_close(pair);
  tls_pair_free(pair);
}

static int target;
static bool comes_first, was_sent;
static struct frame forged;

/* Once: before or after the first packet for that end. */
static void forge_once(struct tls_pair *pair, struct kept *kept) {
  if (kept->to != target || was_sent) return;
  was_sent = true;
  if (comes_first) hand_frame(pair, target, 0, &forged);
  tls_pair_hand(pair, target, &kept->other, kept->bytes, kept->size);
  kept->is_lost = true;
  if (!comes_first) hand_frame(pair, target, 1000, &forged);
}

/* ---- garbage ---- */

static void try_garbage(enum trust trust, uint64_t seed) {
  struct tls_pair pair;
  struct prng prng;
  uint8_t garbage[900];
  prng_seed(&prng, seed);
  for (size_t i = 0; i < sizeof garbage; i++)
    garbage[i] = (uint8_t)prng_next(&prng);
  if (prng_below(&prng, 2)) memcpy(garbage, target == CLIENT ? "\2\0\2\0\3\3" : "\1\0\2\0\3\3", 6);
  tls_pair_init(&pair, PROTECT_AEAD, trust, 4);
  forged = (struct frame){.type = FRAME_CRYPTO,
                          .stream = {.offset = comes_first ? 0 : prng_below(&prng, 2000),
                                     .bytes = garbage,
                                     .size = sizeof garbage}};
  was_sent = false;
  pair.attack = forge_once;
  if (!is_heard(trust, target)) {
    talk_to_the_end(&pair, 5 * NS_PER_S);
  } else if (comes_first) {
    expect_failed(&pair);
  } else { /* what repeats bytes that were read already is not looked at: this try may even succeed */
    talk_for(&pair, 30 * NS_PER_S);
    CU_ASSERT_TRUE(pair.traffic[CLIENT].is_closed || talk_is_done(&pair));
  }
  CU_ASSERT_TRUE(was_sent);
  expect_the_next_succeeds(&pair);
}

static void garbage_in_the_handshake(void) {
  for (enum trust trust = TRUST_ANYONE; trust < TRUSTS; trust++)
    for (target = CLIENT; target <= SERVER; target++)
      for (int first = 0; first < 2; first++)
        for (uint64_t seed = 1; seed <= 15; seed++) {
          comes_first = first;
          try_garbage(trust, seed);
        }
}

/* ---- a forged end ---- */

static void a_forged_close_ends_a_try_at_most(void) {
  static const uint64_t codes[] = {CLOSE_DONE, CLOSE_REFUSED, CLOSE_BUSY, 4711};
  for (enum trust trust = TRUST_ANYONE; trust < TRUSTS; trust++)
    for (target = CLIENT; target <= SERVER; target++)
      for (size_t i = 0; i < sizeof codes / sizeof codes[0]; i++) {
        struct tls_pair pair;
        tls_pair_init(&pair, PROTECT_AEAD, trust, 4);
        forged =
            (struct frame){.type = FRAME_CLOSE,
                           .close = {.code = codes[i], .reason = (const uint8_t *)"x", .reason_size = 1}};
        was_sent = false;
        comes_first = true;
        pair.attack = forge_once;
        if (target == CLIENT && is_heard(trust, target)) {
          expect_failed(&pair);
          CU_ASSERT_EQUAL(pair.traffic[CLIENT].established, 0);
        } else { /* a server keeps nothing of a first packet that closes, so the hello comes to it as ever */
          talk_to_the_end(&pair, 5 * NS_PER_S);
        }
        CU_ASSERT_TRUE(was_sent);
        expect_the_next_succeeds(&pair);
      }
}

/* With the handshake its keys are gone, and with them all that anybody could say. */
static void a_forged_close_comes_too_late(void) {
  static struct shot before, after;
  forged = (struct frame){.type = FRAME_CLOSE, .close = {.reason = (const uint8_t *)"", .reason_size = 0}};
  struct tls_pair pair;
  tls_pair_init(&pair, PROTECT_AEAD, TRUST_ANYONE, 4);
  pair.pause_ns = 50 * NS_PER_MS;
  talk_for(&pair, 100 * NS_PER_MS);
  for (int end = CLIENT; end <= SERVER; end++) {
    shot_take(&before, &pair, end);
    hand_frame(&pair, end, 1000, &forged);
    shot_take(&after, &pair, end);
    CU_ASSERT_EQUAL(memcmp(&before.conn, &after.conn, sizeof(before.conn)), 0);
  }
  talk_to_the_end(&pair, 5 * NS_PER_S);
  expect_the_next_succeeds(&pair);
}

/* ---- RETRY ---- */

enum retry { RETRY_BAD_TAG, RETRY_LATE, RETRY_GOOD_TAG };
static enum retry retry_kind;

static void forge_retry(struct tls_pair *pair, struct kept *kept) {
  uint8_t bytes[200], token[40] = {1, 2, 3};
  struct packet hello;
  struct writer writer;
  if (kept->to != CLIENT || was_sent) return;
  was_sent = true;
  CU_ASSERT_EQUAL(packet_read(&hello, first_hello(pair)->bytes, first_hello(pair)->size), 0);
  struct packet packet = {.type = PACKET_RETRY,
                          .version = WIRE_VERSION,
                          .destination = hello.source,
                          .source = {{6, 6, 6}},
                          .token = token,
                          .token_size = sizeof token};
  writer_init(&writer, bytes, sizeof bytes);
  packet_write(&packet, &writer);
  uint64_t tag = hash_64_of_two(hello.destination.bytes, CID_BYTES, bytes, writer_used(&writer));
  write_u64(&writer, retry_kind == RETRY_BAD_TAG ? tag ^ 1 : tag);
  if (retry_kind == RETRY_LATE) {
    tls_pair_hand(pair, CLIENT, &kept->other, kept->bytes, kept->size);
    kept->is_lost = true;
  }
  tls_pair_hand(pair, CLIENT, &kept->other, bytes, writer_used(&writer));
  CU_ASSERT_EQUAL(pair->conns[CLIENT]->token_size > 0, retry_kind == RETRY_GOOD_TAG);
}

/* Its tag is a checksum: who has seen the question can answer it. The token is then none of the server's. */
static void a_forged_retry(void) {
  for (enum trust trust = TRUST_ANYONE; trust < TRUSTS; trust++)
    for (retry_kind = RETRY_BAD_TAG; retry_kind <= RETRY_GOOD_TAG; retry_kind++) {
      struct tls_pair pair;
      was_sent = false;
      tls_pair_init(&pair, PROTECT_AEAD, trust, 4);
      pair.attack = forge_retry;
      if (retry_kind == RETRY_GOOD_TAG)
        expect_failed(&pair);
      else
        talk_to_the_end(&pair, 5 * NS_PER_S);
      CU_ASSERT_TRUE(was_sent);
      expect_the_next_succeeds(&pair);
    }
}

/* ---- downgrade ---- */

static unsigned changes_left, changed;

static void change_version(struct tls_pair *pair, struct kept *kept) {
  (void)pair;
  if (kept->to != target || kept->bytes[0] < 0x80 || changes_left == 0) return;
  changes_left--;
  changed++;
  kept->bytes[4] ^= 3;
}

/* In one packet it is as if lost; in all of them there is no connection, and none of another version. */
static void another_version_in_flight(void) {
  for (target = CLIENT; target <= SERVER; target++) {
    struct tls_pair pair;
    tls_pair_init(&pair, PROTECT_AEAD, TRUST_ANYONE, 4);
    pair.attack = change_version;
    changes_left = 1;
    talk_to_the_end(&pair, 5 * NS_PER_S);
    CU_ASSERT_EQUAL(changes_left, 0);
    talk_close(&pair);
    tls_pair_try_again(&pair);
    changed = 0;
    changes_left = 1000;
    expect_failed(&pair);
    CU_ASSERT_EQUAL(pair.traffic[CLIENT].established, 0);
    CU_ASSERT_TRUE(changed >= 3);
    expect_the_next_succeeds(&pair);
  }
}

static unsigned rewritten;

/* Opens a hello as its receiver would, changes the suites it offers, and seals it again. */
static void change_offer(struct tls_pair *pair, struct kept *kept) {
  static const uint8_t offer[] = {0x0b, 1, PROTECT_AEAD};
  struct packet packet;
  if (kept->to != SERVER || packet_read(&packet, kept->bytes, kept->size) != 0 ||
      packet.type != PACKET_INITIAL)
    return;
  struct crypto opener = forger_new(ROLE_SERVER, &pair->conns[CLIENT]->original_cid),
                sealer = forger_new(ROLE_CLIENT, &pair->conns[CLIENT]->original_cid);
  uint8_t *payload = kept->bytes + packet.header_size;
  size_t size = packet.payload_size - TAG_BYTES_MAX;
  CU_ASSERT_EQUAL(opener.ops->open(opener.state, LEVEL_INITIAL, 0, packet.number, kept->bytes,
                                   packet.header_size, payload, packet.payload_size, payload),
                  0);
  uint8_t *found = memmem(payload, size, offer, sizeof offer);
  if (found) {
    found[2] |= PROTECT_CHECKSUM;
    rewritten++;
  }
  sealer.ops->seal(sealer.state, LEVEL_INITIAL, packet.number, kept->bytes, packet.header_size, payload, size,
                   payload);
  sealer.ops->prove(sealer.state, kept->bytes, packet.header_size + packet.payload_size,
                    kept->bytes + packet.header_size + packet.payload_size);
  opener.ops->free(opener.state);
  sealer.ops->free(sealer.state);
}

/* The server would take the weaker suite; that the sender never offered it comes out before any data flows.
 */
static void a_weaker_offer_in_flight(void) {
  for (enum trust trust = TRUST_ANYONE; trust < TRUSTS; trust++) {
    struct tls_pair pair;
    tls_pair_init(&pair, PROTECT_CHECKSUM, trust, 4);
    pair.suite = PROTECT_AEAD;
    tls_pair_try_again(&pair);
    pair.attack = change_offer;
    rewritten = 0;
    expect_failed(&pair);
    CU_ASSERT_TRUE(rewritten > 0);
    CU_ASSERT_EQUAL(pair.traffic[CLIENT].established, 0);
    CU_ASSERT_EQUAL(pair.accepted_count > 0, trust == TRUST_ANYONE);
    for (unsigned i = 0; i < pair.accepted_count; i++)
      CU_ASSERT_EQUAL(pair.accepted[i]->protection, 0);
    expect_the_next_succeeds(&pair);
  }
}

/* ---- our own hello, sealed anew for us ---- */

static void reflect_hello(struct tls_pair *pair, struct kept *kept) {
  struct packet packet;
  uint8_t bytes[DATAGRAM_BYTES_MIN];
  if (kept->to != SERVER || was_sent) return;
  was_sent = true;
  CU_ASSERT_EQUAL(packet_read(&packet, kept->bytes, kept->size), 0);
  struct crypto opener = forger_new(ROLE_SERVER, &packet.destination);
  CU_ASSERT_EQUAL(opener.ops->open(opener.state, LEVEL_INITIAL, 0, packet.number, kept->bytes,
                                   packet.header_size, kept->bytes + packet.header_size, packet.payload_size,
                                   bytes),
                  0);
  hand_forged(pair, CLIENT, 0, bytes, packet.payload_size - TAG_BYTES_MAX);
  opener.ops->free(opener.state);
  kept->is_lost = true; /* opened; the sender will repeat it */
}

static void our_own_hello_sealed_anew(void) {
  for (enum trust trust = TRUST_ANYONE; trust < TRUSTS; trust++) {
    struct tls_pair pair;
    tls_pair_init(&pair, PROTECT_AEAD, trust, 4);
    was_sent = false;
    pair.attack = reflect_hello;
    if (is_heard(trust, CLIENT))
      expect_failed(&pair);
    else
      talk_to_the_end(&pair, 5 * NS_PER_S);
    CU_ASSERT_TRUE(was_sent);
    expect_the_next_succeeds(&pair);
  }
}

/* ---- keys that do not fit ---- */

static unsigned answers, data_packets;

static void count(struct tls_pair *pair, struct kept *kept) {
  (void)pair;
  answers += kept->to == CLIENT;
  data_packets += kept->to == SERVER && kept->bytes[0] < 0x80;
}

static void try_with(const struct shared_key *client, const struct shared_key *server, bool is_listed,
                     bool is_answered) {
  struct tls_pair pair;
  tls_pair_init(&pair, PROTECT_AEAD, TRUST_ANYONE, 4);
  struct tls_config good = pair.tls[CLIENT];
  struct public_key key;
  struct believed listed;
  identity_public_key(tls_pair_identity(CLIENT), &key);
  believed_init(&listed, &key);
  pair.tls[CLIENT].shared = client;
  pair.tls[CLIENT].identity = tls_pair_identity(2);
  pair.tls[SERVER].shared = server;
  if (is_listed) {
    pair.tls[SERVER].believed = &listed;
    pair.tls[SERVER].believed_count = 1;
  }
  tls_pair_listen(&pair, 4);
  tls_pair_try_again(&pair);
  pair.attack = count;
  answers = data_packets = 0;
  expect_failed(&pair);
  CU_ASSERT_EQUAL(pair.traffic[CLIENT].established, 0);
  CU_ASSERT_EQUAL(data_packets, 0);
  CU_ASSERT_EQUAL(answers > 0, is_answered);
  if (!is_answered) CU_ASSERT_EQUAL(pair.accepted_count, 0);
  if (!is_answered) CU_ASSERT_EQUAL(pair.traffic[CLIENT].closed.closed.by, CLOSED_BY_NO_ANSWER);
  good.shared = server;
  pair.tls[CLIENT] = good;
  expect_the_next_succeeds(&pair);
}

static void the_wrong_key_meets_silence(void) {
  try_with(&tls_pair_other_shared, &tls_pair_shared, false, false);
  try_with(NULL, NULL, true, false); /* a public key that is not on the list */
}

static void no_key_meets_silence(void) { try_with(NULL, &tls_pair_shared, false, false); }

/* Without a key of its own the server has nothing to be silent about; there is no connection either. */
static void a_key_nobody_else_has(void) { try_with(&tls_pair_shared, NULL, false, true); }

static int refuse_changed(void *context, const struct public_key *key) {
  return public_key_equal(context, key) ? 0 : ERR_UNTRUSTED;
}

static void a_changed_receiver_key(void) {
  struct tls_pair pair;
  struct public_key known;
  identity_public_key(tls_pair_identity(SERVER), &known);
  tls_pair_init(&pair, PROTECT_AEAD, TRUST_ANYONE, 4);
  pair.tls[CLIENT].judge = refuse_changed;
  pair.tls[CLIENT].context = &known;
  pair.tls[SERVER].identity = tls_pair_identity(2);
  tls_pair_try_again(&pair);
  pair.attack = count;
  data_packets = 0;
  expect_failed(&pair);
  CU_ASSERT_EQUAL(pair.traffic[CLIENT].closed.closed.by, CLOSED_BY_US);
  CU_ASSERT_EQUAL(pair.traffic[CLIENT].closed.closed.code, CLOSE_REFUSED);
  CU_ASSERT_EQUAL(pair.traffic[CLIENT].established, 0);
  CU_ASSERT_EQUAL(data_packets, 0);
  pair.tls[SERVER].identity = tls_pair_identity(SERVER);
  expect_the_next_succeeds(&pair);
}

UNIT_MAIN(UNIT_CASE(garbage_in_the_handshake), UNIT_CASE(a_forged_close_ends_a_try_at_most),
          UNIT_CASE(a_forged_close_comes_too_late), UNIT_CASE(a_forged_retry),
          UNIT_CASE(another_version_in_flight), UNIT_CASE(a_weaker_offer_in_flight),
          UNIT_CASE(our_own_hello_sealed_anew), UNIT_CASE(the_wrong_key_meets_silence),
          UNIT_CASE(no_key_meets_silence), UNIT_CASE(a_key_nobody_else_has),
          UNIT_CASE(a_changed_receiver_key))
