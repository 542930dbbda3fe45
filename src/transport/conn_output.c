/* conn_output: a datagram goes out (proto/transport.md sections 4 to 9).
 *
 * What goes first: the handshake, then frames (acknowledgements, control), then lost fragments, then new
 * ones. Bulk packets carry one fragment each and fill the datagram, so that they leave in trains of equal
 * size; their payload is sealed straight from the block into the datagram. */
#include "transport/conn.h"
#include "transport/lanes.h"

#include <assert.h>
#include <string.h>

/* A packet being built in place: frames go behind the room for its header. */
struct build {
  struct packet packet;
  struct sent_packet record;
  enum crypto_level level;
  uint8_t *datagram;
  size_t header_size, tag_size, proof_size;
  struct writer payload;
};

static void build_begin(struct build *build, struct conn *conn, uint64_t now_ns, enum packet_type type,
                        uint8_t *datagram, size_t limit) {
  build->level = type == PACKET_INITIAL     ? LEVEL_INITIAL
                 : type == PACKET_HANDSHAKE ? LEVEL_HANDSHAKE
                                            : LEVEL_DATA;
  build->datagram = datagram;
  build->proof_size = 0;
  build->packet = (struct packet){.type = type,
                                  .version = WIRE_VERSION,
                                  .destination = conn->peer_cid,
                                  .source = conn->local_cid,
                                  .number = conn->spaces[build->level].sent.next};
  build->record = (struct sent_packet){.sent_ns = now_ns, .slot = BLOCK_SLOT_NONE};
  if (type == PACKET_INITIAL) {
    build->packet.token = conn->token;
    build->packet.token_size = conn->token_size;
    build->proof_size = PACKET_PROOF_BYTES;
  }
  if (build->level == LEVEL_DATA)
    build->packet.key_phase = conn->crypto.ops->send_phase(conn->crypto.state) & 1;
  build->tag_size = conn->crypto.ops->tag_size(conn->crypto.state, build->level);
  if (type == PACKET_BLOCK) return;
  build->header_size = packet_header_size(&build->packet);
  size_t around = build->header_size + build->tag_size + build->proof_size;
  assert(limit > around);
  writer_init(&build->payload, datagram + build->header_size, limit - around);
}

/* Path MTU probes weigh nothing in flight, and nobody measures by them. */
static void note_sent(struct conn *conn, const struct sent_packet *record, size_t size) {
  struct sent_packets *sent = &conn->spaces[LEVEL_DATA].sent;
  struct congestion *cc = &conn->congestion;
  uint64_t rate = cc->rate_bytes_per_s;
  cc->ops->on_sent(cc, record->sent_ns, sent->bytes_in_flight, size);
  if (cc->rate_bytes_per_s != rate)
    pacer_set_rate(&conn->pacer, record->sent_ns, cc->rate_bytes_per_s, conn->mtu.current);
  if (!cc->ops->samples_rate || record->flags & SENT_MTU_PROBE) return;
  delivery_on_sent(&cc->delivery, record->sent_ns, sent->bytes_in_flight - size, size,
                   sent_packets_stamp(sent, sent->next - 1));
}

/* Only what the window answers for is marked, and no path MTU probe, whose fate is to say one thing. After a
 * probe timeout packets do without: they get through, and are noticed, where marked ones are swallowed. */
static enum ecn_mark mark_of(const struct build *build, const struct conn *conn) {
  bool is_plain = build->level == LEVEL_DATA && build->record.flags & SENT_ELICITING &&
                  !(build->record.flags & SENT_MTU_PROBE);
  return is_plain && conn->spaces[LEVEL_DATA].loss.probe_count == 0
             ? ecn_next_mark(&conn->ecn, build->packet.number)
             : ECN_NONE;
}

static void seal(const struct build *build, struct conn *conn, const uint8_t *payload, size_t payload_size) {
  if (conn->seals && build->level == LEVEL_DATA &&
      conn_put_off(conn, build->packet.number, build->datagram, build->header_size, payload, payload_size))
    return;
  int error =
      conn->crypto.ops->seal(conn->crypto.state, build->level, build->packet.number, build->datagram,
                             build->header_size, payload, payload_size, build->datagram + build->header_size);
  assert(!error && "a packet is only built at a level that has keys");
}

