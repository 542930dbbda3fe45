/* sim: runs the protocol in a world made of a seed, thousands of times, and asks each time whether it kept
 * what it promises. A failing seed is printed and replays identically.
 *
 *   sim --seeds N [--first S]       named cases, planted faults, then N drawn scenarios
 *   sim --seed S [--trace]          one of them, told in detail
 *   sim --case NAME [--trace]       one named case; --drop up:N, --drop down:N lose a datagram of it
 *   sim --self-test                 the planted faults only: is each one found?
 *   --layer conn|transfer           only this one; else even seeds are conn, odd ones transfer */
#include "cases.h"
#include "sweep.h"
#include "world.h"

#include <getopt.h>
#include <inttypes.h>
#include <setjmp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { FAILURES_SHOWN_MAX = 100 };

struct options {
  uint64_t seeds, first, seed;
  bool has_seed, trace, self_test, cases_only;
  const char *name;
  int layer; /* -1: both */
  struct drop drops[DROPS_MAX];
  unsigned drop_count;
};

static struct {
  unsigned passed, failed;
  struct outcome_counts counts;
} totals;

/* ---- assertions: the run ends there, the others go on ---- */

static sigjmp_buf abort_jump;
static volatile sig_atomic_t is_guarded;
static char running[160]; /* the run that is on, as its failure would be told */

static void on_abort(int number) {
  (void)number;
  if (is_guarded) siglongjmp(abort_jump, 1);
}

/* Sanitizers leave without a word to us but this one. */
void __sanitizer_set_death_callback(void (*callback)(void)) __attribute__((weak));

static void on_death(void) {
  if (write(STDOUT_FILENO, running, strlen(running)) < 0) _exit(1);
}

static void guarded_run(const struct scenario *scenario, bool trace, struct verdict *verdict) {
  if (sigsetjmp(abort_jump, 1) == 0) {
    is_guarded = 1;
    world_run(scenario, trace, verdict, &totals.counts);
  } else {
    require(verdict, false, "no assertion fails", "see stderr");
  }
  is_guarded = 0;
}

static void sweep_one(const struct scenario *scenario, struct verdict *verdict, uint64_t sent[WAYS]) {
  struct outcome_counts before = totals.counts;
  guarded_run(scenario, false, verdict);
  sent[UP] = totals.counts.first_sent[UP] - before.first_sent[UP];
  sent[DOWN] = totals.counts.first_sent[DOWN] - before.first_sent[DOWN];
}

/* ---- runs ---- */

static void judge(const struct scenario *scenario, const struct options *options, const char *label,
                  const char *replay) {
  struct verdict verdict = {0};
  snprintf(running, sizeof(running), "FAIL %s: a sanitizer stopped it (replay: build/sim %s --trace)\n",
           label, replay);
  struct outcome_counts before = totals.counts;
  guarded_run(scenario, options->trace, &verdict);
  if (options->has_seed || options->name)
    printf("%s: %" PRIu64 " datagrams, %" PRIu64 " lost, %" PRIu64 " steps, %.3f simulated s\n", label,
           totals.counts.datagrams - before.datagrams, totals.counts.lost - before.lost,
           totals.counts.steps - before.steps,
           (double)(totals.counts.simulated_ns - before.simulated_ns) / 1e9);
  if (!verdict.failed) {
    totals.passed++;
    return;
  }
  totals.failed++;
  if (totals.failed <= FAILURES_SHOWN_MAX)
    printf("FAIL %s: %s (replay: build/sim %s --trace)\n", label, verdict.text, replay);
  fflush(stdout);
}

static void run_seed(const struct options *options, uint64_t seed) {
  struct scenario *scenario = malloc(sizeof(*scenario));
  enum layer layer = options->layer >= 0 ? (enum layer)options->layer : (enum layer)(seed % 2);
  char label[64], replay[96];
  if (!scenario) abort();
  scenario_draw(scenario, seed, layer);
  snprintf(label, sizeof(label), "seed %" PRIu64, seed);
  const char *flag = options->layer < 0             ? ""
                     : options->layer == LAYER_CONN ? " --layer conn"
                                                    : " --layer transfer";
  snprintf(replay, sizeof(replay), "--seed %" PRIu64 "%s", seed, flag);
  judge(scenario, options, label, replay);
  free(scenario);
}

/* The case with some datagrams missing; without --drop, with all the ones and twos of them. */
static void run_sweep(const struct options *options, struct scenario *scenario, const char *label) {
  struct verdict verdict = {0};
  snprintf(running, sizeof(running), "FAIL %s: a sanitizer stopped it\n", label);
  unsigned runs = sweep_run(scenario, &verdict, sweep_one);
  if (options->name) printf("%s: %u runs\n", label, runs);
  if (!verdict.failed) {
    totals.passed++;
    return;
  }
  totals.failed++;
  printf("FAIL %s: %s (replay: build/sim --case %s --trace", label, verdict.text, scenario->name);
  for (unsigned i = 0; i < scenario->drop_count; i++)
    printf(" --drop %s:%" PRIu64, scenario->drops[i].way == UP ? "up" : "down", scenario->drops[i].index);
  printf(")\n");
}

