/* identity: a published key pair, what is no Ed25519 key, and that a machine has one identity even when
 * several processes need it first at the same time. */
#include "unit.h"

#include "child.h"
#include "scratch.h"

#include "crypto/identity.h"
#include "crypto/private_file.h"

#include <gnutls/x509.h>

/* RFC 8032 section 7.1, test 1, and what other programs make of its keys. */
#define SEED_PEM                                                                                             \
  "-----BEGIN PRIVATE KEY-----\n"                                                                            \
  "MC4CAQAwBQYDK2VwBCIEIJ1hsZ3v/VpguoRK9JLsLMREScVpezJpGXA7rAMcrn9g\n"                                       \
  "-----END PRIVATE KEY-----\n"
static const struct public_key published = {{0xd7, 0x5a, 0x98, 0x01, 0x82, 0xb1, 0x0a, 0xb7, 0xd5, 0x4b, 0xfe,
                                             0xd3, 0xc9, 0x64, 0x07, 0x3a, 0x0e, 0xe1, 0x72, 0xf3, 0xda, 0xa6,
                                             0x23, 0x25, 0xaf, 0x02, 0x1a, 0x68, 0xf7, 0x07, 0x51, 0x1a}};

enum { RACERS = 6, RACES = 20 };

static int parse(const char *pem) {
  int error = 1;
  struct identity *identity = identity_from_pem(pem, strlen(pem), &error);
  CU_ASSERT_EQUAL(!identity, error < 0);
  identity_free(identity);
  return error;
}

static bool is_new;

static int open_it(const char *path, struct public_key *key) {
  int error = 1;
  struct identity *identity = identity_open(path, &is_new, &error);
  CU_ASSERT_EQUAL(!identity, error < 0);
  if (identity) identity_public_key(identity, key);
  identity_free(identity);
  return error;
}

static void published_pair(void) {
  int error;
  struct public_key key;
  struct identity *identity = identity_from_pem(SEED_PEM, strlen(SEED_PEM), &error);
  CU_ASSERT_PTR_NOT_NULL_FATAL(identity);
  CU_ASSERT_EQUAL(error, 0);
  identity_public_key(identity, &key);
  CU_ASSERT(public_key_equal(&key, &published));
  size_t size = 0;
  char *pem = identity_to_pem(identity, &size);
  CU_ASSERT(pem && size == strlen(SEED_PEM) && memcmp(pem, SEED_PEM, size) == 0);
  private_free(pem, size);
  CU_ASSERT_PTR_NOT_NULL(identity_credentials(identity));
  identity_free(identity);
  identity_free(NULL);
}

static void texts(void) {
  char text[PUBLIC_KEY_TEXT_BYTES], fingerprint[FINGERPRINT_TEXT_BYTES];
  struct public_key other = published;
  public_key_text(&published, text);
  public_key_fingerprint(&published, fingerprint);
  CU_ASSERT_STRING_EQUAL(text, "ed25519 11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo=");
  CU_ASSERT_STRING_EQUAL(fingerprint, "SHA256:If4x36FUomFia/hUBG/SJxt77UtqvkWqWId+9H+XIbk");
  for (unsigned i = 0; i < KEY_BYTES; i++) {
    other.bytes[i] ^= 1;
    CU_ASSERT_FALSE(public_key_equal(&published, &other));
    other.bytes[i] ^= 1;
  }
  CU_ASSERT_TRUE(public_key_equal(&published, &other));
}

static void no_key(void) {
  char pem[] = SEED_PEM;
  CU_ASSERT_EQUAL(parse(""), ERR_MALFORMED);
  CU_ASSERT_EQUAL(parse("words\n"), ERR_MALFORMED);
  CU_ASSERT_EQUAL(parse("-----BEGIN PRIVATE KEY-----\n-----END PRIVATE KEY-----\n"), ERR_MALFORMED);
  size_t key_end = (size_t)(strstr(pem, "-----END") - pem); /* of the last line only its beginning counts */
  for (size_t size = 0; size <= key_end; size++) {
    memcpy(pem, SEED_PEM, sizeof(pem));
    pem[size] = '\0';
    CU_ASSERT_EQUAL(parse(pem), ERR_MALFORMED);
  }
  CU_ASSERT_EQUAL(parse("-----BEGIN PRIVATE KEY-----\n" /* X25519 */
                        "MC4CAQAwBQYDK2VuBCIEIAEEBwoNEBMWGRwfIiUoKy4xNDc6PUBDRklMT1JVWFte\n"
                        "-----END PRIVATE KEY-----\n"),
                  ERR_MALFORMED);
  CU_ASSERT_EQUAL(parse("-----BEGIN PRIVATE KEY-----\n" /* a seed of 16 bytes */
                        "MB4CAQAwBQYDK2VwBBIEEAAAAAAAAAAAAAAAAAAAAAA=\n"
                        "-----END PRIVATE KEY-----\n"),
                  ERR_MALFORMED);
}

