/*
 * A capture file, see pcap.h. Format: draft-ietf-opsawg-pcap, host byte order, microseconds, link type 101
 * (raw IP: the version nibble tells IPv4 from IPv6).
 */
#include "pcap.h"

#include "clock.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define PCAP_MAGIC_MICROSECONDS UINT32_C(0xa1b2c3d4)

enum { LINKTYPE_RAW = 101, BUFFER_BYTES = 1 << 20 };

struct pcap {
  FILE *file;
  char *path;
  uint32_t snap_bytes;
  uint64_t day_offset_ns; /* of the time of day against the monotonic clock */
  int is_broken;
};

struct file_header {
  uint32_t magic;
  uint16_t version_major, version_minor;
  uint32_t reserved[2];
  uint32_t snap_bytes;
  uint32_t link_type;
};

struct record_header {
  uint32_t seconds, microseconds;
  uint32_t captured_bytes, packet_bytes;
};

static void put(struct pcap *p, const void *data, size_t bytes) {
  if (fwrite(data, 1, bytes, p->file) != bytes) p->is_broken = 1;
}

struct pcap *pcap_open(const char *path, uint32_t snap_bytes, struct failure *f) {
  struct file_header header = {.magic = PCAP_MAGIC_MICROSECONDS,
                               .version_major = 2,
                               .version_minor = 4,
                               .snap_bytes = snap_bytes,
                               .link_type = LINKTYPE_RAW};
  struct pcap *p = calloc(1, sizeof(*p));
  struct timespec day;

  if (p == NULL || (p->path = strdup(path)) == NULL || (p->file = fopen(path, "wbe")) == NULL) {
    failure_set(f, FAILURE_OWN, "%s: cannot write: %s", path, strerror(errno));
    if (p != NULL) free(p->path);
    free(p);
    return NULL;
  }
  setvbuf(p->file, NULL, _IOFBF, BUFFER_BYTES);
  p->snap_bytes = snap_bytes;
  clock_gettime(CLOCK_REALTIME, &day);
  p->day_offset_ns = (uint64_t)day.tv_sec * CLOCK_NS_PER_SECOND + (uint64_t)day.tv_nsec - clock_now_ns();
  put(p, &header, sizeof(header));
  return p;
}

void pcap_write(struct pcap *p, uint64_t now_ns, const uint8_t *data, size_t bytes) {
  uint64_t day_ns = now_ns + p->day_offset_ns;
  size_t captured = bytes < p->snap_bytes ? bytes : p->snap_bytes;
  struct record_header header = {.seconds = (uint32_t)(day_ns / CLOCK_NS_PER_SECOND),
                                 .microseconds = (uint32_t)(day_ns % CLOCK_NS_PER_SECOND / 1000),
                                 .captured_bytes = (uint32_t)captured,
                                 .packet_bytes = (uint32_t)bytes};

  put(p, &header, sizeof(header));
  put(p, data, captured);
}

int pcap_close(struct pcap *p, struct failure *f) {
  int status = 0;

  if (p == NULL) return 0;
  if (fclose(p->file) != 0 || p->is_broken)
    status = failure_set(f, FAILURE_OWN, "%s: not all could be written: %s", p->path, strerror(errno));
  free(p->path);
  free(p);
  return status;
}
