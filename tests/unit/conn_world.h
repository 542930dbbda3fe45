/* conn_world: two ends in simulated time behind pipes that lose what a filter says. Include after unit.h. */
#ifndef CONN_WORLD_H
#define CONN_WORLD_H

#include "mark_path.h"
#include "plain/plain.h"
#include "transport/conn.h"

#include <stdlib.h>

enum { QUEUE_MAX = 8192, SPINS_MAX = 20, BLOCKS_MAX = 256 };
#define DELAY_NS (5 * NS_PER_MS)

struct datagram {
  uint64_t at_ns;
  struct address from;
  size_t size;
  uint8_t bytes[DATAGRAM_BYTES_IPV4];
};

struct pipe {
  struct datagram queue[QUEUE_MAX];
  unsigned head, tail;
  size_t lose_from; /* datagrams of at least so many bytes do not pass */
  uint64_t dark_until_ns;
  unsigned lose_first; /* so many more datagrams are lost */
  unsigned copies;     /* delivered once and so many times more */
  struct mark_path marks;
};

struct end {
  struct conn *conn;
  struct pipe out;
  unsigned established, blocks_received, blocks_acked, closed, spins;
  size_t control_received;
  struct conn_event last_closed;
};

static struct world {
  uint64_t now_ns;
  struct end client, server;
  struct address client_address;
  struct pool *pool;
  uint8_t *blocks[BLOCKS_MAX];
  unsigned blocks_made;
} world;

static const struct address home = {.size = 4, .bytes = {1}}, away = {.size = 4, .bytes = {9}},
                            server_address = {.size = 4, .bytes = {2}};

static inline struct conn_config config_of(enum crypto_role role) {
  bool is_client = role == ROLE_CLIENT;
  return (struct conn_config){.role = role,
                              .pool = world.pool,
                              .local_cid = {{is_client ? 0xc : 0x5, 1}},
                              .peer_cid = {{is_client ? 0x1 : 0xc, 1}},
                              .original_cid = {{0x1, 1}},
                              .initial_cid = {{0x1, 1}},
                              .peer = is_client ? server_address : home,
                              .window_bytes = 16 << 20,
                              .protection = PROTECT_CHECKSUM,
                              .datagram_bytes_max = DATAGRAM_BYTES_IPV4,
                              .idle_timeout_ns = 5 * NS_PER_S,
                              .handshake_timeout_ns = 3 * NS_PER_S,
                              .seed = 7};
}

static inline struct conn *new_end(enum crypto_role role, const struct conn_config *wanted) {
  struct conn_config config = wanted ? *wanted : config_of(role);
  config.pool = world.pool;
  config.crypto = crypto_plain_new(role);
  return conn_new(&config, world.now_ns);
}

static inline void world_init(const struct conn_config *client, const struct conn_config *server) {
  memset(&world, 0, sizeof(world));
  world.now_ns = NS_PER_S;
  world.client_address = home;
  world.pool = pool_new(64 << 20);
  world.client.conn = new_end(ROLE_CLIENT, client);
  world.server.conn = new_end(ROLE_SERVER, server);
}

static inline void world_free(void) {
  conn_free(world.client.conn);
  conn_free(world.server.conn);
  CU_ASSERT_EQUAL(pool_bytes_promised(world.pool), 0);
  pool_free(world.pool);
  for (unsigned i = 0; i < world.blocks_made; i++)
    free(world.blocks[i]);
}

static inline bool is_lost(struct pipe *pipe, size_t size) {
  if (pipe->lose_from > 0 && size >= pipe->lose_from) return true;
  if (world.now_ns < pipe->dark_until_ns) return true;
  return pipe->lose_first > 0 && pipe->lose_first-- > 0;
}

static inline void put(struct pipe *pipe, uint64_t at_ns, const struct address *from, const uint8_t *bytes,
                       size_t size) {
  struct datagram *datagram = &pipe->queue[pipe->tail++ % QUEUE_MAX];
  datagram->at_ns = at_ns;
  datagram->from = *from;
  datagram->size = size;
  memcpy(datagram->bytes, bytes, size);
}

