/* conn: what a hostile, a silent or a moving peer does to a connection. Packets of a peer that breaks the
 * rules are built through the wire layer and sealed with the other end's keys. */
#include "unit.h"

#include "conn_world.h"

static void send_blocks(struct end *from, unsigned count, size_t size) {
  for (unsigned i = 0; i < count; i++) {
    uint8_t *bytes = malloc(size);
    for (size_t at = 0; at < size; at++)
      bytes[at] = (uint8_t)(at * 7 + size);
    world.blocks[world.blocks_made++] = bytes;
    CU_ASSERT_EQUAL(conn_send_block(from->conn, bytes, size, bytes), 0);
  }
}

/* ---- packets built by hand ---- */

/* Sealed as if `from` had sent it, under a number of its own; frames to the packet's end. */
static size_t forge(struct end *from, enum packet_type type, const struct frame *frames, unsigned count,
                    size_t pad_to, uint8_t *bytes) {
  struct conn *conn = from->conn;
  enum crypto_level level = type == PACKET_INITIAL     ? LEVEL_INITIAL
                            : type == PACKET_HANDSHAKE ? LEVEL_HANDSHAKE
                                                       : LEVEL_DATA;
  uint8_t payload[DATAGRAM_BYTES_MIN];
  struct writer writer;
  writer_init(&writer, payload, sizeof(payload));
  for (unsigned i = 0; i < count; i++)
    frame_write(&frames[i], &writer);
  struct sent_packets *sent = &conn->spaces[level].sent;
  struct packet packet = {.type = type,
                          .version = WIRE_VERSION,
                          .destination = conn->peer_cid,
                          .source = conn->local_cid,
                          .number = sent->next};
  struct frame padding = {.type = FRAME_PADDING};
  size_t size = packet_header_size(&packet) + writer_used(&writer) + 8 +
                (type == PACKET_INITIAL ? PACKET_PROOF_BYTES : 0);
  if (size < pad_to) padding.padding_size = pad_to - size;
  if (padding.padding_size > 0) frame_write(&padding, &writer);
  sent_packets_add(sent, &(struct sent_packet){.sent_ns = world.now_ns, .slot = BLOCK_SLOT_NONE});
  packet.payload_size = writer_used(&writer) + 8;
  size = packet_header_size(&packet);
  struct writer header;
  writer_init(&header, bytes, size);
  packet_write(&packet, &header);
  conn->crypto.ops->seal(conn->crypto.state, level, packet.number, bytes, size, payload, writer_used(&writer),
                         bytes + size);
  size += packet.payload_size;
  if (type == PACKET_INITIAL) {
    memset(bytes + size, 0, PACKET_PROOF_BYTES);
    size += PACKET_PROOF_BYTES;
  }
  return size;
}

static void inject(struct end *from, enum packet_type type, const struct frame *frames, unsigned count,
                   size_t pad_to) {
  uint8_t bytes[DATAGRAM_BYTES_IPV4];
  size_t size = forge(from, type, frames, count, pad_to, bytes);
  bool is_client = from == &world.client;
  conn_on_datagram(is_client ? world.server.conn : world.client.conn, world.now_ns,
                   is_client ? &world.client_address : &server_address, bytes, size);
}

static struct frame fragment(uint64_t number, uint8_t size_class, uint32_t offset, bool fin, size_t size) {
  static const uint8_t zeros[1056];
  return (struct frame){.type = FRAME_BLOCK,
                        .block = {.header = {number, offset, size_class, fin}, .bytes = zeros, .size = size}};
}

static struct frame stream_piece(enum frame_type type, uint64_t offset) {
  return (struct frame){.type = type, .stream = {.offset = offset, .bytes = (const uint8_t *)"?", .size = 1}};
}

