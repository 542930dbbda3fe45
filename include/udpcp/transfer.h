/* transfer: files and trees over one connection (proto/transfer.md), without I/O and without files of its
 * own.
 *
 * A sender or receiver is driven by one thread: feed it the connection's events, run the jobs it asks for (on
 * any thread, in any order, several at once) and hand each back. Files are reached only inside job_run,
 * through the source and sink tables, which the program binds to real files and the simulator to memory. */
#ifndef UDPCP_TRANSFER_H
#define UDPCP_TRANSFER_H

#include "udpcp/base.h"
#include "udpcp/transport.h"

enum {
  BLOCK_DATA_BYTES = 256 * 1024,      /* of a file in one block */
  OBJECTS_AHEAD_MAX = 4096,           /* announced and not yet answered for good */
  RESUME_BYTES_MIN = 4 * 1024 * 1024, /* of a file whose transfer can be taken up after an interruption */
};

/* ---- what a sender needs of files; every function returns 0 or a negative enum error unless said ---- */
struct source_ops {
  /* The next entry of the walk, folders after what they hold. 1: one was given, its name valid until the next
   * call; 0: the walk is over; negative: something (entry->name) could not be looked at, the walk goes on. */
  int (*next)(void *source, struct entry *entry);
  /* Opens an announced file; ERR_CHANGED when it is no longer what `entry` says (kind, size, mtime). */
  int (*open)(void *source, const struct entry *entry, void **file);
  /* Reads exactly `size` bytes; ERR_CHANGED when the file has become shorter. Several threads may read one
   * file at once. */
  int (*read)(void *source, void *file, uint64_t offset, uint8_t *bytes, size_t size);
  /* Still what it was when opened? 0 or ERR_CHANGED. */
  int (*check)(void *source, void *file, const struct entry *entry);
  void (*close)(void *source, void *file);
};

enum sink_answer { SINK_WANTED = 0, SINK_HAVE = 1 };

/* ---- what a receiver needs of files. `entry->name` has passed name_check ---- */
struct sink_ops {
  /* Looks at what stands there and, unless dry, makes an empty part file. A sink_answer, or negative:
   * ERR_EXISTS when something different stands there that may not be replaced. *file is set when SINK_WANTED
   * and not dry. */
  int (*begin)(void *sink, const struct entry *entry, bool dry, void **file);
  /* Several threads may write different parts of one file at once. */
  int (*write)(void *sink, void *file, uint64_t offset, const uint8_t *bytes, size_t size);
  /* Makes `count` complete part files durable under their final names, together; one result a file: 0,
   * SINK_HAVE when the same contents stood there already, or negative. Ends the handles in any case; what
   * failed leaves no part, and no final name but one that replaced an older file and could not be synced. */
  void (*commit)(void *sink, void *const *files, size_t count, int *results);
  /* Removes the part file and ends the handle. */
  void (*abort)(void *sink, void *file);
  /* The next four: NULL all together, in a sink that keeps nothing. They are for files of RESUME_BYTES_MIN or
   * more; `begin` may have taken over the part file that an earlier session kept of the same entry.
   * What was noted at `offset` beside that part file: how many bytes, 0 when there is nothing (a new one). */
  int (*recall)(void *sink, void *file, uint64_t offset, uint8_t *bytes, size_t size);
  /* Notes bytes beside the part file. Several threads may, at different places. */
  int (*note)(void *sink, void *file, uint64_t offset, const uint8_t *bytes, size_t size);
  /* Reads exactly `size` bytes of the part file; negative when they are not there. */
  int (*read)(void *sink, void *file, uint64_t offset, uint8_t *bytes, size_t size);
  /* Ends the handle like `abort`, but the part file and its notes stay, if the sink finds that worth the room
   * for `bytes` that are good. */
  void (*keep)(void *sink, void *file, uint64_t bytes);
  /* Makes a folder if it is not there, then gives it its mode and mtime (durably); one that was there before
   * is only changed where replacing is allowed. */
  int (*folder)(void *sink, const struct entry *entry, bool dry);
};

/* ---- jobs: file work for any thread ---- */
struct job {
  struct job *next; /* for the queues of whoever holds the job */
  void (*run)(struct job *job);
  const void *alone; /* jobs with the same one are best run one after the other; NULL: any at once */
};
/* Does the work: reads, hashes, encodes; decodes, verifies, writes, commits. Touches nothing but the job. */
void job_run(struct job *job);

/* ---- what to tell a person or a script ---- */
enum report_kind {
  REPORT_COMMITTED, /* durable under its final name at the receiver */
  REPORT_HAVE,      /* the receiver had it already */
  REPORT_FAILED,    /* `error` says why; `at_source` on which side */
  REPORT_WOULD,     /* dry run: would be sent */
};
struct report {
  enum report_kind kind;
  struct entry entry; /* the name is valid until the next call */
  int error;
  bool at_source;
};

/* How a session ended, for exit codes and the last line. */
enum outcome {
  OUTCOME_RUNNING,
  OUTCOME_COMPLETE, /* both ends know that everything was dealt with; single files may have failed: see counts
                     */
  OUTCOME_NO_ANSWER,   /* never connected */
  OUTCOME_TIMEOUT,     /* the peer fell silent */
  OUTCOME_REFUSED,     /* the peer does not let us */
  OUTCOME_INTERRUPTED, /* one side's user ended it */
  OUTCOME_PROTOCOL,    /* one side broke the protocol */
  OUTCOME_LOCAL,       /* a local failure here ended it, `error` */
  OUTCOME_REMOTE,      /* a local failure over there ended it */
};