static inline bool drain(struct end *end, bool is_client) {
  struct address to;
  uint8_t bytes[DATAGRAM_BYTES_IPV4];
  size_t size;
  bool any = false;
  while (end->out.tail - end->out.head < QUEUE_MAX - 8 &&
         (size = conn_next_datagram(end->conn, world.now_ns, bytes, sizeof(bytes), &to)) > 0) {
    any = true;
    bool reaches = is_client || address_equal(&to, &world.client_address);
    struct address from = is_client ? world.client_address : server_address;
    from.ecn = to.ecn;
    if (is_lost(&end->out, size) || !reaches || !mark_path_pass(&end->out.marks, &from.ecn)) continue;
    for (unsigned i = 0; i <= end->out.copies; i++)
      put(&end->out, world.now_ns + DELAY_NS, &from, bytes, size);
  }
  return any;
}

static inline void take_events(struct end *end) {
  struct conn_event event;
  uint8_t bytes[1000];
  size_t size;
  while (conn_next_event(end->conn, &event)) {
    if (event.type == CONN_EVENT_ESTABLISHED) end->established++;
    if (event.type == CONN_EVENT_BLOCK_ACKED) end->blocks_acked++;
    if (event.type == CONN_EVENT_CONTROL)
      while ((size = conn_read(end->conn, bytes, sizeof(bytes))) > 0)
        end->control_received += size;
    if (event.type == CONN_EVENT_BLOCK_RECEIVED) {
      end->blocks_received++;
      for (size_t i = 0; i < event.block.size; i++)
        if (event.block.bytes[i] != (uint8_t)(i * 7 + event.block.size)) CU_FAIL_FATAL("a byte differs");
      conn_release_block(end->conn, event.block.bytes, event.block.size_class);
    }
    if (event.type != CONN_EVENT_CLOSED) continue;
    end->closed++;
    end->last_closed = event;
  }
}

static inline bool deliver(struct pipe *pipe, struct end *to) {
  bool any = false;
  for (; pipe->head != pipe->tail && pipe->queue[pipe->head % QUEUE_MAX].at_ns <= world.now_ns; any = true) {
    struct datagram *datagram = &pipe->queue[pipe->head++ % QUEUE_MAX];
    conn_on_datagram(to->conn, world.now_ns, &datagram->from, datagram->bytes, datagram->size);
  }
  return any;
}

static uint64_t earlier(uint64_t a, uint64_t b) { return a < b ? a : b; }

static uint64_t arrival(const struct pipe *pipe) {
  return pipe->head == pipe->tail ? TIME_NEVER : pipe->queue[pipe->head % QUEUE_MAX].at_ns;
}

/* One turn of an end's loop. A deadline that is still in the past although nothing happened is a spin. */
static inline void turn(struct end *end, struct pipe *in, bool is_client) {
  bool moved = deliver(in, end);
  if (world.now_ns >= conn_next_timeout(end->conn)) conn_on_timeout(end->conn, world.now_ns);
  take_events(end);
  moved |= drain(end, is_client);
  conn_check(end->conn);
  if (!moved && conn_next_timeout(end->conn) <= world.now_ns) end->spins++;
}

static inline void run(uint64_t limit_ns) {
  uint64_t end_ns = world.now_ns + limit_ns;
  while (world.now_ns < end_ns) {
    turn(&world.client, &world.server.out, true);
    turn(&world.server, &world.client.out, false);
    uint64_t next_ns = earlier(arrival(&world.client.out), arrival(&world.server.out));
    next_ns = earlier(next_ns, conn_next_timeout(world.client.conn));
    next_ns = earlier(next_ns, conn_next_timeout(world.server.conn));
    if (next_ns > end_ns) next_ns = end_ns;
    world.now_ns = next_ns > world.now_ns ? next_ns : world.now_ns + NS_PER_MS / 10;
  }
}

/* Both ends established, the server has heard the client; nothing in flight. */
static inline void connect_with(const struct conn_config *client, const struct conn_config *server) {
  world_init(client, server);
  run(3 * DELAY_NS);
  conn_write(world.client.conn, "x", 1);
  run(20 * DELAY_NS);
  assert(world.client.established == 1 && world.server.established == 1);
}

static inline void connect_ends(void) { connect_with(NULL, NULL); }

#endif
