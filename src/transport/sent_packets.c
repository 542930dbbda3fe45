/* sent_packets: see the header. A packet is settled once: acknowledged, lost, or forgotten with its space;
 * the ring's tail moves past settled packets only when room is needed, so that a late acknowledgement of a
 * packet declared lost still finds it. */
#include "transport/sent_packets.h"

#include <assert.h>
#include <stdlib.h>

int sent_packets_init(struct sent_packets *sent, uint32_t capacity, uint32_t pieces_max) {
  assert(capacity > 0 && (capacity & (capacity - 1)) == 0 && pieces_max > 0);
  uint32_t lost_capacity = capacity;
  while (lost_capacity < (uint64_t)capacity * pieces_max)
    lost_capacity *= 2;
  *sent = (struct sent_packets){.mask = capacity - 1, .lost_mask = lost_capacity - 1};
  ranges_init(&sent->acked, sent->acked_storage, SENT_ACKED_RANGES_MAX);
  sent->ring = calloc(capacity, sizeof(*sent->ring));
  sent->stamps = calloc(capacity, sizeof(*sent->stamps));
  sent->lost = calloc(lost_capacity, sizeof(*sent->lost));
  if (sent->ring && sent->stamps && sent->lost) return 0;
  sent_packets_clear(sent);
  return ERR_NO_MEMORY;
}

void sent_packets_clear(struct sent_packets *sent) {
  free(sent->ring);
  free(sent->stamps);
  free(sent->lost);
  sent->ring = NULL;
  sent->stamps = NULL;
  sent->lost = NULL;
}

static struct sent_packet *at(const struct sent_packets *sent, uint64_t number) {
  return &sent->ring[number & sent->mask];
}

struct delivery_stamp *sent_packets_stamp(const struct sent_packets *sent, uint64_t number) {
  assert(number < sent->next && number >= sent->tail);
  return &sent->stamps[number & sent->mask];
}

static bool is_in_flight(const struct sent_packet *packet) {
  return packet->state == SENT_IN_FLIGHT || packet->state == SENT_MOVING || packet->state == SENT_MOVED;
}

bool sent_packets_is_full(const struct sent_packets *sent) {
  return sent->next - sent->tail > sent->mask && is_in_flight(at(sent, sent->tail));
}

bool sent_packets_have_room(struct sent_packets *sent) {
  if (sent->next - sent->tail <= sent->mask) return true;
  if (is_in_flight(at(sent, sent->tail))) return false;
  sent->tail++;
  if (sent->first < sent->tail) sent->first = sent->tail;
  return true;
}

/* Path MTU probes are in flight but weigh nothing: the window does not count them. */
static uint64_t weight(const struct sent_packet *packet) {
  return packet->flags & SENT_MTU_PROBE ? 0 : packet->size;
}

void sent_packets_add(struct sent_packets *sent, const struct sent_packet *packet) {
  bool has_room = sent_packets_have_room(sent);
  assert(has_room && "the caller asks before it builds a packet");
  struct sent_packet *slot = at(sent, sent->next++);
  *slot = *packet;
  slot->state = SENT_NOTHING;
  if (packet->flags & SENT_ELICITING) {
    slot->state = SENT_IN_FLIGHT;
    sent->bytes_in_flight += weight(packet);
    sent->eliciting_in_flight++;
    sent->last_eliciting_ns = packet->sent_ns;
  }
}

struct sent_packet *sent_packets_find(const struct sent_packets *sent, uint64_t number) {
  return number >= sent->tail && number < sent->next ? at(sent, number) : NULL;
}

void sent_packets_settle(struct sent_packets *sent, struct sent_packet *packet, enum sent_state state) {
  if (is_in_flight(packet)) {
    assert(sent->bytes_in_flight >= weight(packet) && sent->eliciting_in_flight > 0);
    sent->bytes_in_flight -= weight(packet);
    sent->eliciting_in_flight--;
  }
  /* A fragment that arrived late, whole and before any part of it went again, need not go again. */
  bool is_queued =
      packet->flags & SENT_FRAGMENT && (packet->state == SENT_LOST || packet->state == SENT_MOVING);
  if (is_queued && state == SENT_ACKED) sent->lost[packet->lost_at & sent->lost_mask].length = 0;
  packet->state = (uint16_t)state;
}

