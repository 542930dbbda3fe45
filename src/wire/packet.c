/* packet: what stands in front of a payload (proto/wire.md sections 2 to 4).
 *
 * Long headers open a connection and carry both ids and a version; short headers carry data and are as small
 * as a header can be. There is one way to write each, and a reader takes no other, but for the length of
 * varints. */
#include "udpcp/wire.h"

#include <assert.h>
#include <string.h>

#include "wire/block_header.h"

enum {
  FORM_LONG = 0x80,
  FIXED = 0x40,
  LONG_TYPE_SHIFT = 4, /* bits 5 and 4 */
  LONG_TYPE_MASK = 0x03,
  LONG_ZERO_MASK = 0x0f,
  SHORT_KEY_PHASE = 0x20,
  SHORT_BLOCK = 0x10,
  SHORT_LOW_MASK = 0x0f, /* the size class of a block packet, else zero */

  LENGTH_BYTES = 2, /* a varint in this size always, so that it can be written before the payload is known */
  LENGTH_PREFIX = 0x4000,
  LENGTH_MAX = 0x3fff,
  RETRY_TAG_BYTES = 8,
  VERSION_BYTES = 4,
};

static void cid_read(struct cid *cid, struct reader *reader) {
  const uint8_t *bytes = read_bytes(reader, CID_BYTES);
  if (bytes) memcpy(cid->bytes, bytes, CID_BYTES);
}

int block_header_read(struct block_header *header, struct reader *reader) {
  uint64_t number = read_varint(reader);
  uint64_t offset_fin = read_varint(reader);
  if (reader->failed || header->size_class >= POOL_CLASSES ||
      offset_fin >> 1 >= pool_class_bytes(header->size_class))
    return ERR_MALFORMED;
  header->number = number;
  header->offset = (uint32_t)(offset_fin >> 1);
  header->fin = offset_fin & 1;
  return 0;
}

static uint64_t offset_fin_of(const struct block_header *header) {
  return (uint64_t)header->offset << 1 | (header->fin ? 1 : 0);
}

size_t block_header_size(const struct block_header *header) {
  return varint_size(header->number) + varint_size(offset_fin_of(header));
}

void block_header_write(const struct block_header *header, struct writer *writer) {
  assert(header->offset < pool_class_bytes(header->size_class));
  write_varint(writer, header->number);
  write_varint(writer, offset_fin_of(header));
}

static int read_short(struct packet *packet, uint8_t first, struct reader *reader) {
  uint8_t low = first & SHORT_LOW_MASK;
  packet->type = first & SHORT_BLOCK ? PACKET_BLOCK : PACKET_FRAMES;
  packet->key_phase = first & SHORT_KEY_PHASE ? 1 : 0;
  cid_read(&packet->destination, reader);
  packet->number = read_u32(reader);
  if (packet->type == PACKET_FRAMES) return reader->failed || low != 0 ? ERR_MALFORMED : 0;
  packet->block.size_class = low;
  return block_header_read(&packet->block, reader);
}

static void token_read(struct packet *packet, struct reader *reader) {
  uint64_t size = read_varint(reader);
  if (size > TOKEN_BYTES_MAX)
    reader->failed = true;
  else if (size > 0)
    packet->token = read_bytes(reader, size);
  packet->token_size = packet->token ? size : 0;
}

/* The part of a long header that belongs to this version. */
static int read_long_rest(struct packet *packet, struct reader *reader) {
  if (packet->type == PACKET_INITIAL || packet->type == PACKET_RETRY) token_read(packet, reader);
  if (packet->type == PACKET_RETRY) {
    bool fits = packet->token && reader_left(reader) == RETRY_TAG_BYTES;
    return reader->failed || !fits ? ERR_MALFORMED : 0;
  }
  unsigned length = (unsigned)read_u8(reader) << 8;
  length |= read_u8(reader);
  packet->number = read_u32(reader);
  size_t behind = packet->type == PACKET_INITIAL ? PACKET_PROOF_BYTES : 0;
  if (reader->failed || (length & ~(unsigned)LENGTH_MAX) != LENGTH_PREFIX ||
      (length & LENGTH_MAX) + behind != reader_left(reader))
    return ERR_MALFORMED;
  if (behind > 0) packet->proof = reader->end - behind;
  return 0;
}

static int read_long(struct packet *packet, uint8_t first, struct reader *reader) {
  packet->type = (enum packet_type)(first >> LONG_TYPE_SHIFT & LONG_TYPE_MASK);
  packet->version = read_u32(reader);
  cid_read(&packet->destination, reader);
  cid_read(&packet->source, reader);
  /* The type whose bits are both set exists with version 0 only, and that version knows no other. */
  if (reader->failed || (packet->type == PACKET_VERSIONS) != (packet->version == 0)) return ERR_MALFORMED;
  if (packet->version != WIRE_VERSION && packet->version != 0) return 0;
  if (first & LONG_ZERO_MASK) return ERR_MALFORMED;
  if (packet->type == PACKET_VERSIONS) {
    size_t left = reader_left(reader);
    return left == 0 || left % VERSION_BYTES != 0 ? ERR_MALFORMED : 0;
  }
  return read_long_rest(packet, reader);
}

