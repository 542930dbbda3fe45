/* transfer_check: what must hold of a transfer_run, however it ended. Include after unit.h. */
#ifndef TRANSFER_CHECK_H
#define TRANSFER_CHECK_H

#include "transfer_run.h"

/* What holds however a run ended. */
static inline void check_run(struct run *run) {
  CU_ASSERT_EQUAL(run->sink.part_count, 0);
  for (unsigned i = 0; i < run->sink.count; i++) {
    const struct memory_file *file = &run->sink.files[i];
    bool same = true;
    for (uint64_t at = 0; file->final && at < file->entry.size; at++)
      same = same && file->final[at] == memory_byte(&run->source.files[i], at);
    CU_ASSERT_TRUE(same);
    if (file->entry.kind == ENTRY_FILE && file->order > 0) CU_ASSERT_EQUAL(file->entry.mtime_ns, 123456789);
  }
  for (int end = 0; end < 2; end++) {
    const struct end_state *state = &run->ends[end];
    const struct progress *progress = &state->progress;
    CU_ASSERT_EQUAL(progress->objects_done, state->reports[REPORT_COMMITTED] + state->reports[REPORT_WOULD]);
    CU_ASSERT_EQUAL(progress->objects_had, state->reports[REPORT_HAVE]);
    CU_ASSERT_EQUAL(progress->objects_failed, state->reports[REPORT_FAILED]);
  }
}

/* What holds of a run that came to its end. */
static inline void check_complete(struct run *run) {
  check_run(run);
  for (int end = 0; end < 2; end++) {
    const struct progress *progress = &run->ends[end].progress;
    CU_ASSERT_EQUAL(progress->outcome, OUTCOME_COMPLETE);
    if (progress->outcome != OUTCOME_COMPLETE)
      printf("outcome %d: %s\n", progress->outcome, progress->reason);
    CU_ASSERT_TRUE(progress->walk_done);
    CU_ASSERT_EQUAL(progress->objects_seen,
                    progress->objects_done + progress->objects_had + progress->objects_failed);
  }
}

#endif
