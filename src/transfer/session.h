/* session: what both ends of a transfer have in common - the channel, the counts, and how it ends. */
#ifndef TRANSFER_SESSION_H
#define TRANSFER_SESSION_H

#include "channel.h"
#include "udpcp/transfer.h"

struct session {
  struct conn *conn;
  uint64_t now_ns; /* of the latest call */
  bool ending;     /* this end asked for the close: nothing more is read, begun or sent */
  bool over;       /* the connection's last event has come */
  bool has_blamed; /* the peer broke the protocol */
  struct progress progress;
  struct channel channel;
};

void session_init(struct session *session, struct conn *conn);
/* Neither ending nor over. */
bool session_is_live(const struct session *session);
/* Ends the session from this side. */
void session_close(struct session *session, uint64_t code, const char *reason);
/* The same for a peer that broke proto/transfer.md: CLOSE_TRANSFER with a reason that names it. */
__attribute__((format(printf, 2, 3))) void session_blame(struct session *session, const char *format, ...);
/* The next message, 1; 0: none, or the peer broke the format and was told. */
int session_next_message(struct session *session, struct message *message);
/* The CLOSED event. `complete`: as far as this end knows, all is done, so that a CLOSE_DONE is a good end. */
void session_on_closed(struct session *session, const struct conn_event *event, bool complete);
/* Counts an object that is done with. */
void session_count(struct session *session, const struct report *report);

#endif
