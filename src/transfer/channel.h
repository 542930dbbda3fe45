/* channel: whole messages over the connection's control stream. */
#ifndef TRANSFER_CHANNEL_H
#define TRANSFER_CHANNEL_H

#include "message.h"

enum { CHANNEL_BYTES = 2 * MESSAGE_BYTES_MAX };

struct channel {
  struct conn *conn;
  size_t in_at, in_end;   /* received and not yet taken */
  size_t out_at, out_end; /* written and not yet taken by the connection */
  uint8_t in[CHANNEL_BYTES], out[CHANNEL_BYTES];
};

void channel_init(struct channel *channel, struct conn *conn);
/* The next message that is wholly here. 1; 0: none; ERR_MALFORMED; ERR_UNSUPPORTED for a mandatory one of
 * unknown type. Unknown optional ones are skipped. What the message points to is valid until the next call.
 */
int channel_next(struct channel *channel, struct message *message);
/* Takes a message, or returns false when there is no room for it now. */
bool channel_send(struct channel *channel, const struct message *message);
/* Gives the connection what it takes; true when nothing is left here. */
bool channel_flush(struct channel *channel);

#endif
