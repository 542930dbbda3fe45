/* plain: who sends when, in pieces of any size, what breaks a handshake, and a checksum that any bit changes.
 */
#include "unit.h"

#include "plain/plain.h"
#include "udpcp/crypto.h"

static const uint8_t client_params[100] = {1, 2, 3}, server_params[70] = {4, 5, 6};

struct ends {
  struct crypto client, server;
};

static struct ends ends_new(void) {
  struct ends ends = {crypto_plain_new(ROLE_CLIENT), crypto_plain_new(ROLE_SERVER)};
  CU_ASSERT_FATAL(ends.client.ops && ends.server.ops);
  CU_ASSERT_EQUAL(ends.client.ops->start(ends.client.state, client_params, sizeof client_params), 0);
  CU_ASSERT_EQUAL(ends.server.ops->start(ends.server.state, server_params, sizeof server_params), 0);
  return ends;
}

static void ends_free(struct ends *ends) {
  ends->client.ops->free(ends->client.state);
  ends->server.ops->free(ends->server.state);
}

/* Carries what `from` has to say over to `to`, in pieces of `piece` bytes. Returns how many there were. */
static size_t carry(const struct crypto *from, const struct crypto *to, size_t piece) {
  uint8_t bytes[4096];
  size_t size, sum = 0;
  while ((size = from->ops->next_handshake(from->state, LEVEL_INITIAL, bytes, piece)) > 0) {
    CU_ASSERT_FATAL(size <= piece);
    CU_ASSERT_EQUAL(to->ops->on_handshake(to->state, LEVEL_INITIAL, bytes, size), 0);
    sum += size;
  }
  return sum;
}

static bool knows(const struct crypto *crypto, const uint8_t *params, size_t size) {
  size_t read_size = 999;
  const uint8_t *read = crypto->ops->peer_params(crypto->state, &read_size);
  if (!read) CU_ASSERT_EQUAL(read_size, 0);
  return read && read_size == size && memcmp(read, params, size) == 0;
}

static void both_ends_learn_in_their_turn(void) {
  static const size_t pieces[] = {1, 2, 3, 50, 4096};
  for (size_t i = 0; i < sizeof pieces / sizeof pieces[0]; i++) {
    struct ends ends = ends_new();
    const struct crypto_ops *client = ends.client.ops, *server = ends.server.ops;
    uint8_t byte;
    CU_ASSERT_EQUAL(server->next_handshake(ends.server.state, LEVEL_INITIAL, &byte, 1), 0);
    CU_ASSERT_EQUAL(client->next_handshake(ends.client.state, LEVEL_HANDSHAKE, &byte, 1), 0);
    CU_ASSERT_FALSE(knows(&ends.server, client_params, sizeof client_params));
    CU_ASSERT_EQUAL(carry(&ends.client, &ends.server, pieces[i]), 3 + sizeof client_params);
    CU_ASSERT_TRUE(knows(&ends.server, client_params, sizeof client_params));
    CU_ASSERT_FALSE(server->is_complete(ends.server.state));
    CU_ASSERT_EQUAL(server->send_level(ends.server.state), LEVEL_INITIAL);
    CU_ASSERT_FALSE(client->is_complete(ends.client.state));
    CU_ASSERT_EQUAL(carry(&ends.server, &ends.client, pieces[i]), 3 + sizeof server_params);
    CU_ASSERT_TRUE(knows(&ends.client, server_params, sizeof server_params));
    CU_ASSERT_TRUE(client->is_complete(ends.client.state) && server->is_complete(ends.server.state));
    CU_ASSERT_EQUAL(client->send_level(ends.client.state), LEVEL_DATA);
    CU_ASSERT_EQUAL(server->send_level(ends.server.state), LEVEL_DATA);
    ends_free(&ends);
  }
}

static void the_answer_waits_for_the_whole_question(void) {
  struct ends ends = ends_new();
  uint8_t bytes[4096];
  size_t size = ends.client.ops->next_handshake(ends.client.state, LEVEL_INITIAL, bytes, sizeof bytes);
  uint8_t byte;
  CU_ASSERT_EQUAL(ends.server.ops->on_handshake(ends.server.state, LEVEL_INITIAL, bytes, size - 1), 0);
  CU_ASSERT_EQUAL(ends.server.ops->next_handshake(ends.server.state, LEVEL_INITIAL, &byte, 1), 0);
  CU_ASSERT_EQUAL(ends.server.ops->on_handshake(ends.server.state, LEVEL_INITIAL, bytes + size - 1, 1), 0);
  CU_ASSERT_EQUAL(ends.server.ops->next_handshake(ends.server.state, LEVEL_INITIAL, &byte, 1), 1);
  ends_free(&ends);
}

