/* Three ways to tell friend from stranger (proto/security.md): a shared key, which both must hold; public
 * keys, the senders' listed at the receiver, the receiver's remembered at the sender since they first met; or
 * addresses alone. All files are read before the network is touched, and one that cannot be trusted ends the
 * command: nothing here ever falls back to something weaker. Judging happens inside the handshake and only
 * decides; whoever drives the connection says it. */
#include "trust.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "say.h"
#include "trust_files.h"

/* ---- what both commands need ---- */
/* By keys alone this machine could not be told from another: users of one home folder on several machines
 * have the same one, and so have all who share one. */
static void note_machine(struct trust *trust, const uint8_t key[KEY_BYTES]) {
  char text[MACHINE_TEXT_BYTES];
  machine_text(text);
  crypto_mac(key, text, strlen(text), trust->machine_key);
  trust->has_machine_key = text[0] != 0;
}

/* A sender's dry run makes nothing: without an identity it has one for once. A receiver's is remembered by
 * those who meet it, so that one has to last. */
static enum exit_status try_identity(struct trust *trust, char path[CONFIG_PATH_BYTES], bool *is_new) {
  int error = 0;
  bool is_trial = trust->options->dry_run && trust->options->command == COMMAND_SEND;
  if (!is_trial) return trust_open_identity(&trust->identity, path, is_new);
  enum exit_status status = trust_find(CONFIG_IDENTITY, path);
  if (status != EXIT_DONE) return status;
  trust->identity = identity_read(path, &error);
  if (error == ERR_NOT_FOUND) trust->identity = identity_new();
  if (trust->identity) return EXIT_DONE;
  return trust_file_failed(FILE_IDENTITY, path, 0, error == ERR_NOT_FOUND ? ERR_NO_MEMORY : error);
}

static enum exit_status open_identity(struct trust *trust) {
  char path[CONFIG_PATH_BYTES];
  struct shown shown;
  bool is_new = false;
  enum exit_status status = try_identity(trust, path, &is_new);
  if (status != EXIT_DONE) return status;
  if (is_new && !trust->options->quiet) say("made this machine's identity: %s", trust_shown(path, &shown));
  identity_public_key(trust->identity, &trust->own);
  note_machine(trust, trust->own.bytes);
  trust->tls.identity = trust->identity;
  return EXIT_DONE;
}

static enum exit_status read_shared_key(struct trust *trust) {
  uint8_t key[KEY_BYTES];
  int error = shared_key_read(trust->options->psk_file, &trust->shared);
  if (error) return trust_file_failed(FILE_SHARED_KEY, trust->options->psk_file, 0, error);
  trust->tls.shared = &trust->shared;
  shared_key_machine(&trust->shared, key);
  note_machine(trust, key);
  explicit_bzero(key, sizeof key);
  return EXIT_DONE;
}

const uint8_t *trust_machine(const struct trust *trust) {
  return trust->has_machine_key ? trust->machine_key : NULL;
}

void trust_end(struct trust *trust) {
  explicit_bzero(&trust->shared, sizeof trust->shared);
  identity_free(trust->identity);
  free(trust->authorized);
  trust->identity = NULL;
  trust->authorized = NULL;
}

/* ---- the sender ---- */
static bool is_trusted(const struct trust *trust) {
  return trust->answer == KNOWN_SAME || (trust->answer == KNOWN_NEW && !trust->options->strict);
}

static int judge(void *context, const struct public_key *key) {
  struct trust *trust = context;
  trust->peer = *key;
  trust->has_judged = true;
  trust->answer = known_check(trust->known_path, trust->name, key, &trust->line);
  return is_trusted(trust) ? 0 : ERR_UNTRUSTED;
}

enum exit_status trust_begin_send(struct trust *trust, const struct options *options, const char *host) {
  static const struct public_key nobody;
  *trust = (struct trust){.options = options, .host = host};
  if (options->psk_file) return read_shared_key(trust);
  enum exit_status status = trust_find(CONFIG_KNOWN, trust->known_path);
  if (status != EXIT_DONE) return status;
  known_name(host, options->port, PORT_DEFAULT, trust->name);
  if (!*trust->name) {
    struct shown shown;
    say("'%s' is no name that can be remembered: use the host's address", trust_shown(host, &shown));
    return EXIT_USAGE;
  }
  /* A list that is damaged is better heard of now than in the middle of a handshake. */
  int error = known_check(trust->known_path, trust->name, &nobody, &trust->line);
  if (error < 0) return trust_file_failed(FILE_KNOWN, trust->known_path, trust->line, error);
  trust->tls.judge = judge;
  trust->tls.context = trust;
  return open_identity(trust);
}

