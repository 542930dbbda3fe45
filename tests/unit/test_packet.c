/* packet: packet numbers at the edges of their window, random headers there and back, random bytes,
 * descriptions. The format itself is tested by test_vectors. */
#include "unit.h"

#include <stdlib.h>

#include "udpcp/wire.h"

static void numbers_expand_to_the_nearest(void) {
  const uint64_t win = 1ull << 32, half = win / 2;
  const struct {
    uint64_t largest;
    uint32_t truncated;
    uint64_t expected;
  } rows[] = {
      {UINT64_MAX, 0, 0}, /* nothing received yet */
      {UINT64_MAX, 5, 5},
      {UINT64_MAX, UINT32_MAX, UINT32_MAX}, /* nothing lies below zero */
      {0, 0, 0},
      {0, 1, 1},
      {100, 99, 99},
      {win - 1, 0, win},
      {win - 2, UINT32_MAX, win - 1},
      {win - 1, UINT32_MAX, win - 1},
      {win, UINT32_MAX, win - 1},
      {win + 10, 5, win + 5},
      /* Half a window up still counts as ahead, one more as behind. */
      {5 * win - 1, (uint32_t)half, 5 * win + half},
      {5 * win - 1, (uint32_t)(half + 1), 4 * win + half + 1},
      {5 * win + half - 2, 0, 5 * win},
      {5 * win + half - 1, 0, 6 * win},
      {7 * win + 3, 2, 7 * win + 2},
      {VARINT_MAX - 1, UINT32_MAX, VARINT_MAX},
      {VARINT_MAX - 5, 0, VARINT_MAX + 1 - win}, /* above it there are no numbers */
  };
  for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
    uint64_t expanded = packet_number_expand(rows[i].largest, rows[i].truncated);
    if (expanded != rows[i].expected) printf("row %zu\n", i);
    CU_ASSERT_EQUAL(expanded, rows[i].expected);
  }
}

static void what_is_near_survives(void) {
  struct prng prng;
  prng_seed(&prng, 3);
  unsigned wrong = 0;
  for (unsigned i = 0; i < 20000; i++) {
    uint64_t largest = (1ull << 33) + prng_below(&prng, 1ull << 60);
    uint64_t number = largest + 1 - (1ull << 31) + 1 + prng_below(&prng, (1ull << 32) - 1);
    wrong += packet_number_expand(largest, (uint32_t)number) != number;
  }
  CU_ASSERT_EQUAL(wrong, 0);
}

static void ids_differ_in_any_byte(void) {
  struct cid a = {{1, 2, 3, 4, 5, 6, 7, 8}};
  CU_ASSERT_TRUE(cid_equal(&a, &a));
  for (unsigned i = 0; i < CID_BYTES; i++) {
    struct cid b = a;
    b.bytes[i] ^= 0x80;
    CU_ASSERT_FALSE(cid_equal(&a, &b));
  }
}

static struct packet random_packet(struct prng *prng, const uint8_t *token) {
  struct packet packet = {.type = (enum packet_type)prng_below(prng, PACKET_BLOCK + 1)};
  bool is_long = packet.type < PACKET_FRAMES,
       has_token = packet.type == PACKET_INITIAL || packet.type == PACKET_RETRY;
  for (unsigned i = 0; i < CID_BYTES; i++)
    packet.destination.bytes[i] = (uint8_t)prng_next(prng);
  if (is_long) {
    packet.version = packet.type == PACKET_VERSIONS ? 0 : WIRE_VERSION;
    packet.source.bytes[0] = (uint8_t)prng_next(prng);
  } else {
    packet.key_phase = (uint8_t)prng_below(prng, 2);
  }
  if (has_token) {
    packet.token_size = prng_below(prng, TOKEN_BYTES_MAX) + (packet.type == PACKET_RETRY);
    packet.token = packet.token_size > 0 ? token : NULL;
  }
  if (packet.type != PACKET_RETRY && packet.type != PACKET_VERSIONS)
    packet.number = (uint32_t)prng_next(prng);
  packet.payload_size = packet.type == PACKET_RETRY      ? 8
                        : packet.type == PACKET_VERSIONS ? 4 * (1 + prng_below(prng, 5))
                                                         : prng_below(prng, 1400);
  if (packet.type == PACKET_BLOCK) {
    packet.block.number = prng_next(prng) >> (2 + prng_below(prng, 62));
    packet.block.size_class = (uint8_t)prng_below(prng, POOL_CLASSES);
    packet.block.offset = (uint32_t)prng_below(prng, pool_class_bytes(packet.block.size_class));
    packet.block.fin = prng_below(prng, 2);
  }
  return packet;
}

