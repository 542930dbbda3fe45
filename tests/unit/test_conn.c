/* conn: two connections wired back to back in simulated time. The simulator does this at length; here are the
 * single facts a reader looks for. */
#include "unit.h"

#include "transport/conn.h"

#include <stdlib.h>
#include <string.h>

enum { QUEUE_MAX = 512 };
#define DELAY_NS (5 * NS_PER_MS)

struct datagram {
  uint64_t at_ns;
  size_t size;
  uint8_t bytes[DATAGRAM_BYTES_IPV4];
};

struct pipe {
  struct datagram queue[QUEUE_MAX];
  unsigned head, tail, sent, lose_every;
};

struct world {
  uint64_t now_ns;
  struct conn *client, *server;
  struct pipe to_server, to_client;
  struct pool *pool;
  unsigned blocks_acked, blocks_received, established, closed_client, closed_server;
  struct conn_event last_closed_client, last_closed_server;
  size_t control_received;
};

static const struct address client_address = {.size = 4, .bytes = {1}},
                            server_address = {.size = 4, .bytes = {2}};

static struct conn *new_end(struct world *world, enum crypto_role role) {
  struct conn_config config = {.role = role,
                               .crypto = crypto_plain_new(role),
                               .pool = world->pool,
                               .local_cid = {{role == ROLE_CLIENT ? 0xc : 0x5, 1}},
                               .peer_cid = {{role == ROLE_CLIENT ? 0x0 : 0xc, 1}},
                               .original_cid = {{0x0, 1}},
                               .initial_cid = {{0x0, 1}},
                               .peer = role == ROLE_CLIENT ? server_address : client_address,
                               .window_bytes = 4 << 20,
                               .datagram_bytes_max = DATAGRAM_BYTES_IPV4,
                               .idle_timeout_ns = 5 * NS_PER_S,
                               .handshake_timeout_ns = 3 * NS_PER_S,
                               .seed = 7};
  return conn_new(&config, world->now_ns);
}

static void world_init(struct world *world) {
  memset(world, 0, sizeof(*world));
  world->now_ns = NS_PER_S;
  world->pool = pool_new(16 << 20);
  world->client = new_end(world, ROLE_CLIENT);
  world->server = new_end(world, ROLE_SERVER);
}

static void world_free(struct world *world) {
  conn_free(world->client);
  conn_free(world->server);
  CU_ASSERT_EQUAL(pool_bytes_promised(world->pool), 0);
  pool_free(world->pool);
}

static void drain(struct world *world, struct conn *conn, struct pipe *out) {
  struct address to;
  uint8_t bytes[DATAGRAM_BYTES_IPV4];
  size_t size;
  while (out->tail - out->head < QUEUE_MAX &&
         (size = conn_next_datagram(conn, world->now_ns, bytes, sizeof(bytes), &to)) > 0) {
    if (out->lose_every > 0 && ++out->sent % out->lose_every == 0) continue;
    struct datagram *datagram = &out->queue[out->tail++ % QUEUE_MAX];
    datagram->at_ns = world->now_ns + DELAY_NS;
    datagram->size = size;
    memcpy(datagram->bytes, bytes, size);
  }
}

static void take_events(struct world *world, struct conn *conn) {
  struct conn_event event;
  while (conn_next_event(conn, &event)) {
    uint8_t bytes[1000];
    size_t size;
    if (event.type == CONN_EVENT_ESTABLISHED) world->established++;
    if (event.type == CONN_EVENT_BLOCK_ACKED) world->blocks_acked++;
    if (event.type == CONN_EVENT_CONTROL)
      while ((size = conn_read(conn, bytes, sizeof(bytes))) > 0)
        world->control_received += size;
    if (event.type == CONN_EVENT_BLOCK_RECEIVED) {
      world->blocks_received++;
      for (size_t i = 0; i < event.block.size; i++)
        if (event.block.bytes[i] != (uint8_t)(i * 7 + event.block.size)) CU_FAIL_FATAL("a byte differs");
      conn_release_block(conn, event.block.bytes, event.block.size_class);
    }
    if (event.type != CONN_EVENT_CLOSED) continue;
    *(conn == world->client ? &world->closed_client : &world->closed_server) += 1;
    *(conn == world->client ? &world->last_closed_client : &world->last_closed_server) = event;
  }
}

