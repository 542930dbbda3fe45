/* hostile: see hostile.h. A stranger cannot read a connection's packets as they pass, but may have caught a
 * copy of an old one (or even of one that is still on its way), and can write whatever it likes into a
 * datagram, the server's address as its sender included. */
#include "hostile.h"

#include "content.h"
#include "trace.h"
#include "udpcp/wire.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

enum {
  OVERHEARD_EVERY = 7,
  NOISE_BYTES_MAX = 1500,
  FOREIGN_VERSION = 0x75637099,
  CHECKSUM_BYTES = 8,
};

struct hostile {
  struct prng prng;
  uint64_t passed[SIDES];
  struct {
    uint8_t *bytes;
    size_t size;
    uint64_t at_ns; /* may be used from then on */
  } copy[SIDES];
};

static struct hostile *hostile_of(struct world *world) {
  if (!world->hostile) {
    world->hostile = calloc(1, sizeof(*world->hostile));
    assert(world->hostile && "out of memory");
    prng_seed(&world->hostile->prng, content_seed(world->scenario->seed, 'h', 0));
  }
  return world->hostile;
}

void hostile_overhear(struct world *world, enum side side, const uint8_t *bytes, size_t size) {
  if (world->scenario->stray_every_ns == 0) return;
  struct hostile *hostile = hostile_of(world);
  uint64_t passed = hostile->passed[side]++;
  if (hostile->copy[side].at_ns > world->now_ns) return;
  if (passed > 1 && prng_below(&hostile->prng, OVERHEARD_EVERY) != 0) return;
  free(hostile->copy[side].bytes);
  hostile->copy[side].bytes = malloc(size);
  assert(hostile->copy[side].bytes && "out of memory");
  memcpy(hostile->copy[side].bytes, bytes, size);
  hostile->copy[side].size = size;
  hostile->copy[side].at_ns = world->now_ns;
  if (world->scenario->strangers_race) return;
  const struct link_config *link = &world->scenario->link[0][side == CLIENT ? UP : DOWN];
  hostile->copy[side].at_ns += 2 * (link->delay_ns + link->jitter_ns + link->reorder_hold_ns);
}

/* ---- strangers ---- */

enum stray { STRAY_NOISE, STRAY_REPLAY, STRAY_OTHER_VERSION, STRAY_DAMAGED, STRAYS };

/* A datagram to that side; its size. */
static size_t make_stray(struct hostile *hostile, uint64_t now_ns, enum side side,
                         uint8_t bytes[NOISE_BYTES_MAX]) {
  enum stray kind = (enum stray)prng_below(&hostile->prng, STRAYS);
  size_t size = 1 + prng_below(&hostile->prng, NOISE_BYTES_MAX);
  content_fill(prng_next(&hostile->prng), 0, bytes, size);
  enum side speaker = side == SERVER ? CLIENT : SERVER;
  const uint8_t *copy = hostile->copy[speaker].at_ns <= now_ns ? hostile->copy[speaker].bytes : NULL;
  size_t copy_size = hostile->copy[speaker].size;
  if ((kind == STRAY_REPLAY || kind == STRAY_DAMAGED) && copy && copy_size <= NOISE_BYTES_MAX) {
    size = copy_size;
    memcpy(bytes, copy, size);
    /* Beyond the version field, so that the noise gets as deep as it can. */
    if (kind == STRAY_DAMAGED)
      bytes[prng_below(&hostile->prng, size)] ^= (uint8_t)(1 + prng_below(&hostile->prng, 255));
  } else if (kind == STRAY_OTHER_VERSION) {
    size = prng_below(&hostile->prng, 2) ? DATAGRAM_BYTES_MIN : 100;
    bytes[0] = (uint8_t)(0xc0 | (bytes[0] & 0x3f));
  }
  return size;
}

static void stray_to_server(struct world *world, struct hostile *hostile, const uint8_t *bytes, size_t size) {
  unsigned stranger = (unsigned)prng_below(&hostile->prng, STRAYS_MAX);
  if (stranger >= world->stray_count) stranger = world->stray_count < STRAYS_MAX ? world->stray_count++ : 0;
  world->stray_route[stranger].bytes_in += size;
  trace_note(world, "stranger %u sends %zu bytes", stranger, size);
  struct address from = address_of_stranger(stranger);
  struct arrival arrival = {.bytes = malloc(size), .size = size};
  assert(arrival.bytes && "out of memory");
  memcpy(arrival.bytes, bytes, size);
  if (!world->is_dead[SERVER]) world_on_server_datagram(world, &from, &arrival);
  free(arrival.bytes);
}

