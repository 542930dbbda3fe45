/* params: what each end says of itself once, in the handshake (proto/wire.md section 6).
 *
 * Type-length-value in ascending order of type, so that an end may learn new ones without a new version and
 * none can stand twice. A reader that does not know a parameter skips it when its id is even and refuses when
 * odd. */
#include "udpcp/wire.h"

#include <assert.h>
#include <string.h>

/* Frozen once written. */
enum param_id {
  PARAM_SOURCE_CID = 0x01,
  PARAM_ORIGINAL_CID = 0x03,
  PARAM_MAX_DATA = 0x05,
  PARAM_IDLE_TIMEOUT_MS = 0x07,
  PARAM_DATAGRAM_BYTES_MAX = 0x09,
  PARAM_PROTECTION = 0x0b,
  PARAM_ORIGIN = 0x0c,
};

/* A parameter whose value is one number. Those with an odd id must be present; of the others 0 stands for
 * their absence. */
struct number_param {
  enum param_id id;
  size_t place; /* in struct params */
  uint64_t min, max;
};

static const struct number_param number_params[] = {
    {PARAM_MAX_DATA, offsetof(struct params, max_data), 0, VARINT_MAX},
    {PARAM_IDLE_TIMEOUT_MS, offsetof(struct params, idle_timeout_ms), 1, VARINT_MAX},
    {PARAM_DATAGRAM_BYTES_MAX, offsetof(struct params, datagram_bytes_max), DATAGRAM_BYTES_MIN,
     DATAGRAM_BYTES_MAX},
    {PARAM_PROTECTION, offsetof(struct params, protection), 1, VARINT_MAX},
    {PARAM_ORIGIN, offsetof(struct params, origin), 0, VARINT_MAX},
};
enum { NUMBER_PARAMS = sizeof(number_params) / sizeof(number_params[0]) };

static uint64_t number_get(const struct params *params, const struct number_param *number) {
  uint64_t value;
  memcpy(&value, (const uint8_t *)params + number->place, sizeof(value));
  assert(value >= number->min && value <= number->max);
  return value;
}

static bool is_optional(uint64_t id) { return id % 2 == 0; }

static const struct number_param *number_find(uint64_t id) {
  for (unsigned i = 0; i < NUMBER_PARAMS; i++)
    if (number_params[i].id == id) return &number_params[i];
  return NULL;
}

static int cid_value_read(struct cid *cid, struct reader *value) {
  const uint8_t *bytes = reader_left(value) == CID_BYTES ? read_bytes(value, CID_BYTES) : NULL;
  if (!bytes) return ERR_MALFORMED;
  memcpy(cid->bytes, bytes, CID_BYTES);
  return 0;
}

static int number_value_read(struct params *params, const struct number_param *number, struct reader *value) {
  uint64_t read = read_varint(value);
  if (value->failed || reader_left(value) > 0 || read < number->min || read > number->max)
    return ERR_MALFORMED;
  memcpy((uint8_t *)params + number->place, &read, sizeof(read));
  return 0;
}

/* Sets the bit of the id in *seen when it is one we know. */
static int param_read(struct params *params, uint64_t id, struct reader *value, uint32_t *seen) {
  const struct number_param *number = number_find(id);
  if (!number && id != PARAM_SOURCE_CID && id != PARAM_ORIGINAL_CID)
    return is_optional(id) ? 0 : ERR_MALFORMED;
  *seen |= 1u << id;
  if (number) return number_value_read(params, number, value);
  return cid_value_read(id == PARAM_SOURCE_CID ? &params->source_cid : &params->original_cid, value);
}

int params_read(struct params *params, const uint8_t *bytes, size_t size) {
  struct reader reader;
  reader_init(&reader, bytes, size);
  *params = (struct params){0};
  uint32_t seen = 0, wanted = 1u << PARAM_SOURCE_CID;
  uint64_t id_min = 0;
  while (reader_left(&reader) > 0) {
    uint64_t id = read_varint(&reader);
    uint64_t value_size = read_varint(&reader);
    if (reader.failed || id < id_min || value_size > reader_left(&reader)) return ERR_MALFORMED;
    id_min = id + 1;
    struct reader value;
    reader_init(&value, read_bytes(&reader, value_size), value_size);
    int error = param_read(params, id, &value, &seen);
    if (error < 0) return error;
  }
  for (unsigned i = 0; i < NUMBER_PARAMS; i++)
    if (!is_optional(number_params[i].id)) wanted |= 1u << number_params[i].id;
  return reader.failed || (seen & wanted) != wanted ? ERR_MALFORMED : 0;
}

static bool has_original_cid(const struct params *params) {
  static const struct cid none;
  return !cid_equal(&params->original_cid, &none);
}

static bool is_written(const struct params *params, const struct number_param *number) {
  return !is_optional(number->id) || number_get(params, number) > 0;
}

size_t params_size(const struct params *params) {
  const size_t cid_size = 1 + 1 + CID_BYTES;
  size_t size = cid_size + (has_original_cid(params) ? cid_size : 0);
  for (unsigned i = 0; i < NUMBER_PARAMS; i++)
    if (is_written(params, &number_params[i]))
      size += 1 + 1 + varint_size(number_get(params, &number_params[i]));
  return size;
}

static void cid_param_write(enum param_id id, const struct cid *cid, struct writer *writer) {
  write_varint(writer, id);
  write_varint(writer, CID_BYTES);
  write_bytes(writer, cid->bytes, CID_BYTES);
}

void params_write(const struct params *params, struct writer *writer) {
  cid_param_write(PARAM_SOURCE_CID, &params->source_cid, writer);
  if (has_original_cid(params)) cid_param_write(PARAM_ORIGINAL_CID, &params->original_cid, writer);
  for (unsigned i = 0; i < NUMBER_PARAMS; i++) {
    if (!is_written(params, &number_params[i])) continue;
    uint64_t value = number_get(params, &number_params[i]);
    write_varint(writer, number_params[i].id);
    write_varint(writer, varint_size(value));
    write_varint(writer, value);
  }
}
