/*
 * The frame of every unit test program: a list of cases becomes one CUnit suite.
 *
 *   static void adds_in_order(void) { CU_ASSERT_EQUAL(1 + 1, 2); }
 *   UNIT_MAIN(UNIT_CASE(adds_in_order), UNIT_CASE(another))
 *
 * Each failed assertion is printed as `file:line: case: condition`; the last line is always
 * `test_x: N passed, N failed`, counted in cases, and the exit status is 0 only when none failed.
 * A case that asserts nothing could never fail, so it counts as failed.
 * With an argument, only the cases whose name contains it are run.
 */
#ifndef UNIT_H
#define UNIT_H

#include <CUnit/CUnit.h>
#include <CUnit/TestDB.h>
#include <CUnit/TestRun.h>
#include <assert.h>
#include <stdio.h>
#include <string.h>

struct unit_case {
  const char *name;
  CU_TestFunc run;
};

#define UNIT_CASE(fn)                                                                                        \
  { #fn, fn }

#define UNIT_MAIN(...)                                                                                       \
  int main(int argc, char **argv) {                                                                          \
    static const struct unit_case cases[] = {__VA_ARGS__};                                                   \
    return unit_run(__FILE__, cases, sizeof cases / sizeof cases[0], argc > 1 ? argv[1] : "");               \
  }

static unsigned unit_asserts_before;
static unsigned unit_failed;

static inline void unit_on_start(const CU_pTest test, const CU_pSuite suite) {
  (void)test, (void)suite;
  unit_asserts_before = CU_get_number_of_asserts();
}

static inline void unit_on_complete(const CU_pTest test, const CU_pSuite suite,
                                    const CU_pFailureRecord failures) {
  (void)suite;
  int has_asserted = CU_get_number_of_asserts() > unit_asserts_before;
  for (const struct CU_FailureRecord *f = failures; f; f = f->pNext)
    printf("%s:%u: %s: %s\n", f->strFileName, f->uiLineNumber, test->pName, f->strCondition);
  if (!has_asserted) printf("%s: no assertion was reached\n", test->pName);
  if (failures || !has_asserted) unit_failed++;
}

/* Returns the exit status: 0 when at least one case ran and none failed. */
static inline int unit_run(const char *file, const struct unit_case *cases, size_t count, const char *part) {
  const char *slash = strrchr(file, '/');
  const char *name = slash ? slash + 1 : file;
  int name_len = (int)strcspn(name, ".");
  setvbuf(stdout, NULL, _IOLBF, 0); /* a crash must not swallow what earlier cases said */

  assert(CU_initialize_registry() == CUE_SUCCESS);
  CU_pSuite suite = CU_add_suite(name, NULL, NULL);
  assert(suite);
  unsigned added = 0;
  for (size_t i = 0; i < count; i++) {
    if (!strstr(cases[i].name, part)) continue;
    CU_add_test(suite, cases[i].name, cases[i].run);
    assert(CU_get_error() == CUE_SUCCESS && "no case is listed twice");
    added++;
  }
  CU_set_test_start_handler(unit_on_start);
  CU_set_test_complete_handler(unit_on_complete);
  if (added) CU_run_suite(suite);
  CU_cleanup_registry();

  if (!added) printf("%.*s: no case is named like '%s'\n", name_len, name, part);
  printf("%.*s: %u passed, %u failed\n", name_len, name, added - unit_failed, unit_failed);
  return unit_failed || !added;
}

#endif
