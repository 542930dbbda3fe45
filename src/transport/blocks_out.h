/* blocks_out: blocks being sent (proto/transport.md section 9).
 *
 * A block is borrowed from the caller and cut into fragments only as packets are built, so its lost parts are
 * sent again from the same bytes. Every byte is carried by exactly one packet that still counts
 * (sent_packets), so a block is through when as many bytes were acknowledged as it has. Blocks that fit a
 * packet whole share packets; those of one packet are chained by their slots. */
#ifndef TRANSPORT_BLOCKS_OUT_H
#define TRANSPORT_BLOCKS_OUT_H

#include "udpcp/wire.h"

enum { BLOCKS_OUT_MAX = 4096 };
#define BLOCK_SLOT_NONE UINT32_MAX

struct block_out {
  const uint8_t *bytes;
  void *cookie;
  uint64_t number;
  uint32_t size, next_offset, acked;
  uint32_t next; /* in whichever list the slot is: free, unsent, acked, or the packet that carries it whole */
  uint8_t size_class;
};

struct slot_list {
  uint32_t head, tail;
};

struct blocks_out {
  struct block_out *slots;
  uint32_t used; /* slots ever touched: the free list is empty at first */
  struct slot_list free;
  struct slot_list unsent; /* never sent, partly sent (the head only), or to be sent again whole */
  struct slot_list acked;  /* waiting for their event */
  uint64_t next_number;
  uint64_t granted, opened; /* the peer's MAX_DATA and what was used of it: bytes of class capacity */
};

int blocks_out_init(struct blocks_out *out);
void blocks_out_clear(struct blocks_out *out);
/* ERR_AGAIN when the grant or the table is used up. */
int blocks_out_add(struct blocks_out *out, const uint8_t *bytes, size_t size, void *cookie);
/* The block to send from next; NULL when there is none. */
static inline struct block_out *blocks_out_head(const struct blocks_out *out) {
  return out->unsent.head == BLOCK_SLOT_NONE ? NULL : &out->slots[out->unsent.head];
}
/* The next `length` bytes of the head have been put into a packet; takes it off the list at its end. */
void blocks_out_advance(struct blocks_out *out, uint32_t length);
/* Links the slot `slot` in front of `chain`; returns the new head. */
uint32_t blocks_out_chain(struct blocks_out *out, uint32_t slot, uint32_t chain);
uint32_t blocks_out_slot(const struct blocks_out *out, const struct block_out *block);
/* `length` bytes of the block have been acknowledged. */
void blocks_out_on_acked(struct blocks_out *out, uint32_t slot, uint32_t length);
void blocks_out_on_chain_acked(struct blocks_out *out, uint32_t chain);
/* The blocks of a chain are to be sent again, before anything new. */
void blocks_out_on_chain_lost(struct blocks_out *out, uint32_t chain);
/* Takes one block that is through; false when there is none. */
bool blocks_out_take_acked(struct blocks_out *out, void **cookie);

#endif
