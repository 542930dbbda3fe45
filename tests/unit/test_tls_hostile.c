/* tls against somebody on the path, or a peer that breaks the rules: bytes harmed, cut, repeated, reflected,
 * out of place. Nothing of it may complete a handshake, nor end the process. */
#include "unit.h"

#include "tls_ends.h"

/* Plays a handshake in which `harm` may change flight `which` on its way. Returns whether the end that got
 * it is complete afterwards; *error is what it answered. */
typedef void harm_flight(struct flight *flight, const void *argument);
static bool play(const struct shared_key *shared, unsigned which, harm_flight *harm, const void *argument,
                 int *error) {
  static struct flight flight;
  struct ends ends;
  ends_init(&ends, shared);
  ends_start(&ends);
  struct end *turns[] = {&ends.client, &ends.server, &ends.client, &ends.server};
  *error = 0;
  for (unsigned i = 0; i <= which && !*error; i++) {
    end_says(turns[i], &flight);
    if (i == which) harm(&flight, argument);
    *error = end_hears(turns[i + 1], &flight);
  }
  bool is_complete = end_is_complete(turns[which + 1]);
  if (*error) CU_ASSERT_NOT_EQUAL(end_failure(turns[which + 1])[0], 0);
  ends_free(&ends);
  return is_complete;
}

static void sizes_of(const struct shared_key *shared, unsigned which, size_t size[CRYPTO_LEVELS]) {
  static struct flight flight;
  struct ends ends;
  ends_init(&ends, shared);
  ends_start(&ends);
  struct end *turns[] = {&ends.client, &ends.server, &ends.client, &ends.server};
  for (unsigned i = 0; i <= which; i++) {
    end_says(turns[i], &flight);
    CU_ASSERT_EQUAL(end_hears(turns[i + 1], &flight), 0);
  }
  memcpy(size, flight.size, sizeof flight.size);
  ends_free(&ends);
}

struct place {
  int level;
  size_t at;
  uint8_t mask;
};

static void flip(struct flight *flight, const void *argument) {
  const struct place *place = argument;
  if (place->at < flight->size[place->level]) flight->bytes[place->level][place->at] ^= place->mask;
}

/* Two masks a byte: its lowest bit, and all of it. */
static void every_byte_flipped(const struct shared_key *shared) {
  static const uint8_t masks[] = {0x01, 0xff};
  unsigned missed = 0, tried = 0;
  for (unsigned which = 0; which < 3; which++) {
    size_t size[CRYPTO_LEVELS];
    sizes_of(shared, which, size);
    for (int level = 0; level < CRYPTO_LEVELS; level++) {
      for (size_t at = 0; at < size[level]; at++) {
        for (size_t i = 0; i < sizeof masks; i++, tried++) {
          struct place place = {level, at, masks[i]};
          int error;
          if (!play(shared, which, flip, &place, &error)) continue;
          /* A client cannot know that its own hello came through but by the server's answer, and the server
           * has seen what it has seen: only the end that was lied to can be asked. */
          printf("flight %u level %d byte %zu mask %02x: complete\n", which, level, at, masks[i]);
          missed++;
        }
      }
    }
  }
  CU_ASSERT(tried > 300);
  CU_ASSERT_EQUAL(missed, 0);
}

static void every_byte_flipped_with_a_shared_key(void) { every_byte_flipped(&ends_shared); }
static void every_byte_flipped_with_public_keys(void) { every_byte_flipped(NULL); }

/* ---- messages as wholes ---- */

static void cut(struct flight *flight, const void *argument) {
  const struct place *place = argument;
  flight->size[place->level] = place->at;
  if (place->level == LEVEL_INITIAL) flight->size[LEVEL_HANDSHAKE] = 0;
}

/* What is missing may still come, so there is no error: there is nothing. */
static void every_beginning_is_no_handshake(void) {
  for (unsigned which = 0; which < 3; which++) {
    size_t size[CRYPTO_LEVELS];
    unsigned wrong = 0;
    sizes_of(NULL, which, size);
    for (int level = 0; level < CRYPTO_LEVELS; level++) {
      for (size_t at = 0; at < size[level]; at++) {
        struct place place = {level, at, 0};
        int error;
        wrong += play(NULL, which, cut, &place, &error) || error != 0;
      }
    }
    CU_ASSERT_EQUAL(wrong, 0);
  }
}

/* The size of the message that begins at `at`. */
static size_t message_size(const struct flight *flight, int level, size_t at) {
  const uint8_t *bytes = flight->bytes[level] + at;
  CU_ASSERT_FATAL(at + 4 <= flight->size[level]);
  return 4 + ((size_t)bytes[1] << 16 | (size_t)bytes[2] << 8 | bytes[3]);
}

