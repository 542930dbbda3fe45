/* listener: what guards it before a client is known: proofs, the share of a host, a secret that turns over.
 */
#include "unit.h"

#include "listener_scene.h"

/* ---- proofs ---- */

static void who_proves_nothing_hears_nothing(void) {
  static const bool foreign[] = {false, true};
  for (int i = 0; i < 2; i++) {
    asks_proof = true;
    begin(i == 0 ? 4 : 0);
    asks_proof = false;
    struct conn *client = new_client(1);
    uint8_t bytes[DATAGRAM_BYTES_IPV4];
    size_t size = speak(client, bytes);
    bytes[4] ^= foreign[i];
    proves = false;
    CU_ASSERT_PTR_NULL(hand(bytes, size, &here));
    CU_ASSERT_EQUAL(reply_size, 0); /* neither RETRY nor VERSIONS */
    struct listener_stats stats;
    listener_get_stats(listener, &stats);
    CU_ASSERT_EQUAL(stats.unproven, 1);
    proves = true;
    bytes[4] ^= foreign[i];
    bool is_taken = hand(bytes, size, &here) != NULL;
    CU_ASSERT(is_taken || reply_size > 0);
    conn_free(client);
    end();
  }
}

/* ---- a hello sent back to the machine it came from ---- */

static void a_reflected_hello_is_refused(void) {
  static const uint8_t ours[KEY_BYTES] = {1, 2, 3}, theirs[KEY_BYTES] = {1, 2, 4};
  static const struct {
    const uint8_t *client, *server;
    bool is_refused;
  } rows[] = {{ours, theirs, false}, {NULL, ours, false}, {ours, NULL, false}, {ours, ours, true}};
  for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
    client_machine = rows[i].client, server_machine = rows[i].server;
    begin(4);
    struct conn *client = new_client(1), *server = send_one(client, &here);
    CU_ASSERT_EQUAL(server == NULL, rows[i].is_refused); /* nothing is kept of what fails at once */
    if (server)
      talk(client, server, &here);
    else
      hear(client, &server_address, reply, reply_size);
    CU_ASSERT_EQUAL(listener_count(listener), !rows[i].is_refused);
    struct conn_event event = {0};
    CU_ASSERT_TRUE(conn_next_event(client, &event));
    CU_ASSERT_EQUAL(event.type, rows[i].is_refused ? CONN_EVENT_CLOSED : CONN_EVENT_ESTABLISHED);
    CU_ASSERT(!rows[i].is_refused || event.closed.code == CLOSE_REFUSED);
    conn_free(client);
    end();
  }
  client_machine = server_machine = NULL;
}

/* It says nothing that links two connections of one machine. */
static void the_origin_differs_from_one_connection_to_the_next(void) {
  static const uint8_t ours[KEY_BYTES] = {1, 2, 3};
  uint64_t origins[2];
  client_machine = ours;
  begin(4);
  for (uint8_t i = 0; i < 2; i++) {
    struct conn *client = new_client(i), *server = send_one(client, &here);
    CU_ASSERT_PTR_NOT_NULL_FATAL(server);
    origins[i] = server->peer_params.origin;
    CU_ASSERT(origins[i] > 0);
    conn_free(client);
  }
  CU_ASSERT_NOT_EQUAL(origins[0], origins[1]);
  client_machine = NULL;
  end();
}

/* ---- one host's share ---- */

static void a_host_may_hold_half_of_the_places(void) {
  begin(0); /* everybody comes with a token */
  one_host_only = true;
  unsigned taken = 0;
  for (uint8_t i = 0; i < CONNS_MAX; i++) {
    struct conn *client = new_client(i);
    CU_ASSERT_PTR_NULL(send_one(client, &here));
    hear(client, &server_address, reply, reply_size);
    taken += send_one(client, &here) != NULL;
    CU_ASSERT_EQUAL(reply_size, 0);
    conn_free(client);
  }
  CU_ASSERT_EQUAL(taken, CONNS_MAX / 2);
  one_host_only = false;
  end();
}

/* ---- tokens ---- */

/* The token is made three seconds before the secret turns and used two seconds after. */
static void the_secret_of_tokens_turns_over(void) {
  begin(0);
  struct conn *client = new_client(1), *late = new_client(2);
  now_ns += 3 * NS_PER_S;
  CU_ASSERT_PTR_NULL(send_one(client, &here));
  hear(client, &server_address, reply, reply_size);
  now_ns += 4 * NS_PER_S;
  CU_ASSERT_PTR_NULL(send_one(late, &there)); /* made with another secret: */
  CU_ASSERT(reply_size > 0);
  hear(late, &server_address, reply, reply_size);
  CU_ASSERT_PTR_NOT_NULL(send_one(client, &here));
  CU_ASSERT_PTR_NOT_NULL(send_one(late, &there));
  conn_free(client);
  conn_free(late);
  end();
}

UNIT_MAIN(UNIT_CASE(who_proves_nothing_hears_nothing), UNIT_CASE(a_reflected_hello_is_refused),
          UNIT_CASE(the_origin_differs_from_one_connection_to_the_next),
          UNIT_CASE(a_host_may_hold_half_of_the_places), UNIT_CASE(the_secret_of_tokens_turns_over))
