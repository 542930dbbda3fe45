/* base: what every layer stands on - error numbers, bounded cursors over bytes, interval sets, recycled
 * buffers.
 *
 * Nothing here makes a system call or reads a clock. A function that can fail returns 0 (or a count) on
 * success and a negative `enum error` otherwise. */
#ifndef UDPCP_BASE_H
#define UDPCP_BASE_H

#include <assert.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "udpcp/cursor.h"

/* ---- errors: local failures only; what a peer did wrong is a close code (proto/wire.md section 7) ---- */
enum error {
  ERR_NONE = 0,
  ERR_AGAIN = -1,     /* full or empty right now; try after the next event */
  ERR_MALFORMED = -2, /* bytes that do not follow the format */
  ERR_NO_SPACE = -3,  /* the caller's buffer is too small */
  ERR_NO_MEMORY = -4,
  ERR_CLOSED = -5,       /* the connection or session has ended */
  ERR_UNAUTHENTIC = -6,  /* a packet whose tag does not fit */
  ERR_NOT_FOUND = -7,    /* ENOENT, ENOTDIR */
  ERR_EXISTS = -8,       /* EEXIST, ENOTEMPTY */
  ERR_DENIED = -9,       /* EACCES, EPERM, EROFS */
  ERR_DISK_FULL = -10,   /* ENOSPC, EDQUOT, EFBIG */
  ERR_IO = -11,          /* EIO and what has no name of its own */
  ERR_BAD_NAME = -12,    /* a name that the rules or the file system refuse (ENAMETOOLONG, ELOOP, EILSEQ) */
  ERR_CHANGED = -13,     /* a source that is not what it was when it was announced */
  ERR_ADDRESS = -14,     /* EADDRINUSE, EADDRNOTAVAIL */
  ERR_UNREACHABLE = -15, /* ECONNREFUSED, ENETUNREACH, EHOSTUNREACH */
  ERR_UNSUPPORTED = -16, /* the kernel does not know this call or option */
  ERR_IS_FOLDER = -17,   /* EISDIR: a folder stands where a file should */
  ERR_INTERRUPTED = -18,
  ERR_TOO_MANY_FILES = -19, /* EMFILE, ENFILE */
  ERR_MISMATCH = -20,       /* contents whose hash or digest does not fit */
  ERR_UNTRUSTED = -21,      /* a peer that is not who it must be */
  ERR_EXPOSED = -22,        /* a file of keys that others than its owner can read or write */
  ERR_TOO_MUCH = -23,       /* beyond what the user allows: --max-size, --max-files */
};

/* One English phrase for an error, without a full stop, never NULL. */
const char *error_text(int error);
/* Translates errno; to be called on the line of the failed call. Never returns ERR_NONE. */
int error_from_errno(int errno_value);

/* ---- ranges: a set of disjoint half-open intervals of 64-bit numbers, ascending ---- */
struct range {
  uint64_t first, end; /* first <= x < end */
};
struct ranges {
  struct range *at; /* ascending, disjoint, never adjacent */
  uint32_t count, capacity;
};

/* The set borrows `storage`; it never allocates. */
void ranges_init(struct ranges *set, struct range *storage, uint32_t capacity);
/* Adds [first, end). ERR_NO_SPACE when that would need more than `capacity` intervals; then nothing changed.
 */
int ranges_add(struct ranges *set, uint64_t first, uint64_t end);
/* Takes [first, end) out; the same error when a split finds no room. */
int ranges_subtract(struct ranges *set, uint64_t first, uint64_t end);
bool ranges_contains(const struct ranges *set, uint64_t first, uint64_t end);
/* Drops the lowest interval. */
void ranges_drop_lowest(struct ranges *set);

/* ---- pool: buffers in power-of-two classes under one cap of bytes, recycled ---- */
enum { POOL_CLASSES = 9, POOL_CLASS_BYTES_MIN = 1024, POOL_TRAILER_BYTES = 32 };
struct pool;

/* Capacity in bytes of a class: (1024 << class) + 32, so that 256 KiB of data and a trailer fit the last one.
 */
static inline size_t pool_class_bytes(unsigned size_class) {
  assert(size_class < POOL_CLASSES);
  return ((size_t)POOL_CLASS_BYTES_MIN << size_class) + POOL_TRAILER_BYTES;
}
/* The smallest class that holds `size` bytes; POOL_CLASSES when none does. */
unsigned pool_class_of(size_t size);
/* NULL when out of memory. Takes no memory for buffers until they are asked for. */
struct pool *pool_new(size_t bytes_max);
/* Every buffer must have been given back. Takes NULL. */
void pool_free(struct pool *pool);
/* A buffer of that class, contents undefined, 64-byte aligned; NULL when the cap is reached. */
uint8_t *pool_get(struct pool *pool, unsigned size_class);
void pool_put(struct pool *pool, uint8_t *buffer, unsigned size_class);
/* Memory promised to peers but not yet taken: whoever grants credit against the pool promises it here first,
 * so that all grants together never exceed the cap. False, and nothing changed, when `bytes` more would. */