/* Seals the packet, records it, tells whoever counts. Returns the datagram's size. */
static size_t build_finish(struct build *build, struct conn *conn, const uint8_t *payload,
                           size_t payload_size) {
  struct space *space = &conn->spaces[build->level];
  build->packet.payload_size = payload_size + build->tag_size;
  struct writer header;
  writer_init(&header, build->datagram, build->header_size);
  packet_write(&build->packet, &header);
  assert(!header.failed && writer_used(&header) == build->header_size);
  if (conn->observed.trace)
    observe_sent(
        conn, build->record.sent_ns,
        &(struct observed_packet){&build->packet, payload, payload_size,
                                  build->header_size + build->packet.payload_size + build->proof_size,
                                  build->record.flags & SENT_MTU_PROBE});
  seal(build, conn, payload, payload_size);
  size_t size = build->header_size + build->packet.payload_size;
  if (build->proof_size > 0) {
    static_assert((int)PACKET_PROOF_BYTES == (int)PROOF_BYTES, "the packet has room for exactly one proof");
    conn->crypto.ops->prove(conn->crypto.state, build->datagram, size, build->datagram + size);
    size += build->proof_size;
  }
  build->record.size = (uint16_t)size;
  conn->next_mark = mark_of(build, conn);
  if (conn->next_mark != ECN_NONE) {
    build->record.flags |= SENT_ECT;
    ecn_on_sent(&conn->ecn, build->packet.number);
  }
  sent_packets_add(&space->sent, &build->record);
  path_on_sent(&conn->path, size);
  conn->stats.packets_sent++;
  conn->stats.bytes_sent += size;
  if (build->record.flags & SENT_HAS_ACK) {
    ack_tracker_on_sent(&space->acks);
    conn->stats.acks_sent++;
  }
  bool is_charged = conn->pacer.rate_max > 0; /* a limit that the user set is for all that leaves */
  if (build->record.flags & SENT_ELICITING) {
    if (space->probes_owed > 0) space->probes_owed--;
    if (build->level == LEVEL_DATA) {
      note_sent(conn, &build->record, size);
      /* A jumbo probe would hold back all that is small for many datagrams' time. */
      is_charged = is_charged || !(build->record.flags & SENT_MTU_PROBE);
    }
  }
  if (is_charged) pacer_on_sent(&conn->pacer, build->record.sent_ns, size);
  return size;
}

static size_t build_finish_frames(struct build *build, struct conn *conn) {
  assert(!build->payload.failed && "every frame was measured before it was written");
  size_t size = writer_used(&build->payload);
  /* An ack-eliciting INITIAL fills its datagram: proof that the path carries the least size, and no
   * amplifier. */
  if (build->packet.type == PACKET_INITIAL && build->record.flags & SENT_ELICITING) {
    struct frame padding = {.type = FRAME_PADDING, .padding_size = writer_left(&build->payload)};
    if (padding.padding_size > 0) frame_write(&padding, &build->payload);
    size = writer_used(&build->payload);
  }
  return build_finish(build, conn, build->payload.start, size);
}

/* Writes the frame if it fits. */
static bool put_frame(struct build *build, const struct frame *frame, unsigned flags) {
  if (frame_size(frame) > writer_left(&build->payload)) return false;
  frame_write(frame, &build->payload);
  build->record.flags |= (uint16_t)flags;
  return true;
}

static void put_ack(struct build *build, struct conn *conn) {
  const struct ack_tracker *acks = &conn->spaces[build->level].acks;
  if (!ack_tracker_has_news(acks)) return;
  struct frame frame; /* not cleared: ack_tracker_fill sets all there is of it */
  frame.type = FRAME_ACK;
  for (uint32_t ranges_max = ACK_RANGES_MAX; ranges_max > 0; ranges_max /= 2) {
    ack_tracker_fill(acks, build->record.sent_ns, ranges_max, &frame.ack);
    if (!put_frame(build, &frame, SENT_HAS_ACK)) continue;
    build->record.ack_largest = frame.ack.ranges[0].end - 1;
    return;
  }
}

static void put_stream(struct build *build, struct stream_send *stream, enum frame_type type) {
  struct frame frame = {.type = type};
  size_t room = writer_left(&build->payload);
  size_t overhead = 1 + varint_size(stream->end) + varint_size(room);
  if (!stream_send_pending(stream) || room <= overhead) return;
  frame.stream.size = stream_send_next(stream, room - overhead, &frame.stream.offset, &frame.stream.bytes);
  if (frame.stream.size == 0) return;
  bool fits = put_frame(build, &frame, SENT_STREAM | SENT_ELICITING);
  assert(fits && "the overhead is the most there can be");
  build->record.stream_offset = frame.stream.offset;
  build->record.stream_size = (uint16_t)frame.stream.size;
}

