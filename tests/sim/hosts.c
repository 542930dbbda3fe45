/* hosts: see hosts.h. A machine that naps looks at its arrivals and timers only so often, and then at all
 * that have come together: that is what batches and late timers are made of. */
#include "hosts.h"

#include "content.h"
#include "hostile.h"
#include "plain/plain.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

/* For the listener, whose source of randomness has no context; seeded anew for each run. */
static struct prng listener_prng;

static void fill_random(struct prng *prng, void *bytes, size_t size) {
  uint8_t *at = bytes;
  for (size_t i = 0; i < size; i++)
    at[i] = (uint8_t)prng_next(prng);
}

static void listener_random(void *bytes, size_t size) { fill_random(&listener_prng, bytes, size); }

static struct crypto new_server_crypto(void *context) {
  (void)context;
  return crypto_plain_new(ROLE_SERVER);
}

static bool admit_nobody(void *context, const struct address *from) {
  (void)context, (void)from;
  return false;
}

static struct conn_config config_of(struct world *world, enum side side, struct pool *pool) {
  const struct host_plan *plan = &world->scenario->host[side];
  return (struct conn_config){
      .role = side == CLIENT ? ROLE_CLIENT : ROLE_SERVER,
      .pool = pool,
      .window_bytes = plan->window_bytes,
      .protection = PROTECT_CHECKSUM,
      .datagram_bytes_max = plan->datagram_bytes_max,
      .idle_timeout_ns = plan->idle_timeout_ns,
      .handshake_timeout_ns = plan->handshake_timeout_ns,
      .rate_bytes_per_s_max = plan->rate_bytes_per_s_max,
      .key_packets = plan->key_packets,
      .congestion = CONGESTION_AUTO,
  };
}

/* ---- beginnings ---- */

static void begin_client(void *subject, void *detail) {
  struct world *world = subject;
  struct client *client = detail;
  unsigned number = (unsigned)(client - world->client);
  if (world->is_dead[CLIENT]) return;
  struct conn_config config = config_of(world, CLIENT, client->pool);
  config.crypto = crypto_plain_new(ROLE_CLIENT);
  config.peer = address_of_server();
  fill_random(&world->prng, &config.local_cid, sizeof(config.local_cid));
  fill_random(&world->prng, &config.peer_cid, sizeof(config.peer_cid));
  config.seed = prng_next(&world->prng);
  client->cid = config.local_cid;
  struct conn *conn = conn_new(&config, world->now_ns);
  assert(conn && "out of memory");
  client->end = end_new(world, CLIENT, number, conn, client->pool);
  end_pump(client->end);
}

static void open_server(struct world *world) {
  const struct scenario *scenario = world->scenario;
  prng_seed(&listener_prng, content_seed(scenario->seed, 'r', 0));
  world->server_pool = pool_new(scenario->host[SERVER].pool_bytes);
  struct listener_config config = {
      .conns_max = scenario->conns_max,
      .half_open_max = scenario->half_open_max,
      .token_lifetime_ns = 30 * NS_PER_S,
      .random = listener_random,
      .new_crypto = new_server_crypto,
      .admits = scenario->is_refused ? admit_nobody : NULL,
      .conn = config_of(world, SERVER, world->server_pool),
  };
  world->listener = listener_new(&config, world->now_ns);
  assert(world->server_pool && world->listener && "out of memory");
}

void hosts_open(struct world *world) {
  const struct scenario *scenario = world->scenario;
  open_server(world);
  for (unsigned i = 0; i < scenario->clients; i++) {
    struct client *client = &world->client[i];
    client->pool = pool_new(scenario->host[CLIENT].pool_bytes);
    assert(client->pool && "out of memory");
    for (enum way way = UP; way < WAYS; way++) {
      lane_init(&client->lane[way], scenario, i, way, world->now_ns);
      ledger_init(&client->ledger[way], scenario->talk[way == UP ? CLIENT : SERVER].blocks);
    }
    world_plan(world, i * scenario->client_apart_ns, begin_client, world, client);
  }
}

