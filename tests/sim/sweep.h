/* sweep: a small run again and again, each time without another datagram, then without another two: wherever
 * a loss hurts, one of these runs finds it. */
#ifndef SIM_SWEEP_H
#define SIM_SWEEP_H

#include "scenario.h"
#include "verdict.h"

/* Runs all of it. On a failure `scenario` is left as it was in the run that failed. Returns how many runs
 * there were. */
unsigned sweep_run(struct scenario *scenario, struct verdict *verdict,
                   void (*run)(const struct scenario *scenario, struct verdict *verdict,
                               uint64_t sent[WAYS]));

#endif
