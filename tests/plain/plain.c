/* plain: see the header.
 *
 * Each end sends one message, a kind, a length and its parameters; the client first, the server when it has
 * read the client's. No keys come of it: a packet carries XXH3-64 over header and payload. DATA packets wait
 * for the handshake all the same, and their tags are bound to its two messages and to the key phase, so that
 * packets of another connection or of keys that are gone count as damaged, as they would with real keys. */
#include "plain/plain.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

enum {
  MESSAGE_KIND = 1,
  MESSAGE_BYTES_MAX = 4096,
  HEAD_BYTES_MAX = 3, /* kind, and a length below 2^14 as a varint */
  CHECKSUM_BYTES = 8,
};

struct plain {
  enum crypto_role role;
  bool failed;
  bool peer_done;      /* the peer's message has been read in full */
  size_t in_size;      /* of the peer's message, so far */
  size_t out_size;     /* of ours; 0 before start */
  size_t out_given;    /* of that, handed out */
  size_t params_start; /* in the peer's message */
  uint64_t binding;    /* what DATA tags are XORed with; valid when complete */
  bool is_bound;
  uint64_t send_phase, recv_phase;
  bool has_old; /* keys of the phase before are still taken */
  uint8_t in[MESSAGE_BYTES_MAX];
  uint8_t out[MESSAGE_BYTES_MAX];
};

static int plain_start(void *state, const uint8_t *params, size_t size) {
  struct plain *plain = state;
  assert(plain->out_size == 0 && "a handshake starts once");
  assert(params || size == 0);
  if (size > MESSAGE_BYTES_MAX - HEAD_BYTES_MAX) return ERR_NO_SPACE;
  struct writer writer;
  writer_init(&writer, plain->out, sizeof(plain->out));
  write_u8(&writer, MESSAGE_KIND);
  if (size < 64) {
    write_u8(&writer, (uint8_t)size);
  } else {
    write_u8(&writer, (uint8_t)(0x40 | size >> 8));
    write_u8(&writer, (uint8_t)size);
  }
  write_bytes(&writer, params, size);
  assert(!writer.failed);
  plain->out_size = writer_used(&writer);
  return 0;
}

/* The length behind the kind, a varint of any size. Fails the reader when it has not come in full. */
static uint64_t read_length(struct reader *reader) {
  uint8_t first = read_u8(reader);
  unsigned more = (1u << (first >> 6)) - 1;
  uint64_t length = first & 0x3f;
  for (unsigned i = 0; i < more; i++)
    length = length << 8 | read_u8(reader);
  return length;
}

static int plain_on_handshake(void *state, enum crypto_level level, const uint8_t *bytes, size_t size) {
  struct plain *plain = state;
  if (size == 0) return plain->failed ? ERR_MALFORMED : 0;
  if (plain->failed || level != LEVEL_INITIAL || plain->peer_done ||
      size > sizeof(plain->in) - plain->in_size)
    goto fail;
  memcpy(plain->in + plain->in_size, bytes, size);
  plain->in_size += size;
  struct reader reader;
  reader_init(&reader, plain->in, plain->in_size);
  if (read_u8(&reader) != MESSAGE_KIND) goto fail;
  uint64_t length = read_length(&reader);
  if (reader.failed) return 0;
  plain->params_start = plain->in_size - reader_left(&reader);
  if (length > MESSAGE_BYTES_MAX - plain->params_start || reader_left(&reader) > length) goto fail;
  plain->peer_done = reader_left(&reader) == length;
  return 0;
fail:
  plain->failed = true;
  return ERR_MALFORMED;
}

static size_t plain_next_handshake(void *state, enum crypto_level level, uint8_t *bytes, size_t capacity) {
  struct plain *plain = state;
  bool may_send = !plain->failed && (plain->role == ROLE_CLIENT || plain->peer_done);
  if (level != LEVEL_INITIAL || !may_send) return 0;
  size_t size = plain->out_size - plain->out_given;
  if (size > capacity) size = capacity;
  if (size > 0) memcpy(bytes, plain->out + plain->out_given, size);
  plain->out_given += size;
  return size;
}

/* The client is done when it has read the answer, the server when it has also given its own. */
static bool plain_is_complete(void *state) {
  const struct plain *plain = state;
  bool given = plain->out_size > 0 && plain->out_given == plain->out_size;
  return plain->peer_done && given;
}

static enum crypto_level plain_send_level(void *state) {
  return plain_is_complete(state) ? LEVEL_DATA : LEVEL_INITIAL;
}

static const uint8_t *plain_peer_params(void *state, size_t *size) {
  const struct plain *plain = state;
  *size = plain->peer_done ? plain->in_size - plain->params_start : 0;
  return plain->peer_done ? plain->in + plain->params_start : NULL;
}

static int plain_set_initial_id(void *state, const uint8_t *id, size_t size) {
  (void)state, (void)id, (void)size;
  return 0;
}

static const char *plain_failure(void *state) {
  const struct plain *plain = state;
  return plain->failed ? "malformed message" : "";
}

static size_t plain_tag_size(void *state, enum crypto_level level) {
  (void)state, (void)level;
  return CHECKSUM_BYTES;
}

static bool has_level(void *state, enum crypto_level level) {
  assert(level < CRYPTO_LEVELS);
  return level != LEVEL_DATA || plain_is_complete(state);
}

/* XXH3-64 over the client's message and the server's. */
static uint64_t binding_of(struct plain *plain) {
  if (!plain->is_bound) {
    bool is_client = plain->role == ROLE_CLIENT;
    plain->binding = is_client ? hash_64_of_two(plain->out, plain->out_size, plain->in, plain->in_size)
                               : hash_64_of_two(plain->in, plain->in_size, plain->out, plain->out_size);
    plain->is_bound = true;
  }
  return plain->binding;
}

