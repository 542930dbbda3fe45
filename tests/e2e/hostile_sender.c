/* hostile_sender: a sender with real keys and a real handshake that then breaks the rules of
 * proto/transfer.md, or follows them to do harm. One attack a run:
 *
 *   hostile_sender CASE PORT [NUMBER]   attacks 127.0.0.1:PORT; says on stdout what the receiver answered and
 *                                       leaves with 0 when that is what the table at the end asks for
 *   hostile_sender --list               the names of the cases
 *
 * An answer reads "C committed, H had, F failed (CODE)" of the RESULTs that came, CODE being the last failure
 * (section 7), then "; closed CODE: reason", "; finished" or "; open". */
#include "hostile_flood.h"

/* ---- whole sessions that are right but for one thing ---- */

/* Announces row->bytes, sends it, says END. */
static void deliver_line(struct peer *peer, const struct row *row, const struct line *line) {
  add_hello();
  add_entry(line, row->bytes, row->size);
  ADD(MESSAGE_END, 1, line->size);
  say_draft(peer);
  give(peer, 0, 0, CONTENT_BYTES);
  wait_for_results(peer, 1);
}

static void deliver(struct peer *peer, const struct row *row) { deliver_line(peer, row, &plain_line); }

static void deliver_mode(struct peer *peer, const struct row *row) {
  struct line line = plain_line;
  line.mode = row->number;
  deliver_line(peer, row, &line);
}

static void deliver_mtime(struct peer *peer, const struct row *row) {
  struct line line = plain_line;
  line.mtime = row->number;
  deliver_line(peer, row, &line);
}

static void deliver_long_name(struct peer *peer, const struct row *row) {
  static char name[2 * NAME_BYTES_MAX];
  struct row named = *row;
  for (size_t i = 0; i < row->number; i++)
    name[i] = row->size > 0 && i % row->size == row->size - 1 ? '/' : 'n';
  named.bytes = name;
  named.size = row->number;
  deliver(peer, &named);
}

/* "a/.." + "/x": neither entry says what the two make together. */
static void join_names(struct peer *peer, const struct row *row) {
  struct line line = plain_line;
  add_hello();
  add_file("a/..b", CONTENT_BYTES);
  line.shared = row->number;
  add_entry(&line, row->bytes, row->size);
  say_draft(peer);
  wait_for_close(peer);
}

/* A CLOSE whose reason is meant for the terminal of whoever reads it. */
static void close_with_reason(struct peer *peer, const struct row *row) {
  add_hello();
  say_draft(peer);
  peer_run(peer, 100 * NS_PER_MS);
  conn_close(peer->conn, peer->now_ns, CLOSE_LOCAL, row->bytes);
  wait_for_close(peer);
}

/* ---- sizes and blocks ---- */

static void announce_size(struct peer *peer, const struct row *row) {
  add_hello();
  add_file("large", row->number > 0 ? row->number : number_given);
  say_draft(peer);
  wait_for_results(peer, 1);
}

static void announce_sum(struct peer *peer, const struct row *row) {
  (void)row;
  add_hello();
  add_file("one", VARINT_MAX / 2 + 1);
  add_file("two", VARINT_MAX / 2 + 1);
  say_draft(peer);
  wait_for_close(peer);
}

/* A file of one size, a block of another: row->number is the block's number, row->size what it holds. */
static void give_past_the_end(struct peer *peer, const struct row *row) {
  add_hello();
  add_file("past", CONTENT_BYTES);
  say_draft(peer);
  give(peer, 0, row->number, (uint32_t)row->size);
  wait_for_close(peer);
}

/* Before its ENTRY, so that no WANT can have been said. */
static void give_unasked(struct peer *peer, const struct row *row) {
  add_hello();
  say_draft(peer);
  give(peer, 0, row->number, BLOCK_DATA_BYTES);
  peer_run(peer, 20 * NS_PER_MS);
  add_file("unasked", 100 * BLOCK_DATA_BYTES);
  say_draft(peer);
  wait_for_close(peer);
}

