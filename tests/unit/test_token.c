/* token: good for one address, one id, one key and a short time. */
#include "unit.h"

#include "transport/token.h"

static const uint8_t key[MAC_KEY_BYTES] = {1, 2, 3}, other_key[MAC_KEY_BYTES] = {1, 2, 4};
static const struct address client = {.size = 16, .bytes = {2, 0, 9}},
                            other_client = {.size = 16, .bytes = {2, 0, 8}};
static const struct cid first = {{1}}, retry = {{2}}, other = {{3}};

static void accepts_its_own_and_nothing_else(void) {
  uint8_t token[TOKEN_BYTES];
  token_make(key, 1000, &client, &first, &retry, token);
  static const struct {
    const uint8_t *key;
    uint64_t now_ns;
    const struct address *client;
    const struct cid *destination;
    size_t size;
    bool good;
  } table[] = {
      {key, 1000, &client, &retry, TOKEN_BYTES, true},
      {key, 1500, &client, &retry, TOKEN_BYTES, true},
      {key, 1501, &client, &retry, TOKEN_BYTES, false},
      {key, 999, &client, &retry, TOKEN_BYTES, false},
      {other_key, 1000, &client, &retry, TOKEN_BYTES, false},
      {key, 1000, &other_client, &retry, TOKEN_BYTES, false},
      {key, 1000, &client, &other, TOKEN_BYTES, false},
      {key, 1000, &client, &retry, TOKEN_BYTES - 1, false},
      {key, 1000, &client, &retry, 0, false},
  };
  for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
    struct cid original = {{0}};
    CU_ASSERT_EQUAL(token_check(table[i].key, table[i].now_ns, 500, table[i].client, table[i].destination,
                                token, table[i].size, &original),
                    table[i].good);
    if (table[i].good) CU_ASSERT_TRUE(cid_equal(&original, &first));
  }
}

static void every_bit_matters(void) {
  uint8_t token[TOKEN_BYTES];
  struct cid original;
  token_make(key, 1000, &client, &first, &retry, token);
  for (int bit = 0; bit < TOKEN_BYTES * 8; bit++) {
    token[bit / 8] ^= (uint8_t)(1 << bit % 8);
    CU_ASSERT_FALSE(token_check(key, 1000, 500, &client, &retry, token, TOKEN_BYTES, &original));
    token[bit / 8] ^= (uint8_t)(1 << bit % 8);
  }
}

UNIT_MAIN(UNIT_CASE(accepts_its_own_and_nothing_else), UNIT_CASE(every_bit_matters))
