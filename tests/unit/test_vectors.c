/* vectors: the files of proto/vectors against the codec in both directions; what they say must be refused is.
 *
 * They were not made by this program, so a mistake that reader and writer share shows here. The folder is
 * proto/vectors, or what the environment names in UDPCP_VECTORS. */
#include "unit.h"

#include <stdlib.h>

#include "udpcp/crypto.h"
#include "udpcp/wire.h"

enum { LINE_BYTES_MAX = 8192, BYTES_MAX = LINE_BYTES_MAX / 2 };

struct vector {
  char name[64];
  uint8_t *bytes; /* allocated to the byte, so that a read beyond them is seen */
  size_t size;
  const char *meaning;
  bool read_only, refused;
};

typedef bool check_vector(const struct vector *vector);

static size_t from_hex(const char *text, uint8_t *out) {
  size_t size = 0;
  unsigned byte;
  while (sscanf(text + 2 * size, "%2x", &byte) == 1 && text[2 * size] != ' ')
    out[size++] = (uint8_t)byte;
  return size;
}

/* What stands behind `key=`, NULL when there is no such key. */
static const char *value_of(const char *meaning, const char *key) {
  size_t size = strlen(key);
  for (const char *at = meaning; at; at = strchr(at, ' ') ? strchr(at, ' ') + 1 : NULL)
    if (strncmp(at, key, size) == 0 && at[size] == '=') return at + size + 1;
  return NULL;
}

static uint64_t number_of(const char *meaning, const char *key, int base) {
  const char *value = value_of(meaning, key);
  return value ? strtoull(value, NULL, base) : 0;
}

static size_t bytes_of(const char *meaning, const char *key, uint8_t *out) {
  const char *value = value_of(meaning, key);
  return value ? from_hex(value, out) : 0;
}

/* The index of the value of type= among `names`; fails the case when it is none of them. */
static unsigned type_of(const char *meaning, const char *const *names, unsigned count) {
  const char *value = value_of(meaning, "type");
  CU_ASSERT_PTR_NOT_NULL_FATAL(value);
  size_t size = strcspn(value, " ");
  for (unsigned i = 0; i < count; i++)
    if (strlen(names[i]) == size && strncmp(names[i], value, size) == 0) return i;
  CU_FAIL_FATAL("unknown type");
  return 0;
}

static void parse(char *line, struct vector *vector) {
  char *hex = strstr(line, ": "), *arrow = strstr(line, " -> ");
  CU_ASSERT_FATAL(hex && arrow && (size_t)(hex - line) < sizeof vector->name);
  *vector = (struct vector){.meaning = arrow + 4};
  memcpy(vector->name, line, (size_t)(hex - line));
  uint8_t bytes[BYTES_MAX];
  vector->size = arrow > hex + 2 ? from_hex(hex + 2, bytes) : 0;
  CU_ASSERT_FATAL(vector->size == 0 || (size_t)(arrow - hex - 2) == 2 * vector->size);
  vector->bytes = malloc(vector->size ? vector->size : 1);
  CU_ASSERT_PTR_NOT_NULL_FATAL(vector->bytes);
  memcpy(vector->bytes, bytes, vector->size);
  vector->refused = strstr(vector->meaning, "refuse: ") != NULL;
  vector->read_only = strncmp(vector->meaning, "read-only ", 10) == 0;
}

static void check_file(const char *name, check_vector *check, unsigned vectors_min) {
  const char *folder = getenv("UDPCP_VECTORS");
  char path[512], line[LINE_BYTES_MAX];
  snprintf(path, sizeof path, "%s/%s", folder ? folder : "proto/vectors", name);
  FILE *file = fopen(path, "r");
  if (!file) printf("cannot open %s\n", path);
  CU_ASSERT_PTR_NOT_NULL_FATAL(file);
  unsigned count = 0;
  while (fgets(line, sizeof line, file)) {
    size_t size = strcspn(line, "\n");
    CU_ASSERT_EQUAL_FATAL(line[size], '\n');
    line[size] = 0;
    if (size == 0 || line[0] == '#') continue;
    struct vector vector;
    parse(line, &vector);
    bool holds = check(&vector);
    if (!holds) printf("%s: %s does not hold\n", name, vector.name);
    CU_ASSERT_TRUE(holds);
    free(vector.bytes);
    count++;
  }
  fclose(file);
  CU_ASSERT(count >= vectors_min);
}

