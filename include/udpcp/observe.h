/* observe: what happens inside a connection, told to whoever draws or logs it (proto/trace.md).
 *
 * An observer is a table of three functions given in struct conn_config. It is told while the connection
 * works, so it must be quick and must not call the connection; whatever a pointer of an observation leads to
 * is valid during the call only. Without an observer a place that tells costs one branch. */
#ifndef UDPCP_OBSERVE_H
#define UDPCP_OBSERVE_H

#include "udpcp/crypto.h"
#include "udpcp/transport.h"

enum observation_type {
  OBSERVED_PARAMETERS, /* one end's transport parameters are known */
  OBSERVED_STATE,      /* of the connection's life */
  OBSERVED_SENT,
  OBSERVED_RECEIVED,
  OBSERVED_DROPPED,    /* a datagram for this connection that was not taken */
  OBSERVED_ACKED,      /* a run of packet numbers, for the first time */
  OBSERVED_LOST,       /* declared lost */
  OBSERVED_FOUND,      /* declared lost before, and acknowledged now */
  OBSERVED_METRICS,    /* round trip, window and what goes with them; at most once a datagram */
  OBSERVED_CONGESTION, /* the controller or its state changed */
  OBSERVED_TIMER,      /* loss timer */
  OBSERVED_MTU,
  OBSERVED_KEYS,   /* one end sends with new keys */
  OBSERVED_PATH,   /* the peer's address */
  OBSERVED_CLOSED, /* the verdict, whoever gave it */
  OBSERVATION_TYPES
};

enum observed_end { OBSERVED_LOCAL, OBSERVED_REMOTE };
enum observed_state {
  OBSERVED_ATTEMPTED,
  OBSERVED_HANDSHAKE, /* the peer has answered */
  OBSERVED_COMPLETE,  /* both ends' parameters are known */
  OBSERVED_CONFIRMED, /* both know that */
  OBSERVED_CLOSING,
  OBSERVED_DRAINING,
};
enum observed_trigger { LOST_BY_REORDERING, LOST_BY_TIME, LOST_BY_PROBES };
enum observed_path { PATH_CHANGED, PATH_VALIDATED, PATH_TAKEN_BACK };

/* A packet on its way; payload: its frames in the clear, or the fragment of a PACKET_BLOCK. */
struct observed_packet {
  const struct packet *packet;
  const uint8_t *payload;
  size_t payload_size, datagram_size;
  bool is_mtu_probe; /* sent ones */
};

struct observed_metrics {
  uint64_t min_ns, smoothed_ns, latest_ns, variation_ns; /* min_ns 0: no sample yet */
  uint64_t window, in_flight, threshold;                 /* bytes; threshold UINT64_MAX: none */
  uint64_t packets_in_flight;                            /* ack-eliciting ones */
  uint64_t rate_bytes_per_s;                             /* pacing; 0: none */
  uint64_t credit; /* bytes of block capacity that the peer still grants beyond the blocks opened */
  uint64_t probe_count;
};

struct observation {
  enum observation_type type;
  enum crypto_level level; /* ACKED, LOST, FOUND, TIMER */
  union {
    struct {
      enum observed_end whose;
      const struct params *params;
    } parameters;
    enum observed_state state;
    struct observed_packet packet; /* SENT, RECEIVED */
    struct {
      size_t size;
      const char *why;
    } dropped;
    struct range acked;
    struct {
      uint64_t number, size;
      enum observed_trigger trigger;
      bool is_mtu_probe;
    } lost; /* LOST; FOUND: number and size */
    struct observed_metrics metrics;
    struct {
      const char *name, *state; /* the controller's */
      const char *why;          /* it was taken; NULL before the choice */
    } congestion;
    struct {
      bool expired, is_probe; /* false: set; loss by time */
      uint64_t deadline_ns;   /* TIME_NEVER: cancelled */
    } timer;
    size_t mtu; /* bytes of a datagram */
    struct {
      enum observed_end whose;
      uint64_t phase;
    } keys;
    struct {
      enum observed_path what;
      const struct address *peer;
    } path;
    struct {
      enum closed_by by;
      uint64_t code;
      const char *reason;
    } closed;
  };
};

/* A connection begins. */
struct observed_start {
  enum crypto_role role;
  const struct address *peer;
  struct cid local_cid, peer_cid, original_cid; /* original: names the connection at both ends */
  uint64_t initial_rtt_ns, granularity_ns, window, datagram_bytes, packet_threshold, time_eighths;
};

struct conn_observer {
  /* Returns what the others get as `trace`; NULL: this connection is not observed. */
  void *(*begin)(void *context, uint64_t now_ns, const struct observed_start *start);
  void (*observe)(void *trace, uint64_t now_ns, const struct observation *what);
  void (*end)(void *trace, uint64_t now_ns, const struct conn_stats *stats);
};

#endif