/* ---- datagrams ---- */

static struct end *end_of_conn(struct world *world, const struct conn *conn) {
  for (unsigned i = world->server_end_count; i-- > 0;)
    if (world->server_ends[i]->conn == conn) return world->server_ends[i];
  assert(!"the listener hands out only what it has announced");
  return NULL;
}

/* By the id the client chose: its address may be anyone's. */
static unsigned client_of(const struct world *world, const struct arrival *arrival) {
  struct packet packet;
  if (packet_read(&packet, arrival->bytes, arrival->size) != 0) return 0;
  for (unsigned i = 0; i < world->scenario->clients; i++)
    if (cid_equal(&world->client[i].cid, &packet.source)) return i;
  return 0;
}

static struct end *accept_conn(struct world *world, unsigned number, struct conn *conn) {
  if (!require(&world->verdict, world->server_end_count < SERVER_ENDS_MAX, "few connections are accepted",
               "%u", world->server_end_count))
    return NULL;
  struct end *end = end_new(world, SERVER, number, conn, world->server_pool);
  world->server_ends[world->server_end_count++] = end;
  require(&world->verdict, listener_count(world->listener) <= world->scenario->conns_max,
          "no more connections than allowed", "%u", listener_count(world->listener));
  return end;
}

void world_on_server_datagram(struct world *world, const struct address *from, struct arrival *arrival) {
  uint8_t *reply = malloc(DATAGRAM_BYTES_MIN);
  assert(reply && "out of memory");
  size_t reply_size, size = arrival->size;
  bool is_new = false;
  struct conn *conn = NULL;
  uint8_t first = size > 0 ? arrival->bytes[0] : 0;
  unsigned number = client_of(world, arrival);
  if (world->scenario->is_foreign)
    reply_size = hostile_foreign_answer(arrival->bytes, size, reply);
  else
    conn = listener_on_datagram(world->listener, world->now_ns, from, arrival->bytes, size, &is_new, reply,
                                &reply_size);
  if (reply_size > 0) {
    require(&world->verdict, reply_size <= DATAGRAM_BYTES_MIN && reply_size <= size,
            "an answer without state is not larger than what it answers", "%zu to %zu bytes", reply_size,
            size);
    world_send_stateless(world, reply, reply_size, from);
  }
  free(reply);
  if (!conn) return;
  struct end *end = is_new ? accept_conn(world, number, conn) : end_of_conn(world, conn);
  if (!end) return;
  if (size > 0) arrival->bytes[0] = first; /* the payload was opened in place, perhaps */
  end_note_arrival(end, arrival);
  end->is_woken = true;
}

static void receive_at_server(struct world *world, unsigned number) {
  struct client *client = &world->client[number];
  struct arrival arrival;
  while (!world->verdict.failed && lane_receive(&client->lane[UP], world->now_ns, &arrival)) {
    struct route *route = &client->route[arrival.note.generation];
    route->bytes_in += arrival.size;
    if (arrival.note.has_heard) route->is_proven = true;
    struct address from = address_of_client(number, arrival.note.generation);
    from.ecn = arrival.note.is_ect ? ECN_ECT0 : ECN_NONE;
    if (!world->is_dead[SERVER]) world_on_server_datagram(world, &from, &arrival);
    free(arrival.bytes);
  }
}

static void receive_at_client(struct world *world, struct client *client) {
  struct arrival arrival;
  bool has_any = false;
  while (!world->verdict.failed && lane_receive(&client->lane[DOWN], world->now_ns, &arrival)) {
    bool is_current = arrival.note.generation == client->generation || world->now_ns < client->old_until_ns;
    if (is_current && client->end && !world->is_dead[CLIENT]) {
      client->route[arrival.note.generation].has_heard = true;
      struct address from = address_of_server();
      from.ecn = arrival.note.is_ect ? ECN_ECT0 : ECN_NONE;
      end_on_datagram(client->end, &from, &arrival);
      has_any = true;
    }
    free(arrival.bytes);
  }
  if (has_any && !world->verdict.failed) end_pump(client->end);
}

