/* frame: sequences in one payload, writers too small by a byte, random bytes, descriptions. The format itself
 * is tested by test_vectors. */
#include "unit.h"

#include <stdlib.h>

#include "udpcp/wire.h"

static const uint8_t text[] = "some bytes of a file, of a message or of a reason";

/* One of each type. */
static struct frame sample(enum frame_type type) {
  struct frame frame = {.type = type};
  switch (type) {
  case FRAME_PADDING:
    frame.padding_size = 9;
    break;
  case FRAME_ACK:
    frame.ack = (struct frame_ack){
        .delay_us = 300, .ecn = {1, 2, 70}, .range_count = 3, .ranges = {{1000, 1001}, {900, 990}, {0, 70}}};
    break;
  case FRAME_CRYPTO:
  case FRAME_CONTROL:
    frame.stream.offset = 5000000000;
    frame.stream.bytes = text;
    frame.stream.size = sizeof text;
    break;
  case FRAME_BLOCK:
    frame.block.header =
        (struct block_header){.number = 1ull << 40, .offset = 20000, .size_class = 7, .fin = true};
    frame.block.bytes = text;
    frame.block.size = sizeof text;
    break;
  case FRAME_MAX_DATA:
    frame.max_data = 1ull << 40;
    break;
  case FRAME_PATH_CHALLENGE:
  case FRAME_PATH_RESPONSE:
    frame.path = UINT64_MAX;
    break;
  case FRAME_ACK_FREQUENCY:
    frame.ack_frequency.packets = 64;
    frame.ack_frequency.delay_us = 25000;
    break;
  case FRAME_CLOSE:
    frame.close.code = CLOSE_TRANSFER;
    frame.close.reason = text;
    frame.close.reason_size = 10;
    break;
  default:
    break;
  }
  return frame;
}

static void all_types_follow_each_other(void) {
  uint8_t payload[1200];
  struct writer writer;
  writer_init(&writer, payload, sizeof payload);
  size_t sum = 0;
  for (unsigned type = 0; type < FRAME_TYPES; type++) {
    struct frame frame = sample((enum frame_type)type);
    frame_write(&frame, &writer);
    sum += frame_size(&frame);
    CU_ASSERT_EQUAL(writer_used(&writer), sum);
  }
  struct reader reader;
  reader_init(&reader, payload, sum);
  for (unsigned type = 0; type < FRAME_TYPES; type++) {
    struct frame read;
    CU_ASSERT_EQUAL(frame_read(&read, &reader), 0);
    CU_ASSERT_EQUAL(read.type, type);
  }
  CU_ASSERT_EQUAL(reader_left(&reader), 0);
}

static void padding_ends_at_the_next_frame(void) {
  static const uint8_t payload[] = {0, 0, 0, FRAME_PING, 0, 0};
  struct reader reader;
  struct frame frame;
  reader_init(&reader, payload, sizeof payload);
  CU_ASSERT(frame_read(&frame, &reader) == 0 && frame.type == FRAME_PADDING && frame.padding_size == 3);
  CU_ASSERT(frame_read(&frame, &reader) == 0 && frame.type == FRAME_PING);
  CU_ASSERT(frame_read(&frame, &reader) == 0 && frame.type == FRAME_PADDING && frame.padding_size == 2);
  CU_ASSERT_EQUAL(frame_read(&frame, &reader), ERR_MALFORMED);
}

static void bytes_point_into_the_payload(void) {
  uint8_t payload[100];
  struct writer writer;
  struct reader reader;
  struct frame frame = sample(FRAME_CONTROL), read;
  writer_init(&writer, payload, sizeof payload);
  frame_write(&frame, &writer);
  reader_init(&reader, payload, writer_used(&writer));
  CU_ASSERT_EQUAL(frame_read(&read, &reader), 0);
  CU_ASSERT_PTR_EQUAL(read.stream.bytes, payload + writer_used(&writer) - sizeof text);
}

static void a_writer_too_small_is_left_alone(void) {
  for (unsigned type = 0; type < FRAME_TYPES; type++) {
    struct frame frame = sample((enum frame_type)type);
    size_t size = frame_size(&frame);
    for (size_t room = 0; room <= size; room++) {
      uint8_t out[200], untouched[200];
      memset(out, 0xee, sizeof out);
      memset(untouched, 0xee, sizeof untouched);
      struct writer writer;
      writer_init(&writer, out, room);
      frame_write(&frame, &writer);
      CU_ASSERT_EQUAL(writer.failed, room < size);
      CU_ASSERT_EQUAL(writer_used(&writer), room < size ? 0 : size);
      CU_ASSERT_EQUAL(memcmp(out + writer_used(&writer), untouched, sizeof out - writer_used(&writer)), 0);
    }
  }
}

