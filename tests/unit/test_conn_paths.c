/* conn: paths that go dark, shrink, lose the last packets, and the rates kept on them, with two real
 * connections over a link in simulated time (proto/transport.md sections 4 to 7). */
#include "unit.h"

#include "link_world.h"

static const enum congestion_kind kinds[] = {CONGESTION_CUBIC, CONGESTION_BBR, CONGESTION_BACKGROUND};
enum { KINDS = sizeof kinds / sizeof kinds[0] };
#define LAN_RTT_NS (200 * NS_PER_US)
#define MS NS_PER_MS

/* Until the controller has found its rate. */
static void begin_full(uint64_t rate, uint64_t rtt_ns, enum congestion_kind kind) {
  link_begin(&(struct link_setup){.rate = rate, .rtt_ns = rtt_ns, .congestion = kind});
  link_.blocks_left = UINT64_MAX;
  link_run(rtt_ns >= MS ? 4 * NS_PER_S + 20 * rtt_ns : NS_PER_S / 5);
}

/* ---- a path that carries nothing for a while ---- */

/* The rate is back: nine tenths of what it was, from at most five round trips after the return on. */
static void check_return(uint64_t rate, uint64_t rtt_ns, enum congestion_kind kind, uint64_t dark_ns) {
  begin_full(rate, rtt_ns, kind);
  double before = link_share(20 * rtt_ns);
  link_darken(dark_ns);
  uint64_t back_ns = link_.now_ns + dark_ns;
  link_run_until(back_ns);
  /* Where five round trips are no time at all, the probes' own interval is added. */
  uint64_t extra_ns = 5 * rtt_ns < LOSS_PROBE_INTERVAL_LEAST ? LOSS_PROBE_INTERVAL_LEAST : 0;
  link_run_until(back_ns + 5 * rtt_ns + extra_ns);
  double after = link_share(5 * rtt_ns);
  if (after < 0.9 * before || link_.client->mtu.current != DATAGRAM_BYTES_IPV4)
    printf("%s, %g ms, dark for %g s: %.3f, then %.3f with %zu bytes\n", link_.client->congestion.ops->name,
           (double)rtt_ns / 1e6, (double)dark_ns / 1e9, before, after, link_.client->mtu.current);
  CU_ASSERT(after >= 0.9 * before);
  CU_ASSERT_EQUAL(link_.closed, 0);
  CU_ASSERT_EQUAL(link_.client->mtu.current, DATAGRAM_BYTES_IPV4);
  link_end();
}

static void full_speed_is_back_after_the_dark(void) {
  static const uint64_t darks_ns[] = {NS_PER_S, 10 * NS_PER_S, 25 * NS_PER_S};
  for (size_t i = 0; i < KINDS; i++)
    for (size_t d = 0; d < 3; d++) {
      check_return(20 * MBIT, 300 * MS, kinds[i], darks_ns[d]);
      check_return(50 * MBIT, 40 * MS, kinds[i], darks_ns[d]);
      check_return(500 * MBIT, LAN_RTT_NS, kinds[i], darks_ns[d]);
    }
}

/* What the dark time was costs little to find out: two datagrams an interval. */
static void little_is_sent_into_the_dark(void) {
  for (size_t i = 0; i < KINDS; i++) {
    begin_full(500 * MBIT, LAN_RTT_NS, kinds[i]);
    uint64_t sent = link_.client->stats.bytes_sent, window = link_.client->congestion.window;
    link_darken(10 * NS_PER_S);
    link_run(10 * NS_PER_S);
    uint64_t least_window = 2 * 1472 * (10 * NS_PER_S / LAN_RTT_NS); /* two datagrams each round trip */
    CU_ASSERT(link_.client->stats.bytes_sent - sent < window + least_window / 10);
    link_end();
  }
}

/* The path comes back with ten times the round trip: it is another one, and not trusted with the old window.
 */
static void another_path_after_the_dark_is_learnt_anew(void) {
  begin_full(50 * MBIT, 20 * MS, CONGESTION_CUBIC);
  uint64_t window = link_.client->congestion.window;
  link_darken(2 * NS_PER_S);
  link_run(2 * NS_PER_S - MS);
  link_.up.delay_ns = link_.down.delay_ns = 200 * MS / 2;
  link_run(600 * MS);
  CU_ASSERT_FALSE(link_.client->silence.is_open);
  CU_ASSERT(link_.client->congestion.window < window / 4);
  CU_ASSERT(link_.client->rtt.smoothed_ns > 25 * MS);
  link_end();
}

