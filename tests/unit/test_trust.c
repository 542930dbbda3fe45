/* trust: who is believed, for every combination of keys, lists and addresses; nothing ever falls back to
 * something weaker. */
#include "cli/trust.h"
#include "scratch.h"
#include "unit.h"

#include <arpa/inet.h>

enum { KINDS = 4 };
static struct public_key keys[KINDS];
static struct trust trust;

/* A folder of its own, with the identities of four machines. */
static void enter(void) {
  static const char *const names[KINDS] = {"k0", "k1", "k2", "k3"};
  scratch_enter();
  setenv("XDG_CONFIG_HOME", scratch_path, 1);
  for (int i = 0; i < KINDS; i++) {
    int error;
    bool is_new;
    struct identity *identity = identity_open(names[i], &is_new, &error);
    assert(identity);
    identity_public_key(identity, &keys[i]);
    identity_free(identity);
  }
}

static void leave(void) {
  trust_end(&trust);
  scratch_leave();
}

static int judge(int key) { return trust.tls.judge(trust.tls.context, &keys[key]); }

static enum exit_status begin_send(const struct options *options, const char *host) {
  trust_end(&trust);
  return trust_begin_send(&trust, options, host);
}

static void a_receiver_is_pinned_at_first_sight(void) {
  struct options options = {.port = PORT_DEFAULT, .quiet = true};
  enter();
  CU_ASSERT_EQUAL(begin_send(&options, "Box"), EXIT_DONE);
  CU_ASSERT_FALSE(trust_is_refused(&trust));
  CU_ASSERT_EQUAL(judge(0), 0);
  CU_ASSERT_EQUAL(begin_send(&options, "box"), EXIT_DONE);
  CU_ASSERT_EQUAL(judge(1), 0); /* judging alone remembers nothing */
  CU_ASSERT_TRUE(trust_on_met(&trust));
  CU_ASSERT_EQUAL(begin_send(&options, "BOX"), EXIT_DONE);
  CU_ASSERT_EQUAL(judge(0), ERR_UNTRUSTED);
  CU_ASSERT_TRUE(trust_is_refused(&trust));
  CU_ASSERT_FALSE(trust_on_met(&trust));
  CU_ASSERT_EQUAL(judge(1), 0);
  CU_ASSERT_TRUE(trust_on_met(&trust));
  options.port = 99;
  CU_ASSERT_EQUAL(begin_send(&options, "box"), EXIT_DONE);
  CU_ASSERT_EQUAL(judge(2), 0); /* another port is another receiver */
  leave();
}

static void strict_takes_known_ones_only(void) {
  struct options options = {.port = PORT_DEFAULT, .quiet = true};
  struct options strict = {.port = PORT_DEFAULT, .quiet = true, .strict = true};
  enter();
  CU_ASSERT_EQUAL(begin_send(&strict, "box"), EXIT_DONE);
  CU_ASSERT_EQUAL(judge(0), ERR_UNTRUSTED);
  CU_ASSERT_FALSE(trust_on_met(&trust));
  CU_ASSERT_EQUAL(begin_send(&options, "box"), EXIT_DONE);
  CU_ASSERT_EQUAL(judge(0), 0);
  CU_ASSERT_TRUE(trust_on_met(&trust));
  CU_ASSERT_EQUAL(begin_send(&strict, "box"), EXIT_DONE);
  CU_ASSERT_EQUAL(judge(0), 0);
  CU_ASSERT_EQUAL(judge(1), ERR_UNTRUSTED);
  leave();
}

/* Two senders meet two receivers of one name at the same time: the later one must notice. */
static void who_was_remembered_meanwhile_counts(void) {
  struct options options = {.port = PORT_DEFAULT, .quiet = true};
  enter();
  CU_ASSERT_EQUAL(begin_send(&options, "box"), EXIT_DONE);
  CU_ASSERT_EQUAL(judge(0), 0);
  CU_ASSERT_EQUAL(known_add(trust.known_path, trust.name, &keys[1]), 0);
  CU_ASSERT_FALSE(trust_on_met(&trust));
  CU_ASSERT_TRUE(trust_is_refused(&trust));
  leave();
}

