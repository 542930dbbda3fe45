/* private_file: the small files that trust rests on - secrets, and lists of who is believed. */
#ifndef CRYPTO_PRIVATE_FILE_H
#define CRYPTO_PRIVATE_FILE_H

#include "udpcp/base.h"

/* What others than the owner must not be able to do: anything with a secret, write a list. */
enum private_kind { PRIVATE_SECRET, PRIVATE_LIST };
enum { PRIVATE_FILE_BYTES_MAX = 1 << 20 };

/* The whole file, in *text, to be given to private_free. ERR_EXPOSED when it is neither ours nor root's or
 * others can do what they must not; ERR_BAD_NAME for a symbolic link, ERR_IS_FOLDER, ERR_UNSUPPORTED for
 * what else is no file; ERR_MALFORMED when it is larger than any such file can be. */
int private_file_read(const char *path, enum private_kind kind, char **text, size_t *size);
/* Wipes and frees; takes NULL. */
void private_free(char *text, size_t size);

/* Makes a file, mode 0600, durably: it stands there whole or not at all. ERR_EXISTS when something, be it a
 * dangling link, has that name; ERR_EXPOSED where the file system cannot keep others from reading it. */
int private_file_make(const char *path, const char *text, size_t size);
/* Makes the folder that `path` lies in, mode 0700, and those above it that are missing. */
int private_folder_make(const char *path);

/* A list, made (mode 0600) with its folder if need be, and locked until closed: the descriptor, or negative:
 * as private_file_read, and ERR_AGAIN when another holds the lock for seconds. */
int private_list_open(const char *path);
/* As private_file_read. */
int private_list_read(int fd, char **text, size_t *size);
/* Appends, durably, to a list that was `size_before` bytes long; on failure the file is as it was. */
int private_list_append(int fd, const char *path, size_t size_before, const char *text, size_t size);

#endif
