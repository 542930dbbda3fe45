/* key_text: what the files of keys are made of - lines, fields, and 32 bytes as base64.
 *
 * A key has exactly one spelling: with any other alphabet, padding, length, or with bits set that carry
 * nothing, it is refused. Two texts are therefore the same key exactly when they are the same text, and a
 * damaged one is not taken for another. */
#include "key_text.h"

#include <assert.h>
#include <string.h>

static const char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
enum { ALPHABET_SIZE = 64, BITS_PER_CHAR = 6 };

static bool is_blank(char c) { return c == ' ' || c == '\t'; }

static bool piece_equal(struct piece piece, const char *text) {
  size_t size = strlen(text);
  return piece.size == size && memcmp(piece.at, text, size) == 0;
}

bool piece_next_line(struct piece *text, struct piece *line) {
  if (text->size == 0) return false;
  const char *end = memchr(text->at, '\n', text->size);
  size_t size = end ? (size_t)(end - text->at) : text->size;
  size_t taken = end ? size + 1 : size;
  *line = (struct piece){text->at, size};
  if (end && size > 0 && line->at[size - 1] == '\r') line->size--;
  text->at += taken;
  text->size -= taken;
  return true;
}

bool piece_next_field(struct piece *line, struct piece *field) {
  while (line->size > 0 && is_blank(*line->at)) {
    line->at++;
    line->size--;
  }
  *field = (struct piece){line->at, 0};
  while (line->size > 0 && !is_blank(*line->at)) {
    line->at++;
    line->size--;
    field->size++;
  }
  return field->size > 0;
}

bool piece_is_remark(struct piece line) {
  struct piece field;
  return !piece_next_field(&line, &field) || *field.at == '#';
}

void key_text_write(const uint8_t bytes[KEY_BYTES], char text[KEY_TEXT_CHARS]) {
  uint32_t bits = 0;
  unsigned bit_count = 0;
  size_t written = 0;
  for (size_t i = 0; i < KEY_BYTES; i++) {
    bits = bits << 8 | bytes[i];
    bit_count += 8;
    for (; bit_count >= BITS_PER_CHAR; bit_count -= BITS_PER_CHAR)
      text[written++] = alphabet[bits >> (bit_count - BITS_PER_CHAR) & (ALPHABET_SIZE - 1)];
  }
  assert(bit_count == 4 && "256 bits are 42 characters and four bits more");
  text[written++] = alphabet[bits << 2 & (ALPHABET_SIZE - 1)];
  text[written++] = '=';
  assert(written == KEY_TEXT_CHARS);
}

int key_text_read(struct piece text, uint8_t bytes[KEY_BYTES]) {
  uint32_t bits = 0;
  unsigned bit_count = 0;
  size_t written = 0;
  if (text.size != KEY_TEXT_CHARS || text.at[KEY_TEXT_CHARS - 1] != '=') return ERR_MALFORMED;
  for (size_t i = 0; i < KEY_TEXT_CHARS - 1; i++) {
    const char *found = memchr(alphabet, text.at[i], ALPHABET_SIZE);
    if (!found) return ERR_MALFORMED;
    bits = bits << BITS_PER_CHAR | (uint32_t)(found - alphabet);
    bit_count += BITS_PER_CHAR;
    if (bit_count < 8) continue;
    bit_count -= 8;
    bytes[written++] = (uint8_t)(bits >> bit_count);
  }
  assert(written == KEY_BYTES && bit_count == 2);
  return (bits & 3) == 0 ? 0 : ERR_MALFORMED;
}

int public_key_read(struct piece *line, struct public_key *key) {
  struct piece kind, text;
  if (!piece_next_field(line, &kind) || !piece_equal(kind, "ed25519")) return ERR_MALFORMED;
  if (!piece_next_field(line, &text)) return ERR_MALFORMED;
  return key_text_read(text, key->bytes);
}
