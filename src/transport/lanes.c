/* lanes: see udpcp/lanes.h.
 *
 * Keys do not change under a batch: before a connection renews its keys, what it has put off is sealed with
 * those it was built for. And only packets of the newest phase are opened ahead: one of another phase may
 * change the keys, so it waits for its turn. Should an earlier packet of its batch do so, the packet that was
 * opened ahead is one of the phase before by then, whose keys are still taken, and were the ones it was
 * opened with. */
#include "udpcp/lanes.h"

#include "transport/lanes.h"

#include <assert.h>

enum { CACHE_LINE_BYTES = 64 };

/* ---- out ---- */

void conn_seal_later(struct conn *conn, struct seals *seals) {
  assert((!conn->seals || conn->seals->count == 0) && (!seals || seals->count == 0));
  conn->seals = seals;
}

bool conn_put_off(struct conn *conn, uint64_t number, uint8_t *header, size_t header_size,
                  const uint8_t *payload, size_t payload_size) {
  struct seals *seals = conn->seals;
  if (!seals || seals->count == SEALS_MAX) return false;
  seals->packets[seals->count++] = (struct seal){.crypto = &conn->crypto,
                                                 .number = number,
                                                 .header = header,
                                                 .header_size = header_size,
                                                 .payload = payload,
                                                 .payload_size = payload_size};
  seals->bytes += payload_size;
  return true;
}

/* What comes next begins to come into the cache: another thread has read it from a file. */
static void fetch_next(const struct seals *seals, size_t index) {
  if (index + 1 >= seals->count) return;
  const struct seal *next = &seals->packets[index + 1];
  for (size_t at = 0; at < next->payload_size; at += CACHE_LINE_BYTES)
    __builtin_prefetch(next->payload + at);
}

void seals_run(void *seals, size_t index, unsigned lane) {
  const struct seal *seal = &((const struct seals *)seals)->packets[index];
  fetch_next(seals, index);
  seal->crypto->ops->seal_lane(seal->crypto->state, lane, seal->number, seal->header, seal->header_size,
                               seal->payload, seal->payload_size, seal->header + seal->header_size);
}

void seals_finish(struct seals *seals) {
  for (size_t i = 0; i < seals->count; i++)
    seals_run(seals, i, 0);
  seals->count = seals->bytes = 0;
}

/* ---- in ---- */

/* Whether the connection will want it opened, with the keys it has. */
static bool is_for_lanes(const struct conn *conn, const struct address *from, const struct packet *packet) {
  bool is_data = packet->type == PACKET_FRAMES || packet->type == PACKET_BLOCK;
  return is_data && conn->state == CONN_ESTABLISHED && cid_equal(&packet->destination, &conn->local_cid) &&
         (conn->role == ROLE_SERVER || address_equal(from, &conn->path.peer)) &&
         packet->key_phase == (conn->crypto.ops->recv_phase(conn->crypto.state) & 1);
}

void openings_add(struct openings *openings, const struct address *from, uint8_t *bytes, size_t size,
                  struct conn *(*find)(void *context, const struct cid *id), void *context) {
  struct packet packet;
  assert(openings->count < OPENINGS_MAX);
  struct opening *opening = &openings->packets[openings->count++];
  *opening = (struct opening){.bytes = bytes, .error = ERR_UNAUTHENTIC}; /* until it was run */
  if (packet_read(&packet, bytes, size) != 0) return;
  struct conn *conn = find(context, &packet.destination);
  if (!conn || !is_for_lanes(conn, from, &packet)) return;
  opening->conn = conn;
  opening->number = conn_expand_number(&conn->spaces[LEVEL_DATA].acks, packet.number);
  opening->header_size = packet.header_size;
  opening->payload_size = packet.payload_size;
  openings->bytes += packet.payload_size;
  conn->openings = openings;
}

void openings_run(void *openings, size_t index, unsigned lane) {
  struct opening *opening = &((struct openings *)openings)->packets[index];
  if (!opening->conn) return;
  const struct crypto *crypto = &opening->conn->crypto;
  uint8_t *payload = opening->bytes + opening->header_size;
  opening->error = crypto->ops->open_lane(crypto->state, lane, opening->number, opening->bytes,
                                          opening->header_size, payload, opening->payload_size, payload);
}

void openings_take(struct openings *openings, size_t index) {
  openings->taken = index < openings->count ? &openings->packets[index] : NULL;
}

void openings_clear(struct openings *openings) {
  openings->count = openings->bytes = 0;
  openings->taken = NULL;
}

const struct opening *conn_opened_ahead(const struct conn *conn, const uint8_t *bytes) {
  const struct opening *opening = conn->openings->taken;
  return opening && opening->conn == conn && opening->bytes == bytes ? opening : NULL;
}
