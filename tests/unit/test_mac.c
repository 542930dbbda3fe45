/* mac: values computed by another implementation of HMAC-SHA-256, and what must change them. */
#include "unit.h"

#include "udpcp/crypto.h"

static void known_values(void) {
  uint8_t key[MAC_KEY_BYTES], mac[MAC_BYTES];
  static const uint8_t zeros[200];
  static const uint8_t of_nothing[MAC_BYTES] = {0xd3, 0x8b, 0x42, 0x09, 0x6d, 0x80, 0xf4, 0x5f,
                                                0x82, 0x6b, 0x44, 0xa9, 0xd5, 0x60, 0x7d, 0xe7};
  static const uint8_t of_text[MAC_BYTES] = {0xca, 0x22, 0x3f, 0xc3, 0x95, 0xd6, 0xcb, 0xa8,
                                             0x72, 0x6c, 0x65, 0xaa, 0x2d, 0xe7, 0x0b, 0x2f};
  static const uint8_t of_zeros[MAC_BYTES] = {0x41, 0xdb, 0x97, 0xde, 0x44, 0x33, 0x68, 0x79,
                                              0x66, 0xa0, 0xae, 0xfe, 0x5a, 0x55, 0x06, 0x2f};
  for (unsigned i = 0; i < MAC_KEY_BYTES; i++)
    key[i] = (uint8_t)i;
  crypto_mac(key, "", 0, mac);
  CU_ASSERT_EQUAL(memcmp(mac, of_nothing, MAC_BYTES), 0);
  crypto_mac(key, "address and time", 16, mac);
  CU_ASSERT_EQUAL(memcmp(mac, of_text, MAC_BYTES), 0);
  memset(key, 0xff, sizeof key);
  crypto_mac(key, zeros, sizeof zeros, mac);
  CU_ASSERT_EQUAL(memcmp(mac, of_zeros, MAC_BYTES), 0);
}

static void every_key_byte_counts(void) {
  uint8_t key[MAC_KEY_BYTES] = {0}, mac[MAC_BYTES], other[MAC_BYTES];
  crypto_mac(key, "x", 1, mac);
  for (unsigned i = 0; i < MAC_KEY_BYTES; i++) {
    key[i] ^= 1;
    crypto_mac(key, "x", 1, other);
    CU_ASSERT_FALSE(crypto_equal(mac, other, MAC_BYTES));
    key[i] ^= 1;
  }
  crypto_mac(key, "x", 1, other);
  CU_ASSERT_TRUE(crypto_equal(mac, other, MAC_BYTES));
}

static void equal_looks_at_every_byte(void) {
  uint8_t a[MAC_BYTES] = {1, 2, 3}, b[MAC_BYTES] = {1, 2, 3};
  CU_ASSERT_TRUE(crypto_equal(a, b, MAC_BYTES));
  for (unsigned i = 0; i < MAC_BYTES; i++) {
    b[i] ^= 0x80;
    CU_ASSERT_FALSE(crypto_equal(a, b, MAC_BYTES));
    CU_ASSERT_TRUE(crypto_equal(a, b, i));
    b[i] ^= 0x80;
  }
}

UNIT_MAIN(UNIT_CASE(known_values), UNIT_CASE(every_key_byte_counts), UNIT_CASE(equal_looks_at_every_byte))