/* ---- handshake ---- */

static size_t next_handshake_packet(struct conn *conn, uint64_t now_ns, enum crypto_level level,
                                    uint8_t *bytes) {
  struct space *space = &conn->spaces[level];
  if (conn->crypto.ops->send_level(conn->crypto.state) < level) return 0;
  bool crypto = stream_send_pending(&space->crypto_out) || space->probes_owed > 0;
  if (!crypto && !ack_tracker_is_due(&space->acks, now_ns)) return 0;
  if (path_allowance(&conn->path) < DATAGRAM_BYTES_MIN) return 0;
  if (!sent_packets_have_room(&space->sent)) {
    space->probes_owed = 0;
    return 0;
  }
  struct build build;
  build_begin(&build, conn, now_ns, level == LEVEL_INITIAL ? PACKET_INITIAL : PACKET_HANDSHAKE, bytes,
              DATAGRAM_BYTES_MIN);
  put_ack(&build, conn);
  put_stream(&build, &space->crypto_out, FRAME_CRYPTO);
  if (build.record.flags & SENT_STREAM) conn_note_words(conn, now_ns, level);
  if (space->probes_owed > 0) put_frame(&build, &(struct frame){.type = FRAME_PING}, SENT_ELICITING);
  return build_finish_frames(&build, conn);
}

/* ---- frames ---- */

static bool challenge_is_due(const struct conn *conn, uint64_t now_ns) {
  return path_challenge_is_due(&conn->path, now_ns);
}

/* Small frames that keep the connection going: never held back by window or pacer, each is sent once. */
static bool has_signals(const struct conn *conn, uint64_t now_ns) {
  return conn->ping_pending || conn->ready_pending || conn->max_data_pending || conn->ack_frequency_pending ||
         conn->path.response_pending || challenge_is_due(conn, now_ns);
}

/* A receiver that only acknowledges would never learn which ranges it may forget. */
static bool wants_ack_of_acks(const struct conn *conn, uint64_t now_ns) {
  const struct space *space = &conn->spaces[LEVEL_DATA];
  return space->acks.received.count > 4 && space->sent.eliciting_in_flight == 0 &&
         now_ns - space->sent.last_eliciting_ns > conn->rtt.smoothed_ns;
}

/* Each frame is made only where it is wanted: with its room for ACK ranges it is large to clear. */
static void put_signals(struct build *build, struct conn *conn, uint64_t now_ns) {
  if (conn->ready_pending &&
      put_frame(build, &(struct frame){.type = FRAME_READY}, SENT_READY | SENT_ELICITING))
    conn->ready_pending = false;
  if (conn->max_data_pending &&
      put_frame(build, &(struct frame){.type = FRAME_MAX_DATA, .max_data = conn->blocks_in.granted},
                SENT_MAX_DATA | SENT_ELICITING))
    conn->max_data_pending = false;
  if (conn->ack_frequency_pending &&
      put_frame(
          build,
          &(struct frame){.type = FRAME_ACK_FREQUENCY,
                          .ack_frequency = {conn->ack_packets_told, conn->ack_delay_told_ns / NS_PER_US}},
          SENT_ACK_FREQUENCY | SENT_ELICITING))
    conn->ack_frequency_pending = false;
  if (conn->path.response_pending &&
      put_frame(build, &(struct frame){.type = FRAME_PATH_RESPONSE, .path = conn->path.response},
                SENT_ELICITING))
    conn->path.response_pending = false;
  if (challenge_is_due(conn, now_ns) &&
      put_frame(build, &(struct frame){.type = FRAME_PATH_CHALLENGE, .path = conn->path.challenge},
                SENT_ELICITING) &&
      path_on_challenge_sent(&conn->path, now_ns, conn_probe_timeout_ns(conn)))
    ecn_restart(&conn->ecn, build->packet.number);
  if ((conn->ping_pending || wants_ack_of_acks(conn, now_ns)) &&
      put_frame(build, &(struct frame){.type = FRAME_PING}, SENT_ELICITING))
    conn->ping_pending = false;
}

