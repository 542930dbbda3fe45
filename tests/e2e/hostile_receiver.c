/* hostile_receiver: a receiver with real keys and a real handshake that then breaks the rules, or follows
 * them to do harm. One case a run:
 *
 *   hostile_receiver CASE [NUMBER]         waits for one sender at a free port, said as `listening PORT`, and
 *                                          at its end says how the sender ended it: `closed CODE: reason`,
 *                                          `silent` or `open`, and what came, as `datagrams N forged N`
 *   hostile_receiver --run FILE COMMAND... runs a command and leaves with its status; FILE gets `cpu_ms N`,
 *                                          `max_kib N`, what it has used in all
 *   hostile_receiver --list                the names of the cases
 *
 * Where a case says so it goes on as an honest receiver, as far as a sender can tell: it asks for large
 * files, waits until all has come, and says that everything is committed. */
#include "hostile_hear.h"

#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>

enum { FLOOD_PACKETS = 5000 };
static const uint8_t word[] = "not what it seems";

static uint64_t number_given, forged;

/* ---- transport: acknowledgements ---- */
/* Nothing while too much of what was said before is unanswered. */
static void forge_frames(struct peer *peer, const struct frame *frames, size_t count) {
  if (!sent_packets_have_room(&peer->conn->spaces[LEVEL_DATA].sent)) return;
  peer_forge(peer, frames, count);
  forged++;
}

static void forge(struct peer *peer, const struct frame *frame) { forge_frames(peer, frame, 1); }

static uint64_t received_end(const struct peer *peer) {
  return peer->conn->spaces[LEVEL_DATA].acks.largest + 1;
}

static void ack_unsent(struct peer *peer) {
  const struct frame frame = {.type = FRAME_ACK,
                              .ack = {.range_count = 1, .ranges = {{0, received_end(peer) + 1000}}}};
  forge(peer, &frame);
  wait_for_close(peer);
}

/* A packet of frames that no writer of ours would write. */
static void forge_bytes(struct peer *peer, const uint8_t *bytes, size_t size) {
  peer_forge_payload(peer, (struct packet){.type = PACKET_FRAMES}, bytes, size);
  forged++;
  wait_for_close(peer);
}

static void ack_below_zero(struct peer *peer) {
  forge_bytes(peer, (const uint8_t[]){FRAME_ACK, 2, 0, 0, 9, 0, 0, 0}, 8);
}
static void ack_gap_below_zero(struct peer *peer) {
  forge_bytes(peer, (const uint8_t[]){FRAME_ACK, 2, 0, 1, 0, 9, 0, 0, 0, 0}, 10);
}
static void ack_range_below_zero(struct peer *peer) {
  forge_bytes(peer, (const uint8_t[]){FRAME_ACK, 9, 0, 1, 0, 3, 9, 0, 0, 0}, 10);
}

/* Of what has come, every second number only. */
static bool every_second(const struct peer *peer, struct frame_ack *ack) {
  const struct ranges *received = &peer->conn->spaces[LEVEL_DATA].acks.received;
  ack->range_count = 0;
  for (uint64_t number = received_end(peer) & ~1ull; number > 0 && ack->range_count < ACK_RANGES_MAX;
       number -= 2)
    if (ranges_contains(received, number, number + 1))
      ack->ranges[ack->range_count++] = (struct range){number, number + 1};
  return ack->range_count > 0;
}

/* Mute, so that no honest acknowledgement leaves; all that is said is forged, too. */
static void forge_draft(struct peer *peer, uint64_t *offset) {
  struct frame frame = {.type = FRAME_CONTROL,
                        .stream = {.offset = *offset, .bytes = draft_bytes, .size = writer_used(&draft)}};
  if (frame.stream.size > 0) forge(peer, &frame);
  *offset += frame.stream.size;
  begin_draft();
}

