/* pair: two real connections joined by a simulated link, for tests of what stands on top of them. The link
 * delays, loses and reorders by seed; time jumps from one event to the next. Include after unit.h. */
#ifndef PAIR_H
#define PAIR_H

#include "plain/plain.h"
#include "udpcp/transport.h"

#include <stdlib.h>

enum { CLIENT, SERVER, PAIR_DATAGRAMS_MAX = 4096, PAIR_POOL_BYTES = 24 << 20 };

struct pair_datagram {
  uint64_t at_ns;
  uint32_t size; /* 0: a free place */
  uint8_t to;
  uint8_t bytes[DATAGRAM_BYTES_IPV4];
};

struct pair {
  uint64_t now_ns;
  struct prng prng;
  unsigned loss_percent;
  uint64_t delay_ns, jitter_ns;
  bool is_cut;                     /* nothing is delivered any more */
  uint64_t rate_max, window_bytes; /* of the client's sending, of what the server grants */
  struct pool *pools[2];
  struct conn *conns[2];
  struct pair_datagram *datagrams;
  uint16_t order[PAIR_DATAGRAMS_MAX]; /* places of datagrams: those in flight, then the free ones */
  unsigned in_flight;
};

static const struct address pair_addresses[2] = {{.size = 4, .bytes = {1}}, {.size = 4, .bytes = {2}}};

static inline struct conn *pair_conn(const struct pair *pair, int end) {
  struct conn_config config = {.role = end == CLIENT ? ROLE_CLIENT : ROLE_SERVER,
                               .crypto = crypto_plain_new(end == CLIENT ? ROLE_CLIENT : ROLE_SERVER),
                               .pool = pair->pools[end],
                               .local_cid = {{end == CLIENT ? 0xc : 0x5, 1}},
                               .peer_cid = {{end == CLIENT ? 0x0 : 0xc, 1}},
                               .original_cid = {{0x0, 1}},
                               .initial_cid = {{0x0, 1}},
                               .peer = pair_addresses[!end],
                               .window_bytes = end == CLIENT ? 1 << 20 : pair->window_bytes,
                               .rate_bytes_per_s_max = end == CLIENT ? pair->rate_max : 0,
                               .datagram_bytes_max = DATAGRAM_BYTES_IPV4,
                               .idle_timeout_ns = 8 * NS_PER_S,
                               .protection = PROTECT_CHECKSUM,
                               .handshake_timeout_ns = 8 * NS_PER_S,
                               .seed = 7};
  return conn_new(&config, pair->now_ns);
}

/* With a limit of the client's rate (0: none) and a window of the server's. */
static inline void pair_init_with(struct pair *pair, uint64_t seed, unsigned loss_percent, uint64_t rate_max,
                                  uint64_t window_bytes) {
  *pair = (struct pair){.now_ns = NS_PER_S,
                        .loss_percent = loss_percent,
                        .delay_ns = 2 * NS_PER_MS,
                        .rate_max = rate_max,
                        .window_bytes = window_bytes};
  pair->jitter_ns = loss_percent > 0 ? NS_PER_MS : 0;
  prng_seed(&pair->prng, seed);
  pair->datagrams = calloc(PAIR_DATAGRAMS_MAX, sizeof(*pair->datagrams));
  for (unsigned i = 0; i < PAIR_DATAGRAMS_MAX; i++)
    pair->order[i] = (uint16_t)i;
  for (int end = 0; end < 2; end++) {
    pair->pools[end] = pool_new(PAIR_POOL_BYTES);
    pair->conns[end] = pair_conn(pair, end);
    CU_ASSERT_PTR_NOT_NULL_FATAL(pair->conns[end]);
  }
}

static inline void pair_init(struct pair *pair, uint64_t seed, unsigned loss_percent) {
  pair_init_with(pair, seed, loss_percent, 0, 4 << 20);
}

static inline void pair_free(struct pair *pair) {
  for (int end = 0; end < 2; end++) {
    conn_free(pair->conns[end]);
    CU_ASSERT_EQUAL(pool_bytes_used(pair->pools[end]), 0);
    pool_free(pair->pools[end]);
  }
  free(pair->datagrams);
}

/* Puts what the connections want to send on the link. */
static inline void pair_send(struct pair *pair) {
  uint8_t bytes[DATAGRAM_BYTES_IPV4];
  struct address to;
  for (int end = 0; end < 2; end++)
    for (unsigned i = 0; pair->in_flight < PAIR_DATAGRAMS_MAX; i++) {
      size_t size = conn_next_datagram(pair->conns[end], pair->now_ns, bytes, sizeof(bytes), &to);
      if (size == 0) break;
      if (pair->is_cut || prng_below(&pair->prng, 100) < pair->loss_percent) continue;
      struct pair_datagram *datagram = &pair->datagrams[pair->order[pair->in_flight++]];
      datagram->at_ns = pair->now_ns + pair->delay_ns + prng_below(&pair->prng, pair->jitter_ns + 1);
      datagram->size = (uint32_t)size;
      datagram->to = (uint8_t)!end;
      memcpy(datagram->bytes, bytes, size);
    }
}

/* Delivers what has arrived by now and lets the connections' timers run. */
static inline void pair_receive(struct pair *pair) {
  unsigned kept = 0;
  for (unsigned i = 0; i < pair->in_flight; i++) {
    struct pair_datagram *datagram = &pair->datagrams[pair->order[i]];
    if (datagram->at_ns <= pair->now_ns) {
      if (!pair->is_cut)
        conn_on_datagram(pair->conns[datagram->to], pair->now_ns, &pair_addresses[!datagram->to],
                         datagram->bytes, datagram->size);
    } else {
      uint16_t place = pair->order[kept];
      pair->order[kept++] = pair->order[i];
      pair->order[i] = place;
    }
  }
  pair->in_flight = kept;
  for (int end = 0; end < 2; end++)
    if (pair->now_ns >= conn_next_timeout(pair->conns[end])) conn_on_timeout(pair->conns[end], pair->now_ns);
}

/* When something happens next on the link or in the connections; TIME_NEVER. */
static inline uint64_t pair_next_ns(const struct pair *pair) {
  uint64_t next_ns = TIME_NEVER;
  for (unsigned i = 0; i < pair->in_flight; i++)
    if (pair->datagrams[pair->order[i]].at_ns < next_ns) next_ns = pair->datagrams[pair->order[i]].at_ns;
  for (int end = 0; end < 2; end++)
    if (conn_next_timeout(pair->conns[end]) < next_ns) next_ns = conn_next_timeout(pair->conns[end]);
  return next_ns;
}

/* Goes to `next_ns`, which is forward in any case. */
static inline void pair_advance(struct pair *pair, uint64_t next_ns) {
  pair->now_ns = next_ns > pair->now_ns && next_ns < TIME_NEVER ? next_ns : pair->now_ns + 1;
}

#endif