static void deliver(struct world *world, struct pipe *pipe, struct conn *conn, const struct address *from) {
  while (pipe->head != pipe->tail && pipe->queue[pipe->head % QUEUE_MAX].at_ns <= world->now_ns) {
    struct datagram *datagram = &pipe->queue[pipe->head++ % QUEUE_MAX];
    conn_on_datagram(conn, world->now_ns, from, datagram->bytes, datagram->size);
  }
}

static uint64_t earlier(uint64_t a, uint64_t b) { return a < b ? a : b; }

static uint64_t arrival(const struct pipe *pipe) {
  return pipe->head == pipe->tail ? TIME_NEVER : pipe->queue[pipe->head % QUEUE_MAX].at_ns;
}

/* Runs until nothing is left to happen or `limit_ns` of simulated time have passed. */
static void run(struct world *world, uint64_t limit_ns) {
  uint64_t end_ns = world->now_ns + limit_ns;
  while (world->now_ns < end_ns) {
    deliver(world, &world->to_server, world->server, &client_address);
    deliver(world, &world->to_client, world->client, &server_address);
    if (world->now_ns >= conn_next_timeout(world->client)) conn_on_timeout(world->client, world->now_ns);
    if (world->now_ns >= conn_next_timeout(world->server)) conn_on_timeout(world->server, world->now_ns);
    take_events(world, world->client);
    take_events(world, world->server);
    drain(world, world->client, &world->to_server);
    drain(world, world->server, &world->to_client);
    conn_check(world->client);
    conn_check(world->server);
    uint64_t next_ns = earlier(arrival(&world->to_server), arrival(&world->to_client));
    next_ns = earlier(next_ns, earlier(conn_next_timeout(world->client), conn_next_timeout(world->server)));
    if (next_ns == TIME_NEVER) return;
    world->now_ns = next_ns > world->now_ns ? next_ns : world->now_ns + 1;
  }
}

static uint8_t *new_block(size_t size) {
  uint8_t *bytes = malloc(size);
  for (size_t i = 0; i < size; i++)
    bytes[i] = (uint8_t)(i * 7 + size);
  return bytes;
}

static void establishes_in_one_round_trip(void) {
  struct world world;
  world_init(&world);
  run(&world, 2 * DELAY_NS + 1);
  CU_ASSERT_EQUAL(world.established, 1); /* the client; the server waits to hear from it again */
  conn_write(world.client, "x", 1);
  run(&world, 2 * DELAY_NS);
  CU_ASSERT_EQUAL(world.established, 2);
  CU_ASSERT_EQUAL(world.control_received, 1);
  world_free(&world);
}

static void send_blocks(struct world *world, unsigned lose_every) {
  static const size_t sizes[] = {1, 100, 1400, 1500, 20000, 262144, BLOCK_BYTES_MAX, 3, 5, 70000};
  enum { COUNT = sizeof(sizes) / sizeof(sizes[0]) };
  uint8_t *blocks[COUNT];
  world_init(world);
  run(world, 3 * DELAY_NS);
  world->to_server.lose_every = world->to_client.lose_every = lose_every;
  for (int i = 0; i < COUNT; i++) {
    blocks[i] = new_block(sizes[i]);
    CU_ASSERT_EQUAL(conn_send_block(world->client, blocks[i], sizes[i], blocks[i]), 0);
  }
  run(world, 20 * NS_PER_S);
  CU_ASSERT_EQUAL(world->blocks_received, COUNT);
  CU_ASSERT_EQUAL(world->blocks_acked, COUNT);
  for (int i = 0; i < COUNT; i++)
    free(blocks[i]);
}

