/* io: the machine's side of the network loop - batched UDP sockets, clock, waiting, randomness, file threads.
 */
#ifndef UDPCP_IO_H
#define UDPCP_IO_H

#include "udpcp/base.h"

/* ---- clock, random ---- */
uint64_t clock_now_ns(void);    /* CLOCK_BOOTTIME where there is one: it goes on while a laptop sleeps */
uint64_t clock_thread_ns(void); /* CPU time of the calling thread; 0 where the system does not tell */
void random_fill(void *bytes, size_t size); /* the kernel's generator; aborts when there is none */

/* ---- this machine ---- */
/* A line that is the same for two processes on one network stack since it was booted, and differs elsewhere,
 * even where users share their home folders between machines. "" when the system does not say. */
enum { MACHINE_TEXT_BYTES = 128 };
void machine_text(char text[MACHINE_TEXT_BYTES]);
unsigned machine_processors(void); /* that this process may run on, at least 1 */

/* ---- addresses ---- */
enum family { FAMILY_ANY, FAMILY_IPV4, FAMILY_IPV6 };
enum { ADDRESS_TEXT_BYTES = 64 };
/* Resolves a host name or literal into up to `max` addresses in the order to try. Count, or ERR_NOT_FOUND
 * with *why an English phrase. */
int address_resolve(const char *host, uint16_t port, enum family family, struct address *found, int max,
                    const char **why);
/* "192.0.2.1:4117" or "[2001:db8::1]:4117". */
void address_text(const struct address *address, char text[ADDRESS_TEXT_BYTES]);
bool address_is_ipv6(const struct address *address); /* IPv4-mapped ones are IPv4 */
/* Whether the address is this machine's own, as far as routing tells. */
bool address_is_own(const struct address *address);
/* A number for the host whatever the port: of the IPv4 address, or of the /64 network of an IPv6 one, which a
 * single host may fill with addresses. */
uint64_t address_host(const struct address *address);

/* ---- udp: one socket, trains of equal datagrams in and out (GSO, GRO), DF always set ---- */
enum {
  UDP_TRAIN_BYTES_MAX = 65507, /* one send or receive with offload, and one jumbo datagram */
  UDP_TRAIN_SEGMENTS_MAX = 64, /* a kernel limit */
  UDP_BATCH = 32,              /* trains a system call */
  UDP_BUFFER_BYTES = 8 << 20,  /* asked of the kernel, each way */
};
struct udp;
struct udp_config {
  struct address bind_to;    /* size 0: any address of `family`, port 0 */
  enum family family;        /* FAMILY_ANY: one dual-stack socket where the kernel can */
  struct address connect_to; /* size 0: unconnected, answers many peers */
  uint16_t port;             /* used when bind_to.size is 0 */
  bool no_offload;           /* for tests: as if the kernel had neither GSO nor GRO */
};
/* One or more datagrams from or to one peer, all with the ECN mark peer.ecn: `size` bytes in segments of
 * `segment` bytes, the last may be shorter. */
struct train {
  struct address peer;
  uint8_t *bytes;
  size_t size, segment;
};
struct udp_stats {
  uint64_t datagrams_sent, datagrams_received, send_calls, receive_calls;
  uint64_t kernel_drops;           /* SO_RXQ_OVFL: lost because the receive buffer was full */
  uint64_t send_refused;           /* the kernel had no room: counted as not sent and tried again */
  uint64_t unreachable;            /* ICMP said nobody is there (a hint: it can be forged) */
  int receive_buffer, send_buffer; /* bytes, as read back */
  bool gso, gro;
  bool ecn; /* marks are set and heard; else every datagram leaves and comes as ECN_NONE */
};

/* NULL on failure and *error: ERR_ADDRESS (port in use or not ours), ERR_DENIED, ... */
struct udp *udp_open(const struct udp_config *config, int *error);
void udp_close(struct udp *udp); /* takes NULL */
int udp_fd(const struct udp *udp);
uint16_t udp_port(const struct udp *udp);
/* Receives up to `max` trains into the socket's own buffers, valid until the next call. Count, 0 when nothing
 * waits, negative on a lasting failure. Datagrams cut short by the kernel are dropped. */