/* ---- a path that shrinks ---- */

static void check_shrink(uint64_t rate, uint64_t rtt_ns, enum congestion_kind kind, size_t carries) {
  begin_full(rate, rtt_ns, kind);
  double before = link_share(20 * rtt_ns);
  uint64_t round_ns = link_.client->rtt.smoothed_ns; /* as it is with what stands in the queue */
  link_.up.lose_above = carries;
  uint64_t bytes = link_.server->blocks_in.bytes_received, moved_ns = link_.now_ns, stall_ns = 0;
  for (uint64_t end_ns = link_.now_ns + 12 * round_ns; link_.now_ns < end_ns;) {
    link_run(round_ns / 20);
    if (link_.server->blocks_in.bytes_received - bytes < 3 * 1200)
      continue; /* a few small ones pass always */
    bytes = link_.server->blocks_in.bytes_received;
    if (link_.now_ns - moved_ns > stall_ns) stall_ns = link_.now_ns - moved_ns;
    moved_ns = link_.now_ns;
  }
  double after = link_share(10 * round_ns);
  if (kind != CONGESTION_BACKGROUND && (stall_ns > 3 * round_ns || after < 0.9 * before))
    printf("%s, %g ms, from 1472 to %zu: stalled for %.1f round trips; %.3f, then %.3f\n",
           link_.client->congestion.ops->name, (double)rtt_ns / 1e6, carries,
           (double)stall_ns / (double)round_ns, before, after);
  bool yields = kind == CONGESTION_BACKGROUND; /* now and then it sends nothing on purpose */
  CU_ASSERT(stall_ns <= 3 * round_ns || yields);
  CU_ASSERT(after >= 0.9 * before || (yields && after > 0));
  CU_ASSERT(link_.client->mtu.current <= carries && link_.client->mtu.current >= 1200);
  link_run(20 * round_ns);
  CU_ASSERT(link_.client->mtu.current + MTU_PROBE_PRECISION >= carries);
  link_end();
}

static void a_path_that_shrinks_stalls_nothing(void) {
  for (size_t i = 0; i < KINDS; i++) {
    check_shrink(50 * MBIT, 100 * MS, kinds[i], 1400);
    check_shrink(50 * MBIT, 20 * MS, kinds[i], 1300);
    check_shrink(50 * MBIT, 20 * MS, kinds[i], 1200);
    check_shrink(500 * MBIT, LAN_RTT_NS, kinds[i], 1400);
  }
}

static void probes_of_the_size_do_not_touch_the_window(void) {
  for (size_t i = 0; i < KINDS; i++) {
    link_begin(&(struct link_setup){
        .rate = 20 * MBIT, .rtt_ns = 20 * MS, .congestion = kinds[i], .datagram_bytes_max = 8972});
    link_.up.lose_above = 1472;
    link_.blocks_left = UINT64_MAX;
    uint64_t lost = 0, window = 0;
    for (int step = 0; step < 400 && link_.client->mtu.current < 1400; step++) {
      link_run(2 * MS);
      if (link_.client->stats.packets_lost > lost) break; /* by the queue: it is full */
      CU_ASSERT(link_.client->congestion.window >= window);
      window = link_.client->congestion.window;
    }
    CU_ASSERT(link_.client->mtu.current > 1200);
    link_end();
  }
}

static void jumbo_frames_are_used_where_they_pass(void) {
  link_begin(&(struct link_setup){
      .rate = 500 * MBIT, .rtt_ns = LAN_RTT_NS, .congestion = CONGESTION_CUBIC, .datagram_bytes_max = 8972});
  link_.blocks_left = UINT64_MAX;
  link_run(100 * MS);
  CU_ASSERT_EQUAL(link_.client->mtu.current, 8972);
  CU_ASSERT(link_share(20 * MS) > 0.95);
  link_.up.lose_above = 1472;
  link_run(200 * MS);
  CU_ASSERT(link_.client->mtu.current <= 1472 && link_.client->mtu.current + MTU_PROBE_PRECISION >= 1472);
  CU_ASSERT(link_share(20 * MS) > 0.9);
  link_end();
}

