/* stream: a reliable byte stream over pieces that may be lost, repeated and reordered (proto/transport.md
 * section 8).
 *
 * Both halves keep the bytes in a ring indexed by offset & (capacity - 1), and the rest in interval sets. The
 * sender never holds a lost piece below `acked`: that part of the ring belongs to newer bytes already. */
#include "transport/stream.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

static bool is_power_of_two(size_t value) { return value && (value & (value - 1)) == 0; }

static uint64_t min_u64(uint64_t a, uint64_t b) { return a < b ? a : b; }

/* Copies into the ring at an offset, around its end when need be. */
static void ring_put(uint8_t *ring, size_t capacity, uint64_t offset, const uint8_t *bytes, size_t size) {
  assert(size <= capacity);
  size_t at = offset & (capacity - 1);
  size_t straight = min_u64(size, capacity - at);
  if (straight) memcpy(ring + at, bytes, straight);
  if (size > straight) memcpy(ring, bytes + straight, size - straight);
}

static void ring_get(const uint8_t *ring, size_t capacity, uint64_t offset, uint8_t *bytes, size_t size) {
  assert(size <= capacity);
  size_t at = offset & (capacity - 1);
  size_t straight = min_u64(size, capacity - at);
  if (straight) memcpy(bytes, ring + at, straight);
  if (size > straight) memcpy(bytes + straight, ring, size - straight);
}

/* ---- sending half ---- */

int stream_send_init(struct stream_send *stream, size_t capacity) {
  assert(is_power_of_two(capacity));
  *stream = (struct stream_send){.capacity = capacity};
  ranges_init(&stream->acked_above, stream->acked_storage, STREAM_RANGES_MAX);
  ranges_init(&stream->lost, stream->lost_storage, STREAM_RANGES_MAX);
  stream->ring = malloc(capacity);
  return stream->ring ? 0 : ERR_NO_MEMORY;
}

void stream_send_clear(struct stream_send *stream) {
  free(stream->ring);
  stream->ring = NULL;
}

size_t stream_send_room(const struct stream_send *stream) {
  return stream->capacity - (size_t)(stream->end - stream->acked);
}

size_t stream_send_write(struct stream_send *stream, const void *bytes, size_t size) {
  size_t taken = min_u64(size, stream_send_room(stream));
  ring_put(stream->ring, stream->capacity, stream->end, bytes, taken);
  stream->end += taken;
  return taken;
}

bool stream_send_pending(const struct stream_send *stream) {
  return stream->lost.count > 0 || stream->next < stream->end;
}

size_t stream_send_next(struct stream_send *stream, size_t size_max, uint64_t *offset,
                        const uint8_t **bytes) {
  bool is_repeat = stream->lost.count > 0;
  uint64_t first = is_repeat ? stream->lost.at[0].first : stream->next;
  uint64_t end = is_repeat ? stream->lost.at[0].end : stream->end;
  size_t at = first & (stream->capacity - 1);
  size_t size = min_u64(min_u64(end - first, size_max), stream->capacity - at);
  if (size == 0) return 0;

  if (is_repeat) {
    int error = ranges_subtract(&stream->lost, first, first + size);
    assert(error == 0 && "a cut at the front splits nothing");
  } else {
    stream->next += size;
  }
  *offset = first;
  *bytes = stream->ring + at;
  return size;
}

/* Adds to the lost pieces; when they are full, what lies between this piece and its nearest neighbour as
 * well. */
static void add_lost(struct ranges *lost, uint64_t first, uint64_t end) {
  if (ranges_add(lost, first, end) == 0) return;
  uint32_t above = 0;
  while (above < lost->count && lost->at[above].first < first)
    above++;
  bool has_below = above > 0, has_above = above < lost->count;
  assert((has_below || has_above) && "a full set is not empty");
  if (has_below && (!has_above || first - lost->at[above - 1].end <= lost->at[above].first - end))
    first = lost->at[above - 1].end;
  else
    end = lost->at[above].first;
  int error = ranges_add(lost, first, end);
  assert(error == 0 && "a piece that touches another needs no new interval");
}

