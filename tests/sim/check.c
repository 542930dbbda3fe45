/* check: see check.h. What the two ends say is held against each other, and against what the lanes really
 * did. */
#include "check.h"

#include "files.h"

#include <string.h>

/* ---- every step ---- */

/* How many datagrams a careful protocol could need for what was said so far, several times over. */
static uint64_t datagrams_allowed(const struct world *world) {
  uint64_t pieces = 0, lost = 0;
  for (unsigned i = 0; i < world->scenario->clients; i++) {
    const struct client *client = &world->client[i];
    for (enum way way = UP; way < WAYS; way++) {
      const struct ledger *ledger = &client->ledger[way];
      pieces += (ledger->bytes_sent + ledger->control_sent) / 1000 + 2 * ledger->blocks_sent;
      lost += lane_losses(&client->lane[way]);
    }
    if (client->tree) pieces += tree_pieces(client->tree);
  }
  uint64_t seconds = (world->now_ns - world->start_ns) / NS_PER_S;
  uint64_t spurious =
      10 * pieces; /* reordering, naps and jitter make ends repeat themselves and acknowledge more */
  return world->scenario->clients * (1000 + 20 * seconds) + pieces + spurious + 10 * lost + 4 * world->strays;
}

void check_step(struct world *world) {
  const struct scenario *scenario = world->scenario;
  for (unsigned i = 0; i < scenario->clients; i++)
    require(&world->verdict, pool_bytes_used(world->client[i].pool) <= scenario->host[CLIENT].window_bytes,
            "receive buffers stay within the window", "%zu bytes at the client",
            pool_bytes_used(world->client[i].pool));
  require(&world->verdict, pool_bytes_promised(world->server_pool) <= pool_bytes_max(world->server_pool),
          "the pool is not promised twice", "%zu bytes", pool_bytes_promised(world->server_pool));
  if (world->steps % 64 != 0) return;
  uint64_t datagrams = world->datagrams[CLIENT] + world->datagrams[SERVER];
  uint64_t allowed = datagrams_allowed(world);
  require(&world->verdict, datagrams <= allowed, "no more datagrams than the work can need",
          "%llu, allowed %llu", (unsigned long long)datagrams, (unsigned long long)allowed);
  /* Whoever waits for memory asks for it now and then. */
  uint64_t seconds = (world->now_ns - world->start_ns) / NS_PER_S + 1;
  uint64_t steps_allowed = 10000 + 8 * allowed + 60 * seconds * (world->server_end_count + scenario->clients);
  require(&world->verdict, world->steps <= steps_allowed, "no more wake-ups than the work can need",
          "%llu, allowed %llu", (unsigned long long)world->steps, (unsigned long long)steps_allowed);
}

/* ---- how it ended ---- */

static bool is_quiet(enum closed_by by) { return by == CLOSED_BY_SILENCE || by == CLOSED_BY_NO_ANSWER; }

static const char *side_text(const struct end *end) { return end->side == CLIENT ? "client" : "server"; }

static uint64_t min_of(uint64_t a, uint64_t b) { return a < b ? a : b; }

/* A peer counts as gone after the time agreed, not before, and not much later. */
static void check_silence(struct world *world, const struct end *end) {
  const struct host_plan *host = world->scenario->host;
  uint64_t timeout_ns = host[end->side].handshake_timeout_ns, since_ns = end->created_ns;
  if (end->is_established) {
    timeout_ns = min_of(host[CLIENT].idle_timeout_ns, host[SERVER].idle_timeout_ns);
    since_ns = end->heard_ns;
  }
  uint64_t waited_ns = end->closed_ns - since_ns;
  uint64_t nap_ns = host[end->side].nap_ns;
  /* Before ESTABLISHED a server may wait for either. */
  bool is_either = end->side == SERVER && !end->is_established;
  /* A copy that came late counts as nothing new. */
  uint64_t late_ns = 100 * NS_PER_MS + world->scenario->link[end->client][UP].delay_ns;
  bool is_early = waited_ns + late_ns < timeout_ns && !is_either;
  require(&world->verdict, !is_early, "nobody is given up too early", "the %s waited %.3f s of %.3f",
          side_text(end), (double)waited_ns / 1e9, (double)timeout_ns / 1e9);
  if (world->scenario->stray_every_ns > 0 || is_either) return;
  require(&world->verdict, waited_ns <= timeout_ns + nap_ns + NS_PER_S, "silence is noticed in time",
          "the %s waited %.3f s instead of %.3f", side_text(end), (double)waited_ns / 1e9,
          (double)timeout_ns / 1e9);
}

