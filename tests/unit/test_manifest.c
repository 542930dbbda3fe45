/* manifest: names kept in a ring while entries come and go, and names told against the one before. */
#include "unit.h"

#include "transfer/manifest.h"

#include <stdlib.h>

enum { LIVE_MAX = 5000 };

struct kept {
  struct entry entry;
  uint64_t end;
  uint8_t first; /* of its bytes, which count up from it */
};

static void fill(uint8_t *name, uint8_t first, size_t size) {
  for (size_t i = 0; i < size; i++)
    name[i] = (uint8_t)(first + i);
}

/* Names of all sizes pass through, many turns of the ring, filled up to its promise. */
static void keeps_every_live_name(void) {
  static struct kept kept[LIVE_MAX];
  struct manifest *manifest = malloc(sizeof(*manifest));
  CU_ASSERT_EQUAL_FATAL(manifest_init(manifest), 0);
  struct prng prng;
  prng_seed(&prng, 5);
  uint8_t name[NAME_BYTES_MAX];
  unsigned first = 0, end = 0, wrong = 0;
  for (unsigned round = 0; round < 60000; round++) {
    size_t size = 1 + prng_below(&prng, round % 3 == 0 ? NAME_BYTES_MAX : 60);
    while (manifest_room(manifest) < size || end - first == LIVE_MAX) {
      const struct kept *oldest = &kept[first++ % LIVE_MAX];
      for (size_t i = 0; i < oldest->entry.name_size; i++)
        wrong += oldest->entry.name[i] != (uint8_t)(oldest->first + i);
      manifest_drop(manifest, &oldest->entry, oldest->end);
    }
    struct kept *newest = &kept[end++ % LIVE_MAX];
    newest->first = (uint8_t)round;
    fill(name, newest->first, size);
    newest->entry = (struct entry){.name = name, .name_size = (uint16_t)size};
    newest->end = manifest_add(manifest, &newest->entry);
    wrong += newest->entry.name == name;
  }
  CU_ASSERT_EQUAL(wrong, 0);
  while (first < end) {
    const struct kept *oldest = &kept[first++ % LIVE_MAX];
    manifest_drop(manifest, &oldest->entry, oldest->end);
  }
  CU_ASSERT_EQUAL(manifest_room(manifest), NAME_BYTES_AHEAD_MAX);
  manifest_clear(manifest);
  free(manifest);
}

static void tells_names_against_the_last(void) {
  static const struct {
    const char *name;
    uint32_t shared;
  } truth[] = {{"a/b/file-1", 0}, {"a/b/file-2", 9}, {"a/b/file-2", 10}, {"a/b", 3},
               {"a/b/c", 3},      {"x", 0},          {"xy", 1}};
  struct manifest *out = malloc(sizeof(*out)), *in = malloc(sizeof(*in));
  CU_ASSERT_EQUAL_FATAL(manifest_init(out), 0);
  CU_ASSERT_EQUAL_FATAL(manifest_init(in), 0);
  for (unsigned i = 0; i < sizeof(truth) / sizeof(truth[0]); i++) {
    const struct entry sent = {.mode = 0102755,
                               .size = i,
                               .mtime_s = -5,
                               .mtime_ns = 6,
                               .name = (const uint8_t *)truth[i].name,
                               .name_size = (uint16_t)strlen(truth[i].name)};
    struct message message;
    struct entry got;
    manifest_describe(out, &sent, &message);
    CU_ASSERT_EQUAL(message.entry.shared, truth[i].shared);
    CU_ASSERT_EQUAL(message.entry.mode, 0755); /* of the mode only what may travel */
    manifest_set_last(out, &sent);
    CU_ASSERT_EQUAL(manifest_read(in, &message, &got), 0);
    CU_ASSERT_EQUAL_FATAL(got.name_size, sent.name_size);
    CU_ASSERT_EQUAL(memcmp(got.name, sent.name, sent.name_size), 0);
    CU_ASSERT(got.size == i && got.mtime_s == -5 && got.mtime_ns == 6);
  }
  struct message bad = {.type = MESSAGE_ENTRY,
                        .entry = {.shared = 3, .rest_size = 1, .rest = (const uint8_t *)"z"}};
  struct entry got;
  CU_ASSERT_EQUAL(manifest_read(in, &bad, &got), ERR_MALFORMED);
  bad.entry.shared = 2;
  CU_ASSERT_EQUAL(manifest_read(in, &bad, &got), 0);
  CU_ASSERT_EQUAL(memcmp(got.name, "xyz", 3), 0);
  manifest_clear(out);
  manifest_clear(in);
  free(out);
  free(in);
}

UNIT_MAIN(UNIT_CASE(keeps_every_live_name), UNIT_CASE(tells_names_against_the_last))