static void ack_every_second(struct peer *peer) {
  uint64_t offset = 0, end_ns = clock_now_ns() + PATIENCE_NS;
  bool is_told = false;
  peer->is_mute = true;
  add_welcome();
  while (!peer->is_closed && peer->now_ns < end_ns) {
    struct frame frames[] = {{.type = FRAME_MAX_DATA, .max_data = peer->conn->blocks_in.granted},
                             {.type = FRAME_ACK}};
    nanosleep(&(struct timespec){.tv_nsec = TURN_NS}, NULL);
    peer_turn(peer, peer->now_ns);
    if (every_second(peer, &frames[1].ack)) forge_frames(peer, frames, 2);
    look(peer);
    for (; seen.wanted < seen.large_count; seen.wanted++)
      ADD(MESSAGE_WANT, seen.large[seen.wanted]);
    if (!is_told && has_all(peer)) add_results(RESULT_COMMITTED);
    is_told = has_all(peer);
    forge_draft(peer, &offset);
  }
}

static void ack_delay(struct peer *peer) {
  for (int times = 0; times < 100; times++) {
    const struct frame frame = {.type = FRAME_ACK,
                                .ack = {.delay_us = VARINT_MAX,
                                        .range_count = 1,
                                        .ranges = {{received_end(peer) - 1, received_end(peer)}}}};
    forge(peer, &frame);
    peer_turn(peer, clock_now_ns() + TURN_NS);
  }
  be_honest(peer);
}

/* ---- transport: floods, windows, keys ---- */
static void flood(struct peer *peer, const struct frame *frames, size_t count) {
  for (int i = 0; i < FLOOD_PACKETS && !peer->is_closed; i++) {
    forge_frames(peer, frames, count);
    if (i % 16 == 15) peer_turn(peer, clock_now_ns() + NS_PER_MS);
  }
}

static void challenge_flood(struct peer *peer) {
  struct frame frames[100];
  for (unsigned i = 0; i < 100; i++)
    frames[i] = (struct frame){.type = FRAME_PATH_CHALLENGE, .path = i};
  flood(peer, frames, 100);
  be_honest(peer);
}

static void frequency_flood(struct peer *peer) {
  const struct frame frames[] = {{.type = FRAME_ACK_FREQUENCY, .ack_frequency = {VARINT_MAX, VARINT_MAX}},
                                 {.type = FRAME_ACK_FREQUENCY, .ack_frequency = {0, 0}},
                                 {.type = FRAME_PING}};
  flood(peer, frames, 3);
  be_honest(peer);
}

static void max_data(struct peer *peer) {
  static const uint64_t grants[] = {VARINT_MAX, 1, 0, 1ull << 40, VARINT_MAX};
  for (size_t i = 0; i < sizeof(grants) / sizeof(grants[0]); i++)
    forge(peer, &(struct frame){.type = FRAME_MAX_DATA, .max_data = grants[i]});
  be_honest(peer);
}

/* What the sender sends finds its answer, in the transport; nothing is ever said above it. */
static void answer_nothing(struct peer *peer) { peer_run(peer, 12 * NS_PER_S); }

static void welcome_and_no_more(struct peer *peer) {
  welcome(peer);
  answer_nothing(peer);
}

static void no_window(struct conn_config *config) { config->window_bytes = 1; }

static void fall_silent(struct peer *peer) {
  peer->is_mute = true;
  answer_nothing(peer);
}

static void new_keys(struct peer *peer) {
  struct crypto *crypto = &peer->conn->crypto;
  for (int i = 0; i < FLOOD_PACKETS && !peer->is_closed; i++) {
    crypto->ops->renew_keys(crypto->state);
    forge(peer, &(struct frame){.type = FRAME_PING});
    if (i % 16 == 15) peer_turn(peer, clock_now_ns() + NS_PER_MS);
  }
  answer_nothing(peer);
}

/* As often as a sender can follow. */
static void frequent_keys(struct conn_config *config) { config->key_packets = 1; }

static void no_ready(struct peer *peer) {
  peer->conn->ready_pending = false;
  be_honest(peer);
}

static void control_beyond_window(struct peer *peer) {
  forge(peer,
        &(struct frame){.type = FRAME_CONTROL, .stream = {.offset = number_given, .bytes = word, .size = 1}});
  wait_for_close(peer);
}

static void send_block(struct peer *peer) {
  forge(peer, &(struct frame){.type = FRAME_BLOCK,
                              .block = {.header = {.fin = true}, .bytes = word, .size = sizeof(word)}});
  wait_for_close(peer);
}

static void crypto_after_all(struct peer *peer) {
  forge(peer, &(struct frame){.type = FRAME_CRYPTO, .stream = {.bytes = word, .size = sizeof(word)}});
  wait_for_close(peer);
}

