/* udpcp from memory to memory: the whole program - options, handshake, pump, sender, receiver - with the two
 * tables through which it reaches files wrapped (-Wl,--wrap): one object of BENCH_BYTES bytes (environment),
 * copied block by block out of a small buffer, and a sink that looks at nothing. For tools/bench only.
 *
 * The sender's PATH and the receiver's DIR must exist, but are not touched. */
#include <stdlib.h>
#include <string.h>

#include "udpcp/transfer.h"

static uint8_t pattern[BLOCK_DATA_BYTES];
static int handle; /* something to point at */

static int memory_next(void *source, struct entry *entry) {
  static const char name[] = "generated";
  (void)source;
  const char *text = getenv("BENCH_BYTES");
  static bool was_told;
  if (was_told || !text) return 0;
  was_told = true;
  *entry = (struct entry){.kind = ENTRY_FILE,
                          .mode = 0644,
                          .size = strtoull(text, NULL, 10),
                          .name_size = sizeof name - 1,
                          .name = (const uint8_t *)name};
  return 1;
}

static int memory_open(void *source, const struct entry *entry, void **file) {
  struct prng prng;
  (void)source, (void)entry;
  prng_seed(&prng, 1);
  for (size_t at = 0; at < sizeof pattern; at += sizeof(uint64_t)) {
    uint64_t word = prng_next(&prng);
    memcpy(pattern + at, &word, sizeof word);
  }
  *file = &handle;
  return 0;
}

static int memory_read(void *source, void *file, uint64_t offset, uint8_t *bytes, size_t size) {
  (void)source, (void)file;
  for (size_t done = 0; done < size;) {
    size_t from = (offset + done) % sizeof pattern, part = sizeof pattern - from;
    if (part > size - done) part = size - done;
    memcpy(bytes + done, pattern + from, part);
    done += part;
  }
  return 0;
}

static int memory_check(void *source, void *file, const struct entry *entry) {
  (void)source, (void)file, (void)entry;
  return 0;
}

static void memory_close(void *source, void *file) { (void)source, (void)file; }

static int memory_begin(void *sink, const struct entry *entry, bool dry, void **file) {
  (void)sink, (void)entry;
  if (!dry) *file = &handle;
  return SINK_WANTED;
}

static int memory_write(void *sink, void *file, uint64_t offset, const uint8_t *bytes, size_t size) {
  (void)sink, (void)file, (void)offset, (void)bytes, (void)size;
  return 0;
}

static void memory_commit(void *sink, void *const *files, size_t count, int *results) {
  (void)sink, (void)files;
  memset(results, 0, count * sizeof *results);
}

static void memory_abort(void *sink, void *file) { (void)sink, (void)file; }

static int memory_folder(void *sink, const struct entry *entry, bool dry) {
  (void)sink, (void)entry, (void)dry;
  return 0;
}

extern const struct source_ops __wrap_bind_source_ops;
const struct source_ops __wrap_bind_source_ops = {.next = memory_next,
                                                  .open = memory_open,
                                                  .read = memory_read,
                                                  .check = memory_check,
                                                  .close = memory_close};

extern const struct sink_ops __wrap_bind_sink_ops;
const struct sink_ops __wrap_bind_sink_ops = {.begin = memory_begin,
                                              .write = memory_write,
                                              .commit = memory_commit,
                                              .abort = memory_abort,
                                              .folder = memory_folder};