static bool same_bytes(const uint8_t *a, size_t a_size, const uint8_t *b, size_t b_size) {
  return a_size == b_size && (a_size == 0 || memcmp(a, b, a_size) == 0);
}

static bool same_header(const struct block_header *a, const struct block_header *b) {
  return a->number == b->number && a->offset == b->offset && a->size_class == b->size_class &&
         a->fin == b->fin;
}

static struct block_header block_of(const char *meaning) {
  return (struct block_header){.number = number_of(meaning, "block", 10),
                               .offset = (uint32_t)number_of(meaning, "offset", 10),
                               .size_class = (uint8_t)number_of(meaning, "class", 10),
                               .fin = number_of(meaning, "fin", 10) == 1};
}

static void packet_of(const char *meaning, struct packet *packet, uint8_t *token) {
  static const char *const names[] = {"INITIAL", "HANDSHAKE", "RETRY", "VERSIONS", "FRAMES", "BLOCK"};
  *packet = (struct packet){.type = (enum packet_type)type_of(meaning, names, 6)};
  packet->key_phase = (uint8_t)number_of(meaning, "phase", 10);
  packet->version = (uint32_t)number_of(meaning, "version", 16);
  packet->number = number_of(meaning, "number", 10);
  packet->header_size = number_of(meaning, "header", 10);
  packet->payload_size = number_of(meaning, "payload", 10);
  packet->token = token;
  packet->token_size = bytes_of(meaning, "token", token);
  (void)bytes_of(meaning, "to", packet->destination.bytes);
  (void)bytes_of(meaning, "from", packet->source.bytes);
  if (packet->type == PACKET_BLOCK) packet->block = block_of(meaning);
}

static bool packet_holds(const struct vector *vector) {
  struct packet read, expected;
  uint8_t token[BYTES_MAX], proof[BYTES_MAX], out[BYTES_MAX];
  size_t proof_size = bytes_of(vector->meaning, "proof", proof);
  int error = packet_read(&read, vector->bytes, vector->size);
  if (vector->refused) return error == ERR_MALFORMED;
  packet_of(vector->meaning, &expected, token);
  if (error < 0 || read.type != expected.type || read.key_phase != expected.key_phase ||
      read.version != expected.version || !cid_equal(&read.destination, &expected.destination) ||
      !cid_equal(&read.source, &expected.source) || read.number != expected.number ||
      !same_header(&read.block, &expected.block) || read.header_size != expected.header_size ||
      read.payload_size != expected.payload_size ||
      !same_bytes(read.token, read.token_size, token, expected.token_size) ||
      !same_bytes(read.proof, read.proof ? PACKET_PROOF_BYTES : 0, proof, proof_size))
    return false;
  if (vector->read_only) return true;
  struct writer writer;
  writer_init(&writer, out, sizeof out);
  packet_write(&expected, &writer);
  return !writer.failed && packet_header_size(&expected) == expected.header_size &&
         same_bytes(out, writer_used(&writer), vector->bytes, expected.header_size) &&
         expected.header_size + expected.payload_size + proof_size == vector->size;
}

static void ack_of(const char *meaning, struct frame_ack *ack) {
  const char *at = value_of(meaning, "ranges");
  char *end;
  ack->range_count = 0;
  do {
    CU_ASSERT_FATAL(ack->range_count < ACK_RANGES_MAX);
    struct range *range = &ack->ranges[ack->range_count++];
    range->first = strtoull(at, &end, 10);
    range->end = strtoull(end + 1, &end, 10) + 1;
    at = end + 1;
  } while (*end == ',');
  ack->delay_us = number_of(meaning, "delay_us", 10);
  at = value_of(meaning, "ecn");
  for (unsigned i = 0; i < 3; i++, at = end + 1)
    ack->ecn[i] = strtoull(at, &end, 10);
}

