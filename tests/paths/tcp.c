/* tcp: see tcp.h. */
#include "tcp.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

enum { DUPLICATE_THRESHOLD = 3, DELAYED_SEGMENTS = 2, TIMEOUTS_MAX = 6 };
#define DELAYED_NS (40 * NS_PER_MS)
#define TIMER_NS_MIN (200 * NS_PER_MS)

/* What travels; the rest of a segment is nothing but length. */
struct segment_header {
  uint64_t number;
};
struct ack_header {
  uint64_t in_order, block_count;
  struct range blocks[TCP_BLOCKS];
};

static struct tcp_segment *segment_at(struct tcp *tcp, uint64_t number) {
  return &tcp->ring[number % TCP_RING];
}

struct tcp *tcp_new(const struct congestion_ops *ops, uint64_t now_ns) {
  struct tcp *tcp = calloc(1, sizeof(*tcp));
  assert(tcp && "out of memory");
  tcp->ring = calloc(TCP_RING, sizeof(*tcp->ring));
  tcp->have = calloc(TCP_RING, 1);
  assert(tcp->ring && tcp->have && "out of memory");
  congestion_init(&tcp->cc, ops, TCP_PAYLOAD);
  rtt_init(&tcp->rtt, NS_PER_S);
  tcp->timer_ns = now_ns + NS_PER_S;
  tcp->ack_at_ns = TIME_NEVER;
  return tcp;
}

void tcp_free(struct tcp *tcp) {
  if (!tcp) return;
  free(tcp->ring);
  free(tcp->have);
  free(tcp);
}

/* ---- sender ---- */

static uint64_t timer_span(const struct tcp *tcp) {
  uint64_t span_ns = tcp->rtt.sampled ? tcp->rtt.smoothed_ns + 4 * tcp->rtt.variation_ns : NS_PER_S;
  return (span_ns > TIMER_NS_MIN ? span_ns : TIMER_NS_MIN) << tcp->timeouts;
}

/* What one acknowledgement told. */
struct news {
  struct congestion_ack event;
  uint64_t sample_ns;
};

static void take(struct tcp *tcp, uint64_t number, struct news *news) {
  struct tcp_segment *segment = segment_at(tcp, number);
  if (segment->state == TCP_ARRIVED) return;
  if (segment->state == TCP_SENT)
    tcp->in_flight--;
  else
    tcp->lost--;
  segment->state = TCP_ARRIVED;
  news->event.bytes_acked += TCP_PAYLOAD;
  if (segment->transmission >= tcp->largest) {
    tcp->largest = segment->transmission;
    news->event.largest_sent_ns = segment->sent_ns;
  }
  if (!segment->is_repeated) news->sample_ns = news->event.now_ns - segment->sent_ns; /* Karn */
}

static uint64_t lose(struct tcp *tcp, uint64_t number) {
  struct tcp_segment *segment = segment_at(tcp, number);
  segment->state = TCP_LOST;
  tcp->in_flight--;
  tcp->lost++;
  tcp->segments_lost++;
  if (number < tcp->lost_from) tcp->lost_from = number;
  return segment->transmission;
}

static void tell_loss(struct tcp *tcp, uint64_t now_ns, uint64_t count, uint64_t largest, bool is_timeout) {
  if (count == 0) return;
  struct congestion_loss loss = {.now_ns = now_ns,
                                 .bytes_lost = count * TCP_PAYLOAD,
                                 .bytes_in_flight = tcp->in_flight * TCP_PAYLOAD,
                                 .largest_lost = largest,
                                 .next_number = tcp->transmissions,
                                 .persistent = is_timeout};
  tcp->cc.ops->on_loss(&tcp->cc, &loss);
}

static void detect(struct tcp *tcp, uint64_t now_ns) {
  uint64_t count = 0, largest = 0;
  for (uint64_t number = tcp->una; number < tcp->next; number++) {
    const struct tcp_segment *segment = segment_at(tcp, number);
    if (segment->state != TCP_SENT || segment->transmission + DUPLICATE_THRESHOLD > tcp->largest) continue;
    uint64_t transmission = lose(tcp, number);
    if (transmission > largest) largest = transmission;
    count++;
  }
  tell_loss(tcp, now_ns, count, largest, false);
}

void tcp_on_ack(struct tcp *tcp, uint64_t now_ns, const uint8_t *bytes) {
  struct ack_header ack;
  memcpy(&ack, bytes, sizeof(ack));
  uint64_t in_flight = tcp->in_flight * TCP_PAYLOAD;
  struct news news = {.event = {.now_ns = now_ns, .bytes_in_flight = in_flight, .rtt = &tcp->rtt}};
  assert(ack.in_order <= tcp->next && ack.block_count <= TCP_BLOCKS);
  for (uint64_t number = tcp->una; number < ack.in_order; number++)
    take(tcp, number, &news);
  if (ack.in_order > tcp->una) tcp->una = ack.in_order;
  if (tcp->lost_from < tcp->una) tcp->lost_from = tcp->una;
  for (uint64_t i = 0; i < ack.block_count; i++)
    for (uint64_t number = ack.blocks[i].first; number < ack.blocks[i].end; number++)
      if (number >= tcp->una) take(tcp, number, &news);
  if (news.event.bytes_acked == 0) return;
  tcp->timeouts = 0;
  tcp->timer_ns = now_ns + timer_span(tcp);
  if (news.sample_ns > 0) rtt_on_sample(&tcp->rtt, news.sample_ns, 0);
  if (ack.block_count > 0 || tcp->lost > 0) detect(tcp, now_ns);
  news.event.largest_acked = tcp->largest;
  news.event.next_number = tcp->transmissions;
  news.event.has_sample = news.sample_ns > 0;
  tcp->cc.ops->on_ack(&tcp->cc, &news.event);
}