/* The receiver as the user knows it, with its port where it is remembered with that. */
static const char *receiver_text(const struct trust *trust, struct shown *shown) {
  return trust_shown(trust->options->port == PORT_DEFAULT ? trust->host : trust->name, shown);
}

/* It has never been met: remembers it, unless nothing is to be changed. False: see trust_on_met. */
static bool meet(struct trust *trust) {
  char fingerprint[FINGERPRINT_TEXT_BYTES];
  struct shown host, path;
  public_key_fingerprint(&trust->peer, fingerprint);
  receiver_text(trust, &host);
  trust_shown(trust->known_path, &path);
  bool is_dry = trust->options->dry_run, is_quiet = trust->options->quiet;
  int error = is_dry ? 0 : known_add(trust->known_path, trust->name, &trust->peer);
  if (error == ERR_UNTRUSTED) { /* another process met another key there, a moment ago */
    trust->answer = known_check(trust->known_path, trust->name, &trust->peer, &trust->line);
    return is_trusted(trust);
  }
  if (error)
    say("first time at %s: its key is %s, which could not be remembered in %s: %s", host.text, fingerprint,
        path.text, error_text(error));
  else if (is_dry && !is_quiet)
    say("first time at %s: its key is %s, not remembered in a dry run", host.text, fingerprint);
  else if (!is_quiet)
    say("first time at %s: its key is %s, remembered in %s", host.text, fingerprint, path.text);
  return true;
}

bool trust_is_refused(const struct trust *trust) { return trust->has_judged && !is_trusted(trust); }

bool trust_on_met(struct trust *trust) {
  bool is_quiet = trust->options->quiet;
  char fingerprint[FINGERPRINT_TEXT_BYTES];
  struct shown shown;
  if (trust->tls.shared) {
    if (!is_quiet) say("the receiver holds the key in %s", trust_shown(trust->options->psk_file, &shown));
    return true;
  }
  if (!trust->has_judged || !is_trusted(trust)) return false;
  if (trust->answer == KNOWN_NEW) return meet(trust);
  public_key_fingerprint(&trust->peer, fingerprint);
  if (!is_quiet) say("receiver %s (known)", fingerprint);
  return true;
}

static void say_unknown(const struct trust *trust, const char *fingerprint, const char *host,
                        const char *path) {
  char text[PUBLIC_KEY_TEXT_BYTES];
  public_key_text(&trust->peer, text);
  say("%s is not known, and --strict asks for a known receiver; its key is %s", host, fingerprint);
  say("if `udpcp id` over there says the same, add this line to %s:", path);
  say_plain("%s %s", trust->name, text);
}

static void say_changed(const struct trust *trust, const char *fingerprint, const char *host,
                        const char *path) {
  char text[FINGERPRINT_TEXT_BYTES];
  struct public_key before;
  say("the key of %s has changed: somebody may stand in between, or it was set up anew; nothing was sent",
      host);
  say("its key now is  %s", fingerprint);
  if (known_key(trust->known_path, trust->line, &before) == 0) {
    public_key_fingerprint(&before, text);
    say("remembered is   %s", text);
  }
  say("if you know why it changed, remove line %u of %s and send again", trust->line, path);
}

enum exit_status trust_say_refused(const struct trust *trust) {
  char fingerprint[FINGERPRINT_TEXT_BYTES];
  struct shown host, path;
  if (trust->answer < 0) return trust_file_failed(FILE_KNOWN, trust->known_path, trust->line, trust->answer);
  public_key_fingerprint(&trust->peer, fingerprint);
  receiver_text(trust, &host);
  trust_shown(trust->known_path, &path);
  if (trust->answer == KNOWN_NEW)
    say_unknown(trust, fingerprint, host.text, path.text);
  else
    say_changed(trust, fingerprint, host.text, path.text);
  return EXIT_REFUSED;
}

const char *trust_silence_hint(const struct trust *trust) {
  return trust->tls.shared
             ? "was it started with this key (recv --psk-file), and may our address send (recv --allow)?"
             : "does it want a key (send --psk-file, or our `udpcp id` in its list), or not our address "
               "(recv --allow)?";
}

