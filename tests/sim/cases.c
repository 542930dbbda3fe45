/* cases: see cases.h. Each is the untroubled scenario with one thing changed. */
#include "cases.h"

#include "cases_tree.h"
#include "udpcp/transport.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

static struct link_config *first_link(struct scenario *scenario, enum way way) {
  return &scenario->link[0][way];
}

/* The same for every client and direction. */
static void all_links(struct scenario *scenario, struct link_config link) {
  scenario_set_links(scenario, &link);
}

static void make_slow(struct scenario *scenario) {
  struct link_config link = *first_link(scenario, UP);
  link.rates[0].bits_per_second = 50000000;
  link.delay_ns = 20 * NS_PER_MS;
  link.queue_bytes = 200000;
  all_links(scenario, link);
}

static void be_patient(struct scenario *scenario) {
  for (enum side side = CLIENT; side < SIDES; side++) {
    scenario->host[side].handshake_timeout_ns = 300 * NS_PER_S;
    scenario->host[side].idle_timeout_ns = 200 * NS_PER_S;
  }
}

static void lose(struct scenario *scenario, double loss) {
  make_slow(scenario);
  struct link_config link = *first_link(scenario, UP);
  link.loss = loss;
  all_links(scenario, link);
  be_patient(scenario);
}

static void clean_lan(struct scenario *scenario) {
  scenario->is_clean = true;
  scenario->talk[CLIENT].blocks = 100;
}

static void clean_jumbo(struct scenario *scenario) {
  clean_lan(scenario);
  struct link_config link = *first_link(scenario, UP);
  link.packet_bytes_max = DATAGRAM_BYTES_MAX;
  all_links(scenario, link);
  scenario->host[CLIENT].datagram_bytes_max = scenario->host[SERVER].datagram_bytes_max = DATAGRAM_BYTES_MAX;
}

static void loss_1(struct scenario *scenario) { lose(scenario, 0.01); }
static void loss_5(struct scenario *scenario) { lose(scenario, 0.05); }

static void loss_30(struct scenario *scenario) {
  lose(scenario, 0.3);
  scenario->talk[CLIENT].blocks = 5;
}

static void loss_bursts(struct scenario *scenario) {
  make_slow(scenario);
  struct link_config link = *first_link(scenario, UP);
  link.burst_loss = 0.05;
  link.burst_packets = 15;
  all_links(scenario, link);
  be_patient(scenario);
}

static void ack_loss_50(struct scenario *scenario) {
  make_slow(scenario);
  be_patient(scenario);
  for (unsigned i = 0; i < CLIENTS_MAX; i++)
    scenario->link[i][DOWN].loss = 0.5;
}

static void reorder_only(struct scenario *scenario) {
  make_slow(scenario);
  struct link_config link = *first_link(scenario, UP);
  link.reorder = 0.1;
  link.reorder_hold_ns = 8 * NS_PER_MS;
  all_links(scenario, link);
}

static void scatter_only(struct scenario *scenario) {
  make_slow(scenario);
  struct link_config link = *first_link(scenario, UP);
  link.jitter = LINK_JITTER_SCATTER;
  link.jitter_ns = 5 * NS_PER_MS;
  all_links(scenario, link);
}

/* Every packet of a block comes in any order: more holes than are remembered. */
static void shuffled(struct scenario *scenario) {
  struct link_config link = *first_link(scenario, UP);
  link.delay_ns = 40 * NS_PER_MS;
  link.jitter = LINK_JITTER_SCATTER;
  link.jitter_ns = 30 * NS_PER_MS;
  all_links(scenario, link);
  scenario->talk[CLIENT] = (struct talk_plan){
      .blocks = 60, .block_bytes_min = BLOCK_BYTES_MAX, .block_bytes_max = BLOCK_BYTES_MAX};
}

static void duplicate_only(struct scenario *scenario) {
  struct link_config link = *first_link(scenario, UP);
  link.duplicate = 0.5;
  all_links(scenario, link);
}