static void rules_broken_once_established(void) {
  const struct frame ping = {.type = FRAME_PING}, ready = {.type = FRAME_READY};
  const struct frame unsent = {.type = FRAME_ACK, .ack = {.range_count = 1, .ranges = {{0, 1000}}}};
  const struct {
    bool by_client;
    unsigned count;
    struct frame frames[2];
    uint64_t code;
  } table[] = {
      {true, 1, {unsent}, CLOSE_PROTOCOL},
      {false, 1, {unsent}, CLOSE_PROTOCOL},
      {true, 1, {ready}, CLOSE_PROTOCOL},
      {true, 0, {ping}, CLOSE_PROTOCOL}, /* a packet without frames */
      {true, 1, {stream_piece(FRAME_CRYPTO, 9000)}, CLOSE_FLOW},
      {true, 1, {stream_piece(FRAME_CRYPTO, 0)}, CLOSE_PARAMETERS}, /* the handshake is over */
      {true, 1, {stream_piece(FRAME_CONTROL, CONTROL_BYTES_MAX + 1)}, CLOSE_FLOW},
      {true, 1, {stream_piece(FRAME_CONTROL, VARINT_MAX - 1)}, CLOSE_FLOW},
      {true, 2, {fragment(0, 1, 0, false, 9), fragment(0, 2, 9, false, 9)}, CLOSE_PROTOCOL},
      {true, 2, {fragment(0, 1, 5, true, 9), fragment(0, 1, 5, true, 8)}, CLOSE_PROTOCOL},
      {true, 2, {fragment(0, 1, 90, false, 9), fragment(0, 1, 0, true, 98)}, CLOSE_PROTOCOL},
      {true, 2, {fragment(0, 1, 10, true, 9), fragment(0, 1, 19, false, 1)}, CLOSE_PROTOCOL},
      {true, 1, {fragment(0, 3, 0, false, 1)}, CLOSE_FLOW}, /* the grant is of class 2 */
      {true, 2, {fragment(0, 2, 0, false, 1), fragment(1, 0, 0, false, 1)}, CLOSE_FLOW},
  };
  for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
    struct conn_config server = config_of(ROLE_SERVER);
    server.window_bytes = pool_class_bytes(2);
    connect_with(NULL, &server);
    struct end *guilty = table[i].by_client ? &world.client : &world.server;
    struct end *victim = table[i].by_client ? &world.server : &world.client;
    inject(guilty, PACKET_FRAMES, table[i].frames, table[i].count, 0);
    run(NS_PER_S);
    CU_ASSERT_EQUAL(victim->closed, 1);
    CU_ASSERT_EQUAL(victim->last_closed.closed.by, CLOSED_BY_US);
    CU_ASSERT_EQUAL(victim->last_closed.closed.code, table[i].code);
    CU_ASSERT_EQUAL(guilty->last_closed.closed.by, CLOSED_BY_PEER);
    CU_ASSERT_EQUAL(guilty->last_closed.closed.code, table[i].code);
    world_free();
  }
}

static void rules_broken_in_the_handshake(void) {
  const struct {
    struct frame frame;
    uint64_t code;
  } table[] = {
      {stream_piece(FRAME_CRYPTO, CRYPTO_BYTES_MAX), CLOSE_FLOW},
      {stream_piece(FRAME_CRYPTO, 0), CLOSE_PARAMETERS}, /* '?' is no handshake message */
      {stream_piece(FRAME_CONTROL, 0), CLOSE_PROTOCOL},
      {fragment(0, 0, 0, true, 1), CLOSE_PROTOCOL},
      {{.type = FRAME_READY}, CLOSE_PROTOCOL},
      {{.type = FRAME_MAX_DATA, .max_data = 1}, CLOSE_PROTOCOL},
      {{.type = FRAME_ACK, .ack = {.range_count = 1, .ranges = {{0, 1}}}}, CLOSE_PROTOCOL},
  };
  for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
    world_init(NULL, NULL);
    inject(&world.client, PACKET_INITIAL, &table[i].frame, 1, DATAGRAM_BYTES_MIN);
    run(NS_PER_S);
    CU_ASSERT_EQUAL(world.server.last_closed.closed.code, table[i].code);
    CU_ASSERT_EQUAL(world.client.last_closed.closed.code, table[i].code);
    CU_ASSERT_EQUAL(world.server.established, 0);
    world_free();
  }
}

/* ---- addresses ---- */

static bool holds_response(const struct pipe *pipe, uint64_t number) {
  for (unsigned i = pipe->head; i != pipe->tail; i++) {
    const struct datagram *datagram = &pipe->queue[i % QUEUE_MAX];
    struct reader reader;
    struct frame frame;
    reader_init(&reader, datagram->bytes + SHORT_HEADER_BYTES, datagram->size - SHORT_HEADER_BYTES - 8);
    while (reader_left(&reader) > 0 && frame_read(&frame, &reader) == 0)
      if (frame.type == FRAME_PATH_RESPONSE && frame.path == number) return true;
  }
  return false;
}