struct progress {
  uint64_t objects_seen, objects_done, objects_had, objects_failed; /* files and folders */
  uint64_t objects_changed; /* of the failed: vanished or changed at the source */
  uint64_t files_done, folders_done;
  uint64_t bytes_seen;  /* sum of sizes announced so far */
  uint64_t bytes_done;  /* of files committed or had */
  uint64_t bytes_moved; /* file bytes acknowledged (sender) or written (receiver) */
  uint64_t bytes_held;  /* file bytes not moved, because the receiver had them from an earlier session; both
                           ends read them */
  bool walk_done;       /* bytes_seen is the total */
  bool by_peer;         /* the end came from the other side */
  enum outcome outcome;
  int error;                         /* OUTCOME_LOCAL */
  char reason[REASON_BYTES_MAX + 1]; /* what the peer said, or our own words */
};

/* What the loop that drives a sender or receiver did since it last was with it. */
struct turn {
  bool has_slept;    /* else it was at work all the time */
  bool has_computed; /* the file work that came back used the CPU and hardly waited for a disk */
  uint64_t drops;    /* datagrams that this machine's socket had no room for, ever */
};
/* What held the transfer up for how long: of a sender since its connection began, of a receiver since it was
 * made; until all was said, or the last turn. */
struct held_up {
  uint64_t ns[LIMITS];
  uint64_t drops;        /* datagrams that the receiver's socket had no room for meanwhile */
  uint64_t sender_drops; /* and the sender's; only the sender knows */
};

/* ---- sender ---- */
struct sender;
struct sender_config {
  const struct source_ops *ops;
  void *source;
  struct pool *pool; /* for blocks read and not yet acknowledged; borrowed, used by the driving thread only */
  bool dry_run;
};
struct sender *sender_new(const struct sender_config *config, struct conn *conn);
/* Every event of the connection passes here, in order. */
void sender_on_event(struct sender *sender, uint64_t now_ns, const struct conn_event *event);
/* Moves on whatever can move; to be called after events, finished jobs and datagrams. */
void sender_step(struct sender *sender, uint64_t now_ns);
/* The next file work to be done, NULL for none now. */
struct job *sender_next_job(struct sender *sender);
void sender_on_job(struct sender *sender, uint64_t now_ns, struct job *job);
/* All of them are to be taken before jobs are asked for: an object keeps its place until it was reported. */
bool sender_next_report(struct sender *sender, struct report *report);
void sender_get_progress(const struct sender *sender, struct progress *progress);
/* For sender_get_held_up only: before anything else of a turn, and after its last datagram was taken. */
void sender_on_wake(struct sender *sender, uint64_t now_ns, const struct turn *turn);
void sender_on_rest(struct sender *sender);
/* For the same: this machine was stopped for the last `absent_ns`. Before sender_on_wake. */
void sender_on_absence(struct sender *sender, uint64_t now_ns, uint64_t absent_ns);
void sender_get_held_up(const struct sender *sender, struct held_up *held);
/* After an end or a close there may be jobs still out: not 0 means wait for them before sender_free. */
size_t sender_jobs_out(const struct sender *sender);
/* Closes all files. Its connection is freed before or after, and not driven in between. Takes NULL. */
void sender_free(struct sender *sender);

/* ---- receiver: the same shape ---- */
struct receiver;
struct receiver_config {
  const struct sink_ops *ops;
  void *sink;
  bool dry_run;
  uint64_t bytes_max, files_max; /* of this session; 0: no limit */
};
struct receiver *receiver_new(const struct receiver_config *config, struct conn *conn);
void receiver_on_event(struct receiver *receiver, uint64_t now_ns, const struct conn_event *event);
void receiver_step(struct receiver *receiver, uint64_t now_ns);
struct job *receiver_next_job(struct receiver *receiver);
void receiver_on_job(struct receiver *receiver, uint64_t now_ns, struct job *job);
/* All of them are to be taken before datagrams are: an object's result is told once it was reported. */
bool receiver_next_report(struct receiver *receiver, struct report *report);
void receiver_get_progress(const struct receiver *receiver, struct progress *progress);
void receiver_on_wake(struct receiver *receiver, uint64_t now_ns, const struct turn *turn);
void receiver_on_rest(struct receiver *receiver);
void receiver_on_absence(struct receiver *receiver, uint64_t now_ns, uint64_t absent_ns);
void receiver_get_held_up(const struct receiver *receiver, struct held_up *held);
/* When receiver_step wants to be called though nothing happens (a group waits to be committed); TIME_NEVER.
 */
uint64_t receiver_next_timeout(const struct receiver *receiver);
/* File work still to be asked for or out (also after the connection's end: part files being removed). */
size_t receiver_jobs_out(const struct receiver *receiver);
/* Removes all part files but those to be kept. Its connection must still be there. Takes NULL. */
void receiver_free(struct receiver *receiver);

/* ---- names: pure rules, proto/transfer.md section 3 ---- */
#define PART_NAME_PREFIX ".udpcp-" /* no component of a received name may begin like this */
/* 0, or ERR_BAD_NAME. */
int name_check(const uint8_t *name, size_t size);

#endif
