/* transport: one reliable, congestion-controlled connection without I/O (proto/transport.md).
 *
 * The caller owns sockets and time. It feeds the inputs (conn_on_*), then drains the three outputs
 * (conn_next_datagram, conn_next_timeout, conn_next_event) in that order; every call takes `now_ns` of one
 * monotonic clock. A connection carries an ordered control stream each way, and blocks: byte strings of up to
 * BLOCK_BYTES_MAX that arrive whole, once, and in any order. */
#ifndef UDPCP_TRANSPORT_H
#define UDPCP_TRANSPORT_H

#include "udpcp/base.h"
#include "udpcp/crypto.h"
#include "udpcp/wire.h"

enum { CONTROL_BYTES_MAX = 256 * 1024 }; /* unacknowledged bytes of the control stream, each way */

struct conn;
struct turns;         /* a listener's */
struct conn_observer; /* udpcp/observe.h */

enum congestion_kind { CONGESTION_AUTO, CONGESTION_CUBIC, CONGESTION_BBR, CONGESTION_BACKGROUND };

struct conn_config {
  enum crypto_role role;
  struct crypto crypto; /* passes to the connection */
  struct pool *pool;    /* for blocks being received; borrowed, may be shared by connections */
  struct turns *turns;  /* in which connections are granted credit; set by the listener, NULL: none */
  struct cid local_cid; /* random: the id this end is reached by */
  struct cid peer_cid; /* client: random, until the server has said its own; server: the client's source id */
  struct cid original_cid; /* server: destination id of the client's very first packet */
  struct cid initial_cid;  /* server: destination id of its first packets here; differs after a RETRY */
  struct address peer;
  bool address_validated;    /* server: the client came with a good token */
  uint64_t window_bytes;     /* block bytes granted to the peer beyond what was released */
  size_t datagram_bytes_max; /* cap of a UDP payload sent and accepted */
  uint64_t idle_timeout_ns;  /* silence after which the peer is gone; the smaller of both ends' is used */
  uint64_t handshake_timeout_ns;
  uint64_t rate_bytes_per_s_max; /* --bwlimit, 0: none */
  uint64_t protection; /* suites offered: bits of enum protection_suite; the lowest common one is used */
  enum congestion_kind congestion;
  /* KEY_BYTES that stand for this machine, borrowed. A client gives them when it means to reach another
   * machine, a server always: a hello that comes from the server's own machine was sent back by somebody.
   * NULL: none. */
  const uint8_t *machine;
  uint64_t key_packets;                 /* sealed with one key before it is renewed; 0: as many as is wise */
  uint64_t seed;                        /* unpredictable to the peer: path challenges, jitter */
  const struct conn_observer *observer; /* is told what happens, borrowed; NULL: nobody */
  void *observer_context;
};

enum conn_event_type {
  CONN_EVENT_ESTABLISHED, /* handshake complete and, at a server, the client heard from again: it is real */
  CONN_EVENT_CONTROL,     /* conn_read has bytes */
  CONN_EVENT_BLOCK_RECEIVED, /* owner of the buffer now: give it back by conn_release_block */
  CONN_EVENT_BLOCK_ACKED,    /* the peer has the whole block: `bytes` are the caller's again */
  CONN_EVENT_CLOSED, /* the last event: conn_close was answered, or the peer closed, or it is silent */
};

enum closed_by { CLOSED_BY_US, CLOSED_BY_PEER, CLOSED_BY_SILENCE, CLOSED_BY_NO_ANSWER };

struct conn_event {
  enum conn_event_type type;
  union {
    struct {
      uint8_t *bytes;
      size_t size;
      unsigned size_class;
    } block;
    void *cookie; /* BLOCK_ACKED: as given to conn_send_block */
    struct {
      enum closed_by by;
      uint64_t code;
      char reason[REASON_BYTES_MAX + 1];
    } closed;
  };
};

