/* figures: units for the congestion controllers' tests, and a print of what they measured, which shows with
 * -DUNIT_FIGURES (make EXTRA_CFLAGS=-DUNIT_FIGURES tests). */
#ifndef UNIT_FIGURES_H
#define UNIT_FIGURES_H

#include "udpcp/base.h"

#define MS NS_PER_MS
#define US NS_PER_US
#define MBIT 125000ull /* bytes a second */

#ifdef UNIT_FIGURES
#define FIGURE(...) printf(__VA_ARGS__)
#else
#define FIGURE(...) (void)0
#endif

#endif