static void stray_to_client(struct world *world, struct hostile *hostile, const uint8_t *bytes, size_t size) {
  struct client *client = &world->client[prng_below(&hostile->prng, world->scenario->clients)];
  if (!client->end || !client->end->conn || world->is_dead[CLIENT]) return;
  struct address from = prng_below(&hostile->prng, 2) ? address_of_server() : address_of_stranger(0);
  struct arrival arrival = {.bytes = malloc(size), .size = size};
  assert(arrival.bytes && "out of memory");
  memcpy(arrival.bytes, bytes, size);
  client->route[client->generation].has_heard = true; /* it may be a copy of what is still on its way there */
  end_on_datagram(client->end, &from, &arrival);
  free(arrival.bytes);
  end_pump(client->end);
}

static bool all_clients_are_gone(const struct world *world) {
  for (unsigned i = 0; i < world->scenario->clients; i++)
    if (!world->client[i].end || !world->client[i].end->is_gone) return world->is_dead[CLIENT];
  return true;
}

static void on_stray(void *subject, void *detail) {
  struct world *world = subject;
  struct hostile *hostile = detail;
  if (all_clients_are_gone(world)) return;
  world->strays++;
  enum side side = (enum side)prng_below(&hostile->prng, SIDES);
  uint8_t bytes[NOISE_BYTES_MAX];
  size_t size = make_stray(hostile, world->now_ns, side, bytes);
  if (side == SERVER)
    stray_to_server(world, hostile, bytes, size);
  else
    stray_to_client(world, hostile, bytes, size);
  world_plan(world, 1 + prng_below(&hostile->prng, 2 * world->scenario->stray_every_ns), on_stray, world,
             hostile);
}

void hostile_begin(struct world *world) { world_plan(world, 0, on_stray, world, hostile_of(world)); }

void hostile_end(struct world *world) {
  if (!world->hostile) return;
  free(world->hostile->copy[CLIENT].bytes);
  free(world->hostile->copy[SERVER].bytes);
  free(world->hostile);
}

/* ---- damage that no checksum shows ---- */

uint8_t *hostile_mend(struct world *world, const uint8_t *bytes, size_t size) {
  uint32_t permille = world->scenario->fault == FAULT_MENDED_DAMAGE ? 50 : world->scenario->mended_permille;
  if (permille == 0) return NULL;
  struct hostile *hostile = hostile_of(world);
  struct packet packet;
  if (prng_below(&hostile->prng, 1000) >= permille) return NULL;
  if (packet_read(&packet, bytes, size) != 0 || packet.type != PACKET_BLOCK) return NULL;
  /* Only contents: a block whose trailer names another file would be dropped, and waited for in vain. */
  if (packet.payload_size < 2 * POOL_TRAILER_BYTES + CHECKSUM_BYTES) return NULL;
  uint8_t *copy = malloc(size);
  assert(copy && "out of memory");
  memcpy(copy, bytes, size);
  /* Whatever else the checksum is mixed with: the change of the hash is the change of the checksum. */
  size_t covered = size - CHECKSUM_BYTES;
  uint64_t change = hash_64(copy, covered);
  copy[packet.header_size + prng_below(&hostile->prng, packet.payload_size / 2)] ^=
      (uint8_t)(1 + prng_below(&hostile->prng, 255));
  change ^= hash_64(copy, covered);
  for (size_t i = 0; i < CHECKSUM_BYTES; i++)
    copy[size - 1 - i] ^= (uint8_t)(change >> 8 * i);
  return copy;
}

/* ---- another version ---- */

size_t hostile_foreign_answer(const uint8_t *bytes, size_t size, uint8_t *reply) {
  struct packet packet;
  if (packet_read(&packet, bytes, size) != 0 || packet.type != PACKET_INITIAL) return 0;
  struct packet answer = {
      .type = PACKET_VERSIONS, .destination = packet.source, .source = packet.destination};
  struct writer writer;
  writer_init(&writer, reply, DATAGRAM_BYTES_MIN);
  packet_write(&answer, &writer);
  write_u32(&writer, FOREIGN_VERSION);
  write_u32(&writer, FOREIGN_VERSION + 1);
  assert(!writer.failed);
  return writer_used(&writer);
}
