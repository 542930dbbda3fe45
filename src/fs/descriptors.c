/* descriptors: the usual 1024 are few for a deep tree or for thousands of small files on their way.
 *
 * The soft limit exists for programs that still use select(); this one raises it to the hard limit. */
#include "descriptors.h"

#include <sys/resource.h>

enum { ASSUMED = 256, USEFUL_MAX = 1 << 20 };

size_t descriptors_max(void) {
  struct rlimit limit;
  if (getrlimit(RLIMIT_NOFILE, &limit) != 0) return ASSUMED;
  struct rlimit wanted = {.rlim_cur = limit.rlim_max, .rlim_max = limit.rlim_max};
  if (limit.rlim_cur < limit.rlim_max && setrlimit(RLIMIT_NOFILE, &wanted) == 0) limit = wanted;
  return limit.rlim_cur < USEFUL_MAX ? (size_t)limit.rlim_cur : USEFUL_MAX;
}
