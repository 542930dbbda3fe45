/* insn: one fixed transfer from memory to nowhere, over the machine of machine.h, to count the instructions
 * of: the event loop, both roles and both connections are the program's own, with its handshake and its
 * protection of packets. Every run sends the same datagrams at the same times.
 *
 *   insn [--bytes N] [--protect aead|mac|checksum] [--loss PERMILLE]
 *
 * At the end each process prints its number and what its end did, for tools/bench-insn. */
#include "insn/machine.h"

#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli/pump.h"

enum { POOL_BYTES = 40 << 20, WINDOW_BYTES = 16 << 20, CONNS_MAX = 128, HALF_OPEN_MAX = 32 };

struct scene {
  struct pump *pump;
  struct pool *pool;
  struct listener *listener; /* the receiver's */
  struct session *session;   /* the sender's, or the one that came */
  struct progress progress;
  uint64_t bytes;
  enum protection_suite suite;
  bool is_walked, is_over;
};

static const struct shared_key key = {{1, 2, 3}};
static const struct tls_config tls = {.shared = &key};
static uint8_t content[BLOCK_DATA_BYTES];
static struct prng prng;

/* ---- a source of one file, a sink that keeps nothing ---- */

static int give_entry(void *source, struct entry *entry) {
  struct scene *scene = source;
  if (scene->is_walked) return 0;
  scene->is_walked = true;
  *entry = (struct entry){.kind = ENTRY_FILE,
                          .mode = 0644,
                          .size = scene->bytes,
                          .mtime_s = 1700000000,
                          .name = (const uint8_t *)"file",
                          .name_size = 4};
  return 1;
}

static int open_source(void *source, const struct entry *entry, void **file) {
  (void)entry;
  *file = source;
  return 0;
}

static int read_source(void *source, void *file, uint64_t offset, uint8_t *bytes, size_t size) {
  (void)source, (void)file, (void)offset;
  memcpy(bytes, content, size);
  return 0;
}

static int check_source(void *source, void *file, const struct entry *entry) {
  return (void)source, (void)file, (void)entry, 0;
}

static void end_file(void *where, void *file) { (void)where, (void)file; }

static int begin_file(void *sink, const struct entry *entry, bool dry, void **file) {
  (void)entry, (void)dry;
  *file = sink;
  return SINK_WANTED;
}

static int write_file(void *sink, void *file, uint64_t offset, const uint8_t *bytes, size_t size) {
  return (void)sink, (void)file, (void)offset, (void)bytes, (void)size, 0;
}

static void commit_files(void *sink, void *const *files, size_t count, int *results) {
  (void)sink, (void)files;
  memset(results, 0, count * sizeof *results);
}

static int make_folder(void *sink, const struct entry *entry, bool dry) {
  return (void)sink, (void)entry, (void)dry, 0;
}

static const struct source_ops source_ops = {give_entry, open_source, read_source, check_source, end_file};
static const struct sink_ops sink_ops = {.begin = begin_file,
                                         .write = write_file,
                                         .commit = commit_files,
                                         .abort = end_file,
                                         .folder = make_folder};

/* ---- what both commands add to the loop, without words to a user ---- */

static void draw_random(void *bytes, size_t size) {
  for (size_t i = 0; i < size; i++)
    ((uint8_t *)bytes)[i] = (uint8_t)prng_next(&prng);
}

static struct crypto new_crypto(void *context) {
  (void)context;
  return crypto_tls_new(ROLE_SERVER, &tls);
}

static struct session *sender_route(void *context, uint64_t now_ns, const struct address *from,
                                    uint8_t *bytes, size_t size) {
  struct scene *scene = context;
  conn_on_datagram(scene->session->conn, now_ns, from, bytes, size);
  return scene->session;
}

static struct session *receiver_route(void *context, uint64_t now_ns, const struct address *from,
                                      uint8_t *bytes, size_t size) {
  struct scene *scene = context;
  uint8_t reply[DATAGRAM_BYTES_MIN];
  size_t reply_size;
  bool is_new;
  struct conn *conn =
      listener_on_datagram(scene->listener, now_ns, from, bytes, size, &is_new, reply, &reply_size);
  if (reply_size > 0) pump_reply(scene->pump, from, reply, reply_size);
  if (!conn) return NULL;
  if (!is_new) return pump_find(scene->pump, conn);
  return scene->session = pump_add(scene->pump, conn, &bind_receiver, from);
}

static void on_established(void *context, struct session *session, uint64_t now_ns) {
  struct scene *scene = context;
  (void)now_ns;
  if (scene->listener) {
    struct receiver_config config = {.ops = &sink_ops, .sink = scene};
    session->state = receiver_new(&config, session->conn);
  } else {
    struct sender_config config = {.ops = &source_ops, .source = scene, .pool = scene->pool};
    session->state = sender_new(&config, session->conn);
  }
  if (!session->state) abort();
}

