/* sent_packets: what is in flight, what an ACK frame newly says, and the queue of lost fragments. */
#include "unit.h"

#include "transport/sent_packets.h"

static struct sent_packets sent;

static void start(uint32_t capacity) { CU_ASSERT_EQUAL_FATAL(sent_packets_init(&sent, capacity, 1), 0); }

static void add(uint16_t size, uint16_t flags) {
  sent_packets_add(&sent,
                   &(struct sent_packet){.sent_ns = sent.next, .size = size, .flags = flags, .length = size});
}

static void only_eliciting_packets_are_in_flight(void) {
  start(8);
  add(100, SENT_ELICITING);
  add(50, SENT_HAS_ACK);
  add(200, SENT_ELICITING);
  CU_ASSERT_EQUAL(sent.bytes_in_flight, 300);
  CU_ASSERT_EQUAL(sent.eliciting_in_flight, 2);
  CU_ASSERT_EQUAL(sent.last_eliciting_ns, 2);
  uint64_t number;
  sent_packets_settle(&sent, sent_packets_find(&sent, 0), SENT_ACKED);
  CU_ASSERT_PTR_EQUAL(sent_packets_lowest(&sent, &number), sent_packets_find(&sent, 2));
  CU_ASSERT_EQUAL(number, 2);
  sent_packets_settle(&sent, sent_packets_find(&sent, 2), SENT_LOST);
  CU_ASSERT_EQUAL(sent.bytes_in_flight, 0);
  CU_ASSERT_PTR_NULL(sent_packets_lowest(&sent, &number));
  sent_packets_check(&sent);
  sent_packets_clear(&sent);
}

static void settling_twice_counts_once(void) {
  start(8);
  add(100, SENT_ELICITING);
  add(100, SENT_ELICITING);
  sent_packets_settle(&sent, sent_packets_find(&sent, 0), SENT_LOST);
  sent_packets_settle(&sent, sent_packets_find(&sent, 0), SENT_ACKED);
  CU_ASSERT_EQUAL(sent.bytes_in_flight, 100);
  sent_packets_clear(&sent);
}

static void a_full_ring_pushes_back_until_its_tail_is_settled(void) {
  start(4);
  for (int i = 0; i < 4; i++)
    add(10, SENT_ELICITING);
  CU_ASSERT_FALSE(sent_packets_have_room(&sent));
  sent_packets_settle(&sent, sent_packets_find(&sent, 1), SENT_ACKED);
  CU_ASSERT_FALSE(sent_packets_have_room(&sent));
  sent_packets_settle(&sent, sent_packets_find(&sent, 0), SENT_ACKED);
  CU_ASSERT_TRUE(sent_packets_have_room(&sent));
  add(10, SENT_ELICITING);
  CU_ASSERT_PTR_NULL(sent_packets_find(&sent, 0));
  CU_ASSERT_PTR_NOT_NULL(sent_packets_find(&sent, 1));
  CU_ASSERT_PTR_NULL(sent_packets_find(&sent, 5));
  sent_packets_check(&sent);
  sent_packets_clear(&sent);
}

static void an_ack_yields_only_what_is_new_in_it(void) {
  start(64);
  for (int i = 0; i < 40; i++)
    add(10, SENT_ELICITING);
  sent_packets_remember(&sent, 5, 10);
  sent_packets_remember(&sent, 20, 30);
  static const struct {
    uint64_t first, end;
    bool found;
    struct range run;
  } table[] = {
      {0, 5, true, {0, 5}},     {0, 12, true, {0, 5}},    {5, 10, false, {0, 0}},  {5, 12, true, {10, 12}},
      {7, 20, true, {10, 20}},  {10, 40, true, {10, 20}}, {20, 30, false, {0, 0}}, {25, 35, true, {30, 35}},
      {30, 31, true, {30, 31}}, {12, 13, true, {12, 13}}, {22, 24, false, {0, 0}},
  };
  for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
    struct range run = {0, 0};
    CU_ASSERT_EQUAL(sent_packets_new_run(&sent, table[i].first, table[i].end, &run), table[i].found);
    if (!table[i].found) continue;
    CU_ASSERT_EQUAL(run.first, table[i].run.first);
    CU_ASSERT_EQUAL(run.end, table[i].run.end);
  }
  CU_ASSERT_EQUAL(sent.largest_acked, 29);
  sent_packets_clear(&sent);
}

static void lose(uint64_t number) {
  struct sent_packet *packet = sent_packets_find(&sent, number);
  sent_packets_queue_lost(&sent, number, packet);
  sent_packets_settle(&sent, packet, SENT_LOST);
}

