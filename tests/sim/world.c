/* world: see world.h. Whatever is planned and whatever the machines wait for is asked for its time; the clock
 * jumps to the earliest. Nothing depends on anything but the scenario, so a run can be repeated exactly. */
#include "world.h"

#include "check.h"
#include "content.h"
#include "files.h"
#include "hostile.h"
#include "hosts.h"
#include "trace.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

enum {
  STILL_STEPS_MAX = 20000, /* at one moment */
  CLOSE_AGAIN_NS = 50000000,
};

void world_plan(struct world *world, uint64_t delay_ns, void (*run)(void *subject, void *detail),
                void *subject, void *detail) {
  schedule_add(&world->schedule, world->now_ns + delay_ns, run, subject, detail);
}

/* ---- what the scenario does to the machines ---- */

static void on_die(void *subject, void *detail) {
  struct world *world = subject;
  (void)detail;
  trace_note(world, "the %s dies", world->scenario->dier == CLIENT ? "client" : "server");
  world->is_dead[world->scenario->dier] = true;
}

static void close_one(struct end *end) {
  if (!end || !end->conn || end->is_closed) return;
  end_close(end, CLOSE_INTERRUPTED, end->side == CLIENT ? "the sender's user" : "the receiver's user");
  end_pump(end);
}

static bool all_are_closed(const struct world *world) {
  for (unsigned i = 0; i < world->scenario->clients && !world->is_dead[CLIENT]; i++)
    if (!world->client[i].end || !world->client[i].end->is_closed) return false;
  return true;
}

static void on_close(void *subject, void *detail) {
  struct world *world = subject;
  const struct scenario *scenario = world->scenario;
  (void)detail;
  for (unsigned i = 0; scenario->closer != SERVER && i < scenario->clients; i++)
    if (!world->is_dead[CLIENT]) close_one(world->client[i].end);
  for (unsigned i = 0; scenario->closer != CLIENT && i < world->server_end_count; i++)
    if (!world->is_dead[SERVER]) close_one(world->server_ends[i]);
  /* Those that had not begun. */
  if (!all_are_closed(world)) world_plan(world, CLOSE_AGAIN_NS, on_close, world, NULL);
}

static void on_rebind(void *subject, void *detail) {
  struct world *world = subject;
  (void)detail;
  for (unsigned i = 0; i < world->scenario->clients; i++) {
    struct client *client = &world->client[i];
    client->generation++;
    client->has_moved_early |= !client->partner;
    client->old_until_ns = world->now_ns + world->scenario->old_address_for_ns;
  }
  trace_note(world, "the clients have other addresses");
}

static void plan_troubles(struct world *world) {
  const struct scenario *scenario = world->scenario;
  if (scenario->dier == CLIENT || scenario->dier == SERVER)
    world_plan(world, scenario->die_at_ns, on_die, world, NULL);
  if (scenario->close_at_ns > 0) world_plan(world, scenario->close_at_ns, on_close, world, NULL);
  for (unsigned i = 0; i < REBINDS_MAX; i++)
    if (scenario->rebind_at_ns[i] > 0) world_plan(world, scenario->rebind_at_ns[i], on_rebind, world, NULL);
  if (scenario->stray_every_ns > 0) hostile_begin(world);
}

/* ---- sending ---- */

static void check_amplification(struct world *world, const struct route *route) {
  require(&world->verdict, route->is_proven || route->bytes_out <= AMPLIFICATION_MAX * route->bytes_in,
          "at most three times the bytes to an address not validated", "%llu out, %llu in",
          (unsigned long long)route->bytes_out, (unsigned long long)route->bytes_in);
}

static void put_on_lane(struct world *world, enum way way, unsigned number, const uint8_t *bytes, size_t size,
                        const struct lane_note *note) {
  world->datagrams[way == UP ? CLIENT : SERVER]++;
  uint8_t *mended = hostile_mend(world, bytes, size);
  struct lane *lane = &world->client[number].lane[way];
  enum lane_fate fate = lane_send(lane, world->now_ns, mended ? mended : bytes, size, note);
  trace_datagram(world, way, number, bytes, size, lane_fate_text(fate));
  free(mended);
}

static void send_to_client(struct world *world, const struct end *end, const uint8_t *bytes, size_t size,
                           const struct address *to) {
  unsigned number, generation, stranger = to->bytes[1];
  if (!address_to_client(to, &number, &generation)) {
    bool is_stranger = stranger < world->stray_count;
    if (!require(&world->verdict, is_stranger, "datagrams go where somebody asked", "to nobody")) return;
    world->stray_route[stranger].bytes_out += size;
    trace_note(world, "stranger %u gets %zu bytes", stranger, size);
    check_amplification(world, &world->stray_route[stranger]);
    return;
  }
  struct client *client = &world->client[number];
  client->route[generation].bytes_out += size;
  if (world->scenario->fault == FAULT_AMPLIFY) client->route[generation].bytes_out += 3 * size;
  check_amplification(world, &client->route[generation]);
  struct lane_note note = {.generation = generation,
                           .is_ect = end && to->ecn == ECN_ECT0,
                           .is_closing = end && end->has_called_close,
                           .is_partner =
                               end && (!client->has_chosen || cid_equal(&end->cid, &client->chosen))};
  put_on_lane(world, DOWN, number, bytes, size, &note);
}