bool pool_promise(struct pool *pool, size_t bytes);
void pool_take_back(struct pool *pool, size_t bytes);
size_t pool_bytes_promised(const struct pool *pool);
size_t pool_bytes_used(const struct pool *pool);
size_t pool_bytes_max(const struct pool *pool);

/* ---- small values shared by layers ---- */
/* The ECN field of an IP header (RFC 3168 section 5). */
enum ecn_mark { ECN_NONE, ECN_ECT1, ECN_ECT0, ECN_CE };

/* A socket address as opaque bytes (a struct sockaddr_in or sockaddr_in6): compared and copied, never read.
 * With it goes what an IP header says beside the addresses: how the datagram came, or how it is to leave. */
struct address {
  uint32_t size; /* 0: none */
  uint8_t bytes[28];
  uint8_t ecn; /* enum ecn_mark; of one datagram or train, no part of the address */
};
/* Whatever their ecn. */
bool address_equal(const struct address *a, const struct address *b);

/* One file or folder of a tree, as its sender saw it and as its receiver is to make it. */
enum entry_kind { ENTRY_FILE = 0, ENTRY_FOLDER = 1 };
enum { NAME_BYTES_MAX = 4096, NAME_COMPONENT_BYTES_MAX = 255 };
struct entry {
  enum entry_kind kind;
  uint32_t mode;     /* permission bits */
  uint64_t size;     /* bytes; folders: 0 */
  int64_t mtime_s;   /* since the epoch */
  uint32_t mtime_ns; /* below 10^9 */
  uint32_t origin;   /* at the source: which of the user's paths it came from; never sent */
  uint16_t name_size;
  const uint8_t *name; /* bytes, not text: components joined by '/', no NUL; owner as said where it is used */
};

/* A deterministic generator (xoshiro256**) for jitter and tests; never for keys. */
struct prng {
  uint64_t state[4];
};
void prng_seed(struct prng *prng, uint64_t seed);
uint64_t prng_next(struct prng *prng);
uint64_t prng_below(struct prng *prng, uint64_t bound); /* uniform in [0, bound), bound > 0 */

/* XXH3 by the widest instructions this CPU has, chosen at run time. Finds damage, stops no attacker. */
uint64_t hash_64(const void *bytes, size_t size);
/* The same value as over both pieces joined; `head` right before `body` in memory costs nothing extra. */
uint64_t hash_64_of_two(const uint8_t *head, size_t head_size, const uint8_t *body, size_t body_size);
struct hash128 {
  uint8_t bytes[16]; /* XXH3-128, canonical (big-endian) form */
};
struct hash128 hash_128(const void *bytes, size_t size);
/* Of size, time and name (at most NAME_BYTES_MAX): equal for what is the same file, as far as can be known
 * before it is read (proto/transfer.md section 6.1). */
struct hash128 entry_key(const struct entry *entry);

/* ---- limits: what held a transfer up, and for how long ---- */
enum limit {
  LIMIT_ANSWERS,  /* nothing to do before the peer answers: the handshake, round trips */
  LIMIT_NETWORK,  /* the congestion window, the controller's pace, the interface */
  LIMIT_DROPS,    /* datagrams that the receiver's socket had no room for */
  LIMIT_RATE_MAX, /* --bwlimit */
  LIMIT_CREDIT,   /* the receiver's window */
  LIMIT_SOURCE,   /* the sender's disk */
  LIMIT_SINK,     /* the receiver's disk */
  LIMIT_SENDER_CPU,
  LIMIT_RECEIVER_CPU,
  LIMIT_PEER,   /* what only the sender can tell apart */
  LIMIT_ASLEEP, /* this machine, or this process, was stopped */
  LIMITS
};
struct limits {
  uint64_t ns[LIMITS];
  enum limit now, cpu; /* what holds it up since `since_ns`; what this machine's CPU counts as */
  uint64_t since_ns;
  uint64_t busy_ns, row_ns[LIMITS]; /* of the turns in a row without sleep: all of it; not yet the CPU's */
};
void limits_init(struct limits *limits, uint64_t now_ns, enum limit now, enum limit cpu);
/* The time until now is limits->now's, or the CPU's when the thread did not sleep for long enough. */
void limits_pass(struct limits *limits, uint64_t now_ns, bool has_slept);
/* The machine was stopped for the last `absent_ns` until now. */
void limits_on_absence(struct limits *limits, uint64_t now_ns, uint64_t absent_ns);
/* Gives `to` what `from` has, at most `ns` of it. Returns how much. */
uint64_t limits_move(uint64_t times_ns[LIMITS], enum limit from, enum limit to, uint64_t ns);

#define NS_PER_US 1000ull
#define NS_PER_MS 1000000ull
#define NS_PER_S 1000000000ull
#define TIME_NEVER UINT64_MAX

#endif
