/* Three ways to tell friend from stranger (proto/security.md): a shared key, which both must hold; public
 * keys, the senders' listed at the receiver, the receiver's remembered at the sender since they first met; or
 * addresses alone. All files are read before the network is touched, and one that cannot be trusted ends the
 * command: nothing here ever falls back to something weaker. Judging happens inside the handshake and only
 * decides; whoever drives the connection says it. */
#include "trust.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "say.h"
#include "trust_files.h"

/* ---- what both commands need ---- */
static enum exit_status find_path(const char *name, char path[CONFIG_PATH_BYTES]) {
  if (config_path(name, path) == 0) return EXIT_DONE;
  say("there is no folder for keys: set HOME or XDG_CONFIG_HOME, or use --psk-file");
  return EXIT_USAGE;
}

static void say_made(const struct trust *trust, const char *path) {
  if (!trust->options->quiet) say("made this machine's identity: %s", trust_shown(path));
}

/* The public key alone would not do: users of one home folder on several machines have the same one. */
static void note_machine(struct trust *trust) {
  char text[MACHINE_TEXT_BYTES];
  identity_public_key(trust->identity, &trust->machine);
  machine_text(text);
  crypto_mac(trust->machine.bytes, text, strlen(text), trust->machine_key);
  trust->has_machine_key = text[0] != 0;
}

static enum exit_status open_identity(struct trust *trust) {
  char path[CONFIG_PATH_BYTES];
  bool is_new = false;
  enum exit_status status = trust_open_identity(&trust->identity, path, &is_new);
  if (status != EXIT_DONE) return status;
  if (is_new) say_made(trust, path);
  note_machine(trust);
  trust->tls.identity = trust->identity;
  return EXIT_DONE;
}

/* With a shared key the identity only tells machines apart, so that a hello that was sent back is noticed;
 * whoever has no folder for one, as services may, does without. */
static enum exit_status read_shared_key(struct trust *trust) {
  char path[CONFIG_PATH_BYTES];
  int error = shared_key_read(trust->options->psk_file, &trust->shared);
  if (error) return trust_file_failed(FILE_SHARED_KEY, trust->options->psk_file, 0, error);
  trust->tls.shared = &trust->shared;
  if (config_path(CONFIG_IDENTITY, path) < 0) return EXIT_DONE;
  bool is_new = access(path, F_OK) != 0;
  trust->identity = identity_open(path, &error);
  if (!trust->identity) return EXIT_DONE;
  if (is_new) say_made(trust, path);
  note_machine(trust);
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
  enum exit_status status = find_path(CONFIG_KNOWN, trust->known_path);
  if (status != EXIT_DONE) return status;
  known_name(host, options->port, PORT_DEFAULT, trust->name);
  if (!*trust->name) {
    say("'%s' is no name that can be remembered: use the host's address", trust_shown(host));
    return EXIT_USAGE;
  }
  /* A list that is damaged is better heard of now than in the middle of a handshake. */
  int error = known_check(trust->known_path, trust->name, &nobody, &trust->line);
  if (error < 0) return trust_file_failed(FILE_KNOWN, trust->known_path, trust->line, error);
  trust->tls.judge = judge;
  trust->tls.context = trust;
  return open_identity(trust);
}

bool trust_is_refused(const struct trust *trust) { return trust->has_judged && !is_trusted(trust); }

bool trust_on_met(struct trust *trust) {
  bool is_quiet = trust->options->quiet;
  char fingerprint[FINGERPRINT_TEXT_BYTES];
  if (trust->tls.shared) {
    if (!is_quiet) say("the receiver holds the key in %s", trust_shown(trust->options->psk_file));
    return true;
  }
  if (!trust->has_judged || !is_trusted(trust)) return false;
  public_key_fingerprint(&trust->peer, fingerprint);
  if (trust->answer == KNOWN_SAME) {
    if (!is_quiet) say("receiver %s (known)", fingerprint);
    return true;
  }
  int error = known_add(trust->known_path, trust->name, &trust->peer);
  if (error == ERR_UNTRUSTED) { /* another process met another key there, a moment ago */
    trust->answer = known_check(trust->known_path, trust->name, &trust->peer, &trust->line);
    return is_trusted(trust);
  }
  if (error)
    say("first time at %s: its key is %s, which could not be remembered in %s: %s", trust_shown(trust->host),
        fingerprint, trust_shown(trust->known_path), error_text(error));
  else if (!is_quiet)
    say("first time at %s: its key is %s, remembered in %s", trust_shown(trust->host), fingerprint,
        trust_shown(trust->known_path));
  return true;
}

void trust_say_refused(const struct trust *trust) {
  char fingerprint[FINGERPRINT_TEXT_BYTES], text[PUBLIC_KEY_TEXT_BYTES];
  const char *host = trust_shown(trust->host), *path = trust_shown(trust->known_path);
  struct public_key before;
  public_key_fingerprint(&trust->peer, fingerprint);
  public_key_text(&trust->peer, text);
  if (trust->answer < 0) {
    trust_file_failed(FILE_KNOWN, trust->known_path, trust->line, trust->answer);
  } else if (trust->answer == KNOWN_NEW) {
    say("%s is not known, and --strict asks for a known receiver; its key is %s", host, fingerprint);
    say("if `udpcp id` over there says the same, add this line to %s:", path);
    say_plain("%s %s", trust->name, text);
  } else {
    say("the key of %s has changed: somebody may stand in between, or it was set up anew; nothing was sent",
        host);
    say("its key now is  %s", fingerprint);
    if (known_key(trust->known_path, trust->line, &before) == 0) {
      public_key_fingerprint(&before, fingerprint);
      say("remembered is   %s", fingerprint);
    }
    say("if you know why it changed, remove line %u of %s and send again", trust->line, path);
  }
}

const char *trust_silence_hint(const struct trust *trust) {
  return trust->tls.shared
             ? "was it started with this key (recv --psk-file FILE)?"
             : "does it want a key (--psk-file FILE, or what `udpcp id` says here in its file of "
               "authorized keys), or another address?";
}

/* ---- the receiver ---- */
/* The file that was asked for, or the one in the config folder where there is one. */
static enum exit_status read_authorized(struct trust *trust) {
  const char *asked = trust->options->authorized, *path = asked;
  unsigned line;
  if (!asked) {
    enum exit_status status = find_path(CONFIG_AUTHORIZED, trust->authorized_path);
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
  say("%s: holds no key, so nobody could send: add what `udpcp id` says at the sender%s", trust_shown(path),
      asked ? "" : ", or remove the file");
  return EXIT_USAGE;
}

enum exit_status trust_begin_recv(struct trust *trust, const struct options *options) {
  *trust = (struct trust){.options = options};
  if (options->psk_file && options->authorized) {
    say("--psk-file and --authorized: one of the two says who may send, not both");
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
  int used = 0;
  admit_text(allowed, networks);
  if (trust->tls.shared)
    used = snprintf(text, TRUST_TEXT_BYTES, "who holds the key in %s", trust_shown(trust->options->psk_file));
  else if (trust->tls.believed)
    used = snprintf(text, TRUST_TEXT_BYTES, "the owner%s of the %zu key%s in %s", count == 1 ? "" : "s",
                    count, count == 1 ? "" : "s", trust_shown(trust->authorized_path));
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
  public_key_fingerprint(&trust->machine, fingerprint);
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
