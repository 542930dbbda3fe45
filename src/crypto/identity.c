/* identity: this machine's Ed25519 key pair - made at first use, kept as PKCS #8 in PEM (RFC 8410), and shown
 * to peers as a raw public key (RFC 7250).
 *
 * The file is written once and never again. Of two processes that need it first at the same time one makes
 * it, and the other takes what the first has made: a machine has one identity from the first moment on. */
#include "identity.h"

#include "private_file.h"

#include <assert.h>
#include <gnutls/abstract.h>
#include <gnutls/crypto.h>
#include <gnutls/x509.h>
#include <stdlib.h>
#include <string.h>

struct identity {
  gnutls_x509_privkey_t key;
  gnutls_certificate_credentials_t credentials;
  struct public_key public_key;
};

static int error_from_gnutls(int result) {
  return result == GNUTLS_E_MEMORY_ERROR ? ERR_NO_MEMORY : ERR_MALFORMED;
}

static void datum_free(gnutls_datum_t *datum) {
  if (datum->data) gnutls_memset(datum->data, 0, datum->size);
  gnutls_free(datum->data);
  *datum = (gnutls_datum_t){0};
}

/* Also tells whether the key is of the one kind that we use. */
static int find_public_key(struct identity *identity) {
  gnutls_datum_t x = {0};
  gnutls_ecc_curve_t curve;
  int result = gnutls_x509_privkey_export_ecc_raw(identity->key, &curve, &x, NULL, NULL);
  if (result < 0) return error_from_gnutls(result);
  bool fits = curve == GNUTLS_ECC_CURVE_ED25519 && x.size == KEY_BYTES;
  if (fits) memcpy(identity->public_key.bytes, x.data, KEY_BYTES);
  gnutls_free(x.data);
  return fits ? 0 : ERR_MALFORMED;
}

/* SubjectPublicKeyInfo in PEM. */
static int export_public(gnutls_x509_privkey_t key, gnutls_datum_t *spki) {
  gnutls_privkey_t private_half = NULL;
  gnutls_pubkey_t public_half = NULL;
  int result = gnutls_privkey_init(&private_half);
  if (result >= 0) result = gnutls_privkey_import_x509(private_half, key, 0);
  if (result >= 0) result = gnutls_pubkey_init(&public_half);
  if (result >= 0) result = gnutls_pubkey_import_privkey(public_half, private_half, 0, 0);
  if (result >= 0) result = gnutls_pubkey_export2(public_half, GNUTLS_X509_FMT_PEM, spki);
  gnutls_pubkey_deinit(public_half);
  gnutls_privkey_deinit(private_half);
  return result;
}

static int make_credentials(struct identity *identity) {
  gnutls_datum_t spki = {0}, pkcs8 = {0};
  int result = gnutls_certificate_allocate_credentials(&identity->credentials);
  if (result >= 0) result = export_public(identity->key, &spki);
  if (result >= 0)
    result = gnutls_x509_privkey_export2_pkcs8(identity->key, GNUTLS_X509_FMT_PEM, NULL, GNUTLS_PKCS_PLAIN,
                                               &pkcs8);
  if (result >= 0)
    result = gnutls_certificate_set_rawpk_key_mem(identity->credentials, &spki, &pkcs8, GNUTLS_X509_FMT_PEM,
                                                  NULL, 0, NULL, 0, 0);
  datum_free(&pkcs8);
  datum_free(&spki);
  return result < 0 ? error_from_gnutls(result) : 0;
}

/* An identity without a key yet; NULL when out of memory. */
static struct identity *identity_alloc(void) {
  struct identity *identity = calloc(1, sizeof(*identity));
  if (identity && gnutls_x509_privkey_init(&identity->key) == 0) return identity;
  free(identity);
  return NULL;
}

struct identity *identity_new(void) {
  unsigned bits = GNUTLS_CURVE_TO_BITS(GNUTLS_ECC_CURVE_ED25519);
  struct identity *identity = identity_alloc();
  if (!identity) return NULL;
  if (gnutls_x509_privkey_generate(identity->key, GNUTLS_PK_EDDSA_ED25519, bits, 0) == 0 &&
      find_public_key(identity) == 0 && make_credentials(identity) == 0)
    return identity;
  identity_free(identity);
  return NULL;
}

struct identity *identity_from_pem(const char *pem, size_t size, int *error) {
  struct identity *identity = identity_alloc();
  *error = ERR_NO_MEMORY;
  if (!identity) return NULL;
  assert(size <= PRIVATE_FILE_BYTES_MAX);
  /* Only read: the datum has no const form. */
  gnutls_datum_t text = {(unsigned char *)(uintptr_t)pem, (unsigned)size};
  int result =
      gnutls_x509_privkey_import_pkcs8(identity->key, &text, GNUTLS_X509_FMT_PEM, NULL, GNUTLS_PKCS_PLAIN);
  *error = result < 0 ? error_from_gnutls(result) : 0;
  if (!*error) *error = find_public_key(identity);
  if (!*error) *error = make_credentials(identity);
  if (!*error) return identity;
  identity_free(identity);
  return NULL;
}

char *identity_to_pem(const struct identity *identity, size_t *size) {
  gnutls_datum_t pkcs8 = {0};
  if (gnutls_x509_privkey_export2_pkcs8(identity->key, GNUTLS_X509_FMT_PEM, NULL, GNUTLS_PKCS_PLAIN, &pkcs8) <
      0)
    return NULL;
  char *pem = malloc(pkcs8.size);
  if (pem) {
    memcpy(pem, pkcs8.data, pkcs8.size);
    *size = pkcs8.size;
  }
  datum_free(&pkcs8);
  return pem;
}

struct identity *identity_read(const char *path, int *error) {
  char *pem = NULL;
  size_t size = 0;
  *error = private_file_read(path, PRIVATE_SECRET, &pem, &size);
  if (*error) return NULL;
  struct identity *identity = identity_from_pem(pem, size, error);
  private_free(pem, size);
  return identity;
}

static struct identity *identity_make(const char *path, int *error) {
  size_t size = 0;
  *error = private_folder_make(path);
  if (*error) return NULL;
  struct identity *identity = identity_new();
  char *pem = identity ? identity_to_pem(identity, &size) : NULL;
  *error = pem ? private_file_make(path, pem, size) : ERR_NO_MEMORY;
  private_free(pem, size);
  if (!*error) return identity;
  identity_free(identity);
  return NULL;
}

struct identity *identity_open(const char *path, bool *is_new, int *error) {
  struct identity *identity = identity_read(path, error);
  *is_new = false;
  if (identity || *error != ERR_NOT_FOUND) return identity;
  identity = identity_make(path, error);
  *is_new = identity != NULL;
  if (identity || *error != ERR_EXISTS) return identity;
  return identity_read(path, error);
}

void identity_free(struct identity *identity) {
  if (!identity) return;
  if (identity->credentials) gnutls_certificate_free_credentials(identity->credentials);
  gnutls_x509_privkey_deinit(identity->key); /* wipes */
  free(identity);
}

void identity_public_key(const struct identity *identity, struct public_key *key) {
  *key = identity->public_key;
}

gnutls_certificate_credentials_t identity_credentials(const struct identity *identity) {
  return identity->credentials;
}
