/* scenario: everything that is decided before a run begins: links, limits, work, and what goes wrong. A run
 * follows from its scenario alone, and a drawn scenario from its seed. */
#ifndef SIM_SCENARIO_H
#define SIM_SCENARIO_H

#include "netlab/link.h"
#include "udpcp/base.h"

enum layer { LAYER_CONN, LAYER_TRANSFER };
enum side { CLIENT, SERVER, SIDES, NOBODY, BOTH };
enum way { UP, DOWN, WAYS }; /* UP is sent by the client, DOWN by the server */
enum { CLIENTS_MAX = 4, DROPS_MAX = 4, REBINDS_MAX = 3 };

struct host_plan {
  uint64_t window_bytes;
  size_t pool_bytes;
  size_t datagram_bytes_max;
  size_t interface_bytes_max; /* larger datagrams are refused on the spot; 0: none are */
  uint64_t idle_timeout_ns, handshake_timeout_ns;
  uint64_t rate_bytes_per_s_max;
  uint64_t key_packets; /* keys are renewed after so many packets; 0: hardly ever */
  uint64_t nap_ns;      /* a busy machine: it looks at network and timers only so often */
};

/* What one end of a connection says to the other, LAYER_CONN. */
struct talk_plan {
  uint32_t blocks, block_bytes_min, block_bytes_max;
  uint64_t control_bytes;
  uint64_t pause_ns_max; /* between two pieces, now and then */
  uint64_t hold_ns_max;  /* how long the other end keeps a block: its disk */
};

/* What becomes of a file, LAYER_TRANSFER. */
enum fate {
  FATE_FINE,
  FATE_HAVE,       /* the sink has it already */
  FATE_EXISTS,     /* something else stands at the sink that may not be replaced */
  FATE_UNREADABLE, /* the walk cannot look at it */
  FATE_OPEN_DENIED,
  FATE_OPEN_CHANGED, /* not what was announced, when it is opened */
  FATE_READ_ERROR,
  FATE_SHORTENED, /* ends early while it is read */
  FATE_REWRITTEN, /* other contents from some moment on */
  FATE_SINK_DENIED,
  FATE_WRITE_ERROR,
  FATE_COMMIT_ERROR,
  FATES
};

struct tree_plan {
  uint32_t files, folders;
  uint64_t file_bytes_min, file_bytes_max;
  uint16_t fate_permille[FATES]; /* FATE_FINE: what is left */
  uint32_t jobs_max[SIDES];      /* at once */
  uint64_t job_ns_max[SIDES];    /* how long one takes */
  size_t source_pool_bytes;      /* for what is read */
  uint64_t sink_bytes_max;       /* then the disk is full; 0: never */
  bool dry_run;
};

enum expectation {
  EXPECT_COMPLETE, /* everything arrives, and both ends know */
  EXPECT_END,      /* whatever arrives is right, and who lives learns of an end in time */
  EXPECT_VERSION,  /* the client hears of no common version */
};

/* Planted by the self-test: what the simulator must find. */
enum fault {
  FAULT_NONE,
  FAULT_FLIP_BLOCK,   /* a bit of a delivered block differs */
  FAULT_DROP_BLOCK,   /* a delivered block is ignored */
  FAULT_REPEAT_BLOCK, /* one is delivered twice */
  FAULT_FLIP_CONTROL,
  FAULT_DROP_CONTROL,
  FAULT_KEEP_BUFFER,    /* one is never given back */
  FAULT_LARGE_DATAGRAM, /* one byte above the cap */
  FAULT_SMALL_FIRST,    /* a first flight is cut */
  FAULT_AMPLIFY,        /* the server answers four times */
  FAULT_LATE_DATAGRAM,  /* one is sent after the end */
  FAULT_OTHER_CODE,     /* the ends disagree how it ended */
  FAULT_DEAF,           /* no timer ever fires */
  FAULT_SPIN,           /* a timer is always due */
  FAULT_RESEND,         /* the sender repeats itself on a clean link */
  FAULT_MENDED_DAMAGE,  /* damage on the way that the checksum does not show */
  FAULT_LOST_WRITE,     /* a block is acknowledged but not written */
  FAULT_FALSE_COMMIT,   /* reported as committed, but is not */
  FAULT_HALF_COMMIT,    /* the final name is given too early */
  FAULT_NO_REPORT,      /* an object is never spoken of */
  FAULTS
};

struct drop {
  enum way way;
  uint64_t index; /* of the datagrams of the first client on that way */
};

struct scenario {
  const char *name;
  uint64_t seed;
  enum layer layer;
  unsigned clients;
  uint64_t client_apart_ns; /* each client begins so much after the one before */
  uint64_t start_ns;        /* the clock's reading at the beginning; all times below count from there */
  struct link_config link[CLIENTS_MAX][WAYS];
  struct host_plan host[SIDES];
  uint32_t half_open_max, conns_max;
  struct talk_plan talk[SIDES];
  struct tree_plan tree;

  enum side closer;     /* who closes when all is done, or at close_at_ns */
  uint64_t close_at_ns; /* 0: when all is done */
  enum side dier;
  uint64_t die_at_ns;
  uint64_t rebind_at_ns[REBINDS_MAX]; /* the clients get another address; 0: not */
  uint64_t old_address_for_ns;        /* so long datagrams to the old one still arrive */
  uint64_t narrow_at_ns; /* from then on larger datagrams than narrow_bytes vanish; 0: they never do */
  size_t narrow_bytes;
  uint64_t stray_every_ns; /* somebody else's datagrams, to both ends; 0: none */
  bool strangers_race;     /* their copies may arrive before the originals */
  struct drop drops[DROPS_MAX];
  unsigned drop_count;
  uint32_t mended_permille; /* packets damaged in a way their checksum does not show */
  bool is_foreign;          /* the server speaks another version */
  bool is_refused;          /* it admits nobody, and says nothing */

  enum expectation expect;
  bool is_clean; /* nothing may be sent twice */
  enum fault fault;
  uint64_t time_limit_ns;
};

/* A scenario without any trouble: a fast link, a little work. Everything else begins from it. */
void scenario_init(struct scenario *scenario, uint64_t seed, enum layer layer);
/* Draws everything from the seed. */
void scenario_draw(struct scenario *scenario, uint64_t seed, enum layer layer);
/* Sets the limit of simulated time from all the rest. */
void scenario_set_limits(struct scenario *scenario);
/* Both directions of every client's link. */
void scenario_set_links(struct scenario *scenario, const struct link_config *link);

#endif