static void corrupt_only(struct scenario *scenario) {
  make_slow(scenario);
  struct link_config link = *first_link(scenario, UP);
  link.corrupt = 0.03;
  link.truncate = 0.01;
  all_links(scenario, link);
}

static void blackout_3s(struct scenario *scenario) {
  make_slow(scenario);
  struct link_config link = *first_link(scenario, UP);
  link.blackouts[0] = (struct link_blackout){200 * NS_PER_MS, 3200 * NS_PER_MS};
  link.blackout_count = 1;
  all_links(scenario, link);
}

static void blackout_for_ever(struct scenario *scenario) {
  blackout_3s(scenario);
  struct link_config link = *first_link(scenario, UP);
  link.blackouts[0].until_ns = TIME_NEVER;
  all_links(scenario, link);
  scenario->expect = EXPECT_END;
}

static void dead_way(struct scenario *scenario, enum way way) {
  first_link(scenario, way)->loss = 1;
  scenario->expect = EXPECT_END;
}

static void dead_up(struct scenario *scenario) { dead_way(scenario, UP); }
static void dead_down(struct scenario *scenario) { dead_way(scenario, DOWN); }

static void rebinding(struct scenario *scenario) {
  make_slow(scenario);
  scenario->rebind_at_ns[0] = 150 * NS_PER_MS;
  scenario->rebind_at_ns[1] = 900 * NS_PER_MS;
}

static void slow_disk(struct scenario *scenario) {
  scenario->is_clean = true;
  scenario->talk[CLIENT].blocks = 60;
  scenario->talk[CLIENT].block_bytes_min = 200000;
  scenario->talk[CLIENT].hold_ns_max = 100 * NS_PER_MS;
  scenario->host[SERVER].window_bytes = 1 << 20;
  scenario->host[SERVER].pool_bytes = 1 << 20;
}

/* Longer than the idle timeout: the receiver's disk is busy, but both ends live. */
static void disk_pause(struct scenario *scenario) {
  slow_disk(scenario);
  scenario->talk[CLIENT].hold_ns_max = 8 * NS_PER_S;
  scenario->host[CLIENT].idle_timeout_ns = 3 * NS_PER_S;
}

static void token_demanded(struct scenario *scenario) { scenario->half_open_max = 0; }

static void token_under_loss(struct scenario *scenario) {
  lose(scenario, 0.2);
  scenario->half_open_max = 0;
  scenario->talk[CLIENT].blocks = 3;
}

static void receiver_dies(struct scenario *scenario) {
  make_slow(scenario);
  scenario->dier = SERVER;
  scenario->die_at_ns = 300 * NS_PER_MS;
  scenario->expect = EXPECT_END;
}

static void sender_dies(struct scenario *scenario) {
  receiver_dies(scenario);
  scenario->dier = CLIENT;
}

static void nobody_there(struct scenario *scenario) {
  scenario->dier = SERVER;
  scenario->die_at_ns = 0;
  scenario->expect = EXPECT_END;
}

static void not_admitted(struct scenario *scenario) {
  scenario->is_refused = true;
  scenario->expect = EXPECT_END;
}

static void version_mismatch(struct scenario *scenario) {
  scenario->is_foreign = true;
  scenario->expect = EXPECT_VERSION;
}

static void four_clients(struct scenario *scenario) {
  make_slow(scenario);
  scenario->clients = 4;
  scenario->host[SERVER].pool_bytes = 2 << 20; /* of the 16 MiB each would like */
}

static void too_many_clients(struct scenario *scenario) {
  make_slow(scenario);
  scenario->clients = 4;
  scenario->conns_max = 2;
  scenario->expect = EXPECT_END;
}