static void damaged_files_end_the_command(void) {
  struct options options = {.port = PORT_DEFAULT, .quiet = true};
  struct options shared = {.port = PORT_DEFAULT, .quiet = true, .psk_file = "k"};
  enter();
  CU_ASSERT_EQUAL(begin_send(&options, "a host"), EXIT_USAGE);
  scratch_folder("udpcp");
  scratch_write("udpcp/known_receivers", "box ed25519 short\n");
  CU_ASSERT_EQUAL(begin_send(&options, "box"), EXIT_USAGE);
  CU_ASSERT_EQUAL(begin_send(&options, "other"), EXIT_USAGE);
  assert(unlink("udpcp/known_receivers") == 0);
  scratch_write("udpcp/identity", "no key");
  CU_ASSERT_EQUAL(begin_send(&options, "box"), EXIT_USAGE); /* exposed */
  assert(chmod("udpcp/identity", 0600) == 0);
  CU_ASSERT_EQUAL(begin_send(&options, "box"), EXIT_USAGE); /* malformed */
  CU_ASSERT_EQUAL(begin_send(&shared, "box"), EXIT_USAGE);  /* not there */
  CU_ASSERT_EQUAL(shared_key_make("k"), 0);
  CU_ASSERT_EQUAL(begin_send(&shared, "box"), EXIT_DONE);
  CU_ASSERT_PTR_NULL(trust.tls.judge);
  CU_ASSERT_PTR_NOT_NULL(trust.tls.shared);
  assert(chmod("k", 0640) == 0);
  CU_ASSERT_EQUAL(begin_send(&shared, "box"), EXIT_USAGE);
  CU_ASSERT_PTR_NULL(trust.tls.shared);
  leave();
}

/* Whoever can put a list there or take it away decides who is believed. */
static void a_folder_of_all_is_not_believed(void) {
  struct options send = {.port = PORT_DEFAULT, .quiet = true}, recv = {.quiet = true};
  struct options shared = {.quiet = true, .psk_file = "k"}, asked = {.quiet = true, .authorized = "list"};
  char line[PUBLIC_KEY_TEXT_BYTES];
  enter();
  scratch_folder("udpcp");
  public_key_text(&keys[0], line);
  scratch_write("list", line);
  CU_ASSERT_EQUAL(shared_key_make("k"), 0);
  assert(chmod("udpcp", 0777) == 0);
  CU_ASSERT_EQUAL(begin_send(&send, "box"), EXIT_USAGE);
  CU_ASSERT_EQUAL(trust_begin_recv(&trust, &recv), EXIT_USAGE);
  trust_end(&trust);
  CU_ASSERT_EQUAL(trust_begin_recv(&trust, &asked), EXIT_USAGE); /* the identity stands there */
  trust_end(&trust);
  CU_ASSERT_EQUAL(trust_begin_recv(&trust, &shared), EXIT_DONE); /* nothing is looked for there */
  trust_end(&trust);
  CU_ASSERT(access("udpcp/identity", F_OK) < 0);
  assert(chmod("udpcp", 0700) == 0);
  CU_ASSERT_EQUAL(begin_send(&send, "box"), EXIT_DONE);
  leave();
}

