/* message: the codec of the control stream against proto/vectors/messages.hex, in both directions, and what
 * it does with bytes that are cut anywhere. */
#include "unit.h"

#include "vector_file.h"

#include "transfer/failure.h"
#include "transfer/message.h"

static bool same(const struct message *a, const struct message *b) {
  if (a->type != b->type) return false;
  switch (a->type) {
  case MESSAGE_HELLO:
    return a->hello.version == b->hello.version && a->hello.flags == b->hello.flags;
  case MESSAGE_ENTRY:
    return a->entry.kind == b->entry.kind && a->entry.mode == b->entry.mode &&
           a->entry.size == b->entry.size && a->entry.mtime_s == b->entry.mtime_s &&
           a->entry.mtime_ns == b->entry.mtime_ns && a->entry.shared == b->entry.shared &&
           a->entry.rest_size == b->entry.rest_size &&
           memcmp(a->entry.rest, b->entry.rest, a->entry.rest_size) == 0;
  case MESSAGE_DIGEST:
    return a->digest.object == b->digest.object && a->digest.failure == b->digest.failure &&
           memcmp(a->digest.digest.bytes, b->digest.digest.bytes, sizeof(a->digest.digest.bytes)) == 0;
  case MESSAGE_END:
    return a->end.objects == b->end.objects && a->end.bytes == b->end.bytes;
  case MESSAGE_WELCOME:
    return a->welcome.version == b->welcome.version && a->welcome.flags == b->welcome.flags &&
           a->welcome.objects_ahead == b->welcome.objects_ahead &&
           a->welcome.name_bytes_ahead == b->welcome.name_bytes_ahead;
  case MESSAGE_WANT:
    return a->want.object == b->want.object && a->want.count == b->want.count &&
           memcmp(a->want.held, b->want.held, a->want.count * sizeof(a->want.held[0])) == 0;
  case MESSAGE_CHECKING:
    return a->checking.object == b->checking.object && a->checking.blocks == b->checking.blocks;
  case MESSAGE_RESULT:
    return a->result.first == b->result.first && a->result.count == b->result.count &&
           a->result.status == b->result.status && a->result.failure == b->result.failure;
  case MESSAGE_FINISHED:
  case MESSAGE_WORKING:
    return a->load.disk_us == b->load.disk_us && a->load.cpu_us == b->load.cpu_us &&
           a->load.drops == b->load.drops;
  default:
    return true;
  }
}

static uint64_t type_of(const char *meaning) {
  const char *value = vector_value(meaning, "type");
  CU_ASSERT_PTR_NOT_NULL_FATAL(value);
  size_t size = strcspn(value, " ");
  for (uint64_t type = MESSAGE_HELLO; type <= MESSAGE_WORKING; type++)
    if (message_is_known(type) && strlen(message_name(type)) == size &&
        strncmp(value, message_name(type), size) == 0)
      return type;
  return vector_number(meaning, "number");
}

/* held=4-7,9-9: the first and the last block of each range. */
static void read_held(struct message *message, const char *text) {
  char *at = (char *)(uintptr_t)text;
  while (at && *at && *at != ' ') {
    struct range *range = &message->want.held[message->want.count++];
    range->first = strtoull(at, &at, 10);
    range->end = strtoull(at + 1, &at, 10) + 1;
    if (*at == ',') at++;
  }
}

/* The message that a vector's meaning describes; `rest` gets the bytes of an entry's name. */
static struct message message_of(const char *meaning, uint8_t *rest) {
  struct message message = {.type = type_of(meaning)};
  switch (message.type) {
  case MESSAGE_HELLO:
    message.hello.version = vector_number(meaning, "version");
    message.hello.flags = vector_number(meaning, "flags");
    break;
  case MESSAGE_ENTRY:
    message.entry.kind = (enum entry_kind)vector_number(meaning, "kind");
    message.entry.mode = (uint32_t)vector_number(meaning, "mode");
    message.entry.size = vector_number(meaning, "size");
    message.entry.mtime_s = strtoll(vector_value(meaning, "mtime_s"), NULL, 10);
    message.entry.mtime_ns = (uint32_t)vector_number(meaning, "mtime_ns");
    message.entry.shared = (uint32_t)vector_number(meaning, "shared");
    message.entry.rest_size = (uint32_t)vector_from_hex(vector_value(meaning, "rest"), rest);
    message.entry.rest = rest;
    break;
  case MESSAGE_DIGEST:
    message.digest.object = (uint32_t)vector_number(meaning, "object");
    message.digest.failure = vector_number(meaning, "failure");
    if (message.digest.failure == 0)
      vector_from_hex(vector_value(meaning, "digest"), message.digest.digest.bytes);
    break;
  case MESSAGE_END:
    message.end.objects = vector_number(meaning, "objects");
    message.end.bytes = vector_number(meaning, "bytes");
    break;
  case MESSAGE_WELCOME:
    message.welcome.version = vector_number(meaning, "version");
    message.welcome.flags = vector_number(meaning, "flags");
    message.welcome.objects_ahead = vector_number(meaning, "objects_ahead");
    message.welcome.name_bytes_ahead = vector_number(meaning, "name_bytes_ahead");
    break;
  case MESSAGE_WANT:
    message.want.object = (uint32_t)vector_number(meaning, "object");
    read_held(&message, vector_value(meaning, "held"));
    break;
  case MESSAGE_RESULT:
    message.result.first = (uint32_t)vector_number(meaning, "first");
    message.result.count = (uint32_t)vector_number(meaning, "count");
    message.result.status = (enum result_status)vector_number(meaning, "status");
    message.result.failure = vector_number(meaning, "failure");
    break;
  case MESSAGE_CHECKING:
    message.checking.object = (uint32_t)vector_number(meaning, "object");
    message.checking.blocks = vector_number(meaning, "blocks");
    break;
  case MESSAGE_FINISHED:
  case MESSAGE_WORKING:
    message.load.disk_us = vector_value(meaning, "disk_us") ? vector_number(meaning, "disk_us") : 0;
    message.load.cpu_us = vector_value(meaning, "cpu_us") ? vector_number(meaning, "cpu_us") : 0;
    message.load.drops = vector_value(meaning, "drops") ? vector_number(meaning, "drops") : 0;
    break;
  default:
    break;
  }
  return message;
}

