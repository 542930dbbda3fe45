/* admit: who may send while there are no keys. */
#ifndef CLI_ADMIT_H
#define CLI_ADMIT_H

#include "udpcp/base.h"

/* This machine, its links, private networks: 127/8, 169.254/16, 10/8, 172.16/12, 192.168/16 (RFC 1918, RFC
 * 3927),
 * ::1, fe80::/10, fc00::/7 (RFC 4291, RFC 4193), and those IPv4 ones mapped into IPv6. */
bool admit_is_near(const struct address *address);

#endif
