/* receiver: what a good sender may do in unusual order, and what is answered. */
#include "unit.h"

#include "receiver_scene.h"

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

/* Two threads that write one file wait for each other; two files, or a commit, may go on side by side. */
static void the_blocks_of_a_file_are_written_alone(void) {
  struct scene scene;
  scene_init(&scene);
  struct memory_file *files[2] = {announce(&scene, "first", 1000000), announce(&scene, "second", 1000000)};
  play(&scene, 10);
  CU_ASSERT_EQUAL(scene.alone_count, 1); /* none of beginning them */
  CU_ASSERT_PTR_NULL(scene.alone[0]);
  for (uint32_t object = 0; object < 2; object++) {
    for (unsigned i = 0; i < 4; i++) {
      send_block(&scene, files[object], object, i);
      play(&scene, 10);
    }
    CU_ASSERT_EQUAL(scene.alone_count, 2 + object);
    say_digest(&scene, files[object], object);
  }
  play(&scene, 20);
  CU_ASSERT_EQUAL(scene.alone_count, 3); /* none of committing them */
  CU_ASSERT(files[0]->final && files[1]->final);
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

/* In its data, or in its trailer, so that it would count for another file of the same size. */
static void a_block_that_differs_ends_the_session(void) {
  static const uint64_t sizes[] = {5000, 600000};
  for (int i = 0; i < 4; i++) {
    struct scene scene;
    scene_init(&scene);
    struct memory_file *files[] = {announce(&scene, "file", sizes[i % 2]),
                                   announce(&scene, "other", sizes[i % 2])};
    struct block_trailer trailer;
    uint8_t *bytes = make_block(files[0], 0, 0, &trailer);
    bytes[i < 2 ? 77 : trailer.raw_size + 19] ^= 1;
    send_bytes(&scene, bytes, trailer.raw_size + BLOCK_TRAILER_BYTES);
    play(&scene, 5000);
    CU_ASSERT_EQUAL(scene.closed.closed.code, CLOSE_TRANSFER);
    CU_ASSERT_PTR_NOT_NULL(strstr(scene.closed.closed.reason, "does not fit its check"));
    CU_ASSERT_PTR_NULL(files[0]->final);
    CU_ASSERT_PTR_NULL(files[1]->final);
    CU_ASSERT_EQUAL(scene.sink.part_count, 0);
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

static void leaves_no_part_file_when_it_is_just_freed(void) {
  struct scene scene;
  scene_init(&scene);
  struct memory_file *file = announce(&scene, "file", 600000);
  announce(&scene, "other", 600000);
  send_block(&scene, file, 0, 0);
  play(&scene, 20);
  CU_ASSERT_EQUAL(scene.sink.part_count, 2);
  receiver_free(scene.receiver);
  CU_ASSERT_EQUAL(scene.sink.part_count, 0);
  pair_free(&scene.pair);
  memory_clear(&scene.sink);
  free(scene.blocks[0]);
}

static void refuses_at_once_what_a_full_disk_cannot_hold(void) {
  struct scene scene;
  scene_init(&scene);
  struct memory_file *file = announce(&scene, "file", 5000);
  file->fault = FAULT_FULL;
  send_block(&scene, file, 0, 0);
  play(&scene, 20);
  check_result(&scene, RESULT_FAILED, FAILURE_DISK_FULL);
  announce(&scene, "as large", 5000);
  announce(&scene, "smaller", 4999);
  play(&scene, 20);
  CU_ASSERT_EQUAL(scene.answers_count, 2);
  CU_ASSERT_EQUAL(scene.answers[1].result.first, 1);
  CU_ASSERT_EQUAL(scene.answers[1].result.count, 1);
  CU_ASSERT_EQUAL(scene.answers[1].result.failure, FAILURE_DISK_FULL);
  scene_free(&scene);
}

static void tries_larger_files_again_once_a_part_file_made_room(void) {
  struct scene scene;
  scene_init(&scene);
  struct memory_file *large = announce(&scene, "large", 600000);
  large->fault = FAULT_FULL;
  play(&scene, 20);
  CU_ASSERT_EQUAL(scene.sink.part_count, 1);
  struct memory_file *small = announce(&scene, "small", 5000);
  small->fault = FAULT_FULL;
  send_block(&scene, small, 1, 0);
  play(&scene, 20);
  for (uint64_t number = 0; number < block_count(600000); number++)
    send_block(&scene, large, 0, number);
  play(&scene, 100);
  CU_ASSERT_EQUAL(scene.sink.part_count, 0);
  struct memory_file *fits = announce(&scene, "fits", 5001);
  announce(&scene, "as large", 600000);
  send_block(&scene, fits, 2, 0);
  play(&scene, 100);
  CU_ASSERT_PTR_NOT_NULL(fits->final);
  CU_ASSERT_EQUAL(scene.progress.objects_done, 1);
  CU_ASSERT_EQUAL(scene.progress.objects_failed, 3); /* the other one at once, by the large one's size */
  scene_free(&scene);
}

/* A slow disk: whoever waits hears once a second that there is work. */
static void long_work_is_spoken_of(void) {
  struct scene scene;
  scene_init(&scene);
  scene.takes_no_jobs = true;
  struct memory_file *file = announce(&scene, "file", 1000);
  send_block(&scene, file, 0, 0);
  play(&scene, 3500);
  CU_ASSERT_EQUAL(scene.answers_count, 0); /* no work is out yet */
  struct job *job = receiver_next_job(scene.receiver);
  CU_ASSERT_PTR_NOT_NULL_FATAL(job);
  play(&scene, 3500);
  CU_ASSERT_EQUAL(scene.answers_count, 3);
  for (unsigned i = 0; i < scene.answers_count; i++)
    CU_ASSERT_EQUAL(scene.answers[i].type, MESSAGE_WORKING);
  job_run(job);
  receiver_on_job(scene.receiver, scene.pair.now_ns, job);
  scene.takes_no_jobs = false;
  play(&scene, 2000);
  CU_ASSERT_EQUAL(scene.answers_count, 4);
  check_result(&scene, RESULT_COMMITTED, 0);
  scene_free(&scene);
}

UNIT_MAIN(UNIT_CASE(long_work_is_spoken_of), UNIT_CASE(welcomes_and_finishes),
          UNIT_CASE(takes_blocks_before_their_entry), UNIT_CASE(the_blocks_of_a_file_are_written_alone),
          UNIT_CASE(takes_blocks_with_more_gaps_than_it_can_note),
          UNIT_CASE(a_block_that_differs_ends_the_session), UNIT_CASE(a_digest_that_differs_fails_its_file),
          UNIT_CASE(ignores_what_comes_after_the_answer), UNIT_CASE(tells_neighbours_in_one_message),
          UNIT_CASE(leaves_no_part_file_when_it_is_just_freed),
          UNIT_CASE(refuses_at_once_what_a_full_disk_cannot_hold),
          UNIT_CASE(tries_larger_files_again_once_a_part_file_made_room))