static void idle_at_once(struct conn_config *config) { config->idle_timeout_ns = NS_PER_MS; }

/* ---- another address ---- */
static int open_elsewhere(void) {
  struct sockaddr_in any = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
  int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  if (fd < 0 || bind(fd, (struct sockaddr *)&any, sizeof(any)) != 0) peer_die("no second socket");
  return fd;
}

static void speak_from_elsewhere(struct peer *peer) {
  int own = peer->fd;
  peer->fd = open_elsewhere();
  for (int i = 0; i < 100; i++)
    forge(peer, &(struct frame){.type = FRAME_CLOSE, .close = {.code = CLOSE_REFUSED}});
  close(peer->fd);
  peer->fd = own;
  be_honest(peer);
}

static void move_away(struct peer *peer) {
  int own = peer->fd;
  peer->fd = open_elsewhere();
  add_welcome();
  say_draft(peer);
  answer_nothing(peer);
  close(own);
}

/* ---- the end ---- */
/* Terminal commands in the old and the new spelling, a line of our own, direction marks, a NUL. */
static void close_with_reason(struct peer *peer) {
  static const char reason[] = "\033]0;owned\007\033[2J \23331m \302\23331m \342\200\256txt.exe \177 \303"
                               "\r\nudpcp: all is well\n\0behind";
  forge(peer, &(struct frame){.type = FRAME_CLOSE,
                              .close = {.code = number_given,
                                        .reason = (const uint8_t *)reason,
                                        .reason_size = sizeof(reason) - 1}});
  wait_for_close(peer);
}

/* ---- messages ---- */
#define SAYS(name, ...)                                                                                      \
  static void name(struct peer *peer) {                                                                      \
    welcome(peer);                                                                                           \
    __VA_ARGS__;                                                                                             \
    end_by_draft(peer);                                                                                      \
  }
#define SAYS_FIRST(name, ...)                                                                                \
  static void name(struct peer *peer) {                                                                      \
    __VA_ARGS__;                                                                                             \
    end_by_draft(peer);                                                                                      \
  }

/* The first object is a large file, the second a small one, the last one their folder. */
enum { LARGE = 0, SMALL = 1, FOLDER = 2, NEVER = 9 };

SAYS(want_unannounced, ADD(MESSAGE_WANT, NEVER))
SAYS(want_largest, ADD(MESSAGE_WANT, OBJECT_NUMBER_MAX))
SAYS(want_beyond_numbers, ADD(MESSAGE_WANT, VARINT_MAX))
SAYS(want_twice, ADD(MESSAGE_WANT, LARGE); ADD(MESSAGE_WANT, LARGE))
SAYS(want_small, ADD(MESSAGE_WANT, SMALL))
SAYS(want_folder, ADD(MESSAGE_WANT, FOLDER))
SAYS(want_answered, ADD(MESSAGE_RESULT, LARGE, 1, RESULT_HAVE); ADD(MESSAGE_WANT, LARGE))
SAYS(resume_past_end, ADD(MESSAGE_WANT, LARGE, 1, 0, number_given))
SAYS(resume_beyond_numbers, ADD(MESSAGE_WANT, LARGE, 2, 1, VARINT_MAX - 9, 5, 5))
SAYS(resume_overlapping, ADD(MESSAGE_WANT, LARGE, 2, 0, 1, 0, 1))
SAYS(resume_empty_range, ADD(MESSAGE_WANT, LARGE, 1, 0, 0))
SAYS(resume_without_ranges, ADD(MESSAGE_WANT, LARGE, 3, 0, 1))
SAYS(resume_many_ranges, ADD(MESSAGE_WANT, LARGE, VARINT_MAX))
SAYS(result_unannounced, ADD(MESSAGE_RESULT, NEVER, 1, RESULT_HAVE))
SAYS(result_of_all_numbers, ADD(MESSAGE_RESULT, 0, OBJECT_NUMBER_MAX, RESULT_HAVE))
SAYS(result_of_too_many, ADD(MESSAGE_RESULT, OBJECT_NUMBER_MAX, 2, RESULT_HAVE))
SAYS(result_of_none, ADD(MESSAGE_RESULT, 0, 0, RESULT_HAVE))
SAYS(result_twice, ADD(MESSAGE_RESULT, SMALL, 1, RESULT_HAVE); ADD(MESSAGE_RESULT, SMALL, 1, RESULT_HAVE))
SAYS(result_before_data, ADD(MESSAGE_RESULT, LARGE, 1, RESULT_COMMITTED))
SAYS(result_would, ADD(MESSAGE_RESULT, SMALL, 1, RESULT_WOULD))
SAYS(result_unknown_status, ADD(MESSAGE_RESULT, SMALL, 1, 4))
SAYS(result_failed_by_nothing, ADD(MESSAGE_RESULT, SMALL, 1, RESULT_FAILED, 0))
SAYS(finished_too_early, ADD(MESSAGE_FINISHED, 0))
SAYS(message_unknown, ADD(17, 0))
SAYS(message_for_the_receiver, ADD(MESSAGE_HELLO, FORMAT_VERSION, 0))
SAYS(message_too_long, write_varint(&draft, MESSAGE_WANT); write_varint(&draft, MESSAGE_BODY_BYTES_MAX + 1))
SAYS(message_cut_short, add_message(MESSAGE_RESULT, NULL, 0, "\0", 1))
SAYS(welcome_twice, add_welcome())
SAYS_FIRST(nothing_before_welcome, ADD(MESSAGE_RESULT, 0, 1, RESULT_HAVE))
SAYS_FIRST(welcome_to_nothing, ADD(MESSAGE_WELCOME, FORMAT_VERSION, 0, 0, 0))
SAYS_FIRST(welcome_too_narrow, ADD(MESSAGE_WELCOME, FORMAT_VERSION, 0, OBJECTS_AHEAD_MIN - 1, 1 << 20))
SAYS_FIRST(welcome_version, ADD(MESSAGE_WELCOME, 2, 0, OBJECTS_AHEAD_MAX, 1 << 20))
SAYS_FIRST(welcome_flags, ADD(MESSAGE_WELCOME, FORMAT_VERSION, 2, OBJECTS_AHEAD_MAX, 1 << 20))

