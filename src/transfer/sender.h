/* sender: the parts of the sending end (proto/transfer.md section 5.1).
 *
 * sender.c is its facade, sender_objects.c the states, sender_messages.c the control stream, sender_read.c
 * what is read when, sender_jobs.c the file work itself, sender_limits.c what holds it all up. */
#ifndef TRANSFER_SENDER_H
#define TRANSFER_SENDER_H

#include "block.h"
#include "list.h"
#include "manifest.h"
#include "session.h"

enum {
  READ_ITEMS_MAX = 32,         /* pieces of work in a job, so that small files cost few hand-overs */
  READ_JOB_BYTES = 512 * 1024, /* and about how much is read in one */
  READ_JOBS_MAX = 16,
  READ_RESUME_BYTES = 768 * 1024,
  READ_AHEAD_BYTES = 1024 * 1024, /* held beyond twice what the path carries */
  OUT_BLOCKS_MAX = 8192,
  OPEN_FILES_MAX = 32,    /* of several blocks, at once */
  WALK_ENTRIES_MAX = 128, /* in a job */
  WALK_NAME_BYTES = 64 * 1024,
  WALK_AHEAD = 512,   /* with so many objects still unread, reading goes before walking */
  CHECKING_EVERY = 8, /* blocks read and not sent between two words about it */
};

enum send_state {
  SEND_FREE,      /* no object here */
  SEND_SEEN,      /* found by the walk */
  SEND_ANNOUNCED, /* its ENTRY is written */
  SEND_READING,   /* its first job was given out */
  SEND_TELLING,   /* nothing more to read; its DIGEST waits for room */
  SEND_AWAITING,  /* everything said; the receiver's RESULT is due */
  SEND_REPORTING, /* answered; waits to be reported */
  SEND_CLOSING,   /* reported; jobs or an open file may remain */
  SEND_DONE,      /* waits for lower numbers to be done */
  SEND_STATES
};

struct send_object {
  struct link link; /* in `work`, `telling` or `reporting` */
  struct entry entry;
  uint64_t name_end; /* in the manifest */
  enum send_state state;
  uint32_t number;
  void *file;                  /* open, NULL: not */
  uint64_t blocks, next_block; /* how many there are; the next one to read */
  uint64_t blocks_past;        /* given to the connection, or held by the receiver */
  uint64_t bytes_moved;        /* acknowledged */
  uint64_t bytes_held;         /* read, but not sent */
  struct ranges held;          /* blocks that the receiver has from an earlier session */
  struct digest digest;
  uint32_t jobs; /* items given out and not yet back */
  bool is_open;
  bool is_wanted;
  int error;               /* of the source, once something failed */
  enum report_kind result; /* once answered */
  int result_error;
};

/* A block read, waiting for the connection or for its acknowledgement. */
struct out_block {
  struct out_block *next;
  uint8_t *bytes;
  uint32_t object, raw_size;
  unsigned size_class;
};

enum read_step { STEP_OPEN = 1, STEP_READ = 2, STEP_CHECK = 4, STEP_CLOSE = 8 };

struct read_item {
  struct send_object *object; /* for the driving thread; a job looks at `entry` only */
  const struct entry *entry;
  unsigned steps; /* enum read_step, done in the order of their values */
  void *file;
  struct out_block *block;      /* STEP_READ: where the result goes */
  struct block_trailer trailer; /* STEP_READ: object, number and raw_size are set */
  int error;
};

struct read_job {
  struct job job; /* first: a struct job is cast back */
  struct read_job *next_free;
  const struct source_ops *ops;
  void *source;
  uint32_t count;
  size_t bytes;
  struct read_item items[READ_ITEMS_MAX];
};

