/* token: see the header. Stateless: whatever the check needs is in the token or in the packet it came in. */
#include "transport/token.h"

#include <string.h>

static void token_mac(const uint8_t key[MAC_KEY_BYTES], const uint8_t *token, const struct address *client,
                      const struct cid *retry, uint8_t mac[MAC_BYTES]) {
  uint8_t bytes[8 + CID_BYTES + sizeof(client->bytes) + CID_BYTES];
  memset(bytes, 0, sizeof(bytes));
  memcpy(bytes, token, 8 + CID_BYTES);
  memcpy(bytes + 8 + CID_BYTES, client->bytes, client->size);
  memcpy(bytes + 8 + CID_BYTES + sizeof(client->bytes), retry->bytes, CID_BYTES);
  crypto_mac(key, bytes, sizeof(bytes), mac);
}

void token_make(const uint8_t key[MAC_KEY_BYTES], uint64_t now_ns, const struct address *client,
                const struct cid *original, const struct cid *retry, uint8_t token[TOKEN_BYTES]) {
  struct writer writer;
  writer_init(&writer, token, TOKEN_BYTES);
  write_u64(&writer, now_ns);
  write_bytes(&writer, original->bytes, CID_BYTES);
  token_mac(key, token, client, retry, token + 8 + CID_BYTES);
}

bool token_check(const uint8_t key[MAC_KEY_BYTES], uint64_t now_ns, uint64_t lifetime_ns,
                 const struct address *client, const struct cid *destination, const uint8_t *token,
                 size_t size, struct cid *original) {
  if (size != TOKEN_BYTES) return false;
  uint8_t mac[MAC_BYTES];
  token_mac(key, token, client, destination, mac);
  if (!crypto_equal(mac, token + 8 + CID_BYTES, MAC_BYTES)) return false;
  struct reader reader;
  reader_init(&reader, token, size);
  uint64_t made_ns = read_u64(&reader);
  if (made_ns > now_ns || now_ns - made_ns > lifetime_ns) return false;
  memcpy(original->bytes, read_bytes(&reader, CID_BYTES), CID_BYTES);
  return true;
}