/* ---- a sender that moves ---- */

static void a_changed_address_costs_no_speed(void) {
  for (size_t i = 0; i < KINDS; i++) {
    begin_full(50 * MBIT, 40 * MS, kinds[i]);
    double before = link_share(400 * MS);
    link_.client_address = link_away;
    double after = link_share(400 * MS);
    bool yields = kinds[i] == CONGESTION_BACKGROUND;
    if (after < 0.9 * before && !yields) printf("%.3f, then %.3f\n", before, after);
    CU_ASSERT(after >= 0.9 * before || yields);
    CU_ASSERT_TRUE(link_.server->path.validated && address_equal(&link_.server->path.peer, &link_away));
    link_end();
  }
}

/* ---- a caller that was stopped ---- */

static void stop(bool *is_away, struct conn *conn, uint64_t for_ns) {
  *is_away = true;
  link_run(for_ns);
  *is_away = false;
  conn_on_absence(conn, link_.now_ns, for_ns);
}

static void an_absence_is_no_silence(void) {
  for (size_t i = 0; i < KINDS; i++) {
    begin_full(50 * MBIT, 40 * MS, kinds[i]);
    double before = link_share(800 * MS);
    uint64_t smoothed_ns = link_.client->rtt.smoothed_ns;
    stop(&link_.client_is_away, link_.client, 20 * NS_PER_S);
    link_run(
        MS); /* what waited for us has been read: the controllers, too, have learnt no round trip of it */
    const struct congestion *cc = &link_.client->congestion;
    if (kinds[i] == CONGESTION_BACKGROUND) CU_ASSERT(ledbat_delay_queue_ns(&cc->ledbat.delay) < NS_PER_S);
    if (kinds[i] == CONGESTION_BBR) {
      CU_ASSERT(cc->bbr.round_rtt_ns == UINT64_MAX || cc->bbr.round_rtt_ns < NS_PER_S);
      CU_ASSERT(cc->bbr.slow_rounds == 0 && !cc->bbr.is_queue_standing);
    }
    link_run(400 * MS);
    CU_ASSERT(link_.client->rtt.smoothed_ns < 2 * smoothed_ns); /* no round trip took twenty seconds */
    double after = link_share(800 * MS);
    if (after < 0.9 * before && kinds[i] != CONGESTION_BACKGROUND)
      printf("%s: %.3f, then %.3f\n", link_.client->congestion.ops->name, before, after);
    CU_ASSERT(after >= 0.9 * before || kinds[i] == CONGESTION_BACKGROUND);
    CU_ASSERT_EQUAL(link_.closed, 0);
    link_end();
  }
}

/* Stopped while the path was dark: that time is taken off the slowdowns' clock once, not twice. */
static void an_absence_amid_the_dark_counts_once(void) {
  begin_full(50 * MBIT, 40 * MS, CONGESTION_BACKGROUND);
  const struct ledbat *ledbat = &link_.client->congestion.ledbat;
  uint64_t due_ns = ledbat->slowdown_at_ns, from_ns = link_.now_ns;
  CU_ASSERT(ledbat->state == LEDBAT_STEADY);
  link_darken(12 * NS_PER_S);
  link_run(2 * NS_PER_S);
  CU_ASSERT(link_.client->silence.is_open);
  stop(&link_.client_is_away, link_.client, 8 * NS_PER_S);
  for (uint64_t end_ns = from_ns + 15 * NS_PER_S; link_.client->silence.is_open && link_.now_ns < end_ns;)
    link_run(MS);
  CU_ASSERT_FALSE(link_.client->silence.is_open);
  uint64_t shift_ns = ledbat->slowdown_at_ns - due_ns;
  CU_ASSERT(shift_ns > 8 * NS_PER_S && shift_ns <= link_.now_ns - from_ns);
  link_end();
}

