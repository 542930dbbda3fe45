/* sender: against a receiver played by hand, to see what is sent when, and to say what no good receiver says.
 */
#include "unit.h"

#include "memory_files.h"
#include "pair.h"

#include "transfer/block.h"
#include "transfer/channel.h"
#include "transfer/failure.h"

enum { HEARD_MAX = 8192 };

struct scene {
  struct pair pair;
  struct memory source;
  struct sender *sender;
  struct channel peer;
  unsigned heard[17];                /* messages by type */
  struct message digest, end, hello; /* the last ones */
  uint64_t blocks, block_bytes;
  bool is_closed, takes_no_reports, is_dry;
  unsigned reports[4];
  struct report report;     /* the last one */
  struct conn_event closed; /* at the peer */
  struct progress progress;
};

static void take_peer_events(struct scene *scene) {
  struct conn_event event;
  struct message message;
  struct conn *conn = scene->pair.conns[SERVER];
  while (conn_next_event(conn, &event)) {
    if (event.type == CONN_EVENT_BLOCK_RECEIVED) {
      struct block_trailer trailer;
      CU_ASSERT_EQUAL(block_read_trailer(&trailer, event.block.bytes, event.block.size), 0);
      CU_ASSERT_TRUE(block_is_intact(&trailer, event.block.bytes));
      scene->blocks++;
      scene->block_bytes += trailer.raw_size;
      conn_release_block(conn, event.block.bytes, event.block.size_class);
    }
    if (event.type == CONN_EVENT_CLOSED) scene->closed = event;
    while (event.type == CONN_EVENT_CONTROL && channel_next(&scene->peer, &message) > 0) {
      scene->heard[message.type % 17]++;
      if (message.type == MESSAGE_DIGEST) scene->digest = message;
      if (message.type == MESSAGE_END) scene->end = message;
      if (message.type == MESSAGE_HELLO) scene->hello = message;
    }
  }
}

static void play(struct scene *scene, unsigned ms) {
  uint64_t end_ns = scene->pair.now_ns + ms * NS_PER_MS;
  while (scene->pair.now_ns < end_ns) {
    struct pair *pair = &scene->pair;
    struct conn_event event;
    struct job *job;
    pair_receive(pair);
    take_peer_events(scene);
    channel_flush(&scene->peer);
    while (conn_next_event(pair->conns[CLIENT], &event)) {
      scene->is_closed |= event.type == CONN_EVENT_CLOSED;
      sender_on_event(scene->sender, pair->now_ns, &event);
    }
    sender_step(scene->sender, pair->now_ns);
    while (!scene->takes_no_reports && sender_next_report(scene->sender, &scene->report))
      scene->reports[scene->report.kind]++;
    while ((job = sender_next_job(scene->sender)) != NULL) {
      job_run(job);
      sender_on_job(scene->sender, pair->now_ns, job);
      sender_step(scene->sender, pair->now_ns);
    }
    pair_send(pair);
    uint64_t next_ns = pair_next_ns(pair);
    pair_advance(pair, next_ns < end_ns ? next_ns : end_ns);
  }
  sender_get_progress(scene->sender, &scene->progress);
}

static void say(struct scene *scene, struct message message) {
  bool sent = channel_send(&scene->peer, &message);
  CU_ASSERT_FATAL(sent);
  channel_flush(&scene->peer);
}

static const struct message welcome = {
    .type = MESSAGE_WELCOME,
    .welcome = {.version = FORMAT_VERSION, .objects_ahead = 1000, .name_bytes_ahead = 256 * 1024}};

static void say_result(struct scene *scene, uint32_t first, uint32_t count, enum result_status status) {
  say(scene,
      (struct message){.type = MESSAGE_RESULT,
                       .result = {.first = first,
                                  .count = count,
                                  .status = status,
                                  .failure = status == RESULT_FAILED ? FAILURE_DENIED : FAILURE_NONE}});
}

