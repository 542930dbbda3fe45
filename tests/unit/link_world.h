/* link_world: two ends in simulated time over a link with a rate, a delay, a queue, a largest datagram and
 * dark times. The client has always something to send unless told otherwise. Include after unit.h. */
#ifndef LINK_WORLD_H
#define LINK_WORLD_H

#include "link_lane.h"
#include "plain/plain.h"
#include "transport/conn.h"

#include <stdlib.h>

enum { SENT_LOG_MAX = 1 << 18, LINK_BLOCK_BYTES = 200000 };
#define MBIT (1000000 / 8)

/* What went out at the client, for sums over windows. */
struct sent_log {
  uint64_t at_ns[SENT_LOG_MAX];
  uint32_t size[SENT_LOG_MAX];
  unsigned count;
};

static struct link {
  uint64_t now_ns;
  struct conn *client, *server;
  struct lane up, down; /* to the server, to the client */
  struct address client_address;
  struct pool *pool;
  uint64_t blocks_left; /* still to be queued */
  uint64_t blocks_acked, blocks_received;
  bool client_is_away, server_is_away; /* stopped: what arrives waits in the lane */
  unsigned closed;
  uint64_t first_passed_ns; /* after a dark time: when the first datagram reached the server */
  struct sent_log log;
} link_;

static const struct address link_home = {.size = 4, .bytes = {1}}, link_away = {.size = 4, .bytes = {9}},
                            link_server = {.size = 4, .bytes = {2}};

struct link_setup {
  uint64_t rate, rtt_ns, queue_bytes; /* queue 0: one round trip's bytes, at least 100 datagrams */
  enum congestion_kind congestion;
  uint64_t rate_max;
  size_t datagram_bytes_max; /* 0: 1472 */
  uint64_t idle_timeout_ns;  /* 0: 30 s */
};

static inline struct conn *link_conn(const struct link_setup *setup, enum crypto_role role) {
  bool is_client = role == ROLE_CLIENT;
  struct conn_config config = {
      .role = role,
      .crypto = crypto_plain_new(role),
      .pool = link_.pool,
      .local_cid = {{is_client ? 0xc : 0x5, 1}},
      .peer_cid = {{is_client ? 0x1 : 0xc, 1}},
      .original_cid = {{0x1, 1}},
      .initial_cid = {{0x1, 1}},
      .peer = is_client ? link_server : link_home,
      .window_bytes = 32 << 20,
      .protection = PROTECT_CHECKSUM,
      .datagram_bytes_max = setup->datagram_bytes_max ? setup->datagram_bytes_max : DATAGRAM_BYTES_IPV4,
      .idle_timeout_ns = setup->idle_timeout_ns ? setup->idle_timeout_ns : 30 * NS_PER_S,
      .handshake_timeout_ns = 10 * NS_PER_S,
      .congestion = setup->congestion,
      .rate_bytes_per_s_max = is_client ? setup->rate_max : 0,
      .seed = 7};
  return conn_new(&config, link_.now_ns);
}

static inline void link_drain(struct conn *conn, struct lane *lane, bool is_client) {
  static uint8_t bytes[DATAGRAM_BYTES_MAX];
  struct address to;
  size_t size;
  while ((size = conn_next_datagram(conn, link_.now_ns, bytes, sizeof bytes, &to)) > 0) {
    if (is_client && link_.log.count < SENT_LOG_MAX) {
      link_.log.at_ns[link_.log.count] = link_.now_ns;
      link_.log.size[link_.log.count++] = (uint32_t)size;
    }
    bool reaches = is_client || address_equal(&to, &link_.client_address);
    if (reaches) lane_put(lane, link_.now_ns, is_client ? &link_.client_address : &link_server, bytes, size);
  }
}

static inline void link_events(struct conn *conn) {
  struct conn_event event;
  uint8_t bytes[1000];
  while (conn_next_event(conn, &event)) {
    if (event.type == CONN_EVENT_BLOCK_ACKED) link_.blocks_acked++;
    if (event.type == CONN_EVENT_CONTROL)
      while (conn_read(conn, bytes, sizeof bytes) > 0)
        continue;
    if (event.type == CONN_EVENT_BLOCK_RECEIVED) {
      link_.blocks_received++;
      conn_release_block(conn, event.block.bytes, event.block.size_class);
    }
    if (event.type == CONN_EVENT_CLOSED) link_.closed++;
  }
}

