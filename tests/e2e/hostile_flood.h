/* hostile_flood: the attacks on memory and places: fragments that never make a block, senders that stall,
 * objects that are announced and never sent. For hostile_sender.c, which has the table. */
#ifndef HOSTILE_FLOOD_H
#define HOSTILE_FLOOD_H

#include "hostile_say.h"
#include "transfer/receiver.h"

enum { STALLS_MAX = 160 };

/* ---- fragments, below the transfer's rules ---- */

static inline void forge_fragment(struct peer *peer, uint64_t block, uint32_t offset, const uint8_t *bytes,
                                  size_t size, bool fin) {
  struct frame frame = {.type = FRAME_BLOCK,
                        .block = {.header = {.number = block, .offset = offset, .fin = fin}}};
  frame.block.bytes = bytes;
  frame.block.size = size;
  peer_forge(peer, &frame, 1);
}

/* A block of two fragments that overlap and do not agree there. row->number 0: what was said first is right,
 * else what is said last. */
static inline void overlap_fragments(struct peer *peer, const struct row *row) {
  uint8_t right[64 + BLOCK_TRAILER_BYTES], wrong[sizeof(right)];
  static uint8_t block[BLOCK_BYTES_MAX];
  size_t size = seal(block, 0, 0, 64);
  memcpy(right, block, size);
  memcpy(wrong, block, size);
  memset(wrong + 20, 'X', 20);
  const uint8_t *first = row->number ? wrong : right, *last = row->number ? right : wrong;
  add_hello();
  add_file("overlap", 64);
  ADD(MESSAGE_END, 1, 64);
  say_draft(peer);
  peer_run(peer, 50 * NS_PER_MS);
  forge_fragment(peer, 0, 0, first, 40, false);
  forge_fragment(peer, 0, 20, last + 20, size - 20, true);
  forge_fragment(peer, 0, 0, wrong, size, true);
  wait_for_results(peer, 1);
}

/* Payload as it stands in row->bytes; row->number 1: nothing is wrong with it. */
static inline void forge_raw(struct peer *peer, const struct row *row) {
  add_hello();
  say_draft(peer);
  peer_forge_payload(peer, (struct packet){.type = PACKET_FRAMES}, (const uint8_t *)row->bytes, row->size);
  peer_run(peer, row->number > 0 ? 100 * NS_PER_MS : PATIENCE_NS);
}

/* Begins all blocks there is credit for, which earns more of it, until there is no more; how many. */
static inline uint64_t begin_all(struct peer *peer) {
  static const uint8_t byte = 'x';
  uint64_t begun = 0;
  for (;;) {
    const struct blocks_out *out = &peer->conn->blocks_out;
    uint64_t blocks = (out->granted - out->opened) / BLOCK_BYTES_MAX;
    if (blocks == begun || peer->is_closed) return begun;
    for (; begun < blocks; begun++) {
      struct frame frame = {.type = FRAME_BLOCK,
                            .block = {.header = {.number = 1 + begun, .size_class = POOL_CLASSES - 1},
                                      .bytes = &byte,
                                      .size = 1}};
      peer_forge(peer, &frame, 1);
    }
    peer_run(peer, 100 * NS_PER_MS);
  }
}

/* As many blocks as there is credit for, each begun at one byte in each of its pages, and then at ever more.
 */
