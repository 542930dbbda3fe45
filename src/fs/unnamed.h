/* unnamed (private): part files without a name. */
#ifndef UDPCP_FS_UNNAMED_H
#define UDPCP_FS_UNNAMED_H

#include "part.h"

enum { UNNAMED_BYTES_MAX = 256 * 1024 }; /* what takes longer to come is to be seen while it comes */

/* Begins the file without a name, with its final mode. ERR_AGAIN: it needs a name. */
int unnamed_begin(struct sink *sink, struct sink_file *file, struct folder *folder);
/* Makes a part file by the name it has got, as long as it is not known whether it could do without. An fd, or
 * ERR_AGAIN: it is known, or not possible, or the name is taken. */
int unnamed_try(struct sink *sink, const struct sink_file *file, const struct folder *folder);
/* Gives an open file without a name one, if nothing has it. 0 or an errno. */
int unnamed_link(int fd, const struct folder *folder, const char *name);
/* Gives it the name of a part file: it is no longer unnamed. */
int unnamed_name(struct sink *sink, struct sink_file *file, const struct folder *folder);
/* Of any file: its folder need not be kept for it any more. It may be called again. */
void unnamed_leave(struct sink *sink, struct sink_file *file);

#endif
