/* refusal: hears "nobody is here" on a socket that is not connected. */
#ifndef CLI_REFUSAL_H
#define CLI_REFUSAL_H

#include "udpcp/base.h"

/* From now on ICMP errors about what the socket sent are kept for refusal_take. */
void refusal_listen(int fd);
/* Whether one has come since that says the port, host or network cannot be reached. To be called whenever the
 * socket is ready: errors not taken keep it ready. */
bool refusal_take(int fd);
/* Errors are of no more interest. */
void refusal_ignore(int fd);

#endif
