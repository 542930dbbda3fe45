/* progress: the fields of the line, what a narrow terminal loses, and a rate that follows without flicker. */
#include "cli/progress.h"
#include "unit.h"

static const struct progress_view half_way = {
    .bytes_seen = 1 << 30,
    .bytes_past = 1 << 29,
    .bytes_moved = 1 << 29,
    .objects_seen = 2003,
    .objects_past = 1203,
    .bytes_sent = 1000,
    .bytes_resent = 52,
    .is_total = true,
};

/* A meter that has seen `rate` bytes a second for a long time. */
static struct progress_meter steady(uint64_t rate) {
  struct progress_meter meter = {0};
  for (uint64_t i = 0; i < 1000; i++)
    progress_measure(&meter, NS_PER_S + i * PROGRESS_INTERVAL_NS, i * rate / 10);
  return meter;
}

static void a_wide_line_has_every_field(void) {
  struct progress_meter meter = steady(100000000);
  char text[PROGRESS_TEXT_BYTES];
  progress_line(&meter, &half_way, 200, text);
  CU_ASSERT_STRING_EQUAL(
      text, " 50%  512 MiB of 1.00 GiB  800 Mbit/s  0:05 left  1203/2003 items  5.2% sent again");
}

static void a_narrow_line_loses_whole_fields(void) {
  static const struct {
    unsigned columns;
    const char *text;
  } examples[] = {
      {83, " 50%  512 MiB of 1.00 GiB  800 Mbit/s  0:05 left  1203/2003 items  5.2% sent again"},
      {82, " 50%  512 MiB of 1.00 GiB  800 Mbit/s  0:05 left  1203/2003 items"},
      {50, " 50%  512 MiB of 1.00 GiB  800 Mbit/s  0:05 left"},
      {39, " 50%  512 MiB of 1.00 GiB  800 Mbit/s"},
      {37, " 50%  512 MiB of 1.00 GiB"},
      {5, " 50%"},
      {4, ""},
  };
  struct progress_meter meter = steady(100000000);
  for (size_t i = 0; i < sizeof examples / sizeof examples[0]; i++) {
    char text[PROGRESS_TEXT_BYTES];
    progress_line(&meter, &half_way, examples[i].columns, text);
    CU_ASSERT_STRING_EQUAL(text, examples[i].text);
  }
}

static void an_unknown_total_is_not_a_percentage(void) {
  struct progress_meter meter = {0};
  struct progress_view view = {.bytes_seen = 2048, .bytes_past = 1024, .objects_seen = 2, .objects_past = 1};
  char text[PROGRESS_TEXT_BYTES];
  progress_line(&meter, &view, 80, text);
  CU_ASSERT_STRING_EQUAL(text, "1.00 KiB of 2.00 KiB and more  1/2 items");
}

static void a_hundred_percent_means_done(void) {
  static const struct {
    uint64_t bytes_seen, bytes_past, objects_seen, objects_past;
    const char *begins;
  } examples[] = {
      {1000000, 999999, 5, 4, " 99%"}, {1000, 1000, 5, 4, " 99%"}, {1000, 1000, 5, 5, "100%"},
      {1000, 1200, 5, 5, "100%"},      {0, 0, 3, 1, " 99%"},       {0, 0, 3, 3, "100%"},
      {1000, 0, 5, 0, "  0%"},
  };
  struct progress_meter meter = {0};
  for (size_t i = 0; i < sizeof examples / sizeof examples[0]; i++) {
    struct progress_view view = {.bytes_seen = examples[i].bytes_seen,
                                 .bytes_past = examples[i].bytes_past,
                                 .objects_seen = examples[i].objects_seen,
                                 .objects_past = examples[i].objects_past,
                                 .is_total = true};
    char text[PROGRESS_TEXT_BYTES];
    progress_line(&meter, &view, 80, text);
    CU_ASSERT_NSTRING_EQUAL(text, examples[i].begins, 4);
  }
}

static void a_rate_follows_and_forgets(void) {
  struct progress_meter meter = {0};
  progress_measure(&meter, NS_PER_S, 0);
  progress_measure(&meter, NS_PER_S * 11 / 10, 0); /* still connecting: says nothing about the rate */
  CU_ASSERT_FALSE(meter.has_rate);
  progress_measure(&meter, NS_PER_S * 12 / 10, 1000);
  CU_ASSERT_DOUBLE_EQUAL(meter.rate_bytes_per_s, 10000, 1); /* the first counts in full */
  for (uint64_t i = 1; i <= 20; i++)                        /* a stall of two seconds */
    progress_measure(&meter, NS_PER_S * 12 / 10 + i * PROGRESS_INTERVAL_NS, 1000);
  CU_ASSERT(meter.rate_bytes_per_s > 3000 && meter.rate_bytes_per_s < 4500);
  for (uint64_t i = 1; i <= 200; i++)
    progress_measure(&meter, NS_PER_S * 32 / 10 + i * PROGRESS_INTERVAL_NS, 1000);
  CU_ASSERT(meter.rate_bytes_per_s < 1);
  double before = meter.rate_bytes_per_s;
  progress_measure(&meter, NS_PER_S, 500); /* neither time nor bytes run backwards */
  CU_ASSERT_EQUAL(meter.rate_bytes_per_s, before);
}

UNIT_MAIN(UNIT_CASE(a_wide_line_has_every_field), UNIT_CASE(a_narrow_line_loses_whole_fields),
          UNIT_CASE(an_unknown_total_is_not_a_percentage), UNIT_CASE(a_hundred_percent_means_done),
          UNIT_CASE(a_rate_follows_and_forgets))
