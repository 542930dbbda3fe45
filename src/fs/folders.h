/* folders (private): the folders of a sink, opened once for many files, made where they are missing, and what
 * a crash must not undo of that.
 *
 * All functions are thread-safe. */
#ifndef UDPCP_FS_FOLDERS_H
#define UDPCP_FS_FOLDERS_H

#include "udpcp/base.h"

#include <pthread.h>
#include <sys/types.h>

enum {
  FOLDERS_RECENT = 16, /* kept open for whoever comes next */
  FOLDERS_UNSYNCED_MAX = 64,
};

struct folder {
  int fd;
  dev_t device;
  unsigned users; /* under the lock of struct folders */
  size_t name_size;
  uint8_t name[]; /* below the root, which has the name of size 0 */
};

struct folders {
  int root;
  dev_t device; /* of the root */
  /* Under sync_lock: syncfs() tells what it could not write (Linux 5.8). It tells only one caller, which need
   * not be the one whose file it was; so after a first error every file is asked for itself. */
  bool has_sync_errors;
  pthread_mutex_t lock;
  struct folder *recent[FOLDERS_RECENT];
  unsigned next_recent;
  struct folder *unsynced[FOLDERS_UNSYNCED_MAX]; /* something was made in them */
  unsigned unsynced_count;
  bool has_more_unsynced;
  pthread_mutex_t sync_lock; /* held while what was taken from `unsynced` is not yet durable */
};

enum folders_missing { FOLDERS_LOOK, FOLDERS_MAKE }; /* what to do about what is missing */

/* Takes over the descriptor, which folders_clear closes. */
int folders_init(struct folders *folders, int root);
void folders_clear(struct folders *folders);

/* 0 and *found, to be given back by folders_put. ERR_NOT_FOUND only with FOLDERS_LOOK; ERR_EXISTS when
 * something else stands where a folder should. Folders are made with mode 0700: who may see them is told
 * later. */
int folders_get(struct folders *folders, const uint8_t *name, size_t size, enum folders_missing missing,
                struct folder **found);
void folders_put(struct folders *folders, struct folder *folder);

/* Makes durable what was made so far; folders_sync_all also every file on the root's file system, or fails
 * with ERR_UNSUPPORTED where that cannot be relied on. */
int folders_sync_made(struct folders *folders);
int folders_sync_all(struct folders *folders);
/* fsync() of a file or folder; what a file system cannot sync at all counts as synced. */
int folders_sync_one(int fd);

#endif