/* Of all that is asked for only the last byte. */
static void give_last_byte_only(struct peer *peer, const struct row *row) {
  uint64_t blocks = row->number;
  add_hello();
  add_file("holes", (blocks - 1) * BLOCK_DATA_BYTES + 1);
  say_draft(peer);
  wait_for_want(peer);
  give(peer, 0, blocks - 1, 1);
  peer_run(peer, 300 * NS_PER_MS);
}

static void give_far_object(struct peer *peer, const struct row *row) {
  add_hello();
  say_draft(peer);
  give(peer, (uint32_t)row->number, 0, CONTENT_BYTES);
  wait_for_close(peer);
}

/* row->number: a byte of the block, counted from its end, that is changed after it was sealed. */
static void give_damaged(struct peer *peer, const struct row *row) {
  static uint8_t block[BLOCK_BYTES_MAX];
  size_t size = seal(block, 0, 0, CONTENT_BYTES);
  add_hello();
  add_file("damaged", CONTENT_BYTES);
  say_draft(peer);
  block[size - row->number] ^= 1;
  peer_give_block(peer, block, size);
  wait_for_close(peer);
}

static void give_block_twice(struct peer *peer, const struct row *row) {
  (void)row;
  static uint8_t block[BLOCK_BYTES_MAX];
  struct block_trailer trailer = {.raw_size = BLOCK_DATA_BYTES};
  add_hello();
  add_file("twice", BLOCK_DATA_BYTES + 5);
  say_draft(peer);
  give(peer, 0, 0, BLOCK_DATA_BYTES);
  memset(block, 'X', BLOCK_DATA_BYTES);
  block_seal(block, &trailer);
  peer_give_block(peer, block, BLOCK_BYTES_MAX);
  wait_for_close(peer);
}

static void give_wrong_digest(struct peer *peer, const struct row *row) {
  (void)row;
  static const uint8_t digest[16] = {1};
  add_hello();
  add_file("digest", BLOCK_DATA_BYTES + 5);
  add_message(MESSAGE_DIGEST, (const uint64_t[]){0, 0}, 2, digest, sizeof(digest));
  ADD(MESSAGE_END, 1, BLOCK_DATA_BYTES + 5);
  say_draft(peer);
  give(peer, 0, 0, BLOCK_DATA_BYTES);
  give(peer, 0, 1, 5);
  wait_for_results(peer, 1);
}

/* A digest of 16 zero bytes for object row->number; one file is announced. */
static void digest_of(struct peer *peer, const struct row *row) {
  static const uint8_t digest[16];
  add_hello();
  add_file("digest", row->size);
  add_message(MESSAGE_DIGEST, (const uint64_t[]){row->number, 0}, 2, digest, sizeof(digest));
  say_draft(peer);
  wait_for_close(peer);
}

/* The first blocks of a file that an honest sender has too, by name, size and time, with other bytes. */
static void poison(struct peer *peer, const struct row *row) {
  add_hello();
  add_file("resumed", number_given);
  say_draft(peer);
  for (uint32_t i = 0; i < row->number; i++)
    give(peer, 0, i, BLOCK_DATA_BYTES);
  peer_run(peer, 300 * NS_PER_MS);
}

/* ---- messages at the wrong moment, or no messages at all ---- */

/* HELLO, then row->bytes as they stand. */
static void say_raw(struct peer *peer, const struct row *row) {
  if (row->number == 0) add_hello();
  write_bytes(&draft, row->bytes, row->size);
  say_draft(peer);
  wait_for_close(peer);
}

/* A right session with a message of row->number in it that nobody must know. */
static void say_optional(struct peer *peer, const struct row *row) {
  static const uint8_t body[MESSAGE_BODY_BYTES_MAX];
  add_hello();
  add_message(row->number, NULL, 0, body, sizeof(body));
  add_file("optional", 0);
  add_message(MESSAGE_DIGEST, (const uint64_t[]){0, 0}, 2, body, 16);
  ADD(MESSAGE_END, 1, 0);
  say_draft(peer);
  wait_for_results(peer, 1);
}

static void say_end_twice(struct peer *peer, const struct row *row) {
  add_hello();
  add_file("end", CONTENT_BYTES);
  ADD(MESSAGE_END, 1, CONTENT_BYTES);
  if (row->number == 0) ADD(MESSAGE_END, 1, CONTENT_BYTES);
  if (row->number == 1) add_file("late", CONTENT_BYTES);
  say_draft(peer);
  wait_for_close(peer);
}

