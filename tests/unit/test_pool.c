/* pool: classes at their edges, the cap to the byte, and who makes room for whom. */
#include "unit.h"

#include "udpcp/base.h"

static void classes_at_their_edges(void) {
  CU_ASSERT_EQUAL(pool_class_bytes(0), 1024 + 32);
  CU_ASSERT_EQUAL(pool_class_bytes(8), 256 * 1024 + 32);
  CU_ASSERT_EQUAL(pool_class_of(0), 0);
  for (unsigned size_class = 0; size_class < POOL_CLASSES; size_class++) {
    size_t bytes = pool_class_bytes(size_class);
    CU_ASSERT_EQUAL(pool_class_of(bytes), size_class);
    CU_ASSERT_EQUAL(pool_class_of(bytes + 1), size_class + 1);
  }
  CU_ASSERT_EQUAL(pool_class_of(SIZE_MAX), POOL_CLASSES);
}

static void buffers_are_whole_and_aligned(void) {
  struct pool *pool = pool_new(1 << 20);
  CU_ASSERT_PTR_NOT_NULL_FATAL(pool);
  CU_ASSERT_EQUAL(pool_bytes_max(pool), 1 << 20);
  uint8_t *buffers[POOL_CLASSES];
  size_t used = 0;
  for (unsigned size_class = 0; size_class < POOL_CLASSES; size_class++) {
    buffers[size_class] = pool_get(pool, size_class);
    CU_ASSERT_PTR_NOT_NULL_FATAL(buffers[size_class]);
    CU_ASSERT_EQUAL((uintptr_t)buffers[size_class] % 64, 0);
    memset(buffers[size_class], (int)size_class, pool_class_bytes(size_class));
    used += pool_class_bytes(size_class);
    CU_ASSERT_EQUAL(pool_bytes_used(pool), used);
  }
  for (unsigned size_class = 0; size_class < POOL_CLASSES; size_class++) {
    CU_ASSERT_EQUAL(buffers[size_class][pool_class_bytes(size_class) - 1], size_class);
    pool_put(pool, buffers[size_class], size_class);
  }
  CU_ASSERT_EQUAL(pool_bytes_used(pool), 0);
  pool_free(pool);
}

static void the_cap_is_exact(void) {
  struct pool *pool = pool_new(2 * pool_class_bytes(3));
  CU_ASSERT_PTR_NOT_NULL_FATAL(pool);
  uint8_t *a = pool_get(pool, 3), *b = pool_get(pool, 3);
  CU_ASSERT(a && b && a != b);
  CU_ASSERT_PTR_NULL(pool_get(pool, 3));
  CU_ASSERT_PTR_NULL(pool_get(pool, 0));
  CU_ASSERT_EQUAL(pool_bytes_used(pool), 2 * pool_class_bytes(3));
  pool_put(pool, b, 3);
  CU_ASSERT_PTR_NULL(pool_get(pool, 4));
  uint8_t *again = pool_get(pool, 3);
  CU_ASSERT_PTR_EQUAL(again, b);
  pool_put(pool, a, 3);
  pool_put(pool, b, 3);
  pool_free(pool);

  pool = pool_new(pool_class_bytes(3) - 1);
  CU_ASSERT_PTR_NOT_NULL_FATAL(pool);
  CU_ASSERT_PTR_NULL(pool_get(pool, 3));
  pool_free(pool);
}

static void the_last_one_back_is_the_next_one_out(void) {
  struct pool *pool = pool_new(1 << 20);
  CU_ASSERT_PTR_NOT_NULL_FATAL(pool);
  uint8_t *a = pool_get(pool, 2), *b = pool_get(pool, 2);
  CU_ASSERT_FATAL(a && b);
  pool_put(pool, a, 2);
  pool_put(pool, b, 2);
  CU_ASSERT_PTR_EQUAL(pool_get(pool, 2), b);
  CU_ASSERT_PTR_EQUAL(pool_get(pool, 2), a);
  pool_put(pool, a, 2);
  pool_put(pool, b, 2);
  pool_free(pool);
}

