/* A connection, and a peer that holds the right keys and says anything at all. The input is a small program:
 * datagrams as they are, datagrams and frames sealed as the peer would seal them, acknowledgements of what
 * the victim did send, jumps of the packet number, new keys, other addresses, time that passes, and what the
 * victim's own user does. Whatever comes, its invariants hold, it neither spins nor answers without end, what
 * it says is well-formed and meant for its peer, it believes no acknowledgement of what it never sent, it
 * ends once, and it gives every byte of memory back. */
#include "plain/plain.h"
#include "transport/conn.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);

enum {
  STEPS_MAX = 96,     /* of one input */
  PAYLOAD_MAX = 1100, /* of what is forged */
  SEALED_MAX = 1400,
  BLOCKS_MAX = 4,    /* the victim sends */
  HELD_MAX = 64,     /* received blocks that its user has not given back */
  SAID_MAX = 8192,   /* datagrams while the clock stands still */
  WAKES_MAX = 20000, /* in one stretch of time */
  SPINS_MAX = 8,     /* deadlines that are in the past again and again */
  POOL_BYTES = 8 << 20,
};

enum step {
  STEP_FRAMES,   /* size, frames */
  STEP_DATAGRAM, /* size, bytes */
  STEP_SEALED,   /* size, bytes: header and payload */
  STEP_ACK,      /* of what the victim has sent: how far back, count, gap, length, delay */
  STEP_TIME,     /* exponent */
  STEP_WRITE,    /* size */
  STEP_SEND,     /* size, of a block */
  STEP_JUMP,     /* factor, exponent: of the packet number */
  STEP_RENEW,    /* the peer's keys */
  STEP_CONTROL,  /* distance from what is in order, size, bytes */
  STEP_RELEASE,  /* blocks received */
  STEP_CLOSE,    /* code */
  STEP_MOVE,     /* to another address or back */
  STEP_TOO_BIG,  /* size of a datagram that the interface refused */
  STEP_TALK,     /* the peer's own words, both ways */
  STEPS
};

struct held {
  uint8_t *bytes;
  unsigned size_class;
};

static struct scene {
  uint64_t now_ns, jump;
  struct conn *victim, *peer;
  struct pool *pools[2];
  struct address from;
  unsigned established, closed, sending, held_count;
  size_t read;
  struct held held[HELD_MAX];
} scene;

static const uint8_t words[BLOCK_BYTES_MAX]; /* all that the victim ever says */
static const struct address home = {.size = 4, .bytes = {1}}, away = {.size = 4, .bytes = {9}};

/* ---- two ends ---- */

static struct conn *new_end(enum crypto_role role, struct pool *pool) {
  bool is_client = role == ROLE_CLIENT;
  struct conn_config config = {.role = role,
                               .crypto = crypto_plain_new(role),
                               .pool = pool,
                               .local_cid = {{is_client ? 0xc : 0x5, 1}},
                               .peer_cid = {{is_client ? 0x1 : 0xc, 1}},
                               .original_cid = {{0x1, 1}},
                               .initial_cid = {{0x1, 1}},
                               .peer = home,
                               .window_bytes = 2 << 20,
                               .protection = PROTECT_CHECKSUM,
                               .datagram_bytes_max = DATAGRAM_BYTES_IPV4,
                               .idle_timeout_ns = 5 * NS_PER_S,
                               .handshake_timeout_ns = 3 * NS_PER_S,
                               .seed = 7};
  struct conn *conn = conn_new(&config, scene.now_ns);
  assert(conn);
  return conn;
}

/* What the victim says must be what any peer of the right keys can read. */
static void check_said(const uint8_t *bytes, size_t size) {
  uint8_t copy[DATAGRAM_BYTES_IPV4];
  struct packet packet;
  struct reader reader;
  struct frame frame;
  assert(size <= sizeof(copy));
  memcpy(copy, bytes, size);
  int error = packet_read(&packet, copy, size);
  assert(!error && cid_equal(&packet.destination, &scene.victim->peer_cid));
  if (packet.type != PACKET_FRAMES || packet.payload_size < 8) return;
  reader_init(&reader, copy + packet.header_size, packet.payload_size - 8);
  while (reader_left(&reader) > 0) {
    error = frame_read(&frame, &reader);
    assert(!error && "a frame of ours is well-formed");
  }
}

