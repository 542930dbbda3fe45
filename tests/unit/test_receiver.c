/* receiver: against a sender played by hand, to say what no good sender says and to see what is answered. */
#include "unit.h"

#include "memory_files.h"
#include "pair.h"

#include "transfer/block.h"
#include "transfer/channel.h"
#include "transfer/failure.h"

enum { ANSWERS_MAX = 64, BLOCKS_MAX = 512 };

struct scene {
  struct pair pair;
  struct memory sink;
  struct receiver *receiver;
  struct channel peer;
  struct message answers[ANSWERS_MAX]; /* WANT, RESULT, FINISHED as they came */
  unsigned answers_count;
  struct message welcome;
  bool is_established, is_closed, takes_no_reports;
  struct conn_event closed;    /* at the peer */
  uint8_t *blocks[BLOCKS_MAX]; /* sent */
  unsigned blocks_count;
  struct progress progress;
};

static void take_peer_events(struct scene *scene) {
  struct conn_event event;
  struct message message;
  while (conn_next_event(scene->pair.conns[CLIENT], &event)) {
    if (event.type == CONN_EVENT_ESTABLISHED) scene->is_established = true;
    if (event.type == CONN_EVENT_CLOSED) scene->closed = event;
    while (event.type == CONN_EVENT_CONTROL && channel_next(&scene->peer, &message) > 0) {
      if (message.type == MESSAGE_WELCOME)
        scene->welcome = message;
      else if (scene->answers_count < ANSWERS_MAX)
        scene->answers[scene->answers_count++] = message;
    }
  }
}

/* Lets `ms` of simulated time pass. */
static void play(struct scene *scene, unsigned ms) {
  uint64_t end_ns = scene->pair.now_ns + ms * NS_PER_MS;
  while (scene->pair.now_ns < end_ns) {
    struct pair *pair = &scene->pair;
    struct conn_event event;
    struct report report;
    struct job *job;
    pair_receive(pair);
    take_peer_events(scene);
    channel_flush(&scene->peer);
    while (conn_next_event(pair->conns[SERVER], &event)) {
      scene->is_closed |= event.type == CONN_EVENT_CLOSED;
      receiver_on_event(scene->receiver, pair->now_ns, &event);
    }
    receiver_step(scene->receiver, pair->now_ns);
    while ((job = receiver_next_job(scene->receiver)) != NULL) {
      job_run(job);
      receiver_on_job(scene->receiver, pair->now_ns, job);
    }
    while (!scene->takes_no_reports && receiver_next_report(scene->receiver, &report))
      CU_ASSERT_PTR_NOT_NULL(memory_find(&scene->sink, &report.entry));
    pair_send(pair);
    uint64_t next_ns = pair_next_ns(pair), timeout_ns = receiver_next_timeout(scene->receiver);
    if (timeout_ns < next_ns) next_ns = timeout_ns;
    pair_advance(pair, next_ns < end_ns ? next_ns : end_ns);
  }
  receiver_get_progress(scene->receiver, &scene->progress);
}

static void say(struct scene *scene, struct message message) {
  bool sent = channel_send(&scene->peer, &message);
  CU_ASSERT_FATAL(sent);
  channel_flush(&scene->peer);
}

static void say_hello(struct scene *scene) {
  say(scene, (struct message){.type = MESSAGE_HELLO, .hello = {.version = FORMAT_VERSION}});
}

/* Established, HELLO not said. */
static void scene_init_silent(struct scene *scene) {
  memset(scene, 0, sizeof(*scene));
  pair_init(&scene->pair, 1, 0);
  memory_init(&scene->sink, 8192);
  struct receiver_config config = {&memory_sink, &scene->sink, false};
  scene->receiver = receiver_new(&config, scene->pair.conns[SERVER]);
  channel_init(&scene->peer, scene->pair.conns[CLIENT]);
  play(scene, 20);
  CU_ASSERT_TRUE_FATAL(scene->is_established);
}

static void scene_init(struct scene *scene) {
  scene_init_silent(scene);
  say_hello(scene);
}

static void scene_free(struct scene *scene) {
  CU_ASSERT_EQUAL(receiver_jobs_out(scene->receiver), 0);
  if (!scene->is_closed) { /* as at the end of the program, but without waiting */
    conn_close(scene->pair.conns[SERVER], scene->pair.now_ns, CLOSE_INTERRUPTED, "");
    play(scene, 10000);
  }
  CU_ASSERT_TRUE(scene->is_closed);
  CU_ASSERT_EQUAL(scene->sink.part_count, 0);
  receiver_free(scene->receiver);
  pair_free(&scene->pair);
  memory_clear(&scene->sink);
  for (unsigned i = 0; i < scene->blocks_count; i++)
    free(scene->blocks[i]);
}

static struct message entry_message(const char *name, uint64_t size) {
  return (struct message){
      .type = MESSAGE_ENTRY,
      .entry = {
          .mode = 0600, .size = size, .rest = (const uint8_t *)name, .rest_size = (uint32_t)strlen(name)}};
}

