/* address: who is who in the simulated network. A client's address has generations: a NAT on the way gives it
 * a new one now and then. */
#include "world.h"

#include <string.h>

enum { KIND_CLIENT = 1, KIND_SERVER, KIND_STRANGER };

static struct address address_make(uint8_t kind, unsigned number, unsigned generation) {
  struct address address = {.size = 16};
  address.bytes[0] = kind;
  address.bytes[1] = (uint8_t)number;
  address.bytes[15] = (uint8_t)generation;
  return address;
}

struct address address_of_client(unsigned client, unsigned generation) {
  return address_make(KIND_CLIENT, client, generation);
}

struct address address_of_server(void) {
  return address_make(KIND_SERVER, 0, 0);
}

struct address address_of_stranger(unsigned stranger) {
  return address_make(KIND_STRANGER, stranger, 0);
}

bool address_to_client(const struct address *address, unsigned *client, unsigned *generation) {
  if (address->size != 16 || address->bytes[0] != KIND_CLIENT) return false;
  *client = address->bytes[1];
  *generation = address->bytes[15];
  return true;
}
