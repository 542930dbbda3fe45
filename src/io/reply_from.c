/* reply_from: see the header; one slot a hash value, the latest peer takes it. */
#include "reply_from.h"

#include <string.h>

static size_t slot_of(const struct address *peer) {
  return (size_t)(hash_64(peer->bytes, peer->size) % REPLY_FROM_PEERS);
}

void reply_from_learn(struct reply_from *table, const struct address *peer, const struct in6_addr *local) {
  size_t slot = slot_of(peer);
  table->at[slot].peer = *peer;
  table->at[slot].local = *local;
}

const struct in6_addr *reply_from_find(const struct reply_from *table, const struct address *peer) {
  size_t slot = slot_of(peer);
  return address_equal(&table->at[slot].peer, peer) ? &table->at[slot].local : NULL;
}

void reply_from_forget(struct reply_from *table, const struct address *peer) {
  size_t slot = slot_of(peer);
  if (address_equal(&table->at[slot].peer, peer)) memset(&table->at[slot], 0, sizeof(table->at[slot]));
}
