/* receiver: what no good sender does ends the session, with a reason that names it. */
#include "unit.h"

#include "receiver_scene.h"

/* The session has been ended with a reason that has these words in it. */
static void check_blamed(struct scene *scene, const char *words) {
  play(scene, 200);
  CU_ASSERT_EQUAL(scene->closed.type, CONN_EVENT_CLOSED);
  CU_ASSERT_EQUAL(scene->closed.closed.code, CLOSE_TRANSFER);
  if (!strstr(scene->closed.closed.reason, words))
    printf("'%s' is not '%s'\n", scene->closed.closed.reason, words);
  CU_ASSERT_PTR_NOT_NULL(strstr(scene->closed.closed.reason, words));
  play(scene, 5000);
  CU_ASSERT_EQUAL(scene->progress.outcome, OUTCOME_PROTOCOL);
  CU_ASSERT_FALSE(scene->progress.by_peer);
  scene_free(scene);
}

static void refuses_bad_messages(void) {
  static const uint8_t endless[] = {3, 0x80, 0, 0x20, 1};
  static const struct {
    struct message message;
    const char *words;
  } truth[] = {
      {{.type = MESSAGE_HELLO, .hello = {.version = 1}}, "a second HELLO"},
      {{.type = MESSAGE_WELCOME}, "WELCOME is for the other direction"},
      {{.type = MESSAGE_FINISHED}, "FINISHED is for the other direction"},
      {{.type = MESSAGE_DIGEST, .digest = {.object = 0}}, "not announced"},
      {{.type = MESSAGE_END, .end = {.objects = 1}}, "END does not fit"},
      {{.type = MESSAGE_END, .end = {.bytes = 1}}, "END does not fit"},
      {{.type = MESSAGE_ENTRY, .entry = {.rest = (const uint8_t *)"../x", .rest_size = 4}}, "not allowed"},
      {{.type = MESSAGE_ENTRY, .entry = {.rest = (const uint8_t *)"/x", .rest_size = 2}}, "not allowed"},
      {{.type = MESSAGE_ENTRY, .entry = {.rest = (const uint8_t *)"x", .rest_size = 1, .shared = 1}},
       "leans on"},
      {{.type = MESSAGE_ENTRY, .entry = {.rest = (const uint8_t *)"x", .rest_size = 1, .mode = 01777}},
       "malformed"},
  };
  struct scene scene;
  for (unsigned i = 0; i < sizeof(truth) / sizeof(truth[0]); i++) {
    scene_init(&scene);
    say(&scene, truth[i].message);
    check_blamed(&scene, truth[i].words);
  }
  scene_init(&scene);
  conn_write(scene.pair.conns[CLIENT], endless, sizeof(endless));
  check_blamed(&scene, "malformed message (ENTRY)");
  scene_init_silent(&scene);
  announce(&scene, "early", 1);
  check_blamed(&scene, "ENTRY before HELLO");
  scene_init_silent(&scene);
  say(&scene, (struct message){.type = MESSAGE_HELLO, .hello = {.version = 2}});
  check_blamed(&scene, "format version 2");
  scene_init_silent(&scene);
  say(&scene, (struct message){.type = MESSAGE_HELLO, .hello = {.version = 1, .flags = 2}});
  check_blamed(&scene, "unknown flags");
}

static void refuses_messages_that_come_at_the_wrong_time(void) {
  struct scene scene;
  scene_init(&scene);
  say_end(&scene, 0, 0);
  announce(&scene, "late", 1);
  check_blamed(&scene, "after END");

  scene_init(&scene);
  struct memory_file *file = announce(&scene, "single", 100);
  say_digest(&scene, file, 0);
  check_blamed(&scene, "needs none");

  scene_init(&scene);
  file = announce(&scene, "twice", 600000);
  say_digest(&scene, file, 0);
  say_digest(&scene, file, 0);
  check_blamed(&scene, "needs none");

  scene_init(&scene);
  char name[16];
  for (unsigned i = 0; i <= OBJECTS_AHEAD_MAX; i++) {
    snprintf(name, sizeof(name), "%u", i);
    announce(&scene, name, 100);
    if (i % 100 == 0) play(&scene, 10);
  }
  check_blamed(&scene, "beyond objects_ahead");

  scene_init(&scene);
  static char longest[NAME_BYTES_MAX];
  for (unsigned i = 0; i < NAME_BYTES_MAX; i++)
    longest[i] = i % 200 == 199 ? '/' : 'n';
  struct message message = entry_message("", 100);
  message.entry.rest = (const uint8_t *)longest;
  message.entry.rest_size = NAME_BYTES_MAX;
  for (unsigned i = 0; i <= 256; i++) {
    say(&scene, message);
    play(&scene, 10);
  }
  check_blamed(&scene, "beyond name_bytes_ahead");
}