/* RFC 6298 section 5: all that is out there counts as lost, and the window begins anew. */
void tcp_on_timer(struct tcp *tcp, uint64_t now_ns) {
  uint64_t count = 0, largest = 0;
  for (uint64_t number = tcp->una; number < tcp->next; number++) {
    if (segment_at(tcp, number)->state != TCP_SENT) continue;
    uint64_t transmission = lose(tcp, number);
    if (transmission > largest) largest = transmission;
    count++;
  }
  tell_loss(tcp, now_ns, count, largest, true);
  if (tcp->timeouts < TIMEOUTS_MAX) tcp->timeouts++;
  tcp->timer_ns = tcp->una == tcp->next ? TIME_NEVER : now_ns + timer_span(tcp);
}

size_t tcp_next_segment(struct tcp *tcp, uint64_t now_ns, uint8_t *bytes) {
  if ((tcp->in_flight + 1) * TCP_PAYLOAD > tcp->cc.window) return 0;
  uint64_t number = tcp->next;
  if (tcp->lost > 0) {
    while (segment_at(tcp, tcp->lost_from)->state != TCP_LOST)
      tcp->lost_from++;
    number = tcp->lost_from;
    assert(number < tcp->next);
    tcp->lost--;
  } else if (tcp->is_stopped || tcp->next - tcp->una >= TCP_RING) {
    return 0;
  }
  struct tcp_segment *segment = segment_at(tcp, number);
  *segment = (struct tcp_segment){.transmission = tcp->transmissions++,
                                  .sent_ns = now_ns,
                                  .state = TCP_SENT,
                                  .is_repeated = number < tcp->next};
  if (tcp->una == tcp->next) tcp->timer_ns = now_ns + timer_span(tcp);
  if (number == tcp->next) tcp->next++;
  tcp->in_flight++;
  tcp->segments_sent++;
  tcp->cc.ops->on_sent(&tcp->cc, now_ns, tcp->in_flight * TCP_PAYLOAD, TCP_PAYLOAD);
  struct segment_header header = {.number = number};
  memcpy(bytes, &header, sizeof(header));
  return TCP_SEGMENT;
}

/* ---- receiver ---- */

void tcp_on_segment(struct tcp *tcp, uint64_t now_ns, const uint8_t *bytes) {
  struct segment_header header;
  memcpy(&header, bytes, sizeof(header));
  uint64_t number = header.number;
  bool is_new = number >= tcp->in_order && !tcp->have[number % TCP_RING];
  tcp->unacknowledged++;
  tcp->block_recent = number;
  if (!is_new || number != tcp->in_order || tcp->highest > number) tcp->ack_now = true;
  if (tcp->unacknowledged >= DELAYED_SEGMENTS) tcp->ack_now = true;
  if (tcp->ack_at_ns == TIME_NEVER) tcp->ack_at_ns = now_ns + DELAYED_NS;
  if (!is_new) return;
  assert(number < tcp->in_order + TCP_RING);
  tcp->have[number % TCP_RING] = 1;
  if (number + 1 > tcp->highest) tcp->highest = number + 1;
  while (tcp->have[tcp->in_order % TCP_RING])
    tcp->have[tcp->in_order++ % TCP_RING] = 0;
}

/* The run of what has arrived around `number`; empty when it has not. */
static struct range run_around(const struct tcp *tcp, uint64_t number) {
  struct range run = {number, number};
  if (number < tcp->in_order || !tcp->have[number % TCP_RING]) return run;
  while (run.first > tcp->in_order && tcp->have[(run.first - 1) % TCP_RING])
    run.first--;
  while (run.end < tcp->highest && tcp->have[run.end % TCP_RING])
    run.end++;
  return run;
}

/* The run that holds the newest segment first, then the next ones below it. */
static void fill_blocks(const struct tcp *tcp, struct ack_header *ack) {
  struct range run = run_around(tcp, tcp->block_recent);
  if (run.first == run.end && tcp->highest > tcp->in_order) run = run_around(tcp, tcp->highest - 1);
  while (run.first < run.end && ack->block_count < TCP_BLOCKS) {
    ack->blocks[ack->block_count++] = run;
    uint64_t below = run.first;
    while (below > tcp->in_order && !tcp->have[(below - 1) % TCP_RING])
      below--;
    if (below == tcp->in_order) return;
    run = run_around(tcp, below - 1);
  }
}

size_t tcp_next_ack(struct tcp *tcp, uint64_t now_ns, uint8_t *bytes) {
  if (!tcp->ack_now && now_ns < tcp->ack_at_ns) return 0;
  struct ack_header ack = {.in_order = tcp->in_order};
  fill_blocks(tcp, &ack);
  memcpy(bytes, &ack, sizeof(ack));
  tcp->ack_now = false;
  tcp->ack_at_ns = TIME_NEVER;
  tcp->unacknowledged = 0;
  return TCP_ACK;
}
