/* packet_keys, key_phases: any flipped bit is found, whatever the suite, the place and the size; a nonce
 * takes in all 62 bits of a number; and which keys a packet of either phase is tried with. */
#include "unit.h"

#include "crypto/key_phases.h"

#include <stdlib.h>

static const struct protection ways[] = {
    {PROTECT_AEAD, GNUTLS_CIPHER_AES_128_GCM},
    {PROTECT_AEAD, GNUTLS_CIPHER_CHACHA20_POLY1305},
    {PROTECT_MAC, GNUTLS_CIPHER_UNKNOWN},
    {PROTECT_CHECKSUM, GNUTLS_CIPHER_UNKNOWN},
};
enum { WAYS = sizeof ways / sizeof ways[0], HEADER_BYTES = 13, TAG_ROOM = 16 };
static const uint8_t secret[SECRET_BYTES] = {1, 2, 3}, other_secret[SECRET_BYTES] = {1, 2, 4};
static const uint8_t header[HEADER_BYTES] = {0x40, 9, 9};

static void init(struct packet_keys *keys, const struct protection *how, const uint8_t *of) {
  memset(keys, 0, sizeof *keys);
  CU_ASSERT_EQUAL_FATAL(packet_keys_init(keys, how, of), 0);
}

static void fill(uint8_t *bytes, size_t size) {
  for (size_t i = 0; i < size; i++)
    bytes[i] = (uint8_t)(i * 13 + 1);
}

/* Sealed apart or in place, opened apart or in place: always the same packet. */
static void in_place_or_apart(void) {
  static const size_t sizes[] = {0, 1, 7, 15, 16, 17, 95, 96, 97, 240, 241, 1440, 8960, 65400};
  static uint8_t payload[65400], whole[HEADER_BYTES + 65400 + TAG_ROOM], apart[65400 + TAG_ROOM],
      opened[65400];
  fill(payload, sizeof payload);
  for (size_t way = 0; way < WAYS; way++) {
    struct packet_keys keys;
    init(&keys, &ways[way], secret);
    size_t tag_size = protection_tag_size(keys.suite);
    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
      size_t size = sizes[i];
      uint8_t *body = whole + HEADER_BYTES;
      memcpy(whole, header, HEADER_BYTES);
      memcpy(body, payload, size);
      packet_keys_seal(&keys, 5, whole, HEADER_BYTES, body, size, body);
      packet_keys_seal(&keys, 5, header, HEADER_BYTES, payload, size, apart);
      CU_ASSERT_EQUAL(memcmp(body, apart, size + tag_size), 0);
      CU_ASSERT_EQUAL(memcmp(body, payload, size) == 0, size == 0 || ways[way].suite != PROTECT_AEAD);
      CU_ASSERT_EQUAL(packet_keys_open(&keys, 5, header, HEADER_BYTES, apart, size + tag_size, opened), 0);
      CU_ASSERT_EQUAL(memcmp(opened, payload, size), 0);
      CU_ASSERT_EQUAL(packet_keys_open(&keys, 5, whole, HEADER_BYTES, body, size + tag_size, body), 0);
      CU_ASSERT_EQUAL(memcmp(body, payload, size), 0);
    }
    packet_keys_clear(&keys);
  }
}

/* Opens a copy that is allocated to the byte, as a datagram is. */
static int open_copy(const struct packet_keys *keys, uint64_t number, const uint8_t *packet, size_t size) {
  uint8_t *copy = malloc(size);
  CU_ASSERT_PTR_NOT_NULL_FATAL(copy);
  memcpy(copy, packet, size);
  int error = packet_keys_open(keys, number, copy, HEADER_BYTES, copy + HEADER_BYTES, size - HEADER_BYTES,
                               copy + HEADER_BYTES);
  free(copy);
  return error;
}

static void any_flipped_bit_is_found(void) {
  static const size_t sizes[] = {0, 1, 16, 100, 300};
  for (size_t way = 0; way < WAYS; way++) {
    struct packet_keys keys;
    init(&keys, &ways[way], secret);
    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
      uint8_t packet[HEADER_BYTES + 300 + TAG_ROOM];
      size_t size = HEADER_BYTES + sizes[i] + protection_tag_size(keys.suite);
      unsigned missed = 0;
      memcpy(packet, header, HEADER_BYTES);
      fill(packet + HEADER_BYTES, sizes[i]);
      packet_keys_seal(&keys, 5, packet, HEADER_BYTES, packet + HEADER_BYTES, sizes[i],
                       packet + HEADER_BYTES);
      CU_ASSERT_EQUAL(open_copy(&keys, 5, packet, size), 0);
      for (size_t bit = 0; bit < 8 * size; bit++) {
        packet[bit / 8] ^= (uint8_t)(1u << bit % 8);
        missed += open_copy(&keys, 5, packet, size) != ERR_UNAUTHENTIC;
        packet[bit / 8] ^= (uint8_t)(1u << bit % 8);
      }
      for (size_t cut = HEADER_BYTES; cut < size; cut++)
        missed += open_copy(&keys, 5, packet, cut) != ERR_UNAUTHENTIC;
      CU_ASSERT_EQUAL(missed, 0);
      CU_ASSERT_EQUAL(open_copy(&keys, 5, packet, size), 0); /* and no failure left a trace */
    }
    packet_keys_clear(&keys);
  }
}

