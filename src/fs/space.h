/* space (private): room on the disk for what is being received. */
#ifndef UDPCP_FS_SPACE_H
#define UDPCP_FS_SPACE_H

#include "part.h"

/* Takes the room that the rest of an open part file, now of this status, needs. ERR_DISK_FULL when it does
 * not fit beside what other unfinished files of the sink have still to write. */
int space_take(struct sink *sink, struct sink_file *file, int fd, const struct stat *status);
/* So much of it was written. Under the sink's lock. */
void space_use(struct sink_file *file, uint64_t size);
/* The file is finished or given up. */
void space_give_back(struct sink *sink, struct sink_file *file);

#endif
