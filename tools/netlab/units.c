/*
 * Numbers with units, see units.h. A number is read as a whole part and billionths, in integers, so that
 * 0.3s is exactly 300,000,000 ns and no locale has a say.
 */
#include "units.h"

#include <string.h>

enum { BILLION = 1000000000, FRACTION_DIGITS_MAX = 9 };

struct unit {
  const char *name;
  uint64_t factor;
};

struct number {
  uint64_t whole;
  uint64_t billionths;
  size_t length; /* characters read */
};

static int is_digit(char c) { return c >= '0' && c <= '9'; }

static int read_number(const char *text, size_t length, struct number *n) {
  uint64_t weight = BILLION / 10;
  size_t i = 0;

  n->whole = n->billionths = 0;
  for (; i < length && is_digit(text[i]); i++)
    if (__builtin_mul_overflow(n->whole, 10u, &n->whole) ||
        __builtin_add_overflow(n->whole, (uint64_t)(text[i] - '0'), &n->whole))
      return -1;
  if (i == 0) return -1;
  if (i < length && text[i] == '.') {
    size_t first = ++i;

    for (; i < length && is_digit(text[i]); i++, weight /= 10)
      n->billionths += weight * (uint64_t)(text[i] - '0');
    if (i == first || i - first > FRACTION_DIGITS_MAX) return -1;
  }
  n->length = i;
  return 0;
}

static int read_with_unit(const char *text, size_t length, const struct unit *units, uint64_t *value) {
  struct number n;
  size_t rest;

  if (read_number(text, length, &n) != 0) return -1;
  rest = length - n.length;
  for (; units->name != NULL; units++) {
    uint64_t product, fraction;

    if (strlen(units->name) != rest || memcmp(units->name, text + n.length, rest) != 0) continue;
    if (__builtin_mul_overflow(n.whole, units->factor, &product)) return -1;
    /* Divided first where the factor allows it, so that the product cannot overflow. */
    fraction = units->factor >= BILLION ? n.billionths * (units->factor / BILLION)
                                        : n.billionths * units->factor / BILLION;
    return __builtin_add_overflow(product, fraction, value) ? -1 : 0;
  }
  return -1;
}

int units_time(const char *text, size_t length, uint64_t *ns) {
  static const struct unit units[] = {{"ns", 1}, {"us", 1000}, {"ms", 1000000}, {"s", BILLION}, {NULL, 0}};

  return read_with_unit(text, length, units, ns);
}

int units_rate(const char *text, size_t length, uint64_t *bps) {
  static const struct unit units[] = {
      {"bit", 1}, {"Kbit", 1000}, {"Mbit", 1000000}, {"Gbit", BILLION}, {NULL, 0}};

  return read_with_unit(text, length, units, bps);
}

int units_size(const char *text, size_t length, uint64_t *bytes) {
  static const struct unit units[] = {{"B", 1},      {"KB", 1000},     {"MB", 1000000},
                                      {"KiB", 1024}, {"MiB", 1 << 20}, {NULL, 0}};

  return read_with_unit(text, length, units, bytes);
}

int units_share(const char *text, size_t length, double *share) {
  struct number n;

  if (read_number(text, length, &n) != 0 || length - n.length != 1 || text[n.length] != '%') return -1;
  if (n.whole > 100 || (n.whole == 100 && n.billionths > 0)) return -1;
  *share = ((double)n.whole + (double)n.billionths / BILLION) / 100;
  return 0;
}

int units_seconds(const char *text, size_t length, uint64_t *ns) {
  static const struct unit units[] = {{"", BILLION}, {NULL, 0}};

  return read_with_unit(text, length, units, ns);
}

int units_count(const char *text, size_t length, uint64_t *count) {
  struct number n;

  if (read_number(text, length, &n) != 0 || n.length != length || memchr(text, '.', length) != NULL)
    return -1;
  *count = n.whole;
  return 0;
}
