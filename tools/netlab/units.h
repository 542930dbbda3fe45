/* Numbers with units as users write them: strictly, so that nothing is ever guessed. All return 0, or -1. */
#ifndef NETLAB_UNITS_H
#define NETLAB_UNITS_H

#include <stddef.h>
#include <stdint.h>

/* Each reads exactly the first `length` characters of text. Decimal fractions are fine where a unit follows.
 */
int units_time(const char *text, size_t length, uint64_t *ns);     /* 50ms: ns us ms s */
int units_rate(const char *text, size_t length, uint64_t *bps);    /* 200Mbit: bit Kbit Mbit Gbit */
int units_size(const char *text, size_t length, uint64_t *bytes);  /* 500KB: B KB MB KiB MiB */
int units_share(const char *text, size_t length, double *share);   /* 0.5%, given as 0.005 */
int units_seconds(const char *text, size_t length, uint64_t *ns);  /* 0.3: without a unit */
int units_count(const char *text, size_t length, uint64_t *count); /* a whole number */

#endif
