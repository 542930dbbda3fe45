/* test_folders_named: test_folders where the file system knows no files without names. */
#define NAMES_PARTS true
#include "test_folders.c"