static inline void forge_a_million(struct peer *peer, const struct row *row) {
  enum { A_PACKET = 100 };
  static const uint8_t byte = 'x';
  struct frame frames[A_PACKET];
  add_hello();
  say_draft(peer);
  give(peer, 1, 0, CONTENT_BYTES);
  peer_run(peer, 300 * NS_PER_MS); /* the first block of a session opens the window */
  uint64_t blocks = begin_all(peer);
  for (uint32_t i = 0; i < row->number && !peer->is_closed; i += A_PACKET) {
    for (uint32_t j = 0; j < A_PACKET; j++) {
      uint32_t turn = (uint32_t)((i + j) / blocks), offset = turn % 64 * 4096 + turn / 64 * 2;
      frames[j] = (struct frame){
          .type = FRAME_BLOCK,
          .block = {
              .header = {.number = 1 + (i + j) % blocks, .offset = offset, .size_class = POOL_CLASSES - 1},
              .bytes = &byte,
              .size = 1}};
    }
    peer_forge(peer, frames, A_PACKET);
    if (i % (10 * A_PACKET) == 0) peer_run(peer, NS_PER_MS);
  }
  peer_run(peer, 500 * NS_PER_MS);
  printf("%llu blocks begun; ", (unsigned long long)blocks);
}

/* ---- stalls and opens ---- */

static inline void stall(struct peer *peer, const struct row *row) {
  if (row->number > 0) add_hello();
  if (row->number > 1) add_file("stalled", 5 * BLOCK_DATA_BYTES);
  say_draft(peer);
  peer_run(peer, 50 * NS_PER_MS);
  peer->is_mute = row->number > 2;
  peer_run(peer, 30 * NS_PER_S);
}

static struct peer others[STALLS_MAX];
static unsigned others_count;

/* Keeps them alive for a moment; how many are closed. */
static inline unsigned turn_others(void) {
  unsigned closed = 0;
  for (unsigned i = 0; i < others_count; i++) {
    if (!others[i].is_closed) peer_turn(&others[i], others[i].now_ns);
    closed += others[i].is_closed;
  }
  return closed;
}

/* Takes every place there is, then waits until all are let go. */
static inline void stall_all(struct peer *peer, const struct row *row) {
  unsigned let_go = 0;
  (void)row;
  for (; others_count < STALLS_MAX; others_count++) {
    if (!peer_connect(&others[others_count], port)) break;
    turn_others();
    peer_turn(peer, peer->now_ns);
  }
  printf("%u places taken, then: %s\n", others_count + 1, others[others_count].closed.closed.reason);
  fflush(stdout);
  uint64_t end_ns = clock_now_ns() + 20 * NS_PER_S;
  while (let_go < others_count && clock_now_ns() < end_ns) {
    peer_turn(peer, peer->now_ns + 10 * NS_PER_MS);
    let_go = turn_others();
  }
  printf("%u let go; ", let_go);
}

static inline void open_many(struct peer *peer, const struct row *row) {
  char name[32];
  add_hello();
  for (uint32_t i = 0; i < row->number; i++) {
    snprintf(name, sizeof(name), "open/%u", i);
    add_file(name, i % 3 == 0 ? 0 : i % 3 * (BLOCK_DATA_BYTES / 2 + 9));
    if (writer_left(&draft) < 100) say_draft(peer);
    if (i == OBJECTS_AHEAD_MIN) peer_run(peer, 50 * NS_PER_MS);
  }
  say_draft(peer);
  peer_run(peer, NS_PER_S);
}

/* Entries as fast as they are answered, each the same folder: nothing but the session's own tables is used.
 */
static inline void announce_a_million(struct peer *peer, const struct row *row) {
  struct line line = {.kind = ENTRY_FOLDER, .mode = 0755};
  uint64_t end_ns = clock_now_ns() + 30 * NS_PER_S;
  uint64_t done = 0;
  add_hello();
  while (done < row->number && !peer->is_closed && clock_now_ns() < end_ns) {
    for (uint64_t open = announced - done; open < OBJECTS_AHEAD_MAX && announced < row->number; open++) {
      line.shared = announced > 0;
      add_entry(&line, "d", !line.shared);
      if (writer_left(&draft) < 100) say_draft(peer);
    }
    say_draft(peer);
    peer_turn(peer, peer->now_ns + NS_PER_MS);
    done = hear(peer);
  }
  printf("%llu of %u answered; ", (unsigned long long)done, announced);
}

#endif
