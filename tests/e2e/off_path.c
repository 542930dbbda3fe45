/* off_path: attacks on a receiver by whoever can send to it but sees nothing of what others send. Each mode
 * is one attack, says on stderr what went wrong, and leaves with 0 when the receiver did as it must.
 *
 *   off_path MODE PORT [COUNT | FILE]      the receiver listens at 127.0.0.1:PORT
 *
 * What the receiver must do is said in proto/transport.md section 3. */
#include "off_path.h"

enum { HALF_OPEN = 16, ANSWER_MS = 250, TOKEN_LIFETIME_MS = 15000 };

static struct hello hello;
static uint16_t port;

/* ---- floods ---- */
static void flood_empty(long count) {
  static struct batch batch;
  batch = (struct batch){.fd = open_at(INADDR_LOOPBACK, 0, port), .port = port};
  for (long i = 0; i < count; i++) {
    batch_room(&batch);
    batch_add(&batch, 0);
  }
  batch_flush(&batch);
}

/* Noise of 1200 bytes; the receiver's short answers to what looks like another version stay unread. */
static void flood_random(long count) {
  static struct batch batch;
  struct prng prng;
  prng_seed(&prng, 1);
  batch = (struct batch){.fd = open_at(INADDR_LOOPBACK, 0, port), .port = port};
  for (long i = 0; i < count; i++) {
    uint8_t *bytes = batch_room(&batch);
    for (size_t at = 0; at < DATAGRAM_BYTES_MIN; at += sizeof(uint64_t)) {
      uint64_t number = prng_next(&prng);
      memcpy(bytes + at, &number, sizeof number);
    }
    batch_add(&batch, DATAGRAM_BYTES_MIN);
  }
  batch_flush(&batch);
}

/* First packets whose ids are all alike: equal, then different in the last byte, then in the first. */
static void flood_colliding(long count) {
  static struct batch batch;
  struct ids ids;
  ids_draw(&ids);
  batch = (struct batch){.fd = open_at(INADDR_LOOPBACK, 0, port), .port = port};
  for (long i = 0; i < count; i++) {
    if (i % 3 == 1) ids.destination.bytes[CID_BYTES - 1]++;
    if (i % 3 == 2) ids.destination.bytes[0]++;
    random_fill(&ids.source, sizeof ids.source);
    uint8_t *bytes = batch_room(&batch);
    batch_add(&batch, hello_datagram(&hello, &ids, DATAGRAM_BYTES_MIN, bytes));
  }
  batch_flush(&batch);
}

/* Handshakes begun by 64 hosts from a new port each time, never gone on with. */
static void flood_half_open(long count) {
  static struct batch batch;
  batch.port = port;
  for (long i = 0; i < count; i++) {
    struct ids ids;
    ids_draw(&ids);
    if (i % BATCH == 0) {
      if (i > 0) batch_flush(&batch), close(batch.fd);
      uint32_t host = (uint32_t)(i / BATCH) % 64;
      batch.fd = open_at(INADDR_LOOPBACK + (host << 16) + (host << 8) + 1, 0, port);
    }
    uint8_t *bytes = batch_room(&batch);
    batch_add(&batch, hello_datagram(&hello, &ids, DATAGRAM_BYTES_MIN, bytes));
  }
  batch_flush(&batch);
}

/* One byte of the handshake so far out that nobody could keep what belongs in front of it. */
static void flood_far_offsets(long count) {
  static const uint64_t offsets[] = {8192, 65536, 1ull << 31, 1ull << 32, 1ull << 61, VARINT_MAX - 1};
  static struct batch batch;
  batch = (struct batch){.fd = open_at(INADDR_LOOPBACK, 0, port), .port = port};
  for (long i = 0; i < count; i++) {
    struct ids ids;
    ids_draw(&ids);
    struct frame frame = {.type = FRAME_CRYPTO,
                          .stream = {.offset = offsets[(size_t)i % (sizeof offsets / sizeof *offsets)],
                                     .bytes = (const uint8_t *)"x",
                                     .size = 1}};
    uint8_t *bytes = batch_room(&batch);
    batch_add(&batch, frame_datagram(&hello, &ids, &frame, DATAGRAM_BYTES_MIN, bytes));
    if (i % BATCH == 0) batch_flush(&batch), sleep_ms(2); /* for as long as an honest transfer takes */
  }
  batch_flush(&batch);
}

