/* listener: who gets a connection, who a short answer, who silence (proto/transport.md sections 2 and 3). */
#include "unit.h"

#include "listener_scene.h"

static void a_first_packet_is_accepted_once(void) {
  begin(4);
  struct conn *client = new_client(1);
  uint8_t first[DATAGRAM_BYTES_IPV4];
  size_t size = speak(client, first);
  CU_ASSERT_EQUAL(size, DATAGRAM_BYTES_MIN);
  struct conn *server = hand(first, size, &here);
  CU_ASSERT_PTR_NOT_NULL_FATAL(server);
  CU_ASSERT_TRUE(is_new);
  CU_ASSERT_EQUAL(reply_size, 0);
  CU_ASSERT_PTR_EQUAL(hand(first, size, &here), server); /* the same again: found by the client's own id */
  CU_ASSERT_FALSE(is_new);
  now_ns += NS_PER_S;
  conn_on_timeout(client, now_ns); /* or a retransmission with a number of its own */
  CU_ASSERT_PTR_EQUAL(send_one(client, &here), server);
  CU_ASSERT_EQUAL(listener_count(listener), 1);
  talk(client, server, &here);
  struct conn_event event;
  CU_ASSERT_TRUE(next_event_is(client, CONN_EVENT_ESTABLISHED, &event));
  CU_ASSERT_TRUE(next_event_is(server, CONN_EVENT_ESTABLISHED, &event));
  CU_ASSERT_PTR_EQUAL(hand(first, size, &here), server); /* a late copy makes no second connection */
  CU_ASSERT_EQUAL(listener_count(listener), 1);
  CU_ASSERT_PTR_NOT_EQUAL(hand(first, size, &there), server); /* from elsewhere it is someone else */
  CU_ASSERT_TRUE(is_new);
  struct listener_stats stats;
  listener_get_stats(listener, &stats);
  CU_ASSERT_EQUAL(stats.accepted, 2);
  conn_free(client);
  end();
}

/* Written down: what is in the datagram, whether admitted, and what becomes of it. */
static void what_is_no_first_packet_meets_silence(void) {
  enum damage { NOTHING, CUT, FLIPPED, SHORT_HEADER, REFUSED_ADDRESS, FOREIGN_SHORT, NOISE };
  static const enum damage table[] = {CUT, FLIPPED, SHORT_HEADER, REFUSED_ADDRESS, FOREIGN_SHORT, NOISE};
  for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
    begin(4);
    struct conn *client = new_client(1);
    uint8_t bytes[DATAGRAM_BYTES_IPV4];
    size_t size = speak(client, bytes);
    if (table[i] == FLIPPED) bytes[600] ^= 1;
    if (table[i] == SHORT_HEADER) bytes[0] = 0x40;
    if (table[i] == REFUSED_ADDRESS) admitted = false;
    if (table[i] == NOISE) memset(bytes, 0, size);
    if (table[i] == FOREIGN_SHORT) bytes[4] ^= 1, size = DATAGRAM_BYTES_MIN - 1;
    if (table[i] == CUT) { /* whole and sealed, but of 1199 bytes */
      struct packet packet = {
          .type = PACKET_INITIAL, .version = WIRE_VERSION, .destination = {{1}}, .source = {{2}}};
      uint8_t payload[DATAGRAM_BYTES_MIN] = {FRAME_PING};
      size_t header_size = packet_header_size(&packet);
      packet.payload_size = DATAGRAM_BYTES_MIN - 1 - header_size - PACKET_PROOF_BYTES;
      struct writer writer;
      writer_init(&writer, bytes, header_size);
      packet_write(&packet, &writer);
      client->crypto.ops->seal(client->crypto.state, LEVEL_INITIAL, 0, bytes, header_size, payload,
                               packet.payload_size - 8, bytes + header_size);
      size = DATAGRAM_BYTES_MIN - 1;
    }
    CU_ASSERT_PTR_NULL(hand(bytes, size, &here));
    CU_ASSERT_EQUAL(reply_size, 0);
    CU_ASSERT_FALSE(is_new);
    CU_ASSERT_EQUAL(listener_count(listener), 0);
    struct listener_stats stats;
    listener_get_stats(listener, &stats);
    CU_ASSERT_EQUAL(stats.refused, table[i] == REFUSED_ADDRESS);
    CU_ASSERT_EQUAL(stats.datagrams_malformed, table[i] == FLIPPED || table[i] == NOISE);
    CU_ASSERT_EQUAL(stats.datagrams_unknown,
                    table[i] == CUT || table[i] == SHORT_HEADER || table[i] == FOREIGN_SHORT);
    conn_free(client);
    end();
  }
}

