/* conn_input: a datagram comes in (proto/transport.md sections 2 and 5).
 *
 * A packet is opened, checked against duplicates, its frames dispatched by a table, and only then noted as
 * received: what found no room is not acknowledged and comes again. Whatever cannot be authenticated is
 * dropped and counted, never answered. */
#include "transport/conn.h"

#include <assert.h>
#include <string.h>

struct arrival {
  uint64_t now_ns;
  enum crypto_level level;
  enum ecn_mark mark;
  bool eliciting, same_address; /* from where the peer is known to be */
};

/* 0; ERR_AGAIN: forget the packet as if it had been lost. A fault of the peer ends in conn_fail. */
typedef int frame_handler(struct conn *conn, const struct arrival *arrival, const struct frame *frame);

static int on_nothing(struct conn *conn, const struct arrival *arrival, const struct frame *frame) {
  (void)conn, (void)arrival, (void)frame;
  return 0;
}

static int on_ack(struct conn *conn, const struct arrival *arrival, const struct frame *frame) {
  conn_on_ack(conn, arrival->now_ns, arrival->level, &frame->ack);
  return 0;
}

static int take_stream(struct conn *conn, const struct arrival *arrival, struct stream_recv *stream,
                       const struct frame *frame) {
  int error = stream_recv_on_data(stream, frame->stream.offset, frame->stream.bytes, frame->stream.size);
  if (error == ERR_NO_SPACE) {
    conn_fail(conn, arrival->now_ns, CLOSE_FLOW, "stream data beyond the window");
    return 0;
  }
  return error;
}

static int on_crypto(struct conn *conn, const struct arrival *arrival, const struct frame *frame) {
  int error = take_stream(conn, arrival, &conn->spaces[arrival->level].crypto_in, frame);
  if (!error) conn_drive_handshake(conn, arrival->now_ns);
  return error;
}

static int on_control(struct conn *conn, const struct arrival *arrival, const struct frame *frame) {
  return take_stream(conn, arrival, &conn->control_in, frame);
}

static int take_fragment(struct conn *conn, uint64_t now_ns, const struct block_header *header,
                         const uint8_t *bytes, size_t size) {
  int error = blocks_in_on_fragment(&conn->blocks_in, header, bytes, size);
  if (error == ERR_NO_SPACE) conn_fail(conn, now_ns, CLOSE_FLOW, "block beyond the grant");
  if (error == ERR_MALFORMED) conn_fail(conn, now_ns, CLOSE_PROTOCOL, "contradictory block fragments");
  return error == ERR_AGAIN ? ERR_AGAIN : 0;
}

static int on_block(struct conn *conn, const struct arrival *arrival, const struct frame *frame) {
  return take_fragment(conn, arrival->now_ns, &frame->block.header, frame->block.bytes, frame->block.size);
}

static int on_max_data(struct conn *conn, const struct arrival *arrival, const struct frame *frame) {
  (void)arrival;
  if (frame->max_data > conn->blocks_out.granted) conn->blocks_out.granted = frame->max_data;
  return 0;
}

static int on_path_challenge(struct conn *conn, const struct arrival *arrival, const struct frame *frame) {
  (void)arrival;
  conn->path.response = frame->path;
  conn->path.response_pending = true;
  /* Nobody asks but for a path that has changed, which a client cannot see itself. */
  ecn_restart(&conn->ecn, conn->spaces[LEVEL_DATA].sent.next);
  return 0;
}

static int on_path_response(struct conn *conn, const struct arrival *arrival, const struct frame *frame) {
  (void)arrival;
  path_on_response(&conn->path, frame->path);
  return 0;
}

static int on_ack_frequency(struct conn *conn, const struct arrival *arrival, const struct frame *frame) {
  (void)arrival;
  struct ack_tracker *acks = &conn->spaces[LEVEL_DATA].acks;
  uint64_t packets = frame->ack_frequency.packets, delay_us = frame->ack_frequency.delay_us;
  if (packets < 1) packets = 1;
  acks->packets_max = packets < UINT32_MAX ? (uint32_t)packets : UINT32_MAX;
  uint64_t limit_us = ACK_DELAY_NS_DEFAULT / NS_PER_US;
  acks->delay_max_ns = (delay_us < limit_us ? delay_us : limit_us) * NS_PER_US;
  return 0;
}

