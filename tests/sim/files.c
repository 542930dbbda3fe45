/* files: see files.h. */
#include "content.h"
#include "tree.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { PADDING_MAX = 240, MTIME_S = 1700000000 };

static struct verdict *verdict_of(const struct tree *tree) { return tree->verdict; }

static enum fate draw_fate(struct prng *prng, const struct tree_plan *plan) {
  uint64_t drawn = prng_below(prng, 1000);
  for (enum fate fate = FATE_FINE + 1; fate < FATES; fate++) {
    if (drawn < plan->fate_permille[fate]) return fate;
    drawn -= plan->fate_permille[fate];
  }
  return FATE_FINE;
}

static void draw_file(struct prng *prng, struct tree *tree, uint32_t number) {
  const struct tree_plan *plan = tree->plan;
  struct tree_file *file = &tree->files[number];
  file->tree = tree;
  file->number = number;
  file->kind = number < plan->files ? ENTRY_FILE : ENTRY_FOLDER;
  file->fate = draw_fate(prng, plan);
  file->padding = prng_below(prng, 8) == 0 ? (uint16_t)prng_below(prng, PADDING_MAX) : 0;
  if (file->kind == ENTRY_FOLDER) return;
  uint64_t max = plan->file_bytes_max;
  while (max / 2 > plan->file_bytes_min && prng_below(prng, 2) == 0)
    max /= 2;
  file->size = plan->file_bytes_min + prng_below(prng, max - plan->file_bytes_min + 1);
  tree->bytes_total += file->size;
}

struct tree *tree_new(const struct scenario *scenario, unsigned client, struct verdict *verdict) {
  struct tree *tree = calloc(1, sizeof(*tree));
  assert(tree && "out of memory");
  tree->scenario = scenario;
  tree->plan = &scenario->tree;
  tree->verdict = verdict;
  tree->seed = content_seed(scenario->seed, 'f', client);
  tree->count = scenario->tree.files + scenario->tree.folders;
  tree->files = calloc(tree->count + 1, sizeof(*tree->files));
  tree->pool = pool_new(scenario->tree.source_pool_bytes);
  assert(tree->files && tree->pool && "out of memory");
  struct prng prng;
  prng_seed(&prng, tree->seed);
  for (uint32_t i = 0; i < tree->count; i++)
    draw_file(&prng, tree, i);
  return tree;
}

void tree_free(struct tree *tree) {
  if (!tree) return;
  for (uint32_t i = 0; i < tree->count; i++)
    free(tree->files[i].blocks);
  if (require(verdict_of(tree), pool_bytes_used(tree->pool) == 0, "all memory is given back",
              "source: %zu bytes", pool_bytes_used(tree->pool)))
    pool_free(tree->pool);
  free(tree->files);
  free(tree);
}

struct pool *tree_pool(struct tree *tree) {
  return tree->pool;
}

void tree_switch_sink_off(struct tree *tree) { tree->is_sink_off = true; }

uint64_t tree_pieces(const struct tree *tree) { return tree->bytes_total / 1000 + 4ull * tree->count; }

uint64_t tree_bytes_written(const struct tree *tree) { return tree->sink_bytes; }

/* ---- names ---- */

/* "xx...x" and a letter for the kind, and the number; files stand in folders that come later in the walk. */
static void make_entry(struct tree *tree, const struct tree_file *file, struct entry *entry) {
  char padding[PADDING_MAX + 1];
  memset(padding, 'x', file->padding);
  padding[file->padding] = 0;
  char folder[16] = "";
  if (file->kind == ENTRY_FILE && tree->plan->folders > 0 && file->number % 3 != 0)
    snprintf(folder, sizeof(folder), "d%u/", tree->plan->files + file->number % tree->plan->folders);
  /* A folder's name is what its files say, so it is not padded. */
  int size =
      snprintf(tree->name, sizeof(tree->name), "%s%s%c%u", folder, file->kind == ENTRY_FILE ? padding : "",
               file->kind == ENTRY_FILE ? 'f' : 'd', file->number);
  assert(size > 0 && (size_t)size < sizeof(tree->name));
  *entry = (struct entry){.kind = file->kind,
                          .mode = 0644,
                          .size = file->size,
                          .mtime_s = MTIME_S + file->number,
                          .mtime_ns = file->number,
                          .name_size = (uint16_t)size,
                          .name = (const uint8_t *)tree->name};
}