static inline void link_feed(void) {
  static const uint8_t block[LINK_BLOCK_BYTES];
  while (link_.blocks_left > 0 && conn_send_block(link_.client, block, sizeof block, NULL) == 0)
    link_.blocks_left--;
}

static inline void link_turn(struct conn *conn, struct lane *in, struct lane *out, bool is_client) {
  for (; in->head != in->tail && in->ring[in->head % LANE_MAX].at_ns <= link_.now_ns; in->head++) {
    struct lane_datagram *datagram = &in->ring[in->head % LANE_MAX];
    if (!is_client && link_.first_passed_ns == 0 && datagram->at_ns > in->dark_until_ns)
      link_.first_passed_ns = datagram->at_ns;
    conn_on_datagram(conn, link_.now_ns, &datagram->from, datagram->bytes, datagram->size);
  }
  if (link_.now_ns >= conn_next_timeout(conn)) conn_on_timeout(conn, link_.now_ns);
  link_events(conn);
  if (is_client) link_feed();
  link_drain(conn, out, is_client);
}

static inline void link_run_until(uint64_t end_ns) {
  while (link_.now_ns < end_ns) {
    uint64_t next_ns = end_ns;
    if (!link_.client_is_away) link_turn(link_.client, &link_.down, &link_.up, true);
    if (!link_.server_is_away) link_turn(link_.server, &link_.up, &link_.down, false);
    const uint64_t wakes[] = {link_.server_is_away ? TIME_NEVER : lane_next(&link_.up),
                              link_.client_is_away ? TIME_NEVER : lane_next(&link_.down),
                              link_.client_is_away ? TIME_NEVER : conn_next_timeout(link_.client),
                              link_.server_is_away ? TIME_NEVER : conn_next_timeout(link_.server)};
    for (int i = 0; i < 4; i++)
      if (wakes[i] < next_ns) next_ns = wakes[i];
    link_.now_ns = next_ns > link_.now_ns ? next_ns : link_.now_ns + 1000;
  }
  conn_check(link_.client);
  conn_check(link_.server);
}

static inline void link_run(uint64_t span_ns) { link_run_until(link_.now_ns + span_ns); }

static inline void link_begin(const struct link_setup *setup) {
  struct lane_datagram *up = link_.up.ring, *down = link_.down.ring; /* kept for all cases */
  memset(&link_, 0, sizeof link_);
  link_.up.ring = up ? up : calloc(LANE_MAX, sizeof *up);
  link_.down.ring = down ? down : calloc(LANE_MAX, sizeof *down);
  link_.now_ns = NS_PER_S;
  link_.up.delay_ns = link_.down.delay_ns = setup->rtt_ns / 2;
  link_.client_address = link_home;
  uint64_t bdp = setup->rate / 1000000 * setup->rtt_ns / 1000;
  uint64_t queue = setup->queue_bytes ? setup->queue_bytes : bdp > 150000 ? bdp : 150000;
  link_.up.rate = link_.down.rate = setup->rate;
  link_.up.queue_bytes = link_.down.queue_bytes = queue;
  link_.pool = pool_new(64 << 20);
  link_.client = link_conn(setup, ROLE_CLIENT);
  link_.server = link_conn(setup, ROLE_SERVER);
  link_run(setup->rtt_ns * 3 + NS_PER_MS);
  assert(link_.client->state == CONN_ESTABLISHED);
}

static inline void link_end(void) {
  conn_free(link_.client);
  conn_free(link_.server);
  pool_free(link_.pool);
}

/* Both ways, from now on. */
static inline void link_darken(uint64_t for_ns) {
  link_.up.dark_from_ns = link_.down.dark_from_ns = link_.now_ns;
  link_.up.dark_until_ns = link_.down.dark_until_ns = link_.now_ns + for_ns;
  link_.first_passed_ns = 0;
}

/* Payload that has reached the server so far, whether or not its block is whole. */
static inline uint64_t link_received(void) {
  struct conn_stats stats;
  conn_get_stats(link_.server, &stats);
  return stats.bytes_received;
}

/* Share of the link's rate over the next so long. */
static inline double link_share(uint64_t span_ns) {
  uint64_t before = link_received();
  link_run(span_ns);
  return (double)(link_received() - before) * 1e9 / (double)span_ns / (double)link_.up.rate;
}

#endif