/* The peer has forgotten us: that is found out within seconds, and not at the first turn. */
static void a_long_absence_leaves_a_chance(void) {
  begin_full(50 * MBIT, 40 * MS, CONGESTION_CUBIC);
  link_.client_is_away = link_.server_is_away = true;
  link_run(100 * NS_PER_S);
  link_.client_is_away = link_.server_is_away = false;
  conn_on_absence(link_.client, link_.now_ns, 100 * NS_PER_S);
  conn_on_absence(link_.server, link_.now_ns, 100 * NS_PER_S);
  link_run(NS_PER_S);
  CU_ASSERT_EQUAL(link_.closed, 0);
  CU_ASSERT(link_share(NS_PER_S) > 0.9);
  link_.client_is_away = true;
  link_run(40 * NS_PER_S); /* the server has given up */
  CU_ASSERT_EQUAL(link_.closed, 1);
  link_.client_is_away = false;
  link_.down.head = link_.down.tail; /* it slept, and nothing was received */
  conn_on_absence(link_.client, link_.now_ns, 40 * NS_PER_S);
  link_run(ABSENCE_CHANCE_NS - NS_PER_S);
  CU_ASSERT_EQUAL(link_.closed, 1);
  link_run(2 * NS_PER_S);
  CU_ASSERT_EQUAL(link_.closed, 2);
  link_end();
}

/* ---- the last packets ---- */

/* The end of what there is to send is lost: it has arrived a round trip and a half later than it would have,
 * give or take. */
static void check_tail(uint64_t rate, uint64_t rtt_ns, unsigned lose_last) {
  link_begin(&(struct link_setup){.rate = rate, .rtt_ns = rtt_ns, .congestion = CONGESTION_CUBIC});
  for (int i = 0; i < 60; i++) { /* the estimates settle */
    link_.blocks_left = 1;
    link_run(3 * rtt_ns + 2 * MS);
  }
  uint64_t received = link_.blocks_received, packets = link_.client->stats.packets_sent;
  link_.blocks_left = 1;
  link_.up.lose_from = link_.up.sent + (LINK_BLOCK_BYTES + 1444) / 1445 - lose_last + 1;
  link_.up.lose_until = link_.up.lose_from + lose_last;
  while (link_.client->stats.packets_sent < packets + (LINK_BLOCK_BYTES + 1444) / 1445)
    link_run(rtt_ns / 50);
  uint64_t sent_ns = link_.now_ns;
  while (link_.blocks_received == received && link_.now_ns < sent_ns + 100 * rtt_ns)
    link_run(rtt_ns / 50);
  double rounds = (double)(link_.now_ns - sent_ns - rtt_ns / 2) / (double)rtt_ns;
  if (rounds < 1 || rounds > 1.9)
    printf("%g ms, the last %u lost: %.2f\n", (double)rtt_ns / 1e6, lose_last, rounds);
  CU_ASSERT(rounds >= 1 && rounds <= 1.9);
  link_end();
}

static void a_lost_tail_is_repaired_in_a_round_trip_and_a_half(void) {
  for (unsigned lose_last = 1; lose_last <= 2; lose_last++) {
    check_tail(0, 50 * NS_PER_US, lose_last);
    check_tail(0, 100 * MS, lose_last);
    check_tail(1000 * MBIT, 20 * MS, lose_last);
  }
}

/* ---- --bwlimit ---- */

/* The most and the least that left within any second, from `from_ns` on. */
static void sums_of_a_second(uint64_t from_ns, uint64_t *least, uint64_t *most) {
  const struct sent_log *log = &link_.log;
  uint64_t sum = 0;
  unsigned tail = 0;
  *least = UINT64_MAX;
  *most = 0;
  for (unsigned head = 0; head < log->count; head++) {
    sum += log->size[head];
    while (log->at_ns[head] - log->at_ns[tail] >= NS_PER_S)
      sum -= log->size[tail++];
    if (log->at_ns[tail] < from_ns || log->at_ns[head] < from_ns + NS_PER_S) continue;
    if (sum > *most) *most = sum;
    if (sum < *least) *least = sum;
  }
}