/* The message at `place` once more right behind itself. */
static void repeat(struct flight *flight, const void *argument) {
  const struct place *place = argument;
  uint8_t *at = flight->bytes[place->level] + place->at;
  size_t size = message_size(flight, place->level, place->at);
  size_t behind = flight->size[place->level] - place->at - size;
  CU_ASSERT_FATAL(flight->size[place->level] + size <= FLIGHT_LEVEL_BYTES);
  memmove(at + 2 * size, at + size, behind);
  memmove(at + size, at, size);
  flight->size[place->level] += size;
}

static void leave_out(struct flight *flight, const void *argument) {
  const struct place *place = argument;
  uint8_t *at = flight->bytes[place->level] + place->at;
  size_t size = message_size(flight, place->level, place->at);
  memmove(at, at + size, flight->size[place->level] - place->at - size);
  flight->size[place->level] -= size;
}

static void messages_repeated_or_left_out(const struct shared_key *shared) {
  static struct flight flight;
  unsigned messages = 0;
  for (unsigned which = 0; which < 3; which++) {
    struct ends ends;
    ends_init(&ends, shared);
    ends_start(&ends);
    struct end *turns[] = {&ends.client, &ends.server, &ends.client, &ends.server};
    for (unsigned i = 0; i <= which; i++) {
      end_says(turns[i], &flight);
      CU_ASSERT_EQUAL(end_hears(turns[i + 1], &flight), 0);
    }
    ends_free(&ends);
    struct flight said = flight;
    for (int level = 0; level < CRYPTO_LEVELS; level++) {
      for (size_t at = 0; at < said.size[level]; at += message_size(&said, level, at), messages++) {
        struct place place = {level, at, 0};
        int error;
        CU_ASSERT_FALSE(play(shared, which, repeat, &place, &error));
        CU_ASSERT_EQUAL(error, ERR_MALFORMED);
        CU_ASSERT_FALSE(play(shared, which, leave_out, &place, &error));
      }
    }
  }
  /* Two hellos, EncryptedExtensions, and Finished of both; with public keys also CertificateRequest, and both
   * ends' Certificate and CertificateVerify. */
  CU_ASSERT_EQUAL(messages, shared ? 5 : 10);
}

static void messages_repeated_or_left_out_both_ways(void) {
  messages_repeated_or_left_out(&ends_shared);
  messages_repeated_or_left_out(NULL);
}

/* ---- out of place ---- */

static void move_level(struct flight *flight, const void *argument) {
  const int *levels = argument;
  size_t size = flight->size[levels[0]];
  memcpy(flight->bytes[levels[1]], flight->bytes[levels[0]], size);
  flight->size[levels[0]] = 0;
  flight->size[levels[1]] = size;
}

static void a_message_at_another_level(void) {
  static const struct {
    unsigned which;
    int levels[2];
  } rows[] = {
      {0, {LEVEL_INITIAL, LEVEL_HANDSHAKE}}, {0, {LEVEL_INITIAL, LEVEL_DATA}},
      {1, {LEVEL_INITIAL, LEVEL_HANDSHAKE}}, {1, {LEVEL_INITIAL, LEVEL_DATA}},
      {1, {LEVEL_HANDSHAKE, LEVEL_DATA}},    {2, {LEVEL_HANDSHAKE, LEVEL_INITIAL}},
      {2, {LEVEL_HANDSHAKE, LEVEL_DATA}},
  };
  for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
    int error;
    CU_ASSERT_FALSE(play(NULL, rows[i].which, move_level, rows[i].levels, &error));
    CU_ASSERT_EQUAL(error, ERR_MALFORMED);
  }
}

/* Handshake messages right behind the hello, at its level, where nothing protects them. */
static void join_levels(struct flight *flight, const void *argument) {
  (void)argument;
  size_t size = flight->size[LEVEL_HANDSHAKE];
  memcpy(flight->bytes[LEVEL_INITIAL] + flight->size[LEVEL_INITIAL], flight->bytes[LEVEL_HANDSHAKE], size);
  flight->size[LEVEL_INITIAL] += size;
  flight->size[LEVEL_HANDSHAKE] = 0;
}

static void no_message_spans_a_change_of_keys(void) {
  int error;
  CU_ASSERT_FALSE(play(NULL, 1, join_levels, NULL, &error));
  CU_ASSERT_EQUAL(error, ERR_MALFORMED);
}