static void a_challenge_is_answered_at_once(void) {
  connect_ends();
  const struct frame challenge = {.type = FRAME_PATH_CHALLENGE, .path = 0x1234567890abcdef};
  inject(&world.server, PACKET_FRAMES, &challenge, 1, 0);
  drain(&world.client, true);
  CU_ASSERT_TRUE(holds_response(&world.client.out, challenge.path));
  const struct frame answer = {.type = FRAME_PATH_RESPONSE, .path = 1}; /* answers nothing: ignored */
  inject(&world.server, PACKET_FRAMES, &answer, 1, 0);
  run(NS_PER_S);
  CU_ASSERT_EQUAL(world.client.closed, 0);
  world_free();
}

static void a_client_that_moves_is_followed(void) {
  connect_ends();
  send_blocks(&world.client, 8, 200000);
  run(2 * DELAY_NS);
  world.client_address = away;
  run(NS_PER_S);
  CU_ASSERT_TRUE(address_equal(&world.server.conn->path.peer, &away));
  CU_ASSERT_TRUE(world.server.conn->path.validated);
  CU_ASSERT_EQUAL(world.server.blocks_received, 8);
  world.client_address = home; /* and back: nothing is kept against it */
  send_blocks(&world.client, 8, 200000);
  run(NS_PER_S);
  CU_ASSERT_TRUE(address_equal(&world.server.conn->path.peer, &home));
  CU_ASSERT_TRUE(world.server.conn->path.validated);
  CU_ASSERT_EQUAL(world.client.blocks_acked, 16);
  CU_ASSERT_EQUAL(world.client.spins + world.server.spins, 0);
  world_free();
}

static void a_copied_packet_draws_the_server_away_only_briefly(void) {
  connect_ends();
  uint8_t bytes[DATAGRAM_BYTES_IPV4];
  const struct frame ping = {.type = FRAME_PING};
  size_t size = forge(&world.client, PACKET_FRAMES, &ping, 1, 600, bytes);
  conn_on_datagram(world.server.conn, world.now_ns, &away, bytes, size);
  CU_ASSERT_TRUE(address_equal(&world.server.conn->path.peer, &away));
  CU_ASSERT_FALSE(world.server.conn->path.validated);
  uint64_t asked_from = world.server.conn->ecn.path_from;
  run(2 * NS_PER_S); /* nobody answers there */
  CU_ASSERT(world.server.conn->ecn.path_from > asked_from);
  CU_ASSERT_TRUE(address_equal(&world.server.conn->path.peer, &home));
  CU_ASSERT_TRUE(world.server.conn->path.validated);
  size = forge(&world.client, PACKET_FRAMES, &ping, 1, 600, bytes);
  conn_on_datagram(world.server.conn, world.now_ns, &away, bytes, size);
  conn_write(world.client.conn, "y", 1); /* a newer one from the old address */
  run(2 * DELAY_NS);
  CU_ASSERT_TRUE(address_equal(&world.server.conn->path.peer, &home));
  run(20 * NS_PER_S);
  CU_ASSERT_EQUAL(world.client.closed + world.server.closed, 0);
  CU_ASSERT_EQUAL(world.server.spins, 0);
  world_free();
}

/* ---- nobody may keep us busy, or waiting ---- */

static void what_cannot_be_acknowledged_makes_nobody_spin(void) {
  const struct frame ping = {.type = FRAME_PING};
  const struct {
    enum packet_type type; /* of packets the server may not, or cannot yet, acknowledge */
    size_t size;
  } table[] = {{PACKET_INITIAL, 60}, {PACKET_HANDSHAKE, 60}, {PACKET_HANDSHAKE, DATAGRAM_BYTES_MIN}};
  for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
    world_init(NULL, NULL);
    world.client.out.dark_until_ns = TIME_NEVER;
    for (int times = 0; times < 3; times++)
      inject(&world.client, table[i].type, &ping, 1, table[i].size);
    run(NS_PER_S);
    CU_ASSERT_EQUAL(world.server.spins, 0);
    run(10 * NS_PER_S);
    CU_ASSERT_EQUAL(world.server.closed, 1);
    world_free();
  }
}

/* A few bytes from a new address: what they allow is too little even for an acknowledgement. */
static void a_tiny_ping_from_a_new_address_makes_nobody_spin(void) {
  connect_ends();
  world.client_address = away;
  const struct frame ping = {.type = FRAME_PING};
  inject(&world.client, PACKET_FRAMES, &ping, 1, 0);
  run(200 * NS_PER_MS);
  CU_ASSERT_EQUAL(world.server.spins, 0);
  conn_write(world.client.conn, "y", 1);
  run(NS_PER_S);
  CU_ASSERT_EQUAL(world.server.control_received, 2);
  CU_ASSERT_TRUE(world.server.conn->path.validated);
  world_free();
}

