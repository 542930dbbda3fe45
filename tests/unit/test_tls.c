/* tls: who ends up knowing what, who is believed, what each end may say and hear and when, and which packets
 * each level takes. What hostile peers try is in test_tls_hostile.c and test_tls_strangers.c. */
#include "unit.h"

#include "tls_ends.h"

static const struct shared_key other_key = {{8, 7, 7}};

static bool knows(const struct end *end, const void *params, size_t size) {
  size_t known = 999;
  const uint8_t *bytes = end->crypto.ops->peer_params(end->crypto.state, &known);
  if (!bytes) CU_ASSERT_EQUAL(known, 0);
  return bytes && known == size && memcmp(bytes, params, size) == 0;
}

static void complete_in_pieces(const struct shared_key *shared) {
  static const size_t pieces[] = {1, 2, 3, 50, FLIGHT_LEVEL_BYTES};
  for (size_t i = 0; i < sizeof pieces / sizeof pieces[0]; i++) {
    struct ends ends;
    ends_init(&ends, shared);
    ends_start(&ends);
    CU_ASSERT_EQUAL(ends_talk(&ends, pieces[i]), 0);
    CU_ASSERT_TRUE(end_is_complete(&ends.client));
    CU_ASSERT_TRUE(end_is_complete(&ends.server));
    CU_ASSERT_TRUE(knows(&ends.client, ends_server_params, sizeof ends_server_params));
    CU_ASSERT_TRUE(knows(&ends.server, ends_client_params, sizeof ends_client_params));
    CU_ASSERT_STRING_EQUAL(end_failure(&ends.client), "");
    CU_ASSERT_STRING_EQUAL(end_failure(&ends.server), "");
    ends_free(&ends);
  }
}

static void with_a_shared_key(void) { complete_in_pieces(&ends_shared); }
static void with_public_keys(void) { complete_in_pieces(NULL); }

/* Each end's judge is asked once, for the other's key; nobody is asked about a shared key. */
static void the_judge_is_asked_once(void) {
  for (int shared = 0; shared < 2; shared++) {
    struct ends ends;
    struct public_key client, server, seen;
    ends_init(&ends, shared ? &ends_shared : NULL);
    ends_start(&ends);
    CU_ASSERT_FALSE(crypto_tls_peer(&ends.client.crypto, &seen));
    CU_ASSERT_EQUAL(ends_talk(&ends, 100), 0);
    CU_ASSERT_EQUAL(ends.client.judged, shared ? 0 : 1);
    CU_ASSERT_EQUAL(ends.server.judged, shared ? 0 : 1);
    CU_ASSERT_EQUAL(crypto_tls_peer(&ends.client.crypto, &seen), !shared);
    if (!shared) {
      identity_public_key(ends.client.config.identity, &client);
      identity_public_key(ends.server.config.identity, &server);
      CU_ASSERT_TRUE(public_key_equal(&seen, &server));
      CU_ASSERT_TRUE(public_key_equal(&ends.client.met, &server));
      CU_ASSERT_TRUE(public_key_equal(&ends.server.met, &client));
      CU_ASSERT_TRUE(crypto_tls_peer(&ends.server.crypto, &seen) && public_key_equal(&seen, &client));
    }
    ends_free(&ends);
  }
}

/* The judged end is not complete when the judge is asked, and says nothing when he refuses. */
static void a_judge_that_refuses(void) {
  for (int role = ROLE_CLIENT; role <= ROLE_SERVER; role++) {
    static struct flight flight;
    struct ends ends;
    struct public_key key;
    ends_init(&ends, NULL);
    struct end *judge = role == ROLE_CLIENT ? &ends.client : &ends.server;
    judge->verdict = ERR_UNTRUSTED;
    ends_start(&ends);
    CU_ASSERT_EQUAL(ends_talk(&ends, 1000), ERR_UNTRUSTED);
    CU_ASSERT_EQUAL(judge->judged, 1);
    CU_ASSERT_FALSE(end_is_complete(judge));
    CU_ASSERT_FALSE(end_is_complete(&ends.server)); /* it never hears from a client that refused */
    CU_ASSERT_FALSE(crypto_tls_peer(&judge->crypto, &key));
    CU_ASSERT_STRING_EQUAL(end_failure(judge), "the other side's key is not believed");
    end_says(judge, &flight);
    CU_ASSERT_EQUAL(flight.size[LEVEL_INITIAL] + flight.size[LEVEL_HANDSHAKE], 0);
    CU_ASSERT_FALSE(knows(judge, ends_client_params, sizeof ends_client_params));
    CU_ASSERT_EQUAL(judge->crypto.ops->send_level(judge->crypto.state), LEVEL_HANDSHAKE); /* for CLOSE */
    ends_free(&ends);
  }
}

