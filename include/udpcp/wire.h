/* wire: the format of datagrams, packets and frames (proto/wire.md).
 *
 * One struct describes one thing, and read, write and size of it stand together; what cannot be sent cannot
 * be represented. Readers never allocate: byte strings point into the datagram. */
#ifndef UDPCP_WIRE_H
#define UDPCP_WIRE_H

#include <assert.h>
#include <string.h>

#include "udpcp/base.h"

enum {
  WIRE_VERSION = 0x75637031, /* "ucp1" */
  CID_BYTES = 8,
  DATAGRAM_BYTES_IPV4 = 1472, /* the caps of a UDP payload on a 1500-byte path */
  DATAGRAM_BYTES_IPV6 = 1452,
  DATAGRAM_BYTES_MIN = 1200,  /* every first flight is padded to this, every path must carry it */
  DATAGRAM_BYTES_MAX = 65507, /* jumbo frames and the loopback interface, when asked for */
  TOKEN_BYTES_MAX = 64,
  TAG_BYTES_MAX = 16,
  PACKET_PROOF_BYTES = 16, /* behind the payload of an INITIAL packet */
  REASON_BYTES_MAX = 128,
  ACK_RANGES_MAX = 64,
  SHORT_HEADER_BYTES = 13,
  PACKET_NUMBER_BYTES = 4,
  BLOCK_BYTES_MAX = 256 * 1024 + POOL_TRAILER_BYTES, /* an encoded block with its trailer */
};
#define VARINT_MAX ((1ull << 62) - 1)

/* ---- varint: RFC 9000 section 16 ---- */
uint64_t read_varint(struct reader *reader);
void write_varint(struct writer *writer, uint64_t value); /* value <= VARINT_MAX, asserted */
static inline size_t varint_size(uint64_t value) {
  assert(value <= VARINT_MAX);
  return value < 1u << 6 ? 1 : value < 1u << 14 ? 2 : value < 1u << 30 ? 4 : 8;
}

/* ---- packets: proto/wire.md sections 2 to 4 ---- */
struct cid {
  uint8_t bytes[CID_BYTES];
};
static inline bool cid_equal(const struct cid *a, const struct cid *b) {
  return memcmp(a->bytes, b->bytes, CID_BYTES) == 0;
}

enum packet_type {
  PACKET_INITIAL = 0,   /* long header */
  PACKET_HANDSHAKE = 1, /* long header */
  PACKET_RETRY = 2,     /* long header: no packet number, the token to come back with, no frames */
  PACKET_VERSIONS = 3,  /* version field 0: the versions a receiver speaks, as 32-bit numbers, as payload */
  PACKET_FRAMES = 4,    /* short header: payload is a sequence of frames */
  PACKET_BLOCK = 5, /* short header: one block fragment, its header in the clear part, to the packet's end */
};

/* Where a fragment belongs: the blocks of one direction are numbered 0, 1, 2 ... in the order they were first
 * sent, so the receiver knows a finished block from a new one by a small interval set; which file a block
 * belongs to is said inside it (proto/transfer.md). On the wire: number varint, (offset << 1 | fin) varint.
 */
struct block_header {
  uint64_t number;
  uint32_t offset;    /* bytes from the block's start, below BLOCK_BYTES_MAX */
  uint8_t size_class; /* of the whole block's length, see pool_class_of */
  bool fin;           /* the fragment ends the block */
};

struct packet {
  enum packet_type type;
  uint8_t key_phase;              /* short headers: 0 or 1 */
  uint32_t version;               /* long headers */
  struct cid destination, source; /* source: long headers only */
  const uint8_t *token;           /* PACKET_INITIAL, PACKET_RETRY */
  size_t token_size;
  uint64_t number;           /* on reading its low 32 bits until packet_number_expand is applied */
  struct block_header block; /* PACKET_BLOCK */
  size_t header_size;        /* on reading: bytes before the payload, all of them authenticated */
  size_t payload_size;       /* payload with its tag: reaches to the end of the datagram, or to the proof */
  const uint8_t *proof;      /* on reading, PACKET_INITIAL: PACKET_PROOF_BYTES at the end of the datagram */
};

/* Reads what stands in front of the payload. 0, or ERR_MALFORMED. A long header of another version than
 * WIRE_VERSION yields type, version and both ids only, header_size 0, and no error. */
int packet_read(struct packet *packet, const uint8_t *datagram, size_t size);
/* Bytes packet_write will take. */
size_t packet_header_size(const struct packet *packet);
/* Writes the header; packet->payload_size (tag included) must be final for long headers. */
void packet_write(const struct packet *packet, struct writer *writer);
/* RFC 9000 appendix A.3 for 32-bit numbers: the full number nearest to `largest` + 1. */
uint64_t packet_number_expand(uint64_t largest, uint32_t truncated);

