/* vector_file: the lines `name: bytes in hex -> meaning` of a file in proto/vectors, which no program of this
 * tree wrote. The folder can be named in UDPCP_VECTORS. Include after unit.h. */
#ifndef VECTOR_FILE_H
#define VECTOR_FILE_H

#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>

enum { VECTOR_BYTES_MAX = 2048, VECTOR_LINE_BYTES = 8192 };

struct vector_line {
  const char *name, *meaning;
  uint8_t *bytes; /* allocated to the byte, so that reading beyond them is seen */
  size_t size;
};

static inline size_t vector_from_hex(const char *text, uint8_t *out) {
  size_t size = 0;
  unsigned byte;
  while (size < VECTOR_BYTES_MAX && sscanf(text + 2 * size, "%2x", &byte) == 1 && text[2 * size] != ' ')
    out[size++] = (uint8_t)byte;
  return size;
}

/* What stands behind `key=`; NULL when there is no such key. */
static inline const char *vector_value(const char *meaning, const char *key) {
  size_t size = strlen(key);
  for (const char *at = meaning; at; at = strchr(at, ' ') ? strchr(at, ' ') + 1 : NULL)
    if (strncmp(at, key, size) == 0 && at[size] == '=') return at + size + 1;
  return NULL;
}

static inline uint64_t vector_number(const char *meaning, const char *key) {
  const char *value = vector_value(meaning, key);
  return value ? strtoull(value, NULL, 10) : 0;
}

static inline bool vector_begins(const struct vector_line *line, const char *word) {
  return strncmp(line->meaning, word, strlen(word)) == 0;
}

/* Calls `check` for every line; returns how many there were. */
static inline unsigned vector_file(const char *name, bool (*check)(const struct vector_line *line)) {
  const char *folder = getenv("UDPCP_VECTORS");
  char path[512], text[VECTOR_LINE_BYTES];
  uint8_t bytes[VECTOR_BYTES_MAX];
  snprintf(path, sizeof(path), "%s/%s", folder ? folder : "proto/vectors", name);
  FILE *file = fopen(path, "r");
  if (!file) printf("cannot open %s\n", path);
  CU_ASSERT_PTR_NOT_NULL_FATAL(file);
  unsigned count = 0;
  for (; fgets(text, sizeof(text), file);) {
    text[strcspn(text, "\n")] = 0;
    if (text[0] == 0 || text[0] == '#') continue;
    char *hex = strstr(text, ": "), *arrow = strstr(text, " -> ");
    CU_ASSERT_FATAL(hex && arrow);
    *hex = *arrow = 0;
    struct vector_line line = {.name = text, .meaning = arrow + 4};
    line.size = arrow > hex + 2 ? vector_from_hex(hex + 2, bytes) : 0;
    line.bytes = malloc(line.size > 0 ? line.size : 1);
    memcpy(line.bytes, bytes, line.size);
    bool holds = check(&line);
    if (!holds) printf("%s: %s does not hold\n", name, line.name);
    CU_ASSERT_TRUE(holds);
    free(line.bytes);
    count++;
  }
  fclose(file);
  return count;
}

#endif
