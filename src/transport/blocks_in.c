/* blocks_in: see the header. The grant follows a dynamic threshold: what one connection may hold is at most
 * what is still free in the pool (Choudhury and Hahne, 1998), so connections that share a pool come to equal
 * shares without knowing of each other. */
#include "transport/blocks_in.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#define NONE UINT32_MAX

int blocks_in_init(struct blocks_in *in, struct pool *pool, uint64_t window) {
  *in = (struct blocks_in){.pool = pool, .window = window, .free = NONE, .last = NONE};
  in->slots = calloc(BLOCKS_IN_MAX, sizeof(*in->slots));
  in->buckets = malloc(BLOCKS_IN_MAX * sizeof(*in->buckets));
  in->finished_storage = calloc(BLOCKS_FINISHED_RANGES, sizeof(*in->finished_storage));
  in->ready = calloc(BLOCKS_READY_MAX, sizeof(*in->ready));
  if (!in->slots || !in->buckets || !in->finished_storage || !in->ready) {
    blocks_in_clear(in);
    return ERR_NO_MEMORY;
  }
  for (uint32_t i = 0; i < BLOCKS_IN_MAX; i++)
    in->buckets[i] = NONE;
  ranges_init(&in->finished, in->finished_storage, BLOCKS_FINISHED_RANGES);
  return 0;
}

void blocks_in_join(struct blocks_in *in, struct turns *turns) {
  assert(!in->turns && turns);
  in->turns = turns;
  turns_join(turns, &in->turn);
  turns_on_granted(turns, &in->turn, in->granted - in->opened);
}

void blocks_in_clear(struct blocks_in *in) {
  for (uint32_t i = 0; in->slots && i < in->used; i++)
    if (in->slots[i].bytes) pool_put(in->pool, in->slots[i].bytes, in->slots[i].size_class);
  uint8_t *bytes;
  size_t size;
  unsigned size_class;
  while (blocks_in_take(in, &bytes, &size, &size_class))
    pool_put(in->pool, bytes, size_class);
  if (in->granted > in->released) pool_take_back(in->pool, in->granted - in->released);
  if (in->turns) turns_leave(in->turns, &in->turn);
  free(in->slots);
  free(in->buckets);
  free(in->ready);
  free(in->finished_storage);
  *in = (struct blocks_in){.pool = in->pool, .free = NONE, .last = NONE};
}

static uint32_t *bucket_of(const struct blocks_in *in, uint64_t number) {
  return &in->buckets[number % BLOCKS_IN_MAX]; /* numbers are consecutive: this spreads perfectly */
}

static struct block_in *find(struct blocks_in *in, uint64_t number) {
  if (in->last != NONE && in->slots[in->last].bytes && in->slots[in->last].number == number)
    return &in->slots[in->last];
  for (uint32_t slot = *bucket_of(in, number); slot != NONE; slot = in->slots[slot].next)
    if (in->slots[slot].number == number) {
      in->last = slot;
      return &in->slots[slot];
    }
  return NULL;
}

static void use_grant(struct blocks_in *in, size_t capacity) {
  in->opened += capacity;
  if (in->turns) turns_on_used(in->turns, &in->turn, capacity);
}

/* Sets *block, or returns why not. */
static int open_block(struct blocks_in *in, const struct block_header *header, struct block_in **block) {
  size_t capacity = pool_class_bytes(header->size_class);
  if (in->granted - in->opened < capacity) return ERR_NO_SPACE;
  uint32_t slot = in->free;
  if (slot == NONE && in->used == BLOCKS_IN_MAX) return ERR_AGAIN;
  uint8_t *bytes = pool_get(in->pool, header->size_class);
  if (!bytes) return ERR_AGAIN;
  if (slot == NONE)
    slot = in->used++;
  else
    in->free = in->slots[slot].next;
  use_grant(in, capacity);
  in->partial++;
  struct block_in *fresh = &in->slots[slot];
  fresh->number = header->number;
  fresh->bytes = bytes;
  fresh->size = fresh->received = 0;
  fresh->size_class = header->size_class;
  ranges_init(&fresh->have, fresh->storage, BLOCK_FRAGMENT_RANGES);
  fresh->next = *bucket_of(in, header->number);
  *bucket_of(in, header->number) = slot;
  in->last = slot;
  *block = fresh;
  return 0;
}

static bool ready_has_room(const struct blocks_in *in) {
  return in->ready_tail - in->ready_head < BLOCKS_READY_MAX;
}

static void push_ready(struct blocks_in *in, uint8_t *bytes, size_t size, uint8_t size_class) {
  assert(ready_has_room(in));
  in->ready[in->ready_tail++ % BLOCKS_READY_MAX] =
      (struct block_ready){.bytes = bytes, .size = (uint32_t)size, .size_class = size_class};
}

/* The block is whole: its buffer goes to the user, its slot is free. */
static void finish_block(struct blocks_in *in, struct block_in *block) {
  uint32_t slot = (uint32_t)(block - in->slots);
  uint32_t *link = bucket_of(in, block->number);
  while (*link != slot)
    link = &in->slots[*link].next;
  *link = block->next;
  push_ready(in, block->bytes, block->size, block->size_class);
  block->bytes = NULL;
  block->next = in->free;
  in->free = slot;
  in->partial--;
  in->last = NONE;
}

/* Most small blocks come in one piece and need no slot. */
static int take_whole(struct blocks_in *in, const struct block_header *header, const uint8_t *bytes,
                      size_t size) {
  size_t capacity = pool_class_bytes(header->size_class);
  if (in->granted - in->opened < capacity) return ERR_NO_SPACE;
  uint8_t *buffer = ready_has_room(in) ? pool_get(in->pool, header->size_class) : NULL;
  if (!buffer) return ERR_AGAIN;
  if (ranges_add(&in->finished, header->number, header->number + 1) != 0) {
    pool_put(in->pool, buffer, header->size_class);
    return ERR_AGAIN;
  }
  memcpy(buffer, bytes, size);
  use_grant(in, capacity);
  in->bytes_received += size;
  push_ready(in, buffer, size, header->size_class);
  return 0;
}

