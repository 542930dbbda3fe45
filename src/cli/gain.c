/* Threads to divide work among are of use only while there are processors for them, and others want those
 * too: the other end of a transfer within one machine, for one. Nothing tells but the time that work takes.
 * So both ways are tried in turn, and the one that takes less time a byte is kept to for much longer than the
 * trials last, the longer the oftener it has won; dividing has to win by a margin, since what it costs is for
 * others to bear too. Compared are medians: a batch during which a thread lost its processor to another takes
 * many times as long. */
#include "gain.h"

#include <assert.h>

enum {
  SPAN_BATCHES_MIN = 64, /* of the way kept to, until it is compared again */
  SPAN_BATCHES_MAX = 4096,
  PAYS_TENTHS = 9, /* of the time it takes alone */
};

bool gain_wants(const struct gain *gain) { return gain->way != GAIN_ALONE; }

static uint64_t median(const uint64_t samples[GAIN_SAMPLES]) {
  uint64_t sorted[GAIN_SAMPLES];
  for (int i = 0; i < GAIN_SAMPLES; i++) {
    int at = i;
    for (; at > 0 && sorted[at - 1] > samples[i]; at--)
      sorted[at] = sorted[at - 1];
    sorted[at] = samples[i];
  }
  return sorted[GAIN_SAMPLES / 2];
}

static uint32_t longer(uint32_t span) {
  if (span < SPAN_BATCHES_MIN) return SPAN_BATCHES_MIN;
  return span < SPAN_BATCHES_MAX ? 2 * span : SPAN_BATCHES_MAX;
}

static void think_over(struct gain *gain) {
  if (gain->way == GAIN_ALONE) {
    gain->way = GAIN_TRIAL;
    gain->left = GAIN_SAMPLES;
  } else if (gain->way == GAIN_SHARED) {
    gain->way = GAIN_ALONE;
    gain->left = GAIN_SAMPLES;
  } else if (median(gain->byte_ps[true]) * 10 <= median(gain->byte_ps[false]) * PAYS_TENTHS) {
    gain->way = GAIN_SHARED;
    gain->left = gain->keep = longer(gain->keep);
    gain->pause /= 2;
  } else {
    gain->way = GAIN_ALONE;
    gain->left = gain->pause = longer(gain->pause);
    gain->keep = 0;
  }
}

void gain_note(struct gain *gain, size_t bytes, uint64_t ns) {
  assert(bytes > 0);
  bool is_shared = gain_wants(gain);
  gain->byte_ps[is_shared][gain->seen[is_shared]++ % GAIN_SAMPLES] = ns * 1000 / bytes;
  if (gain->left == 0) gain->left = GAIN_SAMPLES;
  if (--gain->left == 0) think_over(gain);
}