/* Whatever is not refused must mean the same when written again, in no more bytes. */
static void random_bytes_are_read_safely(void) {
  struct prng prng;
  prng_seed(&prng, 6);
  unsigned wrong = 0, taken[FRAME_TYPES] = {0};
  for (unsigned i = 0; i < 200000; i++) {
    size_t size = 1 + prng_below(&prng, 60);
    uint8_t *payload = malloc(size), again[128], twice[128];
    CU_ASSERT_PTR_NOT_NULL_FATAL(payload);
    payload[0] = (uint8_t)prng_below(&prng, FRAME_TYPES);
    for (size_t at = 1; at < size; at++) /* small numbers mostly, else hardly any frame would be whole */
      payload[at] = (uint8_t)(prng_below(&prng, 4) ? prng_below(&prng, 12) : prng_next(&prng));
    struct reader reader;
    struct frame frame, reread;
    reader_init(&reader, payload, size);
    int error = frame_read(&frame, &reader);
    wrong += error != 0 && error != ERR_MALFORMED;
    if (error == 0) {
      taken[frame.type]++;
      struct writer writer;
      writer_init(&writer, again, sizeof again);
      frame_write(&frame, &writer);
      size_t written = writer_used(&writer);
      wrong += writer.failed || written > size - reader_left(&reader);
      reader_init(&reader, again, written);
      wrong += frame_read(&reread, &reader) < 0 || reader_left(&reader) != 0;
      writer_init(&writer, twice, sizeof twice);
      frame_write(&reread, &writer);
      wrong += writer_used(&writer) != written || memcmp(again, twice, written) != 0;
    }
    free(payload);
  }
  CU_ASSERT_EQUAL(wrong, 0);
  for (unsigned type = 0; type < FRAME_TYPES; type++)
    CU_ASSERT(taken[type] > 100 && "enough of each were frames");
}

static void described_in_a_line(void) {
  static const char *const expected[FRAME_TYPES] = {
      "PADDING size=9",
      "PING",
      "ACK 1000-1000,900-989,0-69 delay=300us ecn=1/2/70",
      "CRYPTO offset=5000000000 size=50",
      "CONTROL offset=5000000000 size=50",
      "BLOCK block=1099511627776 offset=20000 class=7 fin size=50",
      "MAX_DATA 1099511627776",
      "PATH_CHALLENGE ffffffffffffffff",
      "PATH_RESPONSE ffffffffffffffff",
      "ACK_FREQUENCY packets=64 delay=25000us",
      "READY",
      "CLOSE code=9 \"some bytes\"",
  };
  for (unsigned type = 0; type < FRAME_TYPES; type++) {
    struct frame frame = sample((enum frame_type)type);
    char line[200], cut[8];
    frame_describe(&frame, line, sizeof line);
    CU_ASSERT_STRING_EQUAL(line, expected[type]);
    for (size_t size = 1; size <= sizeof cut; size++) {
      frame_describe(&frame, cut, size);
      CU_ASSERT(strlen(cut) < size && strncmp(cut, expected[type], strlen(cut)) == 0);
    }
  }
}

static void a_reason_cannot_steer_a_terminal(void) {
  static const uint8_t reason[] = {0x1b, '[', '2', 'J', '\n', 0xff, 0, 'x'};
  struct frame frame = {.type = FRAME_CLOSE,
                        .close = {.code = 1, .reason = reason, .reason_size = sizeof reason}};
  char line[100];
  frame_describe(&frame, line, sizeof line);
  CU_ASSERT_STRING_EQUAL(line, "CLOSE code=1 \"?[2J???x\"");
}

UNIT_MAIN(UNIT_CASE(all_types_follow_each_other), UNIT_CASE(padding_ends_at_the_next_frame),
          UNIT_CASE(bytes_point_into_the_payload), UNIT_CASE(a_writer_too_small_is_left_alone),
          UNIT_CASE(random_bytes_are_read_safely), UNIT_CASE(described_in_a_line),
          UNIT_CASE(a_reason_cannot_steer_a_terminal))