/* Why conn_next_datagram gave no more the last time it was asked. */
enum conn_limit {
  CONN_LIMIT_NOTHING,  /* nothing is left to send */
  CONN_LIMIT_MORE,     /* it gave one: there may be more */
  CONN_LIMIT_WINDOW,   /* as much is in flight as may be */
  CONN_LIMIT_PACE,     /* the congestion controller's pace */
  CONN_LIMIT_RATE_MAX, /* rate_bytes_per_s_max */
};

struct conn_stats {
  uint64_t bytes_sent, bytes_received; /* UDP payload */
  uint64_t packets_sent, packets_received, packets_lost, packets_spurious, packets_duplicate, packets_refused;
  uint64_t block_bytes_sent, block_bytes_resent, block_bytes_received;
  uint64_t rtt_smoothed_ns, rtt_min_ns, window_bytes, in_flight_bytes, rate_bytes_per_s;
  uint64_t datagram_bytes;    /* the size the path is known to carry */
  const char *congestion;     /* the controller's name */
  const char *congestion_why; /* it was taken: a phrase; NULL before ESTABLISHED */
  uint64_t idle_timeout_ns;   /* the silence that ends it, as agreed */
  uint64_t probe_timeouts;
  uint64_t acks_sent, acks_received;
  uint64_t control_bytes_received;  /* in order */
  enum protection_suite protection; /* agreed; 0 before */
  uint64_t key_updates;             /* of the keys to send with */
  uint64_t began_ns;                /* the time of conn_new */
  enum conn_limit limited_by;
  uint64_t credit_bytes; /* what the peer still grants, in bytes of pool classes */
  bool is_peer_starved;  /* it is granted too little to open another block of the largest size */
  const char *ecn;       /* what is known of the path's: waiting, testing, unknown, capable, failed */
  uint64_t ce_received;  /* packets that came marked "congestion experienced" */
  uint64_t ce_told;      /* packets of ours that came so, by the peer's believable count */
};

/* Takes config->crypto in any case. A client is ready to send its first flight; a server expects the first
 * datagram by conn_on_datagram. NULL when out of memory. */
struct conn *conn_new(const struct conn_config *config, uint64_t now_ns);
/* One datagram from `from`, with the ECN mark from->ecn; may be overwritten (opened in place). Bad datagrams
 * are dropped and counted. */
void conn_on_datagram(struct conn *conn, uint64_t now_ns, const struct address *from, uint8_t *bytes,
                      size_t size);
/* To be called when conn_next_timeout has passed. Early or late calls do no harm. */
void conn_on_timeout(struct conn *conn, uint64_t now_ns);
/* The caller was stopped for `absent_ns` until now, as a machine is that sleeps: nobody listened meanwhile,
 * so that silence proves nothing. To be called before anything else when it goes on. */
void conn_on_absence(struct conn *conn, uint64_t now_ns, uint64_t absent_ns);
/* The socket could not take a datagram that conn_next_datagram gave out (too big for the interface). */
void conn_on_send_failed(struct conn *conn, uint64_t now_ns, size_t size);
/* Writes the next datagram and its destination; it is to leave with the ECN mark to->ecn. Its size, 0 when
 * there is nothing to send now. At most `capacity` bytes, which must be datagram_bytes_max at least. */
size_t conn_next_datagram(struct conn *conn, uint64_t now_ns, uint8_t *bytes, size_t capacity,
                          struct address *to);
/* When to call conn_on_timeout, absolute; TIME_NEVER when no timer is set. */
uint64_t conn_next_timeout(const struct conn *conn);
/* The next event; false when there is none. */
bool conn_next_event(struct conn *conn, struct conn_event *event);

/* Appends to the control stream as much as fits; returns how many bytes were taken (0 before ESTABLISHED). */
size_t conn_write(struct conn *conn, const void *bytes, size_t size);
size_t conn_write_room(const struct conn *conn);
/* Takes up to `capacity` bytes from the control stream. Readers must take all there is after each event. */
size_t conn_read(struct conn *conn, void *bytes, size_t capacity);
/* Sends a block of 1 .. BLOCK_BYTES_MAX bytes, borrowed until its BLOCK_ACKED event or conn_free. ERR_AGAIN
 * when the peer's grant or the table is used up (try after any event or datagram), ERR_CLOSED. */
