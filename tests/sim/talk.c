/* talk: the work of LAYER_CONN. Each end sends blocks of random sizes and a control stream, pauses now and
 * then, keeps what it receives for a while as a slow disk would, and at last somebody closes. */
#include "content.h"
#include "world.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

enum {
  CONTROL_PIECE_BYTES_MAX = 4096,
  PAUSE_PERMILLE = 50,
  TINY_BLOCKS_BELOW = 24, /* some blocks are as small as can be */
};

/* A block on its way out; its bytes belong to the connection until it is acknowledged. */
struct outgoing {
  struct outgoing *next, **link;
  struct talk *talk;
  uint64_t id;
  size_t size;
  uint8_t bytes[];
};

/* A received block that is not given back yet. */
struct held {
  struct held *next;
  uint8_t *bytes; /* NULL once it was given back */
  unsigned size_class;
  bool is_orphan; /* the connection went away first */
};

struct talk {
  struct end *end;
  struct prng prng;
  const struct talk_plan *plan; /* what this end sends */
  struct ledger *sent, *heard;
  uint32_t blocks_made;
  struct outgoing *pending; /* made, not taken by the connection yet */
  struct outgoing *out;
  struct held *held;
  uint64_t held_bytes; /* of class capacity */
  bool is_paused;
  uint64_t resume_ns;
  uint64_t events_seen;
};

static void *talk_begin(struct end *end) {
  struct world *world = end->world;
  struct client *client = &world->client[end->client];
  struct talk *talk = calloc(1, sizeof(*talk));
  assert(talk && "out of memory");
  talk->end = end;
  prng_seed(&talk->prng, content_seed(world->scenario->seed, 't', end->client * SIDES + end->side));
  talk->plan = &world->scenario->talk[end->side];
  talk->sent = &client->ledger[end->side == CLIENT ? UP : DOWN];
  talk->heard = &client->ledger[end->side == CLIENT ? DOWN : UP];
  return talk;
}

static struct verdict *verdict_of(const struct talk *talk) { return &talk->end->world->verdict; }

static enum fault fault_of(const struct talk *talk) {
  return talk->end->side == SERVER ? talk->end->world->scenario->fault : FAULT_NONE;
}

static uint64_t control_seed(const struct talk *talk, enum side sender) {
  return content_seed(talk->end->world->scenario->seed, 'c', talk->end->client * SIDES + sender);
}

/* ---- sending ---- */

static size_t draw_size(struct talk *talk) {
  uint64_t min = talk->plan->block_bytes_min, max = talk->plan->block_bytes_max;
  /* Small and large alike: first the order of magnitude, then the size. */
  uint64_t limit = max;
  while (limit / 2 > min && prng_below(&talk->prng, 3) == 0)
    limit /= 2;
  return min + prng_below(&talk->prng, limit - min + 1);
}

static struct outgoing *make_block(struct talk *talk) {
  size_t size = draw_size(talk);
  struct outgoing *block = malloc(sizeof(*block) + size);
  assert(block && "out of memory");
  block->talk = talk;
  block->size = size;
  uint64_t index = (uint64_t)talk->end->client << 33 | (uint64_t)talk->end->side << 32 | talk->blocks_made++;
  content_fill(content_seed(talk->end->world->scenario->seed, 'b', index), 0, block->bytes, size);
  return block;
}

/* False: the connection takes no more now. */
static bool send_block(struct talk *talk) {
  if (!talk->pending && talk->blocks_made == talk->plan->blocks) return false;
  if (!talk->pending) talk->pending = make_block(talk);
  struct outgoing *block = talk->pending;
  int error = conn_send_block(talk->end->conn, block->bytes, block->size, block);
  if (error) {
    require(verdict_of(talk), error == ERR_AGAIN, "conn_send_block says ERR_AGAIN at most", "%s",
            error_text(error));
    return false;
  }
  talk->pending = NULL;
  ledger_on_sent(talk->sent, block->bytes, block->size, &block->id);
  block->next = talk->out;
  block->link = &talk->out;
  if (block->next) block->next->link = &block->next;
  talk->out = block;
  return true;
}

