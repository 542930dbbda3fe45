/* trust_files: the files of keys, as a person meets them: where they are, and what is wrong with them. */
#ifndef CLI_TRUST_FILES_H
#define CLI_TRUST_FILES_H

#include "command.h"
#include "config.h"
#include "text.h"
#include "udpcp/crypto.h"

enum trust_file { FILE_SHARED_KEY, FILE_IDENTITY, FILE_AUTHORIZED, FILE_KNOWN };

/* Says in one line what is wrong with a file and what to do. `line` 0: none. Returns what to leave with. */
enum exit_status trust_file_failed(enum trust_file kind, const char *path, unsigned line, int error);
/* Where a file of the configuration folder is; or the reason was said why nothing there can be used. */
enum exit_status trust_find(const char *name, char path[CONFIG_PATH_BYTES]);
/* This machine's identity, made at first use; or the reason was said. Sets `path` to where it is, and whether
 * it was made just now. */
enum exit_status trust_open_identity(struct identity **identity, char path[CONFIG_PATH_BYTES], bool *is_new);
/* `path` fit to be shown, written to `text`. */
struct shown {
  char text[TEXT_NAME_BYTES];
};
const char *trust_shown(const char *path, struct shown *shown);

#endif
