/* machine: see the header. The link carries 40 Gbit/s with a round trip of 100 us, and the ends' CPUs a
 * quarter of that, so that the sender's is what limits the transfer, as it is on a fast network; 8 MB may be
 * queued, which is what a socket's buffer would hold. Trains arrive as they left, as with GSO and GRO. */
#include "insn/machine.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "udpcp/io.h"

enum {
  SLOTS = 512, /* trains on the way, each direction */
  QUEUE_BYTES_MAX = 8 << 20,
  SEND_NS = 1000, /* what an end's CPU spends on a datagram */
  RECEIVE_NS = 700,
  PS_A_BYTE = 200, /* 40 Gbit/s */
  LATENCY_NS = 50000,
  FD_UDP = 1,
  FD_WORKER = 2,
};

struct slot {
  uint64_t at_ns; /* of arrival */
  size_t size, segment;
  uint8_t ecn;
  uint8_t bytes[UDP_TRAIN_BYTES_MAX];
};

/* What goes to one end. */
struct lane {
  struct slot slots[SLOTS];
  uint32_t head, tail; /* counted on without end */
  uint64_t free_ns;    /* when the link has sent what it has */
};

struct link {
  struct lane lanes[2];
  uint64_t wake_ns[2]; /* when each end wants to go on */
  bool is_gone[2];
};

struct udp {
  struct udp_stats stats;
  uint32_t held; /* slots that were given out and not yet given back */
};
struct wait {
  int unused;
};
struct worker {
  struct work *first, **end;
  size_t room;
};

static struct link *shared;
static enum machine_end me;
static int batons[2][2]; /* a pipe each: whoever reads a byte from its own may run */
static uint64_t now_ns = NS_PER_S;
static unsigned loss_permille;
static uint64_t losses = 1; /* a linear congruence, so that it counts as the machine's */
static pid_t child;
static struct udp the_udp;
static struct wait the_wait;
static struct worker the_worker;

static enum machine_end other(void) { return me == END_SENDER ? END_RECEIVER : END_SENDER; }

static void let_other_run(void) {
  ssize_t size = write(batons[other()][1], "", 1);
  assert(size == 1);
}

static void wait_for_turn(void) {
  char byte;
  if (read(batons[me][0], &byte, 1) == 1) return;
  fprintf(stderr, "insn: the other end has died\n");
  exit(1);
}