static bool contradicts(const struct block_in *block, const struct block_header *header, size_t size) {
  uint64_t end = (uint64_t)header->offset + size;
  if (header->size_class != block->size_class || end > pool_class_bytes(block->size_class)) return true;
  if (block->size > 0 && (end > block->size || (header->fin && end != block->size))) return true;
  return header->fin && block->have.count > 0 && block->have.at[block->have.count - 1].end > end;
}

/* Bytes of [first, end) that are new. */
static uint32_t count_new(const struct ranges *have, uint64_t first, uint64_t end) {
  uint64_t fresh = end - first;
  for (uint32_t i = have->count; i-- > 0 && have->at[i].end > first;) {
    uint64_t low = have->at[i].first > first ? have->at[i].first : first;
    uint64_t high = have->at[i].end < end ? have->at[i].end : end;
    if (low < high) fresh -= high - low;
  }
  return (uint32_t)fresh;
}

int blocks_in_on_fragment(struct blocks_in *in, const struct block_header *header, const uint8_t *bytes,
                          size_t size) {
  if (size == 0 || header->offset + size > pool_class_bytes(header->size_class)) return ERR_MALFORMED;
  struct block_in *block = find(in, header->number);
  if (!block) {
    if (ranges_contains(&in->finished, header->number, header->number + 1)) return 0;
    if (header->offset == 0 && header->fin) return take_whole(in, header, bytes, size);
    int error = open_block(in, header, &block);
    if (error) return error;
  }
  if (contradicts(block, header, size)) return ERR_MALFORMED;
  uint64_t end = header->offset + size;
  uint32_t fresh = count_new(&block->have, header->offset, end);
  bool completes =
      (header->fin || block->size > 0) && block->received + fresh == (header->fin ? end : block->size);
  if (completes && !ready_has_room(in)) return ERR_AGAIN;
  if (completes && ranges_add(&in->finished, header->number, header->number + 1) != 0) return ERR_AGAIN;
  if (!completes && ranges_add(&block->have, header->offset, end) != 0) return ERR_AGAIN;
  if (fresh > 0) memcpy(block->bytes + header->offset, bytes, size);
  block->received += fresh;
  in->bytes_received += fresh;
  if (header->fin) block->size = (uint32_t)end;
  if (completes) finish_block(in, block);
  return 0;
}

bool blocks_in_is_ready(const struct blocks_in *in) { return in->ready_head != in->ready_tail; }

bool blocks_in_take(struct blocks_in *in, uint8_t **bytes, size_t *size, unsigned *size_class) {
  if (!blocks_in_is_ready(in)) return false;
  const struct block_ready *block = &in->ready[in->ready_head++ % BLOCKS_READY_MAX];
  *bytes = block->bytes;
  *size = block->size;
  *size_class = block->size_class;
  return true;
}

void blocks_in_release(struct blocks_in *in, uint8_t *bytes, unsigned size_class) {
  pool_put(in->pool, bytes, size_class);
  in->released += pool_class_bytes(size_class);
  pool_take_back(in->pool, pool_class_bytes(size_class));
}

/* Less than the largest block is no use to a peer that wants to send one. */
static uint64_t useful_grant(const struct blocks_in *in) {
  uint64_t largest = pool_class_bytes(POOL_CLASSES - 1);
  return in->window < largest ? in->window : largest;
}

bool blocks_in_is_starved(const struct blocks_in *in) { return in->granted - in->opened < useful_grant(in); }

/* What a turn allows of the step, in whole blocks of the largest size: the rest would lie about unused. */
static uint64_t step_by_turn(struct blocks_in *in, uint64_t step) {
  uint64_t block = useful_grant(in), left = in->granted - in->opened;
  uint64_t may = turns_ask(in->turns, &in->turn, step, block);
  if (may == 0 || may >= step) return may < step ? 0 : step;
  return (left + may) / block * block - left;
}

bool blocks_in_grant(struct blocks_in *in) {
  uint64_t held = in->granted - in->released, left = in->granted - in->opened;
  uint64_t room = pool_bytes_max(in->pool) - pool_bytes_promised(in->pool);
  uint64_t target = (held + room) / 2; /* what is held equals what is then still free */
  uint64_t least = held - left + useful_grant(in);
  if (target < least) target = least;
  /* Who comes first, and alone, is not to hold credit for long when others come; a start-up that quadruples
   * its window in a round trip (bbr_ramp.c) is not held up. */
  uint64_t earned = GRANT_FIRST_BYTES + GRANT_GROWTH * in->opened;
  if (in->turns && target > earned) target = earned;
  if (target > in->window) target = in->window;
  if (target <= held) return false;
  uint64_t step = target - held;
  /* Small steps are worth a frame only when the peer is about to run dry. */
  if (step < target / 4 && left > target / 4 && !blocks_in_is_starved(in)) return false;
  if (in->turns && (step = step_by_turn(in, step)) == 0) return false;
  if (!pool_promise(in->pool, step)) return false;
  in->granted += step;
  if (in->turns) turns_on_granted(in->turns, &in->turn, step);
  return true;
}

void blocks_in_check(const struct blocks_in *in) {
  assert(in->released <= in->opened && in->opened <= in->granted);
  assert(in->granted - in->released <= pool_bytes_promised(in->pool));
  assert(!in->turns || in->turn.fresh <= in->granted);
  assert(in->partial <= in->used && in->used <= BLOCKS_IN_MAX);
}
