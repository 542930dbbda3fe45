/* test_sink_named: test_sink where the file system knows no files without names. */
#define NAMES_PARTS true
#include "test_sink.c"
