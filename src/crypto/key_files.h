/* key_files: the contents of the files of keys, apart from the files themselves. */
#ifndef CRYPTO_KEY_FILES_H
#define CRYPTO_KEY_FILES_H

#include "udpcp/crypto.h"

enum { SHARED_KEY_FILE_BYTES = 57 };

/* ERR_MALFORMED. */
int shared_key_parse(const char *text, size_t size, struct shared_key *key);
/* Not terminated. */
void shared_key_format(const struct shared_key *key, char text[SHARED_KEY_FILE_BYTES]);

/* See authorized_read. ERR_MALFORMED or ERR_TOO_MUCH, and *line; ERR_NO_MEMORY. */
int authorized_parse(const char *text, size_t size, struct believed **list, size_t *count, unsigned *line);

/* See known_check; ERR_MALFORMED and *line. */
int known_find(const char *text, size_t size, const char *name, const struct public_key *key, unsigned *line);

#endif
