/* proof: who passes whose check; a byte more, less or other fails it. */
#include "unit.h"

#include "crypto/identity.h"
#include "crypto/proof.h"

static const struct shared_key key = {{1}}, other_key = {{2}};
static uint8_t packet[1184];

static bool passes(enum crypto_role from, const struct tls_config *maker, const struct tls_config *checker) {
  uint8_t proof[PROOF_BYTES];
  proof_make(from, maker, packet, sizeof packet, proof);
  return proof_check(from, checker, packet, sizeof packet, proof);
}

static void the_same_key_and_direction(void) {
  const struct tls_config same = {.shared = &key}, other = {.shared = &other_key};
  uint8_t client[PROOF_BYTES], server[PROOF_BYTES];
  for (int role = ROLE_CLIENT; role <= ROLE_SERVER; role++) {
    CU_ASSERT_TRUE(passes((enum crypto_role)role, &same, &same));
    CU_ASSERT_FALSE(passes((enum crypto_role)role, &same, &other));
    CU_ASSERT_FALSE(passes((enum crypto_role)role, &other, &same));
  }
  /* reflected: what a client proved is nothing from a server, and the other way round */
  proof_make(ROLE_CLIENT, &same, packet, sizeof packet, client);
  proof_make(ROLE_SERVER, &same, packet, sizeof packet, server);
  CU_ASSERT_FALSE(proof_check(ROLE_SERVER, &same, packet, sizeof packet, client));
  CU_ASSERT_FALSE(proof_check(ROLE_CLIENT, &same, packet, sizeof packet, server));
}

static void public_keys_that_are_believed(void) {
  struct identity *one = identity_new(), *two = identity_new();
  CU_ASSERT_FATAL(one && two);
  struct public_key keys[3] = {{{9}}, {{8}}, {{7}}};
  struct believed list[3];
  identity_public_key(one, &keys[1]);
  for (size_t i = 0; i < 3; i++)
    believed_init(&list[i], &keys[i]);
  const struct tls_config known = {.identity = one}, unknown = {.identity = two};
  const struct tls_config server = {.identity = two, .believed = list, .believed_count = 3};
  const struct tls_config short_list = {.identity = two, .believed = list, .believed_count = 1};
  const struct tls_config empty = {.identity = two, .believed = list, .believed_count = 0};
  const struct tls_config anyone = {.identity = two}, shared = {.shared = &key, .identity = one};
  CU_ASSERT_TRUE(passes(ROLE_CLIENT, &known, &server));
  CU_ASSERT_FALSE(passes(ROLE_CLIENT, &known, &short_list));
  CU_ASSERT_FALSE(passes(ROLE_CLIENT, &known, &empty)); /* a list of nobody is a list */
  CU_ASSERT_FALSE(passes(ROLE_CLIENT, &unknown, &server));
  CU_ASSERT_TRUE(passes(ROLE_CLIENT, &unknown, &anyone));
  CU_ASSERT_FALSE(passes(ROLE_CLIENT, &known, &shared));
  CU_ASSERT_FALSE(passes(ROLE_CLIENT, &shared, &server));
  /* a server without a shared key has nothing to prove, and nobody asks it to */
  uint8_t proof[PROOF_BYTES], zeros[PROOF_BYTES] = {0};
  proof_make(ROLE_SERVER, &server, packet, sizeof packet, proof);
  CU_ASSERT_EQUAL(memcmp(proof, zeros, PROOF_BYTES), 0);
  CU_ASSERT_TRUE(proof_check(ROLE_SERVER, &known, packet, sizeof packet, proof));
  CU_ASSERT_FALSE(proof_check(ROLE_CLIENT, &server, packet, sizeof packet, zeros));
  CU_ASSERT_FALSE(proof_check(ROLE_SERVER, &shared, packet, sizeof packet, zeros));
  identity_free(one);
  identity_free(two);
}

static void every_bit_and_byte_counts(void) {
  const struct tls_config config = {.shared = &key};
  uint8_t proof[PROOF_BYTES];
  unsigned missed = 0;
  proof_make(ROLE_CLIENT, &config, packet, sizeof packet, proof);
  for (size_t bit = 0; bit < 8 * sizeof proof; bit++) {
    proof[bit / 8] ^= (uint8_t)(1u << bit % 8);
    missed += crypto_tls_is_proven(&config, packet, sizeof packet, proof);
    proof[bit / 8] ^= (uint8_t)(1u << bit % 8);
  }
  for (size_t at = 0; at < sizeof packet; at++) {
    packet[at] ^= 0x10;
    missed += crypto_tls_is_proven(&config, packet, sizeof packet, proof);
    packet[at] ^= 0x10;
  }
  for (size_t size = 0; size < sizeof packet; size += 37)
    missed += crypto_tls_is_proven(&config, packet, size, proof);
  CU_ASSERT_EQUAL(missed, 0);
  CU_ASSERT_TRUE(crypto_tls_is_proven(&config, packet, sizeof packet, proof));
}

UNIT_MAIN(UNIT_CASE(the_same_key_and_direction), UNIT_CASE(public_keys_that_are_believed),
          UNIT_CASE(every_bit_and_byte_counts))