struct sent_packet *sent_packets_lowest(struct sent_packets *sent, uint64_t *number) {
  while (sent->first < sent->next && !is_in_flight(at(sent, sent->first)))
    sent->first++;
  if (sent->first == sent->next) return NULL;
  *number = sent->first;
  return at(sent, sent->first);
}

bool sent_packets_new_run(struct sent_packets *sent, uint64_t first, uint64_t end, struct range *run) {
  if (first < sent->tail) first = sent->tail;
  /* An ACK frame is asked from its top to its bottom, so each search begins where the last one ended. */
  uint32_t above = sent->acked_near < sent->acked.count ? sent->acked_near : sent->acked.count;
  while (above > 0 && sent->acked.at[above - 1].end > first)
    above--;
  while (above < sent->acked.count && sent->acked.at[above].end <= first)
    above++;
  sent->acked_near = above;
  if (above < sent->acked.count && sent->acked.at[above].first <= first) first = sent->acked.at[above++].end;
  if (first >= end) return false;
  run->first = first;
  run->end =
      above < sent->acked.count && sent->acked.at[above].first < end ? sent->acked.at[above].first : end;
  return run->first < run->end;
}

void sent_packets_remember(struct sent_packets *sent, uint64_t first, uint64_t end) {
  while (ranges_add(&sent->acked, first, end) == ERR_NO_SPACE)
    ranges_drop_lowest(&sent->acked);
  if (!sent->has_acked || end - 1 > sent->largest_acked) sent->largest_acked = end - 1;
  sent->has_acked = true;
}

void sent_packets_queue_lost(struct sent_packets *sent, uint64_t number, struct sent_packet *packet) {
  assert(sent->lost_tail - sent->lost_head <= sent->lost_mask &&
         "no more pieces than the ring's packets can be cut into");
  packet->lost_at = sent->lost_tail;
  sent->lost[sent->lost_tail++ & sent->lost_mask] = (struct lost_fragment){
      .number = number, .slot = packet->slot, .offset = packet->offset, .length = packet->length};
}

struct lost_fragment *sent_packets_next_lost(struct sent_packets *sent) {
  while (sent->lost_head < sent->lost_tail) {
    struct lost_fragment *lost = &sent->lost[sent->lost_head & sent->lost_mask];
    if (lost->length > 0) return lost;
    sent->lost_head++; /* it arrived after all */
  }
  return NULL;
}

void sent_packets_resent(struct sent_packets *sent, uint32_t length) {
  struct lost_fragment *lost = &sent->lost[sent->lost_head & sent->lost_mask];
  struct sent_packet *packet = sent_packets_find(sent, lost->number);
  /* From now on its content travels elsewhere: a late acknowledgement may no longer count it. */
  if (packet && packet->state == SENT_LOST) packet->state = SENT_RESENT;
  if (packet && packet->state == SENT_MOVING) packet->state = SENT_MOVED;
  assert(length <= lost->length);
  lost->offset += length;
  lost->length -= length;
  if (lost->length == 0) sent->lost_head++;
}

void sent_packets_check(const struct sent_packets *sent) {
  uint64_t bytes = 0;
  uint32_t eliciting = 0;
  for (uint64_t number = sent->tail; number < sent->next; number++) {
    if (!is_in_flight(at(sent, number))) continue;
    assert(number >= sent->first && "nothing below `first` is in flight");
    bytes += weight(at(sent, number));
    eliciting++;
  }
  assert(bytes == sent->bytes_in_flight && eliciting == sent->eliciting_in_flight);
  assert(sent->next - sent->tail <= (uint64_t)sent->mask + 1 && sent->lost_head <= sent->lost_tail);
}
