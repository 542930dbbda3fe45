/* blocks_in: blocks being received (proto/transport.md section 9).
 *
 * Fragments come in any order and more than once; a block is handed on when it is whole. Memory comes from a
 * shared pool and only within what was granted to the peer, so a peer that opens blocks and never finishes
 * them holds no more than its window. A fragment that finds no room is treated like a lost packet. */
#ifndef TRANSPORT_BLOCKS_IN_H
#define TRANSPORT_BLOCKS_IN_H

#include "transport/turns.h"
#include "udpcp/wire.h"

enum {
  BLOCKS_IN_MAX = 1024,       /* partly received at once */
  BLOCKS_READY_MAX = 4096,    /* whole, not yet taken by the user: as many as a sender may have open */
  BLOCK_FRAGMENT_RANGES = 64, /* holes a block may have */
  BLOCKS_FINISHED_RANGES = 4096,
  GRANT_FIRST_BYTES = 2 << 20, /* beyond what was earned so far: so many times what was used */
  GRANT_GROWTH = 4,
};

/* A block of which fragments are missing. */
struct block_in {
  uint64_t number;
  uint8_t *bytes;
  uint32_t size;     /* known once the last fragment is here, else 0 */
  uint32_t received; /* bytes */
  uint32_t next;     /* free list or hash bucket */
  uint8_t size_class;
  struct ranges have;
  struct range storage[BLOCK_FRAGMENT_RANGES];
};

struct block_ready {
  uint8_t *bytes;
  uint32_t size;
  uint8_t size_class;
};

struct blocks_in {
  struct pool *pool;
  struct block_in *slots;
  uint32_t *buckets;               /* BLOCKS_IN_MAX of them */
  uint32_t used, free, last;       /* last: slot of the previous fragment, most likely the next one's too */
  struct block_ready *ready;       /* ring of BLOCKS_READY_MAX, oldest at head */
  uint32_t ready_head, ready_tail; /* counted on without end */
  uint32_t partial;                /* slots that hold a block not yet whole */
  struct range *finished_storage;
  struct ranges finished; /* numbers of whole blocks */
  uint64_t window;        /* bytes of class capacity the peer may have open at most */
  uint64_t granted, opened, released;
  uint64_t bytes_received; /* payload, without duplicates */
  struct turns *turns;     /* NULL: nobody to take turns with */
  struct turns_member turn;
};

int blocks_in_init(struct blocks_in *in, struct pool *pool, uint64_t window);
/* From now on the grant is raised by turns with others. */
void blocks_in_join(struct blocks_in *in, struct turns *turns);
/* Gives partial and undelivered buffers back to the pool, and the promise. */
void blocks_in_clear(struct blocks_in *in);
/* One fragment. 0; ERR_AGAIN: no room, treat the packet as lost; ERR_MALFORMED: it contradicts earlier ones;
 * ERR_NO_SPACE: the block goes beyond the grant. */
int blocks_in_on_fragment(struct blocks_in *in, const struct block_header *header, const uint8_t *bytes,
                          size_t size);
bool blocks_in_is_ready(const struct blocks_in *in);
/* Takes the oldest whole block; its buffer is the caller's. */
bool blocks_in_take(struct blocks_in *in, uint8_t **bytes, size_t *size, unsigned *size_class);
void blocks_in_release(struct blocks_in *in, uint8_t *bytes, unsigned size_class);
/* What the grant could be by now: raises `granted` and returns true when the step is worth a frame. */
bool blocks_in_grant(struct blocks_in *in);
/* The peer cannot open a block of the largest size: blocks_in_grant is to be tried again, others may have
 * given back. */
bool blocks_in_is_starved(const struct blocks_in *in);
void blocks_in_check(const struct blocks_in *in);

#endif
