/* tls against ends that speak TLS well but are not udpcp, or not the one that is expected: each of them is a
 * GnuTLS session of its own, as good as udpcp's but for one thing. */
#include "unit.h"

#include "stranger.h"

struct meeting {
  const char *name;
  struct stranger_config stranger;
  bool is_shared; /* what our end is set to */
  int error;
  const char *says; /* what our end says of it; NULL: anything but nothing */
};

static const struct shared_key wrong_key = {{1, 2, 3}};
#define ALPN "udpcp/1"
#define ED25519 .key = GNUTLS_PK_EDDSA_ED25519
#define GOOD .alpn = ALPN, .params_size = 20, ED25519
#define TLS12                                                                                                \
  "NORMAL:-VERS-ALL:+VERS-TLS1.2:+ECDHE-PSK:+CTYPE-SRV-RAWPK:+CTYPE-CLI-RAWPK:+GROUP-X25519:+SIGN-ALL"
#define SAYS_ALPN "the other side speaks another protocol (ALPN)"
#define SAYS_TLS "the other side does not speak TLS 1.3"

/* The stranger's own failure before ours is as good: `error` 0 then means only that we are not complete. */
static void meet(const struct meeting *meeting, bool completes) {
  struct stranger stranger;
  struct end end;
  enum crypto_role ours = meeting->stranger.role == ROLE_CLIENT ? ROLE_SERVER : ROLE_CLIENT;
  end_init(&end, ours, meeting->is_shared ? &ends_shared : NULL);
  end_start(&end, ours);
  stranger_start(&stranger, &meeting->stranger);
  if (ours == ROLE_CLIENT) {
    static struct flight flight;
    end_says(&end, &flight);
    stranger_hears(&stranger, &flight);
  }
  int error = stranger_talks(&stranger, &end);
  bool is_right = end_is_complete(&end) == completes && error == meeting->error &&
                  (!meeting->says || strcmp(end_failure(&end), meeting->says) == 0) &&
                  end.judged == (completes && !meeting->is_shared ? 1u : 0u);
  if (!is_right)
    printf("%s: error %d, '%s', complete %d, judged %u; the stranger: %s\n", meeting->name, error,
           end_failure(&end), end_is_complete(&end), end.judged, gnutls_strerror(stranger.result));
  CU_ASSERT_TRUE(is_right);
  end.crypto.ops->free(end.crypto.state);
  stranger_free(&stranger);
}

/* Without the one wrong thing they are let in: so it is that thing that the others fail by. */
static void strangers_without_a_fault(void) {
  static const struct meeting meetings[] = {
      {"client, public", {ROLE_CLIENT, STRANGER_PUBLIC, GOOD}, false, 0, ""},
      {"server, public", {ROLE_SERVER, STRANGER_PUBLIC, GOOD}, false, 0, ""},
      {"client, shared", {ROLE_CLIENT, STRANGER_SHARED, GOOD, .shared = &ends_shared}, true, 0, ""},
      {"server, shared", {ROLE_SERVER, STRANGER_SHARED, GOOD, .shared = &ends_shared}, true, 0, ""},
      {"longest parameters",
       {ROLE_CLIENT, STRANGER_PUBLIC, .alpn = ALPN, .params_size = 4096, ED25519},
       false,
       0,
       ""},
      {"asks no key", {ROLE_SERVER, STRANGER_PUBLIC, GOOD, .asks_no_key = true}, false, 0, ""},
  };
  for (size_t i = 0; i < sizeof meetings / sizeof meetings[0]; i++)
    meet(&meetings[i], true);
}