/* Which of the server's connections a client has chosen shows in the ids of both sides' packets
 * (proto/wire.md sections 2 and 3). */
static void note_ids(struct client *client, struct end *end, const uint8_t *bytes, size_t size) {
  struct packet packet;
  bool is_long = bytes[0] & 0x80;
  if (is_long != (end->side == SERVER) || packet_read(&packet, bytes, size) != 0) return;
  if (end->side == SERVER)
    end->cid = packet.source;
  else
    client->chosen = packet.destination;
  client->has_chosen |= end->side == CLIENT;
}

void world_send(struct world *world, struct end *end, const uint8_t *bytes, size_t size,
                const struct address *to) {
  unsigned number, generation;
  /* What goes to a stranger is not passed on by it: who carries everything both ways is a path, not a
   * stranger. */
  if (end->side == CLIENT || address_to_client(to, &number, &generation))
    hostile_overhear(world, end->side, bytes, size);
  note_ids(&world->client[end->client], end, bytes, size);
  if (end->side == SERVER) {
    send_to_client(world, end, bytes, size, to);
    return;
  }
  struct client *client = &world->client[end->client];
  struct address server = address_of_server();
  require(&world->verdict, address_equal(to, &server), "datagrams go where somebody asked",
          "not to the server");
  struct lane_note note = {.generation = client->generation,
                           .is_ect = to->ecn == ECN_ECT0,
                           .has_heard = client->route[client->generation].has_heard,
                           .is_closing = end->has_called_close,
                           .is_partner = true};
  put_on_lane(world, UP, end->client, bytes, size, &note);
}

void world_send_stateless(struct world *world, const uint8_t *bytes, size_t size, const struct address *to) {
  send_to_client(world, NULL, bytes, size, to);
}

/* ---- the run ---- */

static void step(struct world *world) {
  uint64_t plan_ns = schedule_next_time(&world->schedule), hosts_ns = hosts_next_time(world);
  uint64_t at_ns = plan_ns < hosts_ns ? plan_ns : hosts_ns;
  const struct scenario *scenario = world->scenario;
  if (!require(&world->verdict, at_ns != TIME_NEVER, "nobody waits for ever", "nothing will happen any more"))
    return;
  if (at_ns > world->now_ns) {
    world->now_ns = at_ns;
    world->still = 0;
  }
  world->steps++;
  require(&world->verdict, world->still++ < STILL_STEPS_MAX, "time goes on", "%d steps at one moment",
          STILL_STEPS_MAX);
  require(&world->verdict, world->now_ns - world->start_ns <= scenario->time_limit_ns, "an end comes in time",
          "none after %.1f s", (double)scenario->time_limit_ns / (double)NS_PER_S);
  while (!world->verdict.failed && schedule_next_time(&world->schedule) <= world->now_ns) {
    struct plan plan = schedule_take(&world->schedule);
    plan.run(plan.subject, plan.detail);
  }
  if (!world->verdict.failed) hosts_step(world);
  if (!world->verdict.failed) check_step(world);
}

static void count(const struct world *world, struct outcome_counts *counts) {
  counts->steps += world->steps;
  counts->simulated_ns += world->now_ns - world->start_ns;
  counts->datagrams += world->datagrams[CLIENT] + world->datagrams[SERVER];
  for (unsigned i = 0; i < world->scenario->clients; i++)
    for (enum way way = UP; way < WAYS; way++) {
      if (i == 0) counts->first_sent[way] += world->client[i].lane[way].sent;
      counts->lost += lane_losses(&world->client[i].lane[way]);
      counts->bytes += world->client[i].ledger[way].bytes_received;
    }
}

void world_run(const struct scenario *scenario, bool trace, struct verdict *verdict,
               struct outcome_counts *counts) {
  assert(scenario->clients >= 1 && scenario->clients <= CLIENTS_MAX);
  struct world *world = calloc(1, sizeof(*world));
  assert(world && "out of memory");
  world->scenario = scenario;
  world->trace = trace;
  world->now_ns = world->start_ns = scenario->start_ns;
  prng_seed(&world->prng, content_seed(scenario->seed, 'w', 0));
  for (unsigned i = 0; scenario->layer == LAYER_TRANSFER && i < scenario->clients; i++)
    world->client[i].tree = tree_new(scenario, i, &world->verdict);
  hosts_open(world);
  plan_troubles(world);
  while (!world->verdict.failed && !hosts_are_over(world))
    step(world);
  if (!world->verdict.failed) check_end(world);
  count(world, counts);
  hosts_close(world);
  if (!world->verdict.failed) check_memory(world);
  check_free_pools(world);
  for (unsigned i = 0; i < scenario->clients; i++)
    tree_free(world->client[i].tree);
  hostile_end(world);
  schedule_clear(&world->schedule);
  *verdict = world->verdict;
  free(world);
}
