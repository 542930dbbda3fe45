/* message: see the header. Every message is type, length, body; a body may grow at its end, because a reader
 * takes the fields it knows and steps over the rest. What a message says about itself alone is checked here;
 * whether it fits the moment is for the end that receives it. */
#include "message.h"

#include "block.h"
#include "failure.h"

#include <assert.h>
#include <string.h>

const char *message_name(uint64_t type) {
  switch (type) {
  case MESSAGE_HELLO:
    return "HELLO";
  case MESSAGE_ENTRY:
    return "ENTRY";
  case MESSAGE_DIGEST:
    return "DIGEST";
  case MESSAGE_END:
    return "END";
  case MESSAGE_WELCOME:
    return "WELCOME";
  case MESSAGE_WANT:
    return "WANT";
  case MESSAGE_RESULT:
    return "RESULT";
  case MESSAGE_FINISHED:
    return "FINISHED";
  case MESSAGE_CHECKING:
    return "CHECKING";
  case MESSAGE_WORKING:
    return "WORKING";
  default:
    return "unknown";
  }
}

bool message_is_known(uint64_t type) {
  bool is_optional = type == MESSAGE_CHECKING || type == MESSAGE_WORKING;
  return (type % 2 == 1 && type <= MESSAGE_FINISHED) || is_optional;
}

/* ---- ENTRY: the only long one ---- */

static uint64_t zigzag(int64_t value) {
  return value < 0 ? ((uint64_t)(-(value + 1)) << 1) + 1 : (uint64_t)value << 1;
}

static int64_t unzigzag(uint64_t value) {
  int64_t half = (int64_t)(value >> 1);
  return value & 1 ? -half - 1 : half;
}

static bool read_entry(struct message *message, struct reader *reader) {
  uint64_t kind = read_varint(reader), mode = read_varint(reader), size = read_varint(reader);
  message->entry.mtime_s = unzigzag(read_varint(reader));
  uint64_t mtime_ns = read_varint(reader), shared = read_varint(reader), rest_size = read_varint(reader);
  if (reader->failed || kind > ENTRY_FOLDER || mode > MODE_MAX || mtime_ns >= NS_PER_S) return false;
  if (kind == ENTRY_FOLDER && size > 0) return false;
  if (shared > NAME_BYTES_MAX || rest_size > NAME_BYTES_MAX - shared || shared + rest_size == 0) return false;
  message->entry.kind = (enum entry_kind)kind;
  message->entry.mode = (uint32_t)mode;
  message->entry.size = size;
  message->entry.mtime_ns = (uint32_t)mtime_ns;
  message->entry.shared = (uint32_t)shared;
  message->entry.rest_size = (uint32_t)rest_size;
  message->entry.rest = read_bytes(reader, rest_size);
  return !reader->failed;
}

static size_t entry_size(const struct message *message) {
  return varint_size(message->entry.kind) + varint_size(message->entry.mode) +
         varint_size(message->entry.size) + varint_size(zigzag(message->entry.mtime_s)) +
         varint_size(message->entry.mtime_ns) + varint_size(message->entry.shared) +
         varint_size(message->entry.rest_size) + message->entry.rest_size;
}

static void write_entry(const struct message *message, struct writer *writer) {
  write_varint(writer, message->entry.kind);
  write_varint(writer, message->entry.mode);
  write_varint(writer, message->entry.size);
  write_varint(writer, zigzag(message->entry.mtime_s));
  write_varint(writer, message->entry.mtime_ns);
  write_varint(writer, message->entry.shared);
  write_varint(writer, message->entry.rest_size);
  write_bytes(writer, message->entry.rest, message->entry.rest_size);
}

/* ---- the others ---- */

static bool read_object(uint32_t *object, struct reader *reader) {
  uint64_t number = read_varint(reader);
  *object = (uint32_t)number;
  return number <= OBJECT_NUMBER_MAX;
}

static bool read_digest(struct message *message, struct reader *reader) {
  if (!read_object(&message->digest.object, reader)) return false;
  message->digest.failure = read_varint(reader);
  if (message->digest.failure != FAILURE_NONE) return true;
  const uint8_t *bytes = read_bytes(reader, sizeof(message->digest.digest.bytes));
  if (bytes) memcpy(message->digest.digest.bytes, bytes, sizeof(message->digest.digest.bytes));
  return true;
}

