/* udpcp as it is where the kernel has neither GSO nor GRO: the whole program with the call that opens its
 * socket wrapped (-Wl,--wrap). For tools/bench only. */
#include "udpcp/io.h"

struct udp *__real_udp_open(const struct udp_config *config, int *error);
struct udp *__wrap_udp_open(const struct udp_config *config, int *error);

struct udp *__wrap_udp_open(const struct udp_config *config, int *error) {
  struct udp_config without = *config;
  without.no_offload = true;
  return __real_udp_open(&without, error);
}