void stream_send_on_lost(struct stream_send *stream, uint64_t offset, size_t size) {
  assert(offset + size >= offset && offset + size <= stream->next && "only what was sent can be lost");
  uint64_t first = offset > stream->acked ? offset : stream->acked;
  uint64_t end = offset + size;
  for (uint32_t i = 0; i < stream->acked_above.count && first < end; i++) {
    const struct range *acked = &stream->acked_above.at[i];
    if (acked->end <= first) continue;
    if (acked->first >= end) break;
    if (first < acked->first) add_lost(&stream->lost, first, acked->first);
    first = acked->end;
  }
  if (first < end) add_lost(&stream->lost, first, end);
}

void stream_send_on_acked(struct stream_send *stream, uint64_t offset, size_t size) {
  uint64_t end = offset + size;
  assert(end >= offset && end <= stream->next && "only what was sent can be acknowledged");
  if (size == 0 || end <= stream->acked) return;

  if (offset <= stream->acked) {
    stream->acked = end;
  } else if (ranges_add(&stream->acked_above, offset, end) != 0) {
    /* Cannot be noted: so it must go out, and be acknowledged, once more. */
    stream_send_on_lost(stream, offset, size);
    return;
  }
  struct ranges *above = &stream->acked_above;
  while (above->count > 0 && above->at[0].first <= stream->acked) {
    if (above->at[0].end > stream->acked) stream->acked = above->at[0].end;
    ranges_drop_lowest(above);
  }
  int error = ranges_subtract(&stream->lost, 0, stream->acked);
  assert(error == 0 && "a cut at the bottom splits nothing");
  /* May fail when it would split a piece and no room is left: then a few bytes go out once more. */
  (void)ranges_subtract(&stream->lost, offset, end);
}

bool stream_send_is_flushed(const struct stream_send *stream) { return stream->acked == stream->end; }

/* ---- receiving half ---- */

int stream_recv_init(struct stream_recv *stream, size_t capacity) {
  assert(is_power_of_two(capacity));
  *stream = (struct stream_recv){.capacity = capacity};
  ranges_init(&stream->above, stream->storage, STREAM_RANGES_MAX);
  stream->ring = malloc(capacity);
  return stream->ring ? 0 : ERR_NO_MEMORY;
}

void stream_recv_clear(struct stream_recv *stream) {
  free(stream->ring);
  stream->ring = NULL;
}

int stream_recv_on_data(struct stream_recv *stream, uint64_t offset, const uint8_t *bytes, size_t size) {
  uint64_t limit = stream->consumed + stream->capacity;
  if (offset > limit || size > limit - offset) return ERR_NO_SPACE;
  uint64_t end = offset + size;
  if (end <= stream->in_order) return 0;
  if (offset < stream->in_order) { /* what is in order is settled: a second version of it is not looked at */
    bytes += stream->in_order - offset;
    offset = stream->in_order;
  }
  struct ranges *above = &stream->above;
  if (offset > stream->in_order && ranges_add(above, offset, end) != 0) return ERR_AGAIN;
  ring_put(stream->ring, stream->capacity, offset, bytes, (size_t)(end - offset));

  if (offset == stream->in_order) stream->in_order = end;
  while (above->count > 0 && above->at[0].first <= stream->in_order) {
    if (above->at[0].end > stream->in_order) stream->in_order = above->at[0].end;
    ranges_drop_lowest(above);
  }
  return 0;
}

size_t stream_recv_available(const struct stream_recv *stream) {
  return (size_t)(stream->in_order - stream->consumed);
}

size_t stream_recv_read(struct stream_recv *stream, void *bytes, size_t capacity) {
  size_t size = min_u64(capacity, stream_recv_available(stream));
  ring_get(stream->ring, stream->capacity, stream->consumed, bytes, size);
  stream->consumed += size;
  return size;
}
