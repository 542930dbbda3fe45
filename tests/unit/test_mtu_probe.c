/* mtu_probe: searches over paths of every size, lost probes, black holes, and the timer that tries again. */
#include "unit.h"

#include "transport/mtu_probe.h"

enum { BASE = 1200, CEILING = 1472 };
#define START (3 * NS_PER_S)

static struct mtu_probe mtu;
static uint64_t now_ns;

static void begin(size_t ceiling) {
  now_ns = START;
  mtu_probe_init(&mtu, BASE, ceiling);
  mtu_probe_enable(&mtu, now_ns);
}

/* Sends probes until none is asked for; those above `path` are lost. Returns how many sizes were tried. */
static uint32_t search(size_t path, uint32_t *probes) {
  uint32_t sizes = 0;
  size_t size, last = 0;
  *probes = 0;
  while ((size = mtu_probe_next(&mtu, now_ns)) > 0 && *probes < 1000) {
    sizes += size != last;
    last = size;
    ++*probes;
    mtu_probe_on_sent(&mtu, size);
    CU_ASSERT_EQUAL(mtu_probe_next(&mtu, now_ns), 0); /* one at a time */
    CU_ASSERT_EQUAL(mtu_probe_deadline(&mtu), TIME_NEVER);
    now_ns += NS_PER_MS;
    if (size <= path) CU_ASSERT(mtu_probe_on_acked(&mtu, now_ns, size) && mtu.current == size);
    if (size > path) CU_ASSERT(!mtu_probe_on_lost(&mtu, now_ns, size));
  }
  return sizes;
}

static void tries_the_ceiling_first(void) {
  begin(CEILING);
  CU_ASSERT_EQUAL(mtu_probe_next(&mtu, now_ns), CEILING);
  uint32_t probes;
  CU_ASSERT_EQUAL(search(CEILING, &probes), 1);
  CU_ASSERT_EQUAL(mtu.current, CEILING);
  CU_ASSERT_EQUAL(mtu_probe_next(&mtu, now_ns + 3600 * NS_PER_S), 0); /* nothing left to win, ever */
  CU_ASSERT_EQUAL(mtu_probe_deadline(&mtu), TIME_NEVER);
}

static void waits_to_be_enabled(void) {
  mtu_probe_init(&mtu, BASE, CEILING);
  CU_ASSERT_EQUAL(mtu_probe_next(&mtu, START), 0);
  CU_ASSERT_EQUAL(mtu.current, BASE);
  mtu_probe_init(&mtu, BASE, BASE);
  mtu_probe_enable(&mtu, START);
  CU_ASSERT_EQUAL(mtu_probe_next(&mtu, START), 0); /* no room above the base */
  mtu_probe_init(&mtu, BASE, 1000);
  CU_ASSERT(mtu.current == BASE && mtu.ceiling == BASE);
}

static void finds_every_path_of_ethernet(void) {
  for (size_t path = BASE; path <= CEILING; path++) {
    uint32_t probes;
    begin(CEILING);
    uint32_t sizes = search(path, &probes);
    CU_ASSERT(mtu.current <= path && path - mtu.current <= MTU_PROBE_PRECISION);
    CU_ASSERT(sizes <= 6 && probes <= 6 * MTU_PROBE_TRIES);
    CU_ASSERT_EQUAL(mtu_probe_next(&mtu, now_ns + 9 * NS_PER_S), 0);
  }
}

static void finds_jumbo_paths(void) {
  static const size_t paths[] = {1200, 1472, 4000, 8972, 16000, 65000, 65498, 65506, 65507};
  for (size_t i = 0; i < sizeof(paths) / sizeof(paths[0]); i++) {
    uint32_t probes;
    begin(65507);
    uint32_t sizes = search(paths[i], &probes);
    CU_ASSERT(mtu.current <= paths[i] && paths[i] - mtu.current <= MTU_PROBE_PRECISION);
    CU_ASSERT(sizes <= 15);
  }
}

static void one_loss_proves_nothing(void) {
  begin(CEILING);
  for (uint32_t i = 0; i < MTU_PROBE_TRIES - 1; i++) {
    CU_ASSERT_EQUAL(mtu_probe_next(&mtu, now_ns), CEILING);
    mtu_probe_on_sent(&mtu, CEILING);
    mtu_probe_on_lost(&mtu, now_ns, CEILING);
  }
  mtu_probe_on_sent(&mtu, mtu_probe_next(&mtu, now_ns));
  CU_ASSERT(mtu_probe_on_acked(&mtu, now_ns, CEILING) && mtu.current == CEILING);
}