/* To be called when the source has its files. */
static void begin(struct scene *scene) {
  struct sender_config config = {&memory_source, &scene->source, scene->pair.pools[CLIENT], scene->is_dry};
  scene->sender = sender_new(&config, scene->pair.conns[CLIENT]);
  channel_init(&scene->peer, scene->pair.conns[SERVER]);
  play(scene, 100);
}

static void scene_init(struct scene *scene) {
  memset(scene, 0, sizeof(*scene));
  pair_init(&scene->pair, 1, 0);
  memory_init(&scene->source, HEARD_MAX);
}

static void scene_free(struct scene *scene) {
  CU_ASSERT_EQUAL(sender_jobs_out(scene->sender), 0);
  sender_free(scene->sender);
  CU_ASSERT_EQUAL(scene->source.open_count, 0);
  pair_free(&scene->pair);
  memory_clear(&scene->source);
}

static void add_small(struct scene *scene, unsigned count) {
  char name[16];
  for (unsigned i = 0; i < count; i++) {
    snprintf(name, sizeof(name), "%u", i);
    memory_add(&scene->source, ENTRY_FILE, name, 10 + i % 50);
  }
}

/* A WANT of object 0 whose receiver has blocks from `first` on. */
static struct message want_without(uint64_t first, uint64_t end) {
  return (struct message){.type = MESSAGE_WANT, .want = {.count = 1, .held = {{first, end}}}};
}

/* ---- what is sent ---- */

static void begins_without_waiting_for_the_welcome(void) {
  struct scene scene;
  scene_init(&scene);
  add_small(&scene, 3000);
  begin(&scene);
  CU_ASSERT_EQUAL(scene.hello.hello.version, FORMAT_VERSION);
  CU_ASSERT_EQUAL(scene.hello.hello.flags, 0);
  CU_ASSERT_EQUAL(scene.heard[MESSAGE_ENTRY], OBJECTS_AHEAD_MIN);
  CU_ASSERT_EQUAL(scene.blocks, OBJECTS_AHEAD_MIN);
  say(&scene, welcome);
  play(&scene, 100);
  CU_ASSERT_EQUAL(scene.heard[MESSAGE_ENTRY], 1000);
  say_result(&scene, 0, 10, RESULT_COMMITTED);
  play(&scene, 100);
  CU_ASSERT_EQUAL(scene.heard[MESSAGE_ENTRY], 1010);
  say_result(&scene, 11, 10, RESULT_COMMITTED); /* the lowest unanswered one still holds the window */
  play(&scene, 100);
  CU_ASSERT_EQUAL(scene.heard[MESSAGE_ENTRY], 1010);
  CU_ASSERT_EQUAL(scene.reports[REPORT_COMMITTED], 20);
  CU_ASSERT_EQUAL(scene.heard[MESSAGE_DIGEST], 0); /* files of one block need none */
  scene_free(&scene);
}

static void stays_within_the_bytes_of_names(void) {
  struct scene scene;
  scene_init(&scene);
  char name[61];
  memset(name, 'x', sizeof(name));
  for (unsigned i = 0; i < 2000; i++) {
    snprintf(name + 50, sizeof(name) - 50, "%010u", i);
    memory_add(&scene.source, ENTRY_FILE, name, 1);
  }
  begin(&scene);
  struct message grant = welcome;
  grant.welcome.name_bytes_ahead = NAME_BYTES_AHEAD_MIN;
  grant.welcome.objects_ahead = VARINT_MAX;
  say(&scene, grant);
  play(&scene, 100);
  CU_ASSERT(scene.heard[MESSAGE_ENTRY] * 60 <= NAME_BYTES_AHEAD_MIN);
  CU_ASSERT(scene.heard[MESSAGE_ENTRY] * 60 > NAME_BYTES_AHEAD_MIN - 2 * NAME_BYTES_MAX);
  scene_free(&scene);
}