static void a_dry_run_makes_and_remembers_nothing(void) {
  struct options options = {.command = COMMAND_SEND, .port = PORT_DEFAULT, .quiet = true, .dry_run = true};
  struct options strict = options, recv = {.command = COMMAND_RECV, .quiet = true, .dry_run = true};
  strict.strict = true;
  enter();
  CU_ASSERT_EQUAL(begin_send(&options, "box"), EXIT_DONE);
  CU_ASSERT_PTR_NOT_NULL(trust.tls.identity);
  CU_ASSERT_EQUAL(judge(0), 0);
  CU_ASSERT_TRUE(trust_on_met(&trust));
  CU_ASSERT(access("udpcp", F_OK) < 0);
  CU_ASSERT_EQUAL(begin_send(&strict, "box"), EXIT_DONE);
  CU_ASSERT_EQUAL(judge(0), ERR_UNTRUSTED);
  trust_end(&trust);
  CU_ASSERT_EQUAL(trust_begin_recv(&trust, &recv), EXIT_DONE); /* senders will remember that one */
  CU_ASSERT(access("udpcp/identity", F_OK) == 0);
  struct public_key own = trust.own;
  CU_ASSERT_EQUAL(begin_send(&options, "box"), EXIT_DONE);
  CU_ASSERT(public_key_equal(&trust.own, &own));
  assert(chmod("udpcp/identity", 0644) == 0);
  CU_ASSERT_EQUAL(begin_send(&options, "box"), EXIT_USAGE);
  leave();
}

/* A hello that was sent back is known by this, whoever runs the two and with what home. */
static void one_shared_key_makes_one_machine(void) {
  struct options options = {.quiet = true, .psk_file = "k"}, other = {.quiet = true, .psk_file = "other"};
  uint8_t before[KEY_BYTES];
  enter();
  CU_ASSERT(shared_key_make("k") == 0 && shared_key_make("other") == 0);
  CU_ASSERT_EQUAL(trust_begin_recv(&trust, &options), EXIT_DONE);
  CU_ASSERT_PTR_NOT_NULL_FATAL(trust_machine(&trust));
  memcpy(before, trust_machine(&trust), KEY_BYTES);
  CU_ASSERT(access("udpcp", F_OK) < 0);
  setenv("XDG_CONFIG_HOME", "/nowhere", 1);
  CU_ASSERT_EQUAL(begin_send(&options, "box"), EXIT_DONE);
  CU_ASSERT_EQUAL(memcmp(trust_machine(&trust), before, KEY_BYTES), 0);
  CU_ASSERT_EQUAL(begin_send(&other, "box"), EXIT_DONE);
  CU_ASSERT_NOT_EQUAL(memcmp(trust_machine(&trust), before, KEY_BYTES), 0);
  leave();
}

/* What is to be left with differs: a receiver that is another, or a file that became useless meanwhile. */
static void refusals_have_their_status(void) {
  struct options options = {.port = 99, .quiet = true};
  enter();
  CU_ASSERT_EQUAL(begin_send(&options, "box"), EXIT_DONE);
  CU_ASSERT_EQUAL(known_add(trust.known_path, trust.name, &keys[1]), 0);
  CU_ASSERT_EQUAL(judge(0), ERR_UNTRUSTED);
  CU_ASSERT_EQUAL(trust_say_refused(&trust), EXIT_REFUSED);
  scratch_write("udpcp/known_receivers", "damaged\n");
  CU_ASSERT_EQUAL(judge(0), ERR_UNTRUSTED);
  CU_ASSERT_TRUE(trust_is_refused(&trust));
  CU_ASSERT_EQUAL(trust_say_refused(&trust), EXIT_USAGE);
  leave();
}

static bool admits(const char *text) {
  struct address address = {.size = sizeof(struct sockaddr_in)};
  struct sockaddr_in ipv4 = {.sin_family = AF_INET};
  assert(inet_pton(AF_INET, text, &ipv4.sin_addr) == 1);
  memcpy(address.bytes, &ipv4, sizeof ipv4);
  return trust_admits(&trust, &address);
}