static void a_late_arrival_overrules(void) {
  begin(CEILING);
  for (uint32_t i = 0; i < MTU_PROBE_TRIES; i++) {
    mtu_probe_on_sent(&mtu, CEILING);
    mtu_probe_on_lost(&mtu, now_ns, CEILING);
  }
  CU_ASSERT_EQUAL(mtu.too_big, CEILING);
  size_t size = mtu_probe_next(&mtu, now_ns);
  CU_ASSERT_EQUAL(size, BASE + (CEILING - BASE) / 2);
  mtu_probe_on_sent(&mtu, size);
  CU_ASSERT(mtu_probe_on_acked(&mtu, now_ns, CEILING) && mtu.current == CEILING);
  CU_ASSERT(!mtu_probe_on_acked(&mtu, now_ns, size)); /* overtaken */
  CU_ASSERT(mtu.current == CEILING && mtu_probe_next(&mtu, now_ns + 1000 * NS_PER_S) == 0);
}

static void stale_losses_are_ignored(void) {
  begin(CEILING);
  CU_ASSERT(!mtu_probe_on_lost(&mtu, now_ns, CEILING)); /* none under way */
  mtu_probe_on_sent(&mtu, CEILING);
  CU_ASSERT(!mtu_probe_on_lost(&mtu, now_ns, 1400));
  CU_ASSERT_EQUAL(mtu.attempts, 0);
}

static void the_socket_refuses(void) {
  begin(65507);
  mtu_probe_on_sent(&mtu, 65507);
  CU_ASSERT(!mtu_probe_on_too_big(&mtu, now_ns, 65507)); /* final: no second try */
  size_t size = mtu_probe_next(&mtu, now_ns);
  CU_ASSERT_EQUAL(size, 1200 + (65507 - 1200) / 2);
  mtu_probe_on_sent(&mtu, size);
  mtu_probe_on_acked(&mtu, now_ns, size);
  CU_ASSERT(mtu_probe_on_too_big(&mtu, now_ns, 9000)); /* the interface shrank */
  CU_ASSERT(mtu.current == BASE && mtu.too_big == 9000);
  CU_ASSERT(!mtu_probe_on_too_big(&mtu, now_ns, 20000)); /* known */
  CU_ASSERT_EQUAL(mtu.too_big, 9000);
  CU_ASSERT(!mtu_probe_on_too_big(&mtu, now_ns, 1100)); /* there is nothing below the base */
  uint32_t probes;
  search(8972, &probes);
  CU_ASSERT(mtu.current <= 8972 && mtu.current >= 8972 - MTU_PROBE_PRECISION);
}

static void tries_again_and_ever_more_rarely(void) {
  static const uint64_t waits_s[] = {10, 20, 40, 60, 60};
  uint32_t probes;
  begin(CEILING);
  search(1400, &probes);
  size_t found = mtu.current;
  for (size_t i = 0; i < sizeof(waits_s) / sizeof(waits_s[0]); i++) {
    CU_ASSERT_EQUAL(mtu_probe_next(&mtu, now_ns + waits_s[i] * NS_PER_S - 1), 0);
    CU_ASSERT_EQUAL(mtu_probe_deadline(&mtu), now_ns + waits_s[i] * NS_PER_S);
    now_ns += waits_s[i] * NS_PER_S;
    CU_ASSERT_EQUAL(mtu_probe_next(&mtu, now_ns), CEILING);
    uint64_t begun_ns = now_ns;
    search(found, &probes);
    CU_ASSERT(mtu.current == found && probes > 0 && now_ns > begun_ns);
  }
  now_ns += 60 * NS_PER_S;
  mtu_probe_on_sent(&mtu, CEILING);
  CU_ASSERT(!mtu_probe_on_too_big(&mtu, now_ns, CEILING)); /* the search goes on after a refusal as well */
  search(found, &probes);
  CU_ASSERT(mtu.current == found && probes > 0);
  now_ns += 60 * NS_PER_S;
  search(CEILING, &probes);
  CU_ASSERT(mtu.current == CEILING && probes == 1);
}

/* What happens to ordinary packets: 's'maller or 'f'ull-size acknowledged, full-size 'l'ost, 'o' smaller
 * lost. */
static const struct {
  const char *why, *what;
  bool falls;
} rows[] = {
    {"a hole", "slslsl", true},
    {"losses in bursts", "slllllslllslll", true},
    {"two signs", "slllslll", false},
    {"silence", "llllllllll", false},
    {"one came through", "slslfsl", false},
    {"one came through, then a hole", "slslfslslsl", true},
    {"congestion", "flllllfsllllfslllllsf", false},
    {"full ones right after", "slfslfslfslf", false},
    {"only smaller ones lost", "sososososo", false},
    {"several smaller ones between", "sssllsssosllssl", true},
};

