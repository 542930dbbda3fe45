/* hostile_peer: one end of a real session over a real UDP socket, made from the library's own transport and
 * TLS, whose owner may then break every rule: say any bytes on the control stream, send any block, and put
 * any frames into packets sealed with its own real keys. For programs that play a hostile sender
 * (peer_connect) or a hostile receiver (peer_listen, then peer_accept); nothing of the transfer layer is in
 * here.
 *
 *   struct peer peer;
 *   peer_connect(&peer, port);                     handshake done, or the program ends
 *   peer_say(&peer, bytes, size);                  control stream; waits for room
 *   peer_give_block(&peer, bytes, size);           copied; waits for credit
 *   peer_forge(&peer, frames, count);              one packet of frames
 *   peer_run(&peer, 100 * NS_PER_MS)               lets time pass: in, timers, events, out
 *   peer.heard, peer.heard_size                    what the other end said on the control stream
 *   peer.is_closed, peer.closed                    how it ended */
#ifndef HOSTILE_PEER_H
#define HOSTILE_PEER_H

#include "hostile_loop.h"

/* ---- the two ways to begin, and the end ---- */
static inline bool peer_meet(struct peer *peer, uint64_t limit_ns) {
  uint64_t end_ns = peer->now_ns + limit_ns;
  while (!peer->is_established && !peer->is_closed && peer->now_ns < end_ns)
    peer_turn(peer, end_ns);
  return peer->is_established;
}

/* False when nobody answered, or the answer was no (peer->closed). */
static inline bool peer_connect(struct peer *peer, uint16_t port) {
  struct sockaddr_in to = {
      .sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
  peer_open(peer);
  struct conn_config config = peer_pattern(peer);
  config.role = ROLE_CLIENT;
  config.crypto = peer_new_crypto(peer);
  config.peer.size = sizeof(to);
  memcpy(config.peer.bytes, &to, sizeof(to));
  random_fill(&config.local_cid, sizeof(config.local_cid));
  random_fill(&config.peer_cid, sizeof(config.peer_cid));
  peer->conn = conn_new(&config, peer->now_ns);
  if (!peer->conn) peer_die("no connection");
  return peer_meet(peer, PEER_CONNECT_NS);
}

/* Opens the port; `adjust` may be NULL, or change what the connection is made with. */
static inline void peer_listen(struct peer *peer, void (*adjust)(struct conn_config *config)) {
  peer_open(peer);
  struct listener_config config = {.conns_max = 4,
                                   .half_open_max = 4,
                                   .token_lifetime_ns = 15 * NS_PER_S,
                                   .random = random_fill,
                                   .new_crypto = peer_new_crypto,
                                   .context = peer,
                                   .conn = peer_pattern(peer)};
  if (adjust) adjust(&config.conn);
  peer->listener = listener_new(&config, peer->now_ns);
  if (!peer->listener) peer_die("no listener");
}

/* Waits for the first client. */
static inline bool peer_accept(struct peer *peer, uint64_t limit_ns) { return peer_meet(peer, limit_ns); }

/* Without a word: whoever wants to say goodbye calls conn_close and peer_run before. */
static inline void peer_end(struct peer *peer) {
  if (peer->listener)
    listener_free(peer->listener);
  else
    conn_free(peer->conn);
  close(peer->fd);
  free(peer->heard);
  identity_free(peer->identity); /* blocks not acknowledged, and the pool with them, are left to the kernel */
}

/* ---- what rules do not allow ---- */

/* All of it on the control stream; false when the connection ended or stood still for 10 s before. */
static inline bool peer_say(struct peer *peer, const void *bytes, size_t size) {
  const uint8_t *at = bytes;
  uint64_t end_ns = clock_now_ns() + PEER_CONNECT_NS;
  while (size > 0 && !peer->is_closed && peer->now_ns < end_ns) {
    size_t taken = conn_write(peer->conn, at, size);
    at += taken;
    size -= taken;
    peer_turn(peer, taken > 0 ? peer->now_ns : end_ns);
  }
  return size == 0;
}

/* A block as it stands, trailer and all; copied. */
static inline bool peer_give_block(struct peer *peer, const void *bytes, size_t size) {
  uint8_t *copy = malloc(size);
  uint64_t end_ns = clock_now_ns() + PEER_CONNECT_NS;
  memcpy(copy, bytes, size);
  while (!peer->is_closed && peer->now_ns < end_ns) {
    int error = conn_send_block(peer->conn, copy, size, copy);
    peer_turn(peer, error ? end_ns : peer->now_ns);
    if (!error) return true;
    if (error != ERR_AGAIN) break;
  }
  free(copy);
  return false;
}

/* Seals `payload` behind the header `packet` describes (type, block; the rest is filled in) with our newest
 * keys under our next number, and sends it. At most DATAGRAM_BYTES_IPV4 - TAG_BYTES_MAX of it all. */
static inline void peer_forge_payload(struct peer *peer, struct packet packet, const uint8_t *payload,
                                      size_t size) {
  struct conn *conn = peer->conn;
  const struct crypto_ops *crypto = conn->crypto.ops;
  struct sent_packets *sent = &conn->spaces[LEVEL_DATA].sent;
  uint8_t bytes[DATAGRAM_BYTES_IPV4];
  struct writer header;
  assert(packet.type == PACKET_FRAMES || packet.type == PACKET_BLOCK);
  packet.destination = conn->peer_cid;
  packet.number = sent->next;
  packet.key_phase = crypto->send_phase(conn->crypto.state) & 1;
  packet.payload_size = size + crypto->tag_size(conn->crypto.state, LEVEL_DATA);
  size_t header_size = packet_header_size(&packet);
  assert(header_size + packet.payload_size <= sizeof(bytes));
  writer_init(&header, bytes, header_size);
  packet_write(&packet, &header);
  sent_packets_add(sent, &(struct sent_packet){.sent_ns = peer->now_ns, .slot = BLOCK_SLOT_NONE});
  crypto->seal(conn->crypto.state, LEVEL_DATA, packet.number, bytes, header_size, payload, size,
               bytes + header_size);
  peer_put(peer, &conn->path.peer, bytes, header_size + packet.payload_size);
}

/* Any frames, in one packet. What does not fit is the caller's mistake. */
static inline void peer_forge(struct peer *peer, const struct frame *frames, size_t count) {
  uint8_t payload[DATAGRAM_BYTES_IPV4 - SHORT_HEADER_BYTES - TAG_BYTES_MAX];
  struct writer writer;
  writer_init(&writer, payload, sizeof(payload));
  for (size_t i = 0; i < count; i++)
    frame_write(&frames[i], &writer);
  assert(!writer.failed);
  peer_forge_payload(peer, (struct packet){.type = PACKET_FRAMES}, payload, writer_used(&writer));
}

#endif
