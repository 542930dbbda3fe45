/* Times become shares, and shares a line that a person understands who never heard of a congestion window;
 * what an administrator wants beside it stands in parentheses. */
#include "limits_text.h"

#include <stdio.h>

#include "units.h"

enum { SHARE_MIN = 3, PERCENT = 100 }; /* what has a smaller share is not named */

static const char *const names[LIMITS] = {
    [LIMIT_ANSWERS] = "round trips",
    [LIMIT_NETWORK] = "the network",
    [LIMIT_DROPS] = "the receiver's socket buffer",
    [LIMIT_RATE_MAX] = "--bwlimit",
    [LIMIT_CREDIT] = "the receiver's window",
    [LIMIT_SOURCE] = "the sender's disk",
    [LIMIT_SINK] = "the receiver's disk",
    [LIMIT_SENDER_CPU] = "the sender's CPU",
    [LIMIT_RECEIVER_CPU] = "the receiver's CPU",
    [LIMIT_PEER] = "the network or the sender",
    [LIMIT_ASLEEP] = "this machine's sleep",
};

/* Whole percents that add up to 100: what rounding down leaves goes to the largest remainders. */
static bool percents_of(const uint64_t ns[LIMITS], unsigned percents[LIMITS]) {
  double sum = 0, rests[LIMITS];
  unsigned left = PERCENT;
  for (int i = 0; i < LIMITS; i++)
    sum += (double)ns[i];
  if (sum < 1) return false;
  for (int i = 0; i < LIMITS; i++) {
    double exact = (double)ns[i] * PERCENT / sum;
    percents[i] = (unsigned)exact;
    rests[i] = exact - percents[i];
    left -= percents[i];
  }
  for (; left > 0; left--) {
    int largest = 0;
    for (int i = 1; i < LIMITS; i++)
      if (rests[i] > rests[largest]) largest = i;
    percents[largest]++;
    rests[largest] = -1;
  }
  return true;
}

static int largest_of(const unsigned percents[LIMITS]) {
  int largest = 0;
  for (int i = 1; i < LIMITS; i++)
    if (percents[i] > percents[largest]) largest = i;
  return largest;
}

struct line {
  char *text;
  size_t used;
};

static void add(struct line *line, const char *piece) {
  int size = snprintf(line->text + line->used, LIMITS_TEXT_BYTES - line->used, "%s", piece);
  line->used += (size_t)size;
  if (line->used >= LIMITS_TEXT_BYTES) line->used = LIMITS_TEXT_BYTES - 1;
}

static void add_network(struct line *line, const struct conn_stats *stats, enum limits_detail detail) {
  char piece[256], least[UNITS_TEXT_BYTES], smoothed[UNITS_TEXT_BYTES];
  char window[UNITS_TEXT_BYTES], rate[UNITS_TEXT_BYTES];
  add(line, " (");
  add(line, stats->congestion);
  if (detail == LIMITS_NUMBERS) {
    double lost = stats->packets_sent ? (double)stats->packets_lost / (double)stats->packets_sent : 0;
    snprintf(piece, sizeof piece, ": round trip %s, at least %s; %.2f%% lost; window %s, pace %s",
             ms_text(stats->rtt_smoothed_ns, smoothed), ms_text(stats->rtt_min_ns, least), PERCENT * lost,
             size_text(stats->window_bytes, window), rate_text(stats->rate_bytes_per_s, rate));
    add(line, piece);
  }
  add(line, ")");
}

static void add_drops(struct line *line, uint64_t drops, const char *side) {
  char piece[128];
  snprintf(piece, sizeof piece, "; the %s's socket overflowed %llu time%s (net.core.rmem_max)", side,
           (unsigned long long)drops, drops == 1 ? "" : "s");
  if (drops > 0) add(line, piece);
}

const char *limits_text(const struct held_up *held, const struct conn_stats *stats, enum limits_detail detail,
                        char text[LIMITS_TEXT_BYTES]) {
  unsigned percents[LIMITS], named = 0;
  struct line line = {.text = text};
  char piece[96];
  if (!percents_of(held->ns, percents)) return NULL;
  for (int i; percents[i = largest_of(percents)] >= SHARE_MIN; percents[i] = 0) {
    snprintf(piece, sizeof piece, "%s%s %u%%", named ? ", " : "limited by ", names[i], percents[i]);
    add(&line, piece);
    named += percents[i];
    if (i == LIMIT_NETWORK) add_network(&line, stats, detail);
  }
  if (named < PERCENT) {
    snprintf(piece, sizeof piece, ", the rest %u%%", PERCENT - named);
    add(&line, piece);
  }
  add_drops(&line, held->drops, "receiver");
  if (detail == LIMITS_NUMBERS) add_drops(&line, held->sender_drops, "sender");
  return text;
}
