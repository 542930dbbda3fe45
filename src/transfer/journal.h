/* journal: what is noted beside the part file of a large file, so that an interrupted transfer can be taken
 * up again (proto/transfer.md section 6.1). Bytes only: who keeps them is the sink's matter. */
#ifndef TRANSFER_JOURNAL_H
#define TRANSFER_JOURNAL_H

#include "udpcp/base.h"

enum { JOURNAL_RECORD_BYTES = 32 }; /* the header has as many */

/* Where the record of a block stands; the header stands at 0. */
uint64_t journal_offset(uint64_t block);

void journal_write_header(uint8_t bytes[JOURNAL_RECORD_BYTES], const struct hash128 *key);
/* Whether these bytes head a journal of this version for that entry. */
bool journal_is_header(const uint8_t bytes[JOURNAL_RECORD_BYTES], const struct hash128 *key);

/* "This block was written, and its bytes have that hash." */
void journal_write_record(uint8_t bytes[JOURNAL_RECORD_BYTES], const struct hash128 *key, uint64_t block,
                          const struct hash128 *hash);
/* Whether what stands at the place of `block` says so; then *hash is set. */
bool journal_read_record(const uint8_t bytes[JOURNAL_RECORD_BYTES], const struct hash128 *key, uint64_t block,
                         struct hash128 *hash);

#endif
