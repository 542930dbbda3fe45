/*
 * What the tests of a sink share: DIR is the folder "in" of a scratch folder; files of a few bytes are put
 * there. Their parts have no names, unless NAMES_PARTS is defined as true before this is included.
 */
#ifndef SINK_CASE_H
#define SINK_CASE_H

#include "scratch.h"
#include "udpcp/fs.h"

#include <errno.h>

#ifndef NAMES_PARTS
#define NAMES_PARTS false
#endif

static inline struct sink *open_sink(enum overwrite overwrite) {
  struct sink_config config = {.folder = "in", .overwrite = overwrite, .names_parts = NAMES_PARTS};
  int error = 0;
  struct sink *sink = sink_new(&config, &error);
  assert(sink);
  return sink;
}

static inline void stop(struct sink *sink) {
  sink_free(sink);
  scratch_leave();
}

static inline struct entry file_named(const char *name, const char *text) {
  return (struct entry){.kind = ENTRY_FILE,
                        .mode = 0644,
                        .size = strlen(text),
                        .mtime_s = 1500000000,
                        .mtime_ns = 987654321,
                        .name_size = (uint16_t)strlen(name),
                        .name = (const uint8_t *)name};
}

static inline struct entry folder_named(const char *name) {
  struct entry entry = file_named(name, "");
  entry.kind = ENTRY_FOLDER;
  entry.mode = 0750;
  return entry;
}

/* Begins, writes and commits; the first result that is not 0. */
static inline int put_entry(struct sink *sink, const struct entry *entry, const char *text) {
  struct sink_file *file = NULL;
  int result = sink_begin(sink, entry, false, &file);
  if (result != 0) return result;
  result = sink_write(sink, file, 0, (const uint8_t *)text, strlen(text));
  if (result != 0) {
    sink_abort(sink, file);
    return result;
  }
  sink_commit(sink, &file, 1, &result);
  return result;
}

static inline int put(struct sink *sink, const char *name, const char *text) {
  struct entry entry = file_named(name, text);
  return put_entry(sink, &entry, text);
}

/* How many names in a folder begin like a part file; none in one that is gone. */
static inline int parts_in(const char *path) {
  int count = 0;
  DIR *stream = opendir(path);
  const struct dirent *found;
  if (!stream && errno == ENOENT) return 0;
  assert(stream);
  while ((found = readdir(stream)))
    count += strncmp(found->d_name, ".udpcp-", 7) == 0;
  closedir(stream);
  return count;
}

static inline struct sink *start_unused(enum overwrite overwrite) {
  scratch_enter();
  scratch_folder("in");
  return open_sink(overwrite);
}

/* The first file of a sink shows whether the others need names: that one is received and removed here. */
static inline struct sink *start(enum overwrite overwrite) {
  struct sink *sink = start_unused(overwrite);
  assert(put(sink, "first", "x") == 0 && unlink("in/first") == 0);
  return sink;
}

/* So many parts are to be seen in a folder in which so many files are in work. */
static inline int seen_of(int parts) { return NAMES_PARTS ? parts : 0; }

static inline bool has_mode(const char *path, mode_t mode) {
  struct stat status;
  return lstat(path, &status) == 0 && (status.st_mode & 07777) == mode;
}

static inline bool has_mtime(const char *path, long seconds, long ns) {
  struct stat status;
  return lstat(path, &status) == 0 && status.st_mtim.tv_sec == seconds && status.st_mtim.tv_nsec == ns;
}

#endif