/* ---- the receiver ---- */
/* The file that was asked for, or the one in the config folder where there is one. */
static enum exit_status read_authorized(struct trust *trust) {
  const char *asked = trust->options->authorized, *path = asked;
  struct shown shown;
  unsigned line;
  if (!asked) {
    enum exit_status status = trust_find(CONFIG_AUTHORIZED, trust->authorized_path);
    if (status != EXIT_DONE) return status;
    path = trust->authorized_path;
  } else if (snprintf(trust->authorized_path, CONFIG_PATH_BYTES, "%s", asked) >= CONFIG_PATH_BYTES) {
    return trust_file_failed(FILE_AUTHORIZED, asked, 0, ERR_BAD_NAME);
  }
  int error = authorized_read(path, &trust->authorized, &trust->tls.believed_count, &line);
  if (error == ERR_NOT_FOUND && !asked) return EXIT_DONE;
  if (error) return trust_file_failed(FILE_AUTHORIZED, path, line, error);
  trust->tls.believed = trust->authorized;
  if (trust->tls.believed_count > 0) return EXIT_DONE;
  say("%s: holds no key, so nobody could send: add what `udpcp id` says at the sender%s",
      trust_shown(path, &shown), asked ? "" : ", or remove the file");
  return EXIT_USAGE;
}

enum exit_status trust_begin_recv(struct trust *trust, const struct options *options) {
  *trust = (struct trust){.options = options};
  if (options->psk_file && options->authorized) {
    say("--psk-file and --authorized (or UDPCP_PSK_FILE, UDPCP_AUTHORIZED): one of the two says who may "
        "send, "
        "not both");
    return EXIT_USAGE;
  }
  if (options->psk_file) return read_shared_key(trust);
  enum exit_status status = read_authorized(trust);
  return status == EXIT_DONE ? open_identity(trust) : status;
}

bool trust_wants_proof(const struct trust *trust) { return trust->tls.shared || trust->tls.believed; }

bool trust_admits(const struct trust *trust, const struct address *from) {
  if (trust->options->allowed.count > 0) return admit_contains(&trust->options->allowed, from);
  return trust_wants_proof(trust) || admit_contains(&admit_near, from);
}

const char *trust_senders_text(const struct trust *trust, char text[TRUST_TEXT_BYTES]) {
  char networks[ADMIT_TEXT_BYTES];
  const struct admit *allowed = &trust->options->allowed;
  size_t count = trust->tls.believed_count;
  struct shown shown;
  int used = 0;
  admit_text(allowed, networks);
  if (trust->tls.shared)
    used = snprintf(text, TRUST_TEXT_BYTES, "who holds the key in %s",
                    trust_shown(trust->options->psk_file, &shown));
  else if (trust->tls.believed && count == 1)
    used = snprintf(text, TRUST_TEXT_BYTES, "the owner of the key in %s",
                    trust_shown(trust->authorized_path, &shown));
  else if (trust->tls.believed)
    used = snprintf(text, TRUST_TEXT_BYTES, "the owners of the %zu keys in %s", count,
                    trust_shown(trust->authorized_path, &shown));
  else
    snprintf(text, TRUST_TEXT_BYTES, "%s",
             allowed->count > 0 ? networks : "this machine and private networks");
  if (used > 0 && allowed->count > 0)
    snprintf(text + used, TRUST_TEXT_BYTES - (size_t)used, ", from %s only", networks);
  return text;
}

void trust_say_own_key(const struct trust *trust) {
  char fingerprint[FINGERPRINT_TEXT_BYTES];
  if (!trust->tls.identity) return;
  public_key_fingerprint(&trust->own, fingerprint);
  say("this receiver's key is %s", fingerprint);
}

/* ---- both ---- */
void trust_say_protection(const struct options *options, enum protection_suite suite, const char *who) {
  if (options->quiet) return;
  if (suite == PROTECT_CHECKSUM)
    say("%snot protected, as both sides asked (--protect checksum): whoever is on the way can read and alter "
        "what is sent",
        who);
  else if (suite == PROTECT_MAC)
    say("%snot encrypted, as both sides asked (--protect mac): whoever is on the way can read what is sent",
        who);
  else if (options->protection != PROTECT_AEAD)
    say("%sencrypted after all: the other side does not ask for --protect %s", who,
        options->protection & PROTECT_CHECKSUM ? "checksum or mac" : "mac");
}
