#include "judge.h"
const struct case_list cases_long = {0};
