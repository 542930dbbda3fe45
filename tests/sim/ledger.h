/* ledger: what one end said and the other heard, one a way and client. The truth both ends are held against.
 */
#ifndef SIM_LEDGER_H
#define SIM_LEDGER_H

#include "udpcp/base.h"

struct ledger_entry {
  uint64_t id; /* of the block's bytes; equal blocks share an entry */
  uint32_t sent, received, acked;
};

struct ledger {
  struct ledger_entry *table; /* open addressing, a power of two, half of it empty */
  size_t capacity;
  uint64_t blocks_sent, blocks_received, blocks_acked, bytes_sent, bytes_received;
  uint64_t control_sent, control_received; /* bytes */
};

/* For at most `blocks` blocks. */
void ledger_init(struct ledger *ledger, uint64_t blocks);
void ledger_clear(struct ledger *ledger);
void ledger_on_sent(struct ledger *ledger, const uint8_t *bytes, size_t size, uint64_t *id);
/* False: such a block was not sent, or has been delivered before. */
bool ledger_on_received(struct ledger *ledger, const uint8_t *bytes, size_t size);
/* False: not sent, not delivered yet, or acknowledged before. */
bool ledger_on_acked(struct ledger *ledger, uint64_t id);

#endif
