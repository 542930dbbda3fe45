/* failure: the numbers by which one end tells the other why an object failed (proto/transfer.md section 7).
 */
#ifndef TRANSFER_FAILURE_H
#define TRANSFER_FAILURE_H

#include <stdint.h>

/* Frozen: a number never changes its meaning. */
enum failure_code {
  FAILURE_NONE = 0,
  FAILURE_OTHER = 1,
  FAILURE_NOT_FOUND = 2,
  FAILURE_EXISTS = 3,
  FAILURE_DENIED = 4,
  FAILURE_DISK_FULL = 5,
  FAILURE_IO = 6,
  FAILURE_BAD_NAME = 7,
  FAILURE_CHANGED = 8,
  FAILURE_IS_FOLDER = 9,
  FAILURE_TOO_MANY_FILES = 10,
  FAILURE_MISMATCH = 11,
  FAILURE_UNSUPPORTED = 12,
  FAILURE_NO_MEMORY = 13,
  FAILURE_INTERRUPTED = 14,
  FAILURE_TOO_MUCH = 15,
};

/* A negative enum error as a code, and back; what has no code of its own becomes FAILURE_OTHER, and a code
 * from a later version ERR_IO. */
uint64_t failure_from_error(int error);
int failure_to_error(uint64_t code);

#endif
