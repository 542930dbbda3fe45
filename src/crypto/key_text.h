/* key_text: what the files of keys are made of - lines, fields, and 32 bytes as base64. */
#ifndef CRYPTO_KEY_TEXT_H
#define CRYPTO_KEY_TEXT_H

#include "udpcp/crypto.h"

/* Characters of 32 bytes in base64 (RFC 4648 section 4), the padding of one '=' included. */
enum { KEY_TEXT_CHARS = 44 };

/* A stretch of characters, not terminated. */
struct piece {
  const char *at;
  size_t size;
};

/* Takes the next line off; it ends with LF or CRLF, the last one may lack its end. False when none is left.
 */
bool piece_next_line(struct piece *text, struct piece *line);
/* Takes the next field off: what stands between spaces and tabs. False when none is left. */
bool piece_next_field(struct piece *line, struct piece *field);
/* An empty line, or one that begins with '#'. */
bool piece_is_remark(struct piece line);

/* Not terminated. */
void key_text_write(const uint8_t bytes[KEY_BYTES], char text[KEY_TEXT_CHARS]);
/* Takes nothing but what key_text_write would have written. ERR_MALFORMED. */
int key_text_read(struct piece text, uint8_t bytes[KEY_BYTES]);

/* Takes the two fields "ed25519 BASE64" off a line. ERR_MALFORMED. */
int public_key_read(struct piece *line, struct public_key *key);

#endif
