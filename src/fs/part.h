/* part (private): a file on its way into a sink. It stands as a part file in the folder where it will get its
 * name; sink.c begins and fills it, commit.c makes it durable and names it. */
#ifndef UDPCP_FS_PART_H
#define UDPCP_FS_PART_H

#include "folders.h"
#include "udpcp/fs.h"

#include <sys/stat.h>

enum {
  PART_NAME_BYTES = 48
}; /* ".udpcp-", 16 hex digits (32, of a part that is kept), ".journal" and an end */

struct sink {
  struct folders folders;
  enum overwrite overwrite;
  bool no_fsync;
  size_t group_max; /* files committed together */
  size_t open_max;  /* part files kept open; more are opened for each use */
  enum unnamed {
    UNNAMED_UNKNOWN,
    UNNAMED_POSSIBLE,
    UNNAMED_IMPOSSIBLE
  } unnamed; /* whether the root's file system has files without names, under the lock */
  pthread_mutex_t lock;
  size_t open_count; /* under the lock, like the next two and every sink_file's fd */
  struct prng names;
  struct sink_file *pledges;  /* files whose room is not taken yet, see space.c */
  pthread_mutex_t space_lock; /* held while a file is measured against what is free */
  mode_t mask;                /* the user's umask */
};

struct sink_file {
  int fd;      /* -1: not kept open */
  int journal; /* of a part that may be kept; such a one is always open, and locked. -1: none */
  dev_t device;
  ino_t inode;
  uint64_t size;
  uint32_t mode;
  struct timespec mtime;
  uint64_t unflushed; /* bytes written since the disk was last told, under the sink's lock like these: */
  uint64_t pledged;   /* bytes to come for which there has to be room */
  struct sink_file *next_pledge;
  struct folder *folder; /* in which it was begun, held while the file is open; NULL: not held */
  bool is_unnamed;       /* has no name at all yet, and `part` is not set: always open, the folder held */
  bool is_in_folder;     /* counts as a part of it */
  char part[PART_NAME_BYTES];
  size_t name_size;
  uint8_t name[]; /* final, below the sink's folder */
};

/* The folder of a name, as folders_get(). */
int part_folder(struct sink *sink, const uint8_t *name, size_t size, enum folders_missing missing,
                struct folder **folder);
/* Opens the part file, if it is not kept open. An fd to be given back by part_close, or an error. */
int part_open(struct sink *sink, struct sink_file *file, const struct folder *folder);
void part_close(struct sink *sink, const struct sink_file *file, int fd);
/* A name for the part file that nobody can foresee, and that the rules for names refuse to what is received.
 */
void part_invent_name(struct sink *sink, struct sink_file *file);
/* Writes all of it at its place. */
int part_write(int fd, uint64_t offset, const uint8_t *bytes, size_t size);
/* Removes the part file from where it was begun, and its journal. */
void part_remove(struct sink *sink, const struct sink_file *file);
/* Removes the folders that were made for files of which none was received. */
void part_tidy(struct sink *sink, struct sink_file *file);
/* Ends the handle; the part file is not touched. */
void part_free(struct sink *sink, struct sink_file *file);
/* Gives an open file or folder, now of this status, its permission bits and its time of change. */
int part_set_attributes(int fd, const struct stat *status, uint32_t mode, struct timespec mtime);
/* 0 when nothing or a regular file (then *status) stands at `name`; *is_there tells which. What is neither is
 * never touched: ERR_IS_FOLDER, ERR_EXISTS. */
int part_look(const struct folder *folder, const char *name, struct stat *status, bool *is_there);

#endif