static bool same_packet(const struct packet *a, const struct packet *b) {
  return a->type == b->type && a->key_phase == b->key_phase && a->version == b->version &&
         cid_equal(&a->destination, &b->destination) && cid_equal(&a->source, &b->source) &&
         a->number == b->number && a->token_size == b->token_size &&
         (a->token_size == 0 || memcmp(a->token, b->token, a->token_size) == 0) &&
         a->block.number == b->block.number && a->block.offset == b->block.offset &&
         a->block.size_class == b->block.size_class && a->block.fin == b->block.fin &&
         a->payload_size == b->payload_size;
}

static void headers_there_and_back(void) {
  struct prng prng;
  prng_seed(&prng, 4);
  static const uint8_t token[TOKEN_BYTES_MAX] = {1, 2, 3, 4};
  unsigned wrong = 0;
  for (unsigned i = 0; i < 20000; i++) {
    struct packet packet = random_packet(&prng, token), read;
    uint8_t datagram[1600] = {0};
    struct writer writer;
    size_t header_size = packet_header_size(&packet);
    writer_init(&writer, datagram, header_size);
    packet_write(&packet, &writer);
    wrong += writer.failed || writer_left(&writer) != 0;
    size_t behind = packet.type == PACKET_INITIAL ? PACKET_PROOF_BYTES : 0;
    wrong += packet_read(&read, datagram, header_size + packet.payload_size + behind) < 0;
    wrong += (read.proof != NULL) != (behind > 0);
    wrong += !same_packet(&read, &packet) || read.header_size != header_size;
    writer_init(&writer, datagram, header_size - 1);
    packet_write(&packet, &writer);
    wrong += !writer.failed;
  }
  CU_ASSERT_EQUAL(wrong, 0);
}

/* Whatever is not refused must be within the datagram and mean the same when written again. */
static void random_bytes_are_read_safely(void) {
  struct prng prng;
  prng_seed(&prng, 5);
  unsigned wrong = 0, taken = 0;
  for (unsigned i = 0; i < 100000; i++) {
    size_t size = prng_below(&prng, 100);
    uint8_t *datagram = malloc(size ? size : 1), again[128];
    CU_ASSERT_PTR_NOT_NULL_FATAL(datagram);
    for (size_t at = 0; at < size; at++)
      datagram[at] = (uint8_t)prng_next(&prng);
    if (size > 5 && prng_below(&prng, 2)) { /* one half as long headers of our version */
      static const uint8_t version[4] = {0x75, 0x63, 0x70, 0x31};
      datagram[0] = (uint8_t)(0xc0 | prng_below(&prng, 3) << 4);
      memcpy(datagram + 1, version, sizeof version);
    }
    struct packet packet, reread;
    int error = packet_read(&packet, datagram, size);
    wrong += error != 0 && error != ERR_MALFORMED;
    if (error == 0 && packet.header_size > 0) {
      taken++;
      wrong += packet.header_size + packet.payload_size != size;
      struct writer writer;
      writer_init(&writer, again, sizeof again);
      packet_write(&packet, &writer);
      wrong += writer_used(&writer) > packet.header_size;
      write_bytes(&writer, datagram + packet.header_size, packet.payload_size);
      wrong += writer.failed || packet_read(&reread, again, writer_used(&writer)) < 0 ||
               !same_packet(&packet, &reread);
    }
    free(datagram);
  }
  CU_ASSERT_EQUAL(wrong, 0);
  CU_ASSERT(taken > 1000 && "enough of them were packets");
}

static void described_in_a_line(void) {
  struct packet packet = {.type = PACKET_BLOCK,
                          .key_phase = 1,
                          .number = 77,
                          .destination = {{0xa0, 1, 2, 3, 4, 5, 6, 7}},
                          .block = {.number = 5, .offset = 1440, .size_class = 8, .fin = true},
                          .payload_size = 1440};
  char text[200], cut[20];
  packet_describe(&packet, text, sizeof text);
  CU_ASSERT_STRING_EQUAL(
      text, "BLOCK number=77 phase=1 to=a001020304050607 block=5 offset=1440 class=8 fin payload=1440");
  memset(cut, 'x', sizeof cut);
  packet_describe(&packet, cut, sizeof cut - 1);
  CU_ASSERT_STRING_EQUAL(cut, "BLOCK number=77 ph");
  CU_ASSERT_EQUAL(cut[19], 'x');
  struct packet initial = {
      .type = PACKET_INITIAL, .version = WIRE_VERSION, .token_size = 9, .payload_size = 1172};
  packet_describe(&initial, text, sizeof text);
  CU_ASSERT_STRING_EQUAL(
      text,
      "INITIAL number=0 version=75637031 to=0000000000000000 from=0000000000000000 token=9 payload=1172");
}

UNIT_MAIN(UNIT_CASE(numbers_expand_to_the_nearest), UNIT_CASE(what_is_near_survives),
          UNIT_CASE(ids_differ_in_any_byte), UNIT_CASE(headers_there_and_back),
          UNIT_CASE(random_bytes_are_read_safely), UNIT_CASE(described_in_a_line))