static void another_protocol(void) {
  static const struct meeting meetings[] = {
      {"client, none",
       {ROLE_CLIENT, STRANGER_PUBLIC, .alpn = NULL, .params_size = 20, ED25519},
       false,
       ERR_MALFORMED,
       SAYS_ALPN},
      {"client, wrong",
       {ROLE_CLIENT, STRANGER_PUBLIC, .alpn = "udpcp/2", .params_size = 20, ED25519},
       false,
       ERR_MALFORMED,
       SAYS_ALPN},
      {"client, prefix",
       {ROLE_CLIENT, STRANGER_PUBLIC, .alpn = "udpcp/", .params_size = 20, ED25519},
       false,
       ERR_MALFORMED,
       SAYS_ALPN},
      {"server, none",
       {ROLE_SERVER, STRANGER_PUBLIC, .alpn = NULL, .params_size = 20, ED25519},
       false,
       ERR_MALFORMED,
       SAYS_ALPN},
      {"server, wrong",
       {ROLE_SERVER, STRANGER_PUBLIC, .alpn = "udpcp/2", .params_size = 20, ED25519},
       false,
       ERR_MALFORMED,
       SAYS_ALPN},
      {"client, shared, none",
       {ROLE_CLIENT, STRANGER_SHARED, .alpn = NULL, .params_size = 20, .shared = &ends_shared},
       true,
       ERR_MALFORMED,
       SAYS_ALPN},
      {"server, shared, none",
       {ROLE_SERVER, STRANGER_SHARED, .alpn = NULL, .params_size = 20, .shared = &ends_shared},
       true,
       ERR_MALFORMED,
       SAYS_ALPN},
  };
  for (size_t i = 0; i < sizeof meetings / sizeof meetings[0]; i++)
    meet(&meetings[i], false);
}

static void parameters_missing_or_too_long(void) {
  static const char missing[] = "the other side sent no parameters";
  static const struct meeting meetings[] = {
      {"client, none",
       {ROLE_CLIENT, STRANGER_PUBLIC, .alpn = ALPN, .params_size = 0, ED25519},
       false,
       ERR_MALFORMED,
       missing},
      {"server, none",
       {ROLE_SERVER, STRANGER_PUBLIC, .alpn = ALPN, .params_size = 0, ED25519},
       false,
       ERR_MALFORMED,
       missing},
      {"client, shared, none",
       {ROLE_CLIENT, STRANGER_SHARED, .alpn = ALPN, .params_size = 0, .shared = &ends_shared},
       true,
       ERR_MALFORMED,
       missing},
      {"server, shared, none",
       {ROLE_SERVER, STRANGER_SHARED, .alpn = ALPN, .params_size = 0, .shared = &ends_shared},
       true,
       ERR_MALFORMED,
       missing},
      {"client, 4097",
       {ROLE_CLIENT, STRANGER_PUBLIC, .alpn = ALPN, .params_size = 4097, ED25519},
       false,
       ERR_MALFORMED,
       NULL},
      {"server, 4097",
       {ROLE_SERVER, STRANGER_PUBLIC, .alpn = ALPN, .params_size = 4097, ED25519},
       false,
       ERR_MALFORMED,
       NULL},
  };
  for (size_t i = 0; i < sizeof meetings / sizeof meetings[0]; i++)
    meet(&meetings[i], false);
}

static void tls_1_2(void) {
  static const struct meeting meetings[] = {
      {"client", {ROLE_CLIENT, TLS12, GOOD}, false, ERR_MALFORMED, SAYS_TLS},
      {"client, shared", {ROLE_CLIENT, TLS12, GOOD, .shared = &ends_shared}, true, ERR_MALFORMED, SAYS_TLS},
      {"server", {ROLE_SERVER, TLS12, GOOD}, false, 0, ""}, /* sees nothing it knows in our hello */
  };
  for (size_t i = 0; i < sizeof meetings / sizeof meetings[0]; i++)
    meet(&meetings[i], false);
}

static void no_key_or_another_kind(void) {
  static const char none[] = "the other side shows no key";
  static const struct meeting meetings[] = {
      {"client without",
       {ROLE_CLIENT, STRANGER_PUBLIC, .alpn = ALPN, .params_size = 20},
       false,
       ERR_UNTRUSTED,
       none},
      {"client, RSA",
       {ROLE_CLIENT, STRANGER_PUBLIC, .alpn = ALPN, .params_size = 20, .key = GNUTLS_PK_RSA},
       false,
       ERR_UNTRUSTED,
       none},
      {"client, P-256",
       {ROLE_CLIENT, STRANGER_PUBLIC, .alpn = ALPN, .params_size = 20, .key = GNUTLS_PK_ECDSA},
       false,
       ERR_UNTRUSTED,
       none},
      {"server without",
       {ROLE_SERVER, STRANGER_PUBLIC, .alpn = ALPN, .params_size = 20},
       false,
       0,
       ""}, /* cannot answer */
      {"server, RSA",
       {ROLE_SERVER, STRANGER_PUBLIC, .alpn = ALPN, .params_size = 20, .key = GNUTLS_PK_RSA},
       false,
       0,
       ""},
      {"server, P-256",
       {ROLE_SERVER, STRANGER_PUBLIC, .alpn = ALPN, .params_size = 20, .key = GNUTLS_PK_ECDSA},
       false,
       0,
       ""},
  };
  for (size_t i = 0; i < sizeof meetings / sizeof meetings[0]; i++)
    meet(&meetings[i], false);
}