static void a_server_believes_those_it_knows(void) {
  struct public_key keys[3] = {{{1}}, {{2}}, {{3}}}, client;
  identity_public_key(ends_identity(ROLE_CLIENT), &client);
  for (size_t place = 0; place <= 3; place++) {
    for (size_t count = 0; count <= 3; count++) {
      struct ends ends;
      struct believed list[3];
      for (size_t i = 0; i < 3; i++)
        believed_init(&list[i], i == place ? &client : &keys[i]);
      ends_init(&ends, NULL);
      ends.server.config.believed = list;
      ends.server.config.believed_count = count;
      ends_start(&ends);
      bool is_known = place < count;
      CU_ASSERT_EQUAL(ends_talk(&ends, 1000), is_known ? 0 : ERR_UNTRUSTED);
      CU_ASSERT_EQUAL(end_is_complete(&ends.server), is_known);
      CU_ASSERT_EQUAL(ends.server.judged, is_known ? 1 : 0);
      if (!is_known)
        CU_ASSERT_STRING_EQUAL(end_failure(&ends.server), "the other side's key is not believed");
      ends_free(&ends);
    }
  }
}

static void shared_keys_that_do_not_fit(void) {
  static const struct {
    const struct shared_key *client, *server;
    const char *says;
  } rows[] = {
      {&other_key, &ends_shared, "no shared key fits"},
      {&ends_shared, &other_key, "no shared key fits"},
      {NULL, &ends_shared, "no shared key fits"},
      {&ends_shared, NULL, "the other side wants a shared key, or another kind of key"},
  };
  for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
    static struct flight flight;
    struct ends ends;
    ends_init(&ends, NULL);
    ends.client.config.shared = rows[i].client;
    ends.server.config.shared = rows[i].server;
    ends_start(&ends);
    CU_ASSERT_EQUAL(ends_talk(&ends, 1000), ERR_UNTRUSTED);
    CU_ASSERT_FALSE(end_is_complete(&ends.client) || end_is_complete(&ends.server));
    CU_ASSERT_STRING_EQUAL(end_failure(&ends.server), rows[i].says);
    end_says(&ends.server, &flight);
    CU_ASSERT_EQUAL(flight.size[LEVEL_INITIAL] + flight.size[LEVEL_HANDSHAKE], 0);
    ends_free(&ends);
  }
}

static void parameters_have_a_longest_size(void) {
  static uint8_t params[4097];
  static struct flight flight;
  for (size_t i = 0; i < sizeof params; i++)
    params[i] = (uint8_t)(i * 7);
  for (size_t size = 4095; size <= 4097; size++) {
    struct ends ends;
    ends_init(&ends, NULL);
    struct crypto *made[] = {&ends.client.crypto, &ends.server.crypto};
    *made[0] = crypto_tls_new(ROLE_CLIENT, &ends.client.config);
    *made[1] = crypto_tls_new(ROLE_SERVER, &ends.server.config);
    for (int i = 0; i < 2; i++) {
      CU_ASSERT_PTR_NOT_NULL_FATAL(made[i]->ops);
      CU_ASSERT_EQUAL(made[i]->ops->start(made[i]->state, params, size), size <= 4096 ? 0 : ERR_NO_SPACE);
    }
    if (size <= 4096) {
      CU_ASSERT_EQUAL(ends_talk(&ends, 777), 0);
      CU_ASSERT_TRUE(knows(&ends.client, params, size) && knows(&ends.server, params, size));
    } else {
      end_says(&ends.client, &flight);
      CU_ASSERT_EQUAL(flight.size[LEVEL_INITIAL], 0);
    }
    ends_free(&ends);
  }
}