/* ---- time ---- */

static uint64_t earlier(uint64_t a, uint64_t b) { return a < b ? a : b; }

static uint64_t after_nap(uint64_t at_ns, uint64_t awake_ns) {
  return at_ns != TIME_NEVER && at_ns < awake_ns ? awake_ns : at_ns;
}

static uint64_t client_next_time(const struct client *client) {
  uint64_t at_ns = lane_next_time(&client->lane[DOWN]);
  if (client->end) at_ns = earlier(at_ns, end_next_wake(client->end));
  return after_nap(at_ns, client->awake_ns);
}

static uint64_t server_next_time(const struct world *world) {
  uint64_t at_ns = TIME_NEVER;
  for (unsigned i = 0; i < world->scenario->clients; i++)
    at_ns = earlier(at_ns, lane_next_time(&world->client[i].lane[UP]));
  for (unsigned i = 0; i < world->server_end_count; i++)
    at_ns = earlier(at_ns, end_next_wake(world->server_ends[i]));
  return after_nap(at_ns, world->server_awake_ns);
}

uint64_t hosts_next_time(const struct world *world) {
  uint64_t at_ns = server_next_time(world);
  for (unsigned i = 0; i < world->scenario->clients; i++)
    at_ns = earlier(at_ns, client_next_time(&world->client[i]));
  return at_ns;
}

static void step_server(struct world *world) {
  for (unsigned i = 0; i < world->scenario->clients; i++)
    receive_at_server(world, i);
  for (unsigned i = 0; i < world->server_end_count && !world->verdict.failed; i++) {
    struct end *end = world->server_ends[i];
    if (end_next_wake(end) <= world->now_ns) end_on_timeout(end);
    end->is_woken = false;
    if (end->is_gone && end->conn) {
      listener_remove(world->listener, end->conn);
      end->conn = NULL;
    }
  }
}

void hosts_step(struct world *world) {
  uint64_t now_ns = world->now_ns;
  if (server_next_time(world) <= now_ns) {
    step_server(world);
    world->server_awake_ns = now_ns + world->scenario->host[SERVER].nap_ns;
  }
  for (unsigned i = 0; i < world->scenario->clients && !world->verdict.failed; i++) {
    struct client *client = &world->client[i];
    if (client_next_time(client) > now_ns) continue;
    receive_at_client(world, client);
    if (client->end && end_next_wake(client->end) <= now_ns) end_on_timeout(client->end);
    client->awake_ns = now_ns + world->scenario->host[CLIENT].nap_ns;
  }
}

/* ---- the end ---- */

bool hosts_are_over(const struct world *world) {
  for (unsigned i = 0; i < world->scenario->clients && !world->is_dead[CLIENT]; i++)
    if (!world->client[i].end || !world->client[i].end->is_gone) return false;
  for (unsigned i = 0; i < world->server_end_count && !world->is_dead[SERVER]; i++)
    if (!world->server_ends[i]->is_gone) return false;
  for (unsigned i = 0; i < world->scenario->clients; i++)
    for (enum way way = UP; way < WAYS; way++)
      if (lane_next_time(&world->client[i].lane[way]) != TIME_NEVER) return false;
  return true;
}

void hosts_close(struct world *world) {
  for (unsigned i = 0; i < world->server_end_count; i++) {
    struct end *end = world->server_ends[i];
    if (end->conn) {
      end_leave(end);
      listener_remove(world->listener, end->conn);
      end->conn = NULL;
    }
    end_free(end);
  }
  listener_free(world->listener);
  for (unsigned i = 0; i < world->scenario->clients; i++) {
    struct client *client = &world->client[i];
    if (client->end) {
      end_leave(client->end);
      conn_free(client->end->conn);
      client->end->conn = NULL;
      end_free(client->end);
    }
    for (enum way way = UP; way < WAYS; way++) {
      lane_clear(&client->lane[way]);
      ledger_clear(&client->ledger[way]);
    }
  }
}
