/* files_check: what both sides say about every file, against what the sink really holds. */
#include "check.h"
#include "tree.h"

#include <string.h>

/* ---- what is said ---- */

void tree_on_report(struct tree *tree, enum side side, const struct report *report) {
  struct tree_file *file = tree_find(tree, report->entry.name, report->entry.name_size);
  if (!require(tree->verdict, file != NULL, "reports speak of what there is", "%.*s",
               (int)report->entry.name_size, (const char *)report->entry.name))
    return;
  bool is_hidden = tree->scenario->fault == FAULT_NO_REPORT && side == CLIENT && file->number == 3;
  if (is_hidden) return;
  require(tree->verdict, file->said[side].count++ == 0, "each object is reported once",
          "file %u by the %s again", file->number, side == CLIENT ? "client" : "server");
  file->said[side].kind = report->kind;
  file->said[side].error = report->error;
  file->said[side].at_source = report->at_source;
  bool is_named = report->kind == REPORT_COMMITTED && side == CLIENT;
  require(tree->verdict, !is_named || file->stand == STAND_FINAL, "what is reported committed is there",
          "file %u", file->number);
}

void tree_on_outcome(struct tree *tree, enum side side, const struct progress *progress) {
  tree->progress[side] = *progress;
  tree->has_progress[side] = true;
}

/* ---- what should be said ---- */

struct expected {
  enum report_kind kind;
  int error; /* REPORT_FAILED */
  bool at_source;
};

static struct expected failure(int error, bool at_source) {
  return (struct expected){REPORT_FAILED, error, at_source};
}

static struct expected expect_folder(const struct tree_file *file, bool dry) {
  if (file->fate == FATE_UNREADABLE) return failure(ERR_DENIED, true);
  if (file->fate == FATE_SINK_DENIED || file->fate == FATE_EXISTS) return failure(ERR_DENIED, false);
  if (file->fate == FATE_HAVE) return (struct expected){.kind = REPORT_HAVE};
  return (struct expected){.kind = dry ? REPORT_WOULD : REPORT_COMMITTED};
}

static struct expected expect_file(const struct tree_file *file, bool dry) {
  const struct expected fine = {.kind = dry ? REPORT_WOULD : REPORT_COMMITTED};
  switch (file->fate) {
  case FATE_HAVE:
    return (struct expected){.kind = REPORT_HAVE};
  case FATE_EXISTS:
    return failure(ERR_EXISTS, false);
  case FATE_UNREADABLE:
    return failure(ERR_DENIED, true);
  case FATE_SINK_DENIED:
    return failure(ERR_DENIED, false);
  case FATE_OPEN_DENIED:
    return dry ? fine : failure(ERR_DENIED, true);
  case FATE_OPEN_CHANGED:
  case FATE_REWRITTEN:
    return dry ? fine : failure(ERR_CHANGED, true);
  case FATE_READ_ERROR:
    return dry || file->size == 0 ? fine : failure(ERR_IO, true);
  case FATE_SHORTENED:
    return dry || file->size == 0 ? fine : failure(ERR_CHANGED, true);
  case FATE_WRITE_ERROR:
    return dry || file->size == 0 ? fine : failure(ERR_IO, false);
  case FATE_COMMIT_ERROR:
    return dry ? fine : failure(ERR_IO, false);
  case FATE_FINE:
  case FATES:
    break;
  }
  return fine;
}

/* Both sides can be right: whichever trouble comes first. */
static bool is_allowed(const struct tree *tree, const struct tree_file *file, enum side side) {
  bool dry = tree->plan->dry_run;
  struct expected expected = file->kind == ENTRY_FILE ? expect_file(file, dry) : expect_folder(file, dry);
  if (file->said[side].kind == REPORT_FAILED && file->said[side].error == ERR_DISK_FULL)
    return tree->plan->sink_bytes_max > 0 && !file->said[side].at_source;
  if (file->said[side].kind != expected.kind) return false;
  return expected.kind != REPORT_FAILED ||
         (file->said[side].error == expected.error && file->said[side].at_source == expected.at_source);
}

static void check_said(const struct tree *tree, const struct tree_file *file, enum side side) {
  const char *who = side == CLIENT ? "client" : "server";
  /* What the walk could not look at is never announced. */
  uint32_t times = side == SERVER && file->fate == FATE_UNREADABLE ? 0 : 1;
  require(tree->verdict, file->said[side].count == times, "each object is reported once",
          "file %u by the %s: %u times", file->number, who, file->said[side].count);
  if (times == 0) return;
  require(tree->verdict, is_allowed(tree, file, side), "reports say what happened",
          "file %u (fate %d, %llu bytes) by the %s: kind %d, %s%s", file->number, (int)file->fate,
          (unsigned long long)file->size, who, (int)file->said[side].kind, error_text(file->said[side].error),
          file->said[side].at_source ? " at the source" : "");
}

/* ---- what there is ---- */

