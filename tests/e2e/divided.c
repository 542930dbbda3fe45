/* udpcp as it is on a machine with processors to spare, and in the middle of a very long transfer: whatever
 * may be sealed or opened by several threads is, and keys are renewed after few packets. The whole program,
 * with three calls wrapped (-Wl,--wrap). At its end it says how many batches were divided. */
#include "cli/gain.h"
#include "udpcp/io.h"
#include "udpcp/transport.h"

#include <stdio.h>
#include <stdlib.h>

enum { KEY_PACKETS = 500 };

bool __wrap_gain_wants(const struct gain *gain);
struct conn *__real_conn_new(const struct conn_config *config, uint64_t now_ns);
struct conn *__wrap_conn_new(const struct conn_config *config, uint64_t now_ns);
void __real_crew_run(struct crew *crew, size_t count, size_t grain, crew_job *job, void *context);
void __wrap_crew_run(struct crew *crew, size_t count, size_t grain, crew_job *job, void *context);

static unsigned divided;

static void tell(void) { fprintf(stderr, "divided %u batches\n", divided); }

bool __wrap_gain_wants(const struct gain *gain) {
  (void)gain;
  return true;
}

struct conn *__wrap_conn_new(const struct conn_config *config, uint64_t now_ns) {
  struct conn_config wanted = *config;
  wanted.key_packets = KEY_PACKETS;
  return __real_conn_new(&wanted, now_ns);
}

void __wrap_crew_run(struct crew *crew, size_t count, size_t grain, crew_job *job, void *context) {
  if (count > grain && divided++ == 0) atexit(tell);
  __real_crew_run(crew, count, grain, job, context);
}
