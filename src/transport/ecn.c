/* ecn: see the header. The peer's counts only ever rise, and by at least the marked packets it acknowledges
 * newly, and never beyond what was sent marked; any other count fails the path (RFC 9000 section 13.4.2.1).
 * Only a frame that raises the largest number acknowledged is judged by its counts: others may have been
 * overtaken. */
#include "transport/ecn.h"

#include <assert.h>
#include <string.h>

const char *ecn_state_name(enum ecn_state state) {
  static const char *const names[] = {[ECN_WAITING] = "waiting",
                                      [ECN_TESTING] = "testing",
                                      [ECN_UNKNOWN] = "unknown",
                                      [ECN_CAPABLE] = "capable",
                                      [ECN_FAILED] = "failed"};
  assert(state <= ECN_FAILED);
  return names[state];
}

static bool is_in_test(const struct ecn *ecn) {
  return ecn->state == ECN_TESTING || ecn->state == ECN_UNKNOWN;
}

static void forget_test(struct ecn *ecn) {
  ecn->tested = ecn->tested_lost = ecn->lost_in_row = 0;
  ecn->test_passed = ecn->is_swallowed = false;
}

static void begin_test(struct ecn *ecn) {
  ecn->state = ECN_TESTING;
  forget_test(ecn);
}

void ecn_restart(struct ecn *ecn, uint64_t next_number) {
  ecn->state = ECN_WAITING;
  forget_test(ecn);
  ecn->path_from = next_number;
}

enum ecn_mark ecn_next_mark(const struct ecn *ecn, uint64_t number) {
  bool asks = ecn->state == ECN_TESTING && number % 2 == 1;
  return asks || ecn->state == ECN_CAPABLE ? ECN_ECT0 : ECN_NONE;
}

void ecn_on_sent(struct ecn *ecn, uint64_t number) {
  assert(ecn_next_mark(ecn, number) == ECN_ECT0);
  ecn->marked++;
  if (ecn->state != ECN_TESTING) return;
  if (ecn->tested++ == 0) ecn->test_from = number;
  if (ecn->tested == ECN_TEST_PACKETS) ecn->state = ECN_UNKNOWN;
}

void ecn_on_packet_acked(struct ecn *ecn, uint64_t number, enum ecn_mark mark) {
  if (mark == ECN_NONE) {
    bool passes = ecn->state == ECN_WAITING && number >= ecn->path_from;
    bool is_alone = ecn->state == ECN_CAPABLE && ecn->lost_in_row >= ECN_SUSPECT_MIN;
    if (passes || is_alone) begin_test(ecn);
    return;
  }
  ecn->newly_acked++;
  ecn->lost_in_row = 0;
  if (is_in_test(ecn) && ecn->tested > 0 && number >= ecn->test_from) ecn->test_passed = true;
}

bool ecn_on_packet_lost(struct ecn *ecn, uint64_t number) {
  ecn->lost_in_row++;
  bool asked = ecn->tested > 0 && number >= ecn->test_from;
  if (!asked || !(is_in_test(ecn) || ecn->is_swallowed)) return false;
  ecn->tested_lost++;
  if (ecn->test_passed || ecn->tested_lost < ECN_SWALLOWED_MIN) return false;
  ecn->is_swallowed = true;
  ecn->state = ECN_FAILED;
  return true;
}

static bool is_plausible(const struct ecn *ecn, const uint64_t counts[ACK_ECN_COUNTS], uint64_t newly_acked) {
  for (int i = 0; i < ACK_ECN_COUNTS; i++)
    if (counts[i] < ecn->counts[i]) return false;
  if (counts[ACK_ECT1] > ecn->counts[ACK_ECT1]) return false; /* never sent */
  uint64_t before = ecn->counts[ACK_ECT0] + ecn->counts[ACK_CE];
  uint64_t now = counts[ACK_ECT0] + counts[ACK_CE];
  return now - before >= newly_acked && now <= ecn->marked;
}

uint64_t ecn_on_ack(struct ecn *ecn, enum ack_age age, const uint64_t counts[ACK_ECN_COUNTS]) {
  uint64_t newly_acked = ecn->newly_acked;
  ecn->newly_acked = 0;
  if (age == ACK_OUTDATED) return 0;
  bool plausible = is_plausible(ecn, counts, newly_acked);
  uint64_t marks = counts[ACK_CE] - ecn->counts[ACK_CE];
  memcpy(ecn->counts, counts, sizeof(ecn->counts));
  if (!is_in_test(ecn) && ecn->state != ECN_CAPABLE) return 0;
  if (!plausible)
    ecn->state = ECN_FAILED;
  else if (ecn->test_passed)
    ecn->state = ECN_CAPABLE;
  return ecn->state == ECN_CAPABLE ? marks : 0;
}