static struct memory_file *announce(struct scene *scene, const char *name, uint64_t size) {
  struct memory_file *file = memory_add(&scene->sink, ENTRY_FILE, name, size);
  say(scene, entry_message(name, size));
  return file;
}

/* A block as it should be, in memory of its own. */
static uint8_t *make_block(const struct memory_file *file, uint32_t object, uint64_t number,
                           struct block_trailer *trailer) {
  uint32_t raw_size = block_raw_size(file->entry.size, number);
  uint8_t *bytes = malloc(raw_size + BLOCK_TRAILER_BYTES);
  for (uint32_t i = 0; i < raw_size; i++)
    bytes[i] = memory_byte(file, number * BLOCK_DATA_BYTES + i);
  *trailer = (struct block_trailer){.object = object, .number = number, .raw_size = raw_size};
  block_seal(bytes, trailer);
  return bytes;
}

static void send_bytes(struct scene *scene, uint8_t *bytes, size_t size) {
  CU_ASSERT_FATAL(scene->blocks_count < BLOCKS_MAX);
  scene->blocks[scene->blocks_count++] = bytes;
  while (conn_send_block(scene->pair.conns[CLIENT], bytes, size, bytes) == ERR_AGAIN && !scene->closed.type)
    play(scene, 1);
}

static void send_block(struct scene *scene, const struct memory_file *file, uint32_t object,
                       uint64_t number) {
  struct block_trailer trailer;
  uint8_t *bytes = make_block(file, object, number, &trailer);
  send_bytes(scene, bytes, trailer.raw_size + BLOCK_TRAILER_BYTES);
}

static void say_digest(struct scene *scene, const struct memory_file *file, uint32_t object) {
  struct digest digest = {0};
  for (uint64_t number = 0; number < block_count(file->entry.size); number++) {
    struct block_trailer trailer;
    free(make_block(file, object, number, &trailer));
    digest_add(&digest, number, &trailer.hash);
  }
  say(scene, (struct message){.type = MESSAGE_DIGEST,
                              .digest = {.object = object, .digest = digest_bytes(&digest)}});
}

static void say_end(struct scene *scene, uint64_t objects, uint64_t bytes) {
  say(scene, (struct message){.type = MESSAGE_END, .end = {.objects = objects, .bytes = bytes}});
}

/* The answers so far are exactly one RESULT of that status, for object 0, and perhaps WANTs before it. */
static void check_result(const struct scene *scene, enum result_status status, uint64_t failure) {
  CU_ASSERT_FATAL(scene->answers_count > 0);
  const struct message *last = &scene->answers[scene->answers_count - 1];
  CU_ASSERT_EQUAL(last->type, MESSAGE_RESULT);
  CU_ASSERT_EQUAL(last->result.first, 0);
  CU_ASSERT_EQUAL(last->result.count, 1);
  CU_ASSERT_EQUAL(last->result.status, status);
  CU_ASSERT_EQUAL(last->result.failure, failure);
  CU_ASSERT_FALSE(scene->is_closed);
}

/* ---- good senders in unusual order ---- */

static void welcomes_and_finishes(void) {
  struct scene scene;
  scene_init(&scene);
  struct memory_file *file = announce(&scene, "file", 1000);
  send_block(&scene, file, 0, 0);
  play(&scene, 10);
  CU_ASSERT_EQUAL(scene.welcome.welcome.version, FORMAT_VERSION);
  CU_ASSERT_EQUAL(scene.welcome.welcome.objects_ahead, OBJECTS_AHEAD_MAX);
  check_result(&scene, RESULT_COMMITTED, 0);
  say_end(&scene, 1, 1000);
  play(&scene, 10);
  CU_ASSERT_EQUAL(scene.answers[scene.answers_count - 1].type, MESSAGE_FINISHED);
  CU_ASSERT_FALSE(scene.is_closed);
  /* The sender should close; when it does not, this end does after a second. */
  play(&scene, 3000);
  CU_ASSERT_TRUE(scene.is_closed);
  CU_ASSERT_EQUAL(scene.progress.outcome, OUTCOME_COMPLETE);
  CU_ASSERT_EQUAL(scene.closed.closed.code, CLOSE_DONE);
  scene_free(&scene);
}

static void takes_blocks_before_their_entry(void) {
  struct scene scene;
  scene_init_silent(&scene);
  struct memory_file *file = memory_add(&scene.sink, ENTRY_FILE, "file", 1000000);
  for (unsigned i = 4; i-- > 0;)
    send_block(&scene, file, 0, i);
  play(&scene, 20);
  CU_ASSERT_EQUAL(scene.sink.part_count, 0);
  say_hello(&scene);
  say(&scene, entry_message("file", 1000000));
  say_digest(&scene, file, 0);
  play(&scene, 20);
  check_result(&scene, RESULT_COMMITTED, 0);
  CU_ASSERT_PTR_NOT_NULL(file->final);
  scene_free(&scene);
}

