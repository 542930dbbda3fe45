/* plain: a handshake without secrets, for the simulator and the tests of the transport. It draws no
 * randomness of its own, so a seed replays to the byte, and it costs next to nothing, so that years of
 * network fit into minutes. The program does not contain it. */
#ifndef PLAIN_H
#define PLAIN_H

#include "udpcp/crypto.h"

/* Offers and takes PROTECT_CHECKSUM only. ops NULL when out of memory. */
struct crypto crypto_plain_new(enum crypto_role role);

#endif
