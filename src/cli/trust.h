/* trust: who is believed - keys, lists and addresses read at the start, judged in the handshake, and put into
 * words. */
#ifndef CLI_TRUST_H
#define CLI_TRUST_H

#include "config.h"
#include "options.h"
#include "udpcp/crypto.h"

/* One a process; `tls` points into it. */
struct trust {
  const struct options *options;
  struct tls_config tls;
  struct shared_key shared;
  struct identity *identity;
  struct public_key own;          /* its public half */
  uint8_t machine_key[KEY_BYTES]; /* stands for who has our key on this network stack */
  bool has_machine_key;
  /* The receiver's: keys that may send, when not NULL, and the file they stand in. */
  struct believed *authorized;
  char authorized_path[CONFIG_PATH_BYTES];
  /* The sender's: the receiver it wants, and what was found out about it. */
  const char *host;
  char known_path[CONFIG_PATH_BYTES], name[KNOWN_NAME_BYTES];
  bool has_judged;
  int answer; /* enum known_answer, or negative */
  unsigned line;
  struct public_key peer;
};

/* Read everything that there is to read. EXIT_DONE, or what to leave with; then the reason has been said. */
enum exit_status trust_begin_send(struct trust *trust, const struct options *options, const char *host);
enum exit_status trust_begin_recv(struct trust *trust, const struct options *options);
/* Wipes. */
void trust_end(struct trust *trust);

/* ---- the sender ---- */
/* The handshake is complete: remembers a new receiver and says who it is. False: it must not be sent to. */
bool trust_on_met(struct trust *trust);
/* The receiver has been judged and must not be sent to. */
bool trust_is_refused(const struct trust *trust);
/* Says why, and what to do. Returns what to leave with. */
enum exit_status trust_say_refused(const struct trust *trust);
/* What may be the cause when a receiver does not answer, as a question. */
const char *trust_silence_hint(const struct trust *trust);

/* ---- the receiver ---- */
bool trust_admits(const struct trust *trust, const struct address *from);
/* A first packet must carry a proof (crypto_tls_is_proven). */
bool trust_wants_proof(const struct trust *trust);
/* Who may send, as the end of a sentence; then, where there is one, the line about our own key. */
enum { TRUST_TEXT_BYTES = ADMIT_TEXT_BYTES + 4 * CONFIG_PATH_BYTES + 128 };
const char *trust_senders_text(const struct trust *trust, char text[TRUST_TEXT_BYTES]);
void trust_say_own_key(const struct trust *trust);

/* ---- both ---- */
/* For conn_config.machine; NULL: there is none. */
const uint8_t *trust_machine(const struct trust *trust);
/* Says what is in force where that is not what the default promises. `who` stands in front. */
void trust_say_protection(const struct options *options, enum protection_suite suite, const char *who);

#endif