static void run_cases(const struct options *options) {
  struct scenario *scenario = malloc(sizeof(*scenario));
  if (!scenario) abort();
  bool is_known = false;
  for (unsigned i = 0; case_make(i, scenario); i++) {
    if (options->name && strcmp(options->name, scenario->name) != 0) continue;
    if (options->layer >= 0 && (int)scenario->layer != options->layer) continue;
    is_known = true;
    char label[64], replay[96];
    snprintf(label, sizeof(label), "case %s", scenario->name);
    snprintf(replay, sizeof(replay), "--case %s", scenario->name);
    if (strncmp(scenario->name, "sweep-", 6) == 0 && options->drop_count == 0 && !options->trace) {
      run_sweep(options, scenario, label);
      continue;
    }
    memcpy(scenario->drops, options->drops, sizeof(options->drops));
    scenario->drop_count = options->drop_count;
    judge(scenario, options, label, replay);
  }
  free(scenario);
  if (is_known || !options->name) return;
  fprintf(stderr, "sim: there is no case '%s'; these are:", options->name);
  cases_list();
  exit(1);
}

/* Each fault must be found; so must nothing be found in the same scenario without it. */
static void run_self_test(const struct options *options) {
  struct scenario *scenario = malloc(sizeof(*scenario));
  if (!scenario) abort();
  for (enum fault fault = FAULT_NONE + 1; fault < FAULTS; fault++) {
    fault_make(fault, scenario);
    if (options->layer >= 0 && (int)scenario->layer != options->layer) continue;
    struct verdict found = {0}, clear = {0};
    guarded_run(scenario, false, &found);
    scenario->fault = FAULT_NONE;
    scenario->drop_count = 0;
    guarded_run(scenario, false, &clear);
    if (options->self_test) printf("%-24s %s\n", scenario->name, found.failed ? found.text : "NOT FOUND");
    if (!found.failed) printf("FAIL fault %s: planted and not found\n", scenario->name);
    if (clear.failed) printf("FAIL fault %s: found where none is: %s\n", scenario->name, clear.text);
    if (found.failed && !clear.failed)
      totals.passed++;
    else
      totals.failed++;
  }
  free(scenario);
}

/* ---- the command line ---- */

static int usage(void) {
  fprintf(stderr, "usage: sim [--seeds N] [--first S] [--seed S] [--case NAME] [--self-test] [--trace]\n"
                  "           [--layer conn|transfer] [--drop up:N|down:N]\n");
  return 1;
}

static bool parse_drop(const char *text, struct options *options) {
  const char *colon = strchr(text, ':');
  if (!colon || options->drop_count == DROPS_MAX) return false;
  bool is_up = strncmp(text, "up:", 3) == 0;
  if (!is_up && strncmp(text, "down:", 5) != 0) return false;
  options->drops[options->drop_count++] = (struct drop){is_up ? UP : DOWN, strtoull(colon + 1, NULL, 10)};
  return true;
}

static bool parse(int argc, char **argv, struct options *options) {
  static const struct option known[] = {
      {"seeds", required_argument, NULL, 'n'},
      {"first", required_argument, NULL, 'f'},
      {"seed", required_argument, NULL, 's'},
      {"case", required_argument, NULL, 'c'},
      {"layer", required_argument, NULL, 'l'},
      {"self-test", no_argument, NULL, 't'},
      {"trace", no_argument, NULL, 'v'},
      {"drop", required_argument, NULL, 'd'},
      {0},
  };
  int option;
  while ((option = getopt_long(argc, argv, "", known, NULL)) != -1) {
    switch (option) {
    case 'n':
      options->seeds = strtoull(optarg, NULL, 0);
      break;
    case 'f':
      options->first = strtoull(optarg, NULL, 0);
      break;
    case 's':
      options->seed = strtoull(optarg, NULL, 0);
      options->has_seed = true;
      break;
    case 'c':
      options->name = optarg;
      break;
    case 'l':
      options->layer = strcmp(optarg, "conn") == 0       ? LAYER_CONN
                       : strcmp(optarg, "transfer") == 0 ? LAYER_TRANSFER
                                                         : -1;
      if (options->layer < 0) return false;
      break;
    case 'd':
      if (!parse_drop(optarg, options)) return false;
      break;
    case 't':
      options->self_test = true;
      break;
    case 'v':
      options->trace = true;
      break;
    default:
      return false;
    }
  }
  return optind == argc;
}

int main(int argc, char **argv) {
  struct options options = {.seeds = 200, .first = 1, .layer = -1};
  if (!parse(argc, argv, &options)) return usage();
  struct sigaction action = {.sa_handler = on_abort, .sa_flags = SA_NODEFER};
  sigaction(SIGABRT, &action, NULL);
  if (__sanitizer_set_death_callback) __sanitizer_set_death_callback(on_death);
  if (options.has_seed) {
    run_seed(&options, options.seed);
  } else if (options.name) {
    run_cases(&options);
  } else if (options.self_test) {
    run_self_test(&options);
  } else {
    run_cases(&options);
    run_self_test(&options);
    for (uint64_t i = 0; i < options.seeds; i++)
      run_seed(&options, options.first + i);
  }
  printf("sim: %u passed, %u failed\n", totals.passed, totals.failed);
  return totals.failed > 0 || totals.passed == 0;
}