/* Whole small blocks, as many as fit. */
static void put_small_blocks(struct build *build, struct conn *conn) {
  struct block_out *block;
  while ((block = blocks_out_head(&conn->blocks_out)) && block->next_offset == 0 &&
         block->size < writer_left(&build->payload)) {
    struct frame frame = {
        .type = FRAME_BLOCK,
        .block = {.header = {.number = block->number, .size_class = block->size_class, .fin = true},
                  .bytes = block->bytes,
                  .size = block->size}};
    if (!put_frame(build, &frame, SENT_CHAIN | SENT_ELICITING)) return;
    uint32_t slot = blocks_out_slot(&conn->blocks_out, block);
    conn->stats.block_bytes_sent += block->size;
    blocks_out_advance(&conn->blocks_out, block->size);
    build->record.slot = blocks_out_chain(&conn->blocks_out, slot, build->record.slot);
  }
}

/* ---- bulk ---- */

/* What the next packet will carry begins to come into the cache while this one is sealed: another thread has
 * just read it, and waiting for it costs more than copying it. */
static void fetch_ahead(const struct block_out *block, uint32_t offset, uint32_t length) {
  enum { LINE_BYTES = 64 };
  uint32_t end = block->size - offset < length ? block->size : offset + length;
  for (; offset < end; offset += LINE_BYTES)
    __builtin_prefetch(block->bytes + offset);
}

/* `lost`: what to send again; NULL: the next new fragment, and there is one. */
static size_t next_fragment_packet(struct conn *conn, uint64_t now_ns, uint8_t *bytes, size_t limit,
                                   const struct lost_fragment *lost) {
  struct space *space = &conn->spaces[LEVEL_DATA];
  struct block_out *block = lost ? &conn->blocks_out.slots[lost->slot] : blocks_out_head(&conn->blocks_out);
  struct build build;
  build_begin(&build, conn, now_ns, PACKET_BLOCK, bytes, limit);
  uint32_t offset = lost ? lost->offset : block->next_offset;
  uint32_t length = lost ? lost->length : block->size - block->next_offset;
  build.packet.block =
      (struct block_header){.number = block->number, .offset = offset, .size_class = block->size_class};
  build.header_size = packet_header_size(&build.packet);
  size_t room = limit - build.header_size - build.tag_size;
  if (length > room) length = (uint32_t)room;
  build.packet.block.fin = offset + length == block->size;
  build.record.flags = SENT_FRAGMENT | SENT_ELICITING;
  build.record.slot = blocks_out_slot(&conn->blocks_out, block);
  build.record.offset = offset;
  build.record.length = length;
  conn->stats.block_bytes_sent += length;
  if (lost) {
    conn->stats.block_bytes_resent += length;
    sent_packets_resent(&space->sent, length);
  } else {
    blocks_out_advance(&conn->blocks_out, length);
  }
  if (!conn->seals) fetch_ahead(block, offset + length, length);
  return build_finish(&build, conn, block->bytes + offset, length);
}

static size_t next_mtu_probe(struct conn *conn, uint64_t now_ns, uint8_t *bytes, size_t size) {
  struct build build;
  build_begin(&build, conn, now_ns, PACKET_FRAMES, bytes, size);
  put_frame(&build, &(struct frame){.type = FRAME_PING}, SENT_ELICITING | SENT_MTU_PROBE);
  struct frame padding = {.type = FRAME_PADDING, .padding_size = writer_left(&build.payload)};
  put_frame(&build, &padding, 0);
  mtu_probe_on_sent(&conn->mtu, size);
  return build_finish_frames(&build, conn);
}

/* ---- what may be sent ---- */

enum permission { MAY_SEND, WINDOW_FULL, PACED };
enum { RATE_MAX_SHARE = 5 }; /* a controller within a fifth of the user's limit is held by it */

static enum permission may_send(struct conn *conn, uint64_t now_ns) {
  const struct space *space = &conn->spaces[LEVEL_DATA];
  if (space->probes_owed > 0) return MAY_SEND;
  if (space->sent.bytes_in_flight + conn->mtu.current > conn->congestion.window) return WINDOW_FULL;
  uint64_t at_ns = pacer_next_ns(&conn->pacer, now_ns);
  if (at_ns <= now_ns) return MAY_SEND;
  conn->paced_until_ns = at_ns;
  return PACED;
}