static void a_limit_is_kept_within_any_second(void) {
  static const struct {
    uint64_t limit, rtt_ns, loss_every;
    size_t datagram_bytes_max;
  } rows[] = {{1 * MBIT, 20 * MS, 0, 0},   {10 * MBIT, 20 * MS, 0, 0},      {40 * MBIT, 20 * MS, 50, 0},
              {40 * MBIT, 200 * MS, 0, 0}, {20 * MBIT, LAN_RTT_NS, 100, 0}, {40 * MBIT, 20 * MS, 0, 8972},
              {1 * MBIT, 20 * MS, 0, 8972}};
  for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
    for (size_t k = 0; k < 2; k++) {
      uint64_t least, most;
      link_begin(&(struct link_setup){.rate = 200 * MBIT,
                                      .rtt_ns = rows[i].rtt_ns,
                                      .congestion = k ? CONGESTION_BBR : CONGESTION_AUTO,
                                      .rate_max = rows[i].limit,
                                      .datagram_bytes_max = rows[i].datagram_bytes_max});
      if (rows[i].datagram_bytes_max)
        link_.up.lose_above = 1472; /* its large probes are lost again and again */
      link_.up.loss_every = rows[i].loss_every;
      link_.blocks_left = UINT64_MAX;
      uint64_t begin_ns = link_.now_ns + NS_PER_S + 10 * rows[i].rtt_ns; /* it has started up */
      link_run(8 * NS_PER_S);
      sums_of_a_second(begin_ns, &least, &most);
      bool is_kept = most <= rows[i].limit * 102 / 100;
      bool is_used = least >= rows[i].limit * 98 / 100;
      if (!is_kept || !is_used)
        printf("row %zu, %s: from %.4f to %.4f\n", i, link_.client->congestion.ops->name,
               (double)least / (double)rows[i].limit, (double)most / (double)rows[i].limit);
      CU_ASSERT(is_kept);
      CU_ASSERT(is_used);
      link_end();
    }
}

/* ---- what a gigabyte costs ---- */

/* Moments at which something left: each is a wake-up. */
static unsigned trains_since(unsigned from) {
  unsigned trains = 0;
  for (unsigned i = from; i < link_.log.count; i++)
    trains += i == from || link_.log.at_ns[i] != link_.log.at_ns[i - 1];
  return trains;
}

static void a_limit_on_a_lan_costs_few_wake_ups(void) {
  static const struct {
    uint64_t limit, trains, acks; /* of a gigabyte, at most */
  } rows[] = {{100 * MBIT, 21000, 5500}, {200 * MBIT, 11000, 3000}, {500 * MBIT, 8500, 3000}};
  for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
    link_begin(&(struct link_setup){
        .rate = 1000 * MBIT, .rtt_ns = LAN_RTT_NS, .congestion = CONGESTION_AUTO, .rate_max = rows[i].limit});
    link_.blocks_left = UINT64_MAX;
    link_run(2 * NS_PER_S);
    struct conn_stats before, after;
    uint64_t least, most, begin_ns = link_.now_ns, waits_ns = 0;
    unsigned first = link_.log.count;
    conn_get_stats(link_.client, &before);
    link_run(2 * NS_PER_S);
    conn_get_stats(link_.client, &after);
    sums_of_a_second(begin_ns, &least, &most);
    double gigabytes = (double)(after.bytes_sent - before.bytes_sent) / 1e9;
    double trains = trains_since(first) / gigabytes;
    double acks = (double)(after.acks_received - before.acks_received) / gigabytes;
    for (unsigned j = first + 1; j < link_.log.count; j++) {
      uint64_t wait_ns = link_.log.at_ns[j] - link_.log.at_ns[j - 1];
      if (wait_ns > waits_ns) waits_ns = wait_ns;
    }
    bool is_cheap = trains <= (double)rows[i].trains && acks <= (double)rows[i].acks;
    bool is_even =
        waits_ns <= 41 * MS / 10 && most <= rows[i].limit * 102 / 100 && least >= rows[i].limit * 98 / 100;
    if (!is_cheap || !is_even)
      printf("row %zu: %.0f trains and %.0f ACKs a gigabyte, from %.4f to %.4f, pauses of %.1f ms\n", i,
             trains, acks, (double)least / (double)rows[i].limit, (double)most / (double)rows[i].limit,
             (double)waits_ns / 1e6);
    CU_ASSERT(is_cheap);
    CU_ASSERT(is_even);
    CU_ASSERT_EQUAL(after.packets_lost, 0);
    CU_ASSERT_EQUAL(after.window_bytes, before.window_bytes); /* nothing is learnt of the path */
    link_end();
  }
}