static int on_ready(struct conn *conn, const struct arrival *arrival, const struct frame *frame) {
  (void)frame;
  if (conn->role == ROLE_SERVER) {
    conn_fail(conn, arrival->now_ns, CLOSE_PROTOCOL, "READY from a client");
    return 0;
  }
  conn->confirmed = true;
  conn_drop_space(conn, LEVEL_HANDSHAKE);
  return 0;
}

static int on_close(struct conn *conn, const struct arrival *arrival, const struct frame *frame) {
  (void)arrival;
  char reason[REASON_BYTES_MAX + 1];
  memcpy(reason, frame->close.reason, frame->close.reason_size);
  reason[frame->close.reason_size] = 0;
  conn_end(conn, CLOSED_BY_PEER, frame->close.code, reason);
  return 0;
}

/* What each frame does, in packets of which levels it may stand, and whether it asks for an acknowledgement.
 */
enum { IN_INITIAL = 1 << LEVEL_INITIAL, IN_HANDSHAKE = 1 << LEVEL_HANDSHAKE, IN_DATA = 1 << LEVEL_DATA };
#define IN_ANY (IN_INITIAL | IN_HANDSHAKE | IN_DATA)

static const struct {
  frame_handler *handler;
  unsigned levels;
  bool eliciting;
} frame_table[FRAME_TYPES] = {
    [FRAME_PADDING] = {on_nothing, IN_ANY, false},
    [FRAME_PING] = {on_nothing, IN_ANY, true},
    [FRAME_ACK] = {on_ack, IN_ANY, false},
    [FRAME_CRYPTO] = {on_crypto, IN_ANY, true},
    [FRAME_CONTROL] = {on_control, IN_DATA, true},
    [FRAME_BLOCK] = {on_block, IN_DATA, true},
    [FRAME_MAX_DATA] = {on_max_data, IN_DATA, true},
    [FRAME_PATH_CHALLENGE] = {on_path_challenge, IN_DATA, true},
    [FRAME_PATH_RESPONSE] = {on_path_response, IN_DATA, true},
    [FRAME_ACK_FREQUENCY] = {on_ack_frequency, IN_DATA, true},
    [FRAME_READY] = {on_ready, IN_DATA, true},
    [FRAME_CLOSE] = {on_close, IN_ANY, false},
};

static int dispatch_frames(struct conn *conn, struct arrival *arrival, const uint8_t *payload, size_t size) {
  struct reader reader;
  reader_init(&reader, payload, size);
  if (size == 0) conn_fail(conn, arrival->now_ns, CLOSE_PROTOCOL, "packet without frames");
  while (reader_left(&reader) > 0 && conn->state <= CONN_ESTABLISHED && conn->spaces[arrival->level].live) {
    struct frame frame;
    if (frame_read(&frame, &reader) != 0) {
      conn_fail(conn, arrival->now_ns, CLOSE_PROTOCOL, "malformed frame");
      return 0;
    }
    if (!(frame_table[frame.type].levels & (1u << arrival->level))) {
      conn_fail(conn, arrival->now_ns, CLOSE_PROTOCOL, "frame not allowed in this packet");
      return 0;
    }
    arrival->eliciting |= frame_table[frame.type].eliciting;
    int error = frame_table[frame.type].handler(conn, arrival, &frame);
    if (error) return error;
  }
  return 0;
}

/* While we close, only one thing of the peer's still matters: its own CLOSE. Anything else shows that it has
 * not seen ours, so it is said again, but not for every packet. */
static void on_packet_while_closing(struct conn *conn, const struct packet *packet, uint8_t *payload,
                                    size_t size) {
  struct reader reader;
  struct frame frame;
  reader_init(&reader, payload, packet->type == PACKET_BLOCK ? 0 : size);
  while (reader_left(&reader) > 0 && frame_read(&frame, &reader) == 0)
    if (frame.type == FRAME_CLOSE) {
      conn_end(conn, CLOSED_BY_US, conn->close_code, "");
      return;
    }
  uint64_t seen = conn->stats.packets_received;
  if ((seen & (seen - 1)) == 0) conn->close_pending = true;
}

