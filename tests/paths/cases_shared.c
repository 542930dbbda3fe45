#include "judge.h"
const struct case_list cases_shared = {0};