static void on_moved(void *context, struct session *session, uint64_t now_ns) {
  struct scene *scene = context;
  struct report report;
  (void)now_ns;
  if (!session->state || scene->is_over) return;
  while (session->role->next_report(session->state, &report))
    continue;
  session->role->get_progress(session->state, &scene->progress);
}

static void on_ended(void *context, struct session *session, uint64_t now_ns) {
  struct scene *scene = context;
  on_moved(scene, session, now_ns);
  pump_stop(scene->pump);
}

static uint64_t on_tick(void *context, uint64_t now_ns) {
  const struct scene *scene = context;
  if (now_ns > 60 * NS_PER_S) pump_stop(scene->pump); /* something is stuck */
  return 61 * NS_PER_S;
}

static void on_signalled(void *context, uint64_t now_ns) { (void)context, (void)now_ns; }

/* ---- one end ---- */

static struct conn_config conn_config(const struct scene *scene) {
  return (struct conn_config){.pool = scene->pool,
                              .peer = machine_peer(),
                              .window_bytes = WINDOW_BYTES,
                              .datagram_bytes_max = DATAGRAM_BYTES_IPV4,
                              .idle_timeout_ns = 30 * NS_PER_S,
                              .handshake_timeout_ns = 10 * NS_PER_S,
                              .protection = PROTECT_AEAD | (uint64_t)scene->suite,
                              .congestion = CONGESTION_CUBIC};
}

static void begin(struct scene *scene, enum machine_end end) {
  int error;
  struct pump_hooks hooks = {.context = scene,
                             .route = end == END_SENDER ? sender_route : receiver_route,
                             .established = on_established,
                             .moved = on_moved,
                             .ended = on_ended,
                             .tick = on_tick,
                             .signalled = on_signalled};
  scene->pool = pool_new(POOL_BYTES);
  scene->pump = pump_new(&hooks, &(struct udp_config){0}, 1, &error);
  if (!scene->pool || !scene->pump) abort();
  struct conn_config config = conn_config(scene);
  prng_seed(&prng, end);
  if (end == END_RECEIVER) {
    struct listener_config listening = {.conns_max = CONNS_MAX,
                                        .half_open_max = HALF_OPEN_MAX,
                                        .token_lifetime_ns = 5 * NS_PER_S,
                                        .random = draw_random,
                                        .new_crypto = new_crypto,
                                        .conn = config};
    scene->listener = listener_new(&listening, clock_now_ns());
    if (!scene->listener) abort();
    return;
  }
  config.role = ROLE_CLIENT;
  config.crypto = crypto_tls_new(ROLE_CLIENT, &tls);
  draw_random(&config.local_cid, sizeof config.local_cid);
  draw_random(&config.peer_cid, sizeof config.peer_cid);
  draw_random(&config.seed, sizeof config.seed);
  struct conn *conn = conn_new(&config, clock_now_ns());
  scene->session = conn ? pump_add(scene->pump, conn, &bind_sender, &config.peer) : NULL;
  if (!scene->session) abort();
}

static bool tell(const struct scene *scene, enum machine_end end) {
  struct conn_stats stats;
  conn_get_stats(scene->session->conn, &stats);
  uint64_t packets = end == END_SENDER ? stats.packets_sent : stats.packets_received;
  bool is_good = scene->progress.outcome == OUTCOME_COMPLETE && scene->progress.bytes_moved == scene->bytes &&
                 stats.protection == scene->suite;
  printf("%d %s packets %llu lost %llu acks %llu ms %.3f %s\n", (int)getpid(),
         end == END_SENDER ? "sender" : "receiver", (unsigned long long)packets,
         (unsigned long long)stats.packets_lost,
         (unsigned long long)(end == END_SENDER ? stats.acks_received : stats.acks_sent),
         (double)(clock_now_ns() - stats.began_ns) / NS_PER_MS, is_good ? "complete" : "FAILED");
  fflush(stdout);
  return is_good;
}

int main(int count, char **arguments) {
  static const struct option known[] = {{"bytes", required_argument, NULL, 'b'},
                                        {"protect", required_argument, NULL, 'p'},
                                        {"loss", required_argument, NULL, 'l'},
                                        {0}};
  struct scene scene = {.bytes = 32 << 20, .suite = PROTECT_CHECKSUM};
  unsigned loss_permille = 0;
  for (int option; (option = getopt_long(count, arguments, "", known, NULL)) != -1;) {
    if (option == 'b')
      scene.bytes = strtoull(optarg, NULL, 10);
    else if (option == 'l')
      loss_permille = (unsigned)strtoul(optarg, NULL, 10);
    else if (option == 'p')
      scene.suite = strcmp(optarg, "aead") == 0  ? PROTECT_AEAD
                    : strcmp(optarg, "mac") == 0 ? PROTECT_MAC
                                                 : PROTECT_CHECKSUM;
    else
      return 1;
  }
  enum machine_end end = machine_start(loss_permille);
  begin(&scene, end);
  int error = pump_run(scene.pump);
  bool is_good = error == 0 && scene.session && tell(&scene, end);
  if (!machine_end()) is_good = false;
  return is_good ? 0 : 1;
}
