/* verdict: the first property that did not hold in a run; what comes after it is not asked any more. */
#ifndef SIM_VERDICT_H
#define SIM_VERDICT_H

#include <stdbool.h>

struct verdict {
  bool failed;
  char text[320]; /* "property: what was seen" */
};

/* Notes a breach unless `holds`. Returns `holds`. */
bool require(struct verdict *verdict, bool holds, const char *property, const char *format, ...)
    __attribute__((format(printf, 4, 5)));

#endif
