/* draw: a scenario from a seed. First a link as one meets them and work that fits it, then troubles: none for
 * some, one or two for most, many for a few; and for one in eight an end that comes too early. */
#include "content.h"
#include "scenario.h"
#include "udpcp/wire.h"

#include <assert.h>
#include <string.h>

struct profile {
  uint64_t up_bits, down_bits, delay_ns; /* bits a second; 0: without limit */
  uint32_t budget_bytes;                 /* of a usual run's work */
  bool is_fast;
};

static const struct profile profiles[] = {
    {10000000000, 10000000000, 25 * NS_PER_US, 8 << 20, true}, /* a data centre */
    {1000000000, 1000000000, 150 * NS_PER_US, 4 << 20, true},  /* a LAN */
    {100000000, 100000000, 2 * NS_PER_MS, 2 << 20, true},      {0, 0, 1 * NS_PER_MS, 2 << 20, true},
    {10000000, 50000000, 15 * NS_PER_MS, 1 << 20, false},   /* a line to a home */
    {200000000, 200000000, 50 * NS_PER_MS, 2 << 20, false}, /* across an ocean */
    {20000000, 5000000, 300 * NS_PER_MS, 1 << 20, false},   /* by satellite */
    {512000, 512000, 60 * NS_PER_MS, 200 << 10, false},
};

enum trouble {
  TROUBLE_LOSS,
  TROUBLE_BURSTS,
  TROUBLE_REORDER,
  TROUBLE_SCATTER,
  TROUBLE_WANDER,
  TROUBLE_DUPLICATE,
  TROUBLE_CORRUPT,
  TROUBLE_TRUNCATE,
  TROUBLE_BLACKOUT,
  TROUBLE_NARROW,   /* large datagrams vanish */
  TROUBLE_NARROWER, /* only from some moment on */
  TROUBLE_REFUSED,  /* or are refused by the own interface */
  TROUBLE_REBIND,
  TROUBLE_STRAYS,
  TROUBLE_NAPS,
  TROUBLE_QUEUE,
  TROUBLE_RATES, /* the rate changes on the way */
  TROUBLE_SLOW_DISK,
  TROUBLE_TOKENS,
  TROUBLES
};

struct draw {
  struct prng prng;
  struct scenario *scenario;
  const struct profile *profile;
};

static uint64_t below(struct draw *draw, uint64_t bound) { return prng_below(&draw->prng, bound); }
static uint64_t between(struct draw *draw, uint64_t min, uint64_t max) {
  return min + below(draw, max - min + 1);
}
static bool one_in(struct draw *draw, uint64_t count) { return below(draw, count) == 0; }

/* Every order of magnitude as likely as any other. */
static uint64_t log_between(struct draw *draw, uint64_t min, uint64_t max) {
  assert(min > 0 && min <= max);
  unsigned doublings = 0;
  while (min << (doublings + 1) <= max)
    doublings++;
  uint64_t low = min << below(draw, doublings + 1);
  uint64_t high = low * 2 - 1 < max ? low * 2 - 1 : max;
  return between(draw, low, high);
}

static double share(struct draw *draw, double max) {
  double unit = (double)(prng_next(&draw->prng) >> 11) * 0x1p-53;
  return max * unit * unit + 0.001; /* mild ones more often */
}

/* ---- troubles ---- */

static void change_rates(struct draw *draw, struct link_config *link) {
  uint64_t rate = link->rates[0].bits_per_second ? link->rates[0].bits_per_second : 1000000000;
  link->rate_count = 4;
  for (unsigned i = 0; i < link->rate_count; i++) {
    link->rates[i].from_ns = i * 300 * NS_PER_MS;
    link->rates[i].bits_per_second = rate / (1 + below(draw, 8)) + 64000;
  }
}

static void add_blackout(struct draw *draw, struct link_config *link, uint64_t ns_max) {
  uint64_t from_ns = log_between(draw, NS_PER_MS, 2 * NS_PER_S);
  link->blackouts[0] = (struct link_blackout){from_ns, from_ns + log_between(draw, NS_PER_MS, ns_max)};
  link->blackout_count = 1;
}

