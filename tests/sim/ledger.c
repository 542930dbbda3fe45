/* ledger: see ledger.h. */
#include "ledger.h"

#include "content.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

enum { LEDGER_CAPACITY_MIN = 16 };

void ledger_init(struct ledger *ledger, uint64_t blocks) {
  *ledger = (struct ledger){.capacity = LEDGER_CAPACITY_MIN};
  while (ledger->capacity < 2 * blocks)
    ledger->capacity *= 2;
  ledger->table = calloc(ledger->capacity, sizeof(*ledger->table));
  assert(ledger->table && "out of memory");
}

void ledger_clear(struct ledger *ledger) {
  free(ledger->table);
  memset(ledger, 0, sizeof(*ledger));
}

/* The entry of that id, or the empty place for it. */
static struct ledger_entry *entry_of(struct ledger *ledger, uint64_t id) {
  size_t at = id & (ledger->capacity - 1);
  while (ledger->table[at].sent > 0 && ledger->table[at].id != id)
    at = (at + 1) & (ledger->capacity - 1);
  return &ledger->table[at];
}

void ledger_on_sent(struct ledger *ledger, const uint8_t *bytes, size_t size, uint64_t *id) {
  *id = content_id(bytes, size);
  assert(ledger->blocks_sent < ledger->capacity / 2);
  struct ledger_entry *entry = entry_of(ledger, *id);
  entry->id = *id;
  entry->sent++;
  ledger->blocks_sent++;
  ledger->bytes_sent += size;
}

bool ledger_on_received(struct ledger *ledger, const uint8_t *bytes, size_t size) {
  struct ledger_entry *entry = entry_of(ledger, content_id(bytes, size));
  if (entry->received == entry->sent) return false;
  entry->received++;
  ledger->blocks_received++;
  ledger->bytes_received += size;
  return true;
}

bool ledger_on_acked(struct ledger *ledger, uint64_t id) {
  struct ledger_entry *entry = entry_of(ledger, id);
  if (entry->acked == entry->received) return false;
  entry->acked++;
  ledger->blocks_acked++;
  return true;
}