struct tree_file *tree_find(struct tree *tree, const uint8_t *name, size_t size) {
  size_t start = size;
  while (start > 0 && name[start - 1] >= '0' && name[start - 1] <= '9')
    start--;
  uint32_t number = 0;
  for (size_t i = start; i < size; i++)
    number = number * 10 + (uint32_t)(name[i] - '0');
  if (start == size || number >= tree->count) return NULL;
  struct entry entry;
  make_entry(tree, &tree->files[number], &entry);
  bool is_same = entry.name_size == size && memcmp(entry.name, name, size) == 0;
  return is_same ? &tree->files[number] : NULL;
}

/* The file an entry speaks of; a breach, and NULL, when the entry is not as it was given out. */
static struct tree_file *file_of(struct tree *tree, const struct entry *entry) {
  struct tree_file *file = tree_find(tree, entry->name, entry->name_size);
  bool is_right = file && file->kind == entry->kind && file->size == entry->size &&
                  entry->mtime_s == MTIME_S + file->number && entry->mtime_ns == file->number &&
                  entry->mode == 0644;
  require(verdict_of(tree), is_right, "entries arrive as they were given", "%.*s", (int)entry->name_size,
          (const char *)entry->name);
  return is_right ? file : NULL;
}

/* ---- source ---- */

static int source_next_entry(void *source, struct entry *entry) {
  struct tree *tree = source;
  if (tree->walked == tree->count) return 0;
  struct tree_file *file = &tree->files[tree->walked++];
  make_entry(tree, file, entry);
  return file->fate == FATE_UNREADABLE ? ERR_DENIED : 1;
}

static int source_open_file(void *source, const struct entry *entry, void **handle) {
  struct tree *tree = source;
  struct tree_file *file = file_of(tree, entry);
  if (!file) return ERR_IO;
  if (file->fate == FATE_OPEN_DENIED) return ERR_DENIED;
  if (file->fate == FATE_OPEN_CHANGED) return ERR_CHANGED;
  file->opens++;
  *handle = file;
  return 0;
}

static int source_read_file(void *source, void *handle, uint64_t offset, uint8_t *bytes, size_t size) {
  struct tree *tree = source;
  struct tree_file *file = handle;
  require(verdict_of(tree), file->opens > 0 && offset + size <= file->size, "the source is read as agreed",
          "file %u, %zu bytes at %llu of %llu", file->number, size, (unsigned long long)offset,
          (unsigned long long)file->size);
  bool is_late = offset + size > file->size / 2;
  if (file->fate == FATE_READ_ERROR && is_late) return ERR_IO;
  if (file->fate == FATE_SHORTENED && is_late) return ERR_CHANGED;
  if (file->fate == FATE_REWRITTEN && is_late) file->is_rewritten = true;
  content_fill(content_seed(tree->seed, file->is_rewritten, file->number), offset, bytes, size);
  return 0;
}

static int source_check_file(void *source, void *handle, const struct entry *entry) {
  struct tree *tree = source;
  struct tree_file *file = handle;
  require(verdict_of(tree), file->opens > 0 && file_of(tree, entry) == file, "the source is read as agreed",
          "file %u is checked", file->number);
  return file->fate == FATE_REWRITTEN ? ERR_CHANGED : 0;
}

static void source_close_file(void *source, void *handle) {
  struct tree *tree = source;
  struct tree_file *file = handle;
  require(verdict_of(tree), file->opens > 0, "the source is read as agreed", "file %u is closed twice",
          file->number);
  if (file->opens > 0) file->opens--;
}

const struct source_ops tree_source_ops = {
    .next = source_next_entry,
    .open = source_open_file,
    .read = source_read_file,
    .check = source_check_file,
    .close = source_close_file,
};

/* ---- sink ---- */

static enum fault fault_of(const struct tree *tree) { return tree->scenario->fault; }

static void drop_part(struct tree_file *file) {
  file->tree->sink_bytes -= file->written;
  file->written = 0;
  file->stand = STAND_NOTHING;
  free(file->blocks);
  file->blocks = NULL;
}

static int sink_begin_file(void *sink, const struct entry *entry, bool dry, void **handle) {
  struct tree *tree = sink;
  struct tree_file *file = file_of(tree, entry);
  if (tree->is_sink_off || !file) return ERR_IO;
  if (file->fate == FATE_HAVE || file->fate == FATE_EXISTS) file->stand = STAND_OLD;
  if (file->fate == FATE_HAVE) return SINK_HAVE;
  if (file->fate == FATE_EXISTS) return ERR_EXISTS;
  if (file->fate == FATE_SINK_DENIED) return ERR_DENIED;
  if (dry) return SINK_WANTED;
  require(verdict_of(tree), !tree->plan->dry_run, "a dry run writes nothing", "file %u is begun",
          file->number);
  require(verdict_of(tree), file->kind == ENTRY_FILE && file->stand == STAND_NOTHING,
          "the sink is used as agreed", "file %u is begun twice", file->number);
  free(file->blocks);
  file->blocks = calloc(file->size / BLOCK_DATA_BYTES + 1, 1);
  assert(file->blocks && "out of memory");
  file->stand = STAND_PART;
  if (fault_of(tree) == FAULT_HALF_COMMIT && file->fate == FATE_WRITE_ERROR) file->is_planted_half = true;
  *handle = file;
  return SINK_WANTED;
}

