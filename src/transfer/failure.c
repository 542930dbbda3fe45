/* failure: see the header. One table, read in both directions, so that the program may renumber its errors
 * while the numbers on the wire stay. */
#include "failure.h"

#include "udpcp/base.h"

#include <stddef.h>

static const struct {
  enum failure_code code;
  int error;
} pairs[] = {
    {FAILURE_NONE, ERR_NONE},           {FAILURE_NOT_FOUND, ERR_NOT_FOUND},
    {FAILURE_EXISTS, ERR_EXISTS},       {FAILURE_DENIED, ERR_DENIED},
    {FAILURE_DISK_FULL, ERR_DISK_FULL}, {FAILURE_IO, ERR_IO},
    {FAILURE_BAD_NAME, ERR_BAD_NAME},   {FAILURE_CHANGED, ERR_CHANGED},
    {FAILURE_IS_FOLDER, ERR_IS_FOLDER}, {FAILURE_TOO_MANY_FILES, ERR_TOO_MANY_FILES},
    {FAILURE_MISMATCH, ERR_MISMATCH},   {FAILURE_UNSUPPORTED, ERR_UNSUPPORTED},
    {FAILURE_NO_MEMORY, ERR_NO_MEMORY}, {FAILURE_INTERRUPTED, ERR_INTERRUPTED},
    {FAILURE_TOO_MUCH, ERR_TOO_MUCH},
};

uint64_t failure_from_error(int error) {
  for (size_t i = 0; i < sizeof(pairs) / sizeof(pairs[0]); i++)
    if (pairs[i].error == error) return pairs[i].code;
  return FAILURE_OTHER;
}

int failure_to_error(uint64_t code) {
  for (size_t i = 0; i < sizeof(pairs) / sizeof(pairs[0]); i++)
    if (pairs[i].code == code) return pairs[i].error;
  return ERR_IO;
}
