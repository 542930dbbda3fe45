/* block_header: number, offset and fin of a block's fragment, which a block packet and a BLOCK frame carry
 * alike (proto/wire.md sections 4.3 and 5.6). The size class stands elsewhere in each, so the caller reads
 * and writes it. */
#ifndef UDPCP_WIRE_BLOCK_HEADER_H
#define UDPCP_WIRE_BLOCK_HEADER_H

#include "udpcp/wire.h"

/* header->size_class must be set. 0, or ERR_MALFORMED when it or the offset is out of bounds. */
int block_header_read(struct block_header *header, struct reader *reader);
size_t block_header_size(const struct block_header *header);
void block_header_write(const struct block_header *header, struct writer *writer);

#endif