/* A server that answers with a certificate, though nobody asked for that kind: it proves no key we share, and
 * none that anybody was told to judge. */
static void a_certificate(void) {
#define X509 "NORMAL:-VERS-ALL:+VERS-TLS1.3:+SIGN-ALL:%DISABLE_TLS13_COMPAT_MODE"
  static const struct meeting meetings[] = {
      {"server, shared", {ROLE_SERVER, X509, GOOD, .x509 = true}, true, ERR_UNTRUSTED, "no shared key fits"},
      {"server, public", {ROLE_SERVER, X509, GOOD, .x509 = true}, false, 0, NULL},
      {"client, shared", {ROLE_CLIENT, X509, GOOD, .x509 = true}, true, ERR_UNTRUSTED, "no shared key fits"},
      {"client, public", {ROLE_CLIENT, X509, GOOD, .x509 = true}, false, ERR_UNTRUSTED, NULL},
  };
  for (size_t i = 0; i < sizeof meetings / sizeof meetings[0]; i++)
    meet(&meetings[i], false);
}

static void the_wrong_shared_key(void) {
  static const struct meeting meetings[] = {
      {"client, another",
       {ROLE_CLIENT, STRANGER_SHARED, GOOD, .shared = &wrong_key},
       true,
       ERR_UNTRUSTED,
       "no shared key fits"},
      {"server, another",
       {ROLE_SERVER, STRANGER_SHARED, GOOD, .shared = &wrong_key},
       true,
       0,
       ""}, /* refuses us */
      {"client, public key", {ROLE_CLIENT, STRANGER_PUBLIC, GOOD}, true, ERR_UNTRUSTED, "no shared key fits"},
      {"server, public key", {ROLE_SERVER, STRANGER_PUBLIC, GOOD}, true, 0, ""},
      {"server, any way", {ROLE_SERVER, STRANGER_BOTH, GOOD}, true, 0, NULL},
      {"server, any way, another", {ROLE_SERVER, STRANGER_BOTH, GOOD, .shared = &wrong_key}, true, 0, NULL},
      {"client, any way", {ROLE_CLIENT, STRANGER_BOTH, GOOD}, true, ERR_UNTRUSTED, "no shared key fits"},
      {"client, ours is public",
       {ROLE_CLIENT, STRANGER_SHARED, .alpn = ALPN, .params_size = 20, .shared = &ends_shared},
       false,
       ERR_UNTRUSTED,
       NULL},
      {"server, ours is public",
       {ROLE_SERVER, STRANGER_SHARED, .alpn = ALPN, .params_size = 20, .shared = &ends_shared},
       false,
       0,
       ""},
  };
  for (size_t i = 0; i < sizeof meetings / sizeof meetings[0]; i++)
    meet(&meetings[i], false);
}

/* A server that is asked for another protocol, or told no parameters, does not answer with its hello first.
 */
static void a_hello_that_lacks_something_gets_no_answer(void) {
  static const struct stranger_config strangers[] = {
      {ROLE_CLIENT, STRANGER_PUBLIC, .params_size = 20, ED25519},
      {ROLE_CLIENT, STRANGER_PUBLIC, .alpn = "http/1.1", .params_size = 20, ED25519},
      {ROLE_CLIENT, STRANGER_PUBLIC, .alpn = ALPN, ED25519},
      {ROLE_CLIENT, STRANGER_SHARED, .params_size = 20, .shared = &ends_shared},
      {ROLE_CLIENT, STRANGER_SHARED, .alpn = ALPN, .shared = &ends_shared},
  };
  for (size_t i = 0; i < sizeof strangers / sizeof strangers[0]; i++) {
    static struct flight answer;
    struct stranger stranger;
    struct end server;
    end_init(&server, ROLE_SERVER, strangers[i].shared);
    end_start(&server, ROLE_SERVER);
    stranger_start(&stranger, &strangers[i]);
    CU_ASSERT_EQUAL(end_hears(&server, &stranger.said), ERR_MALFORMED);
    end_says(&server, &answer);
    CU_ASSERT_EQUAL(answer.size[LEVEL_INITIAL] + answer.size[LEVEL_HANDSHAKE], 0);
    server.crypto.ops->free(server.crypto.state);
    stranger_free(&stranger);
  }
}

