/*
 * One direction of an emulated link, see link.h. All that happens to a packet is decided when it enters:
 *
 *   blackout, MTU, ECN drop or bleach, policer -> queue and rate, CE -> loss -> (copy, corruption) ->
 * delay, jitter -> held back or not
 *
 * Rate changes are known beforehand, so the end of a transmission is an integral over a step function, and
 * the queue needs no queue: its fill is the integral from now to the end of the last transmission. A packet
 * that is lost has used its time on the wire, as on a real one. What remains is to release packets at their
 * times: a list serves those in order, a heap those that may overtake. Loss in bursts follows Gilbert's
 * model: a bad state in which every packet is lost, entered and left with fixed chances.
 */
#include "link.h"

#include "packet.h"
#include "policer.h"
#include "random.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#define NS_PER_SECOND UINT64_C(1000000000)

enum { SLAB_PACKETS = 64, JITTER_PERIODS = 4, JITTER_PERIOD_MIN_NS = 1000000 };

/* What a draw is for; a copy of a packet has draws of its own. */
enum purpose {
  DRAW_LOSS,
  DRAW_BURST,
  DRAW_DUPLICATE,
  DRAW_TRUNCATE,
  DRAW_TRUNCATE_AT,
  DRAW_JITTER_KNOT,
  DRAW_CORRUPT,
  DRAW_CORRUPT_AT,
  DRAW_JITTER,
  DRAW_REORDER,
  DRAWS,
};

struct slab {
  struct slab *next;
  unsigned char packets[];
};

struct link {
  struct link_config config;
  uint64_t seed;
  uint64_t start_ns;
  uint64_t busy_until_ns; /* end of the last transmission, from start_ns on */
  struct policer policer;
  int is_started;
  int is_burst;
  double burst_enter, burst_leave;
  uint64_t index_popped_max;
  struct link_packet *first, *last; /* those that keep their order */
  struct link_packet **heap;        /* those that may overtake */
  size_t heap_count;
  struct link_packet *spare;  /* what link_buffer() lends; never NULL */
  struct link_packet *popped; /* what link_pop() lent */
  struct link_packet *unused;
  size_t packet_count; /* made so far, in use or not */
  struct slab *slabs;
  struct link_stats stats;
};

/* --- memory: packets live in slabs and are used again, the most recent (still in cache) first --- */

static struct link_packet *packet_take(struct link *l) {
  size_t stride = (sizeof(struct link_packet) + l->config.packet_bytes_max + 63) & ~(size_t)63;
  struct link_packet *p;
  struct slab *slab;
  size_t i;

  if (l->unused == NULL) {
    if (l->packet_count + SLAB_PACKETS > LINK_PACKETS_MAX) return NULL;
    slab = malloc(sizeof(*slab) + stride * SLAB_PACKETS);
    if (slab == NULL) return NULL;
    slab->next = l->slabs;
    l->slabs = slab;
    l->packet_count += SLAB_PACKETS;
    for (i = 0; i < SLAB_PACKETS; i++) {
      p = (struct link_packet *)(void *)(slab->packets + i * stride);
      p->next = l->unused;
      l->unused = p;
    }
  }
  p = l->unused;
  l->unused = p->next;
  return p;
}

static void packet_give_back(struct link *l, struct link_packet *p) {
  assert(p != NULL);
  p->next = l->unused;
  l->unused = p;
}

static void check_config(const struct link_config *c) {
  size_t i;

  assert(c->packet_bytes_max > 0 && c->rate_count <= LINK_RATES_MAX &&
         c->blackout_count <= LINK_BLACKOUTS_MAX && c->mtu_count <= LINK_MTUS_MAX);
  assert(c->queue_bytes <= LINK_QUEUE_BYTES_MAX && c->policer_bytes <= LINK_QUEUE_BYTES_MAX);
  assert((c->rate_count == 0 || c->rates[0].from_ns == 0) && "some rate is in force from the start");
  for (i = 1; i < c->mtu_count; i++)
    assert(c->mtus[i - 1].from_ns < c->mtus[i].from_ns);
  for (i = 1; i < c->rate_count; i++)
    assert(c->rates[i - 1].from_ns < c->rates[i].from_ns);
  assert(c->burst_loss == 0 || (c->burst_loss < 1 && c->burst_packets >= 1));
  assert(c->truncate == 0 || c->framing == LINK_DATAGRAMS);
  assert(c->framing == LINK_IP_PACKETS ||
         (!c->ce_above_bytes && !c->ce_above_ns && !c->ecn_bleach && !c->ecn_drop));
}