/* A controller that measures what arrives learns the user's limit as if it were the path's. */
static enum conn_limit limit_of(const struct conn *conn, enum permission permission) {
  if (permission == MAY_SEND) return CONN_LIMIT_NOTHING;
  uint64_t rate_max = conn->pacer.rate_max, rate = conn->congestion.rate_bytes_per_s;
  bool is_user = rate_max > 0 && rate >= rate_max - rate_max / RATE_MAX_SHARE;
  if (permission == PACED && is_user) return CONN_LIMIT_RATE_MAX;
  return permission == PACED ? CONN_LIMIT_PACE : CONN_LIMIT_WINDOW;
}

static bool head_fits_whole(const struct conn *conn, size_t limit) {
  const size_t overhead = SHORT_HEADER_BYTES + TAG_BYTES_MAX + 2 + 8 + 4 + 4;
  const struct block_out *head = blocks_out_head(&conn->blocks_out);
  return head && head->next_offset == 0 && head->size + overhead <= limit;
}

/* A packet of frames; 0 when none of them has anything to say. */
static size_t next_frames_packet(struct conn *conn, uint64_t now_ns, uint8_t *bytes, size_t limit,
                                 bool control, bool small) {
  struct build build;
  build_begin(&build, conn, now_ns, PACKET_FRAMES, bytes, limit);
  put_ack(&build, conn);
  put_signals(&build, conn, now_ns);
  if (control) put_stream(&build, &conn->control_out, FRAME_CONTROL);
  if (build.record.flags & SENT_STREAM) conn_note_words(conn, now_ns, LEVEL_DATA);
  if (small) put_small_blocks(&build, conn);
  return writer_used(&build.payload) > 0 ? build_finish_frames(&build, conn) : 0;
}

enum ping_size { PING_SMALL, PING_FULL };

/* A probe is owed and there is nothing to repeat, or nothing of its size. */
static size_t next_ping_packet(struct conn *conn, uint64_t now_ns, uint8_t *bytes, size_t limit,
                               enum ping_size size) {
  struct build build;
  build_begin(&build, conn, now_ns, PACKET_FRAMES, bytes, limit);
  put_frame(&build, &(struct frame){.type = FRAME_PING}, SENT_ELICITING);
  put_ack(&build, conn);
  struct frame padding = {.type = FRAME_PADDING, .padding_size = writer_left(&build.payload)};
  if (size == PING_FULL && padding.padding_size > 0) put_frame(&build, &padding, 0);
  return build_finish_frames(&build, conn);
}

static size_t next_data_packet(struct conn *conn, uint64_t now_ns, uint8_t *bytes, size_t limit) {
  struct space *space = &conn->spaces[LEVEL_DATA];
  if (limit < PATH_BYTES_MIN) return 0;
  if (!sent_packets_have_room(&space->sent)) {
    space->probes_owed = 0; /* those sent have to do: the next timeout makes room for more */
    conn->limit = CONN_LIMIT_WINDOW;
    conn->app_limited = true;
    return 0;
  }
  bool may_probe = space->probes_owed == 0 && conn->path.validated;
  size_t size = may_probe ? mtu_probe_next(&conn->mtu, now_ns) : 0;
  if (size > 0) return next_mtu_probe(conn, now_ns, bytes, size);
  /* Silence may come of a path that swallows large packets. So the second of the two that probe it is of the
   * size all paths carry, as is all else while it lasts. */
  bool is_small = space->probes_owed > 0 ? space->probes_owed < LOSS_PROBES : space->loss.probe_count > 1;
  if (is_small && limit > DATAGRAM_BYTES_MIN) limit = DATAGRAM_BYTES_MIN;
  if (space->probes_owed == LOSS_PROBES && space->loss.probe_count > 1 && limit > DATAGRAM_BYTES_MIN)
    return next_ping_packet(conn, now_ns, bytes, limit, PING_FULL);
  const struct lost_fragment *lost = sent_packets_next_lost(&space->sent);
  bool has_blocks = lost || blocks_out_head(&conn->blocks_out);
  bool blocks = has_blocks && limit >= DATAGRAM_BYTES_MIN; /* the address limit cuts no crumbs */
  bool control = stream_send_pending(&conn->control_out);
  enum permission permission = blocks || control ? may_send(conn, now_ns) : MAY_SEND;
  control = control && permission == MAY_SEND;
  bool small = permission == MAY_SEND && !lost && head_fits_whole(conn, limit);
  if (control || small || has_signals(conn, now_ns) || ack_tracker_is_due(&space->acks, now_ns))
    size = next_frames_packet(conn, now_ns, bytes, limit, control, small);
  if (size == 0 && blocks && permission == MAY_SEND)
    size = next_fragment_packet(conn, now_ns, bytes, limit, lost);
  if (size == 0 && space->probes_owed > 0) size = next_ping_packet(conn, now_ns, bytes, limit, PING_SMALL);
  conn->limit = size > 0 ? CONN_LIMIT_MORE : limit_of(conn, permission);
  conn->app_limited = size == 0 && permission == MAY_SEND;
  bool has_window = space->sent.bytes_in_flight + conn->mtu.current <= conn->congestion.window;
  if (conn->app_limited && has_window && conn->congestion.ops->samples_rate)
    delivery_on_app_limited(&conn->congestion.delivery, space->sent.bytes_in_flight);
  return size;
}