/* A client whose key share is of a group we do not speak would cost a second hello. */
static void one_hello_is_all(void) {
  static const char priorities[] =
      "NONE:+VERS-TLS1.3:+AES-128-GCM:+AEAD:+SHA256:+SIGN-ALL:+GROUP-SECP256R1:+GROUP-X25519:"
      "%DISABLE_TLS13_COMPAT_MODE:+ECDHE-ECDSA:+ECDHE-RSA:+CTYPE-SRV-RAWPK:+CTYPE-CLI-RAWPK";
  static const struct meeting meeting = {"another group first",
                                         {ROLE_CLIENT, priorities, GOOD, .flags = GNUTLS_KEY_SHARE_TOP},
                                         false,
                                         ERR_MALFORMED,
                                         "the other side did not take the first hello"};
  meet(&meeting, false);
}

static void either_cipher(void) {
  static const char *const ciphers[] = {"+AES-128-GCM", "+CHACHA20-POLY1305", "+AES-256-GCM", "+AES-128-CCM"};
  for (int i = 0; i < 4; i++) {
    for (int role = ROLE_CLIENT; role <= ROLE_SERVER; role++) {
      char priorities[300];
      snprintf(priorities, sizeof priorities,
               "NONE:+VERS-TLS1.3:%s:+AEAD:+SHA256:+SHA384:+SIGN-ALL:+GROUP-X25519:"
               "%%DISABLE_TLS13_COMPAT_MODE:+ECDHE-ECDSA:+ECDHE-RSA:+CTYPE-SRV-RAWPK:+CTYPE-CLI-RAWPK",
               ciphers[i]);
      struct meeting meeting = {ciphers[i], {(enum crypto_role)role, priorities, GOOD}, false, 0, NULL};
      if (i >= 2 && role == ROLE_CLIENT) meeting.error = ERR_UNTRUSTED;
      meet(&meeting, i < 2);
    }
  }
}

/* Tickets come after the handshake, when nothing more may be said. */
static void tickets_are_refused(void) {
  struct stranger stranger;
  struct end end;
  static struct flight flight;
  const struct stranger_config config = {ROLE_SERVER, STRANGER_PUBLIC, GOOD, .tickets = true};
  end_init(&end, ROLE_CLIENT, NULL);
  end_start(&end, ROLE_CLIENT);
  stranger_start(&stranger, &config);
  end_says(&end, &flight);
  stranger_hears(&stranger, &flight);
  flight = stranger.said;
  memset(stranger.said.size, 0, sizeof stranger.said.size);
  CU_ASSERT_EQUAL(end_hears(&end, &flight), 0);
  CU_ASSERT_TRUE(end_is_complete(&end));
  end_says(&end, &flight);
  stranger_hears(&stranger, &flight);
  CU_ASSERT_EQUAL(stranger.result, 0);
  /* GnuTLS hands out none to a client that offers no way to use them; so one is made up. */
  if (stranger.said.size[LEVEL_DATA] == 0) {
    stranger.said.size[LEVEL_DATA] = 40;
    memcpy(stranger.said.bytes[LEVEL_DATA], (const uint8_t[]){4, 0, 0, 36}, 4);
  }
  CU_ASSERT_EQUAL(end_hears(&end, &stranger.said), ERR_MALFORMED);
  CU_ASSERT_FALSE(end_is_complete(&end));
  end.crypto.ops->free(end.crypto.state);
  stranger_free(&stranger);
}

UNIT_MAIN(UNIT_CASE(strangers_without_a_fault), UNIT_CASE(another_protocol),
          UNIT_CASE(parameters_missing_or_too_long), UNIT_CASE(tls_1_2), UNIT_CASE(no_key_or_another_kind),
          UNIT_CASE(a_certificate), UNIT_CASE(the_wrong_shared_key),
          UNIT_CASE(a_hello_that_lacks_something_gets_no_answer), UNIT_CASE(one_hello_is_all),
          UNIT_CASE(either_cipher), UNIT_CASE(tickets_are_refused))
