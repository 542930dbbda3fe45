/* text: foreign bytes made safe to show on a terminal or in a log. */
#ifndef CLI_TEXT_H
#define CLI_TEXT_H

#include "udpcp/base.h"

/* Every byte of a name may become four characters. */
enum { TEXT_NAME_BYTES = NAME_BYTES_MAX * 4 + 1 };

/* Writes `bytes` as printable text, always terminated; what does not fit is left out whole (never half an
 * escape). Returns the length of the text. */
size_t text_escape(const uint8_t *bytes, size_t size, char *text, size_t capacity);

#endif