/* The binding is worked out before several threads ask for it. */
static int plain_protect(void *state, enum protection_suite suite) {
  assert(suite == PROTECT_CHECKSUM && plain_is_complete(state));
  binding_of(state);
  return 0;
}

static uint64_t tag_of(struct plain *plain, enum crypto_level level, uint64_t phase, const uint8_t *header,
                       size_t header_size, const uint8_t *payload, size_t size) {
  uint64_t checksum = hash_64_of_two(header, header_size, payload, size);
  return level == LEVEL_DATA ? checksum ^ binding_of(plain) ^ phase : checksum;
}

static int plain_seal(void *state, enum crypto_level level, uint64_t number, const uint8_t *header,
                      size_t header_size, const uint8_t *payload, size_t size, uint8_t *out) {
  struct plain *plain = state;
  (void)number;
  if (!has_level(state, level)) return ERR_AGAIN;
  /* Copied first, so that the hash reads what the copy has just brought into the cache. */
  if (out != payload && size > 0) memcpy(out, payload, size);
  struct writer writer;
  writer_init(&writer, out + size, CHECKSUM_BYTES);
  write_u64(&writer, tag_of(plain, level, plain->send_phase, header, header_size, out, size));
  return 0;
}

/* The phase a packet claims: the newest one, the one before while it is remembered, or the next. */
static uint64_t claimed_phase(const struct plain *plain, enum crypto_level level, unsigned key_phase) {
  if (level != LEVEL_DATA || (plain->recv_phase & 1) == key_phase) return plain->recv_phase;
  return plain->has_old ? plain->recv_phase - 1 : plain->recv_phase + 1;
}

static int plain_open(void *state, enum crypto_level level, unsigned key_phase, uint64_t number,
                      const uint8_t *header, size_t header_size, const uint8_t *payload, size_t size,
                      uint8_t *out) {
  struct plain *plain = state;
  (void)number;
  if (!has_level(state, level)) return ERR_AGAIN;
  if (size < CHECKSUM_BYTES) return ERR_UNAUTHENTIC;
  size -= CHECKSUM_BYTES;
  uint64_t phase = claimed_phase(plain, level, key_phase);
  struct reader reader;
  reader_init(&reader, payload + size, CHECKSUM_BYTES);
  if (read_u64(&reader) != tag_of(plain, level, phase, header, header_size, payload, size))
    return ERR_UNAUTHENTIC;
  if (phase > plain->recv_phase) {
    plain->recv_phase = phase;
    plain->has_old = true;
  }
  if (out != payload && size > 0) memcpy(out, payload, size);
  return 0;
}

static void plain_seal_lane(void *state, unsigned lane, uint64_t number, const uint8_t *header,
                            size_t header_size, const uint8_t *payload, size_t size, uint8_t *out) {
  (void)lane;
  int error = plain_seal(state, LEVEL_DATA, number, header, header_size, payload, size, out);
  assert(!error && "packets are built when there are keys");
}

static int plain_open_lane(void *state, unsigned lane, uint64_t number, const uint8_t *header,
                           size_t header_size, const uint8_t *payload, size_t size, uint8_t *out) {
  unsigned newest = ((const struct plain *)state)->recv_phase & 1; /* so that no phase is changed */
  (void)lane;
  return plain_open(state, LEVEL_DATA, newest, number, header, header_size, payload, size, out);
}

static uint64_t plain_send_phase(void *state) { return ((const struct plain *)state)->send_phase; }
static uint64_t plain_recv_phase(void *state) { return ((const struct plain *)state)->recv_phase; }
static void plain_renew_keys(void *state) { ((struct plain *)state)->send_phase++; }
static void plain_forget_keys(void *state) { ((struct plain *)state)->has_old = false; }

static void plain_prove(void *state, const uint8_t *bytes, size_t size, uint8_t proof[PROOF_BYTES]) {
  (void)state, (void)bytes, (void)size;
  memset(proof, 0, PROOF_BYTES);
}

static bool plain_is_proven(void *state, const uint8_t *bytes, size_t size,
                            const uint8_t proof[PROOF_BYTES]) {
  (void)state, (void)bytes, (void)size, (void)proof;
  return true;
}

static void plain_free(void *state) { free(state); }

static const struct crypto_ops plain_ops = {
    .set_initial_id = plain_set_initial_id,
    .start = plain_start,
    .on_handshake = plain_on_handshake,
    .next_handshake = plain_next_handshake,
    .failure = plain_failure,
    .send_level = plain_send_level,
    .is_complete = plain_is_complete,
    .peer_params = plain_peer_params,
    .protect = plain_protect,
    .tag_size = plain_tag_size,
    .seal = plain_seal,
    .open = plain_open,
    .seal_lane = plain_seal_lane,
    .open_lane = plain_open_lane,
    .send_phase = plain_send_phase,
    .recv_phase = plain_recv_phase,
    .renew_keys = plain_renew_keys,
    .forget_keys = plain_forget_keys,
    .prove = plain_prove,
    .is_proven = plain_is_proven,
    .free = plain_free,
};

struct crypto crypto_plain_new(enum crypto_role role) {
  assert(role == ROLE_CLIENT || role == ROLE_SERVER);
  struct plain *plain = calloc(1, sizeof(*plain));
  if (!plain) return (struct crypto){0};
  plain->role = role;
  return (struct crypto){&plain_ops, plain};
}