/* 20 packets fit into the queue: the long trains that do not are no more after a few losses. */
static void a_limit_in_front_of_a_short_queue_gives_way(void) {
  link_begin(&(struct link_setup){.rate = 400 * MBIT,
                                  .rtt_ns = LAN_RTT_NS,
                                  .queue_bytes = 30000,
                                  .congestion = CONGESTION_CUBIC,
                                  .rate_max = 200 * MBIT});
  link_.blocks_left = UINT64_MAX;
  link_run(2 * NS_PER_S);
  struct conn_stats before, after;
  conn_get_stats(link_.client, &before);
  double share = link_share(4 * NS_PER_S) * 2;
  conn_get_stats(link_.client, &after);
  double lost =
      (double)(after.packets_lost - before.packets_lost) / (double)(after.packets_sent - before.packets_sent);
  if (share < 0.9 || lost > 0.005) printf("short queue: share %.3f, lost %.4f\n", share, lost);
  CU_ASSERT(share >= 0.9);
  CU_ASSERT(lost <= 0.005);
  link_end();
}

/* A window that is found out, in a queue of 20 ms on a LAN. */
static void a_found_window_costs_few_acknowledgements(void) {
  link_begin(&(struct link_setup){
      .rate = 200 * MBIT, .rtt_ns = LAN_RTT_NS, .queue_bytes = 500000, .congestion = CONGESTION_CUBIC});
  link_.blocks_left = UINT64_MAX;
  link_run(4 * NS_PER_S);
  struct conn_stats before, after;
  conn_get_stats(link_.client, &before);
  double share = link_share(2 * NS_PER_S);
  conn_get_stats(link_.client, &after);
  double gigabytes = (double)(after.bytes_sent - before.bytes_sent) / 1e9;
  double acks = (double)(after.acks_received - before.acks_received) / gigabytes;
  if (acks > 25000 || share < 0.98) printf("%.0f ACKs a gigabyte, share %.3f\n", acks, share);
  CU_ASSERT(acks <= 25000);
  CU_ASSERT(share >= 0.98);
  link_end();
}

/* ---- how often the receiver answers ---- */

static void acknowledgements_follow_rate_and_round_trip(void) {
  static const struct {
    uint64_t rate, rtt_ns, least, most; /* ACKs a round trip */
  } rows[] = {{10000 * (uint64_t)MBIT, LAN_RTT_NS, 2, 40},
              {1000 * MBIT, 10 * MS, 8, 64},
              {50 * MBIT, 300 * MS, 8, 40}};
  for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
    begin_full(rows[i].rate, rows[i].rtt_ns, CONGESTION_CUBIC);
    uint64_t acks = link_.client->stats.acks_received, rounds = 20,
             packets = link_.client->stats.packets_sent;
    link_run(rounds * link_.client->rtt.smoothed_ns);
    acks = link_.client->stats.acks_received - acks;
    packets = link_.client->stats.packets_sent - packets;
    if (acks < rounds * rows[i].least || acks > rounds * rows[i].most)
      printf("row %zu: %.1f ACKs a round trip, one of %.1f packets\n", i, (double)acks / (double)rounds,
             (double)packets / (double)acks);
    CU_ASSERT(acks >= rounds * rows[i].least && acks <= rounds * rows[i].most);
    link_end();
  }
}

UNIT_MAIN(UNIT_CASE(full_speed_is_back_after_the_dark), UNIT_CASE(little_is_sent_into_the_dark),
          UNIT_CASE(another_path_after_the_dark_is_learnt_anew),
          UNIT_CASE(a_path_that_shrinks_stalls_nothing),
          UNIT_CASE(probes_of_the_size_do_not_touch_the_window),
          UNIT_CASE(jumbo_frames_are_used_where_they_pass), UNIT_CASE(a_changed_address_costs_no_speed),
          UNIT_CASE(an_absence_is_no_silence), UNIT_CASE(an_absence_amid_the_dark_counts_once),
          UNIT_CASE(a_long_absence_leaves_a_chance),
          UNIT_CASE(a_lost_tail_is_repaired_in_a_round_trip_and_a_half),
          UNIT_CASE(a_limit_is_kept_within_any_second), UNIT_CASE(a_limit_on_a_lan_costs_few_wake_ups),
          UNIT_CASE(a_limit_in_front_of_a_short_queue_gives_way),
          UNIT_CASE(a_found_window_costs_few_acknowledgements),
          UNIT_CASE(acknowledgements_follow_rate_and_round_trip))
