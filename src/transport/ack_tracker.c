/* ack_tracker: the receiving side's memory of packet numbers (RFC 9000 section 13.2, proto/transport.md
 * section 4).
 *
 * The interval set is what ACK frames say; the bitmap is what tells a late packet from a repeated one after
 * its interval was forgotten. Handshake spaces live briefly: they have no bitmap, forget nothing that was
 * acknowledged, and acknowledge at once. */
#include "transport/ack_tracker.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

enum { WORD_BITS = 64, BITMAP_WORDS = ACK_BITMAP_BITS / WORD_BITS };

static uint64_t *word_of(const struct ack_tracker *tracker, uint64_t number) {
  return &tracker->bitmap[number / WORD_BITS % BITMAP_WORDS];
}

static uint64_t bit_of(uint64_t number) { return 1ull << number % WORD_BITS; }

/* The ring moves on: the numbers from `first` to `last` take the place of ones that are too old now. */
static void clear_bits(struct ack_tracker *tracker, uint64_t first, uint64_t last) {
  if (last - first >= ACK_BITMAP_BITS) {
    memset(tracker->bitmap, 0, ACK_BITMAP_BITS / 8);
    return;
  }
  for (uint64_t number = first; number <= last;) {
    if (number % WORD_BITS == 0 && last - number >= WORD_BITS - 1) {
      *word_of(tracker, number) = 0;
      number += WORD_BITS;
    } else {
      *word_of(tracker, number) &= ~bit_of(number);
      number++;
    }
  }
}

int ack_tracker_init(struct ack_tracker *tracker, enum ack_memory memory) {
  *tracker = (struct ack_tracker){
      .packets_max = ACK_PACKETS_DEFAULT, .delay_max_ns = ACK_DELAY_NS_DEFAULT, .deadline_ns = TIME_NEVER};
  ranges_init(&tracker->received, tracker->storage, ACK_RANGES_MAX);
  if (memory == ACK_LONG && !(tracker->bitmap = calloc(BITMAP_WORDS, sizeof *tracker->bitmap)))
    return ERR_NO_MEMORY;
  return 0;
}

void ack_tracker_clear(struct ack_tracker *tracker) {
  free(tracker->bitmap);
  tracker->bitmap = NULL;
}

bool ack_tracker_is_duplicate(const struct ack_tracker *tracker, uint64_t number) {
  if (tracker->received.count == 0 || number > tracker->largest) return false;
  if (!tracker->bitmap)
    return number < tracker->floor || ranges_contains(&tracker->received, number, number + 1);
  if (tracker->largest - number >= ACK_BITMAP_BITS) return true;
  return *word_of(tracker, number) & bit_of(number);
}

static void remember(struct ack_tracker *tracker, uint64_t number) {
  struct ranges *received = &tracker->received;
  if (ranges_add(received, number, number + 1) == 0) return;
  /* Full: the lowest has been said most often. When this one is the lowest, the peer will send its contents
   * again. */
  if (number < received->at[0].first) return;
  tracker->floor = received->at[0].end;
  ranges_drop_lowest(received);
  int error = ranges_add(received, number, number + 1);
  assert(error == 0 && "room for one interval was just made");
}

void ack_tracker_on_packet(struct ack_tracker *tracker, uint64_t now_ns, uint64_t number, bool eliciting,
                           enum ecn_mark mark) {
  assert(number <= VARINT_MAX);
  assert(!ack_tracker_is_duplicate(tracker, number) && "the caller drops what it has seen");
  bool is_first = tracker->received.count == 0;
  bool is_next = !is_first && number == tracker->largest + 1;

  if (is_first || number > tracker->largest) {
    if (tracker->bitmap && !is_first && !is_next) clear_bits(tracker, tracker->largest + 1, number);
    tracker->largest = number;
    tracker->largest_at_ns = now_ns;
  }
  if (tracker->bitmap) *word_of(tracker, number) |= bit_of(number);
  remember(tracker, number);
  tracker->has_news = true;
  static const uint8_t places[] = {[ECN_ECT0] = ACK_ECT0, [ECN_ECT1] = ACK_ECT1, [ECN_CE] = ACK_CE};
  if (mark != ECN_NONE) tracker->ecn[places[mark]]++;

  /* RFC 9000 section 13.2.1: a gap is told of with the next packet that asks for an answer. */
  if (!is_first && !is_next && (eliciting || number == tracker->largest)) tracker->has_gap = true;
  if (!eliciting) return;
  bool is_among_first = tracker->first_packets < ACK_FIRST_PACKETS;
  tracker->first_packets += is_among_first;
  if (tracker->eliciting++ == 0)
    tracker->deadline_ns =
        now_ns < TIME_NEVER - tracker->delay_max_ns ? now_ns + tracker->delay_max_ns : TIME_NEVER - 1;
  if (is_among_first || tracker->has_gap || mark == ECN_CE || !tracker->bitmap) tracker->at_once = true;
}

bool ack_tracker_is_due(const struct ack_tracker *tracker, uint64_t now_ns) {
  if (tracker->eliciting == 0) return false;
  return tracker->at_once || tracker->eliciting >= tracker->packets_max || now_ns >= tracker->deadline_ns;
}

bool ack_tracker_has_news(const struct ack_tracker *tracker) { return tracker->has_news; }

void ack_tracker_fill(const struct ack_tracker *tracker, uint64_t now_ns, uint32_t ranges_max,
                      struct frame_ack *ack) {
  const struct ranges *received = &tracker->received;
  assert(received->count > 0 && ranges_max > 0);
  ack->delay_us = now_ns > tracker->largest_at_ns ? (now_ns - tracker->largest_at_ns) / NS_PER_US : 0;
  memcpy(ack->ecn, tracker->ecn, sizeof ack->ecn);
  ack->range_count = received->count < ranges_max ? received->count : ranges_max;
  for (uint32_t i = 0; i < ack->range_count; i++)
    ack->ranges[i] = received->at[received->count - 1 - i];
}

void ack_tracker_on_sent(struct ack_tracker *tracker) {
  tracker->eliciting = 0;
  tracker->at_once = tracker->has_gap = false;
  tracker->has_news = false;
  tracker->deadline_ns = TIME_NEVER;
}

void ack_tracker_on_acked(struct ack_tracker *tracker, uint64_t largest) {
  if (!tracker->bitmap || tracker->received.count == 0) return;
  if (largest > tracker->largest) largest = tracker->largest;
  /* The interval with the largest number stays: an ACK frame always has one to start from. */
  int error = ranges_subtract(&tracker->received, 0, largest);
  assert(error == 0 && "a cut at the bottom splits nothing");
}
