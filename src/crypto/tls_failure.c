/* tls_failure: a GnuTLS error as one phrase that helps the person who reads it, here or at the other end. The
 * few mistakes people make (another key, none, another program) get words of their own; what is left is an
 * attack or a defect, and is called by the name of the TLS alert. */
#include "crypto/tls_failure.h"

#include <gnutls/gnutls.h>
#include <stdio.h>

struct phrase {
  int tls_error;
  int error;
  const char *text;
};

static const struct phrase phrases[] = {
    {GNUTLS_E_MEMORY_ERROR, ERR_NO_MEMORY, "out of memory"},
    {GNUTLS_E_NO_APPLICATION_PROTOCOL, ERR_MALFORMED, "the other side speaks another protocol (ALPN)"},
    {GNUTLS_E_UNSUPPORTED_VERSION_PACKET, ERR_MALFORMED, "the other side does not speak TLS 1.3"},
    {GNUTLS_E_CERTIFICATE_ERROR, ERR_UNTRUSTED, "the other side's key is not believed"},
    {GNUTLS_E_CERTIFICATE_REQUIRED, ERR_UNTRUSTED, "the other side shows no key"},
    {GNUTLS_E_NO_CERTIFICATE_FOUND, ERR_UNTRUSTED, "the other side shows no key"},
    {GNUTLS_E_PK_SIG_VERIFY_FAILED, ERR_UNTRUSTED, "the other side does not hold the key it shows"},
};

/* How GnuTLS says, in various places, that there is no key both ends hold. */
static const struct phrase shared_phrases[] = {
    {GNUTLS_E_SRP_PWD_ERROR, ERR_UNTRUSTED, "no shared key fits"},
    {GNUTLS_E_RECEIVED_ILLEGAL_PARAMETER, ERR_UNTRUSTED, "no shared key fits"},
    {GNUTLS_E_INSUFFICIENT_CREDENTIALS, ERR_UNTRUSTED, "no shared key fits"},
    {GNUTLS_E_NO_CIPHER_SUITES, ERR_UNTRUSTED, "no shared key fits"},
};
static const struct phrase public_phrases[] = {
    {GNUTLS_E_INSUFFICIENT_CREDENTIALS, ERR_UNTRUSTED,
     "the other side wants a shared key, or another kind of key"},
    {GNUTLS_E_NO_CIPHER_SUITES, ERR_UNTRUSTED, "the other side wants a shared key, or another kind of key"},
};

static const struct phrase *find(const struct phrase *list, size_t count, int tls_error) {
  for (size_t i = 0; i < count; i++)
    if (list[i].tls_error == tls_error) return &list[i];
  return NULL;
}

int tls_failure(int tls_error, const struct tls_config *config, char text[FAILURE_BYTES]) {
  const struct phrase *found = find(phrases, sizeof(phrases) / sizeof(phrases[0]), tls_error);
  if (!found && config->shared)
    found = find(shared_phrases, sizeof(shared_phrases) / sizeof(shared_phrases[0]), tls_error);
  if (!found && !config->shared)
    found = find(public_phrases, sizeof(public_phrases) / sizeof(public_phrases[0]), tls_error);
  if (found) {
    snprintf(text, FAILURE_BYTES, "%s", found->text);
    return found->error;
  }
  const char *alert =
      gnutls_alert_get_name((gnutls_alert_description_t)gnutls_error_to_alert(tls_error, NULL));
  snprintf(text, FAILURE_BYTES, "the handshake failed: %s", alert ? alert : "Internal error");
  return ERR_MALFORMED;
}