struct link *link_new(const struct link_config *config, uint64_t seed) {
  struct link *l;

  check_config(config);
  l = calloc(1, sizeof(*l));
  if (l == NULL) return NULL;
  l->config = *config;
  l->seed = seed;
  if (config->burst_loss > 0) {
    l->burst_leave = 1 / config->burst_packets;
    l->burst_enter = l->burst_leave * config->burst_loss / (1 - config->burst_loss);
    assert(l->burst_enter <= 1 && "such a share needs longer bursts");
  }
  l->heap = malloc(LINK_PACKETS_MAX * sizeof(*l->heap)); /* never grows; untouched pages cost nothing */
  l->spare = packet_take(l);
  if (l->heap == NULL || l->spare == NULL) {
    link_free(l);
    return NULL;
  }
  return l;
}

void link_free(struct link *l) {
  if (l == NULL) return;
  while (l->slabs != NULL) {
    struct slab *next = l->slabs->next;

    free(l->slabs);
    l->slabs = next;
  }
  free(l->heap);
  free(l);
}

void link_start(struct link *l, uint64_t now_ns) {
  if (l->is_started) return;
  l->is_started = 1;
  l->start_ns = now_ns;
}

uint8_t *link_buffer(struct link *l) {
  assert(l->spare != NULL);
  return l->spare->data;
}

struct link_stats *link_stats(struct link *l) {
  return &l->stats;
}

/* --- the rate: a step function of time --- */

static size_t rate_index(const struct link_config *c, uint64_t at_ns) {
  size_t i = 0;

  while (i + 1 < c->rate_count && c->rates[i + 1].from_ns <= at_ns)
    i++;
  return i;
}

static uint64_t rate_end_ns(const struct link_config *c, size_t i) {
  return i + 1 < c->rate_count ? c->rates[i + 1].from_ns : LINK_NEVER;
}

static uint64_t transmission_end(const struct link_config *c, uint64_t from_ns, uint64_t bits) {
  size_t i = rate_index(c, from_ns);

  for (; c->rate_count > 0; i++) {
    uint64_t rate = c->rates[i].bits_per_second;
    uint64_t span_ns = rate_end_ns(c, i) - from_ns;
    uint64_t need_ns, done;

    if (rate == 0) return from_ns;
    need_ns = (bits * NS_PER_SECOND + rate / 2) / rate;
    if (need_ns <= span_ns) return from_ns + need_ns;
    done = span_ns * rate / NS_PER_SECOND;
    bits -= done < bits ? done : bits;
    from_ns += span_ns;
  }
  return from_ns;
}

/* What still waits, the rest of the packet on the wire included. */
static uint64_t backlog_bytes(const struct link_config *c, uint64_t from_ns, uint64_t until_ns) {
  uint64_t bits = 0;
  size_t i;

  if (c->rate_count == 0) return 0;
  for (i = rate_index(c, from_ns); from_ns < until_ns; i++) {
    uint64_t end_ns = rate_end_ns(c, i) < until_ns ? rate_end_ns(c, i) : until_ns;

    bits += (end_ns - from_ns) * c->rates[i].bits_per_second / NS_PER_SECOND;
    from_ns = end_ns;
  }
  return bits / 8;
}

/* --- chance --- */

static uint64_t draw(const struct link *l, uint64_t index, enum purpose purpose, unsigned copy) {
  return random_draw(l->seed, index, (uint64_t)purpose + (uint64_t)copy * DRAWS);
}