/* ---- single packets and what comes back ---- */

/* The type of the first answer, -1 when there is none. */
static int answer_to(int fd, const uint8_t *bytes, size_t size, struct packet *packet, uint8_t *answer) {
  struct packet unused;
  if (!packet) packet = &unused;
  if (send(fd, bytes, size, 0) != (ssize_t)size) fail("cannot send %zu bytes", size);
  size_t got = answer_within(fd, ANSWER_MS, answer, DATAGRAM_BYTES_IPV4);
  if (got == 0) return -1;
  if (packet_read(packet, answer, got) != 0) fail("an answer that cannot be read");
  return (int)packet->type;
}

static void drain(int fd) {
  uint8_t bytes[DATAGRAM_BYTES_IPV4];
  while (answer_within(fd, 0, bytes, sizeof bytes) > 0)
    ;
}

/* Each size below 1200, as a whole hello cut there, as a sealed one made so short, and as another version. */
static void first_packets_too_short(void) {
  uint8_t bytes[DATAGRAM_BYTES_IPV4], answer[DATAGRAM_BYTES_IPV4];
  struct ids ids;
  int fd = open_at(INADDR_LOOPBACK, 0, port);
  for (size_t size = 1; size < DATAGRAM_BYTES_MIN; size++) {
    struct frame ping = {.type = FRAME_PING};
    if (size % 32 == 0) wait_for_room(port);
    ids_draw(&ids);
    hello_datagram(&hello, &ids, DATAGRAM_BYTES_MIN, bytes);
    send(fd, bytes, size, 0);
    bytes[4] ^= 1; /* the version */
    send(fd, bytes, size, 0);
    if (hello_datagram(&hello, &ids, size, bytes) || frame_datagram(&hello, &ids, &ping, size, bytes))
      send(fd, bytes, size, 0);
  }
  size_t got = answer_within(fd, ANSWER_MS, answer, sizeof answer);
  if (got > 0) fail("a first packet of less than 1200 bytes was answered with %zu bytes", got);
  ids_draw(&ids);
  hello_datagram(&hello, &ids, DATAGRAM_BYTES_MIN, bytes);
  if (answer_to(fd, bytes, DATAGRAM_BYTES_MIN, NULL, answer) != PACKET_INITIAL)
    fail("one of 1200 bytes was not answered");
  drain(fd);
  bytes[4] ^= 1;
  if (answer_to(fd, bytes, DATAGRAM_BYTES_MIN, NULL, answer) != PACKET_VERSIONS)
    fail("one of 1200 bytes and another version was not answered");
}

/* A hello under the name of a host that then says nothing: what it gets, until after the time that the
 * receiver (recv --timeout 1) gives a handshake, and that all places are free again then. */