/* What a trouble does to one direction of a link. */
static void trouble_link(struct draw *draw, struct link_config *link, enum trouble trouble) {
  switch (trouble) {
  case TROUBLE_LOSS:
    link->loss = share(draw, one_in(draw, 8) ? 0.3 : 0.06);
    break;
  case TROUBLE_BURSTS:
    link->burst_loss = share(draw, 0.06);
    link->burst_packets =
        (double)between(draw, 2, 8); /* not in time: a few probes a second must get through */
    break;
  case TROUBLE_REORDER:
    link->reorder = share(draw, 0.2);
    link->reorder_hold_ns = log_between(draw, 20 * NS_PER_US, 20 * NS_PER_MS);
    break;
  case TROUBLE_SCATTER:
    link->jitter = LINK_JITTER_SCATTER;
    link->jitter_ns = log_between(draw, NS_PER_US, 5 * NS_PER_MS);
    break;
  case TROUBLE_WANDER:
    link->jitter = LINK_JITTER_SMOOTH;
    link->jitter_ns = log_between(draw, NS_PER_US, 20 * NS_PER_MS);
    break;
  case TROUBLE_DUPLICATE:
    link->duplicate = share(draw, 0.3);
    break;
  case TROUBLE_CORRUPT:
    link->corrupt = share(draw, 0.05);
    break;
  case TROUBLE_TRUNCATE:
    link->truncate = share(draw, 0.03);
    break;
  case TROUBLE_BLACKOUT:
    add_blackout(draw, link, 4 * NS_PER_S);
    break;
  case TROUBLE_NARROW:
    link->mtu = (uint32_t)between(draw, DATAGRAM_BYTES_MIN, DATAGRAM_BYTES_IPV4) + LINK_DATAGRAM_OVERHEAD;
    break;
  case TROUBLE_QUEUE:
    link->queue_bytes = between(draw, 4, 40) * 1500;
    break;
  case TROUBLE_RATES:
    change_rates(draw, link);
    break;
  default:
    break;
  }
}

/* What one does to everything else. */
static void trouble_hosts(struct draw *draw, enum trouble trouble) {
  struct scenario *scenario = draw->scenario;
  switch (trouble) {
  case TROUBLE_REFUSED:
    scenario->host[below(draw, SIDES)].interface_bytes_max =
        between(draw, DATAGRAM_BYTES_MIN, DATAGRAM_BYTES_IPV4);
    break;
  case TROUBLE_NARROWER:
    scenario->narrow_at_ns = log_between(draw, 100 * NS_PER_US, 2 * NS_PER_S);
    scenario->narrow_bytes = between(draw, DATAGRAM_BYTES_MIN, DATAGRAM_BYTES_IPV4);
    break;
  case TROUBLE_REBIND:
    for (uint64_t i = 0, count = between(draw, 1, REBINDS_MAX); i < count; i++)
      scenario->rebind_at_ns[i] = log_between(draw, NS_PER_MS, 3 * NS_PER_S);
    scenario->old_address_for_ns = one_in(draw, 2) ? 0 : log_between(draw, NS_PER_MS, NS_PER_S);
    break;
  case TROUBLE_STRAYS:
    scenario->stray_every_ns = log_between(draw, 100 * NS_PER_US, 100 * NS_PER_MS);
    /* Whoever is always faster than the true path can lead a connection astray (RFC 9000 section 9.3.3). */
    scenario->strangers_race = one_in(draw, 4);
    if (scenario->strangers_race) scenario->expect = EXPECT_END;
    break;
  case TROUBLE_NAPS:
    for (enum side side = CLIENT; side < SIDES; side++)
      scenario->host[side].nap_ns = one_in(draw, 3) ? 0 : log_between(draw, 10 * NS_PER_US, 20 * NS_PER_MS);
    break;
  case TROUBLE_SLOW_DISK:
    for (enum side side = CLIENT; side < SIDES; side++) {
      scenario->talk[side].hold_ns_max = log_between(draw, NS_PER_US, 50 * NS_PER_MS);
      scenario->tree.job_ns_max[side] = log_between(draw, NS_PER_US, 50 * NS_PER_MS);
    }
    break;
  case TROUBLE_TOKENS:
    scenario->half_open_max = (uint32_t)below(draw, 2);
    break;
  default:
    break;
  }
}

static void add_trouble(struct draw *draw) {
  enum trouble trouble = (enum trouble)below(draw, TROUBLES);
  uint64_t ways = between(draw, 1, 3); /* one direction, the other, or both alike */
  struct draw again = *draw;
  for (enum way way = UP; way < WAYS; way++)
    for (unsigned i = 0; ways & (1u << way) && i < CLIENTS_MAX; i++) {
      struct draw same = again;
      trouble_link(&same, &draw->scenario->link[i][way], trouble);
    }
  prng_next(&draw->prng);
  trouble_hosts(draw, trouble);
}

/* ---- work ---- */