static void announces_more_than_the_stream_holds_at_once(void) {
  struct scene scene;
  scene_init(&scene);
  char name[61];
  memset(name, 'x', sizeof(name));
  name[60] = 0;
  for (unsigned i = 0; i < 4000; i++) {
    for (unsigned digit = 0, value = i; digit < 4; digit++, value /= 10)
      name[digit] = (char)('0' + value % 10); /* the lowest first, so that neighbours share nothing */
    memory_add(&scene.source, ENTRY_FILE, name, 0);
  }
  begin(&scene);
  struct message grant = welcome;
  grant.welcome.objects_ahead = OBJECTS_AHEAD_MAX;
  grant.welcome.name_bytes_ahead = VARINT_MAX;
  say(&scene, grant);
  play(&scene, 1000);
  CU_ASSERT_EQUAL(scene.heard[MESSAGE_ENTRY], 4000);
  CU_ASSERT_EQUAL(scene.heard[MESSAGE_DIGEST], 4000);
  CU_ASSERT_EQUAL(scene.end.end.objects, 4000);
  scene_free(&scene);
}

static void sends_one_mib_unasked(void) {
  struct scene scene;
  scene_init(&scene);
  const uint64_t size = (8 << 20) + 5;
  memory_add(&scene.source, ENTRY_FILE, "large", size);
  begin(&scene);
  play(&scene, 1000);
  CU_ASSERT_EQUAL(scene.block_bytes, 1 << 20);
  CU_ASSERT_EQUAL(scene.heard[MESSAGE_DIGEST], 0);
  say(&scene, welcome);
  say(&scene, (struct message){.type = MESSAGE_WANT, .want = {.object = 0}});
  play(&scene, 1000);
  CU_ASSERT_EQUAL(scene.block_bytes, size);
  CU_ASSERT_EQUAL(scene.heard[MESSAGE_DIGEST], 1);
  CU_ASSERT_EQUAL(scene.digest.digest.failure, FAILURE_NONE);
  CU_ASSERT_EQUAL(scene.source.open_count, 0);
  CU_ASSERT_EQUAL(scene.end.end.objects, 1);
  CU_ASSERT_EQUAL(scene.end.end.bytes, size);
  CU_ASSERT_EQUAL(scene.progress.bytes_moved, size);
  say_result(&scene, 0, 1, RESULT_COMMITTED);
  say(&scene, (struct message){.type = MESSAGE_FINISHED});
  play(&scene, 5000);
  CU_ASSERT_TRUE(scene.is_closed);
  CU_ASSERT_EQUAL(scene.progress.outcome, OUTCOME_COMPLETE);
  CU_ASSERT_EQUAL(scene.closed.closed.code, CLOSE_DONE);
  CU_ASSERT_EQUAL(scene.progress.bytes_moved, size);
  scene_free(&scene);
}

static void stops_when_the_receiver_has_it(void) {
  struct scene scene;
  scene_init(&scene);
  memory_add(&scene.source, ENTRY_FILE, "large", 8 << 20);
  begin(&scene);
  CU_ASSERT_EQUAL(scene.source.open_count, 1);
  say(&scene, welcome);
  say_result(&scene, 0, 1, RESULT_HAVE);
  play(&scene, 1000);
  CU_ASSERT_EQUAL(scene.block_bytes, 1 << 20);
  CU_ASSERT_EQUAL(scene.source.open_count, 0);
  CU_ASSERT_EQUAL(scene.reports[REPORT_HAVE], 1);
  CU_ASSERT_EQUAL(scene.progress.bytes_done, 8 << 20);
  scene_free(&scene);
}

static void walks_no_further_than_reports_are_taken(void) {
  struct scene scene;
  scene_init(&scene);
  scene.takes_no_reports = true;
  add_small(&scene, 3000);
  begin(&scene);
  say(&scene, welcome);
  play(&scene, 100);
  say_result(&scene, 0, 1000, RESULT_HAVE);
  play(&scene, 100);
  CU_ASSERT_EQUAL(scene.heard[MESSAGE_ENTRY], 1000);
  scene.takes_no_reports = false;
  play(&scene, 100);
  CU_ASSERT_EQUAL(scene.reports[REPORT_HAVE], 1000);
  CU_ASSERT_EQUAL(scene.heard[MESSAGE_ENTRY], 2000);
  scene_free(&scene);
}

