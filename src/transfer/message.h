/* message: what the two ends say to each other on the control stream (proto/transfer.md section 2). */
#ifndef TRANSFER_MESSAGE_H
#define TRANSFER_MESSAGE_H

#include "udpcp/base.h"
#include "udpcp/transport.h"

enum {
  FORMAT_VERSION = 1,
  MESSAGE_BODY_BYTES_MAX = 8192,
  MESSAGE_BYTES_MAX = MESSAGE_BODY_BYTES_MAX + 16, /* with type and length in their longest forms */
  FLAG_DRY_RUN = 1,                                /* in HELLO and WELCOME */
  FLAGS_KNOWN = FLAG_DRY_RUN,
  MODE_MAX = 0777,
  OBJECTS_AHEAD_MIN = 256, /* what a sender may announce before WELCOME says more */
  NAME_BYTES_AHEAD_MIN = 64 * 1024,
  HELD_RANGES_MAX = 64, /* of blocks that the receiver has, in a WANT */
};
#define OBJECT_NUMBER_MAX (UINT32_MAX - 1)
#define MTIME_S_MAX ((int64_t)(VARINT_MAX >> 1)) /* and -MTIME_S_MAX, as a zigzag number */

/* Odd: must be understood. Even: skipped by who does not know it. */
enum message_type {
  MESSAGE_HELLO = 1,
  MESSAGE_ENTRY = 3,
  MESSAGE_DIGEST = 5,
  MESSAGE_END = 7,
  MESSAGE_WELCOME = 9,
  MESSAGE_WANT = 11,
  MESSAGE_RESULT = 13,
  MESSAGE_FINISHED = 15,
  MESSAGE_CHECKING = 16,
  MESSAGE_WORKING = 18,
};

enum result_status { RESULT_COMMITTED = 0, RESULT_HAVE = 1, RESULT_FAILED = 2, RESULT_WOULD = 3 };

/* What held the transfer up at the receiver, so far. */
struct load {
  uint64_t disk_us, cpu_us, drops;
};

struct message {
  uint64_t type; /* enum message_type, or what message_read does not know */
  union {
    struct {
      uint64_t version, flags;
    } hello;
    struct {
      enum entry_kind kind;
      uint32_t mode, mtime_ns;
      uint64_t size;
      int64_t mtime_s;
      uint32_t shared;     /* leading bytes of the name that are those of the entry before */
      uint32_t rest_size;  /* bytes that follow them */
      const uint8_t *rest; /* in the buffer that was read from */
    } entry;
    struct {
      uint32_t object;
      uint64_t failure;      /* FAILURE_NONE, or why the source could not be read as announced */
      struct hash128 digest; /* on the wire only when there was no failure */
    } digest;
    struct {
      uint64_t objects, bytes;
    } end;
    struct {
      uint64_t version, flags, objects_ahead, name_bytes_ahead;
    } welcome;
    struct {
      uint32_t object;
      uint32_t count;
      struct range
          held[HELD_RANGES_MAX]; /* blocks not to be sent: ascending, apart, from BLOCKS_UNASKED on */
    } want;
    struct {
      uint32_t object;
      uint64_t blocks;
    } checking;
    struct {
      uint32_t first, count;
      enum result_status status;
      uint64_t failure; /* on the wire only with RESULT_FAILED */
    } result;
    struct load load; /* WORKING, FINISHED */
  };
};

/* Reads one message and steps over it. 0; ERR_AGAIN when not all of it is there (nothing is consumed);
 * ERR_MALFORMED. A message of a type unknown here yields its type only. */
int message_read(struct message *message, struct reader *reader);
/* Writes it whole, or the writer fails. */
void message_write(const struct message *message, struct writer *writer);
bool message_is_known(uint64_t type);
/* "ENTRY"; "unknown" for an unknown type. */
const char *message_name(uint64_t type);

#endif