/* `bytes` takes the byte string of the frame. */
static void frame_of(const char *meaning, struct frame *frame, uint8_t *bytes) {
  static const char *const names[FRAME_TYPES] = {
      "PADDING",  "PING",           "ACK",           "CRYPTO",        "CONTROL", "BLOCK",
      "MAX_DATA", "PATH_CHALLENGE", "PATH_RESPONSE", "ACK_FREQUENCY", "READY",   "CLOSE",
  };
  *frame = (struct frame){.type = (enum frame_type)type_of(meaning, names, FRAME_TYPES)};
  size_t size = bytes_of(meaning, frame->type == FRAME_CLOSE ? "reason" : "bytes", bytes);
  if (frame->type == FRAME_PADDING) {
    frame->padding_size = number_of(meaning, "size", 10);
  } else if (frame->type == FRAME_ACK) {
    ack_of(meaning, &frame->ack);
  } else if (frame->type == FRAME_CRYPTO || frame->type == FRAME_CONTROL) {
    frame->stream.offset = number_of(meaning, "offset", 10);
    frame->stream.bytes = bytes;
    frame->stream.size = size;
  } else if (frame->type == FRAME_BLOCK) {
    frame->block.header = block_of(meaning);
    frame->block.bytes = bytes;
    frame->block.size = size;
  } else if (frame->type == FRAME_MAX_DATA) {
    frame->max_data = number_of(meaning, "max_data", 10);
  } else if (frame->type == FRAME_PATH_CHALLENGE || frame->type == FRAME_PATH_RESPONSE) {
    frame->path = number_of(meaning, "path", 16);
  } else if (frame->type == FRAME_ACK_FREQUENCY) {
    frame->ack_frequency.packets = number_of(meaning, "packets", 10);
    frame->ack_frequency.delay_us = number_of(meaning, "delay_us", 10);
  } else if (frame->type == FRAME_CLOSE) {
    frame->close.code = number_of(meaning, "code", 10);
    frame->close.reason = bytes;
    frame->close.reason_size = size;
  }
}

static bool same_ack(const struct frame_ack *a, const struct frame_ack *b) {
  return a->delay_us == b->delay_us && memcmp(a->ecn, b->ecn, sizeof a->ecn) == 0 &&
         a->range_count == b->range_count &&
         memcmp(a->ranges, b->ranges, a->range_count * sizeof a->ranges[0]) == 0;
}

static bool same_frame(const struct frame *a, const struct frame *b) {
  if (a->type != b->type) return false;
  switch (a->type) {
  case FRAME_PADDING:
    return a->padding_size == b->padding_size;
  case FRAME_ACK:
    return same_ack(&a->ack, &b->ack);
  case FRAME_CRYPTO:
  case FRAME_CONTROL:
    return a->stream.offset == b->stream.offset &&
           same_bytes(a->stream.bytes, a->stream.size, b->stream.bytes, b->stream.size);
  case FRAME_BLOCK:
    return same_header(&a->block.header, &b->block.header) &&
           same_bytes(a->block.bytes, a->block.size, b->block.bytes, b->block.size);
  case FRAME_MAX_DATA:
    return a->max_data == b->max_data;
  case FRAME_PATH_CHALLENGE:
  case FRAME_PATH_RESPONSE:
    return a->path == b->path;
  case FRAME_ACK_FREQUENCY:
    return a->ack_frequency.packets == b->ack_frequency.packets &&
           a->ack_frequency.delay_us == b->ack_frequency.delay_us;
  case FRAME_CLOSE:
    return a->close.code == b->close.code &&
           same_bytes(a->close.reason, a->close.reason_size, b->close.reason, b->close.reason_size);
  default:
    return true;
  }
}

/* Every beginning of a frame that is not all of it must be refused; a run of padding has no such beginning.
 */
