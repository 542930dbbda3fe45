/* Rates, sizes and times for people. Sizes are read in powers of 1024 and always say so (MiB); rates in
 * powers of ten bits, as networks are sold (Mbit/s). What a person types must say which it means: a bare
 * number is refused, because taking bits for bytes is off by eight and nobody notices. */
#include "units.h"

#include <stdio.h>
#include <string.h>

/* 8 Tbit/s; times 10^6 it still fits 64 bits. */
#define RATE_BITS_MAX 8000000000000ull
#define SIZE_BYTES_MAX (1ull << 62)

/* Three significant digits: 9.87, 98.7, 987. `value` is below 1024 * 10^3 thousandths. */
static void three_digits(uint64_t thousandths, char text[UNITS_TEXT_BYTES], const char *unit) {
  if (thousandths < 9995)
    snprintf(text, UNITS_TEXT_BYTES, "%u.%02u %s", (unsigned)((thousandths + 5) / 1000),
             (unsigned)((thousandths + 5) / 10 % 100), unit);
  else if (thousandths < 99950)
    snprintf(text, UNITS_TEXT_BYTES, "%u.%u %s", (unsigned)((thousandths + 50) / 1000),
             (unsigned)((thousandths + 50) / 100 % 10), unit);
  else
    snprintf(text, UNITS_TEXT_BYTES, "%u %s", (unsigned)((thousandths + 500) / 1000), unit);
}

const char *size_text(uint64_t bytes, char text[UNITS_TEXT_BYTES]) {
  static const char *const names[] = {"KiB", "MiB", "GiB", "TiB", "PiB", "EiB"};
  if (bytes < 1024) {
    snprintf(text, UNITS_TEXT_BYTES, "%u byte%s", (unsigned)bytes, bytes == 1 ? "" : "s");
    return text;
  }
  unsigned power = 0;
  uint64_t rest = bytes; /* in KiB-steps, so that nothing overflows */
  while (rest >= 1024 * 1024 && power < 5) {
    rest >>= 10;
    power++;
  }
  three_digits(rest * 1000 / 1024, text, names[power]);
  return text;
}

const char *rate_text(uint64_t bytes_per_s, char text[UNITS_TEXT_BYTES]) {
  static const char *const names[] = {"kbit/s", "Mbit/s", "Gbit/s", "Tbit/s"};
  uint64_t thousandths = bytes_per_s > UINT64_MAX / 8 ? UINT64_MAX : bytes_per_s * 8; /* of a kbit */
  unsigned power = 0;
  if (thousandths < 1000) {
    snprintf(text, UNITS_TEXT_BYTES, "%u bit/s", (unsigned)thousandths);
    return text;
  }
  while (thousandths >= 999500 && power < 3) {
    thousandths /= 1000;
    power++;
  }
  three_digits(thousandths, text, names[power]);
  return text;
}

const char *duration_text(uint64_t duration_ns, char text[UNITS_TEXT_BYTES]) {
  uint64_t s = (duration_ns + NS_PER_S / 2) / NS_PER_S;
  if (duration_ns < 59950 * NS_PER_MS) {
    uint64_t hundredths = (duration_ns + 5 * NS_PER_MS) / (10 * NS_PER_MS);
    if (hundredths < 1000)
      snprintf(text, UNITS_TEXT_BYTES, "%u.%02u s", (unsigned)(hundredths / 100),
               (unsigned)(hundredths % 100));
    else
      snprintf(text, UNITS_TEXT_BYTES, "%.1f s", (double)duration_ns / (double)NS_PER_S);
  } else if (s < 3600) {
    snprintf(text, UNITS_TEXT_BYTES, "%u min %02u s", (unsigned)(s / 60), (unsigned)(s % 60));
  } else {
    snprintf(text, UNITS_TEXT_BYTES, "%llu h %02u min", (unsigned long long)(s / 3600),
             (unsigned)(s / 60 % 60));
  }
  return text;
}

const char *ms_text(uint64_t ns, char text[UNITS_TEXT_BYTES]) {
  double ms = (double)ns / (double)NS_PER_MS;
  snprintf(text, UNITS_TEXT_BYTES, ms < 10 ? "%.2f ms" : ms < 100 ? "%.1f ms" : "%.0f ms", ms);
  return text;
}

const char *clock_text(uint64_t duration_ns, char text[UNITS_TEXT_BYTES]) {
  uint64_t s = duration_ns / NS_PER_S;
  if (s < 3600)
    snprintf(text, UNITS_TEXT_BYTES, "%u:%02u", (unsigned)(s / 60), (unsigned)(s % 60));
  else if (s < 100 * 3600)
    snprintf(text, UNITS_TEXT_BYTES, "%u:%02u:%02u", (unsigned)(s / 3600), (unsigned)(s / 60 % 60),
             (unsigned)(s % 60));
  else
    snprintf(text, UNITS_TEXT_BYTES, "days");
  return text;
}