static void a_broken_message_fails_for_good(void) {
  static const struct {
    enum crypto_level level;
    size_t size;
    uint8_t bytes[6];
  } rows[] = {
      {LEVEL_INITIAL, 1, {2}},                         /* another kind */
      {LEVEL_INITIAL, 1, {0}},                         /* no kind */
      {LEVEL_INITIAL, 4, {1, 1, 0xaa, 0xbb}},          /* a byte too much */
      {LEVEL_INITIAL, 3, {1, 0, 0xbb}},                /* the same behind nothing */
      {LEVEL_INITIAL, 3, {1, 0x4f, 0xfe}},             /* a length of 4094 */
      {LEVEL_INITIAL, 5, {1, 0xbf, 0xff, 0xff, 0xff}}, /* a length of a gigabyte */
      {LEVEL_HANDSHAKE, 3, {1, 1, 0xaa}},
      {LEVEL_DATA, 3, {1, 1, 0xaa}}, /* no level of this handshake */
  };
  for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
    struct ends ends = ends_new();
    const struct crypto_ops *ops = ends.server.ops;
    void *state = ends.server.state;
    static const uint8_t good[] = {1, 1, 0xaa};
    uint8_t byte;
    CU_ASSERT_EQUAL(ops->on_handshake(state, rows[i].level, rows[i].bytes, rows[i].size), ERR_MALFORMED);
    CU_ASSERT_EQUAL(ops->on_handshake(state, LEVEL_INITIAL, good, sizeof good), ERR_MALFORMED);
    CU_ASSERT_EQUAL(ops->next_handshake(state, LEVEL_INITIAL, &byte, 1), 0);
    CU_ASSERT_FALSE(ops->is_complete(state));
    ends_free(&ends);
  }
}

static void a_second_message_fails(void) {
  struct ends ends = ends_new();
  (void)carry(&ends.client, &ends.server, 4096);
  static const uint8_t more[] = {1, 0};
  CU_ASSERT_EQUAL(ends.server.ops->on_handshake(ends.server.state, LEVEL_INITIAL, more, 0), 0);
  CU_ASSERT_EQUAL(ends.server.ops->on_handshake(ends.server.state, LEVEL_INITIAL, more, 2), ERR_MALFORMED);
  ends_free(&ends);
}

static void parameters_have_a_longest_size(void) {
  static const uint8_t params[4094];
  for (size_t size = 4092; size <= 4094; size++) {
    struct crypto client = crypto_plain_new(ROLE_CLIENT), server = crypto_plain_new(ROLE_SERVER);
    CU_ASSERT_FATAL(client.ops && server.ops);
    int error = client.ops->start(client.state, params, size);
    CU_ASSERT_EQUAL(error, size <= 4093 ? 0 : ERR_NO_SPACE);
    if (error == 0) {
      CU_ASSERT_EQUAL(carry(&client, &server, 1000), size + 3);
      CU_ASSERT_TRUE(knows(&server, params, size));
    }
    client.ops->free(client.state);
    server.ops->free(server.state);
  }
}

static void data_waits_for_the_handshake(void) {
  struct ends ends = ends_new();
  static const uint8_t header[13] = {1}, payload[20] = {2};
  uint8_t out[28];
  const struct crypto_ops *ops = ends.client.ops;
  void *client = ends.client.state;
  CU_ASSERT_EQUAL(ops->seal(client, LEVEL_DATA, 1, header, 13, payload, 20, out), ERR_AGAIN);
  CU_ASSERT_EQUAL(ops->open(client, LEVEL_DATA, 0, 1, header, 13, payload, 20, out), ERR_AGAIN);
  CU_ASSERT_EQUAL(ops->seal(client, LEVEL_INITIAL, 1, header, 13, payload, 20, out), 0);
  (void)carry(&ends.client, &ends.server, 4096);
  (void)carry(&ends.server, &ends.client, 4096);
  CU_ASSERT_EQUAL(ops->seal(client, LEVEL_DATA, 1, header, 13, payload, 20, out), 0);
  uint8_t opened[20];
  CU_ASSERT_EQUAL(ends.server.ops->open(ends.server.state, LEVEL_DATA, 0, 1, header, 13, out, 28, opened), 0);
  CU_ASSERT_EQUAL(memcmp(opened, payload, 20), 0);
  ends_free(&ends);
}