static void draw_talk(struct draw *draw, enum side side, uint64_t budget) {
  struct talk_plan *talk = &draw->scenario->talk[side];
  uint64_t max = log_between(draw, 1, BLOCK_BYTES_MAX);
  if (max > budget) max = budget;
  talk->block_bytes_max = (uint32_t)max;
  talk->block_bytes_min = (uint32_t)(one_in(draw, 4) ? max : between(draw, 1, max));
  uint64_t blocks = 2 * budget / (talk->block_bytes_min + talk->block_bytes_max);
  talk->blocks = (uint32_t)(one_in(draw, 10) ? 0 : between(draw, 1, blocks < 3000 ? blocks : 3000));
  talk->control_bytes = one_in(draw, 5) ? 0 : log_between(draw, 1, budget < 600000 ? budget : 600000);
  talk->pause_ns_max = one_in(draw, 4) ? log_between(draw, NS_PER_US, 100 * NS_PER_MS) : 0;
  talk->hold_ns_max = one_in(draw, 4) ? log_between(draw, NS_PER_US, 10 * NS_PER_MS) : 0;
}

static void draw_tree(struct draw *draw, uint64_t budget) {
  struct tree_plan *tree = &draw->scenario->tree;
  tree->file_bytes_max = log_between(draw, 1, budget < 2000000 ? budget : 2000000);
  tree->file_bytes_min = one_in(draw, 4) ? tree->file_bytes_max : 0;
  uint64_t files = 2 * budget / (tree->file_bytes_min + tree->file_bytes_max);
  tree->files = (uint32_t)(one_in(draw, 20) ? 0 : between(draw, 1, files < 300 ? files : 300));
  tree->folders = (uint32_t)below(draw, tree->files / 4 + 2);
  for (enum side side = CLIENT; side < SIDES; side++) {
    tree->jobs_max[side] = (uint32_t)log_between(draw, 1, 32);
    tree->job_ns_max[side] = one_in(draw, 3) ? 0 : log_between(draw, NS_PER_US, 5 * NS_PER_MS);
  }
  for (enum fate fate = FATE_FINE + 1; fate < FATES; fate++)
    if (one_in(draw, 6)) tree->fate_permille[fate] = (uint16_t)below(draw, 80);
  tree->dry_run = one_in(draw, 25);
  if (one_in(draw, 12)) tree->sink_bytes_max = log_between(draw, 1, budget);
}

/* The smallest window in which the largest block fits, or much more. */
static void draw_memory(struct draw *draw) {
  struct scenario *scenario = draw->scenario;
  for (enum side side = CLIENT; side < SIDES; side++) {
    const struct talk_plan *heard = &scenario->talk[side == CLIENT ? SERVER : CLIENT];
    uint32_t bytes_max = scenario->layer == LAYER_TRANSFER ? BLOCK_BYTES_MAX : heard->block_bytes_max;
    uint64_t least = pool_class_bytes(pool_class_of(bytes_max));
    struct host_plan *host = &scenario->host[side];
    host->window_bytes = one_in(draw, 3) ? least + below(draw, 2 * least) : 16 << 20;
    host->pool_bytes = (scenario->clients + 1) * host->window_bytes * (one_in(draw, 4) ? 1 : 4);
  }
}

static void draw_hosts(struct draw *draw) {
  struct scenario *scenario = draw->scenario;
  for (enum side side = CLIENT; side < SIDES; side++) {
    struct host_plan *host = &scenario->host[side];
    host->idle_timeout_ns = between(draw, 40, 100) * NS_PER_S;
    host->handshake_timeout_ns = between(draw, 100, 200) * NS_PER_S;
    if (one_in(draw, 6)) host->datagram_bytes_max = between(draw, DATAGRAM_BYTES_MIN, DATAGRAM_BYTES_IPV4);
    if (one_in(draw, 30)) host->datagram_bytes_max = 9000;
    if (one_in(draw, 10)) host->rate_bytes_per_s_max = log_between(draw, 20000, 20000000);
  }
}

static void draw_link(struct draw *draw) {
  const struct profile *profile = draw->profile;
  uint64_t bits[WAYS] = {profile->up_bits, profile->down_bits};
  for (enum way way = UP; way < WAYS; way++)
    for (unsigned i = 0; i < CLIENTS_MAX; i++) {
      struct link_config *link = &draw->scenario->link[i][way];
      link->rates[0].bits_per_second = bits[way];
      link->rate_count = bits[way] > 0;
      link->delay_ns = profile->delay_ns;
      uint64_t product_bytes = bits[way] / 8 * 2 * profile->delay_ns / NS_PER_S;
      link->queue_bytes = 30000 + product_bytes * between(draw, 1, 3);
      link->packet_bytes_max = 9000;
    }
}

