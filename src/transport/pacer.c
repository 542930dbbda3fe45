/* pacer: a token bucket of at most two quanta (proto/transport.md section 6, RFC 9002 section 7.7).
 *
 * Credit counts billionths of a byte: a rate in bytes a second times nanoseconds is then an exact integer,
 * and the long-run rate is exact however odd the rate and the call times are. A train starts at a whole
 * quantum and ends when less than one datagram is left; what is left counts for the next train. */
#include "transport/pacer.h"

#include <assert.h>

enum { QUANTUM_DATAGRAMS_MIN = 2 };
#define CREDIT_PER_BYTE 1000000000ll
#define RATE_BYTES_PER_S_MAX 1000000000000ull /* beyond any link; keeps products within 64 bits */

/* 1 ms of rate, or what the controller wants, but never more than 4 ms. */
static uint64_t quantum_of(uint64_t rate_bytes_per_s, uint64_t wanted, size_t datagram_bytes) {
  uint64_t bytes = wanted ? wanted : rate_bytes_per_s / 1000;
  uint64_t most = wanted ? PACER_WANTED_BYTES_MAX : PACER_QUANTUM_BYTES_MAX;
  if (bytes > rate_bytes_per_s / 250) bytes = rate_bytes_per_s / 250;
  if (bytes > most) bytes = most;
  uint64_t datagrams = bytes / datagram_bytes;
  if (datagrams < QUANTUM_DATAGRAMS_MIN) datagrams = QUANTUM_DATAGRAMS_MIN;
  return datagrams * datagram_bytes;
}

static int64_t credit_at(const struct pacer *pacer, uint64_t now_ns) {
  const int64_t full = 2 * (int64_t)pacer->quantum * CREDIT_PER_BYTE;
  if (pacer->credit >= full) return full;
  if (now_ns <= pacer->updated_ns) return pacer->credit;
  uint64_t elapsed = now_ns - pacer->updated_ns;
  if (elapsed > (uint64_t)(full - pacer->credit) / pacer->rate_bytes_per_s) return full;
  return pacer->credit + (int64_t)(elapsed * pacer->rate_bytes_per_s);
}

static void settle(struct pacer *pacer, uint64_t now_ns) {
  if (pacer->rate_bytes_per_s) pacer->credit = credit_at(pacer, now_ns);
  if (now_ns > pacer->updated_ns) pacer->updated_ns = now_ns;
}

static bool holds_datagram(const struct pacer *pacer) {
  return pacer->credit >= (int64_t)pacer->datagram_bytes * CREDIT_PER_BYTE;
}

void pacer_init(struct pacer *pacer, uint64_t now_ns, uint64_t rate_max, size_t datagram_bytes) {
  *pacer = (struct pacer){.rate_max = rate_max, .updated_ns = now_ns, .datagram_bytes = datagram_bytes};
  pacer_set_rate(pacer, now_ns, 0, datagram_bytes);
}

void pacer_set_rate(struct pacer *pacer, uint64_t now_ns, uint64_t rate_bytes_per_s, size_t datagram_bytes) {
  assert(datagram_bytes > 0);
  uint64_t rate = rate_bytes_per_s;
  if (pacer->rate_max && (rate == 0 || rate > pacer->rate_max)) rate = pacer->rate_max;
  if (rate > RATE_BYTES_PER_S_MAX) rate = RATE_BYTES_PER_S_MAX;

  settle(pacer, now_ns); /* what was earned so far was earned at the old rate */
  bool is_first = pacer->rate_bytes_per_s == 0;
  pacer->rate_bytes_per_s = rate;
  pacer->datagram_bytes = datagram_bytes;
  pacer->quantum = quantum_of(rate, pacer->quantum_wanted, datagram_bytes);
  if (is_first) {
    pacer->credit = (int64_t)pacer->quantum * CREDIT_PER_BYTE;
    pacer->in_train = false;
  } else {
    pacer->in_train = pacer->in_train && holds_datagram(pacer);
  }
}

void pacer_want_quantum(struct pacer *pacer, uint64_t bytes) { pacer->quantum_wanted = bytes; }

uint64_t pacer_next_ns(const struct pacer *pacer, uint64_t now_ns) {
  if (pacer->rate_bytes_per_s == 0 || pacer->in_train) return now_ns;
  int64_t missing = (int64_t)pacer->quantum * CREDIT_PER_BYTE - credit_at(pacer, now_ns);
  if (missing <= 0) return now_ns;
  /* Credit is as of now, or as of updated_ns when the caller's clock stands behind it. */
  uint64_t from_ns = now_ns > pacer->updated_ns ? now_ns : pacer->updated_ns;
  return from_ns + ((uint64_t)missing + pacer->rate_bytes_per_s - 1) / pacer->rate_bytes_per_s;
}

void pacer_on_sent(struct pacer *pacer, uint64_t now_ns, size_t size) {
  if (pacer->rate_bytes_per_s == 0) return;
  settle(pacer, now_ns);
  pacer->credit -= (int64_t)size * CREDIT_PER_BYTE;
  pacer->in_train = holds_datagram(pacer);
}
