/* gain: work is divided while that takes less time, with a margin; one slow batch changes nothing; the longer
 * it has not paid, the seldomer it is tried. */
#include "cli/gain.h"
#include "unit.h"

struct course {
  unsigned shared, alone, trials;
};

/* `batches` of them, which take so long alone and shared. */
static struct course run(struct gain *gain, unsigned batches, uint64_t alone_ns, uint64_t shared_ns) {
  struct course course = {0};
  bool before = gain_wants(gain);
  for (unsigned i = 0; i < batches; i++) {
    bool is_shared = gain_wants(gain);
    course.shared += is_shared;
    course.alone += !is_shared;
    course.trials += is_shared && !before;
    before = is_shared;
    uint64_t ns = is_shared ? shared_ns : alone_ns;
    gain_note(gain, 65536, i % 5 == 4 ? 20 * ns : ns); /* now and then a thread loses its processor */
  }
  return course;
}

static void begins_alone(void) {
  struct gain gain = {0};
  CU_ASSERT_FALSE(gain_wants(&gain));
  CU_ASSERT_EQUAL(run(&gain, GAIN_SAMPLES, 30000, 10000).shared, 0);
}

static void what_pays_is_kept(void) {
  struct gain gain = {0};
  struct course course = run(&gain, 20000, 30000, 20000);
  CU_ASSERT(course.shared > 19000);
}

static void what_does_not_pay_is_tried_ever_more_seldom(void) {
  struct gain gain = {0};
  struct course first = run(&gain, 20000, 30000, 28000); /* within the margin */
  CU_ASSERT(first.shared < 200 && first.trials >= 4);
  struct course later = run(&gain, 20000, 30000, 90000);
  CU_ASSERT(later.trials >= 4 && later.trials <= 6 && later.shared <= 6 * GAIN_SAMPLES);
}

/* One that was lucky once is not trusted for long. */
static void one_good_trial_costs_little(void) {
  struct gain gain = {0};
  (void)run(&gain, 20000, 30000, 60000);
  while (!gain_wants(&gain))
    gain_note(&gain, 65536, 30000);
  CU_ASSERT_EQUAL(run(&gain, GAIN_SAMPLES, 30000, 10000).shared, GAIN_SAMPLES);
  CU_ASSERT(run(&gain, 2000, 30000, 60000).shared <= 100);
}

/* Processors become free, and are wanted by others again. */
static void it_follows_a_change(void) {
  struct gain gain = {0};
  (void)run(&gain, 20000, 30000, 60000);
  (void)run(&gain, 5000, 30000, 15000);
  CU_ASSERT(run(&gain, 20000, 30000, 15000).shared > 19000);
  CU_ASSERT(run(&gain, 20000, 30000, 60000).shared < 4500);
}

UNIT_MAIN(UNIT_CASE(begins_alone), UNIT_CASE(what_pays_is_kept),
          UNIT_CASE(what_does_not_pay_is_tried_ever_more_seldom), UNIT_CASE(one_good_trial_costs_little),
          UNIT_CASE(it_follows_a_change))
