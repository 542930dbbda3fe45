#include "judge.h"
const struct case_list cases_change = {0};
