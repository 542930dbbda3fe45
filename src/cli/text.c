/* A file name may hold any byte but NUL and '/', and a peer's reason any byte at all. Shown raw, they could
 * move the cursor, recolour the terminal, forge a second line, or (by bidirectional marks) display another
 * name than the real one. So text_escape lets through printable UTF-8 only; everything else, and the
 * backslash that marks an escape, becomes \xNN byte by byte, which can be read back without doubt. */
#include "text.h"

#include <string.h>

/* Bytes of the well-formed UTF-8 sequence at `at` and its code point; 0 when there is none (RFC 3629 section
 * 4). */
static size_t utf8_sequence(const uint8_t *at, size_t left, uint32_t *code_point) {
  static const uint32_t least[5] = {0, 0, 0x80, 0x800, 0x10000};
  size_t length = at[0] < 0x80             ? 1
                  : (at[0] & 0xe0) == 0xc0 ? 2
                  : (at[0] & 0xf0) == 0xe0 ? 3
                  : (at[0] & 0xf8) == 0xf0 ? 4
                                           : 0;
  if (length == 0 || length > left) return 0;
  uint32_t value = length == 1 ? at[0] : at[0] & (0x7fu >> length);
  for (size_t i = 1; i < length; i++) {
    if ((at[i] & 0xc0) != 0x80) return 0;
    value = value << 6 | (at[i] & 0x3f);
  }
  if (value < least[length] || value > 0x10ffff || (value >= 0xd800 && value <= 0xdfff)) return 0;
  *code_point = value;
  return length;
}

/* Code points that are invisible or change how their neighbours are shown: controls, marks of direction,
 * separators of lines, zero widths, fillers, tags, and what Unicode keeps for no character at all. */
static bool is_treacherous(uint32_t code_point) {
  static const struct {
    uint32_t first, last;
  } spans[] = {
      {0x00, 0x1f},     {'\\', '\\'},       {0x7f, 0x9f},       {0xad, 0xad},       {0x61c, 0x61c},
      {0x115f, 0x1160}, {0x17b4, 0x17b5},   {0x180b, 0x180f},   {0x200b, 0x200f},   {0x2028, 0x202e},
      {0x2060, 0x206f}, {0x3164, 0x3164},   {0xfe00, 0xfe0f},   {0xfeff, 0xfeff},   {0xfff0, 0xfffb},
      {0xfffe, 0xffff}, {0x1bca0, 0x1bca3}, {0x1d173, 0x1d17a}, {0xe0000, 0xe0fff},
  };
  for (size_t i = 0; i < sizeof spans / sizeof spans[0]; i++)
    if (code_point >= spans[i].first && code_point <= spans[i].last) return true;
  return false;
}

size_t text_escape(const uint8_t *bytes, size_t size, char *text, size_t capacity) {
  static const char digits[] = "0123456789abcdef";
  size_t used = 0, i = 0;
  if (capacity == 0) return 0;
  while (i < size) {
    uint32_t code_point = 0;
    size_t length = utf8_sequence(bytes + i, size - i, &code_point);
    if (length && !is_treacherous(code_point)) {
      if (used + length >= capacity) break;
      memcpy(text + used, bytes + i, length);
      used += length;
      i += length;
      continue;
    }
    if (used + 4 >= capacity) break;
    text[used++] = '\\';
    text[used++] = 'x';
    text[used++] = digits[bytes[i] >> 4];
    text[used++] = digits[bytes[i] & 15];
    i++;
  }
  text[used] = 0;
  return used;
}