static bool send_control(struct talk *talk) {
  uint64_t left = talk->plan->control_bytes - talk->sent->control_sent;
  if (left == 0) return false;
  uint8_t piece[CONTROL_PIECE_BYTES_MAX];
  size_t size = 1 + prng_below(&talk->prng, left < sizeof(piece) ? left : sizeof(piece));
  content_fill(control_seed(talk, talk->end->side), talk->sent->control_sent, piece, size);
  size_t room = conn_write_room(talk->end->conn);
  size_t taken = conn_write(talk->end->conn, piece, size);
  require(verdict_of(talk), taken == (size < room ? size : room), "conn_write takes what fits",
          "%zu of %zu, room %zu", taken, size, room);
  talk->sent->control_sent += taken;
  return taken > 0;
}

static bool has_said_all(const struct talk *talk) {
  return talk->sent->blocks_acked == talk->plan->blocks &&
         talk->sent->control_sent == talk->plan->control_bytes && conn_is_flushed(talk->end->conn);
}

static bool has_heard_all(const struct talk *talk) {
  const struct talk_plan *plan =
      &talk->end->world->scenario->talk[talk->end->side == CLIENT ? SERVER : CLIENT];
  return talk->heard->blocks_received == plan->blocks && talk->heard->control_received == plan->control_bytes;
}

static void talk_step(void *work) {
  struct talk *talk = work;
  struct end *end = talk->end;
  const struct scenario *scenario = end->world->scenario;
  if (end->is_closed || end->has_called_close) talk->is_paused = false;
  if (end->is_closed || end->has_called_close || !end->is_established) return;
  bool blocks_stuck = false, control_stuck = false;
  if (end->world->now_ns >= talk->resume_ns) talk->is_paused = false;
  while (!(blocks_stuck && control_stuck) && !talk->is_paused) {
    bool is_block = control_stuck || (!blocks_stuck && prng_below(&talk->prng, 2) == 0);
    if (is_block)
      blocks_stuck = !send_block(talk);
    else
      control_stuck = !send_control(talk);
    if (talk->plan->pause_ns_max == 0 || prng_below(&talk->prng, 1000) >= PAUSE_PERMILLE) continue;
    talk->is_paused = true;
    talk->resume_ns = end->world->now_ns + 1 + prng_below(&talk->prng, talk->plan->pause_ns_max);
  }
  bool closes = scenario->closer == end->side || scenario->closer == BOTH;
  if (closes && scenario->close_at_ns == 0 && has_said_all(talk) && has_heard_all(talk))
    end_close(end, CLOSE_DONE, "all is said");
}

/* ---- receiving ---- */

static void give_back(struct talk *talk, struct held *held) {
  if (!held->bytes) return;
  conn_release_block(talk->end->conn, held->bytes, held->size_class);
  talk->held_bytes -= pool_class_bytes(held->size_class);
  held->bytes = NULL;
}

static void on_hold_over(void *subject, void *detail) {
  struct talk *talk = subject;
  struct held *held = detail;
  if (held->is_orphan || !held->bytes || talk->end->world->is_dead[talk->end->side]) return;
  give_back(talk, held);
  end_pump(talk->end);
}

static void keep(struct talk *talk, uint8_t *bytes, unsigned size_class) {
  struct world *world = talk->end->world;
  struct held *held = calloc(1, sizeof(*held));
  assert(held && "out of memory");
  *held = (struct held){talk->held, bytes, size_class, false};
  talk->held = held;
  talk->held_bytes += pool_class_bytes(size_class);
  uint64_t window = world->scenario->host[talk->end->side].window_bytes;
  require(&world->verdict, talk->held_bytes <= window, "receive buffers stay within the window",
          "%llu bytes held, window %llu", (unsigned long long)talk->held_bytes, (unsigned long long)window);
  uint64_t hold_ns_max = world->scenario->talk[talk->end->side == CLIENT ? SERVER : CLIENT].hold_ns_max;
  if (fault_of(talk) == FAULT_KEEP_BUFFER && talk->heard->blocks_received == 2) {
    world->kept.pool = talk->end->pool;
    world->kept.bytes = bytes;
    world->kept.size_class = size_class;
    held->bytes = NULL;
  } else if (hold_ns_max == 0) {
    give_back(talk, held);
  } else {
    world_plan(world, prng_below(&talk->prng, hold_ns_max), on_hold_over, talk, held);
  }
}