static void addresses_count_beside_keys_only_when_asked(void) {
  static const struct {
    const char *psk_file, *authorized, *allow;
    bool wants_proof, near, far, listed;
    const char *said;
  } examples[] = {
      {NULL, NULL, NULL, false, true, false, false, "this machine and private networks"},
      {NULL, NULL, "203.0.113.0/24", false, false, false, true, "203.0.113.0/24"},
      {"k", NULL, NULL, true, true, true, true, "who holds the key in k"},
      {"k", NULL, "203.0.113.0/24", true, false, false, true,
       "who holds the key in k, from 203.0.113.0/24 only"},
      {NULL, "list", NULL, true, true, true, true, "the owners of the 2 keys in list"},
      {NULL, "list", "203.0.113.0/24", true, false, false, true,
       "the owners of the 2 keys in list, from 203.0.113.0/24 only"},
  };
  char line[PUBLIC_KEY_TEXT_BYTES], list[3 * PUBLIC_KEY_TEXT_BYTES], text[TRUST_TEXT_BYTES];
  char complaint[ADMIT_COMPLAINT_BYTES];
  enter();
  public_key_text(&keys[0], line);
  snprintf(list, sizeof list, "%s\n%s\n", line, line);
  scratch_write("list", list);
  CU_ASSERT_EQUAL(shared_key_make("k"), 0);
  for (size_t i = 0; i < sizeof examples / sizeof examples[0]; i++) {
    struct options options = {
        .quiet = true, .psk_file = examples[i].psk_file, .authorized = examples[i].authorized};
    if (examples[i].allow) CU_ASSERT_PTR_NULL(admit_add(&options.allowed, examples[i].allow, complaint));
    CU_ASSERT_EQUAL(trust_begin_recv(&trust, &options), EXIT_DONE);
    CU_ASSERT_EQUAL(trust_wants_proof(&trust), examples[i].wants_proof);
    CU_ASSERT_EQUAL(admits("192.168.1.1"), examples[i].near);
    CU_ASSERT_EQUAL(admits("198.51.100.1"), examples[i].far);
    CU_ASSERT_EQUAL(admits("203.0.113.9"), examples[i].listed);
    CU_ASSERT_STRING_EQUAL(trust_senders_text(&trust, text), examples[i].said);
    trust_end(&trust);
  }
  leave();
}

static void a_list_without_keys_opens_to_nobody(void) {
  struct options options = {.quiet = true}, asked = {.quiet = true, .authorized = "list"};
  struct options both = {.quiet = true, .authorized = "list", .psk_file = "k"};
  enter();
  CU_ASSERT_EQUAL(trust_begin_recv(&trust, &options), EXIT_DONE); /* no list at all */
  trust_end(&trust);
  CU_ASSERT_EQUAL(trust_begin_recv(&trust, &asked), EXIT_USAGE);
  scratch_write("list", "# nobody\n");
  CU_ASSERT_EQUAL(trust_begin_recv(&trust, &asked), EXIT_USAGE);
  trust_end(&trust);
  CU_ASSERT_EQUAL(trust_begin_recv(&trust, &both), EXIT_USAGE);
  scratch_write("udpcp/authorized", "");
  CU_ASSERT_EQUAL(trust_begin_recv(&trust, &options), EXIT_USAGE);
  trust_end(&trust);
  scratch_write("udpcp/authorized", "ed25519 short");
  CU_ASSERT_EQUAL(trust_begin_recv(&trust, &options), EXIT_USAGE);
  leave();
}

UNIT_MAIN(UNIT_CASE(a_receiver_is_pinned_at_first_sight), UNIT_CASE(strict_takes_known_ones_only),
          UNIT_CASE(who_was_remembered_meanwhile_counts), UNIT_CASE(damaged_files_end_the_command),
          UNIT_CASE(a_folder_of_all_is_not_believed), UNIT_CASE(a_dry_run_makes_and_remembers_nothing),
          UNIT_CASE(one_shared_key_makes_one_machine), UNIT_CASE(refusals_have_their_status),
          UNIT_CASE(addresses_count_beside_keys_only_when_asked),
          UNIT_CASE(a_list_without_keys_opens_to_nobody))