static void check_code(struct world *world, const struct end *end) {
  static const uint64_t wrong[] = {CLOSE_INTERNAL, CLOSE_PROTOCOL, CLOSE_FLOW, CLOSE_PARAMETERS};
  /* A server that has forgotten a client takes its later packets for first ones, and cannot make sense of
   * them. */
  bool is_session = end->is_established || end->side == CLIENT;
  for (size_t i = 0; is_session && i < sizeof(wrong) / sizeof(wrong[0]); i++)
    require(&world->verdict, end->close_code != wrong[i], "nobody breaks the protocol",
            "%s: code %llu, \"%s\"", side_text(end), (unsigned long long)end->close_code, end->close_reason);
  require(&world->verdict, (end->close_code == CLOSE_TIMEOUT) == is_quiet(end->closed_by),
          "CLOSE_TIMEOUT means silence", "%s: code %llu, closed by %s", side_text(end),
          (unsigned long long)end->close_code, closed_by_text(end->closed_by));
  /* A transfer may have closed just before its user did. */
  bool is_own = world->scenario->layer == LAYER_TRANSFER && end->close_code == CLOSE_DONE;
  if (end->closed_by == CLOSED_BY_US && end->has_called_close && !is_own)
    require(&world->verdict,
            end->close_code == end->code_called && strcmp(end->close_reason, end->reason_called) == 0,
            "who closes is told its own words", "%s: code %llu, \"%s\"", side_text(end),
            (unsigned long long)end->close_code, end->close_reason);
  if (is_quiet(end->closed_by)) check_silence(world, end);
}

static bool same_words(const struct end *a, const struct end *b) {
  return a->close_code == b->close_code && strcmp(a->close_reason, b->close_reason) == 0;
}

/* What `end` says, seen from the other. */
static void check_agreement(struct world *world, const struct end *end, const struct end *other) {
  if (end->closed_by == CLOSED_BY_PEER)
    require(&world->verdict, other->closed_by == CLOSED_BY_US && same_words(end, other),
            "both ends agree how it ended", "%s: by the peer, code %llu; the other: by %s, code %llu",
            side_text(end), (unsigned long long)end->close_code, closed_by_text(other->closed_by),
            (unsigned long long)other->close_code);
  if (end->closed_by == CLOSED_BY_US && other->was_told)
    require(&world->verdict, !is_quiet(other->closed_by), "who is told of an end knows it",
            "the %s closed and its words arrived, but the other says: %s", side_text(end),
            closed_by_text(other->closed_by));
}

static void check_clean(struct world *world, const struct end *end) {
  uint64_t lost = 0;
  for (enum way way = UP; way < WAYS; way++)
    lost += lane_losses(&world->client[end->client].lane[way]);
  if (world->scenario->fault == FAULT_RESEND) lost = 0;
  if (!world->scenario->is_clean || lost > 0 || world->is_dead[CLIENT] || world->is_dead[SERVER]) return;
  /* A queue that grows faster than the estimate of the round trip can set off a probe. */
  uint64_t probed = end->stats.probe_timeouts * 2 * end->datagram_bytes_max;
  require(&world->verdict, end->stats.block_bytes_resent <= probed && end->stats.packets_lost == 0,
          "nothing is sent twice on a clean link", "%s: %llu bytes resent, %llu packets taken for lost",
          side_text(end), (unsigned long long)end->stats.block_bytes_resent,
          (unsigned long long)end->stats.packets_lost);
  /* Said once, and said again at most once because the answer had to wait in a queue. */
  bool is_single = world->scenario->closer != BOTH && world->scenario->close_at_ns == 0;
  require(&world->verdict, !is_single || end->sent_after_close <= 2, "a close is answered",
          "%s: said %u times", side_text(end), end->sent_after_close);
}