/* ---- other versions ---- */

static void another_version_is_answered(void) {
  begin(4);
  struct conn *client = new_client(1);
  uint8_t first[DATAGRAM_BYTES_IPV4];
  size_t size = speak(client, first);
  first[4] ^= 1;
  CU_ASSERT_PTR_NULL(hand(first, size, &here));
  struct packet packet;
  CU_ASSERT_EQUAL(packet_read(&packet, reply, reply_size), 0);
  CU_ASSERT_EQUAL(packet.type, PACKET_VERSIONS);
  CU_ASSERT_TRUE(cid_equal(&packet.destination, &client->local_cid));
  CU_ASSERT_TRUE(cid_equal(&packet.source, &client->original_cid));
  CU_ASSERT(reply_size <= size);
  uint8_t answer[DATAGRAM_BYTES_MIN] = {0};
  memcpy(answer, reply, reply_size);
  CU_ASSERT_PTR_NULL(hand(answer, sizeof(answer), &here)); /* an answer is never answered */
  CU_ASSERT_EQUAL(reply_size, 0);
  CU_ASSERT_EQUAL(listener_count(listener), 0);
  conn_free(client);
  end();
}

static size_t write_versions(struct conn *client, const struct cid *source, uint32_t version,
                             uint8_t *bytes) {
  struct packet packet = {.type = PACKET_VERSIONS, .destination = client->local_cid, .source = *source};
  struct writer writer;
  writer_init(&writer, bytes, 64);
  packet_write(&packet, &writer);
  write_u32(&writer, 0x12345678);
  write_u32(&writer, version);
  return writer_used(&writer);
}

static void a_client_believes_other_versions_only_at_first(void) {
  enum moment { AT_FIRST, AFTER_RETRY, AFTER_ANSWER };
  static const struct cid stranger = {{0xee}};
  static const struct {
    enum moment moment;
    uint32_t version;
    bool by_stranger, believed;
  } table[] = {{AT_FIRST, 7, false, true},
               {AT_FIRST, WIRE_VERSION, false, false},
               {AT_FIRST, 7, true, false},
               {AFTER_RETRY, 7, false, false},
               {AFTER_ANSWER, 7, false, false}};
  for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
    begin(table[i].moment == AFTER_RETRY ? 0 : 4);
    struct conn *client = new_client(1);
    uint8_t bytes[DATAGRAM_BYTES_IPV4];
    if (table[i].moment != AT_FIRST) {
      struct conn *server = send_one(client, &here);
      size_t size = table[i].moment == AFTER_RETRY ? reply_size : speak(server, bytes);
      hear(client, &server_address, table[i].moment == AFTER_RETRY ? reply : bytes, size);
    }
    size_t size = write_versions(client, table[i].by_stranger ? &stranger : &client->original_cid,
                                 table[i].version, bytes);
    hear(client, &server_address, bytes, size);
    CU_ASSERT(client->state <= CONN_ESTABLISHED); /* nothing vouches for it: a real answer may still come */
    now_ns += VERSIONS_WAIT_NS;
    conn_on_timeout(client, now_ns);
    struct conn_event event = {0};
    while (conn_next_event(client, &event) && event.type != CONN_EVENT_CLOSED)
      ;
    bool believed = client->state == CONN_DRAINING && event.closed.code == CLOSE_VERSION;
    CU_ASSERT_EQUAL(believed, table[i].believed);
    conn_free(client);
    end();
  }
}

static void an_answer_outdoes_a_forged_version(void) {
  begin(4);
  struct conn *client = new_client(1), *server = send_one(client, &here);
  CU_ASSERT_PTR_NOT_NULL_FATAL(server);
  uint8_t bytes[DATAGRAM_BYTES_IPV4];
  hear(client, &server_address, bytes, write_versions(client, &client->original_cid, 7, bytes));
  talk(client, server, &here);
  now_ns += 2 * VERSIONS_WAIT_NS;
  conn_on_timeout(client, now_ns);
  CU_ASSERT_EQUAL(client->state, CONN_ESTABLISHED);
  conn_free(client);
  end();
}