static int sink_write_file(void *sink, void *handle, uint64_t offset, const uint8_t *bytes, size_t size) {
  struct tree *tree = sink;
  struct tree_file *file = handle;
  if (tree->is_sink_off) return ERR_IO;
  uint64_t block = offset / BLOCK_DATA_BYTES, left = file->size - offset;
  bool is_block = file->stand == STAND_PART && offset < file->size && offset % BLOCK_DATA_BYTES == 0 &&
                  size == (left < BLOCK_DATA_BYTES ? left : BLOCK_DATA_BYTES);
  if (!require(verdict_of(tree), is_block && !file->blocks[block], "each block is written once",
               "file %u, %zu bytes at %llu of %llu", file->number, size, (unsigned long long)offset,
               (unsigned long long)file->size))
    return ERR_IO;
  if (file->fate == FATE_WRITE_ERROR) return ERR_IO;
  if (tree->plan->sink_bytes_max > 0 && tree->sink_bytes + size > tree->plan->sink_bytes_max)
    return ERR_DISK_FULL;
  bool is_right =
      file->is_rewritten || content_equals(content_seed(tree->seed, 0, file->number), offset, bytes, size);
  require(verdict_of(tree), is_right, "what is written is what was read", "file %u at %llu", file->number,
          (unsigned long long)offset);
  if (tree->writes++ == 2 && fault_of(tree) == FAULT_LOST_WRITE) return 0;
  file->blocks[block] = 1;
  file->written += size;
  tree->sink_bytes += size;
  return 0;
}

static void sink_commit_files(void *sink, void *const *handles, size_t count, int *results) {
  struct tree *tree = sink;
  for (size_t i = 0; i < count; i++) {
    struct tree_file *file = handles[i];
    results[i] = ERR_IO;
    if (tree->is_sink_off) continue;
    require(verdict_of(tree), file->stand == STAND_PART, "the sink is used as agreed",
            "file %u is committed without a part", file->number);
    require(verdict_of(tree), file->written == file->size && !file->is_rewritten,
            "only what is whole gets its name", "file %u: %llu of %llu bytes%s", file->number,
            (unsigned long long)file->written, (unsigned long long)file->size,
            file->is_rewritten ? ", changed at the source" : "");
    if (file->fate == FATE_COMMIT_ERROR) {
      drop_part(file);
      continue;
    }
    results[i] = 0;
    if (tree->commits++ == 1 && fault_of(tree) == FAULT_FALSE_COMMIT) continue;
    file->stand = STAND_FINAL;
  }
}

static void sink_abort_file(void *sink, void *handle) {
  struct tree *tree = sink;
  struct tree_file *file = handle;
  if (tree->is_sink_off) return;
  require(verdict_of(tree), file->stand == STAND_PART, "the sink is used as agreed",
          "file %u is aborted without a part", file->number);
  drop_part(file);
  if (file->is_planted_half) file->stand = STAND_FINAL;
}

static int sink_make_folder(void *sink, const struct entry *entry, bool dry) {
  struct tree *tree = sink;
  struct tree_file *file = file_of(tree, entry);
  if (tree->is_sink_off || !file) return ERR_IO;
  if (file->fate == FATE_SINK_DENIED || file->fate == FATE_EXISTS) return ERR_DENIED;
  if (file->fate == FATE_HAVE) {
    file->stand = STAND_OLD;
    return SINK_HAVE;
  }
  if (dry) return SINK_WANTED;
  require(verdict_of(tree), !tree->plan->dry_run, "a dry run writes nothing", "folder %u is made",
          file->number);
  require(verdict_of(tree), file->kind == ENTRY_FOLDER && file->stand == STAND_NOTHING,
          "the sink is used as agreed", "folder %u is made twice", file->number);
  file->stand = STAND_FINAL;
  return SINK_WANTED;
}

const struct sink_ops tree_sink_ops = {
    .begin = sink_begin_file,
    .write = sink_write_file,
    .commit = sink_commit_files,
    .abort = sink_abort_file,
    .folder = sink_make_folder,
};
