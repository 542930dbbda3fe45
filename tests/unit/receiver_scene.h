/* receiver_scene: a receiver with real connections under it, and a sender played by hand. Include after
 * unit.h. */
#ifndef RECEIVER_SCENE_H
#define RECEIVER_SCENE_H

#include "memory_sink.h"
#include "pair.h"

#include "transfer/block.h"
#include "transfer/channel.h"
#include "transfer/failure.h"

enum { ANSWERS_MAX = 64, BLOCKS_MAX = 512, ALONE_MAX = 8 };

struct scene {
  struct pair pair;
  struct memory sink;
  struct receiver *receiver;
  struct channel peer;
  struct message answers[ANSWERS_MAX]; /* WANT, RESULT, FINISHED as they came */
  unsigned answers_count;
  struct message welcome;
  bool is_established, is_closed, takes_no_jobs, takes_no_reports;
  struct conn_event closed;    /* at the peer */
  uint8_t *blocks[BLOCKS_MAX]; /* sent */
  unsigned blocks_count;
  const void *alone[ALONE_MAX]; /* of the jobs, each once */
  unsigned alone_count;
  struct progress progress;
};

static inline void take_peer_events(struct scene *scene) {
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

static inline void note_job(struct scene *scene, const struct job *job) {
  for (unsigned i = 0; i < scene->alone_count; i++)
    if (scene->alone[i] == job->alone) return;
  CU_ASSERT_FATAL(scene->alone_count < ALONE_MAX);
  scene->alone[scene->alone_count++] = job->alone;
}

/* Lets `ms` of simulated time pass. */
static inline void play(struct scene *scene, unsigned ms) {
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
    while (!scene->takes_no_jobs && (job = receiver_next_job(scene->receiver)) != NULL) {
      note_job(scene, job);
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

static inline void say(struct scene *scene, struct message message) {
  bool sent = channel_send(&scene->peer, &message);
  CU_ASSERT_FATAL(sent);
  channel_flush(&scene->peer);
}

static inline void say_hello(struct scene *scene) {
  say(scene, (struct message){.type = MESSAGE_HELLO, .hello = {.version = FORMAT_VERSION}});
}

/* Established, HELLO not said; ops and sink of `config` are set here. */
static inline void scene_init_as(struct scene *scene, struct receiver_config config) {
  memset(scene, 0, sizeof(*scene));
  pair_init(&scene->pair, 1, 0);
  memory_init(&scene->sink, 8192);
  config.ops = &memory_sink;
  config.sink = &scene->sink;
  scene->receiver = receiver_new(&config, scene->pair.conns[SERVER]);
  channel_init(&scene->peer, scene->pair.conns[CLIENT]);
  play(scene, 20);
  CU_ASSERT_TRUE_FATAL(scene->is_established);
}

static inline void scene_init_silent(struct scene *scene) {
  scene_init_as(scene, (struct receiver_config){.dry_run = false});
}

static inline void scene_init(struct scene *scene) {
  scene_init_silent(scene);
  say_hello(scene);
}

static inline void scene_free(struct scene *scene) {
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

static inline struct message entry_message(const char *name, uint64_t size) {
  return (struct message){
      .type = MESSAGE_ENTRY,
      .entry = {
          .mode = 0600, .size = size, .rest = (const uint8_t *)name, .rest_size = (uint32_t)strlen(name)}};
}

static inline struct memory_file *announce(struct scene *scene, const char *name, uint64_t size) {
  struct memory_file *file = memory_add(&scene->sink, ENTRY_FILE, name, size);
  say(scene, entry_message(name, size));
  return file;
}

/* A block as it should be, in memory of its own. */
static inline uint8_t *make_block(const struct memory_file *file, uint32_t object, uint64_t number,
                                  struct block_trailer *trailer) {
  uint32_t raw_size = block_raw_size(file->entry.size, number);
  uint8_t *bytes = malloc(raw_size + BLOCK_TRAILER_BYTES);
  for (uint32_t i = 0; i < raw_size; i++)
    bytes[i] = memory_byte(file, number * BLOCK_DATA_BYTES + i);
  *trailer = (struct block_trailer){.object = object, .number = number, .raw_size = raw_size};
  block_seal(bytes, trailer);
  return bytes;
}

static inline void send_bytes(struct scene *scene, uint8_t *bytes, size_t size) {
  CU_ASSERT_FATAL(scene->blocks_count < BLOCKS_MAX);
  scene->blocks[scene->blocks_count++] = bytes;
  while (conn_send_block(scene->pair.conns[CLIENT], bytes, size, bytes) == ERR_AGAIN && !scene->closed.type)
    play(scene, 1);
}

static inline void send_block(struct scene *scene, const struct memory_file *file, uint32_t object,
                              uint64_t number) {
  struct block_trailer trailer;
  uint8_t *bytes = make_block(file, object, number, &trailer);
  send_bytes(scene, bytes, trailer.raw_size + BLOCK_TRAILER_BYTES);
}

static inline void say_digest(struct scene *scene, const struct memory_file *file, uint32_t object) {
  struct digest digest = {0};
  for (uint64_t number = 0; number < block_count(file->entry.size); number++) {
    struct block_trailer trailer;
    free(make_block(file, object, number, &trailer));
    digest_add(&digest, number, &trailer.hash);
  }
  say(scene, (struct message){.type = MESSAGE_DIGEST,
                              .digest = {.object = object, .digest = digest_bytes(&digest)}});
}

static inline void say_end(struct scene *scene, uint64_t objects, uint64_t bytes) {
  say(scene, (struct message){.type = MESSAGE_END, .end = {.objects = objects, .bytes = bytes}});
}

#endif