/* ---- tokens ---- */

static void beyond_the_half_open_a_token_is_demanded(void) {
  begin(1);
  struct conn *first = new_client(1), *second = new_client(2);
  CU_ASSERT_PTR_NOT_NULL(send_one(first, &there));
  CU_ASSERT_PTR_NULL(send_one(second, &here));
  struct packet packet;
  CU_ASSERT_EQUAL(packet_read(&packet, reply, reply_size), 0);
  CU_ASSERT_EQUAL(packet.type, PACKET_RETRY);
  CU_ASSERT_EQUAL(listener_count(listener), 1);
  uint8_t retry[DATAGRAM_BYTES_MIN];
  size_t size = reply_size;
  memcpy(retry, reply, size);
  retry[size - 1] ^= 1; /* not bound to the question: ignored */
  hear(second, &server_address, retry, size);
  CU_ASSERT_EQUAL(second->token_size, 0);
  retry[size - 1] ^= 1;
  hear(second, &server_address, retry, size);
  CU_ASSERT_EQUAL(second->token_size, packet.token_size);
  struct cid followed = second->peer_cid;
  struct conn *server = send_one(second, &here);
  CU_ASSERT_PTR_NOT_NULL_FATAL(server);
  CU_ASSERT_TRUE(is_new);
  CU_ASSERT_TRUE(server->path.validated);
  hear(second, &server_address, retry, size); /* once only */
  CU_ASSERT_TRUE(cid_equal(&second->peer_cid, &followed));
  CU_ASSERT_EQUAL(speak(second, retry), 0);
  talk(second, server, &here);
  struct conn_event event;
  CU_ASSERT_TRUE(next_event_is(second, CONN_EVENT_ESTABLISHED, &event));
  CU_ASSERT_TRUE(next_event_is(server, CONN_EVENT_ESTABLISHED, &event));
  conn_free(first);
  conn_free(second);
  end();
}

static void a_bad_token_opens_nothing(void) {
  enum badness { ELSEWHERE, EXPIRED, FLIPPED };
  for (enum badness bad = ELSEWHERE; bad <= FLIPPED; bad++) {
    begin(0);
    struct conn *client = new_client(1);
    CU_ASSERT_PTR_NULL(send_one(client, &here));
    hear(client, &server_address, reply, reply_size);
    if (bad == EXPIRED) now_ns += 5 * NS_PER_S + 1;
    if (bad == FLIPPED) client->token[9] ^= 1;
    CU_ASSERT_PTR_NULL(send_one(client, bad == ELSEWHERE ? &there : &here));
    struct packet packet = {0}; /* it may ask again, that costs no memory */
    CU_ASSERT(reply_size == 0 ||
              (packet_read(&packet, reply, reply_size) == 0 && packet.type == PACKET_RETRY));
    CU_ASSERT_EQUAL(listener_count(listener), 0);
    conn_free(client);
    end();
  }
}

/* ---- limits ---- */

static void who_is_one_too_many_hears_busy(void) {
  begin(CONNS_MAX);
  struct conn *clients[CONNS_MAX + 1];
  for (uint8_t i = 0; i <= CONNS_MAX; i++) {
    clients[i] = new_client(i);
    struct conn *server = send_one(clients[i], &here);
    CU_ASSERT_EQUAL(server != NULL, i < CONNS_MAX);
    if (i < CONNS_MAX) talk(clients[i], server, &here);
  }
  struct conn *last = clients[CONNS_MAX];
  CU_ASSERT(reply_size > 0 && reply_size <= DATAGRAM_BYTES_MIN);
  hear(last, &server_address, reply, reply_size);
  struct conn_event event;
  CU_ASSERT_TRUE(next_event_is(last, CONN_EVENT_CLOSED, &event));
  CU_ASSERT_EQUAL(event.closed.by, CLOSED_BY_PEER);
  CU_ASSERT_EQUAL(event.closed.code, CLOSE_BUSY);
  CU_ASSERT_EQUAL(listener_count(listener), CONNS_MAX);
  for (int i = 0; i <= CONNS_MAX; i++)
    conn_free(clients[i]);
  end();
}