static void takes_blocks_with_more_gaps_than_it_can_note(void) {
  struct scene scene;
  scene_init(&scene);
  const uint64_t blocks = 300;
  struct memory_file *file = announce(&scene, "file", blocks * BLOCK_DATA_BYTES);
  play(&scene, 10);
  CU_ASSERT_EQUAL_FATAL(scene.answers_count, 1);
  CU_ASSERT_EQUAL(scene.answers[0].type, MESSAGE_WANT);
  for (uint64_t i = 0; i < 2 * 135; i += 2) /* 7 of them find no place, which the window allows */
    send_block(&scene, file, 0, i);
  for (uint64_t i = 1; i < 2 * 135; i += 2)
    send_block(&scene, file, 0, i);
  for (uint64_t i = 2 * 135; i < blocks; i++)
    send_block(&scene, file, 0, i);
  say_digest(&scene, file, 0);
  play(&scene, 2000);
  check_result(&scene, RESULT_COMMITTED, 0);
  scene_free(&scene);
}

static void a_block_that_differs_fails_its_file_only(void) {
  static const uint64_t sizes[] = {5000, 600000};
  for (int i = 0; i < 2; i++) {
    struct scene scene;
    scene_init(&scene);
    struct memory_file *file = announce(&scene, "file", sizes[i]);
    struct block_trailer trailer;
    uint8_t *bytes = make_block(file, 0, 0, &trailer);
    bytes[77] ^= 1;
    send_bytes(&scene, bytes, trailer.raw_size + BLOCK_TRAILER_BYTES);
    play(&scene, 100);
    check_result(&scene, RESULT_FAILED, FAILURE_MISMATCH);
    CU_ASSERT_PTR_NULL(file->final);
    scene_free(&scene);
  }
}

static void a_digest_that_differs_fails_its_file(void) {
  static const uint64_t sizes[] = {0, 600000};
  for (int i = 0; i < 2; i++) {
    struct scene scene;
    scene_init(&scene);
    struct memory_file *file = announce(&scene, "file", sizes[i]);
    for (uint64_t number = 0; number < block_count(sizes[i]); number++)
      send_block(&scene, file, 0, number);
    struct message digest = {.type = MESSAGE_DIGEST, .digest = {.digest = {{1, 2, 3}}}};
    say(&scene, digest);
    play(&scene, 100);
    check_result(&scene, RESULT_FAILED, FAILURE_MISMATCH);
    scene_free(&scene);
  }
}

static void ignores_what_comes_after_the_answer(void) {
  struct scene scene;
  scene_init(&scene);
  struct memory_file *file = announce(&scene, "file", 600000);
  file->fault = FAULT_THERE;
  play(&scene, 10);
  check_result(&scene, RESULT_HAVE, 0);
  send_block(&scene, file, 0, 0);
  send_block(&scene, file, 0, 1);
  say_digest(&scene, file, 0);
  play(&scene, 30);
  CU_ASSERT_EQUAL(scene.answers_count, 1);
  CU_ASSERT_FALSE(scene.is_closed);
  scene_free(&scene);
}

static void tells_neighbours_in_one_message(void) {
  struct scene scene;
  scene_init(&scene);
  struct memory_file *files[3];
  static const char *const names[] = {"a", "b", "c"};
  scene.takes_no_reports = true;
  for (uint32_t i = 0; i < 3; i++)
    files[i] = announce(&scene, names[i], 100 + i);
  for (uint32_t i = 0; i < 3; i++)
    send_block(&scene, files[i], i, 0);
  play(&scene, 100);
  CU_ASSERT_EQUAL(scene.answers_count, 0); /* no RESULT before its report was taken */
  scene.takes_no_reports = false;
  play(&scene, 10);
  CU_ASSERT_EQUAL(scene.answers_count, 1);
  CU_ASSERT_EQUAL(scene.answers[0].result.count, 3);
  scene_free(&scene);
}

/* ---- bad senders ---- */

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
  static const uint8_t optional[] = {16, 3, 1, 2, 3}, mandatory[] = {17, 1, 0};
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

UNIT_MAIN(UNIT_CASE(welcomes_and_finishes), UNIT_CASE(takes_blocks_before_their_entry),
          UNIT_CASE(takes_blocks_with_more_gaps_than_it_can_note),
          UNIT_CASE(a_block_that_differs_fails_its_file_only),
          UNIT_CASE(a_digest_that_differs_fails_its_file), UNIT_CASE(ignores_what_comes_after_the_answer),
          UNIT_CASE(tells_neighbours_in_one_message), UNIT_CASE(refuses_bad_messages),
          UNIT_CASE(refuses_messages_that_come_at_the_wrong_time), UNIT_CASE(skips_what_is_optional),
          UNIT_CASE(refuses_bad_blocks))
