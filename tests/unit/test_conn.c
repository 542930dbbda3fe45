/* conn: two connections wired back to back in simulated time. The simulator does this at length; here are the
 * single facts a reader looks for. */
#include "unit.h"

#include "plain/plain.h"
#include "transport/conn.h"

#include <stdlib.h>

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
  size_t lose_above;      /* sizes that do not pass; 0: all do */
  uint64_t dark_until_ns; /* nothing passes */
  bool hold_next;         /* the next datagram goes to `held` */
  struct datagram held;
};

struct world {
  uint64_t now_ns;
  struct conn *client, *server;
  struct pipe to_server, to_client;
  struct pool *pool;
  unsigned blocks_acked, blocks_received, established, closed_client, closed_server;
  struct conn_event last_closed_client, last_closed_server;
  size_t control_received;
  unsigned spins; /* turns after which a deadline was still in the past */
};

/* What the ends are made with, client first; tests change it before world_init. */
struct setup {
  uint64_t window_bytes, idle_ns[2];
  size_t datagram_bytes_max;
};
static const struct setup usual = {.window_bytes = 4 << 20,
                                   .idle_ns = {5 * NS_PER_S, 5 * NS_PER_S},
                                   .datagram_bytes_max = DATAGRAM_BYTES_IPV4};
static struct setup setup;

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
                               .window_bytes = setup.window_bytes,
                               .protection = PROTECT_CHECKSUM,
                               .congestion = CONGESTION_CUBIC, /* whose window the cases know */
                               .datagram_bytes_max = setup.datagram_bytes_max,
                               .idle_timeout_ns = setup.idle_ns[role == ROLE_SERVER],
                               .handshake_timeout_ns = 3 * NS_PER_S,
                               .seed = 7};
  return conn_new(&config, world->now_ns);
}

static void world_init_as(struct world *world, const struct setup *wanted) {
  memset(world, 0, sizeof(*world));
  setup = *wanted;
  world->now_ns = NS_PER_S;
  world->pool = pool_new(64 << 20);
  world->client = new_end(world, ROLE_CLIENT);
  world->server = new_end(world, ROLE_SERVER);
}

static void world_init(struct world *world) { world_init_as(world, &usual); }

static void world_free(struct world *world) {
  conn_free(world->client);
  conn_free(world->server);
  CU_ASSERT_EQUAL(pool_bytes_promised(world->pool), 0);
  pool_free(world->pool);
}

static void drain(struct world *world, struct conn *conn, struct pipe *out) {
  struct address to;
  static uint8_t bytes[DATAGRAM_BYTES_MAX];
  size_t size;
  while (out->tail - out->head < QUEUE_MAX &&
         (size = conn_next_datagram(conn, world->now_ns, bytes, sizeof(bytes), &to)) > 0) {
    if (out->lose_every > 0 && ++out->sent % out->lose_every == 0) continue;
    if (world->now_ns < out->dark_until_ns || (out->lose_above > 0 && size > out->lose_above)) continue;
    struct datagram *datagram = out->hold_next ? &out->held : &out->queue[out->tail++ % QUEUE_MAX];
    out->hold_next = false;
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
    world->spins += conn_next_timeout(world->client) <= world->now_ns;
    world->spins += conn_next_timeout(world->server) <= world->now_ns;
    uint64_t next_ns = earlier(arrival(&world->to_server), arrival(&world->to_client));
    next_ns = earlier(next_ns, earlier(conn_next_timeout(world->client), conn_next_timeout(world->server)));
    if (next_ns == TIME_NEVER) return;
    if (next_ns > end_ns) next_ns = end_ns;
    world->now_ns = next_ns > world->now_ns ? next_ns : world->now_ns + NS_PER_MS / 10;
  }
}

static uint8_t *new_block(size_t size) {
  uint8_t *bytes = malloc(size);
  for (size_t i = 0; i < size; i++)
    bytes[i] = (uint8_t)(i * 7 + size);
  return bytes;
}

static void establishes_in_one_round_trip(void) {
  static struct world world;
  world_init(&world);
  run(&world, 2 * DELAY_NS + 1);
  CU_ASSERT_EQUAL(world.established, 1); /* the client; the server waits to hear from it again */
  conn_write(world.client, "x", 1);
  run(&world, 2 * DELAY_NS);
  CU_ASSERT_EQUAL(world.established, 2);
  CU_ASSERT_EQUAL(world.control_received, 1);
  struct conn_stats stats;
  conn_get_stats(world.client, &stats);
  CU_ASSERT_EQUAL(stats.probe_timeouts, 0); /* a timer looked at before the first flight left fires nothing */
  world_free(&world);
}

