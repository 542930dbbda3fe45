/* pool: the memory of blocks, bounded by one cap and recycled, so that steady data flow allocates nothing.
 *
 * Buffers come in a few sizes. One given back waits in its class's list (the link stands in the buffer
 * itself) and is handed out again from there, most recently used first because that one is still in the
 * cache. Waiting buffers count against the cap; when they stand in the way of another class the largest are
 * released first. */
#include "udpcp/base.h"

#include <assert.h>
#include <stdlib.h>

enum { BUFFER_ALIGNMENT = 64 };

struct idle_buffer {
  struct idle_buffer *next;
};

struct pool {
  size_t bytes_max;
  size_t bytes_used; /* capacity of the buffers handed out */
  size_t bytes_idle; /* capacity of the buffers waiting in the lists */
  size_t bytes_promised;
  struct idle_buffer *idle[POOL_CLASSES];
};

unsigned pool_class_of(size_t size) {
  unsigned size_class = 0;
  while (size_class < POOL_CLASSES && pool_class_bytes(size_class) < size)
    size_class++;
  return size_class;
}

static void check(const struct pool *pool) {
  assert(pool->bytes_used <= pool->bytes_max && pool->bytes_idle <= pool->bytes_max - pool->bytes_used);
}

struct pool *pool_new(size_t bytes_max) {
  struct pool *pool = calloc(1, sizeof(*pool));
  if (pool) pool->bytes_max = bytes_max;
  return pool;
}

static void *take_idle(struct pool *pool, unsigned size_class) {
  struct idle_buffer *buffer = pool->idle[size_class];
  if (buffer) {
    pool->idle[size_class] = buffer->next;
    pool->bytes_idle -= pool_class_bytes(size_class);
  }
  return buffer;
}

/* Releases waiting buffers until no more than `bytes_max` wait. */
static void shrink_idle(struct pool *pool, size_t bytes_max) {
  for (unsigned size_class = POOL_CLASSES; size_class-- > 0;)
    while (pool->bytes_idle > bytes_max && pool->idle[size_class])
      free(take_idle(pool, size_class));
}

void pool_free(struct pool *pool) {
  if (!pool) return;
  assert(pool->bytes_used == 0 && "every buffer must have been given back");
  shrink_idle(pool, 0);
  assert(pool->bytes_idle == 0);
  free(pool);
}

uint8_t *pool_get(struct pool *pool, unsigned size_class) {
  size_t size = pool_class_bytes(size_class);
  size_t room = pool->bytes_max - pool->bytes_used;
  if (size > room) return NULL;
  uint8_t *buffer = take_idle(pool, size_class);
  if (!buffer) {
    shrink_idle(pool, room - size);
    /* aligned_alloc wants a multiple of the alignment; the cap counts what the class promises. */
    buffer =
        aligned_alloc(BUFFER_ALIGNMENT, (size + BUFFER_ALIGNMENT - 1) / BUFFER_ALIGNMENT * BUFFER_ALIGNMENT);
    if (!buffer) return NULL;
  }
  pool->bytes_used += size;
  check(pool);
  return buffer;
}

void pool_put(struct pool *pool, uint8_t *buffer, unsigned size_class) {
  size_t size = pool_class_bytes(size_class);
  assert(buffer && pool->bytes_used >= size);
  struct idle_buffer *idle = (struct idle_buffer *)(void *)buffer;
  idle->next = pool->idle[size_class];
  pool->idle[size_class] = idle;
  pool->bytes_used -= size;
  pool->bytes_idle += size;
  check(pool);
}

size_t pool_bytes_used(const struct pool *pool) { return pool->bytes_used; }

size_t pool_bytes_max(const struct pool *pool) { return pool->bytes_max; }

bool pool_promise(struct pool *pool, size_t bytes) {
  if (bytes > pool->bytes_max - pool->bytes_promised) return false;
  pool->bytes_promised += bytes;
  return true;
}

void pool_take_back(struct pool *pool, size_t bytes) {
  assert(bytes <= pool->bytes_promised);
  pool->bytes_promised -= bytes;
}

size_t pool_bytes_promised(const struct pool *pool) { return pool->bytes_promised; }
