/* paths: a catalogue of paths, each crossed by real connections in simulated time, and what they must make of
 * it: how much of the rate, how much queue, what share beside others. Equal runs give equal figures.
 *
 *   paths                 all cases; ends with `paths: N passed, N failed`
 *   paths --figures       the same, every figure beside its bound
 *   paths --case NAME     one of them
 *   paths --part I/N      every N-th case, from the I-th on
 *   paths --list          their names
 *   paths --long          the cases that take minutes */
#include "judge.h"

#include <getopt.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

struct options {
  const char *name; /* NULL: all */
  bool has_figures, is_list, is_long;
  unsigned part, parts;
};

static const struct case_list *const lists[] = {&cases_alone, &cases_change, &cases_shared, &cases_long};

static void say(struct judge *judge, bool holds, const char *what, double value, const char *sign,
                double bound) {
  if (!holds) judge->failures++;
  if (!holds || judge->has_figures)
    printf("%-4s %s: %s %.4g, must be %s %.4g\n", holds ? "ok" : "FAIL", judge->name, what, value, sign,
           bound);
}

void at_least(struct judge *judge, const char *what, double value, double bound) {
  say(judge, value >= bound, what, value, "at least", bound);
}

void at_most(struct judge *judge, const char *what, double value, double bound) {
  say(judge, value <= bound, what, value, "at most", bound);
}

static bool is_chosen(const struct options *options, const struct path_case *one, unsigned index) {
  if (options->name) return strcmp(options->name, one->name) == 0;
  return one->is_long == options->is_long && index % options->parts + 1 == options->part;
}

static bool run_one(const struct options *options, const struct path_case *one) {
  struct judge judge = {.name = one->name, .has_figures = options->has_figures};
  clock_t from = clock();
  one->run(&judge, one->kind);
  if (options->has_figures)
    printf("     %s: %.2f s of CPU\n", one->name, (double)(clock() - from) / CLOCKS_PER_SEC);
  fflush(stdout);
  return judge.failures == 0;
}

static int run_all(const struct options *options) {
  unsigned passed = 0, failed = 0, index = 0;
  for (unsigned i = 0; i < sizeof(lists) / sizeof(lists[0]); i++)
    for (unsigned k = 0; k < lists[i]->count; k++, index++) {
      const struct path_case *one = &lists[i]->cases[k];
      if (!is_chosen(options, one, index)) continue;
      if (options->is_list)
        printf("%s\n", one->name);
      else if (run_one(options, one))
        passed++;
      else
        failed++;
    }
  if (options->is_list) return 0;
  printf("paths: %u passed, %u failed\n", passed, failed);
  return failed > 0 || passed == 0;
}

static bool parse(int argc, char **argv, struct options *options) {
  static const struct option known[] = {
      {"figures", no_argument, NULL, 'f'},    {"list", no_argument, NULL, 'l'},
      {"case", required_argument, NULL, 'c'}, {"part", required_argument, NULL, 'p'},
      {"long", no_argument, NULL, 'L'},       {0},
  };
  int option;
  char rest;
  while ((option = getopt_long(argc, argv, "", known, NULL)) != -1) {
    if (option == 'f') options->has_figures = true;
    if (option == 'l') options->is_list = true;
    if (option == 'L') options->is_long = true;
    if (option == 'c') options->name = optarg;
    if (option == 'p' && (sscanf(optarg, "%u/%u%c", &options->part, &options->parts, &rest) != 2 ||
                          options->part < 1 || options->part > options->parts))
      return false;
    if (option == '?') return false;
  }
  return optind == argc;
}

int main(int argc, char **argv) {
  struct options options = {.part = 1, .parts = 1};
  if (parse(argc, argv, &options)) return run_all(&options);
  fprintf(stderr, "usage: paths [--figures] [--list] [--case NAME] [--part I/N] [--long]\n");
  return 1;
}
