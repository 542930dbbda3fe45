/* memory_files: files in memory, with faults to order, and a source of them; the sink is in memory_sink.h. A
 * file's bytes follow from its name, so a source of any size takes no memory. Include after unit.h. */
#ifndef MEMORY_FILES_H
#define MEMORY_FILES_H

#include "udpcp/transfer.h"

#include <stdlib.h>

enum fault {
  FAULT_NONE,
  /* at the source */
  FAULT_UNSEEN,     /* the walk cannot look at it */
  FAULT_VANISHED,   /* gone when it is opened */
  FAULT_CHANGED,    /* something else when it was read to its end */
  FAULT_UNREADABLE, /* an I/O error in its last block */
  FAULT_BROKEN,     /* an I/O error in its second block */
  /* at the sink */
  FAULT_THERE, /* stands there already, the same */
  FAULT_TAKEN, /* something different stands there */
  FAULT_FULL,  /* no room in its last block */
  FAULT_LOST,  /* its commit fails */
};

struct memory_file {
  struct entry entry;
  char name[96];
  enum fault fault;
  /* at the sink */
  uint8_t *part;  /* while it is being received, or kept for later */
  uint8_t *notes; /* beside it */
  size_t notes_size;
  bool is_kept;
  uint8_t *final; /* once committed */
  unsigned order; /* of commits and folders, from 1; 0: never */
};

struct memory {
  struct memory_file *files;
  unsigned count, walked, open_count, part_count, commits, order;
};

static inline struct memory_file *memory_add(struct memory *memory, enum entry_kind kind, const char *name,
                                             uint64_t size) {
  struct memory_file *file = &memory->files[memory->count++];
  memset(file, 0, sizeof(*file));
  snprintf(file->name, sizeof(file->name), "%s", name);
  file->entry = (struct entry){.kind = kind,
                               .mode = kind == ENTRY_FILE ? 0644 : 0755,
                               .size = size,
                               .mtime_s = 1700000000 + (int64_t)memory->count,
                               .mtime_ns = 123456789,
                               .name_size = (uint16_t)strlen(file->name)};
  return file;
}

static inline void memory_init(struct memory *memory, unsigned count_max) {
  *memory = (struct memory){.files = calloc(count_max, sizeof(*memory->files))};
}

static inline void memory_clear(struct memory *memory) {
  for (unsigned i = 0; i < memory->count; i++) {
    free(memory->files[i].part);
    free(memory->files[i].notes);
    free(memory->files[i].final);
  }
  free(memory->files);
}

static inline struct memory_file *memory_find(const struct memory *memory, const struct entry *entry) {
  for (unsigned i = 0; i < memory->count; i++) {
    struct memory_file *file = &memory->files[i];
    if (file->entry.name_size == entry->name_size && memcmp(file->name, entry->name, entry->name_size) == 0)
      return file;
  }
  return NULL;
}

static inline uint8_t memory_byte(const struct memory_file *file, uint64_t offset) {
  return (uint8_t)(offset * 7 + (offset >> 8) * 13 + (offset >> 16) +
                   (uint8_t)file->name[file->entry.name_size - 1]);
}

/* ---- source ---- */

static inline int memory_next(void *source, struct entry *entry) {
  struct memory *memory = source;
  if (memory->walked == memory->count) return 0;
  struct memory_file *file = &memory->files[memory->walked++];
  *entry = file->entry;
  entry->name = (const uint8_t *)file->name;
  return file->fault == FAULT_UNSEEN ? ERR_DENIED : 1;
}

static inline int memory_open(void *source, const struct entry *entry, void **file) {
  struct memory *memory = source;
  struct memory_file *found = memory_find(memory, entry);
  CU_ASSERT_PTR_NOT_NULL_FATAL(found);
  if (found->fault == FAULT_VANISHED) return ERR_NOT_FOUND;
  memory->open_count++;
  *file = found;
  return 0;
}

static inline int memory_read(void *source, void *file, uint64_t offset, uint8_t *bytes, size_t size) {
  (void)source;
  const struct memory_file *found = file;
  CU_ASSERT_FATAL(offset + size <= found->entry.size);
  if (found->fault == FAULT_UNREADABLE && offset + size == found->entry.size) return ERR_IO;
  if (found->fault == FAULT_BROKEN && offset == BLOCK_DATA_BYTES) return ERR_IO;
  for (size_t i = 0; i < size; i++)
    bytes[i] = memory_byte(found, offset + i);
  return 0;
}

static inline int memory_check(void *source, void *file, const struct entry *entry) {
  (void)source, (void)entry;
  return ((struct memory_file *)file)->fault == FAULT_CHANGED ? ERR_CHANGED : 0;
}

static inline void memory_close(void *source, void *file) {
  (void)file;
  ((struct memory *)source)->open_count--;
}

static const struct source_ops memory_source = {memory_next, memory_open, memory_read, memory_check,
                                                memory_close};

#endif