/* The server has spent what the address allows, the client has nothing in flight: it must speak up itself. */
static void a_handshake_goes_on_when_the_answers_are_lost(void) {
  struct conn_config client = config_of(ROLE_CLIENT), server = config_of(ROLE_SERVER);
  client.handshake_timeout_ns = server.handshake_timeout_ns = 30 * NS_PER_S;
  world_init(&client, &server);
  world.server.out.lose_from = DATAGRAM_BYTES_MIN; /* bare acknowledgements pass, the answer does not */
  run(100 * NS_PER_MS);
  const struct frame ping = {.type = FRAME_PING}; /* the client asks again a little before the server does */
  inject(&world.client, PACKET_INITIAL, &ping, 1, DATAGRAM_BYTES_MIN);
  run(10 * NS_PER_S);
  CU_ASSERT_EQUAL(world.client.established, 0);
  world.server.out.lose_from = 0;
  run(10 * NS_PER_S);
  CU_ASSERT_EQUAL(world.client.established, 1);
  world_free();
}

static void a_client_refused_at_once_is_no_session(void) {
  world_init(NULL, NULL);
  run(DELAY_NS + 1); /* the first packet is there and answered */
  conn_close(world.server.conn, world.now_ns, CLOSE_REFUSED, "not here");
  conn_write(world.client.conn, "x", 1);
  run(NS_PER_S);
  CU_ASSERT_EQUAL(world.server.established, 0);
  CU_ASSERT_EQUAL(world.client.last_closed.closed.code, CLOSE_REFUSED);
  world_free();
}

/* The refusal is said again where a client without an answer can read it. */
static void a_refusal_is_repeated_until_it_is_heard(void) {
  for (unsigned lost = 0; lost <= 4; lost++) {
    world_init(NULL, NULL);
    world.now_ns += DELAY_NS;
    drain(&world.client, true);
    world.now_ns += DELAY_NS;
    deliver(&world.client.out, &world.server);
    world.server.out.lose_first = lost;
    conn_close(world.server.conn, world.now_ns, CLOSE_REFUSED, "not here");
    run(10 * NS_PER_S);
    CU_ASSERT_EQUAL(world.client.closed, 1);
    CU_ASSERT_EQUAL(world.client.last_closed.closed.code, CLOSE_REFUSED);
    world_free();
  }
}

static void no_byte_counts_twice_when_all_is_doubled_and_replayed(void) {
  connect_ends();
  world.client.out.copies = world.server.out.copies = 2;
  send_blocks(&world.client, 6, 50000);
  run(NS_PER_S);
  CU_ASSERT_EQUAL(world.server.blocks_received, 6);
  CU_ASSERT_EQUAL(world.client.blocks_acked, 6);
  unsigned sent = world.client.out.tail < QUEUE_MAX ? world.client.out.tail : QUEUE_MAX;
  for (unsigned i = 0; i < sent; i++) { /* opened in place, so only the checksum suite can be replayed thus */
    struct datagram *datagram = &world.client.out.queue[i];
    conn_on_datagram(world.server.conn, world.now_ns, &away, datagram->bytes, datagram->size);
  }
  struct conn_stats stats;
  conn_get_stats(world.server.conn, &stats);
  CU_ASSERT_EQUAL(stats.block_bytes_received, 6 * 50000);
  CU_ASSERT(stats.packets_duplicate >= sent - 3);
  CU_ASSERT_TRUE(address_equal(&world.server.conn->path.peer, &home));
  CU_ASSERT_EQUAL(world.server.blocks_received, 6);
  world_free();
}

UNIT_MAIN(UNIT_CASE(rules_broken_once_established), UNIT_CASE(rules_broken_in_the_handshake),
          UNIT_CASE(a_challenge_is_answered_at_once), UNIT_CASE(a_client_that_moves_is_followed),
          UNIT_CASE(a_copied_packet_draws_the_server_away_only_briefly),
          UNIT_CASE(what_cannot_be_acknowledged_makes_nobody_spin),
          UNIT_CASE(a_tiny_ping_from_a_new_address_makes_nobody_spin),
          UNIT_CASE(a_handshake_goes_on_when_the_answers_are_lost),
          UNIT_CASE(a_client_refused_at_once_is_no_session),
          UNIT_CASE(a_refusal_is_repeated_until_it_is_heard),
          UNIT_CASE(no_byte_counts_twice_when_all_is_doubled_and_replayed))