static void check_stand(const struct tree *tree, const struct tree_file *file, bool is_sink_alive) {
  for (enum side side = CLIENT; side < SIDES; side++) {
    bool is_committed = file->said[side].count > 0 && file->said[side].kind == REPORT_COMMITTED;
    bool has_failed = file->said[side].count > 0 && file->said[side].kind == REPORT_FAILED;
    require(tree->verdict, !is_committed || file->stand == STAND_FINAL, "what is reported committed is there",
            "file %u, by the %s", file->number, side == CLIENT ? "client" : "server");
    require(tree->verdict, !has_failed || file->stand != STAND_FINAL, "what failed has no final name",
            "file %u", file->number);
  }
  bool is_whole = file->kind == ENTRY_FOLDER || file->written == file->size;
  require(tree->verdict, file->stand != STAND_FINAL || is_whole, "only what is whole gets its name",
          "file %u", file->number);
  require(tree->verdict, !is_sink_alive || file->stand != STAND_PART, "no part file is left", "file %u",
          file->number);
}

/* Of a machine that was switched off nobody asks it. */
static void check_closed(const struct tree *tree, const struct tree_file *file) {
  require(tree->verdict, file->opens == 0, "all files are closed", "file %u at the source", file->number);
}

/* ---- the sums ---- */

static void check_sums(const struct tree *tree, enum side side) {
  const struct progress *progress = &tree->progress[side];
  uint64_t said[4] = {0}, bytes_done = 0, seen = 0, bytes_seen = 0;
  for (uint32_t i = 0; i < tree->count; i++) {
    const struct tree_file *file = &tree->files[i];
    if (file->said[side].count == 0) continue;
    enum report_kind kind = file->said[side].kind;
    said[kind]++;
    seen++;
    if (file->fate != FATE_UNREADABLE) bytes_seen += file->size;
    if (kind == REPORT_COMMITTED || kind == REPORT_HAVE) bytes_done += file->size;
  }
  const char *who = side == CLIENT ? "client" : "server";
  require(tree->verdict,
          progress->objects_seen == seen &&
              progress->objects_done == said[REPORT_COMMITTED] + said[REPORT_WOULD] &&
              progress->objects_had == said[REPORT_HAVE] && progress->objects_failed == said[REPORT_FAILED],
          "the counts add up", "%s: %llu seen, %llu done, %llu had, %llu failed; reported %llu", who,
          (unsigned long long)progress->objects_seen, (unsigned long long)progress->objects_done,
          (unsigned long long)progress->objects_had, (unsigned long long)progress->objects_failed,
          (unsigned long long)seen);
  require(tree->verdict,
          progress->files_done + progress->folders_done == said[REPORT_COMMITTED] && progress->walk_done &&
              progress->bytes_done == bytes_done && progress->bytes_seen == bytes_seen,
          "the counts add up", "%s: %llu of %llu bytes done, reported %llu of %llu", who,
          (unsigned long long)progress->bytes_done, (unsigned long long)progress->bytes_seen,
          (unsigned long long)bytes_done, (unsigned long long)bytes_seen);
}

static void check_outcome(const struct tree *tree, const struct end *end) {
  enum side side = end->side;
  const struct progress *progress = &tree->progress[side];
  if (!require(tree->verdict, tree->has_progress[side], "every session has an outcome", "%s has none",
               side == CLIENT ? "client" : "server"))
    return;
  require(tree->verdict, progress->outcome != OUTCOME_RUNNING, "every session has an outcome", "it runs on");
  require(tree->verdict, progress->outcome != OUTCOME_PROTOCOL || tree->scenario->mended_permille > 0,
          "nobody breaks the protocol", "%s: \"%s\"", side == CLIENT ? "client" : "server", progress->reason);
  if (progress->outcome != OUTCOME_COMPLETE) return;
  check_sums(tree, side);
  for (uint32_t i = 0; i < tree->count && tree->scenario->mended_permille == 0; i++)
    check_said(tree, &tree->files[i], side);
}

void tree_check(struct tree *tree, const struct world *world, unsigned number) {
  const struct client *client = &world->client[number];
  const struct end *end = client->end, *partner = client->partner;
  bool is_sink_alive = !world->is_dead[SERVER];
  if (end && !world->is_dead[CLIENT]) check_outcome(tree, end);
  if (partner && is_sink_alive) check_outcome(tree, partner);
  for (uint32_t i = 0; i < tree->count; i++) {
    check_stand(tree, &tree->files[i], is_sink_alive);
    if (!world->is_dead[CLIENT]) check_closed(tree, &tree->files[i]);
  }
  if (world->scenario->expect != EXPECT_COMPLETE || !partner || client->has_moved_early) return;
  require(tree->verdict, tree->progress[CLIENT].outcome == OUTCOME_COMPLETE, "everybody ends well",
          "client: outcome %d, \"%s\"", (int)tree->progress[CLIENT].outcome, tree->progress[CLIENT].reason);
  bool is_complete = tree->progress[SERVER].outcome == OUTCOME_COMPLETE;
  require(tree->verdict, is_complete || check_missed_the_end(world, partner, end), "everybody ends well",
          "server: outcome %d, \"%s\"", (int)tree->progress[SERVER].outcome, tree->progress[SERVER].reason);
}
