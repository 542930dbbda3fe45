/* lanes: what a connection asks of the batch it takes part in (udpcp/lanes.h). */
#ifndef TRANSPORT_LANES_H
#define TRANSPORT_LANES_H

#include "transport/conn.h"

/* Leaves a DATA packet to be sealed later, to the place behind its header. False: seal it now. */
bool conn_put_off(struct conn *conn, uint64_t number, uint8_t *header, size_t header_size,
                  const uint8_t *payload, size_t payload_size);
/* The datagram that is taken just now, when it was opened ahead; else NULL. There are openings. */
const struct opening *conn_opened_ahead(const struct conn *conn, const uint8_t *bytes);

#endif