static void a_lost_fragment_is_resent_in_order_and_in_parts(void) {
  start(8);
  add(100, SENT_ELICITING | SENT_FRAGMENT);
  add(70, SENT_ELICITING | SENT_FRAGMENT);
  lose(0);
  lose(1);
  struct lost_fragment *lost = sent_packets_next_lost(&sent);
  CU_ASSERT_PTR_NOT_NULL_FATAL(lost);
  CU_ASSERT_EQUAL(lost->number, 0);
  sent_packets_resent(&sent, 60);
  CU_ASSERT_EQUAL(sent_packets_find(&sent, 0)->state, SENT_RESENT);
  lost = sent_packets_next_lost(&sent);
  CU_ASSERT_EQUAL(lost->offset, 60);
  CU_ASSERT_EQUAL(lost->length, 40);
  sent_packets_resent(&sent, 40);
  CU_ASSERT_EQUAL(sent_packets_next_lost(&sent)->number, 1);
  sent_packets_clear(&sent);
}

static void a_late_acknowledgement_takes_it_from_the_queue(void) {
  start(8);
  add(100, SENT_ELICITING | SENT_FRAGMENT);
  lose(0);
  sent_packets_settle(&sent, sent_packets_find(&sent, 0), SENT_ACKED);
  CU_ASSERT_PTR_NULL(sent_packets_next_lost(&sent));
  sent_packets_clear(&sent);
}

static void a_probe_moves_a_fragment_that_stays_in_flight(void) {
  start(8);
  add(100, SENT_ELICITING | SENT_FRAGMENT);
  struct sent_packet *packet = sent_packets_find(&sent, 0);
  sent_packets_queue_lost(&sent, 0, packet);
  packet->state = SENT_MOVING;
  CU_ASSERT_EQUAL(sent.bytes_in_flight, 100);
  CU_ASSERT_PTR_NOT_NULL(sent_packets_next_lost(&sent));
  sent_packets_resent(&sent, 100);
  CU_ASSERT_EQUAL(packet->state, SENT_MOVED);
  CU_ASSERT_EQUAL(sent.bytes_in_flight, 100);
  sent_packets_check(&sent);
  sent_packets_clear(&sent);
}

static void fill_lost(struct sent_packets *ring, uint32_t capacity, unsigned fragments) {
  int error = sent_packets_init(ring, capacity, 1);
  assert(!error);
  for (unsigned i = 0; i < fragments; i++)
    sent_packets_add(
        ring, &(struct sent_packet){
                  .size = 1440, .offset = 1400 * i, .length = 1400, .flags = SENT_FRAGMENT | SENT_ELICITING});
  for (unsigned i = 0; i < fragments; i++) {
    sent_packets_queue_lost(ring, i, sent_packets_find(ring, i));
    sent_packets_settle(ring, sent_packets_find(ring, i), SENT_LOST);
  }
}

/* Its first part travels anew and the late acknowledgement no longer counts: so the rest has to travel too.
 */
static void the_rest_of_a_recut_fragment_goes_out(void) {
  struct sent_packets ring;
  fill_lost(&ring, 8, 1);
  sent_packets_resent(&ring, 1000);
  sent_packets_settle(&ring, sent_packets_find(&ring, 0), SENT_ACKED);
  struct lost_fragment *rest = sent_packets_next_lost(&ring);
  CU_ASSERT(rest && rest->offset == 1000 && rest->length == 400);
  sent_packets_clear(&ring);
}

/* Acknowledged late, then pushed out of the ring: what waits in the queue for it is void all the same, for
 * its block may be through and its place taken by another. */
static void a_fragment_that_arrived_is_not_sent_once_its_packet_left_the_ring(void) {
  struct sent_packets ring;
  fill_lost(&ring, 4, 2);
  sent_packets_remember(&ring, 1, 2);
  sent_packets_settle(&ring, sent_packets_find(&ring, 1), SENT_ACKED);
  for (int i = 0; i < 4; i++)
    sent_packets_add(&ring, &(struct sent_packet){.size = 40});
  CU_ASSERT_EQUAL(sent_packets_next_lost(&ring)->number, 0);
  sent_packets_resent(&ring, 1400);
  CU_ASSERT_PTR_NULL(sent_packets_next_lost(&ring));
  sent_packets_clear(&ring);
}

UNIT_MAIN(UNIT_CASE(only_eliciting_packets_are_in_flight), UNIT_CASE(settling_twice_counts_once),
          UNIT_CASE(a_full_ring_pushes_back_until_its_tail_is_settled),
          UNIT_CASE(an_ack_yields_only_what_is_new_in_it),
          UNIT_CASE(a_lost_fragment_is_resent_in_order_and_in_parts),
          UNIT_CASE(a_late_acknowledgement_takes_it_from_the_queue),
          UNIT_CASE(a_probe_moves_a_fragment_that_stays_in_flight),
          UNIT_CASE(the_rest_of_a_recut_fragment_goes_out),
          UNIT_CASE(a_fragment_that_arrived_is_not_sent_once_its_packet_left_the_ring))
