/* What counts is the rate of the last millisecond or so: below BYTES_A_MS a nap would gather two or three
 * datagrams, which is not worth making the sender wait; and trains are batches already. Who sends hears many
 * acknowledgements, but they are small. */
#include "nap.h"

#include "udpcp/base.h"

#define NAP_NS (50 * NS_PER_US) /* the kernel adds its timer slack, 50 us by default */
#define NAP_NS_MIN (10 * NS_PER_US)
#define COUNT_NS NS_PER_MS
#define OLD_NS (4 * COUNT_NS) /* a count over longer than that says nothing about now */
enum {
  BYTES_A_MS = 60000, /* 0.5 Gbit/s */
  DATAGRAMS_A_TRAIN = 4,
};

void nap_on_received(struct nap *nap, size_t bytes, size_t datagrams, size_t trains) {
  nap->bytes += bytes;
  nap->datagrams += datagrams;
  nap->trains += trains;
}

uint64_t nap_ns(struct nap *nap, uint64_t now_ns, uint64_t deadline_ns) {
  uint64_t counted_ns = now_ns > nap->since_ns ? now_ns - nap->since_ns : 0;
  if (counted_ns >= COUNT_NS) {
    bool is_fast = nap->bytes >= counted_ns / 1000 * (BYTES_A_MS / 1000);
    bool is_single = nap->datagrams < nap->trains * DATAGRAMS_A_TRAIN;
    nap->is_on = counted_ns < OLD_NS && is_fast && is_single;
    nap->since_ns = now_ns;
    nap->bytes = nap->datagrams = nap->trains = 0;
  }
  if (!nap->is_on || deadline_ns < now_ns + NAP_NS_MIN) return 0;
  return deadline_ns < now_ns + NAP_NS ? deadline_ns - now_ns : NAP_NS;
}