/* Millionths of the decimal number at *text, which is moved past it; UINT64_MAX: too large a one. False: no
 * number. */
static bool decimal_parse(const char **text, uint64_t *millionths) {
  const char *at = *text;
  uint64_t value = 0;
  int fraction_digits = -1; /* -1: before the point */
  size_t digits = 0;
  for (; (*at >= '0' && *at <= '9') || (*at == '.' && fraction_digits < 0); at++) {
    if (*at == '.') {
      fraction_digits = 0;
      continue;
    }
    digits++;
    if (fraction_digits == 6) continue;
    value = value > UINT64_MAX / 100 ? UINT64_MAX : value * 10 + (uint64_t)(*at - '0');
    if (fraction_digits >= 0) fraction_digits++;
  }
  for (int i = fraction_digits < 0 ? 0 : fraction_digits; i < 6; i++) {
    value = value > UINT64_MAX / 10 ? UINT64_MAX : value * 10;
  }
  *text = at;
  *millionths = value;
  return digits > 0;
}

const char *rate_parse(const char *text, uint64_t *bytes_per_s) {
  static const struct {
    const char *name;
    uint64_t bits; /* in one of this unit */
  } units[] = {
      {"bit", 1},    {"kbit", 1000}, {"Kbit", 1000},   {"Mbit", 1000000},   {"Gbit", 1000000000},
      {"B", 8},      {"kB", 8000},   {"KB", 8000},     {"MB", 8000000},     {"GB", 8000000000},
      {"KiB", 8192}, {"kiB", 8192},  {"MiB", 8388608}, {"GiB", 8589934592},
  };
  uint64_t millionths, bits = 0;
  if (!decimal_parse(&text, &millionths)) return "is not a rate: write it like 800Mbit or 100MB";
  size_t size = strlen(text);
  if (size >= 2 && strcmp(text + size - 2, "/s") == 0) size -= 2;
  for (size_t i = 0; i < sizeof units / sizeof units[0]; i++)
    if (strlen(units[i].name) == size && memcmp(units[i].name, text, size) == 0) bits = units[i].bits;
  if (bits == 0)
    return size <= 1 ? "does not say bits or bytes: write it like 800Mbit or 100MB"
                     : "has an unknown unit: k, M or G with bit or B, or KiB, MiB, GiB";
  if (millionths > RATE_BITS_MAX * 1000000 / bits) return "is too large: at most 8000Gbit";
  *bytes_per_s = millionths * bits / 8000000;
  return *bytes_per_s == 0 ? "is too little: at least 1B" : NULL;
}

const char *size_parse(const char *text, uint64_t *bytes) {
  static const struct {
    const char *name;
    uint64_t bytes; /* in one of this unit */
  } units[] = {
      {"B", 1},
      {"kB", 1000},
      {"KB", 1000},
      {"MB", 1000000},
      {"GB", 1000000000},
      {"TB", 1000000000000},
      {"kiB", 1ull << 10},
      {"KiB", 1ull << 10},
      {"MiB", 1ull << 20},
      {"GiB", 1ull << 30},
      {"TiB", 1ull << 40},
  };
  uint64_t millionths, unit = 0;
  if (!decimal_parse(&text, &millionths)) return "is not a size: write it like 500MB or 10GiB";
  for (size_t i = 0; i < sizeof units / sizeof units[0]; i++)
    if (strcmp(units[i].name, text) == 0) unit = units[i].bytes;
  if (unit == 0)
    return *text ? "has an unknown unit: B, or k, M, G or T with B or iB"
                 : "does not say its unit: write it like 500MB or 10GiB";
  uint64_t whole = millionths / 1000000, part = millionths % 1000000;
  if (millionths == UINT64_MAX || whole > SIZE_BYTES_MAX / unit) return "is too large";
  *bytes = whole * unit + part * unit / 1000000;
  return *bytes == 0 ? "is too little: at least 1B" : NULL;
}

bool number_parse(const char *text, uint64_t least, uint64_t most, uint64_t *value) {
  uint64_t number = 0;
  if (!*text) return false;
  for (; *text; text++) {
    if (*text < '0' || *text > '9' || number > (UINT64_MAX - 9) / 10) return false;
    number = number * 10 + (uint64_t)(*text - '0');
  }
  if (number < least || number > most) return false;
  *value = number;
  return true;
}
