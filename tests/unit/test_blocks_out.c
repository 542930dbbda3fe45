/* blocks_out: credit, order of sending, chains of small blocks, and when a block is through. */
#include "unit.h"

#include "transport/blocks_out.h"

static struct blocks_out out;
static uint8_t bytes[BLOCK_BYTES_MAX];
static int cookies[8];

static void start(uint64_t granted) {
  CU_ASSERT_EQUAL_FATAL(blocks_out_init(&out), 0);
  out.granted = granted;
}

static int add(size_t size, int cookie) { return blocks_out_add(&out, bytes, size, &cookies[cookie]); }

static void credit_counts_class_capacity(void) {
  start(pool_class_bytes(0) + pool_class_bytes(1));
  CU_ASSERT_EQUAL(add(1, 0), 0);
  CU_ASSERT_EQUAL(add(1100, 1), 0);
  CU_ASSERT_EQUAL(add(1, 2), ERR_AGAIN);
  out.granted += pool_class_bytes(0);
  CU_ASSERT_EQUAL(add(1, 2), 0);
  CU_ASSERT_EQUAL(out.opened, out.granted);
  blocks_out_clear(&out);
}

static void a_block_is_through_when_every_byte_is_acknowledged(void) {
  void *cookie;
  start(1 << 20);
  add(3000, 0);
  blocks_out_advance(&out, 1000);
  blocks_out_advance(&out, 2000);
  CU_ASSERT_PTR_NULL(blocks_out_head(&out));
  blocks_out_on_acked(&out, 0, 2000);
  CU_ASSERT_FALSE(blocks_out_take_acked(&out, &cookie));
  blocks_out_on_acked(&out, 0, 1000);
  CU_ASSERT_TRUE(blocks_out_take_acked(&out, &cookie));
  CU_ASSERT_PTR_EQUAL(cookie, &cookies[0]);
  CU_ASSERT_FALSE(blocks_out_take_acked(&out, &cookie));
  blocks_out_clear(&out);
}

/* Sends the head whole and links it in front of the chain. */
static uint32_t send_whole(uint32_t chain) {
  struct block_out *block = blocks_out_head(&out);
  blocks_out_advance(&out, block->size);
  return blocks_out_chain(&out, blocks_out_slot(&out, block), chain);
}

static void a_lost_chain_goes_again_before_anything_new(void) {
  start(1 << 20);
  add(10, 0);
  add(20, 1);
  add(5000, 2);
  uint32_t chain = send_whole(send_whole(BLOCK_SLOT_NONE));
  blocks_out_advance(&out, 1000); /* the third is partly out and must stay at the head */
  blocks_out_on_chain_lost(&out, chain);
  CU_ASSERT_EQUAL(blocks_out_head(&out)->size, 5000);
  blocks_out_advance(&out, 4000);
  uint64_t bytes_left = 0;
  chain = BLOCK_SLOT_NONE;
  while (blocks_out_head(&out)) {
    bytes_left += blocks_out_head(&out)->size;
    chain = send_whole(chain);
  }
  CU_ASSERT_EQUAL(bytes_left, 30);
  blocks_out_on_chain_acked(&out, chain);
  void *cookie;
  CU_ASSERT_TRUE(blocks_out_take_acked(&out, &cookie));
  CU_ASSERT_TRUE(blocks_out_take_acked(&out, &cookie));
  CU_ASSERT_FALSE(blocks_out_take_acked(&out, &cookie));
  blocks_out_clear(&out);
}

static void new_blocks_queue_behind_a_lost_chain(void) {
  start(1 << 20);
  add(5000, 0);
  blocks_out_advance(&out, 1000);
  add(10, 1);
  struct block_out *second = &out.slots[1];
  blocks_out_advance(&out, 4000);
  uint32_t chain = send_whole(BLOCK_SLOT_NONE);
  add(6000, 2);
  blocks_out_advance(&out, 100);
  blocks_out_on_chain_lost(&out, chain);
  add(11, 3);
  blocks_out_advance(&out, 5900);
  CU_ASSERT_PTR_EQUAL(blocks_out_head(&out), second);
  send_whole(BLOCK_SLOT_NONE);
  CU_ASSERT_EQUAL(blocks_out_head(&out)->size, 11);
  blocks_out_clear(&out);
}

static void the_table_has_an_end_and_is_recycled(void) {
  start(UINT64_MAX / 2);
  for (int i = 0; i < BLOCKS_OUT_MAX; i++)
    CU_ASSERT_EQUAL(add(1, 0), 0);
  CU_ASSERT_EQUAL(add(1, 0), ERR_AGAIN);
  void *cookie;
  blocks_out_on_chain_acked(&out, send_whole(BLOCK_SLOT_NONE));
  CU_ASSERT_TRUE(blocks_out_take_acked(&out, &cookie));
  CU_ASSERT_EQUAL(add(1, 0), 0);
  CU_ASSERT_EQUAL(out.next_number, BLOCKS_OUT_MAX + 1);
  blocks_out_clear(&out);
}

UNIT_MAIN(UNIT_CASE(credit_counts_class_capacity),
          UNIT_CASE(a_block_is_through_when_every_byte_is_acknowledged),
          UNIT_CASE(a_lost_chain_goes_again_before_anything_new),
          UNIT_CASE(new_blocks_queue_behind_a_lost_chain), UNIT_CASE(the_table_has_an_end_and_is_recycled))