enum machine_end machine_start(unsigned loss) {
  shared = mmap(NULL, sizeof *shared, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  if (shared == MAP_FAILED || pipe(batons[0]) != 0 || pipe(batons[1]) != 0) abort();
  loss_permille = loss;
  shared->wake_ns[END_SENDER] = shared->wake_ns[END_RECEIVER] = now_ns;
  the_worker.end = &the_worker.first;
  child = fork();
  if (child < 0) abort();
  me = child == 0 ? END_RECEIVER : END_SENDER;
  close(batons[other()][0]);
  close(batons[me][1]);
  if (me == END_RECEIVER) wait_for_turn();
  return me;
}

bool machine_end(void) {
  shared->is_gone[me] = true;
  if (!shared->is_gone[other()]) let_other_run();
  int status = 0;
  return me == END_RECEIVER || (waitpid(child, &status, 0) == child && status == 0);
}

struct address machine_peer(void) {
  return (struct address){.size = 16, .bytes = {2, 0, 16, 21, 10, 0, 0, (uint8_t)(1 + other())}};
}

uint64_t clock_now_ns(void) { return now_ns; }
uint64_t clock_thread_ns(void) { return 0; } /* nothing here takes time */

/* ---- datagrams ---- */

struct udp *udp_open(const struct udp_config *config, int *error) {
  (void)config;
  *error = 0;
  the_udp.stats.gso = the_udp.stats.gro = the_udp.stats.ecn = true;
  return &the_udp;
}
void udp_close(struct udp *udp) { (void)udp; }
int udp_fd(const struct udp *udp) { return (void)udp, FD_UDP; }
void udp_get_stats(const struct udp *udp, struct udp_stats *stats) { *stats = udp->stats; }

void udp_direct(struct udp *udp, const struct address *peer) { (void)udp, (void)peer; }

int udp_receive(struct udp *udp, struct train *trains, int max) {
  struct lane *lane = &shared->lanes[me];
  lane->head += udp->held;
  udp->held = 0;
  int count = 0;
  for (; count < max && lane->head + udp->held != lane->tail; count++) {
    struct slot *slot = &lane->slots[(lane->head + udp->held) % SLOTS];
    if (slot->at_ns > now_ns) break;
    trains[count] = (struct train){
        .peer = machine_peer(), .bytes = slot->bytes, .size = slot->size, .segment = slot->segment};
    trains[count].peer.ecn = slot->ecn;
    udp->held++;
    now_ns += RECEIVE_NS * (slot->size / slot->segment);
  }
  return count;
}

/* Leaves out what gets lost. */
static void fill(struct slot *slot, const struct train *train) {
  slot->size = 0;
  slot->segment = train->segment;
  slot->ecn = train->peer.ecn;
  for (size_t at = 0; at < train->size; at += train->segment) {
    size_t size = train->size - at < train->segment ? train->size - at : train->segment;
    losses = losses * 6364136223846793005 + 1;
    if (me == END_SENDER && (losses >> 33) % 1000 < loss_permille) continue;
    memcpy(slot->bytes + slot->size, train->bytes + at, size);
    slot->size += size;
  }
}

int udp_send(struct udp *udp, struct train *trains, int count, size_t *refused_size) {
  struct lane *lane = &shared->lanes[other()];
  (void)refused_size;
  for (int i = 0; i < count; i++) {
    now_ns += SEND_NS * (trains[i].size / trains[i].segment);
    if (lane->free_ns < now_ns) lane->free_ns = now_ns;
    bool is_full = (lane->free_ns - now_ns) * 1000 / PS_A_BYTE + trains[i].size > QUEUE_BYTES_MAX;
    if (is_full || lane->tail - lane->head == SLOTS) continue; /* as a queue drops: without a word */
    lane->free_ns += trains[i].size * PS_A_BYTE / 1000;
    struct slot *slot = &lane->slots[lane->tail % SLOTS];
    fill(slot, &trains[i]);
    slot->at_ns = lane->free_ns + LATENCY_NS;
    if (slot->size == 0) continue;
    lane->tail++;
    if (slot->at_ns < shared->wake_ns[other()]) shared->wake_ns[other()] = slot->at_ns;
  }
  udp->stats.send_calls++;
  return count;
}

/* ---- sleep ---- */

struct wait *wait_new(void) {
  return &the_wait;
}
void wait_free(struct wait *wait) { (void)wait; }
int wait_watch(struct wait *wait, int fd, int interest) { return (void)wait, (void)fd, (void)interest, 0; }
int wait_watch_signals(struct wait *wait) { return (void)wait, 0; }
int wait_take_signal(struct wait *wait) { return (void)wait, 0; }

/* When the oldest train that was not given out arrives. */
static uint64_t arrival_ns(void) {
  const struct lane *lane = &shared->lanes[me];
  uint32_t next = lane->head + the_udp.held;
  return next == lane->tail ? TIME_NEVER : lane->slots[next % SLOTS].at_ns;
}

int wait_until(struct wait *wait, uint64_t deadline_ns) {
  (void)wait;
  for (;;) {
    uint64_t wake_ns = the_worker.first ? now_ns : deadline_ns, at_ns = arrival_ns();
    if (at_ns < wake_ns) wake_ns = at_ns;
    if (wake_ns < now_ns) wake_ns = now_ns;
    shared->wake_ns[me] = wake_ns;
    if (shared->is_gone[other()] || wake_ns <= shared->wake_ns[other()]) {
      assert(wake_ns != TIME_NEVER && "somebody has something to do");
      now_ns = wake_ns;
      return 0;
    }
    let_other_run();
    wait_for_turn();
  }
}

void wait_blindly(uint64_t span_ns) { (void)span_ns; } /* who runs alone would only wait */

int wait_ready(const struct wait *wait, int fd) {
  (void)wait;
  return fd == FD_UDP && arrival_ns() <= now_ns ? WAIT_READ : 0;
}

/* ---- file work, at once ---- */

struct worker *worker_new(unsigned threads, size_t queued_max) {
  (void)threads;
  the_worker.room = queued_max;
  return &the_worker;
}
void worker_free(struct worker *worker) { (void)worker; }
int worker_fd(const struct worker *worker) { return (void)worker, FD_WORKER; }
size_t worker_room(const struct worker *worker) { return worker->room; }

void worker_submit(struct worker *worker, struct work *work) {
  work->run(work);
  work->next = NULL;
  *worker->end = work;
  worker->end = &work->next;
  worker->room--;
}

struct work *worker_take_done(struct worker *worker) {
  struct work *work = worker->first;
  if (!work) return NULL;
  worker->first = work->next;
  if (!worker->first) worker->end = &worker->first;
  worker->room++;
  return work;
}