/* Two files of one name and other contents of the same size: one of them stands there, whole. */
static void give_one_name_twice(struct peer *peer, const struct row *row) {
  (void)row;
  static uint8_t block[BLOCK_BYTES_MAX];
  struct block_trailer trailer = {.object = 1, .raw_size = CONTENT_BYTES};
  add_hello();
  add_file("same", CONTENT_BYTES);
  add_file("same", CONTENT_BYTES);
  ADD(MESSAGE_END, 2, 2 * CONTENT_BYTES);
  say_draft(peer);
  give(peer, 0, 0, CONTENT_BYTES);
  memset(block, 'X', CONTENT_BYTES);
  block_seal(block, &trailer);
  peer_give_block(peer, block, CONTENT_BYTES + BLOCK_TRAILER_BYTES);
  wait_for_results(peer, 2);
}

/* row->bytes, and when that stands there the name row->size goes up to, or the reverse. */
static void cross_names(struct peer *peer, const struct row *row) {
  struct line line = plain_line;
  const char *names[] = {row->number ? "v/w" : "t", row->number ? "v" : "t/u"};
  add_hello();
  for (uint32_t i = 0; i < 2; i++) {
    add_entry(&line, names[i], strlen(names[i]));
    say_draft(peer);
    give(peer, i, 0, CONTENT_BYTES);
    wait_for_results(peer, i + 1);
  }
}

/* ---- the table ---- */
#define NAME(text) .bytes = text, .size = sizeof(text) - 1
#define REFUSED_NAME "0 committed, 0 had, 0 failed (0); closed 9: ENTRY 0 is of a name that is not allowed"
#define MALFORMED_ENTRY "0 committed, 0 had, 0 failed (0); closed 9: malformed message (ENTRY)"
#define DONE "1 committed, 0 had, 0 failed (0)"

