/* cases: scenarios with a name: situations that must work whatever the dice say, and planted faults. */
#ifndef SIM_CASES_H
#define SIM_CASES_H

#include "scenario.h"

/* The case of that number; false when there is none. */
bool case_make(unsigned number, struct scenario *scenario);
/* Names of all cases, on stderr. */
void cases_list(void);
/* A scenario in which the fault must be found. */
void fault_make(enum fault fault, struct scenario *scenario);

#endif
