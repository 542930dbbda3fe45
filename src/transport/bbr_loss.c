/* bbr_loss: loss that is not of our making.
 *
 * The draft takes more than 2% of loss while it probes for a sign of a full path, and any loss at all in
 * between for a sign that it has become narrower. On a path that loses 5% of everything, whatever is sent,
 * the first makes every probe fail and the second lowers the rate each round, until almost nothing is left.
 * But what is lost of packets sent while we send slower than the path delivers (Drain, ProbeBW_DOWN) fell
 * into no queue of ours. That share, the least of the last three measurements, is not counted against the
 * path, and so much more is sent as is lost anyway. A policer loses nothing of what stays below its rate, nor
 * does a queue that we alone fill, so there the share is 0 and all goes as in the draft. While it is measured
 * nothing is added to the rate: it cannot sustain itself.
 *
 * A measurement ends when it has seen enough losses, enough packets, or enough to be far below the share
 * believed so far: a path that has become clean is noticed at once. */
#include "transport/bbr_parts.h"

#define BACKGROUND_RATE_MAX 0.25 /* beyond that it is no path to fill */
#define PACKETS_MIN 100
#define LOST_ENOUGH_FIRST 6 /* a rough figure now is better than a good one much later */
#define LOST_ENOUGH 16
#define PACKETS_ENOUGH 4000

void bbr_background_on_gain(struct bbr *bbr, uint64_t now_ns, double pacing_gain) {
  struct bbr_background *background = &bbr->background;
  bool is_measuring = background->from_ns != BBR_NONE && background->to_ns == BBR_NONE;
  if (pacing_gain < 1 && !is_measuring) {
    background->from_ns = now_ns;
    background->to_ns = BBR_NONE;
  } else if (pacing_gain >= 1 && is_measuring) {
    background->to_ns = now_ns;
  }
}

static bool is_inside(const struct bbr_background *background, uint64_t sent_ns) {
  /* The rate changes at the end of the event, so what was sent at that very instant does not count. */
  return background->from_ns != BBR_NONE && sent_ns > background->from_ns && sent_ns <= background->to_ns;
}

void bbr_background_on_lost(struct bbr *bbr, const struct bbr_lost *lost) {
  if (is_inside(&bbr->background, lost->sent_ns)) bbr->background.lost++;
}

static void end_measurement(struct bbr *bbr) {
  struct bbr_background *background = &bbr->background;
  double before = background->rate;
  double total = background->lost + background->delivered;
  double share = background->lost / total;
  background->samples[background->next] = share;
  background->next = (background->next + 1) % BBR_BACKGROUND_SAMPLES;
  if (background->count < BBR_BACKGROUND_SAMPLES) background->count++;
  background->rate = BACKGROUND_RATE_MAX;
  for (uint32_t i = 0; i < background->count; i++)
    if (background->rate > background->samples[i]) background->rate = background->samples[i];
  background->lost = background->delivered = 0;
  /* What has pulled the short-term bounds down was this. */
  if (background->rate > before) bbr_reset_short_term(bbr);
}

void bbr_background_on_ack(struct bbr *bbr, const struct rate_sample *sample) {
  struct bbr_background *background = &bbr->background;
  if (is_inside(background, sample->sent_ns)) {
    background->delivered += (double)sample->newly_acked / (double)bbr->datagram_bytes;
    return;
  }
  if (background->from_ns == BBR_NONE || sample->sent_ns <= background->to_ns) return;
  background->from_ns = BBR_NONE; /* all that was sent in that time is settled */
  double total = background->lost + background->delivered;
  double lost_enough = background->count == 0 ? LOST_ENOUGH_FIRST : LOST_ENOUGH;
  bool is_enough = background->lost >= lost_enough || total >= PACKETS_ENOUGH;
  bool is_much_less = background->lost + 1 < background->rate / 2 * total;
  if ((total >= PACKETS_MIN && is_enough) || is_much_less) end_measurement(bbr);
}

bool bbr_is_loss_high(const struct bbr *bbr, uint64_t lost, uint64_t total) {
  double anyway = bbr->background.rate * (double)total;
  double excess = (double)lost - anyway - BBR_LOSS_THRESHOLD * (double)total;
  if (excess <= 0) return false;
  /* Two standard deviations of the packets lost anyway, in bytes. */
  return excess * excess > 4 * anyway * (double)bbr->datagram_bytes;
}