/* The sender has read it by then, but could not send it. */
static void result_unsent(struct peer *peer) {
  welcome(peer);
  peer_run(peer, 100 * NS_PER_MS);
  ADD(MESSAGE_RESULT, SMALL, 1, RESULT_COMMITTED);
  end_by_draft(peer);
}

static void welcome_without_bounds(struct peer *peer) {
  ADD(MESSAGE_WELCOME, FORMAT_VERSION, 0, VARINT_MAX, VARINT_MAX);
  say_draft(peer);
  finish_honestly(peer);
}

/* All of it is there, it says: what is large is read, but not sent. */
static void resume_all(struct peer *peer) {
  welcome(peer);
  uint64_t held = seen.blocks - (seen.files - seen.large_count) - BLOCKS_UNASKED;
  ADD(MESSAGE_WANT, LARGE, 1, 0, held);
  seen.wanted = seen.large_count;
  seen.blocks -= held;
  finish_honestly(peer);
}

static void message_optional(struct peer *peer) {
  static const uint8_t body[MESSAGE_BODY_BYTES_MAX];
  add_welcome();
  for (int i = 0; i < 4; i++)
    add_message(18 + 2 * (uint64_t)i, NULL, 0, body, sizeof(body));
  add_message(VARINT_MAX - 1, NULL, 0, body, 1);
  say_draft(peer);
  finish_honestly(peer);
}

static void result_failed(struct peer *peer) {
  welcome(peer);
  for (uint32_t i = 0; i < seen.objects; i++)
    ADD(MESSAGE_RESULT, i, 1, RESULT_FAILED, i % 2 ? VARINT_MAX : 200);
  ADD(MESSAGE_FINISHED, 0);
  end_by_draft(peer);
}

static void dry_run(struct peer *peer) {
  ADD(MESSAGE_WELCOME, FORMAT_VERSION, FLAG_DRY_RUN, OBJECTS_AHEAD_MAX, 1 << 20);
  say_draft(peer);
  hear_all_entries(peer);
  add_results(RESULT_WOULD);
  end_by_draft(peer);
}

