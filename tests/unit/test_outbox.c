/* outbox: which datagrams share a train, and when it is full. */
#include "cli/outbox.h"
#include "unit.h"

#include <stdlib.h>

static struct address address_of(uint8_t last) {
  return (struct address){.size = 16, .bytes = {[15] = last}};
}

static char owner_a, owner_b;

static bool add(struct outbox *outbox, void *owner, uint8_t to, size_t size) {
  struct address address = address_of(to);
  uint8_t *room = outbox_room(outbox);
  if (!room) return false;
  memset(room, (int)(size & 0xff), size);
  outbox_add(outbox, owner, &address, size);
  return true;
}

static void equal_sizes_share_a_train(void) {
  struct outbox *outbox = calloc(1, sizeof *outbox);
  static const struct {
    void *owner;
    uint8_t to;
    size_t size;
    int trains; /* after it */
  } examples[] = {
      {&owner_a, 1, 1000, 1}, {&owner_a, 1, 1000, 1}, {&owner_a, 1, 400, 1}, /* shorter: joins and ends it */
      {&owner_a, 1, 400, 2},  {&owner_a, 1, 1000, 3},                        /* longer: a new one */
      {&owner_a, 1, 1000, 3}, {&owner_a, 2, 1000, 4},                        /* to somebody else */
      {&owner_b, 2, 1000, 5},                                                /* of somebody else */
      {&owner_b, 2, 1000, 5}, {NULL, 2, 1000, 6},     {NULL, 2, 1000, 6},
  };
  for (size_t i = 0; i < sizeof examples / sizeof examples[0]; i++) {
    CU_ASSERT(add(outbox, examples[i].owner, examples[i].to, examples[i].size));
    CU_ASSERT_EQUAL(outbox->count, examples[i].trains);
  }
  static const struct {
    size_t size, segment;
  } trains[] = {{2400, 1000}, {400, 400}, {2000, 1000}, {1000, 1000}, {2000, 1000}, {2000, 1000}};
  const uint8_t *at = outbox->bytes;
  for (int i = 0; i < outbox->count; i++) {
    CU_ASSERT_EQUAL(outbox->trains[i].size, trains[i].size);
    CU_ASSERT_EQUAL(outbox->trains[i].segment, trains[i].segment);
    CU_ASSERT_PTR_EQUAL(outbox->trains[i].bytes, at); /* side by side, nothing copied */
    at += trains[i].size;
  }
  outbox_forget(outbox, &owner_a);
  CU_ASSERT_PTR_NULL(outbox->owners[0]);
  CU_ASSERT_PTR_EQUAL(outbox->owners[4], &owner_b);
  free(outbox);
}

static void equal_marks_share_a_train(void) {
  static const uint8_t marks[] = {ECN_ECT0, ECN_ECT0, ECN_NONE, ECN_NONE, ECN_ECT0};
  static const int trains[] = {1, 1, 2, 2, 3};
  struct outbox *outbox = calloc(1, sizeof *outbox);
  for (size_t i = 0; i < sizeof marks; i++) {
    struct address to = address_of(1);
    to.ecn = marks[i];
    memset(outbox_room(outbox), 0, 100);
    outbox_add(outbox, &owner_a, &to, 100);
    CU_ASSERT_EQUAL(outbox->count, trains[i]);
    CU_ASSERT_EQUAL(outbox->trains[outbox->count - 1].peer.ecn, marks[i]);
  }
  free(outbox);
}

static void a_train_keeps_to_the_kernels_limits(void) {
  struct outbox *outbox = calloc(1, sizeof *outbox);
  for (int i = 0; i < 65; i++)
    add(outbox, &owner_a, 1, 100);
  CU_ASSERT_EQUAL(outbox->count, 2);
  CU_ASSERT_EQUAL(outbox->trains[0].size, 6400); /* 64 datagrams */
  CU_ASSERT_EQUAL(outbox->trains[1].size, 100);
  for (int i = 0; i < 45; i++)
    add(outbox, &owner_a, 2, 1472);
  CU_ASSERT_EQUAL(outbox->count, 4);
  CU_ASSERT_EQUAL(outbox->trains[2].size, 44 * 1472); /* 65507 bytes hold no more */
  CU_ASSERT_EQUAL(outbox->trains[3].size, 1472);
  free(outbox);
}

static void it_is_full_before_it_overflows(void) {
  struct outbox *outbox = calloc(1, sizeof *outbox);
  int added = 0;
  while (add(outbox, &owner_a, 1, DATAGRAM_BYTES_MAX))
    added++;
  CU_ASSERT(added >= 4);
  CU_ASSERT(outbox->used <= OUTBOX_BYTES);
  *outbox = (struct outbox){.count = 0};
  for (added = 0; add(outbox, &owner_a, (uint8_t)added, 50);)
    added++;
  CU_ASSERT_EQUAL(added, OUTBOX_TRAINS_MAX);
  free(outbox);
}

static void what_the_kernel_left_goes_first(void) {
  struct outbox *outbox = calloc(1, sizeof *outbox);
  CU_ASSERT(outbox_is_empty(outbox));
  add(outbox, &owner_a, 1, 100);
  add(outbox, &owner_a, 2, 100);
  CU_ASSERT_FALSE(outbox_is_empty(outbox));
  outbox->sent = 1; /* as after a send that took one of two */
  CU_ASSERT_PTR_NULL(outbox_room(outbox));
  free(outbox);
}

UNIT_MAIN(UNIT_CASE(equal_sizes_share_a_train), UNIT_CASE(equal_marks_share_a_train),
          UNIT_CASE(a_train_keeps_to_the_kernels_limits), UNIT_CASE(it_is_full_before_it_overflows),
          UNIT_CASE(what_the_kernel_left_goes_first))
