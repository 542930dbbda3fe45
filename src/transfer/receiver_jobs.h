/* receiver_jobs: the receiving end's file work, as it is handed to other threads. A job holds all it needs;
 * of the objects it sees only their entries. */
#ifndef TRANSFER_RECEIVER_JOBS_H
#define TRANSFER_RECEIVER_JOBS_H

#include "block.h"
#include "udpcp/transfer.h"

struct recv_object;
struct recv_block;

enum {
  STORE_ITEMS_MAX = 32,     /* pieces of work in a job */
  RECALL_RECORDS_MAX = 128, /* of a journal, looked at in a job, */
  RECALL_BLOCKS_MAX = 16,   /* and blocks read for them */
  COMMIT_FILES_MAX = 256,   /* in a group */
};

enum store_step {
  STORE_ABORT = 1,
  STORE_BEGIN = 2,
  STORE_WRITE = 4,
  STORE_FOLDER = 8,
  STORE_LOOK = 16,
  STORE_KEEP = 32
};

struct store_item {
  struct recv_object *object; /* for the driving thread; a job looks at `entry` only */
  const struct entry *entry;
  unsigned steps; /* enum store_step */
  void *file;
  struct recv_block *block; /* STORE_WRITE */
  uint64_t kept_bytes;      /* STORE_KEEP */
  bool is_resumed;          /* after STORE_BEGIN */
  int answer;               /* of STORE_BEGIN, STORE_LOOK and STORE_FOLDER, enum sink_answer or negative */
  int error;
};

struct store_job {
  struct job job; /* first: a struct job is cast back */
  struct store_job *next_free;
  const struct sink_ops *ops;
  void *sink;
  bool dry_run;
  uint32_t count;
  size_t bytes;
  struct store_item items[STORE_ITEMS_MAX];
};

/* A block of a part file that was taken over. */
struct held_block {
  uint64_t number;
  struct hash128 hash;
};

struct recall_job {
  struct job job;
  struct recall_job *next_free;
  const struct sink_ops *ops;
  void *sink;
  struct recv_object *object; /* for the driving thread */
  const struct entry *entry;
  void *file;
  uint64_t next; /* block of the journal to go on with */
  bool is_over;  /* there is no more */
  uint32_t reads, count;
  struct held_block held[RECALL_BLOCKS_MAX];
};

struct commit_job {
  struct job job;
  struct commit_job *next_free;
  const struct sink_ops *ops;
  void *sink;
  uint32_t count;
  struct recv_object *objects[COMMIT_FILES_MAX];
  void *files[COMMIT_FILES_MAX];
  int results[COMMIT_FILES_MAX];
};

/* ---- receiver_jobs.c ---- */
void receiver_run_store(struct job *job);
void receiver_run_commit(struct job *job);

/* ---- receiver_recall.c ---- */
/* Whether the file's transfer can be taken up after an interruption. */
bool receiver_can_resume(const struct sink_ops *ops, const struct entry *entry);
/* In a job: whether the part file just begun was there before, with a journal; else that is begun. */
bool receiver_open_journal(const struct store_job *job, const struct store_item *item);
/* In a job: the item's block was written. */
void receiver_note_block(const struct store_job *job, const struct store_item *item);
void receiver_run_recall(struct job *job);

#endif