static int happens(const struct link *l, double share, uint64_t index, enum purpose purpose, unsigned copy) {
  return share > 0 && random_unit(draw(l, index, purpose, copy)) < share;
}

/* Every packet that enters takes a step, whatever else becomes of it: so the bursts depend on the seed alone.
 */
static int is_lost(struct link *l, uint64_t index) {
  double change = l->is_burst ? l->burst_leave : l->burst_enter;

  if (happens(l, change, index, DRAW_BURST, 0)) l->is_burst = !l->is_burst;
  return l->is_burst || happens(l, l->config.loss, index, DRAW_LOSS, 0);
}

/* Lines between random heights, long enough that the delay never falls faster than time goes on. */
static double smooth_jitter(const struct link *l, uint64_t at_ns) {
  uint64_t jitter_ns = l->config.jitter_ns;
  uint64_t period_ns = jitter_ns * JITTER_PERIODS;
  uint64_t knot;
  double from, to, part;

  if (period_ns < JITTER_PERIOD_MIN_NS) period_ns = JITTER_PERIOD_MIN_NS;
  knot = at_ns / period_ns;
  from = 2 * random_unit(draw(l, knot, DRAW_JITTER_KNOT, 0)) - 1;
  to = 2 * random_unit(draw(l, knot + 1, DRAW_JITTER_KNOT, 0)) - 1;
  part = (double)(at_ns % period_ns) / (double)period_ns;
  return (from + (to - from) * part) * (double)jitter_ns;
}

static uint64_t delay_ns(const struct link *l, uint64_t at_ns, uint64_t index, unsigned copy) {
  double delay = (double)l->config.delay_ns;

  if (l->config.jitter_ns == 0) return l->config.delay_ns;
  if (l->config.jitter == LINK_JITTER_SMOOTH)
    delay += smooth_jitter(l, at_ns);
  else
    delay += (2 * random_unit(draw(l, index, DRAW_JITTER, copy)) - 1) * (double)l->config.jitter_ns;
  return delay > 0 ? (uint64_t)delay : 0;
}

/* --- release: a list for those in order, a heap for the others --- */

static int is_before(const struct link_packet *a, const struct link_packet *b) {
  return a->release_ns != b->release_ns ? a->release_ns < b->release_ns : a->index < b->index;
}

static void heap_add(struct link *l, struct link_packet *p) {
  size_t i = l->heap_count++;

  assert(i < LINK_PACKETS_MAX && "there are no more packets than that");
  for (; i > 0 && is_before(p, l->heap[(i - 1) / 2]); i = (i - 1) / 2)
    l->heap[i] = l->heap[(i - 1) / 2];
  l->heap[i] = p;
}

static struct link_packet *heap_take(struct link *l) {
  struct link_packet *top = l->heap[0];
  struct link_packet *moved = l->heap[--l->heap_count];
  size_t i = 0, child;

  for (; (child = 2 * i + 1) < l->heap_count; i = child) {
    if (child + 1 < l->heap_count && is_before(l->heap[child + 1], l->heap[child])) child++;
    if (!is_before(l->heap[child], moved)) break;
    l->heap[i] = l->heap[child];
  }
  l->heap[i] = moved;
  return top;
}

static void list_add(struct link *l, struct link_packet *p) {
  /* Rounding could put it a nanosecond before its predecessor. */
  if (l->last != NULL && p->release_ns < l->last->release_ns) p->release_ns = l->last->release_ns;
  p->next = NULL;
  if (l->last != NULL)
    l->last->next = p;
  else
    l->first = p;
  l->last = p;
}

static struct link_packet *list_take(struct link *l) {
  struct link_packet *p = l->first;

  l->first = p->next;
  if (l->first == NULL) l->last = NULL;
  return p;
}

static struct link_packet *earliest(const struct link *l) {
  if (l->heap_count == 0) return l->first;
  return l->first != NULL && is_before(l->first, l->heap[0]) ? l->first : l->heap[0];
}

/* --- a packet enters --- */

