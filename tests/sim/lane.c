/* lane: see lane.h. A datagram's tag carries its note and a piece of a hash, which tells whether it came
 * through unharmed without any memory of what was sent. */
#include "lane.h"

#include "content.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

enum {
  TAG_GENERATION_MASK = 0x0f,
  TAG_HEARD = 0x10,
  TAG_CLOSING = 0x20,
  TAG_PARTNER = 0x40,
  TAG_ECT = 0x80,
  TAG_HASH_SHIFT = 8,
};

void lane_init(struct lane *lane, const struct scenario *scenario, unsigned client, enum way way,
               uint64_t start_ns) {
  const struct link_config *config = &scenario->link[client][way];
  uint64_t seed = content_seed(scenario->seed, 'l', client * WAYS + way);
  *lane = (struct lane){.link = link_new(config, seed), .scenario = scenario, .way = way};
  assert(lane->link && "out of memory");
  lane->is_first = client == 0;
  lane->may_damage = config->corrupt > 0 || config->truncate > 0;
  link_start(lane->link, start_ns);
}

static uint32_t hash_of(const struct lane *lane, const uint8_t *bytes, size_t size) {
  return lane->may_damage ? (uint32_t)content_id(bytes, size) << TAG_HASH_SHIFT : 0;
}

static bool is_to_be_dropped(const struct lane *lane, uint64_t index) {
  const struct scenario *scenario = lane->scenario;
  for (unsigned i = 0; lane->is_first && i < scenario->drop_count; i++)
    if (scenario->drops[i].way == lane->way && scenario->drops[i].index == index) return true;
  return false;
}

static enum lane_fate fate_of(const struct link_stats *before, const struct link_stats *after) {
  if (after->lost != before->lost) return LANE_LOST;
  if (after->blackout_drops != before->blackout_drops) return LANE_DARK;
  if (after->mtu_drops != before->mtu_drops) return LANE_TOO_LARGE;
  if (after->queue_drops != before->queue_drops) return LANE_QUEUE_FULL;
  if (after->truncated != before->truncated) return LANE_CUT;
  if (after->corrupted != before->corrupted) return LANE_DAMAGED;
  return LANE_PASSED;
}

enum lane_fate lane_send(struct lane *lane, uint64_t now_ns, const uint8_t *bytes, size_t size,
                         const struct lane_note *note) {
  assert(note->generation <= TAG_GENERATION_MASK);
  const struct scenario *scenario = lane->scenario;
  bool is_narrow = scenario->narrow_at_ns > 0 && now_ns >= scenario->start_ns + scenario->narrow_at_ns;
  bool is_too_large = is_narrow && size > scenario->narrow_bytes;
  if (is_to_be_dropped(lane, lane->sent++) || is_too_large) {
    lane->dropped++;
    return is_too_large ? LANE_TOO_LARGE : LANE_LOST;
  }
  uint32_t tag = note->generation | (note->has_heard ? TAG_HEARD : 0) | (note->is_closing ? TAG_CLOSING : 0) |
                 (note->is_partner ? TAG_PARTNER : 0) | (note->is_ect ? TAG_ECT : 0);
  struct link_stats before = *link_stats(lane->link);
  memcpy(link_buffer(lane->link), bytes, size);
  link_push(lane->link, now_ns, size, tag | hash_of(lane, bytes, size));
  return fate_of(&before, link_stats(lane->link));
}

uint64_t lane_next_time(const struct lane *lane) { return link_next_time(lane->link); }

bool lane_receive(struct lane *lane, uint64_t now_ns, struct arrival *arrival) {
  const struct link_packet *packet = link_pop(lane->link, now_ns);
  if (!packet) return false;
  *arrival = (struct arrival){.bytes = malloc(packet->bytes ? packet->bytes : 1), .size = packet->bytes};
  assert(arrival->bytes && "out of memory");
  memcpy(arrival->bytes, packet->data, packet->bytes);
  arrival->note.generation = packet->tag & TAG_GENERATION_MASK;
  arrival->note.has_heard = (packet->tag & TAG_HEARD) != 0;
  arrival->note.is_closing = (packet->tag & TAG_CLOSING) != 0;
  arrival->note.is_partner = (packet->tag & TAG_PARTNER) != 0;
  arrival->note.is_ect = (packet->tag & TAG_ECT) != 0;
  uint32_t hash = packet->tag >> TAG_HASH_SHIFT << TAG_HASH_SHIFT;
  arrival->is_intact = hash == hash_of(lane, packet->data, packet->bytes);
  return true;
}

uint64_t lane_losses(const struct lane *lane) {
  const struct link_stats *stats = link_stats(lane->link);
  return lane->dropped + stats->lost + stats->blackout_drops + stats->mtu_drops + stats->queue_drops +
         stats->corrupted + stats->truncated;
}

const char *lane_fate_text(enum lane_fate fate) {
  static const char *const texts[] = {"",       " (lost)",   " (blackout)", " (too large)", " (queue full)",
                                      " (cut)", " (damaged)"};
  return texts[fate];
}

void lane_clear(struct lane *lane) {
  link_free(lane->link);
  lane->link = NULL;
}
