/* units: what is typed is understood exactly, what is shown is rounded and never misleading. */
#include "cli/units.h"
#include "unit.h"

static void rates_say_bits_or_bytes(void) {
  static const struct {
    const char *text;
    uint64_t bytes_per_s;
  } examples[] = {
      {"800Mbit", 100000000},    {"800Mbit/s", 100000000}, {"100MB", 100000000},
      {"100MiB", 104857600},     {"1Gbit", 125000000},     {"1.5Gbit", 187500000},
      {"64kB", 64000},           {"64KB", 64000},          {"64KiB", 65536},
      {"64kiB/s", 65536},        {"0.5MiB", 524288},       {"8000bit", 1000},
      {"1000B", 1000},           {"8kbit", 1000},          {"10GB", 10000000000},
      {"1GiB", 1073741824},      {"0.000001GB", 1000},     {"8000Gbit", 1000000000000},
      {"1.0000009Mbit", 125000},
  };
  for (size_t i = 0; i < sizeof examples / sizeof examples[0]; i++) {
    uint64_t rate = 0;
    CU_ASSERT_PTR_NULL(rate_parse(examples[i].text, &rate));
    CU_ASSERT_EQUAL(rate, examples[i].bytes_per_s);
  }
}

static void rates_without_sense_are_refused(void) {
  static const struct {
    const char *text, *complaint; /* a part of it */
  } examples[] = {
      {"800", "bits or bytes"},
      {"800M", "bits or bytes"},
      {"1.5", "bits or bytes"},
      {"", "not a rate"},
      {"fast", "not a rate"},
      {"-5Mbit", "not a rate"},
      {".", "not a rate"},
      {" 5MB", "not a rate"},
      {"Mbit", "not a rate"},
      {"5mbit", "unknown unit"},
      {"5Mb", "unknown unit"},
      {"5Mibit", "unknown unit"},
      {"5 MB", "unknown unit"},
      {"5TB", "unknown unit"},
      {"1.2.3MB", "unknown unit"},
      {"5MB/m", "unknown unit"},
      {"0.5B", "too little"},
      {"0Gbit", "too little"},
      {"7bit", "too little"},
      {"8001Gbit", "too large"},
      {"1001GB", "too large"},
      {"99999999999999999999GB", "too large"},
      {"18446744073709GiB", "too large"},
  };
  for (size_t i = 0; i < sizeof examples / sizeof examples[0]; i++) {
    uint64_t rate = 0;
    const char *complaint = rate_parse(examples[i].text, &rate);
    CU_ASSERT_PTR_NOT_NULL(complaint);
    CU_ASSERT_PTR_NOT_NULL(strstr(complaint ? complaint : "", examples[i].complaint));
  }
}

static void sizes_have_three_digits(void) {
  static const struct {
    uint64_t bytes;
    const char *text;
  } examples[] = {
      {0, "0 bytes"},           {1, "1 byte"},          {1023, "1023 bytes"},
      {1024, "1.00 KiB"},       {1536, "1.50 KiB"},     {10239, "10.0 KiB"},
      {102399, "100 KiB"},      {1048575, "1024 KiB"},  {1048576, "1.00 MiB"},
      {1288490189, "1.20 GiB"}, {67108864, "64.0 MiB"}, {1099511627776, "1.00 TiB"},
      {UINT64_MAX, "16.0 EiB"},
  };
  for (size_t i = 0; i < sizeof examples / sizeof examples[0]; i++) {
    char text[UNITS_TEXT_BYTES];
    CU_ASSERT_STRING_EQUAL(size_text(examples[i].bytes, text), examples[i].text);
  }
}

static void rates_are_shown_in_bits(void) {
  static const struct {
    uint64_t bytes_per_s;
    const char *text;
  } examples[] = {
      {0, "0 bit/s"},
      {124, "992 bit/s"},
      {125, "1.00 kbit/s"},
      {101500000, "812 Mbit/s"},
      {124937499, "999 Mbit/s"},
      {125000000, "1.00 Gbit/s"},
      {1250000000, "10.0 Gbit/s"},
      {UINT64_MAX / 8, "18446744 Tbit/s"},
  };
  for (size_t i = 0; i < sizeof examples / sizeof examples[0]; i++) {
    char text[UNITS_TEXT_BYTES];
    CU_ASSERT_STRING_EQUAL(rate_text(examples[i].bytes_per_s, text), examples[i].text);
  }
}

