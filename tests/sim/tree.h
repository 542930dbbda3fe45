/* tree: the inside of files.h, shared by files.c (source and sink) and files_check.c (what must be true at
 * the end). */
#ifndef SIM_TREE_H
#define SIM_TREE_H

#include "files.h"

enum { TREE_NAME_BYTES_MAX = 320 };

enum stand { /* what is there at the sink */
             STAND_NOTHING,
             STAND_PART,
             STAND_FINAL,
             STAND_OLD, /* what was there before */
};

struct tree_file {
  struct tree *tree;
  enum entry_kind kind;
  enum fate fate;
  uint32_t number;  /* its place in the walk, and the end of its name */
  uint16_t padding; /* characters that make its name long */
  uint64_t size;
  bool is_rewritten, is_planted_half;
  uint32_t opens; /* at the source, now */
  enum stand stand;
  uint64_t written; /* bytes of the part file */
  uint8_t *blocks;  /* a flag for each block of the part file */
  struct {
    uint32_t count; /* reports */
    enum report_kind kind;
    int error;
    bool at_source;
  } said[SIDES];
};

struct tree {
  const struct scenario *scenario;
  const struct tree_plan *plan;
  struct verdict *verdict;
  struct pool *pool;
  uint64_t seed;
  uint32_t count; /* files, then folders */
  struct tree_file *files;
  uint32_t walked;
  char name[TREE_NAME_BYTES_MAX]; /* of the entry given out last */
  bool is_sink_off;
  uint64_t sink_bytes; /* in part files and final ones */
  uint64_t bytes_total, writes, commits;
  struct progress progress[SIDES];
  bool has_progress[SIDES];
};

/* The file whose name that is, NULL for none. */
struct tree_file *tree_find(struct tree *tree, const uint8_t *name, size_t size);

#endif
