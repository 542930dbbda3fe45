/* beneath (private): names resolved below an open folder, without following a link and without a way out. */
#ifndef UDPCP_FS_BENEATH_H
#define UDPCP_FS_BENEATH_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/* Like openat() for a name of `size` bytes, not ended by NUL: an fd, or -1 and errno. No component may be a
 * symbolic link (ELOOP or ENOTDIR), empty, "." or ".." (EXDEV). O_CLOEXEC and O_NOFOLLOW are added; O_NOATIME
 * is a wish, dropped where the file is not ours. */
int beneath_open(int root, const uint8_t *name, size_t size, int flags, mode_t mode);

/* Size of what stands before the last component and its '/': 0 when there is only one component. */
size_t beneath_parent_size(const uint8_t *name, size_t size);

/* 0, or the errno that beneath_open would set whatever stands there. */
int beneath_check(const uint8_t *name, size_t size);
/* The last component of a name that passed the check, as a string. */
void beneath_last(const uint8_t *name, size_t size, char last[256]);

#endif
