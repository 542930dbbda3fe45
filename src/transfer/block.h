/* block: how a file is cut, what stands behind the data of each piece, and the digest over all of them
 * (proto/transfer.md section 4). */
#ifndef TRANSFER_BLOCK_H
#define TRANSFER_BLOCK_H

#include "udpcp/base.h"
#include "udpcp/transfer.h"

enum {
  BLOCK_TRAILER_BYTES = 32,
  BLOCK_ENCODING_RAW = 0,
  BLOCKS_UNASKED = 4, /* of an object: the first MiB; what lies beyond is sent when the receiver wants it */
};

/* What stands behind the data. */
struct block_trailer {
  struct hash128 hash;  /* of the file's bytes; known once the block was sealed or found intact */
  struct hash128 check; /* of that hash and the fields below: what travels */
  uint32_t object;
  uint64_t number; /* the block begins at this times BLOCK_DATA_BYTES in the file */
  uint8_t encoding;
  uint32_t raw_size; /* bytes of the file in this block, below 2^24 */
};

/* How many blocks a file of that size has. */
uint64_t block_count(uint64_t file_size);
/* How many bytes of the file block `number` holds. */
uint32_t block_raw_size(uint64_t file_size, uint64_t number);

/* Writes the trailer behind the `raw_size` bytes at `block`; hash and check are computed and set. */
void block_seal(uint8_t *block, struct block_trailer *trailer);
/* Reads the trailer of a block of `size` bytes. ERR_MALFORMED; ERR_UNSUPPORTED for an unknown encoding. */
int block_read_trailer(struct block_trailer *trailer, const uint8_t *block, size_t size);
/* Whether data and trailer are what was sealed; sets the hash. */
bool block_is_intact(struct block_trailer *trailer, const uint8_t *block);

/* The digest of a file: the sum, modulo 2^128, of a hash of every block's number and hash. The order of
 * adding does not matter and nothing but the sum has to be kept. */
struct digest {
  uint64_t high, low;
};
void digest_add(struct digest *digest, uint64_t number, const struct hash128 *hash);
/* The sum, big-endian. */
struct hash128 digest_bytes(const struct digest *digest);

#endif
