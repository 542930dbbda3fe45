/* cases_tree: see cases_tree.h. */
#include "cases_tree.h"

#include "udpcp/transport.h"

static void all_troubles(struct scenario *scenario, uint16_t permille) {
  for (enum fate fate = FATE_FINE + 1; fate < FATES; fate++)
    scenario->tree.fate_permille[fate] = permille;
}

static void make_slow(struct scenario *scenario) {
  struct link_config link = scenario->link[0][UP];
  link.rates[0].bits_per_second = 50000000;
  link.delay_ns = 20 * NS_PER_MS;
  link.queue_bytes = 200000;
  scenario_set_links(scenario, &link);
}

void case_tree(struct scenario *scenario) {
  scenario->is_clean = true;
  scenario->tree.files = 200;
  scenario->tree.folders = 20;
}

void case_tree_loss(struct scenario *scenario) {
  case_tree(scenario);
  make_slow(scenario);
  scenario->is_clean = false;
  scenario->host[CLIENT].idle_timeout_ns = scenario->host[SERVER].idle_timeout_ns = 200 * NS_PER_S;
  struct link_config link = scenario->link[0][UP];
  link.loss = 0.04;
  link.reorder = 0.02;
  link.reorder_hold_ns = 5 * NS_PER_MS;
  link.duplicate = 0.02;
  link.corrupt = 0.01;
  scenario_set_links(scenario, &link);
}

void case_tree_tiny_windows(struct scenario *scenario) {
  case_tree(scenario);
  scenario->tree.files = 60;
  for (enum side side = CLIENT; side < SIDES; side++)
    scenario->host[side].window_bytes = scenario->host[side].pool_bytes = pool_class_bytes(POOL_CLASSES - 1);
}

void case_tree_troubles(struct scenario *scenario) {
  case_tree(scenario);
  scenario->tree.files = 500;
  scenario->tree.folders = 100;
  scenario->tree.file_bytes_max = 1000000;
  all_troubles(scenario, 50);
}

void case_tree_empty_files(struct scenario *scenario) {
  case_tree(scenario);
  scenario->tree.files = 5000;
  scenario->tree.file_bytes_max = 0;
  all_troubles(scenario, 10);
}

void case_tree_empty(struct scenario *scenario) {
  case_tree(scenario);
  scenario->tree.files = scenario->tree.folders = 0;
}

void case_tree_large_file(struct scenario *scenario) {
  case_tree(scenario);
  scenario->tree.files = 1;
  scenario->tree.file_bytes_min = scenario->tree.file_bytes_max = 40000000;
}

void case_tree_disk_full(struct scenario *scenario) {
  case_tree(scenario);
  scenario->tree.sink_bytes_max = 3000000;
}

void case_tree_slow_disk(struct scenario *scenario) {
  case_tree(scenario);
  scenario->tree.job_ns_max[SERVER] = 300 * NS_PER_MS;
  scenario->tree.jobs_max[SERVER] = 1;
  scenario->host[SERVER].window_bytes = 1 << 20;
  scenario->host[CLIENT].idle_timeout_ns = 3 * NS_PER_S;
}

void case_tree_dry_run(struct scenario *scenario) {
  case_tree(scenario);
  scenario->tree.dry_run = true;
  all_troubles(scenario, 30);
}

void case_tree_mended_damage(struct scenario *scenario) {
  case_tree(scenario);
  scenario->mended_permille = 5;
  scenario->expect = EXPECT_END;
}

void case_tree_interrupted(struct scenario *scenario) {
  case_tree(scenario);
  make_slow(scenario);
  scenario->is_clean = false;
  scenario->closer = SERVER;
  scenario->close_at_ns = 500 * NS_PER_MS;
  scenario->expect = EXPECT_END;
}

void case_tree_receiver_dies(struct scenario *scenario) {
  case_tree(scenario);
  make_slow(scenario);
  scenario->is_clean = false;
  scenario->dier = SERVER;
  scenario->die_at_ns = 600 * NS_PER_MS;
  scenario->expect = EXPECT_END;
}

void case_tree_sender_dies(struct scenario *scenario) {
  case_tree_receiver_dies(scenario);
  scenario->dier = CLIENT;
}

void case_tree_four_clients(struct scenario *scenario) {
  case_tree_loss(scenario);
  scenario->clients = 4;
  scenario->tree.files = 60;
  scenario->host[SERVER].pool_bytes = 4 << 20;
}

void case_sweep_tree(struct scenario *scenario) {
  make_slow(scenario);
  scenario->tree.files = 4;
  scenario->tree.folders = 1;
  scenario->tree.file_bytes_max = 5000;
}

void case_tree_100000(struct scenario *scenario) {
  case_tree(scenario);
  scenario->is_clean = false;
  scenario->tree.files = 100000;
  scenario->tree.folders = 1000;
  scenario->tree.file_bytes_max = 40;
}
