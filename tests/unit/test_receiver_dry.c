/* receiver: dry runs, in which no number of files is too many. */
#include "unit.h"

#include "receiver_scene.h"

enum { FILES = 100, JOBS_MAX = 16 };

static void asks_about_more_large_files_at_once_than_it_could_receive(void) {
  struct scene scene;
  scene_init_silent(&scene);
  say(&scene,
      (struct message){.type = MESSAGE_HELLO, .hello = {.version = FORMAT_VERSION, .flags = FLAG_DRY_RUN}});
  scene.takes_no_jobs = true;
  for (unsigned i = 0; i < FILES; i++) {
    char name[16];
    snprintf(name, sizeof(name), "file %u", i);
    announce(&scene, name, 2 * 1024 * 1024);
  }
  play(&scene, 50);
  CU_ASSERT_EQUAL(scene.progress.objects_seen, FILES);
  struct job *jobs[JOBS_MAX], *job;
  unsigned count = 0;
  while (count < JOBS_MAX && (job = receiver_next_job(scene.receiver)) != NULL)
    jobs[count++] = job;
  CU_ASSERT_TRUE(count > 1);
  for (unsigned i = 0; i < count; i++) {
    job_run(jobs[i]);
    receiver_on_job(scene.receiver, scene.pair.now_ns, jobs[i]);
  }
  scene.takes_no_jobs = false;
  play(&scene, 50);
  unsigned told = 0;
  for (unsigned i = 0; i < scene.answers_count; i++) {
    CU_ASSERT_EQUAL_FATAL(scene.answers[i].type, MESSAGE_RESULT);
    CU_ASSERT_EQUAL(scene.answers[i].result.status, RESULT_WOULD);
    told += (unsigned)scene.answers[i].result.count;
  }
  CU_ASSERT_EQUAL(told, FILES);
  CU_ASSERT_FALSE(scene.is_closed);
  scene_free(&scene);
}

UNIT_MAIN(UNIT_CASE(asks_about_more_large_files_at_once_than_it_could_receive))
