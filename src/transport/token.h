/* token: proof that a client receives at the address it sends from, kept by the client, not by us
 * (proto/transport.md section 3). */
#ifndef TRANSPORT_TOKEN_H
#define TRANSPORT_TOKEN_H

#include "udpcp/crypto.h"
#include "udpcp/wire.h"

enum { TOKEN_BYTES = 8 + CID_BYTES + MAC_BYTES }; /* time, original destination id, MAC */

/* Writes a token for `client`, whose first packet went to `original`; the answer to it will go to `retry`. */
void token_make(const uint8_t key[MAC_KEY_BYTES], uint64_t now_ns, const struct address *client,
                const struct cid *original, const struct cid *retry, uint8_t token[TOKEN_BYTES]);
/* Whether the token is ours, young enough, from that address and for a packet to `destination`; then
 * *original is what it was made with. */
bool token_check(const uint8_t key[MAC_KEY_BYTES], uint64_t now_ns, uint64_t lifetime_ns,
                 const struct address *client, const struct cid *destination, const uint8_t *token,
                 size_t size, struct cid *original);

#endif