/* Takes what an end wants to send; gives it to `to` when there is one. */
static void drain(struct conn *from, struct conn *to) {
  uint8_t bytes[DATAGRAM_BYTES_IPV4];
  struct address where;
  size_t size;
  unsigned said = 0;
  while ((size = conn_next_datagram(from, scene.now_ns, bytes, sizeof(bytes), &where)) > 0) {
    assert(++said < SAID_MAX && "an answer has an end");
    if (from == scene.victim) check_said(bytes, size);
    if (to) conn_on_datagram(to, scene.now_ns, to == scene.victim ? &scene.from : &home, bytes, size);
  }
}

static void take_block(struct conn *conn, const struct conn_event *event) {
  assert(event->block.size > 0 && event->block.size <= pool_class_bytes(event->block.size_class));
  if (conn == scene.victim && scene.held_count < HELD_MAX)
    scene.held[scene.held_count++] = (struct held){event->block.bytes, event->block.size_class};
  else
    conn_release_block(conn, event->block.bytes, event->block.size_class);
}

static void take_events(struct conn *conn) {
  struct conn_event event;
  uint8_t bytes[512];
  size_t size;
  while (conn_next_event(conn, &event)) {
    bool is_victim = conn == scene.victim;
    assert((!is_victim || !scene.closed) && "the last event is the last");
    if (event.type == CONN_EVENT_BLOCK_RECEIVED) take_block(conn, &event);
    while (event.type == CONN_EVENT_CONTROL && (size = conn_read(conn, bytes, sizeof(bytes))) > 0)
      scene.read += is_victim ? size : 0;
    if (!is_victim) continue;
    if (event.type == CONN_EVENT_ESTABLISHED) assert(++scene.established == 1);
    if (event.type == CONN_EVENT_BLOCK_ACKED) assert(scene.sending-- > 0);
    if (event.type != CONN_EVENT_CLOSED) continue;
    scene.closed++;
    assert(memchr(event.closed.reason, 0, sizeof(event.closed.reason)));
  }
}

static void turn(void) {
  take_events(scene.victim);
  drain(scene.victim, NULL);
  take_events(scene.victim);
  conn_check(scene.victim);
}

static void talk(void) {
  for (int times = 0; times < 3; times++) {
    drain(scene.peer, scene.victim);
    take_events(scene.victim);
    drain(scene.victim, scene.peer);
    take_events(scene.peer);
    scene.now_ns += NS_PER_MS;
  }
}

static void pass_time(uint64_t span_ns) {
  uint64_t end_ns = scene.now_ns + span_ns;
  unsigned spins = 0;
  for (unsigned wakes = 0; scene.now_ns < end_ns; wakes++) {
    uint64_t next_ns = conn_next_timeout(scene.victim);
    assert(wakes < WAKES_MAX && spins < SPINS_MAX && "a deadline leads to something");
    spins = next_ns <= scene.now_ns ? spins + 1 : 0;
    if (next_ns <= scene.now_ns) next_ns = scene.now_ns + NS_PER_MS / 10;
    scene.now_ns = next_ns < end_ns ? next_ns : end_ns;
    if (scene.now_ns >= conn_next_timeout(scene.victim)) conn_on_timeout(scene.victim, scene.now_ns);
    turn();
  }
}

/* ---- the peer's packets ---- */

static enum crypto_level level_of(enum packet_type type) {
  return type == PACKET_INITIAL ? LEVEL_INITIAL : type == PACKET_HANDSHAKE ? LEVEL_HANDSHAKE : LEVEL_DATA;
}

static void give(uint8_t *bytes, size_t size) {
  conn_on_datagram(scene.victim, scene.now_ns, &scene.from, bytes, size);
}

/* The peer's next packet number, moved on by what the input wants. */
static uint64_t next_number(enum crypto_level level) {
  struct sent_packets *sent = &scene.peer->spaces[level].sent;
  uint64_t number = scene.jump;
  if (sent->ring && sent_packets_have_room(sent)) {
    number += sent->next;
    sent_packets_add(sent, &(struct sent_packet){.sent_ns = scene.now_ns, .slot = BLOCK_SLOT_NONE});
  }
  return number & VARINT_MAX;
}