/* ---- packets before the handshake is done that are not protected by it ---- */

static void on_retry(struct conn *conn, const struct packet *packet, const uint8_t *datagram, size_t size) {
  const size_t tag_bytes = 8;
  if (conn->role != ROLE_CLIENT || conn->had_answer || conn->token_size > 0 || size < tag_bytes) return;
  if (packet->token_size == 0 || packet->token_size > TOKEN_BYTES_MAX) return;
  uint8_t expected[8];
  struct writer writer;
  writer_init(&writer, expected, sizeof(expected));
  write_u64(&writer, hash_64_of_two(conn->original_cid.bytes, CID_BYTES, datagram, size - tag_bytes));
  if (memcmp(expected, datagram + size - tag_bytes, tag_bytes) != 0) return;
  memcpy(conn->token, packet->token, packet->token_size);
  conn->token_size = packet->token_size;
  conn->peer_cid = packet->source;
  if (conn->crypto.ops->set_initial_id(conn->crypto.state, conn->peer_cid.bytes, CID_BYTES) != 0) {
    conn_end(conn, CLOSED_BY_US, CLOSE_LOCAL, error_text(ERR_NO_MEMORY));
    return;
  }
  /* The first flight goes again, now with the token; packet numbers go on. */
  struct space *space = &conn->spaces[LEVEL_INITIAL];
  stream_send_on_lost(&space->crypto_out, 0, (size_t)space->crypto_out.next);
  uint64_t number;
  struct sent_packet *sent;
  while ((sent = sent_packets_lowest(&space->sent, &number)))
    sent_packets_settle(&space->sent, sent, SENT_NOTHING);
}

/* Nothing vouches for it, so it only shortens the wait for a real answer. */
static void on_versions(struct conn *conn, uint64_t now_ns, const struct packet *packet,
                        const uint8_t *datagram, size_t size) {
  if (conn->role != ROLE_CLIENT || conn->had_answer || conn->token_size > 0) return;
  if (!cid_equal(&packet->source, &conn->original_cid) || conn->versions_at_ns != TIME_NEVER) return;
  struct reader reader;
  reader_init(&reader, datagram + packet->header_size, size - packet->header_size);
  while (reader_left(&reader) >= sizeof(uint32_t))
    if (read_u32(&reader) == WIRE_VERSION) return; /* it speaks ours: a forgery or a mistake */
  conn->versions_at_ns = now_ns + VERSIONS_WAIT_NS;
}

/* ---- one packet ---- */

static bool level_of(const struct conn *conn, const struct packet *packet, enum crypto_level *level) {
  switch (packet->type) {
  case PACKET_INITIAL:
    *level = LEVEL_INITIAL;
    break;
  case PACKET_HANDSHAKE:
    *level = LEVEL_HANDSHAKE;
    break;
  case PACKET_FRAMES:
  case PACKET_BLOCK:
    *level = LEVEL_DATA;
    break;
  default:
    return false;
  }
  return conn->spaces[*level].live;
}

static bool is_for_us(const struct conn *conn, const struct packet *packet) {
  if (cid_equal(&packet->destination, &conn->local_cid)) return true;
  /* Until the client knows our id its first packets carry the one it made up. */
  return conn->role == ROLE_SERVER && packet->type == PACKET_INITIAL &&
         cid_equal(&packet->destination, &conn->config.initial_cid);
}

/* Long headers name their sender too; two connections' handshakes must not mix (RFC 9000 section 7.2). */
static bool is_from_peer(const struct conn *conn, const struct packet *packet) {
  bool is_long = packet->type == PACKET_INITIAL || packet->type == PACKET_HANDSHAKE;
  bool knows_peer = conn->role == ROLE_SERVER || conn->had_answer;
  return !is_long || !knows_peer || cid_equal(&packet->source, &conn->peer_cid);
}

/* Numbers that show nothing of the next ones: who could guess them could have any address validated. */
static uint64_t next_challenge(struct conn *conn) {
  uint8_t key[MAC_KEY_BYTES] = {0}, mac[MAC_BYTES];
  uint64_t challenge, number = ++conn->challenges_made;
  memcpy(key, &conn->config.seed, sizeof(conn->config.seed));
  crypto_mac(key, &number, sizeof(number), mac);
  memcpy(&challenge, mac, sizeof(challenge));
  return challenge;
}