/* Before start: packets of a stranger can be looked at. Afterwards each level has its time. */
static void levels_come_one_after_the_other(void) {
  static struct flight flight;
  static const uint8_t header[20] = {0xc0};
  uint8_t packet[20 + 16], opened[20];
  struct ends ends;
  ends_init(&ends, &ends_shared);
  ends.server.crypto = crypto_tls_new(ROLE_SERVER, &ends.server.config);
  end_start(&ends.client, ROLE_CLIENT);
  const struct crypto_ops *ops = ends.client.crypto.ops;
  void *client = ends.client.crypto.state, *server = ends.server.crypto.state;
  CU_ASSERT_EQUAL(ops->open(server, LEVEL_INITIAL, 0, 0, header, 20, packet, 36, opened), ERR_AGAIN);
  CU_ASSERT_EQUAL(ops->set_initial_id(server, ends_id, sizeof ends_id), 0);
  CU_ASSERT_EQUAL(ops->seal(client, LEVEL_INITIAL, 0, header, 20, header, 20, packet), 0);
  CU_ASSERT_EQUAL(ops->open(server, LEVEL_INITIAL, 0, 0, header, 20, packet, 36, opened), 0);
  CU_ASSERT_EQUAL(memcmp(opened, header, 20), 0);
  CU_ASSERT_FALSE(ops->is_complete(server));
  CU_ASSERT_STRING_EQUAL(ops->failure(server), "");
  CU_ASSERT_EQUAL(ops->next_handshake(server, LEVEL_INITIAL, opened, 20), 0);
  CU_ASSERT_EQUAL(ops->send_level(server), LEVEL_INITIAL);
  CU_ASSERT_EQUAL(ops->start(server, ends_server_params, sizeof ends_server_params), 0);
  CU_ASSERT_EQUAL(ops->seal(client, LEVEL_HANDSHAKE, 0, header, 20, header, 20, packet), ERR_AGAIN);
  CU_ASSERT_EQUAL(ops->seal(client, LEVEL_DATA, 0, header, 20, header, 20, packet), ERR_AGAIN);

  end_says(&ends.client, &flight);
  CU_ASSERT_EQUAL(end_hears(&ends.server, &flight), 0);
  CU_ASSERT_EQUAL(ops->send_level(server), LEVEL_HANDSHAKE);
  CU_ASSERT_FALSE(ops->is_complete(server));
  end_says(&ends.server, &flight);
  CU_ASSERT_EQUAL(end_hears(&ends.client, &flight), 0);
  CU_ASSERT_TRUE(ops->is_complete(client));
  CU_ASSERT_EQUAL(ops->send_level(client), LEVEL_HANDSHAKE);
  CU_ASSERT_EQUAL(ops->seal(client, LEVEL_HANDSHAKE, 3, header, 20, header, 20, packet), 0);
  CU_ASSERT_EQUAL(ops->open(server, LEVEL_HANDSHAKE, 0, 3, header, 20, packet, 36, opened), 0);
  CU_ASSERT_EQUAL(ops->open(client, LEVEL_HANDSHAKE, 0, 3, header, 20, packet, 36, opened), ERR_UNAUTHENTIC);
  CU_ASSERT_EQUAL(ops->seal(client, LEVEL_DATA, 0, header, 20, header, 20, packet), ERR_AGAIN);
  CU_ASSERT_EQUAL(ops->open(client, LEVEL_DATA, 0, 0, header, 20, packet, 36, opened), ERR_AGAIN);
  CU_ASSERT_EQUAL(ops->protect(client, PROTECT_AEAD), 0);
  CU_ASSERT_EQUAL(ops->send_level(client), LEVEL_DATA);
  CU_ASSERT_EQUAL(ops->seal(client, LEVEL_DATA, 0, header, 20, header, 20, packet), 0);
  ends_free(&ends);
}

