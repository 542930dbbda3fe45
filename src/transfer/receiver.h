/* receiver: the parts of the receiving end (proto/transfer.md section 5.2).
 *
 * receiver.c is its facade, receiver_objects.c the states, receiver_messages.c the control stream,
 * receiver_blocks.c the way of blocks to jobs, receiver_work.c what is done when, receiver_jobs.c the file
 * work, receiver_recall.c what is left from an earlier session, receiver_limits.c what holds it up. */
#ifndef TRANSFER_RECEIVER_H
#define TRANSFER_RECEIVER_H

#include "block.h"
#include "list.h"
#include "manifest.h"
#include "receiver_jobs.h"
#include "session.h"

enum {
  STORE_JOB_BYTES = 512 * 1024, /* about how much is written in a job */
  STORE_JOBS_MAX = 16,
  COMMIT_BYTES = 32 * 1024 * 1024, /* a group of so much need not grow */
  COMMITS_OUT_MAX = 2,
  HANDLES_MAX = 512,      /* part files at once, of which */
  LARGE_MAX = 64,         /* may have several blocks and not all of them */
  BLOCK_RANGES_MAX = 128, /* gaps between the blocks of one file */
  BLOCK_RANGES_FEW = 2,   /* enough for BLOCKS_UNASKED blocks */
  RECV_BLOCKS_MAX = 8192,
  RECALL_JOBS_MAX = 2,
};
#define COMMIT_WAIT_NS (20 * NS_PER_MS) /* a complete file waits for company at most so long */
#define WORKING_NS NS_PER_S             /* between two words about file work that takes long */
#define CLOSE_GRACE_NS NS_PER_S         /* for the sender to close, once FINISHED has arrived there */

enum recv_state {
  RECV_FREE,       /* not announced; blocks may be held already */
  RECV_WAITING,    /* announced; its file work has not begun */
  RECV_BEGINNING,  /* the job that looks for it and makes the part file is out */
  RECV_RECALLING,  /* its part file was taken over: it is looked for what is in it */
  RECV_RECEIVING,  /* of several blocks: the part file is there */
  RECV_FAILING,    /* not to be finished: jobs are out or the part file is still there */
  RECV_COMPLETE,   /* written and verified; waits for its group */
  RECV_COMMITTING, /* the job that gives it its name, or makes the folder, is out */
  RECV_DONE,       /* waits to be reported */
  RECV_REPORTED,   /* its RESULT waits to be told */
  RECV_TOLD,       /* waits for lower numbers to be told */
  RECV_STATES
};

/* A block received, until it is written or not wanted. */
struct recv_block {
  struct recv_block *next;
  uint8_t *bytes;
  unsigned size_class;
  struct block_trailer trailer;
};

struct block_queue {
  struct recv_block *first, *last;
};

struct recv_object {
  struct link link; /* in `begin`, `recalling`, `wanting`, `complete`, `aborting`, `reporting` or `telling` */
  struct entry entry;
  uint64_t name_end; /* in the manifest */
  enum recv_state state;
  uint32_t number;
  uint32_t jobs; /* items given out and not yet back */
  void *file;    /* the part file, NULL: none */
  uint64_t blocks, blocks_written;
  struct digest digest;
  struct hash128 digest_told;
  bool is_digest_told, is_want_told, is_abandoned, at_source;
  bool is_resumed;   /* its part file was there */
  bool is_started;   /* and was looked at to its end: blocks can come */
  uint64_t recalled; /* the next block of its journal to look at */
  int error;         /* with REPORT_FAILED */
  enum report_kind result;
  struct ranges have;         /* blocks that have arrived */
  struct range *large_ranges; /* its storage while receiving, NULL: `few` */
  struct range few[BLOCK_RANGES_FEW];
  struct block_queue held;     /* cannot be written yet */
  struct block_queue overflow; /* found no place in `have` yet */
};

struct receiver {
  struct session session;
  struct receiver_config config;
  struct manifest manifest;
  bool dry_run, is_greeted, end_seen, finished_told, is_flushed;
  uint64_t close_at_ns; /* once is_flushed */

  /* Objects by number: low <= settled <= next, when settled has been brought up to date. */
  struct recv_object *objects; /* OBJECTS_AHEAD_MAX */
  uint32_t low, settled, next;
  struct link begin, recalling, wanting, complete, aborting, reporting, telling;
  uint32_t busy_files;    /* not yet complete, and not failed */
  uint32_t aborts;        /* in `aborting` */
  uint64_t full_bytes;    /* no room for a file of this size, since the last part file was removed */
  uint64_t charged_bytes; /* of files begun that were not there already: at most config.bytes_max */
  uint32_t begins_out;    /* files being looked for */
  uint64_t files_taken, folders_taken; /* with a limit: announced, and folders on the way to them */
  uint32_t folders_taken_size;         /* up to where those of the last name are counted */