static void send_blocks(struct world *world, unsigned lose_every) {
  static const size_t sizes[] = {1, 100, 1400, 1500, 20000, 262144, BLOCK_BYTES_MAX, 3, 5, 70000};
  enum { COUNT = sizeof(sizes) / sizeof(sizes[0]) };
  uint8_t *blocks[COUNT];
  world_init(world);
  run(world, 10 * DELAY_NS);
  world->to_server.lose_every = world->to_client.lose_every = lose_every;
  for (int i = 0; i < COUNT; i++) {
    blocks[i] = new_block(sizes[i]);
    CU_ASSERT_EQUAL(conn_send_block(world->client, blocks[i], sizes[i], blocks[i]), 0);
  }
  run(world, 20 * NS_PER_S);
  CU_ASSERT(world->blocks_received == COUNT && world->blocks_acked == COUNT);
  for (int i = 0; i < COUNT; i++)
    free(blocks[i]);
}

static void blocks_arrive_whole_and_once(void) {
  static struct world world;
  send_blocks(&world, 0);
  struct conn_stats stats;
  conn_get_stats(world.client, &stats);
  CU_ASSERT_EQUAL(stats.block_bytes_resent, 0);
  CU_ASSERT_EQUAL(stats.packets_lost, 0);
  world_free(&world);
}

static void blocks_arrive_over_loss(void) {
  static struct world world;
  send_blocks(&world, 5);
  struct conn_stats stats;
  conn_get_stats(world.client, &stats);
  CU_ASSERT(stats.block_bytes_resent > 0);
  world_free(&world);
}

static void close_reaches_both_ends(void) {
  static struct world world;
  world_init(&world);
  run(&world, 4 * DELAY_NS);
  conn_write(world.client, "x", 1);
  run(&world, 4 * DELAY_NS);
  conn_close(world.client, world.now_ns, CLOSE_INTERRUPTED, "enough");
  run(&world, NS_PER_S);
  CU_ASSERT(world.closed_client == 1 && world.closed_server == 1);
  CU_ASSERT_EQUAL(world.last_closed_client.closed.by, CLOSED_BY_US);
  CU_ASSERT_EQUAL(world.last_closed_server.closed.by, CLOSED_BY_PEER);
  CU_ASSERT_EQUAL(world.last_closed_server.closed.code, CLOSE_INTERRUPTED);
  CU_ASSERT_STRING_EQUAL(world.last_closed_server.closed.reason, "enough");
  CU_ASSERT(conn_is_closed(world.client) && conn_is_closed(world.server));
  world_free(&world);
}

static void nobody_there(void) {
  static struct world world;
  world_init(&world);
  world.to_server.lose_every = 1;
  run(&world, 20 * NS_PER_S);
  CU_ASSERT_EQUAL(world.closed_client, 1);
  CU_ASSERT_EQUAL(world.last_closed_client.closed.by, CLOSED_BY_NO_ANSWER);
  world_free(&world);
}

static void connect_ends(struct world *world, const struct setup *wanted) {
  world_init_as(world, wanted);
  run(world, 3 * DELAY_NS);
  conn_write(world->client, "x", 1);
  run(world, 20 * DELAY_NS);
  assert(world->established == 2);
}

/* The same bytes over and over: they are only read, and of one size at a time. */
static unsigned send_many(struct conn *conn, size_t size, unsigned count) {
  static uint8_t block[BLOCK_BYTES_MAX];
  for (size_t i = 0; i < size; i++)
    block[i] = (uint8_t)(i * 7 + size);
  unsigned sent = 0;
  while (sent < count && conn_send_block(conn, block, size, NULL) == 0)
    sent++;
  return sent;
}

static void darken(struct world *world, uint64_t for_ns) {
  world->to_server.dark_until_ns = world->to_client.dark_until_ns = world->now_ns + for_ns;
}

static void blackouts_are_survived(void) {
  static struct world world;
  connect_ends(&world, &usual);
  for (unsigned round = 1; round <= 3; round++) {
    CU_ASSERT_EQUAL(send_many(world.client, 60000, 20), 20);
    run(&world, 3 * DELAY_NS);
    darken(&world, 4 * NS_PER_S);
    run(&world, 6 * NS_PER_S);
    CU_ASSERT(world.blocks_received == 20 * round && world.blocks_acked == 20 * round);
  }
  CU_ASSERT_EQUAL(world.spins, 0);
  world_free(&world);
}