struct walk_job {
  struct job job;
  const struct source_ops *ops;
  void *source;
  uint32_t count_max;
  size_t name_bytes_max;
  bool is_over; /* the source has no more */
  uint32_t count;
  size_t name_bytes;
  struct entry entries[WALK_ENTRIES_MAX];
  int errors[WALK_ENTRIES_MAX]; /* 0: an object to send */
  uint8_t names[WALK_NAME_BYTES];
};

struct sender {
  struct session session;
  struct sender_config config;
  struct manifest manifest;
  bool dry_run, is_established, is_welcome, end_told, finished;
  uint32_t objects_ahead; /* granted by the receiver */
  size_t name_bytes_ahead;

  /* Objects by number: low <= reading cursor <= announced <= next. */
  struct send_object *objects; /* OBJECTS_AHEAD_MAX */
  uint32_t low, to_read, announced, next;
  uint32_t unanswered;
  uint64_t bytes_announced;
  struct link work, telling, reporting;
  bool is_ahead;             /* as much was read ahead as may be */
  struct range *held_ranges; /* OBJECTS_AHEAD_MAX * HELD_RANGES_MAX; memory only where they are written */

  struct walk_job *walk;
  bool walk_is_out, walk_over;
  uint32_t walk_reported; /* of walk->count: the next failure to report */

  struct read_job *read_jobs, *free_jobs;
  uint32_t jobs_out; /* walk included */
  uint32_t open_files;

  struct out_block *blocks, *free_blocks;     /* OUT_BLOCKS_MAX */
  uint32_t blocks_used;                       /* of the table, ever */
  struct out_block *ready_first, *ready_last; /* read and not yet taken by the connection */
  size_t bytes_held;                          /* of the pool */
  size_t bytes_waiting;                       /* of them, not yet taken by the connection */
  uint64_t checked;                           /* blocks read that the receiver has */

  struct limits limits;
  struct load load; /* the receiver's words about its end */
  uint64_t drops;   /* of this end's socket */
  bool is_told;     /* nothing is waited for any more */
};

/* ---- sender_objects.c ---- */
struct send_object *sender_object(struct sender *sender, uint32_t number);
/* Takes in what the walk job found. */
void sender_add_walked(struct sender *sender);
/* Goes to the next failure of the walk. */
void sender_skip_found(struct sender *sender);
/* How many objects, and bytes of names, may be found next. */
uint32_t sender_object_room(const struct sender *sender);
size_t sender_name_room(const struct sender *sender);
void sender_set_state(struct send_object *object, enum send_state state);
/* Moves an object on as far as it goes without waiting; puts it into the queue it belongs to. */
void sender_settle(struct sender *sender, struct send_object *object);
/* A block of an object was acknowledged. */
void sender_note_moved(struct sender *sender, const struct out_block *block);
/* The receiver's last word on an object. */
void sender_answer(struct sender *sender, struct send_object *object, enum report_kind result, int error);
/* What to say of an answered object. */
struct report sender_report(const struct send_object *object);

/* ---- sender_messages.c ---- */
void sender_greet(struct sender *sender);
void sender_read_messages(struct sender *sender);
/* Says, if there is room, that what the receiver holds is being read. */
void sender_tell_checking(struct sender *sender, const struct send_object *object);
/* Writes what is due and finds room. */
void sender_write_messages(struct sender *sender);

/* ---- sender_read.c ---- */
/* The next step of an object that can be done now, 0 when there is none. */
unsigned sender_next_steps(const struct send_object *object);
struct read_job *sender_build_read(struct sender *sender);
void sender_take_read(struct sender *sender, struct read_job *job);
/* Hands blocks to the connection until it takes no more. */
void sender_hand_over(struct sender *sender);
void sender_free_block(struct sender *sender, struct out_block *block);
/* After the connection's end: blocks it never got. */
void sender_drop_ready(struct sender *sender);

/* ---- sender_limits.c ---- */
void sender_begin_limits(struct sender *sender);

/* ---- sender_jobs.c ---- */
void sender_run_walk(struct job *job);
void sender_run_read(struct job *job);

#endif
