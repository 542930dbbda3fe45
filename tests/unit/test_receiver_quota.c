/* receiver: what the user's limits of bytes and files let in, and that nothing of what they keep out is made.
 */
#include "unit.h"

#include "receiver_scene.h"

static void begin(struct scene *scene, struct receiver_config config) {
  scene_init_as(scene, config);
  say_hello(scene);
}

/* What was answered of one object: a failure code, or FAILURE_NONE for anything good; -1: nothing yet. */
static int answer_of(const struct scene *scene, uint32_t object) {
  for (unsigned i = 0; i < scene->answers_count; i++) {
    const struct message *answer = &scene->answers[i];
    if (answer->type != MESSAGE_RESULT || object < answer->result.first ||
        object - answer->result.first >= answer->result.count)
      continue;
    return answer->result.status == RESULT_FAILED ? (int)answer->result.failure : FAILURE_NONE;
  }
  return -1;
}

static struct memory_file *send_small(struct scene *scene, const char *name, uint32_t object, uint64_t size) {
  struct memory_file *file = announce(scene, name, size);
  send_block(scene, file, object, 0);
  return file;
}

static void the_sum_of_sizes_is_limited(void) {
  static const struct {
    uint64_t max, sizes[4];
    bool fits[4];
  } truth[] = {
      {1000, {1000}, {true}},
      {1000, {1001}, {false}},
      {1000, {500, 500, 1}, {true, true, false}},
      {1000, {999, 2, 1}, {true, false, true}},
      {1000, {VARINT_MAX - 2000, 1000}, {false, true}},
      {VARINT_MAX, {1000, 1000}, {true, true}},
      {UINT64_MAX, {1000, 1000}, {true, true}},
      {1, {600000, 1, 2}, {false, true, false}},
      {0, {1000, 600000}, {true, true}},
  };
  for (unsigned i = 0; i < sizeof(truth) / sizeof(truth[0]); i++) {
    struct scene scene;
    struct memory_file *files[4] = {NULL};
    begin(&scene, (struct receiver_config){.bytes_max = truth[i].max});
    uint32_t count = 0;
    for (; count < 4 && truth[i].sizes[count] > 0; count++) {
      uint64_t size = truth[i].sizes[count];
      char name[2] = {(char)('a' + count), 0};
      files[count] = announce(&scene, name, size);
      for (uint64_t number = 0; number < block_count(size) && number < 3 && size < VARINT_MAX / 2; number++)
        send_block(&scene, files[count], count, number);
      if (block_count(size) > 1 && truth[i].fits[count]) say_digest(&scene, files[count], count);
      play(&scene, 50);
    }
    for (uint32_t k = 0; k < count; k++) {
      CU_ASSERT_EQUAL(answer_of(&scene, k), truth[i].fits[k] ? FAILURE_NONE : FAILURE_TOO_MUCH);
      CU_ASSERT_EQUAL(files[k]->final != NULL, truth[i].fits[k]);
    }
    scene_free(&scene);
  }
}

/* Also when the question whether they are there is still open as the next one is announced. */
static void what_is_there_does_not_count_for_the_bytes(void) {
  for (int together = 0; together < 2; together++) {
    struct scene scene;
    begin(&scene, (struct receiver_config){.bytes_max = 1000});
    struct memory_file *there = announce(&scene, "there", 900);
    there->fault = FAULT_THERE;
    send_block(&scene, there, 0, 0);
    if (!together) play(&scene, 30);
    struct memory_file *large = announce(&scene, "large and there", 700000);
    large->fault = FAULT_THERE;
    if (!together) play(&scene, 30);
    struct memory_file *fits = send_small(&scene, "fits", 2, 1000);
    play(&scene, 100);
    CU_ASSERT_EQUAL(answer_of(&scene, 0), FAILURE_NONE);
    CU_ASSERT_EQUAL(answer_of(&scene, 1), FAILURE_NONE);
    CU_ASSERT_EQUAL(answer_of(&scene, 2), FAILURE_NONE);
    CU_ASSERT_PTR_NOT_NULL(fits->final);
    CU_ASSERT_EQUAL(scene.progress.objects_had, 2);
    send_small(&scene, "more", 3, 1);
    play(&scene, 50);
    CU_ASSERT_EQUAL(answer_of(&scene, 3), FAILURE_TOO_MUCH);
    scene_free(&scene);
  }
}

static void a_dry_run_says_what_would_be_too_much(void) {
  struct scene scene;
  begin(&scene, (struct receiver_config){.bytes_max = 1000, .dry_run = true});
  announce(&scene, "a", 1000);
  announce(&scene, "b", 1);
  play(&scene, 50);
  CU_ASSERT_EQUAL(answer_of(&scene, 0), FAILURE_NONE);
  CU_ASSERT_EQUAL(answer_of(&scene, 1), FAILURE_TOO_MUCH);
  CU_ASSERT_EQUAL(scene.progress.objects_failed, 1);
  scene_free(&scene);
}