/* A head that promises more than is ever taken fails before anything of it is kept. */
static void a_message_that_is_too_long(void) {
  static const struct {
    uint8_t head[4];
    int error;
  } rows[] = {
      {{1, 0xff, 0xff, 0xff}, ERR_MALFORMED},
      {{1, 0, 0x13, 0xfd}, ERR_MALFORMED}, /* 5121 with its head */
      {{1, 0, 0x13, 0xfc}, 0},             /* 5120 */
      {{1, 0, 0, 0}, ERR_MALFORMED},
      {{0, 0, 0, 0}, ERR_MALFORMED},
      {{24, 0, 0, 1}, 0}, /* no more of it has come */
  };
  for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
    struct end server;
    end_init(&server, ROLE_SERVER, NULL);
    end_start(&server, ROLE_SERVER);
    const struct crypto_ops *ops = server.crypto.ops;
    static uint8_t more[5200];
    int error = ops->on_handshake(server.crypto.state, LEVEL_INITIAL, rows[i].head, 4);
    if (!error) error = ops->on_handshake(server.crypto.state, LEVEL_INITIAL, more, rows[i].error ? 1 : 0);
    CU_ASSERT_EQUAL(error, rows[i].error);
    CU_ASSERT_EQUAL(ops->on_handshake(server.crypto.state, LEVEL_INITIAL, more, sizeof more), ERR_MALFORMED);
    CU_ASSERT_FALSE(ops->is_complete(server.crypto.state));
    ops->free(server.crypto.state);
  }
}

/* NewSessionTicket, CertificateRequest, Finished, KeyUpdate, a hello, a single byte: at every level. */
static void nothing_is_said_after_the_end(void) {
  static const uint8_t said[][5] = {{4, 0, 0, 1, 0},  {13, 0, 0, 1, 0}, {20, 0, 0, 1, 0},
                                    {24, 0, 0, 1, 0}, {1, 0, 0, 1, 0},  {0}};
  for (size_t i = 0; i < 6; i++) {
    for (int level = 0; level < CRYPTO_LEVELS; level++) {
      for (int role = ROLE_CLIENT; role <= ROLE_SERVER; role++) {
        struct ends ends;
        ends_init(&ends, &ends_shared);
        ends_start(&ends);
        CU_ASSERT_EQUAL(ends_talk(&ends, 1000), 0);
        struct end *end = role == ROLE_CLIENT ? &ends.client : &ends.server;
        int error = end->crypto.ops->on_handshake(end->crypto.state, (enum crypto_level)level, said[i],
                                                  i < 5 ? 5 : 1);
        CU_ASSERT_EQUAL(error, ERR_MALFORMED);
        CU_ASSERT_FALSE(end_is_complete(end));
        CU_ASSERT_STRING_EQUAL(end_failure(end), "handshake bytes out of place");
        ends_free(&ends);
      }
    }
  }
}

/* ---- reflection, replay, downgrade ---- */

/* Our own hello sent back: as handshake bytes, as a packet, and with its proof. */
static void our_own_hello_reflected(void) {
  for (int shared = 0; shared < 2; shared++) {
    static struct flight flight;
    static const uint8_t header[20] = {0xc0};
    struct ends ends;
    uint8_t packet[36], opened[20], proof[PROOF_BYTES];
    ends_init(&ends, shared ? &ends_shared : NULL);
    ends_start(&ends);
    const struct crypto_ops *ops = ends.client.crypto.ops;
    void *client = ends.client.crypto.state;
    CU_ASSERT_EQUAL(ops->seal(client, LEVEL_INITIAL, 0, header, 20, header, 20, packet), 0);
    CU_ASSERT_EQUAL(ops->open(client, LEVEL_INITIAL, 0, 0, header, 20, packet, 36, opened), ERR_UNAUTHENTIC);
    ops->prove(client, packet, sizeof packet, proof);
    CU_ASSERT_TRUE(ops->is_proven(ends.server.crypto.state, packet, sizeof packet, proof));
    CU_ASSERT_EQUAL(ops->is_proven(client, packet, sizeof packet, proof), !shared);
    end_says(&ends.client, &flight);
    CU_ASSERT_EQUAL(end_hears(&ends.client, &flight), ERR_MALFORMED);
    CU_ASSERT_FALSE(end_is_complete(&ends.client));
    ends_free(&ends);
  }
}

/* A recorded client gets an answer (its hello is as good as new), but can do nothing with it. */
static void a_recorded_client_played_again(void) {
  static struct flight hello, finished, answer;
  for (int shared = 0; shared < 2; shared++) {
    struct ends ends;
    ends_init(&ends, shared ? &ends_shared : NULL);
    ends_start(&ends);
    end_says(&ends.client, &hello);
    CU_ASSERT_EQUAL(end_hears(&ends.server, &hello), 0);
    end_says(&ends.server, &answer);
    CU_ASSERT_EQUAL(end_hears(&ends.client, &answer), 0);
    end_says(&ends.client, &finished);
    struct end again;
    end_init(&again, ROLE_SERVER, ends.server.config.shared);
    end_start(&again, ROLE_SERVER);
    CU_ASSERT_EQUAL(end_hears(&again, &hello), 0);
    CU_ASSERT_NOT_EQUAL(end_hears(&again, &finished), 0);
    CU_ASSERT_FALSE(end_is_complete(&again));
    CU_ASSERT_EQUAL(again.judged, 0);
    again.crypto.ops->free(again.crypto.state);
    ends_free(&ends);
  }
}

