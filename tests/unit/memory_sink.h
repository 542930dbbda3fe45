/* memory_sink: a sink that holds its files in memory, and keeps part files for a later session. Include after
 * unit.h. */
#ifndef MEMORY_SINK_H
#define MEMORY_SINK_H

#include "memory_files.h"

/* ---- sink: the same names, listed beforehand ---- */

static inline int memory_begin(void *sink, const struct entry *entry, bool dry, void **file) {
  struct memory *memory = sink;
  struct memory_file *found = memory_find(memory, entry);
  CU_ASSERT_PTR_NOT_NULL_FATAL(found);
  CU_ASSERT_FATAL((!found->part || found->is_kept) && !found->final && entry->kind == ENTRY_FILE);
  if (found->fault == FAULT_THERE) return SINK_HAVE;
  if (found->fault == FAULT_TAKEN) return ERR_EXISTS;
  if (dry) return SINK_WANTED;
  found->entry = *entry;
  if (!found->is_kept) found->part = calloc(1, entry->size + 1);
  found->is_kept = false;
  memory->part_count++;
  *file = found;
  return SINK_WANTED;
}

static inline int memory_write(void *sink, void *file, uint64_t offset, const uint8_t *bytes, size_t size) {
  (void)sink;
  struct memory_file *found = file;
  CU_ASSERT_FATAL(found->part && offset + size <= found->entry.size);
  if (found->fault == FAULT_FULL && offset + size == found->entry.size) return ERR_DISK_FULL;
  memcpy(found->part + offset, bytes, size);
  return 0;
}

static inline void memory_abort(void *sink, void *file) {
  struct memory_file *found = file;
  CU_ASSERT_PTR_NOT_NULL_FATAL(found->part);
  free(found->part);
  free(found->notes);
  found->part = found->notes = NULL;
  found->notes_size = 0;
  ((struct memory *)sink)->part_count--;
}

static inline int memory_recall(void *sink, void *file, uint64_t offset, uint8_t *bytes, size_t size) {
  (void)sink;
  const struct memory_file *found = file;
  if (offset >= found->notes_size) return 0;
  if (size > found->notes_size - offset) size = found->notes_size - (size_t)offset;
  memcpy(bytes, found->notes + offset, size);
  return (int)size;
}

static inline int memory_note(void *sink, void *file, uint64_t offset, const uint8_t *bytes, size_t size) {
  (void)sink;
  struct memory_file *found = file;
  if (offset + size > found->notes_size) {
    found->notes = realloc(found->notes, offset + size);
    memset(found->notes + found->notes_size, 0, offset + size - found->notes_size);
    found->notes_size = offset + size;
  }
  memcpy(found->notes + offset, bytes, size);
  return 0;
}

static inline int memory_read_part(void *sink, void *file, uint64_t offset, uint8_t *bytes, size_t size) {
  (void)sink;
  const struct memory_file *found = file;
  CU_ASSERT_FATAL(found->part && offset + size <= found->entry.size);
  memcpy(bytes, found->part + offset, size);
  return 0;
}

static inline void memory_keep(void *sink, void *file, uint64_t bytes) {
  struct memory_file *found = file;
  CU_ASSERT_FATAL(found->part && bytes > 0 && bytes <= found->entry.size + BLOCK_DATA_BYTES);
  found->is_kept = true;
  ((struct memory *)sink)->part_count--;
}

static inline void memory_commit(void *sink, void *const *files, size_t count, int *results) {
  struct memory *memory = sink;
  memory->commits++;
  for (size_t i = 0; i < count; i++) {
    struct memory_file *found = files[i];
    results[i] = found->fault == FAULT_LOST ? ERR_IO : 0;
    if (results[i] == 0) {
      found->final = found->part;
      found->part = NULL;
      found->order = ++memory->order;
      memory->part_count--;
    } else {
      memory_abort(sink, found);
    }
  }
}

static inline int memory_folder(void *sink, const struct entry *entry, bool dry) {
  struct memory *memory = sink;
  struct memory_file *found = memory_find(memory, entry);
  CU_ASSERT_FATAL(found && entry->kind == ENTRY_FOLDER && found->order == 0);
  if (!dry) found->order = ++memory->order;
  return 0;
}

static const struct sink_ops memory_sink = {memory_begin,     memory_write,  memory_commit,
                                            memory_abort,     memory_recall, memory_note,
                                            memory_read_part, memory_keep,   memory_folder};

#endif