static void give_sealed(struct packet *packet, const uint8_t *payload, size_t size) {
  struct crypto *crypto = &scene.peer->crypto;
  enum crypto_level level = level_of(packet->type);
  size_t tag_size = crypto->ops->tag_size(crypto->state, level);
  uint8_t bytes[SEALED_MAX + 128];
  struct writer header;
  packet->version = WIRE_VERSION;
  packet->destination = scene.victim->local_cid;
  packet->source = scene.peer->local_cid;
  packet->number = next_number(level);
  packet->payload_size = size + tag_size;
  if (level == LEVEL_DATA) packet->key_phase = crypto->ops->send_phase(crypto->state) & 1;
  packet->header_size = packet_header_size(packet);
  writer_init(&header, bytes, packet->header_size);
  packet_write(packet, &header);
  if (crypto->ops->seal(crypto->state, level, packet->number, bytes, packet->header_size, payload, size,
                        bytes + packet->header_size) != 0)
    return;
  size += packet->header_size + tag_size;
  if (packet->type == PACKET_INITIAL) {
    crypto->ops->prove(crypto->state, bytes, size, bytes + size);
    size += PROOF_BYTES;
  }
  give(bytes, size);
}

static void give_frame(const struct frame *frame) {
  uint8_t payload[PAYLOAD_MAX];
  struct writer writer;
  struct packet packet = {.type = PACKET_FRAMES};
  writer_init(&writer, payload, sizeof(payload));
  frame_write(frame, &writer);
  if (!writer.failed) give_sealed(&packet, payload, writer_used(&writer));
}

/* ---- the input as a program ---- */

/* Up to `most` of the bytes left. */
static const uint8_t *take(struct reader *reader, size_t most, size_t *size) {
  *size = read_u8(reader) * 6u;
  if (*size > most) *size = most;
  if (*size > reader_left(reader)) *size = reader_left(reader);
  return read_bytes(reader, *size);
}

static void step_frames(struct reader *reader, unsigned choice) {
  static const enum packet_type types[] = {PACKET_FRAMES, PACKET_FRAMES, PACKET_INITIAL, PACKET_HANDSHAKE};
  struct packet packet = {.type = types[choice % 4]};
  size_t size;
  const uint8_t *payload = take(reader, PAYLOAD_MAX, &size);
  if (payload) give_sealed(&packet, payload, size);
}

/* `seals`: what can be read as a packet gets the right ids, and its tag. */
static void step_datagram(struct reader *reader, bool seals) {
  uint8_t bytes[SEALED_MAX];
  struct packet packet;
  size_t size;
  const uint8_t *given = take(reader, sizeof(bytes), &size);
  if (!given) return;
  memcpy(bytes, given, size);
  if (seals && packet_read(&packet, bytes, size) == 0 && packet.header_size > 0 &&
      packet.type != PACKET_RETRY && packet.type != PACKET_VERSIONS) {
    const uint8_t *payload = bytes + packet.header_size;
    uint8_t copy[SEALED_MAX];
    memcpy(copy, payload, packet.payload_size);
    give_sealed(&packet, copy, packet.payload_size);
    return;
  }
  if (size > CID_BYTES + 5)
    memcpy(bytes + (bytes[0] & 0x80 ? 5 : 1), scene.victim->local_cid.bytes, CID_BYTES);
  give(bytes, size);
}

static void step_ack(struct reader *reader) {
  uint64_t next = scene.victim->spaces[LEVEL_DATA].sent.next, back = read_u8(reader);
  uint32_t count = read_u8(reader) % ACK_RANGES_MAX + 1;
  uint64_t gap = read_u8(reader) + 1u, length = read_u8(reader) + 1u, delay = read_u8(reader);
  struct frame frame = {.type = FRAME_ACK};
  frame.ack.delay_us = delay < 248 ? delay << 4 : VARINT_MAX >> (delay - 248);
  uint64_t end = back < 224 && back < next ? next - back : next + back % 8;
  for (uint32_t i = 0; i < count && end > 0; i++) {
    uint64_t first = end > length ? end - length : 0;
    frame.ack.ranges[frame.ack.range_count++] = (struct range){first, end};
    end = first > gap + 1 ? first - gap : 0;
  }
  if (frame.ack.range_count == 0) return;
  uint64_t taken = scene.victim->stats.packets_received;
  give_frame(&frame);
  bool is_taken = scene.victim->stats.packets_received > taken;
  if (is_taken && frame.ack.ranges[0].end > next)
    assert(scene.victim->state >= CONN_CLOSING && "nobody may acknowledge what was never sent");
}