/* Small enough to try the loss of each of its datagrams, the last one included. */
static void sweep(struct scenario *scenario) {
  make_slow(scenario);
  scenario->talk[CLIENT] = (struct talk_plan){
      .blocks = 2, .block_bytes_min = 5000, .block_bytes_max = 5000, .control_bytes = 1500};
  scenario->talk[SERVER] =
      (struct talk_plan){.blocks = 1, .block_bytes_min = 2000, .block_bytes_max = 2000, .control_bytes = 10};
}

static void sweep_token(struct scenario *scenario) {
  sweep(scenario);
  scenario->half_open_max = 0;
}

/* The server has the last word. */
static void sweep_server_closes(struct scenario *scenario) {
  sweep(scenario);
  scenario->closer = SERVER;
}

static void tiny_windows(struct scenario *scenario) {
  for (enum side side = CLIENT; side < SIDES; side++) {
    scenario->talk[side] = (struct talk_plan){.blocks = 300, .block_bytes_min = 1, .block_bytes_max = 1056};
    scenario->host[side].window_bytes = scenario->host[side].pool_bytes = pool_class_bytes(0);
  }
}

static void starved_pool(struct scenario *scenario) {
  scenario->clients = 4;
  scenario->host[SERVER].pool_bytes = pool_class_bytes(POOL_CLASSES - 1);
}

static void small_blocks(struct scenario *scenario) {
  scenario->talk[CLIENT] = (struct talk_plan){.blocks = 20000, .block_bytes_min = 1, .block_bytes_max = 100};
}

static void black_hole(struct scenario *scenario) {
  make_slow(scenario);
  struct link_config link = *first_link(scenario, UP);
  link.mtu = 1300 + LINK_DATAGRAM_OVERHEAD;
  all_links(scenario, link);
}

/* The path gets narrower when the larger size is in use. */
static void shrinking(struct scenario *scenario) {
  make_slow(scenario);
  scenario->narrow_at_ns = 200 * NS_PER_MS;
  scenario->narrow_bytes = 1250;
}

static void refused_sizes(struct scenario *scenario) { scenario->host[CLIENT].interface_bytes_max = 1300; }

static void strangers(struct scenario *scenario) {
  make_slow(scenario);
  scenario->stray_every_ns = NS_PER_MS;
}

static void interrupted(struct scenario *scenario) {
  make_slow(scenario);
  scenario->closer = SERVER;
  scenario->close_at_ns = 300 * NS_PER_MS;
  scenario->expect = EXPECT_END;
}

static void busy_machines(struct scenario *scenario) {
  scenario->host[CLIENT].nap_ns = 3 * NS_PER_MS;
  scenario->host[SERVER].nap_ns = 7 * NS_PER_MS;
}

