/* lanes_flow: two ends in simulated time that pass whole batches of datagrams; with a crew each batch is
 * sealed and opened by all of its threads. What was on the way is summed up, so that two runs can be
 * compared to the bit. Include after unit.h. */
#ifndef LANES_FLOW_H
#define LANES_FLOW_H

#include "plain/plain.h"
#include "transport/conn.h"
#include "transport/lanes.h"
#include "udpcp/io.h"
#include "udpcp/lanes.h"

#include <stdlib.h>

enum { CLIENT, SERVER, BATCH_MAX = 200, FLOW_BLOCK_BYTES = 100000, BLOCKS_AT_ONCE = 20 };

struct flow {
  uint64_t now_ns;
  struct crew *crew; /* NULL: every packet is sealed and opened in its turn */
  struct conn *conns[2];
  struct pool *pool;
  struct tls_config tls[2];
  unsigned damage; /* of so many datagrams one is damaged, one forged and one comes twice; 0: none */
  unsigned damaged, forged, repeated;
  unsigned sent, acked, received, wrong; /* blocks */
  unsigned established, divided;         /* divided: packets sealed or opened by the crew */
  uint64_t digest;                       /* of every datagram, in order */
  struct prng prng;
  struct seals seals;
  struct openings openings;
  size_t count, sizes[2 * BATCH_MAX];
  uint8_t bytes[2 * BATCH_MAX][DATAGRAM_BYTES_IPV4];
};

static const struct address flow_addresses[2] = {{.size = 4, .bytes = {1}}, {.size = 4, .bytes = {2}}};
static const struct shared_key flow_key = {{7, 7, 7}};
static uint8_t flow_block[FLOW_BLOCK_BYTES];

/* suite PROTECT_CHECKSUM: without TLS, the same in every run. */
static inline void flow_init(struct flow *flow, enum protection_suite suite, struct crew *crew,
                             uint64_t key_packets) {
  memset(flow, 0, sizeof(*flow));
  flow->now_ns = NS_PER_S;
  flow->crew = crew;
  flow->pool = pool_new(64 << 20);
  prng_seed(&flow->prng, 5);
  for (size_t i = 0; i < FLOW_BLOCK_BYTES; i++)
    flow_block[i] = (uint8_t)(i * 7 + i / 251);
  for (int end = 0; end < 2; end++) {
    flow->tls[end] = (struct tls_config){.shared = &flow_key, .lanes = crew ? crew_lanes(crew) : 1};
    struct conn_config config = {.role = end == CLIENT ? ROLE_CLIENT : ROLE_SERVER,
                                 .pool = flow->pool,
                                 .local_cid = {{end == CLIENT ? 0xc : 0x5, 1}},
                                 .peer_cid = {{end == CLIENT ? 0x1 : 0xc, 1}},
                                 .original_cid = {{0x1, 1}},
                                 .initial_cid = {{0x1, 1}},
                                 .peer = flow_addresses[!end],
                                 .window_bytes = 16 << 20,
                                 .protection = suite == PROTECT_CHECKSUM ? suite : PROTECT_AEAD | suite,
                                 .datagram_bytes_max = DATAGRAM_BYTES_IPV4,
                                 .idle_timeout_ns = 60 * NS_PER_S,
                                 .handshake_timeout_ns = 10 * NS_PER_S,
                                 .key_packets = key_packets,
                                 .seed = 7};
    config.crypto = suite == PROTECT_CHECKSUM ? crypto_plain_new(config.role)
                                              : crypto_tls_new(config.role, &flow->tls[end]);
    if (end == SERVER)
      config.crypto.ops->set_initial_id(config.crypto.state, config.initial_cid.bytes, CID_BYTES);
    flow->conns[end] = conn_new(&config, flow->now_ns);
    CU_ASSERT_PTR_NOT_NULL_FATAL(flow->conns[end]);
  }
}

static inline void flow_free(struct flow *flow) {
  for (int end = 0; end < 2; end++)
    conn_free(flow->conns[end]);
  pool_free(flow->pool);
}

/* ---- out ---- */

static inline void flow_seal(struct flow *flow) {
  flow->divided += (unsigned)flow->seals.count;
  crew_run(flow->crew, flow->seals.count, 3, seals_run, &flow->seals);
  flow->seals.count = flow->seals.bytes = 0;
}

