/* cases_long: what only shows when much has been sent: counters beyond 32 bits, keys that wear out. */
#include "judge.h"

#include <math.h>

/* One transfer over a fast short path; its rate before and after the 4,294,967,296th byte must be the same.
 */
static void send_much(struct judge *judge, enum flow_kind kind, size_t datagram_bytes, double gigabytes,
                      double key_updates_min) {
  const double mbit = 8000, limit_s = gigabytes * 8e3 / mbit * 1.2 + 1;
  struct scene *scene = scene_new(mbit, 4, 4, 1);
  scene->config[WAY_OUT].packet_bytes_max = scene->config[WAY_BACK].packet_bytes_max = SCENE_DATAGRAM_MAX;
  struct flow *flow = scene_add(scene, kind, 0);
  flow->datagram_bytes = datagram_bytes;
  flow->source.bytes = (uint64_t)(gigabytes * 1e9);
  flow->blocks_max = 128;
  scene_run(scene, 4.2);
  scene_mark(scene);
  at_least(judge, "done", scene_run_to_end(scene, limit_s), 1);
  double end_s = floor(scene_now_s(scene) * 10) / 10, crossing_s = 0;
  for (unsigned i = 0; i < scene->ticks && crossing_s == 0; i++)
    if (scene->series[0][i] >= UINT32_MAX) crossing_s = (i + 1) * (double)SCENE_TICK_NS / 1e9;
  at_least(judge, "share before the 32nd bit", scene_share(scene, 0, 1, crossing_s - 0.2, mbit), 0.9);
  at_least(judge, "share around it", scene_share(scene, 0, crossing_s - 0.2, crossing_s + 0.2, mbit), 0.9);
  at_least(judge, "share after it", scene_share(scene, 0, crossing_s, end_s, mbit), 0.9);
  struct conn_stats own = flow_stats(flow), theirs;
  conn_get_stats(flow->server.conn, &theirs);
  double missing = (double)flow->source.bytes - (double)theirs.block_bytes_received;
  at_most(judge, "bytes that did not arrive", fabs(missing), 0);
  at_least(judge, "bytes counted as sent, of those there were",
           (double)own.block_bytes_sent / (double)flow->source.bytes, 1);
  at_most(judge, "bytes sent again", (double)own.block_bytes_resent / (double)flow->source.bytes, 0.005);
  at_most(judge, "mean queue ms from then on, of 4", scene_mean_queue_ms(scene), kind == FLOW_BBR ? 1 : 3.9);
  at_least(judge, "key updates", (double)own.key_updates, key_updates_min);
  conn_check(flow->client.conn);
  conn_check(flow->server.conn);
  scene_free(scene);
}

static void past_32_bits(struct judge *judge, enum flow_kind kind) { send_much(judge, kind, 1472, 4.8, 0); }
static void past_32_bits_jumbo(struct judge *judge, enum flow_kind kind) {
  send_much(judge, kind, 8900, 4.6, 0);
}

/* AES-GCM's limit is 2^23 packets with one key, 12.3 GB; they are renewed after half of them. */
static void past_the_key(struct judge *judge, enum flow_kind kind) { send_much(judge, kind, 1472, 13.5, 2); }

/* A short-lived key, so that it wears out a hundred times, where packets are lost and overtake each other
 * while it changes: renewed as often as is allowed (a second apart, six probe timeouts at least), and no
 * packet is refused for it. */
static void many_keys(struct judge *judge, enum flow_kind kind) {
  struct scene *scene = scene_new(20, 40, 40, 1);
  for (enum way way = WAY_OUT; way < WAYS; way++) {
    scene->config[way].loss = 0.005;
    scene->config[way].reorder = 0.02;
    scene->config[way].reorder_hold_ns = 10 * NS_PER_MS;
  }
  struct flow *flow = scene_add(scene, kind, 0);
  flow->key_packets = 1000;
  scene_run(scene, 120);
  struct conn_stats own = flow_stats(flow), theirs;
  conn_get_stats(flow->server.conn, &theirs);
  at_least(judge, "key updates", (double)own.key_updates, 75);
  at_least(judge, "key updates of the peer", (double)theirs.key_updates, 75);
  at_most(judge, "packets refused", (double)(own.packets_refused + theirs.packets_refused), 0);
  at_least(judge, "share", scene_share(scene, 0, 10, 120, 20), 0.9);
  scene_free(scene);
}

static const struct path_case cases[] = {
    PATH_CASE("past-32-bits-cubic", past_32_bits_jumbo, FLOW_CUBIC),
    PATH_CASE("past-32-bits-bbr", past_32_bits, FLOW_BBR),
    PATH_CASE("many-keys-bbr", many_keys, FLOW_BBR),
    {.name = "past-the-key-bbr", .run = past_the_key, .kind = FLOW_BBR, .is_long = true},
    {.name = "past-the-key-cubic", .run = past_the_key, .kind = FLOW_CUBIC, .is_long = true},
};

const struct case_list cases_long = PATH_CASES(cases);