/* Nobody who was not heard from again may hold the memory of those who were. */
static void the_half_open_hold_little_of_the_pool(void) {
  begin(CONNS_MAX);
  for (uint8_t i = 0; i < CONNS_MAX; i++) {
    struct conn *client = new_client(i);
    CU_ASSERT_PTR_NOT_NULL(send_one(client, &here));
    conn_free(client);
  }
  CU_ASSERT(pool_bytes_promised(pool) <= pool_bytes_max(pool) / 2);
  end();
}

static void an_unheard_client_gets_three_times_its_bytes_at_most(void) {
  begin(4);
  struct conn *client = new_client(1);
  struct conn *server = send_one(client, &here);
  CU_ASSERT_PTR_NOT_NULL_FATAL(server);
  size_t sent = 0, size;
  uint8_t bytes[DATAGRAM_BYTES_IPV4];
  for (int i = 0; i < 3000; i++, now_ns += NS_PER_MS) {
    while ((size = speak(server, bytes)) > 0)
      sent += size;
    if (conn_next_timeout(server) <= now_ns) conn_on_timeout(server, now_ns);
    conn_check(server);
  }
  CU_ASSERT(sent > DATAGRAM_BYTES_MIN && sent <= 3 * DATAGRAM_BYTES_MIN);
  conn_free(client);
  end();
}

/* ---- the table ---- */

/* Five connections, their places in the table chosen to collide, wrap around and interleave; removed in every
 * order: the others are found as long as they are there. */
enum { CROWD = 5 };

static void remove_in_order(const uint8_t *places, const int *order) {
  begin(CONNS_MAX);
  struct conn *servers[CROWD];
  for (uint8_t i = 0; i < CROWD; i++) {
    random_first[next_random % 64] = places[i]; /* the id is drawn first, then the seed */
    struct conn *client = new_client(i);
    servers[i] = send_one(client, &here);
    CU_ASSERT_PTR_NOT_NULL_FATAL(servers[i]);
    conn_free(client);
  }
  bool gone[CROWD] = {false};
  for (int step = 0; step < CROWD; step++) {
    listener_remove(listener, servers[order[step]]);
    gone[order[step]] = true;
    CU_ASSERT_EQUAL(listener_count(listener), (uint32_t)(CROWD - step - 1));
    for (int i = 0; i < CROWD; i++) {
      if (gone[i]) continue;
      uint8_t bytes[40] = {0x40};
      memcpy(bytes + 1, servers[i]->local_cid.bytes, CID_BYTES);
      CU_ASSERT_PTR_EQUAL(hand(bytes, sizeof(bytes), &here), servers[i]);
    }
  }
  end();
}

static void permute(const uint8_t *places, int *order, int fixed) {
  if (fixed == CROWD) remove_in_order(places, order);
  for (int i = fixed; i < CROWD; i++) {
    int swapped = order[fixed];
    order[fixed] = order[i], order[i] = swapped;
    permute(places, order, fixed + 1);
    swapped = order[fixed];
    order[fixed] = order[i], order[i] = swapped;
  }
}

static void removal_leaves_the_others_to_be_found(void) {
  static const uint8_t places[][CROWD] = {
      {3, 3, 3, 3, 3}, {14, 14, 15, 15, 0}, {15, 15, 15, 1, 0}, {2, 2, 3, 2, 4}};
  for (size_t i = 0; i < sizeof(places) / sizeof(places[0]); i++)
    permute(places[i], (int[CROWD]){0, 1, 2, 3, 4}, 0);
}

UNIT_MAIN(UNIT_CASE(a_first_packet_is_accepted_once), UNIT_CASE(what_is_no_first_packet_meets_silence),
          UNIT_CASE(another_version_is_answered), UNIT_CASE(a_client_believes_other_versions_only_at_first),
          UNIT_CASE(an_answer_outdoes_a_forged_version), UNIT_CASE(beyond_the_half_open_a_token_is_demanded),
          UNIT_CASE(a_bad_token_opens_nothing), UNIT_CASE(who_is_one_too_many_hears_busy),
          UNIT_CASE(the_half_open_hold_little_of_the_pool),
          UNIT_CASE(an_unheard_client_gets_three_times_its_bytes_at_most),
          UNIT_CASE(removal_leaves_the_others_to_be_found))