int conn_send_block(struct conn *conn, const uint8_t *bytes, size_t size, void *cookie);
/* Gives a received block's buffer back to the pool and its credit to the peer. */
void conn_release_block(struct conn *conn, uint8_t *bytes, unsigned size_class);
/* Begins a close; reason is cut at REASON_BYTES_MAX. Goes on being driven until its CLOSED event. */
void conn_close(struct conn *conn, uint64_t now_ns, uint64_t code, const char *reason);
bool conn_is_closed(const struct conn *conn);
/* Everything sent on the control stream has been acknowledged. */
bool conn_is_flushed(const struct conn *conn);
void conn_get_stats(const struct conn *conn, struct conn_stats *stats);
/* The connection's handshake, to ask who the peer is; valid until conn_free. */
const struct crypto *conn_crypto(const struct conn *conn);
/* Asserts the numbered invariants of proto/transport.md section 10; for tests and the simulator. */
void conn_check(const struct conn *conn);
/* Takes NULL. Buffers of received blocks not yet released stay the caller's: pool_put them. */
void conn_free(struct conn *conn);

/* ---- listener: one port, many peers (proto/transport.md sections 2 and 3) ---- */
struct listener;

struct listener_config {
  uint32_t conns_max;     /* connections at once */
  uint32_t half_open_max; /* beyond this, clients must come with a token */
  uint64_t token_lifetime_ns;
  void (*random)(void *bytes, size_t size); /* for connection ids, seeds and the keys of tokens */
  /* Makes the handshake of a new connection. */
  struct crypto (*new_crypto)(void *context);
  /* Whether a first packet proves what it must: `bytes` are all of it before the proof. NULL: nothing need be
   * proven. */
  bool (*is_proven)(void *context, const uint8_t *bytes, size_t size, const uint8_t proof[PROOF_BYTES]);
  /* A number for the host behind an address, whatever its port. NULL: each address is its own host. */
  uint64_t (*host_of)(const struct address *from);
  /* false: silence for this address. NULL: everyone may try. */
  bool (*admits)(void *context, const struct address *from);
  void *context;
  struct conn_config conn; /* the pattern for accepted connections: window, timeouts, mtu, congestion, pool */
};

struct listener_stats {
  uint64_t datagrams_unknown, datagrams_malformed, unproven, refused, retries, versions_answered, accepted;
};

struct listener *listener_new(const struct listener_config *config, uint64_t now_ns);
/* Gives a datagram to its connection, or accepts a new one. Returns that connection, NULL when the datagram
 * was dropped or answered without state. *is_new tells of a connection returned for the first time. A reply
 * is written to `reply` (at least DATAGRAM_BYTES_MIN bytes) and its size to *reply_size, else 0; it goes to
 * `from`. */
struct conn *listener_on_datagram(struct listener *listener, uint64_t now_ns, const struct address *from,
                                  uint8_t *bytes, size_t size, bool *is_new, uint8_t *reply,
                                  size_t *reply_size);
/* Forgets and frees a connection. */
void listener_remove(struct listener *listener, struct conn *conn);
/* Once a turn of the caller's loop: many connections take turns by it (section 9). `socket_bytes`: room of
 * the receive buffer; the others count since ever. Returns when to call again at the latest. */
uint64_t listener_on_turn(struct listener *listener, uint64_t now_ns, uint64_t socket_bytes, uint64_t drops,
                          uint64_t asleep_ns);
struct conn *listener_next_granted(struct listener *listener); /* then: to be drained again, until NULL */
uint32_t listener_count(const struct listener *listener);
void listener_get_stats(const struct listener *listener, struct listener_stats *stats);
/* Frees every connection too. Takes NULL. */
void listener_free(struct listener *listener);

#endif