static void reports_what_cannot_be_announced(void) {
  struct scene scene;
  scene_init(&scene);
  memory_add(&scene.source, ENTRY_FILE, "unseen", 1)->fault = FAULT_UNSEEN;
  memory_add(&scene.source, ENTRY_FILE, "d/.udpcp-left", 1);
  memory_add(&scene.source, ENTRY_FILE, "endless", UINT64_MAX);
  memory_add(&scene.source, ENTRY_FILE, "good", 1);
  begin(&scene);
  CU_ASSERT_EQUAL(scene.heard[MESSAGE_ENTRY], 1);
  CU_ASSERT_EQUAL(scene.end.end.objects, 1);
  CU_ASSERT_EQUAL(scene.reports[REPORT_FAILED], 3);
  CU_ASSERT_EQUAL(scene.report.error, ERR_UNSUPPORTED);
  CU_ASSERT_TRUE(scene.report.at_source);
  CU_ASSERT_EQUAL(scene.progress.objects_failed, 3);
  CU_ASSERT_EQUAL(scene.progress.objects_seen, 4);
  scene_free(&scene);
}

static void gives_up_a_file_it_cannot_read(void) {
  struct scene scene;
  scene_init(&scene);
  memory_add(&scene.source, ENTRY_FILE, "large", 8 << 20)->fault = FAULT_BROKEN;
  begin(&scene);
  CU_ASSERT_EQUAL(scene.heard[MESSAGE_DIGEST], 1); /* without waiting to be asked for the rest */
  CU_ASSERT_EQUAL(scene.digest.digest.failure, FAILURE_IO);
  CU_ASSERT_EQUAL(scene.source.open_count, 0);
  say(&scene, welcome);
  say_result(&scene, 0, 1, RESULT_FAILED);
  play(&scene, 100);
  CU_ASSERT_EQUAL(scene.report.error, ERR_IO); /* its own error, not the one it was told */
  CU_ASSERT_TRUE(scene.report.at_source);
  scene_free(&scene);
}

static void a_dry_run_sends_no_data(void) {
  struct scene scene;
  scene_init(&scene);
  scene.is_dry = true;
  add_small(&scene, 10);
  begin(&scene);
  CU_ASSERT_EQUAL(scene.hello.hello.flags, FLAG_DRY_RUN);
  CU_ASSERT_EQUAL(scene.heard[MESSAGE_ENTRY], 10);
  CU_ASSERT_EQUAL(scene.heard[MESSAGE_END], 1);
  CU_ASSERT_EQUAL(scene.blocks, 0);
  scene_free(&scene);
}

/* ---- bad receivers ---- */

static void check_blamed(struct scene *scene, const char *words) {
  play(scene, 200);
  CU_ASSERT_EQUAL(scene->closed.type, CONN_EVENT_CLOSED);
  CU_ASSERT_EQUAL(scene->closed.closed.code, CLOSE_TRANSFER);
  if (!strstr(scene->closed.closed.reason, words))
    printf("'%s' is not '%s'\n", scene->closed.closed.reason, words);
  CU_ASSERT_PTR_NOT_NULL(strstr(scene->closed.closed.reason, words));
  play(scene, 5000);
  CU_ASSERT_EQUAL(scene->progress.outcome, OUTCOME_PROTOCOL);
  scene_free(scene);
}