/* Fills a batch. */
static inline void flow_take(struct flow *flow, int end) {
  struct conn *conn = flow->conns[end];
  struct address to;
  size_t size;
  flow->count = 0;
  if (flow->crew) conn_seal_later(conn, &flow->seals);
  while (flow->count < BATCH_MAX && (size = conn_next_datagram(conn, flow->now_ns, flow->bytes[flow->count],
                                                               DATAGRAM_BYTES_IPV4, &to)) > 0)
    flow->sizes[flow->count++] = size;
  if (flow->crew) {
    flow_seal(flow);
    conn_seal_later(conn, NULL);
  }
  for (size_t i = 0; i < flow->count; i++)
    flow->digest = hash_64(flow->bytes[i], flow->sizes[i]) + 31 * flow->digest;
}

/* ---- on the way ---- */

static inline void flow_add(struct flow *flow, size_t original, size_t flip) {
  memcpy(flow->bytes[flow->count], flow->bytes[original], flow->sizes[original]);
  flow->bytes[flow->count][flip] ^= flip > 0 ? 0x10 : 0;
  flow->sizes[flow->count++] = flow->sizes[original];
}

/* Only DATA packets: their marks and lengths are kept, so that every one of the changed is refused. */
static inline void flow_harm(struct flow *flow) {
  size_t count = flow->count;
  unsigned damage = flow->established == 2 ? flow->damage : 0;
  for (size_t i = 0; damage > 0 && i < count; i++) {
    uint64_t what = prng_next(&flow->prng) % damage;
    if (flow->bytes[i][0] & 0x80 || flow->sizes[i] < 30 || flow->count == 2 * BATCH_MAX || what > 2) continue;
    if (what == 0) { /* the copy comes whole, behind the others, in place of what is damaged here */
      flow_add(flow, i, 0);
      flow->bytes[i][flow->sizes[i] - 1 - prng_next(&flow->prng) % 8] ^= 1;
      flow->damaged++;
    } else if (what == 1) {
      flow_add(flow, i, 12); /* another packet number */
      flow->forged++;
    } else {
      flow_add(flow, i, 0);
      flow->repeated++;
    }
  }
}

/* ---- in ---- */

static inline struct conn *flow_find(void *context, const struct cid *id) {
  struct flow *flow = context;
  for (int end = 0; end < 2; end++)
    if (cid_equal(&flow->conns[end]->local_cid, id)) return flow->conns[end];
  return NULL;
}

static inline void flow_give(struct flow *flow, int end) {
  const struct address *from = &flow_addresses[!end];
  for (size_t i = 0; flow->crew && i < flow->count; i++)
    openings_add(&flow->openings, from, flow->bytes[i], flow->sizes[i], flow_find, flow);
  if (flow->crew) crew_run(flow->crew, flow->openings.count, 3, openings_run, &flow->openings);
  for (size_t i = 0; i < flow->count; i++) {
    openings_take(&flow->openings, i);
    flow->divided += flow->openings.taken && flow->openings.taken->conn;
    conn_on_datagram(flow->conns[end], flow->now_ns, from, flow->bytes[i], flow->sizes[i]);
  }
  openings_clear(&flow->openings);
}

static inline void flow_events(struct flow *flow, int end) {
  struct conn_event event;
  while (conn_next_event(flow->conns[end], &event)) {
    flow->established += event.type == CONN_EVENT_ESTABLISHED;
    flow->acked += event.type == CONN_EVENT_BLOCK_ACKED;
    flow->wrong += event.type == CONN_EVENT_CLOSED;
    if (event.type != CONN_EVENT_BLOCK_RECEIVED) continue;
    flow->received++;
    flow->wrong +=
        event.block.size != FLOW_BLOCK_BYTES || memcmp(event.block.bytes, flow_block, FLOW_BLOCK_BYTES) != 0;
    conn_release_block(flow->conns[end], event.block.bytes, event.block.size_class);
  }
}

/* Until so many blocks have been acknowledged, a batch a millisecond at most. */
static inline void flow_run(struct flow *flow, unsigned blocks, uint64_t limit_ns) {
  uint64_t until_ns = flow->now_ns + limit_ns;
  while (flow->acked < blocks && flow->now_ns < until_ns) {
    while (flow->established > 0 && flow->sent < blocks && flow->sent - flow->acked < BLOCKS_AT_ONCE &&
           conn_send_block(flow->conns[CLIENT], flow_block, FLOW_BLOCK_BYTES, NULL) == 0)
      flow->sent++;
    for (int end = 0; end < 2; end++)
      if (flow->now_ns >= conn_next_timeout(flow->conns[end]))
        conn_on_timeout(flow->conns[end], flow->now_ns);
    for (int end = 0; end < 2; end++) {
      flow_take(flow, end);
      flow_harm(flow);
      flow_give(flow, !end);
      flow_events(flow, !end);
    }
    flow->now_ns += NS_PER_MS;
  }
}

#endif
