/* silence: what a time without any answer was - a path that was dark, or congestion (proto/transport.md
 * section 5.3).
 *
 * Once two probe timeouts in a row had no answer, losses are not judged until an acknowledgement shows the
 * round trip of the path as it is now. When that is what it was without a queue, nothing was congested: what
 * was sent into the dark is sent again, and window and rate are what they were. */
#ifndef TRANSPORT_SILENCE_H
#define TRANSPORT_SILENCE_H

#include "transport/rtt.h"

enum { SILENCE_PROBES = 2 };

struct silence {
  bool is_open;          /* not judged yet */
  uint64_t since_ns;     /* the peer was heard last */
  uint64_t resumed;      /* the packet number that was next when it was heard again; UINT64_MAX: it was not */
  uint64_t void_below;   /* the loss of a packet below this number says nothing about the path */
  uint64_t bytes_lost;   /* found while not judged */
  uint64_t largest_lost; /* packet number */
};

enum silence_verdict {
  SILENCE_NONE,      /* there was none */
  SILENCE_UNKNOWN,   /* the sample is of a packet sent before or during it, and waited with it: not to be used
                      */
  SILENCE_DARK,      /* the path was gone and is back as it was */
  SILENCE_CONGESTED, /* it is back with a queue, or it is another one */
};

void silence_on_probe_timeout(struct silence *silence, uint32_t probe_count, uint64_t heard_ns);
/* Whether the loss of that packet is to be kept from the congestion controller. */
bool silence_is_void(const struct silence *silence, uint64_t number);
/* A loss that is not judged yet. */
void silence_on_lost(struct silence *silence, uint64_t number, size_t size);
/* Packet `number`, the largest acknowledged, was on its way and back for `sample_ns`; `next` will be sent
 * next. `rtt` as it was before the sample. */
enum silence_verdict silence_on_sample(struct silence *silence, const struct rtt *rtt, uint64_t sample_ns,
                                       uint64_t number, uint64_t next);

#endif