static void does_not_send_what_is_held(void) {
  static const struct {
    struct range held;
    uint64_t blocks; /* sent, of 40 */
  } truth[] = {{{4, 5}, 39}, {{4, 39}, 5}, {{4, 40}, 4}, {{30, 40}, 30}, {{10, 20}, 30}};
  for (unsigned i = 0; i < sizeof(truth) / sizeof(truth[0]); i++) {
    struct scene scene;
    const uint64_t size = 39 * BLOCK_DATA_BYTES + 7;
    scene_init(&scene);
    memory_add(&scene.source, ENTRY_FILE, "large", size);
    begin(&scene);
    say(&scene, welcome);
    say(&scene, want_without(truth[i].held.first, truth[i].held.end));
    play(&scene, 1000);
    CU_ASSERT_EQUAL(scene.blocks, truth[i].blocks);
    CU_ASSERT_EQUAL(scene.heard[MESSAGE_DIGEST], 1); /* over all of them */
    CU_ASSERT_EQUAL(scene.heard[MESSAGE_CHECKING], (40 - truth[i].blocks) / 8);
    struct digest digest = {0};
    for (uint64_t number = 0; number < 40; number++) {
      static uint8_t bytes[BLOCK_DATA_BYTES];
      uint32_t raw_size = block_raw_size(size, number);
      memory_read(&scene.source, &scene.source.files[0], number * BLOCK_DATA_BYTES, bytes, raw_size);
      struct hash128 hash = hash_128(bytes, raw_size);
      digest_add(&digest, number, &hash);
    }
    struct hash128 sum = digest_bytes(&digest);
    CU_ASSERT_EQUAL(memcmp(sum.bytes, scene.digest.digest.digest.bytes, sizeof(sum.bytes)), 0);
    say_result(&scene, 0, 1, RESULT_COMMITTED);
    play(&scene, 50);
    CU_ASSERT_EQUAL(scene.progress.bytes_moved, scene.block_bytes);
    CU_ASSERT_EQUAL(scene.progress.bytes_held, size - scene.block_bytes);
    scene_free(&scene);
  }
}

static void refuses_what_cannot_be_true(void) {
  static const struct {
    bool is_welcomed;
    struct message message;
    const char *words;
  } truth[] = {
      {false, {.type = MESSAGE_RESULT, .result = {.count = 1}}, "RESULT before WELCOME"},
      {false, {.type = MESSAGE_WELCOME, .welcome = {.version = 2}}, "format version 2"},
      {false, {.type = MESSAGE_WELCOME, .welcome = {.version = 1, .flags = 4}}, "unknown flags"},
      {false,
       {.type = MESSAGE_WELCOME,
        .welcome = {.version = 1, .objects_ahead = OBJECTS_AHEAD_MIN - 1, .name_bytes_ahead = VARINT_MAX}},
       "less than the least"},
      {false,
       {.type = MESSAGE_WELCOME,
        .welcome = {.version = 1, .objects_ahead = VARINT_MAX, .name_bytes_ahead = NAME_BYTES_AHEAD_MIN - 1}},
       "less than the least"},
      {true, {.type = MESSAGE_WELCOME, .welcome = {.version = 1}}, "a second WELCOME"},
      {true, {.type = MESSAGE_HELLO, .hello = {.version = 1}}, "HELLO is for the other direction"},
      {true, {.type = MESSAGE_FINISHED}, "FINISHED with 3 objects unanswered"},
      {true, {.type = MESSAGE_WANT, .want = {.object = 0}}, "needs none"},
      {true, {.type = MESSAGE_WANT, .want = {.object = 3}}, "not open"},
      {true, {.type = MESSAGE_RESULT, .result = {.first = 2, .count = 2, .status = RESULT_HAVE}}, "not open"},
      {true,
       {.type = MESSAGE_RESULT, .result = {.first = 1, .count = 1}},
       "cannot be true"}, /* not all sent */
      {true,
       {.type = MESSAGE_RESULT, .result = {.first = 2, .count = 1}},
       "cannot be true"}, /* source failed */
      {true, {.type = MESSAGE_RESULT, .result = {.count = 1, .status = RESULT_WOULD}}, "cannot be true"},
      {true, {.type = MESSAGE_RESULT, .result = {.first = UINT32_MAX - 1, .count = 1}}, "not open"},
  };
  for (unsigned i = 0; i < sizeof(truth) / sizeof(truth[0]); i++) {
    struct scene scene;
    scene_init(&scene);
    memory_add(&scene.source, ENTRY_FILE, "small", 100);
    memory_add(&scene.source, ENTRY_FILE, "large", 8 << 20);
    memory_add(&scene.source, ENTRY_FILE, "gone", 100)->fault = FAULT_VANISHED;
    begin(&scene);
    if (truth[i].is_welcomed) say(&scene, welcome);
    say(&scene, truth[i].message);
    check_blamed(&scene, truth[i].words);
  }
}

