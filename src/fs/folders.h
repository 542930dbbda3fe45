/* folders (private): the folders of a sink, opened once for many files, made where they are missing, and what
 * a crash must not undo of that.
 *
 * All functions are thread-safe. */
#ifndef UDPCP_FS_FOLDERS_H
#define UDPCP_FS_FOLDERS_H

#include "seen.h"
#include "udpcp/base.h"

#include <pthread.h>
#include <sys/types.h>
#include <time.h>

enum {
  FOLDERS_RECENT = 16, /* kept open for whoever comes next */
  FOLDERS_UNSYNCED_MAX = 64,
  FOLDERS_FAILED_MAX = 16,
};

struct folder {
  int fd;
  dev_t device;
  ino_t inode;
  unsigned users; /* under the lock of struct folders */
  bool is_swept;  /* the sink's, under its lock: what was forgotten in here is removed */
  bool is_new;    /* nothing but what is in work here can be in it; like the next two under the lock */
  unsigned parts; /* without a name, that will get one in here */
  struct folder *next_busy;
  size_t name_size;
  char name[]; /* below the root, which has the name of size 0; ended by NUL */
};

struct folders {
  int root;
  dev_t device;         /* of the root */
  bool is_never_synced; /* set by the owner: nothing has to outlive a crash */

  pthread_mutex_t lock; /* for these seven */
  struct folder *recent[FOLDERS_RECENT];
  unsigned next_recent;
  struct folder *unsynced[FOLDERS_UNSYNCED_MAX]; /* something was made in them */
  unsigned unsynced_count, unsynced_max;
  struct seen made;  /* every folder made here, by device and inode */
  struct seen loose; /* of them, those into which nothing was received yet */
  struct folder
      *busy; /* in which parts without a name are in work: empty to look at, and not to be removed */

  pthread_mutex_t sync_lock; /* held while what was taken from `unsynced` is not yet durable; for these */
  /* syncfs() tells what it could not write (Linux 5.8). It tells only one caller, which need not be the one
   * whose file it was; so after a first error every file is asked for itself. */
  bool has_sync_errors;
  /* Folders that could not be made durable. The kernel says so once, so nothing new below them can be relied
   * on while this process runs; when there are too many to remember, nothing at all. */
  struct folder *failed[FOLDERS_FAILED_MAX];
  unsigned failed_count;
  int sync_failure;     /* of the latest, 0: none */
  bool has_failed_more; /* than are remembered */

  pthread_mutex_t had_lock; /* for this one: */
  struct timespec synced;   /* what has last changed before this is durable */
};

enum folders_missing { FOLDERS_LOOK, FOLDERS_MAKE }; /* what to do about what is missing */

/* Takes over the root's descriptor, to be closed by folders_clear; holds about `open_max` more, or fewer. */
int folders_init(struct folders *folders, int root, size_t open_max);
void folders_clear(struct folders *folders);

/* 0 and *found, to be given back by folders_put. ERR_NOT_FOUND only with FOLDERS_LOOK; ERR_EXISTS when
 * something else stands where a folder should. Folders are made as the umask says, until they are announced.
 */
int folders_get(struct folders *folders, const uint8_t *name, size_t size, enum folders_missing missing,
                struct folder **found);
/* A folder of that name in which parts without a name are in work, to be given back; NULL: none. It was
 * looked at when the first of them was begun, and where its name leads is looked at again before any gets its
 * own: so a tree's many files cost few looks. */
struct folder *folders_join(struct folders *folders, const uint8_t *name, size_t size);
/* One more user of a folder that is in use. */
void folders_share(struct folders *folders, struct folder *folder);
void folders_put(struct folders *folders, struct folder *folder);

/* A part without a name comes into being in it, or has got its name or is gone. ERR_NOT_FOUND: the folder is.
 */
int folders_begin_part(struct folders *folders, struct folder *folder);
void folders_end_part(struct folders *folders, struct folder *folder);
/* It was made here, and ever since something has been in work in it: so what is not known cannot be there,
 * but for what others have just put there. */
bool folders_is_new(struct folders *folders, const struct folder *folder);

/* It was not there before: it was made through these functions. */
bool folders_has_made(struct folders *folders, const struct folder *folder);

/* Something was received into it: it stays, and so do the folders it is in. */
void folders_settle(struct folders *folders, const struct folder *folder);
/* Removes the folder of that name, and the ones it is in, as far as they were made here, are empty, and
 * nothing was received into them. Whoever had got one of them meanwhile finds it gone: ERR_NOT_FOUND when
 * something is made in it. */
void folders_tidy(struct folders *folders, const uint8_t *name, size_t size);

/* Why what is in this folder cannot be durable, though all it needs was synced; 0: it can. */
int folders_failure(struct folders *folders, const struct folder *folder);
/* What was there before, on the root's file system, and last changed at that time is durable. ERR_AGAIN: that
 * is not certain, ask for itself. */
int folders_sync_since(struct folders *folders, const struct timespec *changed);
/* Makes durable what was made so far; what could not be is remembered, see folders_failure. */
void folders_sync_made(struct folders *folders);
/* The same, and every file on the root's file system. An error only says: not certain, ask for each. */
int folders_sync_all(struct folders *folders);
/* fsync() of a file or folder; what a file system cannot sync at all counts as synced. */
int folders_sync_one(int fd);

#endif
