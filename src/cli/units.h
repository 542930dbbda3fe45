/* units: rates, sizes and times, as a person writes and reads them. */
#ifndef CLI_UNITS_H
#define CLI_UNITS_H

#include "udpcp/base.h"

enum { UNITS_TEXT_BYTES = 32 };

/* "812 bytes", "1.2 GiB": three significant digits. Return `text`. */
const char *size_text(uint64_t bytes, char text[UNITS_TEXT_BYTES]);
/* "812 Mbit/s", powers of ten. */
const char *rate_text(uint64_t bytes_per_s, char text[UNITS_TEXT_BYTES]);
/* "0.42 s", "12.3 s", "4 min 05 s", "1 h 02 min". */
const char *duration_text(uint64_t duration_ns, char text[UNITS_TEXT_BYTES]);
/* "0.42 ms", "12.3 ms", "123 ms". */
const char *ms_text(uint64_t ns, char text[UNITS_TEXT_BYTES]);
/* "0:07", "12:34", "1:02:03": a clock's face, for a line that is rewritten. */
const char *clock_text(uint64_t duration_ns, char text[UNITS_TEXT_BYTES]);

/* Bytes a second, of a number with a unit that says bits or bytes: 800Mbit, 1.5Gbit/s, 100MiB, 10MB, 64kB.
 * k, K, M and G are powers of ten, with `i` (bytes only) of 1024. NULL, or a complaint to be read after the
 * quoted text ("'800' does not say ..."). */
const char *rate_parse(const char *text, uint64_t *bytes_per_s);
/* Bytes, of a number with a unit: 500MB, 1.5GiB, 10TB. NULL or a complaint, as above. */
const char *size_parse(const char *text, uint64_t *bytes);
/* A whole number from `least` to `most`, digits only. */
bool number_parse(const char *text, uint64_t least, uint64_t most, uint64_t *value);

#endif