/* ---- ends that come too early ---- */

static void draw_early_end(struct draw *draw) {
  struct scenario *scenario = draw->scenario;
  scenario->expect = EXPECT_END;
  scenario->stray_every_ns = 0; /* copies would come through where nothing else does */
  for (enum side side = CLIENT; side < SIDES; side++) {
    scenario->host[side].idle_timeout_ns = log_between(draw, 500 * NS_PER_MS, 30 * NS_PER_S);
    scenario->host[side].handshake_timeout_ns = log_between(draw, 500 * NS_PER_MS, 30 * NS_PER_S);
  }
  uint64_t at_ns = log_between(draw, NS_PER_US, 3 * NS_PER_S);
  switch (below(draw, 4)) {
  case 0:
    scenario->dier = (enum side)below(draw, SIDES);
    scenario->die_at_ns = at_ns;
    break;
  case 1:
    scenario->closer = (enum side[]){CLIENT, SERVER, BOTH}[below(draw, 3)];
    scenario->close_at_ns = at_ns;
    break;
  case 2: /* one direction goes dead, or never was alive */
    for (unsigned i = 0, way = (unsigned)below(draw, WAYS); i < CLIENTS_MAX; i++) {
      scenario->link[i][way].blackouts[0] = (struct link_blackout){one_in(draw, 3) ? 0 : at_ns, TIME_NEVER};
      scenario->link[i][way].blackout_count = 1;
    }
    break;
  default: /* may or may not outlast the patience */
    for (unsigned i = 0; i < CLIENTS_MAX; i++)
      for (enum way way = UP; way < WAYS; way++)
        add_blackout(draw, &scenario->link[i][way], 60 * NS_PER_S);
    break;
  }
}

void scenario_draw(struct scenario *scenario, uint64_t seed, enum layer layer) {
  struct draw draw = {.scenario = scenario};
  prng_seed(&draw.prng, content_seed(seed, 's', layer));
  scenario_init(scenario, seed, layer);
  draw.profile = &profiles[below(&draw, sizeof(profiles) / sizeof(profiles[0]))];
  scenario->start_ns = log_between(&draw, 1, 1ull << 55);
  scenario->clients = one_in(&draw, 6) ? (unsigned)between(&draw, 2, CLIENTS_MAX) : 1;
  scenario->client_apart_ns = one_in(&draw, 2) ? 0 : log_between(&draw, NS_PER_US, NS_PER_S);
  draw_link(&draw);
  draw_hosts(&draw);
  uint64_t most = draw.profile->budget_bytes / scenario->clients;
  uint64_t budget = one_in(&draw, 60) && draw.profile->is_fast ? 8 * most : log_between(&draw, 100, most);
  draw_talk(&draw, CLIENT, budget);
  draw_talk(&draw, SERVER, one_in(&draw, 3) ? budget : budget / 20 + 1);
  draw_tree(&draw, budget);
  draw_memory(&draw);
  scenario->closer = layer == LAYER_TRANSFER ? NOBODY : (enum side[]){CLIENT, SERVER, BOTH}[below(&draw, 3)];
  static const uint8_t troubles_max[] = {0, 0, 1, 1, 2, 2, 2, 6};
  uint64_t max = troubles_max[below(&draw, sizeof(troubles_max))];
  for (uint64_t i = 0; i < max; i++)
    add_trouble(&draw);
  /* A token is good for one address only: a client that moves before it is let in stays outside. */
  for (unsigned i = 0; scenario->half_open_max < 2 && i < REBINDS_MAX; i++)
    if (scenario->rebind_at_ns[i] > 0) scenario->rebind_at_ns[i] += 10 * NS_PER_S;
  if (layer == LAYER_TRANSFER && one_in(&draw, 30)) {
    scenario->mended_permille = (uint32_t)between(&draw, 1, 100);
    scenario->expect = EXPECT_END;
  }
  if (one_in(&draw, 40)) {
    scenario->conns_max = 1;
    scenario->expect = EXPECT_END;
  }
  scenario->is_clean = max == 0 && draw.profile->is_fast;
  if (one_in(&draw, 8)) draw_early_end(&draw);
  for (int side = 0; side < SIDES; side++)
    scenario->host[side].key_packets = one_in(&draw, 2) ? 0 : log_between(&draw, 1, 10000);
  scenario_set_limits(scenario);
}