static bool read_result(struct message *message, struct reader *reader) {
  if (!read_object(&message->result.first, reader)) return false;
  uint64_t count = read_varint(reader), status = read_varint(reader);
  if (count == 0 || count - 1 > OBJECT_NUMBER_MAX - message->result.first || status > RESULT_WOULD)
    return false;
  message->result.count = (uint32_t)count;
  message->result.status = (enum result_status)status;
  if (status != RESULT_FAILED) return true;
  message->result.failure = read_varint(reader);
  return message->result.failure != FAILURE_NONE;
}

/* ---- WANT: the ranges, each as its distance from the one before and its length ---- */

static bool read_want(struct message *message, struct reader *reader) {
  if (!read_object(&message->want.object, reader)) return false;
  uint64_t count = reader_left(reader) > 0 ? read_varint(reader) : 0, end = BLOCKS_UNASKED;
  if (count > HELD_RANGES_MAX) return false;
  message->want.count = (uint32_t)count;
  for (uint64_t i = 0; i < count; i++) {
    uint64_t gap = read_varint(reader), blocks = read_varint(reader);
    if (reader->failed || blocks == 0 || (gap == 0 && i > 0)) return false;
    if (gap > VARINT_MAX - end || blocks > VARINT_MAX - end - gap) return false;
    message->want.held[i] = (struct range){end + gap, end + gap + blocks};
    end += gap + blocks;
  }
  return true;
}

static uint64_t held_gap(const struct message *message, uint32_t i) {
  return message->want.held[i].first - (i > 0 ? message->want.held[i - 1].end : BLOCKS_UNASKED);
}

static size_t want_size(const struct message *message) {
  size_t size = varint_size(message->want.object) + varint_size(message->want.count);
  for (uint32_t i = 0; i < message->want.count; i++)
    size += varint_size(held_gap(message, i)) +
            varint_size(message->want.held[i].end - message->want.held[i].first);
  return size;
}

static void write_want(const struct message *message, struct writer *writer) {
  write_varint(writer, message->want.object);
  write_varint(writer, message->want.count);
  for (uint32_t i = 0; i < message->want.count; i++) {
    write_varint(writer, held_gap(message, i));
    write_varint(writer, message->want.held[i].end - message->want.held[i].first);
  }
}

/* ---- the load: each field may be missing at the end, and is 0 then ---- */

static uint64_t read_optional(struct reader *reader) {
  return reader_left(reader) > 0 ? read_varint(reader) : 0;
}

static bool read_load(struct load *load, struct reader *reader) {
  load->disk_us = read_optional(reader);
  load->cpu_us = read_optional(reader);
  load->drops = read_optional(reader);
  return true;
}

static bool is_idle(const struct load *load) {
  return load->disk_us == 0 && load->cpu_us == 0 && load->drops == 0;
}

static size_t load_size(const struct load *load) {
  return is_idle(load) ? 0
                       : varint_size(load->disk_us) + varint_size(load->cpu_us) + varint_size(load->drops);
}

static void write_load(const struct load *load, struct writer *writer) {
  if (is_idle(load)) return;
  write_varint(writer, load->disk_us);
  write_varint(writer, load->cpu_us);
  write_varint(writer, load->drops);
}

/* ---- each by its type ---- */

static bool read_body(struct message *message, struct reader *reader) {
  switch (message->type) {
  case MESSAGE_HELLO:
    message->hello.version = read_varint(reader);
    message->hello.flags = read_varint(reader);
    return true;
  case MESSAGE_ENTRY:
    return read_entry(message, reader);
  case MESSAGE_DIGEST:
    return read_digest(message, reader);
  case MESSAGE_END:
    message->end.objects = read_varint(reader);
    message->end.bytes = read_varint(reader);
    return true;
  case MESSAGE_WELCOME:
    message->welcome.version = read_varint(reader);
    message->welcome.flags = read_varint(reader);
    message->welcome.objects_ahead = read_varint(reader);
    message->welcome.name_bytes_ahead = read_varint(reader);
    return true;
  case MESSAGE_WANT:
    return read_want(message, reader);
  case MESSAGE_RESULT:
    return read_result(message, reader);
  case MESSAGE_CHECKING:
    if (!read_object(&message->checking.object, reader)) return false;
    message->checking.blocks = read_varint(reader);
    return true;
  case MESSAGE_FINISHED:
  case MESSAGE_WORKING:
    return read_load(&message->load, reader);
  default:
    return true;
  }
}

