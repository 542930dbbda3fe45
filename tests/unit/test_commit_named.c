/* test_commit_named: test_commit where the file system knows no files without names. */
#define NAMES_PARTS true
#include "test_commit.c"