/* Where the peer can read a CLOSE. Until the handshake is confirmed an end cannot know which keys the other
 * has by now, so it is told by turns at the lowest level there is and at the highest. */
static enum crypto_level close_level(struct conn *conn) {
  enum crypto_level high = conn->crypto.ops->send_level(conn->crypto.state);
  enum crypto_level low = LEVEL_INITIAL;
  while (low < high && !conn->spaces[low].live)
    low++;
  if (low == high || conn->confirmed) return high;
  conn->closed_at_low = !conn->closed_at_low;
  return conn->closed_at_low ? low : high;
}

static size_t next_close_packet(struct conn *conn, uint64_t now_ns, uint8_t *bytes) {
  static const enum packet_type types[CRYPTO_LEVELS] = {PACKET_INITIAL, PACKET_HANDSHAKE, PACKET_FRAMES};
  bool both = !conn->closed_at_low;
  enum crypto_level level = close_level(conn);
  struct space *space = &conn->spaces[level];
  conn->close_pending = both && conn->closed_at_low;
  conn->closes_sent += !conn->close_pending;
  uint64_t allowance = path_allowance(&conn->path);
  if (!space->live || allowance < PATH_BYTES_MIN) return 0;
  if (!sent_packets_have_room(&space->sent)) {
    uint64_t number;
    sent_packets_settle(&space->sent, sent_packets_lowest(&space->sent, &number), SENT_NOTHING);
  }
  struct build build;
  build_begin(&build, conn, now_ns, types[level], bytes,
              allowance < DATAGRAM_BYTES_MIN ? (size_t)allowance : DATAGRAM_BYTES_MIN);
  struct frame frame = {.type = FRAME_CLOSE,
                        .close = {.code = conn->close_code,
                                  .reason = (const uint8_t *)conn->close_reason,
                                  .reason_size = strlen(conn->close_reason)}};
  put_frame(&build, &frame, 0);
  put_ack(&build, conn);
  return build_finish_frames(&build, conn);
}

static size_t next_datagram(struct conn *conn, uint64_t now_ns, uint8_t *bytes) {
  if (conn->state == CONN_CLOSING || conn->state == CONN_DRAINING)
    return conn->close_pending ? next_close_packet(conn, now_ns, bytes) : 0;
  size_t size = 0;
  for (enum crypto_level level = LEVEL_INITIAL; level < LEVEL_DATA && size == 0; level++)
    if (conn->spaces[level].live) size = next_handshake_packet(conn, now_ns, level, bytes);
  if (size > 0 || conn->state != CONN_ESTABLISHED) return size;
  if (key_update_is_near(&conn->keys, conn->spaces[LEVEL_DATA].sent.next)) conn_renew_keys(conn, now_ns);
  if (conn->state != CONN_ESTABLISHED) return 0;
  uint64_t allowance = path_allowance(&conn->path);
  return next_data_packet(conn, now_ns, bytes,
                          allowance < conn->mtu.current ? (size_t)allowance : conn->mtu.current);
}

size_t conn_next_datagram(struct conn *conn, uint64_t now_ns, uint8_t *bytes, size_t capacity,
                          struct address *to) {
  assert(capacity >= conn->config.datagram_bytes_max);
  *to = conn->path.peer;
  if (conn->observed.trace) observe_changes(conn, now_ns);
  size_t size = next_datagram(conn, now_ns, bytes);
  to->ecn = size > 0 ? (uint8_t)conn->next_mark : ECN_NONE;
  return size;
}