struct bytes {
  const uint8_t *at;
  size_t size;
};

/* Changes the offer inside the parameters, wherever they stand. */
static void weaken(struct flight *flight, const void *argument) {
  const struct bytes *params = argument;
  for (int level = 0; level < CRYPTO_LEVELS; level++) {
    uint8_t *found = flight->size[level] < params->size
                         ? NULL
                         : memmem(flight->bytes[level], flight->size[level], params->at, params->size);
    if (!found) continue;
    found[params->size - 2] ^= 0x05;
    return;
  }
  CU_FAIL("the parameters stand in the flight");
}

/* The offer of suites is part of the parameters, and these of what TLS authenticates. */
static void a_weakened_offer_fails_the_handshake(void) {
  static const struct bytes params[] = {{ends_client_params, sizeof ends_client_params},
                                        {ends_server_params, sizeof ends_server_params}};
  for (int shared = 0; shared < 2; shared++) {
    for (unsigned which = 0; which < 2; which++) {
      int error;
      bool is_complete = play(shared ? &ends_shared : NULL, which, weaken, &params[which], &error);
      CU_ASSERT_FALSE(is_complete);
      if (which == 0 && !shared) continue; /* seen by the client, from the server's signature */
      CU_ASSERT_NOT_EQUAL(error, 0);
    }
  }
  static struct flight flight;
  struct ends ends;
  ends_init(&ends, NULL);
  ends_start(&ends);
  end_says(&ends.client, &flight);
  weaken(&flight, &params[0]);
  CU_ASSERT_EQUAL(end_hears(&ends.server, &flight), 0);
  end_says(&ends.server, &flight);
  CU_ASSERT_NOT_EQUAL(end_hears(&ends.client, &flight), 0);
  CU_ASSERT_FALSE(end_is_complete(&ends.client));
  CU_ASSERT_EQUAL(ends.client.judged, 0);
  ends_free(&ends);
}

/* ---- garbage ---- */

/* Seeded: whole messages of any type and size, at any level, to fresh ends of both roles. */
static void garbage(void) {
  struct prng prng;
  prng_seed(&prng, 20);
  unsigned completed = 0, survived = 0;
  for (unsigned i = 0; i < 2000; i++) {
    struct end end;
    enum crypto_role role = prng_below(&prng, 2) ? ROLE_CLIENT : ROLE_SERVER;
    end_init(&end, role, prng_below(&prng, 2) ? &ends_shared : NULL);
    end_start(&end, role);
    uint8_t bytes[400];
    for (size_t at = 0; at < sizeof bytes; at++)
      bytes[at] = (uint8_t)prng_next(&prng);
    size_t body = (size_t)prng_below(&prng, sizeof bytes - 4);
    if (prng_below(&prng, 4)) {
      bytes[0] = (uint8_t)(role == ROLE_CLIENT ? 2 : 1);
      bytes[1] = 0;
      bytes[2] = (uint8_t)(body >> 8);
      bytes[3] = (uint8_t)body;
      if (prng_below(&prng, 2)) bytes[4] = bytes[5] = 3; /* the legacy version, which lets it come further */
    }
    survived += end.crypto.ops->on_handshake(end.crypto.state, LEVEL_INITIAL, bytes, 4 + body) == 0;
    completed += end_is_complete(&end);
    end.crypto.ops->free(end.crypto.state);
  }
  CU_ASSERT_EQUAL(completed, 0);
  CU_ASSERT(survived < 1000);
}

UNIT_MAIN(UNIT_CASE(every_byte_flipped_with_a_shared_key), UNIT_CASE(every_byte_flipped_with_public_keys),
          UNIT_CASE(every_beginning_is_no_handshake), UNIT_CASE(messages_repeated_or_left_out_both_ways),
          UNIT_CASE(a_message_at_another_level), UNIT_CASE(no_message_spans_a_change_of_keys),
          UNIT_CASE(a_message_that_is_too_long), UNIT_CASE(nothing_is_said_after_the_end),
          UNIT_CASE(our_own_hello_reflected), UNIT_CASE(a_recorded_client_played_again),
          UNIT_CASE(a_weakened_offer_fails_the_handshake), UNIT_CASE(garbage))