int udp_receive(struct udp *udp, struct train *trains, int max);
/* Sends trains in order. Returns how many were taken whole; fewer than `count` means the kernel is full: wait
 * for the socket to be writable and offer the rest again (trains[n].bytes/size are advanced past what was
 * taken of a train that had to go one by one). *refused_size is set to the datagram size when the interface
 * said EMSGSIZE (that train is counted as taken: it is lost). Falls back from GSO at run time. */
int udp_send(struct udp *udp, struct train *trains, int count, size_t *refused_size);
void udp_get_stats(const struct udp *udp, struct udp_stats *stats);
/* All that is sent goes to this peer, and nobody else is listened to: the kernel need not look up the way for
 * each datagram. To be called again every second or so, as long as that is true: the source address is kept
 * until the next call finds that another way leads there. Ends by itself with the first error; the port stays
 * the same, unless somebody else takes it just then. Does nothing for a socket bound to an address. */
void udp_direct(struct udp *udp, const struct address *peer);

/* ---- wait: a few fds, and deadlines in ns ---- */
struct wait;
enum { WAIT_READ = 1, WAIT_WRITE = 2 };
struct wait *wait_new(void);
void wait_free(struct wait *wait);
int wait_watch(struct wait *wait, int fd, int interest); /* adds or changes; interest 0 removes */
/* Sleeps until something is ready or `deadline_ns` of clock_now_ns passes (TIME_NEVER: no deadline; past:
 * polls). Returns 0 or negative; then wait_ready tells about each fd. */
int wait_until(struct wait *wait, uint64_t deadline_ns);
/* Sleeps for so long whatever becomes ready meanwhile: what nobody waits for wakes nobody. */
void wait_blindly(uint64_t span_ns);
int wait_ready(const struct wait *wait, int fd); /* WAIT_ bits of the last wait_until */
/* Blocks SIGINT, SIGTERM and SIGHUP for all threads and watches them; SIGPIPE is ignored. */
int wait_watch_signals(struct wait *wait);
/* The signal that came since, 0 for none. */
int wait_take_signal(struct wait *wait);

/* ---- worker: threads that run file work behind a bounded queue ---- */
struct work {
  struct work *next;
  void (*run)(struct work *work);
  const void *alone; /* pieces with the same one run one after the other, in their order; NULL: any at once */
  bool has_computed; /* once done: it used the CPU for half its time at least, and hardly waited */
};
struct worker;
/* `threads` >= 1; at most `queued_max` pieces may be out at once. */
struct worker *worker_new(unsigned threads, size_t queued_max);
/* Waits for what is running, drops nothing: everything submitted has been run and may be taken. */
void worker_free(struct worker *worker);
size_t worker_room(const struct worker *worker);
void worker_submit(struct worker *worker, struct work *work); /* worker_room() > 0, asserted */
/* The next finished piece, NULL for none. */
struct work *worker_take_done(struct worker *worker);
/* Readable while finished pieces wait. */
int worker_fd(const struct worker *worker);

/* ---- crew: a few threads that share a batch of small jobs with the caller ---- */
enum { CREW_LANES_MAX = 8 };
typedef void crew_job(void *context, size_t index, unsigned lane);
struct crew;
/* The calling thread and `lanes` - 1 others, or as many as can be had. NULL when out of memory. */
struct crew *crew_new(unsigned lanes);
void crew_free(struct crew *crew); /* takes NULL */
unsigned crew_lanes(const struct crew *crew);
/* Runs job(context, index, lane) once for each index < count, `grain` in a row on the same thread, and
 * returns when all have. `lane` numbers the thread, from 0 (the caller) to below crew_lanes: no two jobs of
 * one lane run at a time. Everything before the call is seen by the jobs, everything they did after it. */
void crew_run(struct crew *crew, size_t count, size_t grain, crew_job *job, void *context);

#endif