/* After a RETRY both ends take their first keys from another id. */
static void another_initial_id_makes_other_keys(void) {
  static const uint8_t header[20] = {0xc0}, retry_id[8] = {9};
  uint8_t packet[20 + 16], opened[20];
  struct ends ends;
  ends_init(&ends, &ends_shared);
  ends_start(&ends);
  const struct crypto_ops *ops = ends.client.crypto.ops;
  void *client = ends.client.crypto.state, *server = ends.server.crypto.state;
  CU_ASSERT_EQUAL(ops->set_initial_id(client, retry_id, sizeof retry_id), 0);
  CU_ASSERT_EQUAL(ops->seal(client, LEVEL_INITIAL, 0, header, 20, header, 20, packet), 0);
  CU_ASSERT_EQUAL(ops->open(server, LEVEL_INITIAL, 0, 0, header, 20, packet, 36, opened), ERR_UNAUTHENTIC);
  CU_ASSERT_EQUAL(ops->set_initial_id(server, retry_id, sizeof retry_id), 0);
  CU_ASSERT_EQUAL(ops->open(server, LEVEL_INITIAL, 0, 0, header, 20, packet, 36, opened), 0);
  CU_ASSERT_EQUAL(ends_talk(&ends, 1000), 0);
  ends_free(&ends);
}

/* Every suite, both ways, through a key update of either end. */
static void data_flows_through_key_updates(void) {
  static const enum protection_suite suites[] = {PROTECT_CHECKSUM, PROTECT_MAC, PROTECT_AEAD};
  static const uint8_t header[13] = {0x40}, payload[100] = {1, 2, 3};
  for (size_t i = 0; i < 3; i++) {
    uint8_t packet[116], opened[100];
    struct ends ends;
    ends_init(&ends, i == 1 ? NULL : &ends_shared);
    ends_start(&ends);
    CU_ASSERT_EQUAL(ends_talk(&ends, 1000), 0);
    const struct crypto_ops *ops = ends.client.crypto.ops;
    void *both[] = {ends.client.crypto.state, ends.server.crypto.state};
    CU_ASSERT_EQUAL(ops->protect(both[0], suites[i]), 0);
    CU_ASSERT_EQUAL(ops->protect(both[1], suites[i]), 0);
    size_t size = 100 + ops->tag_size(both[0], LEVEL_DATA);
    CU_ASSERT_EQUAL(size, suites[i] == PROTECT_CHECKSUM ? 108 : 116);
    for (unsigned turn = 0; turn < 8; turn++) {
      void *from = both[turn % 2], *to = both[1 - turn % 2];
      unsigned phase = turn / 2, bit = phase & 1;
      CU_ASSERT_EQUAL(ops->send_phase(from), phase);
      CU_ASSERT_EQUAL(ops->seal(from, LEVEL_DATA, turn, header, 13, payload, 100, packet), 0);
      CU_ASSERT_EQUAL(ops->open(from, LEVEL_DATA, bit, turn, header, 13, packet, size, opened),
                      ERR_UNAUTHENTIC);
      CU_ASSERT_EQUAL(ops->open(to, LEVEL_DATA, bit, turn, header, 13, packet, size, opened), 0);
      CU_ASSERT_EQUAL(memcmp(opened, payload, 100), 0);
      CU_ASSERT_EQUAL(ops->recv_phase(to), phase);
      ops->forget_keys(to);
      ops->renew_keys(from);
    }
    ends_free(&ends);
  }
}

static void freeing_nothing_is_fine(void) {
  struct end end;
  end_init(&end, ROLE_CLIENT, &ends_shared);
  struct crypto crypto = crypto_tls_new(ROLE_CLIENT, &end.config);
  CU_ASSERT_PTR_NOT_NULL_FATAL(crypto.ops);
  crypto.ops->free(NULL);
  crypto.ops->free(crypto.state);
}

UNIT_MAIN(UNIT_CASE(with_a_shared_key), UNIT_CASE(with_public_keys), UNIT_CASE(the_judge_is_asked_once),
          UNIT_CASE(a_judge_that_refuses), UNIT_CASE(a_server_believes_those_it_knows),
          UNIT_CASE(shared_keys_that_do_not_fit), UNIT_CASE(parameters_have_a_longest_size),
          UNIT_CASE(levels_come_one_after_the_other), UNIT_CASE(another_initial_id_makes_other_keys),
          UNIT_CASE(data_flows_through_key_updates), UNIT_CASE(freeing_nothing_is_fine))