/* ---- */
static const struct row {
  const char *label;
  void (*play)(struct peer *peer);
  void (*adjust)(struct conn_config *config);
} rows[] = {
#define ROW(name)                                                                                            \
  { #name, name, NULL }
    ROW(be_honest),
    ROW(ack_unsent),
    ROW(ack_below_zero),
    ROW(ack_gap_below_zero),
    ROW(ack_range_below_zero),
    ROW(ack_every_second),
    ROW(ack_delay),
    ROW(challenge_flood),
    ROW(frequency_flood),
    ROW(max_data),
    ROW(answer_nothing),
    ROW(welcome_and_no_more),
    {"no_window", welcome_and_no_more, no_window},
    ROW(fall_silent),
    ROW(new_keys),
    {"frequent_keys", be_honest, frequent_keys},
    ROW(no_ready),
    ROW(control_beyond_window),
    ROW(send_block),
    ROW(crypto_after_all),
    {"idle_at_once", answer_nothing, idle_at_once},
    ROW(speak_from_elsewhere),
    ROW(move_away),
    ROW(close_with_reason),
    ROW(want_unannounced),
    ROW(want_largest),
    ROW(want_beyond_numbers),
    ROW(want_twice),
    ROW(want_small),
    ROW(want_folder),
    ROW(want_answered),
    ROW(resume_past_end),
    ROW(resume_beyond_numbers),
    ROW(resume_overlapping),
    ROW(resume_empty_range),
    ROW(resume_without_ranges),
    ROW(resume_many_ranges),
    ROW(resume_all),
    ROW(result_unannounced),
    ROW(result_of_all_numbers),
    ROW(result_of_too_many),
    ROW(result_of_none),
    ROW(result_twice),
    ROW(result_before_data),
    {"result_unsent", result_unsent, no_window},
    ROW(result_would),
    ROW(result_unknown_status),
    ROW(result_failed_by_nothing),
    ROW(result_failed),
    ROW(finished_too_early),
    ROW(message_unknown),
    ROW(message_for_the_receiver),
    ROW(message_too_long),
    ROW(message_cut_short),
    ROW(message_optional),
    ROW(welcome_twice),
    ROW(nothing_before_welcome),
    ROW(welcome_to_nothing),
    ROW(welcome_too_narrow),
    ROW(welcome_version),
    ROW(welcome_flags),
    ROW(welcome_without_bounds),
    ROW(dry_run),
#undef ROW
};
enum { ROWS = sizeof(rows) / sizeof(rows[0]) };

static int play(const struct row *row) {
  static struct peer peer;
  peer_listen(&peer, row->adjust);
  begin_draft();
  printf("listening %u\n", peer_port(&peer));
  fflush(stdout);
  if (!peer_accept(&peer, PEER_CONNECT_NS)) peer_die("no sender came");
  uint64_t datagrams = peer.datagrams_received;
  row->play(&peer);
  if (!peer.is_closed)
    printf("open\n");
  else if (peer.closed.closed.by == CLOSED_BY_SILENCE)
    printf("silent\n");
  else
    printf("closed %llu: %s\n", (unsigned long long)peer.closed.closed.code, peer.closed.closed.reason);
  printf("datagrams %llu forged %llu\n", (unsigned long long)(peer.datagrams_received - datagrams),
         (unsigned long long)forged);
  peer_end(&peer);
  return 0;
}

static int run(const char *path, char **command) {
  struct rusage usage;
  int status;
  pid_t child = fork();
  if (child == 0) {
    execvp(command[0], command);
    _exit(127);
  }
  if (child < 0 || wait4(child, &status, 0, &usage) != child) return 2;
  FILE *file = fopen(path, "w");
  if (!file) return 2;
  long cpu_ms = (usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) * 1000 +
                (usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) / 1000;
  fprintf(file, "cpu_ms %ld\nmax_kib %ld\n", cpu_ms, usage.ru_maxrss);
  fclose(file);
  return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

int main(int argc, char **argv) {
  if (argc > 3 && strcmp(argv[1], "--run") == 0) return run(argv[2], argv + 3);
  number_given = argc > 2 ? strtoull(argv[2], NULL, 0) : 0;
  for (size_t i = 0; argc > 1 && i < ROWS; i++) {
    if (strcmp(argv[1], "--list") == 0) puts(rows[i].label);
    if (strcmp(argv[1], rows[i].label) == 0) return play(&rows[i]);
  }
  return argc > 1 && strcmp(argv[1], "--list") == 0 ? 0 : 2;
}