static void a_lone_message_gets_through_a_blackout(void) {
  static struct world world;
  connect_ends(&world, &usual);
  darken(&world, 4 * NS_PER_S);
  conn_write(world.client, "y", 1);
  run(&world, 6 * NS_PER_S);
  CU_ASSERT_EQUAL(world.control_received, 2);
  CU_ASSERT_EQUAL(world.closed_client + world.closed_server, 0);
  CU_ASSERT_EQUAL(world.spins, 0);
  world_free(&world);
}

/* The server's whole ring is in flight, and nothing of it arrives for a while. */
static unsigned fill_ring(struct world *world, uint64_t dark_ns) {
  struct setup wide = usual;
  wide.window_bytes = 16 << 20;
  connect_ends(world, &wide);
  world->server->congestion.window = 1 << 30;
  pacer_set_rate(&world->server->pacer, world->now_ns, 0, world->server->mtu.current);
  world->to_client.dark_until_ns = world->now_ns + dark_ns;
  unsigned count = send_many(world->server, 200000, 40);
  run(world, NS_PER_MS);
  CU_ASSERT_FALSE(sent_packets_have_room(&world->server->spaces[LEVEL_DATA].sent));
  return count;
}

/* Probes need room in it, and a timer behind the first of them. */
static void a_full_ring_gets_through_a_blackout(void) {
  static struct world world;
  unsigned count = fill_ring(&world, 4 * NS_PER_S);
  darken(&world, 4 * NS_PER_S);
  conn_write(world.client, "y", 1);
  run(&world, 15 * NS_PER_S);
  CU_ASSERT_EQUAL(world.closed_client + world.closed_server, 0);
  CU_ASSERT_EQUAL(world.blocks_acked, count);
  CU_ASSERT_EQUAL(world.control_received, 2);
  CU_ASSERT_EQUAL(world.spins, 0);
  world_free(&world);
}

/* There is no room for an acknowledgement either: that is no reason to wake up for it. */
static void a_full_ring_that_has_to_acknowledge_does_not_spin(void) {
  static struct world world;
  fill_ring(&world, 2 * NS_PER_S);
  for (int i = 0; i < 20; i++) {
    conn_write(world.client, "y", 1);
    run(&world, 10 * NS_PER_MS);
  }
  CU_ASSERT_EQUAL(world.spins, 0);
  run(&world, 10 * NS_PER_S);
  CU_ASSERT_EQUAL(world.closed_client + world.closed_server, 0);
  CU_ASSERT_EQUAL(world.control_received, 21);
  world_free(&world);
}

/* With no size to probe and nothing said by the user, the server still has to hear that its answer came. */
static void the_least_datagram_size_is_enough(void) {
  static struct world world;
  struct setup least = usual;
  least.datagram_bytes_max = DATAGRAM_BYTES_MIN;
  world_init_as(&world, &least);
  run(&world, 10 * DELAY_NS);
  CU_ASSERT_EQUAL(world.established, 2);
  run(&world, 20 * NS_PER_S);
  CU_ASSERT_EQUAL(world.closed_client + world.closed_server, 0);
  send_many(world.client, 50000, 3);
  run(&world, NS_PER_S);
  CU_ASSERT_EQUAL(world.blocks_acked, 3);
  world_free(&world);
}

static void a_path_that_shrinks_is_noticed(void) {
  static struct world world;
  connect_ends(&world, &usual);
  CU_ASSERT_EQUAL(world.client->mtu.current, DATAGRAM_BYTES_IPV4);
  CU_ASSERT_EQUAL(send_many(world.client, 200000, 8), 8);
  run(&world, 6 * DELAY_NS);
  world.to_server.lose_above = 1300;
  run(&world, 30 * NS_PER_S);
  CU_ASSERT(world.blocks_received == 8 && world.blocks_acked == 8);
  CU_ASSERT(world.client->mtu.current <= 1300);
  CU_ASSERT(world.client->stats.block_bytes_resent > 0);
  CU_ASSERT_EQUAL(world.spins, 0);
  world_free(&world);
}

/* A jumbo probe that does not pass is no reason for small things to wait. */
static void a_large_probe_holds_nothing_back(void) {
  static struct world world;
  struct setup jumbo = usual;
  jumbo.datagram_bytes_max = DATAGRAM_BYTES_MAX;
  world_init_as(&world, &jumbo);
  world.to_server.lose_above = world.to_client.lose_above = DATAGRAM_BYTES_IPV4;
  run(&world, 3 * DELAY_NS);
  conn_write(world.client, "x", 1);
  run(&world, 2 * DELAY_NS);
  CU_ASSERT_EQUAL(world.control_received, 1);
  world_free(&world);
}