/* Where the tag can be checked first nothing gets out that was refused. */
static void refused_packets_write_nothing(void) {
  for (size_t way = 2; way < WAYS; way++) {
    struct packet_keys keys;
    uint8_t packet[100 + TAG_ROOM] = {0}, opened[100];
    init(&keys, &ways[way], secret);
    memset(opened, 0xee, sizeof opened);
    packet_keys_seal(&keys, 5, header, HEADER_BYTES, packet, 100, packet);
    packet[50] ^= 1;
    CU_ASSERT_EQUAL(packet_keys_open(&keys, 5, header, HEADER_BYTES, packet,
                                     100 + protection_tag_size(keys.suite), opened),
                    ERR_UNAUTHENTIC);
    for (size_t i = 0; i < sizeof opened; i++)
      CU_ASSERT_EQUAL_FATAL(opened[i], 0xee);
    packet_keys_clear(&keys);
  }
}

/* A packet opens under the number it was sealed with and no other, whichever of the 62 bits differs. */
static void every_bit_of_a_number_counts(void) {
  static const uint64_t numbers[] = {0, 1, (1ull << 32) - 1, 1ull << 32, (1ull << 62) - 1};
  for (size_t way = 0; way < 3; way++) {
    struct packet_keys keys;
    init(&keys, &ways[way], secret);
    for (size_t i = 0; i < sizeof numbers / sizeof numbers[0]; i++) {
      uint8_t packet[HEADER_BYTES + 20 + TAG_ROOM] = {0x40};
      size_t size = sizeof packet;
      unsigned missed = 0;
      packet_keys_seal(&keys, numbers[i], packet, HEADER_BYTES, packet + HEADER_BYTES, 20,
                       packet + HEADER_BYTES);
      CU_ASSERT_EQUAL(open_copy(&keys, numbers[i], packet, size), 0);
      for (unsigned bit = 0; bit < 62; bit++)
        missed += open_copy(&keys, numbers[i] ^ 1ull << bit, packet, size) != ERR_UNAUTHENTIC;
      CU_ASSERT_EQUAL(missed, 0);
    }
    packet_keys_clear(&keys);
  }
}

static void another_secret_or_suite_opens_nothing(void) {
  for (size_t way = 0; way < WAYS; way++) {
    struct packet_keys keys;
    uint8_t packet[HEADER_BYTES + 40 + TAG_ROOM] = {0x40};
    init(&keys, &ways[way], secret);
    packet_keys_seal(&keys, 5, packet, HEADER_BYTES, packet + HEADER_BYTES, 40, packet + HEADER_BYTES);
    size_t size = HEADER_BYTES + 40 + protection_tag_size(keys.suite);
    packet_keys_clear(&keys);
    init(&keys, &ways[way], other_secret);
    CU_ASSERT_EQUAL(open_copy(&keys, 5, packet, size), ERR_UNAUTHENTIC);
    packet_keys_clear(&keys);
    for (size_t other = 0; other < WAYS; other++) {
      init(&keys, &ways[other], secret);
      CU_ASSERT_EQUAL(open_copy(&keys, 5, packet, size) == 0, other == way);
      packet_keys_clear(&keys);
    }
  }
}

static void moved_keys_are_the_same_keys(void) {
  struct packet_keys from, to = {0};
  uint8_t packet[HEADER_BYTES + 40 + TAG_ROOM] = {0x40};
  init(&from, &ways[0], secret);
  packet_keys_seal(&from, 5, packet, HEADER_BYTES, packet + HEADER_BYTES, 40, packet + HEADER_BYTES);
  packet_keys_move(&to, &from);
  CU_ASSERT_EQUAL(from.suite, 0);
  CU_ASSERT_EQUAL(open_copy(&to, 5, packet, sizeof packet), 0);
  init(&from, &ways[0], other_secret);
  packet_keys_move(&to, &from);
  CU_ASSERT_EQUAL(open_copy(&to, 5, packet, sizeof packet), ERR_UNAUTHENTIC);
  packet_keys_clear(&to);
  static const struct packet_keys none;
  CU_ASSERT_EQUAL(memcmp(&to, &none, sizeof to), 0);
}

/* ---- phases ---- */

enum { PHASES = 6 };
struct sealed {
  uint8_t bytes[20 + TAG_ROOM];
  size_t size;
};

