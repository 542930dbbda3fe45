/* judge: what a case of the catalogue says about what it measured. Each figure stands beside its bound, so
 * that a look at all of them shows how near the edge they are. */
#ifndef PATHS_JUDGE_H
#define PATHS_JUDGE_H

#include "scene.h"

struct judge {
  const char *name;
  unsigned failures;
  bool has_figures; /* print them all, not only those out of bounds */
};

/* One scenario; `kind` is what its first flow is. */
struct path_case {
  const char *name;
  void (*run)(struct judge *judge, enum flow_kind kind);
  enum flow_kind kind;
  bool is_long;
};

struct case_list {
  const struct path_case *cases;
  unsigned count;
};

#define PATH_CASE(title, function, its_kind)                                                                 \
  { .name = title, .run = function, .kind = its_kind }
#define PATH_CASES(array)                                                                                    \
  { array, sizeof(array) / sizeof((array)[0]) }

extern const struct case_list cases_alone, cases_change, cases_shared, cases_long;

void at_least(struct judge *judge, const char *what, double value, double bound);
void at_most(struct judge *judge, const char *what, double value, double bound);

#endif
