/* A capture file in the classic pcap format, of raw IP packets. */
#ifndef NETLAB_PCAP_H
#define NETLAB_PCAP_H

#include "failure.h"

#include <stddef.h>
#include <stdint.h>

struct pcap;

/* NULL and a failure described, or to be closed with pcap_close. */
struct pcap *pcap_open(const char *path, uint32_t snap_bytes, struct failure *f);

/* `now_ns` is the monotonic time; the file says the time of day. */
void pcap_write(struct pcap *p, uint64_t now_ns, const uint8_t *data, size_t bytes);

/* Returns 0, or -1 when not all could be written. Takes NULL. */
int pcap_close(struct pcap *p, struct failure *f);

#endif