/* One packet of each phase; its number is the phase. */
static void seal_phases(const struct protection *how, struct sealed sealed[PHASES]) {
  struct send_keys keys = {0};
  CU_ASSERT_EQUAL_FATAL(send_keys_init(&keys, how, secret), 0);
  for (unsigned phase = 0; phase < PHASES; phase++) {
    static const uint8_t payload[20] = {5};
    CU_ASSERT_EQUAL(keys.phase, phase);
    packet_keys_seal(&keys.current, phase, header, HEADER_BYTES, payload, 20, sealed[phase].bytes);
    sealed[phase].size = 20 + protection_tag_size(how->suite);
    send_keys_renew(&keys);
  }
  send_keys_clear(&keys);
}

static bool opens(struct recv_keys *keys, const struct sealed sealed[PHASES], unsigned phase, unsigned bit) {
  uint8_t out[20 + TAG_ROOM];
  int error =
      recv_keys_open(keys, bit, phase, header, HEADER_BYTES, sealed[phase].bytes, sealed[phase].size, out);
  CU_ASSERT(error == 0 || error == ERR_UNAUTHENTIC);
  return error == 0;
}

/* Each row goes on where the one before ended. */
static void a_packet_of_each_phase(void) {
  static const struct {
    bool forget;      /* before the packet comes */
    unsigned of, bit; /* the packet: its true phase, and the bit it shows */
    bool opens;
    unsigned phase; /* of the receiver afterwards */
  } rows[] = {
      {false, 0, 0, true, 0},  /* current */
      {false, 0, 1, false, 0}, /* tried with the next keys */
      {false, 1, 0, false, 0}, /* tried with the current */
      {false, 2, 0, false, 0}, /* the current bit, but two phases on */
      {false, 3, 1, false, 0}, /* the next bit, but three phases on */
      {false, 1, 1, true, 1},  /* next: taken over */
      {false, 1, 1, true, 1},  /* current now */
      {false, 0, 0, true, 1},  /* previous, still held */
      {false, 2, 0, false, 1}, /* next, but the previous are still held: tried with those */
      {false, 3, 1, false, 1}, /* far */
      {true, 0, 0, false, 1},  /* previous, forgotten: tried with the next */
      {false, 2, 0, true, 2},  /* next */
      {false, 1, 1, true, 2},  /* previous */
      {false, 0, 0, false, 2}, /* long gone, the bit of the current */
      {true, 1, 1, false, 2},  /* forgotten */
      {true, 3, 1, true, 3},   /* forgetting twice forgets no more */
      {true, 4, 0, true, 4},   {true, 5, 1, true, 5}, {false, 4, 0, true, 5}, {false, 3, 1, false, 5},
  };
  for (size_t way = 0; way < WAYS; way++) {
    struct sealed sealed[PHASES];
    struct recv_keys keys = {0};
    seal_phases(&ways[way], sealed);
    CU_ASSERT_EQUAL_FATAL(recv_keys_init(&keys, &ways[way], secret), 0);
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
      if (rows[i].forget) recv_keys_forget(&keys);
      bool opened = opens(&keys, sealed, rows[i].of, rows[i].bit);
      if (opened != rows[i].opens || keys.phase != rows[i].phase) printf("way %zu row %zu\n", way, i);
      CU_ASSERT_EQUAL(opened, rows[i].opens);
      CU_ASSERT_EQUAL(keys.phase, rows[i].phase);
    }
    recv_keys_clear(&keys);
  }
}

/* Forged packets of the other phase make no keys: those there are stay, to the handle. */
static void a_flood_of_the_other_phase_costs_no_keys(void) {
  struct sealed sealed[PHASES], forged;
  struct recv_keys keys = {0};
  uint8_t out[20];
  seal_phases(&ways[0], sealed);
  CU_ASSERT_EQUAL_FATAL(recv_keys_init(&keys, &ways[0], secret), 0);
  struct recv_keys before = keys;
  forged = sealed[1];
  forged.bytes[0] ^= 1;
  for (unsigned i = 0; i < 1000; i++)
    CU_ASSERT_EQUAL(recv_keys_open(&keys, 1, i, header, HEADER_BYTES, forged.bytes, forged.size, out),
                    ERR_UNAUTHENTIC);
  CU_ASSERT_EQUAL(memcmp(&before, &keys, sizeof keys), 0);
  CU_ASSERT_TRUE(opens(&keys, sealed, 1, 1));
  recv_keys_clear(&keys);
}

UNIT_MAIN(UNIT_CASE(in_place_or_apart), UNIT_CASE(any_flipped_bit_is_found),
          UNIT_CASE(refused_packets_write_nothing), UNIT_CASE(every_bit_of_a_number_counts),
          UNIT_CASE(another_secret_or_suite_opens_nothing), UNIT_CASE(moved_keys_are_the_same_keys),
          UNIT_CASE(a_packet_of_each_phase), UNIT_CASE(a_flood_of_the_other_phase_costs_no_keys))
