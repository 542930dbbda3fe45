/* pump: the only event loop. One socket, a few file threads, any number of sessions; both commands run on it.
 */
#ifndef CLI_PUMP_H
#define CLI_PUMP_H

#include "bind.h"
#include "report.h"
#include "slow.h"
#include "udpcp/io.h"

enum { SESSIONS_MAX = 128 };

/* One connection and what is done over it. */
struct session {
  struct conn *conn; /* the command's: it made it, it ends it */
  const struct role *role;
  void *state; /* sender or receiver; NULL until the command makes it, at CONN_EVENT_ESTABLISHED */
  struct address peer;
  uint64_t established_ns; /* 0: not yet */
  bool is_closed;          /* the connection's last event has come: */
  struct conn_event closed;
  struct tally tally; /* the command's, as are: */
  struct slow slow;
  bool is_too_slow; /* and was told so */

  /* The pump's own. */
  uint64_t deadline_ns;
  bool is_touched, lacks_tasks, has_ended;
  bool has_computed;  /* the last file work that came back */
  uint64_t rested_ns; /* when it was last served */
  struct session *next_touched;
};

struct pump;
/* What a command adds to the loop; `context` is passed to each. */
struct pump_hooks {
  void *context;
  /* Gives a datagram to its connection; the session it belongs to, or NULL. */
  struct session *(*route)(void *context, uint64_t now_ns, const struct address *from, uint8_t *bytes,
                           size_t size);
  /* The handshake is done: make session->state. */
  void (*established)(void *context, struct session *session, uint64_t now_ns);
  /* Something moved in the session: reports may wait. */
  void (*moved)(void *context, struct session *session, uint64_t now_ns);
  /* Nothing is left to do: no connection, no file work. May remove the session. */
  void (*ended)(void *context, struct session *session, uint64_t now_ns);
  /* Every turn of the loop. Returns when it wants to be called next at the latest. */
  uint64_t (*tick)(void *context, uint64_t now_ns);
  /* This process, or the whole machine, was stopped for so long until now; the connections know. NULL: no
   * need.
   */
  void (*woken)(void *context, uint64_t now_ns, uint64_t absent_ns);
  /* SIGINT, SIGTERM or SIGHUP. */
  void (*signalled)(void *context, uint64_t now_ns);
};

/* NULL and *error: what udp_open said, or ERR_NO_MEMORY. */
struct pump *pump_new(const struct pump_hooks *hooks, const struct udp_config *socket, unsigned threads,
                      int *error);
/* Waits for file work that is running and ends every session left (not their connections). Takes NULL. */
void pump_free(struct pump *pump);
struct udp *pump_udp(const struct pump *pump);
/* How long it has slept so far, all sleeps together. */
uint64_t pump_asleep_ns(const struct pump *pump);

/* A session for `conn`; NULL when SESSIONS_MAX are there or memory is out. */
struct session *pump_add(struct pump *pump, struct conn *conn, const struct role *role,
                         const struct address *peer);
/* Frees the state, then the session. No file work may be out; the connection must still be there. */
void pump_remove(struct pump *pump, struct session *session);
size_t pump_count(const struct pump *pump);
struct session *pump_session(const struct pump *pump, size_t index);
/* The session of a connection, NULL for none. */
struct session *pump_find(struct pump *pump, const struct conn *conn);
/* The command did something to the session: it is to be looked at. */
void pump_touch(struct pump *pump, struct session *session);
/* Sends a datagram of no session, soon; dropped when there is no room. */
void pump_reply(struct pump *pump, const struct address *to, const uint8_t *bytes, size_t size);

/* Runs until pump_stop. 0, or negative: the socket is beyond use. */
int pump_run(struct pump *pump);
void pump_stop(struct pump *pump);
/* Sends what the connection still has, its last datagram twice: nobody will be here to send it again. */
void pump_farewell(struct pump *pump, struct session *session);

#endif
