/*
 * Runs a fuzz target over stored inputs, without a fuzzer: every file named, and every file of every folder
 * named, is given to the target once. This keeps what fuzzing once found from coming back, under any
 * compiler. A target fails by crashing (an assert, a sanitizer); the last file named in the output is then
 * the culprit. The last line is `fuzz_x: N passed, N failed`, where only a file that cannot be read counts as
 * failed.
 */
#include <dirent.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);

enum { INPUT_SIZE_MAX = 1 << 20 };

static unsigned passed;
static unsigned failed;

static void replay_file(const char *path) {
  uint8_t *whole = malloc(INPUT_SIZE_MAX);
  FILE *file = fopen(path, "rb");
  printf("%s\n", path);
  if (!whole || !file) {
    failed++;
  } else {
    size_t size = fread(whole, 1, INPUT_SIZE_MAX, file);
    uint8_t *input = malloc(size ? size : 1); /* of the exact size, so that reading past its end is seen */
    if (input && !ferror(file)) {
      memcpy(input, whole, size);
      LLVMFuzzerTestOneInput(input, size);
      passed++;
    } else {
      failed++;
    }
    free(input);
  }
  if (file) fclose(file);
  free(whole);
}

static void replay_path(const char *path) {
  struct dirent **entries;
  int count = scandir(path, &entries, NULL, alphasort);
  if (count < 0) {
    replay_file(path);
    return;
  }
  for (int i = 0; i < count; i++) {
    char inside[4096];
    snprintf(inside, sizeof inside, "%s/%s", path, entries[i]->d_name);
    if (entries[i]->d_name[0] != '.') replay_file(inside);
    free(entries[i]);
  }
  free(entries);
}

int main(int argc, char **argv) {
  const char *slash = strrchr(argv[0], '/');
  setvbuf(stdout, NULL, _IOLBF, 0); /* a crash must not swallow the name of its input */
  for (int i = 1; i < argc; i++)
    replay_path(argv[i]);
  printf("%s: %u passed, %u failed\n", slash ? slash + 1 : argv[0], passed, failed);
  return failed || !passed;
}
