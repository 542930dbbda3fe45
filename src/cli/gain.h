/* gain: whether dividing work among threads pays just now. */
#ifndef CLI_GAIN_H
#define CLI_GAIN_H

#include "udpcp/base.h"

enum { GAIN_SAMPLES = 8 };

/* All zeros is the beginning. */
struct gain {
  enum { GAIN_ALONE, GAIN_TRIAL, GAIN_SHARED } way; /* in which work is done for now */
  uint32_t left;                                    /* batches until that is thought over; 0: not begun */
  uint32_t keep, pause;                             /* the last span of dividing, of doing without */
  uint32_t seen[2];                                 /* batches: alone, shared */
  uint64_t byte_ps[2][GAIN_SAMPLES];                /* what a byte took in the latest of them */
};

/* Whether the next batch is to be done by all threads. */
bool gain_wants(const struct gain *gain);
/* It was done so, and took that long. */
void gain_note(struct gain *gain, size_t bytes, uint64_t ns);

#endif