static void refuses_answers_given_twice(void) {
  struct scene scene;
  scene_init(&scene);
  add_small(&scene, 3);
  begin(&scene);
  say(&scene, welcome);
  say_result(&scene, 1, 1, RESULT_FAILED);
  say_result(&scene, 0, 3, RESULT_FAILED);
  check_blamed(&scene, "object 1, which is not open");

  scene_init(&scene);
  memory_add(&scene.source, ENTRY_FILE, "large", 8 << 20);
  begin(&scene);
  say(&scene, welcome);
  say(&scene, (struct message){.type = MESSAGE_WANT});
  say(&scene, (struct message){.type = MESSAGE_WANT});
  check_blamed(&scene, "needs none");

  static const struct {
    struct range held;
    const char *words;
  } beyond[] = {{{4, 9}, NULL},
                {{8, 9}, NULL},
                {{4, 10}, "beyond its end"},
                {{9, 10}, "beyond its end"},
                {{1ull << 40, (1ull << 40) + 1}, "beyond its end"},
                {{VARINT_MAX - 1, VARINT_MAX}, "beyond its end"}};
  for (unsigned i = 0; i < sizeof(beyond) / sizeof(beyond[0]); i++) {
    scene_init(&scene);
    memory_add(&scene.source, ENTRY_FILE, "large", 8 * BLOCK_DATA_BYTES + 7);
    begin(&scene);
    say(&scene, welcome);
    say(&scene, want_without(beyond[i].held.first, beyond[i].held.end));
    if (beyond[i].words) {
      check_blamed(&scene, beyond[i].words);
      continue;
    }
    play(&scene, 200);
    CU_ASSERT_EQUAL(scene.closed.type, 0);
    scene_free(&scene);
  }
  /* Ranges out of order, touching or of nothing: the message cannot be read. */
  static const uint8_t bad[][8] = {{MESSAGE_WANT, 4, 0, 1, 2, 0}, {MESSAGE_WANT, 6, 0, 2, 1, 1, 0, 1}};
  for (int i = 0; i < 2; i++) {
    scene_init(&scene);
    memory_add(&scene.source, ENTRY_FILE, "large", 8 * BLOCK_DATA_BYTES + 7);
    begin(&scene);
    say(&scene, welcome);
    conn_write(scene.pair.conns[SERVER], bad[i], 2 + bad[i][1]);
    check_blamed(&scene, "malformed message (WANT)");
  }
}

static void refuses_a_block(void) {
  struct scene scene;
  scene_init(&scene);
  add_small(&scene, 1);
  begin(&scene);
  static const uint8_t block[100];
  CU_ASSERT_EQUAL(conn_send_block(scene.pair.conns[SERVER], block, sizeof(block), NULL), 0);
  check_blamed(&scene, "a block from the receiver");
}

UNIT_MAIN(UNIT_CASE(begins_without_waiting_for_the_welcome), UNIT_CASE(stays_within_the_bytes_of_names),
          UNIT_CASE(announces_more_than_the_stream_holds_at_once), UNIT_CASE(sends_one_mib_unasked),
          UNIT_CASE(stops_when_the_receiver_has_it), UNIT_CASE(walks_no_further_than_reports_are_taken),
          UNIT_CASE(reports_what_cannot_be_announced), UNIT_CASE(gives_up_a_file_it_cannot_read),
          UNIT_CASE(a_dry_run_sends_no_data), UNIT_CASE(does_not_send_what_is_held),
          UNIT_CASE(refuses_what_cannot_be_true), UNIT_CASE(refuses_answers_given_twice),
          UNIT_CASE(refuses_a_block))
