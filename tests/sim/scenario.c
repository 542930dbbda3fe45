/* scenario: see scenario.h. A draw takes a link as one meets them, adds some troubles to it, and gives it
 * work that fits: many small runs find more than few large ones. */
#include "scenario.h"

#include "content.h"
#include "udpcp/wire.h"

#include <string.h>

enum { IP_OVERHEAD = LINK_DATAGRAM_OVERHEAD };

void scenario_set_links(struct scenario *scenario, const struct link_config *link) {
  for (unsigned i = 0; i < CLIENTS_MAX; i++)
    for (enum way way = UP; way < WAYS; way++)
      scenario->link[i][way] = *link;
}

void scenario_init(struct scenario *scenario, uint64_t seed, enum layer layer) {
  struct link_config link = {
      .framing = LINK_DATAGRAMS,
      .rates = {{0, 1000000000}},
      .rate_count = 1,
      .delay_ns = 200 * NS_PER_US,
      .queue_bytes = 8 << 20,
      .packet_bytes_max = DATAGRAM_BYTES_IPV4,
  };
  struct host_plan host = {
      .window_bytes = 16 << 20,
      .pool_bytes = 64 << 20,
      .datagram_bytes_max = DATAGRAM_BYTES_IPV4,
      .idle_timeout_ns = 30 * NS_PER_S,
      .handshake_timeout_ns = 10 * NS_PER_S,
  };
  struct talk_plan talk = {
      .blocks = 20, .block_bytes_min = 1, .block_bytes_max = BLOCK_BYTES_MAX, .control_bytes = 20000};
  *scenario = (struct scenario){
      .name = "",
      .seed = seed,
      .layer = layer,
      .clients = 1,
      .start_ns = 1000 * NS_PER_S,
      .host = {host, host},
      .half_open_max = 32,
      .conns_max = 64,
      .talk = {talk, talk},
      .tree = {.files = 10,
               .folders = 3,
               .file_bytes_max = 300000,
               .jobs_max = {4, 4},
               .job_ns_max = {100 * NS_PER_US, 100 * NS_PER_US},
               .source_pool_bytes = 4 << 20},
      .closer = CLIENT,
      .dier = NOBODY,
      .expect = EXPECT_COMPLETE,
  };
  scenario->talk[SERVER].blocks = 2;
  scenario_set_links(scenario, &link);
}

/* ---- limits ---- */

static uint64_t slowest_bytes_per_s(const struct scenario *scenario) {
  const struct link_config *link = &scenario->link[0][UP];
  /* Two datagrams a round trip is what a congestion window falls back to under heavy loss. */
  uint64_t round_ns = 2 * link->delay_ns + 2 * link->jitter_ns + link->reorder_hold_ns + 20 * NS_PER_MS +
                      scenario->host[CLIENT].nap_ns + scenario->host[SERVER].nap_ns;
  uint64_t slowest = 2 * DATAGRAM_BYTES_MIN * NS_PER_S / round_ns;
  for (enum way way = UP; way < WAYS; way++)
    for (size_t i = 0; i < scenario->link[0][way].rate_count; i++) {
      uint64_t rate = scenario->link[0][way].rates[i].bits_per_second / 8;
      if (rate > 0 && rate < slowest) slowest = rate;
    }
  for (enum side side = CLIENT; side < SIDES; side++) {
    uint64_t rate = scenario->host[side].rate_bytes_per_s_max;
    if (rate > 0 && rate < slowest) slowest = rate;
  }
  return slowest + 1;
}

void scenario_set_limits(struct scenario *scenario) {
  uint64_t bytes = 0, waits_ns = 0;
  for (enum side side = CLIENT; side < SIDES; side++) {
    const struct talk_plan *talk = &scenario->talk[side];
    bytes += (uint64_t)talk->blocks * (talk->block_bytes_max + 200) + 2 * talk->control_bytes;
    waits_ns += talk->blocks * talk->hold_ns_max;
    waits_ns += (talk->blocks + talk->control_bytes / 100) * talk->pause_ns_max;
    waits_ns += 4 * scenario->host[side].idle_timeout_ns + 2 * scenario->host[side].handshake_timeout_ns;
    waits_ns += (scenario->tree.files + scenario->tree.folders + 10) * 8 * scenario->tree.job_ns_max[side];
  }
  if (scenario->layer == LAYER_TRANSFER) bytes = scenario->tree.files * (scenario->tree.file_bytes_max + 500);
  bytes *= scenario->clients;
  for (size_t i = 0; i < scenario->link[0][UP].blackout_count; i++) {
    const struct link_blackout *blackout = &scenario->link[0][UP].blackouts[i];
    if (blackout->until_ns != TIME_NEVER) waits_ns += 4 * (blackout->until_ns - blackout->from_ns);
  }
  waits_ns += scenario->close_at_ns + scenario->die_at_ns + scenario->clients * scenario->client_apart_ns;
  /* Losses of a third make everything several times slower, and backing off makes it slower still. */
  double seconds =
      120 + (double)waits_ns / 1e9 + 30.0 * (double)bytes / (double)slowest_bytes_per_s(scenario);
  scenario->time_limit_ns = (uint64_t)(seconds * 1e9);
}