static const struct {
  const char *name;
  enum layer layer;
  void (*make)(struct scenario *scenario);
  double seconds_max; /* about twice of what it takes: to find what still works, but slowly; 0: as long as it
                         likes */
} cases[] = {
    {"clean-lan", LAYER_CONN, clean_lan, 0.2},
    {"clean-jumbo", LAYER_CONN, clean_jumbo, 0.2},
    {"loss-1", LAYER_CONN, loss_1, 3},
    {"loss-5", LAYER_CONN, loss_5, 30},
    {"loss-30", LAYER_CONN, loss_30, 25},
    {"loss-bursts", LAYER_CONN, loss_bursts, 0},
    {"ack-loss-50", LAYER_CONN, ack_loss_50, 12},
    {"reorder", LAYER_CONN, reorder_only, 2},
    {"scatter", LAYER_CONN, scatter_only, 2},
    {"shuffled", LAYER_CONN, shuffled, 0},
    {"duplicate", LAYER_CONN, duplicate_only, 0.1},
    {"corrupt", LAYER_CONN, corrupt_only, 20},
    {"blackout-3s", LAYER_CONN, blackout_3s, 8},
    {"blackout-for-ever", LAYER_CONN, blackout_for_ever, 0},
    {"dead-up", LAYER_CONN, dead_up, 0},
    {"dead-down", LAYER_CONN, dead_down, 0},
    {"rebinding", LAYER_CONN, rebinding, 2},
    {"slow-disk", LAYER_CONN, slow_disk, 8},
    {"disk-pause", LAYER_CONN, disk_pause, 0},
    {"token", LAYER_CONN, token_demanded, 0.1},
    {"token-loss", LAYER_CONN, token_under_loss, 8},
    {"receiver-dies", LAYER_CONN, receiver_dies, 0},
    {"sender-dies", LAYER_CONN, sender_dies, 0},
    {"nobody-there", LAYER_CONN, nobody_there, 0},
    {"version-mismatch", LAYER_CONN, version_mismatch, 1.2},
    {"four-clients", LAYER_CONN, four_clients, 3},
    {"too-many-clients", LAYER_CONN, too_many_clients, 0},
    {"sweep-conn", LAYER_CONN, sweep, 0},
    {"sweep-token", LAYER_CONN, sweep_token, 0},
    {"sweep-server-closes", LAYER_CONN, sweep_server_closes, 0},
    {"not-admitted", LAYER_CONN, not_admitted, 0},
    {"tiny-windows", LAYER_CONN, tiny_windows, 0.5},
    {"starved-pool", LAYER_CONN, starved_pool, 0},
    {"small-blocks", LAYER_CONN, small_blocks, 0.1},
    {"black-hole", LAYER_CONN, black_hole, 2},
    {"shrinking", LAYER_CONN, shrinking, 5},
    {"refused-sizes", LAYER_CONN, refused_sizes, 0.1},
    {"strangers", LAYER_CONN, strangers, 0},
    {"interrupted", LAYER_CONN, interrupted, 0},
    {"busy-machines", LAYER_CONN, busy_machines, 0.5},
    {"tree", LAYER_TRANSFER, case_tree, 0.4},
    {"tree-loss", LAYER_TRANSFER, case_tree_loss, 0},
    {"tree-tiny-windows", LAYER_TRANSFER, case_tree_tiny_windows, 0},
    {"tree-troubles", LAYER_TRANSFER, case_tree_troubles, 2},
    {"tree-empty-files", LAYER_TRANSFER, case_tree_empty_files, 0.1},
    {"tree-empty", LAYER_TRANSFER, case_tree_empty, 0},
    {"tree-large-file", LAYER_TRANSFER, case_tree_large_file, 0.8},
    {"tree-disk-full", LAYER_TRANSFER, case_tree_disk_full, 0},
    {"tree-slow-disk", LAYER_TRANSFER, case_tree_slow_disk, 0},
    {"tree-dry-run", LAYER_TRANSFER, case_tree_dry_run, 0},
    {"tree-mended-damage", LAYER_TRANSFER, case_tree_mended_damage, 0},
    {"tree-interrupted", LAYER_TRANSFER, case_tree_interrupted, 0},
    {"tree-receiver-dies", LAYER_TRANSFER, case_tree_receiver_dies, 0},
    {"tree-sender-dies", LAYER_TRANSFER, case_tree_sender_dies, 0},
    {"tree-four-clients", LAYER_TRANSFER, case_tree_four_clients, 0},
    {"sweep-tree", LAYER_TRANSFER, case_sweep_tree, 0},
    {"tree-100000", LAYER_TRANSFER, case_tree_100000, 0.5},
};
enum { CASES = sizeof(cases) / sizeof(cases[0]) };

bool case_make(unsigned number, struct scenario *scenario) {
  if (number >= CASES) return false;
  scenario_init(scenario, 1, cases[number].layer);
  scenario->name = cases[number].name;
  cases[number].make(scenario);
  scenario_set_limits(scenario);
  if (cases[number].seconds_max > 0) scenario->time_limit_ns = (uint64_t)(cases[number].seconds_max * 1e9);
  return true;
}

void cases_list(void) {
  for (unsigned i = 0; i < CASES; i++)
    fprintf(stderr, " %s", cases[i].name);
  fprintf(stderr, "\n");
}