static void hellos_of_the_silent(void) {
  uint8_t bytes[DATAGRAM_BYTES_IPV4], answer[DATAGRAM_BYTES_IPV4];
  struct ids ids;
  int fds[HALF_OPEN], fd = open_at(INADDR_LOOPBACK, 0, port);
  for (int i = 0; i < HALF_OPEN; i++) {
    fds[i] = open_at(INADDR_LOOPBACK + 1 + (uint32_t)i, 0, port);
    ids_draw(&ids);
    send(fds[i], bytes, hello_datagram(&hello, &ids, DATAGRAM_BYTES_MIN, bytes), 0);
  }
  ids_draw(&ids);
  hello_datagram(&hello, &ids, DATAGRAM_BYTES_MIN, bytes);
  if (answer_to(fd, bytes, DATAGRAM_BYTES_MIN, NULL, answer) != PACKET_RETRY)
    fail("with all places taken no token was demanded");
  sleep_ms(1400);
  for (int i = 0; i < HALF_OPEN; i++) {
    size_t sum = 0, size;
    while ((size = answer_within(fds[i], 0, answer, sizeof answer)) > 0)
      sum += size;
    if (sum == 0) fail("host %d got no answer", i);
    if (sum > 3 * DATAGRAM_BYTES_MIN) fail("host %d got %zu bytes for its 1200", i, sum);
  }
  for (int i = 0; i < HALF_OPEN; i++)
    if (answer_within(fds[i], i ? 0 : 500, answer, sizeof answer) > 0) fail("host %d is still talked to", i);
  for (int i = 0; i < HALF_OPEN; i++) {
    ids_draw(&ids);
    hello_datagram(&hello, &ids, DATAGRAM_BYTES_MIN, bytes);
    if (answer_to(fds[i], bytes, DATAGRAM_BYTES_MIN, NULL, answer) != PACKET_INITIAL)
      fail("the place of host %d is not free again", i);
  }
}

/* ---- tokens ---- */

/* Takes all places and then asks for a token: `ids` are those of a packet that shows it. */
static void get_token(int fd, struct ids *ids) {
  uint8_t bytes[DATAGRAM_BYTES_IPV4], answer[DATAGRAM_BYTES_IPV4];
  struct packet packet = {0};
  for (int i = 0; i < HALF_OPEN; i++) {
    int other = open_at(INADDR_LOOPBACK + 1, 0, port);
    ids_draw(ids);
    send(other, bytes, hello_datagram(&hello, ids, DATAGRAM_BYTES_MIN, bytes), 0);
    close(other);
  }
  drain(fd);
  ids_draw(ids);
  hello_datagram(&hello, ids, DATAGRAM_BYTES_MIN, bytes);
  if (answer_to(fd, bytes, DATAGRAM_BYTES_MIN, &packet, answer) != PACKET_RETRY) fail("no token demanded");
  ids->destination = packet.source;
  ids->token_size = packet.token_size;
  memcpy(ids->token, packet.token, packet.token_size);
}

static bool opens(int fd, const struct ids *ids) {
  uint8_t bytes[DATAGRAM_BYTES_IPV4], answer[DATAGRAM_BYTES_IPV4];
  hello_datagram(&hello, ids, DATAGRAM_BYTES_MIN, bytes);
  drain(fd);
  int type = answer_to(fd, bytes, DATAGRAM_BYTES_MIN, NULL, answer);
  if (type != -1 && type != PACKET_RETRY && type != PACKET_INITIAL) fail("an answer of type %d", type);
  return type == PACKET_INITIAL;
}

static void tokens_of_others(void) {
  int here = open_at(INADDR_LOOPBACK, 0, port), there = open_at(INADDR_LOOPBACK + 2, port_of(here), port);
  int beside = open_at(INADDR_LOOPBACK, 0, port);
  struct ids ids, other;
  get_token(here, &ids);
  if (opens(there, &ids)) fail("a token opens a connection from another host");
  if (opens(beside, &ids)) fail("a token opens a connection from another port");
  other = ids;
  random_fill(&other.destination, sizeof other.destination);
  if (opens(here, &other)) fail("a token opens a connection under another id");
  if (!opens(here, &ids)) fail("a good token opens none");
}

/* All at once: one answer of the wrong kind is enough. */
static void tokens_with_a_flipped_bit(void) {
  uint8_t bytes[DATAGRAM_BYTES_IPV4], answer[DATAGRAM_BYTES_IPV4];
  int fd = open_at(INADDR_LOOPBACK, 0, port);
  struct ids ids;
  struct packet packet;
  size_t size;
  get_token(fd, &ids);
  for (size_t bit = 0; bit < 8 * ids.token_size; bit++) {
    struct ids flipped = ids;
    flipped.token[bit / 8] ^= (uint8_t)(1u << bit % 8);
    if (bit % 16 == 0) wait_for_room(port);
    send(fd, bytes, hello_datagram(&hello, &flipped, DATAGRAM_BYTES_MIN, bytes), 0);
  }
  for (size_t cut = 1; cut < ids.token_size; cut++) {
    struct ids shorter = ids;
    shorter.token_size = cut;
    send(fd, bytes, hello_datagram(&hello, &shorter, DATAGRAM_BYTES_MIN, bytes), 0);
  }
  while ((size = answer_within(fd, ANSWER_MS, answer, sizeof answer)) > 0)
    if (packet_read(&packet, answer, size) != 0 || packet.type != PACKET_RETRY)
      fail("a damaged token opens a connection");
  if (!opens(fd, &ids)) fail("a good token opens none");
}

