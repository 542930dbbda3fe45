/* fs: real files - walking and reading sources, part files and their durable commit at a sink.
 *
 * Every function may block; they are called on file threads. A source is never written to. Below a sink's
 * folder no symbolic link is followed and no path leaves the folder. */
#ifndef UDPCP_FS_H
#define UDPCP_FS_H

#include "udpcp/base.h"

/* ---- source: files and trees named by a user, walked depth first, a folder after what it holds ---- */
struct source;
enum { SOURCE_ERROR_BYTES = 256 };

/* `paths` as typed (rsync's rule: with a trailing slash the contents arrive, not the last component).
 * `prefix`: the folder below the receiver's DIR to arrive in, or NULL. A symbolic link named by the user is
 * followed; links found in a tree, sockets, FIFOs and devices are reported by source_next with
 * ERR_UNSUPPORTED. Paths are borrowed. */
struct source *source_new(const char *const *paths, size_t count, const char *prefix);
void source_free(struct source *source);
/* See struct source_ops in udpcp/transfer.h; these are its members. Thread-safe but for source_next. */
int source_next(struct source *source, struct entry *entry);
struct source_file;
int source_open(struct source *source, const struct entry *entry, struct source_file **file);
int source_read(struct source_file *file, uint64_t offset, uint8_t *bytes, size_t size);
int source_check(struct source_file *file, const struct entry *entry);
void source_close(struct source_file *file);

/* ---- sink: a folder to receive into ---- */
struct sink;
enum { SINK_KEEP_BYTES_MIN = 4 * 1024 * 1024 }; /* part files of at least so much can be kept */
enum overwrite { OVERWRITE_NEVER, OVERWRITE_CHANGED, OVERWRITE_ALWAYS };
struct sink_config {
  const char *folder;
  enum overwrite overwrite;
  bool no_fsync;
  bool names_parts; /* for tests: as if the file system had no files without names */
};
/* Opens and holds the folder. NULL and *error: ERR_NOT_FOUND, ERR_DENIED (also when it cannot be written),
 * ... */
struct sink *sink_new(const struct sink_config *config, int *error);
void sink_free(struct sink *sink);
struct sink_file;
/* See struct sink_ops in udpcp/transfer.h; these are its members, thread-safe for different files and for
 * different parts of one. */
int sink_begin(struct sink *sink, const struct entry *entry, bool dry,
               struct sink_file **file); /* 0 wanted, 1 have */
int sink_write(struct sink *sink, struct sink_file *file, uint64_t offset, const uint8_t *bytes, size_t size);
/* Results: 0 under its name, 1 the same contents stood there already, or negative. A failed file leaves
 * nothing, unless it had replaced an older one: then the new one stays. */
void sink_commit(struct sink *sink, struct sink_file *const *files, size_t count, int *results);
void sink_abort(struct sink *sink, struct sink_file *file);
/* Of a part file that can be kept: what was noted beside it earlier (how many bytes; 0: nothing), a new note
 * at that place, and what is in it. */
int sink_recall(struct sink *sink, struct sink_file *file, uint64_t offset, uint8_t *bytes, size_t size);
int sink_note(struct sink *sink, struct sink_file *file, uint64_t offset, const uint8_t *bytes, size_t size);
int sink_read(struct sink *sink, struct sink_file *file, uint64_t offset, uint8_t *bytes, size_t size);
/* Ends the handle; the part file stays for the next sink_begin of the same entry, by this process or another,
 * if the `bytes` that are known to be good in it are worth the room. It goes when nobody asked for it in 7
 * days and another large file is begun in its folder. */
void sink_keep(struct sink *sink, struct sink_file *file, uint64_t bytes);
/* With OVERWRITE_NEVER a folder that this sink did not make keeps the attributes it has. */
int sink_folder(struct sink *sink, const struct entry *entry, bool dry);

/* ---- sandbox: what the process can still do once it has begun to receive (proto/security.md) ---- */
/* From now on this thread, and those it makes later, reach no file but those beneath `folder` (Landlock).
 * 0; ERR_UNSUPPORTED when the kernel has no such thing. */
int sandbox_limit_files(const char *folder);
/* From now on all threads can make only the system calls that receiving needs (seccomp). Same results. */
int sandbox_limit_calls(void);

#endif