/* An authentic packet: what it tells about the peer itself. */
static void learn_from(struct conn *conn, const struct arrival *arrival, const struct packet *packet,
                       const struct address *from, size_t size, bool is_newest) {
  conn->last_received_ns = arrival->now_ns;
  if (conn->role == ROLE_CLIENT) {
    if (!conn->had_answer && packet->type == PACKET_INITIAL) conn->peer_cid = packet->source;
    conn->had_answer = true;
    conn->versions_at_ns = TIME_NEVER;
    return;
  }
  bool same_address = arrival->same_address;
  /* The id we chose came back from where we had sent it. */
  if (same_address && !conn->path.validated && conn->path.is_first &&
      cid_equal(&packet->destination, &conn->local_cid))
    path_on_validated(&conn->path);
  if (arrival->level == LEVEL_HANDSHAKE) conn_drop_space(conn, LEVEL_INITIAL); /* the client has our answer */
  if (!same_address && is_newest && arrival->level == LEVEL_DATA) {
    path_on_new_address(&conn->path, arrival->now_ns, from, next_challenge(conn));
    path_on_received(&conn->path, size);
    ecn_restart(&conn->ecn, conn->spaces[LEVEL_DATA].sent.next);
  }
  if (arrival->level == LEVEL_DATA && !conn->confirmed && conn->state == CONN_ESTABLISHED) {
    conn->confirmed = conn->ready_pending = conn->established_event = true;
    conn->blocks_in.window = conn->config.window_bytes;
    if (conn->config.turns) blocks_in_join(&conn->blocks_in, conn->config.turns);
    if (blocks_in_grant(&conn->blocks_in)) conn->max_data_pending = true;
    conn_drop_space(conn, LEVEL_INITIAL);
    conn_drop_space(conn, LEVEL_HANDSHAKE);
    mtu_probe_enable(&conn->mtu, arrival->now_ns);
  }
}

/* NULL, or why the packet was forgotten. */
static const char *process(struct conn *conn, struct arrival *arrival, struct packet *packet,
                           const struct address *from, uint8_t *payload, size_t size) {
  struct ack_tracker *acks = &conn->spaces[arrival->level].acks;
  bool is_newest = acks->received.count == 0 || packet->number > acks->largest;
  conn->stats.packets_received++;
  if (conn->observed.trace) observe_received(conn, arrival->now_ns, packet, payload, size);
  learn_from(conn, arrival, packet, from, packet->header_size + packet->payload_size, is_newest);
  if (conn->state == CONN_CLOSING) {
    on_packet_while_closing(conn, packet, payload, size);
    return NULL;
  }
  int error = 0;
  if (packet->type == PACKET_BLOCK && conn->state == CONN_ESTABLISHED) {
    arrival->eliciting = true;
    error = take_fragment(conn, arrival->now_ns, &packet->block, payload, size);
  } else if (packet->type != PACKET_BLOCK) {
    error = dispatch_frames(conn, arrival, payload, size);
  }
  if (error) {
    conn->stats.packets_refused++;
    return "no room";
  }
  if (arrival->level == LEVEL_DATA) conn_on_heard(conn, arrival->now_ns);
  if (conn->spaces[arrival->level].live)
    ack_tracker_on_packet(acks, arrival->now_ns, packet->number, arrival->eliciting, arrival->mark);
  conn->stats.ce_received += arrival->mark == ECN_CE;
  return NULL;
}

static uint64_t expand_number(const struct ack_tracker *acks, uint64_t truncated) {
  return packet_number_expand(acks->received.count > 0 ? acks->largest : UINT64_MAX, (uint32_t)truncated);
}

/* Opens the payload in place. */
static bool is_authentic(struct conn *conn, const struct arrival *arrival, const struct packet *packet,
                         const uint8_t *bytes, uint8_t *payload) {
  const struct crypto_ops *ops = conn->crypto.ops;
  size_t proven = packet->header_size + packet->payload_size;
  if (packet->proof && !ops->is_proven(conn->crypto.state, bytes, proven, packet->proof)) return false;
  int error = ops->open(conn->crypto.state, arrival->level, packet->key_phase, packet->number, bytes,
                        packet->header_size, payload, packet->payload_size, payload);
  if (arrival->level != LEVEL_DATA) return error == 0;
  if (error) {
    key_update_on_refused(&conn->keys);
    return false;
  }
  uint64_t phase = ops->recv_phase(conn->crypto.state);
  if (phase != conn->keys.recv_phase)
    key_update_on_peer_phase(&conn->keys, phase, arrival->now_ns, conn_probe_timeout_ns(conn));
  return true;
}

