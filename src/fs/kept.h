/* kept (private): part files that outlive their session, so that the same file need not be sent again whole,
 * and the journal beside each that says what is in it (proto/transfer.md section 6). */
#ifndef UDPCP_FS_KEPT_H
#define UDPCP_FS_KEPT_H

#include "part.h"

/* Makes the part file of an entry, or takes over the one that was kept, and holds it alone: an fd, which is
 * the file's own then, like its journal. ERR_AGAIN: it cannot be kept (somebody else is at work on it, or
 * something of that name does not go away); another error: nor can any other. */
int kept_open(struct sink *sink, struct sink_file *file, const struct entry *entry, struct folder *folder);
/* Removes the journal, if there is one: its part file has got its name or is gone. */
void kept_forget(const struct sink_file *file, const struct folder *folder);

#endif
