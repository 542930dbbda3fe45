/* hostile_draft: messages of proto/transfer.md put together number by number, with no rule checked. */
#ifndef HOSTILE_DRAFT_H
#define HOSTILE_DRAFT_H

#include "hostile_peer.h"
#include "transfer/message.h"

enum { DRAFT_BYTES = 64 * 1024 };

/* What is to be said next: gathered here, no rule checked. */
static uint8_t draft_bytes[DRAFT_BYTES];
static struct writer draft;

static inline void begin_draft(void) { writer_init(&draft, draft_bytes, sizeof(draft_bytes)); }

static inline void say_draft(struct peer *peer) {
  assert(!draft.failed);
  peer_say(peer, draft_bytes, writer_used(&draft));
  begin_draft();
}

/* A message of `count` numbers and then `size` bytes. */
static inline void add_message(uint64_t type, const uint64_t *numbers, size_t count, const void *bytes,
                               size_t size) {
  size_t body = size;
  for (size_t i = 0; i < count; i++)
    body += varint_size(numbers[i]);
  write_varint(&draft, type);
  write_varint(&draft, body);
  for (size_t i = 0; i < count; i++)
    write_varint(&draft, numbers[i]);
  write_bytes(&draft, bytes, size);
}

#define ADD(type, ...)                                                                                       \
  add_message(type, (const uint64_t[]){__VA_ARGS__}, sizeof((const uint64_t[]){__VA_ARGS__}) / 8, NULL, 0)

#endif
