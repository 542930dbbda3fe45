/* congestion: what every controller shares - the initial window and the datagram size (RFC 9002 section 7.2).
 */
#include "transport/congestion.h"

#include <assert.h>

enum { INITIAL_DATAGRAMS = 10, INITIAL_BYTES = 14720 };

static uint64_t initial_window(uint64_t datagram_bytes) {
  uint64_t floor = 2 * datagram_bytes > INITIAL_BYTES ? 2 * datagram_bytes : INITIAL_BYTES;
  uint64_t window = INITIAL_DATAGRAMS * datagram_bytes;
  return window < floor ? window : floor;
}

void congestion_init(struct congestion *cc, const struct congestion_ops *ops, size_t datagram_bytes) {
  assert(datagram_bytes > 0);
  *cc = (struct congestion){
      .ops = ops,
      .window = initial_window(datagram_bytes),
      .threshold = UINT64_MAX,
      .datagram_bytes = datagram_bytes,
  };
  ops->init(cc);
}

void congestion_start(struct congestion *cc, const struct congestion_ops *ops, uint64_t now_ns,
                      uint64_t smoothed_ns, uint64_t seed) {
  uint64_t window = cc->window, rate_max = cc->rate_max;
  congestion_init(cc, ops, cc->datagram_bytes);
  if (cc->window < window) cc->window = window; /* what the other one has found out */
  cc->rate_max = rate_max;
  delivery_init(&cc->delivery, now_ns);
  if (ops->start) ops->start(cc, now_ns, smoothed_ns, seed);
}

void congestion_set_datagram_bytes(struct congestion *cc, size_t datagram_bytes) {
  assert(datagram_bytes > 0);
  bool is_untouched = cc->threshold == UINT64_MAX && cc->window == initial_window(cc->datagram_bytes);
  cc->datagram_bytes = datagram_bytes;
  if (is_untouched) cc->window = initial_window(datagram_bytes);
  if (cc->window < CONGESTION_DATAGRAMS_MIN * cc->datagram_bytes)
    cc->window = CONGESTION_DATAGRAMS_MIN * cc->datagram_bytes;
  if (cc->ops->on_datagram_bytes) cc->ops->on_datagram_bytes(cc);
}