static void falls_into_no_black_hole(void) {
  for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
    uint32_t probes;
    begin(CEILING);
    search(CEILING, &probes);
    bool fell = false;
    for (const char *at = rows[i].what; *at; at++) {
      CU_ASSERT(!fell || rows[i].falls);
      if (*at == 's') mtu_probe_on_packet_acked(&mtu, 300);
      if (*at == 'f') mtu_probe_on_packet_acked(&mtu, CEILING);
      if (*at == 'l') fell |= mtu_probe_on_packet_lost(&mtu, now_ns, CEILING);
      if (*at == 'o') fell |= mtu_probe_on_packet_lost(&mtu, now_ns, 300);
    }
    if (fell != rows[i].falls) printf("%s\n", rows[i].why);
    CU_ASSERT_EQUAL(fell, rows[i].falls);
    CU_ASSERT_EQUAL(mtu.current, fell ? BASE : CEILING);
  }
}

/* Small blocks share packets, which are then rarely of full size. */
static void sees_the_hole_in_packets_not_quite_full(void) {
  static const size_t sizes[] = {1400, 1355, 1414};
  uint32_t probes;
  begin(CEILING);
  search(CEILING, &probes);
  for (size_t i = 0; i < MTU_BLACK_HOLE_SIGNS; i++) {
    mtu_probe_on_packet_acked(&mtu, 1250);
    CU_ASSERT_EQUAL(mtu_probe_on_packet_lost(&mtu, now_ns, sizes[i]), i == MTU_BLACK_HOLE_SIGNS - 1);
  }
  CU_ASSERT(mtu.current == BASE && mtu.too_big == 1355);
  begin(CEILING);
  search(CEILING, &probes);
  for (size_t i = 0; i < MTU_BLACK_HOLE_SIGNS; i++) {
    mtu_probe_on_packet_acked(&mtu, 1250);
    CU_ASSERT(!mtu_probe_on_packet_lost(&mtu, now_ns, sizes[i]));
    mtu_probe_on_packet_acked(&mtu, 1420); /* that large they come through */
  }
}

static void climbs_out_of_a_black_hole(void) {
  uint32_t probes;
  begin(CEILING);
  search(CEILING, &probes);
  for (int i = 0; i < MTU_BLACK_HOLE_SIGNS; i++) {
    mtu_probe_on_packet_acked(&mtu, 300);
    CU_ASSERT_EQUAL(mtu_probe_on_packet_lost(&mtu, now_ns, CEILING), i == MTU_BLACK_HOLE_SIGNS - 1);
  }
  CU_ASSERT(mtu.current == BASE && mtu.too_big == CEILING);
  for (int i = 0; i < 10; i++) { /* the rest of what was sent at the old size */
    mtu_probe_on_packet_acked(&mtu, 300);
    CU_ASSERT(!mtu_probe_on_packet_lost(&mtu, now_ns, CEILING));
  }
  CU_ASSERT_EQUAL(mtu_probe_next(&mtu, now_ns), BASE + (CEILING - BASE) / 2); /* at once, below what failed */
  search(1392, &probes);
  CU_ASSERT(mtu.current <= 1392 && mtu.current >= 1392 - MTU_PROBE_PRECISION);
  for (int i = 0; i < 10; i++) { /* old packets still say nothing about the size in use now */
    mtu_probe_on_packet_acked(&mtu, 300);
    CU_ASSERT(!mtu_probe_on_packet_lost(&mtu, now_ns, CEILING));
  }
  CU_ASSERT_EQUAL(mtu_probe_next(&mtu, now_ns), 0);
  for (int i = 0; i < MTU_BLACK_HOLE_SIGNS; i++) {
    mtu_probe_on_packet_acked(&mtu, 300);
    mtu_probe_on_packet_lost(&mtu, now_ns, mtu.current);
  }
  CU_ASSERT(mtu.current == BASE && mtu_probe_next(&mtu, now_ns) > BASE); /* no waiting for the timer */
  search(1300, &probes);
  now_ns += 10 * NS_PER_S; /* the path is whole again */
  search(CEILING, &probes);
  CU_ASSERT_EQUAL(mtu.current, CEILING);
}

UNIT_MAIN(UNIT_CASE(tries_the_ceiling_first), UNIT_CASE(waits_to_be_enabled),
          UNIT_CASE(finds_every_path_of_ethernet), UNIT_CASE(finds_jumbo_paths),
          UNIT_CASE(one_loss_proves_nothing), UNIT_CASE(a_late_arrival_overrules),
          UNIT_CASE(stale_losses_are_ignored), UNIT_CASE(the_socket_refuses),
          UNIT_CASE(tries_again_and_ever_more_rarely), UNIT_CASE(falls_into_no_black_hole),
          UNIT_CASE(sees_the_hole_in_packets_not_quite_full), UNIT_CASE(climbs_out_of_a_black_hole))