static void blocks_arrive_whole_and_once(void) {
  struct world world;
  send_blocks(&world, 0);
  struct conn_stats stats;
  conn_get_stats(world.client, &stats);
  CU_ASSERT_EQUAL(stats.block_bytes_resent, 0);
  CU_ASSERT_EQUAL(stats.packets_lost, 0);
  world_free(&world);
}

static void blocks_arrive_over_loss(void) {
  struct world world;
  send_blocks(&world, 5);
  struct conn_stats stats;
  conn_get_stats(world.client, &stats);
  CU_ASSERT(stats.block_bytes_resent > 0);
  world_free(&world);
}

static void close_reaches_both_ends(void) {
  struct world world;
  world_init(&world);
  run(&world, 4 * DELAY_NS);
  conn_write(world.client, "x", 1);
  run(&world, 4 * DELAY_NS);
  conn_close(world.client, world.now_ns, CLOSE_INTERRUPTED, "enough");
  run(&world, NS_PER_S);
  CU_ASSERT_EQUAL(world.closed_client, 1);
  CU_ASSERT_EQUAL(world.closed_server, 1);
  CU_ASSERT_EQUAL(world.last_closed_client.closed.by, CLOSED_BY_US);
  CU_ASSERT_EQUAL(world.last_closed_server.closed.by, CLOSED_BY_PEER);
  CU_ASSERT_EQUAL(world.last_closed_server.closed.code, CLOSE_INTERRUPTED);
  CU_ASSERT_STRING_EQUAL(world.last_closed_server.closed.reason, "enough");
  CU_ASSERT(conn_is_closed(world.client) && conn_is_closed(world.server));
  world_free(&world);
}

static void silence_ends_it(void) {
  struct world world;
  world_init(&world);
  run(&world, 4 * DELAY_NS);
  conn_write(world.client, "x", 1);
  run(&world, 4 * DELAY_NS);
  world.to_server.lose_every = world.to_client.lose_every = 1;
  run(&world, 20 * NS_PER_S);
  CU_ASSERT_EQUAL(world.last_closed_client.closed.by, CLOSED_BY_SILENCE);
  CU_ASSERT_EQUAL(world.last_closed_server.closed.by, CLOSED_BY_SILENCE);
  world_free(&world);
}

static void nobody_there(void) {
  struct world world;
  world_init(&world);
  world.to_server.lose_every = 1;
  run(&world, 20 * NS_PER_S);
  CU_ASSERT_EQUAL(world.closed_client, 1);
  CU_ASSERT_EQUAL(world.last_closed_client.closed.by, CLOSED_BY_NO_ANSWER);
  world_free(&world);
}

static void idle_connection_stays_alive(void) {
  struct world world;
  world_init(&world);
  run(&world, 4 * DELAY_NS);
  conn_write(world.client, "x", 1);
  run(&world, 60 * NS_PER_S);
  CU_ASSERT_EQUAL(world.closed_client + world.closed_server, 0);
  world_free(&world);
}

static void acknowledging_the_unsent_is_a_fault(void) {
  struct world world;
  world_init(&world);
  run(&world, 4 * DELAY_NS);
  struct frame_ack ack = {.range_count = 1, .ranges = {{0, 1000000}}};
  conn_on_ack(world.client, world.now_ns, LEVEL_DATA, &ack);
  run(&world, NS_PER_S);
  CU_ASSERT_EQUAL(world.last_closed_client.closed.code, CLOSE_PROTOCOL);
  CU_ASSERT_EQUAL(world.last_closed_server.closed.code, CLOSE_PROTOCOL);
  world_free(&world);
}

UNIT_MAIN(UNIT_CASE(establishes_in_one_round_trip), UNIT_CASE(blocks_arrive_whole_and_once),
          UNIT_CASE(blocks_arrive_over_loss), UNIT_CASE(close_reaches_both_ends), UNIT_CASE(silence_ends_it),
          UNIT_CASE(nobody_there), UNIT_CASE(idle_connection_stays_alive),
          UNIT_CASE(acknowledging_the_unsent_is_a_fault))