int packet_read(struct packet *packet, const uint8_t *datagram, size_t size) {
  struct reader reader;
  reader_init(&reader, datagram, size);
  *packet = (struct packet){0};
  uint8_t first = read_u8(&reader);
  if (!(first & FIXED)) return ERR_MALFORMED;
  int error = first & FORM_LONG ? read_long(packet, first, &reader) : read_short(packet, first, &reader);
  if (error < 0) return error;
  assert(!reader.failed);
  bool is_foreign = first & FORM_LONG && packet->version != 0 && packet->version != WIRE_VERSION;
  if (!is_foreign) {
    packet->header_size = size - reader_left(&reader);
    packet->payload_size = reader_left(&reader) - (packet->proof ? PACKET_PROOF_BYTES : 0);
  }
  return 0;
}

size_t packet_header_size(const struct packet *packet) {
  const size_t ids_end = 1 + VERSION_BYTES + 2 * CID_BYTES;
  switch (packet->type) {
  case PACKET_INITIAL:
    return ids_end + varint_size(packet->token_size) + packet->token_size + LENGTH_BYTES +
           PACKET_NUMBER_BYTES;
  case PACKET_HANDSHAKE:
    return ids_end + LENGTH_BYTES + PACKET_NUMBER_BYTES;
  case PACKET_RETRY:
    return ids_end + varint_size(packet->token_size) + packet->token_size;
  case PACKET_VERSIONS:
    return ids_end;
  case PACKET_FRAMES:
    return SHORT_HEADER_BYTES;
  case PACKET_BLOCK:
    return SHORT_HEADER_BYTES + block_header_size(&packet->block);
  }
  assert(!"a packet type that does not exist");
  return 0;
}

static void write_short(const struct packet *packet, struct writer *writer) {
  bool is_block = packet->type == PACKET_BLOCK;
  assert(packet->key_phase <= 1 && (!is_block || packet->block.size_class < POOL_CLASSES));
  uint8_t *bytes = write_room(writer, SHORT_HEADER_BYTES);
  if (!bytes) return;
  bytes[0] = (uint8_t)(FIXED | (packet->key_phase ? SHORT_KEY_PHASE : 0) |
                       (is_block ? SHORT_BLOCK | packet->block.size_class : 0));
  memcpy(bytes + 1, packet->destination.bytes, CID_BYTES);
  store_u32(bytes + 1 + CID_BYTES, (uint32_t)packet->number);
  if (is_block) block_header_write(&packet->block, writer);
}

void packet_write(const struct packet *packet, struct writer *writer) {
  if (packet->type == PACKET_FRAMES || packet->type == PACKET_BLOCK) {
    write_short(packet, writer);
    return;
  }
  bool has_version = packet->type != PACKET_VERSIONS;
  assert(!has_version || packet->version != 0);
  write_u8(writer, (uint8_t)(FORM_LONG | FIXED | (unsigned)packet->type << LONG_TYPE_SHIFT));
  write_u32(writer, has_version ? packet->version : 0);
  write_bytes(writer, packet->destination.bytes, CID_BYTES);
  write_bytes(writer, packet->source.bytes, CID_BYTES);
  if (packet->type == PACKET_INITIAL || packet->type == PACKET_RETRY) {
    assert(packet->token_size <= TOKEN_BYTES_MAX &&
           (packet->token_size > 0 || packet->type == PACKET_INITIAL));
    write_varint(writer, packet->token_size);
    write_bytes(writer, packet->token, packet->token_size);
  }
  if (packet->type == PACKET_INITIAL || packet->type == PACKET_HANDSHAKE) {
    assert(packet->payload_size <= LENGTH_MAX);
    write_u8(writer, (uint8_t)((LENGTH_PREFIX | packet->payload_size) >> 8));
    write_u8(writer, (uint8_t)packet->payload_size);
    write_u32(writer, (uint32_t)packet->number);
  }
}

uint64_t packet_number_expand(uint64_t largest, uint32_t truncated) {
  const uint64_t window = 1ull << 32, half = window / 2;
  /* Before the first packet `largest` is UINT64_MAX, and 0 is expected. */
  uint64_t expected = largest + 1;
  uint64_t candidate = (expected & ~(window - 1)) | truncated;
  if (candidate + half <= expected && candidate < VARINT_MAX + 1 - window) return candidate + window;
  if (candidate > expected + half && candidate >= window) return candidate - window;
  return candidate;
}
