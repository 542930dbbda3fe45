/* params: limits at their edges, every list cut short, every bit flipped. The format itself is tested by
 * test_vectors. */
#include "unit.h"

#include "udpcp/wire.h"

static const struct params sample = {
    .source_cid = {{1, 2, 3, 4, 5, 6, 7, 8}},
    .original_cid = {{9, 9, 9}},
    .max_data = 8 << 20,
    .idle_timeout_ms = 30000,
    .datagram_bytes_max = 1472,
    .protection = 1,
};

static bool same_params(const struct params *a, const struct params *b) {
  return cid_equal(&a->source_cid, &b->source_cid) && cid_equal(&a->original_cid, &b->original_cid) &&
         a->max_data == b->max_data && a->idle_timeout_ms == b->idle_timeout_ms &&
         a->datagram_bytes_max == b->datagram_bytes_max && a->protection == b->protection;
}

static size_t encode(const struct params *params, uint8_t *bytes, size_t capacity) {
  struct writer writer;
  writer_init(&writer, bytes, capacity);
  params_write(params, &writer);
  CU_ASSERT_FALSE(writer.failed);
  CU_ASSERT_EQUAL(writer_used(&writer), params_size(params));
  return writer_used(&writer);
}

static void edges_there_and_back(void) {
  static const uint64_t max_data[] = {0, 1, VARINT_MAX}, idle_ms[] = {1, 30000, VARINT_MAX},
                        datagram[] = {DATAGRAM_BYTES_MIN, 9000, DATAGRAM_BYTES_MAX},
                        protection[] = {1, 7, VARINT_MAX};
  for (unsigned i = 0; i < 3; i++) {
    struct params params = sample, read;
    params.max_data = max_data[i];
    params.idle_timeout_ms = idle_ms[i];
    params.datagram_bytes_max = datagram[i];
    params.protection = protection[i];
    uint8_t bytes[100];
    CU_ASSERT_EQUAL(params_read(&read, bytes, encode(&params, bytes, sizeof bytes)), 0);
    CU_ASSERT_TRUE(same_params(&read, &params));
  }
}

static void no_original_id_takes_no_bytes(void) {
  struct params params = sample, read;
  size_t with = params_size(&params);
  params.original_cid = (struct cid){{0}};
  CU_ASSERT_EQUAL(params_size(&params), with - 10);
  uint8_t bytes[100];
  CU_ASSERT_EQUAL(params_read(&read, bytes, encode(&params, bytes, sizeof bytes)), 0);
  CU_ASSERT_TRUE(same_params(&read, &params));
}

static void a_list_cut_short_is_refused(void) {
  uint8_t bytes[100];
  size_t size = encode(&sample, bytes, sizeof bytes);
  struct params read;
  for (size_t cut = 0; cut < size; cut++)
    CU_ASSERT_EQUAL(params_read(&read, bytes, cut), ERR_MALFORMED);
  CU_ASSERT_EQUAL(params_read(&read, bytes, size), 0);
}

static void a_writer_too_small_fails(void) {
  uint8_t bytes[100];
  struct writer writer;
  writer_init(&writer, bytes, params_size(&sample) - 1);
  params_write(&sample, &writer);
  CU_ASSERT_TRUE(writer.failed);
}

/* A list with one bit turned is refused or says what it says within the limits. */
static void a_flipped_bit_breaks_no_limit(void) {
  uint8_t bytes[100];
  size_t size = encode(&sample, bytes, sizeof bytes);
  unsigned refused = 0, same = 0;
  for (size_t bit = 0; bit < 8 * size; bit++) {
    bytes[bit / 8] ^= (uint8_t)(1u << bit % 8);
    struct params read;
    if (params_read(&read, bytes, size) < 0)
      refused++;
    else {
      CU_ASSERT(read.datagram_bytes_max >= DATAGRAM_BYTES_MIN &&
                read.datagram_bytes_max <= DATAGRAM_BYTES_MAX);
      CU_ASSERT(read.idle_timeout_ms >= 1 && read.protection >= 1);
      same += same_params(&read, &sample);
    }
    bytes[bit / 8] ^= (uint8_t)(1u << bit % 8);
  }
  CU_ASSERT_EQUAL(same, 0);
  CU_ASSERT(refused > 50);
}

UNIT_MAIN(UNIT_CASE(edges_there_and_back), UNIT_CASE(no_original_id_takes_no_bytes),
          UNIT_CASE(a_list_cut_short_is_refused), UNIT_CASE(a_writer_too_small_fails),
          UNIT_CASE(a_flipped_bit_breaks_no_limit))
