/* A core dump holds every key there is. The limit keeps one from being written, not being dumpable keeps it
 * from a collector that a limit does not stop, and debuggers of the same user out. A log of the library's
 * would hold them, too. */
#include "secrets.h"

#include <sys/prctl.h>
#include <sys/resource.h>

#include "udpcp/crypto.h"

void secrets_guard(void) {
  static const struct rlimit none = {0, 0};
  setrlimit(RLIMIT_CORE, &none); /* to lower a limit is never refused */
  prctl(PR_SET_DUMPABLE, 0);
  crypto_guard();
}