static void skips_what_is_optional(void) {
  static const uint8_t optional[] = {20, 3, 1, 2, 3}, mandatory[] = {17, 1, 0};
  static const uint8_t longer[] = {MESSAGE_END, 4,    0,
                                   0,           0xaa, 0xbb}; /* fields of a later version at its end */
  struct scene scene;
  scene_init(&scene);
  conn_write(scene.pair.conns[CLIENT], optional, sizeof(optional));
  conn_write(scene.pair.conns[CLIENT], longer, sizeof(longer));
  play(&scene, 10);
  CU_ASSERT_EQUAL(scene.answers_count, 1);
  CU_ASSERT_EQUAL(scene.answers[0].type, MESSAGE_FINISHED);
  scene_free(&scene);
  scene_init(&scene);
  conn_write(scene.pair.conns[CLIENT], mandatory, sizeof(mandatory));
  check_blamed(&scene, "message 17 is mandatory");
}

/* One bad block, of file "file" of `size` bytes: what is written into its trailer, and how it is cut. */
static void refuse_block(uint64_t size, uint32_t object, uint64_t number, int resize, uint8_t encoding,
                         const char *words) {
  struct scene scene;
  scene_init(&scene);
  struct memory_file *file = announce(&scene, "file", size);
  play(&scene, 10);
  struct block_trailer trailer;
  uint32_t raw_size = 1000;
  if (number < block_count(size)) raw_size = block_raw_size(size, number) + (uint32_t)resize;
  uint8_t *bytes = calloc(1, raw_size + BLOCK_TRAILER_BYTES);
  trailer = (struct block_trailer){.object = object, .number = number, .raw_size = raw_size};
  block_seal(bytes, &trailer);
  bytes[raw_size + BLOCK_TRAILER_BYTES - 4] = encoding;
  send_bytes(&scene, bytes, raw_size + BLOCK_TRAILER_BYTES);
  check_blamed(&scene, words);
  CU_ASSERT_PTR_NOT_NULL(file);
}

static void refuses_bad_blocks(void) {
  refuse_block(5000, 0, 0, -1, 0, "wrong size");
  refuse_block(5000, 0, 0, 1, 0, "wrong size");
  refuse_block(5000, 0, 1, 0, 0, "beyond the end");
  refuse_block(0, 0, 0, 0, 0, "beyond the end");
  refuse_block(600000, 0, 2, -1, 0, "wrong size");
  refuse_block(5000, 0, 0, 0, 1, "unknown encoding");
  refuse_block(5000, OBJECTS_AHEAD_MAX, 0, 0, 0, "too far ahead");
  refuse_block(5000, 1, 4, 0, 0, "not asked for");
  refuse_block(5000, 0, UINT64_MAX, 0, 0, "beyond the end");

  struct scene scene;
  scene_init(&scene);
  send_block(&scene, announce(&scene, "file", (8 << 20) + 5), 0, 32); /* together: no time for a WANT */
  check_blamed(&scene, "not asked for");

  scene_init(&scene);
  uint8_t *bytes = calloc(1, BLOCK_TRAILER_BYTES);
  send_bytes(&scene, bytes, BLOCK_TRAILER_BYTES);
  check_blamed(&scene, "malformed block");

  scene_init(&scene);
  struct memory_file *file = announce(&scene, "file", 600000);
  send_block(&scene, file, 0, 1);
  send_block(&scene, file, 0, 1);
  check_blamed(&scene, "twice");

  scene_init_silent(&scene);
  file = memory_add(&scene.sink, ENTRY_FILE, "file", 600000);
  send_block(&scene, file, 0, 1);
  send_block(&scene, file, 0, 1);
  check_blamed(&scene, "twice");

  scene_init(&scene);
  scene.takes_no_reports = true;
  file = announce(&scene, "file", 1000);
  send_block(&scene, file, 0, 0);
  send_block(&scene, file, 0, 0); /* together, so the first is not done when the second comes */
  check_blamed(&scene, "twice");
}

UNIT_MAIN(UNIT_CASE(refuses_bad_messages), UNIT_CASE(refuses_messages_that_come_at_the_wrong_time),
          UNIT_CASE(skips_what_is_optional), UNIT_CASE(refuses_bad_blocks))