static const struct row rows[] = {
    {"name-up", deliver, REFUSED_NAME, NAME("../x"), 0},
    {"name-absolute", deliver, REFUSED_NAME, NAME("/etc/passwd"), 0},
    {"name-up-later", deliver, REFUSED_NAME, NAME("a/../../x"), 0},
    {"name-empty", deliver, MALFORMED_ENTRY, NAME(""), 0},
    {"name-dot", deliver, REFUSED_NAME, NAME("."), 0},
    {"name-dot-dot", deliver, REFUSED_NAME, NAME(".."), 0},
    {"name-slash-behind", deliver, REFUSED_NAME, NAME("a/"), 0},
    {"name-two-slashes", deliver, REFUSED_NAME, NAME("a//b"), 0},
    {"name-nul", deliver, REFUSED_NAME, NAME("a\0/../x"), 0},
    {"name-component-256", deliver_long_name, REFUSED_NAME, NULL, 0, 256},
    {"name-4097", deliver_long_name, MALFORMED_ENTRY, NULL, 128, 4097},
    {"name-part", deliver, REFUSED_NAME, NAME(".udpcp-0123456789abcdef.part"), 0},
    {"name-journal", deliver, REFUSED_NAME, NAME("a/.udpcp-0123456789abcdef.journal"), 0},
    {"name-joined", join_names, "closed 9: ENTRY 1 is of a name that is not allowed", NAME("/x"), 4},
    {"name-leaning", join_names, "closed 9: ENTRY 1 leans on a name that is not there", NAME("/x"), 6},
    {"name-escapes", deliver, DONE,
     NAME("\033[2J\033]0;owned\a\r\n\x9b\xe2\x80\xaetxt.exe\xe2\x80\x8f\xc2\x85"), 0},
    {"reason-escapes", close_with_reason, "open", NAME("\033[2J\033]0;owned\a\r\n\xe2\x80\xaetxt"), 0},
    {"mode-06777", deliver_mode, MALFORMED_ENTRY, NAME("mode"), 06777},
    {"mode-0777", deliver_mode, DONE, NAME("mode"), 0777},
    {"mtime-last", deliver_mtime, DONE, NAME("mtime-last"), VARINT_MAX - 1},
    {"mtime-first", deliver_mtime, DONE, NAME("mtime-first"), VARINT_MAX},
    {"size-largest", announce_size, "0 committed, 0 had, 1 failed (5)", NULL, 0, VARINT_MAX},
    {"size-given", announce_size, "0 committed, 0 had, 1 failed (5)", NULL, 0, 0},
    {"size-sum", announce_sum, "closed 9: ENTRY 1 is too large for the sum", NULL, 0, 0},
    {"block-beyond", give_past_the_end, "closed 9: block 1 of object 0 is beyond the end", NULL, 5, 1},
    {"block-larger", give_past_the_end, "closed 9: block 0 of object 0 is of the wrong size", NULL,
     CONTENT_BYTES + 1, 0},
    {"block-smaller", give_past_the_end, "closed 9: block 0 of object 0 is of the wrong size", NULL, 1, 0},
    {"block-last-number", give_past_the_end, "is beyond the end", NULL, 1, UINT64_MAX},
    {"block-unasked", give_unasked, "closed 9: block 4 of object 0 is not asked for", NULL, 0, 4},
    {"block-far-object", give_far_object, "closed 9: a block of object 4294967295, which is too far", NULL, 0,
     UINT32_MAX},
    {"block-last-byte", give_last_byte_only, "0 committed, 0 had, 0 failed (0); open", NULL, 0, 4000},
    {"block-damaged", give_damaged, "closed 9: block 0 of object 0 does not fit its check", NULL, 0,
     BLOCK_TRAILER_BYTES + 1},
    {"block-wrong-hash", give_damaged, "closed 9: block 0 of object 0 does not fit its check", NULL, 0,
     BLOCK_TRAILER_BYTES},
    {"block-encoded", give_damaged, "closed 9: a block of unknown encoding", NULL, 0, 4},
    {"block-twice", give_block_twice, "closed 9: block 0 of object 0 twice", NULL, 0, 0},
    {"overlap-first-right", overlap_fragments, "closed 9: block 0 of object 0 does not fit its check", NULL,
     0, 0},
    {"overlap-last-right", overlap_fragments, DONE, NULL, 0, 1},
    {"digest-wrong", give_wrong_digest, "0 committed, 0 had, 1 failed (11)", NULL, 0, 0},
    {"digest-unannounced", digest_of, "closed 9: DIGEST of object 1, which was not announced", NULL, 0, 1},
    {"digest-not-due", digest_of, "closed 9: DIGEST of object 0, which needs none", NULL, 5, 0},
    {"resume-poisoned", poison, "0 committed, 0 had, 0 failed (0); open", NULL, 0, 4},
    {"control-far", forge_raw, "closed 3", NAME("\x04\xff\xff\xff\xff\xff\xff\xff\xfe\x01x"), 0},
    {"crypto-far", forge_raw, "closed 3", NAME("\x03\xff\xff\xff\xff\xff\xff\xff\xfe\x01x"), 0},
    {"fragment-far", forge_raw, "closed 2", NAME("\x05\x08\x00\xff\xff\xff\xff\xff\xff\xff\xfe\x01x"), 0},
    {"fragment-far-number", forge_raw, "open", NAME("\x05\x00\xff\xff\xff\xff\xff\xff\xff\xff\x00\x01x"), 1},
    {"fragment-far-whole", forge_raw, "closed 9: malformed block",
     NAME("\x05\x00\xff\xff\xff\xff\xff\xff\xff\xff\x01\x01x"), 0},
    {"fragment-no-class", forge_raw, "closed 2", NAME("\x05\xff\x00\x00\x01x"), 0},
    {"fragments", forge_a_million, "open", NULL, 0, 1000000},
    {"stall-hello", stall, "closed 8: too slow", NULL, 0, 1},
    {"stall-mute-hello", stall, "closed 8: too slow", NULL, 0, 0},
    {"stall-entry", stall, "closed 8: too slow", NULL, 0, 2},
    {"stall-dead", stall, "open", NULL, 0, 3},
    {"stall-all", stall_all, "closed 8: too slow", NULL, 0, 0},
    {"opens", open_many, "0 committed, 0 had, 0 failed (0); open", NULL, 0, 3400},
    {"opens-too-many", open_many, "closed 9: ENTRY 4096 is beyond objects_ahead", NULL, 0, 5000},
    {"place-link", deliver, "0 committed, 0 had, 1 failed (3)", NAME("link"), 0},
    {"place-below-link", deliver, "0 committed, 0 had, 1 failed", NAME("folder/x"), 0},
    {"place-pipe", deliver, "0 committed, 0 had, 1 failed (3)", NAME("pipe"), 0},
    {"place-device", deliver, "0 committed, 0 had, 1 failed (3)", NAME("device"), 0},
    {"place-hard", deliver, "0 committed, 0 had, 1 failed (3)", NAME("hard"), 0},
    {"place-hard-replaced", deliver, DONE, NAME("hard"), 0},
    {"message-mandatory", say_raw, "closed 9: message 17 is mandatory and not known here", NAME("\x11\x00"),
     0},
    {"message-optional", say_optional, DONE, NULL, 0, 1000},
    {"message-endless", say_raw, "closed 9: malformed message (ENTRY)",
     NAME("\x03\xff\xff\xff\xff\xff\xff\xff\xff"), 0},
    {"message-8193", say_raw, "closed 9: malformed message (unknown)", NAME("\x43\xe8\x60\x01"), 0},
    {"message-result", say_raw, "closed 9: RESULT is for the other direction", NAME("\x0d\x03\x00\x01\x00"),
     0},
    {"message-welcome", say_raw, "closed 9: WELCOME is for the other direction",
     NAME("\x09\x04\x01\x00\x00\x00"), 0},
    {"message-hello-twice", say_raw, "closed 9: a second HELLO", NAME("\x01\x02\x01\x00"), 0},
    {"message-no-hello", say_raw, "closed 9: END before HELLO", NAME("\x07\x02\x00\x00"), 1},
    {"message-flags", say_raw, "closed 9: HELLO has unknown flags", NAME("\x01\x02\x01\x3e"), 1},
    {"message-version", say_raw, "closed 9: format version 2 is not known here", NAME("\x01\x02\x02\x00"), 1},
    {"end-twice", say_end_twice, "closed 9: END does not fit what was announced", NULL, 0, 0},
    {"end-then-entry", say_end_twice, "closed 9: ENTRY 1 is after END", NULL, 0, 1},
    {"end-wrong", say_raw, "closed 9: END does not fit what was announced", NAME("\x07\x02\x01\x00"), 0},
    {"one-name-twice", give_one_name_twice, "1 committed, 0 had, 1 failed (3)", NULL, 0, 0},
    {"file-as-folder", cross_names, "1 committed, 0 had, 1 failed (3)", NULL, 0, 0},
    {"folder-as-file", cross_names, "1 committed, 0 had, 1 failed (9)", NULL, 0, 1},
    {"entries", announce_a_million, "1000000 committed, 0 had, 0 failed (0)", NULL, 0, 1000000},
};

