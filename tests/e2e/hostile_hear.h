/* hostile_hear: what a hostile receiver does where it does no harm: it follows what the sender announces,
 * asks for large files, waits until all has come, and says that everything is committed, as far as a sender
 * can tell. The hostile part stands in hostile_receiver.c. */
#ifndef HOSTILE_HEAR_H
#define HOSTILE_HEAR_H

#include "hostile_draft.h"
#include "transfer/block.h"

enum { OBJECTS_MAX = 8192 };
#define TURN_NS (2 * NS_PER_MS)
#define PATIENCE_NS (8 * NS_PER_S)

static inline void wait_for_close(struct peer *peer) { peer_run(peer, PATIENCE_NS); }

/* ---- what the sender has said so far ---- */
static struct seen {
  uint32_t objects, files, digests, digests_due;
  uint64_t blocks; /* all that will come, once `wants` were told */
  uint32_t large[OBJECTS_MAX], large_count, wanted;
  bool has_ended;
} seen;

static inline void look(struct peer *peer) {
  struct message message;
  struct reader reader;
  reader_init(&reader, peer->heard, peer->heard_size);
  while (message_read(&message, &reader) == 0) {
    if (message.type == MESSAGE_ENTRY && message.entry.kind == ENTRY_FILE) {
      uint64_t blocks = block_count(message.entry.size);
      seen.files++;
      seen.blocks += blocks;
      seen.digests_due += blocks != 1;
      if (blocks > BLOCKS_UNASKED && seen.large_count < OBJECTS_MAX)
        seen.large[seen.large_count++] = seen.objects;
    }
    seen.objects += message.type == MESSAGE_ENTRY;
    seen.digests += message.type == MESSAGE_DIGEST;
    seen.has_ended |= message.type == MESSAGE_END;
  }
  peer->heard_size = reader_left(&reader);
  memmove(peer->heard, reader.at, peer->heard_size);
}

static inline bool has_all(const struct peer *peer) {
  return seen.has_ended && peer->blocks_received == seen.blocks && seen.digests == seen.digests_due;
}

/* ---- behaving ---- */
static inline void add_welcome(void) { ADD(MESSAGE_WELCOME, FORMAT_VERSION, 0, OBJECTS_AHEAD_MAX, 1 << 20); }

/* Until all there is has been announced; then what is large has been, too. */
static inline void hear_all_entries(struct peer *peer) {
  uint64_t end_ns = clock_now_ns() + PATIENCE_NS;
  for (look(peer); !seen.has_ended && !peer->is_closed && peer->now_ns < end_ns; look(peer))
    peer_turn(peer, end_ns);
}

static inline void say_wants(struct peer *peer) {
  for (; seen.wanted < seen.large_count; seen.wanted++)
    ADD(MESSAGE_WANT, seen.large[seen.wanted]);
  say_draft(peer);
}

static inline void add_results(uint64_t status) {
  if (seen.objects > 0) ADD(MESSAGE_RESULT, 0, seen.objects, status);
  ADD(MESSAGE_FINISHED, 0); /* a byte that a later version may mean something by */
}

static inline void end_by_draft(struct peer *peer) {
  say_draft(peer);
  wait_for_close(peer);
}

static inline void finish_honestly(struct peer *peer) {
  uint64_t end_ns = clock_now_ns() + PATIENCE_NS;
  hear_all_entries(peer);
  for (look(peer); !has_all(peer) && !peer->is_closed && peer->now_ns < end_ns; look(peer)) {
    say_wants(peer);
    peer_turn(peer, clock_now_ns() + 20 * TURN_NS);
  }
  add_results(RESULT_COMMITTED);
  end_by_draft(peer);
}

static inline void be_honest(struct peer *peer) {
  add_welcome();
  say_draft(peer);
  finish_honestly(peer);
}

/* WELCOME, then waits for all entries: what follows it is the case. */
static inline void welcome(struct peer *peer) {
  add_welcome();
  say_draft(peer);
  hear_all_entries(peer);
}

#endif