/* The newest packet came again, and from the address that was known to be the peer's: what came first was a
 * copy that somebody made on the way (RFC 9000 section 9.3.3). */
static void take_back_address(struct conn *conn, uint64_t now_ns, const struct address *from) {
  if (conn->path.previous.size == 0 || !address_equal(from, &conn->path.previous)) return;
  path_on_new_address(&conn->path, now_ns, from, 0);
  ecn_restart(&conn->ecn, conn->spaces[LEVEL_DATA].sent.next);
}

/* `packet`: what stands in front of the payload, NULL when that is malformed. Returns NULL, or why nothing
 * was made of it. */
static const char *take_datagram(struct conn *conn, uint64_t now_ns, const struct address *from,
                                 struct packet *packet, uint8_t *bytes, size_t size) {
  struct arrival arrival = {.now_ns = now_ns, .mark = from->ecn & ECN_CE};
  conn->stats.bytes_received += size;
  bool same_address = arrival.same_address = address_equal(from, &conn->path.peer);
  if (same_address) path_on_received(&conn->path, size);
  if (conn->state == CONN_DRAINING) return "closed";
  if (conn->role == ROLE_CLIENT && !same_address) return "address";
  if (!packet || !is_for_us(conn, packet)) return "malformed";
  if (packet->type == PACKET_RETRY && packet->version == WIRE_VERSION) on_retry(conn, packet, bytes, size);
  if (packet->type == PACKET_VERSIONS) on_versions(conn, now_ns, packet, bytes, size);
  if (packet->type == PACKET_RETRY || packet->type == PACKET_VERSIONS) return NULL;
  if (!level_of(conn, packet, &arrival.level) || packet->header_size == 0) return "level";
  if (!is_from_peer(conn, packet)) return "source id";
  if (arrival.level == LEVEL_DATA && conn->state == CONN_HANDSHAKE)
    return "early"; /* overtook the handshake: comes again */

  struct ack_tracker *acks = &conn->spaces[arrival.level].acks;
  packet->number = expand_number(acks, packet->number);
  uint8_t *payload = bytes + packet->header_size;
  if (!is_authentic(conn, &arrival, packet, bytes, payload)) {
    conn->stats.packets_refused++;
    return "authentication";
  }
  if (ack_tracker_is_duplicate(acks, packet->number)) {
    if (arrival.level == LEVEL_DATA && packet->number == acks->largest) take_back_address(conn, now_ns, from);
    conn->stats.packets_duplicate++;
    return "duplicate";
  }
  size_t tag_bytes = conn->crypto.ops->tag_size(conn->crypto.state, arrival.level);
  assert(packet->payload_size >= tag_bytes && "open has refused anything shorter");
  return process(conn, &arrival, packet, from, payload, packet->payload_size - tag_bytes);
}

void conn_on_packet(struct conn *conn, uint64_t now_ns, const struct address *from, struct packet *packet,
                    uint8_t *bytes, size_t size) {
  const char *dropped = take_datagram(conn, now_ns, from, packet, bytes, size);
  if (!conn->observed.trace) return;
  if (dropped) observe_dropped(conn, now_ns, size, dropped);
  observe_changes(conn, now_ns);
}

void conn_on_datagram(struct conn *conn, uint64_t now_ns, const struct address *from, uint8_t *bytes,
                      size_t size) {
  struct packet packet;
  bool is_read = packet_read(&packet, bytes, size) == 0;
  conn_on_packet(conn, now_ns, from, is_read ? &packet : NULL, bytes, size);
}

void conn_on_send_failed(struct conn *conn, uint64_t now_ns, size_t size) {
  if (mtu_probe_on_too_big(&conn->mtu, now_ns, size)) conn_apply_mtu(conn, now_ns);
}