static bool cut_frame_is_refused(const struct vector *vector) {
  for (size_t size = 0; size < vector->size; size++) {
    struct reader reader;
    struct frame frame;
    uint8_t *cut = malloc(size ? size : 1);
    CU_ASSERT_PTR_NOT_NULL_FATAL(cut);
    memcpy(cut, vector->bytes, size);
    reader_init(&reader, cut, size);
    int error = frame_read(&frame, &reader);
    free(cut);
    if (error != ERR_MALFORMED) return false;
  }
  return true;
}

static bool frame_holds(const struct vector *vector) {
  struct frame read, expected;
  uint8_t bytes[BYTES_MAX], out[BYTES_MAX];
  struct reader reader;
  reader_init(&reader, vector->bytes, vector->size);
  int error = frame_read(&read, &reader);
  if (vector->refused) return error == ERR_MALFORMED;
  frame_of(vector->meaning, &expected, bytes);
  if (error < 0 || reader_left(&reader) != 0 || !same_frame(&read, &expected)) return false;
  if (read.type != FRAME_PADDING && !cut_frame_is_refused(vector)) return false;
  if (vector->read_only) return true;
  struct writer writer;
  writer_init(&writer, out, sizeof out);
  frame_write(&expected, &writer);
  return !writer.failed && frame_size(&expected) == vector->size &&
         same_bytes(out, writer_used(&writer), vector->bytes, vector->size);
}

static bool params_hold(const struct vector *vector) {
  struct params read, expected = {0};
  uint8_t out[BYTES_MAX];
  const char *meaning = vector->meaning;
  int error = params_read(&read, vector->bytes, vector->size);
  if (vector->refused) return error == ERR_MALFORMED;
  (void)bytes_of(meaning, "source_cid", expected.source_cid.bytes);
  (void)bytes_of(meaning, "original_cid", expected.original_cid.bytes);
  expected.max_data = number_of(meaning, "max_data", 10);
  expected.idle_timeout_ms = number_of(meaning, "idle_timeout_ms", 10);
  expected.datagram_bytes_max = number_of(meaning, "datagram_bytes_max", 10);
  expected.protection = number_of(meaning, "protection", 10);
  expected.origin = number_of(meaning, "origin", 10);
  if (error < 0 || !cid_equal(&read.source_cid, &expected.source_cid) ||
      !cid_equal(&read.original_cid, &expected.original_cid) || read.max_data != expected.max_data ||
      read.idle_timeout_ms != expected.idle_timeout_ms ||
      read.datagram_bytes_max != expected.datagram_bytes_max || read.protection != expected.protection ||
      read.origin != expected.origin)
    return false;
  if (vector->read_only) return true;
  struct writer writer;
  writer_init(&writer, out, sizeof out);
  params_write(&expected, &writer);
  return !writer.failed && params_size(&expected) == vector->size &&
         same_bytes(out, writer_used(&writer), vector->bytes, vector->size);
}

static bool retry_holds(const struct vector *vector) {
  uint8_t original[BYTES_MAX], tag[BYTES_MAX], computed[8];
  size_t original_size = bytes_of(vector->meaning, "original", original);
  size_t tag_size = vector->refused ? 0 : bytes_of(vector->meaning, "tag", tag);
  struct packet packet;
  if (packet_read(&packet, vector->bytes, vector->size) < 0 || packet.type != PACKET_RETRY) return false;
  struct writer writer;
  writer_init(&writer, computed, sizeof computed);
  write_u64(&writer, hash_64_of_two(original, original_size, vector->bytes, packet.header_size));
  bool fits = same_bytes(vector->bytes + packet.header_size, packet.payload_size, computed, sizeof computed);
  return vector->refused ? !fits : fits && same_bytes(computed, sizeof computed, tag, tag_size);
}

static void packets(void) { check_file("packets.hex", packet_holds, 10); }
static void frames(void) { check_file("frames.hex", frame_holds, 10); }
static void params(void) { check_file("params.hex", params_hold, 10); }
static void retries(void) { check_file("retry.hex", retry_holds, 5); }

UNIT_MAIN(UNIT_CASE(packets), UNIT_CASE(frames), UNIT_CASE(params), UNIT_CASE(retries))