static bool holds(const struct vector_line *line) {
  struct message read, expected;
  struct reader reader;
  uint8_t rest[VECTOR_BYTES_MAX], out[VECTOR_BYTES_MAX];
  reader_init(&reader, line->bytes, line->size);
  int error = message_read(&read, &reader);
  if (vector_begins(line, "refuse")) return error == ERR_MALFORMED;
  if (vector_begins(line, "incomplete")) return error == ERR_AGAIN && reader_left(&reader) == line->size;
  expected = message_of(line->meaning, rest);
  if (error != 0 || reader_left(&reader) != 0 || !same(&read, &expected)) return false;
  if (vector_begins(line, "read-only")) return true;
  struct writer writer;
  writer_init(&writer, out, sizeof(out));
  message_write(&expected, &writer);
  return !writer.failed && writer_used(&writer) == line->size && memcmp(out, line->bytes, line->size) == 0;
}

static void fits_the_vectors(void) { CU_ASSERT(vector_file("messages.hex", holds) >= 70); }

/* Every beginning of a good message is incomplete; what stands behind it is left alone. */
static bool waits_for_the_rest(const struct vector_line *line) {
  if (vector_begins(line, "refuse") || vector_begins(line, "incomplete")) return true;
  uint8_t longer[VECTOR_BYTES_MAX + 1];
  struct message message;
  struct reader reader;
  for (size_t size = 0; size < line->size; size++) {
    reader_init(&reader, line->bytes, size);
    if (message_read(&message, &reader) != ERR_AGAIN || reader_left(&reader) != size) return false;
  }
  memcpy(longer, line->bytes, line->size);
  longer[line->size] = 0xff;
  reader_init(&reader, longer, line->size + 1);
  return message_read(&message, &reader) == 0 && reader_left(&reader) == 1;
}

static void waits_for_whole_messages(void) {
  CU_ASSERT(vector_file("messages.hex", waits_for_the_rest) >= 70);
}

/* A writer with too little room fails and never writes beyond it. */
static bool needs_its_room(const struct vector_line *line) {
  if (!vector_begins(line, "type=")) return true;
  uint8_t rest[VECTOR_BYTES_MAX];
  struct message message = message_of(line->meaning, rest);
  for (size_t size = 0; size < line->size; size++) {
    uint8_t *out = malloc(size > 0 ? size : 1);
    struct writer writer;
    writer_init(&writer, out, size);
    message_write(&message, &writer);
    free(out);
    if (!writer.failed) return false;
  }
  return true;
}

static void fails_without_room(void) { CU_ASSERT(vector_file("messages.hex", needs_its_room) >= 70); }

static void knows_its_types(void) {
  static const struct {
    uint64_t type;
    bool is_known;
    const char *name;
  } truth[] = {{0, false, "unknown"},  {1, true, "HELLO"},     {2, false, "unknown"},
               {3, true, "ENTRY"},     {5, true, "DIGEST"},    {7, true, "END"},
               {9, true, "WELCOME"},   {11, true, "WANT"},     {13, true, "RESULT"},
               {14, false, "unknown"}, {15, true, "FINISHED"}, {16, true, "CHECKING"},
               {17, false, "unknown"}, {18, true, "WORKING"},  {VARINT_MAX, false, "unknown"}};
  for (unsigned i = 0; i < sizeof(truth) / sizeof(truth[0]); i++) {
    CU_ASSERT_EQUAL(message_is_known(truth[i].type), truth[i].is_known);
    CU_ASSERT_STRING_EQUAL(message_name(truth[i].type), truth[i].name);
  }
}

static void translates_failures(void) {
  static const struct {
    uint64_t code;
    int error;
  } truth[] = {{0, 0},
               {2, ERR_NOT_FOUND},
               {3, ERR_EXISTS},
               {4, ERR_DENIED},
               {5, ERR_DISK_FULL},
               {6, ERR_IO},
               {7, ERR_BAD_NAME},
               {8, ERR_CHANGED},
               {9, ERR_IS_FOLDER},
               {10, ERR_TOO_MANY_FILES},
               {11, ERR_MISMATCH},
               {12, ERR_UNSUPPORTED},
               {13, ERR_NO_MEMORY},
               {14, ERR_INTERRUPTED},
               {15, ERR_TOO_MUCH}};
  for (unsigned i = 0; i < sizeof(truth) / sizeof(truth[0]); i++) {
    CU_ASSERT_EQUAL(failure_from_error(truth[i].error), truth[i].code);
    CU_ASSERT_EQUAL(failure_to_error(truth[i].code), truth[i].error);
  }
  CU_ASSERT_EQUAL(failure_from_error(ERR_AGAIN), 1); /* none of the wire's */
  CU_ASSERT_EQUAL(failure_to_error(1), ERR_IO);
  CU_ASSERT_EQUAL(failure_to_error(16), ERR_IO); /* a later version's */
}

UNIT_MAIN(UNIT_CASE(fits_the_vectors), UNIT_CASE(waits_for_whole_messages), UNIT_CASE(fails_without_room),
          UNIT_CASE(knows_its_types), UNIT_CASE(translates_failures))
