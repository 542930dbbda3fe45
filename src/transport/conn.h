/* conn: the state of one connection, shared by the files that drive it (proto/transport.md).
 *
 *   conn.c           life: new, state changes, close, events, what the user calls
 *   conn_input.c     a datagram comes in: open, dispatch its frames by a table
 *   conn_output.c    a datagram goes out: what to put into it, in which order
 *   conn_recovery.c  what an acknowledgement, a loss or a timer does to what was sent
 *   conn_acks.c      how often the peer is to acknowledge
 *   conn_repeat.c    the few words the other end waits for, said again before they are known to be lost
 *   conn_silence.c, conn_black_hole.c  what a time without answers was, and losses by size
 *   lanes.c          packets of a batch sealed or opened on several threads
 *
 * Everything else in this folder is a leaf: it knows nothing of connections. */
#ifndef TRANSPORT_CONN_H
#define TRANSPORT_CONN_H

#include "transport/ack_tracker.h"
#include "transport/blocks_in.h"
#include "transport/blocks_out.h"
#include "transport/choice.h"
#include "transport/congestion.h"
#include "transport/ecn.h"
#include "transport/key_update.h"
#include "transport/loss.h"
#include "transport/mtu_probe.h"
#include "transport/observe.h"
#include "transport/pacer.h"
#include "transport/path.h"
#include "transport/sent_packets.h"
#include "transport/silence.h"
#include "transport/stream.h"
#include "udpcp/lanes.h"
#include "udpcp/transport.h"

enum {
  SENT_RING_HANDSHAKE = 64,
  SENT_RING_CLIENT = 1 << 15, /* 48 MB of full datagrams in flight */
  SENT_RING_SERVER = 1 << 12, /* sends acknowledgements and results */
  CRYPTO_BYTES_MAX = 8192,    /* of one level, unread */
  CLOSE_REPEATS_MAX = 3,
  KEEPALIVE_PARTS = 3,       /* a PING after this part of the idle time */
  FRAGMENT_BYTES_MIN = 1100, /* what a datagram of the least size carries of a block, at least */
  PATH_BYTES_MIN = 128,      /* less than this is not worth a datagram to an address not yet validated */
};
#define ABSENCE_CHANCE_NS                                                                                    \
  (5 * NS_PER_S) /* for a sign of life after an absence longer than the idle timeout */
#define IDLE_TIMEOUT_MAX (365 * 86400 * NS_PER_S)
#define GRANT_INTERVAL_NS (20 * NS_PER_MS)
#define VERSIONS_WAIT_NS (1 * NS_PER_S)  /* for a real answer after a VERSIONS that anyone may have forged */
#define INITIAL_RTT_NS (100 * NS_PER_MS) /* a guess: RFC 9002 says 333 ms, for paths across the world */

enum conn_state {
  CONN_HANDSHAKE,   /* keys are being agreed */
  CONN_ESTABLISHED, /* data may flow */
  CONN_CLOSING,     /* we said CLOSE and wait for the peer to say it too */
  CONN_DRAINING,    /* the peer said CLOSE, or all is over: nothing is sent but one CLOSE in answer */
  CONN_STATES
};

/* What was said last on a stream, and when to say it again unheard. */
struct repeat {
  uint64_t said; /* the stream's bytes below were sent once */
  uint64_t at_ns, wait_ns;
  uint32_t left;
};

/* One packet number space (RFC 9000 section 12.3); there is one a crypto level. */
struct space {
  bool live;
  struct sent_packets sent;
  struct ack_tracker acks;
  struct stream_send crypto_out;
  struct stream_recv crypto_in;
  struct loss loss;
  struct repeat repeat; /* of crypto_out; in the space of data, of control_out */
  uint32_t probes_owed; /* datagrams a probe timeout released, not held back by window or pacer */
};

struct conn {
  enum conn_state state;
  enum crypto_role role;
  struct crypto crypto;
  struct conn_config config; /* as given; crypto is moved out */
  struct cid local_cid, peer_cid, original_cid;
  uint8_t token[TOKEN_BYTES_MAX]; /* client: from a RETRY */
  size_t token_size;
  bool has_peer_params, confirmed; /* confirmed: READY sent or received */
  bool had_answer;                 /* client: some authentic packet of the server's arrived */
  struct params peer_params;
  enum protection_suite protection; /* agreed; 0 before */
  struct key_update keys;
  uint64_t versions_at_ns; /* client: heard that the server speaks other versions only; TIME_NEVER */
  struct prng prng;
  uint64_t challenges_made;

  struct space spaces[CRYPTO_LEVELS];
  struct path path;
  struct ecn ecn;
  enum ecn_mark next_mark; /* of the datagram being built */
  struct rtt rtt;
  struct congestion congestion;
  struct choice choice;
  struct pacer pacer;
  struct mtu_probe mtu;
  enum conn_limit limit;
  struct silence silence;
  bool app_limited; /* the last time nothing was left to send, not the window, ended the sending */

