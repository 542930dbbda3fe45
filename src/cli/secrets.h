/* secrets: what holds keys in memory must not leave a copy of it on a disk. */
#ifndef CLI_SECRETS_H
#define CLI_SECRETS_H

/* No core dump and no log of a library from now on, and no other process of this user reads our memory. To be
 * called first. */
void secrets_guard(void);

#endif