/* All memory lies idle in small buffers; a large one must still be had, and the other way round. */
static void idle_classes_make_room(void) {
  enum { SMALL = 64 };
  struct pool *pool = pool_new(SMALL * pool_class_bytes(0));
  CU_ASSERT_PTR_NOT_NULL_FATAL(pool);
  for (unsigned round = 0; round < 3; round++) {
    uint8_t *small[SMALL];
    for (unsigned i = 0; i < SMALL; i++)
      CU_ASSERT_PTR_NOT_NULL_FATAL(small[i] = pool_get(pool, 0));
    CU_ASSERT_PTR_NULL(pool_get(pool, 0));
    for (unsigned i = 0; i < SMALL; i++)
      pool_put(pool, small[i], 0);
    uint8_t *large = pool_get(pool, 6);
    CU_ASSERT_PTR_NOT_NULL_FATAL(large);
    CU_ASSERT_EQUAL(pool_bytes_used(pool), pool_class_bytes(6));
    pool_put(pool, large, 6);
  }
  pool_free(pool);
}

static void random_use_keeps_the_cap(void) {
  enum { HELD_MAX = 200 };
  struct {
    uint8_t *buffer;
    unsigned size_class;
  } held[HELD_MAX];
  unsigned count = 0, refused = 0, wrong = 0;
  size_t used = 0;
  struct prng prng;
  prng_seed(&prng, 7);
  struct pool *pool = pool_new(600 * 1024);
  CU_ASSERT_PTR_NOT_NULL_FATAL(pool);
  for (unsigned i = 0; i < 20000; i++) {
    if (count < HELD_MAX && prng_below(&prng, 2)) {
      unsigned size_class = (unsigned)prng_below(&prng, POOL_CLASSES);
      uint8_t *buffer = pool_get(pool, size_class);
      bool fits = used + pool_class_bytes(size_class) <= pool_bytes_max(pool);
      wrong += fits != (buffer != NULL);
      refused += !fits;
      if (!buffer) continue;
      memset(buffer, 0x5a, 16);
      used += pool_class_bytes(size_class);
      held[count].buffer = buffer;
      held[count++].size_class = size_class;
    } else if (count > 0) {
      unsigned which = (unsigned)prng_below(&prng, count);
      pool_put(pool, held[which].buffer, held[which].size_class);
      used -= pool_class_bytes(held[which].size_class);
      held[which] = held[--count];
    }
    wrong += pool_bytes_used(pool) != used;
  }
  CU_ASSERT_EQUAL(wrong, 0);
  CU_ASSERT(refused > 100 && "the cap was met often");
  while (count-- > 0)
    pool_put(pool, held[count].buffer, held[count].size_class);
  pool_free(pool);
}

static void promises_have_their_own_sum(void) {
  struct pool *pool = pool_new(10000);
  CU_ASSERT_PTR_NOT_NULL_FATAL(pool);
  CU_ASSERT_FALSE(pool_promise(pool, 10001));
  CU_ASSERT_EQUAL(pool_bytes_promised(pool), 0);
  CU_ASSERT_TRUE(pool_promise(pool, 6000));
  CU_ASSERT_FALSE(pool_promise(pool, 4001));
  CU_ASSERT_FALSE(pool_promise(pool, SIZE_MAX));
  CU_ASSERT_EQUAL(pool_bytes_promised(pool), 6000);
  CU_ASSERT_TRUE(pool_promise(pool, 4000));
  CU_ASSERT_TRUE(pool_promise(pool, 0));
  CU_ASSERT_FALSE(pool_promise(pool, 1));
  /* A promise takes no buffer: the memory is there for whoever was promised it. */
  CU_ASSERT_EQUAL(pool_bytes_used(pool), 0);
  uint8_t *buffer = pool_get(pool, 2);
  CU_ASSERT_PTR_NOT_NULL_FATAL(buffer);
  CU_ASSERT_EQUAL(pool_bytes_promised(pool), 10000);
  pool_put(pool, buffer, 2);
  pool_take_back(pool, 9999);
  CU_ASSERT_EQUAL(pool_bytes_promised(pool), 1);
  CU_ASSERT_FALSE(pool_promise(pool, 10000));
  CU_ASSERT_TRUE(pool_promise(pool, 9999));
  pool_take_back(pool, 10000);
  CU_ASSERT_EQUAL(pool_bytes_promised(pool), 0);
  pool_free(pool);
}

static void freeing_nothing_is_fine(void) {
  pool_free(NULL);
  CU_ASSERT_EQUAL(pool_class_of(1), 0);
}

UNIT_MAIN(UNIT_CASE(classes_at_their_edges), UNIT_CASE(buffers_are_whole_and_aligned),
          UNIT_CASE(the_cap_is_exact), UNIT_CASE(the_last_one_back_is_the_next_one_out),
          UNIT_CASE(idle_classes_make_room), UNIT_CASE(random_use_keeps_the_cap),
          UNIT_CASE(promises_have_their_own_sum), UNIT_CASE(freeing_nothing_is_fine))