static void token_that_is_too_old(void) {
  int fd = open_at(INADDR_LOOPBACK, 0, port);
  struct ids old, young;
  get_token(fd, &old);
  sleep_ms(TOKEN_LIFETIME_MS + 500);
  if (opens(fd, &old)) fail("a token of more than %d ms ago opens a connection", TOKEN_LIFETIME_MS);
  get_token(fd, &young);
  if (!opens(fd, &young)) fail("a young token opens none");
}

/* The token goes to a file, with the port it was given to. */
static void keep_token(const char *path) {
  int fd = open_at(INADDR_LOOPBACK, 0, port);
  uint16_t own = port_of(fd);
  struct ids ids;
  get_token(fd, &ids);
  FILE *file = fopen(path, "wbe");
  if (!file || fwrite(&own, sizeof own, 1, file) != 1 || fwrite(&ids, sizeof ids, 1, file) != 1 ||
      fclose(file))
    fail("cannot write %s", path);
}

/* It opens what it was made for (`as_it_should`) or nothing. */
static void use_token(const char *path, bool as_it_should) {
  uint16_t own;
  struct ids ids, unused;
  FILE *file = fopen(path, "rbe");
  if (!file || fread(&own, sizeof own, 1, file) != 1 || fread(&ids, sizeof ids, 1, file) != 1)
    fail("cannot read %s", path);
  fclose(file);
  int fd = open_at(INADDR_LOOPBACK, own, port);
  if (opens(fd, &ids) != as_it_should)
    fail(as_it_should ? "a good token opens none" : "a token from before the restart opens a connection");
  if (as_it_should) return;
  get_token(fd, &unused); /* nor does it when tokens are demanded */
  if (opens(fd, &ids)) fail("a token from before the restart opens a connection");
}

int main(int argc, char **argv) {
  if (argc < 3) fail("usage: off_path MODE PORT [COUNT | FILE]");
  const char *mode = argv[1];
  long count = argc > 3 ? strtol(argv[3], NULL, 10) : 0;
  port = (uint16_t)strtoul(argv[2], NULL, 10);
  hello_init(&hello);
  if (!strcmp(mode, "empty"))
    flood_empty(count);
  else if (!strcmp(mode, "random"))
    flood_random(count);
  else if (!strcmp(mode, "colliding"))
    flood_colliding(count);
  else if (!strcmp(mode, "half-open"))
    flood_half_open(count);
  else if (!strcmp(mode, "far-offsets"))
    flood_far_offsets(count);
  else if (!strcmp(mode, "too-short"))
    first_packets_too_short();
  else if (!strcmp(mode, "silent"))
    hellos_of_the_silent();
  else if (!strcmp(mode, "tokens-of-others"))
    tokens_of_others();
  else if (!strcmp(mode, "flipped-tokens"))
    tokens_with_a_flipped_bit();
  else if (!strcmp(mode, "old-token"))
    token_that_is_too_old();
  else if (!strcmp(mode, "keep-token") && argc > 3)
    keep_token(argv[3]);
  else if (!strcmp(mode, "use-good-token") && argc > 3)
    use_token(argv[3], true);
  else if (!strcmp(mode, "use-token") && argc > 3)
    use_token(argv[3], false);
  else
    fail("no such mode: %s", mode);
  hello.crypto.ops->free(hello.crypto.state);
  return 0;
}