  struct stream_send control_out;
  struct stream_recv control_in;
  struct blocks_out blocks_out;
  struct blocks_in blocks_in;
  bool ping_pending, ready_pending, max_data_pending, ack_frequency_pending;
  uint64_t ack_packets_told, ack_delay_told_ns; /* what the peer was asked for by ACK_FREQUENCY */

  uint64_t started_ns, last_received_ns, idle_timeout_ns;
  uint64_t
      present_ns; /* the caller went on after an absence; round trips begun before it are not learnt from */
  uint64_t grant_at_ns;    /* while the peer is starved of credit: when to ask the pool again */
  uint64_t paced_until_ns; /* set when the pacer ended the sending, else TIME_NEVER */

  /* one loss event: from the first loss until a packet sent after it is acknowledged */
  uint64_t episode_lost, episode_spurious, episode_first, episode_end;

  bool established_event, closed_event; /* waiting to be taken */
  uint64_t control_told;                /* in-order bytes the last CONTROL event covered */
  enum closed_by closed_by;
  uint64_t close_code;
  char close_reason[REASON_BYTES_MAX + 1];
  bool close_pending; /* a CLOSE is to be sent */
  bool closed_at_low; /* it was said at the lowest level there is: now at the highest */
  uint32_t closes_sent;
  uint64_t close_at_ns; /* the next repetition */

  struct seals *seals;             /* what is sent is sealed later; NULL: at once */
  const struct openings *openings; /* where what comes may have been opened ahead; NULL: never */

  struct conn_stats stats;
  struct observed observed;
};

/* conn.c */
void conn_set_state(struct conn *conn, enum conn_state state);
/* Our own verdict: the peer broke a rule, or something here failed. Keeps the first verdict. */
void conn_fail(struct conn *conn, uint64_t now_ns, uint64_t code, const char *reason);
/* The connection is over without a word to send. */
void conn_end(struct conn *conn, enum closed_by by, uint64_t code, const char *reason);
void conn_drop_space(struct conn *conn, enum crypto_level level);
/* Lets the handshake produce and take bytes; establishes the connection when it is complete. */
void conn_drive_handshake(struct conn *conn, uint64_t now_ns);

/* What we tell the peer of ourselves (proto/wire.md section 6). */
struct params conn_own_params(const struct conn *conn);
/* Renews the keys to send with where that is due. */
void conn_renew_keys(struct conn *conn, uint64_t now_ns);

/* Hands the window over to another congestion controller. */
void conn_take_congestion(struct conn *conn, uint64_t now_ns, const struct congestion_ops *ops);

/* conn_input.c */
/* conn_on_datagram for who has read the packet already; NULL: it is malformed. */
void conn_on_packet(struct conn *conn, uint64_t now_ns, const struct address *from, struct packet *packet,
                    uint8_t *bytes, size_t size);
uint64_t conn_expand_number(const struct ack_tracker *acks, uint64_t truncated);

/* conn_recovery.c */
void conn_on_ack(struct conn *conn, uint64_t now_ns, enum crypto_level level, const struct frame_ack *ack);
/* Loss by time and probe timeouts of all spaces. */
void conn_on_recovery_timeout(struct conn *conn, uint64_t now_ns);
/* A data packet of the peer's was taken, whatever it brought. */
void conn_on_heard(struct conn *conn, uint64_t now_ns);
uint64_t conn_recovery_deadline(const struct conn *conn);
uint64_t conn_probe_timeout_ns(const struct conn *conn);
/* A new size of full datagrams is known. */
void conn_apply_mtu(struct conn *conn, uint64_t now_ns);

/* conn_repeat.c. A packet with a piece of the level's stream is about to leave. */
void conn_note_words(struct conn *conn, uint64_t now_ns, enum crypto_level level);
uint64_t conn_repeat_deadline(const struct conn *conn);
void conn_on_repeat_timeout(struct conn *conn, uint64_t now_ns);

/* conn_silence.c. Whether the round trip of what `event` acknowledges may be learnt from. */
bool conn_judge_silence(struct conn *conn, const struct congestion_ack *event, uint64_t rtt_ns);

/* conn_acks.c. Data was acknowledged: asks the peer to do so as often as is useful. */
void conn_tune_acks(struct conn *conn);
/* The user's limit will never fill the window: to grow it would say nothing of the path (RFC 9002 section
 * 7.8). */
bool conn_window_is_ample(const struct conn *conn);
/* What to want of the pacer. */
uint64_t conn_train_bytes(const struct conn *conn);

/* conn_black_hole.c. Data was acknowledged, before losses are looked for. */
void conn_check_black_hole(struct conn *conn, const struct congestion_ack *event);
/* What is lost from now on of what was sent up to now was lost by its size. */
void conn_fell_into_hole(struct conn *conn, uint64_t now_ns);

#endif