static void observe(struct link *l, const uint8_t *data, size_t bytes, size_t ip_bytes) {
  struct link_stats *s = &l->stats;
  struct packet_view view;
  size_t udp_payload_bytes = bytes;

  if (l->config.framing == LINK_IP_PACKETS) {
    packet_parse(&view, data, bytes);
    udp_payload_bytes = view.udp_payload_bytes;
    s->fragments += view.is_fragment;
    s->ect += packet_ecn(data, bytes) != ECN_FIELD_NONE;
  }
  s->packets++;
  s->bytes += ip_bytes;
  if (ip_bytes > s->ip_bytes_max) s->ip_bytes_max = (uint32_t)ip_bytes;
  if (udp_payload_bytes > s->udp_payload_bytes_max) s->udp_payload_bytes_max = (uint32_t)udp_payload_bytes;
}

static int is_blackout(const struct link_config *c, uint64_t at_ns) {
  size_t i;

  for (i = 0; i < c->blackout_count; i++)
    if (at_ns >= c->blackouts[i].from_ns && at_ns < c->blackouts[i].until_ns) return 1;
  return 0;
}

/* 0: the packet vanishes. */
static int pass_ecn(const struct link_config *c, uint8_t *data, size_t bytes) {
  if (!c->ecn_drop && !c->ecn_bleach) return 1;
  if (packet_ecn(data, bytes) == ECN_FIELD_NONE) return 1;
  packet_set_ecn(data, bytes, ECN_FIELD_NONE);
  return !c->ecn_drop;
}

static void mark(struct link *l, uint8_t *data, size_t bytes, uint64_t waiting, uint64_t wait_ns) {
  const struct link_config *c = &l->config;
  int is_much = (c->ce_above_bytes > 0 && waiting > c->ce_above_bytes) ||
                (c->ce_above_ns > 0 && wait_ns > c->ce_above_ns);
  unsigned ecn = is_much ? packet_ecn(data, bytes) : ECN_FIELD_NONE;

  if (ecn == ECN_FIELD_NONE || ecn == ECN_FIELD_CE) return;
  packet_set_ecn(data, bytes, ECN_FIELD_CE);
  l->stats.ce_marked++;
}

/* Returns 0 when the queue is full, else 1 and the time at which the packet is wholly on the wire. */
static int pass_queue(struct link *l, uint64_t at_ns, size_t bytes, size_t ip_bytes, uint64_t *sent_ns) {
  uint64_t free_ns = l->busy_until_ns > at_ns ? l->busy_until_ns : at_ns;
  uint64_t waiting = backlog_bytes(&l->config, at_ns, free_ns);

  if (waiting > 0 && waiting + ip_bytes > l->config.queue_bytes) return 0;
  *sent_ns = transmission_end(&l->config, free_ns, (uint64_t)ip_bytes * 8);
  assert(*sent_ns >= free_ns);
  l->busy_until_ns = *sent_ns;
  mark(l, l->spare->data, bytes, waiting, free_ns - at_ns);
  l->stats.queued++;
  l->stats.queue_delay_sum_ns += free_ns - at_ns;
  if (free_ns - at_ns > l->stats.queue_delay_max_ns) l->stats.queue_delay_max_ns = free_ns - at_ns;
  return 1;
}

static void send_copy(struct link *l, struct link_packet *p, uint64_t sent_ns, unsigned copy) {
  const struct link_config *c = &l->config;

  if (happens(l, c->corrupt, p->index, DRAW_CORRUPT, copy)) {
    uint64_t random = draw(l, p->index, DRAW_CORRUPT_AT, copy);

    if (c->framing == LINK_IP_PACKETS) {
      l->stats.corrupted += (uint64_t)packet_corrupt(p->data, p->bytes, random);
    } else if (p->bytes > 0) {
      p->data[random / 8 % p->bytes] ^= (uint8_t)(1u << (random % 8));
      l->stats.corrupted++;
    }
  }
  p->release_ns = l->start_ns + sent_ns + delay_ns(l, sent_ns, p->index, copy);
  if (happens(l, c->reorder, p->index, DRAW_REORDER, copy)) {
    p->release_ns += c->reorder_hold_ns;
    heap_add(l, p);
  } else if (c->jitter_ns > 0 && c->jitter == LINK_JITTER_SCATTER) {
    heap_add(l, p);
  } else {
    list_add(l, p);
  }
}