static int attack(const struct row *row) {
  struct peer peer;
  char text[ANSWER_BYTES];
  if (!peer_connect(&peer, port)) peer_die("the receiver does not answer");
  begin_draft();
  row->attack(&peer, row);
  write_answer(&peer, text);
  conn_close(peer.conn, peer.now_ns, CLOSE_INTERRUPTED, "");
  peer_run(&peer, NS_PER_S);
  peer_end(&peer);
  bool is_expected = strstr(text, row->expected) != NULL;
  printf("%s%s%s\n", text, is_expected ? "" : ", not: ", is_expected ? "" : row->expected);
  return is_expected ? 0 : 1;
}

int main(int argc, char **argv) {
  const size_t count = sizeof(rows) / sizeof(rows[0]);
  bool lists = argc == 2 && strcmp(argv[1], "--list") == 0;
  for (size_t i = 0; i < count; i++) {
    if (lists) puts(rows[i].label);
    if (argc < 3 || strcmp(argv[1], rows[i].label) != 0) continue;
    if (argc > 3) number_given = strtoull(argv[3], NULL, 10);
    port = (uint16_t)strtoul(argv[2], NULL, 10);
    return attack(&rows[i]);
  }
  if (!lists) fputs("usage: hostile_sender CASE PORT [NUMBER] | --list\n", stderr);
  return lists ? 0 : 2;
}
