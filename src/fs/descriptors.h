/* descriptors (private): how many files may be open at once. */
#ifndef UDPCP_FS_DESCRIPTORS_H
#define UDPCP_FS_DESCRIPTORS_H

#include <stddef.h>

/* How many this process may hold, after it has asked for all that it may ask for. */
size_t descriptors_max(void);

#endif