static void the_number_of_files_and_of_folders_is_limited(void) {
  struct scene scene;
  begin(&scene, (struct receiver_config){.files_max = 2});
  struct memory_file *there = announce(&scene, "there", 10);
  there->fault = FAULT_THERE; /* counts */
  send_block(&scene, there, 0, 0);
  struct memory_file *second = send_small(&scene, "d/second", 1, 10);
  struct memory_file *third = send_small(&scene, "d/third", 2, 10);
  static const char *const names[] = {"d", "e", "f"};
  struct memory_file *folders[3];
  for (int i = 0; i < 3; i++) {
    folders[i] = memory_add(&scene.sink, ENTRY_FOLDER, names[i], 0);
    struct message message = entry_message(names[i], 0);
    message.entry.kind = ENTRY_FOLDER;
    say(&scene, message);
  }
  play(&scene, 100);
  static const int expected[] = {FAILURE_NONE, FAILURE_NONE, FAILURE_TOO_MUCH,
                                 FAILURE_NONE, FAILURE_NONE, FAILURE_TOO_MUCH};
  for (uint32_t i = 0; i < 6; i++)
    CU_ASSERT_EQUAL(answer_of(&scene, i), expected[i]);
  CU_ASSERT_PTR_NOT_NULL(second->final);
  CU_ASSERT_PTR_NULL(third->final);
  CU_ASSERT(folders[1]->order > 0 && folders[2]->order == 0);
  say_end(&scene, 6, 30);
  play(&scene, 50);
  CU_ASSERT_EQUAL(scene.answers[scene.answers_count - 1].type, MESSAGE_FINISHED);
  scene_free(&scene);
}

/* What a name runs through would be made as well. */
static void folders_on_the_way_count(void) {
  static const struct {
    const char *name; /* with a '/' at its end: the folder is announced */
    int expected;
  } truth[] = {
      {"a/b/c", FAILURE_NONE},  /* a, a/b: 2 */
      {"a/b/d", FAILURE_NONE},  /* in the same */
      {"a/b/", FAILURE_NONE},   /* it was counted on the way */
      {"a/bb/c", FAILURE_NONE}, /* 3: no part of a component is shared */
      {"a/bb/", FAILURE_NONE},
      {"a/x/y/z/file", FAILURE_TOO_MUCH},  /* 3 more would be 6 */
      {"a/x/y/z/other", FAILURE_TOO_MUCH}, /* what was refused is not there */
      {"a/file", FAILURE_NONE},            /* a is there */
      {"a/x/y/file", FAILURE_NONE},        /* 5 */
      {"a/x/yy/file", FAILURE_TOO_MUCH},
      {"a/x/y/more", FAILURE_TOO_MUCH}, /* the names have left a/x/y: it counts anew */
      {"a/x/", FAILURE_NONE},
      {"a/", FAILURE_NONE},
      {"b/", FAILURE_TOO_MUCH},
      {"b/file", FAILURE_TOO_MUCH},
      {"file", FAILURE_NONE},
  };
  struct scene scene;
  uint32_t count = sizeof(truth) / sizeof(truth[0]);
  char last[96] = "";
  begin(&scene, (struct receiver_config){.files_max = 5 + 4});
  /* Four folders of another branch: so the limit of folders is 5, and the one of files not in the way. */
  struct memory_file *first = announce(&scene, "1/2/3/4/first", 10);
  send_block(&scene, first, 0, 0);
  play(&scene, 20);
  snprintf(last, sizeof(last), "%s", "1/2/3/4/first");
  for (uint32_t i = 0; i < count; i++) {
    char name[96];
    snprintf(name, sizeof(name), "%s", truth[i].name);
    size_t size = strlen(name), shared = 0;
    bool is_folder = name[size - 1] == '/';
    if (is_folder) name[--size] = 0;
    while (shared < size && last[shared] == name[shared])
      shared++;
    struct memory_file *file = memory_add(&scene.sink, is_folder ? ENTRY_FOLDER : ENTRY_FILE, name, 0);
    file->entry.size = is_folder ? 0 : 10;
    struct message message = entry_message(name, is_folder ? 0 : 10);
    message.entry.kind = file->entry.kind;
    message.entry.shared = (uint32_t)shared;
    message.entry.rest_size = (uint32_t)(size - shared);
    message.entry.rest = (const uint8_t *)name + shared;
    say(&scene, message);
    if (!is_folder) send_block(&scene, file, i + 1, 0);
    play(&scene, 20);
    CU_ASSERT_EQUAL(answer_of(&scene, i + 1), truth[i].expected);
    if (answer_of(&scene, i + 1) != truth[i].expected) printf("%s\n", truth[i].name);
    snprintf(last, sizeof(last), "%s", name);
  }
  scene_free(&scene);
}

UNIT_MAIN(UNIT_CASE(the_sum_of_sizes_is_limited), UNIT_CASE(what_is_there_does_not_count_for_the_bytes),
          UNIT_CASE(a_dry_run_says_what_would_be_too_much),
          UNIT_CASE(the_number_of_files_and_of_folders_is_limited), UNIT_CASE(folders_on_the_way_count))