/* What the user allowed is an upper bound, but for acknowledgements and what a first window lets go at once.
 */
static void check_rate(struct world *world, const struct end *end) {
  uint64_t rate = world->scenario->host[end->side].rate_bytes_per_s_max;
  if (rate == 0 || !end->is_established) return;
  double seconds = (double)(world->now_ns - end->created_ns) / 1e9;
  if (end->is_closed) seconds = (double)(end->closed_ns - end->created_ns) / 1e9;
  double allowed = 1.05 * (double)rate * seconds + 100.0 * (double)end->received + 20000 +
                   16.0 * (double)end->datagram_bytes_max;
  require(&world->verdict, (double)end->bytes_sent <= allowed, "nobody sends faster than allowed",
          "%s: %llu bytes in %.3f s, %llu a second allowed", side_text(end),
          (unsigned long long)end->bytes_sent, seconds, (unsigned long long)rate);
}

static void check_counts(struct world *world, const struct end *end) {
  const struct host_plan *host = &world->scenario->host[end->side];
  if (host->interface_bytes_max > 0 || end->is_closed) return;
  require(&world->verdict, end->stats.bytes_sent == end->bytes_sent, "bytes sent are counted",
          "%s: %llu, were %llu", side_text(end), (unsigned long long)end->stats.bytes_sent,
          (unsigned long long)end->bytes_sent);
}

/* All links here carry marks: only who has lost marked packets may believe that one does not, or who has met
 * a stranger's copies, which come without. */
static void check_marks(struct world *world, const struct end *end) {
  bool has_failed = end->stats.ecn && strcmp(end->stats.ecn, "failed") == 0;
  require(&world->verdict, !has_failed || world->strays > 0 || end->stats.packets_lost >= 5,
          "counts of marks are believed", "%s: ECN failed, %llu packets lost", side_text(end),
          (unsigned long long)end->stats.packets_lost);
}

/* ---- one client ---- */

static void check_arrived(struct world *world, unsigned number, enum way way) {
  const struct ledger *ledger = &world->client[number].ledger[way];
  const struct talk_plan *plan = &world->scenario->talk[way == UP ? CLIENT : SERVER];
  require(&world->verdict,
          ledger->blocks_received == plan->blocks && ledger->control_received == plan->control_bytes,
          "everything arrives", "%s: %llu of %u blocks, %llu of %llu control bytes",
          way == UP ? "up" : "down", (unsigned long long)ledger->blocks_received, plan->blocks,
          (unsigned long long)ledger->control_received, (unsigned long long)plan->control_bytes);
}

bool check_missed_the_end(const struct world *world, const struct end *end, const struct end *other) {
  uint64_t lost = lane_losses(&world->client[end->client].lane[end->side == CLIENT ? DOWN : UP]);
  bool could_miss = lost > 0 || world->client[end->client].generation > 0 || world->strays > 0;
  return could_miss && !end->was_told && is_quiet(end->closed_by) && other->closed_by == CLOSED_BY_US &&
         other->close_code == CLOSE_DONE;
}

static void check_all_arrived(struct world *world, unsigned number) {
  if (world->scenario->layer != LAYER_CONN) return;
  check_arrived(world, number, UP);
  check_arrived(world, number, DOWN);
}