static void on_block(struct talk *talk, const struct conn_event *event) {
  uint8_t *bytes = event->block.bytes;
  size_t size = event->block.size;
  require(verdict_of(talk),
          event->block.size_class < POOL_CLASSES && size <= pool_class_bytes(event->block.size_class),
          "a block fits its class", "%zu bytes, class %u", size, event->block.size_class);
  uint64_t before = talk->heard->blocks_received;
  if (fault_of(talk) == FAULT_FLIP_BLOCK && before == 1) bytes[size / 2] ^= 4;
  if (fault_of(talk) != FAULT_DROP_BLOCK || before != 1 || talk->events_seen++ > 0)
    require(verdict_of(talk), ledger_on_received(talk->heard, bytes, size),
            "each block arrives once, as it was sent", "block of %zu bytes after %llu others", size,
            (unsigned long long)before);
  if (fault_of(talk) == FAULT_REPEAT_BLOCK && before == 1)
    require(verdict_of(talk), ledger_on_received(talk->heard, bytes, size),
            "each block arrives once, as it was sent", "block of %zu bytes again", size);
  keep(talk, bytes, event->block.size_class);
}

static void on_control(struct talk *talk) {
  uint64_t seed = control_seed(talk, talk->end->side == CLIENT ? SERVER : CLIENT);
  uint8_t piece[CONTROL_PIECE_BYTES_MAX];
  size_t size;
  while ((size = conn_read(talk->end->conn, piece, 1 + prng_below(&talk->prng, sizeof(piece)))) > 0) {
    if (fault_of(talk) == FAULT_FLIP_CONTROL) piece[0] ^= 1;
    if (fault_of(talk) == FAULT_DROP_CONTROL) size--;
    uint64_t at = talk->heard->control_received;
    talk->heard->control_received += size;
    require(verdict_of(talk), content_equals(seed, at, piece, size),
            "the control stream arrives as it was sent", "%zu bytes at %llu differ", size,
            (unsigned long long)at);
    require(verdict_of(talk), talk->heard->control_received <= talk->heard->control_sent,
            "the control stream arrives as it was sent", "more than was sent");
  }
}

static void on_acked(struct talk *talk, struct outgoing *block) {
  require(verdict_of(talk), ledger_on_acked(talk->sent, block->id),
          "acknowledged once, and what has arrived only", "block of %zu bytes", block->size);
  *block->link = block->next;
  if (block->next) block->next->link = block->link;
  free(block);
}

static void talk_on_event(void *work, const struct conn_event *event) {
  struct talk *talk = work;
  switch (event->type) {
  case CONN_EVENT_CONTROL:
    on_control(talk);
    break;
  case CONN_EVENT_BLOCK_RECEIVED:
    on_block(talk, event);
    break;
  case CONN_EVENT_BLOCK_ACKED:
    on_acked(talk, event->cookie);
    break;
  case CONN_EVENT_ESTABLISHED:
  case CONN_EVENT_CLOSED:
    break;
  }
}

/* ---- the end ---- */

static uint64_t talk_next_wake(const void *work) {
  const struct talk *talk = work;
  return talk->is_paused ? talk->resume_ns : TIME_NEVER;
}

static bool talk_is_over(const void *work) {
  (void)work;
  return true;
}

static void talk_leave(void *work) {
  struct talk *talk = work;
  for (struct held *held = talk->held; held; held = held->next)
    if (prng_below(&talk->prng, 2) == 0)
      give_back(talk, held);
    else
      held->is_orphan = held->bytes != NULL;
}

static void talk_free(void *work) {
  struct talk *talk = work;
  for (struct held *held = talk->held, *next; held; held = next) {
    next = held->next;
    if (held->is_orphan) pool_put(talk->end->pool, held->bytes, held->size_class);
    free(held);
  }
  for (struct outgoing *block = talk->out, *next; block; block = next) {
    next = block->next;
    free(block);
  }
  free(talk->pending);
  free(talk);
}

const struct work_ops talk_ops = {
    .begin = talk_begin,
    .on_event = talk_on_event,
    .step = talk_step,
    .next_wake = talk_next_wake,
    .is_over = talk_is_over,
    .leave = talk_leave,
    .free = talk_free,
};
