/* mark_path: what a path does to the ECN mark of each datagram. All zero carries it as it is. */
#ifndef MARK_PATH_H
#define MARK_PATH_H

#include "udpcp/base.h"

struct mark_path {
  bool bleaches, swallows; /* marks; what carries one */
  unsigned mark_next;      /* so many more packets that may be marked CE are */
  unsigned marked;         /* packets that came with any mark */
};

/* False: it does not pass. */
static inline bool mark_path_pass(struct mark_path *path, uint8_t *mark) {
  if (*mark == ECN_NONE) return true;
  path->marked++;
  if (path->swallows) return false;
  if (path->mark_next > 0 && path->mark_next-- > 0) *mark = ECN_CE;
  if (path->bleaches) *mark = ECN_NONE;
  return true;
}

#endif