static void check_complete(struct world *world, unsigned number) {
  const struct client *client = &world->client[number];
  const struct end *end = client->end, *partner = client->partner;
  if (client->has_moved_early) return;
  if (!partner && end->close_code == CLOSE_DONE && lane_losses(&client->lane[UP]) > 0) {
    check_all_arrived(world, number); /* there was nothing to say, and even that got lost */
    return;
  }
  if (!require(&world->verdict, partner != NULL, "everybody gets through", "client %u did not", number))
    return;
  const struct end *ends[] = {end, partner};
  for (int i = 0; i < SIDES; i++)
    require(&world->verdict,
            ends[i]->close_code == CLOSE_DONE || check_missed_the_end(world, ends[i], ends[1 - i]),
            "everybody ends well", "%s: by %s, code %llu, \"%s\"", side_text(ends[i]),
            closed_by_text(ends[i]->closed_by), (unsigned long long)ends[i]->close_code,
            ends[i]->close_reason);
  check_all_arrived(world, number);
}

static void check_client(struct world *world, unsigned number) {
  const struct client *client = &world->client[number];
  const struct end *end = client->end, *partner = client->partner;
  bool has_both = end && partner && !world->is_dead[CLIENT] && !world->is_dead[SERVER];
  if (has_both) {
    check_agreement(world, end, partner);
    check_agreement(world, partner, end);
  }
  if (end && !world->is_dead[CLIENT]) {
    check_code(world, end);
    check_counts(world, end);
    check_marks(world, end);
    check_clean(world, end);
    check_rate(world, end);
  }
  if (partner && !world->is_dead[SERVER]) {
    check_clean(world, partner);
    check_rate(world, partner);
  }
  if (world->scenario->expect == EXPECT_COMPLETE) check_complete(world, number);
  if (world->scenario->expect == EXPECT_VERSION)
    require(&world->verdict, end->closed_by == CLOSED_BY_PEER && end->close_code == CLOSE_VERSION,
            "another version is told as such", "by %s, code %llu", closed_by_text(end->closed_by),
            (unsigned long long)end->close_code);
  if (client->tree) tree_check(client->tree, world, number);
}

static void check_listener(struct world *world) {
  struct listener_stats stats;
  listener_get_stats(world->listener, &stats);
  bool demands = world->scenario->half_open_max == 0;
  require(&world->verdict, !demands || stats.accepted == 0 || stats.retries > 0, "a token is demanded",
          "%llu accepted, %llu sent back for a token", (unsigned long long)stats.accepted,
          (unsigned long long)stats.retries);
}

void check_end(struct world *world) {
  check_step(world);
  check_listener(world);
  require(&world->verdict, !world->scenario->is_refused || world->datagrams[SERVER] == 0,
          "who is not admitted hears nothing", "%llu datagrams",
          (unsigned long long)world->datagrams[SERVER]);
  for (unsigned i = 0; i < world->scenario->clients; i++)
    check_client(world, i);
  for (unsigned i = 0; i < world->server_end_count && !world->is_dead[SERVER]; i++)
    check_code(world, world->server_ends[i]);
}

/* ---- memory ---- */

static void check_pool(struct world *world, const struct pool *pool, const char *whose) {
  require(&world->verdict, pool_bytes_used(pool) == 0 && pool_bytes_promised(pool) == 0,
          "all memory is given back", "%s: %zu bytes used, %zu promised", whose, pool_bytes_used(pool),
          pool_bytes_promised(pool));
}

void check_memory(struct world *world) {
  check_pool(world, world->server_pool, "server");
  for (unsigned i = 0; i < world->scenario->clients; i++)
    check_pool(world, world->client[i].pool, "client");
}

void check_free_pools(struct world *world) {
  if (world->kept.bytes) pool_put(world->kept.pool, world->kept.bytes, world->kept.size_class);
  if (pool_bytes_used(world->server_pool) == 0) pool_free(world->server_pool);
  for (unsigned i = 0; i < world->scenario->clients; i++)
    if (pool_bytes_used(world->client[i].pool) == 0) pool_free(world->client[i].pool);
}