  struct recv_block *blocks, *free_blocks; /* RECV_BLOCKS_MAX */
  uint32_t blocks_used;                    /* of the table, ever */
  struct block_queue small, large; /* whole single-block files; blocks of others, all ready to be written */
  struct range *ranges;            /* LARGE_MAX * BLOCK_RANGES_MAX */
  struct range *free_ranges[LARGE_MAX];
  uint32_t free_ranges_count, larges;

  struct store_job *store_jobs, *free_stores;
  struct commit_job *commit_jobs, *free_commits;
  struct recall_job *recall_jobs, *free_recalls;
  uint32_t jobs_out, commits_out, folders_out;
  uint64_t working_at_ns; /* when to say next that file work is out; TIME_NEVER: none is */
  uint32_t handles;       /* part files there are or may be */
  uint32_t completes;     /* in `complete` */
  uint64_t complete_bytes, complete_since_ns;

  struct limits limits;
  bool is_measured, had_jobs;   /* had_jobs: file work was out when the last turn ended */
  uint64_t data_bytes, data_ns; /* of blocks that had come by then; and since when no more came */
  uint64_t lull_ns; /* of that time, how long file work was out and not yet counted as the disk's */
  uint64_t drops_before, drops;
};

/* ---- receiver_objects.c ---- */
struct recv_object *receiver_object(struct receiver *receiver, uint32_t number);
/* The entry's name has been checked and fits. */
void receiver_add(struct receiver *receiver, struct entry *entry);
void receiver_set_state(struct receiver *receiver, struct recv_object *object, enum recv_state state);
/* Moves an object on as far as it goes without file work. */
void receiver_settle(struct receiver *receiver, struct recv_object *object);
/* Everything is written and verified. */
void receiver_complete(struct receiver *receiver, struct recv_object *object);
/* Its fate is known: reports it, when the session goes on. */
void receiver_finish(struct receiver *receiver, struct recv_object *object, enum report_kind result,
                     int error);
/* It cannot be finished; its part file is removed first. */
void receiver_fail(struct receiver *receiver, struct recv_object *object, int error);
/* After the session's end: everything unfinished is given up and its part files removed. */
void receiver_abandon(struct receiver *receiver);
/* The lowest folder whose turn it is: everything below its number is finished. NULL: none. */
struct recv_object *receiver_next_folder(struct receiver *receiver);
/* Frees the places of all lowest objects that were told. */
void receiver_drop_told(struct receiver *receiver);

/* ---- receiver_messages.c ---- */
void receiver_read_messages(struct receiver *receiver);
void receiver_write_messages(struct receiver *receiver);

/* ---- receiver_blocks.c ---- */
void receiver_on_block(struct receiver *receiver, const struct conn_event *event);
/* The object was announced: its blocks that came before are looked at now. */
void receiver_admit_held(struct receiver *receiver, struct recv_object *object);
/* The part file is there: its blocks can be written. */
void receiver_ready_held(struct receiver *receiver, struct recv_object *object);
/* The next block that can be written now, taken off its queue; NULL: none. */
struct recv_block *receiver_next_large(struct receiver *receiver);
struct recv_block *receiver_next_small(struct receiver *receiver);
/* It cannot be begun yet: it is the next one again. */
void receiver_return_small(struct receiver *receiver, struct recv_block *block);
void receiver_free_block(struct receiver *receiver, struct recv_block *block);
/* Nothing of this object will be written any more. */
void receiver_drop_held(struct receiver *receiver, struct recv_object *object);
/* After the connection's end. */
void receiver_drop_blocks(struct receiver *receiver);

/* ---- receiver_work.c ---- */
struct commit_job *receiver_build_commit(struct receiver *receiver);
struct store_job *receiver_build_store(struct receiver *receiver);
void receiver_take_store(struct receiver *receiver, struct store_job *job);
void receiver_take_commit(struct receiver *receiver, struct commit_job *job);
/* When the group that waits becomes due by time alone; TIME_NEVER. */
uint64_t receiver_commit_at(const struct receiver *receiver);

/* The part file is there and what it holds is known: blocks can come. */
void receiver_start(struct receiver *receiver, struct recv_object *object);

/* ---- receiver_limits.c ---- */
/* For the sender to hear. */
struct load receiver_load(const struct receiver *receiver);

/* ---- receiver_recall.c ---- */
struct recall_job *receiver_build_recall(struct receiver *receiver);
void receiver_take_recall(struct receiver *receiver, struct recall_job *job);
/* How much is good in the part file of an object that is given up, if it is to be kept; 0: it is not. */
uint64_t receiver_kept_bytes(const struct receiver *receiver, const struct recv_object *object);

#endif