/* ---- frames: proto/wire.md section 5 ---- */
enum frame_type {
  FRAME_PADDING = 0x00, /* a run of zero bytes is read as one frame */
  FRAME_PING = 0x01,
  FRAME_ACK = 0x02,
  FRAME_CRYPTO = 0x03,
  FRAME_CONTROL = 0x04,
  FRAME_BLOCK = 0x05,
  FRAME_MAX_DATA = 0x06,
  FRAME_PATH_CHALLENGE = 0x07,
  FRAME_PATH_RESPONSE = 0x08,
  FRAME_ACK_FREQUENCY = 0x09,
  FRAME_READY = 0x0a, /* receiver to sender: the handshake is confirmed */
  FRAME_CLOSE = 0x0b,
  FRAME_TYPES
};

enum { ACK_ECT0, ACK_ECT1, ACK_CE, ACK_ECN_COUNTS }; /* places of the ECN counts */
struct frame_ack {
  uint64_t delay_us;                   /* between receiving `largest` and sending this */
  uint64_t ecn[ACK_ECN_COUNTS];        /* packets counted so far */
  uint32_t range_count;                /* 1 .. ACK_RANGES_MAX */
  struct range ranges[ACK_RANGES_MAX]; /* descending: ranges[0].end - 1 is the largest */
};

struct frame {
  enum frame_type type;
  union {
    size_t padding_size;
    struct frame_ack ack;
    struct {
      uint64_t offset;
      const uint8_t *bytes;
      size_t size;
    } stream; /* CRYPTO, CONTROL */
    struct {
      struct block_header header;
      const uint8_t *bytes;
      size_t size;
    } block;
    uint64_t max_data;
    uint64_t path; /* PATH_CHALLENGE, PATH_RESPONSE */
    struct {
      uint64_t packets, delay_us;
    } ack_frequency; /* acknowledge at the latest after so many, so long */
    struct {
      uint64_t code;
      const uint8_t *reason;
      size_t reason_size;
    } close;
  };
};

/* Reads one frame and steps over it. 0, or ERR_MALFORMED. */
int frame_read(struct frame *frame, struct reader *reader);
size_t frame_size(const struct frame *frame);
/* Writes exactly frame_size() bytes; the writer fails when they do not fit. */
void frame_write(const struct frame *frame, struct writer *writer);

/* ---- close codes: proto/wire.md section 7. Frozen once written. ---- */
enum close_code {
  CLOSE_DONE = 0, /* the transfer is complete, both ends agree */
  CLOSE_INTERNAL = 1,
  CLOSE_PROTOCOL = 2,    /* the peer broke the transport's rules */
  CLOSE_FLOW = 3,        /* more data than was granted */
  CLOSE_PARAMETERS = 4,  /* parameters missing, malformed or not acceptable */
  CLOSE_BUSY = 5,        /* too many peers just now */
  CLOSE_REFUSED = 6,     /* not allowed to send here */
  CLOSE_INTERRUPTED = 7, /* a user ended it */
  CLOSE_TIMEOUT = 8,     /* the peer is too slow; also what a silent one is reported as */
  CLOSE_TRANSFER = 9,    /* the peer broke the rules of proto/transfer.md */
  CLOSE_LOCAL = 10,      /* a local failure that ends the whole session: disk, memory */
  CLOSE_VERSION = 11,    /* never sent: no common version */
  CLOSE_KEYS = 12,       /* the keys have protected, or refused, as many packets as they may */
};

/* ---- transport parameters: proto/wire.md section 6; exchanged in the handshake ---- */
struct params {
  struct cid source_cid;   /* the id the sender of these parameters chose for itself */
  struct cid original_cid; /* from the receiver: the destination id of the client's first packet */
  uint64_t max_data;       /* initial grant, in bytes of block capacity */
  uint64_t idle_timeout_ms;
  uint64_t datagram_bytes_max; /* the largest UDP payload accepted */
  uint64_t protection;         /* bit set: the suites offered (enum protection_suite) */
  uint64_t origin;             /* optional: a number for the machine, see proto/security.md; 0: not said */
};
/* Type-length-value; an unknown optional parameter is skipped, an unknown mandatory one (odd id) refused. */
int params_read(struct params *params, const uint8_t *bytes, size_t size);
size_t params_size(const struct params *params);
void params_write(const struct params *params, struct writer *writer);

/* ---- describe: a packet or frame as one line of text, for traces and tests ---- */
/* Always terminates `text`; cut short when it does not fit. */
void packet_describe(const struct packet *packet, char *text, size_t size);
void frame_describe(const struct frame *frame, char *text, size_t size);

#endif
