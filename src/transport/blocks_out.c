/* blocks_out: see the header. Slots are numbered places of one table, linked by index into exactly one list
 * each. */
#include "transport/blocks_out.h"

#include <assert.h>
#include <stdlib.h>

int blocks_out_init(struct blocks_out *out) {
  const struct slot_list empty = {BLOCK_SLOT_NONE, BLOCK_SLOT_NONE};
  *out = (struct blocks_out){.free = empty, .unsent = empty, .acked = empty};
  out->slots = calloc(BLOCKS_OUT_MAX, sizeof(*out->slots));
  return out->slots ? 0 : ERR_NO_MEMORY;
}

void blocks_out_clear(struct blocks_out *out) {
  free(out->slots);
  out->slots = NULL;
}

static void push_tail(struct blocks_out *out, struct slot_list *list, uint32_t slot) {
  out->slots[slot].next = BLOCK_SLOT_NONE;
  if (list->head == BLOCK_SLOT_NONE)
    list->head = slot;
  else
    out->slots[list->tail].next = slot;
  list->tail = slot;
}

static void push_head(struct blocks_out *out, struct slot_list *list, uint32_t slot) {
  out->slots[slot].next = list->head;
  if (list->head == BLOCK_SLOT_NONE) list->tail = slot;
  list->head = slot;
}

static uint32_t pop_head(struct blocks_out *out, struct slot_list *list) {
  uint32_t slot = list->head;
  if (slot != BLOCK_SLOT_NONE) list->head = out->slots[slot].next;
  return slot;
}

int blocks_out_add(struct blocks_out *out, const uint8_t *bytes, size_t size, void *cookie) {
  assert(size > 0 && size <= BLOCK_BYTES_MAX);
  unsigned size_class = pool_class_of(size);
  if (out->granted - out->opened < pool_class_bytes(size_class)) return ERR_AGAIN;
  uint32_t slot = pop_head(out, &out->free);
  if (slot == BLOCK_SLOT_NONE) {
    if (out->used == BLOCKS_OUT_MAX) return ERR_AGAIN;
    slot = out->used++;
  }
  out->opened += pool_class_bytes(size_class);
  out->slots[slot] = (struct block_out){.bytes = bytes,
                                        .cookie = cookie,
                                        .number = out->next_number++,
                                        .size = (uint32_t)size,
                                        .size_class = (uint8_t)size_class};
  push_tail(out, &out->unsent, slot);
  return 0;
}

void blocks_out_advance(struct blocks_out *out, uint32_t length) {
  struct block_out *block = blocks_out_head(out);
  assert(block && length <= block->size - block->next_offset);
  block->next_offset += length;
  if (block->next_offset == block->size) pop_head(out, &out->unsent);
}

uint32_t blocks_out_chain(struct blocks_out *out, uint32_t slot, uint32_t chain) {
  out->slots[slot].next = chain;
  return slot;
}

uint32_t blocks_out_slot(const struct blocks_out *out, const struct block_out *block) {
  return (uint32_t)(block - out->slots);
}

void blocks_out_on_acked(struct blocks_out *out, uint32_t slot, uint32_t length) {
  struct block_out *block = &out->slots[slot];
  assert(length <= block->next_offset - block->acked && "every byte is in flight once");
  block->acked += length;
  if (block->acked == block->size) push_tail(out, &out->acked, slot);
}

void blocks_out_on_chain_acked(struct blocks_out *out, uint32_t chain) {
  while (chain != BLOCK_SLOT_NONE) {
    uint32_t next = out->slots[chain].next;
    blocks_out_on_acked(out, chain, out->slots[chain].size);
    chain = next;
  }
}

void blocks_out_on_chain_lost(struct blocks_out *out, uint32_t chain) {
  /* A partly sent block stays at the head of the list: its next fragment must follow its last one. */
  while (chain != BLOCK_SLOT_NONE) {
    uint32_t next = out->slots[chain].next;
    struct block_out *head = blocks_out_head(out);
    out->slots[chain].next_offset = 0;
    if (head && head->next_offset > 0) {
      out->slots[chain].next = head->next;
      head->next = chain;
      if (out->unsent.tail == out->unsent.head) out->unsent.tail = chain;
    } else {
      push_head(out, &out->unsent, chain);
    }
    chain = next;
  }
}

bool blocks_out_take_acked(struct blocks_out *out, void **cookie) {
  uint32_t slot = pop_head(out, &out->acked);
  if (slot == BLOCK_SLOT_NONE) return false;
  *cookie = out->slots[slot].cookie;
  push_head(out, &out->free, slot);
  return true;
}