static void durations_grow_coarser(void) {
  static const struct {
    uint64_t ms;
    const char *text, *clock;
  } examples[] = {
      {0, "0.00 s", "0:00"},
      {417, "0.42 s", "0:00"},
      {9994, "9.99 s", "0:09"},
      {9995, "10.0 s", "0:09"},
      {12345, "12.3 s", "0:12"},
      {59949, "59.9 s", "0:59"},
      {59950, "1 min 00 s", "0:59"},
      {245000, "4 min 05 s", "4:05"},
      {3599000, "59 min 59 s", "59:59"},
      {3723000, "1 h 02 min", "1:02:03"},
      {360000000, "100 h 00 min", "days"},
  };
  for (size_t i = 0; i < sizeof examples / sizeof examples[0]; i++) {
    char text[UNITS_TEXT_BYTES];
    CU_ASSERT_STRING_EQUAL(duration_text(examples[i].ms * NS_PER_MS, text), examples[i].text);
    CU_ASSERT_STRING_EQUAL(clock_text(examples[i].ms * NS_PER_MS, text), examples[i].clock);
  }
}

static void numbers_are_digits_within_bounds(void) {
  static const struct {
    const char *text;
    bool is_number;
  } examples[] = {
      {"5", true},    {"10", true},
      {"7", true},    {"007", true},
      {"4", false},   {"11", false},
      {"", false},    {"5 ", false},
      {" 5", false},  {"+5", false},
      {"-5", false},  {"0x5", false},
      {"5.0", false}, {"18446744073709551621", false}, /* 5 more than 64 bits hold */
  };
  for (size_t i = 0; i < sizeof examples / sizeof examples[0]; i++) {
    uint64_t value = 99;
    CU_ASSERT_EQUAL(number_parse(examples[i].text, 5, 10, &value), examples[i].is_number);
    CU_ASSERT_EQUAL(value == 99, !examples[i].is_number);
  }
}

static void sizes_say_their_unit(void) {
  static const struct {
    const char *text;
    uint64_t bytes;
  } good[] = {{"1B", 1},       {"500MB", 500000000},   {"1.5GiB", 1610612736},    {"2kB", 2000},
              {"0.5KiB", 512}, {"3TB", 3000000000000}, {"4194304TiB", 1ull << 62}};
  static const struct {
    const char *text, *complaint;
  } bad[] = {
      {"", "is not a size"},
      {"much", "is not a size"},
      {"-1MB", "is not a size"},
      {"100", "does not say its unit"},
      {"1Mbit", "unknown unit"},
      {"1 MB", "unknown unit"},
      {"1MB/s", "unknown unit"},
      {"0GB", "too little"},
      {"0.0000001MB", "too little"},
      {"4194305TiB", "too large"},
      {"20000000000000B", "too large"},
  };
  for (size_t i = 0; i < sizeof good / sizeof good[0]; i++) {
    uint64_t bytes = 0;
    CU_ASSERT_PTR_NULL(size_parse(good[i].text, &bytes));
    CU_ASSERT_EQUAL(bytes, good[i].bytes);
  }
  for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
    uint64_t bytes = 0;
    const char *complaint = size_parse(bad[i].text, &bytes);
    CU_ASSERT_PTR_NOT_NULL(strstr(complaint ? complaint : "", bad[i].complaint));
  }
}

UNIT_MAIN(UNIT_CASE(sizes_say_their_unit), UNIT_CASE(rates_say_bits_or_bytes),
          UNIT_CASE(rates_without_sense_are_refused), UNIT_CASE(sizes_have_three_digits),
          UNIT_CASE(rates_are_shown_in_bits), UNIT_CASE(durations_grow_coarser),
          UNIT_CASE(numbers_are_digits_within_bounds))