static size_t body_size(const struct message *message) {
  switch (message->type) {
  case MESSAGE_HELLO:
    return varint_size(message->hello.version) + varint_size(message->hello.flags);
  case MESSAGE_ENTRY:
    return entry_size(message);
  case MESSAGE_DIGEST:
    return varint_size(message->digest.object) + varint_size(message->digest.failure) +
           (message->digest.failure == FAILURE_NONE ? sizeof(message->digest.digest.bytes) : 0);
  case MESSAGE_END:
    return varint_size(message->end.objects) + varint_size(message->end.bytes);
  case MESSAGE_WELCOME:
    return varint_size(message->welcome.version) + varint_size(message->welcome.flags) +
           varint_size(message->welcome.objects_ahead) + varint_size(message->welcome.name_bytes_ahead);
  case MESSAGE_WANT:
    return want_size(message);
  case MESSAGE_RESULT:
    return varint_size(message->result.first) + varint_size(message->result.count) +
           varint_size(message->result.status) +
           (message->result.status == RESULT_FAILED ? varint_size(message->result.failure) : 0);
  case MESSAGE_CHECKING:
    return varint_size(message->checking.object) + varint_size(message->checking.blocks);
  case MESSAGE_FINISHED:
  case MESSAGE_WORKING:
    return load_size(&message->load);
  default:
    return 0;
  }
}

static void write_body(const struct message *message, struct writer *writer) {
  switch (message->type) {
  case MESSAGE_HELLO:
    write_varint(writer, message->hello.version);
    write_varint(writer, message->hello.flags);
    break;
  case MESSAGE_ENTRY:
    write_entry(message, writer);
    break;
  case MESSAGE_DIGEST:
    write_varint(writer, message->digest.object);
    write_varint(writer, message->digest.failure);
    if (message->digest.failure == FAILURE_NONE)
      write_bytes(writer, message->digest.digest.bytes, sizeof(message->digest.digest.bytes));
    break;
  case MESSAGE_END:
    write_varint(writer, message->end.objects);
    write_varint(writer, message->end.bytes);
    break;
  case MESSAGE_WELCOME:
    write_varint(writer, message->welcome.version);
    write_varint(writer, message->welcome.flags);
    write_varint(writer, message->welcome.objects_ahead);
    write_varint(writer, message->welcome.name_bytes_ahead);
    break;
  case MESSAGE_WANT:
    write_want(message, writer);
    break;
  case MESSAGE_CHECKING:
    write_varint(writer, message->checking.object);
    write_varint(writer, message->checking.blocks);
    break;
  case MESSAGE_RESULT:
    write_varint(writer, message->result.first);
    write_varint(writer, message->result.count);
    write_varint(writer, message->result.status);
    if (message->result.status == RESULT_FAILED) write_varint(writer, message->result.failure);
    break;
  case MESSAGE_FINISHED:
  case MESSAGE_WORKING:
    write_load(&message->load, writer);
    break;
  default:
    break;
  }
}

/* ---- all ---- */

int message_read(struct message *message, struct reader *reader) {
  struct reader ahead = *reader;
  memset(message, 0, sizeof(*message));
  message->type = read_varint(&ahead);
  uint64_t size = read_varint(&ahead);
  if (ahead.failed) return ERR_AGAIN;
  if (size > MESSAGE_BODY_BYTES_MAX) return ERR_MALFORMED;
  if (size > reader_left(&ahead)) return ERR_AGAIN;
  struct reader body;
  reader_init(&body, read_bytes(&ahead, size), size);
  if (message_is_known(message->type) && (!read_body(message, &body) || body.failed)) return ERR_MALFORMED;
  *reader = ahead;
  return 0;
}

void message_write(const struct message *message, struct writer *writer) {
  assert(message_is_known(message->type));
  size_t size = body_size(message);
  assert(size <= MESSAGE_BODY_BYTES_MAX);
  write_varint(writer, message->type);
  write_varint(writer, size);
  const uint8_t *start = writer->at;
  write_body(message, writer);
  assert(writer->failed || (size_t)(writer->at - start) == size);
}