static void send_packet(struct link *l, struct link_packet *p, uint64_t sent_ns) {
  const struct link_config *c = &l->config;
  struct link_packet *twin = NULL;

  if (p->bytes > 0 && happens(l, c->truncate, p->index, DRAW_TRUNCATE, 0)) {
    p->bytes = (uint32_t)(draw(l, p->index, DRAW_TRUNCATE_AT, 0) % p->bytes);
    l->stats.truncated++;
  }
  if (happens(l, c->duplicate, p->index, DRAW_DUPLICATE, 0)) twin = packet_take(l);
  if (twin != NULL) {
    memcpy(twin, p, sizeof(*p) + p->bytes);
    l->stats.duplicated++;
  }
  send_copy(l, p, sent_ns, 0);
  if (twin != NULL) send_copy(l, twin, sent_ns, 1);
}

static int is_too_large(const struct link_config *c, uint64_t at_ns, uint32_t ip_bytes) {
  uint32_t mtu = c->mtu;
  size_t i;

  for (i = 0; i < c->mtu_count && c->mtus[i].from_ns <= at_ns; i++)
    mtu = c->mtus[i].bytes;
  return mtu > 0 && ip_bytes > mtu;
}

void link_push(struct link *l, uint64_t now_ns, size_t bytes, uint32_t tag) {
  const struct link_config *c = &l->config;
  size_t ip_bytes = bytes + (c->framing == LINK_DATAGRAMS ? LINK_DATAGRAM_OVERHEAD : 0);
  uint64_t index = l->stats.packets;
  struct link_packet *p = l->spare;
  uint64_t at_ns, sent_ns;
  int lost;

  assert(bytes <= c->packet_bytes_max);
  link_start(l, now_ns);
  assert(now_ns >= l->start_ns && "time does not run backwards");
  at_ns = now_ns - l->start_ns;
  observe(l, p->data, bytes, ip_bytes);
  lost = is_lost(l, index);
  if (is_blackout(c, at_ns)) {
    l->stats.blackout_drops++;
  } else if (is_too_large(c, at_ns, ip_bytes)) {
    l->stats.mtu_drops++;
  } else if (!pass_ecn(c, p->data, bytes)) {
    l->stats.ecn_drops++;
  } else if (!policer_passes(&l->policer, l->config.policer_bits_per_second, l->config.policer_bytes, at_ns,
                             ip_bytes)) {
    l->stats.policer_drops++;
  } else if (!pass_queue(l, at_ns, bytes, ip_bytes, &sent_ns)) {
    l->stats.queue_drops++;
  } else if (lost) {
    l->stats.lost++;
  } else {
    struct link_packet *spare = packet_take(l);

    if (spare == NULL) { /* the store is full: this packet's buffer must serve the next one */
      l->stats.queue_drops++;
      return;
    }
    l->spare = spare;
    p->bytes = (uint32_t)bytes;
    p->tag = tag;
    p->index = index;
    send_packet(l, p, sent_ns);
  }
}

/* --- a packet leaves --- */

uint64_t link_next_time(const struct link *l) {
  const struct link_packet *p = earliest(l);

  return p != NULL ? p->release_ns : LINK_NEVER;
}

const struct link_packet *link_pop(struct link *l, uint64_t now_ns) {
  struct link_packet *p = earliest(l);

  if (l->popped != NULL) packet_give_back(l, l->popped);
  l->popped = NULL;
  if (p == NULL || p->release_ns > now_ns) return NULL;
  p = p == l->first ? list_take(l) : heap_take(l);
  l->stats.delivered++;
  l->stats.delivered_bytes += p->bytes + (l->config.framing == LINK_DATAGRAMS ? LINK_DATAGRAM_OVERHEAD : 0);
  if (p->index < l->index_popped_max)
    l->stats.reordered++;
  else
    l->index_popped_max = p->index;
  l->popped = p;
  return p;
}