/* Sealed apart or in place, opened apart or in place: always the same packet. */
static void in_place_or_apart(void) {
  struct ends ends = ends_new();
  const struct crypto_ops *ops = ends.client.ops;
  void *state = ends.client.state;
  static const size_t sizes[] = {0, 1, 7, 8, 240, 241, 1440};
  uint8_t whole[2000], apart[2000], payload[1440];
  for (size_t i = 0; i < sizeof payload; i++)
    payload[i] = (uint8_t)(i * 13);
  for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
    size_t size = sizes[i], header_size = 13;
    size_t tag_size = ops->tag_size(state, LEVEL_INITIAL);
    CU_ASSERT_EQUAL(tag_size, 8);
    memset(whole, 0x11, header_size);
    memcpy(whole + header_size, payload, size);
    CU_ASSERT_EQUAL(ops->seal(state, LEVEL_INITIAL, 5, whole, 13, whole + 13, size, whole + 13), 0);
    CU_ASSERT_EQUAL(ops->seal(state, LEVEL_INITIAL, 5, whole, 13, payload, size, apart), 0);
    CU_ASSERT_EQUAL(memcmp(whole + header_size, apart, size + tag_size), 0);
    uint8_t opened[1440];
    CU_ASSERT_EQUAL(ops->open(state, LEVEL_INITIAL, 0, 5, whole, 13, whole + 13, size + 8, opened), 0);
    CU_ASSERT_EQUAL(memcmp(opened, payload, size), 0);
    CU_ASSERT_EQUAL(ops->open(state, LEVEL_INITIAL, 0, 5, whole, 13, apart, size + 8, apart), 0);
    CU_ASSERT_EQUAL(memcmp(apart, payload, size), 0);
  }
  ends_free(&ends);
}

static void any_flipped_bit_is_found(void) {
  struct ends ends = ends_new();
  const struct crypto_ops *ops = ends.client.ops;
  void *state = ends.client.state;
  uint8_t packet[13 + 300 + 8] = {0x40, 9, 9}, opened[300];
  memset(opened, 0xee, sizeof opened);
  CU_ASSERT_EQUAL(ops->seal(state, LEVEL_INITIAL, 5, packet, 13, packet + 13, 300, packet + 13), 0);
  unsigned missed = 0;
  for (size_t bit = 0; bit < 8 * sizeof packet; bit++) {
    packet[bit / 8] ^= (uint8_t)(1u << bit % 8);
    missed += ops->open(state, LEVEL_INITIAL, 0, 5, packet, 13, packet + 13, 308, opened) != ERR_UNAUTHENTIC;
    packet[bit / 8] ^= (uint8_t)(1u << bit % 8);
  }
  CU_ASSERT_EQUAL(missed, 0);
  CU_ASSERT_EQUAL(opened[0], 0xee); /* nothing that was refused got out */
  for (size_t size = 0; size < 308; size++)
    missed += ops->open(state, LEVEL_INITIAL, 0, 5, packet, 13, packet + 13, size, opened) != ERR_UNAUTHENTIC;
  CU_ASSERT_EQUAL(missed, 0);
  ends_free(&ends);
}

static void freeing_nothing_is_fine(void) {
  struct crypto crypto = crypto_plain_new(ROLE_SERVER);
  CU_ASSERT_PTR_NOT_NULL_FATAL(crypto.ops);
  crypto.ops->free(NULL);
  crypto.ops->free(crypto.state);
}

UNIT_MAIN(UNIT_CASE(both_ends_learn_in_their_turn), UNIT_CASE(the_answer_waits_for_the_whole_question),
          UNIT_CASE(a_broken_message_fails_for_good), UNIT_CASE(a_second_message_fails),
          UNIT_CASE(parameters_have_a_longest_size), UNIT_CASE(data_waits_for_the_handshake),
          UNIT_CASE(in_place_or_apart), UNIT_CASE(any_flipped_bit_is_found),
          UNIT_CASE(freeing_nothing_is_fine))