static void step_control(struct reader *reader) {
  uint64_t distance = read_u8(reader);
  struct frame frame = {.type = FRAME_CONTROL};
  frame.stream.offset = scene.read + (distance < 240 ? distance : 1ull << (distance - 240 + 8));
  frame.stream.bytes = take(reader, PAYLOAD_MAX - 32, &frame.stream.size);
  if (frame.stream.bytes) give_frame(&frame);
}

static void step_send(struct reader *reader) {
  size_t size = (size_t)read_u8(reader) << read_u8(reader) % 11;
  if (size == 0 || scene.sending == BLOCKS_MAX) return;
  if (size > BLOCK_BYTES_MAX) size = BLOCK_BYTES_MAX;
  if (conn_send_block(scene.victim, words, size, NULL) == 0) scene.sending++;
}

static void release_all(void) {
  while (scene.held_count > 0) {
    struct held *held = &scene.held[--scene.held_count];
    conn_release_block(scene.victim, held->bytes, held->size_class);
  }
}

static void run_step(struct reader *reader) {
  struct crypto *peer = &scene.peer->crypto;
  uint8_t first = read_u8(reader);
  switch ((enum step)(first % STEPS)) {
  case STEP_FRAMES:
    step_frames(reader, first / STEPS);
    break;
  case STEP_DATAGRAM:
  case STEP_SEALED:
    step_datagram(reader, first % STEPS == STEP_SEALED);
    break;
  case STEP_ACK:
    step_ack(reader);
    break;
  case STEP_TIME:
    pass_time(NS_PER_US << read_u8(reader) % 24);
    break;
  case STEP_WRITE:
    conn_write(scene.victim, words, read_u8(reader));
    break;
  case STEP_SEND:
    step_send(reader);
    break;
  case STEP_JUMP:
    scene.jump = (scene.jump + ((uint64_t)read_u8(reader) << read_u8(reader) % 55)) & VARINT_MAX;
    break;
  case STEP_RENEW:
    peer->ops->renew_keys(peer->state);
    break;
  case STEP_CONTROL:
    step_control(reader);
    break;
  case STEP_RELEASE:
    release_all();
    break;
  case STEP_CLOSE:
    conn_close(scene.victim, scene.now_ns, read_u8(reader), "enough");
    break;
  case STEP_MOVE:
    scene.from = address_equal(&scene.from, &home) ? away : home;
    break;
  case STEP_TOO_BIG:
    conn_on_send_failed(scene.victim, scene.now_ns, read_u8(reader) * 8u);
    break;
  default:
    talk();
  }
  turn();
}

static void begin(bool is_client, bool has_met) {
  scene = (struct scene){.now_ns = NS_PER_S, .from = home};
  for (int i = 0; i < 2; i++)
    scene.pools[i] = pool_new(POOL_BYTES);
  scene.victim = new_end(is_client ? ROLE_CLIENT : ROLE_SERVER, scene.pools[0]);
  scene.peer = new_end(is_client ? ROLE_SERVER : ROLE_CLIENT, scene.pools[1]);
  if (!has_met) return;
  talk();
  talk();
  assert(scene.established == 1 && scene.victim->confirmed);
}

static void end(void) {
  release_all();
  pass_time(40 * NS_PER_S); /* nobody is there any more */
  assert(scene.closed == 1 && conn_is_closed(scene.victim) && "silence ends it");
  conn_free(scene.victim);
  conn_free(scene.peer);
  for (int i = 0; i < 2; i++) {
    assert(pool_bytes_used(scene.pools[i]) == 0 && pool_bytes_promised(scene.pools[i]) == 0);
    pool_free(scene.pools[i]);
  }
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size) {
  struct reader reader;
  if (size == 0) return 0;
  reader_init(&reader, bytes + 1, size - 1);
  begin(bytes[0] & 1, !(bytes[0] & 2));
  for (unsigned steps = 0; steps < STEPS_MAX && reader_left(&reader) > 0; steps++)
    run_step(&reader);
  end();
  return 0;
}