/* A whole and sound key, of another curve. */
static void other_curves(void) {
  static const struct {
    gnutls_pk_algorithm_t algorithm;
    gnutls_ecc_curve_t curve;
  } others[] = {{GNUTLS_PK_ECDSA, GNUTLS_ECC_CURVE_SECP256R1},
                {GNUTLS_PK_EDDSA_ED448, GNUTLS_ECC_CURVE_ED448}};
  for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++) {
    gnutls_x509_privkey_t key;
    gnutls_datum_t pem;
    unsigned bits = GNUTLS_CURVE_TO_BITS(others[i].curve);
    assert(gnutls_x509_privkey_init(&key) == 0);
    assert(gnutls_x509_privkey_generate(key, others[i].algorithm, bits, 0) == 0);
    assert(gnutls_x509_privkey_export2_pkcs8(key, GNUTLS_X509_FMT_PEM, NULL, GNUTLS_PKCS_PLAIN, &pem) == 0);
    CU_ASSERT_EQUAL(parse((const char *)pem.data), ERR_MALFORMED);
    gnutls_free(pem.data);
    gnutls_x509_privkey_deinit(key);
  }
}

static void new_ones_differ(void) {
  struct public_key a, b;
  struct identity *first = identity_new(), *second = identity_new();
  CU_ASSERT(first && second);
  identity_public_key(first, &a);
  identity_public_key(second, &b);
  CU_ASSERT_FALSE(public_key_equal(&a, &b));
  identity_free(first);
  identity_free(second);
}

static void made_once(void) {
  struct public_key first, second;
  struct stat found;
  int error;
  scratch_enter();
  CU_ASSERT_PTR_NULL(identity_read("config/udpcp/identity", &error));
  CU_ASSERT(error == ERR_NOT_FOUND && access("config", F_OK) < 0); /* reading makes nothing */
  CU_ASSERT(open_it("config/udpcp/identity", &first) == 0 && is_new);
  CU_ASSERT(open_it("config/udpcp/identity", &second) == 0 && !is_new);
  CU_ASSERT(public_key_equal(&first, &second));
  CU_ASSERT(stat("config/udpcp", &found) == 0 && (found.st_mode & 07777) == 0700);
  CU_ASSERT(stat("config/udpcp/identity", &found) == 0 && (found.st_mode & 07777) == 0600);
  assert(chmod("config/udpcp/identity", 0644) == 0);
  CU_ASSERT(open_it("config/udpcp/identity", &second) == ERR_EXPOSED && !is_new);
  scratch_leave();
}

/* What stands there is never replaced, however useless. */
static void nothing_is_replaced(void) {
  struct public_key key;
  scratch_enter();
  scratch_write("empty", "");
  scratch_write("words", "words");
  assert(chmod("empty", 0600) == 0 && chmod("words", 0600) == 0 && symlink("nowhere", "dangling") == 0);
  scratch_folder("folder");
  CU_ASSERT_EQUAL(open_it("empty", &key), ERR_MALFORMED);
  CU_ASSERT_EQUAL(open_it("words", &key), ERR_MALFORMED);
  CU_ASSERT_EQUAL(open_it("dangling", &key), ERR_BAD_NAME);
  CU_ASSERT_EQUAL(open_it("folder", &key), ERR_IS_FOLDER);
  CU_ASSERT_EQUAL(open_it("words/identity", &key), ERR_NOT_FOUND);
  CU_ASSERT(scratch_holds("empty", "") && scratch_holds("words", "words") && access("nowhere", F_OK) < 0);
  scratch_leave();
}

/* A racer: waits for the start, opens the identity, tells its public key. */
static void race(int start, int result) {
  char byte;
  int error;
  struct public_key key;
  (void)!read(start, &byte, 1); /* ends when the starter closes its end */
  struct identity *identity = identity_open("config/identity", &is_new, &error);
  if (!identity) _exit(1);
  identity_public_key(identity, &key);
  _exit(write(result, key.bytes, KEY_BYTES) != KEY_BYTES);
}

static void one_race(void) {
  int start[2], result[2], status;
  pid_t racers[RACERS];
  struct public_key first, key;
  assert(pipe2(start, O_CLOEXEC) == 0 && pipe2(result, O_CLOEXEC) == 0);
  fflush(stdout);
  for (unsigned i = 0; i < RACERS; i++) {
    racers[i] = fork();
    assert(racers[i] >= 0);
    if (racers[i] > 0) continue;
    close(start[1]);
    race(start[0], result[1]);
  }
  close(start[0]);
  close(start[1]);
  close(result[1]);
  for (unsigned i = 0; i < RACERS; i++)
    CU_ASSERT(waitpid(racers[i], &status, 0) == racers[i] && status == 0);
  CU_ASSERT_EQUAL(read(result[0], first.bytes, KEY_BYTES), KEY_BYTES);
  for (unsigned i = 1; i < RACERS; i++) {
    CU_ASSERT_EQUAL(read(result[0], key.bytes, KEY_BYTES), KEY_BYTES);
    CU_ASSERT(public_key_equal(&key, &first));
  }
  close(result[0]);
  CU_ASSERT_EQUAL(open_it("config/identity", &key), 0);
  CU_ASSERT(public_key_equal(&key, &first));
}

static void one_identity_for_all(void) {
  for (unsigned i = 0; i < RACES; i++) {
    scratch_enter();
    one_race();
    CU_ASSERT(unlink("config/identity") == 0 && rmdir("config") == 0); /* and nothing beside it */
    scratch_leave();
  }
}

UNIT_MAIN(UNIT_CASE(published_pair), UNIT_CASE(texts), UNIT_CASE(no_key), UNIT_CASE(other_curves),
          UNIT_CASE(new_ones_differ), UNIT_CASE(made_once), UNIT_CASE(nothing_is_replaced),
          UNIT_CASE(one_identity_for_all))