static void a_late_packet_undoes_the_reduction(void) {
  static struct world world;
  connect_ends(&world, &usual);
  send_many(world.client, 200000, 4);
  run(&world, NS_PER_S);
  CU_ASSERT_EQUAL(world.client->stats.packets_lost, 0);
  uint64_t window = world.client->congestion.window;
  world.to_server.hold_next = true;
  send_many(world.client, 200000, 1);
  run(&world, 2 * DELAY_NS + DELAY_NS / 2);
  CU_ASSERT_EQUAL(world.client->stats.packets_lost, 1);
  CU_ASSERT(world.client->congestion.window < window);
  struct datagram *held = &world.to_server.held;
  conn_on_datagram(world.server, world.now_ns, &client_address, held->bytes, held->size);
  run(&world, NS_PER_S);
  CU_ASSERT_EQUAL(world.client->stats.packets_spurious, 1);
  CU_ASSERT(world.client->congestion.window >= window);
  CU_ASSERT_EQUAL(world.blocks_acked, 5);
  world_free(&world);
}

static void who_has_little_to_say_is_application_limited(void) {
  static struct world world;
  connect_ends(&world, &usual);
  CU_ASSERT_TRUE(world.client->app_limited);
  uint64_t window = world.client->congestion.window;
  for (int i = 0; i < 50; i++) {
    conn_write(world.client, "x", 1);
    run(&world, 3 * DELAY_NS);
  }
  CU_ASSERT_EQUAL(world.client->congestion.window, window);
  send_many(world.client, 200000, 4);
  run(&world, 3 * DELAY_NS);
  CU_ASSERT_FALSE(world.client->app_limited);
  CU_ASSERT(world.client->congestion.window > window);
  world_free(&world);
}

static void the_smaller_idle_time_holds_at_both_ends(void) {
  for (int smaller = 0; smaller < 2; smaller++) {
    static struct world world;
    struct setup uneven = usual;
    uneven.idle_ns[0] = uneven.idle_ns[1] = 60 * NS_PER_S;
    uneven.idle_ns[smaller] = 2 * NS_PER_S;
    connect_ends(&world, &uneven);
    run(&world, 100 * NS_PER_S); /* each end keeps it alive in time */
    CU_ASSERT_EQUAL(world.closed_client + world.closed_server, 0);
    darken(&world, TIME_NEVER / 2);
    run(&world, 3 * NS_PER_S);
    CU_ASSERT(world.closed_client == 1 && world.closed_server == 1);
    CU_ASSERT_EQUAL(world.last_closed_client.closed.by, CLOSED_BY_SILENCE);
    CU_ASSERT_EQUAL(world.last_closed_server.closed.by, CLOSED_BY_SILENCE);
    world_free(&world);
  }
}

/* Small blocks use up some of a narrow grant: what is left must still be raised to one whole block. */
static void a_narrow_window_takes_a_block_of_the_largest_size(void) {
  static struct world world;
  struct setup narrow = usual;
  narrow.window_bytes = 300000;
  connect_ends(&world, &narrow);
  CU_ASSERT_EQUAL(send_many(world.client, 1000, 60), 60);
  run(&world, NS_PER_S);
  CU_ASSERT_EQUAL(world.blocks_acked, 60);
  CU_ASSERT_EQUAL(send_many(world.client, BLOCK_BYTES_MAX, 1), 1);
  world_free(&world);
}

UNIT_MAIN(UNIT_CASE(establishes_in_one_round_trip), UNIT_CASE(blocks_arrive_whole_and_once),
          UNIT_CASE(blocks_arrive_over_loss), UNIT_CASE(close_reaches_both_ends), UNIT_CASE(nobody_there),
          UNIT_CASE(blackouts_are_survived), UNIT_CASE(a_lone_message_gets_through_a_blackout),
          UNIT_CASE(a_full_ring_gets_through_a_blackout),
          UNIT_CASE(a_full_ring_that_has_to_acknowledge_does_not_spin),
          UNIT_CASE(the_least_datagram_size_is_enough), UNIT_CASE(a_path_that_shrinks_is_noticed),
          UNIT_CASE(a_large_probe_holds_nothing_back), UNIT_CASE(a_late_packet_undoes_the_reduction),
          UNIT_CASE(who_has_little_to_say_is_application_limited),
          UNIT_CASE(the_smaller_idle_time_holds_at_both_ends),
          UNIT_CASE(a_narrow_window_takes_a_block_of_the_largest_size))
